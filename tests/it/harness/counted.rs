//! Notes the statements that are sent, for tests that say which of them are measured, and how many
//! rows each returns.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::ConnectOptions;
use topup::store::PgPool;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// What this thread sends, as long as it lives: for tests that run on one thread.
pub struct Statements {
    sent: Arc<Mutex<Sent>>,
    _guard: DefaultGuard,
    /// While there is one only, another thread that comes by first switches its events off.
    _second: Dispatch,
}

#[derive(Default)]
struct Sent {
    count: usize,
    /// The most rows that one returned.
    widest: u64,
    texts: BTreeSet<String>,
}

impl Statements {
    pub fn new() -> Self {
        let sent = Arc::new(Mutex::new(Sent::default()));
        let second = Dispatch::new(Watching(Arc::default()));
        let guard = tracing::subscriber::set_default(Watching(Arc::clone(&sent)));
        Self { sent, _guard: guard, _second: second }
    }

    /// How many were sent since the last time.
    pub fn take(&self) -> usize {
        std::mem::take(&mut self.sent.lock().expect("sound").count)
    }

    /// The most rows that one statement returned since the last time.
    pub fn take_widest(&self) -> u64 {
        std::mem::take(&mut self.sent.lock().expect("sound").widest)
    }

    /// Whether this text was ever sent.
    pub fn has(&self, text: &str) -> bool {
        self.sent.lock().expect("sound").texts.iter().any(|sent| sent.contains(text.trim()))
    }
}

/// The same pool, whose statements can be noted.
pub async fn counted(pool: &PgPool) -> PgPool {
    let level = || "debug".parse().expect("a level");
    let options = pool.driver().connect_options().as_ref().clone().log_statements(level());
    let options = options.log_slow_statements(level(), Duration::from_secs(60));
    pool.close().await;
    let same = pool.driver().options().clone();
    same.connect_with(options).await.expect("a pool").into()
}

struct Watching(Arc<Mutex<Sent>>);

impl Subscriber for Watching {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut sent = self.0.lock().expect("sound");
        sent.count += 1;
        let mut read = Read::default();
        event.record(&mut read);
        sent.widest = sent.widest.max(read.rows);
        sent.texts.insert(read.text);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A short statement is its own summary.
#[derive(Default)]
struct Read {
    text: String,
    rows: u64,
}

impl Visit for Read {
    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(field.name(), "summary" | "db.statement") {
            self.text.push_str(value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

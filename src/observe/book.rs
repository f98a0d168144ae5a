//! What the database says of the book, read while somebody looks and at most every 15 s: never by
//! the look itself.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::PgPool;
use chrono::TimeDelta;
use tokio::sync::{Notify, watch};

use crate::store::views::book::{self, BookRow};
use crate::telemetry;

/// Between two readings, at least.
const REST: Duration = Duration::from_secs(15);
/// And so many times what the last one took: reading is a hundredth of the time at most.
const REST_TIMES: u32 = 100;

/// The last reading.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// None until it was read, and after a reading that failed: what is old would tell lies.
    read: Mutex<Option<(Vec<BookRow>, Instant)>>,
    wanted: Notify,
}

impl Book {
    /// Somebody looks.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Vec<BookRow>, Instant)>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn last(&self) -> Option<(Vec<BookRow>, Instant)> {
        self.lock().clone()
    }

    /// Reads at first, and then whenever it is wanted and rested, until it is told to stop.
    pub(crate) async fn keep(
        &self,
        pool: PgPool,
        skew: TimeDelta,
        mut stop: watch::Receiver<bool>,
    ) {
        while !*stop.borrow() {
            let began = Instant::now();
            let read = book::read(&pool, skew).await;
            if let Err(error) = &read {
                tracing::debug!(error = %telemetry::chain(error), "book not read");
            }
            *self.lock() = read.ok().map(|rows| (rows, began));
            let rest = REST.max(began.elapsed().saturating_mul(REST_TIMES));
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => return,
            }
            tokio::select! {
                () = self.wanted.notified() => {}
                _ = stop.changed() => return,
            }
        }
    }
}

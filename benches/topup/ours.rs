//! The product: records in Kafka, one worker, committed rows. Then its relay.
//!
//! The clock runs from the start of the first batch that commits (its `processed_at`) to the
//! moment at which the checkpoints, read every 5 ms, cover all records. Joining the group and the
//! first fetch come before it; the time from the worker's start is reported beside it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::Row;
use topup::app::Worker;
use topup::clock::Clock;
use topup::config::{Config, Flags, Loaded, Needs, Only, Topics};

use crate::World;
use crate::data::{Book, Expected, Record};
use crate::database::{Database, number};
use crate::machine::{Cpu, Used};
use crate::recorded::{self, Payment};

const POLL: Duration = Duration::from_millis(5);
/// A run without any progress for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many records are committed.
pub const COMMITTED: &str = "SELECT coalesce(sum(next_offset), 0)::bigint FROM checkpoints";
pub const BANK: Only =
    Only { commands: false, bank: true, usage: false, relay: false, jobs: false };
const RELAY: Only = Only { commands: false, bank: false, usage: false, relay: true, jobs: false };

/// One run of the worker over a backlog.
#[derive(Debug, Clone)]
pub struct Run {
    pub payments: usize,
    pub seconds: f64,
    pub from_start: f64,
    pub used: Used,
    /// Bytes of write-ahead log.
    pub wal: i64,
    /// The statements that took the longest, as lines to print.
    pub statements: Vec<String>,
}

impl Run {
    pub fn rate(&self) -> f64 {
        self.payments as f64 / self.seconds
    }

    pub fn say(&self, what: &str) {
        let each = |seconds: f64| seconds * 1e6 / self.payments as f64;
        println!(
            "{what}: {:.0} payments/s ({} in {:.2} s; {:.2} s from the worker's start)",
            self.rate(),
            self.payments,
            self.seconds,
            self.from_start
        );
        println!(
            "  CPU in µs per payment: worker {:.1}, PostgreSQL {:.1}, Kafka {:.1}; other \
             processes took {:.0} % of the machine; WAL {:.0} bytes per payment",
            each(self.used.own),
            each(self.used.postgres),
            each(self.used.kafka),
            self.used.others * 100.0,
            self.wal as f64 / self.payments as f64
        );
    }
}

/// The configuration of a worker of this part: all defaults but addresses and names.
pub fn variables(brokers: &str, database: &str, prefix: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("TOPUP__DATABASE__URL", database),
        ("TOPUP__KAFKA__BROKERS", brokers),
        ("TOPUP__KAFKA__TOPIC_PREFIX", prefix),
        ("TOPUP__KAFKA__GROUP_ID", prefix),
    ];
    let mut all: BTreeMap<String, String> =
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    // To try other settings: TOPUP__WORKER__… and TOPUP__DATABASE__WRITERS of the environment.
    all.extend(std::env::vars().filter(|(name, _)| {
        name.starts_with("TOPUP__WORKER__") || name == "TOPUP__DATABASE__WRITERS"
    }));
    all
}

pub fn config(variables: &BTreeMap<String, String>) -> Config {
    let loaded = Loaded::read(&Flags::default(), variables, Needs::ALL);
    loaded.expect("a configuration").config
}

pub async fn start(world: &World, database: &Database, part: &str, only: Only) -> Worker {
    let prefix = world.cluster.prefix(part);
    let config = config(&variables(&world.cluster.brokers, &database.url, &prefix));
    Worker::start(&config, only, Clock::System).await.expect("a worker")
}

/// Waits until `count` records are committed.
pub async fn committed(database: &Database, count: usize) {
    let count = i64::try_from(count).expect("a count");
    let mut moved = Instant::now();
    let mut last = 0;
    loop {
        let done = number(&database.pool, COMMITTED).await;
        if done >= count {
            return;
        }
        if done != last {
            (moved, last) = (Instant::now(), done);
        }
        assert!(moved.elapsed() < PATIENCE, "stuck at {done} of {count} records");
        tokio::time::sleep(POLL).await;
    }
}

/// Runs a worker over the records of the topics of `part`, which hold nothing else.
pub async fn run(world: &World, database: &Database, part: &str, payments: usize) -> Run {
    let pool = &database.pool;
    let wal = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
    let wal_before = number(pool, wal).await;
    let before = Cpu::now(pool).await;
    let started = Instant::now();
    let worker = start(world, database, part, BANK).await;
    committed(database, payments).await;
    let (ended, from_start) = (Utc::now(), started.elapsed().as_secs_f64());
    let used = Cpu::now(pool).await.since(before);
    let wal = number(pool, wal).await - wal_before;
    worker.shutdown().await;
    let first: DateTime<Utc> = sqlx::query_scalar("SELECT min(processed_at) FROM inbox")
        .fetch_one(pool)
        .await
        .expect("a first batch");
    let seconds = (ended - first).as_seconds_f64();
    let statements = statements(database, payments).await;
    Run { payments, seconds, from_start, used, wal, statements }
}

/// Clones the book, publishes, runs, checks.
pub async fn measured(
    world: &World,
    template: &str,
    part: &str,
    records: impl Iterator<Item = Record>,
    payments: usize,
) -> (Database, Topics, Run) {
    let topics = world.cluster.publish(part, records).await;
    let database = world.server.clone_of(template, part).await;
    // The server may lack the extension; then there is no table of statements.
    let _ = sqlx::query("SELECT pg_stat_statements_reset()").execute(&database.pool).await;
    let run = run(world, &database, part, payments).await;
    check(&database, Book::expected(payments)).await;
    let inbox =
        number(&database.pool, "SELECT count(*) FROM inbox WHERE outcome = 'applied'").await;
    assert_eq!(usize::try_from(inbox), Ok(payments), "records applied");
    (database, topics, run)
}

/// What must hold after every part that pays, whoever paid.
pub async fn check(database: &Database, expected: Expected) {
    let pool = &database.pool;
    let is = async |what: &str, sql: &'static str, wanted: usize| {
        let found = number(pool, sql).await;
        assert_eq!(usize::try_from(found), Ok(wanted), "{what}: {sql}");
    };
    let parked = expected.payments - expected.matched;
    is("payments", "SELECT count(*) FROM payments", expected.payments).await;
    is("bank", "SELECT count(*) FROM bank_transactions", expected.payments).await;
    is("inbox", "SELECT count(*) FROM inbox", expected.payments).await;
    is("outbox", "SELECT count(*) FROM outbox", expected.payments).await;
    is("decisions", "SELECT count(*) FROM decisions", expected.payments).await;
    is("parked", "SELECT count(*) FROM payments WHERE state = 'parked'", parked).await;
    is("allocations", "SELECT count(*) FROM allocations", expected.matched).await;
    is("lots", "SELECT count(*) FROM lots", expected.matched).await;
    let paid = "SELECT count(*) FROM invoice_states WHERE status = 'provisioned'";
    is("invoices", paid, expected.matched).await;
    let open = "SELECT count(*) - (SELECT count(*) FROM payable_invoices) FROM invoice_states \
                WHERE status = 'awaiting_payment'";
    is("payable", open, 0).await;
    is("letters", "SELECT count(*) FROM dead_letters", 0).await;
    is("ledger", "SELECT coalesce(sum(amount), 1)::bigint FROM ledger_entries", 0).await;
    let entries = "SELECT count(*) FROM (SELECT account_id, sum(amount) AS amount \
                   FROM ledger_entries WHERE ledger_account = 'customer_balance' \
                   GROUP BY account_id) l FULL JOIN balances b USING (account_id) \
                   WHERE l.amount IS DISTINCT FROM b.amount";
    is("balances", entries, 0).await;
}

/// The main part. Its database is read back, so that the other parts write the same rows.
pub async fn part(world: &World, payments: usize) -> (Run, Vec<Payment>) {
    println!("\n== ours: Kafka to committed rows, one worker");
    let records = world.book.records(payments);
    let (database, _, run) = measured(world, "base", "ours", records, payments).await;
    run.say("ours");
    for line in &run.statements {
        println!("{line}");
    }
    audit(&database).await;
    relay(world, &database).await;
    let recorded = recorded::read(&database).await;
    assert_eq!(recorded.len(), payments, "payments read back");
    world.server.drop(database).await;
    (run, recorded)
}

/// Where PostgreSQL spends its time, in µs of execution per payment.
pub async fn statements(database: &Database, payments: usize) -> Vec<String> {
    let sql = "SELECT total_exec_time, calls, rows, regexp_replace(query, '\\s+', ' ', 'g') \
               FROM pg_stat_statements \
               WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND query !~ 'sum\\(next_offset\\)|pg_stat_statements|pg_backend_pid|pg_wal_lsn' \
               ORDER BY total_exec_time DESC LIMIT 30";
    let Ok(rows) = sqlx::query(sql).fetch_all(&database.pool).await else {
        return vec!["  (the server has no pg_stat_statements)".to_owned()];
    };
    let title = "  µs/payment    calls     rows  statement".to_owned();
    let lines = rows.iter().map(|row| {
        let each = row.get::<f64, _>(0) * 1_000.0 / payments as f64;
        let (calls, rows): (i64, i64) = (row.get(1), row.get(2));
        let text: String = row.get::<String, _>(3).chars().take(70).collect();
        format!("  {each:>10.2} {calls:>8} {rows:>8}  {text}")
    });
    std::iter::once(title).chain(lines).collect()
}

/// The product's own invariants.
pub async fn audit(database: &Database) {
    let found = topup::store::audit::run(&database.pool.clone().into()).await;
    let mut found = found.expect("an audit");
    found.retain(|finding| !finding.info);
    assert!(found.is_empty(), "the audit found {found:?}");
}

/// Publishes the outbox of the main part.
async fn relay(world: &World, database: &Database) {
    let pool = &database.pool;
    let rows = number(pool, "SELECT count(*) FROM outbox").await;
    let events = number(pool, "SELECT sum(events)::bigint FROM outbox").await;
    let before = Cpu::now(pool).await;
    let started = Instant::now();
    let worker = start(world, database, "ours", RELAY).await;
    let left = "SELECT count(*) FROM outbox_next(1)";
    while number(pool, left).await > 0 {
        assert!(started.elapsed() < PATIENCE * 5, "the relay does not come to an end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    let used = Cpu::now(pool).await.since(before);
    worker.shutdown().await;
    let each = |seconds: f64| seconds * 1e6 / rows as f64;
    println!(
        "relay: {:.0} payments/s, {:.0} events/s; CPU in µs per payment: relay {:.1}, \
         PostgreSQL {:.1}, Kafka {:.1}",
        rows as f64 / seconds,
        events as f64 / seconds,
        each(used.own),
        each(used.postgres),
        each(used.kafka)
    );
}

//! A job that is killed again and again ends as if nobody had touched it.

use std::process::{Command, Stdio};
use std::time::Duration;

use topup::clock::Clock;
use topup::jobs::Job;
use topup::store::jobs::{self, Claim, Claimed};

use crate::harness::Direct;

/// Invoices that are stale, over so many customers.
const INVOICES: usize = 40_000;
const KILLS_MAX: u64 = 50;

/// A process that only runs jobs, and those only that it takes over.
fn spawn(direct: &Direct) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(["worker", "--only", "jobs"])
        .env("DATABASE_URL", &direct.database.url)
        .env("KAFKA_BROKERS", "127.0.0.1:9")
        .env("TOPUP__JOBS__AUDIT", "off")
        .env("TOPUP__JOBS__EXPIRE_WAITING", "off")
        .env("TOPUP__JOBS__PRUNE", "off")
        .env("TOPUP__JOBS__FLAG_VOID_CANDIDATES", "off")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

async fn stale_book(direct: &Direct) {
    let sql = format!(
        "INSERT INTO accounts (account_id, name, created_at, updated_at)
             SELECT 'ACC-' || i, 'Customer', now(), now() FROM generate_series(0, 99) i;
         INSERT INTO invoices (invoice_id, account_id, name, currency, amount, status,
                 payment_reference, number_key, created_at, sent_at, stale_since)
             SELECT 'INV-' || lpad(i::text, 6, '0'), 'ACC-' || i % 100, 'Topup', 'SGD', 100000000,
                 'awaiting_payment', 'RF00' || lpad(i::text, 10, '0'),
                 'INV-' || lpad(i::text, 6, '0'), now(), now() - interval '40 days',
                 now() - interval '40 days'
             FROM generate_series(1, {INVOICES}) i;
         INSERT INTO payable_invoices (invoice_id, account_id, currency, due, sent_at)
             SELECT invoice_id, account_id, currency, amount, sent_at FROM invoices;
         INSERT INTO bank_statements VALUES ('B', 'S', 'SGD', 0, 0, 0, now(), now());
         ANALYZE"
    );
    for statement in sql.split(';') {
        direct.database.execute(statement).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_killed_at_any_moment_goes_on_where_it_was() {
    let direct = Direct::new("j_killed").await;
    stale_book(&direct).await;
    let now = Clock::System.now();
    let pool = direct.pipeline.pool();
    let words: Vec<&str> = Job::ALL.into_iter().map(Job::word).collect();
    jobs::ensure(pool, &words, now).await.expect("known");
    let claim = Claim {
        job: Job::FlagVoidCandidates.word(),
        scheduled_for: now,
        cause: "schedule",
        operator: None,
        as_of: now,
        owner: "dead",
        lease_until: now,
    };
    let claimed = jobs::claim(pool, claim, now).await.expect("claimed");
    assert!(matches!(claimed, Claimed::Mine(_)), "{claimed:?}");
    let done = "SELECT state = 'done' FROM job_runs";
    // The moments differ and are the same in every run of the test.
    let mut state = 20_261_124_u64;
    let mut kills = 0;
    while direct.database.value(done).await != "true" {
        direct.database.execute("UPDATE job_runs SET lease_until = now() - interval '1 s'").await;
        let mut process = spawn(&direct);
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let last = kills >= KILLS_MAX;
        let moment = if last { 60_000 } else { 60 + (state >> 33) % 240 };
        let until = std::time::Instant::now() + Duration::from_millis(moment);
        while std::time::Instant::now() < until && direct.database.value(done).await != "true" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process.kill().expect("SIGKILL");
        process.wait().expect("gone");
        kills += 1;
    }
    assert!(kills > 5, "it was over before it was killed: {kills}");
    let count = INVOICES.to_string();
    for (what, sql) in [
        ("flagged", "SELECT count(*) FROM invoices WHERE candidate_since IS NOT NULL"),
        ("episodes", "SELECT count(*) FROM void_candidates WHERE episode = 1"),
        ("all episodes", "SELECT count(*) FROM void_candidates"),
        ("events", "SELECT sum(events) FROM outbox"),
    ] {
        assert_eq!(direct.database.value(sql).await, count, "{what}");
    }
    direct.finish().await;
}

//! A job that is killed again and again ends as if nobody had touched it.

use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::store::jobs::{self, Claim, Claimed};

use crate::harness::records::{
    BANK, about_invoice, account, bank, credit, envelope, invoice, with,
};
use crate::harness::{Direct, PATIENCE, by_length};
use crate::jobs::runner;
use topup::wire::Topic;

/// Invoices that are stale, over so many customers.
const INVOICES: usize = 40_000;

/// How often a job is killed at the most.
fn kills_max() -> u64 {
    by_length(10, 50)
}

/// A process that only runs jobs; none of them by itself.
fn command(direct: &Direct) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command
        .args(["worker", "--only", "jobs"])
        .env("DATABASE_URL", &direct.database.url)
        .env("KAFKA_BROKERS", "127.0.0.1:9")
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &direct.database.name)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for job in Job::ALL {
        let key = job.word().replace('-', "_").to_uppercase();
        command.env(format!("TOPUP__JOBS__{key}"), "off");
    }
    command
}

/// The same, started: it runs what it takes over.
fn spawn(direct: &Direct) -> std::process::Child {
    command(direct).spawn().expect("a process")
}

/// Claims a tick for a runner that is dead, then lets processes take it over and kills each, until
/// one of them was done before its end came. Returns how many were killed.
async fn killed_until_done(direct: &Direct, job: Job, as_of: DateTime<Utc>) -> u64 {
    let pool = direct.pipeline.pool();
    let now = Clock::System.now();
    let words: Vec<&str> = Job::ALL.into_iter().map(Job::word).collect();
    jobs::ensure(pool, &words, now).await.expect("known");
    let claim = Claim {
        job: job.word(),
        scheduled_for: now,
        cause: "schedule",
        operator: None,
        as_of,
        owner: "dead",
        lease_until: now,
    };
    let claimed = jobs::claim(pool, claim, now).await.expect("claimed");
    assert!(matches!(claimed, Claimed::Mine(_)), "{claimed:?}");
    let word = job.word();
    let done = format!("SELECT bool_and(state <> 'running') FROM job_runs WHERE job = '{word}'");
    let cut_off =
        "UPDATE job_runs SET lease_until = now() - interval '1 s' WHERE state = 'running'";
    // What a dead process had in hand is not left alone for half a minute.
    let given_up = "UPDATE items_in_hand SET lease_until = now() - interval '1 s'";
    // The moments differ and are the same in every run of the test.
    let mut state = 20_261_124_u64;
    let mut kills = 0;
    while direct.database.value(&done).await != "true" {
        direct.database.execute(cut_off).await;
        direct.database.execute(given_up).await;
        let mut process = spawn(direct);
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let last = kills >= kills_max();
        let moment = if last { 60_000 } else { 60 + (state >> 33) % 240 };
        let until = std::time::Instant::now() + Duration::from_millis(moment);
        while std::time::Instant::now() < until && direct.database.value(&done).await != "true" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process.kill().expect("SIGKILL");
        process.wait().expect("gone");
        kills += 1;
    }
    let ended = format!("SELECT bool_and(state = 'done') FROM job_runs WHERE job = '{word}'");
    assert_eq!(direct.database.value(&ended).await, "true", "{word}");
    kills
}

async fn stale_book(direct: &Direct) {
    let sql = format!(
        "INSERT INTO accounts (account_id, name, created_at, updated_at)
             SELECT 'ACC-' || i, 'Customer', now(), now() FROM generate_series(0, 99) i;
         INSERT INTO invoices (invoice_id, account_id, name, currency, amount,
                 payment_reference, number_key, created_at, sent_at, stale_since)
             SELECT 'INV-' || lpad(i::text, 6, '0'), 'ACC-' || i % 100, 'Topup', 'SGD', 100000000,
                 'RF00' || lpad(i::text, 10, '0'), 'INV-' || lpad(i::text, 6, '0'), now(),
                 now() - interval '40 days', now() - interval '40 days'
             FROM generate_series(1, {INVOICES}) i;
         INSERT INTO payable_invoices (invoice_id, account_id, currency, due, sent_at)
             SELECT invoice_id, account_id, currency, amount, sent_at FROM invoices;
         INSERT INTO bank_statements VALUES ('B', 'S', 'SGD', 0, 0, 0, now(), now());
         ANALYZE"
    );
    direct.database.execute(&sql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_killed_at_any_moment_goes_on_where_it_was() {
    let direct = Direct::new("j_killed").await;
    stale_book(&direct).await;
    let now = Clock::System.now();
    let mut kills = killed_until_done(&direct, Job::FlagVoidCandidates, now).await;
    assert!(kills > 5, "it was over before it was killed: {kills}");
    // Further ticks find it done, and must leave it so.
    while kills < kills_max() {
        kills += killed_until_done(&direct, Job::FlagVoidCandidates, now).await;
    }
    let count = INVOICES.to_string();
    for (what, sql) in [
        ("flagged", "SELECT count(*) FROM invoice_states WHERE candidate_since IS NOT NULL"),
        ("episodes", "SELECT count(*) FROM void_candidates WHERE episode = 1"),
        ("all episodes", "SELECT count(*) FROM void_candidates"),
        ("events", "SELECT sum(events) FROM outbox"),
    ] {
        assert_eq!(direct.database.value(sql).await, count, "{what}");
    }
    direct.finish().await;
}

/// Payments of one payer, invoices of their amounts, and a command that waits in vain for each.
const PAYMENTS: usize = 2_000;

/// A database with work for every other job.
async fn busy(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let payer = json!({ "debtor": { "account": "DE89370400440532013000" },
                        "booking_date": "2099-11-22" });
    let mut items = Vec::new();
    for number in 0..PAYMENTS {
        let amount = format!("{}.{:02}", 10 + number / 100, number % 100);
        let made = invoice(&format!("INV-{number}"), "ACC", &amount);
        items.push(direct.command(&format!("i-{number}"), "invoice.create", &made));
        let waits = about_invoice(&format!("NONE-{number}"), &format!("W-{number}"));
        items.push(direct.command(&format!("w-{number}"), "invoice.mark-sent", &waits));
        let value =
            bank(&format!("b-{number}"), &with(credit(&format!("T{number}"), &amount), &payer));
        items.push(direct.item(Topic::BankPayments, None, value.as_bytes()));
    }
    let statement = json!({
        "bank_account": BANK, "statement_id": "S", "currency": "SGD", "entries": 1,
        "opening_balance": "0.00", "closing_balance": "1.00",
        "complete_through": "2099-11-23T00:00:00Z",
    });
    let value = envelope("s-1", "bank-gateway", "topup.bank.statement.v1", &statement);
    items.push(direct.item(Topic::BankPayments, None, value.as_bytes()));
    let payers = json!({ "payer_accounts": ["DE89370400440532013000"] });
    items.push(direct.command("a-1", "account.upsert", &with(account("ACC"), &payers)));
    for batch in items.chunks(1_000) {
        direct.run(batch).await;
    }
    for statement in [
        "UPDATE waiting_commands SET deadline = now() - interval '1 hour'",
        "WITH k AS (INSERT INTO inbox_kinds (topic, partition, message_type)
             VALUES ('old', 0, 'old') RETURNING kind_id)
         INSERT INTO inbox_records (source, message_id, content_hash, kind_id, outcome,
                record_offset, processed_at, guards)
             SELECT 'old', 'old-' || i, decode(repeat('00', 16), 'hex'), kind_id, 'applied', i,
                now() - interval '500 days', false FROM k, generate_series(1, 100000) i",
        "ANALYZE",
    ] {
        direct.database.execute(statement).await;
    }
    direct
}

/// All that the jobs change, without the moments at which they did.
const STATE: [&str; 8] = [
    "SELECT payment_id, account_id, state, allocated FROM payments ORDER BY 1",
    "SELECT payment_id, invoice_id, amount, rule FROM allocations ORDER BY 1, 2",
    "SELECT account_id, currency, amount FROM balances",
    "SELECT invoice_id, status, allocated FROM invoice_states ORDER BY 1",
    "SELECT source, message_id, outcome, code FROM inbox ORDER BY 1, 2",
    "SELECT kind, record_key, subject, difference FROM drifts ORDER BY 1, 2, 3",
    "SELECT partition, record_offset, code, status FROM dead_letters ORDER BY 1, 2",
    "SELECT record_key, sum(events), max(first_sequence) FROM outbox GROUP BY 1 ORDER BY 1",
];

/// kill −9 at random in each other job, many rounds: the state is that of a database in which
/// nobody was killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_that_is_killed_ends_as_the_undisturbed_one() {
    let (disturbed, calm) = (busy("j_disturbed").await, busy("j_calm").await);
    let as_of = Clock::System.now();
    let (runner, _stop) = runner(&calm, "test", None);
    runner.prepare().await.expect("prepared");
    for job in [Job::ExpireWaiting, Job::Rematch, Job::Reconcile, Job::Prune, Job::Audit] {
        let ended = runner.run_by(job, "alice", as_of).await.expect("ran");
        assert!(matches!(ended, JobEnded::Done(_)), "{job:?}: {ended:?}");
        // Each tick after the first finds its work done; it must change nothing, killed or not.
        let mut kills = 0;
        while kills < kills_max() {
            kills += killed_until_done(&disturbed, job, as_of).await;
        }
        for state in STATE {
            let (left, right) =
                (disturbed.database.lines(state).await, calm.database.lines(state).await);
            assert_eq!(left, right, "after {job:?}: {state}");
        }
    }
    disturbed.finish().await;
    calm.finish().await;
}

/// The machine sleeps for some seconds, so that ticks come late: the clock of the jobs goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_suspended_goes_on_with_its_schedule() {
    let direct = Direct::new("j_suspended").await;
    let mut command = command(&direct);
    command
        .env("TOPUP__JOBS__EXPIRE_WAITING", "* * * * * *")
        .env("TOPUP__JOBS__LEASE_SECONDS", "3");
    let mut process = command.spawn().expect("a process");
    let ran = || async {
        let runs = direct.database.value("SELECT count(*) FROM job_runs WHERE state = 'done'");
        runs.await.parse::<u64>().expect("a number")
    };
    let reaches = async |count: u64| {
        let until = std::time::Instant::now() + PATIENCE;
        while ran().await < count {
            assert!(std::time::Instant::now() < until, "only {} runs of {count}", ran().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &process.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{name}");
    };
    reaches(2).await;
    signal("-STOP");
    let before = ran().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(ran().await <= before + 1, "it was not suspended");
    signal("-CONT");
    reaches(before + 4).await;
    process.kill().expect("SIGKILL");
    process.wait().expect("gone");
    direct.finish().await;
}

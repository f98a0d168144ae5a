//! Charges are kept by month: months are made ahead, none is missed by a charge, and a month that
//! goes leaves sums that agree and names that count once.

use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::store::views::health::Examined;
use topup::store::{ConnectOptions, connect};

use crate::harness::records::{allocate, invoice, payment};
use crate::harness::{Database, Direct};
use crate::jobs::runner;
use crate::usage::{charge, refund, topped_up, usage};

/// All that was posted and charged so far lies so long back that charges of it may go.
const LONG_AGO: &str = "
    SET session_replication_role = replica;
    UPDATE ledger_transfers SET posted_at = posted_at - interval '300 days';
    UPDATE usage_charges SET charged_at = charged_at - interval '300 days';
    UPDATE usage_ids SET charged_at = charged_at - interval '300 days';
    RESET session_replication_role";
const BALANCES: &str = "SELECT account_id, currency, amount FROM balances ORDER BY 1, 2";
const CHARGES: &str = "SELECT usage_id FROM usage_charges ORDER BY 1";

async fn sound(database: &Database) {
    let mut findings = topup::store::audit::run(&database.admin).await.expect("audit");
    findings.retain(|finding| !finding.info);
    assert!(findings.is_empty(), "{findings:#?}");
}

async fn pruned(direct: &Direct) -> String {
    let (runner, _stop) = runner(direct, "test", None);
    runner.prepare().await.expect("prepared");
    match runner.run_by(Job::Prune, "alice", Clock::System.now()).await.expect("ran") {
        JobEnded::Done(report) => report.summary,
        other => panic!("{other:?}"),
    }
}

async fn applied(direct: &mut Direct, id: &str, kind: &str, data: &serde_json::Value) {
    let item = usage(direct, id, kind, data);
    direct.applied(item).await;
}

/// How a record ends: its outcome and its code.
async fn ends(
    direct: &mut Direct,
    id: &str,
    kind: &str,
    data: &serde_json::Value,
) -> (String, String) {
    let item = usage(direct, id, kind, data);
    let ended = direct.run(&[item]).await;
    (ended[0].outcome.to_owned(), ended[0].code.as_deref().unwrap_or_default().to_owned())
}

/// Charges of one lot, of two, beyond all lots, and free; one refunded in part.
async fn months_ago(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    topped_up(&mut direct, 1, "10.00").await;
    topped_up(&mut direct, 2, "10.00").await;
    applied(&mut direct, "u1", "charge", &charge("U1", "A", "3")).await;
    applied(&mut direct, "u2", "charge", &charge("U2", "A", "9.5")).await;
    applied(&mut direct, "u3", "charge", &charge("U3", "A", "9.25")).await;
    applied(&mut direct, "u4", "charge", &charge("U4", "A", "0")).await;
    applied(&mut direct, "u5", "charge", &charge("U5", "B", "2")).await;
    applied(&mut direct, "r1", "refund", &refund("R1", "U3", "A", "2")).await;
    direct.database.execute(LONG_AGO).await;
    direct
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_of_charges_goes_and_all_still_adds_up() {
    let mut direct = months_ago("um_goes").await;
    applied(&mut direct, "u6", "charge", &charge("U6", "A", "0.5")).await;
    sound(&direct.database).await;
    let before = direct.database.lines(BALANCES).await;
    // The month was never made: its charges are where those of no month are.
    let summary = pruned(&direct).await;
    assert!(summary.contains(" 0 of usage_charges"), "{summary}");
    let made = "SELECT make_usage_month((now() - interval '300 days')::date)";
    assert_eq!(direct.database.value(made).await, "true");
    sound(&direct.database).await;
    let summary = pruned(&direct).await;
    assert!(summary.contains(" 5 of usage_charges"), "{summary}");
    assert_eq!(direct.database.lines(CHARGES).await, ["U6"]);
    let months = "SELECT count(*) FROM usage_months WHERE until < now() - interval '200 days'";
    assert_eq!(direct.database.value(months).await, "0");
    sound(&direct.database).await;
    assert_eq!(direct.database.lines(BALANCES).await, before);
    let summary = pruned(&direct).await;
    assert!(summary.contains(" 0 of usage_charges"), "{summary}");
    // Money that clears the debt of charges that are gone.
    topped_up(&mut direct, 3, "20.00").await;
    let item = direct.command("i-b", "invoice.create", &invoice("INV-B", "B", "5.00"));
    direct.applied(item).await;
    let item = direct.command("p-b", "payment.record", &payment("PAY-B", "B", "5.00"));
    direct.applied(item).await;
    let item = direct.command("a-b", "payment.allocate", &allocate("PAY-B", "B", "INV-B"));
    direct.applied(item).await;
    sound(&direct.database).await;
    // What is wrong with what is left of a month is found.
    for wrong in [
        "UPDATE pruned_usage SET amount = amount + 1 WHERE account_id = 'A'",
        "UPDATE pruned_usage SET owed = owed - 1 WHERE account_id = 'B'",
        "UPDATE pruned_burns SET amount = amount + 1",
        "DELETE FROM pruned_burns",
        "UPDATE ledger_transfers SET amount = amount + 1 WHERE kind = 'usage_charged'
            AND posted_at < now() - interval '200 days' AND debit_account = 'B'",
    ] {
        let mut tx = direct.database.admin.begin().await.expect("begin");
        for sql in ["SET LOCAL session_replication_role = replica", wrong] {
            sqlx::query(sql).execute(&mut *tx).await.expect("written");
        }
        let findings = topup::store::audit::run_in(&mut tx).await.expect("audit");
        assert!(findings.iter().any(|finding| !finding.info), "{wrong}");
        tx.rollback().await.expect("rollback");
    }
    direct.database.abandon().await;
}

/// The most important of all: what was charged once is not charged again, whoever sends it, also
/// when neither the charge nor the record's outcome is kept any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_charged_in_a_month_that_is_gone_is_not_charged_again() {
    let mut direct = months_ago("um_once").await;
    let made = "SELECT make_usage_month((now() - interval '300 days')::date)";
    direct.database.value(made).await;
    let before = direct.database.lines(BALANCES).await;
    assert!(pruned(&direct).await.contains(" 5 of usage_charges"));
    let gone = ("dead_lettered".to_owned(), "usage_pruned".to_owned());
    // The outcome of its record is there.
    let again = ends(&mut direct, "u1", "charge", &charge("U1", "A", "3")).await;
    assert_eq!(again.0, "duplicate");
    direct
        .database
        .execute("DELETE FROM inbox_records WHERE source = 'rating' AND NOT guards")
        .await;
    for (id, data) in [
        ("u1", charge("U1", "A", "3")),
        ("u2-again", charge("U2", "A", "9.5")),
        ("u3-other", charge("U3", "A", "1")),
        ("u4-free", charge("U4", "A", "0")),
    ] {
        assert_eq!(ends(&mut direct, id, "charge", &data).await, gone, "{id}");
    }
    // With others in one batch: theirs is charged, it is not.
    let batch = [
        usage(&mut direct, "n1", "charge", &charge("N1", "A", "1")),
        usage(&mut direct, "u5", "charge", &charge("U5", "B", "2")),
        usage(&mut direct, "n2", "refund", &refund("R2", "N1", "A", "1")),
    ];
    let ended: Vec<_> = direct.run(&batch).await.iter().map(|ended| ended.outcome).collect();
    assert_eq!(ended, ["applied", "dead_lettered", "applied"]);
    let back = ends(&mut direct, "r2", "refund", &refund("R3", "U1", "A", "1")).await;
    assert_eq!(back, gone);
    assert_eq!(direct.database.lines(BALANCES).await, before);
    direct.database.abandon().await;
}

/// The job dies between the two steps: the charges are there and not looked at any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_that_was_closed_and_not_taken_away_is_taken_by_the_next_run() {
    let mut direct = months_ago("um_closed").await;
    let made = "SELECT make_usage_month((now() - interval '300 days')::date)";
    direct.database.value(made).await;
    let close = "SELECT close_usage(now() - interval '190 days')";
    direct.database.execute(close).await;
    let mut died = direct.database.admin.begin().await.expect("begin");
    sqlx::query("SELECT prune_usage()").execute(&mut *died).await.expect("pruned");
    died.rollback().await.expect("rollback");
    sound(&direct.database).await;
    let count = "SELECT count(*) FROM usage_charges";
    assert_eq!(direct.database.value(count).await, "5");
    let gone = ("dead_lettered".to_owned(), "usage_pruned".to_owned());
    let back = ends(&mut direct, "r2", "refund", &refund("R2", "U1", "A", "1")).await;
    assert_eq!(back, gone);
    let again = ends(&mut direct, "u1-again", "charge", &charge("U1", "A", "3")).await;
    assert_eq!(again, gone);
    assert!(pruned(&direct).await.contains(" 5 of usage_charges"));
    sound(&direct.database).await;
    direct.database.abandon().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn months_are_made_ahead_and_one_that_is_missing_is_told_and_missed_by_no_charge() {
    let mut direct = Direct::new("um_ahead").await;
    topped_up(&mut direct, 1, "10.00").await;
    let mut examined =
        Examined::connect(&ConnectOptions::new(&direct.database.url)).await.expect("connects");
    assert_eq!(examined.missing_months().await.expect("asked"), [""; 0]);
    // The database may have been made in another month than it is now.
    pruned(&direct).await;
    let parts = "SELECT part FROM usage_months WHERE until > now() ORDER BY part";
    let made = direct.database.lines(parts).await;
    for part in &made {
        direct.database.execute(&format!("DROP TABLE {part}")).await;
    }
    assert_eq!(examined.missing_months().await.expect("asked").len(), 2);
    applied(&mut direct, "u1", "charge", &charge("U1", "A", "3")).await;
    applied(&mut direct, "r1", "refund", &refund("R1", "U1", "A", "1")).await;
    pruned(&direct).await;
    assert_eq!(examined.missing_months().await.expect("asked"), [""; 0]);
    assert_eq!(direct.database.lines(parts).await, made);
    let rest = "SELECT count(*) FROM usage_charges_rest";
    assert_eq!(direct.database.value(rest).await, "0");
    // It is where its month is, and found there.
    let again = ends(&mut direct, "u1-again", "charge", &charge("U1", "A", "3")).await;
    assert_eq!(again.0, "duplicate");
    applied(&mut direct, "r2", "refund", &refund("R2", "U1", "A", "2")).await;
    drop(examined);
    direct.finish().await;
}

/// Nobody writes to a month itself, and the worker takes away none but by the two steps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fence_of_charges_holds_for_each_month() {
    let mut direct = Direct::new("um_fence").await;
    topped_up(&mut direct, 1, "10.00").await;
    applied(&mut direct, "u1", "charge", &charge("U1", "A", "3")).await;
    let worker = connect(&ConnectOptions::new(&direct.database.url)).await.expect("a pool");
    let part = "SELECT part FROM usage_months WHERE now() >= since AND now() < until";
    let part = direct.database.value(part).await;
    let write = |table: &str| {
        format!(
            "INSERT INTO {table} (account_id, usage_id, charge_id, currency, amount, uncovered,
                 kind, occurred_at, charged_at) VALUES ('A', 'U9', 9, 'SGD', 0, 0, 'call', now(),
                 now())"
        )
    };
    let by_all = [
        write(&part),
        write("usage_charges_rest"),
        format!("UPDATE {part} SET uncovered = 0"),
        format!("DELETE FROM {part}"),
        format!("TRUNCATE {part}"),
        "TRUNCATE usage_charges".to_owned(),
        "DELETE FROM usage_ids".to_owned(),
        "DELETE FROM usage_kept".to_owned(),
        "DELETE FROM pruned_usage".to_owned(),
        "UPDATE pruned_burns SET amount = 1".to_owned(),
        "TRUNCATE pruned_months CASCADE".to_owned(),
        "SELECT close_usage(now() - interval '179 days')".to_owned(),
        "SELECT make_usage_month((now() + interval '3 years')::date)".to_owned(),
    ];
    let by_worker = [
        format!("DROP TABLE {part}"),
        format!("ALTER TABLE usage_charges DETACH PARTITION {part}"),
        format!("SELECT * FROM {part}"),
        "INSERT INTO usage_ids VALUES (9, now(), 'A', 'U9')".to_owned(),
        "UPDATE usage_kept SET since = 'infinity'".to_owned(),
        "INSERT INTO pruned_months VALUES (now(), now() + interval '1 day', 0)".to_owned(),
    ];
    let owner = by_all.iter().map(|sql| (&direct.database.admin, sql));
    for (pool, sql) in owner.chain(by_all.iter().chain(&by_worker).map(|sql| (&worker, sql))) {
        let done = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(pool).await;
        let code = done.expect_err(sql);
        let code = code.as_database_error().and_then(|error| error.code()).unwrap_or_default();
        assert!(["42501", "23514"].contains(&&*code), "{sql}: {code}");
    }
    // What was closed stays closed.
    let closed = "UPDATE usage_kept SET since = now() - interval '1 year'";
    direct.database.execute(closed).await;
    let back = "UPDATE usage_kept SET since = '-infinity'";
    assert_eq!(direct.database.refused(back).await, "usage_kept_goes_on");
    // One name, two charges: refused, in whatever month the second would be.
    let twice = "INSERT INTO usage_charges SELECT charge_id + 1, 0, 0, NULL, NULL, occurred_at,
                 charged_at + interval '40 days', currency, kind, account_id, usage_id
                 FROM usage_charges";
    assert_eq!(direct.database.refused(twice).await, "usage_ids_pkey");
    // The charges of a ledger transaction are of its month.
    let elsewhere = "INSERT INTO usage_charges SELECT charge_id + 1, amount, uncovered, lot_id,
                     ledger_transaction_id, occurred_at, charged_at + interval '40 days', currency,
                     kind, account_id, 'U9' FROM usage_charges";
    assert_eq!(direct.database.refused(elsewhere).await, "usage_is_posted");
    assert_eq!(direct.database.value("SELECT prune_usage() IS NULL").await, "true");
    worker.close().await;
    direct.finish().await;
}

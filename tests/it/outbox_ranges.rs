//! Events are kept by ranges of their ids: ranges are made ahead, no event needs one, and one that
//! is old, published and held for no key goes as a whole.

use sqlx::{AssertSqlSafe, Executor};
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded, JobReport, Runner};
use topup::store::views::health::Examined;
use topup::store::{ConnectOptions, connect};

use crate::harness::records::{invoice, payment};
use crate::harness::{Database, Direct};
use crate::jobs::runner;

/// Each row has two events.
const EVENTS: &str = "SELECT record_key || ' ' || (first_sequence + 1) / 2 FROM outbox
                      ORDER BY outbox_id";

async fn sound(database: &Database) {
    let mut findings = topup::store::audit::run(&database.admin).await.expect("audit");
    findings.retain(|finding| !finding.info);
    assert!(findings.is_empty(), "{findings:#?}");
}

async fn prune(runner: &Runner) -> JobReport {
    runner.prepare().await.expect("prepared");
    match runner.run_by(Job::Prune, "alice", Clock::System.now()).await.expect("ran") {
        JobEnded::Done(report) => report,
        other => panic!("{other:?}"),
    }
}

/// How many events went.
async fn pruned(direct: &Direct) -> String {
    let (runner, _stop) = runner(direct, "test", None);
    let report = prune(&runner).await;
    assert_eq!(report.findings, 0, "{report:?}");
    let events = report.summary.split(" of outbox").next().unwrap_or_default();
    events.trim_start_matches("deleted ").to_owned()
}

/// Events of these customers, one each.
async fn events(direct: &mut Direct, first: usize, accounts: &[&str]) {
    for (number, account) in (first..).zip(accounts) {
        let data = invoice(&format!("INV-{number}"), account, "5.00");
        let item = direct.command(&format!("i-{number}"), "invoice.create", &data);
        direct.applied(item).await;
    }
}

/// The ids of the range in which the next event would be are used up.
async fn used_up(database: &Database) {
    let last = "SELECT setval('outbox_outbox_id_seq', (SELECT min(until) - 1 FROM outbox_ranges
                 WHERE until > (SELECT last_value FROM outbox_outbox_id_seq)))";
    database.execute(last).await;
}

/// Two ranges of events of long ago, and one of today.
async fn ranges(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    events(&mut direct, 1, &["A", "B", "A"]).await;
    used_up(&direct.database).await;
    events(&mut direct, 4, &["A", "C"]).await;
    used_up(&direct.database).await;
    events(&mut direct, 6, &["A", "B", "A", "A"]).await;
    let long_ago = "SET session_replication_role = replica;
        UPDATE outbox SET created_at = created_at - interval '200 days' WHERE outbox_id <= 2000000;
        RESET session_replication_role";
    direct.database.execute(long_ago).await;
    direct.database.published(1).await;
    direct
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_old_goes_by_ranges_and_a_held_event_keeps_its_own() {
    let direct = ranges("or_held").await;
    let held = "INSERT INTO relay_holds VALUES ('account', 'B', 1, 'x', 1, now(), now(), now())";
    direct.database.execute(held).await;
    assert_eq!(pruned(&direct).await, "2");
    let all = ["A 1", "B 1", "A 2", "A 4", "B 2", "A 5", "A 6"];
    assert_eq!(direct.database.lines(EVENTS).await, all);
    sound(&direct.database).await;
    assert_eq!(pruned(&direct).await, "0");
    // What was lost of what should be there is found.
    for sequence in [9, 11] {
        let mut tx = direct.database.admin.begin().await.expect("begin");
        let lost =
            format!("DELETE FROM outbox WHERE record_key = 'A' AND first_sequence = {sequence}");
        tx.execute(AssertSqlSafe(lost)).await.expect("deleted");
        let findings = topup::store::audit::run_in(&mut tx).await.expect("audit");
        assert!(findings.iter().any(|finding| !finding.info), "{sequence}");
        tx.rollback().await.expect("rollback");
    }
    // All of the key but its last event is published by now.
    direct.database.execute("UPDATE relay_holds SET from_sequence = 3").await;
    assert_eq!(pruned(&direct).await, "3");
    assert_eq!(direct.database.lines(EVENTS).await, all[3..]);
    sound(&direct.database).await;
    direct.database.abandon().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_published_stays_however_old() {
    let direct = ranges("or_unpublished").await;
    let ids = direct.database.lines("SELECT outbox_id FROM outbox ORDER BY 1").await;
    let back = |horizon: &str| {
        format!(
            "SET session_replication_role = replica;
                 UPDATE relay_progress SET horizon = {horizon}; RESET session_replication_role"
        )
    };
    // The last event of the first range is not passed; then it alone is.
    direct.database.execute(&back(&ids[1])).await;
    assert_eq!(pruned(&direct).await, "0");
    direct.database.execute(&back("1000000")).await;
    let passed = "UPDATE relay_progress SET passed = '{[1000002,2000000]}'";
    direct.database.execute(passed).await;
    assert_eq!(pruned(&direct).await, "3");
    assert_eq!(pruned(&direct).await, "0");
    assert_eq!(direct.database.value("SELECT count(*) FROM outbox").await, "6");
    sound(&direct.database).await;
    direct.database.abandon().await;
}

/// A run dies before its commit, and another between two ranges: the next one goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_killed_is_followed_by_another() {
    let direct = ranges("or_killed").await;
    let drop = "SELECT drop_outbox_range(now() - interval '90 days')";
    let mut died = direct.database.admin.begin().await.expect("begin");
    died.execute(drop).await.expect("dropped");
    died.rollback().await.expect("rollback");
    sound(&direct.database).await;
    assert_eq!(direct.database.value("SELECT count(*) FROM outbox").await, "9");
    let mut killed = direct.database.admin.begin().await.expect("begin");
    let mark = "INSERT INTO pruned VALUES ('outbox', now() - interval '90 days')";
    for sql in [drop, mark] {
        killed.execute(sql).await.expect("done");
    }
    killed.commit().await.expect("commit");
    sound(&direct.database).await;
    assert_eq!(pruned(&direct).await, "2");
    sound(&direct.database).await;
    let left = ["A 4", "B 2", "A 5", "A 6"];
    assert_eq!(direct.database.lines(EVENTS).await, left);
    direct.database.abandon().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_are_made_ahead_and_one_that_is_missing_is_told_and_missed_by_no_event() {
    let mut direct = Direct::new("or_ahead").await;
    let options = ConnectOptions::new(&direct.database.url);
    let mut examined = Examined::connect(&options).await.expect("connects");
    assert_eq!(examined.ids_ahead().await.expect("asked"), 4_000_000);
    events(&mut direct, 1, &["A", "B"]).await;
    for part in direct.database.lines("SELECT part FROM outbox_ranges WHERE since > 1").await {
        direct.database.execute(&format!("DROP TABLE {part}")).await;
    }
    used_up(&direct.database).await;
    assert_eq!(examined.ids_ahead().await.expect("asked"), 0);
    events(&mut direct, 3, &["A", "B", "A"]).await;
    assert_eq!(examined.ids_ahead().await.expect("asked"), -3);
    let rest = "SELECT count(*) FROM outbox_rest";
    assert_eq!(direct.database.value(rest).await, "3");
    let next = "SELECT record_key || ' ' || (first_sequence + 1) / 2 FROM outbox_next(NULL)";
    let waiting = ["A 1", "B 1", "A 2", "B 2", "A 3"];
    assert_eq!(direct.database.lines(next).await, waiting);
    // They get a range where they are, and others are made.
    assert_eq!(pruned(&direct).await, "0");
    assert!(examined.ids_ahead().await.expect("asked") >= 4_000_000);
    assert_eq!(direct.database.value(rest).await, "0");
    let of_rest = "SELECT since || ' ' || until FROM outbox_ranges WHERE part = 'outbox_1000001'";
    assert_eq!(direct.database.value(of_rest).await, "1000001 1000004");
    assert_eq!(direct.database.lines(next).await, waiting);
    events(&mut direct, 6, &["A"]).await;
    assert_eq!(direct.database.value(rest).await, "0");
    // Once more there is nothing to do.
    let made = direct.database.lines("SELECT part FROM outbox_ranges ORDER BY since").await;
    assert_eq!(pruned(&direct).await, "0");
    let parts = direct.database.lines("SELECT part FROM outbox_ranges ORDER BY since").await;
    assert!(made.len() <= 8 && parts.len() <= made.len() + 1, "{made:?} {parts:?}");
    drop(examined);
    direct.finish().await;
}

/// Whoever reads the outbox for long keeps a range from going, and keeps nobody from writing; the
/// other tables are pruned, and the next run goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_that_somebody_reads_goes_with_the_next_run_and_stops_nobody() {
    let mut direct = ranges("or_busy").await;
    let mut reads = direct.database.admin.begin().await.expect("begin");
    reads.execute("SELECT FROM outbox").await.expect("read");
    let (beside, _stop) = runner(&direct, "test", None);
    let (busy, ()) = tokio::join!(prune(&beside), async {
        for number in 10..40 {
            events(&mut direct, number, &["A"]).await;
        }
    });
    assert_eq!(busy.findings, 1, "{busy:?}");
    assert!(busy.summary.contains("not all of outbox: 55P03"), "{busy:?}");
    assert!(busy.summary.contains(" of job_runs"), "{busy:?}");
    let noted = "SELECT item || ' ' || code FROM failing_items";
    assert_eq!(direct.database.value(noted).await, "outbox 55P03");
    assert_eq!(direct.database.value("SELECT count(*) FROM outbox").await, "39");
    reads.rollback().await.expect("rollback");
    assert_eq!(pruned(&direct).await, "5");
    assert_eq!(direct.database.value(noted).await, "");
    sound(&direct.database).await;
    direct.database.abandon().await;
}

/// Nobody writes to a range itself, and the worker takes none away but by the function.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fence_of_the_outbox_holds_for_each_range() {
    let mut direct = Direct::new("or_fence").await;
    events(&mut direct, 1, &["A", "A"]).await;
    let data = payment("PAY-1", "A", "5.00");
    let item = direct.command("p-1", "payment.record", &data);
    direct.applied(item).await;
    let feed = "INSERT INTO bank_feeds VALUES ('BANK-1', 5)";
    direct.database.execute(feed).await;
    let worker = connect(&ConnectOptions::new(&direct.database.url)).await.expect("a pool");
    let write = |table: &str| {
        format!(
            "INSERT INTO {table} (outbox_id, key_kind, record_key, first_sequence, events, form,
                 payload, created_at) VALUES (9, 'account', 'A', 9, 1, 0, 'x', now())"
        )
    };
    let by_all = [
        write("outbox_1"),
        write("outbox_rest"),
        "UPDATE outbox_1 SET events = 2".to_owned(),
        "DELETE FROM outbox_1".to_owned(),
        "TRUNCATE outbox_1".to_owned(),
        "TRUNCATE outbox".to_owned(),
        "UPDATE outbox SET events = 2".to_owned(),
        "SELECT make_outbox_range(99)".to_owned(),
        "SELECT make_outbox_range(NULL)".to_owned(),
        "SELECT make_outbox_range(100000000001)".to_owned(),
    ];
    let by_worker = [
        "SELECT FROM outbox_1".to_owned(),
        "DROP TABLE outbox_2000001".to_owned(),
        "ALTER TABLE outbox DETACH PARTITION outbox_2000001".to_owned(),
        "SELECT new_outbox_table('mine')".to_owned(),
    ];
    let owner = by_all.iter().map(|sql| (&direct.database.admin, sql));
    for (pool, sql) in owner.chain(by_all.iter().chain(&by_worker).map(|sql| (&worker, sql))) {
        let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(pool).await;
        let code = done.expect_err(sql);
        let code = code.as_database_error().and_then(|error| error.code()).unwrap_or_default();
        assert!(["42501", "23514"].contains(&&*code), "{sql}: {code}");
    }
    // No number is given to two events of a key.
    let twice = "INSERT INTO outbox (key_kind, record_key, first_sequence, events, form, payload,
                     created_at) VALUES ('account', 'A', 1, 1, 0, 'x', now())";
    assert_eq!(direct.database.refused(twice).await, "outbox_1_gapless");
    for back in [
        "UPDATE accounts SET event_sequence = event_sequence - 1",
        "UPDATE bank_feeds SET event_sequence = 4",
    ] {
        assert_eq!(direct.database.refused(back).await, "event_sequence_goes_on", "{back}");
    }
    let numbered = "UPDATE money_records SET event_sequence = 2";
    direct.database.execute(numbered).await;
    for back in ["1", "NULL"] {
        let back = format!("UPDATE money_records SET event_sequence = {back}");
        assert_eq!(direct.database.refused(&back).await, "event_sequence_goes_on", "{back}");
    }
    // There are never many ahead.
    for _ in 3..64 {
        direct.database.execute("SELECT make_outbox_range(100)").await;
    }
    let many = "SELECT make_outbox_range(100)";
    assert_eq!(direct.database.refused(many).await, "outbox_ranges_are_bounded");
    worker.close().await;
    direct.database.abandon().await;
}

/// Who writes takes no more locks however many ranges there are, and the relay looks at none that
/// it has passed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_writer_nor_the_relay_looks_at_more_when_there_are_many_ranges() {
    let database = Database::new("or_many").await;
    let insert = "INSERT INTO outbox (key_kind, record_key, first_sequence, events, form, payload,
                      created_at)
                  SELECT 'account', 'A', max(s.last_value), 1, 0, 'x', now()
                    FROM outbox_outbox_id_seq s";
    let locks = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN
                 (SELECT oid FROM pg_class WHERE relname LIKE 'outbox%')";
    let mut taken = Vec::new();
    for many in [0, 40] {
        for _ in 0..many {
            database.execute(insert).await;
            database.execute("SELECT make_outbox_range(100)").await;
            used_up(&database).await;
        }
        let mut tx = database.admin.begin().await.expect("begin");
        tx.execute(insert).await.expect("written");
        let count: i64 = sqlx::query_scalar(locks).fetch_one(&mut *tx).await.expect("locks");
        taken.push(count);
        tx.rollback().await.expect("rollback");
    }
    assert_eq!(taken[0], taken[1]);
    let passed = "UPDATE relay_progress SET horizon = (SELECT max(outbox_id) FROM outbox) - 1";
    database.execute(passed).await;
    let before = "SELECT count(*) FROM outbox_ranges JOIN relay_progress ON until <= horizon";
    let before: usize = database.value(before).await.parse().expect("a number");
    assert!(before >= 35, "{before}");
    let plan = "EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT * FROM outbox_next(10)";
    let plan: Vec<String> =
        sqlx::query_scalar(plan).fetch_all(&database.admin).await.expect("a plan");
    let skipped = plan.iter().filter(|line| line.contains("never executed")).count();
    assert!(skipped >= before, "{before} were passed: {plan:#?}");
    database.abandon().await;
}

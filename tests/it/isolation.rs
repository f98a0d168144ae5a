//! One item's failure is that item's: what waits, what is parked, what is old, and what another
//! version wrote.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded, JobReport};
use topup::pipeline::Pipeline;
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{
    BANK, about_invoice, account, allocate, bank, credit, draft, envelope, invoice, payment, with,
};
use crate::jobs::runner_at;
use crate::steps_back::taken_back;
use crate::usage::{hold, topped_up, usage};

/// A credit, a charge and acts of people come again after their outcomes were pruned: each has its
/// effect once, for ever.
#[tokio::test]
async fn pruning_lets_nothing_happen_twice() {
    let mut direct = Direct::new("iso_prune").await;
    let nameless = with(credit("T-1", "321.00"), &json!({ "bank_transaction_id": null }));
    let named = credit("T-2", "77.00");
    let mut items = Vec::new();
    for (id, data) in [("b-1", &nameless), ("b-2", &named)] {
        items.push(direct.item(Topic::BankPayments, None, bank(id, data).as_bytes()));
    }
    let steps = [
        ("invoice.create", invoice("INV-1", "ACC-1", "100.00")),
        ("invoice.create", invoice("INV-2", "ACC-1", "9.00")),
        ("payment.record", payment("PAY-1", "ACC-1", "100.00")),
        ("payment.allocate", allocate("PAY-1", "ACC-1", "INV-1")),
        ("invoice.keep", about_invoice("INV-2", "ACC-1")),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        items.push(direct.command(&format!("c-{number}"), kind, &data));
    }
    let applied = items.len().to_string();
    for item in &items {
        direct.run(std::slice::from_ref(item)).await;
    }
    let outcomes = "SELECT count(*) FROM inbox WHERE outcome = 'applied'";
    assert_eq!(direct.database.value(outcomes).await, applied);
    let tables =
        ["outbox", "inbox_records", "inbox_repeats", "job_runs", "jobs", "pruned", "accounts"];
    let before = direct.database.fingerprint(&tables).await;
    let later = Clock::System.now() + TimeDelta::days(500);
    let (runner, _stop) = runner_at(&direct, later);
    runner.prepare().await.expect("prepared");
    let ended = runner.run_by(Job::Prune, "alice", later).await.expect("ran");
    assert!(matches!(ended, JobEnded::Done(_)), "{ended:?}");
    assert_eq!(direct.database.value("SELECT count(*) FROM inbox").await, "3");
    for item in &items {
        direct.run(std::slice::from_ref(item)).await;
    }
    assert_eq!(direct.database.fingerprint(&tables).await, before);
    let refused =
        direct.database.refused("DELETE FROM inbox_records WHERE message_id = 'b-1'").await;
    assert_eq!(refused, "inbox_guard_stays");
    direct.finish().await;
}

/// An instant to come is nobody's business yet: nothing is pruned, flagged or told for it.
#[tokio::test]
async fn no_job_decides_for_an_instant_to_come() {
    let direct = Direct::new("iso_future").await;
    let now = Clock::System.now();
    let (runner, _stop) = runner_at(&direct, now);
    runner.prepare().await.expect("prepared");
    for job in Job::ALL {
        let ended = runner.run_by(job, "alice", now + TimeDelta::days(1)).await.expect("answered");
        assert_eq!(ended, JobEnded::NotYet, "{job:?}");
    }
    assert_eq!(direct.database.value("SELECT count(*) FROM job_runs").await, "0");
    let ahead = "INSERT INTO job_runs (job, scheduled_for, cause, operator, as_of, state, owner,
                     lease_until, started_at)
                 VALUES ('prune', now(), 'operator', 'alice', now() + interval '1 year',
                     'running', 'x', now(), now())";
    assert_eq!(direct.database.refused(ahead).await, "job_run_is_of_the_past");
    direct.finish().await;
}

/// Makes the database refuse every change of these rows of `table`, as a fault of them would.
async fn refuse(direct: &Direct, table: &str, when: &str) {
    let sql = format!(
        "CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23514', CONSTRAINT = 'test'; END $$"
    );
    direct.database.execute(&sql).await;
    let sql = format!(
        "CREATE TRIGGER refuse_{table} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW
             WHEN ({when}) EXECUTE FUNCTION refuse_{table}()"
    );
    direct.database.execute(&sql).await;
}

async fn accept(direct: &Direct, table: &str) {
    direct.database.execute(&format!("DROP TRIGGER refuse_{table} ON {table}")).await;
}

async fn command(direct: &mut Direct, id: &str, kind: &str, data: Value) {
    let item = direct.command(id, kind, &data);
    direct.run(std::slice::from_ref(&item)).await;
}

/// A customer whose invoice is to be sent before it is known, and becomes known: due.
async fn sent_too_early(direct: &mut Direct, account: &str) {
    let invoice_id = format!("{account}-X");
    let send = about_invoice(&invoice_id, account);
    command(direct, &format!("s-{account}"), "invoice.mark-sent", send).await;
    let create = draft(&invoice_id, account, "5.00");
    command(direct, &format!("c-{account}"), "invoice.create", create).await;
}

const ATTEMPTS: &str = "SELECT string_agg(DISTINCT kind || ' ' || code || ' ' || attempts, ', ')
                        FROM failing_items";

/// 250 customers' commands fail when their turn comes, for ever; the 251st customer's has its turn
/// in the very next sweep. Those that fail back off, each by itself, and end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_commands_that_fail_stop_no_other_customer() {
    let mut direct = Direct::new("iso_waiting").await;
    for number in 0..250 {
        sent_too_early(&mut direct, &format!("BAD-{number}")).await;
    }
    refuse(&direct, "invoices", "NEW.account_id LIKE 'BAD-%' AND NEW.sent_at IS NOT NULL").await;
    let now = Clock::System.now();
    let swept = direct.at(now).sweep().await.expect("swept");
    assert_eq!((swept.failed, swept.released), (200, 0));
    sent_too_early(&mut direct, "GOOD").await;
    let swept = direct.at(now).sweep().await.expect("swept");
    assert_eq!((swept.failed, swept.released), (50, 1), "those that never failed come first");
    let swept = direct.at(now).sweep().await.expect("swept");
    assert_eq!((swept.failed, swept.released), (0, 0), "what failed is not tried at once again");
    assert_eq!(direct.database.value(ATTEMPTS).await, "command 23514 test 1");
    let status = topup::store::views::status::read(direct.pipeline.pool()).await.expect("status");
    assert_eq!((status.failing.len(), status.failing[0].items), (1, 250));
    let page = topup::store::views::Page { after: None, limit: 1 };
    let parked = topup::store::views::keys::parked(direct.pipeline.pool(), &page).await;
    let parked = parked.expect("keys").items;
    assert_eq!((parked[0].attempts, parked[0].failure.as_deref()), (1, Some("23514 test")));
    // All but one are sound again.
    accept(&direct, "invoices").await;
    direct.database.execute("DROP FUNCTION refuse_invoices").await;
    refuse(&direct, "invoices", "NEW.account_id = 'BAD-7' AND NEW.sent_at IS NOT NULL").await;
    command(&mut direct, "keep", "invoice.keep", about_invoice("BAD-7-X", "BAD-7")).await;
    let mut released = 0;
    for minutes in 1..=10 {
        released +=
            direct.at(now + TimeDelta::minutes(5 * minutes)).sweep().await.expect("ok").released;
    }
    // The last one is itself the cause: a dead letter in the end, and what stood behind it went on.
    assert_eq!(released, 250);
    let letters = "SELECT string_agg(code, ' ') FROM dead_letters";
    assert_eq!(direct.database.value(letters).await, "unprocessable");
    assert_eq!(direct.database.value("SELECT count(*) FROM waiting_commands").await, "0");
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    let early = "UPDATE failing_items SET attempts = attempts + 2";
    direct
        .database
        .execute("INSERT INTO failing_items VALUES ('hold', 'x', 1, 'x', now(), now())")
        .await;
    assert_eq!(direct.database.refused(early).await, "failing_item_counts");
    accept(&direct, "invoices").await;
    direct.finish().await;
}

/// 220 customers wait for the proof of their usage; what stands behind is past its deadline. None
/// of it stands before a customer whose payment has come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_that_wait_for_proof_do_not_starve_another() {
    let mut direct = Direct::new("iso_proof").await;
    let mut rounds: Vec<Vec<Item>> = (0..4).map(|_| Vec::new()).collect();
    for number in 0..220 {
        let (account, pay, inv) =
            (format!("W{number}"), format!("P{number}"), format!("I{number}"));
        let pair = json!({ "payment_id": pay, "account_id": account, "invoice_id": inv });
        let steps = [
            (0, "invoice.create", invoice(&inv, &account, "1.00")),
            (0, "payment.record", payment(&pay, &account, "1.00")),
            (1, "payment.allocate", allocate(&pay, &account, &inv)),
            (2, "payment.deallocate", pair),
            (3, "invoice.void", about_invoice(&inv, &account)),
        ];
        for (round, kind, data) in steps {
            rounds[round].push(direct.command(&format!("{kind}-{number}"), kind, &data));
        }
    }
    for round in rounds {
        direct.run(&round).await;
    }
    assert_eq!(direct.database.value("SELECT count(*) FROM waiting_commands").await, "440");
    let late = "UPDATE waiting_commands SET deadline = now() WHERE needs NOT LIKE 'proof:%'";
    direct.database.execute(late).await;
    command(&mut direct, "v-1", "invoice.create", invoice("V-1", "VICTIM", "10.00")).await;
    command(&mut direct, "v-2", "payment.allocate", allocate("V-P", "VICTIM", "V-1")).await;
    command(&mut direct, "v-3", "payment.record", payment("V-P", "VICTIM", "10.00")).await;
    let swept = direct.pipeline.sweep().await.expect("swept");
    assert_eq!((swept.released, swept.expired, swept.failed), (1, 0, 0));
    let victim = "SELECT status FROM invoice_states WHERE invoice_id = 'V-1'";
    assert_eq!(direct.database.value(victim).await, "provisioned");
    direct.finish().await;
}

/// A return that fails and one whose original is too small stand in the way of no other, and are
/// not tried again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_returns_are_tried_each_by_itself() {
    let mut direct = Direct::new("iso_returns").await;
    for (id, of, amount) in [("R1", "B1", "40.00"), ("R2", "B2", "40.00"), ("R3", "B3", "40.00")] {
        let item = taken_back(&mut direct, id, of, amount);
        direct.applied(item).await;
    }
    assert_eq!(direct.pipeline.sweep().await.expect("swept").returns_applied, 0);
    for (id, amount) in [("B1", "100.00"), ("B2", "10.00"), ("B3", "100.00")] {
        let value = bank(&format!("bank-{id}"), &credit(id, amount));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    refuse(&direct, "payment_returns", "NEW.bank_key = 'reversal:R1'").await;
    // One instant, however long the sweeps take.
    let now = Clock::System.now();
    let swept = direct.at(now).sweep().await.expect("swept");
    assert_eq!((swept.returns_applied, swept.failed), (1, 1));
    let whys = "SELECT string_agg(substr(bank_key, 10) || ' ' || why, ', ' ORDER BY bank_key)
                FROM parked_returns";
    assert_eq!(direct.database.value(whys).await, "R1 no_original, R2 exceeds_payment");
    let tried = "SELECT string_agg(tried_at::text, ' ' ORDER BY bank_key) FROM parked_returns";
    let before = direct.database.value(tried).await;
    assert_eq!(direct.at(now).sweep().await.expect("swept").failed, 0);
    assert_eq!(direct.database.value(tried).await, before, "neither is tried at once again");
    assert_eq!(direct.at(now + TimeDelta::seconds(5)).sweep().await.expect("swept").failed, 1);
    assert_eq!(direct.database.value(ATTEMPTS).await, "return 23514 test 2");
    accept(&direct, "payment_returns").await;
    let swept = direct.at(now + TimeDelta::minutes(5)).sweep().await.expect("swept");
    assert_eq!((swept.returns_applied, swept.failed), (1, 0));
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    direct.finish().await;
}

/// However long a sweep takes: what fails in it has its next turn in another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_in_a_slow_sweep_is_not_tried_twice_in_it() {
    let mut direct = Direct::new("iso_slow").await;
    let item = taken_back(&mut direct, "R1", "B1", "40.00");
    direct.applied(item).await;
    let value = bank("bank-B1", &credit("B1", "100.00"));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    topped_up(&mut direct, 1, "10.00").await;
    let item = usage(&mut direct, "h-1", "hold", &hold("H1", "A", "1"));
    direct.applied(item).await;
    sent_too_early(&mut direct, "BAD").await;
    let mut settings = direct.pipeline.settings().clone();
    settings.hold_max_age = TimeDelta::zero();
    direct.pipeline = Pipeline::new(direct.pipeline.pool().clone(), settings, Clock::System);
    for table in ["payment_returns", "holds", "invoices"] {
        let slowly = format!(
            "CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN PERFORM pg_sleep(1.1);
                 RAISE EXCEPTION 'no' USING ERRCODE = '23514', CONSTRAINT = 'test'; END $$"
        );
        direct.database.execute(&slowly).await;
        let trigger = format!(
            "CREATE TRIGGER refuse_{table} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW
                 EXECUTE FUNCTION refuse_{table}()"
        );
        direct.database.execute(&trigger).await;
    }
    assert_eq!(direct.pipeline.sweep().await.expect("swept").failed, 3);
    let tried = "SELECT kind, attempts FROM failing_items ORDER BY 1";
    assert_eq!(direct.database.lines(tried).await, ["command|1", "hold|1", "return|1"]);
    for table in ["payment_returns", "holds", "invoices"] {
        accept(&direct, table).await;
    }
    direct.finish().await;
}

/// One hold whose expiry fails keeps it from no other, nor the waiting commands behind the holds;
/// it backs off, is told, and expires when it can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_cannot_expire_stops_no_other() {
    let mut direct = Direct::new("iso_hold").await;
    topped_up(&mut direct, 1, "10.00").await;
    for id in ["H/1", "H%2F1", "H2"] {
        let item = usage(&mut direct, id, "hold", &hold(id, "A", "1"));
        direct.applied(item).await;
    }
    sent_too_early(&mut direct, "GOOD").await;
    refuse(&direct, "holds", "NEW.hold_id = 'H/1' AND NEW.state <> 'live'").await;
    let late = Clock::System.now() + TimeDelta::days(3_651);
    let swept = direct.at(late).sweep().await.expect("swept");
    // The command behind them comes to its deadline or is released: its turn came.
    assert_eq!((swept.holds_expired, swept.failed, swept.released), (2, 1, 1));
    let failing = "SELECT kind, item, code, attempts FROM failing_items";
    assert_eq!(direct.database.lines(failing).await, ["hold|A/H%2F1|23514 test|1"]);
    let status = topup::store::views::status::read(direct.pipeline.pool()).await.expect("status");
    assert_eq!((status.failing[0].kind.as_str(), status.failing[0].items), ("hold", 1));
    let swept = direct.at(late).sweep().await.expect("swept");
    assert_eq!((swept.holds_expired, swept.failed), (0, 0), "it is not tried at once again");
    let soon = late + TimeDelta::seconds(5);
    assert_eq!(direct.at(soon).sweep().await.expect("swept").failed, 1);
    accept(&direct, "holds").await;
    let swept = direct.at(late + TimeDelta::minutes(5)).sweep().await.expect("swept");
    assert_eq!((swept.holds_expired, swept.failed), (1, 0));
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    direct.finish().await;
}

/// A return whose key is as long as a key may be fails like any other: its name fits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_with_the_longest_key_fails_by_itself() {
    let mut direct = Direct::new("iso_long").await;
    let (statement, entry) = (format!("{}1", "/".repeat(127)), format!("{}1", "%".repeat(127)));
    let data = with(
        credit("-", "40.00"),
        &json!({
            "bank_transaction_id": null, "statement_id": statement, "entry_reference": entry,
            "credit_debit": "DBIT", "reversal": true,
            "return_of": { "bank_transaction_id": "B1" },
        }),
    );
    let item = direct.item(Topic::BankPayments, None, bank("r-1", &data).as_bytes());
    direct.applied(item).await;
    let value = bank("b-1", &credit("B1", "100.00"));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    refuse(&direct, "payment_returns", "true").await;
    let swept = direct.pipeline.sweep().await.expect("the sweep goes on");
    assert_eq!((swept.returns_applied, swept.failed), (0, 1));
    let long = "SELECT length(item) > 1200 FROM failing_items WHERE kind = 'return'";
    assert_eq!(direct.database.value(long).await, "true");
    accept(&direct, "payment_returns").await;
    let later = Clock::System.now() + TimeDelta::minutes(5);
    assert_eq!(direct.at(later).sweep().await.expect("swept").returns_applied, 1);
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    direct.finish().await;
}

/// One invoice whose flag cannot change keeps the job from no other; the next run tries it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flag_that_cannot_change_stops_no_other() {
    let mut direct = Direct::new("iso_flag").await;
    long_unpaid(&mut direct, 7).await;
    refuse(&direct, "void_candidates", "NEW.invoice_id = 'INV-3'").await;
    let report = run_job(&direct, Job::FlagVoidCandidates, Clock::System.now()).await;
    assert_eq!(report.summary, "6 flagged, 0 cleared; 1 failed and are left as they are");
    assert_eq!(report.findings, 1);
    let failing = "SELECT kind, item, code, attempts FROM failing_items";
    assert_eq!(direct.database.lines(failing).await, ["candidate|INV-3|23514 test|1"]);
    accept(&direct, "void_candidates").await;
    let report = run_job(&direct, Job::FlagVoidCandidates, Clock::System.now()).await;
    assert_eq!((report.summary.as_str(), report.findings), ("1 flagged, 0 cleared", 0));
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    direct.finish().await;
}

/// One table that cannot be pruned keeps `prune` from no other; the next run tries it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_cannot_be_pruned_stops_no_other() {
    let mut direct = Direct::new("iso_table").await;
    command(&mut direct, "c-1", "account.upsert", account("ACC")).await;
    let now = Clock::System.now();
    run_job(&direct, Job::Reconcile, now).await;
    direct.database.published(1).await;
    for statement in [
        "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23514', CONSTRAINT = 'test'; END $$",
        "CREATE TRIGGER stay BEFORE DELETE ON inbox_records FOR EACH ROW EXECUTE FUNCTION stay()",
    ] {
        direct.database.execute(statement).await;
    }
    let old = "WITH k AS (INSERT INTO inbox_kinds (topic, partition, message_type)
                   VALUES ('old', 0, 'topup.invoice.create.v1') RETURNING kind_id)
               INSERT INTO inbox_records (source, message_id, content_hash, kind_id, outcome,
                   record_offset, processed_at, guards)
               SELECT 'old', 'old', decode(repeat('00', 16), 'hex'), kind_id, 'applied', 1, now(),
                   false FROM k";
    direct.database.execute(old).await;
    let later = now + TimeDelta::days(500);
    let report = run_job(&direct, Job::Prune, later).await;
    assert_eq!(report.findings, 1, "{report:?}");
    assert!(report.summary.contains("not all of inbox: 23514 test"), "{report:?}");
    let failing = "SELECT kind, item, code, attempts FROM failing_items";
    assert_eq!(direct.database.lines(failing).await, ["prune|inbox|23514 test|1"]);
    let left = "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM job_runs
                WHERE job = 'reconcile')";
    assert_eq!(direct.database.lines(left).await, ["0|0"]);
    direct.database.execute("DROP TRIGGER stay ON inbox_records").await;
    let report = run_job(&direct, Job::Prune, later + TimeDelta::seconds(1)).await;
    assert_eq!(report.findings, 0, "{report:?}");
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    assert_eq!(direct.database.value("SELECT count(*) FROM inbox WHERE source = 'old'").await, "0");
    direct.finish().await;
}

async fn run_job(direct: &Direct, job: Job, at: DateTime<Utc>) -> JobReport {
    let (runner, _stop) = runner_at(direct, at);
    runner.prepare().await.expect("prepared");
    match runner.run_by(job, "alice", at).await.expect("ran") {
        JobEnded::Done(report) => report,
        other => panic!("{other:?}"),
    }
}

/// Invoices of one customer each that have long awaited payment; the bank's feed is complete.
pub(crate) async fn long_unpaid(direct: &mut Direct, count: usize) {
    for number in 0..count {
        let made = invoice(&format!("INV-{number}"), &format!("ACC-{number}"), "100.00");
        let item = direct.command(&format!("i-{number}"), "invoice.create", &made);
        direct.applied(item).await;
    }
    let statement = json!({
        "bank_account": BANK, "statement_id": "S", "currency": "SGD", "entries": 0,
        "opening_balance": "0.00", "closing_balance": "0.00",
        "complete_through": Clock::System.now().to_rfc3339(),
    });
    let value = envelope("s-1", "bank-gateway", "topup.bank.statement.v1", &statement);
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    let old = "UPDATE invoices SET sent_at = now() - interval '40 days',
                   stale_since = now() - interval '40 days';
               UPDATE payable_invoices p SET sent_at = i.sent_at FROM invoices i
                WHERE i.invoice_id = p.invoice_id";
    direct.database.execute(old).await;
}

/// One payment that cannot be decided, and one that a later version has to read, keep `rematch`
/// from no other. The run says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rematch_leaves_out_what_fails_and_what_it_cannot_read() {
    let mut direct = Direct::new("iso_rematch").await;
    command(&mut direct, "c-1", "account.upsert", account("ACC")).await;
    for id in ["T1", "T2", "T3", "T4"] {
        let payer = json!({ "debtor": { "account": "DE89370400440532013000" } });
        let value = bank(id, &with(credit(id, "9.00"), &payer));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    let payers = json!({ "payer_accounts": ["DE89370400440532013000"] });
    command(&mut direct, "c-2", "account.upsert", with(account("ACC"), &payers)).await;
    refuse(&direct, "money_records", "NEW.payment_id LIKE '%T2'").await;
    let reason = "ALTER TABLE money_records DISABLE TRIGGER refuse_money_records;
                  UPDATE payments SET reason = 'known_later' WHERE payment_id LIKE '%T3';
                  ALTER TABLE money_records ENABLE TRIGGER refuse_money_records";
    for statement in reason.split(';') {
        direct.database.execute(statement).await;
    }
    let now = Clock::System.now();
    let (runner, _stop) = runner_at(&direct, now);
    runner.prepare().await.expect("prepared");
    let JobEnded::Done(report) = runner.run_by(Job::Rematch, "alice", now).await.expect("ran")
    else {
        panic!("not done");
    };
    assert_eq!(report.summary, "2 looked at again, 2 changed, 2 failed and are left as they are");
    assert_eq!(report.findings, 2);
    let failing = "SELECT string_agg(code, ', ' ORDER BY item) FROM failing_items";
    assert_eq!(direct.database.value(failing).await, "23514 test, unreadable");
    accept(&direct, "money_records").await;
    direct
        .database
        .execute("UPDATE payments SET reason = 'no_candidate' WHERE reason = 'known_later'")
        .await;
    let later = now + TimeDelta::seconds(1);
    let (runner, _stop) = runner_at(&direct, later);
    let JobEnded::Done(report) = runner.run_by(Job::Rematch, "alice", later).await.expect("ran")
    else {
        panic!("not done");
    };
    assert_eq!(report.summary, "4 looked at again, 2 changed");
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    direct.finish().await;
}

//! The cases of `docs/EDGE_CASES.md` that need a real database: two at once, again after a commit,
//! late feeds, whole statements.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::operator::dead_letters::replay::Replayed;
use topup::pipeline::batch::Item;
use topup::store::reconcile;
use topup::wire::Topic;

use crate::dead_letters::{payment_arrives, replay, with_missing_payment};
use crate::harness::Direct;
use crate::harness::records::{
    BANK, about_invoice, account, allocate, bank, command, credit, credit_saying, draft, envelope,
    invoice, payment, with,
};
use crate::jobs::runner;
use crate::late_locks::{late, somebody_waits};

const STATES: &str = "SELECT concat_ws(' ', payment_id, state, reason) FROM payments
                      ORDER BY payment_id";
const BALANCE: &str = "SELECT coalesce(sum(amount), 0) FROM balances";

/// Applies commands one after the other.
async fn direct(test: &str, steps: &[(&str, Value)]) -> Direct {
    let mut direct = Direct::new(test).await;
    for (number, (kind, data)) in (1..).zip(steps) {
        let item = direct.command(&format!("c-{number}"), kind, data);
        direct.applied(item).await;
    }
    direct
}

fn credited(direct: &mut Direct, id: &str, data: &Value) -> Item {
    let value = bank(id, data);
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

async fn naming(direct: &mut Direct, id: &str, amount: &str, invoice: &str) -> Item {
    let sql = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{invoice}'");
    let reference = direct.database.value(&sql).await;
    credited(direct, id, &credit_saying(id, amount, &reference))
}

async fn state_of(direct: &Direct, table: &str, id: &str) -> String {
    let sql = match table {
        "invoice" => format!("SELECT status FROM invoice_states WHERE invoice_id = '{id}'"),
        _ => {
            format!("SELECT concat_ws(' ', state, reason) FROM payments WHERE payment_id = '{id}'")
        }
    };
    direct.database.value(&sql).await
}

async fn statement(direct: &mut Direct, id: &str, sums: (&str, u32), through: &str) {
    let data = json!({
        "bank_account": BANK, "statement_id": id, "currency": "SGD", "entries": sums.1,
        "opening_balance": "0.00", "closing_balance": sums.0, "complete_through": through,
    });
    let value = envelope(id, "bank-gateway", "topup.bank.statement.v1", &data);
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
}

fn instant(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("an instant").to_utc()
}

/// What the job that flags void candidates said, run for that instant.
async fn flag(direct: &Direct, as_of: &str) -> String {
    let (runner, _stop) = runner(direct, "test", None);
    runner.prepare().await.expect("prepared");
    match runner.run_by(Job::FlagVoidCandidates, "alice", instant(as_of)).await.expect("ran") {
        JobEnded::Done(report) => report.summary,
        other => panic!("{other:?}"),
    }
}

/// The invoice is voided after the payment's batch has read it and before it writes. The batch
/// sees the change under the lock and begins anew; the money is parked and not lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edge_27_a_void_between_reading_and_allocating_is_seen() {
    let steps = [("invoice.create", invoice("INV-1", "ACC-1", "100.00"))];
    let mut direct = direct("e_27", &steps).await;
    let payment = naming(&mut direct, "T-1", "100.00", "INV-1").await;
    let void = direct.command("c-2", "invoice.void", &about_invoice("INV-1", "ACC-1"));
    let mut open = direct.pipeline.pool().clone().begin().await.expect("begin");
    direct.run_in(&mut open, &[void]).await.expect("voided");
    let (raced, ()) = tokio::join!(late(&direct, payment.clone()), async {
        somebody_waits(&direct).await;
        open.commit().await.expect("commit");
    });
    assert!(raced.expect_err("what was read does not hold").is_race());
    assert_eq!(direct.database.value("SELECT count(*) FROM payments").await, "0");
    direct.applied(payment).await;
    let states = direct.database.lines(STATES).await;
    assert_eq!(states, ["BANK:SG-DBS-001:T-1 parked paid_after_void"]);
    assert_eq!(state_of(&direct, "invoice", "INV-1").await, "voided");
    assert_eq!(direct.database.value(BALANCE).await, "0");
    direct.finish().await;
}

/// The job runs while the bank's feed is three days behind. Unpaid may only mean unknown: nothing
/// is flagged until the feed has caught up.
#[tokio::test]
async fn edge_28_nothing_is_flagged_while_the_feed_is_three_days_late() {
    let steps = [("invoice.create", invoice("INV-1", "ACC-1", "100.00"))];
    let mut direct = direct("e_28", &steps).await;
    direct.database.execute("UPDATE invoices SET stale_since = '2026-09-01Z'").await;
    statement(&mut direct, "S-1", ("0.00", 0), "2026-11-16T10:00:00Z").await;
    let thursday = "2026-11-19T10:00:00Z";
    let said = flag(&direct, thursday).await;
    assert!(said.starts_with("nothing flagged") && said.contains("known only up to"), "{said}");
    let flagged = "SELECT count(*) FROM invoice_states WHERE candidate_since IS NOT NULL";
    assert_eq!(direct.database.value(flagged).await, "0");
    statement(&mut direct, "S-2", ("0.00", 0), "2026-11-19T09:00:00Z").await;
    assert_eq!(flag(&direct, thursday).await, "1 flagged, 0 cleared");
    assert_eq!(state_of(&direct, "invoice", "INV-1").await, "awaiting_payment");
    direct.finish().await;
}

/// A day ends at midnight of the customer's zone, also on the night in which clocks change.
#[tokio::test]
async fn edge_30_days_are_those_of_the_customers_zone() {
    let zone = |id: &str, zone: &str| with(account(id), &json!({ "time_zone": zone }));
    let due = |id: &str, owner: &str, date: &str| {
        with(invoice(id, owner, "5.00"), &json!({ "due_date": date }))
    };
    let steps = [
        ("account.upsert", zone("EAST", "Asia/Singapore")),
        ("account.upsert", zone("WEST", "America/New_York")),
        ("invoice.create", due("E-1", "EAST", "2026-10-31")),
        ("invoice.create", due("W-1", "WEST", "2026-10-31")),
        ("invoice.create", due("W-2", "WEST", "2026-11-01")),
    ];
    let mut direct = direct("e_30", &steps).await;
    direct.database.execute("UPDATE invoices SET stale_since = '2026-09-01Z'").await;
    statement(&mut direct, "S-1", ("0.00", 0), "2026-10-31T15:00:00Z").await;
    // 23:30 and 00:30 in Singapore, both on the 31st in UTC.
    assert_eq!(flag(&direct, "2026-10-31T15:30:00Z").await, "0 flagged, 0 cleared");
    assert_eq!(flag(&direct, "2026-10-31T16:30:00Z").await, "1 flagged, 0 cleared");
    // New York is four hours behind on the 31st and five from the next morning on: 00:30 on the
    // 1st, then 23:30 on the 1st, then 00:30 on the 2nd.
    assert_eq!(flag(&direct, "2026-11-01T04:30:00Z").await, "1 flagged, 0 cleared");
    statement(&mut direct, "S-2", ("0.00", 0), "2026-11-02T04:00:00Z").await;
    assert_eq!(flag(&direct, "2026-11-02T04:30:00Z").await, "0 flagged, 0 cleared");
    assert_eq!(flag(&direct, "2026-11-02T05:30:00Z").await, "1 flagged, 0 cleared");
    direct.finish().await;
}

/// Two workers take two payments for the same invoice at the same moment, ten times. The locks put
/// them in a row: one pays, the other finds it paid and keeps its money.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edge_33_two_payments_of_one_invoice_at_once_pay_it_once() {
    let numbers = 0..10;
    let steps: Vec<(&str, Value)> = numbers
        .clone()
        .map(|number| ("invoice.create", invoice(&format!("INV-{number}"), "ACC-1", "100.00")))
        .collect();
    let mut direct = direct("e_33", &steps).await;
    for number in numbers {
        let name = format!("INV-{number}");
        let one = naming(&mut direct, &format!("T-{number}a"), "100.00", &name).await;
        let two = naming(&mut direct, &format!("T-{number}b"), "100.00", &name).await;
        let (one, two) = ([one], [two]);
        let (one, two) = tokio::join!(direct.run(&one), direct.run(&two));
        assert_eq!((one[0].outcome, two[0].outcome), ("applied", "applied"));
    }
    let states = "SELECT concat_ws(' ', state, reason, account_id), count(*), sum(allocated)
                  FROM payments GROUP BY 1 ORDER BY 1";
    let expected = ["allocated ACC-1|10|1000000000", "parked already_paid ACC-1|10|0"];
    assert_eq!(direct.database.lines(states).await, expected);
    assert_eq!(direct.database.value(BALANCE).await, "1000000000");
    direct.finish().await;
}

/// An operator allocates a payment while the sending of an invoice makes us allocate it too. Under
/// the account's lock the second sees what the first left, and the database itself refuses more
/// than the payment has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edge_34_an_operator_and_the_matching_never_share_out_more_than_there_is() {
    let payer = json!({ "payer_accounts": ["0720001234"] });
    let steps = [
        ("account.upsert", with(account("ACC-1"), &payer)),
        ("invoice.create", invoice("INV-1", "ACC-1", "70.00")),
        ("invoice.create", draft("INV-2", "ACC-1", "100.00")),
    ];
    let mut direct = direct("e_34", &steps).await;
    let held = with(credit("T-1", "100.00"), &json!({ "debtor": { "account": "0720001234" } }));
    let held = credited(&mut direct, "b-1", &held);
    direct.applied(held).await;
    let id = "BANK:SG-DBS-001:T-1";
    assert_eq!(state_of(&direct, "payment", id).await, "on_account");
    let by_hand = direct.command("o-1", "payment.allocate", &allocate(id, "ACC-1", "INV-1"));
    let sending = direct.command("o-2", "invoice.mark-sent", &about_invoice("INV-2", "ACC-1"));
    let mut open = direct.pipeline.pool().clone().begin().await.expect("begin");
    direct.run_in(&mut open, &[by_hand]).await.expect("allocated");
    let batch = [sending];
    let (sent, ()) = tokio::join!(direct.run(&batch), async {
        somebody_waits(&direct).await;
        open.commit().await.expect("commit");
    });
    assert_eq!(sent[0].outcome, "applied");
    let pairs = "SELECT invoice_id, rule, amount FROM allocations";
    assert_eq!(direct.database.lines(pairs).await, ["INV-1|R1|70000000"]);
    assert_eq!(state_of(&direct, "payment", id).await, "partly_allocated");
    assert_eq!(direct.database.value(BALANCE).await, "70000000");
    let more = "UPDATE payments SET allocated = amount + 1";
    let refused = sqlx::query(more).execute(&direct.database.admin).await.expect_err("refused");
    let refused = refused.as_database_error().and_then(|error| error.constraint());
    assert_eq!(refused, Some("payment_never_gives_more_than_it_has"));
    direct.finish().await;
}

/// The process dies after the commit and before the offset is stored: the record comes again. It
/// is a duplicate. Its answer is not sent once more, because the outbox sends it at least once.
#[tokio::test]
async fn edge_35_a_record_again_after_its_commit_has_no_second_effect() {
    let steps = [
        ("invoice.create", invoice("INV-1", "ACC-1", "100.00")),
        ("payment.record", payment("PAY-1", "ACC-1", "100.00")),
    ];
    let mut direct = direct("e_35", &steps).await;
    let by_hand = direct.command("o-1", "payment.allocate", &allocate("PAY-1", "ACC-1", "INV-1"));
    direct.applied(by_hand.clone()).await;
    let before = direct.database.fingerprint(&["inbox_repeats"]).await;
    let ended = direct.run(&[by_hand.clone(), by_hand]).await;
    assert_eq!(ended.iter().map(|ended| ended.outcome).collect::<Vec<_>>(), ["duplicate"; 2]);
    assert_eq!(direct.database.fingerprint(&["inbox_repeats"]).await, before);
    assert_eq!(direct.database.value(BALANCE).await, "100000000");
    direct.finish().await;
}

/// An upstream system tries again: with the same id at another place and under another key it is a
/// duplicate, with a new id about the same thing it is refused because that thing exists.
#[tokio::test]
async fn edge_36_the_same_request_under_another_key_or_id_has_no_second_effect() {
    let steps = [("payment.record", payment("PAY-1", "ACC-1", "100.00"))];
    let mut direct = direct("e_36", &steps).await;
    let value = command("c-1", "payment.record", &payment("PAY-1", "ACC-1", "100.00"));
    let keyed = direct.item(Topic::Commands, Some("ACC-1"), value.as_bytes());
    let other = direct.command("c-9", "payment.record", &payment("PAY-1", "ACC-1", "100.00"));
    let one = credited(&mut direct, "b-1", &credit("T-1", "30.00"));
    let two = credited(&mut direct, "b-2", &credit("T-1", "30.00"));
    let ended = direct.run(&[keyed, other, one, two]).await;
    let outcomes: Vec<_> = ended.iter().map(|e| (e.outcome, e.code.as_deref())).collect();
    let expected = [
        ("duplicate", None),
        ("rejected", Some("payment_exists")),
        ("applied", None),
        ("duplicate", None),
    ];
    assert_eq!(outcomes, expected);
    let sums = "SELECT count(*), sum(amount) FROM payments";
    assert_eq!(direct.database.lines(sums).await, ["2|130000000"]);
    direct.finish().await;
}

/// The same id with another amount is not quietly "ok": it is a dead letter, and the first stays.
#[tokio::test]
async fn edge_37_the_same_id_with_another_content_is_a_conflict() {
    let steps = [("payment.record", payment("PAY-1", "ACC-1", "100.00"))];
    let mut direct = direct("e_37", &steps).await;
    let other = direct.command("c-1", "payment.record", &payment("PAY-1", "ACC-1", "900.00"));
    let ended = direct.run(&[other]).await;
    assert_eq!((ended[0].outcome, ended[0].code.as_deref()), ("dead_lettered", Some("conflict")));
    let payments = "SELECT payment_id, amount FROM payments";
    assert_eq!(direct.database.lines(payments).await, ["PAY-1|100000000"]);
    let letters = "SELECT code, status FROM dead_letters";
    assert_eq!(direct.database.lines(letters).await, ["conflict|open"]);
    direct.finish().await;
}

/// A dead letter is replayed when another payment has long paid its invoice. It is decided by what
/// is true then: refused, told to the requester and closed as replayed; the money stays free. Our
/// "obsolete" is for a letter whose id took effect with other content, which this is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edge_41_a_letter_replayed_after_another_payment_pays_nothing() {
    let (world, worker) = with_missing_payment("e_41").await;
    let data = payment("PAY-0", "ACC-1", "100.00");
    world.applied("c-3", "payment.record", "ACC-1", data).await;
    let data = allocate("PAY-0", "ACC-1", "INV-1");
    world.applied("c-4", "payment.allocate", "ACC-1", data).await;
    payment_arrives(&world).await;
    let refused = Replayed::Rejected { code: "invoice_already_provisioned".to_owned() };
    assert_eq!(replay(&worker, false).await, refused);
    assert_eq!(world.value(BALANCE).await, "100000000");
    assert_eq!(world.database.lines(STATES).await, ["PAY-0 allocated", "PAY-1 on_account"]);
    let letters = "SELECT code, status FROM dead_letters";
    assert_eq!(world.database.lines(letters).await, ["dependency_missing|replayed"]);
    worker.shutdown().await;
    world.finish().await;
}

/// A record that cannot be read stops nobody: it is set aside and the partition goes on. A command
/// that lacks something stops only later commands of its own account, and they keep their order.
#[tokio::test]
async fn edge_44_a_bad_record_blocks_nobody_and_a_waiting_one_only_its_account() {
    let mut direct = Direct::new("e_44").await;
    let broken = direct.item(Topic::Commands, Some("ACC-1"), b"{\"specversion\":");
    let items = [
        broken,
        direct.command("c-1", "invoice.create", &draft("INV-2", "ACC-1", "10.00")),
        direct.command("c-2", "invoice.mark-sent", &about_invoice("INV-1", "ACC-1")),
        direct.command("c-3", "invoice.mark-sent", &about_invoice("INV-2", "ACC-1")),
        direct.command("c-4", "invoice.void", &about_invoice("INV-2", "ACC-1")),
        direct.command("c-5", "invoice.create", &invoice("INV-9", "ACC-2", "10.00")),
        direct.command("c-6", "invoice.void", &about_invoice("INV-9", "ACC-2")),
    ];
    let ended = direct.run(&items).await;
    let outcomes: Vec<_> = ended.iter().map(|ended| ended.outcome).collect();
    let waits = "waiting";
    let expected = ["dead_lettered", "applied", waits, waits, waits, "applied", "applied"];
    assert_eq!(outcomes, expected);
    assert_eq!(state_of(&direct, "invoice", "INV-9").await, "voided");
    assert_eq!(state_of(&direct, "invoice", "INV-2").await, "draft");
    let missing = direct.command("c-7", "invoice.create", &draft("INV-1", "ACC-1", "10.00"));
    direct.applied(missing).await;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 3);
    // Sent, then voided: the other way round the sending would have been refused.
    let swept = "SELECT message_id, outcome FROM inbox WHERE message_id IN ('c-2', 'c-3', 'c-4')
                 ORDER BY 1";
    assert_eq!(direct.database.lines(swept).await, ["c-2|applied", "c-3|applied", "c-4|applied"]);
    let sent = "SELECT sent_at IS NOT NULL AND status = 'voided' FROM invoice_states
                WHERE invoice_id = 'INV-2'";
    assert_eq!(direct.database.value(sent).await, "true");
    direct.finish().await;
}

/// One line of a statement is bad. The good lines are payments, the bad one is a dead letter, and
/// the statement's own count and sum show that one is missing until it is there.
#[tokio::test]
async fn edge_45_a_statement_with_a_bad_line_keeps_the_good_ones_and_tells_the_difference() {
    let mut direct = Direct::new("e_45").await;
    let line = |id: &str, amount: &str| {
        let of = json!({ "statement_id": "S-1", "booking_date": "2026-11-20" });
        with(credit(id, amount), &of)
    };
    let items = [
        credited(&mut direct, "b-1", &line("T-1", "100.00")),
        credited(&mut direct, "b-2", &line("T-2", "60.005")),
        credited(&mut direct, "b-3", &line("T-3", "40.00")),
    ];
    let ended = direct.run(&items).await;
    let outcomes: Vec<_> = ended.iter().map(|e| (e.outcome, e.code.as_deref())).collect();
    let bad = ("dead_lettered", Some("amount_scale"));
    assert_eq!(outcomes, [("applied", None), bad, ("applied", None)]);
    statement(&mut direct, "S-1", ("200.00", 3), "2026-11-20T23:59:59Z").await;
    let found = async |direct: &Direct| -> Vec<(String, i64)> {
        let now = Clock::System.now();
        let found = reconcile::find(direct.pipeline.pool(), now, "UTC").await.expect("found");
        found.drifts.into_iter().map(|drift| (drift.kind, drift.difference)).collect()
    };
    let expected = [("statement_entries", -1), ("statement_sum", -60_000_000)];
    let expected = expected.map(|(kind, difference)| (kind.to_owned(), difference));
    assert_eq!(found(&direct).await, expected);
    let sum = "SELECT count(*) || ' ' || sum(amount) FROM payments";
    assert_eq!(direct.database.value(sum).await, "2 140000000");
    let mended = credited(&mut direct, "b-4", &line("T-2", "60.00"));
    direct.applied(mended).await;
    assert_eq!(found(&direct).await, []);
    direct.finish().await;
}

/// Somebody wants to delete a payment that is allocated. No program can: not ours, which may not
/// delete at all, and not the owner of the tables. Money goes back by reversing transactions only.
#[tokio::test]
async fn edge_60_a_payment_is_never_deleted() {
    let steps = [
        ("invoice.create", invoice("INV-1", "ACC-1", "100.00")),
        ("payment.record", payment("PAY-1", "ACC-1", "100.00")),
        ("payment.allocate", allocate("PAY-1", "ACC-1", "INV-1")),
    ];
    let direct = direct("e_60", &steps).await;
    let before = direct.database.fingerprint(&[]).await;
    for table in ["payments", "allocations", "invoices", "ledger_transfers"] {
        let granted = format!("has_table_privilege('topup_worker', '{table}', 'DELETE')");
        assert_eq!(direct.database.value(&granted).await, "false", "{table}");
        let delete = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
        let refused = sqlx::query(delete).execute(&direct.database.admin).await;
        let refused = refused.expect_err("refused");
        let code = refused.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("42501"), "{table}: {refused}");
    }
    assert_eq!(direct.database.fingerprint(&[]).await, before);
    direct.finish().await;
}

//! De-allocating, removing and returning on PostgreSQL: the proof that nothing was spent, and what
//! the database refuses. What returns do, races, and what is told are below.

mod originals;
mod races;
mod resolved;
mod returns;
mod told;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::operator::dead_letters::replay::Replayed;
use topup::pipeline::Pipeline;
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{
    about_payment, allocate, bank, credit, credit_saying, envelope, invoice, payment, with,
};
use crate::usage::{charge, topped_up, usage};

/// Takes a payment off an invoice of account A.
pub fn deallocate(payment: &str, invoice: &str) -> Value {
    with(about_payment(payment, "A"), &json!({ "invoice_id": invoice }))
}

/// Says, as the usage feed does, that all usage before `through` is in the partition.
pub async fn mark(direct: &mut Direct, id: &str, partition: i32, through: DateTime<Utc>) {
    let data = json!({ "complete_through": through.to_rfc3339() });
    let value = envelope(id, "rating", "topup.usage.watermark.v1", &data);
    let mut item = direct.item(Topic::Usage, None, value.as_bytes());
    item.raw.partition = partition;
    direct.applied(item).await;
}

/// The same database, and no proof is asked for.
pub async fn without_proof(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let mut settings = direct.pipeline.settings().clone();
    settings.usage_proof = false;
    let pool = direct.pipeline.pool().clone();
    direct.pipeline = Pipeline::new(pool, settings, Clock::System);
    direct
}

/// What became of a record.
pub async fn outcome(direct: &Direct, id: &str) -> String {
    let sql =
        format!("SELECT outcome || coalesce(' ' || code, '') FROM inbox WHERE message_id = '{id}'");
    direct.database.value(&sql).await
}

/// How often an event of that type was told.
pub async fn told(direct: &Direct, kind: &str) -> String {
    let sql = format!(
        "SELECT count(*) FROM (SELECT regexp_matches(payload, '\"type\":\"topup.{kind}.v1\"', 'g')
           FROM told.outbox) events"
    );
    direct.database.value(&sql).await
}

/// A credit of a payer of account A that names the invoice, as a record.
pub async fn paid_by_bank(direct: &mut Direct, id: &str, invoice: &str, amount: &str) -> Item {
    let sql = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{invoice}'");
    let reference = direct.database.value(&sql).await;
    let value = bank(&format!("bank-{id}"), &credit_saying(id, amount, &reference));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

/// The bank takes back `amount` of its transaction `of`.
pub fn taken_back(direct: &mut Direct, id: &str, of: &str, amount: &str) -> Item {
    let fields = json!({
        "credit_debit": "DBIT", "reversal": true,
        "return_of": { "bank_transaction_id": of, "reason": "AC04" },
    });
    let value = bank(&format!("bank-{id}"), &with(credit(id, amount), &fields));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

/// A world of two partitions of usage, an allocation, and a command to take it apart.
async fn asked(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    topped_up(&mut direct, 1, "10.00").await;
    let settings = direct.pipeline.settings();
    let partitions = format!(
        "INSERT INTO checkpoints (consumer_group, topic, partition, owner, updated_at)
         SELECT '{}', '{}', p, 'test', now() FROM generate_series(0, 1) p",
        settings.group, settings.topics.usage
    );
    direct.database.execute(&partitions).await;
    let item = direct.command("d-1", "payment.deallocate", &deallocate("PAY-1", "INV-1"));
    let ended = direct.run(&[item]).await;
    let how = (ended[0].outcome, ended[0].code.as_deref());
    assert_eq!(how, ("waiting", Some("usage_proof_pending")));
    direct
}

/// It waits, visibly, and that was told once.
async fn check_waits(direct: &Direct) {
    assert_eq!(outcome(direct, "d-1").await, "waiting usage_proof_pending");
    let row = "SELECT message_id || ' ' || wait_key || ' ' || split_part(needs, ':', 1)
               FROM waiting_commands";
    assert_eq!(direct.database.value(row).await, "d-1 A proof");
    assert_eq!(told(direct, "command.pending-proof").await, "1");
    assert_eq!(told(direct, "payment.deallocated").await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_back_waits_until_usage_is_known_in_every_partition() {
    let mut direct = asked("sb_proof").await;
    check_waits(&direct).await;
    mark(&mut direct, "w-1", 0, Utc::now()).await;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 0);
    check_waits(&direct).await;
    let early = Utc::now() - Duration::days(1);
    mark(&mut direct, "w-2", 1, early).await;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 0);
    check_waits(&direct).await;
    // What comes behind it for this account keeps its order.
    let item = direct.command("d-2", "payment.deallocate", &deallocate("PAY-1", "INV-1"));
    let ended = direct.run(&[item]).await;
    assert_eq!(ended[0].code.as_deref(), Some("behind_waiting"));
    mark(&mut direct, "w-3", 1, Utc::now()).await;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 2);
    assert_eq!(outcome(&direct, "d-1").await, "applied");
    assert_eq!(outcome(&direct, "d-2").await, "rejected allocation_not_found");
    let database = &direct.database;
    let stands = "SELECT state || ' ' || status || ' ' || l.remaining || ' ' || b.amount || ' '
               || r.kind FROM payments, invoice_states, lots l, balances b, allocation_reversals r";
    assert_eq!(database.value(stands).await, "on_account awaiting_payment 0 0 deallocated");
    assert_eq!(database.value("SELECT count(*) FROM tombstones").await, "1");
    assert_eq!(told(&direct, "command.pending-proof").await, "1");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_its_deadline_a_step_back_without_proof_is_refused_with_an_event() {
    let mut direct = asked("sb_deadline").await;
    mark(&mut direct, "w-1", 0, Utc::now()).await;
    let late = direct.at(Utc::now() + Duration::days(3_651));
    assert_eq!(late.sweep().await.expect("swept").released, 1);
    assert_eq!(outcome(&direct, "d-1").await, "rejected usage_proof_unavailable");
    assert_eq!(direct.database.value("SELECT count(*) FROM waiting_commands").await, "0");
    assert_eq!(direct.database.value("SELECT count(*) FROM dead_letters").await, "0");
    assert_eq!(told(&direct, "command.rejected").await, "1");
    assert_eq!(told(&direct, "command.pending-proof").await, "1");
    assert_eq!(direct.database.value("SELECT status FROM invoice_states").await, "provisioned");
    // The proof that comes too late changes nothing.
    mark(&mut direct, "w-2", 1, Utc::now()).await;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 0);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_proof_is_asked_for_no_usage_feed_is_needed() {
    let mut direct = without_proof("sb_none").await;
    topped_up(&mut direct, 1, "10.00").await;
    topped_up(&mut direct, 2, "10.00").await;
    let item = direct.command("d-1", "payment.deallocate", &deallocate("PAY-1", "INV-1"));
    direct.applied(item).await;
    let item = direct.command("d-2", "payment.remove", &about_payment("PAY-2", "A"));
    direct.applied(item).await;
    let states = "SELECT state FROM payments ORDER BY payment_id";
    assert_eq!(direct.database.lines(states).await, ["on_account", "removed"]);
    assert_eq!(told(&direct, "command.pending-proof").await, "0");
    direct.finish().await;
}

/// The command comes before its payment, and dies of that. Replayed when the lot is spent, it is
/// decided by what is known today.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edge_42_a_replayed_step_back_is_decided_by_todays_evidence() {
    let mut direct = Direct::new("sb_edge_42").await;
    let mut letter = async |number: u32| {
        let (paid, billed) = (format!("PAY-{number}"), format!("INV-{number}"));
        let id = format!("d-{number}");
        let item = direct.command(&id, "payment.deallocate", &deallocate(&paid, &billed));
        assert_eq!(direct.run(&[item]).await[0].outcome, "waiting");
        let late = direct.at(Utc::now() + Duration::days(3_651));
        assert_eq!(late.sweep().await.expect("swept").expired, 1);
        assert_eq!(outcome(&direct, &id).await, "dead_lettered dependency_missing");
    };
    letter(1).await;
    letter(2).await;
    let at = "UPDATE dead_letters SET first_failed_at = now(), last_failed_at = now()";
    direct.database.execute(at).await;
    let asked_by = Utc::now();
    topped_up(&mut direct, 1, "10.00").await;
    let item = usage(&mut direct, "u1", "charge", &charge("U1", "A", "0.000001"));
    direct.applied(item).await;
    topped_up(&mut direct, 2, "10.00").await;
    let replay = async |letter| {
        let replayed = direct.pipeline.replay(letter, "ops", None, false).await;
        replayed.expect("replayed")
    };
    let spent = Replayed::Rejected { code: "lot_spent".to_owned() };
    assert_eq!(replay(1).await, spent);
    assert_eq!(outcome(&direct, "d-1").await, "rejected lot_spent");
    // The other lot is not spent. That must be known for when it was asked for, not for today.
    let failing = Replayed::StillFailing { code: "usage_proof_pending".to_owned() };
    assert_eq!(replay(2).await, failing);
    assert_eq!(told(&direct, "command.pending-proof").await, "0", "it does not wait");
    mark(&mut direct, "w-1", 0, asked_by).await;
    let replayed = direct.pipeline.replay(2, "ops", None, false).await.expect("replayed");
    assert_eq!(replayed, Replayed::Applied { subject: Some("payment:PAY-2".to_owned()) });
    assert_eq!(outcome(&direct, "d-2").await, "applied");
    direct.finish().await;
}

/// An allocation that was taken apart, two returns of one payment, and a live allocation.
async fn stepped_back(test: &str) -> Direct {
    let mut direct = without_proof(test).await;
    topped_up(&mut direct, 1, "10.00").await;
    let item = direct.command("d-1", "payment.deallocate", &deallocate("PAY-1", "INV-1"));
    direct.applied(item).await;
    let data = invoice("INV-2", "A", "20.00");
    let item = direct.command("c-2", "invoice.create", &data);
    direct.applied(item).await;
    let item = paid_by_bank(&mut direct, "B2", "INV-2", "20.00").await;
    direct.applied(item).await;
    for id in ["R2", "R3"] {
        let item = taken_back(&mut direct, id, "B2", "5.00");
        direct.applied(item).await;
    }
    topped_up(&mut direct, 3, "7.00").await;
    direct
}

const REFUSED: &[(&str, &str)] = &[
    // Beyond the amount, of an allocation and of a lot.
    ("23514", "UPDATE allocations SET reversed = amount + 1, reversed_at = now()"),
    ("23514", "UPDATE lots SET reversed = amount + 1, closed_at = now()"),
    ("23514", "UPDATE allocations SET clawed_back = reversed + 1"),
    (
        "23514",
        "UPDATE allocations SET reversed = reversed - 1, reversed_at = NULL WHERE reversed > 0",
    ),
    ("23514", "UPDATE allocations SET reversed_at = NULL WHERE reversed = amount"),
    ("23514", "UPDATE lots SET closed_at = NULL WHERE reversed = amount"),
    // Only the bank takes back what was spent.
    (
        "23514",
        "INSERT INTO allocation_reversals SELECT 1, allocation_id, 'deallocated', 1, 1, NULL, NULL,
           ledger_transaction_id, now() FROM allocation_reversals WHERE kind = 'deallocated'",
    ),
    (
        "23514",
        "INSERT INTO allocation_reversals SELECT 1, allocation_id, 'returned', 1, 0, NULL, NULL,
           ledger_transaction_id, now() FROM allocation_reversals WHERE kind = 'deallocated'",
    ),
    // A reversal that its allocation does not have, and one that was not posted.
    (
        "23514",
        "INSERT INTO allocation_reversals SELECT 1, allocation_id, 'deallocated', 1, 0, NULL, NULL,
           ledger_transaction_id, now() FROM allocation_reversals WHERE kind = 'deallocated'",
    ),
    (
        "23503",
        "UPDATE allocations SET reversed = amount, remaining = 0, reversed_at = now()
          WHERE invoice_id = 'INV-3';
         INSERT INTO allocation_reversals SELECT 1, allocation_id, 'deallocated', amount, 0, NULL,
           NULL, -1, now() FROM allocations WHERE invoice_id = 'INV-3'",
    ),
    // A pair that a person took apart.
    (
        "23514",
        "INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency,
           amount, remaining, rule, ledger_transaction_id, allocated_at)
         SELECT 1, payment_id, invoice_id, account_id, currency, amount, amount, 'R2',
           ledger_transaction_id, now() FROM allocations WHERE invoice_id = 'INV-1'",
    ),
    // Returns.
    ("23514", "UPDATE money_records SET returned = amount + 1 WHERE returned > 0"),
    (
        "23514",
        "INSERT INTO payment_returns SELECT 1, bank_account, 'id:B2', payment_id, NULL, currency,
           amount, unallocated, unspent, clawed_back, reason, now()
           FROM payment_returns LIMIT 1",
    ),
    (
        "23514",
        "INSERT INTO payment_returns SELECT 1, bank_account, 'id:B2', payment_id, NULL, currency,
           amount, unallocated, unspent + 1, clawed_back, reason, now()
           FROM payment_returns LIMIT 1",
    ),
    (
        "23514",
        "UPDATE money_records SET returned = returned - 6000000, state = 'partly_allocated'
          WHERE returned > 0;
         INSERT INTO payment_returns SELECT 1, bank_account, 'id:B2', payment_id, return_id,
           currency, amount + 1000000, amount + 1000000, 0, 0, reason, now()
           FROM payment_returns LIMIT 1",
    ),
    (
        "23514",
        "INSERT INTO payment_returns SELECT 1, bank_account, 'id:B2', payment_id, return_id,
           currency, amount, amount - 1, 0, 1, reason, now()
           FROM payment_returns LIMIT 1",
    ),
    (
        "23505",
        "INSERT INTO payment_returns SELECT 1, bank_account, bank_key, payment_id, NULL, currency,
           amount, unallocated, unspent, clawed_back, reason, now()
           FROM payment_returns LIMIT 1",
    ),
    // Of nothing, of a fee that undoes no return, and of more of a fee than was taken.
    (
        "23514",
        "INSERT INTO payment_returns SELECT 1, bank_account, 'id:B2', payment_id, return_id,
           currency, 0, 0, 0, 0, reason, now()
           FROM payment_returns LIMIT 1",
    ),
    (
        "23514",
        "INSERT INTO payment_returns SELECT 1, bank_account, 'id:B2', payment_id, NULL, currency,
           0, 0, 0, 0, reason, now(), 0, 1
           FROM payment_returns LIMIT 1",
    ),
    (
        "23514",
        "INSERT INTO payment_returns SELECT 1, bank_account, 'id:B2', payment_id, return_id,
           currency, 0, 0, 0, 0, reason, now(), 0, 1
           FROM payment_returns LIMIT 1",
    ),
    // A paid invoice is not voided over its payment.
    ("23514", "UPDATE invoices SET voided_at = now() WHERE invoice_id = 'INV-3'"),
    ("42501", "UPDATE allocation_reversals SET amount = amount"),
    ("42501", "DELETE FROM allocation_reversals"),
    ("42501", "UPDATE payment_returns SET amount = amount"),
    ("42501", "DELETE FROM payment_returns"),
    ("42501", "UPDATE tombstones SET laid_at = now()"),
    ("42501", "DELETE FROM tombstones"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_refuses_steps_back_that_contradict_themselves() {
    let direct = stepped_back("sb_fences").await;
    for (code, sql) in REFUSED {
        let tried = format!(
            "DO $$ BEGIN {sql}; RAISE EXCEPTION 'not refused: %', $s${sql}$s$;
             EXCEPTION WHEN SQLSTATE '{code}' THEN NULL; END $$"
        );
        direct.database.execute(&tried).await;
    }
    direct.finish().await;
}

/// By a command the pair may be put together again, by matching never.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_was_taken_apart_is_put_together_by_a_command_only() {
    let mut direct = without_proof("sb_tombstone").await;
    let data = invoice("INV-1", "A", "20.00");
    let item = direct.command("c-1", "invoice.create", &data);
    direct.applied(item).await;
    let item = paid_by_bank(&mut direct, "B1", "INV-1", "20.00").await;
    direct.applied(item).await;
    let paid = "SELECT payment_id FROM payments";
    let paid = direct.database.value(paid).await;
    let item = direct.command("d-1", "payment.deallocate", &deallocate(&paid, "INV-1"));
    direct.applied(item).await;
    // It is sent again, which matching looks at.
    let data = crate::harness::records::about_invoice("INV-1", "A");
    let item = direct.command("c-2", "invoice.mark-sent", &data);
    direct.applied(item).await;
    let live = "SELECT count(*) FROM allocations WHERE reversed_at IS NULL";
    assert_eq!(direct.database.value(live).await, "0");
    let item = direct.command("c-3", "payment.allocate", &allocate(&paid, "A", "INV-1"));
    direct.applied(item).await;
    assert_eq!(direct.database.value(live).await, "1");
    // Another payment is free to pay what is due.
    let item = direct.command("c-4", "payment.record", &payment("PAY-2", "A", "1.00"));
    direct.applied(item).await;
    direct.finish().await;
}

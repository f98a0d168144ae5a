//! What the bank takes back, by what is there of it; and what cannot be applied yet.

use serde_json::json;
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use super::{paid_by_bank, taken_back, told};
use crate::harness::Direct;
use crate::harness::records::{account, bank, credit, invoice, with};
use crate::jobs::runner;
use crate::usage::{charge, usage};

/// Payments, invoices, lots, the balance and what steps back posted, in whole units.
async fn stands(direct: &Direct) -> Vec<String> {
    const UNITS: &str = "to_char(%s / 1e6, 'FM999990.999999')";
    let unit = |column: &str| format!("rtrim({}, '.')", UNITS.replace("%s", column));
    let sql = format!(
        "SELECT line FROM (
           SELECT 1 AS part, payment_id AS key, concat_ws(' ', state, {p_allocated}, 'of', {amount},
                  'returned', {returned}) AS line FROM payments
           UNION ALL SELECT 2, invoice_id, concat_ws(' ', invoice_id, status, {p_allocated})
             FROM invoice_states
           UNION ALL SELECT 3, to_char(lot_id, '0000000000'), concat_ws(' ', 'lot', {amount}, 'has',
                  {remaining}, 'reversed', {reversed}, 'clawed', {clawed}) FROM lots
           UNION ALL SELECT 4, account_id, 'balance ' || {amount} FROM balances
           UNION ALL SELECT 5, '', string_agg(kind, ' ' ORDER BY ledger_transaction_id)
             FROM ledger_transactions WHERE kind IN ('payment_returned', 'claw_back',
                  'return_undone') HAVING count(*) > 0
         ) q ORDER BY part, key",
        p_allocated = unit("allocated"),
        amount = unit("amount"),
        returned = unit("returned"),
        remaining = unit("remaining"),
        reversed = unit("reversed"),
        clawed = unit("clawed_back"),
    );
    direct.database.lines(&sql).await
}

async fn disposition(direct: &Direct, id: &str) -> String {
    let sql =
        format!("SELECT disposition FROM bank_transactions WHERE bank_transaction_id = '{id}'");
    direct.database.value(&sql).await
}

/// An invoice over 100 that transaction B1 paid.
async fn paid(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let item = direct.command("c-1", "invoice.create", &invoice("INV-1", "A", "100.00"));
    direct.applied(item).await;
    let item = paid_by_bank(&mut direct, "B1", "INV-1", "100.00").await;
    direct.applied(item).await;
    direct
}

fn plain(direct: &mut Direct, id: &str, amount: &str) -> Item {
    let value = bank(&format!("bank-{id}"), &credit(id, amount));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

/// A debit that the bank reversed: the money comes back.
fn undone(direct: &mut Direct, id: &str, of: &str, amount: &str) -> Item {
    let fields = json!({ "reversal": true, "return_of": { "bank_transaction_id": of } });
    let value = bank(&format!("bank-{id}"), &with(credit(id, amount), &fields));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_money_goes_back_and_touches_no_invoice() {
    let mut direct = Direct::new("sb_free").await;
    let item = plain(&mut direct, "B1", "100.00");
    direct.applied(item).await;
    let item = taken_back(&mut direct, "R1", "B1", "40.00");
    direct.applied(item).await;
    assert_eq!(stands(&direct).await, ["parked 0 of 100 returned 40", "payment_returned"]);
    let item = taken_back(&mut direct, "R2", "B1", "60.00");
    direct.applied(item).await;
    let all = ["returned 0 of 100 returned 100", "payment_returned payment_returned"];
    assert_eq!(stands(&direct).await, all);
    assert_eq!(told(&direct, "payment.returned").await, "2");
    assert_eq!(told(&direct, "invoice.payment-due-restored").await, "0");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_spent_goes_back_out_of_its_lot() {
    let mut direct = paid("sb_unspent").await;
    let item = taken_back(&mut direct, "R1", "B1", "40.00");
    direct.applied(item).await;
    let expected = [
        "allocated 60 of 100 returned 40",
        "INV-1 awaiting_payment 60",
        "lot 100 has 60 reversed 40 clawed 0",
        "balance 60",
        "payment_returned",
    ];
    assert_eq!(stands(&direct).await, expected);
    assert_eq!(told(&direct, "payment.returned").await, "1");
    assert_eq!(told(&direct, "invoice.payment-due-restored").await, "1");
    assert_eq!(told(&direct, "balance.changed").await, "2");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spent_is_clawed_back_and_the_next_money_clears_it() {
    let mut direct = paid("sb_spent").await;
    let item = usage(&mut direct, "u1", "charge", &charge("U1", "A", "70.000001"));
    direct.applied(item).await;
    let item = taken_back(&mut direct, "R1", "B1", "100.00");
    direct.applied(item).await;
    let expected = [
        "returned 0 of 100 returned 100",
        "INV-1 awaiting_payment 0",
        "lot 100 has 0 reversed 100 clawed 70.000001",
        "balance -70.000001",
        "payment_returned claw_back",
    ];
    assert_eq!(stands(&direct).await, expected);
    direct.database.audit().await;
    let item = paid_by_bank(&mut direct, "B2", "INV-1", "100.00").await;
    direct.applied(item).await;
    let lots = "SELECT remaining || ' ' || debt_cleared FROM lots ORDER BY lot_id DESC LIMIT 1";
    assert_eq!(direct.database.value(lots).await, "29999999 70000001");
    direct.finish().await;
}

/// The newest allocation gives first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_of_a_payment_over_three_invoices_takes_the_newest_first() {
    let mut direct = Direct::new("sb_three").await;
    for id in ["INV-1", "INV-2", "INV-3"] {
        let item = direct.command(id, "invoice.create", &invoice(id, "A", "10.00"));
        direct.applied(item).await;
    }
    let item = plain(&mut direct, "B1", "30.00");
    direct.applied(item).await;
    let paid = direct.database.value("SELECT payment_id FROM payments").await;
    let data = json!({ "payment_id": paid, "account_id": "A" });
    let item = direct.command("as", "payment.assign", &data);
    direct.applied(item).await;
    let parts = ["INV-1", "INV-2", "INV-3"].map(|id| json!({ "invoice_id": id }));
    let data = with(data, &json!({ "allocations": parts }));
    let item = direct.command("al", "payment.allocate", &data);
    direct.applied(item).await;
    let item = taken_back(&mut direct, "R1", "B1", "15.00");
    direct.applied(item).await;
    let expected = [
        "allocated 15 of 30 returned 15",
        "INV-1 provisioned 10",
        "INV-2 awaiting_payment 5",
        "INV-3 awaiting_payment 0",
        "lot 10 has 10 reversed 0 clawed 0",
        "lot 10 has 5 reversed 5 clawed 0",
        "lot 10 has 0 reversed 10 clawed 0",
        "balance 15",
        "payment_returned",
    ];
    assert_eq!(stands(&direct).await, expected);
    assert_eq!(told(&direct, "invoice.payment-due-restored").await, "2");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_before_its_original_is_applied_when_that_comes() {
    let mut direct = Direct::new("sb_before").await;
    // In a batch of its own; then before and behind its original in one batch.
    let early = taken_back(&mut direct, "R1", "B1", "40.00");
    direct.applied(early).await;
    assert_eq!(disposition(&direct, "R1").await, "return_parked");
    assert_eq!(direct.pipeline.sweep().await.expect("swept").returns_applied, 0);
    let item = plain(&mut direct, "B1", "100.00");
    direct.applied(item).await;
    let before = [taken_back(&mut direct, "R2", "B2", "10.00"), plain(&mut direct, "B2", "50.00")];
    direct.run(&before).await;
    let behind = [plain(&mut direct, "B3", "30.00"), taken_back(&mut direct, "R3", "B3", "30.00")];
    direct.run(&behind).await;
    direct.database.audit().await;
    direct.pipeline.sweep().await.expect("swept");
    for id in ["R1", "R2", "R3"] {
        assert_eq!(disposition(&direct, id).await, "returned", "{id}");
    }
    let expected = [
        "parked 0 of 100 returned 40",
        "parked 0 of 50 returned 10",
        "returned 0 of 30 returned 30",
        "payment_returned payment_returned payment_returned",
    ];
    assert_eq!(stands(&direct).await, expected);
    assert_eq!(direct.database.value("SELECT count(*) FROM parked_returns").await, "0");
    assert_eq!(direct.pipeline.sweep().await.expect("swept").returns_applied, 0);
    assert_eq!(told(&direct, "payment.returned").await, "3");
    direct.finish().await;
}

pub async fn reconciled(direct: &Direct) -> String {
    let (runner, _stop) = runner(direct, "test", None);
    runner.prepare().await.expect("prepared");
    match runner.run_by(Job::Reconcile, "alice", Clock::System.now()).await.expect("ran") {
        JobEnded::Done(report) => report.summary,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_that_finds_no_original_is_drift_after_two_days_until_it_is_applied() {
    let mut direct = Direct::new("sb_drift").await;
    let item = taken_back(&mut direct, "R1", "B1", "40.00");
    direct.applied(item).await;
    assert_eq!(reconciled(&direct).await, "0 drifts, 0 new, 0 gone");
    let older = "UPDATE parked_returns SET parked_at = parked_at - interval '2 days'";
    direct.database.execute(older).await;
    assert_eq!(reconciled(&direct).await, "1 drifts, 1 new, 0 gone");
    let kinds = "SELECT kind || ' ' || subject FROM drifts";
    assert_eq!(direct.database.value(kinds).await, "return_parked reversal:R1");
    let item = plain(&mut direct, "B1", "100.00");
    direct.applied(item).await;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").returns_applied, 1);
    assert_eq!(reconciled(&direct).await, "0 drifts, 0 new, 1 gone");
    assert_eq!(told(&direct, "reconciliation.drift-found").await, "1");
    assert_eq!(told(&direct, "reconciliation.drift-cleared").await, "1");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_the_original_is_parked_and_moves_nothing() {
    let mut direct = paid("sb_more").await;
    let before = stands(&direct).await;
    let item = taken_back(&mut direct, "R1", "B1", "100.01");
    direct.applied(item).await;
    let parked = "SELECT why FROM parked_returns";
    assert_eq!(direct.database.value(parked).await, "exceeds_payment");
    assert_eq!(direct.pipeline.sweep().await.expect("swept").returns_applied, 0);
    assert_eq!(stands(&direct).await, before);
    assert_eq!(told(&direct, "payment.returned").await, "0");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_return_of_a_return_pays_the_invoice_again() {
    let mut direct = paid("sb_undone").await;
    let item = taken_back(&mut direct, "R1", "B1", "40.00");
    direct.applied(item).await;
    let item = undone(&mut direct, "U1", "R1", "40.00");
    direct.applied(item).await;
    assert_eq!(disposition(&direct, "U1").await, "return_undone");
    let expected = [
        "allocated 100 of 100 returned 0",
        "INV-1 provisioned 100",
        "lot 100 has 60 reversed 40 clawed 0",
        "lot 40 has 40 reversed 0 clawed 0",
        "balance 100",
        "payment_returned return_undone",
    ];
    assert_eq!(stands(&direct).await, expected);
    let rules = "SELECT string_agg(rule, ' ' ORDER BY allocation_id) FROM allocations";
    assert_eq!(direct.database.value(rules).await, "R2 R1r");
    assert_eq!(told(&direct, "payment.return-undone").await, "1");
    // Undone once, it cannot be undone again: whose that money is, a person says.
    let item = undone(&mut direct, "U2", "R1", "40.00");
    direct.applied(item).await;
    assert_eq!(disposition(&direct, "U2").await, "return_parked");
    assert_eq!(stands(&direct).await, expected);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_of_ours_that_bounced_is_no_payment() {
    let mut direct = Direct::new("sb_bounced").await;
    let item = direct.command("a", "account.upsert", &account("A"));
    direct.applied(item).await;
    let outgoing = with(credit("OUR-REFUND", "40.00"), &json!({ "credit_debit": "DBIT" }));
    let item = direct.item(Topic::BankPayments, None, bank("out", &outgoing).as_bytes());
    direct.applied(item).await;
    let item = undone(&mut direct, "U1", "OUR-REFUND", "40.00");
    direct.applied(item).await;
    assert_eq!(disposition(&direct, "U1").await, "refund_bounced");
    assert_eq!(stands(&direct).await, [""; 0]);
    assert_eq!(told(&direct, "payment.recorded").await, "0");
    direct.finish().await;
}

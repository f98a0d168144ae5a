//! The chapter in which money is spent, and then taken back.

use super::DemoError;
use super::stage::Stage;
use super::story::{balances, chapter, expect, line};
use crate::domain::rejection::Rejection;

/// A person may not take back what is spent. The bank does, and then it is owed.
pub(super) async fn tell(stage: &Stage) -> Result<(), DemoError> {
    chapter(8, "Calls are made; then a payment is to be removed, and the bank takes one back");
    expect(stage, "usage-calls", "applied").await?;
    line("Acme calls for 130.00: all of INV-1001's money and 30.00 of INV-1002's.");
    let refusal = Rejection::LotSpent;
    expect(stage, "remove-spent", &format!("rejected ({})", refusal.code())).await?;
    line(&format!("Remove the payment of INV-1001: refused ({}).", refusal.code()));
    line(refusal.sentence());
    expect(stage, "payment-returned", "applied").await?;
    line("The bank returns the payment of INV-1002, account closed (AC04):");
    stage
        .table(
            &["taken back", "was unspent", "clawed back", "invoice", "now", "due"],
            "SELECT to_char(r.amount / 1e6, 'FM999999999990.00'),
                    to_char(r.unspent / 1e6, 'FM999999999990.00'),
                    to_char(r.clawed_back / 1e6, 'FM999999999990.00'), i.invoice_id,
                    replace(i.status, '_', ' '),
                    to_char((i.amount - i.allocated) / 1e6, 'FM999999999990.00')
             FROM payment_returns r JOIN allocation_reversals v USING (return_id)
             JOIN allocations a USING (allocation_id) JOIN invoices i USING (invoice_id)
             GROUP BY r.return_id, i.invoice_id",
        )
        .await?;
    line("What was spent is owed: the balance of Acme is below zero.");
    balances(stage).await
}

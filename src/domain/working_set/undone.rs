//! A working set in which an allocation was not made: for deciding a payment once more.

use super::{Stop, WorkingSet};
use crate::domain::ids::InvoiceId;
use crate::domain::invoice::{Invoice, InvoiceStatus};
use crate::domain::money::Money;

impl WorkingSet {
    /// As if this much had never been allocated to the invoice: it is due again. Returns the
    /// invoice as it was, for [`Self::put_back`].
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when the invoice is not loaded or had less allocated.
    pub fn take_back(&mut self, id: &InvoiceId, amount: Money) -> Result<Invoice, Stop> {
        let invoice = self.invoice_mut(id)?;
        let before = invoice.clone();
        let allocated = invoice.allocated.sub(amount)?;
        if allocated.is_negative() {
            return Err(Stop::Corrupt("less was allocated than is taken back"));
        }
        invoice.allocated = allocated;
        if invoice.status == InvoiceStatus::Provisioned {
            invoice.status = InvoiceStatus::AwaitingPayment;
            invoice.provisioned_at = None;
        }
        // The lists of payable invoices were loaded when it was not due.
        let account = before.account_id.clone();
        self.fresh.entry(account).or_default().insert(id.clone());
        Ok(before)
    }

    /// Undoes [`Self::take_back`].
    pub fn put_back(&mut self, invoice: Invoice) {
        self.invoices.insert(invoice.invoice_id.clone(), invoice);
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::matching::Policy;
    use crate::domain::testkit::*;

    #[test]
    fn what_is_taken_back_is_due_again_wherever_it_is_looked_for() {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("INV-1001", "A", "100.00");
        let reference = desk.reference("INV-1001");
        desk.receive(credit_saying("T1", "100.00", &[&reference]));
        let mut set = reloaded(&desk.model.set);
        let (a, due) = (account("A"), money("100.00"));
        let micros = due.to_micros().expect("micros");
        set.exact.insert((a.clone(), due.currency(), micros), Vec::new());
        set.oldest.insert((a.clone(), due.currency()), Vec::new());
        set.book.insert((due.currency(), micros), Vec::new());
        set.near.insert(reference.clone(), Vec::new());
        assert_eq!(set.exact(&a, due), Ok(Vec::new()));
        let before = set.take_back(&invoice("INV-1001"), due).expect("it was paid");
        assert_eq!(set.exact(&a, due).expect("loaded").len(), 1);
        assert_eq!(set.oldest(&a, due.currency()).expect("loaded").len(), 1);
        assert_eq!(set.book(due).expect("loaded").len(), 1);
        assert!(set.take_back(&invoice("INV-1001"), due).is_err(), "nothing is left of it");
        set.put_back(before);
        assert_eq!(set.exact(&a, due), Ok(Vec::new()));
        assert_eq!(set.book(due), Ok(Vec::new()));
        assert_eq!(set.invoices, desk.model.set.invoices);
    }
}

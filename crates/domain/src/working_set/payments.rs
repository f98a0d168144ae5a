//! Payments by their ids, with what they pay, what persons took them off, and which ids are taken.

use std::collections::BTreeSet;

use foldhash::HashMap;

use super::WorkingSet;
use crate::ids::{InvoiceId, PaymentId};
use crate::payment::Payment;
use crate::want::Want;
use crate::working_set::miss::Stop;

impl WorkingSet {
    /// A payment comes with what it pays, and with what persons took it off.
    pub fn payment(&self, id: &PaymentId) -> Option<&Payment> {
        self.one(&self.payments, id, Want::Payment)
    }

    /// The payments that are here: for whoever loads, locks, writes or compares them.
    pub fn payments_here(&self) -> &HashMap<PaymentId, Payment> {
        self.payments.here()
    }

    /// The payment as it is now.
    pub fn know_payment(&mut self, payment: Payment) {
        self.payments.here_mut().insert(payment.payment_id.clone(), payment);
    }

    /// Whether some payment has the id. That of another one need not be loaded for it.
    pub fn is_taken(&self, id: &PaymentId) -> bool {
        if self.payments.here().contains_key(id) {
            return true;
        }
        !self.payments.is_asked(id)
            && !self.writing_proves_ids
            && self.all(&self.taken, id, Want::Taken).found().is_some()
    }

    /// Some payment has the id.
    pub fn know_taken(&mut self, id: PaymentId) {
        self.taken.here_mut().insert(id, ());
    }

    /// Whether the payment pays something of the invoice now.
    pub fn pays(&self, payment_id: &PaymentId, invoice_id: &InvoiceId) -> bool {
        if !self.live_pairs.is_asked(payment_id) {
            self.payment(payment_id);
        }
        let pays = self.live_pairs.here().get(payment_id);
        pays.is_some_and(|invoices| invoices.contains(invoice_id))
    }

    /// The payment pays something of the invoice.
    pub fn know_pays(&mut self, payment_id: PaymentId, invoice_id: InvoiceId) {
        self.live_pairs.here_mut().entry(payment_id).or_default().insert(invoice_id);
    }

    pub(super) fn pays_no_more(&mut self, payment_id: &PaymentId, invoice_id: &InvoiceId) {
        if let Some(invoices) = self.live_pairs.here_mut().get_mut(payment_id) {
            invoices.remove(invoice_id);
        }
    }

    /// Of these it is known what they pay, and perhaps no more.
    pub fn ask_what_they_pay(&mut self, ids: impl IntoIterator<Item = PaymentId>) {
        ids.into_iter().for_each(|id| self.live_pairs.ask(id));
    }

    /// The invoices that persons took the payment off; none if there are none.
    pub fn taken_off(&self, id: &PaymentId) -> Option<&BTreeSet<InvoiceId>> {
        self.payment(id);
        self.tombstones.get(id)
    }

    /// A person took the payment off the invoice.
    pub fn know_taken_off(&mut self, payment_id: PaymentId, invoice_id: InvoiceId) {
        self.tombstones.entry(payment_id).or_default().insert(invoice_id);
    }

    pub(super) fn payment_mut(&mut self, id: &PaymentId) -> Result<&mut Payment, Stop> {
        let missing = Stop::Corrupt("a payment that is not loaded");
        if self.payment(id).is_none() {
            return Err(missing);
        }
        self.payments.here_mut().get_mut(id).ok_or(missing)
    }
}

#[cfg(test)]
mod for_tests {
    use super::*;

    impl WorkingSet {
        pub(crate) fn payments_mut(&mut self) -> &mut HashMap<PaymentId, Payment> {
            self.payments.here_mut()
        }

        pub(crate) fn pairs_here(&self) -> &HashMap<PaymentId, BTreeSet<InvoiceId>> {
            self.live_pairs.here()
        }

        pub(crate) fn forget_what_it_pays(&mut self, id: &PaymentId) {
            self.live_pairs.here_mut().remove(id);
        }
    }
}

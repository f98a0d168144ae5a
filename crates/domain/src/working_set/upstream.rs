//! Invoices by what texts call them: our reference, their number, and what upstream calls them.

use std::collections::BTreeSet;

use super::WorkingSet;
use crate::ids::InvoiceId;
use crate::invoice::{Invoice, folded_key};
use crate::matching::upstream::UpstreamReference;
use crate::want::Want;

impl WorkingSet {
    /// The invoice that has this reference with check digits.
    pub fn referenced(&self, reference: &str) -> Option<&InvoiceId> {
        self.one(&self.by_reference, reference, Want::Reference)
    }

    /// The invoices that have this folded number.
    pub fn numbered(&self, number: &str) -> Option<&BTreeSet<InvoiceId>> {
        self.all(&self.by_number, number, Want::Number).found()
    }

    /// The invoice to which upstream gave this: that comes with what is found by it, as a reference
    /// or as a number.
    pub fn upstream(&self, key: &str) -> Option<&InvoiceId> {
        let given = self.by_upstream.get(key);
        if given.is_none() && !self.by_reference.is_asked(key) {
            self.numbered(key);
        }
        given
    }

    /// What upstream gave to which invoice, as far as it is here.
    pub fn given_here(&self) -> impl Iterator<Item = (&String, &InvoiceId)> {
        self.by_upstream.iter()
    }

    /// An invoice is here, and is found by its reference and its number.
    pub fn know_invoice(&mut self, invoice: Invoice) {
        let id = invoice.invoice_id.clone();
        let reference = invoice.payment_reference.clone();
        self.by_reference.here_mut().insert(reference, id.clone());
        self.by_number.here_mut().entry(folded_key(&id)).or_default().insert(id.clone());
        self.invoices.here_mut().insert(id, invoice);
    }

    pub(super) fn name_all(&mut self, invoice_id: &InvoiceId, references: &[UpstreamReference]) {
        references.iter().for_each(|reference| self.name_invoice(invoice_id, reference));
    }

    /// The invoice is found by that reference: one with check digits as by ours, a plain number as
    /// by its own.
    pub fn name_invoice(&mut self, invoice_id: &InvoiceId, reference: &UpstreamReference) {
        let (key, id) = (reference.key.clone(), invoice_id.clone());
        self.by_upstream.insert(key.clone(), id.clone());
        if reference.scheme.is_some() {
            self.by_reference.here_mut().insert(key, id);
        } else {
            self.by_number.here_mut().entry(key).or_default().insert(id);
        }
    }
}

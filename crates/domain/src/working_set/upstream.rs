//! References that upstream gave invoices.

use super::WorkingSet;
use crate::ids::InvoiceId;
use crate::matching::upstream::UpstreamReference;

impl WorkingSet {
    pub(super) fn name_all(&mut self, invoice_id: &InvoiceId, references: &[UpstreamReference]) {
        references.iter().for_each(|reference| self.name_invoice(invoice_id, reference));
    }

    /// The invoice is found by that reference: one with check digits as by ours, a plain number as
    /// by its own.
    pub fn name_invoice(&mut self, invoice_id: &InvoiceId, reference: &UpstreamReference) {
        let (key, id) = (reference.key.clone(), invoice_id.clone());
        self.by_upstream.insert(key.clone(), id.clone());
        if reference.scheme.is_some() {
            self.by_reference.insert(key, id);
        } else {
            self.by_number.entry(key).or_default().insert(id);
        }
    }
}

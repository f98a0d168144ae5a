//! The lists of invoices, payments and customers, as whoever loads them fills them in.

use super::WorkingSet;
use crate::ids::{AccountId, InvoiceId, PaymentId};
use crate::invoice::{BookEntry, OpenInvoice};
use crate::matching::near::Word;
use crate::money::{Currency, Money};

impl WorkingSet {
    pub fn list_exact(&mut self, account: AccountId, due: (Currency, i64), id: InvoiceId) {
        self.exact.here_mut().entry((account, due.0, due.1)).or_default().push(id);
    }

    pub fn list_oldest(&mut self, open: OpenInvoice) {
        let key = (open.account_id.clone(), open.due.currency());
        self.oldest.here_mut().entry(key).or_default().push(open);
    }

    pub fn list_in_book(&mut self, due: (Currency, i64), entry: BookEntry) {
        self.book.here_mut().entry(due).or_default().push(entry);
    }

    pub fn list_near(&mut self, word: &Word, entry: &BookEntry) {
        let found = self.near.here_mut().entry(word.clone()).or_default();
        if !found.contains(entry) {
            found.push(entry.clone());
        }
    }

    pub fn list_namesake(&mut self, name: String, account: AccountId) {
        self.namesakes.here_mut().entry(name).or_default().push(account);
    }

    pub fn list_held(&mut self, account: AccountId, payment: PaymentId, left: Money) {
        let key = (account, left.currency());
        self.held_payments.here_mut().entry(key).or_default().push((payment, left));
    }

    /// The invoices of the lists that may decide: these must be here in full.
    pub fn listed_in_full(&self) -> impl Iterator<Item = &InvoiceId> {
        // Numbers that are one mistake away may decide between equal invoices.
        let numbers = self.near.here().iter().filter(|(word, _)| word.is_mistyped_number());
        let near = numbers.flat_map(|(_, entries)| entries).map(|entry| &entry.invoice_id);
        self.exact.here().values().flatten().chain(near)
    }
}

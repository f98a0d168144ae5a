//! What words with one mistake in them may mean.

use super::{BOOK_COUNT_MAX, BOOK_OLDEST_MAX, EXACT_MIN, WorkingSet};
use crate::ids::{AccountId, InvoiceId};
use crate::invoice::{BookEntry, OpenInvoice, folded_key};
use crate::matching::fold;
use crate::matching::near::{Word, like_reference};
use crate::money::Money;
use crate::want::Want;
use crate::working_set::known::Answer;
use crate::working_set::miss::Stop;

impl WorkingSet {
    /// Payable invoices that `word` may have meant, in any currency, by their ids.
    ///
    /// Nothing is found, and a miss is noted, when they were not loaded.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when an amount contradicts its row.
    pub fn near(&self, word: &Word) -> Result<Vec<BookEntry>, Stop> {
        let listed = self.all(&self.near, word, Want::Near).found().map(Vec::as_slice);
        let listed = listed.unwrap_or_default();
        let mut entries = listed.to_vec();
        entries.retain(|entry| !self.invoices.here().contains_key(&entry.invoice_id));
        // What is loaded may have changed in this batch, or be new. Of an invoice that was listed
        // not all references are here: it is near all the same.
        let listed = listed.iter().map(|entry| &entry.invoice_id);
        for id in self.ids_near(word).into_iter().chain(listed) {
            if let Some(invoice) = self.invoices.here().get(id) {
                entries.extend(OpenInvoice::of(invoice)?.map(|open| open.entry()));
            }
        }
        entries.sort_by(|left, right| left.invoice_id.cmp(&right.invoice_id));
        entries.dedup_by(|left, right| left.invoice_id == right.invoice_id);
        Ok(entries)
    }

    fn ids_near(&self, word: &Word) -> Vec<&InvoiceId> {
        let variants = word.variants();
        if let Word::Digits(digits) = word {
            let alike = |key: &String| key.ends_with(digits) && fold::digits(key) == digits;
            let found = self.by_number.here().iter().filter(|(key, _)| alike(key));
            let own = |key: &String, id: &InvoiceId| folded_key(id) == *key;
            let ids = found.flat_map(|(key, ids)| ids.iter().filter(move |id| own(key, id)));
            return ids.collect();
        }
        let of = |variant: &String| {
            let numbers = self.by_number.here().get(variant).into_iter().flatten();
            self.by_reference.here().get(variant).into_iter().chain(numbers).collect::<Vec<_>>()
        };
        variants.iter().flat_map(of).collect()
    }

    /// The same, but only those with exactly `due` due. Where few invoices have that, they are
    /// compared with the word here: its neighbours are many, and looked up one by one. Digits
    /// without their letters are compared with few invoices only, and never looked up.
    ///
    /// # Errors
    /// As [`Self::near`].
    pub fn near_with(&self, word: &Word, due: Money) -> Result<Vec<BookEntry>, Stop> {
        let entries = self.book(due)?;
        if word.is_slip() {
            let few = entries.len() < BOOK_COUNT_MAX;
            return Ok(if few { meant(word, entries) } else { Vec::new() });
        }
        let few = match self.listed_in_book(due)? {
            Answer::There(list) => list.len() < BOOK_COUNT_MAX,
            Answer::NotThere => true,
            // Nothing is known of the amount yet: that may spare the word.
            Answer::NotLoaded => return Ok(Vec::new()),
        };
        if few && entries.len() < BOOK_COUNT_MAX && !may_be_reference(word) {
            return Ok(meant(word, entries));
        }
        let mut found = self.near(word)?;
        found.retain(|entry| entry.amount_due == due);
        Ok(found)
    }

    /// The same, but only those of one customer in the currency of `free`.
    ///
    /// # Errors
    /// As [`Self::near`].
    pub fn near_of(
        &self,
        word: &Word,
        account: &AccountId,
        free: Money,
    ) -> Result<Vec<BookEntry>, Stop> {
        let currency = free.currency();
        let entries = self.oldest(account, currency)?;
        if word.is_slip() {
            // Of more equal invoices not all are here in full.
            let equal = entries.iter().filter(|entry| entry.due == free).count();
            let few = entries.len() < BOOK_OLDEST_MAX && equal <= EXACT_MIN;
            let entries = entries.iter().map(OpenInvoice::entry);
            return Ok(if few { meant(word, entries) } else { Vec::new() });
        }
        let few = match self.listed_oldest(account, currency) {
            Answer::There(list) => list.len() < BOOK_OLDEST_MAX,
            Answer::NotThere => true,
            Answer::NotLoaded => return Ok(Vec::new()),
        };
        if few && entries.len() < BOOK_OLDEST_MAX && !may_be_reference(word) {
            let found = meant(word, entries.iter().map(OpenInvoice::entry));
            // What fits may decide, and must be here in full for that.
            let fits = |entry: &&BookEntry| entry.amount_due == free;
            if found.iter().filter(fits).all(|e| self.invoices.here().contains_key(&e.invoice_id)) {
                return Ok(found);
            }
        }
        let mut found = self.near(word)?;
        let own = |entry: &BookEntry| {
            entry.account_id == *account && entry.amount_due.currency() == currency
        };
        found.retain(own);
        Ok(found)
    }
}

/// Of these invoices those whose number is a neighbour of the word, by their ids as everywhere.
fn meant(word: &Word, entries: impl IntoIterator<Item = BookEntry>) -> Vec<BookEntry> {
    let variants = word.variants();
    let near = |entry: &BookEntry| {
        let key = folded_key(&entry.invoice_id);
        variants.contains(if word.is_slip() { fold::digits(&key) } else { key.as_str() })
    };
    let mut found: Vec<BookEntry> = entries.into_iter().filter(near).collect();
    found.sort_by(|left, right| left.invoice_id.cmp(&right.invoice_id));
    found
}

/// Whether one of its neighbours is like a reference of ours, which only its invoice tells.
fn may_be_reference(word: &Word) -> bool {
    word.is_long() && word.variants().iter().any(|variant| like_reference(variant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    /// The oldest come by their due dates; what is near comes by its id, however it was read.
    #[test]
    fn what_is_read_is_in_the_order_of_ids() {
        let currency = Currency::parse("SGD").unwrap();
        let entry = |id: &str| BookEntry {
            invoice_id: InvoiceId::parse(id).unwrap(),
            account_id: AccountId::parse("acme").unwrap(),
            amount_due: Money::parse("5.00", currency).unwrap(),
        };
        let word = Word::Mistyped("INV1008".to_owned());
        let oldest = ["INV-1002", "INV-1000", "INV-2000"].map(entry);
        assert_eq!(meant(&word, oldest), ["INV-1000", "INV-1002"].map(entry));
    }
}

//! Bank records that the batch knows or brings.

use crate::effect::{BankDisposition, BankRecord};
use crate::ids::{BankKey, ContentHash, PaymentId};
use crate::want::Want;
use crate::working_set::terms::Terms;
use crate::working_set::{StoredBankTransaction, WorkingSet};

impl WorkingSet {
    /// What the bank's record of this key became.
    pub fn bank(&self, key: &BankKey) -> Option<&StoredBankTransaction> {
        let here = self.bank.here().get(key);
        match split(&key.key).filter(|_| here.is_none()) {
            // Of equal records the last is asked for, and none comes after it.
            Some((print, _)) => {
                self.last_equal(&key.bank_account, print);
                None
            }
            None => self.one(&self.bank, key, Want::Bank),
        }
    }

    /// The ordinal of the last of the bank's equal records without an id: each is a payment,
    /// however many come. `print` is what their keys begin with; 0 if there is none.
    pub fn last_equal(&self, bank_account: &str, print: &str) -> u32 {
        let key = (bank_account.to_owned(), print.to_owned());
        let want = |(bank_account, print)| Want::LastEqual(bank_account, print);
        self.all(&self.equal, &key, want).found().copied().unwrap_or_default()
    }

    /// What is here of the bank's records: for whoever loads, writes or compares them.
    pub fn bank_here(&self) -> &foldhash::HashMap<BankKey, StoredBankTransaction> {
        self.bank.here()
    }

    /// Takes note of a record of the bank that was recorded before.
    pub fn know_bank(
        &mut self,
        key: BankKey,
        content_hash: ContentHash,
        disposition: BankDisposition,
        payment_id: Option<PaymentId>,
        terms: Terms,
    ) {
        if let Some((print, ordinal)) = split(&key.key) {
            let print = (key.bank_account.clone(), print.to_owned());
            let last = self.equal.here_mut().entry(print).or_default();
            *last = ordinal.max(*last);
        }
        let stored = StoredBankTransaction { content_hash, disposition, payment_id, terms };
        self.bank.here_mut().insert(key, stored);
    }
}

/// The print with its separator, and the ordinal; none for a key of another kind.
pub(super) fn split(key: &str) -> Option<(&str, u32)> {
    let at = key.starts_with("print:").then(|| key.rfind(':')).flatten()?;
    let (print, ordinal) = key.split_at_checked(at.checked_add(1)?)?;
    Some((print, ordinal.parse().ok()?))
}

impl WorkingSet {
    pub(super) fn apply_bank_record(&mut self, record: &BankRecord) {
        // One that takes the place of its own pending record was announced by that.
        let fresh = !self.bank.here().contains_key(&record.key);
        let payment_id = record.payment_id.clone();
        let (hash, terms) = (record.content_hash, Terms::of(&record.transaction));
        self.know_bank(record.key.clone(), hash, record.disposition, payment_id, terms);
        self.pending.record(record);
        if fresh && (self.complete || self.pending.looks_back) {
            self.pending.booked(record);
        }
        self.lookalikes.record_with_id(record);
        self.told_steps.record(record);
        if let Some(payment_id) = &record.payment_id {
            self.know_watched(payment_id.clone(), record.clone());
        }
        self.index_return(record);
    }

    pub(super) fn apply_superseded(&mut self, pending: &BankKey, by: &BankKey) {
        self.pending.superseded(pending, by);
        if let Some(stored) = self.bank.here_mut().get_mut(pending) {
            stored.disposition = BankDisposition::Superseded;
        }
    }
}

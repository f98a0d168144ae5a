//! Bank records that the batch knows or brings.

use crate::effect::{BankDisposition, BankRecord};
use crate::ids::{BankKey, ContentHash, PaymentId};
use crate::working_set::terms::Terms;
use crate::working_set::{StoredBankTransaction, WorkingSet};

impl WorkingSet {
    /// Takes note of a record of the bank that was recorded before.
    pub fn know_bank(
        &mut self,
        key: BankKey,
        content_hash: ContentHash,
        disposition: BankDisposition,
        payment_id: Option<PaymentId>,
        terms: Terms,
    ) {
        self.equal_rows.note(&key);
        let stored = StoredBankTransaction { content_hash, disposition, payment_id, terms };
        self.bank.insert(key, stored);
    }
}

impl WorkingSet {
    pub(super) fn apply_bank_record(&mut self, record: &BankRecord) {
        // One that takes the place of its own pending record was announced by that.
        let fresh = !self.bank.contains_key(&record.key);
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
            self.watched.insert(payment_id.clone(), record.clone());
        }
        self.index_return(record);
    }

    pub(super) fn apply_superseded(&mut self, pending: &BankKey, by: &BankKey) {
        self.pending.superseded(pending, by);
        if let Some(stored) = self.bank.get_mut(pending) {
            stored.disposition = BankDisposition::Superseded;
        }
    }
}

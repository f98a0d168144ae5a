//! Bank records that announce money: what is booked later under another id takes their place.

use std::collections::{BTreeMap, HashMap};

use crate::domain::bank::{BankTransaction, EntryStatus};
use crate::domain::effect::{BankDisposition, BankKey, BankRecord};
use crate::domain::matching::text;
use crate::domain::money::Money;
use crate::domain::working_set::{StoredBankTransaction, WorkingSet};

/// Pending records by their amount.
#[derive(Debug, Clone, Default)]
pub struct Pending(HashMap<Money, BTreeMap<BankKey, BankTransaction>>);

impl Pending {
    /// Takes a record as it stands now; only one that still announces money is kept.
    pub fn record(&mut self, record: &BankRecord) {
        self.remove(&record.key);
        let bank = &record.transaction;
        if bank.status == EntryStatus::Pending && record.disposition == BankDisposition::NotBooked {
            let group = self.0.entry(bank.amount).or_default();
            group.insert(record.key.clone(), bank.clone());
        }
    }

    pub fn remove(&mut self, key: &BankKey) {
        self.0.retain(|_, group| {
            group.remove(key);
            !group.is_empty()
        });
    }

    /// The record that announced `booked`. Of several that nobody could tell apart it is the first
    /// by key; if they differ in what they say, it is none.
    #[must_use]
    pub fn announced(&self, booked: &BankTransaction) -> Option<&BankKey> {
        let group = self.0.get(&booked.amount)?;
        let mut same = group.iter().filter(|(_, pending)| is_same(pending, booked));
        let (key, first) = same.next()?;
        let alike = |other: &BankTransaction| {
            other.debtor_account == first.debtor_account
                && other.end_to_end_id == first.end_to_end_id
                && words(other) == words(first)
        };
        same.all(|(_, other)| alike(other)).then_some(key)
    }
}

impl WorkingSet {
    pub(super) fn apply_bank_record(&mut self, record: &BankRecord) {
        let stored = StoredBankTransaction {
            content_hash: record.content_hash,
            disposition: record.disposition,
        };
        self.bank.insert(record.key.clone(), stored);
        self.pending.record(record);
        if let Some(payment_id) = &record.payment_id {
            self.watched.insert(payment_id.clone(), record.clone());
        }
        self.index_return(record);
    }

    pub(super) fn apply_superseded(&mut self, pending: &BankKey) {
        self.pending.remove(pending);
        if let Some(stored) = self.bank.get_mut(pending) {
            stored.disposition = BankDisposition::Superseded;
        }
    }
}

/// Whether both speak of one transfer: the same bank account, direction and amount, and the same
/// end-to-end id; where one of them has none, the same payer's account and the same names of
/// invoices in the text. Dates may differ: that is what booking changes.
fn is_same(pending: &BankTransaction, booked: &BankTransaction) -> bool {
    let plain = |bank: &BankTransaction| (bank.credit_debit, bank.reversal, bank.amount);
    if pending.bank_account != booked.bank_account || plain(pending) != plain(booked) {
        return false;
    }
    match (end_to_end(pending), end_to_end(booked)) {
        (Some(announced), Some(given)) => announced == given,
        (None, _) | (_, None) => {
            pending.debtor_account.is_some()
                && pending.debtor_account == booked.debtor_account
                && words(pending) == words(booked)
        }
    }
}

/// The end-to-end id, unless it says that there is none.
#[must_use]
pub fn end_to_end(bank: &BankTransaction) -> Option<&str> {
    bank.end_to_end_id.as_deref().filter(|id| text::payer_account(id).is_some())
}

fn words(bank: &BankTransaction) -> (Vec<String>, Vec<String>) {
    let tokens = text::tokens(bank);
    let references = tokens.references.iter().map(|(reference, _)| reference.clone()).collect();
    (references, tokens.all_numbers().cloned().collect())
}

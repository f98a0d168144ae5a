//! The payments that a return may mean.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::ids::PaymentId;
use crate::matching::weak::payer_account;
use crate::reversal::OriginalKey;

/// Of payments that have one thing in common, which a return says, so many are read. Where there
/// are more, that alone tells none of them from the others.
pub const ORIGINALS_MAX: usize = 64;

/// The payments that returns may mean, by what returns say of them.
#[derive(Debug, Clone, Default)]
pub struct Originals {
    by_key: HashMap<OriginalKey, BTreeSet<PaymentId>>,
    /// Their payers, as keys, where the bank says who paid.
    payers: HashMap<PaymentId, String>,
    /// What more payments have in common than were read.
    common: HashSet<OriginalKey>,
    /// Payments that may be one transfer, told twice.
    told_twice: HashMap<PaymentId, BTreeSet<PaymentId>>,
}

impl Originals {
    /// A return that says this may mean the payment.
    pub fn add(&mut self, key: OriginalKey, payment_id: &PaymentId) {
        self.by_key.entry(key).or_default().insert(payment_id.clone());
    }

    /// Who paid, as the bank wrote it.
    pub fn add_payer(&mut self, payment_id: &PaymentId, written: Option<&str>) {
        let payer = written.and_then(payer_account);
        self.payers.extend(payer.map(|payer| (payment_id.clone(), payer)));
    }

    /// More payments have this in common than were read.
    pub fn note_common(&mut self, key: OriginalKey) {
        self.common.insert(key);
    }

    pub fn get(&self, key: &OriginalKey) -> Option<&BTreeSet<PaymentId>> {
        self.by_key.get(key)
    }

    /// Whether all payments that have this in common were read.
    pub fn has_all(&self, key: &OriginalKey) -> bool {
        !self.common.contains(key)
    }

    /// Both may be one transfer.
    pub fn add_told_twice(&mut self, one: &PaymentId, other: &PaymentId) {
        for (one, other) in [(one, other), (other, one)] {
            self.told_twice.entry(one.clone()).or_default().insert(other.clone());
        }
    }

    /// The payments that may be the same transfer.
    pub fn told_twice(&self, payment_id: &PaymentId) -> impl Iterator<Item = &PaymentId> {
        self.told_twice.get(payment_id).into_iter().flatten()
    }

    /// What no row of a payment says, as the other has it.
    #[cfg(test)]
    pub fn told_as(&mut self, other: &Self) {
        self.told_twice.clone_from(&other.told_twice);
        let undone =
            other.by_key.iter().filter(|(key, _)| matches!(key, OriginalKey::Undone { .. }));
        self.by_key.extend(undone.map(|(key, payments)| (key.clone(), payments.clone())));
    }

    pub fn payer_of(&self, payment_id: &PaymentId) -> Option<&String> {
        self.payers.get(payment_id)
    }
}

//! The payments that a return may mean, and what was returned before.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashSet};

use super::WorkingSet;
use crate::effect::BankRecord;
use crate::ids::{BankKey, PaymentId, ReturnId};
use crate::matching::weak::payer_account;
use crate::reversal::{AppliedReturn, OriginalKey};
use crate::shared::Shared;
use crate::want::Want;
use crate::working_set::known::{Answer, Known};

/// Of payments that have one thing in common, which a return says, so many are read. Where there
/// are more, that alone tells none of them from the others.
pub const ORIGINALS_MAX: usize = 64;

/// The payments that returns may mean, by what returns say of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Originals {
    by_key: Shared<Known<OriginalKey, BTreeSet<PaymentId>>>,
    /// Their payers, as keys, where the bank says who paid: they come with what is found by a key.
    payers: Shared<HashMap<PaymentId, String>>,
    /// What more payments have in common than were read.
    common: Shared<HashSet<OriginalKey>>,
    /// Payments that may be one transfer, told twice.
    told_twice: Shared<Known<PaymentId, BTreeSet<PaymentId>>>,
}

/// Returns that were applied, and what they were asked for by.
#[derive(Debug, Clone, Default)]
pub(super) struct Returns {
    pub(super) all: BTreeMap<ReturnId, AppliedReturn>,
    named: Shared<Known<(String, String), ()>>,
    of_payments: Shared<Known<PaymentId, ()>>,
}

impl Originals {
    pub(super) fn ask(&mut self, key: OriginalKey) {
        self.by_key.ask(key);
    }

    pub(super) fn ask_told_twice(&mut self, id: PaymentId) {
        self.told_twice.ask(id);
    }
}

impl Returns {
    pub(super) fn ask_named(&mut self, bank_account: String, id: String) {
        self.named.ask((bank_account, id));
    }

    pub(super) fn ask_of(&mut self, id: PaymentId) {
        self.of_payments.ask(id);
    }
}

impl WorkingSet {
    /// The payments that a return means which says this.
    pub fn originals(&self, key: &OriginalKey) -> Option<&BTreeSet<PaymentId>> {
        self.all(&self.originals.by_key, key, Want::Original).found()
    }

    /// Whether these are to be loaded first; then that is noted.
    pub(crate) fn lacks_originals(&self, key: &OriginalKey) -> bool {
        matches!(self.all(&self.originals.by_key, key, Want::Original), Answer::NotLoaded)
    }

    /// A return that says this may mean the payment.
    pub fn know_original(&mut self, key: OriginalKey, payment_id: &PaymentId) {
        let payments = self.originals.by_key.here_mut().entry(key).or_default();
        payments.insert(payment_id.clone());
    }

    /// Who paid, as the bank wrote it.
    pub fn know_payer(&mut self, payment_id: &PaymentId, written: Option<&str>) {
        if let Some(payer) = written.and_then(payer_account) {
            self.originals.payers.insert(payment_id.clone(), payer);
        }
    }

    /// Who paid what a return was found to mean.
    pub fn original_payer(&self, payment_id: &PaymentId) -> Option<&String> {
        self.originals.payers.get(payment_id)
    }

    /// More payments have this in common than were read.
    pub fn know_common(&mut self, key: OriginalKey) {
        self.originals.common.insert(key);
    }

    /// Whether all payments that have this in common were read.
    pub fn has_all_originals(&self, key: &OriginalKey) -> bool {
        !self.originals.common.contains(key)
    }

    /// Both may be one transfer.
    pub fn know_told_twice(&mut self, one: &PaymentId, other: &PaymentId) {
        let told_twice = self.originals.told_twice.here_mut();
        for (one, other) in [(one, other), (other, one)] {
            told_twice.entry(one.clone()).or_default().insert(other.clone());
        }
    }

    /// The payments that may be the same transfer.
    pub fn told_twice(&self, id: &PaymentId) -> impl Iterator<Item = &PaymentId> {
        let all = self.all(&self.originals.told_twice, id, Want::ToldTwice);
        all.found().into_iter().flatten()
    }

    /// Returns, among them those that the bank's id may name.
    pub fn returns_named(
        &self,
        bank_account: &str,
        id: &str,
    ) -> impl Iterator<Item = &AppliedReturn> + Clone {
        let key = (bank_account.to_owned(), id.to_owned());
        self.all(&self.returns.named, &key, |(own, id)| Want::Returned(own, id));
        self.returns_here()
    }

    /// Returns, among them those of these payments and of their parts.
    pub fn returns_of<'a>(
        &self,
        payments: impl IntoIterator<Item = &'a PaymentId>,
    ) -> impl Iterator<Item = &AppliedReturn> {
        for payment_id in payments {
            self.all(&self.returns.of_payments, payment_id, Want::ReturnsOf);
        }
        self.returns_here()
    }

    /// The returns that are here.
    pub fn returns_here(&self) -> impl Iterator<Item = &AppliedReturn> + Clone {
        self.returns.all.values()
    }

    /// The return as it is now.
    pub fn know_return(&mut self, known: AppliedReturn) {
        self.returns.all.insert(known.id, known);
    }

    pub fn return_mut(&mut self, id: ReturnId) -> Option<&mut AppliedReturn> {
        self.returns.all.get_mut(&id)
    }

    /// A return that waits.
    pub fn parked_return(&self, key: &BankKey) -> Option<&BankRecord> {
        self.all(&self.parked_returns, key, Want::Parked).found()
    }

    /// The returns that wait and are here.
    pub fn parked_here(&self) -> &HashMap<BankKey, BankRecord> {
        self.parked_returns.here()
    }

    /// The return waits.
    pub fn know_parked(&mut self, record: BankRecord) {
        self.parked_returns.here_mut().insert(record.key.clone(), record);
    }
}

//! Remittance advices that a batch may use.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Days, Utc};

use crate::advice::{Advice, AdviceEnd, AdviceKey, AdviceState, DAYS_DEFAULT, Marks};
use crate::bank::BankTransaction;
use crate::ids::{BankAccountId, PaymentId};
use crate::money::Money;

/// Advices by their key, their amount, and the payment that they belong to.
#[derive(Debug, Clone)]
pub struct Advices {
    all: BTreeMap<AdviceKey, Advice>,
    by_amount: HashMap<(BankAccountId, Money), BTreeSet<AdviceKey>>,
    bound: HashMap<PaymentId, AdviceKey>,
    /// How many days an advice waits for its payment.
    pub days: u16,
}

impl Default for Advices {
    fn default() -> Self {
        let (all, by_amount, bound) = (BTreeMap::new(), HashMap::new(), HashMap::new());
        Self { all, by_amount, bound, days: DAYS_DEFAULT }
    }
}

impl Advices {
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn get(&self, key: &AdviceKey) -> Option<&Advice> {
        self.all.get(key)
    }

    /// All of them, in the order of their keys.
    pub fn all(&self) -> impl Iterator<Item = &Advice> {
        self.all.values()
    }

    /// When an advice that comes at `at` counts no more.
    pub fn expiry(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at.checked_add_days(Days::new(u64::from(self.days))).unwrap_or(at)
    }

    pub fn insert(&mut self, advice: Advice) {
        let key = advice.told.key.clone();
        let place = (key.bank_account.clone(), advice.told.amount);
        self.by_amount.entry(place).or_default().insert(key.clone());
        if let Some(payment_id) = &advice.used_by {
            self.bound.insert(payment_id.clone(), key.clone());
        }
        self.all.insert(key, advice);
    }

    /// The advice belongs to that payment; without one a person decides.
    pub(super) fn settle(&mut self, key: &AdviceKey, used_by: Option<&PaymentId>) {
        let Some(advice) = self.all.get_mut(key) else { return };
        advice.used_by = used_by.cloned();
        advice.state = match used_by {
            Some(payment_id) => {
                self.bound.insert(payment_id.clone(), key.clone());
                AdviceState::Used
            }
            None => AdviceState::Ambiguous,
        };
    }

    /// The advice is of no use any more.
    pub(super) fn end(&mut self, key: &AdviceKey, end: &AdviceEnd) {
        let Some(advice) = self.all.get_mut(key) else { return };
        advice.state = AdviceState::Ended;
        advice.end = Some(end.clone());
    }

    /// Those that say the same and came before it, the newest last: of the same bank account, used
    /// or waiting.
    pub fn twins_of(&self, advice: &Advice) -> Vec<&Advice> {
        let place = (advice.told.key.bank_account.clone(), advice.told.amount);
        let keys = self.by_amount.get(&place).into_iter().flatten();
        let words = advice.told.words();
        let mut twins: Vec<&Advice> = keys
            .filter_map(|key| self.all.get(key))
            .filter(|other| {
                other.told.key != advice.told.key
                    && (other.state == AdviceState::Used || other.is_live(advice.received_at))
                    && other.told.words() == words
            })
            .collect();
        twins.sort_by_key(|twin| twin.received_at);
        twins
    }

    /// The advice that belongs to the payment.
    pub fn of_payment(&self, payment_id: &PaymentId) -> Option<&Advice> {
        self.all.get(self.bound.get(payment_id)?)
    }

    /// The advices that may be about the payment and belong to none, in the order of their keys.
    pub fn fitting(&self, bank: &BankTransaction, at: DateTime<Utc>) -> Vec<&Advice> {
        let place = (bank.bank_account.clone(), bank.amount);
        let Some(keys) = self.by_amount.get(&place) else { return Vec::new() };
        let live: Vec<&Advice> = keys
            .iter()
            .filter_map(|key| self.all.get(key))
            .filter(|advice| advice.is_live(at))
            .collect();
        if live.is_empty() {
            return live;
        }
        let marks = Marks::of(bank);
        live.into_iter().filter(|advice| advice.is_about(&marks)).collect()
    }
}

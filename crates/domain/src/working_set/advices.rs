//! Remittance advices that a batch may use.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, Utc};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use super::WorkingSet;
use super::known::{Answer, Known};
use crate::advice::{
    Advice, AdviceEnd, AdviceKey, AdviceState, AdvisedMoney, DAYS_DEFAULT, Marks, RemittanceAdvice,
};
use crate::bank::{BankTransaction, Direction};
use crate::effect::BankRecord;
use crate::ids::{BankAccountId, PaymentId};
use crate::money::{Currency, Money};
use crate::shared::Shared;
use crate::want::Want;

/// What advices are looked for by when a payment is decided.
type Fit = (BankAccountId, Currency, i64, Marks);

/// Advices by their key, their amount, and the payment that they belong to.
#[derive(Debug, Clone)]
pub struct Advices {
    pub(super) all: Known<AdviceKey, Advice>,
    by_amount: HashMap<(BankAccountId, Money), BTreeSet<AdviceKey>>,
    pub(super) bound: Known<PaymentId, AdviceKey>,
    /// Of these two only what was asked for: what was found is in `by_amount`.
    pub(super) fitting: Known<Fit, ()>,
    pub(super) twins: Known<(BankAccountId, String), ()>,
    /// The same of money that came before its advice: what was found is in the watched payments.
    pub(super) money: Known<AdvisedMoney, ()>,
    /// Bank accounts where none waits: nothing more is asked of them.
    quiet: Shared<HashSet<BankAccountId>>,
    /// How many days an advice waits for its payment.
    pub days: u16,
}

impl Default for Advices {
    fn default() -> Self {
        Self {
            all: Known::default(),
            by_amount: HashMap::new(),
            bound: Known::default(),
            fitting: Known::default(),
            twins: Known::default(),
            money: Known::default(),
            quiet: HashSet::new().into(),
            days: DAYS_DEFAULT,
        }
    }
}

impl Advices {
    /// The advices that are here, in no order: for whoever writes or compares them.
    pub fn here(&self) -> &HashMap<AdviceKey, Advice> {
        self.all.here()
    }

    /// No advice waits at this bank account, and none begins to wait beside the batch.
    pub fn know_quiet(&mut self, bank_account: BankAccountId) {
        self.quiet.insert(bank_account);
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
            self.bound.here_mut().insert(payment_id.clone(), key.clone());
        }
        self.all.here_mut().insert(key, advice);
    }

    /// The advice belongs to that payment; without one a person decides.
    pub(super) fn settle(&mut self, key: &AdviceKey, used_by: Option<&PaymentId>) {
        let Some(advice) = self.all.here_mut().get_mut(key) else { return };
        advice.used_by = used_by.cloned();
        advice.state = match used_by {
            Some(payment_id) => {
                self.bound.here_mut().insert(payment_id.clone(), key.clone());
                AdviceState::Used
            }
            None => AdviceState::Ambiguous,
        };
    }

    /// The advice is of no use any more.
    pub(super) fn end(&mut self, key: &AdviceKey, end: &AdviceEnd) {
        let Some(advice) = self.all.here_mut().get_mut(key) else { return };
        advice.state = AdviceState::Ended;
        advice.end = Some(end.clone());
    }

    fn of_amount(&self, bank_account: &BankAccountId, amount: Money) -> Vec<&Advice> {
        let keys = self.by_amount.get(&(bank_account.clone(), amount)).into_iter().flatten();
        keys.filter_map(|key| self.all.here().get(key)).collect()
    }
}

impl WorkingSet {
    pub fn advice(&self, key: &AdviceKey) -> Option<&Advice> {
        self.one(&self.advices.all, key, Want::Advice)
    }

    /// The advice that belongs to the payment.
    pub fn advice_of(&self, payment_id: &PaymentId) -> Option<&Advice> {
        let key = self.of_payment(&self.advices.bound, payment_id, Want::AdviceOf)?;
        self.advices.all.here().get(key)
    }

    /// The payments of the advice's amount in its bank account: those that it may be about are
    /// among them.
    pub fn money_of(&self, told: &RemittanceAdvice) -> Vec<(&PaymentId, &BankRecord)> {
        let Some(money) = told.money() else { return Vec::new() };
        if let Answer::NotLoaded = self.all(&self.advices.money, &money, Want::Advised) {
            return Vec::new();
        }
        let is_such = |bank: &BankTransaction| {
            bank.bank_account == told.key.bank_account
                && bank.amount == told.amount
                && bank.direction() == Direction::Payment
        };
        self.watched_here().iter().filter(|(_, record)| is_such(&record.transaction)).collect()
    }

    /// Those that say the same and came before it, the newest last: of the same bank account, used
    /// or waiting.
    pub fn twins_of(&self, advice: &Advice) -> Vec<&Advice> {
        let place = &advice.told.key.bank_account;
        let key = (place.clone(), advice.told.words());
        let asked = self.all(&self.advices.twins, &key, |(place, words)| Want::Twins(place, words));
        if let Answer::NotLoaded = asked {
            return Vec::new();
        }
        let mut twins = self.advices.of_amount(place, advice.told.amount);
        twins.retain(|other| {
            other.told.key != advice.told.key
                && (other.state == AdviceState::Used || other.is_live(advice.received_at))
                && other.told.words() == key.1
        });
        twins.sort_by_key(|twin| twin.received_at);
        twins
    }

    /// The advices that may be about the payment and belong to none, in the order of their keys.
    pub fn advices_fitting(&self, bank: &BankTransaction, at: DateTime<Utc>) -> Vec<&Advice> {
        let place = &bank.bank_account;
        let mut live = self.advices.of_amount(place, bank.amount);
        live.retain(|advice| advice.is_live(at));
        let known = self.complete || self.advices.quiet.contains(place);
        let Ok(micros) = bank.amount.to_micros() else { return Vec::new() };
        if known && live.is_empty() {
            return live;
        }
        let marks = Marks::of(bank);
        live.retain(|advice| advice.is_about(&marks));
        if !known {
            let fit = (place.clone(), bank.amount.currency(), micros, marks);
            let want =
                |(place, currency, micros, marks)| Want::Fitting(place, currency, micros, marks);
            self.all(&self.advices.fitting, &fit, want);
        }
        live
    }
}

//! Levels of a balance: when it crosses one, down or up, that is told once.
//!
//! Nothing is stored of it. A crossing is what one transaction does to a balance: it lies between
//! the balance before and the balance after, both under the account's lock, and is told by an event
//! of the same transaction. So no replay repeats one and no restart loses one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{Cause, Event, EventKey, Fact};
use super::ids::AccountId;
use super::money::{Currency, Money};
use super::working_set::{Stop, WorkingSet};

/// The levels of each currency, ascending; a currency without any is not watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Levels(BTreeMap<Currency, Vec<Money>>);

impl Levels {
    /// Levels as they are given; those of one currency stand once each.
    #[must_use]
    pub fn new(given: impl IntoIterator<Item = (Currency, Vec<Money>)>) -> Self {
        let mut levels: BTreeMap<Currency, Vec<Money>> = BTreeMap::new();
        for (currency, list) in given {
            let of = levels.entry(currency).or_default();
            of.extend(list);
            of.sort_by_key(|level| level.amount());
            of.dedup();
        }
        Self(levels)
    }

    /// None: nothing is said of this currency.
    #[must_use]
    pub fn of(&self, currency: Currency) -> Option<&[Money]> {
        self.0.get(&currency).map(Vec::as_slice)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Currency, &[Money])> {
        self.0.iter().map(|(currency, levels)| (*currency, levels.as_slice()))
    }
}

/// Which way a balance went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It was at the level or above, and is below it.
    Down,
    /// It was below the level, and is at it or above.
    Up,
}

impl Direction {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

/// A change of a watched balance, in the order of the batch.
#[derive(Debug, Clone)]
pub struct Step {
    pub account_id: AccountId,
    pub delta: Money,
    pub cause: Arc<Cause>,
    /// The account's own levels at that moment; none: everybody's.
    levels: Option<Arc<Levels>>,
}

impl WorkingSet {
    /// The levels of an account: its own, else everybody's.
    fn levels_of(&self, account_id: &AccountId, currency: Currency) -> &[Money] {
        let own = self.accounts.get(account_id).and_then(|account| account.levels.as_ref());
        let own = own.and_then(|levels| levels.of(currency));
        own.or_else(|| self.default_levels.of(currency)).unwrap_or_default()
    }

    /// Notes a change of a balance, if the account has levels in its currency.
    pub(super) fn note_step(&mut self, account_id: &AccountId, delta: Money, cause: &Arc<Cause>) {
        // Of one whose levels change in the batch all is noted: what is before a step is counted
        // back from the end.
        let watched = !self.levels_of(account_id, delta.currency()).is_empty();
        if watched || self.relevelled.contains(account_id) {
            let own = self.accounts.get(account_id).and_then(|account| account.levels.clone());
            let (account_id, cause) = (account_id.clone(), Arc::clone(cause));
            self.steps.push(Step { account_id, delta, cause, levels: own });
        }
    }

    /// Other levels count from now on.
    pub(super) fn set_levels(&mut self, account_id: &AccountId, levels: &Levels) {
        self.relevelled.insert(account_id.clone());
        if let Some(account) = self.accounts.get_mut(account_id) {
            account.levels = Some(Arc::new(levels.clone()));
        }
    }

    /// Tells the levels that the batch crossed, in order. `moved` is by how much balances were
    /// more than the batch had assumed; events and sequences are not moved yet.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when a balance leaves what can be kept.
    pub fn tell_crossings(
        &mut self,
        moved: &std::collections::HashMap<(AccountId, Currency), Money>,
    ) -> Result<(), Stop> {
        let steps = std::mem::take(&mut self.steps);
        self.relevelled.clear();
        let mut balances: BTreeMap<(AccountId, Currency), Money> = BTreeMap::new();
        for step in steps.iter().rev() {
            // Back to what it was before the batch.
            let key = (step.account_id.clone(), step.delta.currency());
            let zero = Money::zero(key.1);
            let end = self.balance(&key.0, key.1).add(*moved.get(&key).unwrap_or(&zero))?;
            let at = balances.entry(key).or_insert(end);
            *at = at.sub(step.delta)?;
        }
        for step in &steps {
            let key = (step.account_id.clone(), step.delta.currency());
            let Some(balance) = balances.get_mut(&key) else { continue };
            let before = *balance;
            *balance = before.add(step.delta)?;
            self.tell_step(step, before, *balance)?;
        }
        Ok(())
    }

    fn tell_step(&mut self, step: &Step, before: Money, after: Money) -> Result<(), Stop> {
        let currency = step.delta.currency();
        let own = step.levels.as_ref().and_then(|levels| levels.of(currency));
        let levels = own.or_else(|| self.default_levels.of(currency)).unwrap_or_default();
        let below = |balance: Money, level: Money| balance.amount() < level.amount();
        let mut crossed: Vec<(Money, Direction)> = Vec::new();
        for level in levels {
            match (below(before, *level), below(after, *level)) {
                (false, true) => crossed.push((*level, Direction::Down)),
                (true, false) => crossed.push((*level, Direction::Up)),
                (true, true) | (false, false) => {}
            }
        }
        if step.delta.is_negative() {
            // On its way down it comes to the highest first.
            crossed.reverse();
        }
        for (level, direction) in crossed {
            let account_id = step.account_id.clone();
            let missing = Stop::Corrupt("an event of an account that is not loaded");
            let account = self.accounts.get_mut(&account_id).ok_or(missing)?;
            account.event_sequence = account.event_sequence.saturating_add(1);
            let sequence = account.event_sequence;
            let key = EventKey::Account(account_id.clone());
            let fact = Fact::BalanceThreshold { account_id, level, balance: after, direction };
            self.events.push(Event { key, sequence, cause: Arc::clone(&step.cause), fact });
        }
        Ok(())
    }
}

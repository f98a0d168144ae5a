//! Which levels the balances of a batch crossed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::{Cause, Direction, EventKey, Fact};
use crate::ids::AccountId;
use crate::money::{Currency, Money};
use crate::threshold::{Levels, Step};
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

impl WorkingSet {
    /// The levels of an account: its own, else everybody's.
    fn levels_of(&self, account_id: &AccountId, currency: Currency) -> &[Money] {
        let own = self.account(account_id).and_then(|account| account.levels.as_ref());
        let own = own.and_then(|levels| levels.of(currency));
        own.or_else(|| self.default_levels.of(currency)).unwrap_or_default()
    }

    /// Notes a change of a balance, if the account has levels in its currency.
    pub(super) fn note_step(&mut self, account_id: &AccountId, delta: Money, cause: &Arc<Cause>) {
        // Of one whose levels change in the batch all is noted: what is before a step is counted
        // back from the end.
        let watched = !self.levels_of(account_id, delta.currency()).is_empty();
        if watched || self.relevelled.contains(account_id) {
            let own = self.account(account_id).and_then(|account| account.levels.clone());
            let (account_id, cause) = (account_id.clone(), Arc::clone(cause));
            self.steps.push(Step { account_id, delta, cause, levels: own });
        }
    }

    /// Other levels count from now on.
    pub(super) fn set_levels(&mut self, account_id: &AccountId, levels: &Levels) {
        self.relevelled.insert(account_id.clone());
        if let Some(account) = self.accounts.here_mut().get_mut(account_id) {
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
        moved: &foldhash::HashMap<(AccountId, Currency), Money>,
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
            let key = EventKey::Account(account_id.clone());
            let fact = Fact::BalanceThreshold { account_id, level, balance: after, direction };
            self.publish(&key, &fact, &step.cause)?;
        }
        Ok(())
    }
}

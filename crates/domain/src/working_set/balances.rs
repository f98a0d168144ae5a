//! What customers have and how far they may go below it, and what they hold set aside.

use super::WorkingSet;
use crate::ids::{AccountId, HoldId, RefundId, UsageId};
use crate::money::{Currency, Money};
use crate::usage::{Charged, Hold, HoldState, Refund};
use crate::want::Want;
use crate::working_set::miss::Stop;

impl WorkingSet {
    /// The balance of an account; zero if nothing was ever posted, or nothing is read of it because
    /// the batch locks last.
    pub fn balance(&self, account_id: &AccountId, currency: Currency) -> Money {
        sum_in(self.all(&self.balances, account_id, Want::Balances).found(), currency)
    }

    /// The balances that are here: for whoever writes or compares them.
    pub fn balances_here(&self) -> impl Iterator<Item = (&AccountId, Money)> {
        let known = self.balances.here().iter();
        known.flat_map(|(account_id, sums)| sums.iter().map(move |sum| (account_id, *sum)))
    }

    /// The balance as it is now.
    pub fn know_balance(&mut self, account_id: &AccountId, balance: Money) {
        let known = self.balances.here_mut();
        match known.get_mut(account_id) {
            Some(sums) => put(sums, balance),
            None => {
                known.insert(account_id.clone(), vec![balance]);
            }
        }
    }

    /// Moves the balance, and returns what it is then.
    pub(super) fn move_balance(
        &mut self,
        account_id: &AccountId,
        delta: Money,
    ) -> Result<Money, Stop> {
        let balance = self.balance(account_id, delta.currency()).add(delta)?;
        self.know_balance(account_id, balance);
        Ok(balance)
    }

    /// How far the account may go below zero.
    pub fn limit(&self, account_id: &AccountId, currency: Currency) -> Money {
        sum_in(self.one(&self.usage.limits, account_id, Want::Limits), currency)
    }

    /// What was charged under this name.
    pub fn charge(&self, key: &(AccountId, UsageId)) -> Option<&Charged> {
        self.one(&self.usage.charges, key, |(account_id, id)| Want::Charge(account_id, id))
    }

    /// What was refunded under this name.
    pub fn refund(&self, key: &(AccountId, RefundId)) -> Option<&Refund> {
        self.one(&self.usage.refunds, key, |(account_id, id)| Want::Refund(account_id, id))
    }

    /// What is or was held under this name.
    pub fn hold(&self, key: &(AccountId, HoldId)) -> Option<&Hold> {
        self.one(&self.usage.holds, key, |(account_id, id)| Want::Hold(account_id, id))
    }

    /// What live holds set aside of the account's money.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] only if a hold contradicts its own constraints.
    pub fn held(&self, account_id: &AccountId, currency: Currency) -> Result<Money, Stop> {
        let others = self.all(&self.usage.others_held, account_id, Want::SetAside).found();
        sum_in(others, currency)
            .add(self.usage.held_here(account_id, currency)?)
            .map_err(Stop::from)
    }
}

impl super::usage::UsageSet {
    pub(super) fn held_here(
        &self,
        account_id: &AccountId,
        currency: Currency,
    ) -> Result<Money, Stop> {
        let own = self.holds.here().values().filter(|hold| hold.account_id == *account_id);
        let mut held = Money::zero(currency);
        for hold in own.filter(|hold| hold.amount.currency() == currency) {
            held = held.add(set_aside(hold)?)?;
        }
        Ok(held)
    }

    /// A hold that was read, unless it is here: that stays. What was counted with the others of its
    /// account counts by itself from now on.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] only if a hold contradicts its own constraints.
    pub fn know_hold(&mut self, hold: Hold) -> Result<(), Stop> {
        let key = (hold.account_id.clone(), hold.hold_id.clone());
        if self.holds.here().contains_key(&key) {
            return Ok(());
        }
        let others = self.others_held.here_mut().get_mut(&hold.account_id);
        let mut others = others.into_iter().flatten();
        if let Some(others) = others.find(|sum| sum.currency() == hold.amount.currency()) {
            *others = others.sub(set_aside(&hold)?)?;
        }
        self.holds.here_mut().insert(key, hold);
        Ok(())
    }

    /// What all live holds of an account set aside in one currency. Those that are here by
    /// themselves are counted by themselves.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] only if the holds contradict their sum.
    pub fn know_set_aside(&mut self, account_id: AccountId, all: Money) -> Result<(), Stop> {
        let others = all.sub(self.held_here(&account_id, all.currency())?)?;
        put(self.others_held.here_mut().entry(account_id).or_default(), others);
        Ok(())
    }
}

/// What the hold takes of its account's money.
fn set_aside(hold: &Hold) -> Result<Money, Stop> {
    match hold.state {
        HoldState::Live => Ok(hold.amount.sub(hold.released)?),
        HoldState::Captured | HoldState::Released | HoldState::Expired => {
            Ok(Money::zero(hold.amount.currency()))
        }
    }
}

/// One sum for each currency.
fn sum_in(sums: Option<&Vec<Money>>, currency: Currency) -> Money {
    let mut sums = sums.into_iter().flatten();
    sums.find(|sum| sum.currency() == currency).copied().unwrap_or_else(|| Money::zero(currency))
}

fn put(sums: &mut Vec<Money>, sum: Money) {
    match sums.iter_mut().find(|known| known.currency() == sum.currency()) {
        Some(known) => *known = sum,
        None => sums.push(sum),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    fn hold(id: &str, amount: &str, released: &str) -> Hold {
        Hold {
            hold_id: HoldId::trusted(id),
            account_id: account("A"),
            amount: money(amount),
            released: money(released),
            state: HoldState::Live,
            placed_at: chrono::DateTime::UNIX_EPOCH,
            told_at: None,
            ended_at: None,
        }
    }

    /// In whatever order holds and their sum are read.
    #[test]
    fn a_hold_counts_once() {
        let (early, late) = (hold("H-1", "5", "2"), hold("H-2", "7", "0"));
        let mut set = WorkingSet::default();
        set.ask([Want::SetAside(account("A"))]);
        set.usage.know_hold(early).expect("kept");
        set.usage.know_set_aside(account("A"), money("20")).expect("more than is here");
        assert_eq!(set.held(&account("A"), currency("SGD")), Ok(money("20")));
        set.usage.know_hold(late.clone()).expect("kept");
        set.usage.know_hold(late).expect("it is here");
        assert_eq!(set.held(&account("A"), currency("SGD")), Ok(money("20")));
        set.usage.set_hold(&Hold { state: HoldState::Released, ..hold("H-2", "7", "7") });
        assert_eq!(set.held(&account("A"), currency("SGD")), Ok(money("13")));
    }
}

//! Levels of a balance: when it crosses one, down or up, that is told once.
//!
//! Nothing is stored of it. A crossing is what one transaction does to a balance: it lies between
//! the balance before and the balance after, both under the account's lock, and is told by an event
//! of the same transaction. So no replay repeats one and no restart loses one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::Cause;
use super::ids::AccountId;
use super::money::{Currency, Money};

/// The levels of each currency, ascending; a currency without any is not watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Levels(BTreeMap<Currency, Vec<Money>>);

impl Levels {
    /// Levels as they are given; those of one currency stand once each.
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
    pub fn of(&self, currency: Currency) -> Option<&[Money]> {
        self.0.get(&currency).map(Vec::as_slice)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Currency, &[Money])> {
        self.0.iter().map(|(currency, levels)| (*currency, levels.as_slice()))
    }
}

/// A change of a watched balance, in the order of the batch.
#[derive(Debug, Clone)]
pub struct Step {
    pub account_id: AccountId,
    pub delta: Money,
    pub cause: Arc<Cause>,
    /// The account's own levels at that moment; none: everybody's.
    pub(crate) levels: Option<Arc<Levels>>,
}

//! Lots are read as far as they are needed: the oldest that are open, and the newest that cleared
//! a debt. Whoever walks beyond what is here notes a miss, and more is loaded.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::usage::UsageSet;
use super::{Miss, WorkingSet};
use crate::ids::{AccountId, AllocationId};
use crate::money::Currency;
use crate::usage::Lot;

/// The order in which lots burn.
pub type LotOrder = (DateTime<Utc>, AllocationId);

/// How far one walk over the lots of an account may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Nothing was loaded.
    #[default]
    Nothing,
    /// All lots of the walk up to this one are here.
    To(LotOrder),
    /// All lots of the walk are here.
    All,
}

/// One of the two walks over the lots of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Walk {
    /// Lots with money, the oldest first.
    Open,
    /// Lots that cleared a debt, the newest first.
    Cleared,
}

/// How far an account's lots are known, and how many were read for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    pub reach: Reach,
    pub read: usize,
}

impl Reached {
    /// Whether a walk may pass this lot without having missed one before it.
    fn passes(self, walk: Walk, lot: &Lot) -> bool {
        match (self.reach, walk) {
            (Reach::Nothing, _) => false,
            (Reach::To(last), Walk::Open) => order(lot) <= last,
            (Reach::To(first), Walk::Cleared) => order(lot) >= first,
            (Reach::All, _) => true,
        }
    }
}

#[must_use]
pub fn order(lot: &Lot) -> LotOrder {
    (lot.opened_at, lot.id)
}

impl UsageSet {
    #[must_use]
    pub fn reached(&self, walk: Walk, account_id: &AccountId, currency: Currency) -> Reached {
        let key = (walk, account_id.clone(), currency);
        self.reached.get(&key).copied().unwrap_or_default()
    }

    /// Keeps the next lots of a walk, in its order; `all` when there are no more behind them.
    pub fn load(
        &mut self,
        walk: Walk,
        account_id: &AccountId,
        currency: Currency,
        page: Vec<Lot>,
        all: bool,
    ) {
        let known = self.reached.entry((walk, account_id.clone(), currency)).or_default();
        known.read = known.read.saturating_add(page.len());
        known.reach = match page.last() {
            _ if all => Reach::All,
            Some(last) => Reach::To(order(last)),
            None => known.reach,
        };
        self.keep(account_id, currency, page);
    }

    /// Keeps lots that were read by their numbers. One that is here already stays as it is.
    pub fn keep(&mut self, account_id: &AccountId, currency: Currency, found: Vec<Lot>) {
        let lots = self.lots.entry((account_id.clone(), currency)).or_default();
        let here: HashSet<AllocationId> = lots.iter().map(|lot| lot.id).collect();
        lots.extend(found.into_iter().filter(|lot| !here.contains(&lot.id)));
        lots.sort_by_key(order);
    }
}

impl WorkingSet {
    /// The lots of an account that may have money, in the order in which they burn. Whoever has
    /// enough asks for no more: that more was not loaded is noted only when it is asked for.
    pub fn burning<'a>(
        &'a self,
        account_id: &'a AccountId,
        currency: Currency,
    ) -> impl Iterator<Item = &'a Lot> {
        let lots = self.usage.lots.get(&(account_id.clone(), currency));
        let mut lots = lots.into_iter().flatten();
        std::iter::from_fn(move || {
            let lot = lots.next();
            self.walked(Walk::Open, account_id, currency, lot)
        })
    }

    /// `lot`, which is the next of a walk as far as it is loaded. None, and a miss is noted, when
    /// there may be one before it that is not here.
    #[must_use]
    pub fn walked<'a>(
        &self,
        walk: Walk,
        account_id: &AccountId,
        currency: Currency,
        lot: Option<&'a Lot>,
    ) -> Option<&'a Lot> {
        let known = self.usage.reached(walk, account_id, currency);
        let passes = lot.map_or(known.reach == Reach::All, |lot| known.passes(walk, lot));
        if passes || self.complete {
            return lot;
        }
        let code = currency.code().to_owned();
        self.misses(Miss::Lots(walk, account_id.clone(), code, known.read));
        None
    }
}

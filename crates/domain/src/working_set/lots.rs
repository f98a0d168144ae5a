//! Lots are read as far as they are needed: the oldest that are open, and the newest that cleared
//! a debt. Whoever walks beyond what is here notes a miss, and more is loaded.

use chrono::{DateTime, Utc};

use crate::ids::AllocationId;
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
    pub(super) fn passes(self, walk: Walk, lot: &Lot) -> bool {
        match (self.reach, walk) {
            (Reach::Nothing, _) => false,
            (Reach::To(last), Walk::Open) => order(lot) <= last,
            (Reach::To(first), Walk::Cleared) => order(lot) >= first,
            (Reach::All, _) => true,
        }
    }
}

pub fn order(lot: &Lot) -> LotOrder {
    (lot.opened_at, lot.id)
}

//! Customers: what is known about one, and what the batch may use of it.

use std::sync::Arc;

use super::ids::AccountId;
use super::threshold::Levels;

/// A customer account as the working set holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub account_id: AccountId,
    /// None while only a record has named it.
    pub name: Option<String>,
    /// Last sequence given to an event of this account.
    pub event_sequence: i64,
    /// Changes whenever something that matching reads of this account does, payments apart.
    pub book_version: i64,
    pub closed: bool,
    /// Where the customer's days begin; none: in UTC.
    pub time_zone: Option<Zone>,
    /// Levels of its balances that were set for this customer; none: everybody's.
    pub levels: Option<Arc<Levels>>,
}

/// A time zone.
pub type Zone = chrono_tz::Tz;

/// A time zone by its IANA name; none for a name that this version does not know.
#[must_use]
pub fn zone(name: &str) -> Option<Zone> {
    name.parse().ok()
}

impl Account {
    #[must_use]
    pub fn named_by_a_record(account_id: AccountId) -> Self {
        Self {
            account_id,
            name: None,
            event_sequence: 0,
            book_version: 0,
            closed: false,
            time_zone: None,
            levels: None,
        }
    }
}

/// How surely a payment is known to come from an account (matching §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Strength {
    /// A payer account that a person confirmed once: it only suggests.
    Weak,
    /// One of the account's verified payer accounts, or one confirmed often enough, and nobody
    /// else's.
    Strong,
    /// A virtual account, or a checked reference that resolves to the account.
    Certain,
}

impl Strength {
    pub const ALL: [Self; 3] = [Self::Weak, Self::Strong, Self::Certain];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Strong => "strong",
            Self::Certain => "certain",
        }
    }

    /// Reads what the database holds.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strength| strength.word() == word)
    }
}

/// Who a payment comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account_id: AccountId,
    pub strength: Strength,
}

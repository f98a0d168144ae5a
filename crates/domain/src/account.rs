//! Customers: what is known about one, and what the batch may use of it.

use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::ids::AccountId;
use super::money::Currency;
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
    /// The first currency that it had a balance in; none while it had no balance.
    pub balance_currency: Option<Currency>,
    pub closed: bool,
    /// Where the customer's days begin; none: in UTC.
    pub time_zone: Option<Zone>,
    /// Levels of its balances that were set for this customer; none: everybody's.
    pub levels: Option<Arc<Levels>>,
}

/// A time zone.
pub type Zone = chrono_tz::Tz;

/// A time zone by its IANA name; none for a name that this version does not know.
pub fn zone(name: &str) -> Option<Zone> {
    name.parse().ok()
}

impl Account {
    pub fn named_by_a_record(account_id: AccountId) -> Self {
        Self {
            account_id,
            name: None,
            event_sequence: 0,
            book_version: 0,
            balance_currency: None,
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

    pub fn word(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Strong => "strong",
            Self::Certain => "certain",
        }
    }

    /// Reads what the database holds.
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

/// So many confirmed payments make a payer's account speak for a customer by itself.
pub const STRONG_FROM: u32 = 2;

/// An alias that was not used for so many days counts no more.
pub const IDLE_DAYS_MAX: u64 = 400;

/// A payer's account and the customer whom it pays for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayerLink {
    /// Normalised: letters and digits, upper case.
    pub payer_account: String,
    pub account_id: AccountId,
}

/// What confirmations say about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    /// Payments that a person gave to the customer since it was last demoted.
    pub confirmations: u32,
    /// The latest day of a payment that made or used it.
    pub last_used_on: NaiveDate,
    /// Set while nothing was confirmed since a decision that used it was taken back.
    pub demoted_at: Option<DateTime<Utc>>,
}

impl Alias {
    /// Whether it counts for a payment of that day.
    pub fn counts_on(&self, day: NaiveDate) -> bool {
        let last = self.last_used_on.checked_add_days(Days::new(IDLE_DAYS_MAX));
        self.confirmations > 0 && last.is_none_or(|last| day <= last)
    }

    pub fn is_strong(&self) -> bool {
        self.confirmations >= STRONG_FROM
    }
}

/// A decision rested on this link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasUse {
    pub link: PayerLink,
    /// The payment's day.
    pub on: NaiveDate,
}

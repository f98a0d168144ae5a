//! What a decision looked for in vain.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::ids::AccountId;
use crate::ledger::PostingError;
use crate::matching::near::Word;
use crate::money::MoneyError;
use crate::working_set::lots::Walk;

/// A look-up that the working set could not answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Miss {
    /// The payable invoices of an account whose due amount is exactly this many micros.
    Exact(AccountId, String, i64),
    /// The oldest payable invoices of an account in a currency.
    Oldest(AccountId, String),
    /// Payable invoices of the whole book with exactly this due amount.
    Book(String, i64),
    /// Payable invoices whose reference or number is this word but for one typing mistake.
    Near(Word),
    /// Customers that share this name, as [`names::key`](crate::matching::names::key) has it.
    Namesakes(String),
    /// Payments of an account in a currency that have money left.
    Held(AccountId, String),
    /// More lots of an account in a currency than the so many that were read for this walk.
    Lots(Walk, AccountId, String, usize),
}

/// A look-up failed because it was not loaded, or the data contradicts its own constraints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// All that one decision looked for in vain; never empty.
    Miss(BTreeSet<Miss>),
    /// Money that does not add up in the database: a bug, never a business refusal.
    Corrupt(&'static str),
}

/// What is told of a sum that is larger than can be kept: that is no bug.
pub const BEYOND_LIMIT: &str = "a sum would be larger than can be kept";

impl From<MoneyError> for Stop {
    fn from(error: MoneyError) -> Self {
        Self::Corrupt(match error {
            MoneyError::Overflow => BEYOND_LIMIT,
            MoneyError::Malformed
            | MoneyError::ExcessDecimals
            | MoneyError::UnknownCurrency
            | MoneyError::CurrencyMismatch => "amounts of one row contradict each other",
        })
    }
}

impl From<PostingError> for Stop {
    fn from(error: PostingError) -> Self {
        match error {
            PostingError::Money(error) => error.into(),
            PostingError::MovesNothing => Self::Corrupt("a posting that moves nothing"),
        }
    }
}

/// Noted behind a shared reference: a look-up that misses goes on with nothing found, so that one
/// pass learns all that it lacks. What is decided meanwhile is thrown away.
#[derive(Debug, Default)]
pub(super) struct Missing(pub(super) Mutex<BTreeSet<Miss>>);

impl Clone for Missing {
    /// A copy of a working set has not missed anything yet.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Missing {
    pub(super) fn taken(&self) -> BTreeSet<Miss> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

//! What a decision looked for in vain.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::WorkingSet;
use crate::ledger::PostingError;
use crate::money::MoneyError;
use crate::want::Want;

/// A look-up failed because it was not loaded, or the data contradicts its own constraints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// All that one decision looked for in vain; never empty.
    Miss(BTreeSet<Want>),
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
pub(super) struct Missing(Mutex<BTreeSet<Want>>);

impl Clone for Missing {
    /// A copy of a working set has not missed anything yet.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl WorkingSet {
    /// Notes that a look-up found nothing because it was not loaded.
    pub(super) fn misses(&self, want: Want) {
        let mut noted = self.missing.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Want::Exact(account, currency, _) = &want {
            // What fits is looked at beside its rivals: both in one round.
            noted.insert(Want::Oldest(account.clone(), *currency));
        }
        noted.insert(want);
    }

    /// `decided`, unless a look-up missed since the last time that this was asked: then what was
    /// decided, or why it could not be, means nothing.
    ///
    /// # Errors
    /// [`Stop::Miss`] with all that is missing, or the error of `decided`.
    pub fn unless_missed<T>(&self, decided: Result<T, Stop>) -> Result<T, Stop> {
        let mut noted = self.missing.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = std::mem::take(&mut *noted);
        if missing.is_empty() { decided } else { Err(Stop::Miss(missing)) }
    }
}

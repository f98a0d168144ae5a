//! What look-ups of one decision did not find loaded.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::{Miss, Stop, WorkingSet};
use crate::money::MoneyError;

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

/// Noted behind a shared reference: a look-up that misses goes on with nothing found, so that one
/// pass learns all that it lacks. What is decided meanwhile is thrown away.
#[derive(Debug, Default)]
pub(super) struct Missing(Mutex<BTreeSet<Miss>>);

impl Clone for Missing {
    /// A copy of a working set has not missed anything yet.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Missing {
    fn taken(&self) -> BTreeSet<Miss> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl WorkingSet {
    /// Notes that a look-up found nothing because it was not loaded.
    pub(super) fn misses(&self, miss: Miss) {
        let mut noted = self.missing.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Miss::Exact(account, currency, _) = &miss {
            // What fits is looked at beside its rivals: both in one round.
            noted.insert(Miss::Oldest(account.clone(), currency.clone()));
        }
        noted.insert(miss);
    }

    /// `decided`, unless a look-up missed since the last time that this was asked: then what was
    /// decided, or why it could not be, means nothing.
    ///
    /// # Errors
    /// [`Stop::Miss`] with all that is missing, or the error of `decided`.
    pub fn unless_missed<T>(&self, decided: Result<T, Stop>) -> Result<T, Stop> {
        let missing = self.missing.taken();
        if missing.is_empty() { decided } else { Err(Stop::Miss(missing)) }
    }
}

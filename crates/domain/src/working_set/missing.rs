//! What look-ups of one decision did not find loaded.

use std::sync::PoisonError;

use super::WorkingSet;
use crate::working_set::miss::{Miss, Stop};

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

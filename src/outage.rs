//! What is said while the database is away: one line when it is lost, one a minute while it stays
//! so, one when it is back, however many lanes and tasks ask for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::StoreError;
use crate::telemetry;

const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Outage {
    lost: AtomicBool,
    since: Mutex<Option<Lost>>,
}

#[derive(Debug)]
struct Lost {
    since: Instant,
    told: Instant,
    attempts: u64,
}

/// What to say of a failed attempt.
#[derive(Debug, PartialEq, Eq)]
enum Say {
    Lost,
    /// For so long, after so many attempts.
    Still(Duration, u64),
    Nothing,
}

impl Outage {
    fn lock(&self) -> MutexGuard<'_, Option<Lost>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails(&self, now: Instant) -> Say {
        self.lost.store(true, Ordering::Release);
        let mut held = self.lock();
        let Some(lost) = held.as_mut() else {
            *held = Some(Lost { since: now, told: now, attempts: 1 });
            return Say::Lost;
        };
        lost.attempts = lost.attempts.saturating_add(1);
        if now.saturating_duration_since(lost.told) < TELL_EVERY {
            return Say::Nothing;
        }
        lost.told = now;
        Say::Still(now.saturating_duration_since(lost.since), lost.attempts)
    }

    /// Whether the error is that the database is away: then that is said, as often as it should be,
    /// and nothing is left to say. `what` is what could not be done.
    pub(crate) fn has(&self, what: &str, error: &StoreError) -> bool {
        if error.class() != "connection" {
            return false;
        }
        let error = telemetry::chain(error);
        match self.fails(Instant::now()) {
            Say::Lost => tracing::warn!(what, error, "the database is lost: what needs it waits"),
            Say::Still(lost, attempts) => {
                let seconds = lost.as_secs();
                tracing::warn!(seconds, attempts, error, "the database is still lost");
            }
            Say::Nothing => tracing::debug!(what, error, "not done"),
        }
        true
    }

    /// The database has answered.
    pub(crate) fn is_over(&self) {
        if let Some((lost, attempts)) = self.ends(Instant::now()) {
            let seconds = lost.as_secs();
            tracing::info!(seconds, attempts, "the database is back");
        }
    }

    /// How long it was lost, if it was.
    fn ends(&self, now: Instant) -> Option<(Duration, u64)> {
        if !self.lost.swap(false, Ordering::AcqRel) {
            return None;
        }
        let lost = self.lock().take()?;
        Some((now.saturating_duration_since(lost.since), lost.attempts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_at_its_begin_each_minute_and_at_its_end() {
        let outage = Outage::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(outage.ends(at(0)), None);
        assert_eq!(outage.fails(at(0)), Say::Lost);
        for second in 1..60 {
            assert_eq!(outage.fails(at(second)), Say::Nothing, "{second}");
        }
        assert_eq!(outage.fails(at(60)), Say::Still(Duration::from_secs(60), 61));
        assert_eq!(outage.fails(at(61)), Say::Nothing);
        assert_eq!(outage.ends(at(70)), Some((Duration::from_secs(70), 62)));
        assert_eq!(outage.ends(at(70)), None);
        assert_eq!(outage.fails(at(80)), Say::Lost);
    }
}

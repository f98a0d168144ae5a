//! What is said while the database is away, however many lanes and tasks ask for it.

use std::time::{Duration, Instant};

use crate::kafka::{Say, Spell};
use crate::store::StoreError;
use crate::telemetry;

#[derive(Debug, Default)]
pub(crate) struct Outage(Spell);

impl Outage {
    /// Whether the error is that the database is away: then that is said, as often as it should be,
    /// and nothing is left to say. `what` is what could not be done.
    pub(crate) fn has(&self, what: &str, error: &StoreError) -> bool {
        if error.class() != "connection" {
            return false;
        }
        let error = telemetry::chain(error);
        match self.0.fails(Instant::now()) {
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
        if let Some((lost, attempts)) = self.0.ends(Instant::now(), Duration::ZERO) {
            let seconds = lost.as_secs();
            tracing::info!(seconds, attempts, "the database is back");
        }
    }
}

//! Scheduled jobs: the only place with apalis.
//!
//! Shape: apalis is the clock (one supervised worker a job, restarted when it dies of a late
//! tick) and hands each tick to the [`runner`]. The tick is the unique thing: whoever inserts the
//! row `(job, scheduled_for)` runs it, however many replicas have the same schedule. A run holds
//! a lease with an epoch and notes its progress; one that dies is taken over and goes on there.
//! Domain truth stays in our tables; a job decides for `as_of`, never for "now".
//!
//! No timeout, `select!` or abort goes around a database future here.

mod audit;
mod compare;
mod expire_waiting;
pub mod flag_void_candidates;
mod prune;
mod reconcile;
mod rematch;
pub mod runner;
mod timer;
mod work;

pub use runner::{JobEnded, Runner};
pub use work::{JobReport, JobSettings, Keep};

/// The jobs that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Job {
    /// Checks every invariant.
    Audit,
    /// Ends commands whose dependency did not come before their deadline; releases those whose did.
    ExpireWaiting,
    /// Takes away what is old and guards no money.
    Prune,
    /// Flags invoices that have long awaited payment.
    FlagVoidCandidates,
    /// Compares bank statements and accounts with what is recorded.
    Reconcile,
    /// Decides parked payments again.
    Rematch,
}

/// What becomes of ticks that nobody ran: all replicas were down, or the clock jumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfire {
    /// The next tick does it.
    Skip,
    /// The latest of them runs.
    Once,
    /// The latest of them run, at most so many, oldest first: each day has a report of its own.
    Backfill(usize),
}

impl Job {
    pub const ALL: [Self; 6] = [
        Self::Audit,
        Self::ExpireWaiting,
        Self::Prune,
        Self::FlagVoidCandidates,
        Self::Reconcile,
        Self::Rematch,
    ];
    /// Their words, in the same order.
    pub const WORDS: [&'static str; Self::ALL.len()] = [
        Self::Audit.word(),
        Self::ExpireWaiting.word(),
        Self::Prune.word(),
        Self::FlagVoidCandidates.word(),
        Self::Reconcile.word(),
        Self::Rematch.word(),
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::ExpireWaiting => "expire-waiting",
            Self::Prune => "prune",
            Self::FlagVoidCandidates => "flag-void-candidates",
            Self::Reconcile => "reconcile",
            Self::Rematch => "rematch",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.word() == word)
    }

    pub fn misfire(self) -> Misfire {
        match self {
            // What they look at is the present: one look makes up for all that were missed.
            Self::Audit | Self::FlagVoidCandidates => Misfire::Once,
            Self::ExpireWaiting | Self::Prune | Self::Rematch => Misfire::Skip,
            // Each day has a report of its own, up to a week of them.
            Self::Reconcile => Misfire::Backfill(7),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_is_found_by_its_word() {
        for job in Job::ALL {
            assert_eq!(Job::from_word(job.word()), Some(job));
        }
        assert_eq!(Job::from_word("nothing"), None);
    }
}

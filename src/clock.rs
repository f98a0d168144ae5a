//! The clock: the only place that reads the time. Everything else is handed an instant.
//!
//! What is due and what is old, the database's clock decides: a machine whose clock is wrong must
//! do no lasting harm. A worker goes by [`Clock::Followed`], which is asked of the database again
//! and again and carried on in between by a clock that nobody can set.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Decimals of a second that PostgreSQL keeps; an instant must survive being stored.
const STORED_DECIMALS: u16 = 6;

/// By how many microseconds this machine's clock is corrected, in a process that asked once.
static CORRECTION: AtomicI64 = AtomicI64::new(0);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    System,
    /// This machine's clock, off by so much: tests.
    Shifted(TimeDelta),
    /// Always this instant: tests, and jobs that are run for a given day.
    Fixed(DateTime<Utc>),
    /// The database's.
    Followed(&'static Followed),
}

impl Clock {
    /// Now, in whole microseconds.
    pub fn now(&self) -> DateTime<Utc> {
        let now = match self {
            Self::System => {
                let by = TimeDelta::microseconds(CORRECTION.load(Ordering::Relaxed));
                later(Utc::now(), by)
            }
            Self::Shifted(by) => later(Utc::now(), *by),
            Self::Fixed(instant) => *instant,
            Self::Followed(followed) => followed.now(),
        };
        now.trunc_subsecs(STORED_DECIMALS)
    }

    /// By how much this machine's clock is ahead of the database's, if that is known.
    pub fn off_by(&self) -> TimeDelta {
        match self {
            Self::Followed(followed) => followed.local.now() - followed.now(),
            Self::System | Self::Shifted(_) | Self::Fixed(_) => TimeDelta::zero(),
        }
    }

    /// Corrects the system's clock in this process from now on: `true_now` is now.
    pub fn correct(true_now: DateTime<Utc>) {
        let by = (true_now - Utc::now()).num_microseconds().unwrap_or_default();
        CORRECTION.store(by, Ordering::Relaxed);
    }
}

fn later(instant: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    instant.checked_add_signed(by).unwrap_or(instant)
}

/// The database's time as it was last asked, carried on by the time that has passed since.
#[derive(Debug)]
pub struct Followed {
    local: Clock,
    base: Instant,
    /// What the database's clock said when `base` was now, in microseconds.
    at_base: AtomicI64,
}

impl PartialEq for Followed {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Followed {}

impl Followed {
    /// As this machine says, until the database was asked. One for each worker, for good.
    pub fn new(local: Clock) -> &'static Self {
        let at_base = AtomicI64::new(local.now().timestamp_micros());
        Box::leak(Box::new(Self { local, base: Instant::now(), at_base }))
    }

    fn passed(&self) -> i64 {
        i64::try_from(self.base.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn now(&self) -> DateTime<Utc> {
        let micros = self.at_base.load(Ordering::Relaxed).saturating_add(self.passed());
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The database says that it is `now`.
    pub fn is_now(&self, now: DateTime<Utc>) {
        let at_base = now.timestamp_micros().saturating_sub(self.passed());
        self.at_base.store(at_base, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_whole_microseconds() {
        let instant = DateTime::from_timestamp(1_700_000_000, 123_456_789).expect("instant");
        assert_eq!(Clock::Fixed(instant).now().timestamp_subsec_nanos(), 123_456_000);
        assert_eq!(Clock::System.now().timestamp_subsec_nanos() % 1_000, 0);
    }

    #[test]
    fn a_followed_clock_is_the_databases_whatever_the_machine_says() {
        let years = TimeDelta::days(3_650);
        let followed = Followed::new(Clock::Shifted(years));
        let clock = Clock::Followed(followed);
        assert!(clock.off_by() < TimeDelta::seconds(1), "nobody was asked yet");
        followed.is_now(Utc::now());
        assert!((clock.now() - Utc::now()).abs() < TimeDelta::seconds(5));
        assert!((clock.off_by() - years).abs() < TimeDelta::seconds(5));
    }
}

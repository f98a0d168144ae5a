//! The clock: the only place that reads the time. Everything else is handed an instant.

use chrono::{DateTime, SubsecRound, Utc};

/// Decimals of a second that PostgreSQL keeps; an instant must survive being stored.
const STORED_DECIMALS: u16 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    System,
    /// Always this instant: tests, and jobs that are run for a given day.
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// Now, in whole microseconds.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now().trunc_subsecs(STORED_DECIMALS),
            Self::Fixed(instant) => instant.trunc_subsecs(STORED_DECIMALS),
        }
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
}

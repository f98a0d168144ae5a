//! `--as-of` of reports about the past: what was recorded by then, whenever it was received.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::args::{Since, since};
use super::error::CliError;
use crate::clock::Clock;

/// The end of a day, or an instant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AsOf {
    EndOf(NaiveDate),
    At(Since),
}

/// Reads `2026-11-30`, and what [`since`] reads.
pub(crate) fn as_of(text: &str) -> Result<AsOf, String> {
    match text.parse::<NaiveDate>() {
        Ok(day) => Ok(AsOf::EndOf(day)),
        Err(_) => since(text).map(AsOf::At),
    }
}

impl AsOf {
    /// The instant in a zone; the end of today is now.
    pub(crate) fn instant(self, zone: &str) -> Result<DateTime<Utc>, CliError> {
        let now = Clock::System.now();
        let zone = zone_of(zone);
        let wanted = match self {
            Self::At(since) => since.instant(Clock::System),
            Self::EndOf(day) if day == now.with_timezone(&zone).date_naive() => now,
            Self::EndOf(day) => {
                let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
                // Where midnight is skipped, the day ends an hour into it.
                let hours = (0..=3).filter_map(|hour| NaiveTime::from_hms_opt(hour, 0, 0));
                let mut starts = hours
                    .filter_map(|hour| zone.from_local_datetime(&next.and_time(hour)).earliest());
                // Posted before that midnight; the database keeps microseconds.
                let end = starts.next().map_or(now, |start| start.to_utc());
                end.checked_sub_signed(chrono::TimeDelta::microseconds(1)).unwrap_or(end)
            }
        };
        if wanted > now {
            let why = "--as-of is after now: nothing is known of it yet";
            return Err(CliError::Usage(why.to_owned()));
        }
        Ok(wanted)
    }
}

/// The zone of that name; UTC where it is none.
pub(crate) fn zone_of(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

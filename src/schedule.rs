//! When a job is due: a cron expression in a time zone.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use thiserror::Error;

/// The word for "never by itself".
pub const OFF: &str = "off";

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScheduleError {
    #[error("`{0}` is no schedule: six fields (second minute hour day month weekday) or `off`")]
    Schedule(String),
    #[error("`{0}` is no time zone of the IANA database, such as Asia/Singapore")]
    Zone(String),
}

/// A schedule in its time zone.
#[derive(Debug, Clone)]
pub struct Timetable {
    pub schedule: cron::Schedule,
    pub zone: Tz,
}

/// Whether `text` is a schedule or `off`.
#[must_use]
pub fn is_schedule(text: &str) -> bool {
    Timetable::parse(text, Tz::UTC).is_ok()
}

/// A time zone by its IANA name.
///
/// # Errors
/// [`ScheduleError::Zone`].
pub fn zone(name: &str) -> Result<Tz, ScheduleError> {
    Tz::from_str(name).map_err(|_| ScheduleError::Zone(name.to_owned()))
}

/// Reads `2026-12-25`.
#[must_use]
pub fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// The business days of a time zone: all but Saturdays, Sundays and holidays.
#[derive(Debug, Clone)]
pub struct Calendar {
    pub zone: Tz,
    pub holidays: BTreeSet<NaiveDate>,
}

impl Calendar {
    /// The day that it is there.
    #[must_use]
    pub fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    fn is_business_day(&self, day: NaiveDate) -> bool {
        !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !self.holidays.contains(&day)
    }

    /// The same time of the last business day before the one of `at`: whole days are taken off,
    /// so that on a Monday it is Friday's.
    #[must_use]
    pub fn one_business_day_before(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let today = self.day_of(at);
        // A calendar without any business day ends after a month.
        let back = (1..=31).find(|back| {
            today.checked_sub_days(Days::new(*back)).is_some_and(|day| self.is_business_day(day))
        });
        at.checked_sub_days(Days::new(back.unwrap_or(31))).unwrap_or(at)
    }
}

impl Timetable {
    /// None for `off`.
    ///
    /// # Errors
    /// [`ScheduleError::Schedule`].
    pub fn parse(text: &str, zone: Tz) -> Result<Option<Self>, ScheduleError> {
        if text.trim() == OFF {
            return Ok(None);
        }
        // A seventh field would be a year, and shorthands hide the zone's midnight: six it is.
        let fields = text.split_whitespace().count() == 6;
        let parsed = cron::Schedule::from_str(text).ok().filter(|_| fields);
        let schedule = parsed.ok_or_else(|| ScheduleError::Schedule(text.to_owned()))?;
        Ok(Some(Self { schedule, zone }))
    }

    /// The first tick after an instant.
    #[must_use]
    pub fn next_after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = self.schedule.after(&at.with_timezone(&self.zone)).next();
        next.map(|tick| tick.with_timezone(&Utc))
    }

    /// The latest ticks in between, both ends excluded, at most `most` of them, oldest first.
    #[must_use]
    pub fn between(
        &self,
        after: DateTime<Utc>,
        before: DateTime<Utc>,
        most: usize,
    ) -> Vec<DateTime<Utc>> {
        let backwards = self.schedule.after(&before.with_timezone(&self.zone)).rev();
        let ticks = backwards.map(|tick| tick.with_timezone(&Utc));
        let missed = ticks.skip_while(|tick| *tick >= before).take_while(|tick| *tick > after);
        let mut found: Vec<DateTime<Utc>> = missed.take(most).collect();
        found.reverse();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).expect("an instant").with_timezone(&Utc)
    }

    fn timetable(text: &str, name: &str) -> Timetable {
        let zone = zone(name).expect("a zone");
        Timetable::parse(text, zone).expect("a schedule").expect("not off")
    }

    #[test]
    fn a_schedule_has_six_fields_or_is_off() {
        let utc = zone("UTC").expect("a zone");
        assert!(Timetable::parse("off", utc).expect("off").is_none());
        for good in ["0 30 3 * * *", "*/5 * * * * *", "0 0 4 * * Mon"] {
            assert!(Timetable::parse(good, utc).expect(good).is_some());
        }
        for bad in ["", "30 3 * * *", "0 30 25 * * *", "@daily", "0 0 4 * * * 2026", "never"] {
            assert!(Timetable::parse(bad, utc).is_err(), "{bad}");
        }
        assert!(zone("Asia/Singapore").is_ok());
        assert!(zone("Singapore/Asia").is_err());
    }

    #[test]
    fn ticks_are_those_of_the_zone() {
        let daily = timetable("0 30 3 * * *", "Asia/Singapore");
        let next = daily.next_after(at("2026-11-24T00:00:00Z"));
        assert_eq!(next, Some(at("2026-11-24T19:30:00Z")));
    }

    #[test]
    fn missed_ticks_are_the_latest_ones_in_order() {
        let daily = timetable("0 0 4 * * *", "UTC");
        let (after, before) = (at("2026-11-20T04:00:00Z"), at("2026-11-24T04:00:00Z"));
        let days =
            [at("2026-11-21T04:00:00Z"), at("2026-11-22T04:00:00Z"), at("2026-11-23T04:00:00Z")];
        assert_eq!(daily.between(after, before, 9), days);
        assert_eq!(daily.between(after, before, 1), days[2..]);
        assert!(daily.between(after, at("2026-11-21T04:00:00Z"), 9).is_empty());
        assert_eq!(daily.between(after, at("2026-11-21T04:00:00.5Z"), 9), days[..1]);
    }

    #[test]
    fn one_business_day_before_monday_is_friday_and_holidays_do_not_count() {
        let zone = zone("Asia/Singapore").expect("a zone");
        let holidays = BTreeSet::from([day("2026-11-20").expect("a day")]);
        let calendar = Calendar { zone, holidays };
        let cases = [
            // Tuesday, Monday (Friday is a holiday), Sunday.
            ("2026-11-24T02:00:00Z", "2026-11-23T02:00:00Z"),
            ("2026-11-23T02:00:00Z", "2026-11-19T02:00:00Z"),
            ("2026-11-22T02:00:00Z", "2026-11-19T02:00:00Z"),
            // Still Sunday in UTC, but Monday there.
            ("2026-11-29T17:00:00Z", "2026-11-26T17:00:00Z"),
        ];
        for (now, expected) in cases {
            assert_eq!(calendar.one_business_day_before(at(now)), at(expected), "{now}");
        }
    }

    #[test]
    fn an_hour_that_does_not_exist_is_passed_over_and_one_that_comes_twice_is_one_day() {
        // Berlin leaps from 02:00 to 03:00 on 2026-03-29 and back at 03:00 on 2026-10-25.
        let early = timetable("0 30 2 * * *", "Europe/Berlin");
        let spring = early.between(at("2026-03-27T12:00:00Z"), at("2026-03-30T12:00:00Z"), 9);
        assert_eq!(spring, [at("2026-03-28T01:30:00Z"), at("2026-03-30T00:30:00Z")]);
        let autumn = early.between(at("2026-10-24T12:00:00Z"), at("2026-10-25T12:00:00Z"), 9);
        assert!(!autumn.is_empty() && autumn.len() <= 2, "{autumn:?}");
    }
}

//! When a job is due: a cron expression in a time zone.
//!
//! The expression names times on a wall clock. One that the clock skips runs once, right after the
//! gap. One that comes twice runs the first time; where the hour is `*`, both times.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc,
    Weekday,
};
use chrono_tz::{GapInfo, Tz};
use cron::TimeUnitSpec;
use thiserror::Error;

/// The word for "never by itself".
pub const OFF: &str = "off";

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScheduleError {
    #[error("`{0}` is no schedule: six fields (second minute hour day month weekday) or `off`")]
    Schedule(String),
    #[error(
        "`{0}` gives a weekday by number: 1 is Sunday here and Monday elsewhere, so write Sun, \
         Mon, Tue, Wed, Thu, Fri or Sat"
    )]
    Weekday(String),
    #[error("`{0}` names a day that no calendar has: the job would never run")]
    Never(String),
    #[error("`{0}` is no time zone of the IANA database, such as Asia/Singapore")]
    Zone(String),
}

/// A schedule in its time zone.
#[derive(Debug, Clone)]
pub struct Timetable {
    schedule: cron::Schedule,
    zone: Tz,
}

/// No clock is set back by more at a time.
const OVERLAP_MAX: TimeDelta = TimeDelta::hours(3);

/// Why `text` is neither a schedule nor `off`, if it is not.
pub fn fault(text: &str) -> Option<ScheduleError> {
    Timetable::parse(text, Tz::UTC).err()
}

/// A time zone by its IANA name.
///
/// # Errors
/// [`ScheduleError::Zone`].
pub fn zone(name: &str) -> Result<Tz, ScheduleError> {
    Tz::from_str(name).map_err(|_| ScheduleError::Zone(name.to_owned()))
}

/// Reads `2026-12-25`.
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
    pub fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    fn is_business_day(&self, day: NaiveDate) -> bool {
        !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !self.holidays.contains(&day)
    }

    /// The same time of the last business day before the one of `at`: whole days are taken off,
    /// so that on a Monday it is Friday's.
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
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [_, _, _, _, _, weekday] = fields.as_slice() else {
            return Err(ScheduleError::Schedule(text.to_owned()));
        };
        if weekday.contains(|c: char| c.is_ascii_digit()) {
            return Err(ScheduleError::Weekday(text.to_owned()));
        }
        let schedule = cron::Schedule::from_str(text);
        let schedule = schedule.map_err(|_| ScheduleError::Schedule(text.to_owned()))?;
        // The calendar repeats itself, leap days with their weekdays too, within 28 years.
        if schedule.after(&DateTime::<Utc>::UNIX_EPOCH).next().is_none() {
            return Err(ScheduleError::Never(text.to_owned()));
        }
        Ok(Some(Self { schedule, zone }))
    }

    /// The first tick after an instant.
    pub fn next_after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut best: Option<DateTime<Utc>> = None;
        let from = self.on_the_wall(at).checked_sub_signed(self.overlap(at))?;
        for named in self.schedule.after(&from.and_utc()) {
            let (first, last) = self.instants(named.naive_utc());
            if best.is_some_and(|best| first >= best) {
                break;
            }
            let next = [first, last].into_iter().filter(|tick| *tick > at).min();
            best = [best, next].into_iter().flatten().min();
        }
        best
    }

    /// The latest ticks in between, both ends excluded, at most `most` of them, oldest first.
    pub fn between(
        &self,
        after: DateTime<Utc>,
        before: DateTime<Utc>,
        most: usize,
    ) -> Vec<DateTime<Utc>> {
        let mut found = BTreeSet::new();
        let ahead = TimeDelta::seconds(1).checked_add(&self.overlap(before)).unwrap_or_default();
        let from = self.on_the_wall(before).checked_add_signed(ahead).unwrap_or(NaiveDateTime::MAX);
        for named in self.schedule.after(&from.and_utc()).rev() {
            let (first, last) = self.instants(named.naive_utc());
            let full = found.len() >= most && found.first().is_none_or(|oldest| last < *oldest);
            if last <= after || full {
                break;
            }
            found.extend([first, last].into_iter().filter(|tick| after < *tick && *tick < before));
            while found.len() > most {
                found.pop_first();
            }
        }
        found.into_iter().collect()
    }

    fn on_the_wall(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.zone).naive_local()
    }

    /// By how much the wall clock may show times again that it has shown around `at`.
    fn overlap(&self, at: DateTime<Utc>) -> TimeDelta {
        let shift = |at: Option<DateTime<Utc>>| {
            let at = at?;
            Some(self.on_the_wall(at).signed_duration_since(at.naive_utc()))
        };
        let near = [at.checked_sub_signed(OVERLAP_MAX), at.checked_add_signed(OVERLAP_MAX)];
        if near.into_iter().all(|near| shift(near) == shift(Some(at))) {
            TimeDelta::zero()
        } else {
            OVERLAP_MAX
        }
    }

    /// When the wall clock shows this: the first time and the last one that counts.
    fn instants(&self, named: NaiveDateTime) -> (DateTime<Utc>, DateTime<Utc>) {
        match self.zone.from_local_datetime(&named) {
            LocalResult::Single(only) => (only.to_utc(), only.to_utc()),
            LocalResult::Ambiguous(first, last) if self.schedule.hours().is_all() => {
                (first.to_utc(), last.to_utc())
            }
            LocalResult::Ambiguous(first, _) => (first.to_utc(), first.to_utc()),
            LocalResult::None => {
                let gap = GapInfo::new(&named, &self.zone).and_then(|gap| gap.end);
                let end = gap.map_or_else(|| named.and_utc(), |end| end.to_utc());
                (end, end)
            }
        }
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
    fn weekdays_have_names_and_a_day_has_to_exist() {
        for bad in ["0 0 4 * * 1", "0 0 4 * * 1-5", "0 0 4 * * Mon,3", "0 0 4 * * */2"] {
            let error = fault(bad).expect(bad);
            assert!(error.to_string().contains("1 is Sunday here and Monday elsewhere"), "{error}");
        }
        for good in ["0 0 4 * * Mon-Fri", "0 0 4 * * sat,SUN", "0 0 4 29 2 *", "0 0 4 1 1 *"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for never in ["0 0 4 30 2 *", "0 0 4 31 4,6 *"] {
            assert_eq!(fault(never), Some(ScheduleError::Never(never.to_owned())));
        }
        let mondays = timetable("0 0 4 * * Mon", "UTC");
        assert_eq!(
            mondays.next_after(at("2026-11-28T00:00:00Z")),
            Some(at("2026-11-30T04:00:00Z"))
        );
    }

    fn days(table: &Timetable, after: &str, before: &str) -> Vec<DateTime<Utc>> {
        let (after, before) = (at(after), at(before));
        let found = table.between(after, before, 100);
        // Both directions name the same ticks.
        let mut forward = Vec::new();
        let mut from = after;
        while let Some(next) = table.next_after(from).filter(|next| *next < before) {
            forward.push(next);
            from = next;
        }
        assert_eq!(found, forward);
        found
    }

    #[test]
    fn a_time_that_berlin_skips_runs_once_after_the_gap_and_one_that_comes_twice_once() {
        // Berlin leaps from 02:00 to 03:00 on 2026-03-29 and back at 03:00 on 2026-10-25.
        let early = timetable("0 30 2 * * *", "Europe/Berlin");
        let spring = days(&early, "2026-03-27T12:00:00Z", "2026-03-30T12:00:00Z");
        let expected =
            [at("2026-03-28T01:30:00Z"), at("2026-03-29T01:00:00Z"), at("2026-03-30T00:30:00Z")];
        assert_eq!(spring, expected);
        // Many that are skipped are one, and 03:00 itself is that one.
        let often = timetable("0 */10 2,3 * * *", "Europe/Berlin");
        let spring = days(&often, "2026-03-28T23:00:00Z", "2026-03-29T12:00:00Z");
        assert_eq!((spring.len(), spring[0]), (6, at("2026-03-29T01:00:00Z")));
        let autumn = days(&early, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(autumn, [at("2026-10-25T00:30:00Z"), at("2026-10-26T01:30:00Z")]);
        // Each hour is each hour that passes.
        let hourly = timetable("0 15 * * * *", "Europe/Berlin");
        let autumn = days(&hourly, "2026-10-24T22:00:00Z", "2026-10-25T03:00:00Z");
        let each = ["22:15", "23:15", "00:15", "01:15", "02:15"];
        let each = each.map(|time| {
            let day = if time.starts_with('2') { "2026-10-24" } else { "2026-10-25" };
            at(&format!("{day}T{time}:00Z"))
        });
        assert_eq!(autumn, each);
        assert_eq!(hourly.between(each[0], at("2026-10-25T03:00:00Z"), 2), each[3..]);
    }

    #[test]
    fn midnight_that_cairo_skips_is_one_o_clock_of_the_same_day() {
        // Cairo leaps from 00:00 to 01:00 on Friday 2026-04-24, and at 24:00 on 2026-10-29 back
        // to 23:00.
        let midnight = timetable("0 0 0 * * *", "Africa/Cairo");
        let spring = days(&midnight, "2026-04-22T12:00:00Z", "2026-04-25T12:00:00Z");
        let expected =
            [at("2026-04-22T22:00:00Z"), at("2026-04-23T22:00:00Z"), at("2026-04-24T21:00:00Z")];
        assert_eq!(spring, expected);
        let fridays = timetable("0 0 0 * * Fri", "Africa/Cairo");
        let friday = days(&fridays, "2026-04-23T12:00:00Z", "2026-04-25T12:00:00Z");
        assert_eq!(friday, [at("2026-04-23T22:00:00Z")]);
        let late = timetable("0 30 23 * * *", "Africa/Cairo");
        let autumn = days(&late, "2026-10-29T12:00:00Z", "2026-10-30T12:00:00Z");
        assert_eq!(autumn, [at("2026-10-29T20:30:00Z")]);
        let early = days(&midnight, "2026-10-29T12:00:00Z", "2026-10-30T12:00:00Z");
        assert_eq!(early, [at("2026-10-29T22:00:00Z")]);
    }

    #[test]
    fn a_leap_day_comes_in_leap_years_only() {
        let leap = timetable("0 0 4 29 2 *", "Europe/Berlin");
        let ticks = days(&leap, "2026-01-01T00:00:00Z", "2034-01-01T00:00:00Z");
        assert_eq!(ticks, [at("2028-02-29T03:00:00Z"), at("2032-02-29T03:00:00Z")]);
        let daily = timetable("0 0 4 * 2 *", "UTC");
        let last = days(&daily, "2028-02-28T00:00:00Z", "2028-03-05T00:00:00Z");
        assert_eq!(last, [at("2028-02-28T04:00:00Z"), at("2028-02-29T04:00:00Z")]);
        let last = days(&daily, "2026-02-28T00:00:00Z", "2026-03-05T00:00:00Z");
        assert_eq!(last, [at("2026-02-28T04:00:00Z")]);
    }
}

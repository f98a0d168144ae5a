//! Instants and days as they are printed: RFC 3339 in JSON, to the second for people.

use std::fmt;
use std::sync::OnceLock;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use crate::domain::account::{self, Zone};

/// The zone that persons read times in; UTC unless somebody says otherwise.
static ZONE: OnceLock<Zone> = OnceLock::new();

/// Times are shown to persons in this zone from now on; a name that is none changes nothing.
pub fn show_in(name: &str) {
    if let Some(zone) = account::zone(name) {
        // The first word counts: a process shows all its times in one zone.
        let _ = ZONE.set(zone);
    }
}

fn shown(at: DateTime<Utc>, zone: Zone) -> String {
    at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// An instant from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct At(pub DateTime<Utc>);

/// A day from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Day(pub NaiveDate);

impl At {
    /// With all the digits that the database keeps, so that it can be a cursor.
    pub fn exact(&self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Micros, true)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&shown(self.0, ZONE.get().copied().unwrap_or(Zone::UTC)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.exact())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_its_zone_with_the_difference_to_utc() {
        let at: DateTime<Utc> = "2026-11-22T18:30:00.25Z".parse().expect("an instant");
        assert_eq!(shown(at, Zone::UTC), "2026-11-22T18:30:00Z");
        assert_eq!(shown(at, Zone::Asia__Singapore), "2026-11-23T02:30:00+08:00");
        assert_eq!(shown(at, Zone::Asia__Kolkata), "2026-11-23T00:00:00+05:30");
        let summer: DateTime<Utc> = "2026-07-01T12:00:00Z".parse().expect("an instant");
        assert_eq!(shown(summer, Zone::Europe__Berlin), "2026-07-01T14:00:00+02:00");
    }
}

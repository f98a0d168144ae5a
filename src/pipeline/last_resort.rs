//! The last resort cannot be refused: what the database does not take of a dead letter is left out,
//! part after part, and the letter says so. The record itself lies in its log, at its place.

use crate::store::StoreError;
use crate::store::persist::RawRecordRow;

/// Attempts before less is kept.
const ATTEMPTS: u32 = 3;
/// The same while the server is short of something: more than a minute.
const ATTEMPTS_SHORT: u32 = 20;

/// How often the database may fail like this before less is kept.
pub(super) fn patience(error: &StoreError) -> u32 {
    if error.is_shortage() { ATTEMPTS_SHORT } else { ATTEMPTS }
}

/// How much of a record a dead letter keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    All,
    NoHeaders,
    OnlyValue,
    Place,
}

impl Keeps {
    /// The next smaller; the smallest has nothing of the record's own.
    pub(super) fn less(self) -> Self {
        match self {
            Self::All => Self::NoHeaders,
            Self::NoHeaders => Self::OnlyValue,
            Self::OnlyValue | Self::Place => Self::Place,
        }
    }

    /// What is said of what is left out.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::All => "",
            Self::NoHeaders => " The database refused its headers: they are only in the log.",
            Self::OnlyValue => {
                " The database refused its headers and key: they are only in the log."
            }
            Self::Place => " The database refused its bytes: they are only in the log.",
        }
    }

    pub(super) fn of(self, raw: &RawRecordRow) -> RawRecordRow {
        let mut kept = raw.clone();
        if self != Self::All {
            "[]".clone_into(&mut kept.headers);
        }
        if matches!(self, Self::OnlyValue | Self::Place) {
            kept.key = None;
        }
        if self == Self::Place {
            kept.value = None;
            kept.timestamp = None;
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_keeps_less_and_the_last_only_the_place() {
        let raw = RawRecordRow {
            topic: "t".to_owned(),
            partition: 1,
            offset: 2,
            timestamp: chrono::DateTime::from_timestamp(3, 0),
            key: Some(vec![4]),
            value: Some(vec![5]),
            headers: r#"[{"name": "a", "value_hex": null}]"#.to_owned(),
        };
        assert_eq!(Keeps::All.of(&raw), raw);
        let no_headers = Keeps::All.less().of(&raw);
        assert_eq!((no_headers.headers.as_str(), &no_headers.key), ("[]", &raw.key));
        let only_value = Keeps::NoHeaders.less().of(&raw);
        assert_eq!((only_value.key, only_value.value), (None, Some(vec![5])));
        let place = Keeps::OnlyValue.less().of(&raw);
        assert_eq!((place.value, place.timestamp, place.offset), (None, None, 2));
        assert_eq!(Keeps::Place.less(), Keeps::Place);
    }
}

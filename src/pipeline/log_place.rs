//! Is the log that lies there the one that we read? What is decided when a lane is opened, and
//! looked at again while it runs.
//!
//! A topic's id cannot be had from the client, and would not tell a log that was cut short. So the
//! checkpoint keeps two records by which the log is known: the last one that was processed, and an
//! anchor, which is one that was found in the log again since. Both must still be there. The last
//! one alone would not do: a worker that read on in another log before anybody looked has its last
//! record from that one.
//!
//! Another log is read from its start: the inbox knows the records that it has in common with the
//! old one. Records that were deleted unread are gone; waiting would only let more of them go. So
//! reading goes on, the offsets are counted, and it is an alarm until a person has settled it.

use sha2::{Digest, Sha256};

use crate::kafka::{LogSilence, PartitionLog, Record};
use crate::store::checkpoint::{LogChange, Mark, Place};
use crate::store::persist::RawRecordRow;

/// Where a lane reads on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// At this offset; none: nothing was read yet, the log's start.
    GoOn(Option<i64>),
    Moved {
        change: LogChange,
        reason: String,
        expected: i64,
        from: i64,
    },
}

/// What became of a record that was processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Same,
    /// Another record is there, or none.
    Other,
    /// There is nothing to compare: no mark, or the log begins after it.
    Unknown,
}

/// The mark of a record.
pub(super) fn mark_of(raw: &RawRecordRow) -> Mark {
    let mut hash = Sha256::new();
    let mut put = |part: Option<&[u8]>| {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hash.update(length.to_le_bytes());
        hash.update(part.unwrap_or_default());
    };
    let timestamp = raw.timestamp.map(|at| at.timestamp_millis().to_le_bytes());
    put(timestamp.as_ref().map(<[u8; 8]>::as_slice));
    put(raw.key.as_deref());
    put(raw.value.as_deref());
    Mark { offset: raw.offset, hash: hash.finalize().into() }
}

/// Compares the log with what is known of it.
///
/// # Errors
/// Why the log gave no answer.
pub(super) async fn judge(
    place: &Place,
    log: &PartitionLog,
    raw: impl Fn(Record) -> RawRecordRow,
) -> Result<Verdict, LogSilence> {
    if place.next_offset.is_none_or(|next| next > log.high) {
        return Ok(decide(place, log, Seen::Unknown, Seen::Unknown));
    }
    let anchor = look(place.anchor, log, &raw).await?;
    let last =
        if place.last == place.anchor { anchor } else { look(place.last, log, &raw).await? };
    Ok(decide(place, log, anchor, last))
}

async fn look(
    mark: Option<Mark>,
    log: &PartitionLog,
    raw: impl Fn(Record) -> RawRecordRow,
) -> Result<Seen, LogSilence> {
    let Some(mark) = mark.filter(|mark| mark.offset >= log.low) else {
        return Ok(Seen::Unknown);
    };
    let found = log.first_from(mark.offset).await?;
    let same = found.is_some_and(|record| mark_of(&raw(record)) == mark);
    Ok(if same { Seen::Same } else { Seen::Other })
}

fn decide(place: &Place, log: &PartitionLog, anchor: Seen, last: Seen) -> Verdict {
    let (low, high) = (log.low, log.high);
    let Some(next) = place.next_offset else {
        return Verdict::GoOn(None);
    };
    let replaced =
        |reason| Verdict::Moved { change: LogChange::Replaced, reason, expected: next, from: low };
    if next > high {
        return replaced(format!(
            "the log ends at {high} and {next} was to come next: it was created anew or cut short"
        ));
    }
    if anchor == Seen::Other || last == Seen::Other {
        return replaced(format!(
            "a record below {next} that was processed is no more in the log: it is another log"
        ));
    }
    if next < low {
        let reason = format!("the log begins at {low} and {next} was to come next: deleted unread");
        return Verdict::Moved { change: LogChange::Deleted, reason, expected: next, from: low };
    }
    Verdict::GoOn(Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(offset: i64) -> Option<Mark> {
        Some(Mark { offset, hash: [1; 32] })
    }

    fn place(next: Option<i64>) -> Place {
        Place { next_offset: next, last: next.and_then(|n| mark(n - 1)), anchor: mark(3) }
    }

    fn decided(next: Option<i64>, (low, high): (i64, i64), anchor: Seen, last: Seen) -> Verdict {
        decide(&place(next), &PartitionLog::in_memory(low, high, Vec::new()), anchor, last)
    }

    /// One row for each thing that a log can do.
    #[test]
    fn each_change_of_the_log_has_its_verdict() {
        use Seen::{Other, Same, Unknown};
        let went = |verdict: Verdict| match verdict {
            Verdict::GoOn(next) => ("goes on", next),
            Verdict::Moved { change: LogChange::Replaced, from, .. } => ("replaced", Some(from)),
            Verdict::Moved { change: LogChange::Deleted, from, .. } => ("deleted", Some(from)),
        };
        let rows = [
            ("never read", None, (0, 9), Unknown, Unknown, ("goes on", None)),
            ("never read, and begins later", None, (7, 9), Unknown, Unknown, ("goes on", None)),
            ("as it was", Some(5), (0, 9), Same, Same, ("goes on", Some(5))),
            ("all read", Some(9), (0, 9), Same, Same, ("goes on", Some(9))),
            ("created anew, shorter", Some(5), (0, 2), Unknown, Unknown, ("replaced", Some(0))),
            ("created anew, empty", Some(5), (0, 0), Unknown, Unknown, ("replaced", Some(0))),
            ("created anew, longer", Some(5), (0, 9), Other, Other, ("replaced", Some(0))),
            ("of the same length", Some(5), (0, 5), Other, Other, ("replaced", Some(0))),
            ("read on in another log", Some(5), (0, 9), Other, Same, ("replaced", Some(0))),
            ("cut short and written on", Some(5), (0, 9), Same, Other, ("replaced", Some(0))),
            ("created anew, begins later", Some(5), (2, 9), Unknown, Other, ("replaced", Some(2))),
            ("deleted below", Some(5), (4, 9), Unknown, Same, ("goes on", Some(5))),
            ("deleted up to the next", Some(5), (5, 9), Unknown, Unknown, ("goes on", Some(5))),
            ("deleted above", Some(5), (7, 9), Unknown, Unknown, ("deleted", Some(7))),
            ("all deleted", Some(5), (9, 9), Unknown, Unknown, ("deleted", Some(9))),
        ];
        for (name, next, ends, anchor, last, expected) in rows {
            assert_eq!(went(decided(next, ends, anchor, last)), expected, "{name}");
        }
    }

    #[test]
    fn a_mark_is_of_all_parts_and_joins_none() {
        let raw = |key: Option<&str>, value: Option<&str>| RawRecordRow {
            topic: "t".to_owned(),
            partition: 0,
            offset: 1,
            timestamp: None,
            key: key.map(|text| text.as_bytes().to_vec()),
            value: value.map(|text| text.as_bytes().to_vec()),
            headers: "[]".to_owned(),
        };
        let marks = [
            mark_of(&raw(None, None)),
            mark_of(&raw(Some(""), None)),
            mark_of(&raw(None, Some(""))),
            mark_of(&raw(Some("ab"), Some("c"))),
            mark_of(&raw(Some("a"), Some("bc"))),
        ];
        for (n, one) in marks.iter().enumerate() {
            assert!(marks.iter().skip(n + 1).all(|other| other != one), "{n}");
        }
    }
}

//! Records that come again, and those that are put aside undecided.
//!
//! A repeat has no effect. But where an operator gave its dead letter up, nothing is left that
//! would tell of it: the letter is open again, with an act that says where the record came again,
//! and its copy goes to Kafka once more. A place that is only read again (same place, same time)
//! says nothing new: what was given up stays so.

use chrono::{DateTime, Utc};
use foldhash::HashMap;

use super::batch::{bytes_hash, place_of, place_with_content, type_of};
use crate::domain::effect::Ending;
use crate::domain::ids::{ContentHash, RecordId};
use crate::domain::input::Message;
use crate::domain::rejection::DeadLetterReason;
use crate::store::dead_letters::{self, Act, DeadLetter, GivenUp, LetterState, Who};
use crate::store::inbox::{self, KeptHash, Known, Place};
use crate::store::persist::{self, BatchWrite, DeadLetterRow, InboxRow, RawRecordRow, RepeatRow};
use crate::store::{StoreError, Tx};
use crate::wire::DecodeFailure;

/// Who the audit names where no operator acted.
const OURSELVES: &str = "topup";

/// A record that came before, and where the dead letter of that is, if it has one.
#[derive(Debug)]
pub(super) struct Returned<'a> {
    /// Its place in the batch.
    index: usize,
    raw: &'a RawRecordRow,
    letter: GivenUp<'a>,
}

impl<'a> Returned<'a> {
    /// One whose first delivery is dead-lettered as `record`, with its letter at `letter`.
    pub(super) fn known(
        index: usize,
        raw: &'a RawRecordRow,
        record: &'a RecordId,
        letter: Option<&'a Place>,
    ) -> Option<Self> {
        let Place { topic, partition, offset } = letter?;
        let place = (topic.as_str(), *partition, *offset);
        Some(Self { index, raw, letter: GivenUp { place, record, conflict: None } })
    }

    /// One that has other content than its id: a conflict is filed at its own place.
    pub(super) fn conflict(index: usize, raw: &'a RawRecordRow, record: &'a RecordId) -> Self {
        let place = (raw.topic.as_str(), raw.partition, raw.offset);
        let conflict = Some(raw.value.as_deref().unwrap_or_default());
        Self { index, raw, letter: GivenUp { place, record, conflict } }
    }

    /// Whether this is the very delivery of which the letter tells.
    fn is_of(&self, letter: &DeadLetter) -> bool {
        let place = |raw: &RawRecordRow| (raw.partition, raw.offset, raw.timestamp);
        self.raw.topic == letter.raw.topic && place(self.raw) == place(&letter.raw)
    }
}

/// What a record that could not be read may be known by.
pub(super) fn ids_of(failure: &DecodeFailure, raw: &RawRecordRow) -> Vec<RecordId> {
    let mut ids = vec![place_of(raw), place_with_content(raw)];
    ids.extend(failure.unauthorised.as_ref().and(failure.record.clone()));
    ids
}

/// What came before with the content of a record that its sender may not send.
pub(super) fn repeated<'b>(
    failure: &DecodeFailure,
    known: &'b HashMap<RecordId, Known>,
) -> Option<(&'b RecordId, &'b Known)> {
    let refused = failure.unauthorised.as_ref()?;
    let earlier = known.get_key_value(failure.record.as_ref()?);
    earlier.filter(|(_, known)| known.content_hash == KeptHash::of(&refused.content_hash))
}

/// What the inbox holds of a record that is known by its place, or by that and its bytes.
pub(super) fn seen<'a>(
    known: &'a HashMap<RecordId, Known>,
    place: &RecordId,
    exact: &RecordId,
    hash: &ContentHash,
) -> Option<(&'a RecordId, &'a Known)> {
    let at_place =
        known.get_key_value(place).filter(|(_, known)| known.content_hash == KeptHash::of(hash));
    at_place.or_else(|| known.get_key_value(exact))
}

/// Opens the letters again that were given up and whose records came again: which records those
/// are, with the codes of their letters.
pub(super) async fn take_up_in_tx(
    tx: &mut Tx<'_>,
    returned: &[Returned<'_>],
    at: DateTime<Utc>,
) -> Result<Vec<(usize, String)>, StoreError> {
    let mut again = Vec::new();
    if returned.is_empty() {
        return Ok(again);
    }
    let asked: Vec<GivenUp<'_>> = returned.iter().map(|returned| returned.letter).collect();
    let found = dead_letters::given_up_in_tx(tx, &asked).await?;
    let ids: Vec<i64> = found.iter().map(|(_, id)| *id).collect();
    if ids.is_empty() {
        return Ok(again);
    }
    // Somebody else may have opened one meanwhile.
    let letters = dead_letters::lock_in_tx(tx, &ids).await?;
    for letter in letters.iter().filter(|letter| letter.state == LetterState::Discarded) {
        let mut records = found
            .iter()
            .filter(|(_, id)| *id == letter.id)
            .filter_map(|(asked, _)| returned.get(*asked));
        let Some(record) = records.find(|returned| !returned.is_of(letter)) else {
            continue;
        };
        let raw = record.raw;
        let (topic, partition, offset) = (&raw.topic, raw.partition, raw.offset);
        let reason = format!("its record came again at {topic}:{partition}:{offset}");
        let who = Who { operator: OURSELVES, reason: Some(&reason), run: None };
        let act = Act::reopen(letter, "came_again");
        dead_letters::act_in_tx(tx, "reopen", who, &[act], at).await?;
        if letter.forgotten {
            dead_letters::restore_in_tx(tx, letter, raw, who, at).await?;
        }
        dead_letters::reopen_in_tx(tx, letter.id, Some(at)).await?;
        tracing::warn!(
            dead_letter = letter.id,
            code = letter.code,
            "a record came again whose dead letter had been discarded: it is open again"
        );
        again.push((record.index, letter.code.clone()));
    }
    Ok(again)
}

/// Dead-letters a record without deciding it, with what is kept and said of it. One that was
/// decoded is filed under its own id, another under its place.
pub async fn dead_letter_raw_in_tx(
    tx: &mut Tx<'_>,
    raw: &RawRecordRow,
    (kept, sentence): (RawRecordRow, String),
    decoded: Option<&Message>,
    reason: DeadLetterReason,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (place, exact, hash) = (place_of(raw), place_with_content(raw), bytes_hash(raw));
    let mut ids = vec![&place, &exact];
    ids.extend(decoded.map(|message| &message.record));
    let known = inbox::probe_in_tx(tx, &ids).await?;
    let named = decoded.filter(|message| !known.contains_key(&message.record));
    let code = reason.code().to_owned();
    let mut write = BatchWrite::default();
    if let Some((record, earlier)) = seen(&known, &place, &exact, &hash) {
        let returned = Returned::known(0, raw, record, earlier.dead_at.as_ref());
        let again = match take_up_in_tx(tx, returned.as_slice(), at).await {
            // The last resort is not refused: the letter is left to who can read it.
            Err(error) if error.is_unreadable() => None,
            taken => taken?.pop(),
        };
        let outcome = if again.is_some() { Ending::Reopened } else { Ending::Duplicate };
        let code = again.map(|(_, code)| code);
        write.repeats.push(RepeatRow::new(raw, &place, outcome, code));
    } else {
        let unnamed = if known.contains_key(&place) { &exact } else { &place };
        let record = named.map_or(unnamed, |message| &message.record).clone();
        let hash = named.map_or(hash, |message| message.content_hash);
        let kind = named.map_or("unknown", |message| type_of(&message.input));
        write.inbox.push(InboxRow {
            code: Some(code.clone()),
            ..InboxRow::new(raw, &record, hash, kind, Ending::DeadLettered)
        });
        write.dead_letters.push(DeadLetterRow {
            raw: kept,
            record: Some(record),
            named: (None, None),
            code,
            message: sentence,
        });
    }
    persist::undecided_in_tx(tx, &write, at).await
}

//! Copies of dead letters that lie elsewhere are taken in: from our own topic after a loss, or from
//! that of another program. Then they are as if they had died here, and are replayed as such.
//!
//! Each is a transaction of its own: an import that was cut off is repeated. Nothing goes to the
//! outbox: the copy came from a topic, and would come again with the next import.

use crate::clock::Clock;
use crate::config::Topics;
use crate::domain::effect::Ending;
use crate::domain::ids::{ContentHash, RecordId};
use crate::domain::input::Message;
use crate::domain::rejection::DeadLetterReason;
use crate::kafka::Header;
use crate::masked;
use crate::pipeline::batch::{bytes_hash, place_of, place_with_content, type_of};
use crate::pipeline::{headers_to_json, time_of, topic_kind};
use crate::store::PgPool;
use crate::store::dead_letters::{self, Act, GivenUp, LetterState, Who};
use crate::store::inbox::{KeptHash, Known, Place};
use crate::store::persist::{self, BatchWrite, DeadLetterRow, InboxRow, RawRecordRow, RepeatRow};
use crate::store::{StoreError, Tx, inbox};
use crate::wire::origin::{Origin, is_partial, origin, without_origin};
use crate::wire::{RawRecord, Topic, decode};

/// A copy as it lies somewhere.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Where it lies, for a copy that does not say where it came from.
    pub place: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
    /// A text that looks like our mask is meant as it stands.
    pub not_masked: bool,
}

/// What became of one, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub place: String,
    pub result: Imported,
    pub code: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The number it has; none in a dry run.
    Stored(Option<i64>),
    /// Its place and bytes, or its id and content, are a dead letter here.
    AlreadyKnown,
    /// The same, and an operator gave that up: it can be reopened.
    Discarded,
    /// Its id was processed here with this content.
    AlreadyApplied,
    /// Its id waits here with this content.
    Waiting,
    /// It came from a topic that is none of ours.
    UnknownTopic,
    /// Its headers do not say where it came from.
    NoOrigin,
    /// The copy was made without the value of the original.
    Partial,
    /// The copy was made of a masked view.
    Masked,
}

impl Imported {
    pub fn word(self) -> &'static str {
        match self {
            Self::Stored(_) => "imported",
            Self::AlreadyKnown => "already known",
            Self::Discarded => "discarded here",
            Self::AlreadyApplied => "already applied",
            Self::Waiting => "waiting here",
            Self::UnknownTopic => "unknown topic",
            Self::NoOrigin => "no origin",
            Self::Partial => "a copy without its value",
            Self::Masked => "a masked copy",
        }
    }
}

/// Takes copies in, in their order, or with `dry_run` only says what would become of each.
///
/// # Errors
/// When the database fails; what was taken in before stays.
pub async fn import(
    pool: &PgPool,
    topics: &Topics,
    letters: Vec<Incoming>,
    operator: &str,
    reason: Option<&str>,
    dry_run: bool,
) -> Result<Vec<Taken>, StoreError> {
    let who = Who { operator, reason, run: None };
    let mut taken = Vec::with_capacity(letters.len());
    for letter in letters {
        let Some(origin) = origin(&letter.headers) else {
            let place = letter.place;
            taken.push(Taken { place, result: Imported::NoOrigin, code: None });
            continue;
        };
        let place = format!("{}:{}:{}", origin.topic, origin.partition, origin.offset);
        if is_partial(&letter.headers) {
            taken.push(Taken { place, result: Imported::Partial, code: None });
            continue;
        }
        let Some(topic) = topic_kind(topics, &origin.topic) else {
            taken.push(Taken { place, result: Imported::UnknownTopic, code: None });
            continue;
        };
        let held = letter.value.as_deref().and_then(|value| masked::held(value, None));
        if held.is_some() && !letter.not_masked {
            let code = Some(masked::CODE.to_owned());
            taken.push(Taken { place, result: Imported::Masked, code });
            continue;
        }
        let mut tx = pool.begin().await?;
        let (result, code) = import_in_tx(&mut tx, topic, letter, origin, who).await?;
        let stored = matches!(result, Imported::Stored(_));
        if stored && !dry_run {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        let result = if stored && dry_run { Imported::Stored(None) } else { result };
        taken.push(Taken { place, result, code: stored.then_some(code) });
    }
    Ok(taken)
}

async fn import_in_tx(
    tx: &mut Tx<'_>,
    topic: Topic,
    letter: Incoming,
    origin: Origin,
    who: Who<'_>,
) -> Result<(Imported, String), StoreError> {
    let at = Clock::System.now();
    let headers = without_origin(&letter.headers);
    let decoded = {
        let (key, value) = (letter.key.as_deref(), letter.value.as_deref());
        decode(&RawRecord { topic, key, value, headers: &headers })
    };
    let raw = RawRecordRow {
        topic: origin.topic,
        partition: origin.partition,
        offset: origin.offset,
        timestamp: origin.timestamp.and_then(time_of),
        key: letter.key,
        value: letter.value,
        headers: headers_to_json(&headers),
    };
    let mut code = origin.code.to_owned();
    let found = match &decoded {
        Ok(message) => of_id(tx, message).await?,
        Err(_) => of_place(tx, &raw).await?,
    };
    let mut write = BatchWrite::default();
    let record = match found {
        Seen::Here(result, record) => {
            let row = row_of(raw, record, code, origin.message);
            // The same place and bytes say more than what became of the id since.
            let new = dead_letters::import_in_tx(tx, &row, at).await?.is_some();
            let known = result == Imported::Discarded;
            return Ok((if new || known { result } else { Imported::AlreadyKnown }, row.code));
        }
        Seen::Conflict(record) => {
            DeadLetterReason::Conflict.code().clone_into(&mut code);
            let repeat = RepeatRow::new(&raw, &record, Ending::DeadLettered, Some(code.clone()));
            write.repeats.push(repeat);
            record
        }
        Seen::New(record, content_hash) => {
            let message_type = decoded.as_ref().map_or("unknown", |m| type_of(&m.input));
            write.inbox.push(InboxRow {
                code: Some(code.clone()),
                ..InboxRow::new(&raw, &record, content_hash, message_type, Ending::DeadLettered)
            });
            record
        }
    };
    let row = row_of(raw, record, code, origin.message);
    let Some(id) = dead_letters::import_in_tx(tx, &row, at).await? else {
        return Ok((conflict_here(tx, &row).await?, row.code));
    };
    persist::undecided_in_tx(tx, &write, at).await?;
    dead_letters::act_in_tx(tx, "import", who, &[imported(id, &row.code)], at).await?;
    Ok((Imported::Stored(Some(id)), row.code))
}

fn imported(dead_letter_id: i64, code: &str) -> Act {
    Act {
        dead_letter_id,
        outcome: "imported",
        code: Some(code.to_owned()),
        state: LetterState::Open,
        revision_before: 0,
        revision: 0,
    }
}

fn row_of(raw: RawRecordRow, record: RecordId, code: String, message: String) -> DeadLetterRow {
    DeadLetterRow { raw, record: Some(record), named: (None, None), code, message }
}

/// How a copy is known here.
enum Seen {
    New(RecordId, ContentHash),
    /// The id has other content here.
    Conflict(RecordId),
    /// There is nothing to store.
    Here(Imported, RecordId),
}

async fn of_id(tx: &mut Tx<'_>, message: &Message) -> Result<Seen, StoreError> {
    let record = message.record.clone();
    let states = inbox::states_in_tx(tx, std::slice::from_ref(&record)).await?;
    Ok(match states.get(&record) {
        None => Seen::New(record, message.content_hash),
        Some(state) if state.content_hash != KeptHash::of(&message.content_hash) => {
            Seen::Conflict(record)
        }
        Some(state) => match state.outcome {
            Ending::DeadLettered => {
                let known = inbox::probe_in_tx(tx, &[&record]).await?;
                let result = match known.get(&record) {
                    Some(known) => dead_here(tx, &record, known).await?,
                    None => Imported::AlreadyKnown,
                };
                Seen::Here(result, record)
            }
            Ending::Waiting => Seen::Here(Imported::Waiting, record),
            Ending::Applied | Ending::Duplicate | Ending::Rejected | Ending::Reopened => {
                Seen::Here(Imported::AlreadyApplied, record)
            }
        },
    })
}

/// Whether the letter of a record that is dead here was given up.
async fn dead_here(
    tx: &mut Tx<'_>,
    record: &RecordId,
    known: &Known,
) -> Result<Imported, StoreError> {
    let Some(Place { topic, partition, offset }) = &known.dead_at else {
        return Ok(Imported::AlreadyKnown);
    };
    let place = (topic.as_str(), *partition, *offset);
    letter_here(tx, GivenUp { place, record, conflict: None }).await
}

/// The same of a conflict, which is filed at its own place.
async fn conflict_here(tx: &mut Tx<'_>, row: &DeadLetterRow) -> Result<Imported, StoreError> {
    let Some(record) = &row.record else {
        return Ok(Imported::AlreadyKnown);
    };
    let place = (row.raw.topic.as_str(), row.raw.partition, row.raw.offset);
    let conflict = Some(row.raw.value.as_deref().unwrap_or_default());
    letter_here(tx, GivenUp { place, record, conflict }).await
}

async fn letter_here(tx: &mut Tx<'_>, letter: GivenUp<'_>) -> Result<Imported, StoreError> {
    let given_up = dead_letters::given_up_in_tx(tx, &[letter]).await?;
    Ok(if given_up.is_empty() { Imported::AlreadyKnown } else { Imported::Discarded })
}

/// What cannot be decoded is known by its place, as in a batch.
async fn of_place(tx: &mut Tx<'_>, raw: &RawRecordRow) -> Result<Seen, StoreError> {
    let (place, exact, hash) = (place_of(raw), place_with_content(raw), bytes_hash(raw));
    let known = inbox::probe_in_tx(tx, &[&place, &exact]).await?;
    let same = known.get(&place).filter(|known| known.content_hash == KeptHash::of(&hash));
    let here = same.map(|known| (&place, known));
    if let Some((record, known)) = here.or_else(|| known.get_key_value(&exact)) {
        let result = dead_here(tx, record, known).await?;
        return Ok(Seen::Here(result, record.clone()));
    }
    let record = if known.contains_key(&place) { exact } else { place };
    Ok(Seen::New(record, hash))
}

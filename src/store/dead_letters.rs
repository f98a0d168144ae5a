//! Dead letters: records that could not be processed, kept unchanged.

use chrono::{DateTime, Utc};
use foldhash::HashMap;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::outbox::{self, Window};
use super::persist::{DeadLetterRow, RawRecordRow};
use super::{StoreError, Tx, sql};
use crate::domain::ids::{MessageId, RecordId, Source};

/// Where a dead letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterState {
    Open,
    Replayed,
    /// A person gave it up; it can be opened again.
    Discarded,
}

impl LetterState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Replayed, Self::Discarded];

    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// A stored dead letter.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub id: i64,
    pub raw: RawRecordRow,
    pub record: Option<RecordId>,
    pub code: String,
    pub message: String,
    pub attempts: i32,
    pub first_failed_at: DateTime<Utc>,
    pub last_failed_at: DateTime<Utc>,
    pub state: LetterState,
    /// Its bytes are gone: others stand in their place.
    pub forgotten: bool,
    /// The latest revision, whose bytes `raw` holds; 0: as it came.
    pub revision: i32,
    /// Topic and key: letters that share it keep their order.
    pub order_key: String,
}

fn of_row(row: &PgRow) -> Result<DeadLetter, StoreError> {
    let source: Option<&str> = row.try_get("source")?;
    let message_id: Option<&str> = row.try_get("message_id")?;
    let record = source.zip(message_id).map(|(source, id)| RecordId {
        source: Source::trusted(source),
        id: MessageId::trusted(id),
    });
    Ok(DeadLetter {
        id: row.try_get("dead_letter_id")?,
        raw: RawRecordRow {
            topic: row.try_get("topic")?,
            partition: row.try_get("partition")?,
            offset: row.try_get("record_offset")?,
            timestamp: row.try_get("record_timestamp")?,
            key: row.try_get("record_key")?,
            value: row.try_get("record_value")?,
            headers: row.try_get("record_headers")?,
        },
        record,
        code: row.try_get("code")?,
        message: row.try_get("message")?,
        attempts: row.try_get("attempts")?,
        first_failed_at: row.try_get("first_failed_at")?,
        last_failed_at: row.try_get("last_failed_at")?,
        state: LetterState::from_word(row.try_get("status")?)
            .ok_or(StoreError::Unreadable("a letter's state"))?,
        forgotten: row.try_get("forgotten")?,
        revision: row.try_get("revision")?,
        order_key: row.try_get("order_key")?,
    })
}

/// When each of these customers was described last, as the records said that did.
pub async fn described_in_tx(
    tx: &mut Tx<'_>,
    accounts: &[&str],
) -> Result<HashMap<String, DateTime<Utc>>, StoreError> {
    let rows = query!("accounts_described": accounts).fetch_all(&mut **tx).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// When each of those holds that live was told last, as its source says.
pub async fn holds_told_in_tx(
    tx: &mut Tx<'_>,
    (accounts, ids): (&[&str], &[&str]),
) -> Result<HashMap<(String, String), DateTime<Utc>>, StoreError> {
    let query = query!("holds_told": accounts, ids);
    let rows = query.fetch_all(&mut **tx).await?;
    rows.iter().map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?))).collect()
}

/// Locks those dead letters in the order of their ids; what does not exist is left out.
pub async fn lock_in_tx(tx: &mut Tx<'_>, ids: &[i64]) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = query!("dead_letters_lock": ids).fetch_all(&mut **tx).await?;
    rows.iter().map(of_row).collect()
}

/// Which open dead letters an operator means. All conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Selection {
    /// Empty: any.
    pub ids: Vec<i64>,
    pub code: Option<String>,
    pub topic: Option<String>,
    pub key: Option<String>,
    /// Occurs in the value as these very bytes.
    pub text: Option<String>,
    /// By `last_failed_at`, from here…
    pub since: Option<DateTime<Utc>>,
    /// …and before here.
    pub until: Option<DateTime<Utc>>,
    pub limit: Option<i64>,
}

impl Selection {
    fn ids(&self) -> Option<&[i64]> {
        (!self.ids.is_empty()).then_some(&self.ids)
    }
}

/// Ids of a selection's open letters behind `after` and up to `last`, oldest first.
pub async fn select(
    pool: &crate::store::PgPool,
    selection: &Selection,
    (after, last): (i64, i64),
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let rows = scalar!("dead_letter_select": selection.ids(), selection.code.as_deref(),
        selection.topic.as_deref(), selection.since, selection.until, limit,
        selection.key.as_deref().map(str::as_bytes), selection.text.as_deref().map(str::as_bytes),
        after, last)
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// How many those are, for a progress bar.
pub async fn count(
    pool: &crate::store::PgPool,
    selection: &Selection,
    (after, last): (i64, i64),
) -> Result<i64, StoreError> {
    let count = scalar!("dead_letters_count": selection.ids(), selection.code.as_deref(),
        selection.topic.as_deref(), selection.since, selection.until,
        selection.key.as_deref().map(str::as_bytes), selection.text.as_deref().map(str::as_bytes),
        after, last)
    .fetch_one(pool)
    .await?;
    Ok(count)
}

/// What a selection means, before anything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meant {
    pub open: i64,
    /// Of those, the bank's: money that the bank booked, and never a request.
    pub bank_facts: i64,
    /// They fit, but are replayed or discarded already.
    pub resolved: i64,
}

/// Counts what a selection means; `bank` is the topic of bank records.
pub async fn meant(
    pool: &crate::store::PgPool,
    selection: &Selection,
    bank: &str,
) -> Result<Meant, StoreError> {
    let row = query!("dead_letters_meant": selection.ids(), selection.code.as_deref(),
        selection.topic.as_deref(), selection.since, selection.until,
        selection.key.as_deref().map(str::as_bytes), selection.text.as_deref().map(str::as_bytes),
        bank)
    .fetch_one(pool)
    .await?;
    Ok(Meant {
        open: row.try_get("open")?,
        bank_facts: row.try_get("facts")?,
        resolved: row.try_get("resolved")?,
    })
}

/// The number of the latest dead letter.
pub async fn last(pool: &crate::store::PgPool) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(sql!("dead_letters_last")).fetch_one(pool).await?)
}

/// Gives a dead letter up.
pub async fn discard_in_tx(
    tx: &mut Tx<'_>,
    id: i64,
    resolution: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    query!("dead_letter_discard": id, resolution, at).execute(&mut **tx).await?;
    Ok(())
}

/// Where a letter is filed that may have been given up.
#[derive(Debug, Clone, Copy)]
pub struct GivenUp<'a> {
    /// Topic, partition, offset.
    pub place: (&'a str, i32, i64),
    pub record: &'a RecordId,
    /// Of a conflict: its bytes, because its id is another record's.
    pub conflict: Option<&'a [u8]>,
}

/// The letters of `asked` that were discarded: the index of what was asked, and the letter's id.
pub async fn given_up_in_tx(
    tx: &mut Tx<'_>,
    asked: &[GivenUp<'_>],
) -> Result<Vec<(usize, i64)>, StoreError> {
    let rows = query!("dead_letters_given_up": asked.iter().map(|a| a.place.0).collect::<Vec<_>>(),
        asked.iter().map(|a| a.place.1).collect::<Vec<_>>(),
        asked.iter().map(|a| a.place.2).collect::<Vec<_>>(),
        asked.iter().map(|a| a.record.source.as_str()).collect::<Vec<_>>(),
        asked.iter().map(|a| a.record.id.as_str()).collect::<Vec<_>>(),
        asked.iter().map(|a| a.conflict).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    let of = |row: &PgRow| {
        let ordinal: i64 = row.try_get(0)?;
        let index = usize::try_from(ordinal.saturating_sub(1));
        Ok((index.map_err(|_| StoreError::Corrupt("an ordinal"))?, row.try_get(1)?))
    };
    rows.iter().map(of).collect()
}

/// Takes up again what was discarded; where its record came again, at that time, the copy goes to
/// Kafka once more. Its act is written before: the schema asks for it.
pub async fn reopen_in_tx(
    tx: &mut Tx<'_>,
    id: i64,
    came_again: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let query = query!("dead_letter_reopen": id, came_again);
    let opened = query.execute(&mut **tx).await?.rows_affected() > 0;
    match came_again {
        Some(at) if opened => outbox::copies_in_tx(tx, &[id], at).await,
        _ => Ok(()),
    }
}

/// A copy that is to be published.
#[derive(Debug, Clone)]
pub struct Letter {
    pub copy_id: i64,
    pub letter: DeadLetter,
}

/// The oldest copies behind `after`.
pub async fn copies_in_tx(
    tx: &mut Tx<'_>,
    window: Window,
    after: i64,
) -> Result<Vec<Letter>, StoreError> {
    let query = query!("letter_copies_next": window.rows, window.bytes);
    let rows = query.bind(after).fetch_all(&mut **tx).await?;
    let letter =
        |row: &PgRow| Ok(Letter { copy_id: row.try_get("copy_id")?, letter: of_row(row)? });
    rows.iter().map(letter).collect()
}

/// Who acts, and why.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    pub operator: &'a str,
    pub reason: Option<&'a str>,
    /// The run of a replay.
    pub run: Option<i64>,
}

/// What an operator did to one dead letter.
#[derive(Debug, Clone)]
pub struct Act {
    pub dead_letter_id: i64,
    pub outcome: &'static str,
    pub code: Option<String>,
    /// The letter's state and revision after it, and the revision before.
    pub state: LetterState,
    pub revision_before: i32,
    pub revision: i32,
}

impl Act {
    /// A letter that was given up is open again.
    pub fn reopen(letter: &DeadLetter, outcome: &'static str) -> Self {
        Self {
            dead_letter_id: letter.id,
            outcome,
            code: Some(letter.code.clone()),
            state: LetterState::Open,
            revision_before: letter.revision,
            revision: letter.revision,
        }
    }
}

/// Appends to the audit of dead letters. Before the letters are changed: `before` is read here.
pub async fn act_in_tx(
    tx: &mut Tx<'_>,
    kind: &str,
    who: Who<'_>,
    acts: &[Act],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    store!(tx, "dead_letters_act", for act in acts {
        id: act.dead_letter_id,
        act => kind,
        operator => who.operator,
        reason => who.reason,
        acted_at => at,
        run_id => who.run,
        outcome: act.outcome,
        code: act.code.as_deref(),
        status: act.state.word(),
        revision_before: act.revision_before,
        revision: act.revision,
    });
    Ok(())
}

/// Adds a letter that came from outside, without a copy for Kafka; none when its place and its
/// bytes are there already.
pub async fn import_in_tx(
    tx: &mut Tx<'_>,
    letter: &DeadLetterRow,
    at: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    let (raw, record) = (&letter.raw, letter.record.as_ref());
    let query = bound!("dead_letter_import", {
        topic => &raw.topic,
        partition => raw.partition,
        record_offset => raw.offset,
        record_timestamp => raw.timestamp,
        record_key => raw.key.as_deref(),
        record_value => raw.value.as_deref(),
        record_headers => &raw.headers,
        source => record.map(|record| record.source.as_str()),
        message_id => record.map(|record| record.id.as_str()),
        code => &letter.code,
        message => &letter.message,
        first_failed_at => at,
    });
    let added = query.fetch_optional(&mut **tx).await?;
    Ok(added.map(|row| row.try_get("dead_letter_id")).transpose()?)
}

/// Counts the attempt of each replayed letter and closes those that are `replayed` now. Those that
/// failed have the code and the words that `told` has for this failure, or keep their own.
pub async fn tried_in_tx(
    tx: &mut Tx<'_>,
    operator: &str,
    acts: &[Act],
    told: impl Fn(&str) -> Option<(&'static str, &'static str)>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failing = |act: &Act| {
        let code = act.code.as_deref().filter(|_| act.state == LetterState::Open);
        code.and_then(&told)
    };
    store!(tx, "dead_letters_tried", for act in acts {
        id: act.dead_letter_id,
        resolves: act.state != LetterState::Open,
        resolution: format!("{} by {operator}", act.outcome),
        last_failed_at => at,
        code: failing(act).map(|now| now.0),
        message: failing(act).map(|now| now.1),
    });
    Ok(())
}

/// Gives a letter whose bytes were forgotten those of its record, which came again.
pub async fn restore_in_tx(
    tx: &mut Tx<'_>,
    letter: &DeadLetter,
    raw: &RawRecordRow,
    who: Who<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = query!("dead_letter_restore": letter.id, raw.value.as_deref());
    query.bind(&raw.headers).execute(&mut **tx).await?;
    match letter.revision {
        0 => Ok(()),
        last => revise_in_tx(tx, letter.id, last.saturating_add(1), raw, who, at).await,
    }
}

/// Adds a revision: the bytes that count from now on.
pub async fn revise_in_tx(
    tx: &mut Tx<'_>,
    id: i64,
    revision: i32,
    raw: &RawRecordRow,
    who: Who<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = bound!("dead_letter_revise", {
        dead_letter_id => id,
        revision => revision,
        record_key => raw.key.as_deref(),
        record_value => raw.value.as_deref(),
        record_headers => &raw.headers,
        operator => who.operator,
        reason => who.reason,
        made_at => at,
    });
    query.execute(&mut **tx).await?;
    Ok(())
}

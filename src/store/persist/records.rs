//! What became of each record: inbox, repeats, waiting commands, dead letters.

use chrono::{DateTime, Duration, Utc};

use crate::domain::effect::{Ending, Need};
use crate::domain::ids::RecordId;
use crate::domain::input::ContentHash;
use crate::domain::queue::{EVERYTHING, Queued};
use crate::store::{StoreError, Tx, sql};

/// Where a record was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecordRow {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Option<DateTime<Utc>>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// JSON: `[{"name": …, "value_hex": …}]`.
    pub headers: String,
}

/// A record that was seen for the first time.
#[derive(Debug, Clone)]
pub struct InboxRow {
    pub record: RecordId,
    pub content_hash: ContentHash,
    pub message_type: &'static str,
    pub outcome: Ending,
    pub code: Option<String>,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub subject: Option<String>,
    /// Whether this row is all that tells the same record, sent again, from a new one: it stays
    /// for ever then (`decide::guards`).
    pub guards: bool,
}

/// A record whose id had come before.
#[derive(Debug, Clone)]
pub struct RepeatRow {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub record: RecordId,
    pub outcome: Ending,
    pub code: Option<String>,
}

/// A command that waits for what it names.
#[derive(Debug, Clone)]
pub struct WaitingRow {
    pub raw: RawRecordRow,
    pub record: RecordId,
    pub wait_key: String,
    pub stands: Stands,
    pub patience: Duration,
}

/// Where a record stands that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    /// What it lacks.
    pub needs: String,
    /// The record that it stands behind.
    pub behind: Option<RecordId>,
    /// What it holds up: later commands that touch this too.
    pub touches: Vec<String>,
}

impl Stands {
    #[must_use]
    pub fn of(need: &Need, queued: Option<&Queued>) -> Self {
        let everything = || vec![EVERYTHING.to_owned()];
        // What waits holds up something, also by the table's own rule.
        let queued = queued.filter(|one| !one.touches.is_empty());
        Self {
            needs: need.key(),
            behind: if let Need::Behind(record) = need { Some(record.clone()) } else { None },
            touches: queued.map_or_else(everything, |one| one.touches.iter().cloned().collect()),
        }
    }
}

/// A record that could not be processed.
#[derive(Debug, Clone)]
pub struct DeadLetterRow {
    pub raw: RawRecordRow,
    pub record: Option<RecordId>,
    /// What the record calls itself, where it stands under its place: its source, and its id.
    pub named: (Option<String>, Option<String>),
    pub code: String,
    /// Masked, at most 2 KiB.
    pub message: String,
}

pub(super) async fn inbox(
    tx: &mut Tx<'_>,
    rows: &[InboxRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    // A lane's batch is of one partition, so this is one statement.
    let together = |left: &InboxRow, right: &InboxRow| {
        (left.partition, &left.topic) == (right.partition, &right.topic)
    };
    for rows in rows.chunk_by(together) {
        inbox_of_partition(tx, rows, at).await?;
    }
    Ok(())
}

async fn inbox_of_partition(
    tx: &mut Tx<'_>,
    rows: &[InboxRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(first) = rows.first() else {
        return Ok(());
    };
    // An id that another lane has taken since it was looked up is a unique violation here, and a
    // duplicate at the next attempt.
    sqlx::query(sql!("insert_inbox"))
        .bind(rows.iter().map(|r| r.record.source.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.record.id.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.content_hash.as_slice()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.message_type).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.outcome.word()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.code.as_deref()).collect::<Vec<_>>())
        .bind(&first.topic)
        .bind(first.partition)
        .bind(rows.iter().map(|r| r.offset).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.subject.as_deref()).collect::<Vec<_>>())
        .bind(at)
        .bind(rows.iter().map(|r| r.guards).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn repeats(
    tx: &mut Tx<'_>,
    rows: &[RepeatRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_repeats"))
        .bind(rows.iter().map(|r| r.topic.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.partition).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.offset).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.record.source.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.record.id.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.outcome.word()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.code.as_deref()).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn waiting(
    tx: &mut Tx<'_>,
    rows: &[WaitingRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    for row in rows {
        sqlx::query(sql!("insert_waiting"))
            .bind(&row.wait_key)
            .bind(&row.raw.topic)
            .bind(row.raw.partition)
            .bind(row.raw.offset)
            .bind(row.record.source.as_str())
            .bind(row.record.id.as_str())
            .bind(&row.stands.needs)
            .bind(row.raw.key.as_deref())
            .bind(row.raw.value.as_deref().unwrap_or_default())
            .bind(&row.raw.headers)
            .bind(row.raw.timestamp)
            .bind(at)
            .bind(at + row.patience)
            .bind(&row.stands.touches)
            .bind(row.stands.behind.as_ref().map(|record| record.source.as_str()))
            .bind(row.stands.behind.as_ref().map(|record| record.id.as_str()))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Writes dead letters, with the copies that go to Kafka.
///
/// # Errors
/// When the database fails.
pub async fn dead_letters(
    tx: &mut Tx<'_>,
    rows: &[DeadLetterRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let source = |r: &DeadLetterRow| r.record.as_ref().map(|record| record.source.to_string());
    let id = |r: &DeadLetterRow| r.record.as_ref().map(|record| record.id.to_string());
    sqlx::query(sql!("insert_dead_letters"))
        .bind(rows.iter().map(|r| r.raw.topic.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.raw.partition).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.raw.offset).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.raw.timestamp).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.raw.key.clone()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.raw.value.clone()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.raw.headers.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(source).collect::<Vec<_>>())
        .bind(rows.iter().map(id).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.code.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.message.as_str()).collect::<Vec<_>>())
        .bind(at)
        .bind(rows.iter().map(|r| r.named.0.as_deref()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.named.1.as_deref()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

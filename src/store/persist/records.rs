//! What became of each record: inbox, repeats, waiting commands, dead letters.

use chrono::{DateTime, Duration, Utc};
use sqlx::Row as _;

use crate::domain::effect::{Ending, Need};
use crate::domain::ids::{ContentHash, RecordId};
use crate::domain::input::Queued;
use crate::domain::queue::EVERYTHING;
use crate::domain::usage::Usage;
use crate::store::inbox::KeptHash;
use crate::store::{StoreError, Tx, outbox};

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

impl InboxRow {
    /// Of a record that was read there, before more is known of it; its row stays for ever.
    pub fn new(
        raw: &RawRecordRow,
        record: &RecordId,
        content_hash: ContentHash,
        message_type: &'static str,
        outcome: Ending,
    ) -> Self {
        let (record, topic) = (record.clone(), raw.topic.clone());
        let (partition, offset, code, subject) = (raw.partition, raw.offset, None, None);
        let guards = true;
        Self {
            record,
            content_hash,
            message_type,
            outcome,
            code,
            topic,
            partition,
            offset,
            subject,
            guards,
        }
    }
}

impl InboxRow {
    /// What it changed, where its row does not say so anyway: as `about` of the schema.
    fn own_subject(&self) -> Option<&str> {
        let is_charge = self.message_type == Usage::CHARGE && self.outcome == Ending::Applied;
        let subject = self.subject.as_deref()?;
        let same = subject.strip_prefix("usage:") == Some(self.record.id.as_str());
        (!(is_charge && same)).then_some(subject)
    }
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

impl RepeatRow {
    /// Of a record that was read there.
    pub fn new(
        raw: &RawRecordRow,
        record: &RecordId,
        outcome: Ending,
        code: Option<String>,
    ) -> Self {
        let (topic, record) = (raw.topic.clone(), record.clone());
        Self { topic, partition: raw.partition, offset: raw.offset, record, outcome, code }
    }
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
    store!(tx, "insert_inbox", for r in rows {
        source: r.record.source.as_str(),
        message_id: r.record.id.as_str(),
        content_hash: KeptHash::part(&r.content_hash),
        message_type: r.message_type,
        outcome: r.outcome.word(),
        code: r.code.as_deref(),
        topic => &first.topic,
        partition => first.partition,
        record_offset: r.offset,
        subject: r.own_subject(),
        processed_at => at,
        guards: r.guards,
    });
    Ok(())
}

pub(super) async fn repeats(
    tx: &mut Tx<'_>,
    rows: &[RepeatRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    store!(tx, "insert_repeats", for r in rows {
        topic: r.topic.as_str(),
        partition: r.partition,
        record_offset: r.offset,
        source: r.record.source.as_str(),
        message_id: r.record.id.as_str(),
        outcome: r.outcome.word(),
        code: r.code.as_deref(),
        seen_at => at,
    });
    Ok(())
}

pub(super) async fn waiting(
    tx: &mut Tx<'_>,
    rows: &[WaitingRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    for row in rows {
        let query = bound!("insert_waiting", {
            wait_key => &row.wait_key,
            topic => &row.raw.topic,
            partition => row.raw.partition,
            record_offset => row.raw.offset,
            source => row.record.source.as_str(),
            message_id => row.record.id.as_str(),
            needs => &row.stands.needs,
            record_key => row.raw.key.as_deref(),
            record_value => row.raw.value.as_deref().unwrap_or_default(),
            record_headers => &row.raw.headers,
            record_timestamp => row.raw.timestamp,
            since => at,
            deadline => at + row.patience,
            touches => &row.stands.touches,
            behind_source => row.stands.behind.as_ref().map(|record| record.source.as_str()),
            behind_id => row.stands.behind.as_ref().map(|record| record.id.as_str()),
        });
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Writes dead letters, with the copies that go to Kafka.
pub async fn dead_letters(
    tx: &mut Tx<'_>,
    rows: &[DeadLetterRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let letters = bound!("insert_dead_letters", for r in rows {
        topic: r.raw.topic.as_str(),
        partition: r.raw.partition,
        record_offset: r.raw.offset,
        record_timestamp: r.raw.timestamp,
        record_key: r.raw.key.as_deref(),
        record_value: r.raw.value.as_deref(),
        headers: r.raw.headers.as_str(),
        source: r.record.as_ref().map(|record| record.source.as_str()),
        message_id: r.record.as_ref().map(|record| record.id.as_str()),
        code: r.code.as_str(),
        message: r.message.as_str(),
        failed_at => at,
        named_source: r.named.0.as_deref(),
        named_id: r.named.1.as_deref(),
    });
    let letters = letters.fetch_all(&mut **tx).await?;
    let ids = letters.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    outbox::copies_in_tx(tx, &ids, at).await
}

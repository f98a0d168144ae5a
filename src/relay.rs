//! **relay**: outbox rows to Kafka, at least once, in order per key.
//!
//! One relay leads at a time (a transaction-scoped advisory lock); others stand by, so two may
//! run. Rows are sent in `outbox_id` order, which is the order of each key, and marked only when
//! Kafka has acknowledged them. When a row fails, its key stops there: later rows of the key stay
//! unpublished and go first the next time.

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Topics;
use crate::kafka::{Header, OutRecord, Producer};
use crate::pipeline::headers_from_json;
use crate::store::StoreError;
use crate::store::dead_letters::DeadLetter;
use crate::store::outbox::{self, Unpublished};
use crate::telemetry;
use crate::wire::DeadLetterHeaders;

/// Rows taken at once: a few milliseconds of sending, far below the idle-in-transaction limit.
const ROWS_MAX: i64 = 2_000;
/// How often an idle relay looks.
const IDLE: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// Publishes the outbox.
pub struct Relay {
    pool: PgPool,
    producer: Producer,
    topics: Topics,
    group: String,
    clock: Clock,
}

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    pub rows: usize,
    pub published: usize,
}

impl Relay {
    #[must_use]
    pub fn new(
        pool: PgPool,
        producer: Producer,
        topics: Topics,
        group: String,
        clock: Clock,
    ) -> Self {
        Self { pool, producer, topics, group, clock }
    }

    /// Publishes until `stop` says so; the round in hand is finished first.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut pause = IDLE;
        while !*stop.borrow() {
            match self.round().await {
                Ok(round) if round.published > 0 && round.published == round.rows => {
                    pause = IDLE;
                    continue;
                }
                Ok(round) if round.rows == 0 => pause = IDLE,
                Ok(round) => {
                    let left = round.rows.saturating_sub(round.published);
                    tracing::warn!(rows = left, "events were not acknowledged: sent again");
                    pause = pause.saturating_mul(2).min(RETRY_LONGEST);
                }
                Err(error) => {
                    tracing::warn!(error = %telemetry::chain(&error), "outbox not read");
                    pause = pause.saturating_mul(2).min(RETRY_LONGEST);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// One round: takes the lead, sends, marks. Does nothing while another relay leads.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn round(&self) -> Result<Round, StoreError> {
        let mut tx = self.pool.begin().await?;
        if !outbox::try_lead_in_tx(&mut tx).await? {
            tx.rollback().await?;
            return Ok(Round::default());
        }
        let rows = outbox::unpublished_in_tx(&mut tx, ROWS_MAX).await?;
        if rows.is_empty() {
            tx.rollback().await?;
            return Ok(Round::default());
        }
        let mut owners = Vec::new();
        let mut records = Vec::new();
        for row in &rows {
            let (outbox_id, row_records) = self.records_of(row);
            owners.extend(row_records.iter().map(|_| outbox_id));
            records.extend(row_records);
        }
        let delivered = self.producer.send_all(records).await;
        let mut done: Vec<i64> = Vec::with_capacity(rows.len());
        let mut failed: Vec<i64> = Vec::new();
        for (outbox_id, result) in owners.into_iter().zip(delivered) {
            let list = if result.is_ok() { &mut done } else { &mut failed };
            if list.last() != Some(&outbox_id) {
                list.push(outbox_id);
            }
        }
        done.retain(|id| failed.binary_search(id).is_err());
        outbox::mark_published_in_tx(&mut tx, &done, self.clock.now()).await?;
        tx.commit().await?;
        Ok(Round { rows: rows.len(), published: done.len() })
    }

    fn records_of(&self, row: &Unpublished) -> (i64, Vec<OutRecord>) {
        match row {
            Unpublished::Events { outbox_id, record_key, payload } => {
                let record = |json: &str| OutRecord {
                    topic: self.topics.events.clone(),
                    key: Some(record_key.clone().into_bytes()),
                    value: Some(json.as_bytes().to_vec()),
                    headers: vec![Header {
                        name: "content-type".to_owned(),
                        value: Some(b"application/cloudevents+json".to_vec()),
                    }],
                    timestamp_ms: None,
                };
                (*outbox_id, payload.split('\n').map(record).collect())
            }
            Unpublished::DeadLetter { outbox_id, letter } => {
                (*outbox_id, vec![self.dead_letter_record(letter)])
            }
        }
    }

    /// Key, value and headers of the original unchanged, plus what we know of its death.
    fn dead_letter_record(&self, letter: &DeadLetter) -> OutRecord {
        let original: Vec<(String, Option<Vec<u8>>)> = headers_from_json(&letter.raw.headers)
            .into_iter()
            .map(|header| (header.name, header.value))
            .collect();
        let id = letter.id.to_string();
        let headers = DeadLetterHeaders {
            id: &id,
            original_topic: &letter.raw.topic,
            original_partition: letter.raw.partition,
            original_offset: letter.raw.offset,
            original_timestamp: letter.raw.timestamp.map(|at| at.timestamp_millis()),
            consumer_group: &self.group,
            error_code: &letter.code,
            error_message: &letter.message,
            attempts: u32::try_from(letter.attempts).unwrap_or(u32::MAX),
            first_failed_at: letter.first_failed_at,
            last_failed_at: letter.last_failed_at,
        };
        let headers = headers.merged(&original);
        OutRecord {
            topic: self.topics.dead_letters.clone(),
            key: letter.raw.key.clone(),
            value: letter.raw.value.clone(),
            headers: headers.into_iter().map(|(name, value)| Header { name, value }).collect(),
            timestamp_ms: None,
        }
    }
}

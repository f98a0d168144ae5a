//! Events and dead letters on their way to Kafka. Rows are written under the lock of their key,
//! so that `outbox_id` order is the order of the key; no cursor ever skips a late commit.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{StoreError, Tx, sql};

/// Consecutive events of one key that one record caused, one JSON document a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub key_kind: &'static str,
    pub record_key: String,
    pub first_sequence: i64,
    pub events: i16,
    pub payload: String,
}

pub async fn insert_in_tx(
    tx: &mut Tx<'_>,
    rows: &[OutboxRow],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_outbox"))
        .bind(rows.iter().map(|r| r.key_kind).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.record_key.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.first_sequence).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.events).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.payload.as_str()).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What is to be published next.
#[derive(Debug, Clone)]
pub enum Unpublished {
    Events { outbox_id: i64, record_key: String, payload: String },
    DeadLetter { outbox_id: i64, letter: Box<super::dead_letters::DeadLetter> },
}

/// Whether this transaction may publish: one relay at a time does, the others stand by.
///
/// # Errors
/// When the database fails.
pub async fn try_lead_in_tx(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let row = sqlx::query(sql!("outbox_lead")).fetch_one(&mut **tx).await?;
    Ok(row.try_get(0)?)
}

/// The oldest unpublished rows.
///
/// # Errors
/// When the database fails.
pub async fn unpublished_in_tx(
    tx: &mut Tx<'_>,
    limit: i64,
) -> Result<Vec<Unpublished>, StoreError> {
    let rows = sqlx::query(sql!("outbox_unpublished")).bind(limit).fetch_all(&mut **tx).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let outbox_id = row.try_get("outbox_id")?;
        let dead_letter_id: Option<i64> = row.try_get("dead_letter_id")?;
        found.push(match dead_letter_id {
            None => Unpublished::Events {
                outbox_id,
                record_key: row.try_get("outbox_key")?,
                payload: row.try_get("payload")?,
            },
            Some(_) => {
                let letter = Box::new(super::dead_letters::of_row(&row)?);
                Unpublished::DeadLetter { outbox_id, letter }
            }
        });
    }
    Ok(found)
}

/// Marks rows that Kafka has acknowledged.
///
/// # Errors
/// When the database fails.
pub async fn mark_published_in_tx(
    tx: &mut Tx<'_>,
    ids: &[i64],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(sql!("outbox_mark")).bind(ids).bind(at).execute(&mut **tx).await?;
    Ok(())
}

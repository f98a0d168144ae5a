//! Dead letters: records that could not be processed, kept unchanged.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::persist::RawRecordRow;
use super::{StoreError, Tx, sql};
use crate::domain::ids::{MessageId, RecordId, Source};

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
    pub status: String,
}

pub(super) fn of_row(row: &PgRow) -> Result<DeadLetter, StoreError> {
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
        status: row.try_get("status")?,
    })
}

/// Locks one dead letter; none if there is none of that number.
///
/// # Errors
/// When the database fails.
pub async fn lock_in_tx(tx: &mut Tx<'_>, id: i64) -> Result<Option<DeadLetter>, StoreError> {
    let row = sqlx::query(sql!("dead_letter_lock")).bind(id).fetch_optional(&mut **tx).await?;
    row.as_ref().map(of_row).transpose()
}

/// Which open dead letters an operator means.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub ids: Vec<i64>,
    pub code: Option<String>,
    pub topic: Option<String>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub limit: i64,
}

/// Open dead letters of a selection, oldest first, with the key whose order they keep.
///
/// # Errors
/// When the database fails.
pub async fn select(
    pool: &sqlx::PgPool,
    selection: &Selection,
) -> Result<Vec<(i64, String)>, StoreError> {
    let ids = (!selection.ids.is_empty()).then_some(&selection.ids);
    let rows = sqlx::query(sql!("dead_letter_select"))
        .bind(ids)
        .bind(selection.code.as_deref())
        .bind(selection.topic.as_deref())
        .bind(selection.since)
        .bind(selection.until)
        .bind(selection.limit)
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Closes a dead letter.
///
/// # Errors
/// When the database fails.
pub async fn resolve_in_tx(
    tx: &mut Tx<'_>,
    id: i64,
    status: &str,
    resolution: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(sql!("dead_letter_resolve"))
        .bind(id)
        .bind(status)
        .bind(resolution)
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What an operator did to a dead letter.
#[derive(Debug, Clone)]
pub struct Act<'a> {
    pub dead_letter_id: i64,
    pub act: &'static str,
    pub operator: &'a str,
    pub reason: Option<&'a str>,
    pub outcome: &'a str,
    pub code: Option<&'a str>,
}

/// Appends to the audit of dead letters; counts another attempt when it still fails.
///
/// # Errors
/// When the database fails.
pub async fn act_in_tx(
    tx: &mut Tx<'_>,
    act: &Act<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(sql!("dead_letter_act"))
        .bind(act.dead_letter_id)
        .bind(act.act)
        .bind(act.operator)
        .bind(act.reason)
        .bind(act.outcome)
        .bind(act.code)
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Sets what the inbox says of a record that was looked at again.
///
/// # Errors
/// When the database fails.
pub async fn update_inbox_in_tx(
    tx: &mut Tx<'_>,
    record: &RecordId,
    outcome: &str,
    code: Option<&str>,
    subject: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(sql!("inbox_update"))
        .bind(record.source.as_str())
        .bind(record.id.as_str())
        .bind(outcome)
        .bind(code)
        .bind(subject)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

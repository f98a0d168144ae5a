//! Commands that wait for what they name.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row as _};

use super::persist::RawRecordRow;
use super::stretch::{Due, Row, Stretch};
use super::{StoreError, Tx, sql};
use crate::domain::ids::{MessageId, RecordId, Source};

/// A stored waiting command.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub id: i64,
    pub raw: RawRecordRow,
    pub record: RecordId,
    pub needs: String,
    pub since: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
}

/// Keys whose first waiting command failed and has its turn again, with its number.
///
/// # Errors
/// When the database fails.
pub async fn keys_again(
    pool: &PgPool,
    at: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(String, i64)>, StoreError> {
    let query = sqlx::query(sql!("waiting_again")).bind(at).bind(limit);
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The key in whose queue a waiting command stands.
///
/// # Errors
/// When the database fails.
pub async fn key_of(pool: &PgPool, id: i64) -> Result<Option<String>, StoreError> {
    let query = sqlx::query_scalar(sql!("waiting_key_of")).bind(id);
    Ok(query.fetch_optional(pool).await?)
}

/// Keys of a stretch whose first waiting command may go on, or has come to its deadline, and did
/// not fail before, with its number.
///
/// # Errors
/// When the database fails.
pub async fn page(
    pool: &PgPool,
    at: DateTime<Utc>,
    known: Option<DateTime<Utc>>,
    stretch: &Stretch<String>,
) -> Result<Due<String, (String, i64)>, StoreError> {
    let known = known.map(|known| known.timestamp_micros());
    let query = sqlx::query(sql!("waiting_page")).bind(at).bind(stretch.due).bind(known);
    let query = query.bind(stretch.all).bind(&stretch.behind).bind(&stretch.until);
    let mut rows = Vec::new();
    for row in query.fetch_all(pool).await? {
        let key: String = row.try_get(0)?;
        let due: bool = row.try_get(2)?;
        let turn: (DateTime<Utc>, i64) = (row.try_get(3)?, row.try_get(4)?);
        let due = due.then(|| (turn.0, turn.1, (key.clone(), turn.1)));
        rows.push(Row { due, key, place: row.try_get(1)? });
    }
    Ok(stretch.found(rows))
}

/// The first waiting command of a key; none too while another sweeper works on it. The lock is
/// advisory and comes before all row locks.
///
/// # Errors
/// When the database fails.
pub async fn lock_first_in_tx(tx: &mut Tx<'_>, key: &str) -> Result<Option<Waiting>, StoreError> {
    let lock = sqlx::query_scalar(sql!("waiting_lock_key")).bind(key);
    let mine: bool = lock.fetch_one(&mut **tx).await?;
    if !mine {
        return Ok(None);
    }
    let row = sqlx::query(sql!("waiting_first_of_key")).bind(key).fetch_optional(&mut **tx).await?;
    row.as_ref().map(of_row).transpose()
}

fn of_row(row: &sqlx::postgres::PgRow) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        id: row.try_get("waiting_id")?,
        raw: RawRecordRow {
            topic: row.try_get("topic")?,
            partition: row.try_get("partition")?,
            offset: row.try_get("record_offset")?,
            timestamp: row.try_get("record_timestamp")?,
            key: row.try_get("record_key")?,
            value: row.try_get("record_value")?,
            headers: row.try_get("record_headers")?,
        },
        record: RecordId {
            source: Source::trusted(row.try_get("source")?),
            id: MessageId::trusted(row.try_get("message_id")?),
        },
        needs: row.try_get("needs")?,
        since: row.try_get("since")?,
        deadline: row.try_get("deadline")?,
    })
}

/// Ends the waiting of commands; false when none of them waits any more.
///
/// # Errors
/// When the database fails.
pub async fn end_in_tx(tx: &mut Tx<'_>, ids: &[i64]) -> Result<bool, StoreError> {
    let done = sqlx::query(sql!("waiting_end")).bind(ids).execute(&mut **tx).await?;
    Ok(done.rows_affected() > 0)
}

/// Says what the first command of a key waits for now.
///
/// # Errors
/// When the database fails.
pub async fn set_needs_in_tx(
    tx: &mut Tx<'_>,
    id: i64,
    record: &RecordId,
    needs: &str,
    code: &str,
) -> Result<(), StoreError> {
    sqlx::query(sql!("waiting_set_needs")).bind(id).bind(needs).execute(&mut **tx).await?;
    super::dead_letters::update_inbox_in_tx(tx, record, "waiting", Some(code), None).await
}

/// Makes a dead letter of a waiting command.
///
/// # Errors
/// When the database fails.
pub async fn dead_letter_in_tx(
    tx: &mut Tx<'_>,
    command: &Waiting,
    code: &str,
    message: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let letter = super::persist::DeadLetterRow {
        raw: command.raw.clone(),
        record: Some(command.record.clone()),
        named: (None, None),
        code: code.to_owned(),
        message: message.to_owned(),
    };
    super::persist::dead_letters_in_tx(tx, &[letter], at).await
}

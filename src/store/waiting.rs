//! Commands that wait for what they name.

use chrono::{DateTime, Utc};
use sqlx::Row as _;

use super::inbox::{self, Update};
use super::persist::{RawRecordRow, Stands};
use super::stretch::{Due, Row, Stretch};
use super::{PgPool, StoreError, Tx};
use crate::domain::effect::Ending;
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

/// Waiting commands that failed and have their turn again, each with its key.
pub async fn again(
    pool: &PgPool,
    at: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(String, i64)>, StoreError> {
    let query = query!("waiting_again": at, limit);
    let rows = query.fetch_all(pool).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The key in whose queue a waiting command stands.
pub async fn key_of(pool: &PgPool, id: i64) -> Result<Option<String>, StoreError> {
    let query = scalar!("waiting_key_of": id);
    Ok(query.fetch_optional(pool).await?)
}

/// Waiting commands of a stretch that stand behind no other, may go on or have come to their
/// deadline, and did not fail before, each with its key.
pub async fn page(
    pool: &PgPool,
    at: DateTime<Utc>,
    known: Option<DateTime<Utc>>,
    stretch: &Stretch<(String, i64)>,
) -> Result<Due<(String, i64), (String, i64)>, StoreError> {
    let known = known.map(|known| known.timestamp_micros());
    let until = stretch.until.as_ref();
    let query = query!("waiting_page": at, stretch.due, known, stretch.all, &stretch.behind.0,
        stretch.behind.1, until.map(|until| &until.0), until.map(|until| until.1));
    let mut rows = Vec::new();
    for row in query.fetch_all(pool).await? {
        let key: (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let due: bool = row.try_get(3)?;
        let since: DateTime<Utc> = row.try_get(4)?;
        let due = due.then(|| (since, key.1, key.clone()));
        rows.push(Row { due, key, place: row.try_get(2)? });
    }
    Ok(stretch.found(rows))
}

/// Which command of a key is to have its turn.
#[derive(Debug, Clone, Copy)]
pub enum Turn {
    /// The one with that number.
    Of(i64),
    /// The first one behind that number, and before the other, that stood behind another and now
    /// stands behind none.
    Freed { after: i64, until: Option<i64> },
}

/// The waiting command of a key whose turn it is, unless it stands behind another; none too while
/// another sweeper works on the key. The lock is advisory and comes before all row locks.
pub async fn lock_in_tx(
    tx: &mut Tx<'_>,
    key: &str,
    turn: Turn,
) -> Result<Option<Waiting>, StoreError> {
    let lock = scalar!("waiting_lock_key": key);
    let mine: bool = lock.fetch_one(&mut **tx).await?;
    if !mine {
        return Ok(None);
    }
    let query = match turn {
        Turn::Of(id) => query!("waiting_by_id": id),
        Turn::Freed { after, until } => {
            query!("waiting_freed": key, after, until)
        }
    };
    let row = query.fetch_optional(&mut **tx).await?;
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
pub async fn end_in_tx(tx: &mut Tx<'_>, ids: &[i64]) -> Result<bool, StoreError> {
    let done = query!("waiting_end": ids).execute(&mut **tx).await?;
    Ok(done.rows_affected() > 0)
}

/// Says what a command waits for now.
pub async fn set_needs_in_tx(
    tx: &mut Tx<'_>,
    id: i64,
    record: &RecordId,
    stands: &Stands,
    (code, until): (&str, Option<DateTime<Utc>>),
) -> Result<(), StoreError> {
    let behind = stands.behind.as_ref();
    query!("waiting_set_needs": id, &stands.needs, &stands.touches,
        behind.map(|record| record.source.as_str()), behind.map(|record| record.id.as_str()), until)
    .execute(&mut **tx)
    .await?;
    let (record, code) = (record.clone(), Some(code.to_owned()));
    let update = Update { record, outcome: Ending::Waiting, code, subject: None };
    inbox::update_in_tx(tx, &[update]).await
}

/// Makes a dead letter of a waiting command.
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

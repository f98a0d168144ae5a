//! Which records were processed before.

use std::collections::HashMap;

use sqlx::Row;

use super::{StoreError, Tx, sql};
use crate::domain::ids::{MessageId, RecordId, Source};
use crate::domain::input::ContentHash;

/// What the inbox holds of those records.
///
/// # Errors
/// When the database fails.
pub async fn probe_in_tx(
    tx: &mut Tx<'_>,
    records: &[&RecordId],
) -> Result<HashMap<RecordId, ContentHash>, StoreError> {
    let sources: Vec<&str> = records.iter().map(|record| record.source.as_str()).collect();
    let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let rows =
        sqlx::query(sql!("inbox_probe")).bind(sources).bind(ids).fetch_all(&mut **tx).await?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let record = RecordId {
            source: Source::trusted(row.try_get(0)?),
            id: MessageId::trusted(row.try_get(1)?),
        };
        let hash: &[u8] = row.try_get(2)?;
        let hash = hash.try_into().map_err(|_| StoreError::Corrupt("an inbox hash"))?;
        known.insert(record, hash);
    }
    Ok(known)
}

/// What the inbox holds of one record.
#[derive(Debug, Clone)]
pub struct State {
    pub content_hash: ContentHash,
    pub outcome: String,
}

/// The inbox row of `record`, locked.
///
/// # Errors
/// When the database fails.
pub async fn state_in_tx(tx: &mut Tx<'_>, record: &RecordId) -> Result<Option<State>, StoreError> {
    let row = sqlx::query(sql!("inbox_state"))
        .bind(record.source.as_str())
        .bind(record.id.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    row.map(|row| {
        let hash: &[u8] = row.try_get(0)?;
        let content_hash = hash.try_into().map_err(|_| StoreError::Corrupt("an inbox hash"))?;
        Ok(State { content_hash, outcome: row.try_get(1)? })
    })
    .transpose()
}

//! Which records were processed before.

use foldhash::{HashMap, HashMapExt as _};
use sqlx::Row;

use super::{StoreError, Tx};
use crate::domain::effect::Ending;
use crate::domain::ids::{ContentHash, MessageId, RecordId, Source};

/// What the inbox keeps of a content hash: enough to tell two records of one id apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptHash([u8; 16]);

impl KeptHash {
    pub fn of(hash: &ContentHash) -> Self {
        Self(hash.first_chunk().copied().unwrap_or_default())
    }

    /// The first half.
    pub fn part(hash: &ContentHash) -> &[u8] {
        hash.split_at(size_of::<Self>()).0
    }

    fn read(stored: &[u8]) -> Result<Self, StoreError> {
        stored.try_into().map(Self).map_err(|_| StoreError::Corrupt("an inbox hash"))
    }
}

/// What became of a record that was processed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub content_hash: KeptHash,
    /// Where it was read, if it is dead-lettered: there is its dead letter.
    pub dead_at: Option<Place>,
}

/// A place in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

/// What the inbox holds of those records.
pub async fn probe_in_tx(
    tx: &mut Tx<'_>,
    records: &[&RecordId],
) -> Result<HashMap<RecordId, Known>, StoreError> {
    let sources: Vec<&str> = records.iter().map(|record| record.source.as_str()).collect();
    let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let rows = query!("inbox_probe": sources, ids).fetch_all(&mut **tx).await?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let record = RecordId {
            source: Source::trusted(row.try_get(0)?),
            id: MessageId::trusted(row.try_get(1)?),
        };
        let content_hash = KeptHash::read(row.try_get(2)?)?;
        let dead_at = if Ending::from_word(row.try_get(3)?) == Some(Ending::DeadLettered) {
            Some(Place {
                topic: row.try_get(4)?,
                partition: row.try_get(5)?,
                offset: row.try_get(6)?,
            })
        } else {
            None
        };
        known.insert(record, Known { content_hash, dead_at });
    }
    Ok(known)
}

/// What the inbox holds of one record.
#[derive(Debug, Clone)]
pub struct State {
    pub content_hash: KeptHash,
    pub outcome: Ending,
}

/// The inbox rows of those records, locked in the order of their ids.
pub async fn states_in_tx(
    tx: &mut Tx<'_>,
    records: &[RecordId],
) -> Result<HashMap<RecordId, State>, StoreError> {
    let sources: Vec<&str> = records.iter().map(|record| record.source.as_str()).collect();
    let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let rows = query!("inbox_states": sources, ids).fetch_all(&mut **tx).await?;
    let mut states = HashMap::with_capacity(rows.len());
    for row in rows {
        let record = RecordId {
            source: Source::trusted(row.try_get(0)?),
            id: MessageId::trusted(row.try_get(1)?),
        };
        let content_hash = KeptHash::read(row.try_get(2)?)?;
        let outcome = Ending::from_word(row.try_get(3)?);
        let outcome = outcome.ok_or(StoreError::Unreadable("an outcome"))?;
        states.insert(record, State { content_hash, outcome });
    }
    Ok(states)
}

/// What the inbox is to say of a record that was looked at again.
#[derive(Debug, Clone)]
pub struct Update {
    pub record: RecordId,
    pub outcome: Ending,
    pub code: Option<String>,
    pub subject: Option<String>,
}

impl Update {
    pub fn dead_lettered(record: &RecordId, code: &str) -> Self {
        Self::ended(record, Ending::DeadLettered, code)
    }

    pub fn rejected(record: &RecordId, code: &str) -> Self {
        Self::ended(record, Ending::Rejected, code)
    }

    fn ended(record: &RecordId, outcome: Ending, code: &str) -> Self {
        Self { record: record.clone(), outcome, code: Some(code.to_owned()), subject: None }
    }
}

/// Sets what the inbox says of those records; one that it does not know is left out.
pub async fn update_in_tx(tx: &mut Tx<'_>, updates: &[Update]) -> Result<(), StoreError> {
    if updates.is_empty() {
        return Ok(());
    }
    query!("inbox_update_many":
        updates.iter().map(|u| u.record.source.as_str()).collect::<Vec<_>>(),
        updates.iter().map(|u| u.record.id.as_str()).collect::<Vec<_>>(),
        updates.iter().map(|u| u.outcome.word()).collect::<Vec<_>>(),
        updates.iter().map(|u| u.code.as_deref()).collect::<Vec<_>>(),
        updates.iter().map(|u| u.subject.as_deref()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

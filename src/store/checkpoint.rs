//! The next offset and the epoch of each partition: the fence against a worker that lost it; and
//! what its log is known by, so that another log under the same name is not taken for it.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{PgPool, StoreError, Tx};

/// A partition as this worker owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    pub group: String,
    pub topic: String,
    pub partition: i32,
    pub epoch: i64,
}

/// A record that was processed, as it can be found in the log again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub offset: i64,
    /// Of its timestamp, key and value.
    pub hash: [u8; 32],
}

/// How far a partition was processed, and what its log is known by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// None before the first batch.
    pub next_offset: Option<i64>,
    /// The last record that was processed.
    pub last: Option<Mark>,
    /// A record that was found in the log again since it was processed.
    pub anchor: Option<Mark>,
}

impl Place {
    /// All up to a record was processed. The first one is the anchor until one was looked at.
    pub fn read(&mut self, last: Option<Mark>) {
        let Some(last) = last else { return };
        self.next_offset = Some(last.offset.saturating_add(1));
        self.last = Some(last);
        self.anchor.get_or_insert(last);
    }
}

/// Why reading goes on at another offset than the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogChange {
    /// Another log under the same name.
    Replaced,
    /// Records were deleted unread.
    Deleted,
}

impl LogChange {
    fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
        }
    }
}

/// What a batch starts from.
#[derive(Debug, Clone, Copy)]
pub struct Locked {
    /// Records below this were processed; none before the first batch.
    pub next_offset: Option<i64>,
    /// The ordinal of the batch's block of ids.
    pub id_block: i64,
}

/// Takes the partition over: raises its epoch, so that every batch of an older one rolls back.
pub async fn take(
    pool: &PgPool,
    group: &str,
    topic: &str,
    partition: i32,
    owner: &str,
    at: DateTime<Utc>,
) -> Result<(Fence, Place), StoreError> {
    let row = query!("checkpoint_take": group, topic, partition, owner, at).fetch_one(pool).await?;
    let fence = Fence {
        group: group.to_owned(),
        topic: topic.to_owned(),
        partition,
        epoch: row.try_get(0)?,
    };
    let place = Place {
        next_offset: row.try_get(1)?,
        last: mark(row.try_get(2)?, row.try_get(3)?),
        anchor: mark(row.try_get(4)?, row.try_get(5)?),
    };
    Ok((fence, place))
}

/// A hash of another length is of a newer version: there is nothing to compare.
fn mark(offset: Option<i64>, hash: Option<Vec<u8>>) -> Option<Mark> {
    Some(Mark { offset: offset?, hash: hash?.try_into().ok()? })
}

/// Notes a record that was found in the log again.
///
/// # Errors
/// When the database fails. Nothing is noted when another worker has taken the partition.
pub async fn set_anchor(pool: &PgPool, fence: &Fence, anchor: Mark) -> Result<(), StoreError> {
    query!("checkpoint_anchor": &fence.group, &fence.topic, fence.partition, fence.epoch,
        anchor.offset, anchor.hash.as_slice())
    .execute(pool)
    .await?;
    Ok(())
}

/// Goes on at `from` instead of `expected`, and writes down why.
///
/// # Errors
/// [`StoreError::Fenced`] when another worker has taken the partition.
pub async fn log_changed(
    pool: &PgPool,
    fence: &Fence,
    change: LogChange,
    reason: &str,
    (expected, from): (i64, i64),
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = query!("checkpoint_log_changed": &fence.group, &fence.topic, fence.partition,
        fence.epoch, change.as_str(), reason, from, at, expected)
    .execute(pool)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

/// Locks the checkpoint for this batch.
///
/// # Errors
/// [`StoreError::Fenced`] when another worker has taken the partition.
pub async fn lock_in_tx(tx: &mut Tx<'_>, fence: &Fence) -> Result<Locked, StoreError> {
    let row = query!("checkpoint_lock": &fence.group, &fence.topic, fence.partition, fence.epoch)
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(StoreError::Fenced)?;
    Ok(Locked { next_offset: row.try_get(0)?, id_block: row.try_get(1)? })
}

/// Advances the checkpoint past `last`, together with the batch's effects.
///
/// # Errors
/// [`StoreError::Fenced`] when the row is no longer ours.
pub async fn advance_in_tx(
    tx: &mut Tx<'_>,
    fence: &Fence,
    last: Mark,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = query!("checkpoint_advance": &fence.group, &fence.topic, fence.partition,
        fence.epoch, last.offset.saturating_add(1), at, last.offset, last.hash.as_slice())
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

//! The next offset and the epoch of each partition: the fence against a worker that lost it.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row};

use super::{StoreError, Tx, sql};

/// A partition as this worker owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    pub group: String,
    pub topic: String,
    pub partition: i32,
    pub epoch: i64,
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
///
/// # Errors
/// When the database fails.
pub async fn take(
    pool: &PgPool,
    group: &str,
    topic: &str,
    partition: i32,
    owner: &str,
    at: DateTime<Utc>,
) -> Result<(Fence, Option<i64>), StoreError> {
    let row = sqlx::query(sql!("checkpoint_take"))
        .bind(group)
        .bind(topic)
        .bind(partition)
        .bind(owner)
        .bind(at)
        .fetch_one(pool)
        .await?;
    let fence = Fence {
        group: group.to_owned(),
        topic: topic.to_owned(),
        partition,
        epoch: row.try_get(0)?,
    };
    Ok((fence, row.try_get(1)?))
}

/// Locks the checkpoint for this batch.
///
/// # Errors
/// [`StoreError::Fenced`] when another worker has taken the partition.
pub async fn lock_in_tx(tx: &mut Tx<'_>, fence: &Fence) -> Result<Locked, StoreError> {
    let row = sqlx::query(sql!("checkpoint_lock"))
        .bind(&fence.group)
        .bind(&fence.topic)
        .bind(fence.partition)
        .bind(fence.epoch)
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(StoreError::Fenced)?;
    Ok(Locked { next_offset: row.try_get(0)?, id_block: row.try_get(1)? })
}

/// Advances the checkpoint together with the batch's effects.
///
/// # Errors
/// [`StoreError::Fenced`] when the row is no longer ours.
pub async fn advance_in_tx(
    tx: &mut Tx<'_>,
    fence: &Fence,
    next_offset: i64,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = sqlx::query(sql!("checkpoint_advance"))
        .bind(&fence.group)
        .bind(&fence.topic)
        .bind(fence.partition)
        .bind(fence.epoch)
        .bind(next_offset)
        .bind(at)
        .execute(&mut **tx)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

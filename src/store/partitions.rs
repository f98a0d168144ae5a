//! How partitions stand, as the worker that reads them tells; and what persons say of their logs.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{PgPool, StoreError};

/// The longest reason that is kept.
const REASON_MAX: usize = 1024;

/// How one partition stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionState {
    pub topic: String,
    pub partition: i32,
    pub state: &'static str,
    pub reason: String,
}

/// Notes how partitions stand; since when is kept while the state is the same.
pub async fn tell(
    pool: &PgPool,
    group: &str,
    owner: &str,
    states: &[PartitionState],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let topics: Vec<&str> = states.iter().map(|state| state.topic.as_str()).collect();
    let partitions: Vec<i32> = states.iter().map(|state| state.partition).collect();
    let words: Vec<&str> = states.iter().map(|state| state.state).collect();
    let reasons: Vec<String> =
        states.iter().map(|state| state.reason.chars().take(REASON_MAX).collect()).collect();
    query!("partition_states_tell": group, topics, partitions, words, reasons, owner, at)
        .execute(pool)
        .await?;
    Ok(())
}

/// Notes how many partitions a topic has, as Kafka said when it was asked at `at`.
pub async fn tell_count(
    pool: &PgPool,
    group: &str,
    topic: &str,
    partitions: i32,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = query!("feed_partitions_tell": group, topic);
    query.bind(partitions).bind(at).execute(pool).await?;
    Ok(())
}

/// A person has seen to what a log did; false when there is no such open change.
pub async fn settle(
    pool: &PgPool,
    change_id: i64,
    operator: &str,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = query!("log_change_settle": change_id, at, operator, reason).execute(pool).await?;
    Ok(done.rows_affected() == 1)
}

/// Where a person wants a partition to go on, past what cannot be read.
#[derive(Debug, Clone)]
pub struct Skip<'a> {
    pub group: &'a str,
    pub topic: &'a str,
    pub partition: i32,
    /// Where the log begins: what is next when nothing was read yet.
    pub low: i64,
    pub to: i64,
    pub operator: &'a str,
    pub reason: &'a str,
}

/// Goes past what cannot be read, or only looks what that would do. Tells the change's id and the
/// offsets that were passed over; nothing when the partition is not known, or is beyond it.
pub async fn skip(
    pool: &PgPool,
    skip: &Skip<'_>,
    at: DateTime<Utc>,
    dry_run: bool,
) -> Result<Option<(i64, i64)>, StoreError> {
    let mut tx = pool.begin().await?;
    let row = query!("checkpoint_skip": skip.group, skip.topic, skip.partition, skip.to, at,
        skip.operator, skip.reason, skip.low)
    .fetch_optional(&mut *tx)
    .await?;
    if dry_run {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

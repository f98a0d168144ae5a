//! Finds the record that kills the process.
//!
//! The first batch after a lane is opened is noted before it is decoded, and the note is cleared
//! when the batch has ended in order. A note that is still there at the next start, from the same
//! offset, is a death without progress: from then on, for one batch's worth of records, each is
//! announced before it is decoded. If the process dies again, the third start knows the record
//! and diverts it undecoded. Later batches pay nothing; an idle partition has no note.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row};

use super::checkpoint::Fence;
use super::{StoreError, sql};

/// Records handled one at a time after a start without progress: the largest batch.
const CAREFUL_RECORDS: u32 = 1_000;

/// What the lane knows about earlier deaths.
#[derive(Debug)]
pub struct Guard {
    /// The record that was announced when the process died, if it was the next one.
    suspect: Option<i64>,
    careful_left: u32,
}

/// Counts this start.
///
/// # Errors
/// When the database fails.
pub async fn start(
    pool: &PgPool,
    fence: &Fence,
    next_offset: Option<i64>,
    at: DateTime<Utc>,
) -> Result<Guard, StoreError> {
    let next = next_offset.unwrap_or(0);
    let row = sqlx::query(sql!("crash_guard_start"))
        .bind(&fence.topic)
        .bind(fence.partition)
        .bind(next)
        .bind(at)
        .fetch_one(pool)
        .await?;
    let starts: i32 = row.try_get(0)?;
    let announced: i64 = row.try_get(1)?;
    let careful = starts >= 2;
    let suspect = (starts >= 3 && announced == next).then_some(announced);
    Ok(Guard { suspect, careful_left: if careful { CAREFUL_RECORDS } else { 0 } })
}

impl Guard {
    /// Whether records are handled one at a time.
    #[must_use]
    pub fn is_careful(&self) -> bool {
        self.careful_left > 0
    }

    /// Whether the process died at this record before.
    #[must_use]
    pub fn kills(&self, offset: i64) -> bool {
        self.suspect == Some(offset)
    }

    /// Writes down that this record is about to be decoded.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn announce(
        &self,
        pool: &PgPool,
        fence: &Fence,
        offset: i64,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(sql!("crash_guard_announce"))
            .bind(&fence.topic)
            .bind(fence.partition)
            .bind(offset)
            .bind(at)
            .execute(pool)
            .await?;
        Ok(())
    }

    /// One record more was handled.
    pub fn survived(&mut self) {
        self.suspect = None;
        self.careful_left = self.careful_left.saturating_sub(1);
    }
}

/// The batch ended in order.
///
/// # Errors
/// When the database fails.
pub async fn clear(pool: &PgPool, fence: &Fence) -> Result<(), StoreError> {
    sqlx::query(sql!("crash_guard_clear"))
        .bind(&fence.topic)
        .bind(fence.partition)
        .execute(pool)
        .await?;
    Ok(())
}

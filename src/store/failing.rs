//! Items that failed when their turn came: each is tried again by itself, and stands in the way of
//! no other.

use chrono::{DateTime, Utc};

use super::{PgPool, StoreError};

/// What may fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A waiting command, by its number.
    Command,
    /// A parked return.
    Return,
    /// A live hold that is to expire.
    Hold,
    /// A payment that is to be decided again.
    Rematch,
    /// An invoice whose flag as a void candidate is to change.
    Candidate,
    /// A dead letter that a run replays.
    Letter,
    /// A table that is to be pruned.
    Prune,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Return => "return",
            Self::Hold => "hold",
            Self::Rematch => "rematch",
            Self::Candidate => "candidate",
            Self::Letter => "letter",
            Self::Prune => "prune",
        }
    }
}

/// Notes that it failed; returns how often it has by now.
pub async fn note(
    pool: &PgPool,
    kind: Kind,
    item: &str,
    error: &StoreError,
    at: DateTime<Utc>,
) -> Result<i32, StoreError> {
    let query = scalar!("failing_note": kind.word(), item);
    let attempts: i32 = query.bind(error.code()).bind(at).fetch_one(pool).await?;
    if attempts == 1 {
        // Once; `status` has it from now on.
        tracing::warn!(
            kind = kind.word(),
            code = error.code(),
            "one item failed: it is tried again by itself, the others go on"
        );
    } else {
        tracing::debug!(kind = kind.word(), item, attempts, "an item failed again");
    }
    Ok(attempts)
}

/// They succeeded, or are gone.
pub async fn clear(pool: &PgPool, kind: Kind, items: &[String]) -> Result<(), StoreError> {
    if !items.is_empty() {
        let query = query!("failing_clear": kind.word(), items);
        query.execute(pool).await?;
    }
    Ok(())
}

/// Forgets what nobody has tried for long: it is not there any more.
pub async fn forget(pool: &PgPool, at: DateTime<Utc>) -> Result<(), StoreError> {
    query!("failing_forget": at).execute(pool).await?;
    Ok(())
}

//! What logs did under their readers.

use serde::Serialize;
use sqlx::FromRow;

use super::Result;
use super::time::At;
use crate::store::PgPool;
use crate::store::sql;

const CHANGES: &str = sql!("views_log_changes");

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct ChangeRow {
    pub change_id: i64,
    pub consumer_group: String,
    pub topic: String,
    pub partition: i32,
    /// `replaced`, `deleted` or `skipped`.
    pub kind: String,
    pub reason: String,
    /// The offset that was to come next, and the one that reading went on at.
    pub expected: i64,
    pub went_on_at: i64,
    /// Offsets that were passed over unread; a replaced log does not say.
    pub lost: Option<i64>,
    pub found_at: At,
    /// Who told it to go on, when it was a person.
    pub operator: Option<String>,
    pub settled_at: Option<At>,
    pub settled_by: Option<String>,
    pub settlement: Option<String>,
}

/// The open ones, or all, the newest first.
pub async fn changes(pool: &PgPool, all: bool) -> Result<Vec<ChangeRow>> {
    sqlx::query_as(CHANGES).bind(all).fetch_all(pool).await
}

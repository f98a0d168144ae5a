//! What logs did under their readers.

use serde::Serialize;
use sqlx::{PgPool, Row};

use super::Result;
use super::time::At;
use crate::store::sql;

const CHANGES: &str = sql!("views_log_changes");

#[derive(Debug, Clone, Serialize)]
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
///
/// # Errors
/// What the database says.
pub async fn changes(pool: &PgPool, all: bool) -> Result<Vec<ChangeRow>> {
    let rows = sqlx::query(CHANGES).bind(all).fetch_all(pool).await?;
    let change = |row: &sqlx::postgres::PgRow| {
        Ok(ChangeRow {
            change_id: row.try_get("change_id")?,
            consumer_group: row.try_get("consumer_group")?,
            topic: row.try_get("topic")?,
            partition: row.try_get("partition")?,
            kind: row.try_get("kind")?,
            reason: row.try_get("reason")?,
            expected: row.try_get("expected")?,
            went_on_at: row.try_get("went_on_at")?,
            lost: row.try_get("lost")?,
            found_at: row.try_get("found_at")?,
            operator: row.try_get("operator")?,
            settled_at: row.try_get("settled_at")?,
            settled_by: row.try_get("settled_by")?,
            settlement: row.try_get("settlement")?,
        })
    };
    rows.iter().map(change).collect()
}

//! What persons asked for by the command line, kept before it is sent.

use chrono::{DateTime, Utc};
use sqlx::Row as _;

use super::{PgPool, StoreError};
use crate::domain::ids::RecordId;

/// Who asks for what, and why.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub record: &'a RecordId,
    pub command_type: &'a str,
    pub operator: &'a str,
    pub reason: Option<&'a str>,
    /// `payment:P`, `invoice:I`, `account:A`.
    pub subjects: &'a [String],
}

/// Keeps it; the same again changes nothing.
pub async fn note(pool: &PgPool, asked: Asked<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    query!("operator_command_note": asked.record.source.as_str(), asked.record.id.as_str(),
        asked.command_type, asked.operator, asked.reason, asked.subjects, at)
    .execute(pool)
    .await?;
    Ok(())
}

/// A command that was sent and that no worker has read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    pub id: String,
    pub operator: String,
    pub asked_at: DateTime<Utc>,
}

/// The first of the kind of `asked` about the same things since then, that is not `asked` itself.
pub async fn unread(
    pool: &PgPool,
    asked: Asked<'_>,
    since: DateTime<Utc>,
) -> Result<Option<Unread>, StoreError> {
    let row = query!("operator_command_unread": asked.command_type, asked.subjects,
        asked.record.id.as_str(), since)
    .fetch_optional(pool)
    .await?;
    let unread = row.map(|row| {
        Ok(Unread {
            id: row.try_get("message_id")?,
            operator: row.try_get("operator")?,
            asked_at: row.try_get("asked_at")?,
        })
    });
    unread.transpose()
}

//! What persons asked for by the command line, kept before it is sent.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::{StoreError, sql};
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
///
/// # Errors
/// When the database fails.
pub async fn note(pool: &PgPool, asked: Asked<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(sql!("operator_command_note"))
        .bind(asked.record.source.as_str())
        .bind(asked.record.id.as_str())
        .bind(asked.command_type)
        .bind(asked.operator)
        .bind(asked.reason)
        .bind(asked.subjects)
        .bind(at)
        .execute(pool)
        .await?;
    Ok(())
}

//! Rule sets and which of them is active. Both tables are append-only: going back to an earlier
//! one is an activation of its own.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, Row};

use super::views::time::At;
use super::views::{Listed, Page};
use super::{PgPool, StoreError, Tx, sql};

/// The version of the active rule set; 0 is the configuration.
pub async fn active(connection: &mut PgConnection) -> Result<i32, StoreError> {
    let version = sqlx::query_scalar(sql!("rule_sets_active")).fetch_optional(connection).await?;
    Ok(version.unwrap_or(0))
}

/// What a rule set says, as it is stored.
pub async fn content(
    connection: &mut PgConnection,
    version: i32,
) -> Result<Option<String>, StoreError> {
    let query = scalar!("rule_sets_content": version);
    Ok(query.fetch_optional(connection).await?)
}

/// Others that would activate wait until this transaction has ended.
pub async fn lock_in_tx(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    sqlx::query(sql!("rule_sets_lock")).execute(&mut **tx).await?;
    Ok(())
}

/// The version under which this content is stored, if it is.
pub async fn known_in_tx(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<Option<i32>, StoreError> {
    let query = scalar!("rule_sets_by_hash": hash.as_slice());
    Ok(query.fetch_optional(&mut **tx).await?)
}

/// Who does something with rule sets, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    pub operator: &'a str,
    pub at: DateTime<Utc>,
}

/// Stores a rule set under the next version, under the lock.
pub async fn insert_in_tx(
    tx: &mut Tx<'_>,
    content: &str,
    hash: &[u8; 32],
    comment: Option<&str>,
    by: By<'_>,
) -> Result<i32, StoreError> {
    let query = scalar!("rule_sets_insert": content, hash.as_slice(), by.at, by.operator, comment);
    Ok(query.fetch_one(&mut **tx).await?)
}

/// Makes a version the active one, under the lock.
///
/// # Errors
/// When the database fails or knows no such version.
pub async fn activate_in_tx(
    tx: &mut Tx<'_>,
    version: i32,
    reason: Option<&str>,
    by: By<'_>,
) -> Result<(), StoreError> {
    let query = query!("rule_sets_activate": version, by.at, by.operator, reason);
    query.execute(&mut **tx).await?;
    Ok(())
}

/// One rule set and its latest activation.
#[derive(Debug, Clone, Serialize)]
pub struct RuleSetRow {
    pub version: i32,
    pub active: bool,
    pub created_at: At,
    pub operator: String,
    pub comment: Option<String>,
    pub activated_at: Option<At>,
    pub activated_by: Option<String>,
    pub reason: Option<String>,
}

/// The newest first.
pub async fn list(
    pool: &PgPool,
    after: Option<i32>,
    limit: i64,
) -> Result<Listed<RuleSetRow>, sqlx::Error> {
    let page = Page { after: None, limit };
    let query = query!("views_rule_sets": after, limit.saturating_add(1));
    let rows = query.fetch_all(pool).await?;
    let row = |row: &sqlx::postgres::PgRow| {
        Ok(RuleSetRow {
            version: row.try_get("version")?,
            active: row.try_get("active")?,
            created_at: row.try_get("created_at")?,
            operator: row.try_get("operator")?,
            comment: row.try_get("comment")?,
            activated_at: row.try_get("activated_at")?,
            activated_by: row.try_get("activated_by")?,
            reason: row.try_get("reason")?,
        })
    };
    let items = rows.iter().map(row).collect::<Result<_, sqlx::Error>>()?;
    Ok(Listed::page(items, &page, |row: &RuleSetRow| row.version.to_string()))
}

//! Parked returns, outside of batches.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row};

use super::{StoreError, sql};
use crate::domain::effect::BankKey;

/// Parked returns that are to be tried again, with since when they are parked; `again` asks for
/// those that failed before.
///
/// # Errors
/// When the database fails.
pub async fn due(
    pool: &PgPool,
    at: DateTime<Utc>,
    limit: i64,
    again: bool,
) -> Result<Vec<(BankKey, DateTime<Utc>)>, StoreError> {
    let query = sqlx::query(sql!("parked_returns_due")).bind(at).bind(limit).bind(again);
    let rows = query.fetch_all(pool).await?;
    let one = |row: &sqlx::postgres::PgRow| {
        let key = BankKey { bank_account: row.try_get(0)?, key: row.try_get(1)? };
        Ok((key, row.try_get(2)?))
    };
    rows.iter().map(one).collect()
}

/// It was tried, and waits on; `why` is the reason now.
///
/// # Errors
/// When the database fails.
pub async fn tried(
    pool: &PgPool,
    key: &BankKey,
    why: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = sqlx::query(sql!("parked_return_tried")).bind(&key.bank_account).bind(&key.key);
    query.bind(at).bind(why).execute(pool).await?;
    Ok(())
}

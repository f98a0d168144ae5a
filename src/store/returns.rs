//! Parked returns, outside of batches.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row};

use super::{StoreError, sql};
use crate::domain::effect::BankKey;

/// Parked returns that are to be tried again, with since when they are parked, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn due(
    pool: &PgPool,
    at: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(BankKey, DateTime<Utc>)>, StoreError> {
    let query = sqlx::query(sql!("parked_returns_due")).bind(at).bind(limit);
    let rows = query.fetch_all(pool).await?;
    let one = |row: &sqlx::postgres::PgRow| {
        let key = BankKey { bank_account: row.try_get(0)?, key: row.try_get(1)? };
        Ok((key, row.try_get(2)?))
    };
    rows.iter().map(one).collect()
}

/// It was tried, and waits on.
///
/// # Errors
/// When the database fails.
pub async fn tried(pool: &PgPool, key: &BankKey, at: DateTime<Utc>) -> Result<(), StoreError> {
    let query = sqlx::query(sql!("parked_return_tried")).bind(&key.bank_account).bind(&key.key);
    query.bind(at).execute(pool).await?;
    Ok(())
}

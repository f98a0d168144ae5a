//! Reads of usage outside of batches.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row};

use super::load::ProofFeed;
use super::{StoreError, rows, sql};
use crate::domain::ids::{AccountId, HoldId};
use crate::domain::money::Money;
use crate::domain::usage::HoldAmount;

/// Live holds that were placed at or before `before`, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn holds_due(
    pool: &PgPool,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<HoldAmount>, StoreError> {
    let rows = sqlx::query(sql!("holds_due")).bind(before).bind(limit).fetch_all(pool).await?;
    let one = |row: &sqlx::postgres::PgRow| {
        let currency = rows::currency(row.try_get("currency")?)?;
        Ok(HoldAmount {
            hold_id: HoldId::trusted(row.try_get("hold_id")?),
            account_id: AccountId::trusted(row.try_get("account_id")?),
            amount: Money::from_micros(row.try_get("amount")?, currency),
        })
    };
    rows.iter().map(one).collect()
}

/// Up to when usage is known, by the watermarks of all its partitions.
///
/// # Errors
/// When the database fails.
pub async fn known_through(
    pool: &PgPool,
    feed: Option<&ProofFeed>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(feed) = feed else {
        return Ok(Some(DateTime::<Utc>::MAX_UTC));
    };
    let query = sqlx::query_scalar(sql!("usage_proof")).bind(&feed.group).bind(&feed.topic);
    Ok(query.fetch_one(pool).await?)
}

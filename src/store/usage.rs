//! Reads of usage outside of batches.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::load::ProofFeed;
use super::{PgPool, StoreError, rows};
use crate::domain::ids::{AccountId, HoldId};
use crate::domain::money::Money;
use crate::domain::usage::HoldAmount;

/// Live holds that were placed at or before `before`, the oldest first; `again` asks for those that
/// failed before and are due by that instant. One that this version cannot read is left to another.
pub async fn holds_due(
    pool: &PgPool,
    before: DateTime<Utc>,
    limit: i64,
    again: Option<DateTime<Utc>>,
) -> Result<Vec<HoldAmount>, StoreError> {
    let query = match again {
        None => query!("holds_due": before, limit),
        Some(by) => query!("holds_again": before, limit, by),
    };
    let rows = query.fetch_all(pool).await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in &rows {
        let Ok(currency) = rows::currency(row.try_get("currency")?) else { continue };
        due.push(HoldAmount {
            hold_id: HoldId::trusted(row.try_get("hold_id")?),
            account_id: AccountId::trusted(row.try_get("account_id")?),
            amount: Money::from_micros(row.try_get("amount")?, currency),
        });
    }
    Ok(due)
}

/// Up to when usage is known, by the watermarks of all its partitions.
pub async fn known_through(
    pool: &PgPool,
    feed: Option<&ProofFeed>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let Some(feed) = feed else {
        return Ok(Some(DateTime::<Utc>::MAX_UTC));
    };
    let query = scalar!("usage_proof": &feed.group, &feed.topic);
    let query = query.bind(feed.claims_until);
    Ok(query.fetch_one(pool).await?)
}

/// Takes a watermark back: how far the partition is known, is not known any more until the feed
/// says so again. False when there is none.
pub async fn reset_watermark(
    pool: &PgPool,
    (topic, partition): (&str, i32),
    (operator, reason): (&str, &str),
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let query = query!("watermark_reset": topic, partition);
    let done = query.bind(operator).bind(reason).bind(at).execute(pool).await?;
    Ok(done.rows_affected() == 1)
}

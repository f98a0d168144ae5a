//! Parked returns, outside of batches.

use chrono::{DateTime, Utc};
use sqlx::Row as _;

use super::stretch::{Due, Row, Stretch};
use super::{PgPool, StoreError};
use crate::domain::ids::BankKey;

/// Parked returns that failed and have their turn again, with since when they are parked.
pub async fn again(
    pool: &PgPool,
    at: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(BankKey, DateTime<Utc>)>, StoreError> {
    let rows = query!("returns_again": at, limit).fetch_all(pool).await?;
    let one = |row: &sqlx::postgres::PgRow| {
        let key = BankKey { bank_account: row.try_get(0)?, key: row.try_get(1)? };
        Ok((key, row.try_get(2)?))
    };
    rows.iter().map(one).collect()
}

/// Parked returns of a stretch that are to be tried again and did not fail before, with since when
/// they are parked.
pub async fn page(
    pool: &PgPool,
    at: DateTime<Utc>,
    stretch: &Stretch<BankKey>,
) -> Result<Due<BankKey, (BankKey, DateTime<Utc>)>, StoreError> {
    let until = stretch.until.as_ref();
    let query = query!("returns_page": at, stretch.due, stretch.all);
    let query = query.bind(&stretch.behind.bank_account).bind(&stretch.behind.key);
    let query = query.bind(until.map(|key| &key.bank_account)).bind(until.map(|key| &key.key));
    let mut rows = Vec::new();
    for row in query.fetch_all(pool).await? {
        let key = BankKey { bank_account: row.try_get(0)?, key: row.try_get(1)? };
        let (parked_at, due): (DateTime<Utc>, bool) = (row.try_get(2)?, row.try_get(4)?);
        let (place, tried_at) = (row.try_get(3)?, row.try_get(5)?);
        // Of those that were tried together, the one that is parked longest is first.
        let due = due.then(|| (tried_at, parked_at.timestamp_micros(), (key.clone(), parked_at)));
        rows.push(Row { due, key, place });
    }
    Ok(stretch.found(rows))
}

/// It was tried, and waits on; `why` is the reason now.
pub async fn tried(
    pool: &PgPool,
    key: &BankKey,
    why: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = query!("parked_return_tried": &key.bank_account, &key.key);
    query.bind(at).bind(why).execute(pool).await?;
    Ok(())
}

//! Payments from the bank that still have money to give.

use chrono::{DateTime, Utc};

use super::{PgPool, StoreError};

/// A page of them after the given id, recorded until `as_of`. Read without locks: whoever decides
/// one again reads it again under its own.
pub async fn page(
    pool: &PgPool,
    after: &str,
    limit: i64,
    as_of: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    let query = scalar!("rematch_page": after, limit, as_of);
    Ok(query.fetch_all(pool).await?)
}

/// Payments for which one of these invoices is suggested, at most so many. Read without locks, too.
pub async fn suggested(
    pool: &PgPool,
    invoices: &[String],
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let query = scalar!("rematch_suggested": invoices, limit);
    Ok(query.fetch_all(pool).await?)
}

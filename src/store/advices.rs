//! Remittance advices whose payment did not come.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx};

/// Ends the waiting of at most `limit` advices that count no more at `as_of`; returns how many.
pub async fn expire_in_tx(
    tx: &mut Tx<'_>,
    as_of: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let query = query!("advices_expire": as_of, limit);
    Ok(query.execute(&mut **tx).await?.rows_affected())
}

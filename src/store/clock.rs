//! The database's clock, which decides what is due and what is old.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::{PgPool, StoreError, sql};

/// An answer that took longer says too little.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// What the database's clock says; none when the answer took too long to be of use.
pub async fn now(pool: &PgPool) -> Result<Option<DateTime<Utc>>, StoreError> {
    let mut connection = pool.reading().await?;
    let asked = Instant::now();
    let said: DateTime<Utc> =
        sqlx::query_scalar(sql!("clock_now")).fetch_one(&mut *connection).await?;
    let took = asked.elapsed();
    Ok((took <= ANSWER_MAX).then(|| said + took / 2))
}

/// Tells that this worker's clock is wrong; `since` stays what it was first.
pub async fn tell(
    pool: &PgPool,
    owner: &str,
    group: &str,
    ahead_ms: i64,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = sqlx::query(sql!("worker_clock_tell")).bind(owner).bind(group);
    query.bind(ahead_ms).bind(at).execute(pool).await?;
    Ok(())
}

/// It is right, or the worker ends.
pub async fn right(pool: &PgPool, owner: &str) -> Result<(), StoreError> {
    sqlx::query(sql!("worker_clock_right")).bind(owner).execute(pool).await?;
    Ok(())
}

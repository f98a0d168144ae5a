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

/// What a worker tells of itself.
#[derive(Debug)]
pub struct SignOfLife<'a> {
    pub owner: &'a str,
    pub group: &'a str,
    pub parts: &'a str,
    pub version: &'a str,
    pub ahead_ms: i64,
    /// Its clock is off by more than is allowed.
    pub wrong: bool,
    pub started_at: DateTime<Utc>,
    /// By which table it says who may send what.
    pub authority: Option<&'a str>,
}

/// Keeps a table of who may send what under its version.
pub async fn note_authority(
    pool: &PgPool,
    version: &str,
    content: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = query!("authority_note": version, content, at);
    query.execute(pool).await?;
    Ok(())
}

/// A worker lives. Since when its clock is wrong stays what it was first; who has been silent for a
/// day is forgotten.
pub async fn tell(
    pool: &PgPool,
    sign: &SignOfLife<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = query!("worker_clock_tell": sign.owner, sign.group);
    let query = query.bind(sign.parts).bind(sign.version).bind(sign.ahead_ms).bind(sign.wrong);
    let query = query.bind(sign.started_at).bind(at).bind(sign.authority);
    query.execute(pool).await?;
    Ok(())
}

/// A worker ends.
pub async fn gone(pool: &PgPool, owner: &str) -> Result<(), StoreError> {
    query!("worker_clock_gone": owner).execute(pool).await?;
    Ok(())
}

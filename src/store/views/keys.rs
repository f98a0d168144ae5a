//! Keys whose commands wait: what the first one needs, and what stands behind it.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::time::At;
use super::{Listed, Page, Result, cursor, read_cursor};
use crate::store::sql;

const PARKED: &str = sql!("views_keys_parked");

#[derive(Debug, Clone, Serialize)]
pub struct ParkedRow {
    pub key: String,
    /// The first command.
    pub record: String,
    /// `invoice:INV-1`, `payment:PAY-1`.
    pub needs: String,
    pub since: At,
    pub deadline: At,
    /// Commands that stand behind another one of the key.
    pub behind: i64,
    /// Open dead letters of the key.
    pub letters: i64,
    /// How often the first one failed when it had its turn.
    pub attempts: i32,
    /// Why it failed last.
    pub failure: Option<String>,
}

/// # Errors
/// What the database says.
pub async fn parked(pool: &PgPool, page: &Page) -> Result<Listed<ParkedRow>> {
    let (at, [key]) = read_cursor(page)?;
    let rows = sqlx::query(PARKED).bind(at).bind(key).bind(page.fetch()).fetch_all(pool).await?;
    let parked = |row: &PgRow| {
        Ok(ParkedRow {
            key: row.try_get("key")?,
            record: row.try_get("record")?,
            needs: row.try_get("needs")?,
            since: row.try_get("since")?,
            deadline: row.try_get("deadline")?,
            behind: row.try_get("behind")?,
            letters: row.try_get("letters")?,
            attempts: row.try_get("attempts")?,
            failure: row.try_get("failure")?,
        })
    };
    let items = rows.iter().map(parked).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &ParkedRow| cursor(&row.since, &[&row.key])))
}

//! Keys whose commands wait: what the first one needs, and what stands behind it.

use serde::Serialize;
use sqlx::FromRow;

use super::time::At;
use super::{Listed, Page, Result, cursor, read_cursor};
use crate::store::PgPool;
use crate::store::sql;

const PARKED: &str = sql!("views_keys_parked");

#[derive(Debug, Clone, Serialize, FromRow)]
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

pub async fn parked(pool: &PgPool, page: &Page) -> Result<Listed<ParkedRow>> {
    let (at, [key]) = read_cursor(page)?;
    let items =
        sqlx::query_as(PARKED).bind(at).bind(key).bind(page.fetch()).fetch_all(pool).await?;
    Ok(Listed::page(items, page, |row: &ParkedRow| cursor(&row.since, &[&row.key])))
}

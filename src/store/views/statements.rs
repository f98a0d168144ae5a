//! What the bank's statements said.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use sqlx::{PgPool, Row};

use super::time::At;
use super::{Result, sum};
use crate::store::sql;

const STATEMENTS: &str = sql!("views_statements");

#[derive(Debug, Clone, Serialize)]
pub struct StatementRow {
    pub bank_account: String,
    pub statement_id: String,
    pub currency: String,
    pub opening_balance: String,
    pub closing_balance: String,
    pub entries: i32,
    pub complete_through: At,
    pub recorded_at: At,
    /// It lay beyond what is believed when it came, and proves nothing.
    pub in_future: bool,
    #[serde(skip)]
    pub through: DateTime<Utc>,
}

/// The latest of each bank account and currency, or of one bank account.
///
/// # Errors
/// What the database says.
pub async fn latest(
    pool: &PgPool,
    skew: Duration,
    bank_account: Option<&str>,
    each: i64,
) -> Result<Vec<StatementRow>> {
    let query = sqlx::query(STATEMENTS).bind(skew).bind(bank_account).bind(each);
    let one = |row: &sqlx::postgres::PgRow| {
        Ok(StatementRow {
            bank_account: row.try_get("bank_account")?,
            statement_id: row.try_get("statement_id")?,
            currency: row.try_get("currency")?,
            opening_balance: sum(row, "opening_balance")?,
            closing_balance: sum(row, "closing_balance")?,
            entries: row.try_get("entries")?,
            complete_through: row.try_get("complete_through")?,
            recorded_at: row.try_get("recorded_at")?,
            in_future: row.try_get("in_future")?,
            through: row.try_get("complete_through")?,
        })
    };
    query.fetch_all(pool).await?.iter().map(one).collect()
}

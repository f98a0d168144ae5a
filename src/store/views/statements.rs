//! What the bank's statements said.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use sqlx::Row;

use super::time::At;
use super::{Result, sum};
use crate::store::PgPool;
use crate::store::sql;

const STATEMENTS: &str = sql!("views_statements");

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct StatementRow {
        pub bank_account: String,
        pub statement_id: String,
        pub currency: String,
        pub opening_balance: String = sum,
        pub closing_balance: String = sum,
        pub entries: i32,
        pub complete_through: At,
        pub recorded_at: At,
        /// It lay beyond what is believed when it came, and proves nothing.
        pub in_future: bool,
        #[serde(skip)]
        pub through: DateTime<Utc> = |row, _| row.try_get("complete_through"),
    }
}

/// The latest of each bank account and currency, or of one bank account.
pub async fn latest(
    pool: &PgPool,
    skew: Duration,
    bank_account: Option<&str>,
    each: i64,
) -> Result<Vec<StatementRow>> {
    let query = sqlx::query_as(STATEMENTS).bind(skew).bind(bank_account).bind(each);
    query.fetch_all(pool).await
}

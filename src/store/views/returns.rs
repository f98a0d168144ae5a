//! Returns that wait for what they return.

use serde::Serialize;
use sqlx::Row;

use super::time::{At, Day};
use super::{Listed, Page, Result, amount, cursor, read_cursor};
use crate::store::PgPool;
use crate::store::sql;

const PARKED: &str = sql!("views_parked_returns");

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct ParkedReturn {
        pub bank_account: String,
        pub bank_key: String,
        pub amount: String = amount,
        pub currency: String,
        pub booking_date: String = |row, column| Ok(row.try_get::<Day, _>(column)?.to_string()),
        /// The bank's id of what it returns or undoes.
        pub names: Option<String>,
        pub why: String,
        /// The key of the earlier record that it may be again.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub looks_like: Option<String>,
        /// Where what it names was told twice and ended: the key under which it was booked.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub booked_as: Option<String>,
        pub parked_at: At,
        pub tried_at: At,
    }
}

pub async fn parked(pool: &PgPool, page: &Page) -> Result<Listed<ParkedReturn>> {
    let (at, [bank_account, bank_key]) = read_cursor(page)?;
    let query = sqlx::query_as(PARKED).bind(at).bind(bank_account).bind(bank_key);
    let items = query.bind(page.fetch()).fetch_all(pool).await?;
    Ok(Listed::page(items, page, |row: &ParkedReturn| {
        cursor(&row.parked_at, &[&row.bank_account, &row.bank_key])
    }))
}

//! Returns that wait for what they return.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::time::At;
use super::{Listed, Page, Result, amount, cursor, read_cursor};
use crate::store::sql;

const PARKED: &str = sql!("views_parked_returns");

#[derive(Debug, Clone, Serialize)]
pub struct ParkedReturn {
    pub bank_account: String,
    pub bank_key: String,
    pub amount: String,
    pub currency: String,
    pub booking_date: String,
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

/// # Errors
/// What the database says.
pub async fn parked(pool: &PgPool, page: &Page) -> Result<Listed<ParkedReturn>> {
    let (at, [bank_account, bank_key]) = read_cursor(page)?;
    let query = sqlx::query(PARKED).bind(at).bind(bank_account).bind(bank_key);
    let rows = query.bind(page.fetch()).fetch_all(pool).await?;
    let parked = |row: &PgRow| {
        let booked: chrono::NaiveDate = row.try_get("booking_date")?;
        Ok(ParkedReturn {
            bank_account: row.try_get("bank_account")?,
            bank_key: row.try_get("bank_key")?,
            amount: amount(row, "amount")?,
            currency: row.try_get("currency")?,
            booking_date: booked.to_string(),
            names: row.try_get("names")?,
            why: row.try_get("why")?,
            looks_like: row.try_get("looks_like")?,
            booked_as: row.try_get("booked_as")?,
            parked_at: row.try_get("parked_at")?,
            tried_at: row.try_get("tried_at")?,
        })
    };
    let items = rows.iter().map(parked).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &ParkedReturn| {
        cursor(&row.parked_at, &[&row.bank_account, &row.bank_key])
    }))
}

//! Remittance advices: what payments are for, as it was told beside them.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::time::At;
use super::{Listed, Page, Privacy, Result, amount, cursor, read_cursor};
use crate::store::sql;

const LIST: &str = sql!("views_advices_list");
const OF_PAYMENT: &str = sql!("views_advices_of_payment");

#[derive(Debug, Clone, Serialize)]
pub struct AdviceRow {
    pub advice_id: String,
    pub bank_account: String,
    /// The last characters only.
    pub payer_account: Option<String>,
    pub payment_reference: Option<String>,
    pub amount: String,
    pub currency: String,
    /// The ids or references of the invoices, as they were told.
    pub invoices: Vec<String>,
    /// open, used, ambiguous, expired, ended.
    pub state: String,
    pub used_by_payment: Option<String>,
    /// Why it ended, and the payment or the other advice that ended it.
    pub end_reason: Option<String>,
    pub ended_about: Option<String>,
    pub received_at: At,
    pub expires_at: At,
}

/// The newest first, of one state and bank account or of all.
///
/// # Errors
/// What the database says.
pub async fn list(
    pool: &PgPool,
    state: Option<&str>,
    bank_account: Option<&str>,
    page: &Page,
) -> Result<Listed<AdviceRow>> {
    let (at, [account, id]) = read_cursor(page)?;
    let query = sqlx::query(LIST).bind(state).bind(bank_account).bind(at).bind(account).bind(id);
    let rows = query.bind(page.fetch()).fetch_all(pool).await?;
    let items = rows.iter().map(advice).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &AdviceRow| {
        cursor(&row.received_at, &[&row.bank_account, &row.advice_id])
    }))
}

/// The advice that belongs to the payment, and those that its decisions name.
///
/// # Errors
/// What the database says.
pub async fn of_payment(
    pool: &PgPool,
    payment_id: &str,
    named: &[String],
) -> Result<Vec<AdviceRow>> {
    let query = sqlx::query(OF_PAYMENT).bind(payment_id).bind(named);
    query.fetch_all(pool).await?.iter().map(advice).collect()
}

fn advice(row: &PgRow) -> Result<AdviceRow> {
    let masked = |text: String| Privacy::Masked.text(&text);
    Ok(AdviceRow {
        advice_id: row.try_get("advice_id")?,
        bank_account: row.try_get("bank_account")?,
        payer_account: row.try_get::<Option<String>, _>("payer_account")?.map(masked),
        payment_reference: row.try_get("payment_reference")?,
        amount: amount(row, "amount")?,
        currency: row.try_get("currency")?,
        invoices: row.try_get("invoices")?,
        state: row.try_get("state")?,
        used_by_payment: row.try_get("used_by_payment")?,
        end_reason: row.try_get("end_reason")?,
        ended_about: row.try_get("ended_about")?,
        received_at: row.try_get("received_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}

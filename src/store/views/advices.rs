//! Remittance advices: what payments are for, as it was told beside them.

use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::time::At;
use super::{Listed, Page, Privacy, Result, amount, cursor, read_cursor};
use crate::store::PgPool;
use crate::store::sql;

const LIST: &str = sql!("views_advices_list");
const OF_PAYMENT: &str = sql!("views_advices_of_payment");

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct AdviceRow {
        pub advice_id: String,
        pub bank_account: String,
        /// The last characters only.
        pub payer_account: Option<String> = masked,
        pub payment_reference: Option<String>,
        pub amount: String = amount,
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
}

/// The newest first, of one state and bank account or of all.
pub async fn list(
    pool: &PgPool,
    state: Option<&str>,
    bank_account: Option<&str>,
    page: &Page,
) -> Result<Listed<AdviceRow>> {
    let (at, [account, id]) = read_cursor(page)?;
    let query = sqlx::query_as(LIST).bind(state).bind(bank_account).bind(at);
    let items = query.bind(account).bind(id).bind(page.fetch()).fetch_all(pool).await?;
    Ok(Listed::page(items, page, |row: &AdviceRow| {
        cursor(&row.received_at, &[&row.bank_account, &row.advice_id])
    }))
}

/// The advice that belongs to the payment, and those that its decisions name.
pub async fn of_payment(
    pool: &PgPool,
    payment_id: &str,
    named: &[String],
) -> Result<Vec<AdviceRow>> {
    sqlx::query_as(OF_PAYMENT).bind(payment_id).bind(named).fetch_all(pool).await
}

/// Never the whole number.
fn masked(row: &PgRow, column: &str) -> Result<Option<String>> {
    let number: Option<String> = row.try_get(column)?;
    Ok(number.map(|number| Privacy::Masked.text(&number)))
}

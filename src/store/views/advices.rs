//! Remittance advices: what payments are for, as it was told beside them.

use serde::Serialize;
use sqlx::Row;

use super::time::At;
use super::{Listed, Page, Privacy, Result, amount, cursor, read_cursor};
use crate::store::PgPool;
use crate::store::sql;

const LIST: &str = sql!("views_advices_list");
const OF_PAYMENT: &str = sql!("views_advices_of_payment");

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct AdviceRow with (privacy: Privacy) {
        pub advice_id: String,
        pub bank_account: String,
        /// Whether the payer's number is masked here.
        pub masked: bool = |_, _| Ok(privacy.is_masked()),
        pub payer_account: Option<String> = |row, column| privacy.column(row, column),
        pub payment_reference: Option<String> = |row, column| {
            let text: Option<String> = row.try_get(column)?;
            Ok(text.map(|text| privacy.within(&text)))
        },
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
    privacy: Privacy,
) -> Result<Listed<AdviceRow>> {
    let (at, [account, id]) = read_cursor(page)?;
    let query = sqlx::query(LIST).bind(state).bind(bank_account).bind(at);
    let rows = query.bind(account).bind(id).bind(page.fetch()).fetch_all(pool).await?;
    let items = rows.iter().map(|row| AdviceRow::of(row, privacy)).collect::<Result<_>>()?;
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
    let rows = sqlx::query(OF_PAYMENT).bind(payment_id).bind(named).fetch_all(pool).await?;
    rows.iter().map(|row| AdviceRow::of(row, Privacy::Masked)).collect()
}

//! One suggestion, as a person reads it before they confirm or reject it.

use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::time::{At, Day};
use super::{Privacy, Result, amount, difference, free_of, rows_of};
use crate::store::PgPool;
use crate::store::sql;

const SUGGESTION: &str = sql!("views_suggestion");
const INVOICES: &str = sql!("views_suggestion_invoices");
const PAYMENTS: &str = sql!("views_suggestion_payments");

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct SuggestionView with (privacy: Privacy) {
        pub suggestion_id: String,
        pub payment_id: String,
        pub account_id: String,
        pub account_name: Option<String>,
        pub currency: String,
        /// Of the payment.
        pub amount: String = amount,
        pub unallocated: String = free_of,
        pub received_on: Day,
        pub rule: String,
        /// Whether names and numbers are masked here.
        pub masked: bool = |_, _| Ok(privacy.is_masked()),
        pub payer_name: Option<String> = |row, _| privacy.column(row, "debtor_name"),
        pub payer_account: Option<String> = |row, _| privacy.column(row, "debtor_account"),
        /// What each payment would give; several where they are confirmed together.
        pub payments: Vec<SuggestedPayment> = super::later,
        /// What each invoice would get.
        pub invoices: Vec<SuggestedInvoice> = super::later,
        /// `open`, `confirmed`, `rejected`, `superseded`.
        #[serde(rename = "state")]
        pub status: String,
        /// When it was closed, by whom, and what they said.
        pub closed_at: Option<At> = |row, _| row.try_get("resolved_at"),
        pub closed_by: Option<String> = closed_by,
        pub said: Option<String>,
    }
}

/// What a payment has not any more.
const GONE: [&str; 4] = ["allocated", "returned", "refunded", "split"];

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct SuggestedPayment with (privacy: Privacy) {
        pub payment_id: String,
        pub currency: String,
        /// Of the payment.
        pub amount: String = amount,
        pub gives: String = amount,
        /// What lies on no invoice, before and after.
        pub unallocated: String = |row, _| difference(row, "amount", &GONE),
        pub unallocated_after: String =
            |row, _| difference(row, "amount", &[GONE.as_slice(), &["gives"]].concat()),
        pub received_on: Day,
        pub payer_name: Option<String> = |row, _| privacy.column(row, "debtor_name"),
        pub payer_account: Option<String> = |row, _| privacy.column(row, "debtor_account"),
    }
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct SuggestedInvoice {
        pub invoice_id: String,
        pub currency: String,
        #[serde(rename = "state")]
        pub status: String,
        pub amount: String = amount,
        pub due: String = amount,
        pub due_after: String = amount,
    }
}

pub async fn suggestion(
    pool: &PgPool,
    id: &str,
    privacy: Privacy,
) -> Result<Option<SuggestionView>> {
    let Some(row) = sqlx::query(SUGGESTION).bind(id).fetch_optional(pool).await? else {
        return Ok(None);
    };
    let payments = sqlx::query(PAYMENTS).bind(id).fetch_all(pool).await?;
    let payments = payments.iter().map(|row| SuggestedPayment::of(row, privacy));
    Ok(Some(SuggestionView {
        payments: payments.collect::<Result<_>>()?,
        invoices: rows_of(pool, INVOICES, id).await?,
        ..SuggestionView::of(&row, privacy)?
    }))
}

/// The person's name, or the record that it came by.
fn closed_by(row: &PgRow, _column: &str) -> Result<Option<String>> {
    let operator: Option<String> = row.try_get("operator")?;
    let source: Option<String> = row.try_get("resolved_by_source")?;
    let record: Option<String> = row.try_get("resolved_by_id")?;
    let record = source.zip(record).map(|(source, id)| format!("{source}/{id}"));
    Ok(operator.or(record))
}

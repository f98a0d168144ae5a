//! One suggestion, as a person reads it before they confirm or reject it.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::time::{At, Day};
use super::{Privacy, Result, amount, difference, free_of, rows_of};
use crate::store::sql;

const SUGGESTION: &str = sql!("views_suggestion");
const INVOICES: &str = sql!("views_suggestion_invoices");
const PAYMENTS: &str = sql!("views_suggestion_payments");

#[derive(Debug, Clone, Serialize)]
pub struct SuggestionView {
    pub suggestion_id: String,
    pub payment_id: String,
    pub account_id: String,
    pub account_name: Option<String>,
    pub currency: String,
    /// Of the payment.
    pub amount: String,
    pub unallocated: String,
    pub received_on: Day,
    pub rule: String,
    /// Whether names and numbers are masked here.
    pub masked: bool,
    pub payer_name: Option<String>,
    pub payer_account: Option<String>,
    /// What each payment would give; several where they are confirmed together.
    pub payments: Vec<SuggestedPayment>,
    /// What each invoice would get.
    pub invoices: Vec<SuggestedInvoice>,
    /// `open`, `confirmed`, `rejected`, `superseded`.
    #[serde(rename = "state")]
    pub status: String,
    /// When it was closed, by whom, and what they said.
    pub closed_at: Option<At>,
    pub closed_by: Option<String>,
    pub said: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct SuggestedPayment {
    pub payment_id: String,
    pub currency: String,
    /// Of the payment.
    pub amount: String,
    pub gives: String,
    /// What lies on no invoice, before and after.
    pub unallocated: String,
    pub unallocated_after: String,
    pub received_on: Day,
    pub payer_name: Option<String>,
    pub payer_account: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct SuggestedInvoice {
    pub invoice_id: String,
    pub currency: String,
    #[serde(rename = "state")]
    pub status: String,
    pub amount: String,
    pub due: String,
    pub due_after: String,
}

/// # Errors
/// What the database says.
pub async fn suggestion(
    pool: &PgPool,
    id: &str,
    privacy: Privacy,
) -> Result<Option<SuggestionView>> {
    let Some(row) = sqlx::query(SUGGESTION).bind(id).fetch_optional(pool).await? else {
        return Ok(None);
    };
    let invoices = rows_of(pool, INVOICES, id, invoice).await?;
    let payments = rows_of(pool, PAYMENTS, id, |row| payment(row, privacy)).await?;
    let operator: Option<String> = row.try_get("operator")?;
    let source: Option<String> = row.try_get("resolved_by_source")?;
    let record: Option<String> = row.try_get("resolved_by_id")?;
    let record = source.zip(record).map(|(source, id)| format!("{source}/{id}"));
    Ok(Some(SuggestionView {
        suggestion_id: row.try_get("suggestion_id")?,
        payment_id: row.try_get("payment_id")?,
        account_id: row.try_get("account_id")?,
        account_name: row.try_get("account_name")?,
        currency: row.try_get("currency")?,
        amount: amount(&row, "amount")?,
        unallocated: free_of(&row)?,
        received_on: row.try_get("received_on")?,
        rule: row.try_get("rule")?,
        masked: privacy.is_masked(),
        payer_name: privacy.optional(row.try_get("debtor_name")?),
        payer_account: privacy.optional(row.try_get("debtor_account")?),
        payments,
        invoices,
        status: row.try_get("status")?,
        closed_at: row.try_get("resolved_at")?,
        closed_by: operator.or(record),
        said: row.try_get("said")?,
    }))
}

fn payment(row: &PgRow, privacy: Privacy) -> Result<SuggestedPayment> {
    let gone = ["allocated", "returned", "refunded", "split"];
    Ok(SuggestedPayment {
        payment_id: row.try_get("payment_id")?,
        currency: row.try_get("currency")?,
        amount: amount(row, "amount")?,
        gives: amount(row, "gives")?,
        unallocated: difference(row, "amount", &gone)?,
        unallocated_after: difference(row, "amount", &[gone.as_slice(), &["gives"]].concat())?,
        received_on: row.try_get("received_on")?,
        payer_name: privacy.optional(row.try_get("debtor_name")?),
        payer_account: privacy.optional(row.try_get("debtor_account")?),
    })
}

fn invoice(row: &PgRow) -> Result<SuggestedInvoice> {
    Ok(SuggestedInvoice {
        invoice_id: row.try_get("invoice_id")?,
        currency: row.try_get("currency")?,
        status: row.try_get("status")?,
        amount: amount(row, "amount")?,
        due: amount(row, "due")?,
        due_after: amount(row, "due_after")?,
    })
}

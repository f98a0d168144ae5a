//! Void candidates with their evidence.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::time::{At, Day};
use super::{Listed, Page, Result, amount};
use crate::store::sql;

const LIST: &str = sql!("views_void_candidates");

#[derive(Debug, Clone, Serialize)]
pub struct CandidateRow {
    pub invoice_id: String,
    pub account_id: String,
    pub currency: String,
    pub amount_due: String,
    pub due_date: Option<Day>,
    pub stale_since: At,
    pub stale_after_days: i32,
    pub feed_complete_through: At,
    pub flagged_at: At,
    pub episode: i32,
}

/// The invoices that are candidates now, by id.
///
/// # Errors
/// What the database says.
pub async fn list(
    pool: &PgPool,
    account: Option<&str>,
    page: &Page,
) -> Result<Listed<CandidateRow>> {
    let after = page.after.as_deref().unwrap_or_default();
    let rows =
        sqlx::query(LIST).bind(after).bind(account).bind(page.fetch()).fetch_all(pool).await?;
    let items = rows.iter().map(candidate).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &CandidateRow| row.invoice_id.clone()))
}

fn candidate(row: &PgRow) -> Result<CandidateRow> {
    Ok(CandidateRow {
        invoice_id: row.try_get("invoice_id")?,
        account_id: row.try_get("account_id")?,
        currency: row.try_get("currency")?,
        amount_due: amount(row, "amount_due")?,
        due_date: row.try_get("due_date")?,
        stale_since: row.try_get("stale_since")?,
        stale_after_days: row.try_get("stale_after_days")?,
        feed_complete_through: row.try_get("feed_complete_through")?,
        flagged_at: row.try_get("flagged_at")?,
        episode: row.try_get("episode")?,
    })
}

//! Void candidates with their evidence.

use serde::Serialize;

use super::time::{At, Day};
use super::{Listed, Page, Result, amount};
use crate::store::PgPool;
use crate::store::sql;

const LIST: &str = sql!("views_void_candidates");

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct CandidateRow {
        pub invoice_id: String,
        pub account_id: String,
        pub currency: String,
        pub amount_due: String = amount,
        pub due_date: Option<Day>,
        pub stale_since: At,
        pub stale_after_days: i32,
        pub feed_complete_through: At,
        pub flagged_at: At,
        pub episode: i32,
    }
}

/// The invoices that are candidates now, by id.
pub async fn list(
    pool: &PgPool,
    account: Option<&str>,
    page: &Page,
) -> Result<Listed<CandidateRow>> {
    let after = page.after.as_deref().unwrap_or_default();
    let items =
        sqlx::query_as(LIST).bind(after).bind(account).bind(page.fetch()).fetch_all(pool).await?;
    Ok(Listed::page(items, page, |row: &CandidateRow| row.invoice_id.clone()))
}

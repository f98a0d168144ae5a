//! Ids that begin alike, for somebody who mistyped one.

use sqlx::PgPool;

use super::Result;

const ACCOUNTS: &str = include_str!("../sql/views_near_accounts.sql");
const INVOICES: &str = include_str!("../sql/views_near_invoices.sql");
const PAYMENTS: &str = include_str!("../sql/views_near_payments.sql");

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Account,
    Invoice,
    Payment,
}

/// The first few ids with this prefix.
pub async fn ids(pool: &PgPool, kind: Kind, prefix: &str) -> Result<Vec<String>> {
    let sql = match kind {
        Kind::Account => ACCOUNTS,
        Kind::Invoice => INVOICES,
        Kind::Payment => PAYMENTS,
    };
    sqlx::query_scalar(sql).bind(prefix).fetch_all(pool).await
}

//! Ids that begin alike, for somebody who mistyped one.

use super::Result;
use crate::store::PgPool;
use crate::store::sql;

const ACCOUNTS: &str = sql!("views_near_accounts");
const INVOICES: &str = sql!("views_near_invoices");
const PAYMENTS: &str = sql!("views_near_payments");

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

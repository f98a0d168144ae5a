//! What a person's act on a suggestion begins with.

use sqlx::Row;

use super::{StoreError, Tx, sql};

/// Whose a suggestion is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub payment_id: String,
    pub account_id: String,
    pub decision_id: i64,
}

/// # Errors
/// When the database fails.
pub async fn named_in_tx(tx: &mut Tx<'_>, id: &str) -> Result<Option<Named>, StoreError> {
    let row = sqlx::query(sql!("suggestion_named")).bind(id).fetch_optional(&mut **tx).await?;
    row.map(|row| {
        Ok(Named {
            payment_id: row.try_get(0)?,
            account_id: row.try_get(1)?,
            decision_id: row.try_get(2)?,
        })
    })
    .transpose()
}

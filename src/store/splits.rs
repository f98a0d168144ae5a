//! What a person's act on a payment that is split begins with.

use sqlx::Row;

use super::{StoreError, Tx, sql};

/// Whose a payment is, and what was split off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub account_id: Option<String>,
    /// The account of the first part that the payment has.
    pub part_account: Option<String>,
    /// How many parts it ever had.
    pub parts: i64,
}

/// # Errors
/// When the database fails.
pub async fn named_in_tx(tx: &mut Tx<'_>, payment_id: &str) -> Result<Option<Named>, StoreError> {
    let query = sqlx::query(sql!("split_named")).bind(payment_id);
    let row = query.fetch_optional(&mut **tx).await?;
    row.map(|row| {
        Ok(Named {
            account_id: row.try_get(0)?,
            part_account: row.try_get(1)?,
            parts: row.try_get(2)?,
        })
    })
    .transpose()
}

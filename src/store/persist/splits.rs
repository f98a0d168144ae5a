//! Payments that are split: their parts, and parts that went back.

use chrono::{DateTime, Utc};

use super::micros;
use super::rows::Rows;
use crate::store::{StoreError, Tx};

/// Written when the payments say it already, and the returns that took parts back are there.
pub(super) async fn all(
    tx: &mut Tx<'_>,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (made, taken) = (&rows.parts, &rows.taken_back);
    let number =
        |part: u32| i32::try_from(part).map_err(|_| StoreError::Corrupt("a number of parts"));
    store!(tx, "insert_splits",
        for part in made {
            part_id: part.part_id.as_str(),
            payment_id: part.payment_id.as_str(),
            part: number(part.number)?,
            account_id: part.account_id.as_str(),
            currency: part.amount.code(),
            amount: micros(part.amount)?,
            reason: part.reason.as_deref(),
            ledger_transaction_id: part.ledger_transaction_id.0,
        }
        for back in taken {
            part_id: back.part_id.as_str(),
            amount: micros(back.amount)?,
            return_id: back.return_id.map(|id| id.0),
            reason: back.reason.as_deref(),
            ledger_transaction_id: back.ledger_transaction_id.0,
            at => at,
        }
    );
    Ok(())
}

//! Payments that are split: their parts, and parts that went back.

use chrono::{DateTime, Utc};

use super::micros;
use crate::domain::effect::Effect;
use crate::domain::split::{SplitPart, TakenBack};
use crate::store::{StoreError, Tx, sql};

/// Written when the payments say it already, and the returns that took parts back are there.
pub(super) async fn all(
    tx: &mut Tx<'_>,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut made: Vec<&SplitPart> = Vec::new();
    let mut taken: Vec<&TakenBack> = Vec::new();
    for effect in effects {
        if let Effect::Split(part) = effect {
            made.push(part);
        } else if let Effect::TakeBack(back) = effect {
            taken.push(back);
        }
    }
    if made.is_empty() && taken.is_empty() {
        return Ok(());
    }
    let number = |part: &&SplitPart| {
        i32::try_from(part.number).map_err(|_| StoreError::Corrupt("a number of parts"))
    };
    let numbers = made.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    let amounts = made.iter().map(|part| micros(part.amount)).collect::<Result<Vec<_>, _>>()?;
    let given = taken.iter().map(|back| micros(back.amount)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(sql!("insert_splits"))
        .bind(made.iter().map(|part| part.part_id.as_str()).collect::<Vec<_>>())
        .bind(made.iter().map(|part| part.payment_id.as_str()).collect::<Vec<_>>())
        .bind(numbers)
        .bind(made.iter().map(|part| part.account_id.as_str()).collect::<Vec<_>>())
        .bind(made.iter().map(|part| part.amount.code()).collect::<Vec<_>>())
        .bind(amounts)
        .bind(made.iter().map(|part| part.reason.as_deref()).collect::<Vec<_>>())
        .bind(made.iter().map(|part| part.ledger_transaction_id.0).collect::<Vec<_>>())
        .bind(taken.iter().map(|back| back.part_id.as_str()).collect::<Vec<_>>())
        .bind(given)
        .bind(taken.iter().map(|back| back.return_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(taken.iter().map(|back| back.reason.as_deref()).collect::<Vec<_>>())
        .bind(taken.iter().map(|back| back.ledger_transaction_id.0).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

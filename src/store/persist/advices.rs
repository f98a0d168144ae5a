//! Remittance advices, their lines, and whose they are.

use super::rows::Rows;
use super::{expect_rows, micros};
use crate::domain::advice::{Advice, AdviceEnd, AdviceKey, AdviceLine, LineName};
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx};

pub(super) async fn all(
    tx: &mut Tx<'_>,
    after: &WorkingSet,
    rows: &Rows<'_>,
) -> Result<(), StoreError> {
    let kept = |key: &AdviceKey| {
        after.advices.here().get(key).ok_or(StoreError::Corrupt("an advice that was told is gone"))
    };
    let new = rows.advices.iter().map(|key| kept(key)).collect::<Result<Vec<_>, _>>()?;
    insert(tx, &new).await?;
    let settled =
        rows.advices_settled.iter().map(|key| kept(key)).collect::<Result<Vec<_>, _>>()?;
    settle(tx, &settled).await
}

async fn insert(tx: &mut Tx<'_>, new: &[&Advice]) -> Result<(), StoreError> {
    store!(tx, "insert_advices", for advice in new {
        bank_account: advice.told.key.bank_account.as_str(),
        advice_id: advice.told.key.advice_id.as_str(),
        content_hash: advice.content_hash.as_slice(),
        payer_account: advice.told.payer_account.as_deref(),
        payment_reference: advice.told.payment_reference.as_deref(),
        payer_key: advice.told.payer_key(),
        reference_key: advice.told.reference_key(),
        currency: advice.told.amount.code(),
        amount: micros(advice.told.amount)?,
        state: advice.state.word(),
        used_by_payment: advice.used_by.as_ref().map(|id| id.as_str()),
        received_at: advice.received_at,
        expires_at: advice.expires_at,
        source: advice.cause.source.as_str(),
        message_id: advice.cause.id.as_str(),
        words: advice.told.words(),
        end_reason: advice.end.as_ref().map(AdviceEnd::word),
        ended_about: advice.end.as_ref().map(AdviceEnd::about),
    });
    let lines: Vec<(&Advice, i32, &AdviceLine)> = new
        .iter()
        .flat_map(|advice| (1..).zip(&advice.told.lines).map(move |(n, line)| (*advice, n, line)))
        .collect();
    store!(tx, "insert_advice_lines", for (advice, number, line) in lines {
        bank_account: advice.told.key.bank_account.as_str(),
        advice_id: advice.told.key.advice_id.as_str(),
        line: *number,
        invoice_id: match &line.name {
            LineName::Invoice(id) => Some(id.as_str()),
            LineName::Reference(_) => None,
        },
        reference: match &line.name {
            LineName::Invoice(_) => None,
            LineName::Reference(text) => Some(text.as_str()),
        },
        amount: micros(line.amount)?,
    });
    Ok(())
}

/// One that another batch has used meanwhile is a race: decided again, it is not there any more.
async fn settle(tx: &mut Tx<'_>, advices: &[&Advice]) -> Result<(), StoreError> {
    let done = store!(tx, "settle_advices", for advice in advices {
        bank_account: advice.told.key.bank_account.as_str(),
        advice_id: advice.told.key.advice_id.as_str(),
        state: advice.state.word(),
        used_by_payment: advice.used_by.as_ref().map(|id| id.as_str()),
        end_reason: advice.end.as_ref().map(AdviceEnd::word),
        ended_about: advice.end.as_ref().map(AdviceEnd::about),
    });
    expect_rows(done, advices.len(), "a remittance advice")
}

//! Remittance advices, their lines, and whose they are.

use std::collections::BTreeSet;

use super::{BatchWrite, expect_rows, micros};
use crate::domain::advice::{Advice, AdviceEnd, AdviceKey, LineName, RemittanceAdvice};
use crate::domain::effect::Effect;
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, sql};

pub(super) async fn all(
    tx: &mut Tx<'_>,
    after: &WorkingSet,
    write: &BatchWrite,
) -> Result<(), StoreError> {
    let mut new: Vec<&Advice> = Vec::new();
    let mut told: BTreeSet<&AdviceKey> = BTreeSet::new();
    let mut settled: BTreeSet<&AdviceKey> = BTreeSet::new();
    let kept = |key: &AdviceKey| {
        after.advices.get(key).ok_or(StoreError::Corrupt("an advice that was told is gone"))
    };
    for effect in &write.effects {
        if let Effect::RecordAdvice(advice) = effect {
            told.insert(&advice.told.key);
            new.push(kept(&advice.told.key)?);
        } else if let Effect::SettleAdvice { key, .. } | Effect::EndAdvice { key, .. } = effect {
            settled.insert(key);
        }
    }
    if !new.is_empty() {
        insert(tx, &new).await?;
        lines(tx, &new).await?;
    }
    settled.retain(|key| !told.contains(key));
    let settled = settled.into_iter().map(kept).collect::<Result<Vec<_>, _>>()?;
    settle(tx, &settled).await
}

async fn insert(tx: &mut Tx<'_>, new: &[&Advice]) -> Result<(), StoreError> {
    let told = || new.iter().map(|advice| &advice.told);
    let used_by = |advice: &Advice| advice.used_by.as_ref().map(|id| id.as_str().to_owned());
    sqlx::query(sql!("insert_advices"))
        .bind(told().map(|told| told.key.bank_account.as_str()).collect::<Vec<_>>())
        .bind(told().map(|told| told.key.advice_id.as_str()).collect::<Vec<_>>())
        .bind(new.iter().map(|advice| advice.content_hash.as_slice()).collect::<Vec<_>>())
        .bind(told().map(|told| told.payer_account.as_deref()).collect::<Vec<_>>())
        .bind(told().map(|told| told.payment_reference.as_deref()).collect::<Vec<_>>())
        .bind(told().map(|told| told.payer_key()).collect::<Vec<_>>())
        .bind(told().map(|told| told.reference_key()).collect::<Vec<_>>())
        .bind(told().map(|told| told.amount.code()).collect::<Vec<_>>())
        .bind(told().map(|told| micros(told.amount)).collect::<Result<Vec<_>, _>>()?)
        .bind(new.iter().map(|advice| advice.state.word()).collect::<Vec<_>>())
        .bind(new.iter().map(|advice| used_by(advice)).collect::<Vec<_>>())
        .bind(new.iter().map(|advice| advice.received_at).collect::<Vec<_>>())
        .bind(new.iter().map(|advice| advice.expires_at).collect::<Vec<_>>())
        .bind(new.iter().map(|advice| advice.cause.source.as_str()).collect::<Vec<_>>())
        .bind(new.iter().map(|advice| advice.cause.id.as_str()).collect::<Vec<_>>())
        .bind(told().map(RemittanceAdvice::words).collect::<Vec<_>>())
        .bind(new.iter().map(|advice| end_of(advice).0).collect::<Vec<_>>())
        .bind(new.iter().map(|advice| end_of(advice).1).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Why it ended, and what ended it.
fn end_of(advice: &Advice) -> (Option<&str>, Option<&str>) {
    let end = advice.end.as_ref();
    (end.map(AdviceEnd::word), end.map(AdviceEnd::about))
}

async fn lines(tx: &mut Tx<'_>, new: &[&Advice]) -> Result<(), StoreError> {
    let (mut accounts, mut ids, mut numbers) = (vec![], vec![], vec![]);
    let (mut invoices, mut references, mut amounts) = (vec![], vec![], vec![]);
    for advice in new {
        for (number, line) in (1_i32..).zip(&advice.told.lines) {
            accounts.push(advice.told.key.bank_account.as_str());
            ids.push(advice.told.key.advice_id.as_str());
            numbers.push(number);
            let (invoice, reference) = match &line.name {
                LineName::Invoice(id) => (Some(id.as_str()), None),
                LineName::Reference(text) => (None, Some(text.as_str())),
            };
            invoices.push(invoice);
            references.push(reference);
            amounts.push(micros(line.amount)?);
        }
    }
    sqlx::query(sql!("insert_advice_lines"))
        .bind(accounts)
        .bind(ids)
        .bind(numbers)
        .bind(invoices)
        .bind(references)
        .bind(amounts)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// One that another batch has used meanwhile is a race: decided again, it is not there any more.
async fn settle(tx: &mut Tx<'_>, advices: &[&Advice]) -> Result<(), StoreError> {
    if advices.is_empty() {
        return Ok(());
    }
    let used_by = |advice: &&Advice| advice.used_by.as_ref().map(|id| id.as_str().to_owned());
    let done = sqlx::query(sql!("settle_advices"))
        .bind(advices.iter().map(|a| a.told.key.bank_account.as_str()).collect::<Vec<_>>())
        .bind(advices.iter().map(|a| a.told.key.advice_id.as_str()).collect::<Vec<_>>())
        .bind(advices.iter().map(|a| a.state.word()).collect::<Vec<_>>())
        .bind(advices.iter().map(used_by).collect::<Vec<_>>())
        .bind(advices.iter().map(|advice| end_of(advice).0).collect::<Vec<_>>())
        .bind(advices.iter().map(|advice| end_of(advice).1).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    expect_rows(done.rows_affected(), advices.len(), "a remittance advice")
}

//! De-allocations, removals, returns: what went back, tombstones, and returns that wait.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{expect_rows, micros};
use crate::domain::effect::{BankDisposition, BankKey, Effect, ReturnWaits};
use crate::domain::ids::AllocationId;
use crate::domain::money::Money;
use crate::domain::payment::Payment;
use crate::domain::reversal::{PaymentReturn, Reversal};
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, sql};

/// All but the reversals themselves, which come after what they must agree with, and the
/// allocations, which come before.
pub(super) async fn all(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    returns(tx, effects, at).await?;
    tombstones(tx, effects, at).await?;
    parked(tx, before, effects, at).await?;
    wake(tx, before, after, effects, at).await
}

async fn returns(tx: &mut Tx<'_>, effects: &[Effect], at: DateTime<Utc>) -> Result<(), StoreError> {
    let mut all: Vec<&PaymentReturn> = Vec::new();
    for effect in effects {
        if let Effect::Return(returned) = effect {
            all.push(returned);
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&PaymentReturn) -> Money| {
        all.iter().map(|r| micros(of(r))).collect::<Result<Vec<_>, _>>()
    };
    let text = |text: Option<&String>| text.map(|text| text.replace('\0', "\\0"));
    sqlx::query(sql!("insert_returns"))
        .bind(all.iter().map(|r| r.id.0).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.key.bank_account.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.key.key.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.payment_id.as_str()).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.undoes.map(|id| id.0)).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.amount.code()).collect::<Vec<_>>())
        .bind(column(|r| r.amount)?)
        .bind(column(|r| r.unallocated)?)
        .bind(column(|r| r.unspent)?)
        .bind(column(|r| r.clawed_back)?)
        .bind(all.iter().map(|r| text(r.reason.as_ref())).collect::<Vec<_>>())
        .bind(at)
        .bind(column(|r| r.removed)?)
        .bind(column(|r| r.fee)?)
        .bind(all.iter().map(|r| r.bank_transaction_id.as_deref()).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.ledger_transaction_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(all.iter().map(|r| text(r.said.as_ref())).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn all_reversals(effects: &[Effect]) -> Vec<&Reversal> {
    let mut all = Vec::new();
    for effect in effects {
        if let Effect::Reverse(reversal) = effect {
            all.push(reversal.as_ref());
        }
    }
    all
}

/// How much of each allocation that was there before is reversed by now. Written before new ones
/// are: the same pair may be put together again.
pub(super) async fn allocations(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut ids: Vec<AllocationId> =
        all_reversals(effects).iter().map(|reversal| reversal.allocation_id).collect();
    ids.sort();
    ids.dedup();
    ids.retain(|id| before.allocations.contains_key(id));
    if ids.is_empty() {
        return Ok(());
    }
    let (mut was, mut now) = (vec![], vec![]);
    for id in &ids {
        let gone = StoreError::Corrupt("an allocation that is not loaded");
        now.push(micros(after.allocations.get(id).ok_or(gone)?.reversed)?);
        let gone = StoreError::Corrupt("an allocation that is not loaded");
        was.push(micros(before.allocations.get(id).ok_or(gone)?.reversed)?);
    }
    let count = ids.len();
    let done = sqlx::query(sql!("update_allocations"))
        .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
        .bind(was)
        .bind(now)
        .bind(at)
        .execute(&mut **tx)
        .await?;
    expect_rows(done.rows_affected(), count, "an allocation")
}

/// One row for each step back; allocations and lots say the same already.
pub(super) async fn reversals(
    tx: &mut Tx<'_>,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let all = all_reversals(effects);
    if all.is_empty() {
        return Ok(());
    }
    let amounts = all.iter().map(|r| micros(r.amount)).collect::<Result<Vec<_>, _>>()?;
    let clawed = all.iter().map(|r| micros(r.clawed_back)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(sql!("insert_reversals"))
        .bind(all.iter().map(|r| r.id.0).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.allocation_id.0).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.kind.word()).collect::<Vec<_>>())
        .bind(amounts)
        .bind(clawed)
        .bind(all.iter().map(|r| r.return_id.map(|id| id.0)).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.reason.as_deref()).collect::<Vec<_>>())
        .bind(all.iter().map(|r| r.ledger_transaction_id.0).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn tombstones(
    tx: &mut Tx<'_>,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (mut payments, mut invoices) = (vec![], vec![]);
    for effect in effects {
        if let Effect::LayTombstone { payment_id, invoice_id } = effect {
            payments.push(payment_id.as_str());
            invoices.push(invoice_id.as_str());
        }
    }
    if !payments.is_empty() {
        let query = sqlx::query(sql!("insert_tombstones")).bind(payments).bind(invoices).bind(at);
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Returns that begin to wait, and those that wait no more.
async fn parked(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut waits: BTreeMap<&BankKey, ReturnWaits> = BTreeMap::new();
    let (mut accounts, mut keys) = (vec![], vec![]);
    for effect in effects {
        if let Effect::ParkReturn { key, why } = effect {
            waits.insert(key, *why);
        } else if let Effect::RecordBankTransaction(record) = effect
            && record.disposition != BankDisposition::ReturnParked
            && before.parked_returns.contains_key(&record.key)
        {
            accounts.push(record.key.bank_account.as_str());
            keys.push(record.key.key.as_str());
        }
    }
    if !keys.is_empty() {
        // A return that a person took has several records of one key.
        let ended: BTreeSet<(&str, &str)> = accounts.into_iter().zip(keys).collect();
        let (accounts, keys): (Vec<&str>, Vec<&str>) = ended.iter().copied().unzip();
        let query = sqlx::query(sql!("delete_parked_returns")).bind(accounts).bind(keys);
        let done = query.execute(&mut **tx).await?;
        // Whoever ends it first has it: a person and the sweep may both mean to.
        expect_rows(done.rows_affected(), ended.len(), "a parked return")?;
    }
    if !waits.is_empty() {
        sqlx::query(sql!("insert_parked_returns"))
            .bind(waits.keys().map(|key| key.bank_account.as_str()).collect::<Vec<_>>())
            .bind(waits.keys().map(|key| key.key.as_str()).collect::<Vec<_>>())
            .bind(waits.values().map(|why| why.word()).collect::<Vec<_>>())
            .bind(at)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Parked returns that the acts of a batch have tried again at once; others are within the hour.
const WOKEN_MAX: i64 = 64;

/// What returns may have waited for: a person has said what the payment is, or has undone its
/// split. They are tried again with the next sweep.
async fn wake(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut woken: BTreeSet<(&str, &str)> = BTreeSet::new();
    for effect in effects {
        if let Effect::Ask { payment_id, .. } | Effect::SettlePayment { payment_id, .. } = effect {
            let in_doubt =
                |set: &WorkingSet| set.payments.get(payment_id).is_some_and(Payment::is_in_doubt);
            if in_doubt(before) && !in_doubt(after) {
                woken.insert((payment_id.as_str(), ReturnWaits::OriginalInDoubt.word()));
            }
        }
        if let Effect::TakeBack(taken) = effect
            && taken.return_id.is_none()
        {
            woken.insert((taken.payment_id.as_str(), ReturnWaits::SplitPayment.word()));
        }
    }
    if !woken.is_empty() {
        let (payments, whys): (Vec<&str>, Vec<&str>) = woken.into_iter().unzip();
        let query = sqlx::query(sql!("wake_returns")).bind(payments).bind(whys).bind(at);
        query.bind(WOKEN_MAX).execute(&mut **tx).await?;
    }
    Ok(())
}

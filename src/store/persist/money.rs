//! Payments, ledger, allocations, lots, balances.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{expect_rows, micros};
use crate::domain::effect::Effect;
use crate::domain::ids::AccountId;
use crate::domain::ledger::LedgerAccount;
use crate::domain::money::Money;
use crate::domain::payment::{ParkReason, Payment};
use crate::domain::working_set::{Rebase, WorkingSet};
use crate::store::load::Locks;
use crate::store::{StoreError, Tx, rows, sql};

pub(super) async fn insert_payments(
    tx: &mut Tx<'_>,
    payments: &[&Payment],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if payments.is_empty() {
        return Ok(());
    }
    let all = || payments.iter().copied();
    let amounts = all().map(|p| micros(p.amount)).collect::<Result<Vec<_>, _>>()?;
    let allocated = all().map(|p| micros(p.allocated)).collect::<Result<Vec<_>, _>>()?;
    let split = all().map(|p| micros(p.split)).collect::<Result<Vec<_>, _>>()?;
    // Also what went out again in the batch that recorded it.
    let refunded = all().map(|p| micros(p.refunded)).collect::<Result<Vec<_>, _>>()?;
    let returned = all().map(|p| micros(p.returned)).collect::<Result<Vec<_>, _>>()?;
    let reason = |p: &Payment| p.state.reason().map(ParkReason::code);
    sqlx::query(sql!("insert_payments"))
        .bind(all().map(|p| p.payment_id.as_str()).collect::<Vec<_>>())
        .bind(all().map(|p| p.account_id.as_ref().map(|id| id.as_str())).collect::<Vec<_>>())
        .bind(all().map(|p| p.amount.code()).collect::<Vec<_>>())
        .bind(amounts)
        .bind(allocated)
        .bind(all().map(|p| p.state.word()).collect::<Vec<_>>())
        .bind(all().map(reason).collect::<Vec<_>>())
        .bind(all().map(|p| p.origin.word()).collect::<Vec<_>>())
        .bind(all().map(|p| p.received_on).collect::<Vec<_>>())
        .bind(all().map(|p| p.method.as_deref()).collect::<Vec<_>>())
        .bind(all().map(|p| p.reference.as_deref()).collect::<Vec<_>>())
        .bind(all().map(|p| p.remark.as_deref()).collect::<Vec<_>>())
        .bind(all().map(|p| p.event_sequence).collect::<Vec<_>>())
        .bind(split)
        .bind(refunded)
        .bind(returned)
        .bind(all().map(question).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn question(payment: &Payment) -> Option<&'static str> {
    payment.question.map(ParkReason::code)
}

/// Payments that were there before, as (before, after).
pub(super) async fn update_payments(
    tx: &mut Tx<'_>,
    payments: &[(&Payment, &Payment)],
) -> Result<(), StoreError> {
    if payments.is_empty() {
        return Ok(());
    }
    let was = payments.iter().map(|p| micros(p.0.allocated)).collect::<Result<Vec<_>, _>>()?;
    let now = payments.iter().map(|p| micros(p.1.allocated)).collect::<Result<Vec<_>, _>>()?;
    let was_back = payments.iter().map(|p| micros(p.0.returned)).collect::<Result<Vec<_>, _>>()?;
    let back = payments.iter().map(|p| micros(p.1.returned)).collect::<Result<Vec<_>, _>>()?;
    let was_split = payments.iter().map(|p| micros(p.0.split)).collect::<Result<Vec<_>, _>>()?;
    let split = payments.iter().map(|p| micros(p.1.split)).collect::<Result<Vec<_>, _>>()?;
    let all = || payments.iter().map(|payment| payment.1);
    let reason = |p: &Payment| p.state.reason().map(ParkReason::code);
    let done = sqlx::query(sql!("update_payments"))
        .bind(all().map(|p| p.payment_id.as_str()).collect::<Vec<_>>())
        .bind(was)
        .bind(now)
        .bind(all().map(|p| p.account_id.as_ref().map(|id| id.as_str())).collect::<Vec<_>>())
        .bind(all().map(|p| p.state.word()).collect::<Vec<_>>())
        .bind(all().map(reason).collect::<Vec<_>>())
        .bind(all().map(|p| p.event_sequence).collect::<Vec<_>>())
        .bind(was_back)
        .bind(back)
        .bind(was_split)
        .bind(split)
        .bind(payments.iter().map(|p| micros(p.1.refunded)).collect::<Result<Vec<_>, _>>()?)
        .bind(all().map(question).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    expect_rows(done.rows_affected(), payments.len(), "a payment")
}

pub(super) async fn ledger(
    tx: &mut Tx<'_>,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (mut ids, mut kinds, mut payments, mut said) = (vec![], vec![], vec![], vec![]);
    let (mut of, mut lines, mut accounts) = (vec![], vec![], vec![]);
    let (mut customers, mut currencies, mut amounts) = (vec![], vec![], vec![]);
    for effect in effects {
        let Effect::Post(transaction) = effect else {
            continue;
        };
        if !transaction.is_balanced() {
            return Err(StoreError::Corrupt("a ledger transaction that does not balance"));
        }
        ids.push(transaction.id.0);
        kinds.push(transaction.kind.word());
        payments.push(transaction.payment_id.as_ref().map(|id| id.as_str()));
        said.push(transaction.said.as_deref());
        for (line, entry) in (1_i16..).zip(&transaction.entries) {
            of.push(transaction.id.0);
            lines.push(line);
            accounts.push(entry.account.word());
            customers.push(match &entry.account {
                LedgerAccount::CustomerBalance(account_id) => Some(account_id.as_str()),
                LedgerAccount::BankClearing
                | LedgerAccount::UnallocatedCash
                | LedgerAccount::UsageRevenue
                | LedgerAccount::ClawBackReceivable
                | LedgerAccount::SplitClearing
                | LedgerAccount::Fees => None,
            });
            currencies.push(entry.amount.code());
            amounts.push(micros(entry.amount)?);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_ledger_transactions"))
        .bind(ids)
        .bind(kinds)
        .bind(payments)
        .bind(at)
        .bind(said)
        .execute(&mut **tx)
        .await?;
    sqlx::query(sql!("insert_ledger_entries"))
        .bind(of)
        .bind(lines)
        .bind(accounts)
        .bind(customers)
        .bind(currencies)
        .bind(amounts)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Allocations and the lots they open.
pub(super) async fn allocations(
    tx: &mut Tx<'_>,
    after: &WorkingSet,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (mut ids, mut payments, mut invoices) = (vec![], vec![], vec![]);
    let (mut accounts, mut currencies, mut amounts) = (vec![], vec![], vec![]);
    let (mut rules, mut transactions, mut remaining) = (vec![], vec![], vec![]);
    let (mut restores, mut reversed) = (vec![], vec![]);
    for effect in effects {
        let Effect::Allocate(allocation) = effect else {
            continue;
        };
        ids.push(allocation.id.0);
        payments.push(allocation.payment_id.as_str());
        invoices.push(allocation.invoice_id.as_str());
        accounts.push(allocation.account_id.as_str());
        currencies.push(allocation.amount.code());
        amounts.push(micros(allocation.amount)?);
        rules.push(allocation.rule.word());
        transactions.push(allocation.ledger_transaction_id.0);
        remaining.push(micros(allocation.lot_remaining)?);
        restores.push(allocation.restores.map(|id| id.0));
        // What the same batch took back already is inserted as such: the pair may be there again.
        let now = after.allocations.get(&allocation.id);
        reversed.push(now.map_or(Ok(0), |link| micros(link.reversed))?);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_allocations"))
        .bind(&ids)
        .bind(payments)
        .bind(invoices)
        .bind(&accounts)
        .bind(&currencies)
        .bind(&amounts)
        .bind(rules)
        .bind(transactions)
        .bind(restores)
        .bind(reversed)
        .bind(at)
        .execute(&mut **tx)
        .await?;
    sqlx::query(sql!("insert_lots"))
        .bind(ids)
        .bind(accounts)
        .bind(currencies)
        .bind(amounts)
        .bind(remaining)
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The change of each balance, in the order of the accounts. A batch that locks last has not read
/// them: it decided as if they were zero, which is the same unless one is a debt that a new lot
/// would have cleared first. `rebase` learns what they were.
pub(super) async fn balances(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    rebase: &mut Rebase,
    locks: Locks,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut changes = Vec::new();
    for ((account_id, currency), now) in &after.balances {
        let was = before.balance(account_id, *currency);
        if was != *now {
            let delta = now.sub(was).map_err(|_| StoreError::Corrupt("a balance change"))?;
            changes.push((account_id.as_str(), currency.code(), micros(delta)?));
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    changes.sort();
    let rows = sqlx::query(sql!("change_balances"))
        .bind(changes.iter().map(|change| change.0).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.1).collect::<Vec<_>>())
        .bind(changes.iter().map(|change| change.2).collect::<Vec<_>>())
        .bind(at)
        .fetch_all(&mut **tx)
        .await?;
    for row in rows {
        let currency = rows::currency(row.try_get(1)?)?;
        let key = (AccountId::trusted(row.try_get(0)?), currency);
        let now = Money::from_micros(row.try_get(2)?, currency);
        let expected = after.balance(&key.0, currency);
        let moved = now.sub(expected).map_err(|_| StoreError::Corrupt("a balance"))?;
        if moved.is_negative() || (locks == Locks::First && !moved.is_zero()) {
            return Err(StoreError::Raced("a balance"));
        }
        if !moved.is_zero() {
            rebase.balances.insert(key, moved);
        }
    }
    Ok(())
}

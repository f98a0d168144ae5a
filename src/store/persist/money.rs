//! Payments, ledger, allocations, lots, balances.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::rows::Rows;
use super::{expect_rows, micros};
use crate::domain::allocation::Allocation;
use crate::domain::ids::AccountId;
use crate::domain::ledger::LedgerAccount;
use crate::domain::money::Money;
use crate::domain::payment::{ParkReason, Payment};
use crate::domain::working_set::{Rebase, WorkingSet};
use crate::store::load::Locks;
use crate::store::{StoreError, Tx, rows};

pub(super) async fn insert_payments(
    tx: &mut Tx<'_>,
    payments: &[&Payment],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    store!(tx, "insert_payments", for p in payments {
        payment_id: p.payment_id.as_str(),
        account_id: p.account_id.as_ref().map(|id| id.as_str()),
        currency: p.amount.code(),
        amount: micros(p.amount)?,
        allocated: micros(p.allocated)?,
        state: p.state.word(),
        reason: p.state.reason().map(ParkReason::code),
        origin: p.origin.word(),
        received_on: p.received_on,
        method: p.method.as_deref(),
        reference: p.reference.as_deref(),
        remark: p.remark.as_deref(),
        event_sequence: p.event_sequence,
        split: micros(p.split)?,
        // Also what went out again in the batch that recorded it.
        refunded: micros(p.refunded)?,
        returned: micros(p.returned)?,
        question: p.question.map(ParkReason::code),
        recorded_at => at,
    });
    Ok(())
}

/// Payments that were there before, as (before, after).
pub(super) async fn update_payments(
    tx: &mut Tx<'_>,
    payments: &[(&Payment, &Payment)],
) -> Result<(), StoreError> {
    let done = store!(tx, "update_payments", for (was, p) in payments {
        payment_id: p.payment_id.as_str(),
        was: micros(was.allocated)?,
        now: micros(p.allocated)?,
        account_id: p.account_id.as_ref().map(|id| id.as_str()),
        state: p.state.word(),
        reason: p.state.reason().map(ParkReason::code),
        event_sequence: p.event_sequence,
        was_returned: micros(was.returned)?,
        returned: micros(p.returned)?,
        was_split: micros(was.split)?,
        split: micros(p.split)?,
        refunded: micros(p.refunded)?,
        question: p.question.map(ParkReason::code),
    });
    expect_rows(done, payments.len(), "a payment")
}

pub(super) async fn ledger(
    tx: &mut Tx<'_>,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut transfers = Vec::new();
    for transaction in &rows.ledger {
        let numbered = (1_i16..).zip(transaction.legs());
        transfers.extend(numbered.map(|(leg, transfer)| (*transaction, leg, transfer)));
    }
    store!(tx, "insert_ledger_transfers", for (transaction, leg, transfer) in transfers {
        ledger_transaction_id: transaction.id.0,
        leg: *leg,
        kind: transaction.kind.word(),
        payment_id: transaction.payment_id.as_ref().map(|id| id.as_str()),
        said: transaction.said.as_deref(),
        debit: transfer.debit().word(),
        debit_account: owner(transfer.debit()),
        credit: transfer.credit().word(),
        credit_account: owner(transfer.credit()),
        currency: transfer.amount().code(),
        amount: micros(*transfer.amount())?,
        posted_at => at,
    });
    Ok(())
}

fn owner(account: &LedgerAccount) -> Option<&str> {
    account.owner().map(|id| id.as_str())
}

/// Allocations and the lots they open.
pub(super) async fn allocations(
    tx: &mut Tx<'_>,
    after: &WorkingSet,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let allocations = &rows.allocations;
    // What the same batch took back already is inserted as such: the pair may be there again.
    let reversed = |allocation: &Allocation| {
        after.allocations.get(&allocation.id).map_or(Ok(0), |link| micros(link.reversed))
    };
    store!(tx, "insert_allocations", for allocation in allocations {
        allocation_id: allocation.id.0,
        payment_id: allocation.payment_id.as_str(),
        invoice_id: allocation.invoice_id.as_str(),
        account_id: allocation.account_id.as_str(),
        currency: allocation.amount.code(),
        amount: micros(allocation.amount)?,
        rule: allocation.rule.word(),
        ledger_transaction_id: allocation.ledger_transaction_id.0,
        restores: allocation.restores.map(|id| id.0),
        reversed: reversed(allocation)?,
        allocated_at => at,
    });
    store!(tx, "insert_lots", for allocation in allocations {
        lot_id: allocation.id.0,
        account_id: allocation.account_id.as_str(),
        currency: allocation.amount.code(),
        amount: micros(allocation.amount)?,
        remaining: micros(allocation.lot_remaining)?,
        opened_at => at,
    });
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
    for (account_id, now) in after.balances_here() {
        let currency = now.currency();
        let was = before.balance(account_id, currency);
        if was != now {
            let delta = now.sub(was).map_err(|_| StoreError::Corrupt("a balance change"))?;
            changes.push((account_id.as_str(), currency, micros(delta)?));
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    changes.sort();
    let query = bound!("change_balances", for (account_id, currency, delta) in changes {
        account_id: *account_id,
        currency: currency.code(),
        amount: *delta,
        updated_at => at,
    });
    for row in query.fetch_all(&mut **tx).await? {
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

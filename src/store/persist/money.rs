//! Payments that change, ledger, allocations, lots.

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashSet};

use super::rows::Rows;
use super::{expect_rows, micros};
use crate::domain::allocation::Allocation;
use crate::domain::ids::AllocationId;
use crate::domain::ledger::LedgerAccount;
use crate::domain::money::Money;
use crate::domain::payment::{ParkReason, Payment};
use crate::domain::usage::Lot;
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx};

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

/// Allocations with the lots that they open, as the batch leaves them.
pub(super) async fn allocations(
    tx: &mut Tx<'_>,
    after: &WorkingSet,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if rows.allocations.is_empty() {
        return Ok(());
    }
    // Here where anything may burn or be taken back.
    let lots: HashMap<AllocationId, &Lot> =
        after.usage.lots.values().flatten().map(|lot| (lot.id, lot)).collect();
    let mut opened = Vec::with_capacity(rows.allocations.len());
    for allocation in &rows.allocations {
        let lot = match lots.get(&allocation.id) {
            Some(lot) => sums_of(lot),
            None if after.usage.keeps_lots => {
                return Err(StoreError::Corrupt("an allocation without its lot"));
            }
            None => opened_sums(allocation)?,
        };
        opened.push((allocation, lot));
    }
    store!(tx, "insert_allocations", for (allocation, [left, cleared, reversed, owed]) in opened {
        allocation_id: allocation.id.0,
        payment_id: allocation.payment_id.as_str(),
        invoice_id: allocation.invoice_id.as_str(),
        account_id: allocation.account_id.as_str(),
        currency: allocation.amount.code(),
        amount: micros(allocation.amount)?,
        rule: allocation.rule.word(),
        ledger_transaction_id: allocation.ledger_transaction_id.0,
        restores: allocation.restores.map(|id| id.0),
        remaining: micros(*left)?,
        debt_cleared: micros(*cleared)?,
        reversed: micros(*reversed)?,
        clawed_back: micros(*owed)?,
        allocated_at => at,
    });
    Ok(())
}

/// What is left of a lot, what it cleared of a debt, what was reversed, and of that clawed back.
fn sums_of(lot: &Lot) -> [Money; 4] {
    [lot.remaining, lot.debt_cleared, lot.reversed, lot.clawed_back]
}

fn opened_sums(allocation: &Allocation) -> Result<[Money; 4], StoreError> {
    let cleared = allocation.amount.sub(allocation.lot_remaining);
    let cleared = cleared.map_err(|_| StoreError::Corrupt("a lot"))?;
    let zero = Money::zero(allocation.amount.currency());
    Ok([allocation.lot_remaining, cleared, zero, zero])
}

/// What the batch made of each lot that was there before: burnt, given back, reversed. Written
/// before new allocations are: the same pair may be put together again.
pub(super) async fn lots(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if !after.usage.keeps_lots {
        return if rows.reversals.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Corrupt("a reversal without its lot"))
        };
    }
    let earlier: HashMap<AllocationId, [Money; 4]> =
        before.usage.lots.values().flatten().map(|lot| (lot.id, sums_of(lot))).collect();
    let opened: HashSet<AllocationId> = rows.allocations.iter().map(|opened| opened.id).collect();
    let mut changed: Vec<([Money; 4], &Lot)> = Vec::new();
    for lot in after.usage.lots.values().flatten().filter(|lot| !opened.contains(&lot.id)) {
        let was = earlier.get(&lot.id).ok_or(StoreError::Corrupt("a lot from nowhere"))?;
        if *was != sums_of(lot) {
            changed.push((*was, lot));
        }
    }
    changed.sort_by_key(|(_, lot)| lot.id);
    let done = store!(tx, "update_lots", for ([remaining, _, reversed, _], lot) in changed {
        lot_id: lot.id.0,
        was: micros(*remaining)?,
        was_reversed: micros(*reversed)?,
        remaining: micros(lot.remaining)?,
        debt_cleared: micros(lot.debt_cleared)?,
        reversed: micros(lot.reversed)?,
        clawed_back: micros(lot.clawed_back)?,
        at => at,
    });
    expect_rows(done, changed.len(), "a lot")
}

//! De-allocations, removals, returns: what went back, tombstones, and returns that wait.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::rows::Rows;
use super::{expect_rows, micros};
use crate::domain::effect::ReturnWaits;
use crate::domain::ids::{BankKey, PaymentId};
use crate::domain::payment::Payment;
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx};

/// All but the reversals themselves, which come after what they must agree with, and the
/// allocations, which come before.
pub(super) async fn all(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    returns(tx, rows, at).await?;
    tombstones(tx, rows, at).await?;
    parked(tx, before, rows, at).await?;
    wake(tx, before, after, rows, at).await
}

async fn returns(tx: &mut Tx<'_>, rows: &Rows<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let returns = &rows.returns;
    let text = |text: Option<&String>| text.map(|text| text.replace('\0', "\\0"));
    store!(tx, "insert_returns", for r in returns {
        return_id: r.id.0,
        bank_account: r.key.bank_account.as_str(),
        bank_key: r.key.key.as_str(),
        payment_id: r.payment_id.as_str(),
        undoes: r.undoes.map(|id| id.0),
        currency: r.amount.code(),
        amount: micros(r.amount)?,
        unallocated: micros(r.unallocated)?,
        unspent: micros(r.unspent)?,
        clawed_back: micros(r.clawed_back)?,
        reason: text(r.reason.as_ref()),
        returned_at => at,
        removed: micros(r.removed)?,
        fee: micros(r.fee)?,
        bank_transaction_id: r.bank_transaction_id.as_deref(),
        ledger_transaction_id: r.ledger_transaction_id.map(|id| id.0),
        said: text(r.said.as_ref()),
    });
    Ok(())
}

/// One row for each step back; allocations say the same already.
pub(super) async fn reversals(
    tx: &mut Tx<'_>,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let reversals = &rows.reversals;
    store!(tx, "insert_reversals", for r in reversals {
        reversal_id: r.id.0,
        allocation_id: r.allocation_id.0,
        kind: r.kind.word(),
        amount: micros(r.amount)?,
        clawed_back: micros(r.clawed_back)?,
        return_id: r.return_id.map(|id| id.0),
        reason: r.reason.as_deref(),
        ledger_transaction_id: r.ledger_transaction_id.0,
        reversed_at => at,
    });
    Ok(())
}

async fn tombstones(tx: &mut Tx<'_>, rows: &Rows<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let tombstones = &rows.tombstones;
    store!(tx, "insert_tombstones", for (payment_id, invoice_id) in tombstones {
        payment_id: payment_id.as_str(),
        invoice_id: invoice_id.as_str(),
        laid_at => at,
    });
    Ok(())
}

/// Returns that begin to wait, and those that wait no more.
async fn parked(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let waited = |key: &&BankKey| before.parked_here().contains_key(*key);
    // A return that a person took has several records of one key.
    let ended: BTreeSet<&BankKey> = rows.unparked.iter().copied().filter(waited).collect();
    let ended: Vec<&BankKey> = ended.into_iter().collect();
    let done = store!(tx, "delete_parked_returns", for key in ended {
        bank_account: key.bank_account.as_str(),
        bank_key: key.key.as_str(),
    });
    // Whoever ends it first has it: a person and the sweep may both mean to.
    expect_rows(done, ended.len(), "a parked return")?;
    let parked: Vec<_> = rows.parked.iter().collect();
    store!(tx, "insert_parked_returns", for (key, why) in parked {
        bank_account: key.bank_account.as_str(),
        bank_key: key.key.as_str(),
        why: why.word(),
        parked_at => at,
    });
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
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let in_doubt = |set: &WorkingSet, id: &PaymentId| {
        set.payments_here().get(id).is_some_and(Payment::is_in_doubt)
    };
    let mut woken: BTreeSet<(&PaymentId, &str)> = BTreeSet::new();
    for id in rows.asked.iter().copied().chain(rows.settled.iter().map(|one| one.payment_id)) {
        if in_doubt(before, id) && !in_doubt(after, id) {
            woken.insert((id, ReturnWaits::OriginalInDoubt.word()));
        }
    }
    let by_hand = rows.taken_back.iter().filter(|taken| taken.return_id.is_none());
    woken.extend(by_hand.map(|taken| (&taken.payment_id, ReturnWaits::SplitPayment.word())));
    let woken: Vec<_> = woken.into_iter().collect();
    store!(tx, "wake_returns", for (payment_id, why) in woken {
        payment_id: payment_id.as_str(),
        why: *why,
        woken_at => at,
        most => WOKEN_MAX,
    });
    Ok(())
}

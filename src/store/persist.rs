//! Writes what a batch decided: `Rows::of` sorts the effects by table, and each table has one
//! set-based statement, all in the batch's transaction.
//!
//! First the rows that only this batch touches: created invoices, payments and what the bank told,
//! ledger, allocations, lots, decisions, watches, records. Then, under the accounts' locks, what
//! accounts share: their sequences, changed invoices, balances; last the outbox, whose events bear
//! the sequences and balances. A batch that has not locked its accounts yet does so between the
//! two ([`Locks::Last`]), so that others wait for it only a little. Rows that were there before
//! are updated under a guard on what the batch had read; a row count that differs rolls back.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use chrono::{DateTime, Utc};
use foldhash::HashMap;

use super::load::{self, Locks};
use super::{StoreError, Tx, sql};
use crate::domain::effect::Effect;
use crate::domain::ids::{PaymentId, RecordId};
use crate::domain::invoice::{Invoice, number_key};
use crate::domain::keys::WatchKey;
use crate::domain::matching::MatchDecision;
use crate::domain::money::Money;
use crate::domain::working_set::{BEYOND_LIMIT, Rebase, WorkingSet};

mod accounts;
mod advices;
mod balances;
mod bank;
mod decisions;
mod ended;
mod money;
mod money_records;
mod records;
mod review;
mod rows;
mod splits;
mod steps_back;
mod usage;

pub use records::dead_letters as dead_letters_in_tx;
pub use records::{DeadLetterRow, InboxRow, RawRecordRow, RepeatRow, Stands, WaitingRow};
pub use usage::WatermarkRow;

use balances::Moves;
use decisions::Decisions;
use rows::Rows;

/// A decision with its explanation as JSON and the record that caused it.
#[derive(Debug)]
pub struct ExplainedDecision {
    pub decision: Box<MatchDecision>,
    pub explanation: String,
    pub cause: RecordId,
}

/// Everything that one batch writes.
#[derive(Debug, Default)]
pub struct BatchWrite {
    /// The effects of all records, in order; decisions are in `decisions` instead.
    pub effects: Vec<Effect>,
    pub decisions: Vec<ExplainedDecision>,
    pub inbox: Vec<InboxRow>,
    pub repeats: Vec<RepeatRow>,
    pub waiting: Vec<WaitingRow>,
    pub dead_letters: Vec<DeadLetterRow>,
    pub watermarks: Vec<WatermarkRow>,
    /// Nothing that matching reads changes.
    pub only_usage: bool,
}

/// Persists `write` but for the outbox; `before` is the working set as it was loaded, `after` with
/// all effects. Afterwards the accounts are locked, and the events in `after` bear the sequences
/// and balances that are true under the locks.
///
/// # Errors
/// [`StoreError::Raced`] when a guarded row changed, a record's id was taken meanwhile, or what a
/// batch that locks last had read does not hold any more.
pub async fn batch_in_tx(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &mut WorkingSet,
    write: &BatchWrite,
    locks: Locks,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = Rows::of(&write.effects);
    own_rows(tx, before, after, write, &rows, at).await?;
    let mut rebase = Rebase::default();
    let mut locked = Vec::new();
    if locks == Locks::Last {
        // What is checked at commit is checked now, while nobody waits for us.
        sqlx::query(sql!("check_constraints_now")).execute(&mut **tx).await?;
        locked = load::lock_read_accounts(tx, before).await?;
        for now in locked.iter().map(|locked| &locked.account) {
            let was =
                before.accounts_here().get(&now.account_id).map_or(0, |was| was.event_sequence);
            let moved = now.event_sequence.saturating_sub(was);
            if moved != 0 {
                rebase.sequences.insert(now.account_id.clone(), moved);
            }
        }
    }
    let raises_books = locks == Locks::First && !write.only_usage;
    let moves = balances::moves(tx, before, after, (locks, &locked), &mut rebase).await?;
    // Only now is it known what the balances were.
    after.tell_crossings(&rebase.balances)?;
    balances::accounts(tx, before, after, (&rebase, &moves), raises_books, at).await?;
    accounts::upserts(tx, &rows.accounts, at).await?;
    ended::all(tx, &rows, at).await?;
    review::aliases(tx, after, &write.decisions, &rows, at).await?;
    changed_invoices(tx, before, after, &rows).await?;
    candidates(tx, &rows, at).await?;
    after.rebase(&rebase).map_err(StoreError::from)
}

/// Persists what became of records that are not decided.
///
/// # Errors
/// As [`batch_in_tx`].
pub async fn undecided_in_tx(
    tx: &mut Tx<'_>,
    write: &BatchWrite,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (before, mut after) = (WorkingSet::default(), WorkingSet::default());
    batch_in_tx(tx, &before, &mut after, write, Locks::First, at).await
}

/// Moves the sequences of all that is told something past their new events. What matching reads
/// has not changed, but a batch that read the invoices must not write them.
///
/// # Errors
/// [`StoreError::Raced`] when a sequence is not what it was under the lock.
pub async fn told_in_tx(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let unmoved = (&Rebase::default(), &Moves::default());
    balances::accounts(tx, before, after, unmoved, true, at).await?;
    if after.feeds.is_empty() {
        return Ok(());
    }
    let (names, numbers): (Vec<&str>, Vec<i64>) =
        after.feeds.iter().map(|(id, number)| (id.as_str(), *number)).unzip();
    query!("bank_feeds_number": names, numbers).execute(&mut **tx).await?;
    Ok(())
}

/// The rows that no other batch can have an interest in before this one commits.
async fn own_rows(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    write: &BatchWrite,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    insert_invoices(tx, &these(after.invoices_here(), &rows.invoices.new)?).await?;
    accounts::references(tx, rows).await?;
    let decisions = Decisions::of(&write.decisions, &rows.payments.new, at);
    money_records::all(tx, before, after, (rows, &decisions), at).await?;
    let changed = changes(before.payments_here(), after.payments_here(), &rows.payments.changed)?;
    money::update_payments(tx, &changed).await?;
    bank::all(tx, rows, at).await?;
    advices::all(tx, after, rows).await?;
    money::ledger(tx, rows, at).await?;
    money::lots(tx, before, after, rows, at).await?;
    money::allocations(tx, after, rows, at).await?;
    steps_back::all(tx, before, after, rows, at).await?;
    splits::all(tx, rows, at).await?;
    usage::all(tx, after, rows, &write.watermarks, at).await?;
    steps_back::reversals(tx, rows, at).await?;
    decisions.insert_further(tx).await?;
    watches(tx, rows).await?;
    review::suggestions(tx, before, after, &write.decisions, rows, at).await?;
    records::inbox(tx, &write.inbox, at).await?;
    records::repeats(tx, &write.repeats, at).await?;
    records::waiting(tx, &write.waiting, at).await?;
    records::dead_letters(tx, &write.dead_letters, at).await
}

/// Money in the form in which it is at rest.
pub(super) fn micros(money: Money) -> Result<i64, StoreError> {
    money.to_micros().map_err(|_| StoreError::Corrupt(BEYOND_LIMIT))
}

pub(super) fn expect_rows(done: u64, rows: usize, what: &'static str) -> Result<(), StoreError> {
    if usize::try_from(done) == Ok(rows) { Ok(()) } else { Err(StoreError::Raced(what)) }
}

/// What the working set has of these.
fn these<'a, Id: Ord + Hash, T>(
    all: &'a HashMap<Id, T>,
    ids: &BTreeSet<&Id>,
) -> Result<Vec<&'a T>, StoreError> {
    let of = |id: &&Id| all.get(*id).ok_or(StoreError::Corrupt("what was written to is gone"));
    ids.iter().map(of).collect()
}

/// As they were before and are now.
fn changes<'a, Id: Ord + Hash, T>(
    before: &'a HashMap<Id, T>,
    after: &'a HashMap<Id, T>,
    ids: &BTreeSet<&Id>,
) -> Result<Vec<(&'a T, &'a T)>, StoreError> {
    Ok(these(before, ids)?.into_iter().zip(these(after, ids)?).collect())
}

/// Invoices that were sent, voided, kept or reopened, and what is payable of all that changed. The
/// last rows of a batch: what is due is compared with allocations and invoices as they are now.
async fn changed_invoices(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    rows: &Rows<'_>,
) -> Result<(), StoreError> {
    let created = these(after.invoices_here(), &rows.invoices.new)?;
    let changed = changes(before.invoices_here(), after.invoices_here(), &rows.invoices.changed)?;
    let acted = |(was, invoice): &&(&Invoice, &Invoice)| {
        was.sent_at != invoice.sent_at
            || was.voided_at != invoice.voided_at
            || was.keep_until != invoice.keep_until
            || was.stale_since != invoice.stale_since
    };
    let acted: Vec<(&Invoice, &Invoice)> = changed.iter().filter(acted).copied().collect();
    update_invoices(tx, &acted).await?;
    payable(tx, &created, &changed).await
}

async fn insert_invoices(tx: &mut Tx<'_>, invoices: &[&Invoice]) -> Result<(), StoreError> {
    store!(tx, "insert_invoices", for i in invoices {
        invoice_id: i.invoice_id.as_str(),
        account_id: i.account_id.as_str(),
        name: i.name.as_str(),
        currency: i.amount.code(),
        amount: micros(i.amount)?,
        payment_reference: i.payment_reference.as_str(),
        number_key: number_key(&i.invoice_id),
        due_date: i.due_date,
        created_at: i.created_at,
        sent_at: i.sent_at,
        voided_at: i.voided_at,
        void_reason: i.void_reason.as_deref(),
        keep_until: keep_until(i),
        stale_since: i.stale_since,
    });
    Ok(())
}

/// "For ever" is the last day that the column keeps comfortably.
fn keep_until(invoice: &Invoice) -> Option<chrono::NaiveDate> {
    let last = chrono::NaiveDate::from_ymd_opt(9999, 12, 31);
    invoice.keep_until.map(|until| last.map_or(until, |last| until.min(last)))
}

async fn update_invoices(tx: &mut Tx<'_>, rows: &[(&Invoice, &Invoice)]) -> Result<(), StoreError> {
    let done = store!(tx, "update_invoices", for (before, after) in rows {
        invoice_id: after.invoice_id.as_str(),
        was_sent: before.sent_at,
        was_voided: before.voided_at,
        sent_at: after.sent_at,
        voided_at: after.voided_at,
        void_reason: after.void_reason.as_deref(),
        keep_until: keep_until(after),
        stale_since: after.stale_since,
    });
    expect_rows(done, rows.len(), "an invoice")
}

/// Ends the episodes of void candidates that are none any more.
async fn candidates(tx: &mut Tx<'_>, rows: &Rows<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let ended = &rows.candidates;
    let done = store!(tx, "clear_candidates", for (invoice_id, end) in ended {
        invoice_id: invoice_id.as_str(),
        reason: end.word(),
        cleared_at => at,
    });
    expect_rows(done, ended.len(), "a void candidate")
}

/// What is still to be paid, in micros.
fn due(invoice: &Invoice) -> Result<i64, StoreError> {
    micros(invoice.due().map_err(|_| StoreError::Corrupt("an amount due"))?)
}

/// Keeps `payable_invoices` equal to the invoices that await payment. The row is what two payments
/// of one invoice meet at: whoever comes second finds another amount due than it had read.
async fn payable(
    tx: &mut Tx<'_>,
    created: &[&Invoice],
    changed: &[(&Invoice, &Invoice)],
) -> Result<(), StoreError> {
    let mut new: Vec<&Invoice> =
        created.iter().copied().filter(|invoice| invoice.is_payable()).collect();
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for (was, invoice) in changed {
        match (was.is_payable(), invoice.is_payable()) {
            (false, true) => new.push(invoice),
            (true, false) => gone.push(*was),
            (true, true) => {
                let same = was.allocated == invoice.allocated
                    && was.sent_at == invoice.sent_at
                    && was.candidate_since == invoice.candidate_since;
                if !same {
                    kept.push((*was, *invoice));
                }
            }
            (false, false) => {}
        }
    }
    let done = store!(tx, "delete_payable", for was in gone {
        invoice_id: was.invoice_id.as_str(),
        was: due(was)?,
    });
    expect_rows(done, gone.len(), "an invoice")?;
    let done = store!(tx, "update_payable", for (was, invoice) in kept {
        invoice_id: invoice.invoice_id.as_str(),
        was: due(was)?,
        due: due(invoice)?,
        sent_at: invoice.sent_at,
        candidate_since: invoice.candidate_since,
    });
    expect_rows(done, kept.len(), "an invoice")?;
    store!(tx, "insert_payable", for i in new {
        invoice_id: i.invoice_id.as_str(),
        account_id: i.account_id.as_str(),
        currency: i.amount.code(),
        due: due(i)?,
        due_date: i.due_date,
        sent_at: i.sent_at,
    });
    Ok(())
}

/// What the payments of the batch wait for from now on: the last word on each payment counts.
async fn watches(tx: &mut Tx<'_>, rows: &Rows<'_>) -> Result<(), StoreError> {
    let last: BTreeMap<&PaymentId, &[WatchKey]> =
        rows.settled.iter().map(|settled| (settled.payment_id, settled.watches)).collect();
    let new = &rows.payments.new;
    let stale: Vec<&str> =
        last.keys().filter(|id| !new.contains(*id)).map(|id| id.as_str()).collect();
    if !stale.is_empty() {
        query!("delete_watches": stale).execute(&mut **tx).await?;
    }
    let keys: Vec<(&WatchKey, &PaymentId)> = last
        .into_iter()
        .flat_map(|(id, watches)| watches.iter().map(move |key| (key, id)))
        .collect();
    store!(tx, "insert_watches", for (key, payment_id) in keys {
        watch_key: key.0.as_str(),
        payment_id: payment_id.as_str(),
    });
    Ok(())
}

//! Writes what a batch decided: one set-based statement per table, all in the batch's transaction.
//!
//! First the rows that only this batch touches: created invoices, payments, bank transactions,
//! ledger, allocations, lots, decisions, watches, records. Then, under the accounts' locks, what
//! accounts share: their sequences, changed invoices, balances; last the outbox, whose events bear
//! the sequences and balances. A batch that has not locked its accounts yet does so between the
//! two ([`Locks::Last`]), so that others wait for it only a little. Rows that were there before
//! are updated under a guard on what the batch had read; a row count that differs rolls back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::load::{self, Locks};
use super::{StoreError, Tx, sql};
use crate::domain::effect::Effect;
use crate::domain::event::EventKey;
use crate::domain::ids::{InvoiceId, PaymentId, RecordId};
use crate::domain::invoice::{Invoice, number_key};
use crate::domain::matching::MatchDecision;
use crate::domain::money::Money;
use crate::domain::working_set::{BEYOND_LIMIT, Rebase, WorkingSet};

mod accounts;
mod advices;
mod bank;
mod ended;
mod money;
mod records;
mod review;
mod splits;
mod steps_back;
mod usage;

pub use records::dead_letters as dead_letters_in_tx;
pub use records::{DeadLetterRow, InboxRow, RawRecordRow, RepeatRow, Stands, WaitingRow};
pub use usage::WatermarkRow;

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
    let touched = Touched::of(&write.effects);
    own_rows(tx, before, after, write, &touched, at).await?;
    let mut rebase = Rebase::default();
    if locks == Locks::Last {
        // What is checked at commit is checked now, while nobody waits for us.
        sqlx::query(sql!("check_constraints_now")).execute(&mut **tx).await?;
        for account in load::lock_read_accounts(tx, before).await? {
            let was = before.accounts.get(&account.account_id).map_or(0, |was| was.event_sequence);
            let moved = account.event_sequence.saturating_sub(was);
            if moved != 0 {
                rebase.sequences.insert(account.account_id, moved);
            }
        }
    }
    let raises_books = locks == Locks::First && !write.only_usage;
    money::balances(tx, before, after, &mut rebase, locks, at).await?;
    // Only now is it known what the balances were.
    after.tell_crossings(&rebase.balances)?;
    accounts(tx, before, after, &rebase, raises_books, at).await?;
    accounts::upserts(tx, &write.effects, at).await?;
    ended::all(tx, &write.effects, at).await?;
    review::aliases(tx, after, write, at).await?;
    changed_invoices(tx, before, after, &touched).await?;
    candidates(tx, &write.effects, at).await?;
    after.rebase(&rebase).map_err(StoreError::from)
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
    accounts(tx, before, after, &Rebase::default(), true, at).await?;
    if after.feeds.is_empty() {
        return Ok(());
    }
    let (names, numbers): (Vec<&str>, Vec<i64>) =
        after.feeds.iter().map(|(id, number)| (id.as_str(), *number)).unzip();
    sqlx::query(sql!("bank_feeds_number")).bind(names).bind(numbers).execute(&mut **tx).await?;
    Ok(())
}

/// The rows that no other batch can have an interest in before this one commits.
async fn own_rows(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    write: &BatchWrite,
    touched: &Touched,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let created = touched_invoices(after, &touched.new_invoices)?;
    insert_invoices(tx, &created).await?;
    accounts::references(tx, &write.effects).await?;
    payments(tx, before, after, touched, at).await?;
    bank::transactions(tx, before, &write.effects, at).await?;
    bank::without_id(tx, &write.effects).await?;
    bank::told_again(tx, &write.effects).await?;
    bank::also_in(tx, &write.effects, at).await?;
    bank::statements(tx, &write.effects, at).await?;
    advices::all(tx, after, write).await?;
    money::ledger(tx, &write.effects, at).await?;
    steps_back::allocations(tx, before, after, &write.effects, at).await?;
    money::allocations(tx, after, &write.effects, at).await?;
    steps_back::all(tx, before, after, &write.effects, at).await?;
    splits::all(tx, &write.effects, at).await?;
    usage::all(tx, before, after, &write.effects, &write.watermarks, at).await?;
    steps_back::reversals(tx, &write.effects, at).await?;
    decisions(tx, &write.decisions).await?;
    watches(tx, &write.effects).await?;
    review::suggestions(tx, before, after, write, at).await?;
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

/// Ids of the objects that the effects created or changed.
#[derive(Debug, Default)]
struct Touched {
    new_invoices: BTreeSet<InvoiceId>,
    changed_invoices: BTreeSet<InvoiceId>,
    new_payments: BTreeSet<PaymentId>,
    changed_payments: BTreeSet<PaymentId>,
}

impl Touched {
    fn of(effects: &[Effect]) -> Self {
        let mut touched = Self::default();
        for effect in effects {
            match effect {
                Effect::CreateInvoice(invoice) => {
                    touched.new_invoices.insert(invoice.invoice_id.clone());
                }
                Effect::SendInvoice { invoice_id, .. }
                | Effect::VoidInvoice { invoice_id, .. }
                | Effect::KeepInvoice { invoice_id, .. }
                | Effect::ClearCandidate { invoice_id, .. } => {
                    touched.changed_invoices.insert(invoice_id.clone());
                }
                Effect::RecordPayment(payment) => {
                    touched.new_payments.insert(payment.payment_id.clone());
                }
                Effect::AssignPayment { payment_id, .. }
                | Effect::PayOut { payment_id, .. }
                | Effect::Ask { payment_id, .. }
                | Effect::SettlePayment { payment_id, .. } => {
                    touched.changed_payments.insert(payment_id.clone());
                }
                Effect::Allocate(of) => touched.both(&of.invoice_id, &of.payment_id),
                Effect::Reverse(of) => touched.both(&of.invoice_id, &of.payment_id),
                Effect::Return(returned) => {
                    touched.changed_payments.insert(returned.payment_id.clone());
                }
                Effect::Split(part) => {
                    touched.changed_payments.insert(part.payment_id.clone());
                }
                Effect::TakeBack(back) => {
                    touched.changed_payments.insert(back.payment_id.clone());
                    touched.changed_payments.insert(back.part_id.clone());
                }
                // The payment's own event sequence has moved.
                Effect::Publish { key: EventKey::Payment(payment_id), .. } => {
                    touched.changed_payments.insert(payment_id.clone());
                }
                Effect::UpsertAccount(..)
                | Effect::CloseAccount { .. }
                | Effect::CancelWaiting(_)
                | Effect::NameInvoice { .. }
                | Effect::Post(_)
                | Effect::RecordBankTransaction(_)
                | Effect::DeliveredWithoutId(_)
                | Effect::ToldAgain { .. }
                | Effect::AlsoIn { .. }
                | Effect::RecordStatement(_)
                | Effect::RecordAdvice(_)
                | Effect::SettleAdvice { .. }
                | Effect::EndAdvice { .. }
                | Effect::SupersedePending { .. }
                | Effect::Charge(_)
                | Effect::Refund(_)
                | Effect::ClearDebt { .. }
                | Effect::LayTombstone { .. }
                | Effect::ParkReturn { .. }
                | Effect::SetHold(_)
                | Effect::Watermark(_)
                | Effect::Review(_)
                | Effect::StoreDecision(_)
                | Effect::Publish { key: EventKey::Account(_) | EventKey::Bank(_), .. } => {}
            }
        }
        touched.changed_invoices.retain(|id| !touched.new_invoices.contains(id));
        touched.changed_payments.retain(|id| !touched.new_payments.contains(id));
        touched
    }

    fn both(&mut self, invoice_id: &InvoiceId, payment_id: &PaymentId) {
        self.changed_invoices.insert(invoice_id.clone());
        self.changed_payments.insert(payment_id.clone());
    }
}

/// The event sequences of the accounts.
async fn accounts(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    rebase: &Rebase,
    raises_books: bool,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (mut ids, mut was, mut now) = (vec![], vec![], vec![]);
    for (id, account) in &after.accounts {
        let earlier = before.accounts.get(id).map_or(0, |account| account.event_sequence);
        if earlier != account.event_sequence {
            let moved = rebase.sequences.get(id).copied().unwrap_or(0);
            ids.push(id.as_str());
            was.push(earlier.saturating_add(moved));
            now.push(account.event_sequence.saturating_add(moved));
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let count = ids.len();
    let done = sqlx::query(sql!("update_account_sequences"))
        .bind(ids)
        .bind(was)
        .bind(now)
        .bind(at)
        .bind(i64::from(raises_books))
        .execute(&mut **tx)
        .await?;
    expect_rows(done.rows_affected(), count, "an account's event sequence")
}

fn touched_invoices<'a>(
    after: &'a WorkingSet,
    ids: &BTreeSet<InvoiceId>,
) -> Result<Vec<&'a Invoice>, StoreError> {
    let of = |id| after.invoices.get(id).ok_or(StoreError::Corrupt("a touched invoice is gone"));
    ids.iter().map(of).collect()
}

async fn changed_invoices(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    touched: &Touched,
) -> Result<(), StoreError> {
    let created = touched_invoices(after, &touched.new_invoices)?;
    let changed = touched_invoices(after, &touched.changed_invoices)?;
    let (mut paid, mut other) = (vec![], vec![]);
    for invoice in &changed {
        let was = before.invoices.get(&invoice.invoice_id);
        let was = was.ok_or(StoreError::Corrupt("a changed invoice was not loaded"))?;
        let only_paid = was.is_payable()
            && was.sent_at == invoice.sent_at
            && was.voided_at == invoice.voided_at
            && was.keep_until == invoice.keep_until
            && was.stale_since == invoice.stale_since
            && was.candidate_since == invoice.candidate_since;
        if only_paid { paid.push((was, *invoice)) } else { other.push((was, *invoice)) }
    }
    update_paid(tx, &paid).await?;
    update_other(tx, &other).await?;
    let all: Vec<&Invoice> = created.into_iter().chain(changed).collect();
    payable(tx, &all).await
}

async fn insert_invoices(tx: &mut Tx<'_>, invoices: &[&Invoice]) -> Result<(), StoreError> {
    if invoices.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Invoice) -> &str| invoices.iter().map(|i| of(i)).collect::<Vec<&str>>();
    let stamps = |of: fn(&Invoice) -> Option<DateTime<Utc>>| {
        invoices.iter().map(|i| of(i)).collect::<Vec<_>>()
    };
    let amounts = invoices.iter().map(|i| micros(i.amount)).collect::<Result<Vec<_>, _>>()?;
    let allocated = invoices.iter().map(|i| micros(i.allocated)).collect::<Result<Vec<_>, _>>()?;
    let currencies: Vec<&str> = invoices.iter().map(|i| i.amount.code()).collect();
    let numbers: Vec<String> = invoices.iter().map(|i| number_key(&i.invoice_id)).collect();
    let due_dates: Vec<_> = invoices.iter().map(|i| i.due_date).collect();
    let created: Vec<_> = invoices.iter().map(|i| i.created_at).collect();
    let reasons: Vec<_> = invoices.iter().map(|i| i.void_reason.as_deref()).collect();
    let keeps: Vec<_> = invoices.iter().map(|i| keep_until(i)).collect();
    sqlx::query(sql!("insert_invoices"))
        .bind(column(|i| i.invoice_id.as_str()))
        .bind(column(|i| i.account_id.as_str()))
        .bind(column(|i| &i.name))
        .bind(currencies)
        .bind(amounts)
        .bind(allocated)
        .bind(column(|i| i.status.word()))
        .bind(column(|i| &i.payment_reference))
        .bind(numbers)
        .bind(due_dates)
        .bind(created)
        .bind(stamps(|i| i.sent_at))
        .bind(stamps(|i| i.provisioned_at))
        .bind(stamps(|i| i.voided_at))
        .bind(reasons)
        .bind(keeps)
        .bind(stamps(|i| i.stale_since))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// "For ever" is the last day that the column keeps comfortably.
fn keep_until(invoice: &Invoice) -> Option<chrono::NaiveDate> {
    let last = chrono::NaiveDate::from_ymd_opt(9999, 12, 31);
    invoice.keep_until.map(|until| last.map_or(until, |last| until.min(last)))
}

/// Invoices of which only the allocated amount changed: the path that must be fast.
async fn update_paid(tx: &mut Tx<'_>, rows: &[(&Invoice, &Invoice)]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (mut ids, mut was, mut now, mut status, mut at) = (vec![], vec![], vec![], vec![], vec![]);
    for (before, after) in rows {
        ids.push(after.invoice_id.as_str());
        was.push(micros(before.allocated)?);
        now.push(micros(after.allocated)?);
        status.push(after.status.word());
        at.push(after.provisioned_at);
    }
    let done = sqlx::query(sql!("update_invoices_paid"))
        .bind(ids)
        .bind(was)
        .bind(now)
        .bind(status)
        .bind(at)
        .execute(&mut **tx)
        .await?;
    expect_rows(done.rows_affected(), rows.len(), "an invoice")
}

async fn update_other(tx: &mut Tx<'_>, rows: &[(&Invoice, &Invoice)]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut was = (vec![], vec![]);
    let mut ids = vec![];
    let (mut allocated, mut status) = (vec![], vec![]);
    let (mut sent, mut provisioned, mut voided, mut stale) = (vec![], vec![], vec![], vec![]);
    let (mut reasons, mut keeps, mut candidates) = (vec![], vec![], vec![]);
    for (before, after) in rows {
        ids.push(after.invoice_id.as_str());
        was.0.push(micros(before.allocated)?);
        was.1.push(before.status.word());
        allocated.push(micros(after.allocated)?);
        status.push(after.status.word());
        sent.push(after.sent_at);
        provisioned.push(after.provisioned_at);
        voided.push(after.voided_at);
        reasons.push(after.void_reason.as_deref());
        keeps.push(keep_until(after));
        stale.push(after.stale_since);
        candidates.push(after.candidate_since);
    }
    let done = sqlx::query(sql!("update_invoices"))
        .bind(ids)
        .bind(was.0)
        .bind(was.1)
        .bind(allocated)
        .bind(status)
        .bind(sent)
        .bind(provisioned)
        .bind(voided)
        .bind(reasons)
        .bind(keeps)
        .bind(stale)
        .bind(candidates)
        .execute(&mut **tx)
        .await?;
    expect_rows(done.rows_affected(), rows.len(), "an invoice")
}

/// Ends the episodes of void candidates that are none any more.
async fn candidates(
    tx: &mut Tx<'_>,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (mut ids, mut ends) = (vec![], vec![]);
    for effect in effects {
        if let Effect::ClearCandidate { invoice_id, end } = effect {
            ids.push(invoice_id.as_str());
            ends.push(end.word());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let count = ids.len();
    let query = sqlx::query(sql!("clear_candidates")).bind(ids).bind(ends).bind(at);
    expect_rows(query.execute(&mut **tx).await?.rows_affected(), count, "a void candidate")
}

/// Keeps `payable_invoices` equal to the invoices that await payment.
async fn payable(tx: &mut Tx<'_>, invoices: &[&Invoice]) -> Result<(), StoreError> {
    let (open, gone): (Vec<&Invoice>, Vec<&Invoice>) =
        invoices.iter().partition(|invoice| invoice.is_payable());
    if !gone.is_empty() {
        let ids: Vec<&str> = gone.iter().map(|invoice| invoice.invoice_id.as_str()).collect();
        sqlx::query(sql!("delete_payable")).bind(ids).execute(&mut **tx).await?;
    }
    if open.is_empty() {
        return Ok(());
    }
    let (mut ids, mut accounts, mut currencies) = (vec![], vec![], vec![]);
    let (mut dues, mut due_dates, mut sent) = (vec![], vec![], vec![]);
    for invoice in open {
        ids.push(invoice.invoice_id.as_str());
        accounts.push(invoice.account_id.as_str());
        currencies.push(invoice.amount.code());
        dues.push(micros(invoice.due().map_err(|_| StoreError::Corrupt("an amount due"))?)?);
        due_dates.push(invoice.due_date);
        sent.push(invoice.sent_at);
    }
    sqlx::query(sql!("upsert_payable"))
        .bind(ids)
        .bind(accounts)
        .bind(currencies)
        .bind(dues)
        .bind(due_dates)
        .bind(sent)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn payments(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    touched: &Touched,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let of = |id: &PaymentId| {
        after.payments.get(id).ok_or(StoreError::Corrupt("a touched payment is gone"))
    };
    let created = touched.new_payments.iter().map(of).collect::<Result<Vec<_>, _>>()?;
    money::insert_payments(tx, &created, at).await?;
    let mut changed = Vec::with_capacity(touched.changed_payments.len());
    for id in &touched.changed_payments {
        let was = before.payments.get(id);
        changed
            .push((was.ok_or(StoreError::Corrupt("a changed payment was not loaded"))?, of(id)?));
    }
    money::update_payments(tx, &changed).await
}

async fn decisions(tx: &mut Tx<'_>, decisions: &[ExplainedDecision]) -> Result<(), StoreError> {
    if decisions.is_empty() {
        return Ok(());
    }
    let all = || decisions.iter().map(|explained| explained.decision.as_ref());
    let reason = |decision: &MatchDecision| match decision.outcome {
        crate::domain::matching::MatchOutcome::Park(reason) => Some(reason.code()),
        crate::domain::matching::MatchOutcome::Allocate(_)
        | crate::domain::matching::MatchOutcome::OnAccount => None,
    };
    sqlx::query(sql!("insert_decisions"))
        .bind(all().map(|d| d.id.0).collect::<Vec<_>>())
        .bind(all().map(|d| d.payment_id.as_str()).collect::<Vec<_>>())
        .bind(all().map(|d| d.rule.word()).collect::<Vec<_>>())
        .bind(crate::domain::matching::RULE_SET_VERSION)
        .bind(all().map(|d| d.outcome.word(!d.suggestions.is_empty())).collect::<Vec<_>>())
        .bind(all().map(reason).collect::<Vec<_>>())
        .bind(decisions.iter().map(|d| d.explanation.as_str()).collect::<Vec<_>>())
        .bind(decisions.iter().map(|d| d.cause.source.as_str()).collect::<Vec<_>>())
        .bind(decisions.iter().map(|d| d.cause.id.as_str()).collect::<Vec<_>>())
        .bind(all().map(|d| d.decided_at).collect::<Vec<_>>())
        .bind(all().map(|d| d.policy_version).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What the payments of the batch wait for from now on: the last word on each payment counts.
async fn watches(tx: &mut Tx<'_>, effects: &[Effect]) -> Result<(), StoreError> {
    let mut last: BTreeMap<&PaymentId, &Vec<crate::domain::effect::WatchKey>> = BTreeMap::new();
    let mut recorded: BTreeSet<&PaymentId> = BTreeSet::new();
    for effect in effects {
        if let Effect::RecordPayment(payment) = effect {
            recorded.insert(&payment.payment_id);
        }
        if let Effect::SettlePayment { payment_id, watches, .. } = effect {
            last.insert(payment_id, watches);
        }
    }
    let stale: Vec<&str> =
        last.keys().filter(|id| !recorded.contains(*id)).map(|id| id.as_str()).collect();
    if !stale.is_empty() {
        sqlx::query(sql!("delete_watches")).bind(stale).execute(&mut **tx).await?;
    }
    let (mut keys, mut ids) = (vec![], vec![]);
    for (payment_id, watches) in last {
        for key in watches {
            keys.push(key.0.as_str());
            ids.push(payment_id.as_str());
        }
    }
    if !keys.is_empty() {
        sqlx::query(sql!("insert_watches")).bind(keys).bind(ids).execute(&mut **tx).await?;
    }
    Ok(())
}

//! Payments that the bank takes back, and returns that it undoes. Facts: applied to what is there,
//! never to more than the original, and never silently. What cannot be applied yet is parked.

use chrono::TimeDelta;

use super::reverse::{Step, live_links, reverse};
use super::settle::{self, Part, event_key};
use super::{Halt, Recording, split_returns};
use crate::domain::allocation::{Allocation, Rule};
use crate::domain::bank::{BankTransaction, Direction};
use crate::domain::effect::{BankDisposition, BankKey, BankRecord, Effect, Outcome, ReturnWaits};
use crate::domain::event::Fact;
use crate::domain::ids::{AccountId, LedgerTransactionId, PaymentId, ReturnId};
use crate::domain::input::ContentHash;
use crate::domain::ledger::{LedgerAccount, LedgerKind, LedgerTransaction};
use crate::domain::money::Money;
use crate::domain::payment::{ParkReason, Payment, PaymentState};
use crate::domain::reversal::{AppliedReturn, OriginalKey, PaymentReturn, ReversalKind};
use crate::domain::working_set::{Stop, WorkingSet};

type Result<T = ()> = std::result::Result<T, Halt>;

/// After so long a return that names an original which never came is looked for by its payer.
const IN_FLIGHT: TimeDelta = TimeDelta::days(1);

/// A booked return, or what undoes one.
pub(super) fn receive(
    recording: &mut Recording<'_>,
    bank: &BankTransaction,
    key: BankKey,
    content_hash: ContentHash,
) -> Result<Outcome> {
    let record = BankRecord {
        key,
        content_hash,
        disposition: BankDisposition::ReturnParked,
        payment_id: None,
        transaction: bank.clone(),
    };
    let unread = recording.tokens.as_ref().is_some_and(|tokens| tokens.unread);
    let waits = match bank.direction() {
        // Recorded and no more: the sweep looks for its original.
        Direction::BouncedRefund | Direction::Return | Direction::Payment | Direction::Outgoing
            if unread =>
        {
            Tried::Waits(ReturnWaits::NoOriginal)
        }
        Direction::BouncedRefund => undo(recording, &record)?,
        Direction::Return | Direction::Payment | Direction::Outgoing => take(recording, &record)?,
    };
    match waits {
        Tried::Done(subject) => Ok(Outcome::Applied { subject: Some(subject) }),
        Tried::Waits(why) => {
            let key = record.key.clone();
            recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
            recording.add(Effect::ParkReturn { key, why })?;
            Ok(Outcome::Applied { subject: Some("bank:return_parked".to_owned()) })
        }
    }
}

/// Tries a parked return again. One that still waits leaves no trace.
pub(super) fn retry(recording: &mut Recording<'_>, key: &BankKey) -> Result<Outcome> {
    let Some(record) = recording.set.parked_returns.get(key).cloned() else {
        return Ok(Outcome::Duplicate);
    };
    let tried = match record.transaction.direction() {
        Direction::BouncedRefund => undo(recording, &record)?,
        Direction::Return | Direction::Payment | Direction::Outgoing => take(recording, &record)?,
    };
    Ok(match tried {
        Tried::Done(subject) => Outcome::Applied { subject: Some(subject) },
        Tried::Waits(_) => Outcome::Applied { subject: None },
    })
}

enum Tried {
    Done(String),
    Waits(ReturnWaits),
}

fn take(recording: &mut Recording<'_>, record: &BankRecord) -> Result<Tried> {
    let Some(payment_id) = original(recording, &record.transaction)? else {
        return Ok(Tried::Waits(ReturnWaits::NoOriginal));
    };
    let payment = payment_of(recording.set, &payment_id)?.clone();
    let left = payment.left()?.add(split_returns::left_of_parts(recording.set, &payment_id)?)?;
    if record.transaction.amount.compare(left)?.is_gt() {
        return Ok(Tried::Waits(ReturnWaits::ExceedsPayment));
    }
    if !split_returns::is_decided(recording.set, &payment_id, record.transaction.amount == left)? {
        return Ok(Tried::Waits(ReturnWaits::SplitPayment));
    }
    apply(recording, record, &payment)?;
    Ok(Tried::Done(format!("payment:{payment_id}")))
}

fn payment_of<'a>(set: &'a WorkingSet, payment_id: &PaymentId) -> Result<&'a Payment> {
    Ok(set.payments.get(payment_id).ok_or(Stop::Corrupt("a payment that is not loaded"))?)
}

/// What the return returns: by the bank's id, then the end-to-end id; by payer and amount only if
/// it names neither, or if what it names has not come for a day. An original that came in this
/// very batch is found when the return is tried again.
fn original(recording: &Recording<'_>, bank: &BankTransaction) -> Result<Option<PaymentId>> {
    let set = &recording.set;
    let named = bank
        .return_of
        .as_ref()
        .is_some_and(|of| of.bank_transaction_id.is_some() || of.end_to_end_id.is_some());
    let since = recording.waited.map_or(recording.context.as_of, |waited| waited.since);
    let by_payer = !named || recording.context.as_of.signed_duration_since(since) >= IN_FLIGHT;
    let keys = bank.original_keys();
    // What came in this very batch may be meant too, and cannot be taken from yet.
    let unready = set.watched.iter().any(|(payment_id, record)| {
        !set.may_reverse(payment_id)
            && record.transaction.own_keys().iter().any(|own| keys.contains(own))
    });
    if unready {
        return Ok(None);
    }
    for key in keys {
        let exact = matches!(key, OriginalKey::BankId { .. });
        if matches!(key, OriginalKey::Payer { .. }) && !by_payer {
            continue;
        }
        let mut fit = Vec::new();
        for payment_id in set.originals.get(&key).into_iter().flatten() {
            let Some(payment) = set.payments.get(payment_id) else { continue };
            if payment.currency() == bank.amount.currency() && set.may_reverse(payment_id) {
                fit.push(payment);
            }
        }
        if !exact && fit.len() > 1 {
            // Of several with the same words, those of that amount which are still here.
            fit.retain(|payment| payment.amount == bank.amount && payment.returned.is_zero());
        }
        if let [only] = fit.as_slice() {
            return Ok(Some(only.payment_id.clone()));
        }
    }
    Ok(None)
}

/// The free money first, then what is unspent of the newest lots, then what was spent, of the
/// newest as well. Never in proportion: that would leave dust. Of a payment that is split all is
/// taken, its parts first, the last of them before the others.
fn apply(recording: &mut Recording<'_>, record: &BankRecord, payment: &Payment) -> Result {
    let amount = record.transaction.amount;
    let removed = payment.state == PaymentState::Removed;
    let parts = split_returns::plan_parts(recording.set, &payment.payment_id)?;
    let given = split_returns::left_of_parts(recording.set, &payment.payment_id)?;
    let own = amount.sub(given)?;
    // What was removed is not in the books any more: nothing is left to take.
    let free = if removed { own } else { payment.unallocated()?.min(own)? };
    let links = live_links(recording.set, &payment.payment_id, None)?;
    let plan = plan(recording.set, &links, own.sub(free)?)?;
    let taking = Taking {
        from: (LedgerAccount::BankClearing, amount),
        parts: given,
        free,
        unspent: plan.unspent,
        spent: plan.spent,
    };
    let all = split_returns::sum_with_parts(&taking, &parts)?;
    let returned = PaymentReturn {
        id: recording.ids.payment_return(),
        key: record.key.clone(),
        payment_id: payment.payment_id.clone(),
        amount,
        unallocated: all.free,
        unspent: all.unspent,
        clawed_back: all.spent,
        undoes: None,
        reason: record.transaction.return_of.as_ref().and_then(|of| of.reason.clone()),
    };
    let fact = Fact::PaymentReturned {
        payment_id: payment.payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount,
        from_unallocated: all.free,
        from_unspent: all.unspent,
        clawed_back: all.spent,
        returned_total: payment.returned.add(amount)?,
        reason: returned.reason.clone(),
    };
    let postings = if removed { None } else { Some(post(recording, payment, &taking)?) };
    let return_id = returned.id;
    let disposition = BankDisposition::Returned;
    let record = BankRecord { disposition, ..record.clone() };
    recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
    recording.add(Effect::Return(Box::new(returned)))?;
    recording.publish(event_key(payment), fact)?;
    let Some((taken, clawed)) = postings else {
        return restate(recording, payment);
    };
    split_returns::take_parts(recording, payment, &parts, return_id)?;
    reverse_planned(recording, &plan, return_id, (taken, clawed))?;
    restate(recording, payment)
}

/// Reverses what was planned: what is unspent first, then what was spent.
pub(super) fn reverse_planned(
    recording: &mut Recording<'_>,
    plan: &Plan,
    return_id: ReturnId,
    (taken, clawed): (LedgerTransactionId, LedgerTransactionId),
) -> Result {
    let (kind, return_id) = (ReversalKind::Returned, Some(return_id));
    let zero = Money::zero(plan.unspent.currency());
    for part in plan.parts.iter().filter(|part| part.unspent.is_positive()) {
        let step = Step { kind, return_id, posted: taken };
        reverse(recording, &part.link, part.unspent, zero, &step, None)?;
    }
    for part in plan.parts.iter().filter(|part| part.spent.is_positive()) {
        let step = Step { kind, return_id, posted: clawed };
        reverse(recording, &part.link, zero, part.spent, &step, None)?;
    }
    Ok(())
}

/// What a return takes of one payment, and where the money goes.
pub(super) struct Taking {
    /// To the bank, or from a part to what it was split from.
    pub from: (LedgerAccount, Money),
    /// What its parts give.
    pub parts: Money,
    pub free: Money,
    pub unspent: Money,
    pub spent: Money,
}

pub(super) struct Plan {
    parts: Vec<Taken>,
    pub unspent: Money,
    pub spent: Money,
}

/// What goes back of one allocation.
struct Taken {
    link: Allocation,
    unspent: Money,
    spent: Money,
}

/// Usage has six decimals, invoices have their currency's: what is due again on an invoice must be
/// an amount that can be paid, so each allocation gives whole minor units.
pub(super) fn plan(set: &WorkingSet, links: &[Allocation], amount: Money) -> Result<Plan> {
    let zero = Money::zero(amount.currency());
    let mut left = amount;
    let mut takes = Vec::with_capacity(links.len());
    for link in links {
        let lot = set.usage.lot(&link.account_id, amount.currency(), link.id);
        let lot = lot.ok_or(Stop::Corrupt("a lot that is not loaded"))?;
        let there = lot.remaining.min(link.live()?)?;
        let part = there.min(left)?.whole_minor_units()?;
        left = left.sub(part)?;
        takes.push((link, there, part));
    }
    let mut plan = Plan { parts: Vec::new(), unspent: zero, spent: zero };
    for (link, there, part) in takes {
        let more = link.live()?.sub(part)?.min(left)?;
        left = left.sub(more)?;
        let part = part.add(more)?;
        let unspent = there.min(part)?;
        let spent = part.sub(unspent)?;
        plan.unspent = plan.unspent.add(unspent)?;
        plan.spent = plan.spent.add(spent)?;
        plan.parts.push(Taken { link: link.clone(), unspent, spent });
    }
    if left.is_zero() {
        Ok(plan)
    } else {
        Err(Stop::Corrupt("a return of more than is there").into())
    }
}

/// The bank has the money again; what had been spent of it is a receivable, which is set off
/// against the balance at once.
pub(super) fn post(
    recording: &mut Recording<'_>,
    payment: &Payment,
    taking: &Taking,
) -> Result<(LedgerTransactionId, LedgerTransactionId)> {
    let taken = recording.ids.ledger_transaction();
    let mut entries = vec![
        taking.from.clone(),
        (LedgerAccount::SplitClearing, taking.parts.negated()),
        (LedgerAccount::UnallocatedCash, taking.free.negated()),
        (LedgerAccount::ClawBackReceivable, taking.spent.negated()),
    ];
    if let Some(account_id) = &payment.account_id {
        let balance = LedgerAccount::CustomerBalance(account_id.clone());
        entries.push((balance, taking.unspent.negated()));
    }
    let payment_id = || payment.payment_id.clone();
    let kind = LedgerKind::PaymentReturned;
    let posting = LedgerTransaction::step_back(taken, kind, payment_id(), entries);
    recording.add(Effect::Post(posting))?;
    let Some(account_id) = payment.account_id.clone().filter(|_| taking.spent.is_positive()) else {
        return Ok((taken, taken));
    };
    let clawed = recording.ids.ledger_transaction();
    let entries = vec![
        (LedgerAccount::ClawBackReceivable, taking.spent),
        (LedgerAccount::CustomerBalance(account_id), taking.spent.negated()),
    ];
    let kind = LedgerKind::ClawBack;
    let posting = LedgerTransaction::step_back(clawed, kind, payment_id(), entries);
    recording.add(Effect::Post(posting))?;
    Ok((taken, clawed))
}

/// Where the payment stands now. One that still waits for an invoice goes on waiting.
fn restate(recording: &mut Recording<'_>, before: &Payment) -> Result {
    let now = payment_of(recording.set, &before.payment_id)?;
    let gone = now.returned.add(now.refunded)? == now.amount;
    let state = if before.state == PaymentState::Removed {
        before.state
    } else if gone {
        PaymentState::Returned
    } else if now.allocated.is_positive() {
        now.settled_state()?
    } else if now.split.is_positive() && !now.unallocated()?.is_positive() {
        PaymentState::Split
    } else if before.state == PaymentState::Returned {
        match now.account_id {
            Some(_) => PaymentState::OnAccount,
            None if recording.set.parts_ever(&before.payment_id) > 0 => {
                PaymentState::Parked(ParkReason::SplitUndone)
            }
            None => PaymentState::Parked(ParkReason::NoCandidate),
        }
    } else {
        before.state
    };
    if state != before.state {
        let payment_id = before.payment_id.clone();
        recording.add(Effect::SettlePayment { payment_id, state, watches: Vec::new() })?;
    }
    Ok(())
}

/// What comes back by a reversed debit: a return that was undone, or a refund of ours that
/// bounced. Never a customer's payment.
fn undo(recording: &mut Recording<'_>, record: &BankRecord) -> Result<Tried> {
    let bank = &record.transaction;
    let names = named_returns(bank);
    let known = names.iter().find_map(|key| recording.set.returns.get(key));
    let fits = |known: &&AppliedReturn| {
        let left = known.amount.sub(known.undone);
        left.and_then(|left| bank.amount.compare(left)).is_ok_and(|order| !order.is_gt())
    };
    let Some(known) = known.filter(fits).cloned() else {
        let parked = |key: &&BankKey| {
            let stored = recording.set.bank.get(*key);
            stored.is_some_and(|stored| stored.disposition == BankDisposition::ReturnParked)
        };
        if names.iter().any(|key| parked(&key)) {
            return Ok(Tried::Waits(ReturnWaits::NoOriginal));
        }
        let disposition = BankDisposition::RefundBounced;
        let record = BankRecord { disposition, ..record.clone() };
        recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
        return Ok(Tried::Done(format!("bank:{}", disposition.word())));
    };
    if !recording.set.may_reverse(&known.payment_id) {
        return Ok(Tried::Waits(ReturnWaits::NoOriginal));
    }
    let payment = payment_of(recording.set, &known.payment_id)?.clone();
    restore(recording, record, &payment, &known)?;
    Ok(Tried::Done(format!("payment:{}", payment.payment_id)))
}

/// The returns that a reversed debit may mean, by the bank's ids.
#[must_use]
pub fn named_returns(bank: &BankTransaction) -> Vec<BankKey> {
    let named = bank.return_of.as_ref().and_then(|of| of.bank_transaction_id.as_deref());
    let ids = named.into_iter().chain(bank.bank_transaction_id.as_deref());
    let key = |id: &str| BankKey {
        bank_account: bank.bank_account.as_str().to_owned(),
        key: format!("reversal:{id}"),
    };
    ids.map(key).collect()
}

/// The money is here after all: what the return had taken from invoices is allocated again, as
/// far as they are still due, by new allocations with new lots; the rest is unallocated.
fn restore(
    recording: &mut Recording<'_>,
    record: &BankRecord,
    payment: &Payment,
    known: &AppliedReturn,
) -> Result {
    let amount = record.transaction.amount;
    let removed = payment.state == PaymentState::Removed;
    let parts = if removed { Vec::new() } else { parts_of(recording, payment, known, amount)? };
    let mut again = Money::zero(amount.currency());
    for part in &parts {
        again = again.add(part.amount)?;
    }
    let posted = recording.ids.ledger_transaction();
    if !removed {
        let balance = payment.account_id.clone().map(LedgerAccount::CustomerBalance);
        let mut entries = vec![
            (LedgerAccount::BankClearing, amount.negated()),
            (LedgerAccount::UnallocatedCash, amount.sub(again)?),
        ];
        entries.extend(balance.map(|balance| (balance, again)));
        let (kind, payment_id) = (LedgerKind::ReturnUndone, payment.payment_id.clone());
        let posting = LedgerTransaction::step_back(posted, kind, payment_id, entries);
        recording.add(Effect::Post(posting))?;
    }
    let undone = PaymentReturn {
        id: recording.ids.payment_return(),
        key: record.key.clone(),
        payment_id: payment.payment_id.clone(),
        amount,
        unallocated: amount.sub(again)?,
        unspent: again,
        clawed_back: Money::zero(amount.currency()),
        undoes: Some(known.id),
        reason: record.transaction.return_of.as_ref().and_then(|of| of.reason.clone()),
    };
    let restores = Some(undone.id);
    let disposition = BankDisposition::ReturnUndone;
    let record = BankRecord { disposition, ..record.clone() };
    recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
    recording.add(Effect::Return(Box::new(undone)))?;
    let fact = Fact::PaymentReturnUndone {
        payment_id: payment.payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount,
        allocated_again: again,
        returned_total: payment.returned.sub(amount)?,
    };
    recording.publish(event_key(payment), fact)?;
    settle::allocate_all(recording, &payment.payment_id, (Rule::R1r, restores), posted, &parts)?;
    restate(recording, payment)
}

/// The invoices that get their money back, each once, in the order in which it was taken.
fn parts_of(
    recording: &Recording<'_>,
    payment: &Payment,
    known: &AppliedReturn,
    amount: Money,
) -> Result<Vec<Part>> {
    let Some(account_id) = &payment.account_id else {
        return Ok(Vec::new());
    };
    let mut left = amount;
    let mut parts: Vec<Part> = Vec::new();
    for (invoice_id, taken) in &known.parts {
        let Some(invoice) = recording.set.invoices.get(invoice_id) else { continue };
        if !invoice.is_payable() || invoice.account_id != *account_id {
            continue;
        }
        let before = parts.iter_mut().find(|part| part.invoice_id == *invoice_id);
        let zero = Money::zero(amount.currency());
        let due = invoice.due()?.sub(before.as_ref().map_or(zero, |part| part.amount))?;
        let part = taken.min(left)?.min(due)?;
        left = left.sub(part)?;
        match before {
            Some(before) => before.amount = before.amount.add(part)?,
            None if part.is_positive() => {
                parts.push(Part { invoice_id: invoice_id.clone(), amount: part });
            }
            None => {}
        }
    }
    if is_open(recording.set, account_id) && fits_balance(recording, account_id, &parts) {
        Ok(parts)
    } else {
        Ok(Vec::new())
    }
}

fn is_open(set: &WorkingSet, account_id: &AccountId) -> bool {
    set.accounts.get(account_id).is_some_and(|account| !account.closed)
}

fn fits_balance(recording: &Recording<'_>, account_id: &AccountId, parts: &[Part]) -> bool {
    settle::check_balance_limit(recording, account_id, parts).is_ok()
}

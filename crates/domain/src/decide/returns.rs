//! Payments that the bank takes back, and returns that it undoes. Facts: applied to what is there,
//! never to more than the original, and never silently. What cannot be applied yet is parked.

use super::originals::{self, Found};
use super::reverse::{Step, live_links, reverse};
use super::settle::event_key;
use super::{Halt, Recording, split_returns, undo};
use crate::allocation::Allocation;
use crate::bank::{BankTransaction, Direction};
use crate::effect::{BankDisposition, BankKey, BankRecord, Before, Effect, Outcome, ReturnWaits};
use crate::event::Fact;
use crate::ids::{LedgerTransactionId, PaymentId, ReturnId};
use crate::input::ContentHash;
use crate::ledger::{LedgerAccount, LedgerKind, LedgerTransaction};
use crate::money::Money;
use crate::payment::{ParkReason, Payment, PaymentState};
use crate::reversal::{PaymentReturn, ReversalKind};
use crate::working_set::{Stop, WorkingSet};

type Result<T = ()> = std::result::Result<T, Halt>;

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
    // Two would take the money twice: nothing is looked for before a person has said what it is.
    if let Some(earlier) = recording.set.told_steps.earlier(bank).cloned() {
        let key = record.key.clone();
        recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
        let why = ReturnWaits::PossibleDuplicate;
        recording.add(Effect::ParkReturn { key: key.clone(), why })?;
        recording.add(Effect::ToldAgain { key, earlier: Before::Record(earlier) })?;
        return Ok(Outcome::Applied { subject: Some("bank:return_parked".to_owned()) });
    }
    let unread = recording.tokens.as_ref().is_some_and(|tokens| tokens.unread);
    let waits = match bank.direction() {
        // Recorded and no more: the sweep tries it again.
        Direction::BouncedRefund | Direction::Return | Direction::Payment | Direction::Outgoing
            if unread =>
        {
            Tried::Waits(ReturnWaits::Undecided)
        }
        Direction::BouncedRefund => undo::undo(recording, &record)?,
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
    if recording.set.told_steps.in_doubt.contains(key) {
        let waits = ReturnWaits::PossibleDuplicate.word();
        return Ok(Outcome::Applied { subject: Some(format!("waits:{waits}")) });
    }
    let tried = match record.transaction.direction() {
        Direction::BouncedRefund => undo::undo(recording, &record)?,
        Direction::Return | Direction::Payment | Direction::Outgoing => take(recording, &record)?,
    };
    Ok(match tried {
        Tried::Done(subject) => Outcome::Applied { subject: Some(subject) },
        Tried::Waits(why) => Outcome::Applied { subject: Some(format!("waits:{}", why.word())) },
    })
}

pub(super) enum Tried {
    Done(String),
    Waits(ReturnWaits),
}

fn take(recording: &mut Recording<'_>, record: &BankRecord) -> Result<Tried> {
    let payment_id = match originals::find(recording, &record.transaction) {
        Found::Payment(payment_id) => payment_id,
        Found::Contradicted => return Ok(Tried::Waits(ReturnWaits::Contradicted)),
        Found::Nothing => return Ok(Tried::Waits(ReturnWaits::NoOriginal)),
    };
    let payment = payment_of(recording.set, &payment_id)?.clone();
    if payment.is_in_doubt() {
        return Ok(Tried::Waits(ReturnWaits::OriginalInDoubt));
    }
    let left = payment.left()?.add(split_returns::left_of_parts(recording.set, &payment_id)?)?;
    let limit = recording.context.rules.global().return_fee_limit(payment.amount);
    let (amount, fee) = match share(&record.transaction, (payment.amount, left), limit)? {
        Share::Taken { amount, fee } => (amount, fee),
        Share::Waits(why) => return Ok(Tried::Waits(why)),
    };
    if !split_returns::is_decided(recording.set, &payment_id, amount == left)? {
        return Ok(Tried::Waits(ReturnWaits::SplitPayment));
    }
    let taken = Taken { amount, fee, with_parts: true, said: None };
    split_returns::apply_whole(recording, record, &payment, taken)?;
    Ok(Tried::Done(format!("payment:{payment_id}")))
}

pub(super) fn payment_of<'a>(set: &'a WorkingSet, payment_id: &PaymentId) -> Result<&'a Payment> {
    Ok(set.payments.get(payment_id).ok_or(Stop::Corrupt("a payment that is not loaded"))?)
}

/// How much of a return is the payment's, and how much the bank's fee.
enum Share {
    Taken { amount: Money, fee: Money },
    Waits(ReturnWaits),
}

/// Some banks take a payment back with their fee in one booking. The fee is the house's. It is
/// believed if the bank states it (the original's amount, or the charges) and if it is no more than
/// the limit.
fn share(
    bank: &BankTransaction,
    (whole_payment, left): (Money, Money),
    limit: Money,
) -> Result<Share> {
    let amount = bank.amount;
    let whole = Share::Taken { amount, fee: Money::zero(amount.currency()) };
    let both = bank.instructed.is_some() && bank.charges.is_some();
    let exceeds = amount.compare(left)?.is_gt();
    let Some(original) = bank.stated_original().filter(|_| exceeds || both) else {
        return Ok(if exceeds { Share::Waits(ReturnWaits::ExceedsPayment) } else { whole });
    };
    if amount == whole_payment {
        return Ok(if exceeds { Share::Waits(ReturnWaits::ExceedsPayment) } else { whole });
    }
    let fee = amount.sub(original)?;
    Ok(if original.compare(left)?.is_gt() {
        Share::Waits(ReturnWaits::ExceedsPayment)
    } else if fee.compare(limit)?.is_gt() {
        Share::Waits(ReturnWaits::FeeAboveLimit)
    } else {
        Share::Taken { amount: original, fee }
    })
}

/// What a return takes of one payment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub amount: Money,
    /// What the bank takes besides.
    pub fee: Money,
    /// All that is left of its parts goes back too, and is in the amount.
    pub with_parts: bool,
    /// What the person said who pointed the return at it.
    pub said: Option<&'a String>,
}

/// The free money first, then what is unspent of the newest lots, then what was spent, of the
/// newest as well. Never in proportion: that would leave dust. Of a payment whose parts go back too
/// all is taken, its parts first, the last of them before the others.
pub(super) fn apply(
    recording: &mut Recording<'_>,
    record: &BankRecord,
    payment: &Payment,
    Taken { amount, fee, with_parts, said }: Taken<'_>,
) -> Result {
    let zero = Money::zero(amount.currency());
    let all = with_parts.then(|| split_returns::plan_parts(recording.set, &payment.payment_id));
    let parts = all.transpose()?.unwrap_or_default();
    let given = split_returns::left_with(&parts, zero)?;
    let own = amount.sub(given)?;
    let free = payment.unallocated()?.min(own)?;
    // What was removed is not in the books any more: nothing is left to take there.
    let removed = if payment.state == PaymentState::Removed { free } else { zero };
    let links = live_links(recording.set, &payment.payment_id, None)?;
    let plan = plan(recording.set, &links, own.sub(free)?)?;
    let taking = Taking {
        from: (LedgerAccount::BankClearing, amount.sub(removed)?.add(fee)?),
        parts: given,
        free: free.sub(removed)?,
        unspent: plan.unspent,
        spent: plan.spent,
        fee,
    };
    let all = split_returns::sum_with_parts(&taking, &parts)?;
    let posts = taking.from.1.is_positive();
    let postings = if posts { Some(post(recording, payment, &taking)?) } else { None };
    let returned = PaymentReturn {
        id: recording.ids.payment_return(),
        key: record.key.clone(),
        payment_id: payment.payment_id.clone(),
        amount,
        unallocated: all.free.add(removed)?,
        removed,
        fee,
        now_refunded: zero,
        unspent: all.unspent,
        clawed_back: all.spent,
        undoes: None,
        reason: record.transaction.return_of.as_ref().and_then(|of| of.reason.clone()),
        said: said.cloned(),
        bank_transaction_id: record.transaction.bank_transaction_id.clone(),
        ledger_transaction_id: postings.map(|posted| posted.0),
    };
    let fact = Fact::PaymentReturned {
        payment_id: payment.payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount,
        from_unallocated: all.free,
        from_unspent: all.unspent,
        clawed_back: all.spent,
        removed,
        returned_total: payment.returned.add(amount)?,
        reason: returned.reason.clone(),
    };
    let return_id = returned.id;
    let disposition = BankDisposition::Returned;
    let record = BankRecord { disposition, ..record.clone() };
    recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
    recording.add(Effect::Return(Box::new(returned)))?;
    recording.publish(event_key(payment), fact)?;
    if let Some(posted) = postings {
        let given_back = split_returns::post_parts(recording, &parts)?;
        let of_parts = parts.iter().zip(&given_back).map(|(taken, posted)| (&taken.plan, *posted));
        let planned: Vec<_> = of_parts.chain([(&plan, posted)]).collect();
        reverse_planned(recording, &planned, return_id)?;
        split_returns::close_parts(recording, payment, (&parts, &given_back), return_id)?;
    }
    restate(recording, payment, false)
}

/// What is taken back of a payment whose money is being taken, and what is clawed back of it.
pub(super) type Posted = (LedgerTransactionId, LedgerTransactionId);

/// Reverses what was planned: what is unspent first, of all of them, then what was spent. The debt
/// of that is cleared from whatever the customer has, so nothing that is planned as unspent may be
/// there any more.
pub(super) fn reverse_planned(
    recording: &mut Recording<'_>,
    planned: &[(&Plan, Posted)],
    return_id: ReturnId,
) -> Result {
    let (kind, return_id) = (ReversalKind::Returned, Some(return_id));
    let all = || planned.iter().flat_map(|(plan, to)| plan.parts.iter().map(move |of| (of, *to)));
    for (part, (taken, _)) in all().filter(|(part, _)| part.unspent.is_positive()) {
        let step = Step { kind, return_id, posted: taken };
        let none = Money::zero(part.unspent.currency());
        reverse(recording, &part.link, part.unspent, none, &step, None)?;
    }
    for (part, (_, clawed)) in all().filter(|(part, _)| part.spent.is_positive()) {
        let step = Step { kind, return_id, posted: clawed };
        let none = Money::zero(part.spent.currency());
        reverse(recording, &part.link, none, part.spent, &step, None)?;
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
    /// What the bank takes besides, for itself.
    pub fee: Money,
}

pub(super) struct Plan {
    parts: Vec<OfLink>,
    pub unspent: Money,
    pub spent: Money,
}

/// What goes back of one allocation.
struct OfLink {
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
        plan.parts.push(OfLink { link: link.clone(), unspent, spent });
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
) -> Result<Posted> {
    let taken = recording.ids.ledger_transaction();
    let mut entries = vec![
        taking.from.clone(),
        (LedgerAccount::SplitClearing, taking.parts.negated()),
        (LedgerAccount::UnallocatedCash, taking.free.negated()),
        (LedgerAccount::ClawBackReceivable, taking.spent.negated()),
        (LedgerAccount::Fees, taking.fee.negated()),
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

/// Where the payment stands now. One that still waits for an invoice goes on waiting; one that was
/// removed stays so unless money came back to it (`again`).
pub(super) fn restate(recording: &mut Recording<'_>, before: &Payment, again: bool) -> Result {
    let now = payment_of(recording.set, &before.payment_id)?;
    let gone = now.left()?.is_zero() && !now.has_parts();
    let waits = match before.state {
        PaymentState::OnAccount | PaymentState::Parked(_) => true,
        PaymentState::Allocated
        | PaymentState::PartlyAllocated
        | PaymentState::Returned
        | PaymentState::Removed
        | PaymentState::Split => false,
    };
    let state = if before.state == PaymentState::Removed && !again {
        before.state
    } else if gone {
        PaymentState::Returned
    } else if now.allocated.is_positive() {
        now.settled_state()?
    } else if now.has_parts() && !now.unallocated()?.is_positive() {
        PaymentState::Split
    } else if waits {
        before.state
    } else {
        match (&now.account_id, now.question) {
            (Some(_), _) => PaymentState::OnAccount,
            (None, Some(question)) => PaymentState::Parked(question),
            (None, None) if recording.set.parts_ever(&before.payment_id) > 0 => {
                PaymentState::Parked(ParkReason::SplitUndone)
            }
            (None, None) => PaymentState::Parked(ParkReason::NoCandidate),
        }
    };
    if state != before.state {
        let payment_id = before.payment_id.clone();
        recording.add(Effect::SettlePayment { payment_id, state, watches: Vec::new() })?;
    }
    Ok(())
}

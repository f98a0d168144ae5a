//! What a return takes of a payment: planned, posted, reversed.

use crate::allocation::Allocation;
use crate::decide::recording::{Halt, Recording};
use crate::decide::reverse::{StepBack, reverse};
use crate::effect::{Effect, ReturnWaits};
use crate::ids::{LedgerTransactionId, PaymentId, ReturnId};
use crate::ledger::{LedgerAccount, LedgerKind, LedgerTransaction};
use crate::money::Money;
use crate::payment::{ParkReason, Payment, PaymentState};
use crate::reversal::ReversalKind;
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

pub(super) type Result<T = ()> = std::result::Result<T, Halt>;

pub(super) enum Tried {
    Done(String),
    Waits(ReturnWaits),
}

pub(super) fn payment_of<'a>(set: &'a WorkingSet, payment_id: &PaymentId) -> Result<&'a Payment> {
    Ok(set.payment(payment_id).ok_or(Stop::Corrupt("a payment that is not loaded"))?)
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
        let step = StepBack { kind, return_id, posted: taken };
        let none = Money::zero(part.unspent.currency());
        reverse(recording, &part.link, part.unspent, none, &step, None)?;
    }
    for (part, (_, clawed)) in all().filter(|(part, _)| part.spent.is_positive()) {
        let step = StepBack { kind, return_id, posted: clawed };
        let none = Money::zero(part.spent.currency());
        reverse(recording, &part.link, none, part.spent, &step, None)?;
    }
    Ok(())
}

/// What a return takes of one payment, and where the money goes.
pub(super) struct Taking {
    /// To the bank, or from a part to what it was split from.
    pub to: (LedgerAccount, Money),
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
    let mut from = vec![
        (LedgerAccount::SplitClearing, taking.parts),
        (LedgerAccount::UnallocatedCash, taking.free),
        (LedgerAccount::ClawBackReceivable, taking.spent),
        (LedgerAccount::Fees, taking.fee),
    ];
    if let Some(account_id) = &payment.account_id {
        from.push((LedgerAccount::CustomerBalance(account_id.clone()), taking.unspent));
    }
    let payment_id = || payment.payment_id.clone();
    let kind = LedgerKind::PaymentReturned;
    let (into, total) = taking.to.clone();
    let posting = LedgerTransaction::collect(taken, kind, payment_id(), into, from)?;
    if posting.total()? != total {
        return Err(Stop::Corrupt("a return that is not what it takes").into());
    }
    recording.add(Effect::Post(posting))?;
    let Some(account_id) = payment.account_id.clone().filter(|_| taking.spent.is_positive()) else {
        return Ok((taken, taken));
    };
    let clawed = recording.ids.ledger_transaction();
    let from = vec![(LedgerAccount::CustomerBalance(account_id), taking.spent)];
    let (kind, into) = (LedgerKind::ClawBack, LedgerAccount::ClawBackReceivable);
    let posting = LedgerTransaction::collect(clawed, kind, payment_id(), into, from)?;
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
            (None, None) if !recording.set.parts_ever(&before.payment_id).is_empty() => {
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

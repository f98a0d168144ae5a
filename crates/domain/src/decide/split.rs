//! Sharing a payment out to several customers, and taking that back. Nothing moves between
//! accounts: what is unallocated becomes payments of its own, and each keeps its account.

use super::reverse::{StepBack, check_unspent, live_links, prove, reverse, sum_of, unlearn};
use super::settle::{self, Part, event_key};
use crate::allocation::{Allocation, Rule};
use crate::decide::asked::Result;
use crate::decide::recording::{Halt, Recording};
use crate::decide::{advice, asked};
use crate::effect::{Effect, Outcome};
use crate::event::{Fact, PartFact};
use crate::ids::{AccountId, LedgerTransactionId, PaymentId};
use crate::invoice::Invoice;
use crate::keys::WatchKey;
use crate::ledger::{LedgerAccount, LedgerKind, LedgerTransaction};
use crate::money::Money;
use crate::payment::{ParkReason, Payment, PaymentOrigin, PaymentState};
use crate::rejection::Rejection;
use crate::reversal::ReversalKind;
use crate::split::{Share, SplitPart, SplitPayment, TakenBack, part_id};
use crate::working_set::miss::Stop;

/// One part that may be made: checked, with what it pays at once.
struct Planned {
    payment: Payment,
    number: u32,
    pays: Vec<Part>,
}

/// Splits what is free of a payment, or some of it: all parts are made, or none.
pub(super) fn split(recording: &mut Recording<'_>, command: &SplitPayment) -> Result {
    let payment = asked::known_payment(recording, &command.payment_id)?;
    let mut invoices = Vec::with_capacity(command.parts.len());
    for share in &command.parts {
        let named = share.allocations.iter();
        let known = named.map(|part| asked::known_invoice(recording, &part.invoice_id));
        invoices.push(known.collect::<Result<Vec<Invoice>>>()?);
    }
    check_owners(recording, &payment, command, &invoices)?;
    asked::check_usable(&payment)?;
    if payment.origin == PaymentOrigin::Split {
        return Err(Rejection::PaymentIsPart.into());
    }
    asked::check_invoices(&payment, &invoices.concat())?;
    let planned = plan(recording, &payment, command, &invoices)?;
    make(recording, &payment, &planned, command.reason.as_ref())?;
    // Who pays for several customers is nobody's payer, whatever was said of this payment before.
    unlearn(recording, &payment.payment_id)?;
    advice::by_hand(recording, &payment.payment_id)?;
    Ok(asked::applied_payment(&command.payment_id))
}

fn check_owners(
    recording: &Recording<'_>,
    payment: &Payment,
    command: &SplitPayment,
    invoices: &[Vec<Invoice>],
) -> Result<()> {
    asked::check_owner(payment.account_id.as_ref(), &command.account_id)?;
    let mut named = command.parts.iter().map(|share| &share.account_id);
    if payment.account_id.is_none() && !named.any(|id| *id == command.account_id) {
        return Err(Rejection::AccountMismatch.into());
    }
    for (share, invoices) in command.parts.iter().zip(invoices) {
        for invoice in invoices {
            asked::check_owner(Some(&invoice.account_id), &share.account_id)?;
        }
    }
    asked::open_account(recording, &command.account_id)?;
    command.parts.iter().try_for_each(|share| asked::open_account(recording, &share.account_id))
}

/// What each part would be. Of several refusals the first in the order of precedence is told.
fn plan(
    recording: &Recording<'_>,
    payment: &Payment,
    command: &SplitPayment,
    invoices: &[Vec<Invoice>],
) -> Result<Vec<Planned>> {
    let mut free = payment.unallocated()?;
    let nothing = !free.is_positive();
    let before =
        u32::try_from(recording.set.parts_ever(&payment.payment_id).len()).unwrap_or(u32::MAX);
    let mut planned = Vec::with_capacity(command.parts.len());
    let mut refused: Option<Rejection> = None;
    for ((index, share), invoices) in (1_u32..).zip(&command.parts).zip(invoices) {
        let amount = asked::asked(payment, share.amount)?;
        free = free.sub(amount)?;
        let number = before.saturating_add(index);
        let part = part_of(recording, payment, (share, amount), number, command.reason.as_ref());
        match pays_of(recording, &part, share, invoices) {
            Ok(pays) => planned.push(Planned { payment: part, number, pays }),
            Err(Halt::Outcome(Outcome::Rejected(refusal))) => {
                refused = Some(refused.map_or(refusal, |earlier| earlier.min(refusal)));
            }
            Err(halt) => return Err(halt),
        }
    }
    if free.is_negative() {
        let exceeds = if nothing {
            Rejection::NothingUnallocated
        } else {
            Rejection::AmountExceedsUnallocated
        };
        refused = Some(refused.map_or(exceeds, |earlier| earlier.min(exceeds)));
    }
    match refused {
        Some(refusal) => Err(refusal.into()),
        None => Ok(planned),
    }
}

fn part_of(
    recording: &Recording<'_>,
    payment: &Payment,
    (share, amount): (&Share, Money),
    number: u32,
    reason: Option<&String>,
) -> Payment {
    let zero = Money::zero(amount.currency());
    Payment {
        payment_id: part_id(&recording.content_hash, number),
        account_id: Some(share.account_id.clone()),
        amount,
        allocated: zero,
        returned: zero,
        refunded: zero,
        split: zero,
        state: PaymentState::OnAccount,
        question: None,
        origin: PaymentOrigin::Split,
        // The day on which the money counts is the same.
        received_on: payment.received_on,
        method: payment.method.clone(),
        reference: None,
        remark: reason.cloned(),
        event_sequence: 0,
        recorded_at: recording.context.as_of,
    }
}

fn pays_of(
    recording: &Recording<'_>,
    part: &Payment,
    share: &Share,
    invoices: &[Invoice],
) -> Result<Vec<Part>> {
    if recording.set.is_taken(&part.payment_id) {
        return Err(Rejection::PaymentExists.into());
    }
    let amounts = asked::asked_amounts(part, &share.allocations)?;
    let pays = asked::parts_of(part, invoices, &amounts)?;
    settle::check_balance_limit(recording, &share.account_id, &pays)?;
    Ok(pays)
}

fn make(
    recording: &mut Recording<'_>,
    payment: &Payment,
    planned: &[Planned],
    reason: Option<&String>,
) -> Result<()> {
    let mut sum = Money::zero(payment.currency());
    let mut parts = Vec::with_capacity(planned.len());
    for part in planned {
        sum = sum.add(part.payment.amount)?;
        parts.push(fact_of(&part.payment, part.payment.amount)?);
    }
    let from = vec![(LedgerAccount::UnallocatedCash, sum)];
    let to_parts = (LedgerKind::PaymentSplit, LedgerAccount::SplitClearing);
    post(recording, to_parts, &payment.payment_id, from)?;
    let told = Fact::PaymentSplit {
        payment_id: payment.payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount: sum,
        unallocated: payment.unallocated()?.sub(sum)?,
        parts,
        reason: reason.cloned(),
    };
    recording.publish(event_key(payment), told)?;
    for part in planned {
        make_one(recording, payment, part, reason)?;
    }
    let now = payment_now(recording, &payment.payment_id)?;
    let state = match (now.allocated.is_positive(), now.unallocated()?.is_positive()) {
        (true, _) => now.settled_state()?,
        (false, true) => now.state,
        (false, false) => PaymentState::Split,
    };
    if state != now.state {
        let payment_id = payment.payment_id.clone();
        recording.add(Effect::SettlePayment { payment_id, state, watches: Vec::new() })?;
    }
    Ok(())
}

fn make_one(
    recording: &mut Recording<'_>,
    payment: &Payment,
    part: &Planned,
    reason: Option<&String>,
) -> Result<()> {
    let made = &part.payment;
    let account_id = made.account_id.clone();
    let account_id = account_id.ok_or(Stop::Corrupt("a part without an account"))?;
    settle::record_part(recording, made.clone(), Some(payment.payment_id.clone()))?;
    let from = vec![(LedgerAccount::SplitClearing, made.amount)];
    let to_part = (LedgerKind::PaymentSplit, LedgerAccount::UnallocatedCash);
    let posted = post(recording, to_part, &made.payment_id, from)?;
    recording.add(Effect::Split(Box::new(SplitPart {
        part_id: made.payment_id.clone(),
        payment_id: payment.payment_id.clone(),
        number: part.number,
        account_id,
        amount: made.amount,
        reason: reason.cloned(),
        ledger_transaction_id: posted,
    })))?;
    if part.pays.is_empty() {
        return Ok(());
    }
    settle::post_provisioned(recording, &made.payment_id, Rule::NamedByCommand, &part.pays)
}

fn post(
    recording: &mut Recording<'_>,
    (kind, into): (LedgerKind, LedgerAccount),
    payment_id: &PaymentId,
    from: Vec<(LedgerAccount, Money)>,
) -> Result<LedgerTransactionId> {
    let id = recording.ids.ledger_transaction();
    let posting = LedgerTransaction::collect(id, kind, payment_id.clone(), into, from)?;
    recording.add(Effect::Post(posting))?;
    Ok(id)
}

fn fact_of(part: &Payment, amount: Money) -> Result<PartFact> {
    let owner = part.account_id.clone().ok_or(Stop::Corrupt("a part without an account"))?;
    Ok(PartFact { payment_id: part.payment_id.clone(), account_id: owner, amount })
}

fn payment_now(recording: &Recording<'_>, payment_id: &PaymentId) -> Result<Payment> {
    let now = recording.set.payment(payment_id).cloned();
    Ok(now.ok_or(Stop::Corrupt("a payment that is not loaded"))?)
}

/// Takes back all parts that the payment has, while nothing of them is spent or returned.
pub(super) fn unsplit(
    recording: &mut Recording<'_>,
    payment_id: &PaymentId,
    account_id: &AccountId,
    reason: Option<&String>,
) -> Result {
    let payment = asked::known_payment(recording, payment_id)?;
    let parts = recording.set.parts_of(payment_id)?;
    asked::check_owner(payment.account_id.as_ref(), account_id)?;
    let owners = || parts.iter().filter_map(|part| part.account_id.as_ref());
    if payment.account_id.is_none() && !parts.is_empty() && !owners().any(|id| id == account_id) {
        return Err(Rejection::AccountMismatch.into());
    }
    asked::open_account(recording, account_id)?;
    owners().try_for_each(|owner| asked::open_account(recording, owner))?;
    if parts.is_empty() {
        return Err(Rejection::PaymentNotSplit.into());
    }
    for part in &parts {
        asked::check_usable(part)?;
        if part.left()? != part.amount {
            return Err(Rejection::PaymentRemoved.into());
        }
    }
    let links = unspent_links(recording, &parts)?;
    // Each customer whose money goes back may have spent of it, not only the command's.
    for owner in links.iter().filter_map(|links| links.first()).map(|link| &link.account_id) {
        prove(recording, "topup.payment.unsplit.v1", owner, payment_id)?;
    }
    take_back(recording, &payment, &parts, &links, reason)?;
    Ok(asked::applied_payment(payment_id))
}

/// What is live of each part's allocations, if nothing of it is spent.
fn unspent_links(recording: &Recording<'_>, parts: &[Payment]) -> Result<Vec<Vec<Allocation>>> {
    let mut all = Vec::with_capacity(parts.len());
    let mut refused: Option<Rejection> = None;
    for part in parts {
        let links = live_links(recording.set, &part.payment_id, None)?;
        match check_unspent(recording.set, &links) {
            Ok(()) => {}
            Err(Halt::Outcome(Outcome::Rejected(refusal))) => {
                refused = Some(refused.map_or(refusal, |earlier| earlier.min(refusal)));
            }
            Err(halt) => return Err(halt),
        }
        all.push(links);
    }
    match refused {
        Some(refusal) => Err(refusal.into()),
        None => Ok(all),
    }
}

fn take_back(
    recording: &mut Recording<'_>,
    payment: &Payment,
    parts: &[Payment],
    links: &[Vec<Allocation>],
    reason: Option<&String>,
) -> Result<()> {
    let mut sum = Money::zero(payment.currency());
    let mut facts = Vec::with_capacity(parts.len());
    for part in parts {
        sum = sum.add(part.amount)?;
        facts.push(fact_of(part, part.amount)?);
    }
    let from = vec![(LedgerAccount::SplitClearing, sum)];
    let to_payment = (LedgerKind::SplitUndone, LedgerAccount::UnallocatedCash);
    post(recording, to_payment, &payment.payment_id, from)?;
    let told = Fact::PaymentSplitUndone {
        payment_id: payment.payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount: sum,
        unallocated: payment.unallocated()?.add(sum)?,
        parts: facts,
        reason: reason.cloned(),
    };
    recording.publish(event_key(payment), told)?;
    for (part, links) in parts.iter().zip(links) {
        take_one_back(recording, payment, part, links, reason)?;
    }
    settle_whole(recording, payment)
}

fn take_one_back(
    recording: &mut Recording<'_>,
    payment: &Payment,
    part: &Payment,
    links: &[Allocation],
    reason: Option<&String>,
) -> Result<()> {
    let account_id = part.account_id.clone();
    let account_id = account_id.ok_or(Stop::Corrupt("a part without an account"))?;
    let allocated = sum_of(links, part.currency())?;
    let free = part.unallocated()?;
    let from = vec![
        (LedgerAccount::UnallocatedCash, free),
        (LedgerAccount::CustomerBalance(account_id.clone()), allocated),
    ];
    let from_part = (LedgerKind::SplitUndone, LedgerAccount::SplitClearing);
    let posted = post(recording, from_part, &part.payment_id, from)?;
    let fact = Fact::PaymentRemoved {
        payment_id: part.payment_id.clone(),
        account_id,
        amount: part.amount,
        reason: reason.cloned(),
    };
    recording.publish(event_key(part), fact)?;
    for link in links {
        let live = link.live()?;
        let zero = Money::zero(live.currency());
        let step = StepBack { kind: ReversalKind::Removed, return_id: None, posted };
        reverse(recording, link, live, zero, &step, reason.cloned())?;
    }
    recording.add(Effect::TakeBack(Box::new(TakenBack {
        part_id: part.payment_id.clone(),
        payment_id: payment.payment_id.clone(),
        amount: part.amount,
        return_id: None,
        reason: reason.cloned(),
        ledger_transaction_id: posted,
    })))?;
    let (payment_id, state) = (part.payment_id.clone(), PaymentState::Removed);
    Ok(recording.add(Effect::SettlePayment { payment_id, state, watches: Vec::new() })?)
}

/// Where the payment stands that has its parts again. Without an account a person decides anew.
fn settle_whole(recording: &mut Recording<'_>, payment: &Payment) -> Result<()> {
    let now = payment_now(recording, &payment.payment_id)?;
    let state = if now.allocated.is_positive() {
        now.settled_state()?
    } else if now.account_id.is_some() {
        PaymentState::OnAccount
    } else {
        let reason = now.question.or(now.state.reason());
        PaymentState::Parked(reason.unwrap_or(ParkReason::SplitUndone))
    };
    if state == now.state {
        return Ok(());
    }
    // A later invoice of the customer may still be paid by it.
    let watches = match (&now.account_id, now.origin) {
        (Some(account_id), PaymentOrigin::Bank) => {
            vec![WatchKey::account(account_id, now.currency())]
        }
        (None, _) | (_, PaymentOrigin::Manual | PaymentOrigin::Split) => Vec::new(),
    };
    let payment_id = payment.payment_id.clone();
    recording.add(Effect::SettlePayment { payment_id: payment_id.clone(), state, watches })?;
    let PaymentState::Parked(reason) = state else {
        return Ok(());
    };
    let parked = Fact::PaymentParked {
        payment_id,
        account_id: None,
        unallocated: now.unallocated()?,
        reason: reason.code(),
        suggestions: Vec::new(),
    };
    Ok(recording.publish(event_key(&now), parked)?)
}

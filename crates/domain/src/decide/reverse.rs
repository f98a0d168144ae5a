//! Taking a payment off an invoice, and removing it: only while nothing of it is spent, which the
//! usage feed must prove. Nothing is changed in place: each step back is posted.

use super::settle::event_key;
use crate::account::AliasUse;
use crate::allocation::Allocation;
use crate::decide::recording::{Halt, Recording};
use crate::effect::{Effect, Need};
use crate::event::{BalanceCause, EventKey, Fact};
use crate::ids::{AccountId, InvoiceId, LedgerTransactionId, PaymentId, ReturnId};
use crate::keys::WatchKey;
use crate::ledger::{LedgerAccount, LedgerKind, LedgerTransaction};
use crate::money::Money;
use crate::payment::{Payment, PaymentOrigin, PaymentState};
use crate::rejection::Rejection;
use crate::reversal::{Reversal, ReversalKind};
use crate::review::ReviewEffect;
use crate::usage::{LotMove, MoveKind};
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

type Result<T = ()> = std::result::Result<T, Halt>;

/// The payment is taken off the invoice; its money is unallocated again, and the pair is not put
/// together again but by a command.
pub(super) fn deallocate(
    recording: &mut Recording<'_>,
    payment: &Payment,
    invoice_id: &InvoiceId,
    reason: Option<String>,
) -> Result {
    let links = live_links(recording.set, &payment.payment_id, Some(invoice_id))?;
    let Some(account_id) = links.first().map(|link| link.account_id.clone()) else {
        return Err(Rejection::AllocationNotFound.into());
    };
    check_unspent(recording.set, &links)?;
    prove(recording, "topup.payment.deallocate.v1", &account_id, &payment.payment_id)?;
    let total = sum_of(&links, payment.currency())?;
    let posted = recording.ids.ledger_transaction();
    let from = vec![(LedgerAccount::CustomerBalance(account_id.clone()), total)];
    let payment_id = payment.payment_id.clone();
    let (kind, into) = (LedgerKind::Deallocated, LedgerAccount::UnallocatedCash);
    let posting = LedgerTransaction::collect(posted, kind, payment_id.clone(), into, from)?;
    recording.add(Effect::Post(posting))?;
    for link in &links {
        let amount = link.live()?;
        let zero = Money::zero(amount.currency());
        let step = StepBack { kind: ReversalKind::Deallocated, return_id: None, posted };
        reverse(recording, link, amount, zero, &step, reason.clone())?;
    }
    let laid = Effect::LayTombstone { payment_id, invoice_id: invoice_id.clone() };
    recording.add(laid)?;
    unlearn(recording, &payment.payment_id)?;
    settle_again(recording, payment, &account_id)
}

/// Where a payment stands of which something was taken off.
fn settle_again(
    recording: &mut Recording<'_>,
    payment: &Payment,
    account_id: &AccountId,
) -> Result {
    let now = recording.set.payment(&payment.payment_id);
    let now = now.ok_or(Stop::Corrupt("a payment that is not loaded"))?;
    let state =
        if now.allocated.is_zero() { PaymentState::OnAccount } else { now.settled_state()? };
    // A later invoice of the customer may still be paid by it.
    let watches = match payment.origin {
        PaymentOrigin::Bank => vec![WatchKey::account(account_id, payment.currency())],
        PaymentOrigin::Manual | PaymentOrigin::Split => Vec::new(),
    };
    let payment_id = payment.payment_id.clone();
    Ok(recording.add(Effect::SettlePayment { payment_id, state, watches })?)
}

/// All that is allocated of the payment goes back, or nothing, and the payment is closed.
pub(super) fn remove(
    recording: &mut Recording<'_>,
    payment: &Payment,
    reason: Option<String>,
) -> Result {
    let payment_id = payment.payment_id.clone();
    let Some(account_id) = payment.account_id.clone() else {
        return Err(Rejection::PaymentNotAssigned.into());
    };
    let links = live_links(recording.set, &payment_id, None)?;
    if !links.is_empty() {
        check_unspent(recording.set, &links)?;
        prove(recording, "topup.payment.remove.v1", &account_id, &payment_id)?;
    }
    let total = sum_of(&links, payment.currency())?;
    let free = payment.unallocated()?;
    let amount = total.add(free)?;
    let posted = recording.ids.ledger_transaction();
    let from = vec![
        (LedgerAccount::UnallocatedCash, free),
        (LedgerAccount::CustomerBalance(account_id.clone()), total),
    ];
    let (kind, into) = (LedgerKind::PaymentRemoved, LedgerAccount::BankClearing);
    let posting = LedgerTransaction::collect(posted, kind, payment_id.clone(), into, from)?;
    recording.add(Effect::Post(posting.saying(reason.clone())))?;
    let told = reason.clone();
    let fact = Fact::PaymentRemoved {
        payment_id: payment_id.clone(),
        account_id: account_id.clone(),
        amount,
        reason: told,
    };
    recording.publish(event_key(payment), fact)?;
    for link in &links {
        let live = link.live()?;
        let zero = Money::zero(live.currency());
        let step = StepBack { kind: ReversalKind::Removed, return_id: None, posted };
        reverse(recording, link, live, zero, &step, reason.clone())?;
    }
    // Also where nothing was allocated: an assignment teaches whose the payer is.
    unlearn(recording, &payment_id)?;
    let state = PaymentState::Removed;
    Ok(recording.add(Effect::SettlePayment { payment_id, state, watches: Vec::new() })?)
}

/// What is live of a payment's allocations, the newest first. None is found, and a miss is noted,
/// when they were not loaded.
pub(super) fn live_links(
    set: &WorkingSet,
    payment_id: &PaymentId,
    invoice_id: Option<&InvoiceId>,
) -> Result<Vec<Allocation>> {
    if !set.has_whole(payment_id) {
        return Ok(Vec::new());
    }
    if !set.may_reverse(payment_id) {
        return Err(Stop::Corrupt("a payment that may not go back").into());
    }
    let mut links = Vec::new();
    for link in set.allocations.values().rev() {
        let wanted = link.payment_id == *payment_id
            && invoice_id.is_none_or(|invoice_id| link.invoice_id == *invoice_id);
        if wanted && link.live()?.is_positive() {
            links.push(link.clone());
        }
    }
    Ok(links)
}

pub(super) fn sum_of(links: &[Allocation], currency: crate::money::Currency) -> Result<Money> {
    let mut sum = Money::zero(currency);
    for link in links {
        sum = sum.add(link.live()?)?;
    }
    Ok(sum)
}

/// A lot is spent when anything burnt of it, whatever the balance is; and what is held for a call
/// in progress counts as spent. Holds lie on the money that burns first.
pub(super) fn check_unspent(set: &WorkingSet, links: &[Allocation]) -> Result {
    let Some(first) = links.first() else {
        return Ok(());
    };
    let (account_id, currency) = (&first.account_id, first.amount.currency());
    for link in links {
        let lot = set.usage.lot(account_id, currency, link.id);
        if !lot.ok_or(Stop::Corrupt("a lot that is not loaded"))?.is_unspent()? {
            return Err(Rejection::LotSpent.into());
        }
    }
    let mut held = set.held(account_id, currency)?;
    let mut lots = set.burning(account_id, currency);
    while held.is_positive() {
        let Some(lot) = lots.next() else { break };
        if links.iter().any(|link| link.id == lot.id) {
            return Err(Rejection::LotHeld.into());
        }
        held = held.sub(held.min(lot.remaining)?)?;
    }
    Ok(())
}

/// Usage comes later than the calls: only when all of it is known up to the moment at which the
/// command was given is "not spent" more than a hope.
pub(super) fn prove(
    recording: &mut Recording<'_>,
    command_type: &'static str,
    account_id: &AccountId,
    payment_id: &PaymentId,
) -> Result {
    let usage = &recording.set.usage;
    // A record that is dead or waits may be a charge of this account.
    let open = usage.unproven.contains(account_id);
    let known = usage.complete_through.filter(|_| !open);
    let needed = recording.asked_at;
    if known.is_some_and(|known| known >= needed) {
        return Ok(());
    }
    match recording.waited {
        Some(waited) if waited.over => Err(Rejection::UsageProofUnavailable.into()),
        Some(waited) if waited.told => Err(Need::Proof(needed).into()),
        Some(_) | None => {
            let fact = Fact::CommandPendingProof {
                command_type,
                account_id: account_id.clone(),
                payment_id: payment_id.clone(),
                needs_usage_through: needed,
                usage_complete_through: known,
            };
            recording.publish(EventKey::Account(account_id.clone()), fact)?;
            Err(Need::Proof(needed).into())
        }
    }
}

/// What all reversals of one step back share.
pub(super) struct StepBack {
    pub kind: ReversalKind,
    pub return_id: Option<ReturnId>,
    pub posted: LedgerTransactionId,
}

/// Takes `unspent` out of the allocation's lot, and `spent` from the account: that is a debt,
/// which the money that is there clears at once, the oldest first.
pub(super) fn reverse(
    recording: &mut Recording<'_>,
    link: &Allocation,
    unspent: Money,
    spent: Money,
    step: &StepBack,
    reason: Option<String>,
) -> Result {
    let amount = unspent.add(spent)?;
    let mut moves = Vec::new();
    if unspent.is_positive() {
        moves.push(LotMove { lot_id: link.id, kind: MoveKind::Reversal, amount: unspent });
    }
    let mut left = spent;
    let mut lots = recording.set.burning(&link.account_id, amount.currency());
    while left.is_positive() {
        let Some(lot) = lots.next() else { break };
        let there = if lot.id == link.id { lot.remaining.sub(unspent)? } else { lot.remaining };
        let part = there.min(left)?;
        if part.is_positive() {
            left = left.sub(part)?;
            moves.push(LotMove { lot_id: lot.id, kind: MoveKind::Debt, amount: part });
        }
    }
    drop(lots);
    let reversal = Reversal {
        id: recording.ids.reversal(),
        kind: step.kind,
        allocation_id: link.id,
        payment_id: link.payment_id.clone(),
        invoice_id: link.invoice_id.clone(),
        account_id: link.account_id.clone(),
        amount,
        clawed_back: spent,
        moves,
        return_id: step.return_id,
        reason: reason.clone(),
        ledger_transaction_id: step.posted,
    };
    recording.add(Effect::Reverse(Box::new(reversal)))?;
    tell(recording, link, amount, step.kind, reason)
}

fn tell(
    recording: &mut Recording<'_>,
    link: &Allocation,
    amount: Money,
    kind: ReversalKind,
    reason: Option<String>,
) -> Result {
    let key = EventKey::Account(link.account_id.clone());
    let missing = || Stop::Corrupt("a payment or an invoice that is not loaded");
    let invoice = recording.set.invoice(&link.invoice_id).ok_or_else(missing)?;
    let amount_due = invoice.due()?;
    let payment = recording.set.payment(&link.payment_id).ok_or_else(missing)?;
    let payment_unallocated = payment.unallocated()?;
    if kind == ReversalKind::Deallocated {
        let fact = Fact::PaymentDeallocated {
            payment_id: link.payment_id.clone(),
            invoice_id: link.invoice_id.clone(),
            account_id: link.account_id.clone(),
            allocation_id: link.id,
            amount,
            reason,
            invoice_amount_due: amount_due,
            payment_unallocated,
        };
        recording.publish(key.clone(), fact)?;
    }
    let restored = Fact::PaymentDueRestored {
        invoice_id: link.invoice_id.clone(),
        account_id: link.account_id.clone(),
        amount,
        amount_due,
        cause: kind,
    };
    recording.publish(key.clone(), restored)?;
    let changed = Fact::BalanceChanged {
        account_id: link.account_id.clone(),
        delta: amount.negated(),
        balance: recording.set.balance(&link.account_id, amount.currency()),
        cause: BalanceCause::Reversal(link.id, kind),
    };
    Ok(recording.publish(key, changed)?)
}

/// A person took `payment_id` back, or an allocation of it, or shared it out: the aliases that its
/// decisions rested on, and those that its confirmation made, are demoted and must be earned again.
/// A return by the bank says nothing about whose money it was and does not come here.
pub(super) fn unlearn(recording: &mut Recording<'_>, payment_id: &PaymentId) -> Result {
    let links = recording.set.links_of(payment_id).cloned().unwrap_or_default();
    for link in links {
        let alias = recording.set.alias(&link).filter(|alias| alias.confirmations > 0);
        let Some(on) = alias.map(|alias| alias.last_used_on) else {
            continue;
        };
        let effect = ReviewEffect::Unlink {
            used: AliasUse { link, on },
            payment_id: payment_id.clone(),
            at: recording.context.as_of,
            cause: recording.cause.record.clone(),
        };
        recording.add(Effect::Review(Box::new(effect)))?;
    }
    Ok(())
}

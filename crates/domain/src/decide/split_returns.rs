//! The bank takes back a payment that is split. It does not say whose part it means, so only the
//! whole is taken without a person: each part goes back to the payment, spent or not, and with it
//! to the bank. Of less a person says whose it is, or that it is taken as any return is.

use std::collections::BTreeSet;

use super::reverse::live_links;
use super::settle::event_key;
use crate::decide::recording;
use crate::decide::recording::Recording;
use crate::decide::taking::{Plan, Posted, Taking, plan, post};
use crate::effect::Effect;
use crate::event::Fact;
use crate::ids::{PaymentId, ReturnId};
use crate::ledger::LedgerAccount;
use crate::money::Money;
use crate::payment::{Payment, PaymentState};
use crate::split::TakenBack;
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

type Result<T = ()> = std::result::Result<T, recording::Halt>;

/// What a return takes of one part.
pub(super) struct PartTaken {
    part: Payment,
    free: Money,
    pub plan: Plan,
}

/// What is left of all parts of the payment, also of those that have money again.
pub(super) fn left_of_parts(set: &WorkingSet, payment_id: &PaymentId) -> Result<Money> {
    let payment = set.payment(payment_id);
    let payment = payment.ok_or(Stop::Corrupt("a payment that is not loaded"))?;
    let mut left = Money::zero(payment.currency());
    for part in set.parts_with_money(payment_id)? {
        left = left.add(part.left()?)?;
    }
    Ok(left)
}

/// Whether a return of a payment can be taken without a person: it has no parts, or all that is
/// left goes back (`whole`) and nobody took a part out of the books meanwhile.
pub(super) fn is_decided(set: &WorkingSet, payment_id: &PaymentId, whole: bool) -> Result<bool> {
    let parts = set.parts_with_money(payment_id)?;
    let there =
        |part: &Payment| part.state != PaymentState::Removed && set.may_reverse(&part.payment_id);
    Ok(parts.is_empty() || (whole && parts.iter().all(there)))
}

/// What each part gives, the last part first: all that is left of it.
pub(super) fn plan_parts(set: &WorkingSet, payment_id: &PaymentId) -> Result<Vec<PartTaken>> {
    let mut taken = Vec::new();
    for part in set.parts_of(payment_id)? {
        let left = part.left()?;
        if left.is_positive() {
            let links = live_links(set, &part.payment_id, None)?;
            let free = part.unallocated()?;
            let plan = plan(set, &links, left.sub(free)?)?;
            taken.push(PartTaken { part, free, plan });
        }
    }
    Ok(taken)
}

/// What those parts give together.
pub(super) fn left_with(parts: &[PartTaken], zero: Money) -> Result<Money> {
    parts.iter().try_fold(zero, |sum, taken| Ok(sum.add(taken.part.left()?)?))
}

/// What the payment and its parts have left, by how dear it is to give: what is free, what is
/// allocated and unspent, what was spent, and what was removed from the books.
struct Member {
    payment: Payment,
    tiers: [Money; 4],
    gives: Money,
}

/// Shares an amount out to the payment and its parts, the payment first and then the last part
/// before the others: nobody gives unspent money while one of them has free money, and nobody gives
/// what is spent while another has unspent money. `but` are parts that are left out. None: they
/// have not so much.
pub(super) fn share_out(
    set: &WorkingSet,
    payment: &Payment,
    but: &BTreeSet<&PaymentId>,
    amount: Money,
) -> Result<Option<Vec<(Payment, Money)>>> {
    let mut members = vec![member(set, payment)?];
    for part in set.parts_with_money(&payment.payment_id)? {
        if !but.contains(&part.payment_id) {
            members.push(member(set, &part)?);
        }
    }
    let mut left = amount;
    for tier in 0..4 {
        for member in &mut members {
            let there = member.tiers.get(tier).copied().unwrap_or(member.gives);
            let gives = there.min(left)?;
            member.gives = member.gives.add(gives)?;
            left = left.sub(gives)?;
        }
    }
    let given = members.into_iter().map(|member| (member.payment, member.gives));
    let given: Vec<_> = given.filter(|(_, gives)| gives.is_positive()).collect();
    Ok(left.is_zero().then_some(given))
}

fn member(set: &WorkingSet, payment: &Payment) -> Result<Member> {
    let zero = Money::zero(payment.currency());
    let (payment, left) = (payment.clone(), payment.left()?);
    if payment.state == PaymentState::Removed {
        return Ok(Member { payment, tiers: [zero, zero, zero, left], gives: zero });
    }
    let mut unspent = zero;
    for link in live_links(set, &payment.payment_id, None)? {
        let lot = set.usage.lot(&link.account_id, left.currency(), link.id);
        let lot = lot.ok_or(Stop::Corrupt("a lot that is not loaded"))?;
        unspent = unspent.add(lot.remaining.min(link.live()?)?.whole_minor_units()?)?;
    }
    let free = payment.unallocated()?;
    let spent = payment.allocated.sub(unspent)?;
    Ok(Member { payment, tiers: [free, unspent, spent, zero], gives: zero })
}

/// What a return takes of the payment and its parts together.
pub(super) fn sum_with_parts(own: &Taking, parts: &[PartTaken]) -> Result<Taking> {
    let (mut free, mut unspent, mut spent) = (own.free, own.unspent, own.spent);
    for taken in parts {
        free = free.add(taken.free)?;
        unspent = unspent.add(taken.plan.unspent)?;
        spent = spent.add(taken.plan.spent)?;
    }
    let (to, parts, fee) = (own.to.clone(), own.parts, own.fee);
    Ok(Taking { to, parts, free, unspent, spent, fee })
}

/// Posts that all parts go back to the payment, whatever was spent of them, and tells it.
pub(super) fn post_parts(
    recording: &mut Recording<'_>,
    parts: &[PartTaken],
) -> Result<Vec<Posted>> {
    parts.iter().map(|taken| post_part(recording, taken)).collect()
}

fn post_part(recording: &mut Recording<'_>, taken: &PartTaken) -> Result<Posted> {
    let part = &taken.part;
    let amount = part.left()?;
    let zero = Money::zero(amount.currency());
    let taking = Taking {
        to: (LedgerAccount::SplitClearing, amount),
        parts: zero,
        free: taken.free,
        unspent: taken.plan.unspent,
        spent: taken.plan.spent,
        fee: zero,
    };
    let posted = post(recording, part, &taking)?;
    let fact = Fact::PaymentReturned {
        payment_id: part.payment_id.clone(),
        account_id: part.account_id.clone(),
        amount,
        from_unallocated: taking.free,
        from_unspent: taking.unspent,
        clawed_back: taking.spent,
        removed: zero,
        returned_total: part.returned.add(amount)?,
        reason: None,
    };
    recording.publish(event_key(part), fact)?;
    Ok(posted)
}

/// The parts of which all was reversed have nothing any more.
pub(super) fn close_parts(
    recording: &mut Recording<'_>,
    payment: &Payment,
    (parts, posted): (&[PartTaken], &[Posted]),
    return_id: ReturnId,
) -> Result {
    for (taken, posted) in parts.iter().zip(posted) {
        recording.add(Effect::TakeBack(Box::new(TakenBack {
            part_id: taken.part.payment_id.clone(),
            payment_id: payment.payment_id.clone(),
            amount: taken.part.left()?,
            return_id: Some(return_id),
            reason: None,
            ledger_transaction_id: posted.0,
        })))?;
        let (payment_id, state) = (taken.part.payment_id.clone(), PaymentState::Returned);
        recording.add(Effect::SettlePayment { payment_id, state, watches: Vec::new() })?;
    }
    Ok(())
}

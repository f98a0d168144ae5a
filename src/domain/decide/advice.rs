//! Remittance advice: kept, and matched at once to the payment that was there before it.

use super::{Halt, Recording, settle};
use crate::domain::advice::{Advice, AdviceState, Marks, RemittanceAdvice};
use crate::domain::bank::Direction;
use crate::domain::effect::{Effect, Outcome};
use crate::domain::ids::{InvoiceId, PaymentId};
use crate::domain::matching::advised::named_by_line;
use crate::domain::matching::{AdviceFound, MatchDecision};
use crate::domain::payment::PaymentState;
use crate::domain::rejection::DeadLetterReason;
use crate::domain::working_set::{Stop, WorkingSet};

pub(super) fn decide(
    recording: &mut Recording<'_>,
    told: &RemittanceAdvice,
) -> Result<Outcome, Halt> {
    let key = &told.key;
    if let Some(known) = recording.set.advices.get(key) {
        if known.content_hash == recording.content_hash {
            return Ok(Outcome::Duplicate);
        }
        let conflict = Outcome::DeadLettered(DeadLetterReason::AdviceConflict);
        return Err(Halt::Outcome(conflict));
    }
    let received_at = recording.context.as_of;
    let advice = Advice {
        told: told.clone(),
        content_hash: recording.content_hash,
        state: AdviceState::Open,
        used_by: None,
        cause: recording.cause.record.clone(),
        received_at,
        expires_at: recording.set.advices.expiry(received_at),
    };
    let payments = payments_of(recording.set, &advice);
    let matched = if payments.is_empty() { matched_by(recording.set, &advice) } else { None };
    recording.add(Effect::RecordAdvice(Box::new(advice)))?;
    if payments.len() > 1 {
        // It does not say which of them it is about.
        recording.add(Effect::SettleAdvice { key: key.clone(), used_by: None })?;
    }
    for payment_id in payments {
        settle::rematch(recording, &payment_id)?;
    }
    match matched {
        None => {}
        Some(Matched::All(payment_id)) => {
            let used_by = Some(payment_id);
            recording.add(Effect::SettleAdvice { key: key.clone(), used_by })?;
        }
        Some(Matched::HasRest(payment_id)) => settle::rematch(recording, &payment_id)?,
        Some(Matched::Otherwise) => {
            recording.add(Effect::SettleAdvice { key: key.clone(), used_by: None })?;
        }
    }
    Ok(Outcome::Applied { subject: Some(format!("advice:{}", key.advice_id)) })
}

/// The payments that it may be about, of which nothing is allocated: the oldest first.
fn payments_of(set: &WorkingSet, advice: &Advice) -> Vec<PaymentId> {
    let mut found = Vec::new();
    for (payment_id, record) in &set.watched {
        let bank = &record.transaction;
        let same = bank.bank_account == advice.told.key.bank_account
            && bank.amount == advice.told.amount
            && bank.direction() == Direction::Payment;
        let Some(payment) = set.payments.get(payment_id).filter(|_| same) else { continue };
        let whole = payment.unallocated().ok() == Some(advice.told.amount);
        let waits = match payment.state {
            // A person says first whether it is money at all that was not there before.
            PaymentState::Parked(reason) if reason.is_doubt() => false,
            PaymentState::Parked(_) | PaymentState::OnAccount => whole,
            PaymentState::PartlyAllocated
            | PaymentState::Allocated
            | PaymentState::Returned
            | PaymentState::Removed
            | PaymentState::Split => false,
        };
        if waits && advice.is_about(&Marks::of(bank)) {
            found.push((payment.recorded_at, payment_id.clone()));
        }
    }
    found.sort();
    found.into_iter().map(|(_, payment_id)| payment_id).collect()
}

/// What became of the advice's money before the advice came.
enum Matched {
    /// It pays all that the advice names.
    All(PaymentId),
    /// It pays some of it, and has a rest.
    HasRest(PaymentId),
    /// It pays some of it, and the rest of the money is elsewhere; or several payments do.
    Otherwise,
}

/// The payment that it is about, which pays something of what it names and belongs to no advice.
fn matched_by(set: &WorkingSet, advice: &Advice) -> Option<Matched> {
    let lines = advice.told.lines.iter().map(|line| named_by_line(set, line));
    let lines: Vec<_> = lines.collect();
    let mut found = Vec::new();
    for (payment_id, record) in &set.watched {
        let bank = &record.transaction;
        let same = bank.bank_account == advice.told.key.bank_account
            && bank.amount == advice.told.amount
            && bank.direction() == Direction::Payment
            && set.advices.of_payment(payment_id).is_none();
        let Some(payment) = set.payments.get(payment_id).filter(|_| same) else { continue };
        let rest = match payment.state {
            PaymentState::Allocated => false,
            PaymentState::PartlyAllocated => true,
            PaymentState::Parked(_)
            | PaymentState::OnAccount
            | PaymentState::Returned
            | PaymentState::Removed
            | PaymentState::Split => continue,
        };
        let pays = |ids: &&Vec<&InvoiceId>| match ids.as_slice() {
            [id] => set.live_pairs.contains(&(payment_id.clone(), (*id).clone())),
            _ => false,
        };
        let paid = lines.iter().filter(pays).count();
        if paid > 0 && advice.is_about(&Marks::of(bank)) {
            found.push(match (paid == lines.len(), rest) {
                (true, _) => Matched::All(payment_id.clone()),
                (false, true) => Matched::HasRest(payment_id.clone()),
                (false, false) => Matched::Otherwise,
            });
        }
    }
    let only = found.pop()?;
    Some(if found.is_empty() { only } else { Matched::Otherwise })
}

/// Whether the decision says something of an advice that is not kept yet.
pub(super) fn is_new(recording: &Recording<'_>, decision: &MatchDecision) -> bool {
    let advices = &recording.set.advices;
    let open = |key| advices.get(key).is_some_and(|advice| advice.state == AdviceState::Open);
    match &decision.advice {
        None => false,
        Some(AdviceFound::One(key)) => open(key),
        Some(AdviceFound::Ambiguous(keys)) => keys.iter().any(open),
    }
}

/// Keeps which advice belongs to the payment, or that a person has to say it.
pub(super) fn settle(recording: &mut Recording<'_>, decision: &MatchDecision) -> Result<(), Stop> {
    let keys = match &decision.advice {
        None => return Ok(()),
        Some(AdviceFound::One(key)) => std::slice::from_ref(key),
        Some(AdviceFound::Ambiguous(keys)) => keys.as_slice(),
    };
    let one = matches!(decision.advice, Some(AdviceFound::One(_)));
    let used_by = one.then(|| decision.payment_id.clone());
    for key in keys {
        let advice = recording.set.advices.get(key);
        if advice.is_some_and(|advice| advice.state == AdviceState::Open) {
            recording.add(Effect::SettleAdvice { key: key.clone(), used_by: used_by.clone() })?;
        }
    }
    Ok(())
}

//! Remittance advice: kept, and matched at once to the payment that was there before it.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use super::settle;
use crate::advice::{
    Advice, AdviceEnd, AdviceState, DAYS_BY_PAYER, DAYS_BY_REFERENCE, Marks, RemittanceAdvice,
};
use crate::decide::recording::{Halt, Recording};
use crate::effect::{Effect, Outcome};
use crate::ids::{AdviceId, InvoiceId, PaymentId};
use crate::invoice::InvoiceStatus;
use crate::matching::advised::named_by_line;
use crate::payment::PaymentState;
use crate::rejection::DeadLetterReason;
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

pub(super) fn decide(
    recording: &mut Recording<'_>,
    told: &RemittanceAdvice,
) -> Result<Outcome, Halt> {
    let key = &told.key;
    if let Some(known) = recording.set.advice(key) {
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
        end: None,
        cause: recording.cause.record.clone(),
        received_at,
        expires_at: recording.set.advices.expiry(received_at),
    };
    if let Some(twin) = told_before(recording.set, &advice)? {
        recording.add(Effect::RecordAdvice(Box::new(advice)))?;
        let end = AdviceEnd::ToldTwice(twin);
        recording.add(Effect::EndAdvice { key: key.clone(), end })?;
        return Ok(Outcome::Applied { subject: Some(format!("advice:{}", key.advice_id)) });
    }
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
        Some(Matched::Elsewhere(payment_id)) => {
            let end = AdviceEnd::MoneyElsewhere(payment_id);
            recording.add(Effect::EndAdvice { key: key.clone(), end })?;
        }
        Some(Matched::Otherwise) => {
            recording.add(Effect::SettleAdvice { key: key.clone(), used_by: None })?;
        }
    }
    Ok(Outcome::Applied { subject: Some(format!("advice:{}", key.advice_id)) })
}

/// The payments that it may be about, of which nothing is allocated: the oldest first.
fn payments_of(set: &WorkingSet, advice: &Advice) -> Vec<PaymentId> {
    let mut found = Vec::new();
    for (payment_id, record) in set.money_of(&advice.told) {
        let bank = &record.transaction;
        let Some(payment) = set.payment(payment_id) else { continue };
        let whole = payment.unallocated().ok() == Some(advice.told.amount);
        let waits = match payment.state {
            PaymentState::Parked(_) | PaymentState::OnAccount => {
                whole && payment.question.is_none()
            }
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
    /// It pays nothing of it.
    Elsewhere(PaymentId),
}

/// An advice that said the same before, if the invoices do not take the money of both.
fn told_before(set: &WorkingSet, advice: &Advice) -> Result<Option<AdviceId>, Stop> {
    let twins = set.twins_of(advice);
    let Some(last) = twins.last() else { return Ok(None) };
    let waiting = twins.iter().filter(|twin| twin.state != AdviceState::Used).count();
    for line in &advice.told.lines {
        let named = named_by_line(set, line);
        let [id] = named.as_slice() else { continue };
        let Some(invoice) = set.invoice(id) else { continue };
        let takes = matches!(invoice.status, InvoiceStatus::AwaitingPayment | InvoiceStatus::Draft);
        let mut all = line.amount;
        for _ in 0..waiting {
            all = all.add(line.amount)?;
        }
        let same = all.currency() == invoice.currency();
        if same && (!takes || all.compare(invoice.due()?)?.is_gt()) {
            return Ok(Some(last.told.key.advice_id.clone()));
        }
    }
    Ok(None)
}

/// Whether money that pays something else is what the advice was about.
fn is_its_money(advice: &Advice, marks: &Marks, received_on: NaiveDate) -> bool {
    let since = |days| advice.received_at.date_naive().checked_sub_days(Days::new(days));
    let came_within = |days| since(days).is_some_and(|since| received_on >= since);
    let named = advice.told.reference_key().is_some_and(|key| marks.references.contains(&key));
    came_within(if named { DAYS_BY_REFERENCE } else { DAYS_BY_PAYER })
}

/// The payment that it is about, which pays something of what it names and belongs to no advice.
fn matched_by(set: &WorkingSet, advice: &Advice) -> Option<Matched> {
    let lines = advice.told.lines.iter().map(|line| named_by_line(set, line));
    let lines: Vec<_> = lines.collect();
    let (mut found, mut elsewhere) = (Vec::new(), BTreeSet::new());
    for (payment_id, record) in set.money_of(&advice.told) {
        let bank = &record.transaction;
        if set.advice_of(payment_id).is_some() {
            continue;
        }
        let Some(payment) = set.payment(payment_id) else { continue };
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
            [id] => set.pays(payment_id, id),
            _ => false,
        };
        let paid = lines.iter().filter(pays).count();
        let marks = Marks::of(bank);
        if paid == 0 && advice.is_about(&marks) && is_its_money(advice, &marks, payment.received_on)
        {
            elsewhere.insert(payment_id.clone());
        }
        if paid > 0 && advice.is_about(&marks) {
            found.push(match (paid == lines.len(), rest) {
                (true, _) => Matched::All(payment_id.clone()),
                (false, true) => Matched::HasRest(payment_id.clone()),
                (false, false) => Matched::Otherwise,
            });
        }
    }
    let Some(only) = found.pop() else {
        // Of several nobody knows which is its own.
        let first = elsewhere.pop_first().filter(|_| elsewhere.is_empty());
        return first.map(Matched::Elsewhere);
    };
    Some(if found.is_empty() { only } else { Matched::Otherwise })
}

/// A person allocated money that an advice may be about: if it pays something of what the only one
/// names, that is its advice from now on. Else the advice waits for nothing any more.
pub(super) fn by_hand(recording: &mut Recording<'_>, payment_id: &PaymentId) -> Result<(), Stop> {
    let set = &recording.set;
    let Some(record) = set.bank_record(payment_id) else { return Ok(()) };
    if set.advice_of(payment_id).is_some() {
        return Ok(());
    }
    let fitting = set.advices_fitting(&record.transaction, recording.context.as_of);
    let pays = |advice: &&Advice| {
        let mut lines = advice.told.lines.iter();
        lines.any(|line| match named_by_line(set, line).as_slice() {
            [id] => set.pays(payment_id, id),
            _ => false,
        })
    };
    let (paid, others): (Vec<&Advice>, Vec<&Advice>) = fitting.into_iter().partition(pays);
    let first = paid.iter().find(|advice| advice.state == AdviceState::Open);
    let used = first.map(|advice| advice.told.key.clone());
    // Of several that it pays nothing of, nobody has said which is its own.
    let none = paid.is_empty() && others.len() == 1;
    let over = paid.iter().chain(others.iter().filter(|_| none));
    let over: Vec<_> = over.map(|advice| advice.told.key.clone()).collect();
    for key in over.into_iter().filter(|key| Some(key) != used.as_ref()) {
        let end = AdviceEnd::ByHand(payment_id.clone());
        recording.add(Effect::EndAdvice { key, end })?;
    }
    if let Some(key) = used {
        recording.add(Effect::SettleAdvice { key, used_by: Some(payment_id.clone()) })?;
    }
    Ok(())
}

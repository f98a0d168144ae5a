//! A person's word on a suggestion: confirmed (everything is checked again), or refused for ever.

use super::settle::{self, Part};
use crate::account::{AliasUse, PayerLink};
use crate::allocation::Rule;
use crate::decide::asked::Result;
use crate::decide::recording::{Halt, Recording};
use crate::decide::{advice, asked};
use crate::effect::Effect;
use crate::ids::{AccountId, PaymentId, SuggestionId};
use crate::invoice::Invoice;
use crate::payment::{Payment, PaymentOrigin};
use crate::rejection::Rejection;
use crate::review::{ReviewEffect, Suggestion, SuggestionStatus};
use crate::working_set::miss::Stop;

/// What a command says about a suggestion.
pub(super) struct Word<'a> {
    pub payment_id: &'a PaymentId,
    pub suggestion_id: &'a SuggestionId,
    pub account_id: &'a AccountId,
    pub reason: Option<&'a String>,
}

/// What the word is about, if it may be said.
fn open(recording: &Recording<'_>, word: &Word<'_>) -> Result<(Payment, Suggestion)> {
    let payment = asked::known_payment(recording, word.payment_id)?;
    let known = recording.set.suggestion(word.payment_id, word.suggestion_id).cloned();
    asked::check_owner(payment.account_id.as_ref(), word.account_id)?;
    asked::check_owner(known.as_ref().map(|known| &known.account_id), word.account_id)?;
    asked::open_account(recording, word.account_id)?;
    asked::check_usable(&payment)?;
    let suggestion = known.ok_or(Rejection::SuggestionUnknown)?;
    if suggestion.status != SuggestionStatus::Open {
        return Err(Rejection::SuggestionClosed.into());
    }
    Ok((payment, suggestion))
}

fn resolve(
    recording: &mut Recording<'_>,
    word: &Word<'_>,
    status: SuggestionStatus,
) -> std::result::Result<(), Stop> {
    let resolved = ReviewEffect::Resolve {
        payment_id: word.payment_id.clone(),
        suggestion_id: word.suggestion_id.clone(),
        status,
        reason: word.reason.cloned(),
        cause: recording.cause.record.clone(),
    };
    recording.add(Effect::Review(Box::new(resolved)))
}

/// Allocates what was suggested: all of it, or nothing.
pub(super) fn confirm(recording: &mut Recording<'_>, word: &Word<'_>) -> Result {
    let (payment, suggestion) = open(recording, word)?;
    let mut invoices = Vec::with_capacity(suggestion.parts.len());
    for (invoice_id, _) in &suggestion.parts {
        let known = recording.set.invoice(invoice_id).cloned();
        invoices.push(known.ok_or(Stop::Corrupt("a suggested invoice that is not loaded"))?);
    }
    asked::check_invoices(&payment, &invoices)?;
    let paired = suggestion
        .parts
        .iter()
        .any(|(invoice_id, _)| recording.set.pays(&payment.payment_id, invoice_id));
    if paired {
        return Err(Rejection::AllocationExists.into());
    }
    let amounts: Vec<_> = suggestion.parts.iter().map(|part| Some(part.1)).collect();
    let parts = asked::parts_of(&payment, &invoices, &amounts)?;
    let others = others(recording, word, &suggestion, &invoices)?;
    let all: Vec<Part> = parts.iter().chain(others.iter().flat_map(|o| &o.1)).cloned().collect();
    settle::check_balance_limit(recording, word.account_id, &all)?;
    resolve(recording, word, SuggestionStatus::Confirmed)?;
    let first = (payment, parts);
    for (payment, parts) in std::iter::once(first).chain(others) {
        let payment_id = payment.payment_id;
        if payment.account_id.is_none() {
            let (payment_id, account_id) = (payment_id.clone(), word.account_id.clone());
            recording.add(Effect::AssignPayment { payment_id, account_id })?;
        }
        learn(recording, &payment_id, word.account_id, Some(word.suggestion_id))?;
        settle::post_provisioned(recording, &payment_id, Rule::NamedByCommand, &parts)?;
        advice::by_hand(recording, &payment_id)?;
    }
    Ok(asked::applied_payment(word.payment_id))
}

/// The other payments of the suggestion, if each can still give what it was to give, and the
/// invoice still takes all of it.
fn others(
    recording: &Recording<'_>,
    word: &Word<'_>,
    suggestion: &Suggestion,
    invoices: &[Invoice],
) -> std::result::Result<Vec<(Payment, Vec<Part>)>, Halt> {
    let (Some(invoice), Some((_, own))) = (invoices.first(), suggestion.parts.first()) else {
        return Ok(Vec::new());
    };
    let mut left = invoice.due()?.sub(*own)?;
    let mut others = Vec::with_capacity(suggestion.with.len());
    for (payment_id, amount) in &suggestion.with {
        let payment = asked::known_payment(recording, payment_id)?;
        asked::check_owner(payment.account_id.as_ref(), word.account_id)?;
        asked::check_usable(&payment)?;
        if payment.question.is_some() {
            return Err(Rejection::SuggestionClosed.into());
        }
        if recording.set.pays(payment_id, &invoice.invoice_id) {
            return Err(Rejection::AllocationExists.into());
        }
        if amount.compare(payment.unallocated()?)?.is_gt() {
            return Err(Rejection::AmountExceedsUnallocated.into());
        }
        if amount.compare(left)?.is_gt() {
            return Err(Rejection::AmountExceedsDue.into());
        }
        left = left.sub(*amount)?;
        let part = Part { invoice_id: invoice.invoice_id.clone(), amount: *amount };
        others.push((payment, vec![part]));
    }
    Ok(others)
}

/// The payment stays as it is; these invoices are not suggested for it again, nor found by amount.
pub(super) fn reject(recording: &mut Recording<'_>, word: &Word<'_>) -> Result {
    open(recording, word)?;
    resolve(recording, word, SuggestionStatus::Rejected)?;
    Ok(asked::applied_payment(word.payment_id))
}

/// A person said whose money a bank payment is: its payer's account is linked to the customer.
/// Each payment teaches once, whatever is said about it afterwards.
pub(super) fn learn(
    recording: &mut Recording<'_>,
    payment_id: &PaymentId,
    account_id: &AccountId,
    suggestion_id: Option<&SuggestionId>,
) -> std::result::Result<(), Halt> {
    let Some(payer_account) = recording.set.payer_of(payment_id) else {
        return Ok(());
    };
    let payment = recording.set.payment(payment_id);
    let Some(payment) = payment.filter(|payment| payment.origin == PaymentOrigin::Bank) else {
        return Ok(());
    };
    let on = payment.received_on;
    let ours = recording.context.rules.global().own_accounts.contains(&payer_account);
    let customers = recording.set.customers(&payer_account);
    let verified = customers.is_some_and(|known| known.verified.contains(account_id));
    let link = PayerLink { payer_account, account_id: account_id.clone() };
    let links = recording.set.links_of(payment_id);
    if ours || verified || links.is_some_and(|links| links.contains(&link)) {
        return Ok(());
    }
    let effect = ReviewEffect::Link {
        used: AliasUse { link, on },
        payment_id: payment_id.clone(),
        suggestion_id: suggestion_id.cloned(),
        cause: recording.cause.record.clone(),
    };
    recording.add(Effect::Review(Box::new(effect)))?;
    Ok(())
}

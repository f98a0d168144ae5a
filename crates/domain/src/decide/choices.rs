//! Choices of a payment that waits: which are open, which are new, and which can be made no more.

use crate::decide::recording::Recording;
use crate::ids::{AccountId, InvoiceId};
use crate::matching::decision::{MatchDecision, MatchOutcome};
use crate::money::Money;
use crate::payment::{Payment, PaymentState};
use crate::review::{self, SuggestionStatus};

/// Whether money that is held adds up with another payment by now, or the rest of a payment, for
/// which nothing could be chosen, has a choice: a newer invoice may be what it is for.
pub(super) fn adds_one(
    recording: &Recording<'_>,
    payment: &Payment,
    decision: &MatchDecision,
) -> bool {
    let held = matches!(payment.state, PaymentState::OnAccount | PaymentState::PartlyAllocated)
        && matches!(decision.outcome, MatchOutcome::OnAccount);
    if is_stale(recording, payment, decision) {
        return true;
    }
    if !held {
        return false;
    }
    let choices = review::suggestions(decision);
    choices.iter().any(|choice| !choice.with.is_empty() && is_new(recording, payment, choice))
        || payment.state == PaymentState::PartlyAllocated
            && !choices.is_empty()
            && open_choices(recording, payment).next().is_none()
}

fn open_choices<'a>(
    recording: &'a Recording<'_>,
    payment: &Payment,
) -> impl Iterator<Item = &'a review::Suggestion> {
    let known = recording.set.suggested(&payment.payment_id);
    known.iter().filter(|one| one.status == SuggestionStatus::Open)
}

/// Whether the choice is not open already.
fn is_new(recording: &Recording<'_>, payment: &Payment, choice: &review::Suggestion) -> bool {
    let mut open = open_choices(recording, payment);
    !open.any(|one| one.with == choice.with && one.parts == choice.parts)
}

/// Whether the decision has a choice that is not open.
pub(super) fn offers_anew(
    recording: &Recording<'_>,
    payment: &Payment,
    decision: &MatchDecision,
) -> bool {
    review::suggestions(decision).iter().any(|choice| is_new(recording, payment, choice))
}

/// Whether a choice that is open cannot be made any more: an invoice of it was paid, voided, or
/// takes less by now, or the payment has less. What can be chosen instead is told in its place.
fn is_stale(recording: &Recording<'_>, payment: &Payment, decision: &MatchDecision) -> bool {
    let mut now = decision.clone();
    keep_own(&mut now, payment.account_id.as_ref());
    let choices = review::suggestions(&now);
    let known = recording.set.suggested(&payment.payment_id);
    let mut open = known
        .iter()
        .filter(|s| s.status == SuggestionStatus::Open && s.payment_id == payment.payment_id);
    let gone = |part: &(InvoiceId, Money)| {
        let invoice = recording.set.invoice(&part.0);
        invoice.is_some_and(|invoice| {
            let fits = invoice.due().and_then(|due| part.1.compare(due));
            !invoice.is_payable() || fits.is_ok_and(std::cmp::Ordering::is_gt)
        })
    };
    let too_much = |choice: &review::Suggestion| {
        let zero = Money::zero(payment.currency());
        let sum = choice.parts.iter().try_fold(zero, |sum, part| sum.add(part.1));
        let more = |sum: Money| payment.unallocated().and_then(|free| sum.compare(free));
        sum.and_then(more).is_ok_and(std::cmp::Ordering::is_gt)
    };
    open.any(|choice| {
        (choice.parts.iter().any(gone) || too_much(choice))
            && !choices.iter().any(|c| c.parts == choice.parts && c.with == choice.with)
    })
}

/// It is decided again, and by now names another customer too: their invoices are no choice.
pub(super) fn keep_own(decision: &mut MatchDecision, owner: Option<&AccountId>) {
    if let Some(owner) = owner {
        decision.suggestions.retain(|entry| entry.account_id == *owner);
        decision.together.retain(|together| together.invoice.account_id == *owner);
    }
}

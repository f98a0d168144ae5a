//! A decision's explanation as the JSON that `topup payments explain` reads.

use serde::Serialize;

use crate::domain::account::Identity;
use crate::domain::ids::PaymentId;
use crate::domain::matching::{MatchDecision, MatchOutcome, PolicyNote};
use crate::domain::money::Money;
use crate::domain::review::{Suggestion, suggestions};
use crate::domain::working_set::BookEntry;

#[derive(Serialize)]
struct Explained<'a> {
    free: String,
    currency: &'a str,
    identity: Option<ExplainedIdentity<'a>>,
    candidates: Vec<ExplainedCandidate<'a>>,
    same_amount_account: Option<usize>,
    same_amount_book: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stated: Option<ExplainedMoney>,
    notes: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    looks_like: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advices: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<ExplainedPolicy<'a>>,
    suggestions: Vec<ExplainedSuggestion<'a>>,
    allocations: Vec<ExplainedPart<'a>>,
}

#[derive(Serialize)]
struct ExplainedMoney {
    amount: String,
    currency: String,
}

#[derive(Serialize)]
struct ExplainedPolicy<'a> {
    policy: &'static str,
    value: &'a str,
    own: bool,
}

#[derive(Serialize)]
struct ExplainedIdentity<'a> {
    account_id: &'a str,
    strength: &'static str,
}

#[derive(Serialize)]
struct ExplainedInvoice<'a> {
    invoice_id: &'a str,
    account_id: &'a str,
    amount_due: String,
    /// Only where it is not the payment's.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
}

#[derive(Serialize)]
struct ExplainedSuggestion<'a> {
    suggestion_id: Option<&'a str>,
    #[serde(flatten)]
    invoice: ExplainedInvoice<'a>,
    /// Other payments that are held, and what each adds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    with: Vec<ExplainedPayment<'a>>,
}

#[derive(Serialize)]
struct ExplainedPayment<'a> {
    payment_id: &'a str,
    amount: String,
}

#[derive(Serialize)]
struct ExplainedCandidate<'a> {
    invoice_id: &'a str,
    account_id: &'a str,
    amount_due: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    named_by: &'static str,
    verdict: &'static str,
}

#[derive(Serialize)]
struct ExplainedPart<'a> {
    invoice_id: &'a str,
    amount: String,
}

fn other_currency(entry: &BookEntry, free: Money) -> Option<String> {
    let currency = entry.amount_due.currency();
    (currency != free.currency()).then(|| currency.code().to_owned())
}

fn policy(note: &PolicyNote) -> ExplainedPolicy<'_> {
    ExplainedPolicy { policy: note.kind.word(), value: &note.value, own: note.own }
}

fn invoice(entry: &BookEntry, free: Money) -> ExplainedInvoice<'_> {
    ExplainedInvoice {
        invoice_id: entry.invoice_id.as_str(),
        account_id: entry.account_id.as_str(),
        amount_due: entry.amount_due.number(),
        currency: other_currency(entry, free),
    }
}

fn suggestion<'a>(
    choices: &'a [Suggestion],
    entry: &'a BookEntry,
    with: &'a [(PaymentId, Money)],
    free: Money,
) -> ExplainedSuggestion<'a> {
    let of = |choice: &&Suggestion| {
        choice.with == with && choice.parts.iter().any(|part| part.0 == entry.invoice_id)
    };
    let suggestion_id = choices.iter().find(of).map(|choice| choice.id.as_str());
    let adds = |(id, amount): &'a (PaymentId, Money)| ExplainedPayment {
        payment_id: id.as_str(),
        amount: amount.number(),
    };
    let with = with.iter().map(adds).collect();
    ExplainedSuggestion { suggestion_id, invoice: invoice(entry, free), with }
}

/// The explanation of `decision`, as one JSON object.
#[must_use]
pub fn to_json(decision: &MatchDecision) -> String {
    let explanation = &decision.explanation;
    let identity = explanation.identity.as_ref().map(|Identity { account_id, strength }| {
        ExplainedIdentity { account_id: account_id.as_str(), strength: strength.word() }
    });
    let candidates = explanation.candidates.iter().map(|candidate| ExplainedCandidate {
        invoice_id: candidate.invoice.invoice_id.as_str(),
        account_id: candidate.invoice.account_id.as_str(),
        amount_due: candidate.invoice.amount_due.number(),
        currency: other_currency(&candidate.invoice, decision.free),
        named_by: candidate.named_by.word(),
        verdict: candidate.verdict.word(),
    });
    let allocations = match &decision.outcome {
        MatchOutcome::Allocate(parts) => parts.as_slice(),
        MatchOutcome::OnAccount | MatchOutcome::Park(_) => &[],
    };
    let choices = suggestions(decision);
    let together = decision.together.iter();
    let together = together.map(|one| suggestion(&choices, &one.invoice, &one.with, decision.free));
    let alone = decision.suggestions.iter();
    let alone = alone.map(|entry| suggestion(&choices, entry, &[], decision.free));
    let currency = decision.free.currency();
    let explained = Explained {
        free: decision.free.number(),
        currency: currency.code(),
        identity,
        candidates: candidates.collect(),
        same_amount_account: explanation.same_amount_account,
        same_amount_book: explanation.same_amount_book,
        stated: explanation.stated.map(|stated| ExplainedMoney {
            amount: stated.number(),
            currency: stated.currency().code().to_owned(),
        }),
        notes: &explanation.notes,
        looks_like: explanation.looks_like.as_ref().map(PaymentId::as_str),
        advices: explanation.advices.iter().map(|key| key.advice_id.as_str()).collect(),
        policies: explanation.policies.iter().map(policy).collect(),
        suggestions: together.chain(alone).collect(),
        allocations: allocations
            .iter()
            .map(|(id, amount)| ExplainedPart { invoice_id: id.as_str(), amount: amount.number() })
            .collect(),
    };
    // A struct of strings and numbers always has a JSON form.
    serde_json::to_string(&explained).unwrap_or_else(|_| "{}".to_owned())
}

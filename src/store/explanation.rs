//! Why a payment was decided as it was: `decisions.explanation`, which is written and read here.

use serde::{Deserialize, Serialize};

use super::packed::{EXPLANATIONS, Unpacker};
use crate::domain::ids::PaymentId;
use crate::domain::matching::{MatchDecision, MatchOutcome};
use crate::domain::money::Money;
use crate::domain::review::{Suggestion, suggestions};
use crate::domain::working_set::BookEntry;

/// `decisions.explanation` as it is stored. A field that an older version did not write is empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExplanationView {
    pub free: String,
    pub currency: String,
    pub identity: Option<IdentityView>,
    pub candidates: Vec<CandidateView>,
    /// Eleven means "more than ten".
    pub same_amount_account: Option<u64>,
    pub same_amount_book: Option<u64>,
    /// The amount in the invoice's currency, as the bank states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stated: Option<StatedView>,
    pub notes: Vec<String>,
    /// The remittance advices that fit it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advices: Vec<String>,
    /// The earlier payment that this one may be again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks_like: Option<String>,
    /// Stored only where one had a say; whoever shows it shows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<PolicyView>>,
    pub suggestions: Vec<SuggestionView>,
    pub allocations: Vec<AllocatedView>,
}

/// A policy that had a say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyView {
    pub policy: String,
    pub value: String,
    /// It is the customer's own, and not everybody's.
    pub own: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatedView {
    pub amount: String,
    pub currency: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdentityView {
    pub account_id: String,
    pub strength: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CandidateView {
    pub invoice_id: String,
    pub account_id: String,
    pub amount_due: String,
    /// Only where it is not the payment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    pub named_by: String,
    pub verdict: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SuggestionView {
    /// None: it cannot be chosen, or an older version wrote it.
    #[serde(default)]
    pub suggestion_id: Option<String>,
    pub invoice_id: String,
    pub account_id: String,
    pub amount_due: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Other payments that are held, and what each adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<AddedView>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddedView {
    pub payment_id: String,
    pub amount: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AllocatedView {
    pub invoice_id: String,
    pub amount: String,
}

/// The explanation that was stored in this form.
///
/// # Errors
/// When a later version stored it, or the bytes are not what was written.
pub fn read(form: i16, bytes: Vec<u8>) -> Result<ExplanationView, Unread> {
    let text = Unpacker::new(&EXPLANATIONS).unpack(form, bytes);
    let text = text.map_err(|unreadable| Unread(unreadable.word().to_owned()))?;
    let read = serde_json::from_str(&text);
    let mut stored: ExplanationView = read.map_err(|error| Unread(error.to_string()))?;
    stored.policies.get_or_insert_default();
    Ok(stored)
}

/// Why a stored explanation cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unread(String);

/// The explanation of `decision`, as one JSON object.
pub fn to_json(decision: &MatchDecision) -> String {
    // A struct of texts and numbers always has a JSON form.
    serde_json::to_string(&of(decision)).unwrap_or_else(|_| "{}".to_owned())
}

fn of(decision: &MatchDecision) -> ExplanationView {
    let (explanation, free) = (&decision.explanation, decision.free);
    let candidates = explanation.candidates.iter().map(|candidate| CandidateView {
        invoice_id: candidate.invoice.invoice_id.to_string(),
        account_id: candidate.invoice.account_id.to_string(),
        amount_due: candidate.invoice.amount_due.number(),
        currency: other_currency(&candidate.invoice, free),
        named_by: candidate.named_by.word().to_owned(),
        verdict: candidate.verdict.word().to_owned(),
    });
    let policies = explanation.policies.iter().map(|note| PolicyView {
        policy: note.kind.word().to_owned(),
        value: note.value.clone(),
        own: note.own,
    });
    let policies: Vec<PolicyView> = policies.collect();
    let allocations = match &decision.outcome {
        MatchOutcome::Allocate(parts) => parts.as_slice(),
        MatchOutcome::OnAccount | MatchOutcome::Park(_) => &[],
    };
    let allocations = allocations
        .iter()
        .map(|(id, sum)| AllocatedView { invoice_id: id.to_string(), amount: sum.number() });
    let choices = suggestions(decision);
    let together = decision.together.iter();
    let together = together.map(|one| suggestion(&choices, &one.invoice, &one.with, free));
    let alone = decision.suggestions.iter().map(|entry| suggestion(&choices, entry, &[], free));
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    ExplanationView {
        free: free.number(),
        currency: free.code().to_owned(),
        identity: explanation.identity.as_ref().map(|found| IdentityView {
            account_id: found.account_id.to_string(),
            strength: found.strength.word().to_owned(),
        }),
        candidates: candidates.collect(),
        same_amount_account: explanation.same_amount_account.map(count),
        same_amount_book: explanation.same_amount_book.map(count),
        stated: explanation.stated.map(|stated| StatedView {
            amount: stated.number(),
            currency: stated.code().to_owned(),
        }),
        notes: explanation.notes.iter().map(|note| (*note).to_owned()).collect(),
        advices: explanation.advices.iter().map(|key| key.advice_id.to_string()).collect(),
        looks_like: explanation.looks_like.as_ref().map(ToString::to_string),
        policies: (!policies.is_empty()).then_some(policies),
        suggestions: together.chain(alone).collect(),
        allocations: allocations.collect(),
    }
}

fn other_currency(entry: &BookEntry, free: Money) -> Option<String> {
    let currency = entry.amount_due.currency();
    (currency != free.currency()).then(|| currency.code().to_owned())
}

fn suggestion(
    choices: &[Suggestion],
    entry: &BookEntry,
    with: &[(PaymentId, Money)],
    free: Money,
) -> SuggestionView {
    let of = |choice: &&Suggestion| {
        choice.with == with && choice.parts.iter().any(|part| part.0 == entry.invoice_id)
    };
    let adds = |(id, sum): &(PaymentId, Money)| AddedView {
        payment_id: id.to_string(),
        amount: sum.number(),
    };
    SuggestionView {
        suggestion_id: choices.iter().find(of).map(|choice| choice.id.to_string()),
        invoice_id: entry.invoice_id.to_string(),
        account_id: entry.account_id.to_string(),
        amount_due: entry.amount_due.number(),
        currency: other_currency(entry, free),
        with: with.iter().map(adds).collect(),
    }
}

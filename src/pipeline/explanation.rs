//! A decision's explanation as the JSON that `topup payments explain` reads.

use serde::Serialize;

use crate::domain::account::Identity;
use crate::domain::matching::{MatchDecision, MatchOutcome, PolicyNote};
use crate::domain::working_set::BookEntry;

#[derive(Serialize)]
struct Explained<'a> {
    free: String,
    currency: &'a str,
    identity: Option<ExplainedIdentity<'a>>,
    candidates: Vec<ExplainedCandidate<'a>>,
    same_amount_account: Option<usize>,
    same_amount_book: Option<usize>,
    notes: &'a [&'static str],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<ExplainedPolicy<'a>>,
    suggestions: Vec<ExplainedInvoice<'a>>,
    allocations: Vec<ExplainedPart<'a>>,
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
}

#[derive(Serialize)]
struct ExplainedCandidate<'a> {
    invoice_id: &'a str,
    account_id: &'a str,
    amount_due: String,
    named_by: &'static str,
    verdict: &'static str,
}

#[derive(Serialize)]
struct ExplainedPart<'a> {
    invoice_id: &'a str,
    amount: String,
}

fn policy(note: &PolicyNote) -> ExplainedPolicy<'_> {
    ExplainedPolicy { policy: note.kind.word(), value: &note.value, own: note.own }
}

fn invoice(entry: &BookEntry) -> ExplainedInvoice<'_> {
    ExplainedInvoice {
        invoice_id: entry.invoice_id.as_str(),
        account_id: entry.account_id.as_str(),
        amount_due: entry.amount_due.number(),
    }
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
        named_by: candidate.named_by.word(),
        verdict: candidate.verdict,
    });
    let allocations = match &decision.outcome {
        MatchOutcome::Allocate(parts) => parts.as_slice(),
        MatchOutcome::OnAccount | MatchOutcome::Park(_) => &[],
    };
    let currency = decision.free.currency();
    let explained = Explained {
        free: decision.free.number(),
        currency: currency.code(),
        identity,
        candidates: candidates.collect(),
        same_amount_account: explanation.same_amount_account,
        same_amount_book: explanation.same_amount_book,
        notes: &explanation.notes,
        policies: explanation.policies.iter().map(policy).collect(),
        suggestions: decision.suggestions.iter().map(invoice).collect(),
        allocations: allocations
            .iter()
            .map(|(id, amount)| ExplainedPart { invoice_id: id.as_str(), amount: amount.number() })
            .collect(),
    };
    // A struct of strings and numbers always has a JSON form.
    serde_json::to_string(&explained).unwrap_or_else(|_| "{}".to_owned())
}

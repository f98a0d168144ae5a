//! What a person may choose for a payment, what they chose, and what is learnt from it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::allocation::Rule;
use super::ids::{AccountId, DecisionId, InvoiceId, PaymentId, RecordId, SuggestionId};
use super::money::{Money, MoneyError};
use super::payment::ParkReason;
use crate::invoice::BookEntry;
use crate::matching::decision::{MatchDecision, MatchOutcome};

use super::account::AliasUse;
pub use super::account::{Alias, PayerLink};

/// Whether a suggestion can still be chosen, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SuggestionStatus {
    Open,
    /// A person chose it.
    Confirmed,
    /// A person refused it, for ever.
    Rejected,
    /// The payment was decided again, or its money went elsewhere.
    Superseded,
}

impl SuggestionStatus {
    pub const ALL: [Self; 4] = [Self::Open, Self::Confirmed, Self::Rejected, Self::Superseded];

    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        }
    }

    /// Reads what the database holds.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// One choice for a payment: an invoice, or invoices that are taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    pub id: SuggestionId,
    pub payment_id: PaymentId,
    pub decision_id: DecisionId,
    pub account_id: AccountId,
    /// What each invoice would get of the payment; at least one.
    pub parts: Vec<(InvoiceId, Money)>,
    /// Other payments that are held, and what each adds to the one invoice.
    pub with: Vec<(PaymentId, Money)>,
    pub status: SuggestionStatus,
}

impl Suggestion {
    pub fn invoices(&self) -> BTreeSet<InvoiceId> {
        self.parts.iter().map(|part| part.0.clone()).collect()
    }

    /// All payments that would be allocated.
    pub fn payments(&self) -> BTreeSet<PaymentId> {
        let others = self.with.iter().map(|other| other.0.clone());
        others.chain([self.payment_id.clone()]).collect()
    }
}

/// What review changes, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewEffect {
    /// The choices of one decision; never empty.
    Suggest(Vec<Suggestion>),
    /// A person chose or refused.
    Resolve {
        payment_id: PaymentId,
        suggestion_id: SuggestionId,
        status: SuggestionStatus,
        reason: Option<String>,
        cause: RecordId,
    },
    /// A person gave a payment of this payer to this customer.
    Link {
        used: AliasUse,
        payment_id: PaymentId,
        suggestion_id: Option<SuggestionId>,
        cause: RecordId,
    },
    /// A decision that rested on the link, or made it, was taken back.
    Unlink { used: AliasUse, payment_id: PaymentId, at: DateTime<Utc>, cause: RecordId },
}

/// What of the payment a decision leaves: all of it, or the rest of what it allocated.
///
/// # Errors
/// Only if the parts are more than the payment has.
pub fn left(outcome: &MatchOutcome, free: Money) -> Result<Money, MoneyError> {
    match outcome {
        MatchOutcome::Allocate(parts) => parts.iter().try_fold(free, |left, p| left.sub(p.1)),
        MatchOutcome::OnAccount | MatchOutcome::Park(_) => Ok(free),
    }
}

/// What a person may choose for what a decision leaves, best first, with the amounts: one invoice
/// each, or all together where the rule means a group, or where the rest is exactly their sum. What
/// is in another currency cannot be chosen.
pub fn choices(
    rule: Rule,
    outcome: &MatchOutcome,
    suggested: &[BookEntry],
    free: Money,
) -> Vec<Vec<BookEntry>> {
    let Some(left) = left(outcome, free).ok().filter(|left| left.is_positive()) else {
        return Vec::new();
    };
    let currency = left.currency();
    let choosable = suggested.iter().filter(|entry| entry.amount_due.currency() == currency);
    let entries: Vec<BookEntry> = choosable.cloned().collect();
    let rest = matches!(outcome, MatchOutcome::Allocate(_));
    let together = !rest
        && matches!(
            rule,
            Rule::RemittanceAdvice
                | Rule::SeveralInvoices
                | Rule::SeveralWithAnotherSum
                | Rule::GroupOfInvoices
        )
        || *outcome == MatchOutcome::Park(ParkReason::AboveAutoLimit);
    let accounts: BTreeSet<&AccountId> = entries.iter().map(|entry| &entry.account_id).collect();
    let sum = entries.iter().try_fold(Money::zero(currency), |sum, e| sum.add(e.amount_due));
    let order = sum.and_then(|sum| sum.compare(left));
    let exactly = rest && order.as_ref().is_ok_and(|order| order.is_eq());
    let fits = together && order.is_ok_and(std::cmp::Ordering::is_le);
    if (fits || exactly) && accounts.len() == 1 && entries.len() > 1 {
        return vec![entries];
    }
    entries.into_iter().map(|entry| vec![entry]).collect()
}

/// The suggestions of a decision. Their ids are the decision's, and a number: the same decision
/// always gives the same ids.
pub fn suggestions(decision: &MatchDecision) -> Vec<Suggestion> {
    let Ok(left) = left(&decision.outcome, decision.free) else {
        return Vec::new();
    };
    let all = choices(decision.rule, &decision.outcome, &decision.suggestions, decision.free);
    let alone = all.into_iter().map(|entries| (entries, Vec::new()));
    let together = decision.together.iter().map(|t| (vec![t.invoice.clone()], t.with.clone()));
    let numbered = (1_usize..).zip(together.chain(alone));
    numbered
        .filter_map(|(number, (entries, with))| {
            let account_id = entries.first()?.account_id.clone();
            let amount = |entry: &BookEntry| entry.amount_due.min(left).ok();
            let parts =
                entries.iter().map(|entry| Some((entry.invoice_id.clone(), amount(entry)?)));
            Some(Suggestion {
                id: SuggestionId::trusted(&format!("{}-{number}", decision.id.0)),
                payment_id: decision.payment_id.clone(),
                decision_id: decision.id,
                account_id,
                parts: parts.collect::<Option<Vec<_>>>()?,
                with,
                status: SuggestionStatus::Open,
            })
        })
        .collect()
}

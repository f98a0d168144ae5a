//! What matching decided about a payment, and why.

use chrono::{DateTime, Utc};

use crate::account::{AliasUse, Identity};
use crate::advice::AdviceKey;
use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::ids::{DecisionId, InvoiceId, PaymentId};
use crate::invoice::BookEntry;
use crate::keys::WatchKey;
use crate::matching::policy::PolicyNote;
use crate::matching::text::Tokens;
use crate::matching::verdict::Verdict;
use crate::money::Money;
use crate::payment::ParkReason;

/// Suggestions and near misses shown for one payment.
pub const SUGGESTIONS_MAX: usize = 5;

/// The payment as matching sees it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub payment_id: &'a PaymentId,
    pub bank: &'a BankTransaction,
    /// What its text may name.
    pub tokens: &'a Tokens,
    /// What is not allocated yet; greater than zero.
    pub free: Money,
}

/// What matching found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchOutcome {
    /// In this order; the rest stays on the payment.
    Allocate(Vec<(InvoiceId, Money)>),
    /// The account is known and nothing fits: held there.
    OnAccount,
    Park(ParkReason),
}

impl MatchOutcome {
    pub fn ending(&self, suggestions: bool) -> Matched {
        match self {
            Self::Allocate(_) => Matched::Allocated,
            Self::OnAccount => Matched::OnAccount,
            Self::Park(_) if suggestions => Matched::Suggested,
            Self::Park(_) => Matched::Parked,
        }
    }

    pub fn word(&self, suggestions: bool) -> &'static str {
        self.ending(suggestions).word()
    }
}

/// The word of what matching found, as it is stored of each decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matched {
    Allocated,
    OnAccount,
    /// Parked, with something that a person may confirm.
    Suggested,
    Parked,
}

impl Matched {
    pub const ALL: [Self; 4] = [Self::Allocated, Self::OnAccount, Self::Suggested, Self::Parked];

    pub fn word(self) -> &'static str {
        match self {
            Self::Allocated => "allocated",
            Self::OnAccount => "on_account",
            Self::Suggested => "suggested",
            Self::Parked => "parked",
        }
    }

    /// Reads what the database holds.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.word() == word)
    }
}

/// How an invoice came to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NamedBy {
    Reference,
    /// A remittance advice for the payment.
    Advice,
    EndToEnd,
    Number,
    /// A word one typing mistake away.
    Near,
    /// A payer's account that was confirmed once.
    Payer,
    /// The payer's name.
    Name,
    Amount,
    Account,
}

impl NamedBy {
    pub const ALL: [Self; 9] = [
        Self::Reference,
        Self::Advice,
        Self::EndToEnd,
        Self::Number,
        Self::Near,
        Self::Payer,
        Self::Name,
        Self::Amount,
        Self::Account,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Advice => "remittance advice",
            Self::EndToEnd => "end-to-end id",
            Self::Number => "invoice number",
            Self::Near => "one typing mistake away",
            Self::Payer => "payer account",
            Self::Name => "payer name",
            Self::Amount => "amount",
            Self::Account => "account",
        }
    }

    /// Reads what the database holds.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.word() == word)
    }
}

/// An invoice that was considered, and why it was taken or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub invoice: BookEntry,
    pub named_by: NamedBy,
    pub verdict: Verdict,
}

/// Why the decision is what it is, for a finance person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation {
    pub identity: Option<Identity>,
    pub candidates: Vec<Candidate>,
    /// Open invoices with this amount: of the account, of the book; eleven means "more than ten".
    pub same_amount_account: Option<usize>,
    pub same_amount_book: Option<usize>,
    /// The amount in the invoice's currency, as the bank states it (R12).
    pub stated: Option<Money>,
    pub notes: Vec<&'static str>,
    /// The earlier payment that this one may be again.
    pub looks_like: Option<PaymentId>,
    /// The advices that fit the payment.
    pub advices: Vec<AdviceKey>,
    /// The policies that had a say.
    pub policies: Vec<PolicyNote>,
}

/// What remittance advices say of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdviceFound {
    /// This one is about it, and about no other.
    One(AdviceKey),
    /// A person has to say which, if any.
    Ambiguous(Vec<AdviceKey>),
    /// This one was about it; all that it names is paid, and the payment says what else it is for.
    Over(AdviceKey),
}

/// A stored decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchDecision {
    pub id: DecisionId,
    pub payment_id: PaymentId,
    pub rule: Rule,
    /// Of the rule set that it was decided by; 0 is the configuration.
    pub policy_version: i32,
    pub free: Money,
    pub outcome: MatchOutcome,
    /// What a person may choose, best first.
    pub suggestions: Vec<BookEntry>,
    /// Invoices that this payment and others that are held are exactly: chosen together.
    pub together: Vec<Together>,
    pub explanation: Explanation,
    /// The account that the payment is known to belong to.
    pub account: Option<Identity>,
    /// What persons taught about the payer, if the decision rests on it.
    pub alias: Option<AliasUse>,
    /// The remittance advices that it went by.
    pub advice: Option<AdviceFound>,
    /// What may settle it later.
    pub watches: Vec<WatchKey>,
    pub decided_at: DateTime<Utc>,
}

impl MatchDecision {
    /// Nothing is decided: matching could not finish. The rematch job decides it.
    pub fn put_off(
        subject: Subject<'_>,
        id: DecisionId,
        policy_version: i32,
        decided_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            payment_id: subject.payment_id.clone(),
            rule: Rule::Gate,
            policy_version,
            free: subject.free,
            outcome: MatchOutcome::Park(ParkReason::Undecided),
            suggestions: Vec::new(),
            together: Vec::new(),
            explanation: Explanation::default(),
            account: None,
            alias: None,
            advice: None,
            watches: Vec::new(),
            decided_at,
        }
    }
}

/// An invoice whose due is exactly this payment and one or two others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    pub invoice: BookEntry,
    /// The others, each with all that is free of it.
    pub with: Vec<(PaymentId, Money)>,
}

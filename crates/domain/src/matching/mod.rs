//! Which invoice a payment pays: the first tier that yields a decision wins, and a tier decides
//! automatically only without a rival. `docs/MATCHING.md` has the table.
//!
//! Ambiguity inside one account is settled by the declared order of invoices: the wallet is the
//! same and only the document differs. Ambiguity across accounts is never settled here.

pub(crate) mod advised;
mod bare;
mod currency;
pub mod fold;
mod forms;
mod hints;
mod joined;
mod learned;
mod named;
mod named_payer;
pub mod names;
pub mod near;
pub mod numbers;
pub mod payer;
pub mod policy;
pub mod reference;
mod several;
mod spans;
pub mod subset;
#[cfg(test)]
mod tests;
pub mod text;
mod tiers;
pub mod together;
pub mod upstream;
pub mod verdict;
pub mod weak;
mod words;

use chrono::{DateTime, Utc};

use super::account::{Identity, Strength};
use super::advice::AdviceKey;
use super::allocation::Rule;
use super::bank::BankTransaction;
use super::effect::WatchKey;
use super::ids::{AccountId, DecisionId, InvoiceId, PaymentId};
use super::money::Money;
use super::payment::ParkReason;
use super::review::AliasUse;
use super::working_set::{BookEntry, Miss, Stop, WorkingSet};
use near::Word;
use numbers::Number;
use text::Tokens;
use verdict::Verdict;

pub use policy::{Override, PartialPolicy, Policy, PolicyNote, RuleSet};
pub use tiers::decide_match;

/// Raised whenever a rule changes what it decides.
pub const RULE_SET_VERSION: i32 = 10;
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
    #[must_use]
    pub fn ending(&self, suggestions: bool) -> Matched {
        match self {
            Self::Allocate(_) => Matched::Allocated,
            Self::OnAccount => Matched::OnAccount,
            Self::Park(_) if suggestions => Matched::Suggested,
            Self::Park(_) => Matched::Parked,
        }
    }

    #[must_use]
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

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allocated => "allocated",
            Self::OnAccount => "on_account",
            Self::Suggested => "suggested",
            Self::Parked => "parked",
        }
    }

    /// Reads what the database holds.
    #[must_use]
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

    #[must_use]
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
    #[must_use]
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
    pub together: Vec<together::Together>,
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
    #[must_use]
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

/// What deciding this payment will probably look for beyond what its text names: loaded before,
/// it spares a second pass. A wrong guess costs a look-up and changes nothing.
///
/// # Errors
/// [`Stop::Corrupt`] when the amount is beyond what is kept.
pub fn foresee(
    set: &WorkingSet,
    bank: &BankTransaction,
    tokens: &Tokens,
) -> Result<Vec<Miss>, Stop> {
    if tokens.unread || !bank.amount.is_positive() {
        return Ok(Vec::new());
    }
    let known = |reference: &String| set.by_reference.contains_key(reference);
    if tokens.references.iter().any(|(reference, _)| known(reference)) {
        return Ok(Vec::new());
    }
    let numbers = || tokens.numbers.iter().flatten();
    let found = numbers().find_map(|number: &Number| set.by_number.get(&number.key));
    if let Some(id) = found.and_then(|ids| ids.first()) {
        // A number without a known payer is compared with its neighbours (R4).
        if identity(set, bank)?.is_some() {
            return Ok(Vec::new());
        }
        let owner = set.invoices.get(id).map(|invoice| &invoice.account_id);
        let rivals = text::rivals(bank, id).map(Miss::Near);
        return Ok(rivals.chain(namesakes(set, bank, owner)).collect());
    }
    let (code, micros) = (bank.amount.currency().code().to_owned(), bank.amount.to_micros()?);
    let payer = payer::payer(set, bank);
    // Numbers with a mistake are compared with few invoices first: those of the amount, or of the
    // customer.
    let words = text::sought(bank, tokens, payer.known.is_some()).into_iter();
    let words = words.filter(|word| word.is_reference() || matches!(word, Word::Digits(_)));
    let near = words.map(Miss::Near);
    Ok(match payer.known {
        Some(Identity { account_id, strength }) => {
            let sure = strength == Strength::Certain;
            let named = if sure { None } else { namesakes(set, bank, Some(&account_id)) };
            let exact = Miss::Exact(account_id.clone(), code.clone(), micros);
            near.chain(named).chain([exact, Miss::Oldest(account_id, code)]).collect()
        }
        None => {
            let weak = payer.weak.map(|weak| Miss::Exact(weak.account_id, code.clone(), micros));
            near.chain(weak).chain([Miss::Book(code, micros)]).collect()
        }
    })
}

/// One sign alone speaks for `owner`: the payer's name may be that of another customer.
fn namesakes(set: &WorkingSet, bank: &BankTransaction, owner: Option<&AccountId>) -> Option<Miss> {
    let key = bank.debtor_name.as_deref().and_then(named_payer::payers_key)?;
    let own = owner.and_then(|owner| set.name_of(owner)).map(names::key);
    (own.as_ref() != Some(&key)).then_some(Miss::Namesakes(key))
}

/// Who the payment comes from, without its references: the virtual account, then the payer.
///
/// # Errors
/// None at present; the signature leaves room for a look-up that misses.
pub fn identity(set: &WorkingSet, bank: &BankTransaction) -> Result<Option<Identity>, Stop> {
    Ok(payer::payer(set, bank).known)
}

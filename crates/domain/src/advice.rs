//! Remittance advice: what a payment is for, told beside it by the payer or by a lockbox.
//!
//! It is a claim, no money. It belongs to one payment of the same bank account and amount, which
//! the payer's account or a reference picks out; then it names invoices as a checked reference
//! does. Each is used once.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};

use super::bank::{BankTransaction, CUT_MARK};
use super::ids::{AdviceId, BankAccountId, ContentHash, InvoiceId, PaymentId, RecordId};
use super::matching::{fold, upstream, weak};
use super::money::{Currency, Money};
use crate::matching::fold::normalise;
use crate::matching::weak::payer_account;

/// Invoices of one advice: all of them are locked and paid in one transaction.
pub const LINES_MAX: usize = 100;
/// Days after which an advice without a payment counts no more, unless the settings say otherwise.
pub const DAYS_DEFAULT: u16 = 90;
/// Money that came so many days before its advice, and pays something else, is its money if the
/// advice's reference is the payment's; if only the payer is the same, for so few days: later the
/// next payment of that payer is meant.
pub const DAYS_BY_REFERENCE: u64 = 31;
pub const DAYS_BY_PAYER: u64 = 3;
/// Words of a payment's text that are compared with references of advices, and how many of them in
/// a row may be one reference.
const WORDS_MAX: usize = 400;
const WORDS_OF_ONE: usize = 4;

/// An advice is known by its id within the bank account that the money is paid into.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdviceKey {
    pub bank_account: BankAccountId,
    pub advice_id: AdviceId,
}

/// How a line names its invoice.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LineName {
    Invoice(InvoiceId),
    /// Our payment reference, one of upstream, or a number, as it was written.
    Reference(String),
}

impl fmt::Debug for LineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoice(id) => write!(f, "Invoice({id:?})"),
            Self::Reference(_) => f.write_str("Reference(…)"),
        }
    }
}

impl LineName {
    /// The checked reference that it may be.
    pub fn reference_key(&self) -> Option<String> {
        match self {
            Self::Invoice(_) => None,
            Self::Reference(text) => upstream::fold(text),
        }
    }

    /// The number that it may be, folded.
    pub fn number_key(&self) -> String {
        match self {
            Self::Invoice(id) => fold::fold(id.as_str()),
            Self::Reference(text) => fold::fold(&normalise(text)),
        }
    }
}

/// So much of the payment is for that invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdviceLine {
    pub name: LineName,
    /// Greater than zero.
    pub amount: Money,
}

/// An advice as it was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct RemittanceAdvice {
    pub key: AdviceKey,
    /// As they were written; at least one of them gives a key.
    pub payer_account: Option<String>,
    pub payment_reference: Option<String>,
    /// What the payment amounts to; the lines sum to it.
    pub amount: Money,
    pub lines: Vec<AdviceLine>,
}

impl fmt::Debug for RemittanceAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemittanceAdvice")
            .field("key", &self.key)
            .field("amount", &self.amount)
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

/// What an advice's money is looked for by, if it came before the advice.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdvisedMoney {
    pub bank_account: BankAccountId,
    pub currency: Currency,
    pub micros: i64,
    /// As payments are compared with them.
    pub payer: Option<String>,
    pub reference: Option<String>,
    /// The invoices that it may pay something of.
    pub lines: Vec<LineName>,
}

impl fmt::Debug for AdvisedMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdvisedMoney")
            .field("bank_account", &self.bank_account)
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

impl AdvisedMoney {
    /// Whether a payment with these marks may be it.
    pub fn has(&self, marks: &Marks) -> bool {
        let same = |one: &Option<String>| self.payer.is_some() && *one == self.payer;
        let named = self.reference.as_ref().is_some_and(|key| marks.references.contains(key));
        same(&marks.payer) || named
    }
}

impl RemittanceAdvice {
    /// Its money; none if it is more than any payment can be.
    pub fn money(&self) -> Option<AdvisedMoney> {
        Some(AdvisedMoney {
            bank_account: self.key.bank_account.clone(),
            currency: self.amount.currency(),
            micros: self.amount.to_micros().ok()?,
            payer: self.payer_key(),
            reference: self.reference_key(),
            lines: self.lines.iter().map(|line| line.name.clone()).collect(),
        })
    }

    /// The payer's account as payments are compared with it; none if it is nobody's.
    pub fn payer_key(&self) -> Option<String> {
        self.payer_account.as_deref().and_then(payer_account)
    }

    /// What it says without its id: two of the same words are the same, told twice, or are about
    /// two payments.
    pub fn words(&self) -> String {
        let line = |line: &AdviceLine| {
            let (name, exact) = (line.name.number_key(), line.name.reference_key());
            format!("{name}/{}={}", exact.unwrap_or_default(), line.amount)
        };
        let mut lines: Vec<String> = self.lines.iter().map(line).collect();
        lines.sort_unstable();
        let key = |key: Option<String>| key.unwrap_or_default();
        let (payer, reference) = (key(self.payer_key()), key(self.reference_key()));
        format!("{payer}|{reference}|{}|{}", self.amount, lines.join("|"))
    }

    /// The reference as payments are compared with it; none if anybody may write the same.
    pub fn reference_key(&self) -> Option<String> {
        let text = self.payment_reference.as_deref()?;
        (!weak::is_weak_reference(text)).then(|| weak::fold(text))
    }
}

/// Where an advice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdviceState {
    /// It waits for its payment.
    Open,
    /// It belongs to a payment, for ever.
    Used,
    /// It fits several payments, or its payment fits several advices: a person decides.
    Ambiguous,
    /// No payment came in time.
    Expired,
    /// It is of no use any more: [`AdviceEnd`] says why.
    Ended,
}

/// Why an advice is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdviceEnd {
    /// Its money came, and pays something else.
    MoneyElsewhere(PaymentId),
    /// Another one said the same, and its invoices do not take the money twice.
    ToldTwice(AdviceId),
    /// A person allocated its money.
    ByHand(PaymentId),
}

impl AdviceEnd {
    pub fn word(&self) -> &'static str {
        match self {
            Self::MoneyElsewhere(_) => "money_elsewhere",
            Self::ToldTwice(_) => "told_twice",
            Self::ByHand(_) => "by_hand",
        }
    }

    /// The payment, or the other advice, that ended it.
    pub fn about(&self) -> &str {
        match self {
            Self::MoneyElsewhere(payment_id) | Self::ByHand(payment_id) => payment_id.as_str(),
            Self::ToldTwice(advice_id) => advice_id.as_str(),
        }
    }
}

impl AdviceState {
    pub const ALL: [Self; 5] =
        [Self::Open, Self::Used, Self::Ambiguous, Self::Expired, Self::Ended];

    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Ambiguous => "ambiguous",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// An advice as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub told: RemittanceAdvice,
    pub content_hash: ContentHash,
    pub state: AdviceState,
    pub used_by: Option<PaymentId>,
    /// Why it ended; not read back, because nothing is decided by it.
    pub end: Option<AdviceEnd>,
    /// The record that told it.
    pub cause: RecordId,
    pub received_at: DateTime<Utc>,
    /// From then on it fits no payment.
    pub expires_at: DateTime<Utc>,
}

impl Advice {
    /// Whether it may still fit a payment at `at`.
    pub fn is_live(&self, at: DateTime<Utc>) -> bool {
        let waits = matches!(self.state, AdviceState::Open | AdviceState::Ambiguous);
        waits && at < self.expires_at
    }

    /// Whether `marks`, those of a payment of its amount, say that it is about that payment.
    pub fn is_about(&self, marks: &Marks) -> bool {
        let payer = self.told.payer_key();
        let by_payer = payer.is_some() && payer == marks.payer;
        by_payer || self.told.reference_key().is_some_and(|key| marks.references.contains(&key))
    }
}

/// What of a payment an advice may name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Marks {
    pub payer: Option<String>,
    pub references: BTreeSet<String>,
}

impl Marks {
    /// The payer's account, the end-to-end id, and the words of the text, alone and up to four in
    /// a row; those that anybody may write are left out.
    pub fn of(bank: &BankTransaction) -> Self {
        let payer = bank.debtor_account.as_deref().and_then(payer_account);
        let mut references = BTreeSet::new();
        let mut add = |text: &str| {
            if !weak::is_weak_reference(text) {
                references.insert(weak::fold(text));
            }
        };
        let fields = [&bank.end_to_end_id, &bank.creditor_reference];
        fields.into_iter().flatten().for_each(|field| add(field));
        let lines = bank.unstructured.iter().filter(|line| !line.starts_with(CUT_MARK));
        let words: Vec<&str> =
            lines.flat_map(|line| line.split_whitespace()).take(WORDS_MAX).collect();
        for length in 1..=WORDS_OF_ONE {
            words.windows(length).for_each(|run| add(&run.concat()));
        }
        Self { payer, references }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{MessageId, Source};
    use crate::testkit::*;

    fn advice(payer: Option<&str>, reference: Option<&str>) -> Advice {
        let told = RemittanceAdvice {
            key: AdviceKey {
                bank_account: BankAccountId::trusted("OURS"),
                advice_id: AdviceId::trusted("ADV-1"),
            },
            payer_account: payer.map(str::to_owned),
            payment_reference: reference.map(str::to_owned),
            amount: money("10.00"),
            lines: Vec::new(),
        };
        let (received_at, expires_at) = (DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC);
        let state = AdviceState::Open;
        let cause = RecordId { source: Source::trusted("t"), id: MessageId::trusted("m") };
        Advice {
            told,
            content_hash: [0; 32],
            state,
            used_by: None,
            end: None,
            cause,
            received_at,
            expires_at,
        }
    }

    #[test]
    fn a_placeholder_is_no_mark() {
        let bank = |payer: &str, text: &str| BankTransaction {
            debtor_account: Some(payer.to_owned()),
            ..credit_saying("1", "10.00", &[text])
        };
        for nobody in ["N/A", "UNKNOWN", "NOTPROVIDED", "****1234", "000000"] {
            let advice = advice(Some(nobody), None);
            assert!(!advice.is_about(&Marks::of(&bank(nobody, "hello"))), "{nobody}");
            assert_eq!(advice.told.payer_key(), None, "{nobody}");
        }
        for anybody in ["TOPUP", "invoice", "2026-11-01"] {
            let advice = advice(None, Some(anybody));
            assert!(!advice.is_about(&Marks::of(&bank("NL01BANK2", anybody))), "{anybody}");
        }
    }

    #[test]
    fn the_payer_or_a_reference_picks_the_payment_out() {
        let mut bank = credit_saying("1", "10.00", &["remit no. REM 2026/00 417 thanks"]);
        bank.debtor_account = Some("NL01 BANK-0001".to_owned());
        let marks = Marks::of(&bank);
        assert!(advice(Some("nl01bank0001"), None).is_about(&marks));
        assert!(advice(Some("DE99BANK0009"), Some("REM-2026/00417")).is_about(&marks));
        assert!(!advice(Some("DE99BANK0009"), Some("REM-2026/00418")).is_about(&marks));
        bank.end_to_end_id = Some("E2E-77120-A".to_owned());
        assert!(advice(None, Some("E2E-77120-A")).is_about(&Marks::of(&bank)));
    }
}

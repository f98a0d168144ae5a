//! Who may send what: a table of rules, and what a record has to show to pass one of them.
//!
//! Rules are alternatives: a record passes if one rule lets it through. Of one that does not pass,
//! the first rule that is for its source, type and topic says why.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};

use super::input::{Command, Input};
use super::money::{Currency, Money};
use super::usage::Usage;

/// A text, or the beginning of one if it ends with `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn fits(&self, text: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => text.starts_with(beginning),
            None => self.0 == text,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub source: Pattern,
    pub types: Vec<Pattern>,
    /// `commands`, `bank` or `usage`; none: any of them.
    pub topic: Option<String>,
    /// Empty: any amount. Else nothing passes in a currency that is not here.
    pub limits: BTreeMap<Currency, Money>,
    /// Empty: no signature is asked for. Else one of these has to have signed.
    pub keys: Vec<String>,
}

impl Rule {
    fn is_for(&self, sent: &Sent<'_>) -> bool {
        self.source.fits(sent.source)
            && self.types.iter().any(|pattern| pattern.fits(sent.kind))
            && self.topic.as_deref().is_none_or(|topic| topic == sent.topic)
    }

    fn judge(&self, facts: &Facts<'_>) -> Result<(), Why> {
        if !self.keys.is_empty() {
            let key = facts.signed_by?;
            if !self.keys.iter().any(|named| named == key) {
                return Err(Why::UnknownKey);
            }
            let (oldest, latest) = facts.believed;
            if facts.time < oldest {
                return Err(Why::TooOld);
            }
            if facts.time > latest {
                return Err(Why::InFuture);
            }
        }
        if self.limits.is_empty() {
            return Ok(());
        }
        let amounts = facts.amounts.ok_or(Why::AmountUnsaid)?;
        for amount in amounts {
            let limit = self.limits.get(&amount.currency()).ok_or(Why::CurrencyNotNamed)?;
            if !amount.compare(*limit).is_ok_and(std::cmp::Ordering::is_le) {
                return Err(Why::AboveLimit);
            }
        }
        Ok(())
    }
}

/// All rules, under a version that names them wherever something was decided by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub rules: Vec<Rule>,
    pub version: String,
    /// What it says, as it is kept under that version.
    pub content: String,
}

impl Table {
    /// Whether a rule that could let it through asks for a signature.
    pub fn asks_for_signature(&self, sent: &Sent<'_>) -> bool {
        self.rules.iter().any(|rule| !rule.keys.is_empty() && rule.is_for(sent))
    }
}

/// What a rule is found by.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    pub source: &'a str,
    pub kind: &'a str,
    /// `commands`, `bank` or `usage`.
    pub topic: &'a str,
}

/// What a record shows.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub sent: Sent<'a>,
    /// See [`amounts`].
    pub amounts: Option<&'a [Money]>,
    pub time: DateTime<Utc>,
    /// The oldest and the latest time of a signed record that is believed.
    pub believed: (DateTime<Utc>, DateTime<Utc>),
    /// The key whose signature fits, or what is wrong with the signature.
    pub signed_by: Result<&'a str, Why>,
}

/// Why a record was not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    NoRule,
    Unsigned,
    SignedTwice,
    Malformed,
    NotBase64,
    UnknownKey,
    OtherAlgorithm,
    Tampered,
    InHeaders,
    TooOld,
    InFuture,
    AmountUnsaid,
    CurrencyNotNamed,
    AboveLimit,
}

impl Why {
    pub const ALL: [Self; 14] = [
        Self::NoRule,
        Self::Unsigned,
        Self::SignedTwice,
        Self::Malformed,
        Self::NotBase64,
        Self::UnknownKey,
        Self::OtherAlgorithm,
        Self::Tampered,
        Self::InHeaders,
        Self::TooOld,
        Self::InFuture,
        Self::AmountUnsaid,
        Self::CurrencyNotNamed,
        Self::AboveLimit,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::Unsigned => "unsigned",
            Self::SignedTwice => "signed_twice",
            Self::Malformed => "malformed",
            Self::NotBase64 => "not_base64",
            Self::UnknownKey => "unknown_key",
            Self::OtherAlgorithm => "other_algorithm",
            Self::Tampered => "tampered",
            Self::InHeaders => "in_headers",
            Self::TooOld => "too_old",
            Self::InFuture => "in_future",
            Self::AmountUnsaid => "amount_unsaid",
            Self::CurrencyNotNamed => "currency_not_named",
            Self::AboveLimit => "above_limit",
        }
    }

    fn clause(self) -> &'static str {
        match self {
            Self::NoRule => "no rule is for this source, type and topic",
            Self::Unsigned => "it has no signature",
            Self::SignedTwice => "it has more than one signature",
            Self::Malformed => "its signature is not `v1,<key id>,<base64>`",
            Self::NotBase64 => "its signature is not base64",
            Self::UnknownKey => "it is signed with a key that the rule does not name",
            Self::OtherAlgorithm => "its signature is not one of the key's algorithm",
            Self::Tampered => "its signature is not that of its topic, key and value",
            Self::InHeaders => "it has its attributes in headers, which nothing signs",
            Self::TooOld => "it is signed and older than outcomes are kept",
            Self::InFuture => "it is signed and its time has not come",
            Self::AmountUnsaid => "the rule has limits, and it does not say how much it moves",
            Self::CurrencyNotNamed => "the rule has no limit in its currency",
            Self::AboveLimit => "its amount is above the rule's limit",
        }
    }
}

/// Which rule refused a record, if one is for it, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'t> {
    pub rule: Option<&'t str>,
    pub why: Why,
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Some(rule) => write!(f, "rule `{rule}`: {}", self.why.clause()),
            None => f.write_str(self.why.clause()),
        }
    }
}

/// Whether a record may be sent by who sent it.
///
/// # Errors
/// The refusal of the first rule that is for it.
pub fn authorise<'t>(table: &'t Table, facts: &Facts<'_>) -> Result<(), Refusal<'t>> {
    let mut first = None;
    for rule in table.rules.iter().filter(|rule| rule.is_for(&facts.sent)) {
        match rule.judge(facts) {
            Ok(()) => return Ok(()),
            Err(why) => {
                first.get_or_insert(Refusal { rule: Some(&rule.name), why });
            }
        }
    }
    Err(first.unwrap_or(Refusal { rule: None, why: Why::NoRule }))
}

/// The amounts that a record moves or grants; empty if it moves no money. None: it moves money, and
/// how much stands in what it names, or in no currency.
pub fn amounts(input: &Input) -> Option<Vec<Money>> {
    match input {
        Input::BankTransaction(bank) => Some(vec![bank.amount]),
        Input::Advice(advice) => Some(vec![advice.amount]),
        Input::BankStatement(_) | Input::Rematch(_) | Input::RetryReturn(_) => Some(Vec::new()),
        Input::Usage(usage) => Some(match usage {
            Usage::Charge(charge) => vec![charge.amount],
            Usage::Refund(refund) => vec![refund.amount],
            Usage::Hold(hold) | Usage::Release(hold) | Usage::ExpireHold(hold) => vec![hold.amount],
            Usage::Watermark(_) => Vec::new(),
        }),
        Input::Command(command) => of_command(command),
    }
}

fn of_command(command: &Command) -> Option<Vec<Money>> {
    match command {
        Command::UpsertAccount(account) => Some(account.credit_limits.clone().unwrap_or_default()),
        Command::CreateInvoice(invoice) => Some(vec![invoice.amount]),
        Command::RecordPayment(payment) => Some(vec![payment.amount]),
        Command::MarkInvoiceSent { .. }
        | Command::VoidInvoice { .. }
        | Command::KeepInvoice { .. }
        | Command::RejectMatch(_)
        | Command::CloseAccount { .. }
        | Command::CancelCommand(_) => Some(Vec::new()),
        Command::AssignPayment { .. }
        | Command::AllocatePayment(_)
        | Command::DeallocatePayment { .. }
        | Command::RemovePayment { .. }
        | Command::ConfirmMatch(_)
        | Command::SplitPayment(_)
        | Command::ResolveReturn(_)
        | Command::ReleasePayment(_)
        | Command::UnsplitPayment { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        let (amount, code) = text.split_once(' ').expect("amount and currency");
        Money::parse(amount, Currency::parse(code).expect("a currency")).expect("an amount")
    }

    fn rule(name: &str, source: &str, kind: &str, limit: Option<&str>, keys: &[&str]) -> Rule {
        let limit = limit.map(money);
        Rule {
            name: name.to_owned(),
            source: Pattern::new(source),
            types: vec![Pattern::new(kind)],
            topic: None,
            limits: limit.map(|limit| (limit.currency(), limit)).into_iter().collect(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).expect("an instant")
    }

    /// The rules of the decision table.
    fn table() -> Table {
        let mut feed = rule("feed", "bank/*", "bank.transaction", None, &["one", "two"]);
        feed.topic = Some("bank".to_owned());
        let rules = vec![
            rule("small", "crm", "invoice.*", Some("100.00 SGD"), &[]),
            rule("large", "crm", "invoice.create", Some("900.00 SGD"), &["one"]),
            feed,
            rule("all", "ops", "*", None, &[]),
        ];
        Table { rules, version: "v".to_owned(), content: String::new() }
    }

    type Case = (
        [&'static str; 3],
        Option<&'static [&'static str]>,
        Result<&'static str, Why>,
        i64,
        Result<(), (Option<&'static str>, Why)>,
    );

    #[test]
    fn who_may_send_what() {
        use Why::*;
        let (crm, bank) = (["crm", "invoice.create", "commands"], ["bank/a", "bank.transaction"]);
        let feed = [bank[0], bank[1], "bank"];
        let none: Result<&str, Why> = Err(Unsigned);
        let cases: [Case; 20] = [
            // Source, type and topic.
            (["web", "invoice.create", "commands"], Some(&[]), none, 5, Err((None, NoRule))),
            (["crm", "payment.assign", "commands"], None, none, 5, Err((None, NoRule))),
            (["crm2", "invoice.create", "commands"], Some(&[]), none, 5, Err((None, NoRule))),
            ([bank[0], bank[1], "usage"], Some(&[]), Ok("one"), 5, Err((None, NoRule))),
            (["ops", "payment.assign", "commands"], None, none, 5, Ok(())),
            (["ops", "payment.assign", "commands"], None, none, 500, Ok(())),
            // Amounts.
            (crm, Some(&["100.00 SGD"]), none, 5, Ok(())),
            (crm, Some(&[]), none, 5, Ok(())),
            (crm, Some(&["100.01 SGD"]), none, 5, Err((Some("small"), AboveLimit))),
            (crm, Some(&["1.00 SGD", "1.00 EUR"]), none, 5, Err((Some("small"), CurrencyNotNamed))),
            (crm, None, none, 5, Err((Some("small"), AmountUnsaid))),
            // What one rule refuses, the next may let through.
            (crm, Some(&["100.01 SGD"]), Ok("one"), 5, Ok(())),
            (crm, Some(&["900.01 SGD"]), Ok("one"), 5, Err((Some("small"), AboveLimit))),
            // Signatures: either of two keys, and each fault.
            (feed, Some(&["9.00 SGD"]), Ok("one"), 5, Ok(())),
            (feed, Some(&["9.00 SGD"]), Ok("two"), 5, Ok(())),
            (feed, Some(&["9.00 SGD"]), Ok("old"), 5, Err((Some("feed"), UnknownKey))),
            (feed, Some(&["9.00 SGD"]), none, 5, Err((Some("feed"), Unsigned))),
            (feed, Some(&["9.00 SGD"]), Err(Tampered), 5, Err((Some("feed"), Tampered))),
            // The time of what is signed.
            (feed, Some(&["9.00 SGD"]), Ok("one"), 0, Err((Some("feed"), TooOld))),
            (feed, Some(&["9.00 SGD"]), Ok("one"), 10, Err((Some("feed"), InFuture))),
        ];
        let table = table();
        for (row, ([source, kind, topic], said, signed_by, time, expected)) in
            cases.into_iter().enumerate()
        {
            let amounts: Option<Vec<Money>> =
                said.map(|said| said.iter().map(|text| money(text)).collect());
            let facts = Facts {
                sent: Sent { source, kind, topic },
                amounts: amounts.as_deref(),
                time: at(time),
                believed: (at(1), at(9)),
                signed_by,
            };
            let found = authorise(&table, &facts).map_err(|refusal| (refusal.rule, refusal.why));
            assert_eq!(found, expected, "row {row}");
        }
    }

    #[test]
    fn a_signature_is_looked_at_only_where_a_rule_asks() {
        let table = table();
        let asks = |source, kind, topic| table.asks_for_signature(&Sent { source, kind, topic });
        assert!(asks("bank/a", "bank.transaction", "bank"));
        assert!(asks("crm", "invoice.create", "commands"));
        assert!(!asks("crm", "invoice.void", "commands") && !asks("ops", "anything", "usage"));
    }

    #[test]
    fn each_reason_has_a_word_and_a_clause_of_its_own() {
        assert!(Why::ALL.is_sorted());
        let words: std::collections::BTreeSet<_> = Why::ALL.map(Why::word).into();
        let clauses: std::collections::BTreeSet<_> = Why::ALL.map(Why::clause).into();
        assert_eq!((words.len(), clauses.len()), (Why::ALL.len(), Why::ALL.len()));
    }
}

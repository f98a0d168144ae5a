//! What of the rules is configured: policies for everybody, and what single customers have of
//! their own, as one numbered **rule set**. Pure: it is resolved when it is made, so that deciding
//! a payment only looks it up.
//!
//! The customer whose policy counts is the one that would receive the money.

use std::collections::BTreeMap;

use foldhash::HashMap;

use crate::ids::AccountId;
use crate::money::{Currency, Money};

/// What to do when less than the amount due arrives with a good reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PartialPolicy {
    /// Ask a person.
    #[default]
    Suggest,
    /// Provision what arrived; the invoice stays Awaiting Payment.
    Apply,
}

/// What to do when several invoices of the known customer have exactly the amount (R8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EqualAmountPolicy {
    /// Pay the first in the order of invoices: the balance is the same whichever it is.
    #[default]
    Oldest,
    /// Hold the money for the customer and ask a person which of them it is.
    Suggest,
}

/// What to do with what is left of a payment after the invoices that it names are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ResidualPolicy {
    /// Try it again: it may pay another invoice of the same customer.
    #[default]
    Match,
    /// Leave it on the payment. Only a reference, a number or a person puts it on an invoice.
    Hold,
}

/// The choices of one kind, with their words.
pub trait Choice: Copy + PartialEq + Sized + 'static {
    const ALL: &'static [(Self, &'static str)];

    fn word(self) -> &'static str {
        let known = Self::ALL.iter().find(|(choice, _)| *choice == self);
        known.map_or("unknown", |(_, word)| word)
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(choice, _)| *choice)
    }
}

impl Choice for PartialPolicy {
    const ALL: &'static [(Self, &'static str)] =
        &[(Self::Suggest, "suggest"), (Self::Apply, "apply")];
}

impl Choice for EqualAmountPolicy {
    const ALL: &'static [(Self, &'static str)] =
        &[(Self::Oldest, "oldest"), (Self::Suggest, "suggest")];
}

impl Choice for ResidualPolicy {
    const ALL: &'static [(Self, &'static str)] = &[(Self::Match, "match"), (Self::Hold, "hold")];
}

/// The policy that decides about one customer's money.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    pub partial: PartialPolicy,
    /// As `partial`, when no more is missing than the charges that the bank declares.
    pub fee: PartialPolicy,
    pub equal_amount: EqualAmountPolicy,
    pub residual: ResidualPolicy,
    /// Above this an automatic decision becomes a suggestion. One limit per currency.
    pub max_auto_amounts: Vec<Money>,
    /// The most that is believed of a bank's fee inside a return. One limit per currency; where
    /// there is none, no more than the payment itself.
    pub max_return_fees: Vec<Money>,
    /// Normalised accounts of ours: money from them is a transfer, not a customer's payment.
    /// A fact about us, so it comes from the configuration and not from a rule set.
    pub own_accounts: Vec<String>,
}

impl Policy {
    /// The limit of automatic decisions in a currency.
    pub fn auto_limit(&self, currency: Currency) -> Option<Money> {
        self.max_auto_amounts.iter().find(|limit| limit.currency() == currency).copied()
    }

    /// The limit of a bank's fee inside a return of the payment.
    pub fn return_fee_limit(&self, payment: Money) -> Money {
        let currency = payment.currency();
        let own = self.max_return_fees.iter().find(|limit| limit.currency() == currency);
        own.copied().unwrap_or(payment)
    }
}

/// What one customer has of its own. What it does not say is everybody's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Override {
    pub partial: Option<PartialPolicy>,
    pub fee: Option<PartialPolicy>,
    pub equal_amount: Option<EqualAmountPolicy>,
    pub residual: Option<ResidualPolicy>,
    /// `None` lifts everybody's limit in that currency.
    pub max_auto_amounts: BTreeMap<Currency, Option<Money>>,
}

impl Override {
    fn on(&self, global: &Policy) -> Policy {
        let own = |limit: &&Money| !self.max_auto_amounts.contains_key(&limit.currency());
        let mut limits: Vec<Money> = global.max_auto_amounts.iter().filter(own).copied().collect();
        limits.extend(self.max_auto_amounts.values().flatten());
        Policy {
            partial: self.partial.unwrap_or(global.partial),
            fee: self.fee.unwrap_or(global.fee),
            equal_amount: self.equal_amount.unwrap_or(global.equal_amount),
            residual: self.residual.unwrap_or(global.residual),
            max_auto_amounts: limits,
            max_return_fees: global.max_return_fees.clone(),
            own_accounts: Vec::new(),
        }
    }

    pub(super) fn says(&self, kind: PolicyKind, currency: Currency) -> bool {
        match kind {
            PolicyKind::Partial => self.partial.is_some(),
            PolicyKind::Fee => self.fee.is_some(),
            PolicyKind::EqualAmount => self.equal_amount.is_some(),
            PolicyKind::Residual => self.residual.is_some(),
            PolicyKind::MaxAutoAmount => self.max_auto_amounts.contains_key(&currency),
        }
    }
}

/// Policies for everybody and for single customers, under one version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleSet {
    version: i32,
    global: Policy,
    overrides: BTreeMap<AccountId, Override>,
    /// The overrides on top of `global`.
    resolved: HashMap<AccountId, Policy>,
}

impl RuleSet {
    pub fn new(version: i32, global: Policy, overrides: BTreeMap<AccountId, Override>) -> Self {
        let resolved = overrides.iter().map(|(id, own)| (id.clone(), own.on(&global))).collect();
        Self { version, global, overrides, resolved }
    }

    /// 0 is the configuration, when no rule set is active.
    pub fn version(&self) -> i32 {
        self.version
    }

    pub fn global(&self) -> &Policy {
        &self.global
    }

    pub fn overrides(&self) -> &BTreeMap<AccountId, Override> {
        &self.overrides
    }

    /// The policy for money that this customer would receive; everybody's if none is known.
    pub fn for_account(&self, account: Option<&AccountId>) -> &Policy {
        account.and_then(|account| self.resolved.get(account)).unwrap_or(&self.global)
    }

    /// The same rules under a number, with what the configuration says of our own accounts.
    pub fn numbered(mut self, version: i32, own_accounts: &[String]) -> Self {
        self.version = version;
        self.global.own_accounts = own_accounts.to_vec();
        self
    }

    /// Each value that it says, as `(scope, key, value)`: `everybody`, or a customer.
    pub fn lines(&self) -> Vec<(String, String, String)> {
        let mut lines = Vec::new();
        let global = &self.global;
        let mut add = |scope: &str, key: &str, value: &str| {
            lines.push((scope.to_owned(), key.to_owned(), value.to_owned()));
        };
        let everybody = "everybody";
        add(everybody, "partial", global.partial.word());
        add(everybody, "fee", global.fee.word());
        add(everybody, "equal_amount", global.equal_amount.word());
        add(everybody, "residual", global.residual.word());
        for limit in &global.max_auto_amounts {
            add(everybody, "max_auto_amount", &limit.to_string());
        }
        for limit in &global.max_return_fees {
            add(everybody, "max_return_fee", &limit.to_string());
        }
        for (account, own) in &self.overrides {
            let scope = account.as_str();
            let words = [
                ("partial", own.partial.map(Choice::word)),
                ("fee", own.fee.map(Choice::word)),
                ("equal_amount", own.equal_amount.map(Choice::word)),
                ("residual", own.residual.map(Choice::word)),
            ];
            for (key, word) in words {
                word.into_iter().for_each(|word| add(scope, key, word));
            }
            for (currency, limit) in &own.max_auto_amounts {
                let none = format!("none {}", currency.code());
                let limit = limit.map_or(none, |limit| limit.to_string());
                add(scope, "max_auto_amount", &limit);
            }
        }
        lines
    }
}

impl From<Policy> for RuleSet {
    fn from(global: Policy) -> Self {
        Self::new(0, global, BTreeMap::new())
    }
}

/// Which policy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    Partial,
    Fee,
    EqualAmount,
    Residual,
    MaxAutoAmount,
}

impl PolicyKind {
    pub const ALL: [Self; 5] =
        [Self::Partial, Self::Fee, Self::EqualAmount, Self::Residual, Self::MaxAutoAmount];

    /// Reads what is stored of a decision.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Its key in a rule set.
    pub fn word(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Fee => "fee",
            Self::EqualAmount => "equal_amount",
            Self::Residual => "residual",
            Self::MaxAutoAmount => "max_auto_amount",
        }
    }
}

/// A policy that had a say in a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyNote {
    pub kind: PolicyKind,
    /// A word, or an amount with its currency.
    pub value: String,
    /// It is this customer's own, and not everybody's.
    pub own: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sgd(amount: &str) -> Money {
        Money::parse(amount, Currency::parse("SGD").expect("a currency")).expect("an amount")
    }

    fn rules() -> RuleSet {
        let global = Policy {
            max_auto_amounts: vec![sgd("1000.00")],
            own_accounts: vec!["OURS".to_owned()],
            ..Policy::default()
        };
        let sgd_code = sgd("1.00").currency();
        let yen = Currency::parse("JPY").expect("a currency");
        let large = Override {
            partial: Some(PartialPolicy::Apply),
            max_auto_amounts: BTreeMap::from([(sgd_code, None)]),
            ..Override::default()
        };
        let small = Override {
            equal_amount: Some(EqualAmountPolicy::Suggest),
            residual: Some(ResidualPolicy::Hold),
            max_auto_amounts: BTreeMap::from([(sgd_code, Some(sgd("5.00"))), (yen, None)]),
            ..Override::default()
        };
        let own = [(AccountId::trusted("LARGE"), large), (AccountId::trusted("SMALL"), small)];
        RuleSet::new(7, global, BTreeMap::from(own))
    }

    #[test]
    fn what_a_customer_does_not_say_is_everybodys() {
        let rules = rules();
        let currency = sgd("1.00").currency();
        let of = |id: &str| rules.for_account(Some(&AccountId::trusted(id)));
        assert_eq!(of("OTHER"), rules.global());
        assert_eq!(rules.for_account(None), rules.global());
        assert_eq!(of("LARGE").partial, PartialPolicy::Apply);
        assert_eq!(of("LARGE").fee, PartialPolicy::Suggest);
        assert_eq!(of("LARGE").auto_limit(currency), None, "lifted");
        assert_eq!(of("SMALL").auto_limit(currency), Some(sgd("5.00")));
        assert_eq!(of("SMALL").partial, PartialPolicy::Suggest);
        assert_eq!(of("SMALL").equal_amount, EqualAmountPolicy::Suggest);
        assert_eq!(of("SMALL").residual, ResidualPolicy::Hold);
        assert_eq!(of("OTHER").auto_limit(currency), Some(sgd("1000.00")));
    }

    #[test]
    fn a_rule_set_lists_what_it_says() {
        let lines = rules().lines();
        let of = |scope: &str| {
            let own = lines.iter().filter(|line| line.0 == scope);
            own.map(|line| format!("{}={}", line.1, line.2)).collect::<Vec<_>>()
        };
        assert_eq!(of("LARGE"), ["partial=apply", "max_auto_amount=none SGD"]);
        let small = ["equal_amount=suggest", "residual=hold"];
        let limits = ["max_auto_amount=none JPY", "max_auto_amount=5.00 SGD"];
        assert_eq!(of("SMALL"), [small.as_slice(), &limits].concat());
        assert_eq!(of("everybody").len(), 5);
        let numbered = rules().numbered(9, &["X".to_owned()]);
        assert_eq!(numbered.version(), 9);
        assert_eq!(numbered.global().own_accounts, ["X"]);
    }
}

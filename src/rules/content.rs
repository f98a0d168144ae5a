//! The strict reading of a tree of values, and the one form in which a rule set is stored.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::Digest;

use super::Problem;
use crate::domain::ids::AccountId;
use crate::domain::matching::policy::Choice;
use crate::domain::matching::{Override, Policy, RuleSet};
use crate::domain::money::{Currency, Money};

/// Customers with a policy of their own.
const ACCOUNTS_MAX: usize = 10_000;
/// Lifts everybody's limit for a customer.
const NONE: &str = "none";
const KEYS: [&str; 5] = ["partial", "fee", "equal_amount", "residual", MAX_AUTO_AMOUNT];
const MAX_AUTO_AMOUNT: &str = "max_auto_amount";
/// For everybody only: whose a return is that takes a fee is known after the fee is believed.
const MAX_RETURN_FEE: &str = "max_return_fee";

/// Reads a rule set; all problems are reported at once.
pub(crate) fn rule_set(tree: &Value) -> Result<RuleSet, Vec<Problem>> {
    let mut reading = Reading { problems: Vec::new() };
    let read = reading.whole(tree);
    if reading.problems.is_empty() { Ok(read) } else { Err(reading.problems) }
}

struct Reading {
    problems: Vec<Problem>,
}

impl Reading {
    fn problem(&mut self, code: &'static str, place: &str, sentence: String) {
        self.problems.push(Problem { code, place: place.to_owned(), sentence });
    }

    fn table<'v>(&mut self, place: &str, value: &'v Value) -> Option<&'v Map<String, Value>> {
        let table = value.as_object();
        if table.is_none() {
            self.problem("not_a_table", place, format!("is {}; expected a table", kind(value)));
        }
        table
    }

    fn only(&mut self, place: &str, table: &Map<String, Value>, keys: &[&str]) {
        for key in table.keys().filter(|key| !keys.contains(&key.as_str())) {
            let sentence = format!("is not a key here; expected {}", keys.join(", "));
            self.problem("unknown_key", &under(place, key), sentence);
        }
    }

    fn whole(&mut self, tree: &Value) -> RuleSet {
        let Some(table) = self.table("rule set", tree) else {
            return RuleSet::default();
        };
        self.only("", table, &["global", "accounts"]);
        let everybody = table.get("global").map(|value| self.policy("global", value, false));
        let everybody = everybody.unwrap_or_default();
        let fees = table.get("global").and_then(Value::as_object);
        let fees = fees.map(|table| self.limits("global", table, MAX_RETURN_FEE, false));
        let global = Policy {
            partial: everybody.partial.unwrap_or_default(),
            fee: everybody.fee.unwrap_or_default(),
            equal_amount: everybody.equal_amount.unwrap_or_default(),
            residual: everybody.residual.unwrap_or_default(),
            max_auto_amounts: everybody.max_auto_amounts.into_values().flatten().collect(),
            max_return_fees: fees.unwrap_or_default().into_values().flatten().collect(),
            own_accounts: Vec::new(),
        };
        let accounts = table.get("accounts").map(|value| self.accounts(value));
        RuleSet::new(0, global, accounts.unwrap_or_default())
    }

    fn accounts(&mut self, value: &Value) -> BTreeMap<AccountId, Override> {
        let mut accounts = BTreeMap::new();
        let Some(table) = self.table("accounts", value) else {
            return accounts;
        };
        if table.len() > ACCOUNTS_MAX {
            let sentence = format!("has {} accounts, at most {ACCOUNTS_MAX}", table.len());
            self.problem("too_many", "accounts", sentence);
            return accounts;
        }
        for (id, value) in table {
            let place = under("accounts", id);
            let own = self.policy(&place, value, true);
            if let Ok(account) = AccountId::parse(id) {
                accounts.insert(account, own);
            } else {
                let sentence = "is no account id: 1 to 64 of A-Z a-z 0-9 . _ : -".to_owned();
                self.problem("bad_account_id", &place, sentence);
            }
        }
        accounts
    }

    fn policy(&mut self, place: &str, value: &Value, own: bool) -> Override {
        let Some(table) = self.table(place, value) else {
            return Override::default();
        };
        let global: &[&str] = if own { &[] } else { &[MAX_RETURN_FEE] };
        self.only(place, table, &[&KEYS, global].concat());
        Override {
            partial: self.choice(place, table, "partial"),
            fee: self.choice(place, table, "fee"),
            equal_amount: self.choice(place, table, "equal_amount"),
            residual: self.choice(place, table, "residual"),
            max_auto_amounts: self.limits(place, table, MAX_AUTO_AMOUNT, own),
        }
    }

    fn choice<C: Choice>(
        &mut self,
        place: &str,
        table: &Map<String, Value>,
        key: &str,
    ) -> Option<C> {
        let value = table.get(key)?;
        let place = under(place, key);
        let known = C::ALL.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" or ");
        let Some(word) = value.as_str() else {
            self.problem("not_text", &place, format!("is {}; expected {known}", kind(value)));
            return None;
        };
        let choice = C::from_word(word);
        if choice.is_none() {
            self.problem("not_a_choice", &place, format!("is \"{word}\"; expected {known}"));
        }
        choice
    }

    fn limits(
        &mut self,
        place: &str,
        table: &Map<String, Value>,
        key: &str,
        own: bool,
    ) -> BTreeMap<Currency, Option<Money>> {
        let mut limits = BTreeMap::new();
        let place = under(place, key);
        let table = table.get(key).and_then(|value| self.table(&place, value));
        for (code, value) in table.into_iter().flatten() {
            let place = under(&place, code);
            let Ok(currency) = Currency::parse(code) else {
                let sentence = "is no currency of ISO 4217, in upper case".to_owned();
                self.problem("unknown_currency", &place, sentence);
                continue;
            };
            if let Some(limit) = self.limit(&place, value, currency, own) {
                limits.insert(currency, limit);
            }
        }
        limits
    }

    /// None if it is no limit; `Some(None)` lifts one.
    fn limit(
        &mut self,
        place: &str,
        value: &Value,
        currency: Currency,
        own: bool,
    ) -> Option<Option<Money>> {
        let Some(text) = value.as_str() else {
            let sentence =
                format!("is {}; an amount is text in quotes, such as \"100.00\"", kind(value));
            self.problem("not_text", place, sentence);
            return None;
        };
        if own && text == NONE {
            return Some(None);
        }
        match Money::parse(text, currency) {
            Ok(amount) => Some(Some(amount)),
            Err(error) => {
                self.problem("bad_amount", place, format!("is \"{text}\": {error}"));
                None
            }
        }
    }
}

fn under(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("the flag {flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text \"{text}\""),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}

#[derive(Serialize)]
struct Content<'a> {
    accounts: BTreeMap<&'a str, Said>,
    global: Said,
}

/// In the order of the keys, so that the same policies are the same text.
#[derive(Serialize)]
struct Said {
    #[serde(skip_serializing_if = "Option::is_none")]
    equal_amount: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    max_auto_amount: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    max_return_fee: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    residual: Option<&'static str>,
}

/// The one form in which these policies are stored. What holds for everybody is written out, so
/// that another default of a later version does not change a stored rule set.
pub fn to_content(rules: &RuleSet) -> String {
    let global = rules.global();
    let numbers = |limits: &[Money]| -> BTreeMap<String, String> {
        let one = |limit: &Money| (limit.currency().code().to_owned(), limit.number());
        limits.iter().map(one).collect()
    };
    let everybody = Said {
        equal_amount: Some(global.equal_amount.word()),
        fee: Some(global.fee.word()),
        max_auto_amount: numbers(&global.max_auto_amounts),
        max_return_fee: numbers(&global.max_return_fees),
        partial: Some(global.partial.word()),
        residual: Some(global.residual.word()),
    };
    let own = rules.overrides().iter().map(|(id, own)| {
        let limits = own.max_auto_amounts.iter().map(|(currency, limit)| {
            let limit = limit.map_or_else(|| NONE.to_owned(), Money::number);
            (currency.code().to_owned(), limit)
        });
        let said = Said {
            equal_amount: own.equal_amount.map(Choice::word),
            fee: own.fee.map(Choice::word),
            max_auto_amount: limits.collect(),
            max_return_fee: BTreeMap::new(),
            partial: own.partial.map(Choice::word),
            residual: own.residual.map(Choice::word),
        };
        (id.as_str(), said)
    });
    let content = Content { accounts: own.collect(), global: everybody };
    // A struct of strings always has a JSON form.
    serde_json::to_string(&content).unwrap_or_default()
}

/// What tells one content from another.
pub fn hash(content: &str) -> [u8; 32] {
    sha2::Sha256::digest(content.as_bytes()).into()
}

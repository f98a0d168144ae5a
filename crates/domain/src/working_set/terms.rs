//! What a stored record of the bank says of its money, beside which another record under the same
//! name is put.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, TimeDelta};

use crate::bank::{BankTransaction, CreditDebit, end_to_end_of, entry_of};
use crate::matching::weak::payer_account;
use crate::matching::{fold, names, weak};
use crate::money::Money;

/// A correction of the day of booking is no further away.
const CORRECTED_WITHIN: TimeDelta = TimeDelta::days(60);

/// Digits of a word that may be the number of an invoice.
const NUMBER_MIN: usize = 4;

/// The money of a record: how much, which way, when, from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub amount: Money,
    pub credit_debit: CreditDebit,
    pub reversal: bool,
    pub booking_date: NaiveDate,
    pub value_date: Option<NaiveDate>,
    /// As the bank wrote them.
    pub payer: Option<String>,
    pub end_to_end: Option<String>,
    /// The bank's id of what it returns.
    pub returns: Option<String>,
    /// The statement that it names. It tells nothing apart: an entry is of every statement that
    /// names it.
    pub statement: Option<String>,
    /// Its name there.
    pub entry: Option<String>,
    pub virtually: Option<String>,
    pub name: Option<String>,
    /// The structured reference, and what the payer wrote.
    pub reference: Option<String>,
    pub lines: Vec<String>,
}

impl Terms {
    pub fn of(bank: &BankTransaction) -> Self {
        let returns = bank.return_of.as_ref().and_then(|of| of.bank_transaction_id.clone());
        Self {
            amount: bank.amount,
            credit_debit: bank.credit_debit,
            reversal: bank.reversal,
            booking_date: bank.booking_date,
            value_date: bank.value_date,
            payer: bank.debtor_account.clone(),
            end_to_end: bank.end_to_end_id.clone(),
            returns,
            statement: bank.statement_id.clone(),
            entry: bank.entry_reference.clone(),
            virtually: bank.virtual_account.clone(),
            name: bank.debtor_name.clone(),
            reference: bank.creditor_reference.clone(),
            lines: bank.unstructured.clone(),
        }
    }

    /// Whether the record says the same of the money, in other words: banks tell more of it in a
    /// later statement. What only one of them says tells nothing apart.
    pub fn are_told_again(&self, bank: &BankTransaction) -> bool {
        let other = Self::of(bank);
        let same = |left: Option<String>, right: Option<String>| {
            left.zip(right).is_none_or(|(left, right)| left == right)
        };
        let payer = |terms: &Self| terms.payer.as_deref().and_then(payer_account);
        let order =
            |terms: &Self| terms.end_to_end.as_deref().and_then(end_to_end_of).map(str::to_owned);
        let days = self.value_date.zip(other.value_date);
        (self.amount, self.credit_debit, self.reversal, self.booking_date)
            == (other.amount, other.credit_debit, other.reversal, other.booking_date)
            && days.is_none_or(|(left, right)| left == right)
            && same(payer(self), payer(&other))
            && same(order(self), order(&other))
            && same(self.returns.clone(), other.returns.clone())
            && !self.contradict(&other)
    }

    /// Whether one statement has both under two names: then they are two entries, whatever the
    /// bank's id says. Some banks give the id of a batch to each of its entries.
    pub fn are_another_entry(&self, bank: &BankTransaction) -> bool {
        let named = |entry: &Option<String>| entry.clone().filter(|entry| !weak::is_no_id(entry));
        let names = named(&self.entry).zip(named(&bank.entry_reference));
        self.statement.is_some()
            && self.statement == bank.statement_id
            && entry_of(bank).is_some()
            && names.is_some_and(|(left, right)| left != right)
    }

    /// Whether both say something that cannot be true of one movement of money: paid to the
    /// virtual accounts of two customers, by payers of two names, for two references, or for
    /// numbers of one form that differ.
    fn contradict(&self, other: &Self) -> bool {
        let apart = |left: Option<String>, right: Option<String>| {
            left.zip(right).is_some_and(|(left, right)| left != right)
        };
        let number = |text: &Option<String>| text.as_deref().and_then(payer_account);
        let payers = (number(&self.payer), number(&other.payer));
        let one_payer = payers.0.is_some() && payers.0 == payers.1;
        let name =
            |terms: &Self| terms.name.clone().filter(|name| !weak::is_placeholder_name(name));
        let names = name(self).zip(name(other)).filter(|_| !one_payer);
        let reference = |terms: &Self| {
            terms.reference.as_deref().map(weak::fold).filter(|text| !weak::is_weak_reference(text))
        };
        apart(number(&self.virtually), number(&other.virtually))
            || names.is_some_and(|(left, right)| are_two_names(&left, &right))
            || apart(reference(self), reference(other))
            || numbers_differ(&self.lines, &other.lines)
    }

    /// Whether an entry of this name is another one: statements are numbered by currency, and each
    /// year anew. The same amount near the end of a year may be a corrected day.
    pub fn are_of_another_book(&self, bank: &BankTransaction) -> bool {
        let apart = self.booking_date.signed_duration_since(bank.booking_date).abs();
        let near = self.amount == bank.amount && apart <= CORRECTED_WITHIN;
        self.amount.currency() != bank.amount.currency()
            || self.booking_date.year() != bank.booking_date.year() && !near
    }
}

/// Whether they are the names of two payers. One feed writes an address or a title behind the name
/// that another leaves out: then the one has all words of the other.
fn are_two_names(left: &str, right: &str) -> bool {
    let words = |name: &str| -> BTreeSet<String> {
        let folded = names::folded(name);
        let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let (first, second) = (words(left), words(right));
    let holds = first.is_subset(&second) || second.is_subset(&first);
    !holds && names::plain_likeness(left, right) < names::SAME
}

/// Whether both texts have numbers of one form, and none of it is the same: `INV-8001` and
/// `INV-8002`. Days and years are no such numbers. What one text alone has tells nothing, and
/// neither do texts of which none has all words of the other: two feeds word one thing otherwise,
/// and number it otherwise.
fn numbers_differ(left: &[String], right: &[String]) -> bool {
    let (left, right) = (Numbers::of(left), Numbers::of(right));
    let worded_alike = left.words.is_subset(&right.words) || right.words.is_subset(&left.words);
    let differ = |(form, numbers): (&String, &BTreeSet<String>)| {
        right.by_form.get(form).is_some_and(|others| numbers.is_disjoint(others))
    };
    worded_alike && left.by_form.iter().any(differ)
}

/// The numbers of a text, each by its form (digits as nines), and its words without any.
#[derive(Default)]
struct Numbers {
    by_form: BTreeMap<String, BTreeSet<String>>,
    words: BTreeSet<String>,
}

impl Numbers {
    fn of(lines: &[String]) -> Self {
        let mut found = Self::default();
        let text = names::folded(&fold::normalise(&lines.join(" ")));
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let digits = word.chars().filter(char::is_ascii_digit).count();
            if digits == 0 {
                found.words.insert(word.to_owned());
            } else if digits >= NUMBER_MIN && !weak::is_date_part(word) {
                let form = |c: char| if c.is_ascii_digit() { '9' } else { c };
                let form = word.chars().map(form).collect();
                found.by_form.entry(form).or_default().insert(word.to_owned());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    #[test]
    fn other_words_are_no_other_money() {
        let first = credit_saying("T-1", "5", &["Topup"]);
        let terms = Terms::of(&first);
        let more = BankTransaction {
            unstructured: vec!["Topup of INV-1".to_owned()],
            debtor_name: Some("Acme".to_owned()),
            debtor_account: Some("PAYERA".to_owned()),
            value_date: Some(first.booking_date),
            ..first.clone()
        };
        assert!(terms.are_told_again(&more));
        let known = Terms::of(&more);
        let day = first.booking_date.succ_opt();
        for other in [
            BankTransaction { amount: money("6"), ..first.clone() },
            BankTransaction { credit_debit: CreditDebit::Debit, ..first.clone() },
            BankTransaction { value_date: day, ..first.clone() },
            BankTransaction { booking_date: day.expect("a day"), ..first.clone() },
            BankTransaction { debtor_account: Some("PAYERB".to_owned()), ..first.clone() },
        ] {
            assert!(!known.are_told_again(&other), "{other:?}");
        }
    }

    #[test]
    fn what_contradicts_is_other_money() {
        let first = BankTransaction {
            virtual_account: Some("VA10001".to_owned()),
            debtor_name: Some("Tan Ah Seng".to_owned()),
            creditor_reference: Some("RF18539007547034".to_owned()),
            statement_id: Some("S1".to_owned()),
            entry_reference: Some("E1".to_owned()),
            ..credit_saying("T-1", "5", &["Topup INV-8001 of 28.11.2026"])
        };
        let known = Terms::of(&first);
        let text =
            |text: &str| BankTransaction { unstructured: vec![text.to_owned()], ..first.clone() };
        for same in [
            text("INV-8001"),
            text("TOPUP INV 8001 OF 29.11.2026 AUT 778899123"),
            text("rent"),
            text("SVWZ RENT SEQ 0457 INV 8002"),
            BankTransaction {
                debtor_name: Some("TAN AH SENG 12 ORCHARD ROAD SINGAPORE".to_owned()),
                ..first.clone()
            },
            BankTransaction { debtor_name: Some("TAN AH SENG MR".to_owned()), ..first.clone() },
            BankTransaction { debtor_name: Some("NOTPROVIDED".to_owned()), ..first.clone() },
            BankTransaction { virtual_account: None, ..first.clone() },
            BankTransaction { creditor_reference: Some("N/A".to_owned()), ..first.clone() },
        ] {
            assert!(known.are_told_again(&same), "{same:?}");
        }
        let with = |field: fn(&mut BankTransaction)| {
            let mut other = first.clone();
            field(&mut other);
            other
        };
        for other in [
            text("Topup INV-8002 of 28.11.2026"),
            with(|bank| bank.virtual_account = Some("VA20002".to_owned())),
            with(|bank| bank.debtor_name = Some("Global Foods Ltd".to_owned())),
            with(|bank| bank.creditor_reference = Some("RF332348231".to_owned())),
        ] {
            assert!(!known.are_told_again(&other), "{other:?}");
        }
        let entry = |statement: &str, entry: &str| BankTransaction {
            statement_id: Some(statement.to_owned()),
            entry_reference: Some(entry.to_owned()),
            ..first.clone()
        };
        for (other, apart) in [
            (entry("S1", "E1"), false),
            (entry("S1", "E2"), true),
            (entry("S1", "NOTPROVIDED"), false),
            (entry("S2", "E2"), false),
        ] {
            assert_eq!(known.are_another_entry(&other), apart, "{other:?}");
        }
    }

    #[test]
    fn a_statements_number_is_of_its_currency_and_year() {
        let at = |amount: &str, on: &str| BankTransaction {
            booking_date: day(on),
            ..credit("T", amount)
        };
        let terms = Terms::of(&at("5", "2025-12-30"));
        for (other, apart) in [
            (at("6", "2025-01-02"), false),
            (at("5", "2026-01-02"), false),
            (at("6", "2026-01-02"), true),
            (at("5", "2026-12-30"), true),
        ] {
            assert_eq!(terms.are_of_another_book(&other), apart, "{other:?}");
        }
    }
}

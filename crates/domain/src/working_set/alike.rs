//! Whether two records of a bank may tell of one movement of money.

use std::cmp::Ordering;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::bank::{BankTransaction, entry_of};
use crate::ids::BankAccountId;
use crate::matching::{fold, names, reference, weak};
use crate::money::{Currency, Money};
use crate::working_set::pending::payer;

/// What records of one movement of money have in common, whatever else they say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SameMoney {
    pub bank_account: BankAccountId,
    pub day: NaiveDate,
    pub amount: Money,
}

impl SameMoney {
    pub fn of(bank: &BankTransaction) -> Self {
        let (bank_account, day) = (bank.bank_account.clone(), bank.booking_date);
        Self { bank_account, day, amount: bank.amount }
    }

    /// The amount as it is stored; none has one that cannot be.
    pub fn micros(&self) -> Option<i64> {
        self.amount.to_micros().ok()
    }

    /// Amounts of money have no order of their own, as there are currencies.
    fn columns(&self) -> (&BankAccountId, NaiveDate, Currency, Decimal) {
        (&self.bank_account, self.day, self.amount.currency(), self.amount.amount())
    }
}

impl Ord for SameMoney {
    fn cmp(&self, other: &Self) -> Ordering {
        self.columns().cmp(&other.columns())
    }
}

impl PartialOrd for SameMoney {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a record says, as it is compared.
#[derive(Debug, Clone)]
pub struct Text {
    normal: String,
    plain: String,
}

impl Text {
    pub fn of(bank: &BankTransaction) -> Self {
        let lines = bank.creditor_reference.iter().chain(&bank.unstructured);
        let lines = lines.map(String::as_str).collect::<Vec<_>>();
        // One feed writes `für`, another of the same bank `FUER`: as names are compared.
        let normal = names::folded(&fold::normalise(&lines.join(" ")));
        let plain = normal.chars().filter(|c| c.is_alphanumeric()).collect();
        Self { normal, plain }
    }

    /// Whether it has all that `short` says: enriched, or not cut.
    fn holds(&self, short: &Self) -> bool {
        if self.plain.contains(&short.plain) {
            return true;
        }
        let mut words = short.words();
        let known: Vec<&str> = self.words().collect();
        words.all(|word| known.contains(&word))
    }

    /// Whether one of them holds the other.
    pub fn is_like(&self, other: &Self) -> bool {
        self.holds(other) || other.holds(self)
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let words = self.normal.split(|c: char| !c.is_alphanumeric());
        words.filter(|word| !word.is_empty())
    }
}

/// Rows of one statement are as many entries, whatever they say.
pub fn of_one_statement(left: &BankTransaction, right: &BankTransaction) -> bool {
    left.statement_id.is_some() && left.statement_id == right.statement_id
}

/// Whether one statement has both under two names.
pub fn are_two_entries(left: &BankTransaction, right: &BankTransaction) -> bool {
    let names = entry_of(left).zip(entry_of(right));
    of_one_statement(left, right) && names.is_some_and(|(left, right)| left != right)
}

/// Whether nothing that both say tells them apart: the payer, the end-to-end id, the place in an
/// entry, and of their texts one holds the other.
pub fn alike(
    (left, left_text): (&BankTransaction, &Text),
    (right, right_text): (&BankTransaction, &Text),
) -> bool {
    let end_to_end = |bank: &BankTransaction| {
        bank.end_to_end_id.clone().filter(|id| !weak::is_weak_reference(id))
    };
    let (from, to) = (end_to_end(left), end_to_end(right));
    let same_order = from.is_some() && from == to;
    !differ(from, to)
        && are_of_one_payer(left, right)
        && (same_order || left_text.is_like(right_text))
}

/// Whether neither payer nor the account that was paid to nor the place in an entry differs.
pub fn are_of_one_payer(left: &BankTransaction, right: &BankTransaction) -> bool {
    let name = |bank: &BankTransaction| {
        bank.debtor_name.clone().filter(|name| !weak::is_placeholder_name(name))
    };
    let virtually =
        |bank: &BankTransaction| bank.virtual_account.as_deref().and_then(weak::payer_account);
    let place = |bank: &BankTransaction| bank.detail.as_ref().map(|d| d.index.to_string());
    let payers = payer(left).zip(payer(right));
    let same_payer = payers.as_ref().map(|(left, right)| are_one_account(left, right));
    let named = name(left).zip(name(right));
    let other_name = same_payer != Some(true)
        && named.is_some_and(|(left, right)| names::plain_likeness(&left, &right) < names::SAME);
    same_payer != Some(false)
        && !differ(virtually(left), virtually(right))
        && !differ(place(left), place(right))
        && !other_name
}

/// So many of their last characters the two forms of an account number share.
const TAIL: usize = 8;

/// What the forms of one payer's account number have in common; the `TAIL` of the statements that
/// look for payments which may be one.
pub fn tail(payer: &str) -> &str {
    let from = payer.len().saturating_sub(TAIL);
    payer.get(from..).unwrap_or(payer)
}

/// Whether both are one account: the same, or one the IBAN of the other, which is all of what
/// stands behind the country and the check digits, or the end of it.
fn are_one_account(left: &str, right: &str) -> bool {
    left == right || is_number_of(left, right) || is_number_of(right, left)
}

fn is_number_of(iban: &str, number: &str) -> bool {
    let number = number.trim_start_matches('0');
    let within = iban.get(4..).filter(|_| number.len() >= TAIL);
    within.is_some_and(|within| within.ends_with(number)) && reference::is_iban(iban)
}

fn differ(left: Option<String>, right: Option<String>) -> bool {
    left.zip(right).is_some_and(|(left, right)| left != right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    fn alike(left: &BankTransaction, right: &BankTransaction) -> bool {
        super::alike((left, &Text::of(left)), (right, &Text::of(right)))
    }

    fn saying(text: &str) -> BankTransaction {
        BankTransaction { bank_transaction_id: None, ..credit_saying("1", "50", &[text]) }
    }

    #[test]
    fn a_text_that_only_grew_is_the_same() {
        for (left, right, same) in [
            ("Topup", "Topup *1728888 Aut. 4989889", true),
            ("", "Topup", true),
            ("topup for novem", "TOPUP FOR NOVEMBER", true),
            ("Topup INV-1", "REF 77 INV-1 Topup", true),
            ("für November, Müßig", "FUER NOVEMBER, MUESSIG", true),
            ("Övriga ärenden", "OEVRIGA AERENDEN", true),
            ("reçu n° 12", "RECU N 12", true),
            ("Łódź grudzień", "LODZ GRUDZIEN", true),
            ("Topup INV-1", "Topup INV-2", false),
            ("Topup", "Rent", false),
        ] {
            assert_eq!(alike(&saying(left), &saying(right)), same, "{left} / {right}");
            assert_eq!(alike(&saying(right), &saying(left)), same, "{right} / {left}");
        }
    }

    #[test]
    fn what_both_say_tells_them_apart() {
        let plain = saying("Topup");
        let from = |account: &str| BankTransaction {
            debtor_account: Some(account.to_owned()),
            ..plain.clone()
        };
        let named =
            |name: &str| BankTransaction { debtor_name: Some(name.to_owned()), ..plain.clone() };
        let ordered =
            |id: &str| BankTransaction { end_to_end_id: Some(id.to_owned()), ..plain.clone() };
        assert!(alike(&plain, &from("PAYERA")) && alike(&from("PAYERA"), &from("payer-a")));
        assert!(!alike(&from("PAYERA"), &from("PAYERB")));
        assert!(alike(&from("XXXXXX1234"), &from("N/A")), "nobody is nobody else");
        assert!(!alike(&named("Acme Trading"), &named("Globex Foods")));
        assert!(alike(&named("Acme Trading"), &named("UNKNOWN")));
        assert!(!alike(&ordered("E2E-7F3A"), &ordered("E2E-7F3B")));
        assert!(alike(&ordered("TOPUP"), &ordered("N/A")), "words tell nothing apart");
    }
}

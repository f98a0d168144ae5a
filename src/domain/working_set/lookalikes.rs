//! Payments that the bank gave no id. Where the bank enriches a text after booking, or a gateway
//! exports a day again, the same money comes under another fingerprint; a person says which it is.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::domain::bank::BankTransaction;
use crate::domain::effect::BankRecord;
use crate::domain::ids::{BankAccountId, PaymentId, Source};
use crate::domain::input::ContentHash;
use crate::domain::matching::{names, text, weak};
use crate::domain::money::Money;

/// Equal rows of one delivery are written within this of each other.
const ONE_DELIVERY: TimeDelta = TimeDelta::minutes(10);

/// Who wrote a record, and when by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub source: Source,
    pub at: DateTime<Utc>,
}

/// A payment without a bank id, with what tells whether another is the same money.
#[derive(Debug, Clone)]
pub struct Lookalike {
    pub payment_id: PaymentId,
    pub content_hash: ContentHash,
    pub transaction: BankTransaction,
    /// None for what was recorded before deliveries were kept.
    pub delivery: Option<Delivery>,
}

type SameMoney = (BankAccountId, NaiveDate, Money);

/// Payments without a bank id by bank account, day and amount.
#[derive(Debug, Clone, Default)]
pub struct Lookalikes(HashMap<SameMoney, Vec<Lookalike>>);

fn same_money(bank: &BankTransaction) -> SameMoney {
    (bank.bank_account.clone(), bank.booking_date, bank.amount)
}

impl Lookalikes {
    pub fn record(&mut self, record: &BankRecord, delivery: Option<Delivery>) {
        let Some(payment_id) = &record.payment_id else { return };
        let known = self.0.entry(same_money(&record.transaction)).or_default();
        if !known.iter().any(|other| other.payment_id == *payment_id) {
            known.push(Lookalike {
                payment_id: payment_id.clone(),
                content_hash: record.content_hash,
                transaction: record.transaction.clone(),
                delivery,
            });
        }
    }

    /// The earlier payment that this record may be again: of the first, if there are several.
    #[must_use]
    pub fn earlier(
        &self,
        bank: &BankTransaction,
        hash: &ContentHash,
        delivery: &Delivery,
    ) -> Option<&PaymentId> {
        let known = self.0.get(&same_money(bank))?;
        let again = |other: &&Lookalike| {
            let twins = other.content_hash == *hash && of_one_delivery(bank, delivery, other);
            !twins && !of_one_statement(bank, &other.transaction) && alike(bank, &other.transaction)
        };
        known.iter().find(again).map(|other| &other.payment_id)
    }
}

/// Rows of one statement are as many entries, whatever they say.
fn of_one_statement(left: &BankTransaction, right: &BankTransaction) -> bool {
    left.statement_id.is_some() && left.statement_id == right.statement_id
}

/// Equal rows that one source wrote at one go are as many payments.
fn of_one_delivery(bank: &BankTransaction, delivery: &Delivery, other: &Lookalike) -> bool {
    let Some(earlier) = &other.delivery else { return false };
    bank.statement_id == other.transaction.statement_id
        && earlier.source == delivery.source
        && (delivery.at - earlier.at).abs() <= ONE_DELIVERY
}

/// Whether nothing that both say tells them apart: the payer, the end-to-end id, the place in an
/// entry, and of their texts one holds the other.
fn alike(left: &BankTransaction, right: &BankTransaction) -> bool {
    let differ = |left: Option<String>, right: Option<String>| {
        left.zip(right).is_some_and(|(left, right)| left != right)
    };
    let payer =
        |bank: &BankTransaction| bank.debtor_account.as_deref().and_then(text::payer_account);
    let name = |bank: &BankTransaction| {
        bank.debtor_name.clone().filter(|name| !weak::is_placeholder_name(name))
    };
    let end_to_end = |bank: &BankTransaction| {
        bank.end_to_end_id.clone().filter(|id| !weak::is_weak_reference(id))
    };
    let virtually =
        |bank: &BankTransaction| bank.virtual_account.as_deref().and_then(text::payer_account);
    let place = |bank: &BankTransaction| bank.detail.as_ref().map(|d| d.index.to_string());
    let (from, to) = (end_to_end(left), end_to_end(right));
    let same_order = from.is_some() && from == to;
    let payers = (payer(left), payer(right));
    let same_payer = payers.0.is_some() && payers.0 == payers.1;
    let named = name(left).zip(name(right));
    let other_name = !same_payer
        && named.is_some_and(|(left, right)| names::likeness(&left, &right) < names::SAME);
    !differ(payers.0, payers.1)
        && !differ(from, to)
        && !differ(virtually(left), virtually(right))
        && !differ(place(left), place(right))
        && !other_name
        && (same_order || holds(left, right) || holds(right, left))
}

/// Whether the text of `long` has all that `short` says: enriched, or not cut.
fn holds(long: &BankTransaction, short: &BankTransaction) -> bool {
    let said = |bank: &BankTransaction| {
        let lines = bank.creditor_reference.iter().chain(&bank.unstructured);
        text::normalise(&lines.map(String::as_str).collect::<Vec<_>>().join(" "))
    };
    let (long, short) = (said(long), said(short));
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let mut words = short.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let known: Vec<&str> = long.split(|c: char| !c.is_alphanumeric()).collect();
    plain(&long).contains(&plain(&short)) || words.all(|word| known.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testkit::*;

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

//! Payments that the bank gave no id. Where the bank enriches a text after booking, or a gateway
//! exports a day again, the same money comes under another fingerprint; a person says which it is.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::domain::bank::BankTransaction;
use crate::domain::decide::bank::entry_of;
use crate::domain::effect::BankRecord;
use crate::domain::ids::{BankAccountId, PaymentId, Source};
use crate::domain::input::ContentHash;
use crate::domain::matching::{names, text, weak};
use crate::domain::money::Money;
use crate::domain::payment::ParkReason;
use crate::domain::working_set::pending::payer;

/// Equal rows of one delivery are written within this of each other.
const ONE_DELIVERY: TimeDelta = TimeDelta::minutes(10);

/// Who wrote a record, and when by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub source: Source,
    pub at: DateTime<Utc>,
}

/// Payments without a bank id that say the same and name the same statement.
#[derive(Debug, Clone)]
struct Equals {
    transaction: BankTransaction,
    content_hash: ContentHash,
    first: PaymentId,
    /// One of those that came before deliveries were kept.
    undelivered: Option<PaymentId>,
    /// The first and the last delivery of each source.
    delivered: BTreeMap<Source, [(DateTime<Utc>, PaymentId); 2]>,
}

type SameMoney = (BankAccountId, NaiveDate, Money);
type Said = (ContentHash, Option<String>);

/// Equal amounts of one payer, bank account and day that a record is compared with.
pub const OF_ONE_PAYER_MAX: usize = 200;
/// And of nobody, where the text alone tells them apart.
pub const OF_NOBODY_MAX: usize = 5_000;

/// Why a person has to say whether a record is money that was not there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub why: ParkReason,
    /// What it may be; or, where there are too many to compare, one of them.
    pub earlier: PaymentId,
}

/// Payments without a bank id by bank account, day and amount.
#[derive(Debug, Clone, Default)]
pub struct Lookalikes(HashMap<SameMoney, OneDay>);

#[derive(Debug, Clone, Default)]
struct OneDay {
    known: HashSet<PaymentId>,
    /// In the order in which they came.
    equals: Vec<Equals>,
    by_said: HashMap<Said, usize>,
    by_payer: HashMap<Option<String>, Vec<usize>>,
    /// How many payments of nobody, of each payer, and of all of those.
    of_nobody: usize,
    of_payer: HashMap<String, usize>,
    of_somebody: usize,
}

fn same_money(bank: &BankTransaction) -> SameMoney {
    (bank.bank_account.clone(), bank.booking_date, bank.amount)
}

impl Lookalikes {
    pub fn record(&mut self, record: &BankRecord, delivery: Option<Delivery>) {
        let Some(payment_id) = &record.payment_id else { return };
        let bank = &record.transaction;
        let day = self.0.entry(same_money(bank)).or_default();
        if !day.known.insert(payment_id.clone()) {
            return;
        }
        day.count(payer(bank));
        let next = day.equals.len();
        let said = (record.content_hash, bank.statement_id.clone());
        let at = *day.by_said.entry(said).or_insert(next);
        if at == next {
            day.by_payer.entry(payer(bank)).or_default().push(next);
            day.equals.push(Equals {
                transaction: bank.clone(),
                content_hash: record.content_hash,
                first: payment_id.clone(),
                undelivered: None,
                delivered: BTreeMap::new(),
            });
        }
        if let Some(equals) = day.equals.get_mut(at) {
            equals.came(payment_id, delivery);
        }
    }

    /// The earlier payment that this record may be again: the first, if there are several. Where
    /// there are more than are compared it is in doubt whatever it says.
    #[must_use]
    pub fn earlier(
        &self,
        bank: &BankTransaction,
        hash: &ContentHash,
        delivery: &Delivery,
    ) -> Option<Doubt> {
        let day = self.0.get(&same_money(bank))?;
        if let Some(earlier) = day.again(bank, hash, delivery) {
            let why = ParkReason::PossibleDuplicate;
            return Some(Doubt { why, earlier: earlier.clone() });
        }
        let one = day.equals.first().filter(|_| day.too_many(payer(bank).as_deref()))?;
        Some(Doubt { why: ParkReason::TooManyAlike, earlier: one.first.clone() })
    }
}

impl OneDay {
    fn count(&mut self, payer: Option<String>) {
        let of = match payer {
            None => &mut self.of_nobody,
            Some(payer) => {
                self.of_somebody = self.of_somebody.saturating_add(1);
                self.of_payer.entry(payer).or_default()
            }
        };
        *of = of.saturating_add(1);
    }

    /// Whether there are more than are loaded and compared.
    fn too_many(&self, payer: Option<&str>) -> bool {
        let of_payer = payer.and_then(|payer| self.of_payer.get(payer)).copied();
        self.of_nobody > OF_NOBODY_MAX
            || of_payer.unwrap_or_default() > OF_ONE_PAYER_MAX
            || payer.is_none() && self.of_somebody > OF_NOBODY_MAX
    }

    fn again(
        &self,
        bank: &BankTransaction,
        hash: &ContentHash,
        delivery: &Delivery,
    ) -> Option<&PaymentId> {
        let day = self;
        let again = |at: &usize| -> Option<&PaymentId> {
            let other = day.equals.get(*at)?;
            let earlier = other.apart_from(bank, hash, delivery)?;
            let two = of_one_statement(bank, &other.transaction)
                // Without a name of the entry an equal row of a later export is in doubt.
                && (entry_of(bank).is_some() || other.content_hash != *hash);
            let same = !two && alike(bank, &other.transaction);
            same.then_some(earlier)
        };
        match payer(bank) {
            None => (0..day.equals.len()).find_map(|at| again(&at)),
            // Whoever is another payer is not looked at.
            own => {
                let groups = [day.by_payer.get(&own), day.by_payer.get(&None)];
                let mut found: Vec<(usize, &PaymentId)> = Vec::new();
                for group in groups.into_iter().flatten() {
                    found.extend(group.iter().find_map(|at| Some((*at, again(at)?))));
                }
                found.into_iter().min().map(|(_, earlier)| earlier)
            }
        }
    }
}

impl Equals {
    fn came(&mut self, payment_id: &PaymentId, delivery: Option<Delivery>) {
        let Some(Delivery { source, at }) = delivery else {
            self.undelivered.get_or_insert_with(|| payment_id.clone());
            return;
        };
        let one = (at, payment_id.clone());
        match self.delivered.get_mut(&source) {
            None => {
                self.delivered.insert(source, [one.clone(), one]);
            }
            Some([first, _]) if at < first.0 => *first = one,
            Some([_, last]) if at > last.0 => *last = one,
            Some(_) => {}
        }
    }

    /// One of them, unless the record is one more row of their delivery: equal rows that one
    /// source wrote at one go are as many payments.
    fn apart_from(
        &self,
        bank: &BankTransaction,
        hash: &ContentHash,
        delivery: &Delivery,
    ) -> Option<&PaymentId> {
        let equal = self.content_hash == *hash;
        if !equal || bank.statement_id != self.transaction.statement_id {
            return Some(&self.first);
        }
        let apart =
            |(at, _): &&(DateTime<Utc>, PaymentId)| (delivery.at - *at).abs() > ONE_DELIVERY;
        let other = |(source, all): (&Source, &'_ [(DateTime<Utc>, PaymentId); 2])| {
            *source != delivery.source || all.iter().any(|one| apart(&one))
        };
        if let Some(earlier) = &self.undelivered {
            return Some(earlier);
        }
        let (source, [first, last]) = self.delivered.iter().find(|one| other(*one))?;
        let of_first = *source != delivery.source || apart(&first);
        Some(if of_first { &first.1 } else { &last.1 })
    }
}

/// Rows of one statement are as many entries, whatever they say.
fn of_one_statement(left: &BankTransaction, right: &BankTransaction) -> bool {
    left.statement_id.is_some() && left.statement_id == right.statement_id
}

/// Whether nothing that both say tells them apart: the payer, the end-to-end id, the place in an
/// entry, and of their texts one holds the other.
fn alike(left: &BankTransaction, right: &BankTransaction) -> bool {
    let differ = |left: Option<String>, right: Option<String>| {
        left.zip(right).is_some_and(|(left, right)| left != right)
    };
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

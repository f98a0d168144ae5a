//! Bank records that announce money: what is booked later under another id takes their place.

use std::collections::BTreeMap;

use chrono::Days;
use foldhash::{HashMap, HashSet};

use crate::bank::{BankTransaction, EntryStatus, end_to_end_of};
use crate::effect::{BankDisposition, BankRecord};
use crate::ids::{BankAccountId, BankKey};
use crate::matching::{text, weak};
use crate::money::{Currency, Money};
use crate::shared::Shared;
use crate::want::Want;
use crate::working_set::WorkingSet;
use crate::working_set::bank::split;

/// Days after the announced one within which a booking may be what is announced after it.
pub const LATE_DAYS: Days = Days::new(7);

/// Records by their amount; each is there once, though its amount may change.
#[derive(Debug, Clone, Default)]
struct ByAmount {
    groups: HashMap<Money, BTreeMap<BankKey, BankTransaction>>,
    amounts: HashMap<BankKey, Money>,
}

impl ByAmount {
    fn of(&self, amount: Money) -> Option<&BTreeMap<BankKey, BankTransaction>> {
        self.groups.get(&amount)
    }

    fn remove(&mut self, key: &BankKey) {
        let Some(amount) = self.amounts.remove(key) else { return };
        let Some(group) = self.groups.get_mut(&amount) else { return };
        group.remove(key);
        if group.is_empty() {
            self.groups.remove(&amount);
        }
    }

    /// Keeps a record or not, in place of what was kept of its key.
    fn take(&mut self, record: &BankRecord, keep: bool) {
        self.remove(&record.key);
        if keep {
            let bank = &record.transaction;
            self.amounts.insert(record.key.clone(), bank.amount);
            let group = self.groups.entry(bank.amount).or_default();
            group.insert(record.key.clone(), bank.clone());
        }
    }
}

/// What a booking and the record that announced it have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Transfer {
    pub bank_account: BankAccountId,
    pub currency: Currency,
    pub micros: i64,
    pub payer: Option<String>,
    pub end_to_end: Option<String>,
}

impl Transfer {
    /// None if nothing tells it from others: then nothing announced it.
    pub fn of(bank: &BankTransaction) -> Option<Self> {
        let (payer, end_to_end) = (payer(bank), end_to_end(bank).map(str::to_owned));
        (payer.is_some() || end_to_end.is_some()).then_some(())?;
        let (currency, micros) = (bank.amount.currency(), bank.amount.to_micros().ok()?);
        let bank_account = bank.bank_account.clone();
        Some(Self { bank_account, currency, micros, payer, end_to_end })
    }
}

/// Pending records by their amount, and the bookings that no record announced.
#[derive(Debug, Clone, Default)]
pub struct Pending {
    pending: ByAmount,
    booked: ByAmount,
    /// Whether the batch announces something that may be booked already.
    pub looks_back: bool,
    /// Bookings, and announcements, for which the other was looked up, by their keys; of equal
    /// records by what those begin with.
    bookings: Shared<HashSet<BankKey>>,
    announcements: Shared<HashSet<BankKey>>,
}

impl Pending {
    /// Takes a record as it stands now; only one that still announces money is kept.
    pub fn record(&mut self, record: &BankRecord) {
        let bank = &record.transaction;
        let open =
            bank.status == EntryStatus::Pending && record.disposition == BankDisposition::NotBooked;
        self.pending.take(record, open);
    }

    /// Takes a booking that nothing announced.
    pub fn booked(&mut self, record: &BankRecord) {
        self.booked.take(record, record.transaction.status == EntryStatus::Booked);
    }

    /// `pending` has announced what is booked as `by`.
    pub fn superseded(&mut self, pending: &BankKey, by: &BankKey) {
        self.pending.remove(pending);
        self.booked.remove(by);
    }

    /// What announced the booking is here, or comes before anything is decided.
    pub fn ask_booking(&mut self, key: BankKey) {
        self.bookings.insert(key);
    }

    /// As [`Self::ask_booking`]: what is booked already.
    pub fn ask_announcement(&mut self, key: BankKey) {
        self.looks_back = true;
        self.announcements.insert(key);
    }

    /// The record that announced `booked`. Of several that nobody could tell apart it is the first
    /// by key; if they differ in what they say, it is none.
    fn announced(&self, booked: &BankTransaction) -> Option<&BankKey> {
        only_or_alike(self.pending.of(booked.amount)?, |pending| is_same(pending, booked))
    }

    /// What is booked already of that which `pending` announces: on its day, or in the week after.
    fn announced_late(&self, pending: &BankTransaction) -> Option<&BankKey> {
        let from = pending.booking_date;
        let to = from.checked_add_days(LATE_DAYS).unwrap_or(from);
        only_or_alike(self.booked.of(pending.amount)?, |booked| {
            (from..=to).contains(&booked.booking_date) && is_same(pending, booked)
        })
    }
}

impl WorkingSet {
    /// The record that announced `booked`, which has this key.
    pub fn announced(&self, booked: &BankTransaction, key: &BankKey) -> Option<&BankKey> {
        if self.lacks(&self.pending.bookings, key)
            && let Some(of) = Transfer::of(booked)
        {
            self.misses(Want::Announced(key.clone(), of));
        }
        self.pending.announced(booked)
    }

    /// What is booked already of that which `pending`, which has this key, announces.
    pub fn announced_late(&self, pending: &BankTransaction, key: &BankKey) -> Option<&BankKey> {
        if self.lacks(&self.pending.announcements, key)
            && let Some(of) = Transfer::of(pending)
        {
            self.misses(Want::BookedAlready(key.clone(), of, pending.booking_date));
        }
        self.pending.announced_late(pending)
    }

    fn lacks(&self, asked: &HashSet<BankKey>, key: &BankKey) -> bool {
        let by_print = || {
            let (print, _) = split(&key.key)?;
            Some(BankKey { bank_account: key.bank_account.clone(), key: print.to_owned() })
        };
        let asked = |key: &BankKey| asked.contains(key);
        !self.complete && !asked(key) && !by_print().is_some_and(|print| asked(&print))
    }
}

fn only_or_alike(
    group: &BTreeMap<BankKey, BankTransaction>,
    fits: impl Fn(&BankTransaction) -> bool,
) -> Option<&BankKey> {
    let mut same = group.iter().filter(|(_, bank)| fits(bank));
    let (key, first) = same.next()?;
    let alike = |other: &BankTransaction| {
        payer(other) == payer(first)
            && end_to_end(other) == end_to_end(first)
            && words(other) == words(first)
    };
    same.all(|(_, other)| alike(other)).then_some(key)
}

/// Whether both speak of one transfer: the same bank account, direction and amount, no other
/// payer, and the same end-to-end id; where one of them has none, the same payer's account and the
/// same names of invoices in the text. Dates may differ: that is what booking changes. Whom a bank
/// masks, and words that anybody writes, are nobody's.
fn is_same(pending: &BankTransaction, booked: &BankTransaction) -> bool {
    let plain = |bank: &BankTransaction| (bank.credit_debit, bank.reversal, bank.amount);
    if pending.bank_account != booked.bank_account || plain(pending) != plain(booked) {
        return false;
    }
    let payers = (payer(pending), payer(booked));
    if payers.0.is_some() && payers.1.is_some() && payers.0 != payers.1 {
        return false;
    }
    match (end_to_end(pending), end_to_end(booked)) {
        (Some(announced), Some(given)) => announced == given,
        (None, _) | (_, None) => {
            payers.0.is_some() && payers.0 == payers.1 && words(pending) == words(booked)
        }
    }
}

/// The end-to-end id, unless anybody may have given the same.
pub fn end_to_end(bank: &BankTransaction) -> Option<&str> {
    bank.end_to_end_id.as_deref().and_then(end_to_end_of)
}

/// The payer's account as it is compared, unless it is nobody's.
pub fn payer(bank: &BankTransaction) -> Option<String> {
    bank.debtor_account.as_deref().and_then(weak::payer_account)
}

fn words(bank: &BankTransaction) -> (Vec<String>, Vec<String>) {
    // The end-to-end id is compared by itself.
    let tokens = text::tokens(&BankTransaction { end_to_end_id: None, ..bank.clone() });
    let references = tokens.references.iter().map(|(reference, _)| reference.clone()).collect();
    // Of the text alone: the end-to-end ids are compared before.
    let numbers = tokens.numbers.iter().flatten().filter(|number| number.awaited);
    (references, numbers.map(|number| number.key.clone()).collect())
}

#[cfg(test)]
mod for_tests {
    use super::*;

    impl Pending {
        /// All of that amount, as the other has it.
        pub(crate) fn know_amount(&mut self, other: &Self, amount: Money, booked: bool) {
            let (from, to) = match booked {
                true => (&other.booked, &mut self.booked),
                false => (&other.pending, &mut self.pending),
            };
            for (key, bank) in from.of(amount).into_iter().flatten() {
                to.amounts.insert(key.clone(), amount);
                to.groups.entry(amount).or_default().insert(key.clone(), bank.clone());
            }
        }
    }
}

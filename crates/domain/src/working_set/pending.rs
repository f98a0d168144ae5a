//! Bank records that announce money: what is booked later under another id takes their place.

use std::collections::{BTreeMap, HashMap};

use chrono::Days;

use crate::bank::{BankTransaction, EntryStatus, end_to_end_of};
use crate::effect::{BankDisposition, BankRecord};
use crate::ids::BankKey;
use crate::matching::{text, weak};
use crate::money::Money;

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

/// Pending records by their amount, and the bookings that no record announced.
#[derive(Debug, Clone, Default)]
pub struct Pending {
    pending: ByAmount,
    booked: ByAmount,
    /// Whether the batch announces something that may be booked already.
    pub looks_back: bool,
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

    /// The record that announced `booked`. Of several that nobody could tell apart it is the first
    /// by key; if they differ in what they say, it is none.
    pub fn announced(&self, booked: &BankTransaction) -> Option<&BankKey> {
        only_or_alike(self.pending.of(booked.amount)?, |pending| is_same(pending, booked))
    }

    /// What is booked already of that which `pending` announces: on its day, or in the week after.
    pub fn announced_late(&self, pending: &BankTransaction) -> Option<&BankKey> {
        let from = pending.booking_date;
        let to = from.checked_add_days(LATE_DAYS).unwrap_or(from);
        only_or_alike(self.booked.of(pending.amount)?, |booked| {
            (from..=to).contains(&booked.booking_date) && is_same(pending, booked)
        })
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

//! Payments that may be one transfer told twice, of which one at least has no id of the bank. Where
//! the bank enriches a text after booking, a gateway exports a day again, or two feeds tell of one
//! bank account, the same money comes under another name; a person says which it is.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use crate::bank::BankTransaction;
use crate::effect::BankRecord;
use crate::ids::{BankAccountId, ContentHash, PaymentId, Source};
use crate::matching::weak;
use crate::payment::{ParkReason, PaymentState};
use crate::shared::Shared;
use crate::want::Want;
use crate::working_set::WorkingSet;
use crate::working_set::alike::{SameMoney, Text, alike, are_two_entries, of_one_statement, tail};

pub use crate::effect::Delivery;

/// Equal rows of one delivery are written within this of each other.
const ONE_DELIVERY: TimeDelta = TimeDelta::minutes(10);

/// Payments without a bank id that say the same and name the same statement.
#[derive(Debug, Clone)]
struct Equals {
    transaction: BankTransaction,
    text: Text,
    content_hash: ContentHash,
    first: PaymentId,
    /// All of them, with whether each may be a payment that has an id.
    all: Vec<(PaymentId, bool)>,
    /// One of those that came before deliveries were kept.
    undelivered: Option<PaymentId>,
    /// The first and the last delivery of each source.
    delivered: BTreeMap<Source, [(DateTime<Utc>, PaymentId); 2]>,
}

type Said = (ContentHash, Option<String>);

/// Equal amounts of one payer (or of payers whose numbers end alike), bank account and day that a
/// record is compared with.
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

/// Payments by bank account, day and amount: those without a bank id, and those that have one.
#[derive(Debug, Clone)]
pub struct Lookalikes {
    without_id: HashMap<SameMoney, OneDay>,
    with_id: HashMap<SameMoney, OneDay>,
    /// Whether the batch has payments without an id, which those with one are compared with.
    pub sees_ids: bool,
    /// What was asked for of each.
    asked: Shared<HashSet<(SameMoney, Option<String>)>>,
    asked_with_id: Shared<HashSet<(SameMoney, Option<String>)>>,
    /// The first and the last of the days of which there is none without an id.
    days: Shared<HashMap<BankAccountId, (NaiveDate, NaiveDate)>>,
}

impl Default for Lookalikes {
    fn default() -> Self {
        Self {
            without_id: HashMap::new(),
            with_id: HashMap::new(),
            sees_ids: true,
            asked: HashSet::new().into(),
            asked_with_id: HashSet::new().into(),
            days: HashMap::new().into(),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct OneDay {
    known: HashSet<PaymentId>,
    /// In the order in which they came.
    equals: Vec<Equals>,
    by_said: HashMap<Said, usize>,
    /// By the end of the payer's account, which all forms of one number share.
    by_payer: HashMap<Option<String>, Vec<usize>>,
    /// How many payments of nobody, of each payer, and of all of those.
    of_nobody: usize,
    of_payer: HashMap<String, usize>,
    of_somebody: usize,
}

/// The end of the payer's account, unless it is nobody's.
pub fn payer_tail(debtor_account: Option<&str>) -> Option<String> {
    let payer = debtor_account.and_then(weak::payer_account);
    payer.map(|payer| tail(&payer).to_owned())
}

impl Lookalikes {
    /// Takes a payment without an id. `in_doubt`: whether it may be one that has an id.
    pub fn record(&mut self, record: &BankRecord, delivery: Option<Delivery>, in_doubt: bool) {
        let Some(payment_id) = &record.payment_id else { return };
        let bank = &record.transaction;
        let said = (record.content_hash, bank.statement_id.clone());
        let day = self.without_id.entry(SameMoney::of(bank)).or_default();
        if let Some(equals) = day.add(payment_id, record, said) {
            equals.all.push((payment_id.clone(), in_doubt));
            equals.came(payment_id, delivery);
        }
    }

    /// Takes a payment without an id of this batch, and what it looks like.
    pub fn came(&mut self, record: &BankRecord, delivery: Delivery, like: Option<&PaymentId>) {
        let day = self.with_id.get(&SameMoney::of(&record.transaction));
        let in_doubt = like.is_some_and(|like| day.is_some_and(|day| day.known.contains(like)));
        self.record(record, Some(delivery), in_doubt);
    }

    /// Takes a payment that has an id, if one without may be compared with it.
    pub fn record_with_id(&mut self, record: &BankRecord) {
        let Some(payment_id) = record.payment_id.as_ref().filter(|_| self.sees_ids) else { return };
        let bank = &record.transaction;
        if bank.bank_transaction_id.is_none() {
            return;
        }
        let said = (record.content_hash, bank.statement_id.clone());
        self.with_id.entry(SameMoney::of(bank)).or_default().add(payment_id, record, said);
    }

    fn earlier(
        &self,
        (bank, same): (&BankTransaction, &SameMoney),
        hash: &ContentHash,
        delivery: &Delivery,
        state: impl Fn(&PaymentId) -> Option<PaymentState>,
    ) -> Option<Doubt> {
        let (without, with) = (self.without_id.get(same), self.with_id.get(same));
        let text = Text::of(bank);
        if bank.bank_transaction_id.is_some() {
            return without?.doubt(bank, |other| other.is_told_without_id(bank, &text, &state));
        }
        let again = |other: &Equals| other.is_told_again(bank, &text, hash, delivery);
        let doubt = without.and_then(|day| day.doubt(bank, again));
        let told = |other: &Equals| other.is_same(bank, &text).then(|| other.first.clone());
        doubt.or_else(|| with?.doubt(bank, told))
    }
}

impl Lookalikes {
    pub(super) fn ask(&mut self, same: SameMoney, payer: Option<String>) {
        self.asked.insert((same, payer));
    }

    pub(super) fn ask_with_id(&mut self, same: SameMoney, payer: Option<String>) {
        self.sees_ids = true;
        self.asked_with_id.insert((same, payer));
    }

    /// The bank gave all payments of this day an id, in this account, and of all days between it
    /// and the others of which this is said.
    pub fn none_without_id(&mut self, own: &BankAccountId, day: NaiveDate) {
        match self.days.get_mut(own) {
            Some(days) => *days = (days.0.min(day), days.1.max(day)),
            None => drop(self.days.insert(own.clone(), (day, day))),
        }
    }

    /// Whether what is here of those without an id is only what this batch brought.
    fn has_none_of(&self, bank: &BankTransaction) -> bool {
        let days = self.days.get(&bank.bank_account);
        days.is_some_and(|(first, last)| (*first..=*last).contains(&bank.booking_date))
    }
}

impl WorkingSet {
    /// The earlier payment that this record may be again: the first, if there are several. Where
    /// there are more than are compared it is in doubt whatever it says. Two that the bank gave an
    /// id each are never one.
    pub fn looks_like(
        &self,
        bank: &BankTransaction,
        hash: &ContentHash,
        delivery: &Delivery,
        state: impl Fn(&PaymentId) -> Option<PaymentState>,
    ) -> Option<Doubt> {
        let known = &self.lookalikes;
        let has_id = bank.bank_transaction_id.is_some();
        let none = has_id && known.has_none_of(bank);
        let nothing = known.without_id.is_empty() && (has_id || known.with_id.is_empty());
        if (self.complete || none) && nothing {
            return None;
        }
        let same = SameMoney::of(bank);
        if !self.complete && !none {
            let key = (same.clone(), payer_tail(bank.debtor_account.as_deref()));
            if !known.asked.contains(&key) {
                self.misses(Want::WithoutId(key.0.clone(), key.1.clone()));
            }
            if !has_id && !known.asked_with_id.contains(&key) {
                self.misses(Want::WithId(key.0, key.1));
            }
        }
        known.earlier((bank, &same), hash, delivery, state)
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

    /// Takes a payment; returns the group of those that say the same, if it is new.
    fn add(
        &mut self,
        payment_id: &PaymentId,
        record: &BankRecord,
        said: Said,
    ) -> Option<&mut Equals> {
        if !self.known.insert(payment_id.clone()) {
            return None;
        }
        let bank = &record.transaction;
        self.count(payer_tail(bank.debtor_account.as_deref()));
        let next = self.equals.len();
        let at = *self.by_said.entry(said).or_insert(next);
        if at == next {
            self.by_payer.entry(payer_tail(bank.debtor_account.as_deref())).or_default().push(next);
            self.equals.push(Equals {
                transaction: bank.clone(),
                text: Text::of(bank),
                content_hash: record.content_hash,
                first: payment_id.clone(),
                all: Vec::new(),
                undelivered: None,
                delivered: BTreeMap::new(),
            });
        }
        self.equals.get_mut(at)
    }

    fn doubt(
        &self,
        bank: &BankTransaction,
        again: impl Fn(&Equals) -> Option<PaymentId>,
    ) -> Option<Doubt> {
        let at = |at: &usize| again(self.equals.get(*at)?);
        let payer = payer_tail(bank.debtor_account.as_deref());
        let earlier = match &payer {
            None => (0..self.equals.len()).find_map(|one| at(&one)),
            // Whoever is another payer is not looked at.
            own => {
                let groups = [self.by_payer.get(own), self.by_payer.get(&None)];
                let groups = groups.into_iter().flatten();
                let found =
                    groups.filter_map(|all| all.iter().find_map(|one| Some((*one, at(one)?))));
                found.min().map(|(_, earlier)| earlier)
            }
        };
        if let Some(earlier) = earlier {
            return Some(Doubt { why: ParkReason::PossibleDuplicate, earlier });
        }
        let one = self.equals.first().filter(|_| self.too_many(payer.as_deref()))?;
        Some(Doubt { why: ParkReason::TooManyAlike, earlier: one.first.clone() })
    }
}

impl Equals {
    /// One of them that a record without an id may be again.
    fn is_told_again(
        &self,
        bank: &BankTransaction,
        text: &Text,
        hash: &ContentHash,
        delivery: &Delivery,
    ) -> Option<PaymentId> {
        let earlier = self.apart_from(bank, hash, delivery)?;
        // Without names of both entries a row of a later export is in doubt.
        let two = are_two_entries(bank, &self.transaction)
            || of_one_statement(bank, &self.transaction)
                && self.content_hash != *hash
                && self.came_with(delivery);
        let same = !two && alike((bank, text), (&self.transaction, &self.text));
        same.then(|| earlier.clone())
    }

    /// Whether one of them came in the same delivery.
    fn came_with(&self, delivery: &Delivery) -> bool {
        let near = |at: DateTime<Utc>| (delivery.at - at).abs() <= ONE_DELIVERY;
        let same = self.delivered.get(&delivery.source);
        same.is_some_and(|all| all.iter().any(|(at, _)| near(*at)))
    }

    /// Whether the other, of which one alone has an id, may be the same transfer.
    fn is_same(&self, bank: &BankTransaction, text: &Text) -> bool {
        !are_two_entries(bank, &self.transaction)
            && alike((bank, text), (&self.transaction, &self.text))
    }

    /// One of them that a record with an id may be. What may be another one that has an id, and is
    /// not money of its own by a person's word, does not stand in its way.
    fn is_told_without_id(
        &self,
        bank: &BankTransaction,
        text: &Text,
        state: impl Fn(&PaymentId) -> Option<PaymentState>,
    ) -> Option<PaymentId> {
        let is_open = |state| matches!(state, PaymentState::Parked(_) | PaymentState::Removed);
        let stands = |(id, in_doubt): &&(PaymentId, bool)| {
            !in_doubt || state(id).is_some_and(|state| !is_open(state))
        };
        let (earlier, _) = self.all.iter().find(stands)?;
        self.is_same(bank, text).then(|| earlier.clone())
    }

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

#[cfg(test)]
mod for_tests {
    use super::*;

    impl Lookalikes {
        /// All of that day, as the other has it.
        pub(crate) fn know_day(&mut self, other: &Self, same: &SameMoney, with_id: bool) {
            let of = |all: &HashMap<SameMoney, OneDay>| all.get(same).cloned();
            if with_id {
                self.with_id.extend(of(&other.with_id).map(|day| (same.clone(), day)));
            } else {
                self.without_id.extend(of(&other.without_id).map(|day| (same.clone(), day)));
            }
        }
    }
}

//! Which of a batch's bank records are recorded already, and the locks by which two batches see
//! each other that bring the same money in two ways.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::Needs;
use crate::domain::bank::{BankTransaction, Direction, EntryStatus};
use crate::domain::decide::bank::{
    bank_key, key_in_book, key_of_other, may_be_used_again, needs_ordinal, payment_id,
    payment_id_instead, print_of,
};
use crate::domain::effect::{BankDisposition, BankKey};
use crate::domain::ids::PaymentId;
use crate::domain::input::ContentHash;
use crate::domain::money::Money;
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::terms::Terms;
use crate::store::{StoreError, Tx, lines, rows};

/// What a batch has of the bank's facts.
#[derive(Debug, Default)]
pub(super) struct BankFacts {
    /// Equal records without any id: bank account and print, with a record of them and how many.
    equal: BTreeMap<(String, String), Equal>,
    /// Bank accounts that the batch must have alone: with money that has no id, with announced or
    /// advised money, with money that is taken back. And those with booked money.
    alone: BTreeSet<String>,
    booked: BTreeSet<String>,
    /// The first and the last day of the payments that have an id.
    days: Option<(NaiveDate, NaiveDate)>,
    /// Money that the bank names by statement and entry, with its content.
    entries: Vec<(BankKey, ContentHash)>,
    /// The keys of what is named by statement and entry in its currency and year.
    pub in_books: Vec<BankKey>,
}

/// What is known of the batch's bank accounts once they are locked.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Known {
    /// Whether an advice waits for what is booked.
    pub advices: bool,
    /// Whether money without an id came there on the days of the batch.
    pub nameless: bool,
}

impl Known {
    fn or(self, other: Self) -> Self {
        Self { advices: self.advices || other.advices, nameless: self.nameless || other.nameless }
    }

    fn read(row: &PgRow) -> Result<Self, StoreError> {
        Ok(Self { advices: row.try_get("advices")?, nameless: row.try_get("nameless")? })
    }
}

#[derive(Debug)]
struct Equal {
    bank: BankTransaction,
    hash: ContentHash,
    count: u32,
}

impl BankFacts {
    /// Takes note of a record; returns its key if that does not depend on its equals.
    pub(super) fn add(&mut self, bank: &BankTransaction, hash: &ContentHash) -> Option<BankKey> {
        let account = || bank.bank_account.as_str().to_owned();
        match bank.status {
            EntryStatus::Pending => {
                self.alone.insert(account());
            }
            EntryStatus::Booked => {
                if !self.booked.contains(bank.bank_account.as_str()) {
                    self.booked.insert(account());
                }
                self.add_booked(bank);
            }
            EntryStatus::Information => {}
        }
        if !needs_ordinal(bank) {
            let key = bank_key(bank, hash, 1);
            let in_book = key_in_book(bank);
            if may_be_used_again(bank) {
                let all = in_book.iter().chain([&key]);
                self.entries.extend(all.map(|key| (key.clone(), *hash)));
            }
            self.in_books.extend(in_book);
            return Some(key);
        }
        let equal = self.equal.entry((account(), print_of(hash)));
        let equal = equal.or_insert_with(|| Equal { bank: bank.clone(), hash: *hash, count: 0 });
        equal.count = equal.count.saturating_add(1);
        None
    }

    fn add_booked(&mut self, bank: &BankTransaction) {
        let day = bank.booking_date;
        match (bank.direction(), &bank.bank_transaction_id) {
            (Direction::Payment, Some(_)) => {
                let (first, last) = self.days.unwrap_or((day, day));
                self.days = Some((first.min(day), last.max(day)));
            }
            (Direction::Payment, None) | (Direction::Return | Direction::BouncedRefund, _) => {
                self.alone.insert(bank.bank_account.as_str().to_owned());
            }
            (Direction::Outgoing, _) => {}
        }
    }

    /// Takes note of an advice: it must see all that is booked there.
    pub(super) fn advise(&mut self, bank_account: &str) {
        self.alone.insert(bank_account.to_owned());
    }

    /// Locks what must be held alone; what is left to be shared is locked by the first look-up.
    async fn lock(&self, tx: &mut Tx<'_>) -> Result<(BTreeSet<String>, Known), StoreError> {
        if self.alone.is_empty() {
            return Ok((self.booked.clone(), Known::default()));
        }
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        let row = query!("lock_bank_facts": list(&self.alone), list(&self.booked),
            self.days.map(|days| days.0), self.days.map(|days| days.1))
        .fetch_one(&mut **tx)
        .await?;
        Ok((BTreeSet::new(), Known::read(&row)?))
    }
}

/// Locks and reads what is recorded of the batch's bank records. After this nothing of the same
/// money is committed beside the batch.
pub(super) async fn load(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<Known, StoreError> {
    let (shared, known) = needs.bank_facts.lock(tx).await?;
    needs.bank_keys.extend(needs.bank_facts.in_books.iter().cloned());
    let known = keys(tx, needs, &shared, set).await?.or(known);
    // Only where the name of an entry is known with other content.
    let used = |(key, hash): &&(BankKey, ContentHash)| {
        set.bank_here().get(key).is_some_and(|stored| stored.content_hash != *hash)
    };
    let again = needs.bank_facts.entries.iter().filter(used);
    let again: Vec<BankKey> = again.map(|(key, hash)| key_of_other(key, hash)).collect();
    if !again.is_empty() {
        needs.bank_keys.extend(again);
        keys(tx, needs, &BTreeSet::new(), set).await?;
    }
    let equal = needs.bank_facts.equal.keys().cloned().collect();
    last_equal(tx, equal, set).await?;
    Ok(known)
}

/// Reads the keys that are known by name; returns what is known of the bank accounts `shared`.
pub(super) async fn keys(
    tx: &mut Tx<'_>,
    needs: &Needs,
    shared: &BTreeSet<String>,
    set: &mut WorkingSet,
) -> Result<Known, StoreError> {
    if needs.bank_keys.is_empty() {
        return Ok(Known::default());
    }
    let accounts: Vec<&str> = needs.bank_keys.iter().map(|k| k.bank_account.as_str()).collect();
    let keys: Vec<&str> = needs.bank_keys.iter().map(|k| k.key.as_str()).collect();
    let shared: Vec<&str> = shared.iter().map(String::as_str).collect();
    let days = needs.bank_facts.days;
    let query = query!("load_bank_keys": accounts, keys, shared, days.map(|days| days.0),
        days.map(|days| days.1));
    let mut known = Known::default();
    for row in query.fetch_all(&mut **tx).await? {
        known = known.or(Known::read(&row)?);
        know(&row, set)?;
    }
    Ok(known)
}

/// Reads the last of equal records, by bank account and what their keys begin with.
pub(super) async fn last_equal(
    tx: &mut Tx<'_>,
    equal: BTreeSet<(String, String)>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if equal.is_empty() {
        return Ok(());
    }
    let (accounts, prints): (Vec<&str>, Vec<&str>) =
        equal.iter().map(|(account, print)| (account.as_str(), print.as_str())).unzip();
    let query = query!("load_last_equal": accounts, prints);
    for row in query.fetch_all(&mut **tx).await? {
        know(&row, set)?;
    }
    set.ask(equal.into_iter().map(|(account, print)| Want::LastEqual(account, print)));
    Ok(())
}

fn know(row: &PgRow, set: &mut WorkingSet) -> Result<(), StoreError> {
    let Some(key) = row.try_get::<Option<String>, _>("bank_key")? else { return Ok(()) };
    let key = BankKey { bank_account: row.try_get("bank_account")?, key };
    let hash: &[u8] = row.try_get("content_hash")?;
    let word: &str = row.try_get("disposition")?;
    let disposition = BankDisposition::ALL.into_iter().find(|known| known.word() == word);
    let hash = hash.try_into().map_err(|_| StoreError::Corrupt("a bank hash"))?;
    let disposition = disposition.ok_or(StoreError::Unreadable("a disposition"))?;
    let payment_id = row.try_get::<Option<&str>, _>("payment_id")?.map(PaymentId::trusted);
    let currency = rows::currency(row.try_get("currency")?)?;
    let terms = Terms {
        amount: Money::from_micros(row.try_get("amount")?, currency),
        credit_debit: rows::credit_debit(row)?,
        reversal: row.try_get("reversal")?,
        booking_date: row.try_get("booking_date")?,
        value_date: row.try_get("value_date")?,
        payer: row.try_get("debtor_account")?,
        end_to_end: row.try_get("end_to_end_id")?,
        returns: row.try_get("returns")?,
        statement: row.try_get("statement_id")?,
        entry: row.try_get("entry_reference")?,
        virtually: row.try_get("virtual_account")?,
        name: row.try_get("debtor_name")?,
        reference: row.try_get("creditor_reference")?,
        lines: lines::split(row.try_get("unstructured")?),
    };
    set.know_bank(key, hash, disposition, payment_id, terms);
    Ok(())
}

/// Which ids of the batch's bank payments other payments have already. A batch that locks last
/// finds that out when it writes, and is tried again with its locks first.
pub(super) async fn taken_ids(
    tx: &mut Tx<'_>,
    needs: &Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let mut new: Vec<BankKey> =
        needs.bank_keys.iter().filter(|key| !set.bank_here().contains_key(key)).cloned().collect();
    for ((account, print), equal) in &needs.bank_facts.equal {
        let last = set.last_equal(account, print);
        // The last may be one that is not booked yet.
        let ordinals = last.max(1)..=last.saturating_add(equal.count);
        new.extend(ordinals.map(|ordinal| bank_key(&equal.bank, &equal.hash, ordinal)));
    }
    let ids: Vec<PaymentId> =
        new.iter().flat_map(|key| [payment_id(key), payment_id_instead(key)]).collect();
    super::payments::taken(tx, ids, set).await
}

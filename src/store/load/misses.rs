//! What deciding wants and was not loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use chrono::NaiveDate;
use sqlx::Row;

use super::{
    Locks, Needs, balances, bank_facts, invoices, lock_accounts, lookalikes, pending, resolve,
    told_steps, unlocked,
};
use crate::domain::ids::{AccountId, InvoiceId, PaymentId};
use crate::domain::matching::near::{Word, like_reference};
use crate::domain::money::Money;
use crate::domain::want::Want;
use crate::domain::working_set::{
    BOOK_COUNT_MAX, BOOK_OLDEST_MAX, BookEntry, EXACT_MIN, HELD_MAX, NAMESAKES_MAX, OpenInvoice,
    WorkingSet, owners::Customers,
};
use crate::store::{StoreError, Tx, rows};

/// What is looked up, and the words that it is a neighbour of.
type Variants<'a> = BTreeMap<String, Vec<&'a Word>>;

impl Needs {
    /// Takes note of what may be wanted before anything is decided; lists come after.
    pub(super) fn want(&mut self, want: Want) {
        let _new = match want {
            Want::Payer(payer) => self.payers.insert(payer),
            Want::Virtual(number) => self.virtuals.insert(number),
            Want::Reference(reference) => self.references.insert(reference),
            Want::Number(number) => self.numbers.insert(number),
            Want::Bank(key) => self.bank_keys.insert(key),
            Want::LastEqual(bank_account, print) => self.last_equal.insert((bank_account, print)),
            Want::Account(_)
            | Want::Exact(..)
            | Want::Oldest(..)
            | Want::Book(..)
            | Want::Near(_)
            | Want::Namesakes(_)
            | Want::Held(..)
            | Want::Payment(_)
            | Want::Taken(_)
            | Want::Whole(_)
            | Want::Original(_)
            | Want::ToldTwice(_)
            | Want::Returned(..)
            | Want::ReturnsOf(_)
            | Want::Parked(_)
            | Want::Announced(..)
            | Want::BookedAlready(..)
            | Want::WithoutId(..)
            | Want::WithId(..)
            | Want::ToldSteps(..)
            | Want::Lots(..)
            | Want::Balances(_)
            | Want::Limits(_)
            | Want::SetAside(_)
            | Want::Charge(..)
            | Want::Refund(..)
            | Want::Hold(..)
            | Want::Suggested(_)
            | Want::Taught(_)
            | Want::Advice(_)
            | Want::AdviceOf(_)
            | Want::Twins(..)
            | Want::Fitting(..)
            | Want::Advised(_)
            | Want::BankRecord(_)
            | Want::Watchers(_)
            | Want::Holders(..)
            | Want::Queue(_)
            | Want::Waits(_) => false,
        };
    }

    /// Tells the working set what was looked for.
    pub(super) fn asked(&mut self, set: &mut WorkingSet) {
        let references = take(&mut self.references).into_iter().chain(take(&mut self.given));
        let references = references.chain(take(&mut self.minted).into_keys());
        set.ask(references.map(Want::Reference));
        let numbers = take(&mut self.numbers).into_iter().chain(take(&mut self.given_numbers));
        set.ask(numbers.map(Want::Number));
        set.ask(take(&mut self.bank_keys).into_iter().map(Want::Bank));
    }
}

/// Loads what deciding wants, for a batch that takes its `locks` so.
pub async fn misses(
    tx: &mut Tx<'_>,
    needs: &Needs,
    locks: Locks,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    set.ask(wants.iter().cloned());
    // Before their books: a version must not be newer than what was read of its book.
    accounts(tx, wants, set).await?;
    named(tx, locks, wants, set).await?;
    missed_balances(tx, locks, wants, set).await?;
    super::usage::misses(tx, wants, set).await?;
    super::review::misses(tx, wants, set).await?;
    super::advices::misses(tx, wants, set, needs.at).await?;
    pending::misses(tx, wants, set).await?;
    lookalikes::misses(tx, wants, set).await?;
    told_steps::misses(tx, wants, set).await?;
    super::payments::misses(tx, locks, wants, set).await?;
    resolve::misses(tx, wants, set).await?;
    super::queues::misses(tx, needs, wants, set).await?;
    exact(tx, needs, wants, set).await?;
    oldest(tx, wants, set).await?;
    book(tx, wants, set).await?;
    near(tx, wants, set).await?;
    namesakes(tx, wants, set).await?;
    held(tx, wants, set).await?;
    super::lots::misses(tx, wants, set).await?;
    let ids = set.listed_in_full().map(|id| id.as_str().to_owned()).collect();
    invoices(tx, ids, set).await
}

async fn accounts(tx: &mut Tx<'_>, wants: &[Want], set: &mut WorkingSet) -> Result<(), StoreError> {
    let asked: Vec<&str> = of_kind!(wants, Want::Account(id) => id.as_str()).collect();
    if asked.is_empty() {
        return Ok(());
    }
    for row in query!("load_accounts": asked).fetch_all(&mut **tx).await? {
        set.keep_account(rows::account(&row)?);
    }
    Ok(())
}

/// As they are, for whoever only compares them: where accounts are locked last, nothing is read.
async fn missed_balances(
    tx: &mut Tx<'_>,
    locks: Locks,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let owners = of_kind!(wants, Want::Balances(id) => id.as_str().to_owned()).collect();
    match locks {
        Locks::First => balances(tx, &owners, set).await,
        Locks::Last => Ok(()),
    }
}

/// What records name is loaded before anything is decided. Where that was not foreseen it is read
/// here, as there but for the locks of words: a payment that begins to wait for one at the very
/// moment in which its invoice is sent is found by the rematch job.
async fn named(
    tx: &mut Tx<'_>,
    locks: Locks,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let mut needs = Needs::default();
    wants.iter().cloned().for_each(|want| needs.want(want));
    bank_facts::keys(tx, &needs, &BTreeSet::new(), set).await?;
    bank_facts::last_equal(tx, take(&mut needs.last_equal), set).await?;
    let mut found = resolve::invoices(tx, &needs).await?;
    let read = resolve::payers(tx, &needs, set).await?;
    let payers = needs.payers.iter().filter_map(|payer| set.customers(payer));
    let holders = needs.virtuals.iter().filter_map(|number| set.holder(number)?.now.as_ref());
    let owners = payers.flat_map(Customers::all).chain(holders).map(|id| id.as_str().to_owned());
    let mut owners: BTreeSet<String> = owners.chain(found.owners.values().cloned()).collect();
    if owners.is_empty() {
        return Ok(());
    }
    if locks == Locks::Last {
        return unlocked(tx, found, read, &owners, set).await;
    }
    owners.retain(|id| !set.locked.contains(&AccountId::trusted(id)));
    lock_accounts(tx, &owners, set).await?;
    found.name_invoices(set);
    invoices(tx, take(&mut found.owners).into_keys().collect(), set).await?;
    balances(tx, &owners, set).await
}

async fn exact(
    tx: &mut Tx<'_>,
    needs: &Needs,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let (mut accounts, mut currencies, mut dues, mut limits) = (vec![], vec![], vec![], vec![]);
    let least = i64::try_from(EXACT_MIN).unwrap_or(i64::MAX);
    for (whose, of, due) in of_kind!(wants, Want::Exact(whose, of, due) => (whose, of, due)) {
        let same = needs.same_amount.get(&(*of, *due)).copied().unwrap_or(0);
        accounts.push(whose.as_str());
        currencies.push(of.code());
        dues.push(*due);
        // Each payment of the batch may take one, and two more show whether there is a rival.
        limits.push(same.saturating_add(least));
    }
    if accounts.is_empty() {
        return Ok(());
    }
    let rows =
        query!("load_exact": accounts, currencies, dues, limits).fetch_all(&mut **tx).await?;
    for row in rows {
        let due = (rows::currency(row.try_get(1)?)?, row.try_get(2)?);
        let account_id = AccountId::trusted(row.try_get(0)?);
        set.list_exact(account_id, due, InvoiceId::trusted(row.try_get(3)?));
    }
    Ok(())
}

async fn oldest(tx: &mut Tx<'_>, wants: &[Want], set: &mut WorkingSet) -> Result<(), StoreError> {
    let asked = of_kind!(wants, Want::Oldest(whose, of) => (whose.as_str(), of.code()));
    let (accounts, currencies): (Vec<&str>, Vec<&str>) = asked.unzip();
    if accounts.is_empty() {
        return Ok(());
    }
    let limit = i64::try_from(BOOK_OLDEST_MAX).unwrap_or(i64::MAX);
    let rows = query!("load_oldest": accounts, currencies, limit).fetch_all(&mut **tx).await?;
    for row in rows {
        let account_id = AccountId::trusted(row.try_get(0)?);
        let currency = rows::currency(row.try_get(1)?)?;
        let invoice_id = InvoiceId::trusted(row.try_get(2)?);
        let due_date: Option<NaiveDate> = row.try_get(4)?;
        let order = (due_date.unwrap_or(NaiveDate::MAX), row.try_get(5)?, invoice_id.clone());
        let open = OpenInvoice {
            invoice_id,
            account_id,
            due: Money::from_micros(row.try_get(3)?, currency),
            order,
        };
        set.list_oldest(open);
    }
    Ok(())
}

async fn held(tx: &mut Tx<'_>, wants: &[Want], set: &mut WorkingSet) -> Result<(), StoreError> {
    let asked = of_kind!(wants, Want::Held(whose, of) => (whose.as_str(), of.code()));
    let (accounts, currencies): (Vec<&str>, Vec<&str>) = asked.unzip();
    if accounts.is_empty() {
        return Ok(());
    }
    // The payment itself, and one more, which shows that there are more.
    let limit = i64::try_from(HELD_MAX.saturating_add(2)).unwrap_or(i64::MAX);
    let query = query!("load_held": accounts, currencies, limit);
    for row in query.fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get(1)?)?;
        let left = Money::from_micros(row.try_get(3)?, currency);
        let payment_id = PaymentId::trusted(row.try_get(2)?);
        set.list_held(AccountId::trusted(row.try_get(0)?), payment_id, left);
    }
    Ok(())
}

async fn book(tx: &mut Tx<'_>, wants: &[Want], set: &mut WorkingSet) -> Result<(), StoreError> {
    let asked = of_kind!(wants, Want::Book(currency, due) => (currency.code(), *due));
    let (currencies, dues): (Vec<&str>, Vec<i64>) = asked.unzip();
    if currencies.is_empty() {
        return Ok(());
    }
    let limit = i64::try_from(BOOK_COUNT_MAX).unwrap_or(i64::MAX);
    let rows = query!("load_book": currencies, dues, limit).fetch_all(&mut **tx).await?;
    for row in rows {
        let currency = rows::currency(row.try_get(0)?)?;
        let due: i64 = row.try_get(1)?;
        let account_id = AccountId::trusted(row.try_get(3)?);
        keep_name(set, &account_id, row.try_get(4)?);
        let entry = BookEntry {
            invoice_id: InvoiceId::trusted(row.try_get(2)?),
            account_id,
            amount_due: Money::from_micros(due, currency),
        };
        set.list_in_book((currency, due), entry);
    }
    Ok(())
}

async fn namesakes(
    tx: &mut Tx<'_>,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let asked: Vec<&str> = of_kind!(wants, Want::Namesakes(name) => name.as_str()).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let limit = i64::try_from(NAMESAKES_MAX).unwrap_or(i64::MAX);
    let query = query!("load_namesakes": asked, limit);
    for row in query.fetch_all(&mut **tx).await? {
        set.list_namesake(row.try_get(0)?, AccountId::trusted(row.try_get(1)?));
    }
    Ok(())
}

fn keep_name(set: &mut WorkingSet, account_id: &AccountId, name: Option<String>) {
    if let Some(name) = name {
        set.names.insert(account_id.clone(), name);
    }
}

async fn near(tx: &mut Tx<'_>, wants: &[Want], set: &mut WorkingSet) -> Result<(), StoreError> {
    // Words of one batch are alike: what is a neighbour of several is looked up once.
    let (mut numbers, mut references): (Variants<'_>, Variants<'_>) = Default::default();
    let mut digits = Variants::default();
    for word in of_kind!(wants, Want::Near(word) => word) {
        for variant in word.variants() {
            if matches!(word, Word::Digits(_)) {
                digits.entry(variant).or_default().push(word);
                continue;
            }
            if like_reference(&variant) {
                references.entry(variant.clone()).or_default().push(word);
            }
            numbers.entry(variant).or_default().push(word);
        }
    }
    if numbers.is_empty() && digits.is_empty() {
        return Ok(());
    }
    let keys = |variants: &Variants<'_>| variants.keys().cloned().collect::<Vec<String>>();
    let query = query!("load_near": keys(&references), keys(&numbers));
    let query = query.bind(keys(&digits));
    for row in query.fetch_all(&mut **tx).await? {
        let variant: &str = row.try_get(0)?;
        let words = match row.try_get::<i32, _>(1)? {
            1 => references.get(variant),
            2 => numbers.get(variant),
            _ => digits.get(variant),
        };
        let account_id = AccountId::trusted(row.try_get(3)?);
        let currency = rows::currency(row.try_get(4)?)?;
        keep_name(set, &account_id, row.try_get(6)?);
        let entry = BookEntry {
            invoice_id: InvoiceId::trusted(row.try_get(2)?),
            account_id,
            amount_due: Money::from_micros(row.try_get(5)?, currency),
        };
        for word in words.into_iter().flatten() {
            set.list_near(word, &entry);
        }
    }
    Ok(())
}

//! Resolving what texts name, the locks of watched words, and the payments that watch.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::Needs;
use crate::domain::account::Account;
use crate::domain::effect::WatchKey;
use crate::domain::ids::{AccountId, InvoiceId, PaymentId};
use crate::domain::invoice::{Invoice, folded_key, number_key};
use crate::domain::matching::upstream::{Scheme, UpstreamReference};
use crate::domain::matching::{reference, text};
use crate::domain::money::Currency;
use crate::domain::review::Alias;
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::watching::{
    WATCHERS_EXACT_MAX, WATCHERS_HELD_MAX, WATCHERS_NAMED_MAX,
};
use crate::store::{StoreError, Tx, rows};

/// What references and numbers of the batch name.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Invoice id to account id.
    pub owners: BTreeMap<String, String>,
    references: BTreeSet<String>,
    /// By which references of upstream, and whether these have check digits.
    named: Vec<(InvoiceId, UpstreamReference)>,
    /// As they were when they were found, each account in the snapshot of its first invoice.
    invoices: Vec<Invoice>,
    accounts: HashMap<AccountId, Account>,
}

impl Found {
    pub(super) fn extend(&mut self, other: Self) {
        self.owners.extend(other.owners);
        self.references.extend(other.references);
        self.named.extend(other.named);
        self.accounts.extend(other.accounts);
    }

    fn add(&mut self, row: &PgRow) -> Result<&Invoice, StoreError> {
        let invoice = rows::invoice(row)?;
        let account = rows::account(row)?;
        self.accounts.entry(account.account_id.clone()).or_insert(account);
        let ids = (invoice.invoice_id.as_str(), invoice.account_id.as_str());
        self.owners.insert(ids.0.to_owned(), ids.1.to_owned());
        if let Some(reference) = row.try_get::<Option<String>, _>("upstream")? {
            let scheme = row.try_get::<Option<&str>, _>("scheme")?.and_then(Scheme::from_word);
            let text = reference.clone();
            self.references.insert(reference.clone());
            let named = UpstreamReference { key: reference, scheme, text };
            self.named.push((invoice.invoice_id.clone(), named));
        }
        self.invoices.push(invoice);
        self.invoices.last().ok_or(StoreError::Corrupt("an invoice that was found"))
    }

    /// By what references of upstream the invoices are found.
    pub(super) fn name_invoices(&self, set: &mut WorkingSet) {
        for (invoice_id, reference) in &self.named {
            set.name_invoice(invoice_id, reference);
        }
    }

    /// Takes the accounts as they were found. What an earlier look-up read of one stays.
    pub(super) fn keep_accounts(&mut self, set: &mut WorkingSet) {
        self.accounts.drain().for_each(|(_, account)| set.keep_account(account));
    }

    /// Takes the accounts and invoices as they were found, for a batch that locks last. What an
    /// earlier look-up read of an account stays: a version must not be newer than its book.
    pub(super) fn keep_unlocked(&mut self, set: &mut WorkingSet) {
        self.keep_accounts(set);
        for invoice in self.invoices.drain(..) {
            set.know_invoice(invoice);
        }
    }
}

/// The invoices that references and numbers of the batch name, read without locks.
pub(super) async fn invoices(tx: &mut Tx<'_>, needs: &Needs) -> Result<Found, StoreError> {
    named(tx, needs, false).await
}

/// The same, and those that have a reference which is to be minted. Under the locks of the words,
/// so that nobody gives it to another invoice meanwhile.
pub(super) async fn invoices_and_minted(
    tx: &mut Tx<'_>,
    needs: &Needs,
) -> Result<Found, StoreError> {
    named(tx, needs, true).await
}

/// For references that others have, or get in this batch, the next ones that may be minted. Whether
/// there are any that were not looked for yet.
pub(super) fn mint_others(needs: &mut Needs, found: &Found) -> bool {
    let taken = |reference: &String| {
        found.references.contains(reference) || needs.given.contains(reference)
    };
    let others: Vec<_> = needs
        .minted
        .iter()
        .filter(|(reference, _)| taken(reference))
        .map(|(_, (hash, number))| (*hash, number.saturating_add(1)))
        .map(|(hash, number)| (reference::mint_nth(&hash, number), (hash, number)))
        .collect();
    let before = needs.minted.len();
    needs.minted.extend(others);
    needs.minted.len() > before
}

async fn named(tx: &mut Tx<'_>, needs: &Needs, minted: bool) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let minted = needs.minted.keys().filter(|_| minted);
    let words: BTreeSet<&String> =
        needs.references.iter().chain(&needs.given).chain(minted).collect();
    if !words.is_empty() {
        let words: Vec<&str> = words.into_iter().map(String::as_str).collect();
        let query = query!("resolve_references": words);
        for row in query.fetch_all(&mut **tx).await? {
            let reference = found.add(&row)?.payment_reference.clone();
            found.references.insert(reference);
        }
    }
    if !needs.numbers.is_empty() || !needs.given_numbers.is_empty() {
        let words: Vec<&str> =
            needs.numbers.union(&needs.given_numbers).map(String::as_str).collect();
        let query = query!("resolve_numbers": words);
        for row in query.fetch_all(&mut **tx).await? {
            found.add(&row)?;
        }
    }
    Ok(found)
}

/// Words that one batch locks at the most: with eight batches at once on one server, 4,352 of the
/// 6,900 locks that PostgreSQL has room for as it comes. All words of one record are fewer.
pub(super) const WATCH_LOCKS_MAX: usize = 544;
const _: () = assert!(text::TOKENS_MAX + text::NUMBERS_MAX < WATCH_LOCKS_MAX);

/// Locks the words that a payment may begin to watch, and the invoices that may be sent, so that
/// neither can miss the other. True when what the words name is to be looked up again: some name no
/// invoice yet, or an invoice gets one.
///
/// A batch of payments locks what it cannot resolve, exclusively; a batch that sends invoices
/// locks their numbers and references, shared. A reference that upstream gives an invoice is locked
/// exclusively: no other transaction mints it at the same time.
///
/// All transactions of the server share one table of locks: by default 64 × (100 connections and
/// a few), some 6,900. So one batch takes at most [`WATCH_LOCKS_MAX`]; a wider one is halved, and
/// where that cannot be, words beyond it are not locked: a payment that begins to wait at the very
/// moment in which its invoice is sent is then found by the rematch job.
pub(super) async fn lock_watch_keys(
    tx: &mut Tx<'_>,
    needs: &Needs,
    found: &Found,
) -> Result<bool, StoreError> {
    let key = |id: &String| folded_key(&InvoiceId::trusted(id));
    let mut known: BTreeSet<String> = found.owners.keys().map(key).collect();
    known.extend(found.named.iter().map(|(_, reference)| reference.key.clone()));
    // What tells most is first: if not all can be locked, the last are left out.
    let references = needs.references.difference(&found.references);
    let mut exclusive: Vec<&str> = needs.given.iter().map(String::as_str).collect();
    exclusive.extend(references.map(String::as_str));
    exclusive.extend(needs.awaited.difference(&known).map(String::as_str));
    let mut shared: BTreeSet<String> = needs.sends.iter().map(key).collect();
    shared.extend(needs.minted.keys().chain(&needs.given_numbers).cloned());
    if !needs.sends.is_empty() {
        let sends: Vec<&str> = needs.sends.iter().map(String::as_str).collect();
        let query = query!("load_send_keys": sends);
        for row in query.fetch_all(&mut **tx).await? {
            shared.insert(row.try_get(0)?);
        }
    }
    if exclusive.is_empty() && shared.is_empty() {
        return Ok(false);
    }
    let unresolved = !exclusive.is_empty() || !needs.minted.is_empty();
    let mut shared: Vec<&str> = shared.iter().map(String::as_str).collect();
    if exclusive.len().saturating_add(shared.len()) > WATCH_LOCKS_MAX {
        if needs.may_be_halved {
            return Err(StoreError::TooWide);
        }
        shared.truncate(WATCH_LOCKS_MAX);
        exclusive.truncate(WATCH_LOCKS_MAX.saturating_sub(shared.len()));
    }
    let query = query!("lock_watch_keys": exclusive, shared);
    query.execute(&mut **tx).await?;
    Ok(unresolved)
}

/// What the invoices are that this batch may send: the keys of their names (and those of customers
/// who are opened), and whose, in which currency and how much they are.
#[derive(Default)]
struct Sent {
    named: BTreeSet<WatchKey>,
    held: BTreeMap<(String, Currency, i64), i64>,
    upstream: Vec<(InvoiceId, UpstreamReference)>,
}

/// What a payment may have read a name of upstream as.
fn by_name(key: &str) -> [WatchKey; 2] {
    [WatchKey::reference(key), WatchKey::number(key)]
}

async fn sent(tx: &mut Tx<'_>, needs: &Needs) -> Result<Sent, StoreError> {
    let mut named: BTreeSet<WatchKey> = BTreeSet::new();
    let mut held = needs.created.clone();
    let mut upstream = Vec::new();
    let sends: Vec<&str> = needs.sends.iter().map(String::as_str).collect();
    let rows = query!("load_send_keys": &sends).fetch_all(&mut **tx).await?;
    for row in rows {
        let key: &str = row.try_get(0)?;
        named.insert(WatchKey::reference(key));
        let whose = (row.try_get(1)?, rows::currency(row.try_get(2)?)?, row.try_get(3)?);
        let count: &mut i64 = held.entry(whose).or_default();
        *count = count.saturating_add(1);
        if let Some(id) = row.try_get::<Option<&str>, _>(4)? {
            named.extend(by_name(key));
            let scheme = row.try_get::<Option<&str>, _>(5)?.and_then(Scheme::from_word);
            let (key, text) = (key.to_owned(), key.to_owned());
            upstream.push((InvoiceId::trusted(id), UpstreamReference { key, scheme, text }));
        }
    }
    named.extend(needs.minted.keys().map(|reference| WatchKey::reference(reference)));
    named.extend(needs.given.iter().chain(&needs.given_numbers).flat_map(|key| by_name(key)));
    for id in &needs.sends {
        let id = InvoiceId::trusted(id);
        named.insert(WatchKey::number(&number_key(&id)));
        named.insert(WatchKey::number(&folded_key(&id)));
    }
    named.extend(needs.reopened.iter().map(WatchKey::reopened));
    Ok(Sent { named, held, upstream })
}

async fn watched_rows(tx: &mut Tx<'_>, sent: &Sent) -> Result<Vec<PgRow>, StoreError> {
    let (mut keys, mut accounts) = (Vec::new(), Vec::new());
    let (mut currencies, mut dues, mut most) = (Vec::new(), Vec::new(), Vec::new());
    let limit = |most: usize| i64::try_from(most).unwrap_or(i64::MAX);
    for ((account_id, currency, due), count) in &sent.held {
        keys.push(WatchKey::account(&AccountId::trusted(account_id), *currency).0);
        accounts.push(account_id.as_str());
        currencies.push(currency.code().to_owned());
        dues.push(*due);
        // Each of these invoices may take one.
        most.push(limit(WATCHERS_EXACT_MAX).saturating_add(*count));
    }
    let rows = query!("load_watched":
        sent.named.iter().map(|key| key.0.as_str()).collect::<Vec<_>>(), keys, accounts, currencies,
        dues, limit(WATCHERS_NAMED_MAX), limit(WATCHERS_HELD_MAX), most)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Reads the payments that watch for what this batch may send or open, and adds what their
/// texts name to `needs`.
pub(super) async fn watchers(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let sent = sent(tx, needs).await?;
    for (invoice_id, reference) in &sent.upstream {
        set.name_invoice(invoice_id, reference);
    }
    watching(tx, needs, sent, set).await
}

async fn watching(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    sent: Sent,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let rows = watched_rows(tx, &sent).await?;
    for row in rows {
        let record = rows::bank_record(&row)?;
        let Some(payment_id) = record.payment_id.clone() else {
            continue;
        };
        let key = WatchKey(row.try_get("watch_key")?);
        set.watch(key, &payment_id);
        needs.payments.insert(payment_id.as_str().to_owned());
        needs.add_bank(&record.transaction, &text::tokens(&record.transaction));
        set.ask([Want::BankRecord(payment_id.clone())]);
        set.know_watched(payment_id, record);
    }
    set.ask(sent.named.into_iter().map(Want::Watchers));
    let held = sent.held.into_keys();
    set.ask(held.map(|(id, currency, due)| Want::Holders(AccountId::trusted(&id), currency, due)));
    Ok(())
}

/// Loads payments that may be decided again and were not foreseen. What their texts name, and all
/// else of them, is asked for when they are decided.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let mut needs = Needs {
        rematches: of_kind!(wants, Want::BankRecord(id) => id.as_str().to_owned()).collect(),
        ..Needs::default()
    };
    let held = of_kind!(wants, Want::Holders(id, of, due) => (id.as_str().to_owned(), *of, *due));
    let sent = Sent {
        named: of_kind!(wants, Want::Watchers(key) => key.clone()).collect(),
        held: held.map(|whose| (whose, 1)).collect(),
        ..Sent::default()
    };
    if !sent.named.is_empty() || !sent.held.is_empty() {
        watching(tx, &mut needs, sent, set).await?;
    }
    // Whoever decides them wants the payments themselves, under the locks of their customers.
    rematched(tx, &mut needs, set).await?;
    Ok(())
}

/// Reads the payments that are to be decided again, and those whose money a person places. Adds
/// what the texts of the first name to `needs`, and returns the accounts that they belong to by
/// now.
pub(super) async fn rematched(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    set: &mut WorkingSet,
) -> Result<BTreeSet<String>, StoreError> {
    let mut owners = BTreeSet::new();
    if needs.rematches.is_empty() && needs.placed.is_empty() {
        return Ok(owners);
    }
    let ids: Vec<&String> = needs.rematches.union(&needs.placed).collect();
    set.ask(ids.iter().map(|id| Want::BankRecord(PaymentId::trusted(id))));
    for row in query!("load_rematched": ids).fetch_all(&mut **tx).await? {
        let record = rows::bank_record(&row)?;
        let Some(payment_id) = record.payment_id.clone() else {
            continue;
        };
        owners.extend(row.try_get::<Option<String>, _>("owner")?);
        needs.payments.insert(payment_id.as_str().to_owned());
        if needs.rematches.contains(payment_id.as_str()) {
            needs.add_bank(&record.transaction, &text::tokens(&record.transaction));
        }
        set.know_watched(payment_id, record);
    }
    Ok(owners)
}

/// Who the payer accounts and virtual accounts of the batch belong to. Returns the customers of the
/// payers as they were in the snapshot in which that was read.
pub(super) async fn payers(
    tx: &mut Tx<'_>,
    needs: &Needs,
    set: &mut WorkingSet,
) -> Result<Vec<Account>, StoreError> {
    let mut read = Vec::new();
    if !needs.payers.is_empty() {
        set.ask(needs.payers.iter().cloned().map(Want::Payer));
        let payers: Vec<&str> = needs.payers.iter().map(String::as_str).collect();
        let rows = query!("resolve_payers": payers).fetch_all(&mut **tx).await?;
        for row in rows {
            read.push(payer(&row, set)?);
        }
    }
    if !needs.virtuals.is_empty() {
        set.ask(needs.virtuals.iter().cloned().map(Want::Virtual));
        let virtuals: Vec<&str> = needs.virtuals.iter().map(String::as_str).collect();
        let rows = query!("resolve_virtuals": virtuals).fetch_all(&mut **tx).await?;
        for row in rows {
            let owner = AccountId::trusted(row.try_get(1)?);
            let known = set.holder_mut(row.try_get(0)?);
            match row.try_get(2)? {
                None => known.now = Some(owner),
                Some(until) => known.former.push((owner, until)),
            }
        }
    }
    Ok(read)
}

/// One customer of one payer's account: verified, or learnt from persons.
fn payer(row: &PgRow, set: &mut WorkingSet) -> Result<Account, StoreError> {
    let account = rows::account(row)?;
    let customers = set.payer_mut(row.try_get("payer_account")?);
    let account_id = account.account_id.clone();
    if let Some(until) = row.try_get("until")? {
        customers.former.push((account_id, until));
        return Ok(account);
    }
    if row.try_get("verified")? {
        customers.verified.insert(account_id);
        return Ok(account);
    }
    let confirmations: i32 = row.try_get("confirmations")?;
    let alias = Alias {
        confirmations: u32::try_from(confirmations).unwrap_or_default(),
        last_used_on: row.try_get("last_used_on")?,
        demoted_at: None,
    };
    customers.learnt.insert(account_id, alias);
    Ok(account)
}

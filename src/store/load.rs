//! Loads the working set of a batch: a handful of set-based statements, whatever its size.
//!
//! First accounts that commands name are made known; then references are resolved, without locks;
//! then watch keys are locked (advisory) where a payment may begin to wait for an invoice that
//! appears at this moment; then the accounts are locked by id; only then are watchers, payments,
//! invoices and balances read. What deciding still wants is loaded by
//! [`load_misses`].
//!
//! A batch of bank records locks its accounts last ([`Locks::Last`]): it reads each account's
//! book version not after anything of its book, and no balances; `persist` compares the versions
//! under the locks. ADR 0011 has the argument.

/// What is wanted of one kind.
macro_rules! of_kind {
    ($wants:expr, $kind:pat => $key:expr) => {
        $wants.iter().filter_map(|want| if let $kind = want { Some($key) } else { None })
    };
}

mod advices;
mod bank_facts;
mod lookalikes;
mod lots;
mod misses;
mod past;
mod payments;
mod pending;
mod queues;
mod resolve;
mod returns;
mod review;
mod steps_back;
mod told_steps;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use chrono::{DateTime, Utc};
use foldhash::HashMap;
use sqlx::Row;

pub use misses::misses as load_misses;
pub use past::{Past, PastPage, Period, StoredDecision, next_page, past, with_book};
pub use steps_back::ProofFeed;

use super::{StoreError, Tx, rows, sql};
use crate::domain::account::Account;
use crate::domain::bank::BankTransaction;
use crate::domain::decide::named_records;
use crate::domain::effect::BankKey;
use crate::domain::ids::{AccountId, BankAccountId, InvoiceId, RecordId};
use crate::domain::input::{Command, CreateInvoice, Input, Message};
use crate::domain::matching::reference;
use crate::domain::matching::text::Tokens;
use crate::domain::matching::upstream::{UpstreamReference, parse};
use crate::domain::money::{Currency, Money};
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;

/// What the records of a batch name.
#[derive(Debug, Default)]
pub struct Needs {
    accounts: BTreeSet<String>,
    /// Commands whose waiting is to end.
    cancels: Vec<RecordId>,
    /// The record that waits and has its turn: only what came before it may hold it up.
    pub own_turn: Option<RecordId>,
    /// The instant that the batch decides for.
    at: Option<DateTime<Utc>>,
    invoices: BTreeSet<String>,
    payments: BTreeSet<String>,
    references: BTreeSet<String>,
    /// Folded numbers that texts may name, and those of them that payments may begin to await.
    numbers: BTreeSet<String>,
    awaited: BTreeSet<String>,
    payers: BTreeSet<String>,
    virtuals: BTreeSet<String>,
    bank_keys: BTreeSet<BankKey>,
    last_equal: BTreeSet<(String, String)>,
    bank_facts: bank_facts::BankFacts,
    advices: advices::AdviceNeeds,
    announced: pending::Announced,
    /// Whether whoever runs the batch halves it when it is too wide for one transaction.
    pub may_be_halved: bool,
    /// Invoices that a command of the batch may send: who watches for them is decided again.
    sends: BTreeSet<String>,
    /// Closed customers whom a command of the batch may open: so is what waits for that.
    reopened: BTreeSet<AccountId>,
    /// What invoices that are created here, and may be sent here, are about: account, currency
    /// and micros, and how many there are of each.
    created: BTreeMap<(String, Currency, i64), i64>,
    /// References that the invoices of this batch get, or may get if others are taken, with what
    /// they are minted from: a payment may wait for one already.
    minted: BTreeMap<String, ([u8; 32], usize)>,
    /// References that upstream gives new invoices: with check digits, and plain numbers.
    given: BTreeSet<String>,
    given_numbers: BTreeSet<String>,
    /// Payments that are decided again, and those whose money a person places.
    rematches: BTreeSet<String>,
    placed: BTreeSet<String>,
    lookalikes: lookalikes::Sought,
    told_steps: told_steps::Steps,
    usage: usage::UsageNeeds,
    steps_back: steps_back::StepsBack,
    /// The feed that proves what is unspent; none: what is known is taken as proof.
    pub proof: Option<ProofFeed>,
    review: review::ReviewNeeds,
    has_commands: bool,
    /// How many payments of each amount the batch has, to bound the candidates that are read.
    same_amount: HashMap<(Currency, i64), i64>,
}

impl Needs {
    pub fn of<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Self {
        let mut needs = Self::default();
        for message in messages {
            match &message.input {
                Input::Command(command) => {
                    needs.add_command(command);
                    let hash = message.content_hash;
                    if let Command::SplitPayment(split) = command {
                        needs.steps_back.add_shares(split, hash);
                    }
                    if let Command::CreateInvoice(create) = command {
                        needs.minted.insert(reference::mint(&hash), (hash, 0));
                        for given in given_by(create) {
                            let of = match given.scheme {
                                Some(_) => &mut needs.given,
                                None => &mut needs.given_numbers,
                            };
                            of.insert(given.key);
                        }
                        if let Ok(micros) = create.amount.to_micros() {
                            let account_id = create.account_id.as_str().to_owned();
                            let currency = create.amount.currency();
                            let of = needs.created.entry((account_id, currency, micros));
                            let count = of.or_default();
                            *count = count.saturating_add(1);
                        }
                    }
                }
                Input::BankTransaction(bank) => {
                    let key = needs.bank_facts.add(bank, &message.bank_hash);
                    needs.announced.add(bank, key.as_ref(), &message.bank_hash);
                    needs.bank_keys.extend(key);
                    needs.lookalikes.add(bank);
                    if bank.is_booked_step_back() {
                        needs.told_steps.add(bank);
                    }
                    let tokens = message.tokens_of(bank);
                    if tokens.unread {
                        continue;
                    }
                    needs.add_bank(bank, &tokens);
                    needs.add_advised(bank);
                    needs.steps_back.add_bank(bank);
                    if bank.is_booked_step_back() {
                        // What it undoes may be a return that still waits.
                        needs.bank_keys.extend(named_records(bank));
                    }
                }
                Input::RetryReturn(key) => {
                    needs.steps_back.parked.insert(key.clone());
                }
                Input::Usage(usage) => {
                    needs.accounts.extend(usage.account_id().map(|id| id.as_str().to_owned()));
                    needs.usage.add(usage);
                }
                Input::BankStatement(_) => {}
                Input::Advice(told) => {
                    needs.bank_facts.advise(told.key.bank_account.as_str());
                    needs.advices.add(told);
                }
                Input::Rematch(payment_id) => {
                    needs.rematches.insert(payment_id.as_str().to_owned());
                }
            }
        }
        needs
    }

    /// A person says what a payment's money is for: an advice may be about it.
    fn by_hand(&mut self, command: &Command) {
        if matches!(
            command,
            Command::AllocatePayment(_) | Command::ConfirmMatch(_) | Command::SplitPayment(_)
        ) {
            self.placed.extend(command.payment_id().map(|id| id.as_str().to_owned()));
        }
    }

    /// Takes the charges that the batch brings as new, and who spends as known, without a look.
    /// Where that is wrong a row is refused, or a lock is missing, and the batch must be tried
    /// again.
    pub fn take_charges_as_new(&mut self) {
        self.usage.writing_proves_new = true;
    }

    /// Whoever spends is nearly always known, which is seen under the lock.
    fn takes_all_as_known(&self) -> bool {
        self.usage.writing_proves_new && !self.has_commands
    }

    fn add_command(&mut self, command: &Command) {
        self.has_commands = true;
        self.by_hand(command);
        self.review.add(command);
        let accounts = command.account_ids().into_iter().map(|id| id.as_str().to_owned());
        self.accounts.extend(accounts);
        for invoice_id in command.invoice_ids() {
            self.invoices.insert(invoice_id.as_str().to_owned());
        }
        if let Some(payment_id) = command.payment_id() {
            self.payments.insert(payment_id.as_str().to_owned());
        }
        match command {
            Command::UpsertAccount(upsert) => {
                self.virtuals.extend(upsert.virtual_accounts.iter().flatten().cloned());
            }
            Command::CreateInvoice(create) if create.send => {
                self.sends.insert(create.invoice_id.as_str().to_owned());
            }
            Command::MarkInvoiceSent { invoice_id, .. } => {
                self.sends.insert(invoice_id.as_str().to_owned());
            }
            Command::DeallocatePayment { payment_id, account_id, .. }
            | Command::RemovePayment { payment_id, account_id, .. }
            | Command::UnsplitPayment { payment_id, account_id, .. } => {
                self.steps_back.add_command(payment_id, account_id);
            }
            // A later record of the batch may take back what the parts pay at once.
            Command::SplitPayment(split) => {
                for account_id in command.account_ids() {
                    self.steps_back.add_command(&split.payment_id, account_id);
                }
            }
            Command::ResolveReturn(resolve) => self.steps_back.add_resolved(resolve),
            Command::CancelCommand(cancel) => self.cancels.push(cancel.record.clone()),
            Command::ReleasePayment(release) => {
                self.steps_back.add_release(&release.payment_id);
            }
            Command::CloseAccount { account_id, closed: false, .. } => {
                self.reopened.insert(account_id.clone());
            }
            Command::CreateInvoice(_)
            | Command::CloseAccount { .. }
            | Command::VoidInvoice { .. }
            | Command::KeepInvoice { .. }
            | Command::RecordPayment(_)
            | Command::AssignPayment { .. }
            | Command::AllocatePayment(_)
            | Command::ConfirmMatch(_)
            | Command::RejectMatch(_) => {}
        }
    }

    fn add_bank(&mut self, bank: &BankTransaction, tokens: &Tokens) {
        Want::named_by(bank, tokens).for_each(|want| self.want(want));
        let awaited = tokens.numbers.iter().flatten().filter(|number| number.awaited);
        self.awaited.extend(awaited.map(|number| number.key.clone()));
        if let Ok(micros) = bank.amount.to_micros() {
            let key = (bank.amount.currency(), micros);
            let count = self.same_amount.entry(key).or_default();
            *count = count.saturating_add(1);
        }
    }
}

/// The references that upstream gives the invoice, as far as they are any.
fn given_by(create: &CreateInvoice) -> Vec<UpstreamReference> {
    let currency = create.amount.currency();
    create.references.iter().filter_map(|given| parse(given, currency).ok()).collect()
}

/// When a batch locks the accounts' rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// Before it reads anything of them: nothing changes under the batch.
    First,
    /// After it has decided, before it writes what the accounts share. What it had read must still
    /// hold then, else the batch is rolled back and tried again with [`Locks::First`].
    Last,
}

/// Loads what `needs` names, and locks it unless `locks` says that this comes last.
///
/// # Errors
/// When the database fails or holds what its own constraints forbid.
pub async fn working_set(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    locks: Locks,
    at: DateTime<Utc>,
) -> Result<WorkingSet, StoreError> {
    let mut set = WorkingSet::default();
    set.writing_proves_ids = locks == Locks::Last;
    needs.at = Some(at);
    make_accounts_known(tx, needs, at).await?;
    let known = bank_facts::load(tx, needs, &mut set).await?;
    if locks == Locks::First {
        bank_facts::taken_ids(tx, needs, &mut set).await?;
    }
    pending::load(tx, &needs.announced, &mut set).await?;
    lookalikes::load(tx, &needs.lookalikes, known.nameless, &mut set).await?;
    told_steps::load(tx, &needs.told_steps, &mut set).await?;
    let mut owners = resolve::rematched(tx, needs, &mut set).await?;
    owners.extend(advices::load(tx, needs, (known.advices, at), &mut set).await?);
    owners.extend(steps_back::resolve(tx, needs, &mut set).await?);
    let mut found = resolve::invoices(tx, needs).await?;
    if locks == Locks::Last {
        found.keep_unlocked(&mut set);
    }
    lock_keys(tx, needs, &mut found).await?;
    review::debtors(tx, needs, &mut set).await?;
    let read = resolve::payers(tx, needs, &mut set).await?;
    owners.extend(needs.accounts.iter().cloned());
    owners.extend(found.owners.values().cloned());
    owners.extend(set.owners_here().map(|id| id.as_str().to_owned()));
    if locks == Locks::Last {
        unlocked(tx, found, read, &owners, &mut set).await?;
        needs.asked(&mut set);
        return Ok(set);
    }
    lock_owners(tx, needs, &owners, &mut set).await?;
    if !needs.sends.is_empty() || !needs.reopened.is_empty() {
        // Under the accounts' locks, so that a payment held for one of them is not missed. What
        // else their texts name is read but not locked, and so gets no money in this batch.
        resolve::watchers(tx, needs, &mut set).await?;
        advices::again(tx, needs, &mut set).await?;
        found.extend(resolve::invoices(tx, needs).await?);
        found.keep_accounts(&mut set);
        let read = resolve::payers(tx, needs, &mut set).await?;
        read.into_iter().for_each(|account| set.keep_account(account));
    } else {
        review::payers_again(tx, needs, &mut set).await?;
    }
    payments::load(tx, needs, &mut set).await?;
    steps_back::allocations(tx, needs, &mut set).await?;
    review::load(tx, needs, &mut set).await?;
    review::wanted(tx, needs, &mut set).await?;
    found.name_invoices(&mut set);
    let ids: Vec<String> = found.owners.into_keys().chain(needs.invoices.iter().cloned()).collect();
    invoices(tx, ids, &mut set).await?;
    further_balances(tx, &owners, &mut set).await?;
    usage::load(tx, &mut needs.usage, &mut set).await?;
    steps_back::lots(tx, needs, &mut set).await?;
    if needs.has_commands {
        let accounts = needs.accounts.iter().map(|id| AccountId::trusted(id)).collect();
        queues::load(tx, needs.own_turn.as_ref(), accounts, &mut set).await?;
    }
    // Also where no customer is named: what would be ended may name none.
    queues::cancelled(tx, take(&mut needs.cancels), &mut set).await?;
    needs.asked(&mut set);
    Ok(set)
}

/// Takes what was found as it was read: its accounts are locked later.
async fn unlocked(
    tx: &mut Tx<'_>,
    mut found: resolve::Found,
    read: Vec<Account>,
    owners: &BTreeSet<String>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    found.keep_unlocked(set);
    found.name_invoices(set);
    read.into_iter().for_each(|account| set.keep_account(account));
    read_accounts(tx, owners, set).await
}

async fn lock_keys(
    tx: &mut Tx<'_>,
    needs: &mut Needs,
    found: &mut resolve::Found,
) -> Result<(), StoreError> {
    while resolve::lock_watch_keys(tx, needs, found).await? {
        // An invoice may have appeared before the lock was granted.
        *found = resolve::invoices_and_minted(tx, needs).await?;
        if !resolve::mint_others(needs, found) {
            break;
        }
    }
    Ok(())
}

async fn make_accounts_known(
    tx: &mut Tx<'_>,
    needs: &Needs,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if needs.accounts.is_empty() || needs.takes_all_as_known() {
        return Ok(());
    }
    let ids: Vec<&str> = needs.accounts.iter().map(String::as_str).collect();
    query!("accounts_make_known": ids, at).execute(&mut **tx).await?;
    Ok(())
}

/// The accounts, and the bank accounts of ours, that are told something: nothing else of them is
/// loaded. Both are locked by id, the accounts first.
pub async fn told_in_tx(
    tx: &mut Tx<'_>,
    owners: &BTreeSet<String>,
    feeds: &BTreeSet<String>,
) -> Result<WorkingSet, StoreError> {
    let mut set = WorkingSet::default();
    lock_accounts(tx, owners, &mut set).await?;
    if !feeds.is_empty() {
        let feeds: Vec<&str> = feeds.iter().map(String::as_str).collect();
        query!("bank_feeds_known": &feeds).execute(&mut **tx).await?;
        let query = query!("bank_feeds_lock": feeds);
        for row in query.fetch_all(&mut **tx).await? {
            set.feeds.insert(BankAccountId::trusted(row.try_get(0)?), row.try_get(1)?);
        }
    }
    Ok(set)
}

/// Who is new is not made known here: he would be locked after those whose turn is behind his.
async fn lock_owners(
    tx: &mut Tx<'_>,
    needs: &Needs,
    owners: &BTreeSet<String>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    lock_accounts(tx, owners, set).await?;
    if needs.takes_all_as_known() && set.locked.len() < owners.len() {
        return Err(StoreError::Raced("a new customer"));
    }
    Ok(())
}

/// Locks the accounts, and learns their balances in their first currencies.
async fn lock_accounts(
    tx: &mut Tx<'_>,
    owners: &BTreeSet<String>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if owners.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = owners.iter().map(String::as_str).collect();
    for row in query!("lock_accounts": ids).fetch_all(&mut **tx).await? {
        let account = rows::account(&row)?;
        set.locked.insert(account.account_id.clone());
        if let Some(currency) = account.balance_currency {
            let balance = Money::from_micros(row.try_get("balance")?, currency);
            set.know_balance(&account.account_id, balance);
        }
        set.know_account(account);
    }
    Ok(())
}

/// The accounts that are not known from the look-up of their invoices. All of them count as
/// locked: they are, before anything is committed.
async fn read_accounts(
    tx: &mut Tx<'_>,
    owners: &BTreeSet<String>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let unread = |id: &&str| !set.accounts_here().contains_key(&AccountId::trusted(id));
    let ids: Vec<&str> = owners.iter().map(String::as_str).filter(unread).collect();
    if !ids.is_empty() {
        for row in query!("load_accounts": ids).fetch_all(&mut **tx).await? {
            let account = rows::account(&row)?;
            set.know_account(account);
        }
    }
    let known: Vec<AccountId> = set.accounts_here().keys().cloned().collect();
    // What they have is learnt under their locks.
    set.ask(known.iter().cloned().map(Want::Balances));
    set.locked.extend(known);
    Ok(())
}

/// An account under its lock, with its balance in its first currency in micros.
#[derive(Debug)]
pub struct LockedAccount {
    pub account: Account,
    pub balance: i64,
}

/// Locks the accounts of a batch that read them without locks, in the order of their ids, and
/// returns them as they are now.
///
/// # Errors
/// [`StoreError::Raced`] when what the batch read of one of them may not hold any more.
pub async fn lock_read_accounts(
    tx: &mut Tx<'_>,
    read: &WorkingSet,
) -> Result<Vec<LockedAccount>, StoreError> {
    let ids: Vec<&str> = read.accounts_here().keys().map(AccountId::as_str).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = query!("lock_accounts": ids).fetch_all(&mut **tx).await?;
    let mut now = Vec::with_capacity(rows.len());
    for row in rows {
        let account = rows::account(&row)?;
        let was = read.accounts_here().get(&account.account_id);
        let holds = was.is_some_and(|was| {
            was.book_version == account.book_version && was.closed == account.closed
        });
        if !holds {
            return Err(StoreError::Raced("an account's book"));
        }
        now.push(LockedAccount { account, balance: row.try_get("balance")? });
    }
    if now.len() == read.accounts_here().len() {
        Ok(now)
    } else {
        Err(StoreError::Raced("an account"))
    }
}

async fn invoices(
    tx: &mut Tx<'_>,
    mut ids: Vec<String>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    ids.retain(|id| !set.invoices_here().contains_key(&InvoiceId::trusted(id)));
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    set.ask_invoices(ids.iter().map(|id| InvoiceId::trusted(id)));
    for row in query!("load_invoices": ids).fetch_all(&mut **tx).await? {
        set.know_invoice(rows::invoice(&row)?);
    }
    Ok(())
}

/// All balances of the accounts.
async fn balances(
    tx: &mut Tx<'_>,
    owners: &BTreeSet<String>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    balances_by(tx, sql!("load_balances"), owners, set).await
}

/// The balances of locked accounts in other currencies than their first, which are known.
async fn further_balances(
    tx: &mut Tx<'_>,
    owners: &BTreeSet<String>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    balances_by(tx, sql!("load_further_balances"), owners, set).await
}

async fn balances_by(
    tx: &mut Tx<'_>,
    statement: &'static str,
    owners: &BTreeSet<String>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if owners.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = owners.iter().map(String::as_str).collect();
    for row in sqlx::query(statement).bind(ids).fetch_all(&mut **tx).await? {
        let currency = rows::currency(row.try_get(1)?)?;
        let account_id = AccountId::trusted(row.try_get(0)?);
        set.know_balance(&account_id, Money::from_micros(row.try_get(2)?, currency));
    }
    set.ask(owners.iter().map(|id| Want::Balances(AccountId::trusted(id))));
    Ok(())
}

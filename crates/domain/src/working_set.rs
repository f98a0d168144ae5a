//! The part of the world that one batch may read and change, in memory.
//!
//! The store fills it under the accounts' locks; deciding reads it; each effect is applied to it
//! at once, so that record 7 sees what record 3 did. A look-up of something that was not loaded
//! is noted as a [`Want`]: the store loads it and the batch is decided again from the start.
//! A complete working set (the model in the tests) never misses.

pub mod advices;
pub mod alike;
mod balances;
mod bank;
mod by_id;
mod charging;
mod crossings;
mod ended;
mod held;
mod known;
mod listed;
pub mod lookalikes;
pub mod lots;
pub mod miss;
mod namesakes;
mod near;
pub mod originals;
pub mod owners;
mod payments;
pub mod pending;
mod queues;
pub mod review;
mod splits;
pub mod steps_back;
pub mod terms;
pub mod told_steps;
mod undone;
mod upstream;
pub mod usage;
pub mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::account::Account;
use super::allocation::{Allocation, Rule};
use super::effect::{BankDisposition, BankRecord, Effect};
use super::event::{Cause, Event, EventKey, Fact};
use super::matching::near::Word;
use super::money::{Currency, Money};
use super::payment::Payment;
use super::rejection::Rejection;
use super::shared::Shared;
use crate::ids::{
    AccountId, AllocationId, BankAccountId, BankKey, ContentHash, InvoiceId, PaymentId, RecordId,
};
use crate::input::Queued;
use crate::invoice::{Invoice, InvoiceStatus};
use crate::want::Want;

pub use super::invoice::{BookEntry, OpenInvoice};
use foldhash::{HashMap, HashSet};
use known::{Answer, Known};
pub use miss::{BEYOND_LIMIT, Stop};

/// How many invoices of an account a suggestion or the search for rival subsets looks at.
pub const BOOK_OLDEST_MAX: usize = 64;
/// So many invoices of an account with one amount are read in full at least.
pub const EXACT_MIN: usize = 8;
/// Counts over the whole book stop here: "more than ten" is all that anybody needs to know.
pub const BOOK_COUNT_MAX: usize = 11;

/// So many customers of one name are read: no more are looked at.
pub const NAMESAKES_MAX: usize = 8;

/// So many payments of one customer and currency are added up, those with the least left.
pub const HELD_MAX: usize = 32;

/// Payments with what each has left.
type Held = Vec<(PaymentId, Money)>;

/// A bank transaction that was recorded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBankTransaction {
    pub content_hash: ContentHash,
    pub disposition: BankDisposition,
    /// The payment that it became.
    pub payment_id: Option<PaymentId>,
    pub terms: terms::Terms,
}

/// Everything that a batch may read.
#[derive(Debug, Clone, Default)]
pub struct WorkingSet {
    accounts: Known<AccountId, Account>,
    /// Accounts whose rows are locked: only these may get money in this batch.
    pub locked: Shared<HashSet<AccountId>>,
    payers: Shared<Known<String, owners::Customers>>,
    virtuals: Shared<Known<String, owners::Holder>>,
    invoices: Known<InvoiceId, Invoice>,
    by_reference: Shared<Known<String, InvoiceId>>,
    by_upstream: Shared<HashMap<String, InvoiceId>>,
    /// By the folded number: several may be alike.
    by_number: Shared<Known<String, BTreeSet<InvoiceId>>>,
    payments: Known<PaymentId, Payment>,
    /// Payments that begin in this batch.
    begun: HashSet<PaymentId>,
    /// Ids that payments of the batch would have, and that other payments have already.
    taken: Shared<Known<PaymentId, ()>>,
    /// Nobody else may have the id of a new payment: writing it proves that, and a batch for which
    /// it is not so is decided again.
    pub writing_proves_ids: bool,
    /// What payments pay now. Of those of the batch it comes with them.
    live_pairs: Known<PaymentId, BTreeSet<InvoiceId>>,
    /// Allocations of the payments that may go back, in the order in which they were made.
    pub allocations: BTreeMap<AllocationId, Allocation>,
    /// Payments of which something may be taken back in this batch: a permission, as `locked` is.
    pub reversible: HashSet<PaymentId>,
    /// What persons took payments off.
    tombstones: HashMap<PaymentId, BTreeSet<InvoiceId>>,
    /// The payments that a return may mean.
    originals: originals::Originals,
    returns: originals::Returns,
    parked_returns: Known<BankKey, BankRecord>,
    /// All parts that payments ever had, in the order of their numbers. Of those that were asked
    /// for `allocations` has all that is live, also of the parts.
    parts: Known<PaymentId, Vec<PaymentId>>,
    bank: Known<BankKey, StoredBankTransaction>,
    /// The last of the records of `bank` that have no id and are equal.
    equal: Known<(String, String), u32>,
    /// Records that announce what a booking of the batch may be.
    pub pending: pending::Pending,
    /// Payments without a bank id of the days and amounts of the batch.
    pub lookalikes: lookalikes::Lookalikes,
    /// What the bank took back on the days of the batch's steps back.
    pub told_steps: told_steps::ToldSteps,
    /// Bank records of payments that watch something and may be decided again.
    watched: Known<PaymentId, BankRecord>,
    watching: watching::Watching,
    /// Remittance advices that wait for a payment, or belong to one of the payments.
    pub advices: advices::Advices,
    /// One sum for each currency.
    balances: Known<AccountId, Vec<Money>>,
    pub default_levels: Shared<super::threshold::Levels>,
    pub payment_qr: Shared<super::payment_qr::PaymentQr>,
    /// What the batch did to balances that have levels.
    pub steps: Vec<super::threshold::Step>,
    /// Customers whose levels change in the batch.
    pub(super) relevelled: HashSet<AccountId>,
    /// Commands that wait, in order: later ones that depend on one wait behind it.
    queues: Known<AccountId, Vec<Queued>>,
    /// Of the commands that the batch would cancel, those that wait, and whose they are.
    waiting: Known<RecordId, AccountId>,
    /// The numbers of the last events of bank accounts of ours that are told of.
    pub feeds: BTreeMap<BankAccountId, i64>,
    exact: Shared<Known<(AccountId, Currency, i64), Vec<InvoiceId>>>,
    oldest: Shared<Known<(AccountId, Currency), Vec<OpenInvoice>>>,
    book: Shared<Known<(Currency, i64), Vec<BookEntry>>>,
    /// At most two more than are looked at, which shows that there are more.
    held_payments: Shared<Known<(AccountId, Currency), Held>>,
    near: Shared<Known<Word, Vec<BookEntry>>>,
    /// Names of the customers in `book` and `near`: they are compared, and only suggest.
    pub names: Shared<HashMap<AccountId, String>>,
    namesakes: Shared<Known<String, Vec<AccountId>>>,
    /// Customers that were described since this was loaded, by the same key; of a complete set all.
    called: Shared<HashMap<String, BTreeSet<AccountId>>>,
    /// Invoices created, sent or paid in part in this batch, by account: the lists above were
    /// loaded before that.
    fresh: HashMap<AccountId, BTreeSet<InvoiceId>>,
    pub usage: usage::UsageSet,
    pub review: review::ReviewSet,
    /// Invoices for which money may have come: asked only of void candidates that are voided.
    pub wanted: BTreeSet<InvoiceId>,
    /// True when the maps hold the whole world: look-ups are computed and never miss.
    complete: bool,
    /// Events in the order in which they were published.
    pub events: Vec<Event>,
    missing: miss::Missing,
}

/// By how much the sequences and balances that a batch assumed differ from those that are true
/// under the accounts' locks. Nothing is decided by either of them, so nothing else changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebase {
    pub sequences: HashMap<AccountId, i64>,
    pub balances: HashMap<(AccountId, Currency), Money>,
}

impl WorkingSet {
    /// The maps hold the whole world: what is not here is not there.
    #[must_use]
    pub fn complete(self) -> Self {
        Self { complete: true, ..self }
    }

    /// These were asked for: what there is of them is here, or is added before anything is decided.
    /// What was read of payers' and virtual accounts before counts no more.
    pub fn ask(&mut self, wants: impl IntoIterator<Item = Want>) {
        for want in wants {
            match want {
                Want::Account(id) => self.accounts.ask(id),
                Want::Payer(payer) => self.payers.ask_anew(payer),
                Want::Virtual(number) => self.virtuals.ask_anew(number),
                Want::Reference(reference) => self.by_reference.ask(reference),
                Want::Number(number) => self.by_number.ask(number),
                Want::Bank(key) => self.bank.ask(key),
                Want::LastEqual(bank_account, print) => self.equal.ask((bank_account, print)),
                Want::Exact(account, currency, due) => self.exact.ask((account, currency, due)),
                Want::Oldest(account, currency) => self.oldest.ask((account, currency)),
                Want::Book(currency, due) => self.book.ask((currency, due)),
                Want::Near(word) => self.near.ask(word),
                Want::Namesakes(name) => self.namesakes.ask(name),
                Want::Held(account, currency) => self.held_payments.ask((account, currency)),
                Want::Payment(id) => self.payments.ask(id),
                Want::Taken(id) => self.taken.ask(id),
                Want::Whole(id) => self.parts.ask(id),
                Want::Original(key) => self.originals.ask(key),
                Want::ToldTwice(id) => self.originals.ask_told_twice(id),
                Want::Returned(bank_account, id) => self.returns.ask_named(bank_account, id),
                Want::ReturnsOf(id) => self.returns.ask_of(id),
                Want::Parked(key) => self.parked_returns.ask(key),
                Want::Announced(key, _) => self.pending.ask_booking(key),
                Want::BookedAlready(key, ..) => self.pending.ask_announcement(key),
                Want::WithoutId(same, payer) => self.lookalikes.ask(same, payer),
                Want::WithId(same, payer) => self.lookalikes.ask_with_id(same, payer),
                Want::ToldSteps(same, all) => self.told_steps.ask(same, all),
                // How far they were read stands with the lots.
                Want::Lots(..) => {}
                Want::Balances(account) => self.balances.ask(account),
                Want::Limits(account) => self.usage.limits.ask(account),
                Want::SetAside(account) => self.usage.others_held.ask(account),
                Want::Charge(account, id) => self.usage.charges.ask((account, id)),
                Want::Refund(account, id) => self.usage.refunds.ask((account, id)),
                Want::Hold(account, id) => self.usage.holds.ask((account, id)),
                Want::Suggested(payment) => self.review.suggestions.ask(payment),
                Want::Taught(payment) => self.review.taught.ask(payment),
                Want::Advice(key) => self.advices.all.ask(key),
                Want::AdviceOf(payment) => self.advices.bound.ask(payment),
                Want::Twins(account, words) => self.advices.twins.ask((account, words)),
                Want::Fitting(account, currency, micros, marks) => {
                    self.advices.fitting.ask((account, currency, micros, marks));
                }
                Want::Advised(money) => self.advices.money.ask(money),
                Want::BankRecord(payment) => self.watched.ask(payment),
                Want::Watchers(key) => self.watching.payments.ask(key),
                Want::Holders(account, currency, due) => {
                    self.watching.held.ask((account, currency, due));
                }
                Want::Queue(account) => self.queues.ask(account),
                Want::Waits(record) => self.waiting.ask(record),
            }
        }
    }

    /// Payable invoices of `account` with exactly `due` due, in the declared order.
    ///
    /// Nothing is found, and a miss is noted, when they were not loaded.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when an amount contradicts its row.
    pub fn exact(&self, account: &AccountId, due: Money) -> Result<Vec<&Invoice>, Stop> {
        let micros = due.to_micros()?;
        let currency = due.currency();
        let key = (account.clone(), currency, micros);
        let want = |(account, currency, micros)| Want::Exact(account, currency, micros);
        let listed = self.all(&self.exact, &key, want).found().into_iter().flatten();
        let listed = listed.chain(self.all_of(account)).collect();
        let mut found = self.payable_of(account, currency, listed);
        found.retain(|invoice| invoice.due().is_ok_and(|left| left == due));
        Ok(found)
    }

    /// The oldest payable invoices of `account`, at most [`BOOK_OLDEST_MAX`].
    ///
    /// Nothing is found, and a miss is noted, when they were not loaded.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when an amount contradicts its row.
    pub fn oldest(
        &self,
        account: &AccountId,
        currency: Currency,
    ) -> Result<Vec<OpenInvoice>, Stop> {
        let listed = self.listed_oldest(account, currency).found();
        let mut found = Vec::with_capacity(listed.map_or(0, Vec::len));
        for open in listed.into_iter().flatten() {
            // An invoice that is loaded may have changed in this batch.
            match self.invoices.here().get(&open.invoice_id) {
                Some(invoice) => found.extend(OpenInvoice::of(invoice)?),
                None => found.push(open.clone()),
            }
        }
        let fresh = self.fresh.get(account).into_iter().flatten();
        for id in fresh.chain(self.all_of(account)) {
            if let Some(invoice) = self.invoices.here().get(id) {
                found.extend(OpenInvoice::of(invoice)?);
            }
        }
        found.retain(|open| open.due.currency() == currency);
        found.sort_by(|left, right| left.order.cmp(&right.order));
        found.dedup_by(|left, right| left.invoice_id == right.invoice_id);
        found.truncate(BOOK_OLDEST_MAX);
        Ok(found)
    }

    /// A few payable invoices of the whole book with exactly `due` due.
    ///
    /// Nothing is found, and a miss is noted, when they were not loaded.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when an amount contradicts its row.
    pub fn book(&self, due: Money) -> Result<Vec<BookEntry>, Stop> {
        let mut entries = self.listed_in_book(due)?.found().cloned().unwrap_or_default();
        let fits =
            |invoice: &Invoice| invoice.is_payable() && invoice.due().is_ok_and(|left| left == due);
        entries.retain(|entry| self.invoices.here().get(&entry.invoice_id).is_none_or(fits));
        let all = self.invoices.here().values();
        let fitting = all.filter(|invoice| fits(invoice));
        for invoice in fitting.filter(|invoice| self.complete || self.is_fresh(invoice)) {
            if !entries.iter().any(|entry| entry.invoice_id == invoice.invoice_id) {
                entries.push(BookEntry {
                    invoice_id: invoice.invoice_id.clone(),
                    account_id: invoice.account_id.clone(),
                    amount_due: due,
                });
            }
        }
        entries.sort_by(|left, right| left.invoice_id.cmp(&right.invoice_id));
        entries.truncate(BOOK_COUNT_MAX);
        Ok(entries)
    }

    fn listed_oldest(
        &self,
        account: &AccountId,
        currency: Currency,
    ) -> Answer<'_, Vec<OpenInvoice>> {
        let want = |(account, currency)| Want::Oldest(account, currency);
        self.all(&self.oldest, &(account.clone(), currency), want)
    }

    fn listed_in_book(&self, due: Money) -> Result<Answer<'_, Vec<BookEntry>>, Stop> {
        let want = |(currency, micros)| Want::Book(currency, micros);
        Ok(self.all(&self.book, &(due.currency(), due.to_micros()?), want))
    }

    /// The name of a customer, if it is known here.
    pub fn name_of(&self, account: &AccountId) -> Option<&str> {
        let account_name = self.accounts.here().get(account).and_then(|a| a.name.as_deref());
        account_name.or_else(|| self.names.get(account).map(String::as_str))
    }

    fn is_fresh(&self, invoice: &Invoice) -> bool {
        self.fresh.get(&invoice.account_id).is_some_and(|ids| ids.contains(&invoice.invoice_id))
    }

    /// All invoices of the account, of a complete set: of another one those are listed that count.
    fn all_of(&self, account: &AccountId) -> impl Iterator<Item = &InvoiceId> {
        let all = self.complete.then(|| self.invoices.here().values()).into_iter().flatten();
        let all = all.filter(|invoice| invoice.account_id == *account);
        all.map(|invoice| &invoice.invoice_id)
    }

    fn payable_of<'a>(
        &'a self,
        account: &AccountId,
        currency: Currency,
        mut ids: Vec<&'a InvoiceId>,
    ) -> Vec<&'a Invoice> {
        ids.extend(self.fresh.get(account).into_iter().flatten());
        let mut found: Vec<&Invoice> = ids
            .into_iter()
            .filter_map(|id| self.invoice(id))
            .filter(|invoice| invoice.is_payable() && invoice.currency() == currency)
            .collect();
        found.sort_by_key(|invoice| invoice.order());
        found.dedup_by(|left, right| left.invoice_id == right.invoice_id);
        found
    }

    /// Applies one effect; events get their sequence here.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when the effect contradicts the state: the decision was wrong.
    pub fn apply(&mut self, effect: &Effect, cause: &Arc<Cause>) -> Result<(), Stop> {
        match effect {
            Effect::UpsertAccount(upsert, _) => self.apply_upsert(upsert, cause.as_of),
            Effect::CreateInvoice(invoice) => self.apply_invoice(invoice),
            Effect::NameInvoice { invoice_id, references } => self.name_all(invoice_id, references),
            Effect::SendInvoice { invoice_id, at } => self.apply_sent(invoice_id, *at)?,
            Effect::VoidInvoice { invoice_id, reason, at } => {
                let invoice = self.invoice_mut(invoice_id)?;
                invoice.status = InvoiceStatus::Voided;
                invoice.voided_at = Some(*at);
                invoice.void_reason.clone_from(reason);
            }
            Effect::KeepInvoice { invoice_id, until } => {
                let invoice = self.invoice_mut(invoice_id)?;
                invoice.keep_until = Some(until.unwrap_or(chrono::NaiveDate::MAX));
            }
            Effect::ClearCandidate { invoice_id, .. } => {
                self.invoice_mut(invoice_id)?.candidate_since = None;
            }
            Effect::RecordPayment(payment) => {
                self.begin(payment.payment_id.clone());
                self.know_payment(payment.as_ref().clone());
            }
            Effect::AssignPayment { payment_id, account_id } => {
                self.payment_mut(payment_id)?.account_id = Some(account_id.clone());
            }
            Effect::Ask { payment_id, question } => {
                self.payment_mut(payment_id)?.question = *question;
            }
            Effect::Allocate(allocation) => self.apply_allocation(allocation, cause)?,
            Effect::Reverse(reversal) => self.apply_reversal(reversal, cause)?,
            Effect::PayOut { .. } | Effect::CloseAccount { .. } | Effect::CancelWaiting(_) => {
                self.apply_ended(effect)?;
            }
            Effect::LayTombstone { payment_id, invoice_id } => {
                self.know_taken_off(payment_id.clone(), invoice_id.clone());
            }
            Effect::Return(returned) => self.apply_return(returned)?,
            Effect::Split(part) => self.apply_split(part)?,
            Effect::TakeBack(taken) => self.apply_taken_back(taken)?,
            Effect::SettlePayment { payment_id, state, watches } => {
                self.apply_settled(payment_id, *state, watches)?;
            }
            Effect::RecordBankTransaction(record) => self.apply_bank_record(record),
            Effect::RecordAdvice(advice) => self.advices.insert(advice.as_ref().clone()),
            Effect::SettleAdvice { key, used_by } => self.advices.settle(key, used_by.as_ref()),
            Effect::EndAdvice { key, end } => self.advices.end(key, end),
            Effect::DeliveredWithoutId(came) => self.apply_without_id(came),
            Effect::ToldAgain { key, earlier } => self.apply_told_again(key, earlier),
            Effect::SupersedePending { pending, by } => self.apply_superseded(pending, by),
            Effect::Publish { key, fact } => self.publish(key, fact, cause)?,
            Effect::Watermark(through) => self.usage.known_through(*through),
            Effect::Charge(charged) => self.apply_charge(charged, cause)?,
            Effect::Refund(refunded) => self.apply_refund(refunded, cause)?,
            Effect::SetHold(hold) => self.usage.set_hold(hold),
            Effect::StoreDecision(decision) => self.note_decision(decision),
            Effect::Review(effect) => self.apply_review(effect)?,
            // The lot was opened as what it left.
            Effect::ClearDebt { .. }
            | Effect::AlsoIn { .. }
            | Effect::ParkReturn { .. }
            | Effect::Post(_)
            | Effect::RecordStatement(_) => {}
        }
        Ok(())
    }

    fn apply_sent(
        &mut self,
        invoice_id: &InvoiceId,
        at: chrono::DateTime<chrono::Utc>,
    ) -> Result<(), Stop> {
        let invoice = self.invoice_mut(invoice_id)?;
        invoice.status = InvoiceStatus::AwaitingPayment;
        // A re-send restarts the age, but the invoice keeps its place in the order.
        invoice.sent_at = invoice.sent_at.or(Some(at));
        invoice.stale_since = Some(at);
        let account = invoice.account_id.clone();
        self.fresh.entry(account).or_default().insert(invoice_id.clone());
        Ok(())
    }

    fn apply_invoice(&mut self, invoice: &Invoice) {
        let id = invoice.invoice_id.clone();
        self.fresh.entry(invoice.account_id.clone()).or_default().insert(id);
        self.know_invoice(invoice.clone());
    }

    fn apply_allocation(
        &mut self,
        allocation: &super::allocation::Allocation,
        cause: &Arc<Cause>,
    ) -> Result<(), Stop> {
        let refused = |_: Rejection| Stop::Corrupt("an allocation was decided that is not allowed");
        let invoice = self.invoice_mut(&allocation.invoice_id)?;
        invoice.allocate(allocation.amount).map_err(refused)?;
        // What is due now is not what was due when the lists above were loaded.
        self.fresh
            .entry(allocation.account_id.clone())
            .or_default()
            .insert(allocation.invoice_id.clone());
        let payment = self.payment_mut(&allocation.payment_id)?;
        payment.allocated = payment.allocated.add(allocation.amount)?;
        if allocation.rule == Rule::NamedByCommand {
            // A person said what it is for.
            payment.question = None;
        } else if payment.question.is_some() {
            return Err(Stop::Corrupt("a rule used what only a person decides"));
        }
        if payment.unallocated()?.is_negative() {
            return Err(Stop::Corrupt("more was allocated than the payment has"));
        }
        self.move_balance(&allocation.account_id, allocation.amount)?;
        self.note_step(&allocation.account_id, allocation.amount, cause);
        if self.complete || self.usage.keeps_lots {
            let (id, amount, left) = (allocation.id, allocation.amount, allocation.lot_remaining);
            let cleared = amount.sub(left)?;
            let lot = super::usage::Lot::opened(id, amount, left, cleared, cause.as_of);
            self.usage.open(&allocation.account_id, lot);
            self.allocations.insert(id, allocation.clone());
        }
        self.know_pays(allocation.payment_id.clone(), allocation.invoice_id.clone());
        Ok(())
    }

    /// Tells a fact under the next number of its key: the one place that numbers events.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when the key is not loaded.
    pub fn publish(&mut self, key: &EventKey, fact: &Fact, cause: &Arc<Cause>) -> Result<(), Stop> {
        let counter = match key {
            EventKey::Account(id) => {
                let missing = Stop::Corrupt("an event of an account that is not loaded");
                if self.account(id).is_none() {
                    return Err(missing);
                }
                &mut self.accounts.here_mut().get_mut(id).ok_or(missing)?.event_sequence
            }
            EventKey::Payment(id) => &mut self.payment_mut(id)?.event_sequence,
            EventKey::Bank(id) => {
                let missing = Stop::Corrupt("an event of a bank account that is not locked");
                self.feeds.get_mut(id).ok_or(missing)?
            }
        };
        *counter = counter.saturating_add(1);
        let event = Event {
            key: key.clone(),
            sequence: *counter,
            cause: Arc::clone(cause),
            fact: fact.clone(),
        };
        self.events.push(event);
        Ok(())
    }

    /// Moves sequences and balances to what is true under the locks, in the state and the events.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when a balance leaves what can be kept.
    pub fn rebase(&mut self, by: &Rebase) -> Result<(), Stop> {
        for (id, moved) in &by.sequences {
            if let Some(account) = self.accounts.here_mut().get_mut(id) {
                account.event_sequence = account.event_sequence.saturating_add(*moved);
            }
        }
        for (key, moved) in &by.balances {
            self.move_balance(&key.0, *moved)?;
        }
        for event in &mut self.events {
            if let EventKey::Account(id) = &event.key {
                let moved = by.sequences.get(id).copied().unwrap_or(0);
                event.sequence = event.sequence.saturating_add(moved);
            }
            if let Fact::BalanceChanged { account_id, balance, .. } = &mut event.fact
                && let Some(moved) = by.balances.get(&(account_id.clone(), balance.currency()))
            {
                *balance = balance.add(*moved)?;
            }
        }
        Ok(())
    }
}

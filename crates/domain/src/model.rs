//! The whole service as one pure value: inbox, waiting commands, and everything decided so far.
//!
//! It has no database, batch or clock, so it is short enough to be believed. Tests compare what
//! the real service ends with against the [`Summary`] of a model that was fed the same records.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _, HashSet};

use super::account::Account;
use super::allocation::Allocation;
use super::effect::{Effect, Need, Outcome, wait_key};
use super::event::EventKey;
use super::input::{Input, Message, Queued, Waited};
use super::ledger::LedgerTransaction;
use super::money::{Currency, Money};
use super::payment::ParkReason;
use super::rejection::DeadLetterReason;
use super::working_set::WorkingSet;
use crate::decide;
use crate::decide::Context;
use crate::ids::{
    AccountId, BankKey, ContentHash, IdBlock, InvoiceId, MessageId, PaymentId, RecordId, Source,
    own_source,
};
use crate::matching::decision::MatchDecision;
use crate::matching::policy::RuleSet;
use crate::working_set::miss::Stop;

/// A ledger account: its word, and the customer whose it is.
pub type LedgerKey = (&'static str, Option<AccountId>, Currency);

/// The service as a value.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub set: WorkingSet,
    pub inbox: HashMap<RecordId, (ContentHash, Outcome)>,
    pub rules: RuleSet,
    /// What waits, per key (`wait_key`) in the order in which it came.
    pub waiting: BTreeMap<String, VecDeque<Message>>,
    /// Every decision of matching, per payment, the newest last.
    pub decisions: BTreeMap<PaymentId, Vec<MatchDecision>>,
    /// What the last record did, including the waiting commands that it released.
    pub last_effects: Vec<Effect>,
    /// Why deciding stopped. It never does with a complete set; if it did, nothing after counts.
    pub stopped: Option<Stop>,
    /// In which order the records came that wait.
    arrivals: HashMap<RecordId, usize>,
    /// Since when each return is parked.
    parked_at: BTreeMap<BankKey, DateTime<Utc>>,
    /// Whose usage is a dead letter; and those of the batch in hand.
    dead_usage: HashSet<AccountId>,
    conflicts: Vec<AccountId>,
    ledger: BTreeMap<LedgerKey, Money>,
    next_block: i64,
    now: DateTime<Utc>,
}

/// What the model knows at one moment, in a form that can be compared and printed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    pub invoices: BTreeMap<InvoiceId, InvoiceSummary>,
    pub payments: BTreeMap<PaymentId, PaymentSummary>,
    pub balances: BTreeMap<(AccountId, Currency), Money>,
    /// In the order in which they were made, where a pair has several.
    pub allocations: BTreeMap<(PaymentId, InvoiceId, usize), AllocationSummary>,
    pub ledger: BTreeMap<LedgerKey, Money>,
    /// What is left in the lots, per account.
    pub lots: BTreeMap<(AccountId, Currency), Money>,
    /// How many events each key has.
    pub events: BTreeMap<EventKey, usize>,
    pub waiting: BTreeMap<String, Vec<RecordId>>,
    pub stopped: Option<Stop>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceSummary {
    pub status: &'static str,
    pub allocated: Money,
    pub due: Money,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentSummary {
    pub account_id: Option<AccountId>,
    pub state: &'static str,
    pub reason: Option<&'static str>,
    pub allocated: Money,
    pub returned: Money,
    pub split: Money,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationSummary {
    pub account_id: AccountId,
    pub amount: Money,
    pub rule: &'static str,
    pub lot_remaining: Money,
}

/// Clocks may differ by a day here: logs are made with larger steps than real ones.
fn claims_until(as_of: DateTime<Utc>) -> DateTime<Utc> {
    as_of.checked_add_signed(chrono::TimeDelta::days(1)).unwrap_or(as_of)
}

impl Model {
    pub fn new(rules: impl Into<RuleSet>) -> Self {
        let set = WorkingSet::default().complete();
        Self { set, rules: rules.into(), ..Self::default() }
    }

    /// Takes one record. `as_of` is the instant that the decision is taken for.
    pub fn feed(&mut self, message: &Message, as_of: DateTime<Utc>) -> Outcome {
        let outcome = self.feed_in_batch(message, as_of);
        self.end_batch();
        outcome
    }

    /// Takes one record of a batch that [`Self::end_batch`] ends.
    pub fn feed_in_batch(&mut self, message: &Message, as_of: DateTime<Utc>) -> Outcome {
        self.last_effects.clear();
        if let Some((hash, _)) = self.inbox.get(&message.record) {
            if *hash == message.content_hash {
                return Outcome::Duplicate;
            }
            if let Input::Usage(usage) = &message.input {
                self.conflicts.extend(usage.account_id().cloned());
            }
            return Outcome::DeadLettered(DeadLetterReason::Conflict);
        }
        for account_id in accounts_of(message) {
            self.know(account_id);
        }
        let outcome = self.decide(message, as_of);
        if let Outcome::Waiting(need) = &outcome {
            let key = wait_key(&message.input, need);
            let told = matches!(need, Need::Proof(_));
            self.arrivals.insert(message.record.clone(), self.arrivals.len());
            let waited = Some(Waited { since: as_of, over: false, told });
            let message = Message { waited, ..message.clone() };
            self.waiting.entry(key).or_default().push_back(message);
        }
        self.remember(message, &outcome);
        if matches!(outcome, Outcome::Applied { .. }) {
            self.release(as_of);
        }
        outcome
    }

    /// Posts and tells what the usage records since the last time come to.
    pub fn end_batch(&mut self) {
        // What was put aside before the batch was decided counts from the next one on.
        self.dead_usage.extend(self.conflicts.drain(..));
        let concluded = decide::usage::conclude(&mut self.set).and_then(|effects| {
            effects.iter().try_for_each(|effect| self.keep(effect))?;
            self.set.tell_crossings(&HashMap::new())?;
            Ok(effects)
        });
        match concluded {
            Ok(effects) => self.last_effects.extend(effects),
            Err(stop) => self.stopped = Some(stop),
        }
    }

    /// The deadline of everything that waits has passed: each has its turn, as they came, while
    /// the others still wait.
    pub fn expire(&mut self, as_of: DateTime<Utc>) {
        let mut all: Vec<(Option<usize>, String)> = Vec::new();
        for (key, queue) in &self.waiting {
            let arrived = |message: &Message| self.arrivals.get(&message.record).copied();
            all.extend(queue.iter().map(|message| (arrived(message), key.clone())));
        }
        all.sort();
        for (_, key) in all {
            let Some(queue) = self.waiting.get_mut(&key) else { continue };
            let Some(mut message) = queue.pop_front() else { continue };
            self.set.pass_queues();
            message.waited = message.waited.map(|waited| Waited { over: true, ..waited });
            let outcome = match self.decide(&message, as_of) {
                Outcome::Waiting(_) => Outcome::DeadLettered(DeadLetterReason::DependencyMissing),
                decided => decided,
            };
            self.end_batch();
            self.remember(&message, &outcome);
        }
        self.waiting.clear();
        self.set.pass_queues();
    }

    pub fn outcome_of(&self, record: &RecordId) -> Option<&Outcome> {
        self.inbox.get(record).map(|(_, outcome)| outcome)
    }

    pub fn last_decision(&self, payment_id: &PaymentId) -> Option<&MatchDecision> {
        self.decisions.get(payment_id).and_then(|all| all.last())
    }

    /// Live allocations in the order of payment and invoice.
    pub fn allocations(&self) -> impl Iterator<Item = &Allocation> {
        let all = self.set.allocations.values();
        let mut live: Vec<_> =
            all.filter(|link| link.live().is_ok_and(Money::is_positive)).collect();
        live.sort_by_key(|link| (link.payment_id.clone(), link.invoice_id.clone(), link.id));
        live.into_iter()
    }

    fn remember(&mut self, message: &Message, outcome: &Outcome) {
        if let (Input::Usage(usage), Outcome::DeadLettered(_)) = (&message.input, outcome) {
            self.dead_usage.extend(usage.account_id().cloned());
        }
        let entry = (message.content_hash, outcome.clone());
        self.inbox.insert(message.record.clone(), entry);
    }

    /// An account is known, and locked, from the first command that names it.
    fn know(&mut self, account_id: &AccountId) {
        self.set.keep_account(Account::named_by_a_record(account_id.clone()));
        self.set.locked.insert(account_id.clone());
    }

    fn decide(&mut self, message: &Message, as_of: DateTime<Utc>) -> Outcome {
        let failed = Outcome::DeadLettered(DeadLetterReason::Unprocessable);
        if self.stopped.is_some() {
            return failed;
        }
        self.now = as_of;
        self.set.usage.unproven = self.open_usage();
        let mut ids = IdBlock::new(self.next_block);
        self.next_block = self.next_block.saturating_add(1);
        let context = Context { rules: &self.rules, as_of, claims_until: claims_until(as_of) };
        let decided = decide::decide(&mut self.set, message, &mut ids, context);
        let kept = decided.and_then(|decided| {
            decided.effects.iter().try_for_each(|effect| self.keep(effect))?;
            Ok(decided)
        });
        match kept {
            Ok(decided) => {
                self.last_effects.extend(decided.effects);
                decided.outcome
            }
            Err(stop) => {
                self.stopped = Some(stop);
                failed
            }
        }
    }

    /// Whose usage is not all known, because something of it is dead or waits.
    fn open_usage(&self) -> HashSet<AccountId> {
        let usage = |message: &Message| {
            let Input::Usage(usage) = &message.input else { return None };
            usage.account_id().cloned()
        };
        let waits = self.waiting.values().flatten().filter_map(usage);
        self.dead_usage.iter().cloned().chain(waits).collect()
    }

    /// What the working set does not keep, because only the database has it.
    fn keep(&mut self, effect: &Effect) -> Result<(), Stop> {
        match effect {
            Effect::Allocate(allocation) => {
                let same = |link: &&Allocation| {
                    link.payment_id == allocation.payment_id
                        && link.invoice_id == allocation.invoice_id
                        && link.restores.is_none()
                };
                if allocation.restores.is_none() && self.allocations().filter(same).count() > 1 {
                    return Err(Stop::Corrupt("a payment is allocated to an invoice twice"));
                }
            }
            Effect::ParkReturn { key, .. } => {
                self.parked_at.insert(key.clone(), self.now);
            }
            Effect::Post(transaction) => self.post(transaction)?,
            Effect::StoreDecision(decision) => {
                let payment_id = decision.payment_id.clone();
                let decisions = self.decisions.entry(payment_id).or_default();
                decisions.push(decision.as_ref().clone());
            }
            Effect::UpsertAccount(..)
            | Effect::CreateInvoice(_)
            | Effect::NameInvoice { .. }
            | Effect::SendInvoice { .. }
            | Effect::VoidInvoice { .. }
            | Effect::KeepInvoice { .. }
            | Effect::ClearCandidate { .. }
            | Effect::RecordPayment(_)
            | Effect::AssignPayment { .. }
            | Effect::Ask { .. }
            | Effect::SettlePayment { .. }
            | Effect::Reverse(_)
            | Effect::PayOut { .. }
            | Effect::CloseAccount { .. }
            | Effect::CancelWaiting(_)
            | Effect::LayTombstone { .. }
            | Effect::Return(_)
            | Effect::Split(_)
            | Effect::TakeBack(_)
            | Effect::RecordBankTransaction(_)
            | Effect::DeliveredWithoutId(_)
            | Effect::ToldAgain { .. }
            | Effect::AlsoIn { .. }
            | Effect::RecordStatement(_)
            | Effect::RecordAdvice(_)
            | Effect::SettleAdvice { .. }
            | Effect::EndAdvice { .. }
            | Effect::SupersedePending { .. }
            | Effect::Charge(_)
            | Effect::Refund(_)
            | Effect::ClearDebt { .. }
            | Effect::SetHold(_)
            | Effect::Watermark(_)
            | Effect::Review(_)
            | Effect::Publish { .. } => {}
        }
        Ok(())
    }

    /// What is posted to an account of ours, over all bank accounts, in the one currency used.
    #[cfg(test)]
    pub fn ledger_of(&self, account: &str) -> Money {
        let mut sums = self.ledger.iter().filter(|(key, _)| key.0 == account);
        let zero = || Money::zero(super::money::Currency::parse("SGD").expect("a currency"));
        sums.next().map_or_else(zero, |(_, sum)| *sum)
    }

    fn post(&mut self, transaction: &LedgerTransaction) -> Result<(), Stop> {
        for (account, amount) in transaction.entries() {
            let currency = amount.currency();
            let key = (account.word(), account.owner().cloned(), currency);
            let sum = self.ledger.entry(key).or_insert(Money::zero(currency));
            *sum = sum.add(amount)?;
        }
        Ok(())
    }

    /// As the sweep does, whatever was applied before.
    #[cfg(test)]
    pub fn sweep(&mut self, as_of: DateTime<Utc>) {
        self.release(as_of);
        self.end_batch();
    }

    /// What waits has its turn as in the sweep, parked returns before commands, until nothing
    /// changes: what one of them waited for may have been released only after its turn.
    fn release(&mut self, as_of: DateTime<Utc>) {
        let standing = |model: &Self| {
            let waiting = model.waiting.values().flatten().map(|message| &message.record);
            let needs = waiting.map(|record| model.outcome_of(record).cloned());
            (needs.collect::<Vec<_>>(), model.set.parked_here().len())
        };
        loop {
            let before = standing(self);
            self.retry_returns(as_of);
            self.release_commands(as_of);
            if self.stopped.is_some() || standing(self) == before {
                return;
            }
        }
    }

    /// Decides waiting commands again, those of each account in their order; one that still waits
    /// holds up what depends on it.
    fn release_commands(&mut self, as_of: DateTime<Utc>) {
        let mut keys: Vec<String> = self.waiting.keys().cloned().collect();
        keys.sort_by_key(|key| {
            let mut queue = self.waiting.get(key).into_iter().flatten();
            let first = queue.find(|message| self.may_be_decided(message));
            first.and_then(|message| self.arrivals.get(&message.record).copied())
        });
        for key in keys {
            let Some(mut queue) = self.waiting.remove(&key) else {
                continue;
            };
            // What comes behind in the queue was asked for later: it holds up nothing before it.
            let account = AccountId::trusted(&key);
            let mut queued = std::mem::take(self.set.queue_mut(account.clone()));
            let mut still = VecDeque::new();
            while let Some(mut message) = queue.pop_front() {
                let is_own = |one: &Queued| one.record == message.record;
                let own = queued.iter().position(is_own).map(|at| queued.remove(at));
                if !self.may_be_decided(&message) {
                    self.set.queue_mut(account.clone()).extend(own);
                    still.push_back(message);
                    self.waiting.insert(key.clone(), still.clone());
                    continue;
                }
                if let Some(outcome) = self.waits_on(&message, as_of) {
                    self.remember(&message, &outcome);
                    self.set.queue_mut(account.clone()).extend(own);
                    still.push_back(message);
                    self.waiting.insert(key.clone(), still.clone());
                    continue;
                }
                let in_order = !matches!(message.input, Input::Command(_));
                self.end_batch();
                let outcome = self.decide(&message, as_of);
                self.end_batch();
                self.remember(&message, &outcome);
                if let Outcome::Waiting(need) = &outcome {
                    if let Some(waited) = &mut message.waited {
                        waited.told |= matches!(need, Need::Proof(_));
                    }
                    still.push_back(message);
                    if in_order {
                        still.append(&mut queue);
                    }
                    self.waiting.insert(key.clone(), still.clone());
                }
            }
        }
    }

    /// How it would wait on. Then it leaves no trace, and ends no batch.
    fn waits_on(&mut self, message: &Message, as_of: DateTime<Utc>) -> Option<Outcome> {
        self.set.usage.unproven = self.open_usage();
        let mut trial = self.set.clone();
        let context = Context { rules: &self.rules, as_of, claims_until: claims_until(as_of) };
        let tried = decide::decide(&mut trial, message, &mut IdBlock::new(0), context).ok()?;
        let waits = matches!(tried.outcome, Outcome::Waiting(_)) && tried.effects.is_empty();
        waits.then_some(tried.outcome)
    }

    /// Tries parked returns again, in the order in which they came: one may undo another.
    pub fn retry_returns(&mut self, as_of: DateTime<Utc>) {
        let mut keys: Vec<BankKey> = self.set.parked_here().keys().cloned().collect();
        keys.sort_by_key(|key| (self.parked_at.get(key).copied(), key.clone()));
        for key in keys {
            let since = self.parked_at.get(&key).copied().unwrap_or(as_of);
            let message = Message {
                record: RecordId {
                    source: Source::trusted(own_source::RETURNS),
                    id: MessageId::trusted("retry"),
                },
                time: since,
                traceparent: None,
                content_hash: [0; 32],
                bank_hash: [0; 32],
                tokens: None,
                waited: Some(Waited { since, over: false, told: false }),
                input: Input::RetryReturn(key),
            };
            // One that waits on leaves no trace, and ends no batch.
            let mut trial = self.set.clone();
            let context = Context { rules: &self.rules, as_of, claims_until: claims_until(as_of) };
            let tried = decide::decide(&mut trial, &message, &mut IdBlock::new(0), context);
            if tried.is_ok_and(|decided| decided.effects.is_empty()) {
                continue;
            }
            self.end_batch();
            self.decide(&message, as_of);
            self.end_batch();
        }
    }

    /// Whether what the command waits for is known by now.
    fn may_be_decided(&self, message: &Message) -> bool {
        match self.outcome_of(&message.record) {
            Some(Outcome::Waiting(Need::Invoice(id))) => self.set.invoice(id).is_some(),
            Some(Outcome::Waiting(Need::Payment(id))) => self.set.payment(id).is_some(),
            Some(Outcome::Waiting(Need::Charge(account_id, id))) => {
                self.set.usage.charges_here().contains_key(&(account_id.clone(), id.clone()))
            }
            Some(Outcome::Waiting(Need::Hold(account_id, id))) => {
                self.set.usage.holds_here().contains_key(&(account_id.clone(), id.clone()))
            }
            Some(Outcome::Waiting(Need::Proof(through))) => {
                self.set.usage.complete_through.is_some_and(|known| known >= *through)
            }
            Some(Outcome::Waiting(Need::Behind(record))) => {
                !matches!(self.outcome_of(record), Some(Outcome::Waiting(_)))
            }
            Some(Outcome::Waiting(Need::Version)) => true,
            Some(
                Outcome::Applied { .. }
                | Outcome::Duplicate
                | Outcome::Rejected(_)
                | Outcome::DeadLettered(_),
            )
            | None => false,
        }
    }

    /// A snapshot without numbers that depend on the order of records of different accounts.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            ledger: self.ledger.clone(),
            stopped: self.stopped.clone(),
            ..Summary::default()
        };
        for (id, invoice) in self.set.invoices_here() {
            let line = InvoiceSummary {
                status: invoice.status.word(),
                allocated: invoice.allocated,
                due: invoice.due().unwrap_or(invoice.amount),
            };
            summary.invoices.insert(id.clone(), line);
        }
        for (id, payment) in self.set.payments_here() {
            let line = PaymentSummary {
                account_id: payment.account_id.clone(),
                state: payment.state.word(),
                reason: payment.state.reason().map(ParkReason::code),
                allocated: payment.allocated,
                returned: payment.returned,
                split: payment.split,
                amount: payment.amount,
            };
            summary.payments.insert(id.clone(), line);
        }
        let balances = self.set.balances_here();
        summary.balances = balances.map(|(id, sum)| ((id.clone(), sum.currency()), sum)).collect();
        self.summarise_allocations(&mut summary);
        for event in &self.set.events {
            let count = summary.events.entry(event.key.clone()).or_default();
            *count = count.saturating_add(1);
        }
        for (key, queue) in &self.waiting {
            let records = queue.iter().map(|message| message.record.clone());
            summary.waiting.insert(key.clone(), records.collect());
        }
        summary
    }

    fn summarise_allocations(&self, summary: &mut Summary) {
        for allocation in self.allocations() {
            let (owner, currency) = (&allocation.account_id, allocation.amount.currency());
            let lot = self.set.usage.lot(owner, currency, allocation.id);
            let remaining = lot.map_or(Money::zero(currency), |lot| lot.remaining);
            let line = AllocationSummary {
                account_id: allocation.account_id.clone(),
                amount: allocation.live().unwrap_or(allocation.amount),
                rule: allocation.rule.word(),
                lot_remaining: remaining,
            };
            let pair = (allocation.payment_id.clone(), allocation.invoice_id.clone());
            let beside = summary.allocations.keys();
            let nth = beside.filter(|key| (&key.0, &key.1) == (&pair.0, &pair.1)).count();
            summary.allocations.insert((pair.0, pair.1, nth), line);
            let key = (allocation.account_id.clone(), currency);
            let lots = summary.lots.entry(key).or_insert(Money::zero(currency));
            match lots.add(remaining) {
                Ok(sum) => *lots = sum,
                Err(error) => summary.stopped = Some(Stop::from(error)),
            }
        }
    }
}

fn accounts_of(message: &Message) -> Vec<&AccountId> {
    match &message.input {
        Input::Command(command) => command.account_ids(),
        Input::Usage(usage) => usage.account_id().into_iter().collect(),
        Input::BankTransaction(_)
        | Input::BankStatement(_)
        | Input::Advice(_)
        | Input::Rematch(_)
        | Input::RetryReturn(_) => Vec::new(),
    }
}

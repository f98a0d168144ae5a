//! The whole service as one pure value: inbox, waiting commands, and everything decided so far.
//!
//! It has no database, batch or clock, so it is short enough to be believed. Tests compare what
//! the real service ends with against the [`Summary`] of a model that was fed the same records.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, Utc};

use super::account::Account;
use super::allocation::Allocation;
use super::decide::{self, Context};
use super::effect::{Effect, Need, Outcome, wait_key};
use super::event::EventKey;
use super::ids::{AccountId, IdBlock, InvoiceId, PaymentId, RecordId};
use super::input::{ContentHash, Input, Message};
use super::ledger::{LedgerAccount, LedgerTransaction};
use super::matching::{MatchDecision, RuleSet};
use super::money::{Currency, Money};
use super::payment::ParkReason;
use super::rejection::DeadLetterReason;
use super::working_set::{Stop, WorkingSet};

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
    allocations: BTreeMap<(PaymentId, InvoiceId), Allocation>,
    ledger: BTreeMap<LedgerKey, Money>,
    next_block: i64,
}

/// What the model knows at one moment, in a form that can be compared and printed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    pub invoices: BTreeMap<InvoiceId, InvoiceSummary>,
    pub payments: BTreeMap<PaymentId, PaymentSummary>,
    pub balances: BTreeMap<(AccountId, Currency), Money>,
    pub allocations: BTreeMap<(PaymentId, InvoiceId), AllocationSummary>,
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
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationSummary {
    pub account_id: AccountId,
    pub amount: Money,
    pub rule: &'static str,
    pub lot_remaining: Money,
}

impl Model {
    #[must_use]
    pub fn new(rules: impl Into<RuleSet>) -> Self {
        let mut model = Self { rules: rules.into(), ..Self::default() };
        model.set.complete = true;
        model
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
            return if *hash == message.content_hash {
                Outcome::Duplicate
            } else {
                Outcome::DeadLettered(DeadLetterReason::Conflict)
            };
        }
        let account_id = account_of(message).cloned();
        if let Some(account_id) = &account_id {
            self.know(account_id);
        }
        let outcome = self.decide(message, as_of);
        if let Outcome::Waiting(need) = &outcome
            && let Some(key) = wait_key(&message.input, need)
        {
            self.waiting.entry(key).or_default().push_back(message.clone());
            self.set.waiting_accounts.extend(message.input.command_account().cloned());
        }
        self.remember(message, &outcome);
        if matches!(outcome, Outcome::Applied { .. }) {
            self.release(as_of);
        }
        outcome
    }

    /// Posts and tells what the usage records since the last time come to.
    pub fn end_batch(&mut self) {
        let concluded = decide::usage::conclude(&mut self.set).and_then(|effects| {
            effects.iter().try_for_each(|effect| self.keep(effect))?;
            Ok(effects)
        });
        match concluded {
            Ok(effects) => self.last_effects.extend(effects),
            Err(stop) => self.stopped = Some(stop),
        }
    }

    /// The deadline of everything that waits has passed.
    pub fn expire(&mut self) {
        for message in std::mem::take(&mut self.waiting).into_values().flatten() {
            let missing = Outcome::DeadLettered(DeadLetterReason::DependencyMissing);
            self.remember(&message, &missing);
        }
        self.set.waiting_accounts.clear();
    }

    #[must_use]
    pub fn outcome_of(&self, record: &RecordId) -> Option<&Outcome> {
        self.inbox.get(record).map(|(_, outcome)| outcome)
    }

    #[must_use]
    pub fn last_decision(&self, payment_id: &PaymentId) -> Option<&MatchDecision> {
        self.decisions.get(payment_id).and_then(|all| all.last())
    }

    /// Live allocations in the order of payment and invoice.
    pub fn allocations(&self) -> impl Iterator<Item = &Allocation> {
        self.allocations.values()
    }

    fn remember(&mut self, message: &Message, outcome: &Outcome) {
        let entry = (message.content_hash, outcome.clone());
        self.inbox.insert(message.record.clone(), entry);
    }

    /// An account is known, and locked, from the first command that names it.
    fn know(&mut self, account_id: &AccountId) {
        if !self.set.accounts.contains_key(account_id) {
            let account = Account::named_by_a_record(account_id.clone());
            self.set.accounts.insert(account_id.clone(), account);
        }
        self.set.locked.insert(account_id.clone());
    }

    fn decide(&mut self, message: &Message, as_of: DateTime<Utc>) -> Outcome {
        let failed = Outcome::DeadLettered(DeadLetterReason::Unprocessable);
        if self.stopped.is_some() {
            return failed;
        }
        let mut ids = IdBlock::new(self.next_block);
        self.next_block = self.next_block.saturating_add(1);
        let context = Context { rules: &self.rules, as_of };
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

    /// What the working set does not keep, because only the database has it.
    fn keep(&mut self, effect: &Effect) -> Result<(), Stop> {
        match effect {
            Effect::Allocate(allocation) => {
                let pair = (allocation.payment_id.clone(), allocation.invoice_id.clone());
                let before = self.allocations.insert(pair, allocation.clone());
                if before.is_some() {
                    return Err(Stop::Corrupt("a payment is allocated to an invoice twice"));
                }
            }
            Effect::Post(transaction) => self.post(transaction)?,
            Effect::StoreDecision(decision) => {
                let payment_id = decision.payment_id.clone();
                let decisions = self.decisions.entry(payment_id).or_default();
                decisions.push(decision.as_ref().clone());
            }
            Effect::UpsertAccount(_)
            | Effect::CreateInvoice(_)
            | Effect::SendInvoice { .. }
            | Effect::VoidInvoice { .. }
            | Effect::KeepInvoice { .. }
            | Effect::ClearCandidate { .. }
            | Effect::RecordPayment(_)
            | Effect::AssignPayment { .. }
            | Effect::SettlePayment { .. }
            | Effect::RecordBankTransaction(_)
            | Effect::RecordStatement(_)
            | Effect::Charge(_)
            | Effect::Refund(_)
            | Effect::ClearDebt { .. }
            | Effect::SetHold(_)
            | Effect::Watermark(_)
            | Effect::Publish { .. } => {}
        }
        Ok(())
    }

    fn post(&mut self, transaction: &LedgerTransaction) -> Result<(), Stop> {
        if !transaction.is_balanced() {
            return Err(Stop::Corrupt("a ledger transaction does not balance"));
        }
        for entry in &transaction.entries {
            let owner = match &entry.account {
                LedgerAccount::BankClearing
                | LedgerAccount::UnallocatedCash
                | LedgerAccount::UsageRevenue => None,
                LedgerAccount::CustomerBalance(account_id) => Some(account_id.clone()),
            };
            let currency = entry.amount.currency();
            let key = (entry.account.word(), owner, currency);
            let sum = self.ledger.entry(key).or_insert(Money::zero(currency));
            *sum = sum.add(entry.amount)?;
        }
        Ok(())
    }

    /// Decides waiting commands again, the oldest of each account first; an account stops at the
    /// first that still waits, so its commands keep their order.
    fn release(&mut self, as_of: DateTime<Utc>) {
        let keys: Vec<String> = self.waiting.keys().cloned().collect();
        for key in keys {
            let Some(mut queue) = self.waiting.remove(&key) else {
                continue;
            };
            self.set.waiting_accounts.remove(&AccountId::trusted(&key));
            while let Some(message) = queue.pop_front() {
                if !self.may_be_decided(&message) {
                    queue.push_front(message);
                    break;
                }
                self.end_batch();
                let outcome = self.decide(&message, as_of);
                self.end_batch();
                self.remember(&message, &outcome);
                if matches!(outcome, Outcome::Waiting(_)) {
                    queue.push_front(message);
                    break;
                }
            }
            if !queue.is_empty() {
                let first = queue.front().map(|message| &message.input);
                let account = first.and_then(Input::command_account).cloned();
                self.set.waiting_accounts.extend(account);
                self.waiting.insert(key, queue);
            }
        }
    }

    /// Whether what the command waits for is known by now.
    fn may_be_decided(&self, message: &Message) -> bool {
        match self.outcome_of(&message.record) {
            Some(Outcome::Waiting(Need::Invoice(id))) => self.set.invoices.contains_key(id),
            Some(Outcome::Waiting(Need::Payment(id))) => self.set.payments.contains_key(id),
            Some(Outcome::Waiting(Need::Charge(account_id, id))) => {
                self.set.usage.charges.contains_key(&(account_id.clone(), id.clone()))
            }
            Some(Outcome::Waiting(Need::Hold(account_id, id))) => {
                self.set.usage.holds.contains_key(&(account_id.clone(), id.clone()))
            }
            Some(Outcome::Waiting(Need::Queue)) => true,
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
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            ledger: self.ledger.clone(),
            stopped: self.stopped.clone(),
            ..Summary::default()
        };
        for (id, invoice) in &self.set.invoices {
            let line = InvoiceSummary {
                status: invoice.status.word(),
                allocated: invoice.allocated,
                due: invoice.due().unwrap_or(invoice.amount),
            };
            summary.invoices.insert(id.clone(), line);
        }
        for (id, payment) in &self.set.payments {
            let line = PaymentSummary {
                account_id: payment.account_id.clone(),
                state: payment.state.word(),
                reason: payment.state.reason().map(ParkReason::code),
                allocated: payment.allocated,
                amount: payment.amount,
            };
            summary.payments.insert(id.clone(), line);
        }
        let balances = self.set.balances.iter();
        summary.balances = balances.map(|(key, sum)| (key.clone(), *sum)).collect();
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
        for (pair, allocation) in &self.allocations {
            let (owner, currency) = (&allocation.account_id, allocation.amount.currency());
            let lot = self.set.usage.lot(owner, currency, allocation.id);
            let remaining = lot.map_or(Money::zero(currency), |lot| lot.remaining);
            let line = AllocationSummary {
                account_id: allocation.account_id.clone(),
                amount: allocation.amount,
                rule: allocation.rule.word(),
                lot_remaining: remaining,
            };
            summary.allocations.insert(pair.clone(), line);
            let key = (allocation.account_id.clone(), currency);
            let lots = summary.lots.entry(key).or_insert(Money::zero(currency));
            match lots.add(remaining) {
                Ok(sum) => *lots = sum,
                Err(error) => summary.stopped = Some(Stop::from(error)),
            }
        }
    }
}

fn account_of(message: &Message) -> Option<&AccountId> {
    match &message.input {
        Input::Command(command) => command.account_id(),
        Input::Usage(usage) => usage.account_id(),
        Input::BankTransaction(_) | Input::BankStatement(_) | Input::Rematch(_) => None,
    }
}

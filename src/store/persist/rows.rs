//! What the effects of a batch write, table by table.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::domain::account::AliasUse;
use crate::domain::advice::AdviceKey;
use crate::domain::allocation::Allocation;
use crate::domain::effect::{
    BankDisposition, BankRecord, Before, Effect, ReturnWaits, WithoutBankId,
};
use crate::domain::event::EventKey;
use crate::domain::ids::{
    AccountId, BankKey, HoldId, InvoiceId, PaymentId, RecordId, SuggestionId,
};
use crate::domain::input::{BankStatement, UpsertAccount};
use crate::domain::invoice::CandidateEnd;
use crate::domain::keys::WatchKey;
use crate::domain::ledger::LedgerTransaction;
use crate::domain::matching::upstream::UpstreamReference;
use crate::domain::payment::PaymentState;
use crate::domain::reversal::{PaymentReturn, Reversal};
use crate::domain::review::{ReviewEffect, Suggestion, SuggestionStatus};
use crate::domain::split::{SplitPart, TakenBack};
use crate::domain::usage::{Charged, Hold, LotMove, Refunded};

/// Objects that have one row, which says how they are after the batch.
#[derive(Debug)]
pub(super) struct Objects<'a, Id> {
    pub new: BTreeSet<&'a Id>,
    /// Those that were there before.
    pub changed: BTreeSet<&'a Id>,
}

impl<Id> Default for Objects<'_, Id> {
    fn default() -> Self {
        Self { new: BTreeSet::new(), changed: BTreeSet::new() }
    }
}

impl<'a, Id: Ord> Objects<'a, Id> {
    fn add(&mut self, id: &'a Id) {
        self.new.insert(id);
    }

    fn change(&mut self, id: &'a Id) {
        self.changed.insert(id);
    }

    fn settle(&mut self) {
        self.changed.retain(|id| !self.new.contains(id));
    }
}

/// What upserts say about each customer, in order, with the times at which they were written.
pub(super) type Told<'a> = BTreeMap<&'a AccountId, Vec<(&'a UpsertAccount, DateTime<Utc>)>>;

/// What a person said of a suggestion.
#[derive(Debug)]
pub(super) struct Resolved<'a> {
    pub suggestion_id: &'a SuggestionId,
    pub status: SuggestionStatus,
    pub reason: Option<&'a str>,
    pub cause: &'a RecordId,
}

/// What became of an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// A rule decided by it.
    Used,
    Confirmed,
    Demoted,
}

impl LineKind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Confirmed => "confirmed",
            Self::Demoted => "demoted",
        }
    }
}

/// One line of the history of aliases.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub used: &'a AliasUse,
    pub payment_id: &'a PaymentId,
    pub kind: LineKind,
    pub decision_id: Option<i64>,
    pub suggestion_id: Option<&'a SuggestionId>,
    pub cause: &'a RecordId,
}

/// A payment's state, whether it is parked or on account then, and what it waits for.
#[derive(Debug)]
pub(super) struct Settled<'a> {
    pub payment_id: &'a PaymentId,
    pub held: bool,
    pub watches: &'a [WatchKey],
}

/// Where a map or a set has the rows of a table, the last word of the batch on each counts.
#[derive(Debug, Default)]
pub(super) struct Rows<'a> {
    pub invoices: Objects<'a, InvoiceId>,
    pub references: Vec<(&'a InvoiceId, &'a UpstreamReference)>,
    pub candidates: Vec<(&'a InvoiceId, CandidateEnd)>,
    pub payments: Objects<'a, PaymentId>,
    pub settled: Vec<Settled<'a>>,
    pub asked: Vec<&'a PaymentId>,
    pub bank: BTreeMap<&'a BankKey, &'a BankRecord>,
    /// Records that are no parked return, or no more.
    pub unparked: Vec<&'a BankKey>,
    pub superseded: BTreeMap<&'a BankKey, &'a BankKey>,
    pub without_id: Vec<&'a WithoutBankId>,
    pub told_again: Vec<(&'a BankKey, &'a Before)>,
    /// Sorted, so that two lanes that tell of the same entries wait for each other in one order.
    pub also_in: BTreeSet<(&'a BankKey, &'a str)>,
    pub statements: Vec<&'a BankStatement>,
    pub advices: Vec<&'a AdviceKey>,
    pub advices_settled: BTreeSet<&'a AdviceKey>,
    pub ledger: Vec<&'a LedgerTransaction>,
    pub allocations: Vec<&'a Allocation>,
    pub reversals: Vec<&'a Reversal>,
    pub returns: Vec<&'a PaymentReturn>,
    pub parked: BTreeMap<&'a BankKey, ReturnWaits>,
    pub tombstones: Vec<(&'a PaymentId, &'a InvoiceId)>,
    pub parts: Vec<&'a SplitPart>,
    pub taken_back: Vec<&'a TakenBack>,
    pub charges: Vec<&'a Charged>,
    pub refunds: Vec<&'a Refunded>,
    /// What is taken from a lot or given back to it: by which id, and whose it is. Not of a charge
    /// that burnt one lot alone: its row says it.
    pub consumptions: Vec<(i64, &'a AccountId, &'a LotMove)>,
    pub holds: BTreeMap<(&'a AccountId, &'a HoldId), &'a Hold>,
    pub accounts: Told<'a>,
    pub closed: BTreeMap<&'a AccountId, bool>,
    pub cancelled: Vec<&'a RecordId>,
    pub suggestions: Vec<&'a Suggestion>,
    pub resolved: Vec<Resolved<'a>>,
    pub alias_lines: Vec<Line<'a>>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(effects: &'a [Effect]) -> Self {
        let mut rows = Self::default();
        for effect in effects {
            rows.add(effect);
        }
        rows.invoices.settle();
        rows.payments.settle();
        let new = &rows.advices;
        rows.advices_settled.retain(|key| !new.contains(key));
        rows
    }

    fn add(&mut self, effect: &'a Effect) {
        match effect {
            Effect::UpsertAccount(upsert, at) => self.upsert(upsert, *at),
            Effect::CloseAccount { account_id, closed } => {
                self.closed.insert(account_id, *closed);
            }
            Effect::CancelWaiting(record) => self.cancelled.push(record),
            Effect::CreateInvoice(invoice) => self.invoices.add(&invoice.invoice_id),
            Effect::NameInvoice { invoice_id, references } => {
                self.references.extend(references.iter().map(|one| (invoice_id, one)));
            }
            Effect::SendInvoice { invoice_id, .. }
            | Effect::VoidInvoice { invoice_id, .. }
            | Effect::KeepInvoice { invoice_id, .. } => self.invoices.change(invoice_id),
            Effect::ClearCandidate { invoice_id, end } => self.clear(invoice_id, *end),
            Effect::RecordPayment(payment) => self.payments.add(&payment.payment_id),
            Effect::AssignPayment { payment_id, .. } | Effect::PayOut { payment_id, .. } => {
                self.payments.change(payment_id);
            }
            Effect::Ask { payment_id, .. } => self.ask(payment_id),
            Effect::SettlePayment { payment_id, state, watches } => {
                self.settle(payment_id, *state, watches);
            }
            Effect::Post(transaction) => self.ledger.push(transaction),
            Effect::Allocate(allocation) => self.allocate(allocation),
            Effect::Reverse(reversal) => self.reverse(reversal),
            Effect::Return(returned) => self.give_back(returned),
            Effect::Split(part) => self.split(part),
            Effect::TakeBack(back) => self.take_back(back),
            Effect::LayTombstone { payment_id, invoice_id } => {
                self.tombstones.push((payment_id, invoice_id));
            }
            Effect::RecordBankTransaction(record) => self.record(record),
            Effect::SupersedePending { pending, by } => {
                self.superseded.insert(pending, by);
            }
            Effect::DeliveredWithoutId(came) => self.without_id.push(came),
            Effect::ToldAgain { key, earlier } => self.told_again.push((key, earlier)),
            Effect::AlsoIn { key, statement } => {
                self.also_in.insert((key, statement.as_str()));
            }
            Effect::ParkReturn { key, why } => {
                self.parked.insert(key, *why);
            }
            Effect::RecordStatement(statement) => self.statements.push(statement),
            Effect::RecordAdvice(advice) => self.advices.push(&advice.told.key),
            Effect::SettleAdvice { key, .. } | Effect::EndAdvice { key, .. } => {
                self.advices_settled.insert(key);
            }
            Effect::Charge(charged) => self.charge(charged),
            Effect::Refund(refunded) => self.refund(refunded),
            Effect::ClearDebt { account_id, cleared } => {
                self.consume(cleared.lot_id.0, account_id, std::slice::from_ref(cleared));
            }
            Effect::SetHold(hold) => {
                self.holds.insert((&hold.account_id, &hold.hold_id), hold);
            }
            Effect::Review(review) => self.review(review),
            // The payment's own event sequence has moved.
            Effect::Publish { key: EventKey::Payment(id), .. } => self.payments.change(id),
            Effect::Publish { key: EventKey::Account(_) | EventKey::Bank(_), .. }
            | Effect::Watermark(_)
            | Effect::StoreDecision(_) => {}
        }
    }

    /// What the bank told with the payment that it is, then payments that no bank told of.
    pub(super) fn money_records(
        &self,
    ) -> impl Iterator<Item = (Option<&'a PaymentId>, Option<&'a BankRecord>)> {
        let told = self.bank.values().map(|record| (record.payment_id.as_ref(), Some(*record)));
        let paid: BTreeSet<&PaymentId> =
            self.bank.values().filter_map(|record| record.payment_id.as_ref()).collect();
        let alone = self.payments.new.iter().filter(move |id| !paid.contains(*id));
        told.chain(alone.map(|id| (Some(*id), None)))
    }

    fn upsert(&mut self, upsert: &'a UpsertAccount, at: DateTime<Utc>) {
        self.accounts.entry(&upsert.account_id).or_default().push((upsert, at));
    }

    fn clear(&mut self, invoice_id: &'a InvoiceId, end: CandidateEnd) {
        self.invoices.change(invoice_id);
        self.candidates.push((invoice_id, end));
    }

    fn ask(&mut self, payment_id: &'a PaymentId) {
        self.payments.change(payment_id);
        self.asked.push(payment_id);
    }

    fn settle(&mut self, payment_id: &'a PaymentId, state: PaymentState, watches: &'a [WatchKey]) {
        self.payments.change(payment_id);
        let held = matches!(state, PaymentState::Parked(_) | PaymentState::OnAccount);
        self.settled.push(Settled { payment_id, held, watches });
    }

    fn allocate(&mut self, allocation: &'a Allocation) {
        self.invoices.change(&allocation.invoice_id);
        self.payments.change(&allocation.payment_id);
        self.allocations.push(allocation);
    }

    fn reverse(&mut self, reversal: &'a Reversal) {
        self.invoices.change(&reversal.invoice_id);
        self.payments.change(&reversal.payment_id);
        self.consume(reversal.id.0, &reversal.account_id, &reversal.moves);
        self.reversals.push(reversal);
    }

    fn give_back(&mut self, returned: &'a PaymentReturn) {
        self.payments.change(&returned.payment_id);
        self.returns.push(returned);
    }

    fn split(&mut self, part: &'a SplitPart) {
        self.payments.change(&part.payment_id);
        self.parts.push(part);
    }

    fn take_back(&mut self, back: &'a TakenBack) {
        self.payments.change(&back.payment_id);
        self.payments.change(&back.part_id);
        self.taken_back.push(back);
    }

    fn charge(&mut self, charged: &'a Charged) {
        if charged.only_lot().is_none() {
            self.consume(charged.id.0, &charged.charge.account_id, &charged.burnt);
        }
        self.charges.push(charged);
    }

    fn refund(&mut self, refunded: &'a Refunded) {
        self.consume(refunded.id.0, &refunded.refund.account_id, &refunded.moves);
        self.refunds.push(refunded);
    }

    fn consume(&mut self, cause: i64, account_id: &'a AccountId, moves: &'a [LotMove]) {
        self.consumptions.extend(moves.iter().map(|moved| (cause, account_id, moved)));
    }

    /// A pending record and its booking may be in one batch: the last of a key is what counts.
    fn record(&mut self, record: &'a BankRecord) {
        self.superseded.remove(&record.key);
        self.bank.insert(&record.key, record);
        if record.disposition != BankDisposition::ReturnParked {
            self.unparked.push(&record.key);
        }
    }

    fn review(&mut self, effect: &'a ReviewEffect) {
        match effect {
            ReviewEffect::Suggest(suggestions) => self.suggestions.extend(suggestions),
            ReviewEffect::Resolve { suggestion_id, status, reason, cause, .. } => {
                let (status, reason) = (*status, reason.as_deref());
                self.resolved.push(Resolved { suggestion_id, status, reason, cause });
            }
            ReviewEffect::Link { used, payment_id, suggestion_id, cause } => {
                self.alias_lines.push(Line {
                    used,
                    payment_id,
                    kind: LineKind::Confirmed,
                    decision_id: None,
                    suggestion_id: suggestion_id.as_ref(),
                    cause,
                });
            }
            ReviewEffect::Unlink { used, payment_id, cause, .. } => self.alias_lines.push(Line {
                used,
                payment_id,
                kind: LineKind::Demoted,
                decision_id: None,
                suggestion_id: None,
                cause,
            }),
        }
    }
}

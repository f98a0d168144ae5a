//! Facts that we publish: past tense, self-contained, one gapless sequence per key.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::ids::{
    AccountId, AllocationId, BankAccountId, HoldId, InvoiceId, PaymentId, RecordId, SuggestionId,
};
use super::money::Money;
use super::reversal::ReversalKind;

/// The record key of an event: the account, or the payment while no account is known, or a bank
/// account of ours when it is about its statements.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKey {
    Account(AccountId),
    Payment(PaymentId),
    Bank(BankAccountId),
}

impl EventKey {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Account(id) => id.as_str(),
            Self::Payment(id) => id.as_str(),
            Self::Bank(id) => id.as_str(),
        }
    }

    /// Keeps an account and a payment of the same name apart.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Payment(_) => "payment",
            Self::Bank(_) => "bank",
        }
    }

    /// The id of the event with this sequence. No part but the last has a slash.
    pub fn event_id(&self, sequence: i64) -> String {
        format!("{}/{}/{sequence}", self.kind(), self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub key: EventKey,
    /// 1, 2, 3… per key, without gaps.
    pub sequence: i64,
    /// The record that caused it.
    pub cause: Arc<Cause>,
    pub fact: Fact,
}

/// What all events of one record share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    pub record: RecordId,
    pub traceparent: Option<String>,
    /// The instant the decision was taken for.
    pub as_of: DateTime<Utc>,
}

/// An invoice that a person may choose for a parked payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuggestedInvoice {
    /// What to confirm; invoices that are taken together share it. None: it cannot be chosen.
    pub suggestion_id: Option<SuggestionId>,
    pub invoice_id: InvoiceId,
    pub account_id: AccountId,
    pub amount_due: Money,
    /// Other payments that are held, and what each adds: chosen together with this one.
    pub with: Vec<(PaymentId, Money)>,
}

/// Why a balance changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceCause {
    Allocation(AllocationId),
    /// A step back of the allocation.
    Reversal(AllocationId, ReversalKind),
    /// So many charges and refunds of one batch.
    Usage {
        charges: u32,
        refunds: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    AccountUpserted {
        account_id: AccountId,
        name: String,
    },
    InvoiceCreated {
        invoice_id: InvoiceId,
        account_id: AccountId,
        name: String,
        amount: Money,
        due_date: Option<NaiveDate>,
        /// ISO 11649, for the payer to quote.
        payment_reference: String,
    },
    InvoiceSent {
        invoice_id: InvoiceId,
        account_id: AccountId,
        amount_due: Money,
        due_date: Option<NaiveDate>,
        payment_reference: String,
        /// Kind and text of a QR code to pay by, where there is one.
        payment_qr: Option<(&'static str, String)>,
    },
    InvoiceProvisioned {
        invoice_id: InvoiceId,
        account_id: AccountId,
        amount: Money,
    },
    InvoiceVoided {
        invoice_id: InvoiceId,
        account_id: AccountId,
        amount: Money,
        reason: Option<String>,
    },
    VoidCandidateFlagged {
        invoice_id: InvoiceId,
        account_id: AccountId,
        amount_due: Money,
        due_date: Option<NaiveDate>,
        /// The instant from which its age counts, and the days after which it is stale.
        stale_since: DateTime<Utc>,
        stale_after_days: u16,
    },
    VoidCandidateCleared {
        invoice_id: InvoiceId,
        account_id: AccountId,
        /// `paid`, `resent`, `kept`, `voided` or `not_stale`.
        reason: &'static str,
    },
    PaymentRecorded {
        payment_id: PaymentId,
        account_id: Option<AccountId>,
        amount: Money,
        received_on: NaiveDate,
        /// `bank`, `manual` or `split`.
        origin: &'static str,
        /// The payment that it is a part of.
        split_from: Option<PaymentId>,
    },
    PaymentAllocated {
        payment_id: PaymentId,
        invoice_id: InvoiceId,
        account_id: AccountId,
        allocation_id: AllocationId,
        amount: Money,
        /// `R1`, `R2`… (docs/MATCHING.md).
        rule: &'static str,
        invoice_amount_due: Money,
        payment_unallocated: Money,
    },
    PaymentParked {
        payment_id: PaymentId,
        account_id: Option<AccountId>,
        unallocated: Money,
        /// Stable code, e.g. `not_sent`.
        reason: &'static str,
        suggestions: Vec<SuggestedInvoice>,
    },
    PaymentDeallocated {
        payment_id: PaymentId,
        invoice_id: InvoiceId,
        account_id: AccountId,
        allocation_id: AllocationId,
        amount: Money,
        reason: Option<String>,
        invoice_amount_due: Money,
        payment_unallocated: Money,
    },
    /// The invoice awaits payment again.
    PaymentDueRestored {
        invoice_id: InvoiceId,
        account_id: AccountId,
        /// What is due again.
        amount: Money,
        amount_due: Money,
        cause: ReversalKind,
    },
    PaymentRemoved {
        payment_id: PaymentId,
        account_id: AccountId,
        amount: Money,
        reason: Option<String>,
    },
    /// What a person said about a customer, a payment or a command.
    ByHand(ByHand),
    /// The bank took it back: of the free money first, then of unspent lots; what had been spent
    /// was clawed back from the balance.
    PaymentReturned {
        payment_id: PaymentId,
        account_id: Option<AccountId>,
        amount: Money,
        from_unallocated: Money,
        from_unspent: Money,
        clawed_back: Money,
        /// What was out of the books before, as the payment was removed or dismissed.
        removed: Money,
        /// All that was ever returned of the payment, less what was undone.
        returned_total: Money,
        reason: Option<String>,
    },
    /// A person shared the payment, or part of it, out to other payments.
    PaymentSplit {
        payment_id: PaymentId,
        account_id: Option<AccountId>,
        /// The sum of the parts.
        amount: Money,
        /// What the payment keeps.
        unallocated: Money,
        parts: Vec<PartFact>,
        reason: Option<String>,
    },
    /// A person ended a parked return.
    ReturnEnded {
        account_id: AccountId,
        bank_account: BankAccountId,
        bank_key: String,
        amount: Money,
        reason: Option<String>,
    },
    /// All parts went back to the payment.
    PaymentSplitUndone {
        payment_id: PaymentId,
        account_id: Option<AccountId>,
        amount: Money,
        unallocated: Money,
        parts: Vec<PartFact>,
        reason: Option<String>,
    },
    /// The bank undid a return.
    PaymentReturnUndone {
        payment_id: PaymentId,
        account_id: Option<AccountId>,
        amount: Money,
        /// What of it pays an invoice again.
        allocated_again: Money,
        /// What of it stays out of the books, as it was removed money before.
        removed: Money,
        returned_total: Money,
    },
    BalanceChanged {
        account_id: AccountId,
        /// Positive: the balance rose.
        delta: Money,
        balance: Money,
        cause: BalanceCause,
    },
    /// Usage took the balance below its credit limit.
    BalanceOverdrawn {
        account_id: AccountId,
        balance: Money,
        credit_limit: Money,
        /// How far beyond the limit; greater than zero.
        exceeded_by: Money,
    },
    /// The balance crossed a level.
    BalanceThreshold {
        account_id: AccountId,
        level: Money,
        /// Right after the crossing.
        balance: Money,
        direction: Direction,
    },
    HoldExpired {
        account_id: AccountId,
        hold_id: HoldId,
        /// What was still held.
        amount: Money,
    },
    /// The command is decided when the usage feed is known up to the instant, or refused at its
    /// deadline.
    CommandPendingProof {
        command_type: &'static str,
        account_id: AccountId,
        payment_id: PaymentId,
        needs_usage_through: DateTime<Utc>,
        /// How far usage is known now.
        usage_complete_through: Option<DateTime<Utc>>,
    },
    CommandRejected {
        /// `topup.invoice.void.v1`…
        command_type: &'static str,
        account_id: Option<AccountId>,
        code: &'static str,
        message: String,
    },
    /// Reconciliation found a difference.
    DriftFound {
        drift: DriftSubject,
        /// What is there less what should be; none where entries are counted.
        difference: Option<Money>,
        detail: String,
    },
    /// A difference that was found is there no more.
    DriftCleared {
        drift: DriftSubject,
    },
}

/// What a person said, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByHand {
    AccountClosed {
        account_id: AccountId,
        reason: Option<String>,
    },
    AccountReopened {
        account_id: AccountId,
        reason: Option<String>,
    },
    /// Money that was not allocated was paid back.
    PaymentRefunded {
        payment_id: PaymentId,
        account_id: Option<AccountId>,
        amount: Money,
        /// What is left unallocated of it.
        unallocated: Money,
        reason: String,
    },
    /// It is no customer's money.
    PaymentDismissed {
        payment_id: PaymentId,
        amount: Money,
        reason: String,
    },
    /// A command that waited has ended without effect.
    CommandCancelled {
        account_id: AccountId,
        record: RecordId,
        reason: String,
    },
}

impl ByHand {
    fn event_type(&self) -> &'static str {
        match self {
            Self::AccountClosed { .. } => "topup.account.closed.v1",
            Self::AccountReopened { .. } => "topup.account.reopened.v1",
            Self::PaymentRefunded { .. } => "topup.payment.refunded.v1",
            Self::PaymentDismissed { .. } => "topup.payment.dismissed.v1",
            Self::CommandCancelled { .. } => "topup.command.cancelled.v1",
        }
    }
}

/// A part of a payment that is split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFact {
    pub payment_id: PaymentId,
    pub account_id: AccountId,
    pub amount: Money,
}

/// What a drift is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftSubject {
    /// `statement_sum`, `account_ledger`… (docs/OPERATIONS.md).
    pub kind: String,
    /// The bank account of ours or the customer's account.
    pub of: String,
    /// The statement, or the currency.
    pub subject: String,
    pub currency: String,
}

impl Fact {
    /// The public name of the event.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::AccountUpserted { .. } => "topup.account.upserted.v1",
            Self::InvoiceCreated { .. } => "topup.invoice.created.v1",
            Self::InvoiceSent { .. } => "topup.invoice.sent.v1",
            Self::InvoiceProvisioned { .. } => "topup.invoice.provisioned.v1",
            Self::InvoiceVoided { .. } => "topup.invoice.voided.v1",
            Self::VoidCandidateFlagged { .. } => "topup.invoice.void-candidate-flagged.v1",
            Self::VoidCandidateCleared { .. } => "topup.invoice.void-candidate-cleared.v1",
            Self::PaymentRecorded { .. } => "topup.payment.recorded.v1",
            Self::PaymentAllocated { .. } => "topup.payment.allocated.v1",
            Self::PaymentParked { .. } => "topup.payment.parked.v1",
            Self::PaymentDeallocated { .. } => "topup.payment.deallocated.v1",
            Self::PaymentDueRestored { .. } => "topup.invoice.payment-due-restored.v1",
            Self::PaymentRemoved { .. } => "topup.payment.removed.v1",
            Self::ByHand(said) => said.event_type(),
            Self::PaymentReturned { .. } => "topup.payment.returned.v1",
            Self::PaymentReturnUndone { .. } => "topup.payment.return-undone.v1",
            Self::PaymentSplit { .. } => "topup.payment.split-done.v1",
            Self::PaymentSplitUndone { .. } => "topup.payment.split-undone.v1",
            Self::ReturnEnded { .. } => "topup.return.ended.v1",
            Self::CommandPendingProof { .. } => "topup.command.pending-proof.v1",
            Self::BalanceChanged { .. } => "topup.balance.changed.v1",
            Self::BalanceOverdrawn { .. } => "topup.balance.overdrawn.v1",
            Self::BalanceThreshold { .. } => "topup.balance.threshold.v1",
            Self::HoldExpired { .. } => "topup.balance.hold-expired.v1",
            Self::CommandRejected { .. } => "topup.command.rejected.v1",
            Self::DriftFound { .. } => "topup.reconciliation.drift-found.v1",
            Self::DriftCleared { .. } => "topup.reconciliation.drift-cleared.v1",
        }
    }
}

/// Which way a balance went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It was at the level or above, and is below it.
    Down,
    /// It was below the level, and is at it or above.
    Up,
}

impl Direction {
    pub fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

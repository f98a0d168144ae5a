//! What a decoded record asks for (a command) or reports (a bank transaction).

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::advice::RemittanceAdvice;
use super::bank::BankTransaction;
use super::matching::text::{self, Tokens};
use super::matching::upstream::GivenReference;
use super::money::{Amount, BankBalance, Currency, Money};
use super::split::SplitPayment;
use super::threshold::Levels;
use super::usage::Usage;
use crate::ids::{AccountId, BankAccountId, BankKey, InvoiceId, PaymentId, RecordId, SuggestionId};

use super::allocation::AllocationPart;
pub use super::ids::ContentHash;

/// A decoded record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub record: RecordId,
    /// The instant the upstream system gives, RFC 3339.
    pub time: DateTime<Utc>,
    /// W3C trace context, carried through to the events this record causes.
    pub traceparent: Option<String>,
    pub content_hash: ContentHash,
    /// For a bank transaction: the same without how it was delivered (status, statement, entry).
    /// Equal to `content_hash` for everything else.
    pub bank_hash: ContentHash,
    /// What the text of a bank transaction may name, read once. None: whoever needs it reads it.
    pub tokens: Option<Arc<Tokens>>,
    /// None: it comes for the first time.
    pub waited: Option<Waited>,
    pub input: Input,
}

/// A record that is decided again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited {
    /// When it came for the first time.
    pub since: DateTime<Utc>,
    /// Its deadline has come: it may wait no longer.
    pub over: bool,
    /// It was told before that a proof is awaited.
    pub told: bool,
}

impl Message {
    /// What the text of `bank`, the transaction of this message, may name.
    pub fn tokens_of(&self, bank: &BankTransaction) -> Arc<Tokens> {
        self.tokens.clone().unwrap_or_else(|| Arc::new(text::tokens(bank)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Command(Command),
    BankTransaction(Box<BankTransaction>),
    BankStatement(BankStatement),
    /// What a payment is for, told beside it.
    Advice(Box<RemittanceAdvice>),
    /// A bank payment that still has money is to be decided again; only the job asks for it.
    Rematch(PaymentId),
    /// A parked return is to be tried again; only the sweep asks for it.
    RetryReturn(BankKey),
    Usage(Usage),
}

impl Input {
    /// What a command is about first of all.
    pub fn subject(&self) -> Option<String> {
        if let Self::Command(command) = self { command.subject() } else { None }
    }
}

/// A request. It may be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    UpsertAccount(UpsertAccount),
    CreateInvoice(CreateInvoice),
    MarkInvoiceSent {
        invoice_id: InvoiceId,
        account_id: AccountId,
    },
    VoidInvoice {
        invoice_id: InvoiceId,
        account_id: AccountId,
        reason: Option<String>,
        /// Only while it is the void candidate that was flagged for this instant.
        candidate_since: Option<DateTime<Utc>>,
    },
    KeepInvoice {
        invoice_id: InvoiceId,
        account_id: AccountId,
        until: Option<NaiveDate>,
    },
    RecordPayment(RecordPayment),
    AssignPayment {
        payment_id: PaymentId,
        account_id: AccountId,
    },
    AllocatePayment(AllocatePayment),
    DeallocatePayment {
        payment_id: PaymentId,
        invoice_id: InvoiceId,
        account_id: AccountId,
        reason: Option<String>,
    },
    RemovePayment {
        payment_id: PaymentId,
        account_id: AccountId,
        reason: Option<String>,
    },
    ConfirmMatch(MatchWord),
    RejectMatch(MatchWord),
    SplitPayment(SplitPayment),
    ResolveReturn(ResolveReturn),
    /// Money that pays no invoice leaves the books: paid back, or nobody's here.
    ReleasePayment(ReleasePayment),
    /// A customer is closed, or open again.
    CloseAccount {
        account_id: AccountId,
        closed: bool,
        reason: Option<String>,
    },
    /// Ends the waiting of another command.
    CancelCommand(CancelCommand),
    /// Takes back all parts that the payment has.
    UnsplitPayment {
        payment_id: PaymentId,
        account_id: AccountId,
        reason: Option<String>,
    },
}

impl Command {
    /// The account the command is about; none where it is about a payment of nobody.
    pub fn account_id(&self) -> Option<&AccountId> {
        match self {
            Self::UpsertAccount(command) => Some(&command.account_id),
            Self::CreateInvoice(command) => Some(&command.account_id),
            Self::RecordPayment(command) => command.account_id.as_ref(),
            Self::AllocatePayment(command) => Some(&command.account_id),
            Self::ConfirmMatch(word) | Self::RejectMatch(word) => Some(&word.account_id),
            Self::SplitPayment(command) => Some(&command.account_id),
            Self::ResolveReturn(command) => Some(&command.account_id),
            Self::ReleasePayment(command) => command.account_id.as_ref(),
            Self::CancelCommand(command) => command.account_id.as_ref(),
            Self::CloseAccount { account_id, .. }
            | Self::MarkInvoiceSent { account_id, .. }
            | Self::VoidInvoice { account_id, .. }
            | Self::KeepInvoice { account_id, .. }
            | Self::AssignPayment { account_id, .. }
            | Self::DeallocatePayment { account_id, .. }
            | Self::RemovePayment { account_id, .. }
            | Self::UnsplitPayment { account_id, .. } => Some(account_id),
        }
    }

    /// Whether the command brings something new and so depends on nothing: it never waits.
    pub fn introduces(&self) -> bool {
        match self {
            Self::UpsertAccount(_)
            | Self::CreateInvoice(_)
            | Self::RecordPayment(_)
            // It is about what waits, so it cannot stand behind it.
            | Self::CancelCommand(_) => true,
            Self::ReleasePayment(_)
            | Self::CloseAccount { .. }
            | Self::MarkInvoiceSent { .. }
            | Self::VoidInvoice { .. }
            | Self::KeepInvoice { .. }
            | Self::AssignPayment { .. }
            | Self::AllocatePayment(_)
            | Self::DeallocatePayment { .. }
            | Self::ConfirmMatch(_)
            | Self::RejectMatch(_)
            | Self::SplitPayment(_)
            | Self::ResolveReturn(_)
            | Self::UnsplitPayment { .. }
            | Self::RemovePayment { .. } => false,
        }
    }

    /// The public name of the command (contract §2.1).
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::UpsertAccount(_) => "topup.account.upsert.v1",
            Self::CreateInvoice(_) => "topup.invoice.create.v1",
            Self::MarkInvoiceSent { .. } => "topup.invoice.mark-sent.v1",
            Self::VoidInvoice { .. } => "topup.invoice.void.v1",
            Self::KeepInvoice { .. } => "topup.invoice.keep.v1",
            Self::RecordPayment(_) => "topup.payment.record.v1",
            Self::AssignPayment { .. } => "topup.payment.assign.v1",
            Self::AllocatePayment(_) => "topup.payment.allocate.v1",
            Self::DeallocatePayment { .. } => "topup.payment.deallocate.v1",
            Self::RemovePayment { .. } => "topup.payment.remove.v1",
            Self::ConfirmMatch(_) => "topup.match.confirm.v1",
            Self::RejectMatch(_) => "topup.match.reject.v1",
            Self::SplitPayment(_) => "topup.payment.split.v1",
            Self::ResolveReturn(_) => "topup.return.resolve.v1",
            Self::ReleasePayment(ReleasePayment { word: ReleaseWord::Refund(_), .. }) => {
                "topup.payment.refund.v1"
            }
            Self::ReleasePayment(ReleasePayment { word: ReleaseWord::Dismiss, .. }) => {
                "topup.payment.dismiss.v1"
            }
            Self::CloseAccount { closed: true, .. } => "topup.account.close.v1",
            Self::CloseAccount { closed: false, .. } => "topup.account.reopen.v1",
            Self::CancelCommand(_) => "topup.command.cancel.v1",
            Self::UnsplitPayment { .. } => "topup.payment.unsplit.v1",
        }
    }

    pub fn payment_id(&self) -> Option<&PaymentId> {
        match self {
            Self::RecordPayment(command) => Some(&command.payment_id),
            Self::AllocatePayment(command) => Some(&command.payment_id),
            Self::ConfirmMatch(word) | Self::RejectMatch(word) => Some(&word.payment_id),
            Self::SplitPayment(command) => Some(&command.payment_id),
            Self::ReleasePayment(command) => Some(&command.payment_id),
            Self::AssignPayment { payment_id, .. }
            | Self::DeallocatePayment { payment_id, .. }
            | Self::RemovePayment { payment_id, .. }
            | Self::UnsplitPayment { payment_id, .. } => Some(payment_id),
            Self::UpsertAccount(_)
            | Self::CreateInvoice(_)
            | Self::MarkInvoiceSent { .. }
            | Self::VoidInvoice { .. }
            | Self::ResolveReturn(_)
            | Self::CloseAccount { .. }
            | Self::CancelCommand(_)
            | Self::KeepInvoice { .. } => None,
        }
    }

    /// What it is about first of all, as `payment:PAY-1`: also of one that is refused.
    fn subject(&self) -> Option<String> {
        let payment = self.payment_id().map(|id| format!("payment:{id}"));
        let invoice = || self.invoice_ids().first().map(|id| format!("invoice:{id}"));
        let account = || self.account_id().map(|id| format!("account:{id}"));
        payment.or_else(invoice).or_else(account)
    }

    /// All accounts that the command names: a split names several.
    pub fn account_ids(&self) -> Vec<&AccountId> {
        let mut all: Vec<&AccountId> = self.account_id().into_iter().collect();
        if let Self::SplitPayment(command) = self {
            all.extend(command.parts.iter().map(|part| &part.account_id));
        }
        all
    }

    /// The invoices that the command names.
    pub fn invoice_ids(&self) -> Vec<&InvoiceId> {
        match self {
            Self::CreateInvoice(command) => vec![&command.invoice_id],
            Self::AllocatePayment(command) => {
                command.allocations.iter().map(|part| &part.invoice_id).collect()
            }
            Self::SplitPayment(command) => {
                let all = command.parts.iter().flat_map(|part| &part.allocations);
                all.map(|part| &part.invoice_id).collect()
            }
            Self::MarkInvoiceSent { invoice_id, .. }
            | Self::VoidInvoice { invoice_id, .. }
            | Self::KeepInvoice { invoice_id, .. }
            | Self::DeallocatePayment { invoice_id, .. } => vec![invoice_id],
            Self::UpsertAccount(_)
            | Self::RecordPayment(_)
            | Self::AssignPayment { .. }
            | Self::ConfirmMatch(_)
            | Self::RejectMatch(_)
            | Self::ResolveReturn(_)
            | Self::ReleasePayment(_)
            | Self::CloseAccount { .. }
            | Self::CancelCommand(_)
            | Self::UnsplitPayment { .. }
            | Self::RemovePayment { .. } => Vec::new(),
        }
    }
}

/// What a person says of a parked return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveReturn {
    /// The customer whose money it is about.
    pub account_id: AccountId,
    pub key: BankKey,
    pub word: ReturnWord,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnWord {
    /// It takes this of each payment; with one payment the amount may be absent: what is not fee.
    Take { payments: Vec<(PaymentId, Option<Amount>)>, fee: Option<Amount> },
    /// It takes nothing: it was settled in another way.
    End,
}

/// Money that pays no invoice leaves the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasePayment {
    pub payment_id: PaymentId,
    /// None: the payment has no customer.
    pub account_id: Option<AccountId>,
    pub word: ReleaseWord,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseWord {
    /// So much is paid back to the payer; without an amount all that is unallocated.
    Refund(Option<Amount>),
    /// It is no customer's money.
    Dismiss,
}

/// Ends the waiting of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelCommand {
    /// The customer of the command that waits; none if that names none.
    pub account_id: Option<AccountId>,
    pub record: RecordId,
    pub reason: String,
}

/// What is known about a customer. Absent parts are left as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpsertAccount {
    pub account_id: AccountId,
    pub name: String,
    /// Verified payer accounts, normalised: letters and digits, upper case.
    pub payer_accounts: Option<Vec<String>>,
    pub virtual_accounts: Option<Vec<String>>,
    /// One non-negative limit per currency; a balance may go down to minus this.
    pub credit_limits: Option<Vec<Money>>,
    pub stale_after_days: Option<u16>,
    /// An IANA name; the customer's days are those of it.
    pub time_zone: Option<String>,
    /// Levels at which its balances are told of, for the currencies that are named.
    pub balance_levels: Option<Levels>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateInvoice {
    pub invoice_id: InvoiceId,
    pub account_id: AccountId,
    pub name: String,
    /// Greater than zero, in the currency's minor units.
    pub amount: Money,
    pub due_date: Option<NaiveDate>,
    /// Create and mark as sent in one step.
    pub send: bool,
    /// What upstream asks payers to quote, beside the reference that we mint.
    pub references: Vec<GivenReference>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPayment {
    pub payment_id: PaymentId,
    pub account_id: Option<AccountId>,
    /// Greater than zero, in the currency's minor units.
    pub amount: Money,
    pub received_on: NaiveDate,
    pub method: String,
    pub reference: Option<String>,
    pub remark: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocatePayment {
    pub payment_id: PaymentId,
    pub account_id: AccountId,
    /// One to fifty parts, no invoice twice; all are done or none.
    pub allocations: Vec<AllocationPart>,
}

/// A person's word on a suggestion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchWord {
    pub payment_id: PaymentId,
    pub suggestion_id: SuggestionId,
    pub account_id: AccountId,
    /// Who says it and why; kept with the suggestion.
    pub reason: Option<String>,
}

/// The bank's own summary of a statement; kept for reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankStatement {
    pub bank_account: BankAccountId,
    pub statement_id: String,
    pub currency: Currency,
    /// May be negative, and larger than an amount.
    pub opening_balance: BankBalance,
    pub closing_balance: BankBalance,
    pub entries: u32,
    /// The feed's watermark: every transaction before this instant has been delivered.
    pub complete_through: DateTime<Utc>,
}

/// The payment with all that it pays.
pub(crate) const WHOLE: &str = "whole:";

/// A command that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    pub record: RecordId,
    pub touches: BTreeSet<String>,
}

impl Queued {
    /// The payments of which all that they pay is touched.
    pub fn whole_payments(&self) -> impl Iterator<Item = PaymentId> {
        self.touches.iter().filter_map(|touch| touch.strip_prefix(WHOLE)).map(PaymentId::trusted)
    }
}

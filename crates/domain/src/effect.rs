//! What a decision does, as data: the shell persists it, the working set applies it.

use chrono::{DateTime, NaiveDate, Utc};

use super::advice::{Advice, AdviceEnd, AdviceKey};
use super::allocation::Allocation;
use super::bank::BankTransaction;
use super::event::{EventKey, Fact};
use super::input::{BankStatement, Input, Queued, UpsertAccount};
use super::invoice::{CandidateEnd, Invoice};
use super::ledger::LedgerTransaction;
use super::matching::upstream::UpstreamReference;
use super::money::Money;
use super::payment::{ParkReason, Payment, PaymentState};
use super::rejection::{DeadLetterReason, Rejection};
use super::reversal::{PaymentReturn, Reversal};
use super::review::ReviewEffect;
use super::split::{SplitPart, TakenBack};
use super::usage::{Charged, Hold, LotMove, Refunded};
use crate::ids::{AccountId, ContentHash, HoldId, InvoiceId, PaymentId, RecordId, Source, UsageId};
use crate::keys;
use crate::matching::decision::MatchDecision;

pub use super::ids::BankKey;
pub use super::keys::WatchKey;

/// What became of a bank transaction that is not (yet) a payment, or that it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BankDisposition {
    Payment,
    NotBooked,
    /// It only announced what was booked under another id.
    Superseded,
    /// A return whose original is not known yet, or has not that much.
    ReturnParked,
    Returned,
    /// The bank took back a return: the money is here after all.
    ReturnUndone,
    /// A person ended a parked return: it takes nothing.
    ReturnEnded,
    RefundBounced,
    Outgoing,
    /// Booked with an amount of zero: the bank says something, and no money moves.
    NoMoney,
}

impl BankDisposition {
    pub const ALL: [Self; 10] = [
        Self::Payment,
        Self::NotBooked,
        Self::Superseded,
        Self::ReturnParked,
        Self::Returned,
        Self::ReturnUndone,
        Self::ReturnEnded,
        Self::RefundBounced,
        Self::Outgoing,
        Self::NoMoney,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::NotBooked => "not_booked",
            Self::Superseded => "superseded",
            Self::ReturnParked => "return_parked",
            Self::Returned => "returned",
            Self::ReturnUndone => "return_undone",
            Self::ReturnEnded => "return_ended",
            Self::RefundBounced => "refund_bounced",
            Self::Outgoing => "outgoing",
            Self::NoMoney => "no_money",
        }
    }
}

/// A bank transaction as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankRecord {
    pub key: BankKey,
    pub content_hash: ContentHash,
    pub disposition: BankDisposition,
    pub payment_id: Option<PaymentId>,
    pub transaction: BankTransaction,
}

/// How a payment came that the bank gave no id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutBankId {
    pub record: BankRecord,
    pub delivery: Delivery,
    /// The earlier payment that it may be again.
    pub looks_like: Option<PaymentId>,
}

/// The earlier record that a later one may be again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    Payment(PaymentId),
    Record(BankKey),
}

/// Why a return cannot be applied yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnWaits {
    /// What it returns is not known: it may be in flight.
    NoOriginal,
    /// More than is left of the payment.
    ExceedsPayment,
    /// Part of a payment that a person split: the bank does not say whose part.
    SplitPayment,
    /// What it says of its original fits a payment of another payer or amount.
    Contradicted,
    /// What it undoes is not known: it may be in flight.
    NoReturn,
    /// It undoes less than all of what was taken of several payments: the bank does not say whose.
    SeveralPayments,
    /// More than is left of the return that it undoes.
    ExceedsReturn,
    /// The bank took more as its fee than a fee may be.
    FeeAboveLimit,
    /// What it returns may be the same money as another payment: the bank takes it back once.
    OriginalInDoubt,
    /// It could not be decided: it is tried again, and what failed is in the list of failing items.
    Undecided,
    /// It may be an earlier one, told again: a person says what it is.
    PossibleDuplicate,
}

impl ReturnWaits {
    pub const ALL: [Self; 11] = [
        Self::NoOriginal,
        Self::ExceedsPayment,
        Self::SplitPayment,
        Self::Contradicted,
        Self::NoReturn,
        Self::SeveralPayments,
        Self::ExceedsReturn,
        Self::FeeAboveLimit,
        Self::OriginalInDoubt,
        Self::Undecided,
        Self::PossibleDuplicate,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::NoOriginal => "no_original",
            Self::ExceedsPayment => "exceeds_payment",
            Self::SplitPayment => "split_payment",
            Self::Contradicted => "contradicted",
            Self::NoReturn => "no_return",
            Self::SeveralPayments => "several_payments",
            Self::ExceedsReturn => "exceeds_return",
            Self::FeeAboveLimit => "fee_above_limit",
            Self::PossibleDuplicate => "possible_duplicate",
            Self::OriginalInDoubt => "original_in_doubt",
            Self::Undecided => "undecided",
        }
    }

    /// Reads what the database holds.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.word() == word)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// With the time at which it was written, as its source says.
    UpsertAccount(UpsertAccount, DateTime<Utc>),
    CreateInvoice(Box<Invoice>),
    /// Other references by which payers may quote it.
    NameInvoice {
        invoice_id: InvoiceId,
        references: Vec<UpstreamReference>,
    },
    SendInvoice {
        invoice_id: InvoiceId,
        at: DateTime<Utc>,
    },
    VoidInvoice {
        invoice_id: InvoiceId,
        reason: Option<String>,
        at: DateTime<Utc>,
    },
    /// None: never a void candidate at all.
    KeepInvoice {
        invoice_id: InvoiceId,
        until: Option<NaiveDate>,
    },
    /// The invoice is a void candidate no more.
    ClearCandidate {
        invoice_id: InvoiceId,
        end: CandidateEnd,
    },
    RecordPayment(Box<Payment>),
    AssignPayment {
        payment_id: PaymentId,
        account_id: AccountId,
    },
    Post(LedgerTransaction),
    Allocate(Allocation),
    Reverse(Box<Reversal>),
    /// Automatic matching may not pair these two again.
    PayOut {
        payment_id: PaymentId,
        amount: Money,
    },
    CloseAccount {
        account_id: AccountId,
        closed: bool,
    },
    /// The record waits no more: it is refused.
    CancelWaiting(RecordId),
    LayTombstone {
        payment_id: PaymentId,
        invoice_id: InvoiceId,
    },
    Return(Box<PaymentReturn>),
    /// Money of a payment is that of a new one, which is recorded already.
    Split(Box<SplitPart>),
    /// A part goes back to the payment it was split from.
    TakeBack(Box<TakenBack>),
    /// A return waits, and is tried again.
    ParkReturn {
        key: BankKey,
        why: ReturnWaits,
    },
    /// The payment's state after everything else, and what it waits for from now on.
    /// Only a person says from now on what the payment is for, until a command allocates it; or
    /// a person has said it.
    Ask {
        payment_id: PaymentId,
        question: Option<ParkReason>,
    },
    SettlePayment {
        payment_id: PaymentId,
        state: PaymentState,
        watches: Vec<WatchKey>,
    },
    RecordBankTransaction(Box<BankRecord>),
    /// Beside it, for a payment that the bank gave no id.
    DeliveredWithoutId(Box<WithoutBankId>),
    /// Beside the record of a payment with an id, or of a return, that may be an earlier one.
    ToldAgain {
        key: BankKey,
        earlier: Before,
    },
    /// A booked entry that is recorded already is in this statement as well.
    AlsoIn {
        key: BankKey,
        statement: String,
    },
    /// A pending record of the same bank account announced what is now booked as `by`.
    SupersedePending {
        pending: BankKey,
        by: BankKey,
    },
    RecordStatement(BankStatement),
    /// An advice that came; it is open.
    RecordAdvice(Box<Advice>),
    /// The advice belongs to that payment from now on; without one it is ambiguous.
    SettleAdvice {
        key: AdviceKey,
        used_by: Option<PaymentId>,
    },
    /// The advice is of no use any more.
    EndAdvice {
        key: AdviceKey,
        end: AdviceEnd,
    },
    /// A charge; the lots it burns and the balance follow.
    Charge(Box<Charged>),
    Refund(Box<Refunded>),
    /// A lot that was opened on a debt has cleared so much of it.
    ClearDebt {
        account_id: AccountId,
        cleared: LotMove,
    },
    /// A hold as it stands from now on.
    SetHold(Hold),
    /// Every usage record before that instant is in the record's partition.
    Watermark(DateTime<Utc>),
    StoreDecision(Box<MatchDecision>),
    /// Suggestions, what became of them, and what is learnt.
    Review(Box<ReviewEffect>),
    Publish {
        key: EventKey,
        fact: Box<Fact>,
    },
}

/// What a command lacks before it can be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    Invoice(InvoiceId),
    Payment(PaymentId),
    /// The charge that a refund names.
    Charge(AccountId, UsageId),
    /// The hold that a release names.
    Hold(AccountId, HoldId),
    /// That all usage before that instant is known: nothing of the money is spent then.
    Proof(DateTime<Utc>),
    /// This earlier command of the same account waits, and what is asked for depends on it.
    Behind(RecordId),
    /// A worker that can read what a later version of this program wrote.
    Version,
}

/// What kind of thing is lacking: the first word of the key that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeedKind {
    Invoice,
    Payment,
    Charge,
    Hold,
    Proof,
    Behind,
    Version,
}

impl NeedKind {
    pub const ALL: [Self; 7] = [
        Self::Invoice,
        Self::Payment,
        Self::Charge,
        Self::Hold,
        Self::Proof,
        Self::Behind,
        Self::Version,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::Payment => "payment",
            Self::Charge => "usage",
            Self::Hold => "hold",
            Self::Proof => "proof",
            Self::Behind => "behind",
            Self::Version => "version",
        }
    }

    /// The kind of a stored key, and what it says of the thing.
    pub fn of(key: &str) -> Option<(Self, &str)> {
        let (word, rest) = key.split_once(':').unwrap_or((key, ""));
        Self::ALL.into_iter().find(|kind| kind.word() == word).map(|kind| (kind, rest))
    }
}

impl Need {
    pub fn kind(&self) -> NeedKind {
        match self {
            Self::Invoice(_) => NeedKind::Invoice,
            Self::Payment(_) => NeedKind::Payment,
            Self::Charge(..) => NeedKind::Charge,
            Self::Hold(..) => NeedKind::Hold,
            Self::Proof(_) => NeedKind::Proof,
            Self::Behind(_) => NeedKind::Behind,
            Self::Version => NeedKind::Version,
        }
    }

    /// `invoice:INV-1`, `payment:PAY-1`, `behind:crm/cmd-1`.
    pub fn key(&self) -> String {
        let kind = self.kind().word();
        match self {
            Self::Invoice(id) => format!("{kind}:{id}"),
            Self::Payment(id) => format!("{kind}:{id}"),
            Self::Charge(account_id, id) => {
                format!("{kind}:{}", keys::joined(account_id.as_str(), id.as_str()))
            }
            Self::Hold(account_id, id) => {
                format!("{kind}:{}", keys::joined(account_id.as_str(), id.as_str()))
            }
            Self::Proof(through) => format!("{kind}:{}", through.timestamp_micros()),
            Self::Behind(record) => format!("{kind}:{record}"),
            Self::Version => kind.to_owned(),
        }
    }

    pub fn code(&self) -> &'static str {
        match self {
            Self::Invoice(_) => "invoice_unknown",
            Self::Payment(_) => "payment_unknown",
            Self::Charge(..) => "usage_unknown",
            Self::Hold(..) => "hold_unknown",
            Self::Proof(_) => "usage_proof_pending",
            Self::Behind(_) => "behind_waiting",
            Self::Version => "needs_later_version",
        }
    }
}

/// The queue that a record waits in, in order: a customer's commands, or what names the same charge
/// or hold: a refund that came too early stops no other.
pub fn wait_key(input: &Input, need: &Need) -> String {
    match input {
        // Of a payment without a customer the words keep their order by the payment. No id has a
        // stroke, so that this is no customer's.
        Input::Command(command) => match (command.account_id(), command.payment_id()) {
            (Some(account_id), _) => account_id.as_str().to_owned(),
            (None, Some(payment_id)) => format!("payment/{payment_id}"),
            (None, None) => need.key(),
        },
        Input::Usage(_)
        | Input::BankTransaction(_)
        | Input::BankStatement(_)
        | Input::Advice(_)
        | Input::Rematch(_)
        | Input::RetryReturn(_) => need.key(),
    }
}

/// Whether a queue is no customer's: no id has a stroke.
pub fn is_of_nobody(wait_key: &str) -> bool {
    wait_key.contains('/')
}

/// How a record ended (contract §2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Applied { subject: Option<String> },
    Duplicate,
    Rejected(Rejection),
    Waiting(Need),
    DeadLettered(DeadLetterReason),
}

/// The word of an outcome, as it is stored of each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    Applied,
    Duplicate,
    Rejected,
    Waiting,
    DeadLettered,
    /// It came again, and its letter, which had been given up, is open again.
    Reopened,
}

impl Ending {
    pub const ALL: [Self; 6] = [
        Self::Applied,
        Self::Duplicate,
        Self::Rejected,
        Self::Waiting,
        Self::DeadLettered,
        Self::Reopened,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::Waiting => "waiting",
            Self::DeadLettered => "dead_lettered",
            Self::Reopened => "reopened",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.word() == word)
    }
}

impl Outcome {
    pub fn ending(&self) -> Ending {
        match self {
            Self::Applied { .. } => Ending::Applied,
            Self::Duplicate => Ending::Duplicate,
            Self::Rejected(_) => Ending::Rejected,
            Self::Waiting(_) => Ending::Waiting,
            Self::DeadLettered(_) => Ending::DeadLettered,
        }
    }

    pub fn word(&self) -> &'static str {
        self.ending().word()
    }

    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Applied { .. } | Self::Duplicate => None,
            Self::Rejected(rejection) => Some(rejection.code()),
            Self::Waiting(need) => Some(need.code()),
            Self::DeadLettered(reason) => Some(reason.code()),
        }
    }
}

/// A decision on one record: how it ended and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub outcome: Outcome,
    pub effects: Vec<Effect>,
    /// Of a command that waits, what it holds up.
    pub queued: Option<Queued>,
}

/// Who wrote a record, and when by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub source: Source,
    pub at: DateTime<Utc>,
}

//! Refusals of commands. The order of the enum is the order of precedence: when several apply,
//! the requester is told the first.

/// A business refusal, with a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rejection {
    AccountMismatch,
    AccountClosed,
    AccountNotClosed,
    InvoiceExists,
    ReferenceInvalid,
    ReferenceTaken,
    PaymentExists,
    VirtualAccountTaken,
    AccountNumberPlaceholder,
    PaymentNotAssigned,
    PaymentAlreadyAssigned,
    PaymentRemoved,
    PaymentSplit,
    PaymentNotSplit,
    PaymentIsPart,
    ReturnNotParked,
    ReturnMismatch,
    SuggestionUnknown,
    SuggestionClosed,
    InvoiceAlreadyVoided,
    InvoiceVoided,
    InvoiceAlreadyProvisioned,
    InvoiceNotSent,
    InvoiceHasAllocations,
    NotACandidate,
    CurrencyMismatch,
    AllocationNotFound,
    AllocationExists,
    NothingUnallocated,
    AmountExceedsUnallocated,
    AmountExceedsDue,
    BalanceLimit,
    LotSpent,
    LotHeld,
    UsageProofUnavailable,
    CommandNotWaiting,
    Cancelled,
}

impl Rejection {
    pub const ALL: [Self; 37] = [
        Self::AccountMismatch,
        Self::AccountClosed,
        Self::AccountNotClosed,
        Self::InvoiceExists,
        Self::ReferenceInvalid,
        Self::ReferenceTaken,
        Self::PaymentExists,
        Self::VirtualAccountTaken,
        Self::AccountNumberPlaceholder,
        Self::PaymentNotAssigned,
        Self::PaymentAlreadyAssigned,
        Self::PaymentRemoved,
        Self::PaymentSplit,
        Self::PaymentNotSplit,
        Self::PaymentIsPart,
        Self::ReturnNotParked,
        Self::ReturnMismatch,
        Self::SuggestionUnknown,
        Self::SuggestionClosed,
        Self::InvoiceAlreadyVoided,
        Self::InvoiceVoided,
        Self::InvoiceAlreadyProvisioned,
        Self::InvoiceNotSent,
        Self::InvoiceHasAllocations,
        Self::NotACandidate,
        Self::CurrencyMismatch,
        Self::AllocationNotFound,
        Self::AllocationExists,
        Self::NothingUnallocated,
        Self::AmountExceedsUnallocated,
        Self::AmountExceedsDue,
        Self::BalanceLimit,
        Self::LotSpent,
        Self::LotHeld,
        Self::UsageProofUnavailable,
        Self::CommandNotWaiting,
        Self::Cancelled,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::AccountMismatch => "account_mismatch",
            Self::AccountClosed => "account_closed",
            Self::AccountNotClosed => "account_not_closed",
            Self::InvoiceExists => "invoice_exists",
            Self::ReferenceInvalid => "reference_invalid",
            Self::ReferenceTaken => "reference_taken",
            Self::PaymentExists => "payment_exists",
            Self::VirtualAccountTaken => "virtual_account_taken",
            Self::AccountNumberPlaceholder => "account_number_placeholder",
            Self::PaymentNotAssigned => "payment_not_assigned",
            Self::PaymentAlreadyAssigned => "payment_already_assigned",
            Self::PaymentRemoved => "payment_removed",
            Self::PaymentSplit => "payment_split",
            Self::PaymentNotSplit => "payment_not_split",
            Self::PaymentIsPart => "payment_is_part",
            Self::ReturnNotParked => "return_not_parked",
            Self::ReturnMismatch => "return_mismatch",
            Self::SuggestionUnknown => "suggestion_unknown",
            Self::SuggestionClosed => "suggestion_closed",
            Self::InvoiceAlreadyVoided => "invoice_already_voided",
            Self::InvoiceVoided => "invoice_voided",
            Self::InvoiceAlreadyProvisioned => "invoice_already_provisioned",
            Self::InvoiceNotSent => "invoice_not_sent",
            Self::InvoiceHasAllocations => "invoice_has_allocations",
            Self::NotACandidate => "not_a_candidate",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::AllocationNotFound => "allocation_not_found",
            Self::AllocationExists => "allocation_exists",
            Self::NothingUnallocated => "nothing_unallocated",
            Self::AmountExceedsUnallocated => "amount_exceeds_unallocated",
            Self::AmountExceedsDue => "amount_exceeds_due",
            Self::BalanceLimit => "balance_limit",
            Self::LotSpent => "lot_spent",
            Self::LotHeld => "lot_held",
            Self::UsageProofUnavailable => "usage_proof_unavailable",
            Self::CommandNotWaiting => "command_not_waiting",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rejection| rejection.code() == code)
    }

    /// The sentence that the requester gets.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::AccountMismatch => {
                "The command's account is not the account of the invoice or payment it names."
            }
            Self::AccountClosed => "The account is closed.",
            Self::AccountNotClosed => "The account is not closed.",
            Self::InvoiceExists => "An invoice with this id exists already.",
            Self::ReferenceInvalid => {
                "A payment reference has wrong check digits, or is none of its scheme."
            }
            Self::ReferenceTaken => "Another invoice has this payment reference.",
            Self::PaymentExists => "A payment with this id exists already.",
            Self::VirtualAccountTaken => "A virtual account belongs to another customer already.",
            Self::AccountNumberPlaceholder => {
                "An account number is masked, or a word or digits that stand for none."
            }
            Self::PaymentNotAssigned => "The payment has no account yet: assign it first.",
            Self::PaymentAlreadyAssigned => "The payment is assigned to an account already.",
            Self::PaymentRemoved => "The payment has been removed or returned.",
            Self::PaymentSplit => "The payment is split: undo the split first.",
            Self::PaymentNotSplit => "The payment is not split.",
            Self::PaymentIsPart => "The payment is part of a split one, and is not split again.",
            Self::ReturnNotParked => "No return of this bank account and key is parked.",
            Self::ReturnMismatch => {
                "The payments and the fee are not the return, or a payment has not that much left."
            }
            Self::SuggestionUnknown => "The payment has no suggestion with this id.",
            Self::SuggestionClosed => {
                "The suggestion was confirmed, rejected or superseded already."
            }
            Self::InvoiceAlreadyVoided => "The invoice is voided already.",
            Self::InvoiceVoided => "The invoice is voided, which is final.",
            Self::InvoiceAlreadyProvisioned => "The invoice is provisioned and paid already.",
            Self::InvoiceNotSent => "The invoice must be sent, or marked as sent, first.",
            Self::InvoiceHasAllocations => {
                "Part of the invoice is paid: de-allocate it before it can be voided."
            }
            Self::NotACandidate => {
                "The invoice is no void candidate any more, or money for it may have come."
            }
            Self::CurrencyMismatch => "Payment and invoice are in different currencies.",
            Self::AllocationNotFound => "The payment is not allocated to this invoice.",
            Self::AllocationExists => "The payment is allocated to this invoice already.",
            Self::NothingUnallocated => "Nothing of the payment is unallocated.",
            Self::AmountExceedsUnallocated => {
                "The amount is larger than what is unallocated on the payment."
            }
            Self::AmountExceedsDue => "The amount is larger than what is due on the invoice.",
            Self::BalanceLimit => "The balance would become larger than can be kept.",
            Self::LotSpent => "Part of the money has been spent on calls, messages or a debt.",
            Self::LotHeld => "Part of the money is held for a call or message in progress.",
            Self::UsageProofUnavailable => {
                "It was not proven in time that the money is unspent: the usage feed is behind."
            }
            Self::CommandNotWaiting => "No command of this account waits under this id.",
            Self::Cancelled => "The command waited, and a person cancelled it.",
        }
    }
}

/// Why a record that was decoded could not be processed and became a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeadLetterReason {
    /// The same id came before with other content.
    Conflict,
    /// The same bank transaction came before with other content.
    BankConflict,
    /// The same remittance advice came before with other content.
    AdviceConflict,
    /// The same charge, refund or hold came before with other content.
    UsageConflict,
    /// The charge of this name was recorded, and is not kept any more.
    UsagePruned,
    /// More is given back than was charged.
    RefundExceedsCharge,
    /// More decimals than the payment's currency has.
    AmountScale,
    /// It says that all is known up to an instant that has not come.
    ClaimInFuture,
    /// What a command names did not come before the deadline.
    DependencyMissing,
    /// A balance or a sum would be larger than can be kept.
    BalanceBeyondLimit,
    /// The record was the cause that a whole batch failed; the log has the error.
    Unprocessable,
    /// The process died twice while it worked on this record and on nothing else.
    CrashLoop,
}

impl DeadLetterReason {
    pub const ALL: [Self; 12] = [
        Self::Conflict,
        Self::BankConflict,
        Self::AdviceConflict,
        Self::UsageConflict,
        Self::UsagePruned,
        Self::RefundExceedsCharge,
        Self::AmountScale,
        Self::ClaimInFuture,
        Self::DependencyMissing,
        Self::BalanceBeyondLimit,
        Self::Unprocessable,
        Self::CrashLoop,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::BankConflict => "bank_conflict",
            Self::AdviceConflict => "advice_conflict",
            Self::UsageConflict => "usage_conflict",
            Self::UsagePruned => "usage_pruned",
            Self::RefundExceedsCharge => "refund_exceeds_charge",
            Self::AmountScale => "amount_scale",
            Self::ClaimInFuture => "claim_in_future",
            Self::DependencyMissing => "dependency_missing",
            Self::BalanceBeyondLimit => "balance_beyond_limit",
            Self::Unprocessable => "unprocessable",
            Self::CrashLoop => "crash_loop",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Self::Conflict => "This id was used before with other content.",
            Self::BankConflict => "The bank reported this transaction before with other content.",
            Self::AdviceConflict => "This remittance advice came before with other content.",
            Self::UsageConflict => "This charge, refund or hold came before with other content.",
            Self::UsagePruned => {
                "This usage was charged before, so long ago that the charge is not kept any more."
            }
            Self::RefundExceedsCharge => "More would be given back than was charged.",
            Self::AmountScale => "The amount has more decimals than the currency.",
            Self::ClaimInFuture => "It says that all is known up to a time that has not come.",
            Self::DependencyMissing => "What the record names did not become known in time.",
            Self::BalanceBeyondLimit => "A balance would be larger than can be kept.",
            Self::Unprocessable => "The database refused what this record asks for.",
            Self::CrashLoop => "The process died twice while it worked on this record.",
        }
    }
}

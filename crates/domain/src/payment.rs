//! Payments: money received, from the bank feed or recorded by hand.

use chrono::{DateTime, NaiveDate, Utc};

use super::ids::{AccountId, PaymentId};
use super::money::{Currency, Money, MoneyError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentOrigin {
    Bank,
    Manual,
    /// Part of another payment, which a person split.
    Split,
}

impl PaymentOrigin {
    pub const ALL: [Self; 3] = [Self::Bank, Self::Manual, Self::Split];

    pub fn word(self) -> &'static str {
        match self {
            Self::Bank => "bank",
            Self::Manual => "manual",
            Self::Split => "split",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.word() == word)
    }
}

/// Why a payment needs a person. Stable codes, in the order in which they are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ParkReason {
    /// The bank gave no id, and an earlier payment says the same or less.
    PossibleDuplicate,
    /// The bank gave no id, and more came of that amount, day and payer than are compared.
    TooManyAlike,
    /// The payer's account is one of ours.
    InternalTransfer,
    /// The account that would get the money is closed.
    AccountClosed,
    /// The reference names one account, the virtual account another.
    IdentityConflict,
    /// The references name invoices of several accounts.
    SeveralAccounts,
    /// Several advices fit the payment, or several payments fit the advice.
    AdviceAmbiguous,
    /// Its text and its advice name different invoices.
    AdviceMismatch,
    /// A plain number fits several invoices, or more than twenty are named.
    AmbiguousReference,
    /// The invoice is in another currency.
    CurrencyMismatch,
    /// The invoice has not been sent; it is decided again when it is.
    NotSent,
    /// The invoice is paid already: probably paid twice.
    AlreadyPaid,
    /// The invoice was voided before the money came.
    PaidAfterVoid,
    /// Less than the amount due, and the policy wants a person to say so.
    PartialPayment,
    /// The sum of the invoices named is not the amount.
    SumMismatch,
    /// A plain invoice number alone is no proof.
    Uncorroborated,
    /// The money came before the invoice was sent.
    PaidBeforeSent,
    /// Above the amount that may be decided automatically.
    AboveAutoLimit,
    /// The balance would grow beyond what can be kept.
    BalanceLimit,
    /// A word is one typing mistake away from an invoice.
    NearReference,
    /// A payer's account that was confirmed once, and the amount, fit.
    PayerOnly,
    /// The payer's name and the amount fit one invoice.
    NameOnly,
    /// Only the amount fits, one invoice in the whole book.
    AmountOnly,
    /// Nothing fits.
    NoCandidate,
    /// Recorded by hand without an account.
    NoAccount,
    /// It was split, and the split was undone.
    SplitUndone,
    /// A person removed or dismissed it, and money of it came back.
    TakenOut,
    /// Matching could not finish, for a fault of ours: the money is recorded, nothing is decided.
    Undecided,
}

impl ParkReason {
    pub const ALL: [Self; 28] = [
        Self::PossibleDuplicate,
        Self::TooManyAlike,
        Self::InternalTransfer,
        Self::AccountClosed,
        Self::IdentityConflict,
        Self::SeveralAccounts,
        Self::AdviceAmbiguous,
        Self::AdviceMismatch,
        Self::AmbiguousReference,
        Self::CurrencyMismatch,
        Self::NotSent,
        Self::AlreadyPaid,
        Self::PaidAfterVoid,
        Self::PartialPayment,
        Self::SumMismatch,
        Self::Uncorroborated,
        Self::PaidBeforeSent,
        Self::AboveAutoLimit,
        Self::BalanceLimit,
        Self::NearReference,
        Self::PayerOnly,
        Self::NameOnly,
        Self::AmountOnly,
        Self::NoCandidate,
        Self::NoAccount,
        Self::SplitUndone,
        Self::TakenOut,
        Self::Undecided,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::PossibleDuplicate => "possible_duplicate",
            Self::TooManyAlike => "too_many_alike",
            Self::InternalTransfer => "internal_transfer",
            Self::AccountClosed => "account_closed",
            Self::IdentityConflict => "identity_conflict",
            Self::SeveralAccounts => "several_accounts",
            Self::AdviceAmbiguous => "advice_ambiguous",
            Self::AdviceMismatch => "advice_mismatch",
            Self::AmbiguousReference => "ambiguous_reference",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::NotSent => "not_sent",
            Self::AlreadyPaid => "already_paid",
            Self::PaidAfterVoid => "paid_after_void",
            Self::PartialPayment => "partial_payment",
            Self::SumMismatch => "sum_mismatch",
            Self::Uncorroborated => "uncorroborated",
            Self::PaidBeforeSent => "paid_before_sent",
            Self::AboveAutoLimit => "above_auto_limit",
            Self::BalanceLimit => "balance_limit",
            Self::NearReference => "near_reference",
            Self::PayerOnly => "payer_only",
            Self::NameOnly => "name_only",
            Self::AmountOnly => "amount_only",
            Self::NoCandidate => "no_candidate",
            Self::NoAccount => "no_account",
            Self::SplitUndone => "split_undone",
            Self::TakenOut => "taken_out",
            Self::Undecided => "undecided",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        // As it was called before, and is stored where it was decided then.
        let code = if code == "two_person_limit" { "above_auto_limit" } else { code };
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Whether only a person decides it: whether it is money that was not there before, or what
    /// becomes of what a person took apart or out. It stays so whatever happens to the payment
    /// ([`Payment::question`]).
    pub fn is_question(self) -> bool {
        matches!(
            self,
            Self::PossibleDuplicate | Self::TooManyAlike | Self::SplitUndone | Self::TakenOut
        )
    }

    /// Whether it may be money that was there before.
    pub fn is_doubt(self) -> bool {
        matches!(self, Self::PossibleDuplicate | Self::TooManyAlike)
    }

    /// What it means, for the person who has to act.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::PossibleDuplicate => {
                "The same money may have been recorded before: the bank gives it no id."
            }
            Self::TooManyAlike => {
                "So much money of this amount, day and payer came without an id that not all of it \
                 was compared."
            }
            Self::InternalTransfer => "The payer's account is one of our own bank accounts.",
            Self::AccountClosed => "The customer's account is closed.",
            Self::IdentityConflict => {
                "Two signs name two customers: the text, an account or the payer's name."
            }
            Self::SeveralAccounts => "The references name invoices of several customers.",
            Self::AdviceAmbiguous => {
                "Several remittance advices fit the payment, or several payments one advice."
            }
            Self::AdviceMismatch => {
                "The payment's text names another invoice than its remittance advice."
            }
            Self::AmbiguousReference => {
                "The reference fits more than one invoice, or more than twenty are named."
            }
            Self::CurrencyMismatch => "The invoice is in another currency.",
            Self::NotSent => "The invoice has not been sent yet; it is paid when it is sent.",
            Self::AlreadyPaid => "The invoice is paid already: probably a double payment.",
            Self::PaidAfterVoid => "The invoice was voided: re-issue it or refund the money.",
            Self::PartialPayment => "Less than the amount due arrived.",
            Self::SumMismatch => "The invoices named do not add up to the amount.",
            Self::Uncorroborated => {
                "Only an invoice number speaks for the match, and that is not enough."
            }
            Self::PaidBeforeSent => "The money came before the invoice was sent.",
            Self::AboveAutoLimit => "The amount is above the limit for automatic decisions.",
            Self::BalanceLimit => "The balance would become larger than can be kept.",
            Self::NearReference => "A word is one typing mistake away from an invoice of ours.",
            Self::PayerOnly => {
                "Only the amount fits, and a payer's account that was confirmed once."
            }
            Self::NameOnly => "Only the payer's name and the amount fit, one invoice.",
            Self::AmountOnly => "Only the amount fits, one invoice in the whole book.",
            Self::NoCandidate => "Nothing in the payment points to an invoice or a customer.",
            Self::NoAccount => "The payment was recorded without a customer.",
            Self::SplitUndone => "The payment was split, and the split was undone.",
            Self::TakenOut => "A person took this payment out, and the bank gave money of it back.",
            Self::Undecided => {
                "The money is recorded; matching could not finish and is tried again."
            }
        }
    }
}

/// Where a payment stands. It is always in exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentState {
    Allocated,
    PartlyAllocated,
    OnAccount,
    Parked(ParkReason),
    Returned,
    Removed,
    /// All that is here of it was given to other payments.
    Split,
}

impl PaymentState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Allocated => "allocated",
            Self::PartlyAllocated => "partly_allocated",
            Self::OnAccount => "on_account",
            Self::Parked(_) => "parked",
            Self::Returned => "returned",
            Self::Removed => "removed",
            Self::Split => "split",
        }
    }

    pub fn reason(self) -> Option<ParkReason> {
        match self {
            Self::Parked(reason) => Some(reason),
            Self::Allocated
            | Self::PartlyAllocated
            | Self::OnAccount
            | Self::Returned
            | Self::Removed
            | Self::Split => None,
        }
    }

    /// Reads what the database holds.
    pub fn from_words(word: &str, reason: Option<&str>) -> Option<Self> {
        match word {
            "allocated" => Some(Self::Allocated),
            "partly_allocated" => Some(Self::PartlyAllocated),
            "on_account" => Some(Self::OnAccount),
            "parked" => ParkReason::from_code(reason?).map(Self::Parked),
            "returned" => Some(Self::Returned),
            "removed" => Some(Self::Removed),
            "split" => Some(Self::Split),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub payment_id: PaymentId,
    pub account_id: Option<AccountId>,
    pub amount: Money,
    /// Sum of the live allocations.
    pub allocated: Money,
    pub returned: Money,
    pub refunded: Money,
    /// What it gave to other payments: to its parts, or of a part back to what it was split from.
    pub split: Money,
    pub state: PaymentState,
    /// What only a person answers, kept while the payment is returned, split or removed: no rule
    /// and no job uses its money until a person assigns or allocates it.
    pub question: Option<ParkReason>,
    pub origin: PaymentOrigin,
    pub received_on: NaiveDate,
    pub method: Option<String>,
    pub reference: Option<String>,
    pub remark: Option<String>,
    /// Last sequence of events keyed by this payment.
    pub event_sequence: i64,
    pub recorded_at: DateTime<Utc>,
}

impl Payment {
    pub fn currency(&self) -> Currency {
        self.amount.currency()
    }

    /// `amount − live allocations − returned − refunded − split`.
    ///
    /// # Errors
    /// [`MoneyError`] only if the row contradicts its own constraints.
    pub fn unallocated(&self) -> Result<Money, MoneyError> {
        self.left()?.sub(self.allocated)
    }

    /// What of it is still here, allocated or not: `amount − returned − refunded − split`.
    ///
    /// # Errors
    /// As [`Self::unallocated`].
    pub fn left(&self) -> Result<Money, MoneyError> {
        self.amount.sub(self.returned)?.sub(self.refunded)?.sub(self.split)
    }

    /// Whether some of it is with its parts. A part that went back has none of its own, and may
    /// have money again.
    pub fn has_parts(&self) -> bool {
        self.split.is_positive() && self.origin != PaymentOrigin::Split
    }

    /// Whether it may be money that was there before: a person has not said yet. What they removed
    /// as the same is answered.
    pub fn is_in_doubt(&self) -> bool {
        let removed = self.state == PaymentState::Removed;
        !removed && self.question.is_some_and(ParkReason::is_doubt)
    }

    /// The state that its amounts and account say, once something is allocated.
    ///
    /// # Errors
    /// As [`Self::unallocated`].
    pub fn settled_state(&self) -> Result<PaymentState, MoneyError> {
        Ok(if self.unallocated()?.is_zero() {
            PaymentState::Allocated
        } else {
            PaymentState::PartlyAllocated
        })
    }

    /// Whether the state is one that these amounts and this account allow: what the constraint
    /// `payment_state_follows_amounts` says.
    ///
    /// # Errors
    /// As [`Self::unallocated`].
    #[cfg(test)]
    pub fn state_follows_amounts(&self) -> Result<bool, MoneyError> {
        let (some, free) = (self.allocated.is_positive(), self.unallocated()?);
        let gone = if self.origin == PaymentOrigin::Split {
            self.left()?.is_zero()
        } else {
            self.left()?.add(self.split)?.is_zero()
        };
        Ok(match self.state {
            PaymentState::Allocated => some && free.is_zero(),
            PaymentState::PartlyAllocated => some && free.is_positive(),
            PaymentState::OnAccount => !some && self.account_id.is_some(),
            PaymentState::Parked(_) | PaymentState::Removed => !some,
            PaymentState::Returned => gone,
            PaymentState::Split => !some && self.has_parts() && free.is_zero(),
        })
    }
}

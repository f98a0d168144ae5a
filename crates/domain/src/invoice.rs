//! Topup invoices: `Draft → AwaitingPayment → Provisioned`, or `→ Voided`.

use chrono::{DateTime, NaiveDate, Utc};

use super::ids::{AccountId, InvoiceId};
use super::money::{Currency, Money, MoneyError};
use super::rejection::Rejection;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvoiceStatus {
    Draft,
    /// Sent, or marked as sent; partly paid is still awaiting payment.
    AwaitingPayment,
    /// Allocated in full, balance credited, paid.
    Provisioned,
    /// Final. No credit note is needed.
    Voided,
}

impl InvoiceStatus {
    pub const ALL: [Self; 4] =
        [Self::Draft, Self::AwaitingPayment, Self::Provisioned, Self::Voided];

    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Provisioned => "provisioned",
            Self::Voided => "voided",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// An invoice issued to a customer to top up their balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    pub invoice_id: InvoiceId,
    pub account_id: AccountId,
    pub name: String,
    pub amount: Money,
    /// Sum of the live allocations.
    pub allocated: Money,
    pub status: InvoiceStatus,
    /// ISO 11649 creditor reference.
    pub payment_reference: String,
    pub due_date: Option<NaiveDate>,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    pub voided_at: Option<DateTime<Utc>>,
    pub void_reason: Option<String>,
    pub keep_until: Option<NaiveDate>,
    pub stale_since: Option<DateTime<Utc>>,
    /// The instant for which it was flagged as a void candidate; it stays payable.
    pub candidate_since: Option<DateTime<Utc>>,
}

/// Why an invoice is a void candidate no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateEnd {
    /// Money was allocated to it.
    Paid,
    /// It was sent again.
    Resent,
    /// Somebody wants it kept.
    Kept,
    Voided,
    /// The job found that it is none any more, e.g. because money for it may be on its way.
    NotStale,
}

impl CandidateEnd {
    pub fn word(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Resent => "resent",
            Self::Kept => "kept",
            Self::Voided => "voided",
            Self::NotStale => "not_stale",
        }
    }
}

/// The declared order in which invoices of one account are taken: due date (none last), sent,
/// id. No clock, no map order.
pub type InvoiceOrder = (NaiveDate, DateTime<Utc>, InvoiceId);

impl Invoice {
    pub fn currency(&self) -> Currency {
        self.amount.currency()
    }

    /// What is still to be paid.
    ///
    /// # Errors
    /// [`MoneyError`] only if the row contradicts its own constraints.
    pub fn due(&self) -> Result<Money, MoneyError> {
        self.amount.sub(self.allocated)
    }

    /// Awaiting payment with something due.
    pub fn is_payable(&self) -> bool {
        self.status == InvoiceStatus::AwaitingPayment
    }

    pub fn order(&self) -> InvoiceOrder {
        (
            self.due_date.unwrap_or(NaiveDate::MAX),
            self.sent_at.unwrap_or(DateTime::<Utc>::MAX_UTC),
            self.invoice_id.clone(),
        )
    }

    /// Whether money may be allocated to it: an invoice must be sent, or marked as sent, first.
    ///
    /// # Errors
    /// The refusal for a draft, a provisioned and a voided invoice.
    pub fn check_payable(&self) -> Result<(), Rejection> {
        match self.status {
            InvoiceStatus::Draft => Err(Rejection::InvoiceNotSent),
            InvoiceStatus::AwaitingPayment => Ok(()),
            InvoiceStatus::Provisioned => Err(Rejection::InvoiceAlreadyProvisioned),
            InvoiceStatus::Voided => Err(Rejection::InvoiceVoided),
        }
    }

    /// Whether it may be marked as sent; a second time is a re-send and restarts its age.
    ///
    /// # Errors
    /// The refusal for a provisioned and a voided invoice.
    pub fn check_sendable(&self) -> Result<(), Rejection> {
        match self.status {
            InvoiceStatus::Draft | InvoiceStatus::AwaitingPayment => Ok(()),
            InvoiceStatus::Provisioned => Err(Rejection::InvoiceAlreadyProvisioned),
            InvoiceStatus::Voided => Err(Rejection::InvoiceVoided),
        }
    }

    /// Whether it may be voided: a draft, or awaiting payment with no live allocation.
    ///
    /// # Errors
    /// The refusal for a provisioned, a voided and a partly paid invoice.
    pub fn check_voidable(&self) -> Result<(), Rejection> {
        match self.status {
            InvoiceStatus::Voided => Err(Rejection::InvoiceAlreadyVoided),
            InvoiceStatus::Provisioned => Err(Rejection::InvoiceAlreadyProvisioned),
            InvoiceStatus::Draft => Ok(()),
            InvoiceStatus::AwaitingPayment if self.allocated.is_zero() => Ok(()),
            InvoiceStatus::AwaitingPayment => Err(Rejection::InvoiceHasAllocations),
        }
    }

    /// The state after `amount` more is allocated; provisioned exactly when nothing is due.
    ///
    /// # Errors
    /// [`Rejection::AmountExceedsDue`], or the refusals of [`Self::check_payable`].
    pub fn allocate(&mut self, amount: Money) -> Result<(), Rejection> {
        self.check_payable()?;
        let due = self.due().map_err(|_| Rejection::AmountExceedsDue)?;
        let over = amount.compare(due).map_err(|_| Rejection::CurrencyMismatch)?;
        if over.is_gt() || !amount.is_positive() {
            return Err(Rejection::AmountExceedsDue);
        }
        self.allocated = self.allocated.add(amount).map_err(|_| Rejection::AmountExceedsDue)?;
        if over.is_eq() {
            self.status = InvoiceStatus::Provisioned;
        }
        Ok(())
    }
}

impl Invoice {
    /// The state after `amount` of what was allocated went back. It awaits payment again, and its
    /// age counts from now.
    ///
    /// # Errors
    /// [`MoneyError`] when more goes back than was allocated.
    pub fn reopen(&mut self, amount: Money, at: DateTime<Utc>) -> Result<(), MoneyError> {
        let left = self.allocated.sub(amount)?;
        if left.is_negative() {
            return Err(MoneyError::Overflow);
        }
        self.allocated = left;
        self.status = InvoiceStatus::AwaitingPayment;
        self.stale_since = Some(at);
        Ok(())
    }
}

/// The form by which invoices are looked up, however their number is written in a payer's text.
pub fn folded_key(invoice_id: &InvoiceId) -> String {
    super::matching::fold::fold(invoice_id.as_str())
}

/// The form in which a payer's text has the invoice's number exactly.
pub fn number_key(invoice_id: &InvoiceId) -> String {
    invoice_id.as_str().to_ascii_uppercase()
}

/// A few invoices of the whole book, with whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookEntry {
    pub invoice_id: InvoiceId,
    pub account_id: AccountId,
    pub amount_due: Money,
}

/// What an account owes by one invoice: all that suggestions and sums need of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvoice {
    pub invoice_id: InvoiceId,
    pub account_id: AccountId,
    /// Greater than zero.
    pub due: Money,
    pub order: InvoiceOrder,
}

impl OpenInvoice {
    /// None for an invoice that does not await payment.
    ///
    /// # Errors
    /// [`MoneyError`] only if the row contradicts its own constraints.
    pub fn of(invoice: &Invoice) -> Result<Option<Self>, MoneyError> {
        if !invoice.is_payable() {
            return Ok(None);
        }
        Ok(Some(Self {
            invoice_id: invoice.invoice_id.clone(),
            account_id: invoice.account_id.clone(),
            due: invoice.due()?,
            order: invoice.order(),
        }))
    }

    pub fn entry(&self) -> BookEntry {
        BookEntry {
            invoice_id: self.invoice_id.clone(),
            account_id: self.account_id.clone(),
            amount_due: self.due,
        }
    }
}

//! What helps beside the sentence of a refusal: whose the things are that it is about.

use super::error::Result;
use super::words::words;
use crate::domain::rejection::Rejection;
use crate::store::PgPool;
use crate::store::views::standing::About;
use crate::store::views::{Privacy, invoices, payments};

/// Things of one kind that are named at most.
const NAMED_MAX: usize = 10;

/// Sentences for a person whose command was refused with this code.
pub(super) async fn helps(pool: &PgPool, code: Option<&str>, about: &About) -> Result<Vec<String>> {
    let code = code.and_then(Rejection::from_code);
    let (payments, invoices) = match code {
        Some(Rejection::AccountMismatch | Rejection::CurrencyMismatch) => (true, true),
        Some(
            Rejection::InvoiceExists
            | Rejection::InvoiceAlreadyProvisioned
            | Rejection::InvoiceAlreadyVoided
            | Rejection::InvoiceVoided
            | Rejection::InvoiceNotSent
            | Rejection::InvoiceHasAllocations
            | Rejection::AmountExceedsDue,
        ) => (false, true),
        Some(
            Rejection::PaymentExists
            | Rejection::PaymentRemoved
            | Rejection::PaymentAlreadyAssigned
            | Rejection::PaymentSplit
            | Rejection::NothingUnallocated
            | Rejection::AmountExceedsUnallocated,
        ) => (true, false),
        Some(
            Rejection::AccountClosed
            | Rejection::AccountNotClosed
            | Rejection::ReferenceInvalid
            | Rejection::ReferenceTaken
            | Rejection::VirtualAccountTaken
            | Rejection::AccountNumberPlaceholder
            | Rejection::PaymentNotAssigned
            | Rejection::PaymentNotSplit
            | Rejection::PaymentIsPart
            | Rejection::ReturnNotParked
            | Rejection::ReturnMismatch
            | Rejection::SuggestionUnknown
            | Rejection::SuggestionClosed
            | Rejection::NotACandidate
            | Rejection::AllocationNotFound
            | Rejection::AllocationExists
            | Rejection::BalanceLimit
            | Rejection::LotSpent
            | Rejection::LotHeld
            | Rejection::UsageProofUnavailable
            | Rejection::CommandNotWaiting
            | Rejection::Cancelled,
        )
        | None => (false, false),
    };
    let mut told = Vec::new();
    if payments {
        told.extend(payments_of(pool, about).await?);
    }
    if invoices {
        told.extend(invoices_of(pool, about).await?);
    }
    if code == Some(Rejection::AccountMismatch) {
        told.push(
            "What was given to the wrong customer is moved by `topup payments split PAYMENT \
             --part CUSTOMER=AMOUNT`. While it lies on an invoice, take it off first: `topup \
             payments deallocate PAYMENT --invoice INVOICE`."
                .to_owned(),
        );
    }
    Ok(told)
}

async fn invoices_of(pool: &PgPool, about: &About) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for id in about.invoices.iter().take(NAMED_MAX) {
        let Some(view) = invoices::show(pool, id).await? else { continue };
        let row = view.row;
        told.push(format!(
            "Invoice {id} is {}'s: {} {}, {} due, {}.",
            row.account_id,
            row.amount,
            row.currency,
            row.amount_due,
            row.status.replace('_', " ")
        ));
    }
    Ok(told)
}

async fn payments_of(pool: &PgPool, about: &About) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for id in about.payments.iter().take(NAMED_MAX) {
        let Some(view) = payments::show(pool, id, Privacy::Masked).await? else { continue };
        let row = view.row;
        let whose = match &row.account_id {
            Some(owner) => format!("{owner}'s"),
            None => "nobody's yet".to_owned(),
        };
        told.push(format!(
            "Payment {id} is {whose}: {} {}, {} unallocated, {}, received on {}.",
            row.amount,
            row.currency,
            row.unallocated,
            words(&row.state),
            row.received_on
        ));
    }
    Ok(told)
}

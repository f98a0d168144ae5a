//! What a command names: whether it is known, whose it is, and whether it can be used.

use crate::allocation::AllocationPart;
use crate::decide::recording::{Halt, Recording};
use crate::decide::settle::Part;
use crate::effect::{Need, Outcome};
use crate::ids::{AccountId, InvoiceId, PaymentId};
use crate::invoice::Invoice;
use crate::money::{Amount, Money, MoneyError};
use crate::payment::{Payment, PaymentState};
use crate::rejection::{DeadLetterReason, Rejection};

pub(super) type Result<T = Outcome> = std::result::Result<T, Halt>;

pub(super) fn applied_payment(payment_id: &PaymentId) -> Outcome {
    Outcome::Applied { subject: Some(format!("payment:{payment_id}")) }
}

pub(super) fn open_account(recording: &Recording<'_>, account_id: &AccountId) -> Result<()> {
    let closed = recording.set.account(account_id).is_some_and(|account| account.closed);
    if closed { Err(Rejection::AccountClosed.into()) } else { Ok(()) }
}

pub(super) fn known_invoice(recording: &Recording<'_>, invoice_id: &InvoiceId) -> Result<Invoice> {
    let known = recording.set.invoice(invoice_id).cloned();
    known.ok_or_else(|| Need::Invoice(invoice_id.clone()).into())
}

pub(super) fn known_payment(recording: &Recording<'_>, payment_id: &PaymentId) -> Result<Payment> {
    let known = recording.set.payment(payment_id).cloned();
    known.ok_or_else(|| Need::Payment(payment_id.clone()).into())
}

/// What a command names belongs to the command's account, or to none yet.
pub(super) fn check_owner(owner: Option<&AccountId>, account_id: &AccountId) -> Result<()> {
    if owner.is_some_and(|owner| owner != account_id) {
        Err(Rejection::AccountMismatch.into())
    } else {
        Ok(())
    }
}

pub(super) fn check_usable(payment: &Payment) -> Result<()> {
    match payment.state {
        PaymentState::Returned | PaymentState::Removed => Err(Rejection::PaymentRemoved.into()),
        PaymentState::Split => Err(Rejection::PaymentSplit.into()),
        PaymentState::Allocated
        | PaymentState::PartlyAllocated
        | PaymentState::OnAccount
        | PaymentState::Parked(_) => Ok(()),
    }
}

/// Of several invoices that cannot be paid, the requester is told the first refusal in the order
/// of precedence, not in the order of the parts.
pub(super) fn check_invoices(payment: &Payment, invoices: &[Invoice]) -> Result<()> {
    let refused = invoices.iter().filter_map(|invoice| invoice.check_payable().err());
    if let Some(rejection) = refused.min() {
        return Err(rejection.into());
    }
    let same = |invoice: &Invoice| invoice.currency() == payment.currency();
    if invoices.iter().all(same) { Ok(()) } else { Err(Rejection::CurrencyMismatch.into()) }
}

/// The amounts that the parts ask for, in the payment's currency.
pub(super) fn asked_amounts(
    payment: &Payment,
    parts: &[AllocationPart],
) -> Result<Vec<Option<Money>>> {
    let in_currency =
        |part: &AllocationPart| part.amount.map(|amount| asked(payment, amount)).transpose();
    parts.iter().map(in_currency).collect()
}

/// An amount that a command gives without a currency: the payment's.
pub(super) fn asked(payment: &Payment, amount: Amount) -> Result<Money> {
    match amount.in_currency(payment.currency()) {
        Ok(amount) => Ok(amount),
        Err(MoneyError::ExcessDecimals) => {
            Err(Halt::Outcome(Outcome::DeadLettered(DeadLetterReason::AmountScale)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What each part allocates, in the order of the command.
pub(super) fn parts_of(
    payment: &Payment,
    invoices: &[Invoice],
    amounts: &[Option<Money>],
) -> Result<Vec<Part>> {
    let mut free = payment.unallocated()?;
    let mut parts = Vec::with_capacity(invoices.len());
    let mut refused: Option<Rejection> = None;
    for (invoice, asked) in invoices.iter().zip(amounts) {
        let due = invoice.due()?;
        let amount = match asked {
            Some(amount) => *amount,
            None => free.min(due)?,
        };
        let refusal = if !free.is_positive() {
            Some(Rejection::NothingUnallocated)
        } else if amount.compare(free)?.is_gt() {
            Some(Rejection::AmountExceedsUnallocated)
        } else if amount.compare(due)?.is_gt() {
            Some(Rejection::AmountExceedsDue)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            refused = Some(refused.map_or(refusal, |earlier| earlier.min(refusal)));
            continue;
        }
        free = free.sub(amount)?;
        parts.push(Part { invoice_id: invoice.invoice_id.clone(), amount });
    }
    match refused {
        Some(rejection) => Err(rejection.into()),
        None => Ok(parts),
    }
}

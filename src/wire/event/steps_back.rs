//! What was taken off, removed or returned.

use super::Object;
use crate::domain::event::{ByHand, Fact};
use crate::domain::ids::{AccountId, PaymentId};
use crate::domain::money::Money;

pub(super) fn write_step_back(fact: &Fact, data: &mut Object<'_>) {
    match fact {
        Fact::PaymentDeallocated {
            payment_id,
            invoice_id,
            account_id,
            allocation_id,
            amount,
            reason,
            invoice_amount_due,
            payment_unallocated,
        } => {
            data.text("payment_id", payment_id.as_str());
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.text("allocation_id", &allocation_id.0.to_string());
            data.money("amount", *amount);
            data.maybe_text("reason", reason.as_deref());
            data.amount("invoice_amount_due", *invoice_amount_due);
            data.amount("payment_unallocated", *payment_unallocated);
        }
        Fact::PaymentDueRestored { invoice_id, account_id, amount, amount_due, cause } => {
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.money("amount", *amount);
            data.amount("amount_due", *amount_due);
            data.text("cause", cause.word());
        }
        Fact::PaymentRemoved { payment_id, account_id, amount, reason } => {
            data.text("payment_id", payment_id.as_str());
            data.text("account_id", account_id.as_str());
            data.money("amount", *amount);
            data.maybe_text("reason", reason.as_deref());
        }
        Fact::ByHand(said) => write_by_hand(said, data),
        Fact::PaymentReturned { .. }
        | Fact::PaymentReturnUndone { .. }
        | Fact::ReturnEnded { .. } => write_return(fact, data),
        Fact::AccountUpserted { .. }
        | Fact::InvoiceCreated { .. }
        | Fact::InvoiceSent { .. }
        | Fact::InvoiceProvisioned { .. }
        | Fact::InvoiceVoided { .. }
        | Fact::VoidCandidateFlagged { .. }
        | Fact::VoidCandidateCleared { .. }
        | Fact::PaymentRecorded { .. }
        | Fact::PaymentAllocated { .. }
        | Fact::PaymentParked { .. }
        | Fact::PaymentSplit { .. }
        | Fact::PaymentSplitUndone { .. }
        | Fact::BalanceChanged { .. }
        | Fact::BalanceOverdrawn { .. }
        | Fact::BalanceThreshold { .. }
        | Fact::HoldExpired { .. }
        | Fact::CommandPendingProof { .. }
        | Fact::CommandRejected { .. }
        | Fact::DriftFound { .. }
        | Fact::DriftCleared { .. } => {}
    }
}

fn write_by_hand(said: &ByHand, data: &mut Object<'_>) {
    match said {
        ByHand::AccountClosed { account_id, reason }
        | ByHand::AccountReopened { account_id, reason } => {
            data.text("account_id", account_id.as_str());
            data.maybe_text("reason", reason.as_deref());
        }
        ByHand::PaymentRefunded { payment_id, account_id, amount, unallocated, reason } => {
            data.text("payment_id", payment_id.as_str());
            data.maybe_text("account_id", account_id.as_ref().map(|id| id.as_str()));
            data.money("amount", *amount);
            data.amount("unallocated", *unallocated);
            data.text("reason", reason);
        }
        ByHand::PaymentDismissed { payment_id, amount, reason } => {
            data.text("payment_id", payment_id.as_str());
            data.money("amount", *amount);
            data.text("reason", reason);
        }
        ByHand::CommandCancelled { account_id, record, reason } => {
            data.text("account_id", account_id.as_str());
            data.text("cancelled_id", record.id.as_str());
            data.text("cancelled_source", record.source.as_str());
            data.text("reason", reason);
        }
    }
}

fn write_payment(
    payment_id: &PaymentId,
    account_id: Option<&AccountId>,
    amount: Money,
    data: &mut Object<'_>,
) {
    data.text("payment_id", payment_id.as_str());
    data.maybe_text("account_id", account_id.map(AccountId::as_str));
    data.money("amount", amount);
}

/// Told only where there is some.
fn write_removed(removed: Money, data: &mut Object<'_>) {
    if removed.is_positive() {
        data.amount("removed", removed);
    }
}

fn write_return(fact: &Fact, data: &mut Object<'_>) {
    match fact {
        Fact::PaymentReturned {
            payment_id,
            account_id,
            amount,
            from_unallocated,
            from_unspent,
            clawed_back,
            removed,
            returned_total,
            reason,
        } => {
            write_payment(payment_id, account_id.as_ref(), *amount, data);
            data.amount("from_unallocated", *from_unallocated);
            data.amount("from_unspent", *from_unspent);
            data.amount("clawed_back", *clawed_back);
            write_removed(*removed, data);
            data.amount("returned_total", *returned_total);
            data.maybe_text("reason", reason.as_deref());
        }
        Fact::ReturnEnded { account_id, bank_account, bank_key, amount, reason } => {
            data.text("account_id", account_id.as_str());
            data.text("bank_account", bank_account.as_str());
            data.text("bank_key", bank_key);
            data.money("amount", *amount);
            data.maybe_text("reason", reason.as_deref());
        }
        Fact::PaymentReturnUndone {
            payment_id,
            account_id,
            amount,
            allocated_again,
            removed,
            returned_total,
        } => {
            write_payment(payment_id, account_id.as_ref(), *amount, data);
            data.amount("allocated_again", *allocated_again);
            write_removed(*removed, data);
            data.amount("returned_total", *returned_total);
        }
        Fact::PaymentDeallocated { .. }
        | Fact::PaymentDueRestored { .. }
        | Fact::PaymentRemoved { .. }
        | Fact::ByHand(_)
        | Fact::AccountUpserted { .. }
        | Fact::InvoiceCreated { .. }
        | Fact::InvoiceSent { .. }
        | Fact::InvoiceProvisioned { .. }
        | Fact::InvoiceVoided { .. }
        | Fact::VoidCandidateFlagged { .. }
        | Fact::VoidCandidateCleared { .. }
        | Fact::PaymentRecorded { .. }
        | Fact::PaymentAllocated { .. }
        | Fact::PaymentParked { .. }
        | Fact::PaymentSplit { .. }
        | Fact::PaymentSplitUndone { .. }
        | Fact::BalanceChanged { .. }
        | Fact::BalanceOverdrawn { .. }
        | Fact::BalanceThreshold { .. }
        | Fact::HoldExpired { .. }
        | Fact::CommandPendingProof { .. }
        | Fact::CommandRejected { .. }
        | Fact::DriftFound { .. }
        | Fact::DriftCleared { .. } => {}
    }
}

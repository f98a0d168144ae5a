//! The commands that split a payment and take that back.

use std::collections::BTreeSet;

use super::code::DecodeCode;
use super::command::{ALLOCATIONS_MAX, allocation};
use super::fields::{Fields, Zero, maybe, need};
use crate::domain::ids::{AccountId, InvoiceId, PaymentId};
use crate::domain::input::Command;
use crate::domain::split::{Share, SplitPayment};

/// Parts of one command, and invoices that they may pay together: all of them are locked and
/// written in one transaction.
const PARTS_MAX: usize = 50;
const INVOICES_MAX: usize = 200;

pub(super) fn split_payment(fields: &mut Fields<'_>) -> Option<Command> {
    let payment_id = fields.id(need("payment_id"), PaymentId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let parts = fields.list(maybe("parts")).unwrap_or_default();
    if !(1..=PARTS_MAX).contains(&parts.len()) {
        fields.refuse(DecodeCode::DataInvalid, need("parts"), "a list of 1 to 50 parts");
    }
    let mut named = BTreeSet::new();
    let mut invoices = BTreeSet::new();
    let parts = fields.each(parts, |fields| {
        let share = share(fields, &mut invoices)?;
        if !named.insert(share.account_id.clone()) {
            let at = need("parts[].account_id");
            fields.refuse(DecodeCode::DataInvalid, at, "each account once");
        }
        Some(share)
    });
    let reason = fields.label(maybe("reason"));
    Some(Command::SplitPayment(SplitPayment {
        payment_id: payment_id?,
        account_id: account_id?,
        parts,
        reason,
    }))
}

/// One part; `named` are the invoices of all parts so far.
fn share(fields: &mut Fields<'_>, named: &mut BTreeSet<InvoiceId>) -> Option<Share> {
    let account_id = fields.id(need("parts[].account_id"), AccountId::parse);
    let amount = fields.amount(need("parts[].amount"), Zero::Refused);
    let at = maybe("parts[].allocations");
    let pays = fields.list(at).unwrap_or_default();
    if pays.len() > ALLOCATIONS_MAX {
        fields.refuse(DecodeCode::DataInvalid, at, "at most 50 allocations");
    }
    // The count tells where the list of one part ends.
    fields.count_of(at, pays.len());
    let places = (need("parts[].allocations[].invoice_id"), maybe("parts[].allocations[].amount"));
    let allocations = fields.each(pays, |part| allocation(part, places, named));
    if named.len() > INVOICES_MAX {
        fields.refuse(DecodeCode::DataInvalid, at, "at most 200 invoices in all parts");
    }
    Some(Share { account_id: account_id?, amount: amount?, allocations })
}

pub(super) fn unsplit_payment(fields: &mut Fields<'_>) -> Option<Command> {
    let payment_id = fields.id(need("payment_id"), PaymentId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let reason = fields.label(maybe("reason"));
    Some(Command::UnsplitPayment { payment_id: payment_id?, account_id: account_id?, reason })
}

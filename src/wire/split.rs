//! The commands that split a payment and take that back.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::code::DecodeCode;
use super::command::{ALLOCATIONS_MAX, AllocationPartData};
use super::fields::{Fields, Zero, maybe, need};
use super::strict::{MapOnly, Text};
use crate::domain::ids::{AccountId, InvoiceId, PaymentId};
use crate::domain::input::{AllocationPart, Command, Input};
use crate::domain::split::{Share, SplitPayment};

/// Parts of one command, and invoices that they may pay together: all of them are locked and
/// written in one transaction.
const PARTS_MAX: usize = 50;
const INVOICES_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitPaymentData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    parts: Option<Vec<MapOnly<ShareData<'a>>>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareData<'a> {
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    allocations: Option<Vec<MapOnly<AllocationPartData<'a>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnsplitPaymentData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

pub(super) fn split_payment(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: SplitPaymentData<'_> = fields.object(data)?;
    let payment_id = fields.id(need("payment_id"), data.payment_id, PaymentId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let shares = data.parts.unwrap_or_default();
    if !(1..=PARTS_MAX).contains(&shares.len()) {
        fields.refuse(DecodeCode::DataInvalid, need("parts"), "a list of 1 to 50 parts");
        return None;
    }
    let mut named = BTreeSet::new();
    let mut invoices = BTreeSet::new();
    let mut parts = Vec::with_capacity(shares.len());
    for (index, MapOnly(data)) in shares.into_iter().enumerate() {
        let at = need("parts[].account_id").item(index);
        let share = share(data, index, fields, &mut invoices);
        if share.as_ref().is_some_and(|share| !named.insert(share.account_id.clone())) {
            fields.refuse(DecodeCode::DataInvalid, at, "each account once");
        }
        parts.extend(share);
    }
    let reason = fields.label(maybe("reason"), data.reason);
    Some(Input::Command(Command::SplitPayment(SplitPayment {
        payment_id: payment_id?,
        account_id: account_id?,
        parts,
        reason,
    })))
}

/// One part; `named` are the invoices of all parts so far.
fn share(
    data: ShareData<'_>,
    index: usize,
    fields: &mut Fields,
    named: &mut BTreeSet<InvoiceId>,
) -> Option<Share> {
    let at = need("parts[].account_id").item(index);
    let account_id = fields.id(at, data.account_id, AccountId::parse);
    let at = need("parts[].amount").item(index);
    let amount = fields.amount(at, data.amount, Zero::Refused);
    let at = maybe("parts[].allocations").item(index);
    let pays = data.allocations.unwrap_or_default();
    if pays.len() > ALLOCATIONS_MAX {
        fields.refuse(DecodeCode::DataInvalid, at, "at most 50 allocations");
        return None;
    }
    // The count tells where the list of one part ends.
    fields.count_of(at, pays.len());
    let (invoice_at, amount_at) =
        (need("parts[].allocations[].invoice_id"), maybe("parts[].allocations[].amount"));
    let mut allocations = Vec::with_capacity(pays.len());
    for MapOnly(part) in pays {
        let at = invoice_at.item(index);
        let invoice_id = fields.id(at, part.invoice_id, InvoiceId::parse);
        let amount = fields.amount(amount_at.item(index), part.amount, Zero::Refused);
        if let Some(invoice_id) = invoice_id {
            if !named.insert(invoice_id.clone()) {
                fields.refuse(DecodeCode::DataInvalid, at, "each invoice once");
            }
            allocations.push(AllocationPart { invoice_id, amount });
        }
    }
    if named.len() > INVOICES_MAX {
        fields.refuse(DecodeCode::DataInvalid, at, "at most 200 invoices in all parts");
    }
    Some(Share { account_id: account_id?, amount: amount?, allocations })
}

pub(super) fn unsplit_payment(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: UnsplitPaymentData<'_> = fields.object(data)?;
    let payment_id = fields.id(need("payment_id"), data.payment_id, PaymentId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let reason = fields.label(maybe("reason"), data.reason);
    Some(Input::Command(Command::UnsplitPayment {
        payment_id: payment_id?,
        account_id: account_id?,
        reason,
    }))
}

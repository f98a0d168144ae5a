//! The data of commands (contract §2.1): one reader per type.
//!
//! Fields are checked in the order of the contract's table, which is also their order in the
//! content hash.

use std::collections::BTreeSet;

use super::code::DecodeCode;
use super::fields::{At, Fields, Zero, maybe, need};
use super::strict::string_of;
use super::values::is_label;
use crate::domain::allocation::AllocationPart;
use crate::domain::ids::{AccountId, InvoiceId, PaymentId, SuggestionId};
use crate::domain::input::{
    AllocatePayment, Command, CreateInvoice, MatchWord, RecordPayment, UpsertAccount,
};
use crate::domain::matching::upstream::{self, GivenReference, REFERENCES_MAX, Scheme};
use crate::domain::money::Money;
use crate::domain::split::PART_PREFIX;
use crate::domain::threshold::Levels;

/// Payer or virtual accounts of one customer: an agent may pay from dozens.
const ACCOUNT_NUMBERS_MAX: usize = 100;
/// Invoices that one command may pay: all of them are locked and written in one transaction.
pub(super) const ALLOCATIONS_MAX: usize = 50;
/// Ten years.
const STALE_AFTER_DAYS_MAX: u32 = 3_650;
/// A reference as it is printed, in groups.
const REFERENCE_BYTES_MAX: usize = 64;
/// Levels of one currency, and currencies that have some.
const LEVELS_MAX: usize = 10;
const LEVEL_CURRENCIES_MAX: usize = 20;

pub(super) fn upsert_account(fields: &mut Fields<'_>) -> Option<Command> {
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let name = fields.name(need("name"));
    let payer_accounts = fields.account_numbers(maybe("payer_accounts"), ACCOUNT_NUMBERS_MAX);
    let virtual_accounts = fields.account_numbers(maybe("virtual_accounts"), ACCOUNT_NUMBERS_MAX);
    let credit_limits = credit_limits(fields);
    let stale = fields.integer(maybe("stale_after_days"), 1..=STALE_AFTER_DAYS_MAX);
    let time_zone = fields.time_zone(maybe("time_zone"));
    let balance_levels = balance_levels(fields);
    Some(Command::UpsertAccount(UpsertAccount {
        account_id: account_id?,
        name: name?,
        payer_accounts,
        virtual_accounts,
        credit_limits,
        stale_after_days: stale.and_then(|days| u16::try_from(days).ok()),
        time_zone,
        balance_levels,
    }))
}

/// Sorted by currency; the levels of one in their order, each once.
fn balance_levels(fields: &mut Fields<'_>) -> Option<Levels> {
    let at = maybe("balance_levels");
    let levels = fields.lists_by_currency(at)?;
    fields.count_of(at, levels.len());
    let mut given = Vec::with_capacity(levels.len());
    for (index, (currency, amounts)) in levels.into_iter().enumerate() {
        let at = at.item(index);
        let currency = fields.currency_of(at, &currency);
        if amounts.len() > LEVELS_MAX {
            fields.refuse(DecodeCode::DataInvalid, at, "at most 10 levels of a currency");
            continue;
        }
        fields.count_of(at, amounts.len());
        let mut of = Vec::with_capacity(amounts.len());
        for amount in amounts {
            of.extend(fields.money_of(at, amount.get(), currency, Zero::Allowed));
        }
        given.extend(currency.map(|currency| (currency, of)));
    }
    if given.len() > LEVEL_CURRENCIES_MAX {
        fields.refuse(DecodeCode::DataInvalid, at, "at most 20 currencies");
    }
    Some(Levels::new(given))
}

fn credit_limits(fields: &mut Fields<'_>) -> Option<Vec<Money>> {
    let at = maybe("credit_limits");
    let limits = fields.by_currency(at)?;
    // The count tells an empty object ("none any more") from an absent one ("as it was").
    fields.count_of(at, limits.len());
    let mut monies = Vec::with_capacity(limits.len());
    for (index, (currency, amount)) in limits.into_iter().enumerate() {
        let currency = fields.currency_of(at.item(index), &currency);
        monies.extend(fields.money_of(at.item(index), amount, currency, Zero::Allowed));
    }
    Some(monies)
}

pub(super) fn create_invoice(fields: &mut Fields<'_>) -> Option<Command> {
    let invoice_id = fields.id(need("invoice_id"), InvoiceId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let name = fields.name(need("name"));
    let currency = fields.currency(need("currency"));
    let amount = fields.money(need("amount"), currency, Zero::Refused);
    let due_date = fields.date(maybe("due_date"));
    let send = fields.flag(maybe("send"));
    let references = references(fields);
    Some(Command::CreateInvoice(CreateInvoice {
        invoice_id: invoice_id?,
        account_id: account_id?,
        name: name?,
        amount: amount?,
        due_date,
        send,
        references,
    }))
}

/// Texts, or objects that name the scheme as well. How they are grouped does not count.
fn references(fields: &mut Fields<'_>) -> Vec<GivenReference> {
    let list = fields.list(maybe("references")).unwrap_or_default();
    if list.len() > REFERENCES_MAX {
        fields.refuse(DecodeCode::DataInvalid, maybe("references"), "at most 10 references");
        return Vec::new();
    }
    let schemes = Scheme::ALL.map(|scheme| (scheme.word(), scheme));
    let mut given = Vec::with_capacity(list.len());
    for (index, json) in list.into_iter().enumerate() {
        let at = maybe("references[]").item(index);
        let read = match string_of(json.get()) {
            Some(text) => Some((Some(text), None)),
            None => fields.document(json.get(), |fields| {
                let text = fields.text(maybe("references[].reference"));
                let scheme = maybe("references[].scheme").item(index);
                Some((text, fields.choice(scheme, &schemes)))
            }),
        };
        let Some((text, scheme)) = read else { continue };
        let good = |text: &str| {
            !text.trim().is_empty() && text.len() <= REFERENCE_BYTES_MAX && is_label(text)
        };
        let Some(text) = text.filter(|text| good(text)) else {
            fields.refuse(DecodeCode::DataInvalid, at, "a reference of 1 to 64 characters");
            continue;
        };
        fields.put(at, upstream::fold(&text).as_deref().unwrap_or(&text));
        given.push(GivenReference { text: text.into_owned(), scheme });
    }
    given
}

pub(super) fn mark_invoice_sent(fields: &mut Fields<'_>) -> Option<Command> {
    let invoice_id = fields.id(need("invoice_id"), InvoiceId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    Some(Command::MarkInvoiceSent { invoice_id: invoice_id?, account_id: account_id? })
}

pub(super) fn void_invoice(fields: &mut Fields<'_>) -> Option<Command> {
    let invoice_id = fields.id(need("invoice_id"), InvoiceId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let reason = fields.label(maybe("reason"));
    let candidate_since = fields.instant(maybe("candidate_since"));
    Some(Command::VoidInvoice {
        invoice_id: invoice_id?,
        account_id: account_id?,
        reason,
        candidate_since,
    })
}

pub(super) fn keep_invoice(fields: &mut Fields<'_>) -> Option<Command> {
    let invoice_id = fields.id(need("invoice_id"), InvoiceId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let until = fields.date(maybe("until"));
    Some(Command::KeepInvoice { invoice_id: invoice_id?, account_id: account_id?, until })
}

pub(super) fn record_payment(fields: &mut Fields<'_>) -> Option<Command> {
    let at = need("payment_id");
    let payment_id = fields.id(at, PaymentId::parse);
    if payment_id.as_ref().is_some_and(|id| id.as_str().starts_with(PART_PREFIX)) {
        fields.refuse(DecodeCode::IdInvalid, at, "an id that does not begin with SPLIT:");
    }
    let account_id = fields.id(maybe("account_id"), AccountId::parse);
    let currency = fields.currency(need("currency"));
    let amount = fields.money(need("amount"), currency, Zero::Refused);
    let received_on = fields.date(need("received_on"));
    let method = fields.name(need("method"));
    let reference = fields.label(maybe("reference"));
    let remark = fields.label(maybe("remark"));
    Some(Command::RecordPayment(RecordPayment {
        payment_id: payment_id?,
        account_id,
        amount: amount?,
        received_on: received_on?,
        method: method?,
        reference,
        remark,
    }))
}

pub(super) fn assign_payment(fields: &mut Fields<'_>) -> Option<Command> {
    let payment_id = fields.id(need("payment_id"), PaymentId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    Some(Command::AssignPayment { payment_id: payment_id?, account_id: account_id? })
}

pub(super) fn allocate_payment(fields: &mut Fields<'_>) -> Option<Command> {
    let payment_id = fields.id(need("payment_id"), PaymentId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let parts = fields.list(maybe("allocations")).unwrap_or_default();
    if !(1..=ALLOCATIONS_MAX).contains(&parts.len()) {
        let expected = "a list of 1 to 50 allocations";
        fields.refuse(DecodeCode::DataInvalid, need("allocations"), expected);
    }
    let at = (need("allocations[].invoice_id"), maybe("allocations[].amount"));
    let mut named = BTreeSet::new();
    let allocations = fields.each(parts, |part| allocation(part, at, &mut named));
    Some(Command::AllocatePayment(AllocatePayment {
        payment_id: payment_id?,
        account_id: account_id?,
        allocations,
    }))
}

/// An invoice to pay, and how much of it; `named` are those so far.
pub(super) fn allocation(
    fields: &mut Fields<'_>,
    at: (At, At),
    named: &mut BTreeSet<InvoiceId>,
) -> Option<AllocationPart> {
    let invoice_id = fields.id(at.0, InvoiceId::parse);
    let amount = fields.amount(at.1, Zero::Refused);
    let invoice_id = invoice_id?;
    if !named.insert(invoice_id.clone()) {
        fields.refuse(DecodeCode::DataInvalid, at.0, "each invoice once");
    }
    Some(AllocationPart { invoice_id, amount })
}

pub(super) fn deallocate_payment(fields: &mut Fields<'_>) -> Option<Command> {
    let payment_id = fields.id(need("payment_id"), PaymentId::parse);
    let invoice_id = fields.id(need("invoice_id"), InvoiceId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let reason = fields.label(maybe("reason"));
    Some(Command::DeallocatePayment {
        payment_id: payment_id?,
        invoice_id: invoice_id?,
        account_id: account_id?,
        reason,
    })
}

pub(super) fn remove_payment(fields: &mut Fields<'_>) -> Option<Command> {
    let payment_id = fields.id(need("payment_id"), PaymentId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let reason = fields.label(maybe("reason"));
    Some(Command::RemovePayment { payment_id: payment_id?, account_id: account_id?, reason })
}

fn match_word(fields: &mut Fields<'_>) -> Option<MatchWord> {
    let payment_id = fields.id(need("payment_id"), PaymentId::parse);
    let suggestion_id = fields.id(need("suggestion_id"), SuggestionId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let reason = fields.label(maybe("reason"));
    Some(MatchWord {
        payment_id: payment_id?,
        suggestion_id: suggestion_id?,
        account_id: account_id?,
        reason,
    })
}

pub(super) fn confirm_match(fields: &mut Fields<'_>) -> Option<Command> {
    match_word(fields).map(Command::ConfirmMatch)
}

pub(super) fn reject_match(fields: &mut Fields<'_>) -> Option<Command> {
    match_word(fields).map(Command::RejectMatch)
}

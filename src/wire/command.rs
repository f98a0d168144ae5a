//! The data of commands (contract §2.1): one strict DTO and one reader per type.
//!
//! DTO fields are raw text; `Fields` checks them in the order of the contract's table, which is
//! also their order in the content hash.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::code::DecodeCode;
use super::fields::{Fields, Zero, maybe, need};
use super::strict::{MapOnly, Text, string_of};
use super::values::is_label;
use crate::domain::ids::{AccountId, InvoiceId, PaymentId, SuggestionId};
use crate::domain::input::{
    AllocatePayment, AllocationPart, Command, CreateInvoice, Input, MatchWord, RecordPayment,
    UpsertAccount,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpsertAccountData<'a> {
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    payer_accounts: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    virtual_accounts: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    credit_limits: Option<PerCurrency<'a, &'a RawValue>>,
    #[serde(borrow)]
    balance_levels: Option<PerCurrency<'a, Vec<&'a RawValue>>>,
    #[serde(borrow)]
    stale_after_days: Option<&'a RawValue>,
    #[serde(borrow)]
    time_zone: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateInvoiceData<'a> {
    #[serde(borrow)]
    invoice_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    due_date: Option<Text<'a>>,
    send: Option<bool>,
    #[serde(borrow)]
    references: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkInvoiceSentData<'a> {
    #[serde(borrow)]
    invoice_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VoidInvoiceData<'a> {
    #[serde(borrow)]
    invoice_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
    #[serde(borrow)]
    candidate_since: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeepInvoiceData<'a> {
    #[serde(borrow)]
    invoice_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    until: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordPaymentData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    received_on: Option<Text<'a>>,
    #[serde(borrow)]
    method: Option<Text<'a>>,
    #[serde(borrow)]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    remark: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssignPaymentData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllocatePaymentData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    allocations: Option<Vec<MapOnly<AllocationPartData<'a>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllocationPartData<'a> {
    #[serde(borrow)]
    pub invoice_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub amount: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeallocatePaymentData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    invoice_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceData<'a> {
    #[serde(borrow)]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    scheme: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemovePaymentData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MatchWordData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    suggestion_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

/// An object of currency to something, in the order given. A key given twice never gets here.
struct PerCurrency<'a, T>(Vec<(Text<'a>, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for PerCurrency<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = PerCurrency<'de, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object by currency")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(PerCurrency(pairs))
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

pub(super) fn upsert_account(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: UpsertAccountData<'_> = fields.object(data)?;
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let name = fields.name(need("name"), data.name);
    let payers = maybe("payer_accounts");
    let payer_accounts = fields.account_numbers(payers, data.payer_accounts, ACCOUNT_NUMBERS_MAX);
    let virtuals = maybe("virtual_accounts");
    let virtual_accounts =
        fields.account_numbers(virtuals, data.virtual_accounts, ACCOUNT_NUMBERS_MAX);
    let credit_limits = data.credit_limits.map(|limits| credit_limits(limits, fields));
    let days = maybe("stale_after_days");
    let stale = fields.integer(days, data.stale_after_days, 1..=STALE_AFTER_DAYS_MAX);
    let time_zone = fields.time_zone(maybe("time_zone"), data.time_zone);
    let balance_levels = data.balance_levels.map(|levels| balance_levels(levels, fields));
    Some(Input::Command(Command::UpsertAccount(UpsertAccount {
        account_id: account_id?,
        name: name?,
        payer_accounts,
        virtual_accounts,
        credit_limits,
        stale_after_days: stale.and_then(|days| u16::try_from(days).ok()),
        time_zone,
        balance_levels,
    })))
}

/// Sorted by currency; the levels of one in their order, each once.
fn balance_levels(levels: PerCurrency<'_, Vec<&RawValue>>, fields: &mut Fields) -> Levels {
    let mut levels = levels.0;
    levels.sort_by(|left, right| left.0.0.cmp(&right.0.0));
    let at = maybe("balance_levels");
    fields.count_of(at, levels.len());
    let mut given = Vec::with_capacity(levels.len());
    for (index, (currency, amounts)) in levels.into_iter().enumerate() {
        let at = at.item(index);
        let currency = fields.currency(at, Some(currency));
        if amounts.len() > LEVELS_MAX {
            fields.refuse(DecodeCode::DataInvalid, at, "at most 10 levels of a currency");
            continue;
        }
        fields.count_of(at, amounts.len());
        let mut of = Vec::with_capacity(amounts.len());
        for amount in amounts {
            of.extend(fields.money(at, Some(amount), currency, Zero::Allowed));
        }
        given.extend(currency.map(|currency| (currency, of)));
    }
    if given.len() > LEVEL_CURRENCIES_MAX {
        fields.refuse(DecodeCode::DataInvalid, at, "at most 20 currencies");
    }
    Levels::new(given)
}

/// Sorted by currency: the order of an object's keys means nothing.
fn credit_limits(limits: PerCurrency<'_, &RawValue>, fields: &mut Fields) -> Vec<Money> {
    let mut limits = limits.0;
    limits.sort_by(|left, right| left.0.0.cmp(&right.0.0));
    let at = maybe("credit_limits");
    // The count tells an empty object ("none any more") from an absent one ("as it was").
    fields.count_of(at, limits.len());
    let mut monies = Vec::with_capacity(limits.len());
    for (index, (currency, amount)) in limits.into_iter().enumerate() {
        let currency = fields.currency(at.item(index), Some(currency));
        monies.extend(fields.money(at.item(index), Some(amount), currency, Zero::Allowed));
    }
    monies
}

pub(super) fn create_invoice(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: CreateInvoiceData<'_> = fields.object(data)?;
    let invoice_id = fields.id(need("invoice_id"), data.invoice_id, InvoiceId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let name = fields.name(need("name"), data.name);
    let currency = fields.currency(need("currency"), data.currency);
    let amount = fields.money(need("amount"), data.amount, currency, Zero::Refused);
    let due_date = fields.date(maybe("due_date"), data.due_date);
    let send = fields.flag(maybe("send"), data.send);
    let references = references(data.references, fields);
    Some(Input::Command(Command::CreateInvoice(CreateInvoice {
        invoice_id: invoice_id?,
        account_id: account_id?,
        name: name?,
        amount: amount?,
        due_date,
        send,
        references,
    })))
}

/// Texts, or objects that name the scheme as well. How they are grouped does not count.
fn references(list: Option<Vec<&RawValue>>, fields: &mut Fields) -> Vec<GivenReference> {
    let list = list.unwrap_or_default();
    let at = maybe("references[]");
    if list.len() > REFERENCES_MAX {
        fields.refuse(DecodeCode::DataInvalid, maybe("references"), "at most 10 references");
        return Vec::new();
    }
    let schemes = Scheme::ALL.map(|scheme| (scheme.word(), scheme));
    let mut given = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        let at = at.item(index);
        let (text, scheme) = match string_of(raw.get()) {
            Some(text) => (Some(Text(text)), None),
            None => match fields.object::<ReferenceData<'_>>(raw.get()) {
                Some(data) => (data.reference, data.scheme),
                None => continue,
            },
        };
        let scheme = fields.choice(maybe("references[].scheme").item(index), scheme, &schemes);
        let known = text.is_some();
        let text = text.map(|text| text.0).unwrap_or_default();
        if !known || text.trim().is_empty() || text.len() > REFERENCE_BYTES_MAX || !is_label(&text)
        {
            fields.refuse(DecodeCode::DataInvalid, at, "a reference of 1 to 64 characters");
            continue;
        }
        fields.put(at, upstream::fold(&text).as_deref().unwrap_or(&text));
        given.push(GivenReference { text: text.into_owned(), scheme });
    }
    given
}

pub(super) fn mark_invoice_sent(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: MarkInvoiceSentData<'_> = fields.object(data)?;
    let invoice_id = fields.id(need("invoice_id"), data.invoice_id, InvoiceId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    Some(Input::Command(Command::MarkInvoiceSent {
        invoice_id: invoice_id?,
        account_id: account_id?,
    }))
}

pub(super) fn void_invoice(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: VoidInvoiceData<'_> = fields.object(data)?;
    let invoice_id = fields.id(need("invoice_id"), data.invoice_id, InvoiceId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let reason = fields.label(maybe("reason"), data.reason);
    let candidate_since = fields.instant(maybe("candidate_since"), data.candidate_since);
    Some(Input::Command(Command::VoidInvoice {
        invoice_id: invoice_id?,
        account_id: account_id?,
        reason,
        candidate_since,
    }))
}

pub(super) fn keep_invoice(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: KeepInvoiceData<'_> = fields.object(data)?;
    let invoice_id = fields.id(need("invoice_id"), data.invoice_id, InvoiceId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let until = fields.date(maybe("until"), data.until);
    Some(Input::Command(Command::KeepInvoice {
        invoice_id: invoice_id?,
        account_id: account_id?,
        until,
    }))
}

pub(super) fn record_payment(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: RecordPaymentData<'_> = fields.object(data)?;
    let at = need("payment_id");
    let payment_id = fields.id(at, data.payment_id, PaymentId::parse);
    if payment_id.as_ref().is_some_and(|id| id.as_str().starts_with(PART_PREFIX)) {
        fields.refuse(DecodeCode::IdInvalid, at, "an id that does not begin with SPLIT:");
    }
    let account_id = fields.id(maybe("account_id"), data.account_id, AccountId::parse);
    let currency = fields.currency(need("currency"), data.currency);
    let amount = fields.money(need("amount"), data.amount, currency, Zero::Refused);
    let received_on = fields.date(need("received_on"), data.received_on);
    let method = fields.name(need("method"), data.method);
    let reference = fields.label(maybe("reference"), data.reference);
    let remark = fields.label(maybe("remark"), data.remark);
    Some(Input::Command(Command::RecordPayment(RecordPayment {
        payment_id: payment_id?,
        account_id,
        amount: amount?,
        received_on: received_on?,
        method: method?,
        reference,
        remark,
    })))
}

pub(super) fn assign_payment(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: AssignPaymentData<'_> = fields.object(data)?;
    let payment_id = fields.id(need("payment_id"), data.payment_id, PaymentId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    Some(Input::Command(Command::AssignPayment {
        payment_id: payment_id?,
        account_id: account_id?,
    }))
}

pub(super) fn allocate_payment(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: AllocatePaymentData<'_> = fields.object(data)?;
    let payment_id = fields.id(need("payment_id"), data.payment_id, PaymentId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let parts = data.allocations.unwrap_or_default();
    if !(1..=ALLOCATIONS_MAX).contains(&parts.len()) {
        let expected = "a list of 1 to 50 allocations";
        fields.refuse(DecodeCode::DataInvalid, need("allocations"), expected);
        return None;
    }
    let (invoice_at, amount_at) = (need("allocations[].invoice_id"), maybe("allocations[].amount"));
    let mut named = BTreeSet::new();
    let mut allocations = Vec::with_capacity(parts.len());
    for (index, MapOnly(part)) in parts.into_iter().enumerate() {
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
    Some(Input::Command(Command::AllocatePayment(AllocatePayment {
        payment_id: payment_id?,
        account_id: account_id?,
        allocations,
    })))
}

pub(super) fn deallocate_payment(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: DeallocatePaymentData<'_> = fields.object(data)?;
    let payment_id = fields.id(need("payment_id"), data.payment_id, PaymentId::parse);
    let invoice_id = fields.id(need("invoice_id"), data.invoice_id, InvoiceId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let reason = fields.label(maybe("reason"), data.reason);
    Some(Input::Command(Command::DeallocatePayment {
        payment_id: payment_id?,
        invoice_id: invoice_id?,
        account_id: account_id?,
        reason,
    }))
}

pub(super) fn remove_payment(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: RemovePaymentData<'_> = fields.object(data)?;
    let payment_id = fields.id(need("payment_id"), data.payment_id, PaymentId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let reason = fields.label(maybe("reason"), data.reason);
    Some(Input::Command(Command::RemovePayment {
        payment_id: payment_id?,
        account_id: account_id?,
        reason,
    }))
}

fn match_word(data: &str, fields: &mut Fields) -> Option<MatchWord> {
    let data: MatchWordData<'_> = fields.object(data)?;
    let payment_id = fields.id(need("payment_id"), data.payment_id, PaymentId::parse);
    let suggestion_id = fields.id(need("suggestion_id"), data.suggestion_id, SuggestionId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let reason = fields.label(maybe("reason"), data.reason);
    Some(MatchWord {
        payment_id: payment_id?,
        suggestion_id: suggestion_id?,
        account_id: account_id?,
        reason,
    })
}

pub(super) fn confirm_match(data: &str, fields: &mut Fields) -> Option<Input> {
    match_word(data, fields).map(|word| Input::Command(Command::ConfirmMatch(word)))
}

pub(super) fn reject_match(data: &str, fields: &mut Fields) -> Option<Input> {
    match_word(data, fields).map(|word| Input::Command(Command::RejectMatch(word)))
}

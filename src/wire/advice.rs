//! Remittance advice: what a payment is for, told beside it.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::code::DecodeCode;
use super::fields::{Fields, Zero, maybe, need};
use super::strict::{MapOnly, Text};
use super::values::is_label;
use crate::domain::advice::{AdviceKey, AdviceLine, LINES_MAX, LineName, RemittanceAdvice};
use crate::domain::ids::{AdviceId, BankAccountId, InvoiceId};
use crate::domain::input::Input;
use crate::domain::matching::{upstream, weak};
use crate::domain::money::{Currency, Money};

const REFERENCE_BYTES_MAX: usize = 140;
const LINE_REFERENCE_BYTES_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdviceData<'a> {
    #[serde(borrow)]
    advice_id: Option<Text<'a>>,
    #[serde(borrow)]
    bank_account: Option<Text<'a>>,
    #[serde(borrow)]
    payer_account: Option<Text<'a>>,
    #[serde(borrow)]
    payment_reference: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    invoices: Option<Vec<MapOnly<LineData<'a>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineData<'a> {
    #[serde(borrow)]
    invoice_id: Option<Text<'a>>,
    #[serde(borrow)]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
}

pub(super) fn advice(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: AdviceData<'_> = fields.object(data)?;
    let advice_id = fields.producer_id(need("advice_id"), data.advice_id, AdviceId::parse);
    let bank_account = fields.id(need("bank_account"), data.bank_account, BankAccountId::parse);
    // How they are grouped is no content.
    let payer_account = text(fields, "payer_account", data.payer_account, weak::fold);
    let payment_reference = text(fields, "payment_reference", data.payment_reference, weak::fold);
    let currency = fields.currency(need("currency"), data.currency);
    let amount = fields.money(need("amount"), data.amount, currency, Zero::Refused);
    let lines = lines(data.invoices, currency, fields)?;
    let advice = RemittanceAdvice {
        key: AdviceKey { bank_account: bank_account?, advice_id: advice_id? },
        payer_account,
        payment_reference,
        amount: amount?,
        lines,
    };
    if sum(&advice.lines) != Some(advice.amount) {
        let expected = "the sum of the invoices' amounts";
        fields.refuse(DecodeCode::AdviceSumMismatch, need("amount"), expected);
    }
    if advice.payer_key().is_none() && advice.reference_key().is_none() {
        let expected = "it, or payment_reference, to name one payer or payment";
        fields.refuse(DecodeCode::AdviceWithoutKey, maybe("payer_account"), expected);
    }
    Some(Input::Advice(Box::new(advice)))
}

/// A text that is compared without its separators.
fn text(
    fields: &mut Fields,
    name: &'static str,
    text: Option<Text<'_>>,
    fold: fn(&str) -> String,
) -> Option<String> {
    let text = text?.0;
    if text.trim().is_empty() || text.len() > REFERENCE_BYTES_MAX || !is_label(&text) {
        fields.refuse(DecodeCode::DataInvalid, maybe(name), "1 to 140 visible characters");
        return None;
    }
    fields.put(maybe(name), &fold(&text));
    Some(text.into_owned())
}

fn lines(
    data: Option<Vec<MapOnly<LineData<'_>>>>,
    currency: Option<Currency>,
    fields: &mut Fields,
) -> Option<Vec<AdviceLine>> {
    let data = data.unwrap_or_default();
    if !(1..=LINES_MAX).contains(&data.len()) {
        fields.refuse(DecodeCode::DataInvalid, need("invoices"), "a list of 1 to 100 invoices");
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut lines = Vec::with_capacity(data.len());
    for (index, MapOnly(line)) in data.into_iter().enumerate() {
        let at = maybe("invoices[].invoice_id").item(index);
        let both = line.invoice_id.is_some() == line.reference.is_some();
        let id = fields.id(at, line.invoice_id, InvoiceId::parse).map(LineName::Invoice);
        let name = id.or_else(|| reference(fields, index, line.reference));
        if both {
            fields.refuse(DecodeCode::DataInvalid, at, "either it or a reference");
        }
        let amount_at = need("invoices[].amount").item(index);
        let amount = fields.money(amount_at, line.amount, currency, Zero::Refused);
        let (Some(name), Some(amount)) = (name, amount) else { continue };
        if !seen.insert((name.reference_key(), name.number_key())) {
            fields.refuse(DecodeCode::DataInvalid, at, "each invoice once");
        }
        lines.push(AdviceLine { name, amount });
    }
    Some(lines)
}

fn reference(fields: &mut Fields, index: usize, text: Option<Text<'_>>) -> Option<LineName> {
    let text = text?.0;
    let at = maybe("invoices[].reference").item(index);
    let digits = text.chars().any(char::is_numeric);
    if !digits || text.len() > LINE_REFERENCE_BYTES_MAX || !is_label(&text) {
        fields.refuse(DecodeCode::DataInvalid, at, "1 to 64 characters with a digit");
        return None;
    }
    fields.put(at, upstream::fold(&text).as_deref().unwrap_or(&text));
    Some(LineName::Reference(text.into_owned()))
}

fn sum(lines: &[AdviceLine]) -> Option<Money> {
    let (first, rest) = lines.split_first()?;
    rest.iter().try_fold(first.amount, |sum, line| sum.add(line.amount)).ok()
}

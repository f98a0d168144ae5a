//! Remittance advice: what a payment is for, told beside it.

use std::collections::BTreeSet;

use super::code::DecodeCode;
use super::fields::{Fields, Zero, maybe, need};
use super::values::is_label;
use crate::domain::advice::{AdviceKey, AdviceLine, LINES_MAX, LineName, RemittanceAdvice};
use crate::domain::ids::{AdviceId, BankAccountId, InvoiceId};
use crate::domain::input::Input;
use crate::domain::matching::{upstream, weak};
use crate::domain::money::{Currency, Money};

const REFERENCE_BYTES_MAX: usize = 140;
const LINE_REFERENCE_BYTES_MAX: usize = 64;

pub(super) fn advice(fields: &mut Fields<'_>) -> Option<Input> {
    let advice_id = fields.producer_id(need("advice_id"), AdviceId::parse);
    let bank_account = fields.id(need("bank_account"), BankAccountId::parse);
    let payer_account = text(fields, "payer_account");
    let payment_reference = text(fields, "payment_reference");
    let currency = fields.currency(need("currency"));
    let amount = fields.money(need("amount"), currency, Zero::Refused);
    let lines = lines(fields, currency);
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

/// A text that is compared without its separators: how it is grouped is no content.
fn text(fields: &mut Fields<'_>, name: &'static str) -> Option<String> {
    let text = fields.text(maybe(name))?;
    if text.trim().is_empty() || text.len() > REFERENCE_BYTES_MAX || !is_label(&text) {
        fields.refuse(DecodeCode::DataInvalid, maybe(name), "1 to 140 visible characters");
        return None;
    }
    fields.put(maybe(name), &weak::fold(&text));
    Some(text.into_owned())
}

fn lines(fields: &mut Fields<'_>, currency: Option<Currency>) -> Vec<AdviceLine> {
    let lines = fields.list(maybe("invoices")).unwrap_or_default();
    if !(1..=LINES_MAX).contains(&lines.len()) {
        fields.refuse(DecodeCode::DataInvalid, need("invoices"), "a list of 1 to 100 invoices");
    }
    let mut seen = BTreeSet::new();
    fields.each(lines, |fields| {
        let at = maybe("invoices[].invoice_id");
        let both = fields.has("invoice_id") == fields.has("reference");
        let id = fields.id(at, InvoiceId::parse).map(LineName::Invoice);
        let other = fields.text(maybe("invoices[].reference"));
        let name = id.or_else(|| reference(fields, &other?));
        if both {
            fields.refuse(DecodeCode::DataInvalid, at, "either it or a reference");
        }
        let amount = fields.money(need("invoices[].amount"), currency, Zero::Refused);
        let (name, amount) = (name?, amount?);
        if !seen.insert((name.reference_key(), name.number_key())) {
            fields.refuse(DecodeCode::DataInvalid, at, "each invoice once");
        }
        Some(AdviceLine { name, amount })
    })
}

fn reference(fields: &mut Fields<'_>, text: &str) -> Option<LineName> {
    let at = maybe("invoices[].reference");
    let digits = text.chars().any(char::is_numeric);
    if !digits || text.len() > LINE_REFERENCE_BYTES_MAX || !is_label(text) {
        fields.refuse(DecodeCode::DataInvalid, at, "1 to 64 characters with a digit");
        return None;
    }
    fields.put(at, upstream::fold(text).as_deref().unwrap_or(text));
    Some(LineName::Reference(text.to_owned()))
}

fn sum(lines: &[AdviceLine]) -> Option<Money> {
    let (first, rest) = lines.split_first()?;
    rest.iter().try_fold(first.amount, |sum, line| sum.add(line.amount)).ok()
}

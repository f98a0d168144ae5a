//! The data of usage records (contract §2.3).

use chrono::SubsecRound;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::base64;
use super::fields::{Fields, maybe, need};
use super::strict::Text;
use crate::domain::ids::{AccountId, HoldId, RefundId, UsageId};
use crate::domain::input::Input;
use crate::domain::usage::{Charge, Concerns, HoldAmount, Refund, Usage};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargeData<'a> {
    #[serde(borrow)]
    usage_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    occurred_at: Option<Text<'a>>,
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    hold_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundData<'a> {
    #[serde(borrow)]
    refund_id: Option<Text<'a>>,
    #[serde(borrow)]
    usage_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldData<'a> {
    #[serde(borrow)]
    hold_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WatermarkData<'a> {
    #[serde(borrow)]
    complete_through: Option<Text<'a>>,
}

pub(super) fn charge(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: ChargeData<'_> = fields.object(data)?;
    let usage_id = fields.producer_id(need("usage_id"), data.usage_id, UsageId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let currency = fields.currency(need("currency"), data.currency);
    let amount = fields.usage_amount(need("amount"), data.amount, currency);
    let occurred_at = fields.instant(need("occurred_at"), data.occurred_at);
    let kind = fields.name(need("kind"), data.kind);
    let hold_id = fields.producer_id(maybe("hold_id"), data.hold_id, HoldId::parse);
    Some(Input::Usage(Usage::Charge(Charge {
        usage_id: usage_id?,
        account_id: account_id?,
        amount: amount?,
        // As it is kept: the same charge under another record's id is still the same.
        occurred_at: occurred_at?.trunc_subsecs(6),
        kind: kind?,
        hold_id,
    })))
}

pub(super) fn refund(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: RefundData<'_> = fields.object(data)?;
    let refund_id = fields.producer_id(need("refund_id"), data.refund_id, RefundId::parse);
    let usage_id = fields.producer_id(need("usage_id"), data.usage_id, UsageId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let currency = fields.currency(need("currency"), data.currency);
    let amount = fields.usage_amount(need("amount"), data.amount, currency);
    Some(Input::Usage(Usage::Refund(Refund {
        refund_id: refund_id?,
        usage_id: usage_id?,
        account_id: account_id?,
        amount: amount?,
    })))
}

pub(super) fn hold(data: &str, fields: &mut Fields) -> Option<Input> {
    Some(Input::Usage(Usage::Hold(hold_amount(data, fields)?)))
}

pub(super) fn release(data: &str, fields: &mut Fields) -> Option<Input> {
    Some(Input::Usage(Usage::Release(hold_amount(data, fields)?)))
}

fn hold_amount(data: &str, fields: &mut Fields) -> Option<HoldAmount> {
    let data: HoldData<'_> = fields.object(data)?;
    let hold_id = fields.producer_id(need("hold_id"), data.hold_id, HoldId::parse);
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let currency = fields.currency(need("currency"), data.currency);
    let amount = fields.usage_amount(need("amount"), data.amount, currency);
    Some(HoldAmount { hold_id: hold_id?, account_id: account_id?, amount: amount? })
}

pub(super) fn watermark(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: WatermarkData<'_> = fields.object(data)?;
    let complete_through = fields.instant(need("complete_through"), data.complete_through);
    Some(Input::Usage(Usage::Watermark(complete_through?)))
}

/// Reads who is meant, of a record that may have any fault.
#[must_use]
pub fn usage_account(value: &[u8]) -> Concerns {
    let value = value.strip_prefix(b"\xef\xbb\xbf").unwrap_or(value);
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(value) else {
        return Concerns::All;
    };
    let text =
        |value: Option<&serde_json::Value>| value.and_then(|v| v.as_str()).map(str::to_owned);
    if text(json.get("type")).as_deref() == Some("topup.usage.watermark.v1") {
        return Concerns::Nobody;
    }
    let encoded = json.get("data_base64").and_then(|data| base64::decode(data.as_str()?));
    let decoded = encoded.and_then(|data| serde_json::from_slice(&data).ok());
    let data: Option<&serde_json::Value> = decoded.as_ref().or_else(|| json.get("data"));
    let account = text(data.and_then(|data| data.get("account_id")));
    // What is no account's name may be meant to be anybody's.
    let account = account.filter(|id| AccountId::parse(id).is_ok());
    account.map_or(Concerns::All, Concerns::One)
}

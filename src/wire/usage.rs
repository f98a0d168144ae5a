//! The data of usage records (contract §2.3).

use chrono::SubsecRound;

use super::base64;
use super::fields::{Fields, maybe, need};
use crate::domain::ids::{AccountId, HoldId, RefundId, UsageId};
use crate::domain::usage::{Charge, Concerns, HoldAmount, Refund, Usage};

pub(super) fn charge(fields: &mut Fields<'_>) -> Option<Usage> {
    let usage_id = fields.producer_id(need("usage_id"), UsageId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let currency = fields.currency(need("currency"));
    let amount = fields.usage_amount(need("amount"), currency);
    let occurred_at = fields.instant(need("occurred_at"));
    let kind = fields.name(need("kind"));
    let hold_id = fields.producer_id(maybe("hold_id"), HoldId::parse);
    Some(Usage::Charge(Charge {
        usage_id: usage_id?,
        account_id: account_id?,
        amount: amount?,
        // As it is kept: the same charge under another record's id is still the same.
        occurred_at: occurred_at?.trunc_subsecs(6),
        kind: kind?,
        hold_id,
    }))
}

pub(super) fn refund(fields: &mut Fields<'_>) -> Option<Usage> {
    let refund_id = fields.producer_id(need("refund_id"), RefundId::parse);
    let usage_id = fields.producer_id(need("usage_id"), UsageId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let currency = fields.currency(need("currency"));
    let amount = fields.usage_amount(need("amount"), currency);
    Some(Usage::Refund(Refund {
        refund_id: refund_id?,
        usage_id: usage_id?,
        account_id: account_id?,
        amount: amount?,
    }))
}

pub(super) fn hold(fields: &mut Fields<'_>) -> Option<Usage> {
    hold_amount(fields).map(Usage::Hold)
}

pub(super) fn release(fields: &mut Fields<'_>) -> Option<Usage> {
    hold_amount(fields).map(Usage::Release)
}

fn hold_amount(fields: &mut Fields<'_>) -> Option<HoldAmount> {
    let hold_id = fields.producer_id(need("hold_id"), HoldId::parse);
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let currency = fields.currency(need("currency"));
    let amount = fields.usage_amount(need("amount"), currency);
    Some(HoldAmount { hold_id: hold_id?, account_id: account_id?, amount: amount? })
}

pub(super) fn watermark(fields: &mut Fields<'_>) -> Option<Usage> {
    fields.instant(need("complete_through")).map(Usage::Watermark)
}

/// Reads who is meant, of a record that may have any fault.
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

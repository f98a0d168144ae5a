//! Commands that end something: money leaves the books, a customer is closed, a command waits no
//! more.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{Fields, Zero, maybe, need};
use super::strict::Text;
use crate::domain::ids::{AccountId, MessageId, PaymentId, RecordId, Source};
use crate::domain::input::{CancelCommand, Command, Input, ReleasePayment, ReleaseWord};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundPaymentData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DismissPaymentData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseAccountData<'a> {
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelCommandData<'a> {
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    command_source: Option<Text<'a>>,
    #[serde(borrow)]
    command_id: Option<Text<'a>>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

pub(super) fn refund_payment(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: RefundPaymentData<'_> = fields.object(data)?;
    let payment_id = fields.id(need("payment_id"), data.payment_id, PaymentId::parse);
    let account_id = fields.id(maybe("account_id"), data.account_id, AccountId::parse);
    let amount = fields.amount(maybe("amount"), data.amount, Zero::Refused);
    let reason = fields.label(need("reason"), data.reason);
    Some(Input::Command(Command::ReleasePayment(ReleasePayment {
        payment_id: payment_id?,
        account_id,
        word: ReleaseWord::Refund(amount),
        reason: reason?,
    })))
}

pub(super) fn dismiss_payment(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: DismissPaymentData<'_> = fields.object(data)?;
    let payment_id = fields.id(need("payment_id"), data.payment_id, PaymentId::parse);
    let reason = fields.label(need("reason"), data.reason);
    Some(Input::Command(Command::ReleasePayment(ReleasePayment {
        payment_id: payment_id?,
        account_id: None,
        word: ReleaseWord::Dismiss,
        reason: reason?,
    })))
}

fn closing(data: &str, closed: bool, fields: &mut Fields) -> Option<Input> {
    let data: CloseAccountData<'_> = fields.object(data)?;
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let reason = fields.label(maybe("reason"), data.reason);
    let account_id = account_id?;
    Some(Input::Command(Command::CloseAccount { account_id, closed, reason }))
}

pub(super) fn close_account(data: &str, fields: &mut Fields) -> Option<Input> {
    closing(data, true, fields)
}

pub(super) fn reopen_account(data: &str, fields: &mut Fields) -> Option<Input> {
    closing(data, false, fields)
}

pub(super) fn cancel_command(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: CancelCommandData<'_> = fields.object(data)?;
    let account_id = fields.id(maybe("account_id"), data.account_id, AccountId::parse);
    let source = fields.id(need("command_source"), data.command_source, Source::parse);
    let id = fields.id(need("command_id"), data.command_id, MessageId::parse);
    let reason = fields.label(need("reason"), data.reason);
    Some(Input::Command(Command::CancelCommand(CancelCommand {
        account_id,
        record: RecordId { source: source?, id: id? },
        reason: reason?,
    })))
}

//! Commands that end something: money leaves the books, a customer is closed, a command waits no
//! more.

use super::fields::{Fields, Zero, maybe, need};
use crate::domain::ids::{AccountId, MessageId, PaymentId, RecordId, Source};
use crate::domain::input::{CancelCommand, Command, ReleasePayment, ReleaseWord};

pub(super) fn refund_payment(fields: &mut Fields<'_>) -> Option<Command> {
    let payment_id = fields.id(need("payment_id"), PaymentId::parse);
    let account_id = fields.id(maybe("account_id"), AccountId::parse);
    let amount = fields.amount(maybe("amount"), Zero::Refused);
    let reason = fields.label(need("reason"));
    Some(Command::ReleasePayment(ReleasePayment {
        payment_id: payment_id?,
        account_id,
        word: ReleaseWord::Refund(amount),
        reason: reason?,
    }))
}

pub(super) fn dismiss_payment(fields: &mut Fields<'_>) -> Option<Command> {
    let payment_id = fields.id(need("payment_id"), PaymentId::parse);
    let reason = fields.label(need("reason"));
    Some(Command::ReleasePayment(ReleasePayment {
        payment_id: payment_id?,
        account_id: None,
        word: ReleaseWord::Dismiss,
        reason: reason?,
    }))
}

fn closing(fields: &mut Fields<'_>, closed: bool) -> Option<Command> {
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let reason = fields.label(maybe("reason"));
    Some(Command::CloseAccount { account_id: account_id?, closed, reason })
}

pub(super) fn close_account(fields: &mut Fields<'_>) -> Option<Command> {
    closing(fields, true)
}

pub(super) fn reopen_account(fields: &mut Fields<'_>) -> Option<Command> {
    closing(fields, false)
}

pub(super) fn cancel_command(fields: &mut Fields<'_>) -> Option<Command> {
    let account_id = fields.id(maybe("account_id"), AccountId::parse);
    let source = fields.id(need("command_source"), Source::parse);
    let id = fields.id(need("command_id"), MessageId::parse);
    let reason = fields.label(need("reason"));
    Some(Command::CancelCommand(CancelCommand {
        account_id,
        record: RecordId { source: source?, id: id? },
        reason: reason?,
    }))
}

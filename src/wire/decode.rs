//! From a record to a [`Message`]: the envelope, then the type and its topic, then the data.

use std::sync::Arc;

use thiserror::Error;

pub use super::code::DecodeCode;
use super::envelope;
use super::fields::{Fault, Fields};
use super::strict::string_of;
use super::{advice, bank, bank_content_hash, command, release, returns, split, usage};
use crate::domain::ids::RecordId;
use crate::domain::input::{Input, Message};
use crate::domain::matching::text;

/// The raw parts of a Kafka record, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    pub topic: Topic,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

impl<'a> RawRecord<'a> {
    /// The last header of that name, if it is text.
    pub(super) fn header_text(&self, name: &str) -> Option<&'a str> {
        let named = |(header, _): &&(&str, _)| header.eq_ignore_ascii_case(name);
        let (_, value) = self.headers.iter().rev().find(named)?;
        std::str::from_utf8((*value)?).ok()
    }
}

/// Which of our topics a record was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    Commands,
    BankPayments,
    Usage,
}

/// A record that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {detail}")]
pub struct DecodeFailure {
    pub code: DecodeCode,
    /// The field and what was expected there, at most 300 bytes; never what was found.
    pub detail: String,
    /// What identifies the record, when its source and id could be read.
    pub record: Option<RecordId>,
}

/// A record type: where it belongs and how its data is read.
struct Route {
    name: &'static str,
    topic: Topic,
    read: fn(&str, &mut Fields) -> Option<Input>,
}

const fn command_route(name: &'static str, read: fn(&str, &mut Fields) -> Option<Input>) -> Route {
    Route { name, topic: Topic::Commands, read }
}

const fn bank_route(name: &'static str, read: fn(&str, &mut Fields) -> Option<Input>) -> Route {
    Route { name, topic: Topic::BankPayments, read }
}

const fn usage_route(name: &'static str, read: fn(&str, &mut Fields) -> Option<Input>) -> Route {
    Route { name, topic: Topic::Usage, read }
}

/// Every type that is read here: the most frequent come first.
const ROUTES: [Route; 28] = [
    usage_route("topup.usage.charge.v1", usage::charge),
    bank_route("topup.bank.transaction.v1", bank::transaction),
    bank_route("topup.bank.statement.v1", bank::statement),
    bank_route("topup.remittance.advice.v1", advice::advice),
    usage_route("topup.usage.refund.v1", usage::refund),
    usage_route("topup.usage.hold.v1", usage::hold),
    usage_route("topup.usage.release.v1", usage::release),
    usage_route("topup.usage.watermark.v1", usage::watermark),
    command_route("topup.account.upsert.v1", command::upsert_account),
    command_route("topup.invoice.create.v1", command::create_invoice),
    command_route("topup.invoice.mark-sent.v1", command::mark_invoice_sent),
    command_route("topup.invoice.void.v1", command::void_invoice),
    command_route("topup.invoice.keep.v1", command::keep_invoice),
    command_route("topup.payment.record.v1", command::record_payment),
    command_route("topup.payment.assign.v1", command::assign_payment),
    command_route("topup.payment.allocate.v1", command::allocate_payment),
    command_route("topup.payment.deallocate.v1", command::deallocate_payment),
    command_route("topup.payment.remove.v1", command::remove_payment),
    command_route("topup.match.confirm.v1", command::confirm_match),
    command_route("topup.match.reject.v1", command::reject_match),
    command_route("topup.payment.split.v1", split::split_payment),
    command_route("topup.payment.unsplit.v1", split::unsplit_payment),
    command_route("topup.return.resolve.v1", returns::resolve_return),
    command_route("topup.payment.refund.v1", release::refund_payment),
    command_route("topup.payment.dismiss.v1", release::dismiss_payment),
    command_route("topup.account.close.v1", release::close_account),
    command_route("topup.account.reopen.v1", release::reopen_account),
    command_route("topup.command.cancel.v1", release::cancel_command),
];

/// Decodes a record.
///
/// # Errors
/// [`DecodeFailure`], with the first code in the order of [`DecodeCode`] that applies. A record
/// that fails can never succeed by trying again.
pub fn decode(raw: &RawRecord<'_>) -> Result<Message, DecodeFailure> {
    let envelope = envelope::open(raw)?;
    let record = envelope.record;
    let fail = |record: RecordId, code, detail: String| {
        Err(DecodeFailure { code, detail, record: Some(record) })
    };
    let Some(route) = ROUTES.iter().find(|route| route.name == envelope.kind) else {
        let detail = "type: expected a record type of the contract, in this exact case";
        return fail(record, DecodeCode::UnknownType, detail.to_owned());
    };
    if route.topic != raw.topic {
        let detail = format!("type: {} is not read from this topic", route.name);
        return fail(record, DecodeCode::WrongTopic, detail);
    }
    let mut fields = Fields::new(route.name);
    // An absent object lacks every field; to read it as `null` says so.
    let input = (route.read)(envelope.data.as_deref().unwrap_or("null"), &mut fields);
    if envelope.time.is_none() {
        fields.note(DecodeCode::DateInvalid, || {
            "time: expected RFC 3339 with a zone, year 2000 to 2100".to_owned()
        });
    }
    if let Some((input, key)) = input.as_ref().zip(raw.key)
        && partition_key(input).is_some_and(|expected| !is_key(key, expected))
    {
        fields.note(DecodeCode::KeyMismatch, || {
            format!("key: expected data.{}", key_field(route.topic))
        });
    }
    let content_hash = match fields.finish() {
        Ok(hash) => hash,
        Err(Fault { code, detail }) => return fail(record, code, detail),
    };
    let (Some(input), Some(time)) = (input, envelope.time) else {
        // Whatever is absent here has left a fault above.
        return fail(record, DecodeCode::DataInvalid, "data: incomplete".to_owned());
    };
    let bank_hash = match &input {
        Input::BankTransaction(transaction) => bank_content_hash(transaction),
        Input::BankStatement(_)
        | Input::Advice(_)
        | Input::Command(_)
        | Input::Usage(_)
        | Input::Rematch(_)
        | Input::RetryReturn(_) => content_hash,
    };
    let tokens = match &input {
        Input::BankTransaction(transaction) => Some(Arc::new(text::tokens(transaction))),
        Input::BankStatement(_)
        | Input::Advice(_)
        | Input::Command(_)
        | Input::Usage(_)
        | Input::Rematch(_)
        | Input::RetryReturn(_) => None,
    };
    let traceparent = envelope.traceparent;
    let waited = None;
    Ok(Message { record, time, traceparent, content_hash, bank_hash, tokens, waited, input })
}

/// What the record key must be, if there is one; none for a payment without an account.
fn partition_key(input: &Input) -> Option<&str> {
    match input {
        Input::Command(command) => command.account_id().map(|id| id.as_str()),
        Input::Usage(usage) => usage.account_id().map(|id| id.as_str()),
        Input::BankTransaction(transaction) => Some(transaction.bank_account.as_str()),
        Input::BankStatement(statement) => Some(statement.bank_account.as_str()),
        Input::Advice(advice) => Some(advice.key.bank_account.as_str()),
        // No record asks for it.
        Input::Rematch(_) | Input::RetryReturn(_) => None,
    }
}

/// Whether a record's key is `expected`: as text, or as the JSON string that some serialisers make
/// of a text.
fn is_key(key: &[u8], expected: &str) -> bool {
    let quoted = || {
        let text = std::str::from_utf8(key).ok()?;
        string_of(text).map(|text| text == expected)
    };
    key == expected.as_bytes() || quoted().unwrap_or(false)
}

fn key_field(topic: Topic) -> &'static str {
    match topic {
        Topic::Commands | Topic::Usage => "account_id",
        Topic::BankPayments => "bank_account",
    }
}

//! From a record to a [`Message`]: the envelope, then the type and its topic, then the data.

use std::sync::Arc;

use thiserror::Error;

use super::code::DecodeCode;
use super::envelope;
use super::fields::{Fault, Fields};
use super::strict::string_of;
use super::{advice, bank, bank_content_hash, command, release, returns, split, usage};
use crate::domain::authority::Why;
use crate::domain::ids::{ContentHash, RecordId};
use crate::domain::input::{Command, Input, Message};
use crate::domain::matching::text;
use crate::domain::usage::Usage;
use crate::kafka::Header;

/// The raw parts of a Kafka record, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    pub topic: Topic,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [Header],
}

impl<'a> RawRecord<'a> {
    /// The last header of that name, if it is text.
    pub(super) fn header_text(&self, name: &str) -> Option<&'a str> {
        let named = |header: &&Header| header.name.eq_ignore_ascii_case(name);
        let header = self.headers.iter().rev().find(named)?;
        std::str::from_utf8(header.value.as_deref()?).ok()
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
    /// What is wrong is not the record but who sent it.
    pub unauthorised: Option<Unauthorised>,
}

/// A record that could be read, and that its sender may not send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unauthorised {
    pub why: Why,
    /// It may be a repeat of one that came by right: that is a repeat all the same.
    pub content_hash: ContentHash,
}

/// Reads the data of one type; which reader it is says where the type belongs.
enum Reader {
    Usage(fn(&mut Fields<'_>) -> Option<Usage>),
    Bank(fn(&mut Fields<'_>) -> Option<Input>),
    Command(fn(&mut Fields<'_>) -> Option<Command>),
}

impl Reader {
    fn topic(&self) -> Topic {
        match self {
            Self::Usage(_) => Topic::Usage,
            Self::Bank(_) => Topic::BankPayments,
            Self::Command(_) => Topic::Commands,
        }
    }

    fn read(&self, fields: &mut Fields<'_>) -> Option<Input> {
        match self {
            Self::Usage(read) => read(fields).map(Input::Usage),
            Self::Bank(read) => read(fields),
            Self::Command(read) => read(fields).map(Input::Command),
        }
    }
}

/// Every type that is read here: the most frequent come first.
const ROUTES: [(&str, Reader); 28] = [
    ("topup.usage.charge.v1", Reader::Usage(usage::charge)),
    ("topup.bank.transaction.v1", Reader::Bank(bank::transaction)),
    ("topup.bank.statement.v1", Reader::Bank(bank::statement)),
    ("topup.remittance.advice.v1", Reader::Bank(advice::advice)),
    ("topup.usage.refund.v1", Reader::Usage(usage::refund)),
    ("topup.usage.hold.v1", Reader::Usage(usage::hold)),
    ("topup.usage.release.v1", Reader::Usage(usage::release)),
    ("topup.usage.watermark.v1", Reader::Usage(usage::watermark)),
    ("topup.account.upsert.v1", Reader::Command(command::upsert_account)),
    ("topup.invoice.create.v1", Reader::Command(command::create_invoice)),
    ("topup.invoice.mark-sent.v1", Reader::Command(command::mark_invoice_sent)),
    ("topup.invoice.void.v1", Reader::Command(command::void_invoice)),
    ("topup.invoice.keep.v1", Reader::Command(command::keep_invoice)),
    ("topup.payment.record.v1", Reader::Command(command::record_payment)),
    ("topup.payment.assign.v1", Reader::Command(command::assign_payment)),
    ("topup.payment.allocate.v1", Reader::Command(command::allocate_payment)),
    ("topup.payment.deallocate.v1", Reader::Command(command::deallocate_payment)),
    ("topup.payment.remove.v1", Reader::Command(command::remove_payment)),
    ("topup.match.confirm.v1", Reader::Command(command::confirm_match)),
    ("topup.match.reject.v1", Reader::Command(command::reject_match)),
    ("topup.payment.split.v1", Reader::Command(split::split_payment)),
    ("topup.payment.unsplit.v1", Reader::Command(split::unsplit_payment)),
    ("topup.return.resolve.v1", Reader::Command(returns::resolve_return)),
    ("topup.payment.refund.v1", Reader::Command(release::refund_payment)),
    ("topup.payment.dismiss.v1", Reader::Command(release::dismiss_payment)),
    ("topup.account.close.v1", Reader::Command(release::close_account)),
    ("topup.account.reopen.v1", Reader::Command(release::reopen_account)),
    ("topup.command.cancel.v1", Reader::Command(release::cancel_command)),
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
        Err(DecodeFailure { code, detail, record: Some(record), unauthorised: None })
    };
    let Some((name, reader)) = ROUTES.iter().find(|(name, _)| *name == envelope.kind) else {
        let detail = "type: expected a record type of the contract, in this exact case";
        return fail(record, DecodeCode::UnknownType, detail.to_owned());
    };
    if reader.topic() != raw.topic {
        let detail = format!("type: {name} is not read from this topic");
        return fail(record, DecodeCode::WrongTopic, detail);
    }
    let mut fields = Fields::new(name);
    // An absent object lacks every field; to read it as `null` says so.
    let data = envelope.data.as_deref().unwrap_or("null");
    let input = fields.data(data, |fields| reader.read(fields));
    if envelope.time.is_none() {
        fields.note(DecodeCode::DateInvalid, || {
            "time: expected RFC 3339 with a zone, year 2000 to 2100".to_owned()
        });
    }
    if let Some((input, key)) = input.as_ref().zip(raw.key)
        && partition_key(input).is_some_and(|expected| !is_key(key, expected))
    {
        fields.note(DecodeCode::KeyMismatch, || {
            format!("key: expected data.{}", key_field(raw.topic))
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

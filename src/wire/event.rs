//! Facts on their way out (contract §2.4): one line of structured `CloudEvents` JSON each.

use std::io::{Result as Written, Write};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

use crate::domain::event::{
    BalanceCause, ByHand, Direction, DriftSubject, Event, Fact, PartFact, SuggestedInvoice,
};
use crate::domain::ids::{
    AccountId, AllocationId, BankAccountId, HoldId, InvoiceId, PaymentId, RecordId, SuggestionId,
};
use crate::domain::money::Money;
use crate::domain::reversal::ReversalKind;

/// An account event takes about 550 bytes.
const EVENT_BYTES_USUAL: usize = 640;

#[derive(serde::Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    r#type: &'static str,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    sequence: String,
    causationid: &'a str,
    causationsource: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: Object<'a, Event>,
}

/// Encodes an event; `source` is the name under which this system publishes.
///
/// The id is the key's kind, the key and the sequence, so that the same event has the same id
/// however often it is written and sent. The line has no raw line break.
pub fn encode_event(event: &Event, source: &str) -> String {
    let cause = event.cause.as_ref();
    let envelope = Envelope {
        specversion: "1.0",
        id: event.key.event_id(event.sequence),
        source,
        r#type: event.fact.event_type(),
        subject: event.key.as_str(),
        time: millis(cause.as_of),
        datacontenttype: "application/json",
        sequence: event.sequence.to_string(),
        causationid: cause.record.id.as_str(),
        causationsource: cause.record.source.as_str(),
        traceparent: cause.traceparent.as_deref(),
        data: Object(event),
    };
    line_of(&envelope)
}

/// The trace that an event goes on with, from its line: it stands before the data, and no text can
/// have its quotes.
pub fn traceparent_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(",\"traceparent\":\"")?;
    rest.split_once("\",\"data\":{").map(|(trace, _)| trace)
}

/// JSON on one line. Texts, numbers and lists always have a form, and memory takes all of it.
fn line_of(value: &impl Serialize) -> String {
    let mut line = Vec::with_capacity(EVENT_BYTES_USUAL);
    let written = value.serialize(&mut serde_json::Serializer::with_formatter(&mut line, OneLine));
    debug_assert!(written.is_ok(), "{written:?}");
    String::from_utf8(line).unwrap_or_default()
}

/// Escapes what JSON demands, and what some readers of lines take for a line break (U+0085,
/// U+2028, U+2029).
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, text: &str) -> Written<()> {
        let breaks = |c| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}');
        let mut rest = text;
        while let Some((at, found)) = rest.char_indices().find(|(_, c)| breaks(*c)) {
            let (before, after) = rest.split_at(at);
            write!(out, "{before}\\u{:04x}", u32::from(found))?;
            rest = after.get(found.len_utf8()..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: Write + ?Sized>(&mut self, out: &mut W, c: CharEscape) -> Written<()> {
        match c {
            CharEscape::Backspace => out.write_all(b"\\u0008"),
            CharEscape::FormFeed => out.write_all(b"\\u000c"),
            other => CompactFormatter.write_char_escape(out, other),
        }
    }
}

fn millis(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What is a JSON object.
trait Fields {
    fn put<M: SerializeMap>(&self, data: &mut M) -> Result<(), M::Error>;
}

struct Object<'a, T>(&'a T);

impl<T: Fields> Serialize for Object<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut data = serializer.serialize_map(None)?;
        self.0.put(&mut data)?;
        data.end()
    }
}

/// How a value is written under a name; what there is not leaves its name out.
trait Value {
    fn put<M: SerializeMap>(&self, name: &'static str, data: &mut M) -> Result<(), M::Error>;
}

macro_rules! values {
    ($($kind:ty: $value:ident => $form:expr;)*) => {
        $(impl Value for $kind {
            fn put<M: SerializeMap>(
                &self,
                name: &'static str,
                data: &mut M,
            ) -> Result<(), M::Error> {
                let $value = self;
                data.serialize_entry(name, &$form)
            }
        })*
    };
}

values! {
    &str: text => text;
    String: text => text;
    u16: number => number;
    u32: number => number;
    i64: number => number;
    AccountId: id => id.as_str();
    BankAccountId: id => id.as_str();
    HoldId: id => id.as_str();
    InvoiceId: id => id.as_str();
    PaymentId: id => id.as_str();
    SuggestionId: id => id.as_str();
    AllocationId: id => id.0.to_string();
    Money: amount => amount.number();
    NaiveDate: date => date.to_string();
    DateTime<Utc>: at => millis(*at);
    ReversalKind: kind => kind.word();
    Direction: direction => direction.word();
}

impl<T: Value> Value for Option<T> {
    fn put<M: SerializeMap>(&self, name: &'static str, data: &mut M) -> Result<(), M::Error> {
        self.as_ref().map_or(Ok(()), |value| value.put(name, data))
    }
}

impl<T: Fields> Value for Vec<T> {
    fn put<M: SerializeMap>(&self, name: &'static str, data: &mut M) -> Result<(), M::Error> {
        data.serialize_entry(name, &objects(self))
    }
}

fn objects<T>(items: &[T]) -> Vec<Object<'_, T>> {
    items.iter().map(Object).collect()
}

/// The fields of each kind of a thing in the order of the contract, each under its own name, and
/// `field: how` where it is written in another way than its type has. All fields of a kind stand
/// here, so that none can be forgotten, and one match has all kinds.
macro_rules! written {
    ($of:ident, $thing:expr, $data:expr;
     $($kind:ident { $($field:ident $(: $how:ident)?),* })* $(; $($other:tt)*)?) => {
        match $thing {
            $($of::$kind { $($field),* } => {
                $(put_field!($data, $field $(, $how)?)?;)*
                Ok(())
            })*
            $($($other)*)?
        }
    };
}

macro_rules! put_field {
    ($data:expr, $field:ident) => {
        Value::put($field, stringify!($field), $data)
    };
    ($data:expr, $field:ident, $how:ident) => {
        $how(stringify!($field), $field, $data)
    };
}

macro_rules! rows {
    ($($kind:ident { $($field:ident $(: $how:ident)?),* })*) => {
        $(impl Fields for $kind {
            fn put<M: SerializeMap>(&self, data: &mut M) -> Result<(), M::Error> {
                let Self { $($field),* } = self;
                $(put_field!(data, $field $(, $how)?)?;)*
                Ok(())
            }
        })*
    };
}

impl Fields for Event {
    fn put<M: SerializeMap>(&self, data: &mut M) -> Result<(), M::Error> {
        self.sequence.put("sequence", data)?;
        if let Fact::CommandRejected { .. } | Fact::CommandPendingProof { .. } = self.fact {
            self.cause.record.id.as_str().put("command_id", data)?;
        }
        self.fact.put(data)
    }
}

impl Fields for Fact {
    fn put<M: SerializeMap>(&self, data: &mut M) -> Result<(), M::Error> {
        written! { Fact, self, data;
            AccountUpserted { account_id, name }
            InvoiceCreated {
                invoice_id, account_id, name, amount: money, due_date, payment_reference
            }
            InvoiceSent {
                invoice_id, account_id, amount_due: money, due_date, payment_reference,
                payment_qr: qr
            }
            InvoiceProvisioned { invoice_id, account_id, amount: money }
            InvoiceVoided { invoice_id, account_id, amount: money, reason }
            VoidCandidateFlagged {
                invoice_id, account_id, amount_due: money, due_date, stale_since, stale_after_days
            }
            VoidCandidateCleared { invoice_id, account_id, reason }
            PaymentRecorded {
                payment_id, account_id, amount: money, received_on, origin, split_from
            }
            PaymentAllocated {
                payment_id, invoice_id, account_id, allocation_id, amount: money, rule,
                invoice_amount_due, payment_unallocated
            }
            PaymentParked { payment_id, account_id, unallocated: money, reason, suggestions }
            PaymentDeallocated {
                payment_id, invoice_id, account_id, allocation_id, amount: money, reason,
                invoice_amount_due, payment_unallocated
            }
            PaymentDueRestored { invoice_id, account_id, amount: money, amount_due, cause }
            PaymentRemoved { payment_id, account_id, amount: money, reason }
            PaymentReturned {
                payment_id, account_id, amount: money, from_unallocated, from_unspent, clawed_back,
                removed: positive, returned_total, reason
            }
            PaymentReturnUndone {
                payment_id, account_id, amount: money, allocated_again, removed: positive,
                returned_total
            }
            PaymentSplit { payment_id, account_id, amount: money, unallocated, parts, reason }
            PaymentSplitUndone { payment_id, account_id, amount: money, unallocated, parts, reason }
            ReturnEnded { account_id, bank_account, bank_key, amount: money, reason }
            BalanceChanged { account_id, delta, balance: money, cause: balance_cause }
            BalanceOverdrawn { account_id, balance, credit_limit, exceeded_by: money }
            BalanceThreshold { account_id, direction, level, balance: money }
            HoldExpired { account_id, hold_id, amount: money }
            CommandPendingProof {
                command_type, account_id, payment_id, needs_usage_through, usage_complete_through
            }
            CommandRejected { command_type, account_id, code, message }
            DriftFound { drift: fields, difference, detail }
            DriftCleared { drift: fields };
            Fact::ByHand(said) => said.put(data),
        }
    }
}

impl Fields for ByHand {
    fn put<M: SerializeMap>(&self, data: &mut M) -> Result<(), M::Error> {
        written! { ByHand, self, data;
            AccountClosed { account_id, reason }
            AccountReopened { account_id, reason }
            PaymentRefunded { payment_id, account_id, amount: money, unallocated, reason }
            PaymentDismissed { payment_id, amount: money, reason }
            CommandCancelled { account_id, record: cancelled, reason }
        }
    }
}

rows! {
    PartFact { payment_id, account_id, amount }
    SuggestedInvoice { suggestion_id, invoice_id, account_id, amount_due: money, with: payments }
    DriftSubject { kind, of, subject, currency }
}

/// An amount and the currency of all amounts in the object.
fn money<M: SerializeMap>(name: &'static str, sum: &Money, data: &mut M) -> Result<(), M::Error> {
    sum.put(name, data)?;
    sum.code().put("currency", data)
}

/// Told only where there is some.
fn positive<M: SerializeMap>(
    name: &'static str,
    sum: &Money,
    data: &mut M,
) -> Result<(), M::Error> {
    if sum.is_positive() { sum.put(name, data) } else { Ok(()) }
}

fn fields<M: SerializeMap>(
    _: &'static str,
    within: &impl Fields,
    data: &mut M,
) -> Result<(), M::Error> {
    within.put(data)
}

fn qr<M: SerializeMap>(
    name: &'static str,
    code: &Option<(&'static str, String)>,
    data: &mut M,
) -> Result<(), M::Error> {
    code.as_ref().map_or(Ok(()), |code| data.serialize_entry(name, &Object(code)))
}

impl Fields for (&'static str, String) {
    fn put<M: SerializeMap>(&self, data: &mut M) -> Result<(), M::Error> {
        self.0.put("kind", data)?;
        self.1.put("text", data)
    }
}

fn payments<M: SerializeMap>(
    _: &'static str,
    with: &[(PaymentId, Money)],
    data: &mut M,
) -> Result<(), M::Error> {
    if with.is_empty() { Ok(()) } else { data.serialize_entry("with_payments", &objects(with)) }
}

impl Fields for (PaymentId, Money) {
    fn put<M: SerializeMap>(&self, data: &mut M) -> Result<(), M::Error> {
        self.0.put("payment_id", data)?;
        self.1.put("amount", data)
    }
}

fn balance_cause<M: SerializeMap>(
    name: &'static str,
    cause: &BalanceCause,
    data: &mut M,
) -> Result<(), M::Error> {
    match cause {
        BalanceCause::Allocation(id) => id.put("allocation_id", data),
        BalanceCause::Reversal(id, kind) => {
            id.put("allocation_id", data)?;
            kind.put(name, data)
        }
        BalanceCause::Usage { charges, refunds } => {
            charges.put("charges", data)?;
            refunds.put("refunds", data)
        }
    }
}

fn cancelled<M: SerializeMap>(
    _: &'static str,
    record: &RecordId,
    data: &mut M,
) -> Result<(), M::Error> {
    record.id.as_str().put("cancelled_id", data)?;
    record.source.as_str().put("cancelled_source", data)
}

#[cfg(test)]
#[path = "tests/event.rs"]
mod tests;

//! Facts on their way out (contract §2.4): one line of structured `CloudEvents` JSON each.
//!
//! Written by hand: a payment makes four events, and there is nothing here that could fail.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use crate::domain::event::{BalanceCause, DriftSubject, Event, Fact, PartFact, SuggestedInvoice};
use crate::domain::ids::PaymentId;
use crate::domain::money::Money;

mod steps_back;

/// An account event takes about 550 bytes.
const EVENT_BYTES_USUAL: usize = 640;

/// Encodes an event; `source` is the name under which this system publishes.
///
/// The id is the key's kind, the key and the sequence, so that the same event has the same id
/// however often it is written and sent. The line has no raw line break.
#[must_use]
pub fn encode_event(event: &Event, source: &str) -> String {
    let cause = event.cause.as_ref();
    let key = event.key.as_str();
    let sequence = event.sequence.to_string();
    let mut out = String::with_capacity(EVENT_BYTES_USUAL);
    let mut object = Object::open(&mut out);
    object.text("specversion", "1.0");
    object.text("id", &event.key.event_id(event.sequence));
    object.text("source", source);
    object.text("type", event.fact.event_type());
    object.text("subject", key);
    object.text("time", &cause.as_of.to_rfc3339_opts(SecondsFormat::Millis, true));
    object.text("datacontenttype", "application/json");
    object.text("sequence", &sequence);
    object.text("causationid", cause.record.id.as_str());
    object.text("causationsource", cause.record.source.as_str());
    object.maybe_text("traceparent", cause.traceparent.as_deref());
    object.object("data", |data| {
        data.bare("sequence", &sequence);
        if let Fact::CommandRejected { .. } | Fact::CommandPendingProof { .. } = event.fact {
            data.text("command_id", cause.record.id.as_str());
        }
        write_fact(&event.fact, data);
    });
    object.close();
    out
}

fn write_fact(fact: &Fact, data: &mut Object<'_>) {
    match fact {
        Fact::AccountUpserted { account_id, name } => {
            data.text("account_id", account_id.as_str());
            data.text("name", name);
        }
        Fact::InvoiceCreated { .. }
        | Fact::InvoiceSent { .. }
        | Fact::InvoiceProvisioned { .. }
        | Fact::InvoiceVoided { .. }
        | Fact::VoidCandidateFlagged { .. }
        | Fact::VoidCandidateCleared { .. } => write_invoice_fact(fact, data),
        Fact::PaymentRecorded { .. }
        | Fact::PaymentAllocated { .. }
        | Fact::PaymentParked { .. } => write_payment_fact(fact, data),
        Fact::PaymentDeallocated { .. }
        | Fact::PaymentDueRestored { .. }
        | Fact::PaymentRemoved { .. }
        | Fact::ByHand(_)
        | Fact::PaymentReturned { .. }
        | Fact::PaymentReturnUndone { .. }
        | Fact::ReturnEnded { .. } => steps_back::write_step_back(fact, data),
        Fact::PaymentSplit { payment_id, account_id, amount, unallocated, parts, reason }
        | Fact::PaymentSplitUndone { payment_id, account_id, amount, unallocated, parts, reason } =>
        {
            data.text("payment_id", payment_id.as_str());
            data.maybe_text("account_id", account_id.as_ref().map(|id| id.as_str()));
            data.money("amount", *amount);
            data.amount("unallocated", *unallocated);
            data.parts(parts);
            data.maybe_text("reason", reason.as_deref());
        }
        Fact::CommandPendingProof {
            command_type,
            account_id,
            payment_id,
            needs_usage_through,
            usage_complete_through,
        } => {
            data.text("command_type", command_type);
            data.text("account_id", account_id.as_str());
            data.text("payment_id", payment_id.as_str());
            data.instant("needs_usage_through", *needs_usage_through);
            if let Some(known) = usage_complete_through {
                data.instant("usage_complete_through", *known);
            }
        }
        Fact::BalanceChanged { .. }
        | Fact::BalanceOverdrawn { .. }
        | Fact::BalanceThreshold { .. }
        | Fact::HoldExpired { .. } => write_balance_fact(fact, data),
        Fact::CommandRejected { command_type, account_id, code, message } => {
            data.text("command_type", command_type);
            data.maybe_text("account_id", account_id.as_ref().map(|id| id.as_str()));
            data.text("code", code);
            data.text("message", message);
        }
        Fact::DriftFound { drift, difference, detail } => {
            write_drift(drift, data);
            if let Some(difference) = difference {
                data.amount("difference", *difference);
            }
            data.text("detail", detail);
        }
        Fact::DriftCleared { drift } => write_drift(drift, data),
    }
}

fn write_drift(drift: &DriftSubject, data: &mut Object<'_>) {
    data.text("kind", &drift.kind);
    data.text("of", &drift.of);
    data.text("subject", &drift.subject);
    data.text("currency", &drift.currency);
}

fn write_balance_fact(fact: &Fact, data: &mut Object<'_>) {
    match fact {
        Fact::BalanceChanged { account_id, delta, balance, cause } => {
            data.text("account_id", account_id.as_str());
            data.amount("delta", *delta);
            data.amount("balance", *balance);
            data.currency(*balance);
            match cause {
                BalanceCause::Allocation(id) => data.text("allocation_id", &id.0.to_string()),
                BalanceCause::Reversal(id, kind) => {
                    data.text("allocation_id", &id.0.to_string());
                    data.text("cause", kind.word());
                }
                BalanceCause::Usage { charges, refunds } => {
                    data.bare("charges", &charges.to_string());
                    data.bare("refunds", &refunds.to_string());
                }
            }
        }
        Fact::BalanceOverdrawn { account_id, balance, credit_limit, exceeded_by } => {
            data.text("account_id", account_id.as_str());
            data.amount("balance", *balance);
            data.amount("credit_limit", *credit_limit);
            data.amount("exceeded_by", *exceeded_by);
            data.currency(*balance);
        }
        Fact::BalanceThreshold { account_id, level, balance, direction } => {
            data.text("account_id", account_id.as_str());
            data.text("direction", direction.word());
            data.amount("level", *level);
            data.amount("balance", *balance);
            data.currency(*balance);
        }
        Fact::HoldExpired { account_id, hold_id, amount } => {
            data.text("account_id", account_id.as_str());
            data.text("hold_id", hold_id.as_str());
            data.amount("amount", *amount);
            data.currency(*amount);
        }
        Fact::AccountUpserted { .. }
        | Fact::InvoiceCreated { .. }
        | Fact::InvoiceSent { .. }
        | Fact::InvoiceProvisioned { .. }
        | Fact::InvoiceVoided { .. }
        | Fact::VoidCandidateFlagged { .. }
        | Fact::VoidCandidateCleared { .. }
        | Fact::PaymentRecorded { .. }
        | Fact::PaymentAllocated { .. }
        | Fact::PaymentParked { .. }
        | Fact::PaymentDeallocated { .. }
        | Fact::PaymentDueRestored { .. }
        | Fact::PaymentRemoved { .. }
        | Fact::ByHand(_)
        | Fact::PaymentReturned { .. }
        | Fact::PaymentReturnUndone { .. }
        | Fact::PaymentSplit { .. }
        | Fact::PaymentSplitUndone { .. }
        | Fact::ReturnEnded { .. }
        | Fact::CommandPendingProof { .. }
        | Fact::CommandRejected { .. }
        | Fact::DriftFound { .. }
        | Fact::DriftCleared { .. } => {}
    }
}

fn write_invoice_fact(fact: &Fact, data: &mut Object<'_>) {
    match fact {
        Fact::InvoiceCreated {
            invoice_id,
            account_id,
            name,
            amount,
            due_date,
            payment_reference,
        } => {
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.text("name", name);
            data.money("amount", *amount);
            data.maybe_date("due_date", *due_date);
            data.text("payment_reference", payment_reference);
        }
        Fact::InvoiceSent { .. } => write_sent_fact(fact, data),
        Fact::InvoiceProvisioned { invoice_id, account_id, amount } => {
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.money("amount", *amount);
        }
        Fact::InvoiceVoided { invoice_id, account_id, amount, reason } => {
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.money("amount", *amount);
            data.maybe_text("reason", reason.as_deref());
        }
        Fact::VoidCandidateFlagged { .. } => write_flagged(fact, data),
        Fact::VoidCandidateCleared { invoice_id, account_id, reason } => {
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.text("reason", reason);
        }
        Fact::AccountUpserted { .. }
        | Fact::PaymentRecorded { .. }
        | Fact::PaymentAllocated { .. }
        | Fact::PaymentParked { .. }
        | Fact::BalanceChanged { .. }
        | Fact::BalanceOverdrawn { .. }
        | Fact::BalanceThreshold { .. }
        | Fact::HoldExpired { .. }
        | Fact::PaymentDeallocated { .. }
        | Fact::PaymentDueRestored { .. }
        | Fact::PaymentRemoved { .. }
        | Fact::ByHand(_)
        | Fact::PaymentReturned { .. }
        | Fact::PaymentReturnUndone { .. }
        | Fact::PaymentSplit { .. }
        | Fact::PaymentSplitUndone { .. }
        | Fact::ReturnEnded { .. }
        | Fact::CommandPendingProof { .. }
        | Fact::CommandRejected { .. }
        | Fact::DriftFound { .. }
        | Fact::DriftCleared { .. } => {}
    }
}

fn write_flagged(fact: &Fact, data: &mut Object<'_>) {
    let Fact::VoidCandidateFlagged {
        invoice_id,
        account_id,
        amount_due,
        due_date,
        stale_since,
        stale_after_days,
    } = fact
    else {
        return;
    };
    data.text("invoice_id", invoice_id.as_str());
    data.text("account_id", account_id.as_str());
    data.money("amount_due", *amount_due);
    data.maybe_date("due_date", *due_date);
    data.instant("stale_since", *stale_since);
    data.bare("stale_after_days", &stale_after_days.to_string());
}

fn write_payment_fact(fact: &Fact, data: &mut Object<'_>) {
    match fact {
        Fact::PaymentRecorded {
            payment_id,
            account_id,
            amount,
            received_on,
            origin,
            split_from,
        } => {
            data.text("payment_id", payment_id.as_str());
            data.maybe_text("account_id", account_id.as_ref().map(|id| id.as_str()));
            data.money("amount", *amount);
            data.maybe_date("received_on", Some(*received_on));
            data.text("origin", origin);
            data.maybe_text("split_from", split_from.as_ref().map(|id| id.as_str()));
        }
        Fact::PaymentAllocated {
            payment_id,
            invoice_id,
            account_id,
            allocation_id,
            amount,
            rule,
            invoice_amount_due,
            payment_unallocated,
        } => {
            data.text("payment_id", payment_id.as_str());
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.text("allocation_id", &allocation_id.0.to_string());
            data.money("amount", *amount);
            data.text("rule", rule);
            data.amount("invoice_amount_due", *invoice_amount_due);
            data.amount("payment_unallocated", *payment_unallocated);
        }
        Fact::PaymentParked { .. } => write_parked_fact(fact, data),
        Fact::AccountUpserted { .. }
        | Fact::InvoiceCreated { .. }
        | Fact::InvoiceSent { .. }
        | Fact::InvoiceProvisioned { .. }
        | Fact::InvoiceVoided { .. }
        | Fact::VoidCandidateFlagged { .. }
        | Fact::VoidCandidateCleared { .. }
        | Fact::BalanceChanged { .. }
        | Fact::BalanceOverdrawn { .. }
        | Fact::BalanceThreshold { .. }
        | Fact::HoldExpired { .. }
        | Fact::PaymentDeallocated { .. }
        | Fact::PaymentDueRestored { .. }
        | Fact::PaymentRemoved { .. }
        | Fact::ByHand(_)
        | Fact::PaymentReturned { .. }
        | Fact::PaymentReturnUndone { .. }
        | Fact::PaymentSplit { .. }
        | Fact::PaymentSplitUndone { .. }
        | Fact::ReturnEnded { .. }
        | Fact::CommandPendingProof { .. }
        | Fact::CommandRejected { .. }
        | Fact::DriftFound { .. }
        | Fact::DriftCleared { .. } => {}
    }
}

fn write_sent_fact(fact: &Fact, data: &mut Object<'_>) {
    let Fact::InvoiceSent {
        invoice_id,
        account_id,
        amount_due,
        due_date,
        payment_reference,
        payment_qr,
    } = fact
    else {
        return;
    };
    data.text("invoice_id", invoice_id.as_str());
    data.text("account_id", account_id.as_str());
    data.money("amount_due", *amount_due);
    data.maybe_date("due_date", *due_date);
    data.text("payment_reference", payment_reference);
    if let Some((kind, text)) = payment_qr {
        data.object("payment_qr", |code| {
            code.text("kind", kind);
            code.text("text", text);
        });
    }
}

fn write_parked_fact(fact: &Fact, data: &mut Object<'_>) {
    let Fact::PaymentParked { payment_id, account_id, unallocated, reason, suggestions } = fact
    else {
        return;
    };
    data.text("payment_id", payment_id.as_str());
    data.maybe_text("account_id", account_id.as_ref().map(|id| id.as_str()));
    data.amount("unallocated", *unallocated);
    data.currency(*unallocated);
    data.text("reason", reason);
    data.suggestions(suggestions);
}

/// A JSON object being written. Names are our own and need no escaping.
struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    fn close(self) {
        self.out.push('}');
    }

    fn name(&mut self, name: &'static str) {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// A value that is JSON already.
    fn bare(&mut self, name: &'static str, json: &str) {
        self.name(name);
        self.out.push_str(json);
    }

    fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        push_string(self.out, value);
    }

    fn maybe_text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn maybe_date(&mut self, name: &'static str, value: Option<NaiveDate>) {
        if let Some(date) = value {
            self.text(name, &date.to_string());
        }
    }

    fn instant(&mut self, name: &'static str, value: DateTime<Utc>) {
        self.text(name, &value.to_rfc3339_opts(SecondsFormat::Millis, true));
    }

    fn amount(&mut self, name: &'static str, value: Money) {
        self.text(name, &value.number());
    }

    /// An amount and the currency of the object.
    fn money(&mut self, name: &'static str, value: Money) {
        self.amount(name, value);
        self.currency(value);
    }

    /// The currency of all amounts in this object.
    fn currency(&mut self, value: Money) {
        self.text("currency", value.currency().code());
    }

    fn object(&mut self, name: &'static str, write: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        let mut inner = Object::open(self.out);
        write(&mut inner);
        inner.close();
    }

    fn parts(&mut self, parts: &[PartFact]) {
        self.name("parts");
        self.out.push('[');
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            let mut object = Object::open(self.out);
            object.text("payment_id", part.payment_id.as_str());
            object.text("account_id", part.account_id.as_str());
            object.amount("amount", part.amount);
            object.close();
        }
        self.out.push(']');
    }

    fn suggestions(&mut self, suggestions: &[SuggestedInvoice]) {
        self.name("suggestions");
        self.out.push('[');
        for (index, suggestion) in suggestions.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            let SuggestedInvoice { suggestion_id, invoice_id, account_id, amount_due, with } =
                suggestion;
            let mut object = Object::open(self.out);
            object.maybe_text("suggestion_id", suggestion_id.as_ref().map(|id| id.as_str()));
            object.text("invoice_id", invoice_id.as_str());
            object.text("account_id", account_id.as_str());
            object.amount("amount_due", *amount_due);
            object.currency(*amount_due);
            if !with.is_empty() {
                object.payments(with);
            }
            object.close();
        }
        self.out.push(']');
    }

    fn payments(&mut self, payments: &[(PaymentId, Money)]) {
        self.name("with_payments");
        self.out.push('[');
        for (index, (payment_id, amount)) in payments.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            let mut object = Object::open(self.out);
            object.text("payment_id", payment_id.as_str());
            object.amount("amount", *amount);
            object.close();
        }
        self.out.push(']');
    }
}

/// A JSON string. Escaped is what JSON demands and what some readers of lines take for a line
/// break (U+0085, U+2028, U+2029).
fn push_string(out: &mut String, text: &str) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    out.push('"');
    if text.bytes().all(plain) {
        out.push_str(text);
        out.push('"');
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => {
                out.push_str("\\u");
                let code = u32::from(character);
                for shift in [12, 8, 4, 0] {
                    let digit = HEX.get(((code >> shift) & 0xf) as usize);
                    out.push(digit.copied().unwrap_or('0'));
                }
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
#[path = "tests/event.rs"]
mod tests;

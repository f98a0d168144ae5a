//! Facts on their way out (contract §2.4): one line of structured `CloudEvents` JSON each.
//!
//! Written by hand: a payment makes four events, and there is nothing here that could fail.

use chrono::{NaiveDate, SecondsFormat};

use crate::domain::event::{Event, Fact, SuggestedInvoice};
use crate::domain::money::Money;

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
    object.text("id", &format!("{}/{key}/{sequence}", event.key.kind()));
    object.text("source", source);
    object.text("type", event.fact.event_type());
    object.text("subject", key);
    object.text(
        "time",
        &cause.as_of.to_rfc3339_opts(SecondsFormat::Millis, true),
    );
    object.text("datacontenttype", "application/json");
    object.text("sequence", &sequence);
    object.text("causationid", cause.record.id.as_str());
    object.text("causationsource", cause.record.source.as_str());
    object.maybe_text("traceparent", cause.traceparent.as_deref());
    object.object("data", |data| {
        data.bare("sequence", &sequence);
        if let Fact::CommandRejected { .. } = event.fact {
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
        | Fact::InvoiceVoided { .. } => write_invoice_fact(fact, data),
        Fact::PaymentRecorded { .. }
        | Fact::PaymentAllocated { .. }
        | Fact::PaymentParked { .. } => write_payment_fact(fact, data),
        Fact::BalanceChanged {
            account_id,
            delta,
            balance,
            allocation_id,
        } => {
            data.text("account_id", account_id.as_str());
            data.amount("delta", *delta);
            data.amount("balance", *balance);
            data.currency(*balance);
            data.text("allocation_id", &allocation_id.0.to_string());
        }
        Fact::CommandRejected {
            command_type,
            account_id,
            code,
            message,
        } => {
            data.text("command_type", command_type);
            data.maybe_text("account_id", account_id.as_ref().map(|id| id.as_str()));
            data.text("code", code);
            data.text("message", message);
        }
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
            data.amount("amount", *amount);
            data.currency(*amount);
            data.maybe_date("due_date", *due_date);
            data.text("payment_reference", payment_reference);
        }
        Fact::InvoiceSent {
            invoice_id,
            account_id,
            amount_due,
            due_date,
            payment_reference,
        } => {
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.amount("amount_due", *amount_due);
            data.currency(*amount_due);
            data.maybe_date("due_date", *due_date);
            data.text("payment_reference", payment_reference);
        }
        Fact::InvoiceProvisioned {
            invoice_id,
            account_id,
            amount,
        } => {
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.amount("amount", *amount);
            data.currency(*amount);
        }
        Fact::InvoiceVoided {
            invoice_id,
            account_id,
            amount,
            reason,
        } => {
            data.text("invoice_id", invoice_id.as_str());
            data.text("account_id", account_id.as_str());
            data.amount("amount", *amount);
            data.currency(*amount);
            data.maybe_text("reason", reason.as_deref());
        }
        Fact::AccountUpserted { .. }
        | Fact::PaymentRecorded { .. }
        | Fact::PaymentAllocated { .. }
        | Fact::PaymentParked { .. }
        | Fact::BalanceChanged { .. }
        | Fact::CommandRejected { .. } => {}
    }
}

fn write_payment_fact(fact: &Fact, data: &mut Object<'_>) {
    match fact {
        Fact::PaymentRecorded {
            payment_id,
            account_id,
            amount,
            received_on,
            origin,
        } => {
            data.text("payment_id", payment_id.as_str());
            data.maybe_text("account_id", account_id.as_ref().map(|id| id.as_str()));
            data.amount("amount", *amount);
            data.currency(*amount);
            data.maybe_date("received_on", Some(*received_on));
            data.text("origin", origin);
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
            data.amount("amount", *amount);
            data.currency(*amount);
            data.text("rule", rule);
            data.amount("invoice_amount_due", *invoice_amount_due);
            data.amount("payment_unallocated", *payment_unallocated);
        }
        Fact::PaymentParked {
            payment_id,
            account_id,
            unallocated,
            reason,
            suggestions,
        } => {
            data.text("payment_id", payment_id.as_str());
            data.maybe_text("account_id", account_id.as_ref().map(|id| id.as_str()));
            data.amount("unallocated", *unallocated);
            data.currency(*unallocated);
            data.text("reason", reason);
            data.suggestions(suggestions);
        }
        Fact::AccountUpserted { .. }
        | Fact::InvoiceCreated { .. }
        | Fact::InvoiceSent { .. }
        | Fact::InvoiceProvisioned { .. }
        | Fact::InvoiceVoided { .. }
        | Fact::BalanceChanged { .. }
        | Fact::CommandRejected { .. } => {}
    }
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

    fn amount(&mut self, name: &'static str, value: Money) {
        self.text(name, &value.number());
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

    fn suggestions(&mut self, suggestions: &[SuggestedInvoice]) {
        self.name("suggestions");
        self.out.push('[');
        for (index, suggestion) in suggestions.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            let SuggestedInvoice {
                invoice_id,
                account_id,
                amount_due,
            } = suggestion;
            let mut object = Object::open(self.out);
            object.text("invoice_id", invoice_id.as_str());
            object.text("account_id", account_id.as_str());
            object.amount("amount_due", *amount_due);
            object.currency(*amount_due);
            object.close();
        }
        self.out.push(']');
    }
}

/// A JSON string. Escaped is what JSON demands and what some readers of lines take for a line
/// break (U+0085, U+2028, U+2029).
fn push_string(out: &mut String, text: &str) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
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
                    let digit = HEX.iter().nth(((code >> shift) & 0xf) as usize);
                    out.push(digit.copied().unwrap_or('0'));
                }
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::{Cause, EventKey};
    use crate::domain::ids::{
        AccountId, AllocationId, InvoiceId, MessageId, PaymentId, RecordId, Source,
    };
    use crate::domain::money::Currency;

    fn account() -> AccountId {
        AccountId::trusted("ACC-1")
    }

    fn invoice() -> InvoiceId {
        InvoiceId::trusted("INV-1001")
    }

    fn payment() -> PaymentId {
        PaymentId::trusted("PAY-1")
    }

    fn sgd(text: &str) -> Money {
        Money::parse(text, Currency::parse("SGD").expect("SGD")).expect("amount")
    }

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 30).expect("date")
    }

    fn event(key: EventKey, traceparent: Option<&str>, fact: Fact) -> Event {
        let cause = Cause {
            record: RecordId {
                source: Source::trusted("bank-gateway"),
                id: MessageId::trusted("r-1"),
            },
            traceparent: traceparent.map(str::to_owned),
            as_of: DateTime::from_timestamp(1_763_805_600, 5_999_999).expect("instant"),
        };
        Event {
            key,
            sequence: 7,
            cause: Arc::new(cause),
            fact,
        }
    }

    /// Each fact and its `data`, exactly.
    fn facts() -> Vec<(Fact, &'static str)> {
        let (account_id, invoice_id, payment_id) = (account(), invoice(), payment());
        let mut facts = invoice_facts();
        facts.extend([
            (
                Fact::AccountUpserted { account_id: account_id.clone(), name: "ACME \"é\"".into() },
                r#"{"sequence":7,"account_id":"ACC-1","name":"ACME \"é\""}"#,
            ),
            (
                Fact::PaymentRecorded {
                    payment_id: payment_id.clone(),
                    account_id: Some(account_id.clone()),
                    amount: sgd("100"),
                    received_on: day(),
                    origin: "bank",
                },
                r#"{"sequence":7,"payment_id":"PAY-1","account_id":"ACC-1","amount":"100.00","currency":"SGD","received_on":"2026-11-30","origin":"bank"}"#,
            ),
            (
                Fact::PaymentAllocated {
                    payment_id: payment_id.clone(),
                    invoice_id: invoice_id.clone(),
                    account_id: account_id.clone(),
                    allocation_id: AllocationId(9_007_199_254_740_993),
                    amount: sgd("60.5"),
                    rule: "R1",
                    invoice_amount_due: sgd("0"),
                    payment_unallocated: sgd("39.5"),
                },
                r#"{"sequence":7,"payment_id":"PAY-1","invoice_id":"INV-1001","account_id":"ACC-1","allocation_id":"9007199254740993","amount":"60.50","currency":"SGD","rule":"R1","invoice_amount_due":"0.00","payment_unallocated":"39.50"}"#,
            ),
            (
                Fact::PaymentParked {
                    payment_id: payment_id.clone(),
                    account_id: None,
                    unallocated: sgd("100"),
                    reason: "ambiguous",
                    suggestions: vec![
                        SuggestedInvoice {
                            invoice_id,
                            account_id: account_id.clone(),
                            amount_due: sgd("100"),
                        },
                        SuggestedInvoice {
                            invoice_id: InvoiceId::trusted("INV-2"),
                            account_id: account_id.clone(),
                            amount_due: sgd("1"),
                        },
                    ],
                },
                r#"{"sequence":7,"payment_id":"PAY-1","unallocated":"100.00","currency":"SGD","reason":"ambiguous","suggestions":[{"invoice_id":"INV-1001","account_id":"ACC-1","amount_due":"100.00","currency":"SGD"},{"invoice_id":"INV-2","account_id":"ACC-1","amount_due":"1.00","currency":"SGD"}]}"#,
            ),
            (
                Fact::PaymentParked {
                    payment_id,
                    account_id: Some(account_id.clone()),
                    unallocated: sgd("100"),
                    reason: "not_sent",
                    suggestions: Vec::new(),
                },
                r#"{"sequence":7,"payment_id":"PAY-1","account_id":"ACC-1","unallocated":"100.00","currency":"SGD","reason":"not_sent","suggestions":[]}"#,
            ),
            (
                Fact::BalanceChanged {
                    account_id: account_id.clone(),
                    delta: sgd("1.5").negated(),
                    balance: Money::from_micros(4_000, sgd("0").currency()),
                    allocation_id: AllocationId(12),
                },
                r#"{"sequence":7,"account_id":"ACC-1","delta":"-1.50","balance":"0.004","currency":"SGD","allocation_id":"12"}"#,
            ),
            (
                Fact::CommandRejected {
                    command_type: "topup.invoice.void.v1",
                    account_id: Some(account_id),
                    code: "invoice_provisioned",
                    message: "Line one\nline two".into(),
                },
                r#"{"sequence":7,"command_id":"r-1","command_type":"topup.invoice.void.v1","account_id":"ACC-1","code":"invoice_provisioned","message":"Line one\nline two"}"#,
            ),
        ]);
        facts
    }

    fn invoice_facts() -> Vec<(Fact, &'static str)> {
        let (account_id, invoice_id) = (account(), invoice());
        vec![
            (
                Fact::InvoiceCreated {
                    invoice_id: invoice_id.clone(),
                    account_id: account_id.clone(),
                    name: "November topup".into(),
                    amount: sgd("100"),
                    due_date: Some(day()),
                    payment_reference: "RF18INV1001".into(),
                },
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1","name":"November topup","amount":"100.00","currency":"SGD","due_date":"2026-11-30","payment_reference":"RF18INV1001"}"#,
            ),
            (
                Fact::InvoiceSent {
                    invoice_id: invoice_id.clone(),
                    account_id: account_id.clone(),
                    amount_due: sgd("40"),
                    due_date: None,
                    payment_reference: "RF18INV1001".into(),
                },
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1","amount_due":"40.00","currency":"SGD","payment_reference":"RF18INV1001"}"#,
            ),
            (
                Fact::InvoiceProvisioned {
                    invoice_id: invoice_id.clone(),
                    account_id: account_id.clone(),
                    amount: sgd("100"),
                },
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1","amount":"100.00","currency":"SGD"}"#,
            ),
            (
                Fact::InvoiceVoided {
                    invoice_id,
                    account_id,
                    amount: sgd("100"),
                    reason: Some("sent twice".into()),
                },
                r#"{"sequence":7,"invoice_id":"INV-1001","account_id":"ACC-1","amount":"100.00","currency":"SGD","reason":"sent twice"}"#,
            ),
        ]
    }

    #[test]
    fn each_fact_has_its_exact_form() {
        for (fact, data) in facts() {
            let kind = fact.event_type();
            let expected = format!(
                r#"{{"specversion":"1.0","id":"account/ACC-1/7","source":"topup","type":"{kind}","subject":"ACC-1","time":"2025-11-22T10:00:00.005Z","datacontenttype":"application/json","sequence":"7","causationid":"r-1","causationsource":"bank-gateway","data":{data}}}"#
            );
            assert_eq!(
                encode_event(&event(EventKey::Account(account()), None, fact), "topup"),
                expected
            );
        }
    }

    #[test]
    fn a_trace_and_a_payment_key_are_carried() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let fact = Fact::AccountUpserted {
            account_id: account(),
            name: String::new(),
        };
        let line = encode_event(
            &event(EventKey::Payment(payment()), Some(trace), fact),
            "topup",
        );
        assert!(line.contains(r#""id":"payment/PAY-1/7""#), "{line}");
        assert!(
            line.contains(&format!(r#""traceparent":"{trace}","data""#)),
            "{line}"
        );
    }

    proptest! {
        #[test]
        fn any_text_survives_on_one_line(text in any::<String>()) {
            let mut json = String::new();
            push_string(&mut json, &text);
            prop_assert!(!json.contains(|c: char| c.is_control() || c == '\u{2028}'));
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
        }
    }
}

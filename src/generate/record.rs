//! Records as upstream systems send them: what is generated goes through the strict grammar too.

use serde_json::{Map, Value, json};

use crate::domain::bank::{BankTransaction, CreditDebit, EntryStatus};
use crate::domain::input::Message;
use crate::wire::{RawRecord, Topic, decode};

/// A record on its way to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub topic: Topic,
    pub key: String,
    /// A JSON document.
    pub value: String,
}

impl Line {
    pub(super) fn new(
        topic: Topic,
        key: &str,
        (id, time): (&str, &str),
        kind: &str,
        data: &Value,
    ) -> Self {
        let value = json!({
            "specversion": "1.0",
            "id": id,
            "source": "generated",
            "type": kind,
            "time": time,
            "data": data,
        });
        Self { topic, key: key.to_owned(), value: value.to_string() }
    }

    /// As a line that `topup publish` reads.
    pub fn to_ndjson(&self) -> String {
        let topic = match self.topic {
            Topic::Commands => "commands",
            Topic::BankPayments => "bank",
            Topic::Usage => "usage",
        };
        let key = Value::from(self.key.as_str());
        format!("{{\"topic\":\"{topic}\",\"key\":{key},\"value\":{}}}\n", self.value)
    }

    /// What the service reads in it; None if it would refuse it, and then generating is wrong.
    pub fn message(&self) -> Option<Message> {
        let value = Some(self.value.as_bytes());
        let key = Some(self.key.as_bytes());
        decode(&RawRecord { topic: self.topic, key, value, headers: &[] }).ok()
    }
}

/// When all that is generated was sent.
pub(super) const TIME: &str = "2026-11-02T12:00:00Z";

pub(super) fn bank_data(bank: &BankTransaction) -> Value {
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| {
        // What is not known is absent, not null.
        if !value.is_null() {
            data.insert(name.to_owned(), value);
        }
    };
    put("bank_account", json!(bank.bank_account.as_str()));
    put("bank_transaction_id", json!(bank.bank_transaction_id));
    put("statement_id", json!(bank.statement_id));
    put("entry_reference", json!(bank.entry_reference));
    put("end_to_end_id", json!(bank.end_to_end_id));
    let credit = bank.credit_debit == CreditDebit::Credit;
    put("credit_debit", json!(if credit { "CRDT" } else { "DBIT" }));
    let status = match bank.status {
        EntryStatus::Booked => "BOOK",
        EntryStatus::Pending => "PDNG",
        EntryStatus::Information => "INFO",
    };
    put("status", json!(status));
    put("reversal", json!(bank.reversal));
    put("amount", json!(bank.amount.number()));
    put("currency", json!(bank.amount.code()));
    put("charges", json!(bank.charges.map(crate::domain::money::Money::number)));
    put("booking_date", json!(bank.booking_date.to_string()));
    put("value_date", json!(bank.value_date.map(|date| date.to_string())));
    put("virtual_account", json!(bank.virtual_account));
    let some = |fields: [(&str, Value); 2]| -> Value {
        let known = fields.into_iter().filter(|(_, value)| !value.is_null());
        let known: Map<String, Value> = known.map(|(k, v)| (k.to_owned(), v)).collect();
        if known.is_empty() { Value::Null } else { Value::Object(known) }
    };
    put(
        "debtor",
        some([("name", json!(bank.debtor_name)), ("account", json!(bank.debtor_account))]),
    );
    let lines = (!bank.unstructured.is_empty()).then_some(&bank.unstructured);
    put(
        "remittance",
        some([
            ("creditor_reference", json!(bank.creditor_reference)),
            ("unstructured", json!(lines)),
        ]),
    );
    put(
        "return_of",
        bank.return_of.as_ref().map_or(Value::Null, |original| {
            some([
                ("bank_transaction_id", json!(original.bank_transaction_id)),
                ("end_to_end_id", json!(original.end_to_end_id)),
            ])
        }),
    );
    Value::Object(data)
}

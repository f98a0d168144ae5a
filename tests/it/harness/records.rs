//! The data of records, as JSON.

use serde_json::{Value, json};

/// The bank account that all bank records of the tests are about.
pub const BANK: &str = "SG-DBS-001";

/// Long after any invoice of a test was sent: the payment never counts before it.
pub const BOOKED_ON: &str = "2099-01-05";

/// `data` with the fields of `more` set; `null` takes a field away.
pub fn with(mut data: Value, more: &Value) -> Value {
    let fields = data.as_object_mut().expect("an object");
    for (name, value) in more.as_object().expect("an object") {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    data
}

pub fn account(id: &str) -> Value {
    json!({ "account_id": id, "name": format!("Customer {id}") })
}

/// An invoice in SGD, created and sent.
pub fn invoice(id: &str, account: &str, amount: &str) -> Value {
    with(draft(id, account, amount), &json!({ "send": true }))
}

/// An invoice in SGD that is not sent yet.
pub fn draft(id: &str, account: &str, amount: &str) -> Value {
    json!({
        "invoice_id": id,
        "account_id": account,
        "name": "November topup",
        "amount": amount,
        "currency": "SGD",
    })
}

/// A payment recorded by hand.
pub fn payment(id: &str, account: &str, amount: &str) -> Value {
    json!({
        "payment_id": id,
        "account_id": account,
        "amount": amount,
        "currency": "SGD",
        "received_on": "2026-11-22",
        "method": "transfer",
    })
}

/// All that is free and due of one payment to one invoice.
pub fn allocate(payment: &str, account: &str, invoice: &str) -> Value {
    json!({
        "payment_id": payment,
        "account_id": account,
        "allocations": [{ "invoice_id": invoice }],
    })
}

/// The same with an amount.
pub fn allocate_amount(payment: &str, account: &str, invoice: &str, amount: &str) -> Value {
    json!({
        "payment_id": payment,
        "account_id": account,
        "allocations": [{ "invoice_id": invoice, "amount": amount }],
    })
}

pub fn about_invoice(invoice: &str, account: &str) -> Value {
    json!({ "invoice_id": invoice, "account_id": account })
}

pub fn about_payment(payment: &str, account: &str) -> Value {
    json!({ "payment_id": payment, "account_id": account })
}

/// A booked credit in SGD under the bank's id.
pub fn credit(id: &str, amount: &str) -> Value {
    json!({
        "bank_account": BANK,
        "bank_transaction_id": id,
        "credit_debit": "CRDT",
        "status": "BOOK",
        "amount": amount,
        "currency": "SGD",
        "booking_date": BOOKED_ON,
    })
}

/// The same with a line of text of the payer.
pub fn credit_saying(id: &str, amount: &str, text: &str) -> Value {
    with(credit(id, amount), &json!({ "remittance": { "unstructured": [text] } }))
}

/// A structured CloudEvents envelope.
pub fn envelope(id: &str, source: &str, kind: &str, data: &impl std::fmt::Display) -> String {
    let time = "2026-11-22T10:00:00Z";
    envelope_at(id, source, kind, time, data)
}

/// The same at another time. Put together by hand, so that `data` may be any text.
pub fn envelope_at(
    id: &str,
    source: &str,
    kind: &str,
    time: &str,
    data: &impl std::fmt::Display,
) -> String {
    let head = format!(r#""specversion":"1.0","id":"{id}","source":"{source}""#);
    format!(r#"{{{head},"type":"{kind}","time":"{time}","data":{data}}}"#)
}

/// A command in its envelope.
pub fn command(id: &str, kind: &str, data: &impl std::fmt::Display) -> String {
    envelope(id, "crm", &format!("topup.{kind}.v1"), data)
}

/// A bank transaction in its envelope.
pub fn bank(id: &str, data: &impl std::fmt::Display) -> String {
    envelope(id, "bank-gateway", "topup.bank.transaction.v1", data)
}

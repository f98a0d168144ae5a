//! Decision tables over whole records: each code, each type, the content hash, the bad inputs.

mod advice;
mod codes;
mod corpus;
mod details;
mod edge_cases;
mod generous;
mod hashes;
mod split;
mod types;

use super::{DecodeCode, DecodeFailure, RawRecord, Topic, decode};
use crate::domain::input::{Input, Message};
use crate::kafka::Header;

const UPSERT: &str = concat!(
    r#"{"account_id":"ACC-1","name":"ACME PTE LTD""#,
    r#","payer_accounts":["sg12 3456-78","072.000/1234"],"virtual_accounts":[]"#,
    r#","credit_limits":{"USD":"0","SGD":"500.5"},"stale_after_days":45"#,
    r#","time_zone":"Asia/Singapore","balance_levels":{"SGD":["5","20.5"],"USD":[]}}"#
);
const CREATE: &str = concat!(
    r#"{"invoice_id":"INV-1","account_id":"ACC-1","name":"November topup""#,
    r#","amount":"100.00","currency":"SGD","due_date":"2026-11-30","send":true}"#
);
const MARK_SENT: &str = r#"{"invoice_id":"INV-1","account_id":"ACC-1"}"#;
const VOID: &str = r#"{"invoice_id":"INV-1","account_id":"ACC-1","reason":"sent twice"}"#;
const KEEP: &str = r#"{"invoice_id":"INV-1","account_id":"ACC-1","until":"2027-01-31"}"#;
const RECORD: &str = concat!(
    r#"{"payment_id":"PAY-1","account_id":"ACC-1","amount":"100.00""#,
    r#","currency":"SGD","received_on":"2026-11-22","method":"cheque""#,
    r#","reference":"000123","remark":"by hand"}"#
);
const ASSIGN: &str = r#"{"payment_id":"PAY-1","account_id":"ACC-1"}"#;
const ALLOCATE: &str = concat!(
    r#"{"payment_id":"PAY-1","account_id":"ACC-1""#,
    r#","allocations":[{"invoice_id":"INV-1","amount":"60.5"}"#,
    r#",{"invoice_id":"INV-2"}]}"#
);
const DEALLOCATE: &str =
    r#"{"payment_id":"PAY-1","invoice_id":"INV-1","account_id":"ACC-1","reason":"wrong invoice"}"#;
const REMOVE: &str = r#"{"payment_id":"PAY-1","account_id":"ACC-1","reason":"typed twice"}"#;
const SPLIT: &str = concat!(
    r#"{"payment_id":"PAY-1","account_id":"ACC-1","parts":[{"account_id":"ACC-1""#,
    r#","amount":"60.5","allocations":[{"invoice_id":"INV-1","amount":"60"}"#,
    r#",{"invoice_id":"INV-2"}]},{"account_id":"ACC-2","amount":"40"}]"#,
    r#","reason":"a settlement"}"#
);
const UNSPLIT: &str = r#"{"payment_id":"PAY-1","account_id":"ACC-1","reason":"wrong shares"}"#;
const CONFIRM: &str = concat!(
    r#"{"payment_id":"PAY-1","suggestion_id":"7-1","account_id":"ACC-1""#,
    r#","reason":"by alice"}"#
);
const TRANSACTION: &str = concat!(
    r#"{"bank_account":"SG-DBS-001","bank_transaction_id":"DBS-1""#,
    r#","statement_id":"ST 7","entry_reference":"3/1""#,
    r#","end_to_end_id":"NOTPROVIDED","credit_debit":"CRDT","status":"BOOK""#,
    r#","reversal":false,"amount":"100.00","currency":"SGD","charges":"0.50""#,
    r#","booking_date":"2026-11-22","value_date":"2026-11-23""#,
    r#","debtor":{"name":"ACME PTE LTD","account":"0720001234"}"#,
    r#","virtual_account":"9981234""#,
    r#","remittance":{"creditor_reference":"RF18INV1001""#,
    r#","unstructured":["INV-1001","thanks"]}"#,
    r#","return_of":{"bank_transaction_id":"DBS-0","end_to_end_id":"E2E""#,
    r#","reason":"AC04"}}"#
);
const STATEMENT: &str = concat!(
    r#"{"bank_account":"SG-DBS-001","statement_id":"ST 7","currency":"SGD""#,
    r#","opening_balance":"-10.5","closing_balance":"89.50","entries":1"#,
    r#","complete_through":"2026-11-23T00:00:00+08:00"}"#
);
const ADVICE: &str = concat!(
    r#"{"advice_id":"REM-7","bank_account":"SG-DBS-001","payer_account":"072-000.1234""#,
    r#","payment_reference":"REM/2026/417","amount":"100.00","currency":"SGD","invoices":["#,
    r#"{"invoice_id":"INV-1","amount":"60.5"},{"reference":"RF18 INV1001","amount":"39.5"}]}"#
);

/// Each type that is read, with data in which every field is present.
const CHARGE: &str = concat!(
    r#"{"usage_id":"U-1","account_id":"ACC-1","amount":"0.004321","currency":"SGD","#,
    r#""occurred_at":"2026-11-22T10:00:00Z","kind":"call","hold_id":"H-1"}"#
);
const REFUND: &str = concat!(
    r#"{"refund_id":"R-1","usage_id":"U-1","account_id":"ACC-1","amount":"0.000001","#,
    r#""currency":"JPY"}"#
);
const HOLD: &str = r#"{"hold_id":"H-1","account_id":"ACC-1","amount":"2","currency":"SGD"}"#;

const RESOLVE: &str = concat!(
    r#"{"account_id":"ACC-1","bank_account":"OURS","bank_key":"reversal:R/1""#,
    r#","action":"take","payments":[{"payment_id":"PAY-1","amount":"60.5"},"#,
    r#"{"payment_id":"PAY-2","amount":"40"}],"fee":"3","reason":"the bank said so"}"#
);

const SAMPLES: [(&str, Topic, &str); 22] = [
    ("topup.account.upsert.v1", Topic::Commands, UPSERT),
    ("topup.invoice.create.v1", Topic::Commands, CREATE),
    ("topup.invoice.mark-sent.v1", Topic::Commands, MARK_SENT),
    ("topup.invoice.void.v1", Topic::Commands, VOID),
    ("topup.invoice.keep.v1", Topic::Commands, KEEP),
    ("topup.payment.record.v1", Topic::Commands, RECORD),
    ("topup.payment.assign.v1", Topic::Commands, ASSIGN),
    ("topup.payment.allocate.v1", Topic::Commands, ALLOCATE),
    ("topup.payment.deallocate.v1", Topic::Commands, DEALLOCATE),
    ("topup.payment.remove.v1", Topic::Commands, REMOVE),
    ("topup.match.confirm.v1", Topic::Commands, CONFIRM),
    ("topup.match.reject.v1", Topic::Commands, CONFIRM),
    ("topup.payment.split.v1", Topic::Commands, SPLIT),
    ("topup.payment.unsplit.v1", Topic::Commands, UNSPLIT),
    ("topup.return.resolve.v1", Topic::Commands, RESOLVE),
    ("topup.bank.transaction.v1", Topic::BankPayments, TRANSACTION),
    ("topup.bank.statement.v1", Topic::BankPayments, STATEMENT),
    ("topup.remittance.advice.v1", Topic::BankPayments, ADVICE),
    ("topup.usage.charge.v1", Topic::Usage, CHARGE),
    ("topup.usage.refund.v1", Topic::Usage, REFUND),
    ("topup.usage.hold.v1", Topic::Usage, HOLD),
    ("topup.usage.release.v1", Topic::Usage, HOLD),
];

type Headers<'a> = &'a [(&'a str, Option<&'a [u8]>)];

fn owned(headers: Headers<'_>) -> Vec<Header> {
    let owned = |(name, value): &(&str, Option<&[u8]>)| Header {
        name: (*name).to_owned(),
        value: value.map(<[u8]>::to_vec),
    };
    headers.iter().map(owned).collect()
}

fn topic_of(kind: &str) -> Topic {
    match kind {
        _ if kind.starts_with("topup.bank.") => Topic::BankPayments,
        _ if kind.starts_with("topup.remittance.") => Topic::BankPayments,
        _ if kind.starts_with("topup.usage.") => Topic::Usage,
        _ => Topic::Commands,
    }
}

fn envelope(kind: &str, data: &str) -> String {
    let head = r#"{"specversion":"1.0","id":"r-1","source":"crm","type":""#;
    let time = r#""time":"2026-11-22T10:00:00Z""#;
    format!(r#"{head}{kind}",{time},"data":{data}}}"#)
}

fn decode_value(topic: Topic, value: &[u8]) -> Result<Message, DecodeFailure> {
    decode(&RawRecord { topic, key: None, value: Some(value), headers: &[] })
}

/// Decodes `data` in a good envelope, on the topic of its type.
fn decode_data(kind: &str, data: &str) -> Result<Message, DecodeFailure> {
    decode_value(topic_of(kind), envelope(kind, data).as_bytes())
}

fn code_of(kind: &str, data: &str) -> Result<(), DecodeCode> {
    decode_data(kind, data).map(drop).map_err(|failure| failure.code)
}

fn input_of(kind: &str, data: &str) -> Input {
    decode_data(kind, data).expect(data).input
}

/// `data` with one part of its text replaced; the part must be there.
fn with(data: &str, part: &str, other: &str) -> String {
    assert!(data.contains(part), "{part} in {data}");
    data.replacen(part, other, 1)
}

//! What is read although others would write it in another way, and is the same content.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

use super::*;

const TRANSACTION_TYPE: &str = "topup.bank.transaction.v1";
const CHARGE_TYPE: &str = "topup.usage.charge.v1";

#[test]
fn zeros_at_the_end_carry_nothing() {
    let yen = with(&with(TRANSACTION, r#""SGD""#, r#""JPY""#), r#","charges":"0.50""#, "");
    let plain = with(&yen, r#""100.00""#, r#""2900""#);
    let long = with(&yen, r#""100.00""#, r#""2900.00""#);
    let [plain, long] =
        [plain, long].map(|data| decode_data(TRANSACTION_TYPE, &data).expect(&data));
    assert_eq!(plain.input, long.input);
    assert_eq!((plain.content_hash, plain.bank_hash), (long.content_hash, long.bank_hash));
    for (part, other) in [("100.00", "100.0000"), ("100.00", "100.000000000000"), ("0.50", "0.500")]
    {
        let same = decode_data(TRANSACTION_TYPE, &with(TRANSACTION, part, other)).expect(other);
        let first = decode_data(TRANSACTION_TYPE, TRANSACTION).expect("sample");
        assert_eq!((same.input, same.content_hash), (first.input, first.content_hash), "{other}");
        assert_eq!(same.bank_hash, first.bank_hash, "{other}");
    }
    for (amount, code) in [
        ("100.001", DecodeCode::AmountScale),
        ("100.0010", DecodeCode::AmountScale),
        ("100.00000001", DecodeCode::AmountInvalid),
        ("100.", DecodeCode::AmountInvalid),
        ("0100.00", DecodeCode::AmountInvalid),
        ("100.00 ", DecodeCode::AmountInvalid),
        ("1e2", DecodeCode::AmountInvalid),
        ("-0.00", DecodeCode::AmountInvalid),
        (&format!("100.{}", "0".repeat(40)), DecodeCode::AmountInvalid),
    ] {
        let data = with(TRANSACTION, "100.00", amount);
        assert_eq!(code_of(TRANSACTION_TYPE, &data), Err(code), "{amount}");
    }
    let cost = |amount: &str| hash(CHARGE_TYPE, &with(CHARGE, "0.004321", amount));
    assert_eq!(cost("0.0043210000"), cost("0.004321"));
    assert_eq!(cost("0.000000"), cost("0"));
    let statement = hash("topup.bank.statement.v1", STATEMENT);
    let zeros = with(&with(STATEMENT, "-10.5", "-10.5000"), "89.50", "89.5000");
    assert_eq!(hash("topup.bank.statement.v1", &zeros), statement);
}

fn hash(kind: &str, data: &str) -> [u8; 32] {
    decode_data(kind, data).expect(data).content_hash
}

#[test]
fn usage_of_nothing_is_usage() {
    for (kind, data, amount) in [
        (CHARGE_TYPE, CHARGE, "0.004321"),
        ("topup.usage.refund.v1", REFUND, "0.000001"),
        ("topup.usage.hold.v1", HOLD, "2"),
        ("topup.usage.release.v1", HOLD, "2"),
    ] {
        let free = with(data, &format!(r#""{amount}""#), r#""0.00""#);
        assert_eq!(code_of(kind, &free), Ok(()), "{free}");
    }
    let paid = with(CREATE, "100.00", "0.00");
    assert_eq!(code_of("topup.invoice.create.v1", &paid), Err(DecodeCode::AmountInvalid));
}

#[test]
fn data_may_be_base64() {
    let kind = "topup.invoice.create.v1";
    let plain = decode_data(kind, CREATE).expect("sample");
    let of = |data: &str| {
        let encoded = format!(r#""data_base64":"{}""#, STANDARD.encode(data));
        let text = with(&envelope(kind, "1"), r#""data":1"#, &encoded);
        decode_value(Topic::Commands, text.as_bytes())
    };
    for data in [CREATE.to_owned(), format!("\u{feff} {CREATE}\n")] {
        let message = of(&data).expect("the same in base64");
        assert_eq!(message.input, plain.input);
        assert_eq!(message.content_hash, plain.content_hash);
    }
    let code = |result: Result<Message, DecodeFailure>| {
        let failure = result.expect_err("refused");
        assert!(failure.record.is_some(), "{failure}");
        failure.code
    };
    assert_eq!(code(of("not json")), DecodeCode::EnvelopeInvalid);
    assert_eq!(code(of(r#"{"a":1,"a":2}"#)), DecodeCode::DuplicateKey);
    assert_eq!(code(of("[]")), DecodeCode::DataInvalid);
    for other in [r#""data_base64":"*""#, r#""data_base64":7"#, r#""data":{},"data_base64":"e30=""#]
    {
        let text = with(&envelope(kind, "1"), r#""data":1"#, other);
        let failure = decode_value(Topic::Commands, text.as_bytes());
        assert_eq!(code(failure), DecodeCode::EnvelopeInvalid, "{other}");
    }
    let unset = with(&envelope(kind, CREATE), r#""data":"#, r#""data_base64":null,"data":"#);
    assert_eq!(decode_value(Topic::Commands, unset.as_bytes()).expect("unset").input, plain.input);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let kind = "topup.invoice.create.v1";
    let plain = decode_data(kind, CREATE).expect("sample");
    let marked = format!("\u{feff}{}", envelope(kind, CREATE));
    let message = decode_value(Topic::Commands, marked.as_bytes()).expect("marked");
    assert_eq!((message.input, message.content_hash), (plain.input.clone(), plain.content_hash));
    let text = |text: &'static str| Some(text.as_bytes());
    let headers = [
        ("ce_specversion", text("1.0")),
        ("ce_id", text("r-1")),
        ("ce_source", text("/billing/crm")),
        ("ce_type", text("topup.invoice.create.v1")),
        ("ce_time", text("2026-11-22T10:00:00Z")),
        ("content-type", text("application/json; charset=utf-8")),
    ];
    let value = format!("\u{feff}{CREATE}");
    let value = Some(value.as_bytes());
    let raw = RawRecord { topic: Topic::Commands, key: None, value, headers: &owned(&headers) };
    let message = decode(&raw).expect("binary mode");
    assert_eq!(message.content_hash, plain.content_hash);
    let twice = format!("\u{feff}\u{feff}{}", envelope(kind, CREATE));
    let failure = decode_value(Topic::Commands, twice.as_bytes()).expect_err("two marks");
    assert_eq!(failure.code, DecodeCode::NotJson);
    let failure = decode_value(Topic::Commands, "\u{feff}".as_bytes()).expect_err("a mark only");
    assert_eq!(failure.code, DecodeCode::EmptyValue);
}

#[test]
fn a_key_may_be_a_json_string() {
    let value = envelope("topup.invoice.create.v1", CREATE);
    let code = |key: &'static [u8]| {
        let value = Some(value.as_bytes());
        let raw = RawRecord { topic: Topic::Commands, key: Some(key), value, headers: &[] };
        decode(&raw).map(drop).map_err(|failure| failure.code)
    };
    for key in [&b"ACC-1"[..], b"\"ACC-1\"", b"\"\\u0041CC-1\""] {
        assert_eq!(code(key), Ok(()));
    }
    for key in [&b"ACC-2"[..], b"\"ACC-2\"", b"'ACC-1'", b"\"ACC-1", b"\"\"ACC-1\"\"", b"\xff"] {
        assert_eq!(code(key), Err(DecodeCode::KeyMismatch));
    }
}

#[test]
fn records_are_named_as_cloudevents_name_them() {
    let text = envelope("topup.invoice.create.v1", CREATE);
    let text = with(&text, r#""id":"r-1""#, r#""id":"name:crm;lsn:29274832;txId:565""#);
    let text = with(&text, r#""source":"crm""#, r#""source":"https://crm.example.com/a?b#c""#);
    let text = with(
        &text,
        r#""specversion""#,
        r#""datacontenttype":"application/json; v=1","specversion""#,
    );
    let message = decode_value(Topic::Commands, text.as_bytes()).expect("named");
    assert_eq!(message.record.id.as_str(), "name:crm;lsn:29274832;txId:565");
    assert_eq!(message.record.source.as_str(), "https://crm.example.com/a?b#c");
    let charge = with(&with(CHARGE, "U-1", "cdr;7/1|a"), "H-1", "sess;1@host");
    assert_eq!(code_of(CHARGE_TYPE, &charge), Ok(()));
    let spaced = with(CHARGE, "U-1", "cdr 7");
    assert_eq!(code_of(CHARGE_TYPE, &spaced), Err(DecodeCode::IdInvalid));
}

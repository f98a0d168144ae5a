//! Each code, the order among them, the envelope, binary mode, and hostile bytes.

use proptest::prelude::*;

use super::*;

const CREATE_TYPE: &str = "topup.invoice.create.v1";

/// One record per code, in the order of precedence. Each but the last few has every later fault
/// that it can have, so that the table also shows the precedence.
#[test]
fn each_code_in_order_of_precedence() {
    let bad_data = |data: &str| envelope(CREATE_TYPE, data);
    let scale = concat!(
        r#"{"invoice_id":"","account_id":"ACC-2","name":"n","amount":"1.001""#,
        r#","currency":"SGD","due_date":"2026-02-30"}"#
    );
    let currency = with(scale, "SGD", "sgd");
    let amount = with(&currency, "\"1.001\"", "1.001");
    let data = with(&amount, "\"n\"", "\"\"");
    let date = with(scale, "1.001", "1.01");
    let id = with(&date, "2026-02-30", "2026-02-28");
    let key = with(&id, "\"\"", "\"INV-1\"");
    let bank_type = envelope("topup.bank.transaction.v1", &data);
    let unknown_type = with(&bank_type, "bank.transaction", "nothing");
    let bad_envelope = with(&unknown_type, "1.0", "0.3");
    let twice = with(&bad_envelope, "{", "{\"data\":1,");
    let values: [Vec<u8>; 16] = [
        Vec::new(),
        vec![0xff; 65_537],
        b"[\xff".to_vec(),
        b"[1 garbage".to_vec(),
        br#"[{"a":1,"a":2}]"#.to_vec(),
        twice.into_bytes(),
        bad_envelope.into_bytes(),
        unknown_type.into_bytes(),
        bank_type.into_bytes(),
        bad_data(&data).into_bytes(),
        bad_data(&amount).into_bytes(),
        bad_data(&currency).into_bytes(),
        bad_data(scale).into_bytes(),
        bad_data(&date).into_bytes(),
        bad_data(&id).into_bytes(),
        bad_data(&key).into_bytes(),
    ];
    // Who may send it is asked by the pipeline (`pipeline::lane`, `pipeline::authority`).
    let asked = [DecodeCode::SourceReserved, DecodeCode::NotAuthorised];
    let here = DecodeCode::ALL.into_iter().filter(|code| !asked.contains(code));
    for (code, value) in here.zip(&values) {
        let raw = RawRecord {
            topic: Topic::Commands,
            key: Some(b"ACC-1"),
            value: Some(value),
            headers: &[],
        };
        let failure = decode(&raw).expect_err(code.code());
        assert_eq!(failure.code, code, "{}", String::from_utf8_lossy(value));
        assert!(!failure.detail.is_empty() && failure.detail.len() <= 300, "{failure}");
        let readable = code > DecodeCode::DuplicateKey;
        assert_eq!(failure.record.is_some(), readable, "{code}");
    }
}

#[test]
fn what_is_not_one_json_object() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: [(&[u8], DecodeCode); 18] = [
        (b" \n\t", DecodeCode::NotJson),
        (b"{", DecodeCode::NotJson),
        (b"{} {}", DecodeCode::NotJson),
        (b"{}garbage", DecodeCode::NotJson),
        (b"{'a':1}", DecodeCode::NotJson),
        (b"// c\n{}", DecodeCode::NotJson),
        (b"{\"a\":01}", DecodeCode::NotJson),
        (b"{\"a\":NaN}", DecodeCode::NotJson),
        (b"{\"a\":1,}", DecodeCode::NotJson),
        (b"{\"a\":\"\n\"}", DecodeCode::NotJson),
        (b"{\"\\ud800\":1}", DecodeCode::NotJson),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", DecodeCode::NotJson),
        (b"\xff\xfe{\0}\0", DecodeCode::NotUtf8),
        (b"null", DecodeCode::NotAnObject),
        (b"1e400", DecodeCode::NotAnObject),
        (b"\"{}\"", DecodeCode::NotAnObject),
        (b" [1,2]", DecodeCode::NotAnObject),
        (deep.as_bytes(), DecodeCode::NotAnObject),
    ];
    for (value, code) in cases {
        let failure = decode_value(Topic::Commands, value).expect_err("bad");
        assert_eq!(failure.code, code, "{:.40}", String::from_utf8_lossy(value));
    }
    let tombstone = RawRecord { topic: Topic::Usage, key: None, value: None, headers: &[] };
    assert_eq!(decode(&tombstone).expect_err("null").code, DecodeCode::EmptyValue);
}

#[test]
fn the_size_limit_is_exact() {
    let record = envelope("topup.invoice.mark-sent.v1", MARK_SENT);
    let padded = |size: usize| format!("{record}{}", " ".repeat(size - record.len()));
    assert!(decode_value(Topic::Commands, padded(65_536).as_bytes()).is_ok());
    let failure = decode_value(Topic::Commands, padded(65_537).as_bytes()).expect_err("large");
    assert_eq!(failure.code, DecodeCode::TooLarge);
}

#[test]
fn keys_named_twice_are_refused_everywhere() {
    let record = envelope("topup.payment.allocate.v1", ALLOCATE);
    let cases = [
        ("{", r#"{"id":"r-2","#, false),
        ("{", r#"{"\u0069d":"r-2","#, false),
        ("{", r#"{"ext":1,"ext":1,"#, false),
        ("{", r#"{"ext":{"a":[{"b":1,"b":2}]},"#, true),
        (r#""payment_id""#, r#""account_id":"ACC-1","payment_id""#, true),
        (r#""amount""#, r#""invoice_id":"INV-9","amount""#, true),
    ];
    for (part, other, readable) in cases {
        let value = with(&record, part, other);
        let failure = decode_value(Topic::Commands, value.as_bytes()).expect_err(&value);
        assert_eq!(failure.code, DecodeCode::DuplicateKey, "{value}");
        assert_eq!(failure.record.is_some(), readable, "{value}");
    }
    let limits = with(UPSERT, r#""USD":"0""#, r#""SGD":"0""#);
    assert_eq!(code_of("topup.account.upsert.v1", &limits), Err(DecodeCode::DuplicateKey));
}

#[test]
fn the_envelope_is_checked() {
    use DecodeCode::{DateInvalid, EnvelopeInvalid, UnknownType, WrongTopic};
    let record = envelope("topup.invoice.mark-sent.v1", MARK_SENT);
    let time = r#""2026-11-22T10:00:00Z""#;
    let long = format!("\"{}\"", "r".repeat(129));
    let cases = [
        (r#""specversion":"1.0","#, "", EnvelopeInvalid),
        (r#""1.0""#, "1.0", EnvelopeInvalid),
        (r#""id":"r-1","#, "", EnvelopeInvalid),
        (r#""r-1""#, "null", EnvelopeInvalid),
        (r#""r-1""#, r#""""#, EnvelopeInvalid),
        (r#""r-1""#, r#""a b""#, EnvelopeInvalid),
        (r#""r-1""#, long.as_str(), EnvelopeInvalid),
        (r#""source":"crm","#, "", EnvelopeInvalid),
        (r#""crm""#, r#""\ud800""#, EnvelopeInvalid),
        (r#""crm""#, r#"["crm"]"#, EnvelopeInvalid),
        (r#""crm""#, r#""c rm""#, EnvelopeInvalid),
        (r#""type":"#, r#""typ":"#, EnvelopeInvalid),
        (time, "1763805600", EnvelopeInvalid),
        (time, "null", EnvelopeInvalid),
        (time, r#""2026-11-22T10:00:00""#, DateInvalid),
        (time, r#""2101-01-01T00:00:00Z""#, DateInvalid),
        (r#""source""#, r#""datacontenttype":"text/xml","source""#, EnvelopeInvalid),
        (r#""source""#, r#""datacontenttype":1,"source""#, EnvelopeInvalid),
        ("invoice.mark-sent", "INVOICE.mark-sent", UnknownType),
        ("invoice.mark-sent", "match.undo", UnknownType),
        ("invoice.mark-sent", "usage.charge", WrongTopic),
        ("invoice.mark-sent", "usage.expire", UnknownType),
        ("mark-sent.v1", "mark-sent.v2", UnknownType),
        ("invoice.mark-sent", "bank.statement", WrongTopic),
    ];
    for (part, other, code) in cases {
        let value = with(&record, part, other);
        let failure = decode_value(Topic::Commands, value.as_bytes()).expect_err(&value);
        assert_eq!(failure.code, code, "{value}");
    }
    let extra = r#""datacontenttype":"application/json; charset=utf-8","subject":null,"#;
    let ignored = with(&record, "{", &format!(r#"{{{extra}"ext":[[{{"x":1e400}}]],"#));
    let message = decode_value(Topic::Commands, ignored.as_bytes()).expect("extensions");
    assert_eq!(message.record.to_string(), "crm/r-1");
    assert_eq!(message.time.to_rfc3339(), "2026-11-22T10:00:00+00:00");
}

#[test]
fn types_belong_to_their_topics() {
    for (kind, topic, data) in SAMPLES {
        for other in [Topic::Commands, Topic::BankPayments, Topic::Usage] {
            let result = decode_value(other, envelope(kind, data).as_bytes());
            let code = result.err().map(|failure| failure.code);
            let expected = (other != topic).then_some(DecodeCode::WrongTopic);
            assert_eq!(code, expected, "{kind} on {other:?}");
        }
    }
}

#[test]
fn the_key_is_the_account_if_there_is_one() {
    for (kind, topic, data) in SAMPLES {
        let value = envelope(kind, data);
        let own: &[u8] = if topic == Topic::BankPayments { b"SG-DBS-001" } else { b"ACC-1" };
        let keys: [(Option<&[u8]>, bool); 5] = [
            (None, true),
            (Some(own), true),
            (Some(b"ACC-2"), false),
            (Some(b""), false),
            (Some(b"\xff"), false),
        ];
        for (key, good) in keys {
            let raw = RawRecord { topic, key, value: Some(value.as_bytes()), headers: &[] };
            let code = decode(&raw).err().map(|failure| failure.code);
            assert_eq!(code, (!good).then_some(DecodeCode::KeyMismatch), "{kind} {key:?}");
        }
    }
    let nobody = with(RECORD, r#""account_id":"ACC-1","#, "");
    let value = envelope("topup.payment.record.v1", &nobody);
    let raw = RawRecord {
        topic: Topic::Commands,
        key: Some(b"anything"),
        value: Some(value.as_bytes()),
        headers: &[],
    };
    assert!(decode(&raw).is_ok());
}

const CE: [(&str, Option<&[u8]>); 5] = [
    ("ce_specversion", Some(b"1.0")),
    ("ce_id", Some(b"r-1")),
    ("ce_source", Some(b"crm")),
    ("ce_type", Some(b"topup.invoice.create.v1")),
    ("ce_time", Some(b"2026-11-22T10:00:00Z")),
];

fn decode_binary(headers: Headers<'_>, value: &str) -> Result<Message, DecodeFailure> {
    let value = Some(value.as_bytes());
    let headers = &owned(headers);
    decode(&RawRecord { topic: Topic::Commands, key: Some(b"ACC-1"), value, headers })
}

#[test]
fn binary_mode_is_the_same_message() {
    let structured = decode_data(CREATE_TYPE, CREATE).expect("structured");
    let spaced = format!("\n {CREATE}");
    assert_eq!(decode_binary(&CE, &spaced).as_ref(), Ok(&structured));
    let typed: Vec<_> = CE.into_iter().chain([json_header("application/json")]).collect();
    assert_eq!(decode_binary(&typed, CREATE).as_ref(), Ok(&structured));
    // A structured body says so itself, whatever the headers say.
    let value = envelope(CREATE_TYPE, CREATE);
    assert_eq!(decode_binary(&CE, &value).as_ref(), Ok(&structured));
    let content_type = json_header("application/cloudevents+json; charset=UTF-8");
    assert_eq!(decode_binary(&[content_type], &value).as_ref(), Ok(&structured));
}

fn json_header(content_type: &'static str) -> (&'static str, Option<&'static [u8]>) {
    ("Content-Type", Some(content_type.as_bytes()))
}

#[test]
fn binary_mode_is_as_strict() {
    use DecodeCode::{DataInvalid, DuplicateKey, EmptyValue, EnvelopeInvalid};
    let plus = |header| CE.into_iter().chain([header]).collect::<Vec<_>>();
    let without = |name| CE.into_iter().filter(|(n, _)| *n != name).collect::<Vec<_>>();
    let cases = [
        (plus(json_header("text/plain")), CREATE, EnvelopeInvalid),
        (plus(json_header("application/cloudevents+json")), CREATE, EnvelopeInvalid),
        (plus(("ce_id", Some(b"r-2"))), CREATE, EnvelopeInvalid),
        (without("ce_specversion"), CREATE, EnvelopeInvalid),
        (without("ce_id"), CREATE, EnvelopeInvalid),
        (without("ce_source"), CREATE, EnvelopeInvalid),
        (without("ce_type"), CREATE, EnvelopeInvalid),
        (without("ce_time"), CREATE, EnvelopeInvalid),
        (CE.to_vec(), r#"{"a":1,"a":2}"#, DuplicateKey),
        (CE.to_vec(), "{}", DataInvalid),
        (CE.to_vec(), "", EmptyValue),
    ];
    for (headers, value, code) in cases {
        let failure = decode_binary(&headers, value).expect_err("bad");
        assert_eq!(failure.code, code, "{headers:?}");
        let readable = matches!(code, DuplicateKey | DataInvalid | EmptyValue);
        assert!(!readable || failure.record.is_some(), "{code}");
    }
    let mut bytes = CE;
    bytes[1].1 = Some(b"\xff");
    assert_eq!(decode_binary(&bytes, CREATE).expect_err("id").code, EnvelopeInvalid);
    bytes[1].1 = None;
    assert_eq!(decode_binary(&bytes, CREATE).expect_err("id").code, EnvelopeInvalid);
}

#[test]
fn the_trace_is_carried_or_ignored() {
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let trace = |extension: Option<&str>, headers: Headers<'_>| {
        let value = envelope(CREATE_TYPE, CREATE);
        let extension = extension.map(|json| format!("{{\"traceparent\":{json},"));
        let value = extension.map_or(value.clone(), |extension| with(&value, "{", &extension));
        decode_binary(headers, &value).expect("a trace never refuses").traceparent
    };
    let header = [("traceparent", Some(other.as_bytes()))];
    let quoted = format!("\"{good}\"");
    assert_eq!(trace(Some(&quoted), &header).as_deref(), Some(good));
    assert_eq!(trace(None, &header).as_deref(), Some(other));
    assert_eq!(trace(None, &[("ce_traceparent", Some(good.as_bytes()))]).as_deref(), Some(good));
    for bad in ["1", "null", "{}", "\"\"", "\"00-x\"", "\"\\ud800\""] {
        assert_eq!(trace(Some(bad), &[]), None, "{bad}");
    }
    let mut headers = CE.to_vec();
    headers.push(("ce_traceparent", Some(good.as_bytes())));
    let binary = decode_binary(&headers, CREATE).expect("binary");
    assert_eq!(binary.traceparent.as_deref(), Some(good));
}

/// What a record says must not reach logs, metrics or a dead letter's message.
#[test]
fn a_failure_quotes_nothing() {
    let secret = "0720001234";
    for (kind, topic, data) in SAMPLES {
        let values: Vec<String> = data.split('"').map(str::to_owned).collect();
        for index in (1..values.len()).step_by(2) {
            let mut poisoned = values.clone();
            poisoned[index] = format!("{secret}\\u0000{}", secret.repeat(500));
            let value = envelope(kind, &poisoned.join("\""));
            let Err(failure) = decode_value(topic, value.as_bytes()) else {
                continue;
            };
            assert!(!failure.to_string().contains(secret), "{failure}");
            assert!(failure.detail.len() <= 300, "{failure}");
        }
    }
    let value = envelope(secret, "{}");
    let failure = decode_value(Topic::Commands, value.as_bytes()).expect_err("type");
    assert!(!failure.to_string().contains(secret), "{failure}");
}

#[test]
fn bombs_are_refused_quickly() {
    let keys: String = (0..10_000).map(|n| format!(r#""{n}":0,"#)).collect();
    let bombs = [
        with(CREATE, r#""100.00""#, &format!(r#""{}1""#, "0".repeat(60_000))),
        with(CREATE, r#""100.00""#, &format!(r#""1{}""#, "_".repeat(60_000))),
        with(CREATE, r#""100.00""#, &format!("{}{}", "[".repeat(30_000), "]".repeat(30_000))),
        with(CREATE, "{", &format!("{{{}", &keys[..60_000].rsplit_once(',').expect("comma").0))
            .replacen(r#""invoice_id""#, r#","invoice_id""#, 1),
        format!(r#"{{"x":{}1{}}}"#, r#"{"a":"#.repeat(10_000), "}".repeat(10_000)),
    ];
    for bomb in bombs {
        let code = code_of(CREATE_TYPE, &bomb).expect_err("bomb");
        let expected = [DecodeCode::AmountInvalid, DecodeCode::DataInvalid];
        assert!(expected.contains(&code), "{code} {bomb:.80}");
    }
}

proptest! {
    #[test]
    fn any_bytes_never_panic(value in any::<Vec<u8>>(), key in any::<Option<Vec<u8>>>()) {
        for topic in [Topic::Commands, Topic::BankPayments, Topic::Usage] {
            let (key, headers) = (key.as_deref(), &owned(&CE));
            let raw = RawRecord { topic, key, value: Some(&value), headers };
            prop_assert!(decode(&raw).is_err());
        }
    }

    /// Good records with a few bytes changed: most are JSON still, and reach the fields.
    #[test]
    fn damaged_records_never_panic(
        sample in 0..SAMPLES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (kind, topic, data) = SAMPLES[sample];
        let mut value = envelope(kind, data).into_bytes();
        for (index, byte) in damage {
            let index = index.index(value.len());
            value[index] = byte;
        }
        if let Err(failure) = decode_value(topic, &value) {
            prop_assert!(failure.detail.len() <= 300);
        }
    }
}

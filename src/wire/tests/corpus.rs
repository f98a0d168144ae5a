//! Every line of `fixtures/bad-inputs.jsonl`, see `fixtures/bad-inputs.md`.

use std::collections::BTreeMap;

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::*;

const LINES: &str = include_str!("../../../fixtures/bad-inputs.jsonl");

/// Lines that are to be dead-lettered and yet decode: what refuses them is not decoding.
const DECODE_ALL_THE_SAME: [(&str, &str); 4] = [
    ("B051", "the scale depends on the payment's currency, which only the store knows"),
    ("B094", "the contract allows any id of its grammar, not only UUIDs"),
    ("B182", "a conflict with the command of the same id that was processed before"),
    ("B186", "a conflict with the bank transaction of the same id that was recorded before"),
];

/// How often each code is met: a line that is refused for another reason than before is noticed.
const MET: [(&str, i32); 14] = [
    ("amount_invalid", 26),
    ("amount_scale", 1),
    ("data_invalid", 8),
    ("date_invalid", 4),
    ("decoded", 32),
    ("empty_value", 1),
    ("envelope_invalid", 4),
    ("id_invalid", 6),
    ("not_an_object", 3),
    ("not_json", 7),
    ("not_utf8", 3),
    ("too_large", 1),
    ("unknown_type", 1),
    ("wrong_topic", 1),
];

#[derive(Deserialize)]
struct Line {
    id: String,
    topic: String,
    expected: String,
    value: Option<String>,
    value_base64: Option<String>,
}

fn decode_line(line: &Line) -> Result<Message, DecodeFailure> {
    let topic = match line.topic.as_str() {
        "topup.invoice-commands.v1" => Topic::Commands,
        "topup.bank-payments.v1" => Topic::BankPayments,
        "topup.usage.v1" => Topic::Usage,
        other => panic!("{other}"),
    };
    let bytes = match (&line.value, &line.value_base64) {
        (_, Some(text)) => Some(STANDARD.decode(text).expect("base64")),
        (Some(text), None) => Some(text.clone().into_bytes()),
        (None, None) => None,
    };
    decode(&RawRecord { topic, key: None, value: bytes.as_deref(), headers: &[] })
}

#[test]
fn each_bad_input_is_refused_or_recorded_as_expected() {
    let exceptions = BTreeMap::from(DECODE_ALL_THE_SAME);
    let mut seen = BTreeMap::new();
    for text in LINES.lines() {
        let line: Line = serde_json::from_str(text).expect("a line of the fixture");
        let result = decode_line(&line);
        let exception = exceptions.get(line.id.as_str());
        let refused = line.expected == "dead-lettered" && exception.is_none();
        assert_eq!(result.is_err(), refused, "{}: {result:?} {exception:?}", line.id);
        let code = result.map_or_else(|failure| failure.code.code(), |_| "decoded");
        *seen.entry(code).or_insert(0) += 1;
    }
    let met: Vec<_> = seen.into_iter().collect();
    assert_eq!(met, MET);
}

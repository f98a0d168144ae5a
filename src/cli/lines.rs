//! NDJSON files whose lines are records.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::error::{CliError, Result};
use super::{args, escape, reshape};
use crate::config::Topics;
use crate::kafka::{Header, OutRecord};
use crate::wire::base64;

/// The longest line: a record of Kafka's usual limit (1 MiB), in base64, with its envelope.
const LINE_BYTES_MAX: u64 = 2 << 20;

/// A file, line by line.
pub(super) struct Lines {
    name: String,
    number: usize,
    reader: Box<dyn BufRead + Send>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let name = escape::text(&path.display().to_string());
        Ok(Self { name, number: 0, reader: open(path)? })
    }

    /// The next line that holds something, with its place.
    pub(super) fn next(&mut self) -> Result<Option<(String, String)>> {
        loop {
            self.number += 1;
            let place = format!("{}:{}", self.name, self.number);
            let mut line = String::new();
            let read = (&mut self.reader).take(LINE_BYTES_MAX).read_line(&mut line);
            if read.map_err(|error| CliError::Failed(format!("{place}: {error}")))? == 0 {
                return Ok(None);
            }
            // A file that was put together from several has a mark where each begins.
            let line = line.trim_start_matches('\u{feff}');
            if !line.trim().is_empty() {
                return Ok(Some((place, line.to_owned())));
            }
        }
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let file = std::fs::File::open(path).map_err(|error| {
        let name = escape::text(&path.display().to_string());
        CliError::Failed(format!("{name}: {error}"))
    })?;
    Ok(Box::new(BufReader::new(file)))
}

/// Why a line is no record.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum LineError {
    #[error("not a record: {0}")]
    Json(String),
    #[error("give `value` or `value_base64`, not both")]
    TwoValues,
    #[error("`value_base64` or a header of `headers_base64` is not base64")]
    Base64,
    #[error("`topic` is empty")]
    NoTopic,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    topic: Option<String>,
    key: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    /// Those that are no text.
    #[serde(default)]
    headers_base64: BTreeMap<String, String>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    value_base64: Option<String>,
}

/// Reads one line: `{"topic", "key"?, "headers"?, "headers_base64"?, "value" | "value_base64"}`.
/// An object is sent as compact JSON with its keys, digits and repeats as they stand; a string is
/// sent as it is. `commands`, `bank` and `usage` stand for the configured topics.
pub(super) fn parse(line: &str, topics: &Topics) -> Result<OutRecord, LineError> {
    let mut record = parse_any(line)?;
    if record.topic.is_empty() {
        return Err(LineError::NoTopic);
    }
    record.topic = args::topic(&record.topic, topics);
    Ok(record)
}

/// The same for a record that goes nowhere: it needs no topic.
pub(super) fn parse_any(line: &str) -> Result<OutRecord, LineError> {
    let read: Line<'_> =
        serde_json::from_str(line).map_err(|error| LineError::Json(error.to_string()))?;
    let value = match (read.value, read.value_base64) {
        (Some(_), Some(_)) => return Err(LineError::TwoValues),
        (Some(value), None) => payload(value)?,
        (None, Some(encoded)) => Some(base64::decode(&encoded).ok_or(LineError::Base64)?),
        (None, None) => None,
    };
    let text = |(name, value): (String, Option<String>)| Header {
        name,
        value: value.map(String::into_bytes),
    };
    let mut headers: Vec<Header> = read.headers.into_iter().map(text).collect();
    for (name, encoded) in read.headers_base64 {
        headers
            .push(Header { name, value: Some(base64::decode(&encoded).ok_or(LineError::Base64)?) });
    }
    Ok(OutRecord {
        topic: read.topic.unwrap_or_default(),
        key: read.key.map(String::into_bytes),
        value,
        headers,
        timestamp_ms: None,
    })
}

fn payload(value: &RawValue) -> Result<Option<Vec<u8>>, LineError> {
    let raw = value.get();
    if raw.starts_with('"') {
        let text: String =
            serde_json::from_str(raw).map_err(|error| LineError::Json(error.to_string()))?;
        return Ok(Some(text.into_bytes()));
    }
    Ok((raw != "null").then(|| reshape::compact(raw).into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> Option<String> {
        let topics = Topics::with_prefix("t");
        let record = parse(line, &topics).expect("a record");
        record.value.map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    #[test]
    fn values_are_sent_as_they_stand() {
        let cases = [
            (
                r#"{"topic":"x","value":{ "b": 1.50, "a": " \" x", "b": 2 }}"#,
                Some(r#"{"b":1.50,"a":" \" x","b":2}"#),
            ),
            (r#"{"topic":"x","value":"{not json"}"#, Some("{not json")),
            (r#"{"topic":"x","value_base64":"aGVsbG8="}"#, Some("hello")),
            (r#"{"topic":"x","value_base64":"aGVsbG8"}"#, Some("hello")),
            (r#"{"topic":"x","value":null}"#, None),
            (r#"{"topic":"x"}"#, None),
        ];
        for (line, expected) in cases {
            assert_eq!(value(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn short_topics_follow_the_prefix() {
        let topics = Topics::with_prefix("t");
        let line = r#"{"topic":"bank","key":"K","headers":{"h":"v","n":null}}"#;
        let record = parse(line, &topics).expect("a record");
        assert_eq!(record.topic, "t.bank-payments.v1");
        assert_eq!(record.key.as_deref(), Some(&b"K"[..]));
        assert_eq!(record.headers.len(), 2);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let topics = Topics::with_prefix("t");
        let bad = [
            "",
            "[]",
            r#"{"value":1}"#,
            r#"{"topic":""}"#,
            r#"{"topic":"x","value":1,"value_base64":"aa"}"#,
            r#"{"topic":"x","value_base64":"a"}"#,
            r#"{"topic":"x","value_base64":"a*b="}"#,
            r#"{"topic":"x","valeu":1}"#,
        ];
        for line in bad {
            assert!(parse(line, &topics).is_err(), "{line}");
        }
    }
}

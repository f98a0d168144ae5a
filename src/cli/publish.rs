//! `publish FILE…`: writes records to Kafka as they stand in NDJSON files. Nothing of a record is
//! checked unless `--check` asks for it: tests publish what is wrong on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, IsTerminal, Read, stderr, stdin};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::PgPool;
use thiserror::Error;

use super::args;
use super::cluster::{self, Header, OutRecord};
use super::error::{CliError, Exit};
use super::output::{Printer, write};
use super::{escape, reshape};
use crate::config::{Config, Needs, Topics};
use crate::kafka::Producer;
use crate::masked;
use crate::wire::base64;

/// Records that are on their way at once.
const BATCH: usize = 1_000;
/// The longest line: a record of Kafka's usual limit (1 MiB), in base64, with its envelope.
pub const LINE_BYTES_MAX: u64 = 2 << 20;

#[derive(Debug, Clone, Args)]
pub struct PublishArgs {
    /// NDJSON files; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A text that looks like our mask is meant as it stands
    #[arg(long)]
    not_masked: bool,
    /// Only lists the lines that a worker could not read; nothing is sent
    #[arg(long, conflicts_with = "wait")]
    check: bool,
    /// Waits until each record is processed, and prints what became of it
    #[arg(long)]
    wait: bool,
    /// How long the outcome of the last record is waited for
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    wait_seconds: u64,
}

impl PublishArgs {
    /// What must be set for it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        match (self.check, self.wait) {
            (true, _) => Needs::NOTHING,
            (false, true) => Needs::ALL,
            (false, false) => Needs::KAFKA,
        }
    }
}

/// Why a line is no record.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LineError {
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
///
/// # Errors
/// [`LineError`].
pub fn parse(line: &str, topics: &Topics) -> Result<OutRecord, LineError> {
    let mut record = parse_any(line)?;
    if record.topic.is_empty() {
        return Err(LineError::NoTopic);
    }
    record.topic = args::topic(&record.topic, topics);
    Ok(record)
}

/// The same for a record that goes nowhere: it needs no topic.
///
/// # Errors
/// [`LineError`].
pub fn parse_any(line: &str) -> Result<OutRecord, LineError> {
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

/// # Errors
/// A file or line that cannot be read, or a record that Kafka did not take. What was sent before
/// stays sent: the number of it is in the message.
pub async fn run(
    args: &PublishArgs,
    config: &Config,
    pool: Option<&PgPool>,
    printer: Printer,
) -> Result<Exit, CliError> {
    if args.check {
        return super::publish_check::run(&args.files, &config.topics(), printer);
    }
    let producer = cluster::producer(&config.kafka).map_err(|error| CliError::failed(&error))?;
    let mut sending = Sending {
        producer,
        config,
        topics: config.topics(),
        there: BTreeSet::new(),
        batch: Vec::new(),
        sent: Vec::new(),
        count: 0,
        not_masked: args.not_masked,
        progress: stderr().is_terminal(),
    };
    for file in &args.files {
        sending.file(file).await?;
    }
    sending.flush().await?;
    if sending.progress {
        eprintln!();
    }
    let Some(pool) = pool.filter(|_| args.wait) else {
        return write(&format!("{} records published\n", sending.count)).map(|()| Exit::Ok);
    };
    let patience = Duration::from_secs(args.wait_seconds);
    super::publish_check::outcomes(&sending.sent, pool, patience, printer).await
}

struct Sending<'a> {
    producer: Producer,
    config: &'a Config,
    topics: Topics,
    /// Topics that Kafka has: asked once for each.
    there: BTreeSet<String>,
    batch: Vec<OutRecord>,
    /// Where each record lies now.
    sent: Vec<(String, i32, i64)>,
    count: usize,
    not_masked: bool,
    progress: bool,
}

impl Sending<'_> {
    async fn file(&mut self, path: &Path) -> Result<(), CliError> {
        let mut reader = open(path)?;
        let mut line = String::new();
        for number in 1_usize.. {
            line.clear();
            let place = || format!("{}:{number}", escape::text(&path.display().to_string()));
            let read = (&mut reader).take(LINE_BYTES_MAX).read_line(&mut line);
            if read.map_err(|error| CliError::Failed(format!("{}: {error}", place())))? == 0 {
                return Ok(());
            }
            if is_blank(&line) {
                continue;
            }
            // A file that was put together from several has a mark where each begins.
            let record =
                parse(line.trim_start_matches('\u{feff}'), &self.topics).map_err(|error| {
                    let sent = self.count;
                    CliError::Failed(format!("{}: {error} ({sent} records published)", place()))
                })?;
            let held = record.value.as_deref().and_then(|value| masked::held(value, None));
            if let Some(held) = held.filter(|_| !self.not_masked) {
                let (sent, refusal) = (self.count, masked::refusal(&held));
                let problem = format!("{}: {refusal} ({sent} records published)", place());
                return Err(CliError::Failed(problem));
            }
            if !self.there.contains(&record.topic) {
                cluster::check_topics(&self.config.kafka, &[&record.topic]).await?;
                self.there.insert(record.topic.clone());
            }
            self.batch.push(record);
            if self.batch.len() >= BATCH {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), CliError> {
        let batch = std::mem::take(&mut self.batch);
        let topics: Vec<String> = batch.iter().map(|record| record.topic.clone()).collect();
        let answers = self.producer.send_all(batch).await;
        for (topic, answer) in topics.into_iter().zip(answers) {
            match answer {
                Ok((partition, offset)) => {
                    self.count += 1;
                    self.sent.push((topic, partition, offset));
                }
                Err(error) => {
                    let sent = self.count;
                    let problem = format!("{error} ({sent} records published before it)");
                    return Err(CliError::Failed(problem));
                }
            }
        }
        if self.progress {
            eprint!("\r{} records", self.count);
        }
        Ok(())
    }
}

/// Whether a line holds nothing, a byte-order mark apart.
pub fn is_blank(line: &str) -> bool {
    line.trim_start_matches('\u{feff}').trim().is_empty()
}

/// # Errors
/// A file that cannot be read.
pub fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, CliError> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let file = std::fs::File::open(path).map_err(|error| {
        let name = escape::text(&path.display().to_string());
        CliError::Failed(format!("{name}: {error}"))
    })?;
    Ok(Box::new(BufReader::new(file)))
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

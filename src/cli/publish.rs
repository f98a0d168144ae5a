//! `publish FILE…`: writes records to Kafka as they stand in NDJSON files. Nothing of a record is
//! checked unless `--check` asks for it: tests publish what is wrong on purpose.

use std::collections::BTreeSet;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::cluster;
use super::error::{CliError, Exit, Result};
use super::lines::{Lines, parse};
use super::output::{Printer, write};
use crate::config::{Config, Needs, Topics};
use crate::kafka::OutRecord;
use crate::kafka::Producer;
use crate::masked;
use crate::signature::{HEADER, Signed, Signer};
use crate::store::PgPool;

/// Records that are on their way at once.
const BATCH: usize = 1_000;
#[derive(Debug, Clone, Args)]
pub(super) struct PublishArgs {
    /// NDJSON files; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A text that looks like our mask is meant as it stands
    #[arg(long)]
    not_masked: bool,
    /// Only lists the lines that a worker could not read; nothing is sent
    #[arg(long, conflicts_with = "wait")]
    check: bool,
    /// Signs each record: the id of a key of the settings, or ID=FILE for the key in a file
    #[arg(long, value_name = "KEY", conflicts_with = "check")]
    sign: Option<String>,
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
    pub(super) fn needs(&self) -> Needs {
        match (self.check, self.wait) {
            (true, _) => Needs::NOTHING,
            (false, true) => Needs::ALL,
            (false, false) => Needs::KAFKA,
        }
    }
}

pub(super) async fn run(
    args: &PublishArgs,
    config: &Config,
    pool: Option<&PgPool>,
    printer: Printer,
) -> Result<Exit> {
    if args.check {
        return super::publish_check::run(&args.files, &config.topics(), printer);
    }
    let sign = args.sign.as_deref().map(|key| signer_of(key, config)).transpose()?;
    let producer = cluster::producer(&config.kafka)?;
    let mut sending = Sending {
        producer,
        config,
        topics: config.topics(),
        there: BTreeSet::new(),
        batch: Vec::new(),
        sent: Vec::new(),
        count: 0,
        not_masked: args.not_masked,
        sign,
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
    /// The key's id, and what signs.
    sign: Option<(String, Signer)>,
    progress: bool,
}

/// What signs under a key's id.
fn signer_of(key: &str, config: &Config) -> Result<(String, Signer)> {
    let (id, signer) = if let Some((id, path)) = key.split_once('=') {
        let text = std::fs::read_to_string(path)
            .map_err(|error| CliError::Usage(format!("--sign: {path}: {error}")))?;
        (id, Signer::from_file(&text))
    } else {
        (key, config.signing_keys().remove(key).and_then(Signer::of))
    };
    let expected = "expected the id of a key of authority.keys that has a secret, or ID=FILE with \
                    a secret of 32 bytes or more or a private key of Ed25519 (PEM)";
    let signer = signer.ok_or_else(|| CliError::Usage(format!("--sign {key}: {expected}")))?;
    Ok((id.to_owned(), signer))
}

impl Sending<'_> {
    async fn file(&mut self, path: &Path) -> Result<()> {
        let mut lines = Lines::open(path)?;
        while let Some((place, line)) = lines.next()? {
            let mut record = parse(&line, &self.topics).map_err(|error| {
                let sent = self.count;
                CliError::Failed(format!("{place}: {error} ({sent} records published)"))
            })?;
            let held = record.value.as_deref().and_then(|value| masked::held(value, None));
            if let Some(held) = held.filter(|_| !self.not_masked) {
                let (sent, refusal) = (self.count, masked::refusal(&held));
                let problem = format!("{place}: {refusal} ({sent} records published)");
                return Err(CliError::Failed(problem));
            }
            if let Some((id, signer)) = &self.sign {
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                let header = signer.header(id, &Signed { topic: &record.topic, key, value });
                record.headers.retain(|header| !header.name.eq_ignore_ascii_case(HEADER));
                record.headers.push(header);
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

    async fn flush(&mut self) -> Result<()> {
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

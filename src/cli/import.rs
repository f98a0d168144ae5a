//! `dead-letters import`: copies of dead letters from a file or a topic become letters here.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::args::{self, Acting};
use super::error::{CliError, Exit, Result};
use super::lines::{Lines, parse_any};
use super::output::Output;
use super::stream::Stream;
use super::table::table;
use super::{Place, cluster};
use crate::kafka::reader::TopicReader;
use crate::operator::dead_letters::import::{Imported, Incoming, Taken, import};

pub(super) const HELP: &str = "Examples:
  topup dead-letters import --from-topic
  topup dead-letters import --from-topic crm.DLT --reason 'they gave up' --yes
  topup dead-letters import --file letters.ndjson --reason 'after the restore' --yes

Each line of a file: {\"key\"?, \"headers\", \"headers_base64\"?, \"value\" or \"value_base64\"}.
The headers say where a record came from: ours, Spring's or Kafka Connect's.";

#[derive(Debug, Clone, Args)]
#[group(id = "from", required = true, multiple = false, args = ["file", "from_topic"])]
pub(super) struct ImportOptions {
    /// NDJSON, as `publish` reads it; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// All that is in this topic now; ours unless one is named
    #[arg(long, value_name = "TOPIC", num_args = 0..=1)]
    #[allow(clippy::option_option, reason = "clap's way to say: with or without a value")]
    from_topic: Option<Option<String>>,
    /// A text that looks like our mask is meant as it stands
    #[arg(long)]
    not_masked: bool,
    /// Why; it is kept for ever, and needed with --yes
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    operator: Acting,
}

impl ImportOptions {
    pub(super) fn reads_kafka(&self) -> bool {
        self.from_topic.is_some()
    }
}

/// A printed line.
#[derive(Debug, Clone, Serialize)]
struct Row {
    place: String,
    outcome: String,
    dead_letter_id: Option<i64>,
    code: Option<String>,
}

table!(Row:
    place outcome dead_letter_id code;
    row => "place": row.place, "outcome": row.outcome, "id": row.dead_letter_id, "code": row.code);

pub(super) async fn run(options: &ImportOptions, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
    let operator = options.operator.checked()?;
    let dry_run = options.operator.dry_run();
    let reason = args::why(options.reason.as_deref(), !dry_run)?;
    let mut source = match (&options.file, &options.from_topic) {
        (Some(file), _) => Source::File(of_file(file)?),
        (None, topic) => {
            let topic = topic.clone().flatten().unwrap_or_else(|| config.topics().dead_letters);
            Source::Topic(cluster::reader(&config.kafka, topic).await?)
        }
    };
    // JSON is one document; of the others no more than a page is in memory.
    let whole = printer.output == Output::Json;
    let (mut rows, mut lost) = (Vec::new(), false);
    let mut stream = Stream::new(printer);
    let topics = config.topics();
    loop {
        let (rest, mut letters) = source.next_page().await?;
        if letters.is_empty() {
            break;
        }
        source = rest;
        letters.iter_mut().for_each(|letter| letter.not_masked = options.not_masked);
        let taken = import(pool, &topics, letters, &operator, reason, dry_run).await?;
        lost |= taken.iter().any(|one| {
            use Imported::{Masked, NoOrigin, Partial};
            matches!(one.result, NoOrigin | Partial | Masked)
        });
        rows.extend(taken.into_iter().map(|one| row(one, dry_run)));
        if !whole {
            stream.rows(&rows)?;
            rows.clear();
        }
    }
    if whole || stream.is_empty() {
        printer.rows(&rows)?;
    }
    Ok(if lost { Exit::Findings } else { Exit::Ok })
}

/// Where copies come from. A topic may hold more than memory does.
enum Source {
    File(Vec<Incoming>),
    Topic(TopicReader),
}

impl Source {
    async fn next_page(self) -> Result<(Self, Vec<Incoming>)> {
        match self {
            Self::File(letters) => Ok((Self::File(Vec::new()), letters)),
            Self::Topic(reader) => {
                let (reader, records) = cluster::next_page(reader).await?;
                let letters = records.into_iter().map(|record| Incoming {
                    place: format!("{}:{}:{}", record.topic, record.partition, record.offset),
                    key: record.key,
                    value: record.value,
                    headers: record.headers,
                    not_masked: false,
                });
                Ok((Self::Topic(reader), letters.collect()))
            }
        }
    }
}

fn row(taken: Taken, dry_run: bool) -> Row {
    let word = taken.result.word();
    let stored = if let Imported::Stored(id) = taken.result { Some(id) } else { None };
    let would = dry_run && stored.is_some();
    Row {
        place: taken.place,
        outcome: if would { format!("would be {word}") } else { word.to_owned() },
        dead_letter_id: stored.flatten(),
        code: taken.code,
    }
}

/// Whole, before anything is taken in: a line that is no record stops the import.
fn of_file(path: &Path) -> Result<Vec<Incoming>> {
    let mut lines = Lines::open(path)?;
    let mut letters = Vec::new();
    while let Some((place, line)) = lines.next()? {
        let record = parse_any(&line);
        let record = record.map_err(|error| CliError::Failed(format!("{place}: {error}")))?;
        let (key, value) = (record.key, record.value);
        letters.push(Incoming { place, key, value, headers: record.headers, not_masked: false });
    }
    Ok(letters)
}

//! `publish --check`: what a worker would say of each line. `publish --wait`: what it said.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::error::{Exit, Result};
use super::lines::{Lines, parse};
use super::output::{Printer, write};
use super::table::table;
use super::words::sentence;
use crate::config::Topics;
use crate::domain::effect::Ending;
use crate::masked;
use crate::operator::orders::outcome_of;
use crate::pipeline::topic_kind;
use crate::store::PgPool;
use crate::store::views::records::{self, RecordName, RecordRow};
use crate::wire::{RawRecord, decode};

/// A line that a worker could not read.
#[derive(Debug, Clone, Serialize)]
struct Fault {
    place: String,
    code: String,
    detail: String,
}

pub(super) fn run(files: &[PathBuf], topics: &Topics, printer: Printer) -> Result<Exit> {
    let mut faults = Vec::new();
    let mut lines = 0_usize;
    for file in files {
        let mut read = Lines::open(file)?;
        while let Some((place, line)) = read.next()? {
            lines = lines.saturating_add(1);
            if let Some((code, detail)) = fault_of(&line, topics) {
                faults.push(Fault { place, code, detail });
            }
        }
    }
    printer.rows(&faults)?;
    if printer.output == super::output::Output::Table {
        write(&format!("{lines} records, {} of them cannot be read\n", faults.len()))?;
    }
    Ok(if faults.is_empty() { Exit::Ok } else { Exit::Failed })
}

fn fault_of(line: &str, topics: &Topics) -> Option<(String, String)> {
    let record = match parse(line, topics) {
        Ok(record) => record,
        Err(error) => return Some(("not_a_record".to_owned(), error.to_string())),
    };
    let Some(topic) = topic_kind(topics, &record.topic) else {
        let problem = format!("no worker reads topic {}", record.topic);
        return Some(("topic_unknown".to_owned(), problem));
    };
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    if let Some(place) = value.and_then(|value| masked::held(value, None)) {
        return Some((masked::CODE.to_owned(), masked::refusal(&place)));
    }
    match decode(&RawRecord { topic, key, value, headers: &record.headers }) {
        Ok(message) if message.record.source.is_our_own() => {
            let detail = "source: this one is topup's own".to_owned();
            Some(("source_reserved".to_owned(), detail))
        }
        Ok(_) => None,
        Err(failure) => Some((failure.code.to_string(), failure.detail)),
    }
}

/// The outcome of a record that no worker has read.
const UNREAD: &str = "not read yet";

/// What became of a record.
#[derive(Debug, Clone, Serialize)]
struct OutcomeRow {
    place: String,
    record: Option<String>,
    outcome: String,
    code: Option<String>,
    detail: Option<String>,
}

/// Prints the outcome of each record. `patience` is for the first that has none yet.
pub(super) async fn outcomes(
    sent: &[(String, i32, i64)],
    pool: &PgPool,
    patience: Duration,
    printer: Printer,
) -> Result<Exit> {
    let mut rows = Vec::with_capacity(sent.len());
    let mut patience = patience;
    for (topic, partition, offset) in sent {
        let name =
            RecordName::Position { topic: topic.clone(), partition: *partition, offset: *offset };
        let mut row = outcome_of(pool, &name, patience).await?;
        match &mut row {
            None => patience = Duration::ZERO,
            // The id came before: what became of this delivery is something else.
            Some(row) => {
                if let Some((outcome, code)) =
                    records::repeat_at(pool, topic, *partition, *offset).await?
                {
                    (row.outcome, row.code) = (outcome, code);
                }
            }
        }
        let place = format!("{topic}:{partition}:{offset}");
        rows.push(ended(place, row, pool).await?);
    }
    printer.rows(&rows)?;
    let done = |row: &OutcomeRow| {
        use Ending::{Applied, Duplicate, Waiting};
        matches!(Ending::from_word(&row.outcome), Some(Applied | Duplicate | Waiting))
    };
    let unread = |row: &&OutcomeRow| row.outcome == UNREAD;
    Ok(match (rows.iter().all(|row| done(row) || unread(&row)), rows.iter().any(|r| unread(&r))) {
        (false, _) => Exit::Findings,
        (true, true) => Exit::Waiting,
        (true, false) => Exit::Ok,
    })
}

/// Of a dead letter: the sender's own name for it, and what is wrong with it.
async fn ended(place: String, row: Option<RecordRow>, pool: &PgPool) -> Result<OutcomeRow> {
    let Some(row) = row else {
        let outcome = UNREAD.to_owned();
        return Ok(OutcomeRow { place, record: None, outcome, code: None, detail: None });
    };
    let mut record = format!("{}/{}", row.source, row.message_id);
    let mut detail = row.code.as_deref().and_then(sentence).map(str::to_owned);
    let (outcome, code) = (row.outcome.clone(), row.code.clone());
    if outcome == Ending::DeadLettered.word() {
        let letters = records::show(pool, row).await?.dead_letters;
        if let Some(letter) = letters.into_iter().next_back() {
            // What cannot be read stands under its place; its sender knows its own name.
            if let Some(id) = letter.named_id {
                record = letter.named_source.map_or(id.clone(), |source| format!("{source}/{id}"));
            }
            let number = letter.dead_letter_id;
            detail = Some(format!("{} (topup dead-letters show {number})", letter.message));
        }
    }
    Ok(OutcomeRow { place, record: Some(record), outcome, code, detail })
}

table!(Fault:
    place code detail;
    row => "place": row.place, "code": row.code, "detail": row.detail);

table!(OutcomeRow:
    place record outcome code detail;
    row => "place": row.place, "record": row.record, "outcome": row.outcome, "code": row.code,
    "detail": row.detail);

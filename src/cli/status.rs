//! `status`: lag, outbox, dead letters, waiting commands, parked money, balances.

use std::time::Duration;

use clap::Args;
use sqlx::PgPool;

use super::cluster::{self, Tail};
use super::error::{CliError, Exit};
use super::escape;
use super::output::{self, Output, Printer, Tabular, Text, cell};
use crate::config::KafkaConfig;
use crate::domain::effect::{NeedKind, ReturnWaits};
use crate::store::views::jobs::JobRow;
use crate::store::views::status::{
    self, AdvicesGroup, BalanceTotal, BlockingSession, CheckpointRow, FailingGroup, HeldKey,
    ParkedGroup, ReturnsGroup, StatusView, WaitingGroup,
};
use crate::telemetry::chain;

/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Shows it again every so many seconds (2 if none are given), until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

/// # Errors
/// What the database says; while it is watched, only that the output is closed. Kafka's silence
/// is told and is no error.
pub async fn run(
    args: &StatusArgs,
    pool: &PgPool,
    kafka: &KafkaConfig,
    printer: Printer,
) -> Result<Exit, CliError> {
    let Some(seconds) = args.watch else {
        return show(pool, kafka, printer, "").await;
    };
    let on_screen = output::is_terminal() && !output::is_dumb();
    let clear = if on_screen && printer.output == Output::Table { CLEAR } else { "" };
    // One listener for all rounds: a Ctrl-C while the database is asked is not lost.
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    loop {
        let shown = tokio::select! {
            biased;
            _ = &mut stop => return Ok(Exit::Ok),
            shown = show(pool, kafka, printer, clear) => shown,
        };
        match shown {
            // The pool connects anew at the next look.
            Err(error @ CliError::Database(_)) => {
                eprintln!("the database does not answer: {}", escape::text(&chain(&error)));
            }
            shown => {
                shown?;
            }
        }
        tokio::select! {
            _ = &mut stop => return Ok(Exit::Ok),
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
        }
    }
}

async fn show(
    pool: &PgPool,
    kafka: &KafkaConfig,
    printer: Printer,
    before: &str,
) -> Result<Exit, CliError> {
    let mut view = status::read(pool).await?;
    if !kafka.brokers.is_empty()
        && let Err(error) = add_lag(&mut view.checkpoints, kafka).await
    {
        eprintln!("the lag is not known: {}", escape::text(&chain(&error)));
    }
    if !before.is_empty() {
        output::write(before)?;
    }
    let unread: Vec<String> =
        view.checkpoints.iter().filter_map(|row| row.unread(&kafka.group_id)).collect();
    printer.one(&view, |text| human(&view, &unread, text))?;
    let held = view.checkpoints.iter().any(CheckpointRow::is_held) || !unread.is_empty();
    let held = held || !view.outbox.held_keys.is_empty();
    let trouble = held || !view.log_changes.is_empty() || !view.wrong_clocks.is_empty();
    let trouble = trouble || !view.future_statements.is_empty() || !view.blocking.is_empty();
    Ok(if trouble { Exit::Findings } else { Exit::Ok })
}

/// What is in the log and not in the database: the log's end less our own checkpoint. What is read
/// by the settings and no worker has ever opened has a row as well.
///
/// # Errors
/// Why Kafka did not answer.
pub(super) async fn add_lag(
    checkpoints: &mut Vec<CheckpointRow>,
    kafka: &KafkaConfig,
) -> Result<(), cluster::KafkaError> {
    let mut topics: Vec<String> = checkpoints.iter().map(|row| row.topic.clone()).collect();
    let read = kafka.topics();
    let read = [read.commands, read.bank_payments, read.usage];
    topics.extend(read.iter().cloned());
    topics.sort();
    topics.dedup();
    let mut tails = Vec::new();
    for partition in cluster::ends(kafka, topics).await? {
        let (topic, number) = (&partition.topic, partition.partition);
        let own = |row: &CheckpointRow| {
            row.consumer_group == kafka.group_id && row.topic == *topic && row.partition == number
        };
        if read.contains(topic) && !checkpoints.iter().any(own) {
            checkpoints.push(CheckpointRow::unopened(&kafka.group_id, topic, number));
        }
        for row in checkpoints.iter_mut() {
            if row.topic != partition.topic || row.partition != partition.partition {
                continue;
            }
            let next = row.next_offset.unwrap_or(partition.low);
            // A log that ends before the checkpoint is another one: all of it is to be read.
            let next = if next > partition.high { partition.low } else { next };
            let from = next.max(partition.low);
            row.lag = Some(partition.high.saturating_sub(from));
            if from < partition.high {
                let (topic, end) = (partition.topic.clone(), partition.high);
                tails.push(Tail { topic, partition: partition.partition, from, end });
            }
        }
    }
    checkpoints.sort_by(|a, b| place(a).cmp(&place(b)));
    // A transaction ends with a mark that takes an offset and is no record.
    for tail in cluster::without_records(kafka, tails).await? {
        let of =
            |row: &&mut CheckpointRow| row.topic == tail.topic && row.partition == tail.partition;
        checkpoints.iter_mut().filter(of).for_each(|row| row.lag = Some(0));
    }
    Ok(())
}

fn place(row: &CheckpointRow) -> (&str, &str, i32) {
    (&row.consumer_group, &row.topic, row.partition)
}

fn human(view: &StatusView, unread: &[String], text: &mut Text) {
    text.heading("Checkpoints");
    text.table(&view.checkpoints);
    for row in view.checkpoints.iter().filter(|row| row.is_held()) {
        text.line(&format!("{}:{} is {}: {}", row.topic, row.partition, row.state, row.reason));
    }
    unread.iter().for_each(|told| text.line(told));
    if !view.log_changes.is_empty() {
        text.heading("Logs that changed");
        text.table(&view.log_changes);
    }
    for row in &view.wrong_clocks {
        let (owner, ahead, since) = (&row.owner, row.ahead_ms, row.since);
        text.line(&format!(
            "The clock of {owner} is {ahead} ms ahead since {since}: it is not ready, and runs no \
             job."
        ));
    }
    for row in &view.future_statements {
        let (id, of, currency) = (&row.statement_id, &row.bank_account, &row.currency);
        text.line(&format!(
            "Statement {id} of {of} ({currency}) is complete through {}: it proves nothing \
             (statement_in_future).",
            row.complete_through
        ));
    }
    if !view.blocking.is_empty() {
        text.heading("Sessions that others wait for");
        text.table(&view.blocking);
    }
    text.heading("Outbox");
    let oldest = view.outbox.oldest.zip(view.outbox.oldest_seconds);
    text.fields(&[
        ("unpublished", Some(view.outbox.unpublished.to_string())),
        ("held", Some(view.outbox.held.to_string())),
        ("copies of dead letters", Some(view.outbox.copies.to_string())),
        ("oldest", oldest.map(|(at, seconds)| format!("{at}, {} ago", ago(seconds)))),
    ]);
    if !view.outbox.held_keys.is_empty() {
        text.heading("Keys whose events are held");
        text.table(&view.outbox.held_keys);
    }
    text.heading("Open dead letters");
    text.table(&view.dead_letters);
    text.heading("Waiting commands");
    text.table(&view.waiting);
    text.heading("Parked payments");
    text.table(&view.parked);
    text.heading("Parked returns");
    text.table(&view.parked_returns);
    if !view.advices.is_empty() {
        text.heading("Remittance advices without a payment");
        text.table(&view.advices);
    }
    text.heading("Failing items");
    text.table(&view.failing);
    text.heading("Balances");
    text.table(&view.balances);
    text.heading("Jobs");
    text.table(&view.jobs);
    text.fields(&[("void candidates", Some(view.void_candidates.to_string()))]);
}

/// A length of time in its largest two units.
fn ago(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

impl Tabular for CheckpointRow {
    const HEADERS: &'static [&'static str] = &[
        "group",
        "topic",
        "partition",
        "state",
        "since",
        "offset",
        "lag",
        "age",
        "epoch",
        "owner",
    ];
    const FIELDS: &'static [&'static str] = &[
        "consumer_group",
        "topic",
        "partition",
        "epoch",
        "next_offset",
        "incarnation",
        "state",
        "state_since",
        "reason",
        "owner",
        "updated_at",
        "age_seconds",
        "lag",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.consumer_group.clone(),
            self.topic.clone(),
            self.partition.to_string(),
            self.state.clone(),
            cell(self.state_since.as_ref()),
            cell(self.next_offset.as_ref()),
            cell(self.lag.as_ref()),
            self.age_seconds.map(ago).unwrap_or_default(),
            self.epoch.to_string(),
            self.owner.clone(),
        ]
    }
}

impl Tabular for BlockingSession {
    const HEADERS: &'static [&'static str] =
        &["session", "application", "role", "state", "since", "waiting", "longest"];
    const FIELDS: &'static [&'static str] =
        &["pid", "application", "role", "state", "since", "waiting", "longest_seconds"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.pid.to_string(),
            self.application.clone(),
            self.role.clone(),
            self.state.clone(),
            cell(self.since.as_ref()),
            self.waiting.to_string(),
            ago(self.longest_seconds),
        ]
    }
}

impl Tabular for HeldKey {
    const HEADERS: &'static [&'static str] =
        &["key", "code", "rows", "attempts", "since", "next try"];
    const FIELDS: &'static [&'static str] =
        &["key_kind", "key", "code", "rows", "attempts", "since", "next_try"];

    fn cells(&self) -> Vec<String> {
        vec![
            format!("{} {}", self.key_kind, self.key),
            self.code.clone(),
            self.rows.to_string(),
            self.attempts.to_string(),
            self.since.to_string(),
            self.next_try.to_string(),
        ]
    }
}

impl Tabular for JobRow {
    const HEADERS: &'static [&'static str] = &["job", "last run", "state", "findings", "summary"];
    const FIELDS: &'static [&'static str] =
        &["job", "paused_at", "paused_by", "pause_reason", "last"];

    fn cells(&self) -> Vec<String> {
        let last = self.last.as_ref();
        let paused = self.paused_by.as_ref().map(|by| format!("paused by {by}"));
        vec![
            self.job.clone(),
            cell(last.map(|run| run.started_at).as_ref()),
            cell(paused.as_ref().or(last.map(|run| &run.state))),
            cell(last.map(|run| run.findings).as_ref()),
            cell(last.and_then(|run| run.summary.as_ref())),
        ]
    }
}

impl Tabular for WaitingGroup {
    const HEADERS: &'static [&'static str] = &["for", "commands", "oldest", "next deadline"];
    const FIELDS: &'static [&'static str] = &["needs", "commands", "oldest", "next_deadline"];

    fn cells(&self) -> Vec<String> {
        let proof = self.needs == NeedKind::Proof.word();
        let needs = if proof { "proof (a watermark of the usage feed)" } else { &self.needs };
        vec![
            needs.to_owned(),
            self.commands.to_string(),
            self.oldest.to_string(),
            self.next_deadline.to_string(),
        ]
    }
}

impl Tabular for ParkedGroup {
    const HEADERS: &'static [&'static str] =
        &["reason", "currency", "payments", "unallocated", "oldest"];
    const FIELDS: &'static [&'static str] =
        &["reason", "currency", "payments", "unallocated", "oldest"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.reason.clone(),
            self.currency.clone(),
            self.payments.to_string(),
            self.unallocated.clone(),
            self.oldest.to_string(),
        ]
    }
}

impl Tabular for ReturnsGroup {
    const HEADERS: &'static [&'static str] = &["why", "currency", "returns", "amount", "oldest"];
    const FIELDS: &'static [&'static str] =
        &["why", "currency", "returns", "amount", "oldest", "oldest_seconds"];

    fn cells(&self) -> Vec<String> {
        let why = match ReturnWaits::from_word(&self.why) {
            Some(ReturnWaits::NoOriginal) => "its payment has not come",
            Some(ReturnWaits::ExceedsPayment) => "more than is left of its payment",
            Some(ReturnWaits::Contradicted) => "what it names has another payer or amount",
            Some(ReturnWaits::NoReturn) => "what it undoes is not known yet",
            Some(ReturnWaits::SeveralPayments) => "it undoes part of what several payments gave",
            Some(ReturnWaits::ExceedsReturn) => "more than is left of what it undoes",
            Some(ReturnWaits::SplitPayment) => "part of a payment that is split",
            Some(ReturnWaits::PossibleDuplicate) => "an earlier return may be the same",
            Some(ReturnWaits::OriginalInDoubt) => "its payment may be the same as another",
            Some(ReturnWaits::Undecided) => "it could not be decided",
            Some(ReturnWaits::FeeAboveLimit) => "the bank's fee is above the limit",
            None => &self.why,
        };
        vec![
            why.to_owned(),
            self.currency.clone(),
            self.returns.to_string(),
            self.amount.clone(),
            format!("{}, {} ago", self.oldest, ago(self.oldest_seconds)),
        ]
    }
}

impl Tabular for AdvicesGroup {
    const HEADERS: &'static [&'static str] = &["state", "currency", "advices", "amount", "oldest"];
    const FIELDS: &'static [&'static str] = &["state", "currency", "advices", "amount", "oldest"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.state.clone(),
            self.currency.clone(),
            self.advices.to_string(),
            self.amount.clone(),
            self.oldest.to_string(),
        ]
    }
}

impl Tabular for FailingGroup {
    const HEADERS: &'static [&'static str] = &["kind", "why", "items", "attempts", "since"];
    const FIELDS: &'static [&'static str] = &["kind", "code", "items", "most_attempts", "since"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.kind.clone(),
            self.code.clone(),
            self.items.to_string(),
            self.most_attempts.to_string(),
            self.since.to_string(),
        ]
    }
}

impl Tabular for BalanceTotal {
    const HEADERS: &'static [&'static str] = &["currency", "accounts", "total", "below zero"];
    const FIELDS: &'static [&'static str] = &["currency", "accounts", "total", "negative"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.currency.clone(),
            self.accounts.to_string(),
            self.total.clone(),
            self.negative.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_two_units() {
        let cases = [(5, "5 s"), (65, "1 min 5 s"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")];
        for (seconds, words) in cases {
            assert_eq!(ago(seconds), words);
        }
    }
}

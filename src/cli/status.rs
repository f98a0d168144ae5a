//! `status`: what is wrong, in a line; then workers, lag, outbox, dead letters, waiting commands,
//! parked money, balances.

mod verdict;

use std::time::Duration;

use clap::Args;

use super::error::{CliError, Exit, Result};
use super::output::{self, Output, Text};
use super::table::table;
use super::{Place, args, cluster, escape};
use crate::config::KafkaConfig;
use crate::domain::effect::{NeedKind, ReturnWaits};
use crate::kafka::KafkaError;
use crate::kafka::reader::Tail;
use crate::store::views::jobs::JobRow;
use crate::store::views::status::{
    self, AdvicesGroup, BalanceTotal, BlockingSession, CheckpointRow, FailingGroup, HeldKey,
    ParkedGroup, ReturnsGroup, StatusView, WaitingGroup, WorkerRow,
};
use crate::telemetry::chain;

pub(super) use verdict::parts_missing;

/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    /// Shows it again every so many seconds (2 if none are given), until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

pub(super) async fn run(args: &StatusArgs, place: Place<'_>) -> Result<Exit> {
    let Place { printer, .. } = place;
    let Some(seconds) = args.watch else {
        return show(place, "").await;
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
            shown = show(place, clear) => shown,
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

async fn show(place: Place<'_>, before: &str) -> Result<Exit> {
    let (kafka, printer) = (&place.config.kafka, place.printer);
    let mut view = status::read(place.pool).await?;
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
    view.verdict = verdict::of(&view, &unread, &kafka.group_id);
    printer.one(&view, |text| human(&view, &unread, text))?;
    Ok(if view.verdict.wrong.is_empty() { Exit::Ok } else { Exit::Findings })
}

/// What is in the log and not in the database: the log's end less our own checkpoint. What is read
/// by the settings and no worker has ever opened has a row as well.
pub(super) async fn add_lag(
    checkpoints: &mut Vec<CheckpointRow>,
    kafka: &KafkaConfig,
) -> Result<(), KafkaError> {
    let mut topics: Vec<String> = checkpoints.iter().map(|row| row.topic.clone()).collect();
    let read = args::topics_read(kafka.topics());
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
    text.line(&verdict::line(&view.verdict, &view.workers));
    text.section("Workers", &view.workers);
    text.section("Checkpoints", &view.checkpoints);
    for row in view.checkpoints.iter().filter(|row| row.is_held()) {
        text.line(&format!("{}:{} is {}: {}", row.topic, row.partition, row.state, row.reason));
    }
    unread.iter().for_each(|told| text.line(told));
    text.section_of_any("Logs that changed", &view.log_changes);
    for row in view.workers.iter().filter(|row| row.alive) {
        let Some(since) = &row.wrong_since else { continue };
        let (owner, ahead) = (&row.owner, row.ahead_ms);
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
    text.section_of_any("Sessions that others wait for", &view.blocking);
    text.heading("Outbox");
    let oldest = view.outbox.oldest.zip(view.outbox.oldest_seconds);
    text.fields(&[
        ("unpublished", Some(view.outbox.unpublished.to_string())),
        ("held", Some(view.outbox.held.to_string())),
        ("copies of dead letters", Some(view.outbox.copies.to_string())),
        ("oldest", oldest.map(|(at, seconds)| format!("{at}, {} ago", ago(seconds)))),
    ]);
    text.section_of_any("Keys whose events are held", &view.outbox.held_keys);
    text.section("Open dead letters", &view.dead_letters);
    text.section("Waiting commands", &view.waiting);
    text.section("Parked payments", &view.parked);
    text.section("Parked returns", &view.parked_returns);
    text.section_of_any("Remittance advices without a payment", &view.advices);
    text.section("Failing items", &view.failing);
    text.section("Balances", &view.balances);
    text.section("Jobs", &view.jobs);
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

table!(WorkerRow;
    row => "worker": row.owner, "group": row.consumer_group, "parts": row.parts,
    "version": row.version, "started": row.started_at,
    "last sign of life": format!("{} ago", ago(row.silent_seconds)),
    "state": if row.alive { "alive" } else { "silent" });

table!(CheckpointRow;
    row => "group": row.consumer_group, "topic": row.topic, "partition": row.partition,
    "state": row.state, "since": row.state_since, "offset": row.next_offset, "lag": row.lag,
    "age": row.age_seconds.map(ago).unwrap_or_default(), "epoch": row.epoch, "owner": row.owner);

table!(BlockingSession;
    row => "session": row.pid, "application": row.application, "role": row.role, "state": row.state,
    "since": row.since, "waiting": row.waiting, "longest": ago(row.longest_seconds));

table!(HeldKey;
    row => "key": format!("{} {}", row.key_kind, row.key), "code": row.code, "rows": row.rows,
    "attempts": row.attempts, "since": row.since, "next try": row.next_try);

table!(JobRow;
    row => {
        let last = row.last.as_ref();
        let paused = row.paused_by.as_ref().map(|by| format!("paused by {by}"));
    }
    "job": row.job, "last run": last.map(|run| run.started_at),
    "state": paused.as_ref().or(last.map(|run| &run.state)),
    "findings": last.map(|run| run.findings),
    "summary": last.and_then(|run| run.summary.as_ref()));

table!(WaitingGroup;
    row => {
        let proof = row.needs == NeedKind::Proof.word();
        let needs = if proof { "proof (a watermark of the usage feed)" } else { &row.needs };
    }
    "for": needs, "commands": row.commands, "oldest": row.oldest,
    "next deadline": row.next_deadline);

table!(ParkedGroup;
    row => "reason": row.reason, "currency": row.currency, "payments": row.payments,
    "unallocated": row.unallocated, "oldest": row.oldest);

fn why(row: &ReturnsGroup) -> &str {
    match ReturnWaits::from_word(&row.why) {
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
        None => &row.why,
    }
}

table!(ReturnsGroup;
    row => "why": why(row), "currency": row.currency, "returns": row.returns, "amount": row.amount,
    "oldest": format!("{}, {} ago", row.oldest, ago(row.oldest_seconds)));

table!(AdvicesGroup;
    row => "state": row.state, "currency": row.currency, "advices": row.advices,
    "amount": row.amount, "oldest": row.oldest);

table!(FailingGroup;
    row => "kind": row.kind, "why": row.code, "items": row.items, "attempts": row.most_attempts,
    "since": row.since);

table!(BalanceTotal;
    row => "currency": row.currency, "accounts": row.accounts, "total": row.total,
    "below zero": row.negative);

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

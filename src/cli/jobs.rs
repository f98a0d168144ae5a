//! `jobs list|runs|run|pause|resume`.

use chrono::{DateTime, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde::Serialize;
use tokio::sync::watch;

use super::Place;
use super::args::{Operator, PageArgs, Since, since};
use super::error::{CliError, Exit, Result};
use super::output::write;
use super::table::{Cell, table};
use crate::clock::Clock;
use crate::config::Config;
use crate::jobs::{Job, JobEnded, Runner};
use crate::schedule::{self, Timetable};
use crate::store::PgPool;
use crate::store::views::Page;
use crate::store::views::jobs::{self, JobRow, RunRow};
use crate::store::views::time::At;
use crate::{app, store};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum JobsCommand {
    /// Jobs with their schedule, next and last run
    #[command(after_help = "Examples:\n  topup jobs list\n  topup jobs list --output json")]
    List,
    /// The latest runs of a job, the newest first
    #[command(after_help = "Example:\n  topup jobs runs audit --limit 5")]
    Runs {
        #[command(flatten)]
        job: JobArg,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Runs a job now, also a paused one; exits 3 when it has findings
    #[command(after_help = "Examples:\n  topup jobs run audit --operator alice\n  \
                            topup jobs run prune --as-of 2026-11-01 --operator alice")]
    Run {
        #[command(flatten)]
        job: JobArg,
        /// The instant that it decides for: an instant, a day, or 15m, 2h, 7d ago
        #[arg(long, value_parser = since)]
        as_of: Option<Since>,
        /// For reconcile: sums up the whole ledger anew, and does not trust the sums that it keeps
        #[arg(long)]
        from_the_start: bool,
        #[command(flatten)]
        operator: Operator,
    },
    /// Stops a job from running by itself
    #[command(after_help = "Example:\n  topup jobs pause prune --operator alice \
                            --reason 'disk is being moved'")]
    Pause {
        #[command(flatten)]
        job: JobArg,
        #[command(flatten)]
        operator: Operator,
        /// Why; it is kept for ever, and `topup jobs list` shows it
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lets a paused job run by itself again; what was due meanwhile is not run late
    #[command(after_help = "Example:\n  topup jobs resume prune --operator alice")]
    Resume {
        #[command(flatten)]
        job: JobArg,
        #[command(flatten)]
        operator: Operator,
    },
}

#[derive(Debug, Clone, Args)]
pub(super) struct JobArg {
    /// Which job
    #[arg(value_parser = words())]
    job: Job,
}

fn words() -> impl TypedValueParser<Value = Job> {
    let known = |word: String| Job::from_word(&word).ok_or("there is no such job");
    PossibleValuesParser::new(Job::WORDS).try_map(known)
}

/// A person's run ends when it is done: nothing tells it to stop.
fn runner(pool: &PgPool, config: &Config) -> Result<Runner> {
    let (_, stop) = watch::channel(false);
    let pipeline = app::pipeline(config, pool.clone(), Clock::System);
    Ok(app::runner(config, pipeline, stop)?)
}

/// A job's schedule as configured, and its next tick.
fn next_run(config: &Config, job: &str, now: DateTime<Utc>) -> (String, Option<DateTime<Utc>>) {
    let Some(job) = Job::from_word(job) else {
        return ("unknown to this version".to_owned(), None);
    };
    let text = app::schedule_of(config, job).to_owned();
    let zone = schedule::zone(&config.jobs.time_zone).ok();
    let timetable = zone.and_then(|zone| Timetable::parse(&text, zone).ok().flatten());
    let next = timetable.and_then(|timetable| timetable.next_after(now));
    (text, next)
}

pub(super) async fn run(command: &JobsCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
    let runner = runner(pool, config)?;
    let now = Clock::System.now();
    if !matches!(command, JobsCommand::List | JobsCommand::Runs { .. }) {
        // Makes the jobs known where no worker has done so yet.
        runner.prepare().await?;
    }
    match command {
        JobsCommand::List => {
            let known: Vec<&str> = Job::ALL.into_iter().map(Job::word).collect();
            let listed = jobs::jobs(pool, &known).await?;
            let rows: Vec<Scheduled> = listed
                .into_iter()
                .map(|row| {
                    let (schedule, next) = next_run(config, &row.job, now);
                    Scheduled { next_run: next.map(At), schedule, row }
                })
                .collect();
            printer.whole(rows)?;
        }
        JobsCommand::Runs { job, page } => {
            let of = async |page: Page| Ok(jobs::runs(pool, job.job.word(), &page).await?);
            printer.pages(page, of).await?;
        }
        JobsCommand::Run { job, as_of, from_the_start, operator } => {
            let as_of = as_of.map_or(now, |since| since.instant(Clock::System));
            let (job, operator) = (job.job, operator.operator.as_str());
            if !from_the_start {
                return told(job, runner.run_by(job, operator, as_of).await?);
            }
            if job != Job::Reconcile {
                let why = "--from-the-start is for reconcile, which alone keeps sums";
                return Err(CliError::Usage(why.to_owned()));
            }
            return told(job, runner.reconcile_from_the_start(operator, as_of).await?);
        }
        JobsCommand::Pause { job, operator, reason } => {
            let (job, reason) = (job.job.word(), reason.as_deref());
            let done = store::jobs::pause(pool, job, &operator.operator, reason, now).await?;
            write(if done { "Paused.\n" } else { "It was paused before.\n" })?;
        }
        JobsCommand::Resume { job, operator } => {
            let job = job.job.word();
            let done = store::jobs::resume(pool, job, &operator.operator, now).await?;
            write(if done { "Resumed.\n" } else { "It was not paused.\n" })?;
        }
    }
    Ok(Exit::Ok)
}

/// How a run that a person wanted ended.
fn told(job: Job, ended: JobEnded) -> Result<Exit> {
    let (exit, sentence) = match ended {
        JobEnded::Done(report) if report.findings == 0 => (Exit::Ok, report.summary),
        JobEnded::Done(report) => (Exit::Findings, report.summary),
        JobEnded::Failed(why) => (Exit::Failed, format!("failed: {why}")),
        JobEnded::Busy => failed("another run of it still goes on; this one was skipped"),
        JobEnded::NotYet => {
            failed("refused: --as-of is after now. No job decides for a time to come")
        }
        JobEnded::Stopped => failed("stopped before its end; the next runner goes on"),
        JobEnded::Lost => failed("taken over by another runner"),
        JobEnded::Taken | JobEnded::Paused => failed("somebody else has this tick"),
    };
    write(&format!("{}: {sentence}\n", job.word()))?;
    Ok(exit)
}

fn failed(sentence: &str) -> (Exit, String) {
    (Exit::Failed, sentence.to_owned())
}

/// A job as it is listed.
#[derive(Debug, Clone, Serialize)]
struct Scheduled {
    #[serde(flatten)]
    row: JobRow,
    /// Six fields, or `off`.
    schedule: String,
    next_run: Option<At>,
}

table!(Scheduled:
    job paused_at paused_by pause_reason last schedule next_run;
    row => {
        let last = row.row.last.as_ref();
        let next = match (&row.row.paused_by, &row.next_run) {
            (Some(by), _) => {
                let why = row.row.pause_reason.as_ref();
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                format!("paused by {by}{why}")
            }
            (None, next) => next.cell(),
        };
        let took = last.and_then(|run| run.seconds).map(|seconds| format!("{seconds} s"));
    }
    "job": row.row.job, "schedule": row.schedule, "next run": next,
    "last run": last.map(|run| run.started_at),
    "state": last.map(|run| &run.state), "took": took,
    "findings": last.map(|run| run.findings),
    "summary": last.and_then(|run| run.summary.as_ref()));

table!(RunRow:
    job scheduled_for cause operator as_of state owner started_at finished_at seconds findings
    summary;
    row => {
        let cause = match &row.operator {
            Some(operator) => format!("{} ({operator})", row.cause),
            None => row.cause.clone(),
        };
        let took = row.seconds.map(|seconds| format!("{seconds} s"));
    }
    "scheduled for": row.scheduled_for, "cause": cause, "as of": row.as_of, "state": row.state,
    "took": took, "findings": row.findings, "summary": row.summary, "owner": row.owner);

//! `jobs list|runs|run|pause|resume`.

use chrono::{DateTime, Utc};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde::Serialize;
use sqlx::PgPool;

use super::args::{Operator, PageArgs, Since, since};
use super::error::{CliError, Exit};
use super::output::{Printer, Tabular, cell, write};
use super::wiring;
use crate::clock::Clock;
use crate::config::Config;
use crate::store;
use crate::store::views::Page;
use crate::store::views::jobs::{self, JobRow, RunRow};
use crate::store::views::time::At;

#[derive(Debug, Clone, Subcommand)]
pub enum JobsCommand {
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
pub struct JobArg {
    /// Which job
    #[arg(value_parser = PossibleValuesParser::new(wiring::JOBS))]
    job: String,
}

/// # Errors
/// What the database says.
pub async fn run(
    command: &JobsCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    wiring::prepare_jobs(pool, config).await?;
    let now = Clock::System.now();
    match command {
        JobsCommand::List => {
            let listed = jobs::jobs(pool).await?;
            let rows: Vec<Scheduled> = listed
                .into_iter()
                .map(|row| {
                    let (schedule, next) = wiring::next_run(config, &row.job, now);
                    Scheduled { next_run: next.map(At), schedule, row }
                })
                .collect();
            printer.whole(rows)?;
        }
        JobsCommand::Runs { job, page } => {
            let of = async |page: Page| Ok(jobs::runs(pool, &job.job, &page).await?);
            printer.pages(page, of).await?;
        }
        JobsCommand::Run { job, as_of, operator } => {
            let as_of = as_of.map_or(now, |since| since.instant(Clock::System));
            return run_now(job, as_of, operator, pool, config).await;
        }
        JobsCommand::Pause { job, operator, reason } => {
            let reason = reason.as_deref();
            let done = store::jobs::pause(pool, &job.job, &operator.operator, reason, now).await?;
            write(if done { "Paused.\n" } else { "It was paused before.\n" })?;
        }
        JobsCommand::Resume { job, operator } => {
            let done = store::jobs::resume(pool, &job.job, &operator.operator, now).await?;
            write(if done { "Resumed.\n" } else { "It was not paused.\n" })?;
        }
    }
    Ok(Exit::Ok)
}

async fn run_now(
    job: &JobArg,
    as_of: DateTime<Utc>,
    operator: &Operator,
    pool: &PgPool,
    config: &Config,
) -> Result<Exit, CliError> {
    let ran = wiring::run_job(pool, config, &job.job, &operator.operator, as_of).await?;
    write(&format!("{}: {}\n", job.job, ran.sentence))?;
    Ok(match (ran.done, ran.findings) {
        (false, _) => Exit::Failed,
        (true, 0) => Exit::Ok,
        (true, _) => Exit::Findings,
    })
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

impl Tabular for Scheduled {
    const HEADERS: &'static [&'static str] =
        &["job", "schedule", "next run", "last run", "state", "took", "findings", "summary"];
    const FIELDS: &'static [&'static str] =
        &["job", "paused_at", "paused_by", "pause_reason", "last", "schedule", "next_run"];

    fn cells(&self) -> Vec<String> {
        let last = self.row.last.as_ref();
        let next = match (&self.row.paused_by, &self.next_run) {
            (Some(by), _) => {
                let why = self.row.pause_reason.as_ref();
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                format!("paused by {by}{why}")
            }
            (None, next) => cell(next.as_ref()),
        };
        let took = last.and_then(|run| run.seconds).map(|seconds| format!("{seconds} s"));
        vec![
            self.row.job.clone(),
            self.schedule.clone(),
            next,
            cell(last.map(|run| run.started_at).as_ref()),
            cell(last.map(|run| &run.state)),
            cell(took.as_ref()),
            cell(last.map(|run| run.findings).as_ref()),
            cell(last.and_then(|run| run.summary.as_ref())),
        ]
    }
}

impl Tabular for RunRow {
    const HEADERS: &'static [&'static str] =
        &["scheduled for", "cause", "as of", "state", "took", "findings", "summary", "owner"];
    const FIELDS: &'static [&'static str] = &[
        "job",
        "scheduled_for",
        "cause",
        "operator",
        "as_of",
        "state",
        "owner",
        "started_at",
        "finished_at",
        "seconds",
        "findings",
        "summary",
    ];

    fn cells(&self) -> Vec<String> {
        let cause = match &self.operator {
            Some(operator) => format!("{} ({operator})", self.cause),
            None => self.cause.clone(),
        };
        let took = self.seconds.map(|seconds| format!("{seconds} s"));
        vec![
            self.scheduled_for.to_string(),
            cause,
            self.as_of.to_string(),
            self.state.clone(),
            cell(took.as_ref()),
            self.findings.to_string(),
            cell(self.summary.as_ref()),
            self.owner.clone(),
        ]
    }
}

//! What the command line puts together of several parts of the rest: nothing else in `cli` names
//! `app`, `demo`, `jobs` or the connecting half of the store.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::dead_letters::{Acted, Call, DiscardArgs};
use super::error::CliError;
use super::rules::ActivateArgs;
use super::worker::DemoArgs;
use crate::app::AppError;
use crate::candidates;
pub(super) use crate::candidates::{Act, Found};
use crate::clock::Clock;
use crate::config::{Config, Only};
use crate::dead_letters::{Became, End};
pub(super) use crate::dead_letters::{ReplayArgs, What};
use crate::domain::matching::RuleSet;
use crate::jobs::{Ended, Job, Runner};
pub(super) use crate::orders::{Order, Tried, Written};
use crate::pipeline::replay::Replayed;
use crate::rules::{self, Activated, Request, RuleFile};
use crate::schedule::{self, Timetable};
pub(super) use crate::simulate::{Difference, Period, Totals, Verdict};
pub(super) use crate::store::dead_letters::Selection;
use crate::store::reach::Unreachable;
use crate::store::views::Privacy;
use crate::{app, dead_letters, demo, orders, reach, store};

pub(super) async fn worker(config: Config, only: Only) -> Result<(), CliError> {
    let options = app::connect_options(&config, "topup worker");
    match reach::reach(&options, true).await {
        // It may come up while the worker waits for it, and a newer worker may run for a while
        // before the tables are made new.
        Err(away @ (Unreachable::Away { .. } | Unreachable::Behind { .. })) => {
            eprintln!("{}", super::escape::text(&away.to_string()));
        }
        reached => reached.map_err(|error| CliError::failed(&error))?,
    }
    match app::run_worker(config, only).await {
        // A pool says no more than that its patience ended.
        Err(AppError::Store(error)) => match reach::reach(&options, true).await {
            Err(away) => Err(CliError::failed(&away)),
            Ok(()) => Err(error.into()),
        },
        ran => ran.map_err(|error| CliError::failed(&error)),
    }
}

pub(super) async fn demo(args: DemoArgs) -> Result<(), CliError> {
    let args = demo::DemoArgs {
        keep: args.keep,
        kafka: args.kafka,
        database_url: args.database_url.map(|url| url.reveal().to_owned()),
    };
    let ran = demo::run(args).await;
    ran.map_err(|error| CliError::failed(&error))
}

pub(super) async fn connect(config: &Config) -> Result<PgPool, CliError> {
    open(config, true).await
}

async fn open(config: &Config, tables: bool) -> Result<PgPool, CliError> {
    let options = app::connect_options(config, "topup-cli");
    let reached = reach::reach(&options, tables).await;
    reached.map_err(|error| CliError::failed(&error))?;
    let connected = store::connect(&options).await;
    let pool = connected.map_err(|error| CliError::failed(&error))?;
    // What a person does is dated by the database, as what a worker does.
    let skew = i64::try_from(config.worker.clock_skew_seconds).unwrap_or(i64::MAX);
    if let Some(now) = store::clock::now(&pool).await? {
        let off = (Clock::System.now() - now).num_seconds();
        if off.saturating_abs() > skew {
            eprintln!("this machine's clock is {off} s ahead: the database's is used");
            Clock::correct(now);
        }
    }
    Ok(pool)
}

/// As the user of the URL: the worker's role may not create tables, and before the first
/// migration it does not exist.
pub(super) async fn migrate(config: &Config) -> Result<(), CliError> {
    let mut owner = config.clone();
    owner.database.role = None;
    owner.database.pool_size = 1;
    let pool = open(&owner, false).await?;
    let migrated = store::migrate(&pool).await;
    pool.close().await;
    migrated.map_err(|error| CliError::failed(&error))
}

/// The words of the jobs.
pub(super) const JOBS: [&str; Job::ALL.len()] = Job::WORDS;

/// How a run that a person wanted ended.
pub(super) struct Ran {
    pub done: bool,
    pub findings: u64,
    pub sentence: String,
}

pub(super) async fn run_job(
    pool: &PgPool,
    config: &Config,
    job: &str,
    operator: &str,
    as_of: DateTime<Utc>,
) -> Result<Ran, CliError> {
    let job = known_job(job)?;
    let ran = runner(pool, config)?.run_by(job, operator, as_of).await;
    let ended = ran.map_err(|error| CliError::failed(&error))?;
    let ran =
        |done, findings, sentence: &str| Ran { done, findings, sentence: sentence.to_owned() };
    Ok(match ended {
        Ended::Done(report) => ran(true, report.findings, &report.summary),
        Ended::Failed(why) => ran(false, 0, &format!("failed: {why}")),
        Ended::Busy => ran(false, 0, "another run of it still goes on; this one was skipped"),
        Ended::NotYet => {
            let why = "refused: --as-of is after now. No job decides for a time to come";
            ran(false, 0, why)
        }
        Ended::Stopped => ran(false, 0, "stopped before its end; the next runner goes on"),
        Ended::Lost => ran(false, 0, "taken over by another runner"),
        Ended::Taken | Ended::Paused => ran(false, 0, "somebody else has this tick"),
    })
}

/// Makes the jobs known where no worker has done so yet.
pub(super) async fn prepare_jobs(pool: &PgPool, config: &Config) -> Result<(), CliError> {
    let prepared = runner(pool, config)?.prepare().await;
    prepared.map_err(|error| CliError::failed(&error))
}

/// A job's schedule as configured, and its next tick.
pub(super) fn next_run(
    config: &Config,
    job: &str,
    now: DateTime<Utc>,
) -> (String, Option<DateTime<Utc>>) {
    let Some(job) = Job::from_word(job) else {
        return ("unknown to this version".to_owned(), None);
    };
    let text = app::schedule_of(config, job).to_owned();
    let zone = schedule::zone(&config.jobs.time_zone).ok();
    let timetable = zone.and_then(|zone| Timetable::parse(&text, zone).ok().flatten());
    let next = timetable.and_then(|timetable| timetable.next_after(now));
    (text, next)
}

/// Whether an invoice is a void candidate that this may be done with.
pub(super) async fn look_at_candidate(
    pool: &PgPool,
    config: &Config,
    invoice_id: &str,
    act: Act,
) -> Result<Found, CliError> {
    let pipeline = app::pipeline(config, pool.clone(), Clock::System);
    let settings = app::job_settings(config).map_err(|error| CliError::failed(&error))?;
    let found = candidates::look(&pipeline, &settings, invoice_id, act).await;
    found.map_err(|error| CliError::failed(&error))
}

fn known_job(word: &str) -> Result<Job, CliError> {
    Job::from_word(word).ok_or_else(|| CliError::Usage(format!("there is no job `{word}`")))
}

fn runner(pool: &PgPool, config: &Config) -> Result<Runner, CliError> {
    // A person's run ends when it is done: nothing tells it to stop.
    let (_, stop) = tokio::sync::watch::channel(false);
    let pipeline = app::pipeline(config, pool.clone(), Clock::System);
    app::runner(config, pipeline, stop).map_err(|error| CliError::failed(&error))
}

/// What became of a call: rows to print, what to say beside them, whether it came to its end.
pub(super) struct Done {
    pub rows: Vec<Acted>,
    pub note: Option<String>,
    pub whole: bool,
}

pub(super) async fn act(
    call: Call,
    pool: &PgPool,
    config: &Config,
    privacy: Privacy,
) -> Result<Done, CliError> {
    match call {
        Call::Replay(args) => replay(&args, pool, config).await,
        Call::Discard(args) => discard(&args, pool, config).await,
        Call::Edit(args) => super::edit::run(args, pool, config, privacy).await,
        Call::Reopen(args) => {
            let (operator, reason) = (&args.operator, &args.reason);
            let acted =
                dead_letters::reopen(pool, &args.ids, operator, reason, args.dry_run).await?;
            let whole = acted.iter().all(|(_, became)| *became != Became::Unknown);
            Ok(Done { rows: acted_rows(acted), note: None, whole })
        }
    }
}

/// First it says what the selection means; what the bank said is asked for a second time.
async fn discard(args: &DiscardArgs, pool: &PgPool, config: &Config) -> Result<Done, CliError> {
    let bank = config.topics().bank_payments;
    let meant = store::dead_letters::meant(pool, &args.selection, &bank).await?;
    let store::dead_letters::Meant { open, bank_facts, resolved } = meant;
    if open == 0 {
        let note =
            Some(super::dead_letters::nothing_selected(&args.selection, pool, config).await?);
        return Ok(Done { rows: Vec::new(), note, whole: true });
    }
    let note = format!(
        "open letters that fit: {open}; bank facts among them: {bank_facts}; letters that fit and \
         are replayed or discarded already: {resolved}"
    );
    if bank_facts > 0 && !args.bank_facts && !args.dry_run {
        return Err(CliError::Failed(format!(
            "bank_facts_meant: {note}. Nothing is discarded: what the bank booked is money that \
             came. Narrow the selection, or say --yes-bank-facts as well"
        )));
    }
    let (operator, reason) = (&args.operator, &args.reason);
    let acted =
        dead_letters::discard(pool, &args.selection, operator, reason, args.dry_run).await?;
    Ok(Done { rows: acted_rows(acted), note: Some(note), whole: true })
}

fn acted_rows(acted: Vec<(i64, Became)>) -> Vec<Acted> {
    let row = |(dead_letter_id, became): (i64, Became)| Acted {
        dead_letter_id,
        outcome: became.word().to_owned(),
        code: None,
    };
    acted.into_iter().map(row).collect()
}

async fn replay(args: &ReplayArgs, pool: &PgPool, config: &Config) -> Result<Done, CliError> {
    let mut control = dead_letters::Control::default();
    let cancelled = control.cancelled.clone();
    // Ctrl-C ends the run between two chunks: what is in hand is committed or rolled back whole.
    let watching = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancelled.store(true, Ordering::Relaxed);
        }
    });
    if std::io::stderr().is_terminal() {
        control.progress = Some(Arc::new(super::progress::draw));
    }
    let replayed = dead_letters::replay(pool, config, args, &control).await;
    watching.abort();
    let report = replayed.map_err(|error| CliError::failed(&error))?;
    let rows = report.letters.iter().map(|(id, result)| {
        let word = result.word();
        let outcome = if args.dry_run { format!("would be {word}") } else { word.to_owned() };
        Acted { dead_letter_id: *id, outcome, code: result.code().map(str::to_owned) }
    });
    let rows: Vec<Acted> = rows.collect();
    let how = match report.end {
        End::Done => {
            // A script is to see that a letter is left.
            let fails = |result: &Replayed| matches!(result, Replayed::StillFailing { .. });
            let left = !args.dry_run && report.letters.iter().any(|(_, result)| fails(result));
            let note = match &args.what {
                What::Selected(selection) if rows.is_empty() => {
                    Some(super::dead_letters::nothing_selected(selection, pool, config).await?)
                }
                What::Selected(_) | What::Run(_) => None,
            };
            return Ok(Done { rows, note, whole: !left });
        }
        End::NotResumed => {
            let problem = "there is no such run, or it is done, or it still runs";
            return Err(CliError::Usage(problem.to_owned()));
        }
        End::Cancelled => "cancelled",
        End::Stopped => "stopped after so many failures",
    };
    let resume = report.run.map_or_else(String::new, |run| {
        format!("; go on with: topup dead-letters replay --resume {run} --yes")
    });
    Ok(Done { rows, note: Some(format!("{how}{resume}")), whole: false })
}

/// The order as a record; what makes it none is wrong usage.
pub(super) fn write_order(
    pool: &PgPool,
    config: &Config,
    order: &Order,
    at: DateTime<Utc>,
) -> Result<Written, CliError> {
    let pipeline = app::pipeline(config, pool.clone(), Clock::System);
    orders::write(&pipeline, order, at)
        .map_err(|failure| CliError::Usage(format!("{}: {}", failure.code, failure.detail)))
}

pub(super) async fn try_order(
    pool: &PgPool,
    config: &Config,
    written: &Written,
    at: DateTime<Utc>,
) -> Result<Tried, CliError> {
    let pipeline = app::pipeline(config, pool.clone(), Clock::System);
    Ok(orders::try_out(&pipeline, written, at).await?)
}

/// Keeps who asks for it, and why.
pub(super) async fn note_order(
    pool: &PgPool,
    order: &Order,
    written: &Written,
) -> Result<(), CliError> {
    let subjects = written.subjects();
    Ok(store::orders::note(pool, asked(order, written, &subjects), Clock::System.now()).await?)
}

fn asked<'a>(
    order: &'a Order,
    written: &'a Written,
    subjects: &'a [String],
) -> store::orders::Asked<'a> {
    store::orders::Asked {
        record: &written.record,
        command_type: written.kind,
        operator: &order.operator,
        reason: order.reason.as_deref(),
        subjects,
    }
}

/// Another command of the same kind about the same things that was sent within a day and that no
/// worker has read.
pub(super) async fn unread_order(
    pool: &PgPool,
    order: &Order,
    written: &Written,
) -> Result<Option<store::orders::Unread>, CliError> {
    let subjects = written.subjects();
    let since = Clock::System.now() - chrono::TimeDelta::days(1);
    Ok(store::orders::unread(pool, asked(order, written, &subjects), since).await?)
}

/// Reads a rule file.
pub(super) fn rule_file(path: &std::path::Path) -> Result<RuleFile, CliError> {
    rules::read(path).map_err(|error| CliError::Usage(error.to_string()))
}

/// A stored rule set, or the active one.
pub(super) async fn rules(
    pool: &PgPool,
    config: &Config,
    version: Option<i32>,
) -> Result<RuleSet, CliError> {
    let mut connection = pool.acquire().await?;
    let configured = config.policy();
    let read = match version {
        Some(version) => rules::stored(&mut connection, version, &configured).await,
        None => rules::active(&mut connection, &configured).await.map(Some),
    };
    let read = read.map_err(|error| CliError::failed(&error))?;
    let id = version.unwrap_or_default().to_string();
    read.ok_or_else(|| CliError::not_found("rule set", &id))
}

/// What an activation does, or would do.
pub(super) struct RulesActivated {
    pub before: RuleSet,
    pub after: RuleSet,
    pub sentence: String,
}

pub(super) async fn activate_rules(
    pool: &PgPool,
    config: &Config,
    args: &ActivateArgs,
) -> Result<RulesActivated, CliError> {
    let before = rules(pool, config, None).await?;
    let (request, after) = match (&args.file, args.version) {
        (Some(path), _) => {
            let file = rule_file(path)?;
            let after = file.rules.clone();
            (Request::File(Box::new(file)), after)
        }
        (None, version) => {
            let version = version.unwrap_or_default();
            (Request::Version(version), rules(pool, config, Some(version)).await?)
        }
    };
    let by = (args.operator.operator.as_str(), args.reason.reason.as_deref());
    let at = Clock::System.now();
    let done = rules::activate(pool, &request, by, at, args.doing.dry_run()).await;
    let sentence = match done.map_err(|error| CliError::failed(&error))? {
        Activated::Unknown => {
            let id = args.version.unwrap_or_default().to_string();
            return Err(CliError::not_found("rule set", &id));
        }
        Activated::Unchanged { version } => {
            format!("Rule set {version} is active already. Nothing changes.")
        }
        Activated::Done { version, new, before } => {
            let what = match (new, !args.doing.dry_run()) {
                (true, true) => "is stored and active now",
                (false, true) => "is active now",
                (true, false) => "would be stored and become active",
                (false, false) => "would become active",
            };
            let rest = if !args.doing.dry_run() {
                format!("Before, rule set {before} was active.")
            } else {
                format!("Now rule set {before} is active. {}", super::verbs::NOT_YET)
            };
            format!("Rule set {version} {what}. {rest}")
        }
    };
    Ok(RulesActivated { before, after, sentence })
}

/// Decides stored payments by the active rules and by those of a file.
pub(super) async fn simulate(
    pool: &PgPool,
    config: &Config,
    path: &std::path::Path,
    period: &Period,
    tell: impl FnMut(&[Difference]) -> Result<(), CliError>,
) -> Result<Totals, CliError> {
    let active = rules(pool, config, None).await?;
    let own = &active.global().own_accounts;
    // Its version is only known once it is stored.
    let other = rule_file(path)?.rules.numbered(0, own);
    crate::simulate::simulate(pool, (&active, &other), period, tell).await
}

//! `dead-letters groups|list|show|edit|import|replay|discard|reopen`.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::{Args, Subcommand};

use super::args::{self, Acting, Because, PageArgs, Reason, Since, since};
use super::edit::{self, EditOptions};
use super::empty::Filters;
use super::error::{CliError, Exit, Result};
use super::selection::{Acted, Done, SelectionOptions, with_known};
use super::table::table;
use super::{Place, escape, import, letter};
use crate::app;
use crate::clock::Clock;
use crate::config::Topics;
use crate::operator::dead_letters::replay::Replayed;
use crate::operator::dead_letters::{self as act, Became, Control, End, ReplayArgs, What};
use crate::store::dead_letters::{LetterState, Meant, Selection, meant};
use crate::store::views::Page;
use crate::store::views::dead_letters::{self, ActRow, GroupRow, LetterFilter, LetterRow};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum DeadLettersCommand {
    /// Open dead letters by code and topic
    #[command(after_help = "Example:\n  topup dead-letters groups")]
    Groups,
    /// Dead letters in the order of their ids; open ones unless --status says otherwise
    #[command(after_help = "Examples:\n  topup dead-letters list --code conflict\n  \
                            topup dead-letters list --status any --since 7d --output ndjson")]
    List(ListArgs),
    /// One dead letter, with the record as it came and what operators did
    #[command(after_help = "Examples:\n  topup dead-letters show 17\n  \
                            topup dead-letters show 17 --unmasked")]
    Show {
        /// Its number, as `topup dead-letters list` has it
        #[arg(value_parser = args::letter)]
        id: i64,
    },
    /// Processes records again, in order per key; a dry run without --yes
    #[command(after_help = "Examples:\n  topup dead-letters replay --id 17\n  \
                            topup dead-letters replay --code conflict --since 2h --yes\n  \
                            topup dead-letters replay --all --rate 0 --stop-after 10 --yes\n  \
                            topup dead-letters replay --resume 3 --yes")]
    Replay(ReplayOptions),
    /// Puts a new revision beside the original and shows what differs; replay it then
    #[command(after_help = edit::HELP)]
    Edit(Box<EditOptions>),
    /// Takes in copies that lie elsewhere, to be replayed here
    #[command(after_help = import::HELP)]
    Import(import::ImportOptions),
    /// Gives records up; a dry run without --yes
    #[command(after_help = "Example:\n  topup dead-letters discard --id 17 \
                            --reason 'sent twice by mistake' --yes")]
    Discard(DiscardOptions),
    /// Takes discarded records up again; a dry run without --yes
    #[command(
        after_help = "Examples:\n  topup dead-letters reopen 17 --reason 'it was wanted'\n  \
                            topup dead-letters reopen 17 18 --reason 'it was wanted' --yes"
    )]
    Reopen(ReopenOptions),
}

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// Only with this code, such as conflict
    #[arg(long)]
    code: Option<String>,
    /// Only from this topic; commands, bank and usage stand for ours
    #[arg(long)]
    topic: Option<String>,
    /// Of this record key
    #[arg(long)]
    key: Option<String>,
    /// Whose original value contains this text
    #[arg(long)]
    text: Option<String>,
    /// Only what failed since: an instant, a day, or 15m, 2h, 7d
    #[arg(long, value_parser = since)]
    since: Option<Since>,
    /// Only in this state; any: whatever became of them
    #[arg(long, visible_alias = "state", default_value = "open",
          value_parser = ["open", "replayed", "discarded", "any"])]
    status: String,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ReplayOptions {
    /// Which; several may be given
    #[arg(value_name = "ID", value_parser = args::letter)]
    letters: Vec<i64>,
    #[command(flatten)]
    selection: SelectionOptions,
    /// Goes on with a run that was cancelled, stopped or killed
    #[arg(long, value_name = "RUN")]
    resume: Option<i64>,
    /// Records per second; 0 or unlimited: as fast as it goes
    #[arg(long, default_value = "100", value_parser = rate)]
    rate: u32,
    /// Ends after so many failures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    stop_after: Option<u32>,
    #[command(flatten)]
    reason: Reason,
    #[command(flatten)]
    operator: Acting,
}

fn rate(text: &str) -> Result<u32, String> {
    if text == "unlimited" {
        return Ok(0);
    }
    let rate = text.parse().ok().filter(|rate| *rate <= 100_000);
    rate.ok_or_else(|| "expected a number up to 100000, or unlimited".to_owned())
}

#[derive(Debug, Clone, Args)]
pub(super) struct DiscardOptions {
    /// Which; several may be given
    #[arg(value_name = "ID", value_parser = args::letter)]
    letters: Vec<i64>,
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    reason: Because,
    /// Also what the bank said: money that came and will be in no book
    #[arg(long)]
    yes_bank_facts: bool,
    #[command(flatten)]
    operator: Acting,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ReopenOptions {
    /// Which; several may be given
    #[arg(required = true, value_name = "ID", value_parser = args::letter)]
    ids: Vec<i64>,
    #[command(flatten)]
    reason: Because,
    #[command(flatten)]
    operator: Acting,
}

impl DeadLettersCommand {
    pub(super) fn reads_kafka(&self) -> bool {
        matches!(self, Self::Import(options) if options.reads_kafka())
    }
}

impl ReplayOptions {
    pub(super) fn request(&self, clock: Clock, topics: &Topics) -> Result<ReplayArgs> {
        Ok(ReplayArgs {
            what: self.what(clock, topics)?,
            rate: self.rate,
            stop_after: self.stop_after,
            operator: self.operator.checked()?,
            reason: self.reason.reason.clone(),
            dry_run: self.operator.dry_run(),
        })
    }

    fn what(&self, clock: Clock, topics: &Topics) -> Result<What> {
        let Some(run) = self.resume else {
            return self.selection.with(&self.letters).checked(clock, topics).map(What::Selected);
        };
        if self.selection.with(&self.letters).filtered()
            || self.selection.all
            || self.operator.dry_run()
        {
            let problem = "--resume takes the selection of its run, and needs --yes";
            return Err(CliError::Usage(problem.to_owned()));
        }
        Ok(What::Run(run))
    }
}

impl DiscardOptions {
    pub(super) fn which(&self, clock: Clock, topics: &Topics) -> Result<Selection> {
        self.selection.with(&self.letters).narrowed(clock, topics)
    }
}

pub(super) async fn run(command: &DeadLettersCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, printer, .. } = place;
    let done = match command {
        DeadLettersCommand::Groups => {
            return printer.whole(dead_letters::groups(pool).await?).map(|()| Exit::Ok);
        }
        DeadLettersCommand::List(args) => {
            return list(args, place).await.map(|()| Exit::Ok);
        }
        DeadLettersCommand::Show { id } => {
            let found = dead_letters::show(pool, *id).await?;
            let view = found.ok_or_else(|| CliError::not_found("dead letter", &id.to_string()))?;
            let shown = letter::Shown::of(view, printer.privacy);
            return printer.one(&shown, |text| letter::human(&shown, text)).map(|()| Exit::Ok);
        }
        DeadLettersCommand::Import(options) => {
            return import::run(options, place).await;
        }
        DeadLettersCommand::Replay(options) => replay(options, place).await?,
        DeadLettersCommand::Discard(options) => discard(options, place).await?,
        DeadLettersCommand::Edit(options) => edit::run(options, place).await?,
        DeadLettersCommand::Reopen(options) => {
            let operator = options.operator.checked()?;
            let (reason, dry_run) = (&options.reason.reason, options.operator.dry_run());
            let acted = act::reopen(pool, &options.ids, &operator, reason, dry_run).await?;
            let failed = [Became::Unknown, Became::Forgotten];
            let whole = acted.iter().all(|(_, became)| !failed.contains(became));
            Done { rows: acted_rows(acted), note: None, whole }
        }
    };
    printer.rows(&done.rows)?;
    for line in done.note.iter().flat_map(|note| note.lines()) {
        eprintln!("{}", escape::text(line));
    }
    Ok(if done.whole { Exit::Ok } else { Exit::Findings })
}

/// First it says what the selection means; what the bank said is asked for a second time.
async fn discard(options: &DiscardOptions, place: Place<'_>) -> Result<Done> {
    let Place { pool, config, .. } = place;
    let selection = options.which(Clock::System, &config.topics())?;
    let operator = options.operator.checked()?;
    let dry_run = options.operator.dry_run();
    let Meant { open, bank_facts, resolved } =
        meant(pool, &selection, &config.topics().bank_payments).await?;
    if open == 0 {
        return Done::nothing(&selection, place).await;
    }
    let note = format!(
        "open letters that fit: {open}; bank facts among them: {bank_facts}; letters that fit and \
         are replayed or discarded already: {resolved}"
    );
    if bank_facts > 0 && !options.yes_bank_facts && !dry_run {
        return Err(CliError::Failed(format!(
            "bank_facts_meant: {note}. Nothing is discarded: what the bank booked is money that \
             came. Narrow the selection, or say --yes-bank-facts as well"
        )));
    }
    let acted = act::discard(pool, &selection, &operator, &options.reason.reason, dry_run).await?;
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

async fn replay(options: &ReplayOptions, place: Place<'_>) -> Result<Done> {
    let Place { pool, config, .. } = place;
    let args = options.request(Clock::System, &config.topics())?;
    let mut control = Control::default();
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
    let pipeline = app::pipeline(config, pool.clone(), Clock::System);
    let replayed = act::replay_with(&pipeline, &args, &control).await;
    watching.abort();
    let report = replayed?;
    let rows = report.letters.iter().map(|(id, result)| {
        let word = result.word();
        let outcome = if args.dry_run { format!("would be {word}") } else { word.to_owned() };
        Acted { dead_letter_id: *id, outcome, code: result.code().map(str::to_owned) }
    });
    let rows: Vec<Acted> = rows.collect();
    let how = match report.end {
        End::Done => {
            if let (What::Selected(selection), true) = (&args.what, rows.is_empty()) {
                return Done::nothing(selection, place).await;
            }
            // A script is to see that a letter is left.
            let fails = |result: &Replayed| matches!(result, Replayed::StillFailing { .. });
            let left = !args.dry_run && report.letters.iter().any(|(_, result)| fails(result));
            return Ok(Done { rows, note: None, whole: !left });
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

async fn list(args: &ListArgs, place: Place<'_>) -> Result<()> {
    let Place { pool, config, printer } = place;
    let since = args.since.map(|since| since.instant(Clock::System));
    let filter = LetterFilter {
        code: args.code.clone(),
        topic: args.topic.as_deref().map(|topic| args::topic(topic, &config.topics())),
        key: args.key.clone(),
        text: args.text.clone(),
        since: since.unwrap_or_default(),
        status: Some(args.status.clone()).filter(|status| status != "any"),
    };
    let of = async |page: Page| {
        let after = match page.after.as_deref().map(str::parse::<i64>) {
            None => None,
            Some(Ok(after)) => Some(after),
            Some(Err(_)) => {
                return Err(CliError::Usage("--after takes the id of a dead letter".to_owned()));
            }
        };
        Ok(dead_letters::list(pool, &filter, after, &page).await?)
    };
    if printer.pages(&args.page, of).await? {
        let given = Filters::default()
            .with("--code", filter.code.as_ref())
            .with("--topic", filter.topic.as_ref())
            .with("--key", filter.key.as_ref())
            .with("--text", filter.text.as_ref())
            .with("--since", args.since);
        let word = LetterState::Open.word();
        let open = filter.status.as_deref().filter(|state| *state != word);
        let given = with_known(given.with(args::typed("--status"), open), place).await?;
        given.tell(true, if args.status == word { "open dead letter" } else { "dead letter" });
    }
    Ok(())
}

table!(GroupRow:
    code topic shape letters oldest newest;
    row => "code": row.code, "topic": row.topic, "shape": row.shape, "letters": row.letters,
    "oldest": row.oldest, "newest": row.newest);

table!(LetterRow:
    dead_letter_id topic partition offset code message attempts source message_id named_source
    named_id first_failed_at last_failed_at state resolved_at resolution;
    row => {
        // Of what could not be read its own name says more than its place, which stands beside it.
        let named = (&row.named_source, &row.named_id);
        let record = match (named, &row.source, &row.message_id) {
            ((Some(source), Some(id)), _, _) | (_, Some(source), Some(id)) => {
                format!("{source}/{id}")
            }
            _ => "-".to_owned(),
        };
    }
    "id": row.dead_letter_id, "state": row.status, "code": row.code,
    "place": format!("{}:{}:{}", row.topic, row.partition, row.offset), "record": record,
    "attempts": row.attempts, "last failed": row.last_failed_at, "message": row.message);

table!(ActRow;
    row => "at": row.acted_at, "act": row.act, "operator": row.operator, "outcome": row.outcome,
    "code": row.code, "reason": row.reason, "before": row.before, "after": row.after);

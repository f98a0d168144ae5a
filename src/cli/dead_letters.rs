//! `dead-letters groups|list|show|replay|discard`. The last two change something, so they are
//! only read from the command line here and returned as a [`Call`].

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;
use sqlx::PgPool;

use super::args::{PageArgs, Since, since};
use super::error::CliError;
use super::letter;
use super::output::{Printer, Tabular, cell};
use crate::clock::Clock;
use crate::store::views::dead_letters::{self, ActRow, GroupRow, LetterFilter, LetterRow};

#[derive(Debug, Clone, Subcommand)]
pub enum DeadLettersCommand {
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
    Show { id: i64 },
    /// Processes records again, in order per key; only says what it would do unless --yes
    #[command(after_help = "Examples:\n  topup dead-letters replay --id 17\n  \
                            topup dead-letters replay --code conflict --since 2h --yes\n  \
                            topup dead-letters replay --topic topup.usage.v1 --rate 50 --yes")]
    Replay(ReplayOptions),
    /// Gives records up for good; only says what it would do unless --yes
    #[command(after_help = "Example:\n  topup dead-letters discard --id 17 \
                            --reason 'sent twice by mistake' --yes")]
    Discard(DiscardOptions),
}

#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    #[arg(long)]
    code: Option<String>,
    #[arg(long)]
    topic: Option<String>,
    /// Only what failed since: an instant, a day, or 15m, 2h, 7d
    #[arg(long, value_parser = since)]
    since: Option<Since>,
    #[arg(long, default_value = "open", value_parser = ["open", "replayed", "discarded", "any"])]
    status: String,
    #[command(flatten)]
    page: PageArgs,
}

/// Which dead letters; only open ones are ever meant.
#[derive(Debug, Clone, Args)]
struct SelectionOptions {
    /// This one; may be given several times
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<i64>,
    #[arg(long)]
    code: Option<String>,
    #[arg(long)]
    topic: Option<String>,
    /// Only what failed since: an instant, a day, or 15m, 2h, 7d
    #[arg(long, value_parser = since)]
    since: Option<Since>,
    /// Only what failed before: an instant, a day, or 15m, 2h, 7d
    #[arg(long, value_parser = since)]
    until: Option<Since>,
    /// All open ones
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
}

#[derive(Debug, Clone, Args)]
pub struct ReplayOptions {
    #[command(flatten)]
    selection: SelectionOptions,
    /// Records per second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Who does it, for the audit
    #[arg(long, env = "USER", hide_env_values = true)]
    operator: String,
    #[arg(long)]
    reason: Option<String>,
    /// Do it
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Clone, Args)]
pub struct DiscardOptions {
    #[command(flatten)]
    selection: SelectionOptions,
    /// Who does it, for the audit
    #[arg(long, env = "USER", hide_env_values = true)]
    operator: String,
    /// Why; it is kept for ever
    #[arg(long)]
    reason: String,
    /// Do it
    #[arg(long)]
    yes: bool,
}

/// Which open dead letters an operator means. All conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Empty: any.
    pub ids: Vec<i64>,
    pub code: Option<String>,
    pub topic: Option<String>,
    /// By `last_failed_at`, from here…
    pub since: Option<DateTime<Utc>>,
    /// …and before here.
    pub until: Option<DateTime<Utc>>,
    pub limit: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayArgs {
    pub selection: Selection,
    /// Records per second, at least one.
    pub rate: u32,
    pub operator: String,
    pub reason: Option<String>,
    /// Nothing is changed.
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscardArgs {
    pub selection: Selection,
    pub operator: String,
    pub reason: String,
    /// Nothing is changed.
    pub dry_run: bool,
}

/// What the command line asks for that is not a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Replay(ReplayArgs),
    Discard(DiscardArgs),
}

/// What became of one dead letter, for the table that is printed after a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acted {
    pub dead_letter_id: i64,
    /// `would replay`, `applied`, `rejected`, `dead_lettered`, `discarded`…
    pub outcome: String,
    pub code: Option<String>,
}

impl DeadLettersCommand {
    /// The call, if the command is one.
    ///
    /// # Errors
    /// [`CliError::Usage`] when nothing is selected: "all" must be said.
    pub fn call(&self, clock: Clock) -> Result<Option<Call>, CliError> {
        match self {
            Self::Groups | Self::List(_) | Self::Show { .. } => Ok(None),
            Self::Replay(options) => Ok(Some(Call::Replay(ReplayArgs {
                selection: options.selection.checked(clock)?,
                rate: options.rate,
                operator: options.operator.clone(),
                reason: options.reason.clone(),
                dry_run: !options.yes,
            }))),
            Self::Discard(options) => Ok(Some(Call::Discard(DiscardArgs {
                selection: options.selection.checked(clock)?,
                operator: options.operator.clone(),
                reason: options.reason.clone(),
                dry_run: !options.yes,
            }))),
        }
    }
}

impl SelectionOptions {
    fn checked(&self, clock: Clock) -> Result<Selection, CliError> {
        let filtered = !self.ids.is_empty()
            || self.code.is_some()
            || self.topic.is_some()
            || self.since.is_some()
            || self.until.is_some();
        if filtered == self.all {
            let problem = "say which dead letters: --id, --code, --topic, --since, --until, \
                           or --all and none of these";
            return Err(CliError::Usage(problem.to_owned()));
        }
        Ok(Selection {
            ids: self.ids.clone(),
            code: self.code.clone(),
            topic: self.topic.clone(),
            since: self.since.map(|since| since.instant(clock)),
            until: self.until.map(|until| until.instant(clock)),
            limit: self.limit,
        })
    }
}

/// The reads. A call comes back to the caller.
///
/// # Errors
/// What the database says, or that there is no such dead letter.
pub async fn run(
    command: &DeadLettersCommand,
    pool: &PgPool,
    printer: Printer,
) -> Result<Option<Call>, CliError> {
    match command {
        DeadLettersCommand::Groups => printer.rows(&dead_letters::groups(pool).await?)?,
        DeadLettersCommand::List(args) => list(args, pool, printer).await?,
        DeadLettersCommand::Show { id } => {
            let found = dead_letters::show(pool, *id).await?;
            let view = found.ok_or_else(|| CliError::not_found("dead letter", &id.to_string()))?;
            let shown = letter::Shown::of(view, printer.privacy);
            printer.one(&shown, |text| letter::human(&shown, text))?;
        }
        DeadLettersCommand::Replay(_) | DeadLettersCommand::Discard(_) => {}
    }
    command.call(Clock::System)
}

async fn list(args: &ListArgs, pool: &PgPool, printer: Printer) -> Result<(), CliError> {
    let after = match args.page.after.as_deref().map(str::parse::<i64>) {
        None => None,
        Some(Ok(after)) => Some(after),
        Some(Err(_)) => {
            return Err(CliError::Usage("--after takes the id of a dead letter".to_owned()));
        }
    };
    let since = args.since.map(|since| since.instant(Clock::System));
    let filter = LetterFilter {
        code: args.code.clone(),
        topic: args.topic.clone(),
        since: since.unwrap_or_default(),
        status: Some(args.status.clone()).filter(|status| status != "any"),
    };
    printer.list(&dead_letters::list(pool, &filter, after, &args.page.page()).await?)
}

impl Tabular for GroupRow {
    const HEADERS: &'static [&'static str] = &["code", "topic", "letters", "oldest", "newest"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.code.clone(),
            self.topic.clone(),
            self.letters.to_string(),
            self.oldest.to_string(),
            self.newest.to_string(),
        ]
    }
}

impl Tabular for LetterRow {
    const HEADERS: &'static [&'static str] =
        &["id", "status", "code", "place", "record", "attempts", "last failed", "message"];

    fn cells(&self) -> Vec<String> {
        let record = match (&self.source, &self.message_id) {
            (Some(source), Some(id)) => format!("{source}/{id}"),
            _ => "-".to_owned(),
        };
        vec![
            self.dead_letter_id.to_string(),
            self.status.clone(),
            self.code.clone(),
            format!("{}:{}:{}", self.topic, self.partition, self.offset),
            record,
            self.attempts.to_string(),
            self.last_failed_at.to_string(),
            self.message.clone(),
        ]
    }
}

impl Tabular for ActRow {
    const HEADERS: &'static [&'static str] =
        &["at", "act", "operator", "outcome", "code", "reason"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.acted_at.to_string(),
            self.act.clone(),
            self.operator.clone(),
            self.outcome.clone(),
            cell(self.code.as_ref()),
            cell(self.reason.as_ref()),
        ]
    }
}

impl Tabular for Acted {
    const HEADERS: &'static [&'static str] = &["id", "outcome", "code"];

    fn cells(&self) -> Vec<String> {
        vec![self.dead_letter_id.to_string(), self.outcome.clone(), cell(self.code.as_ref())]
    }
}

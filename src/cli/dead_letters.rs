//! `dead-letters groups|list|show|edit|import|replay|discard|reopen`. What changes something is
//! only read from the command line here and returned as a [`Call`].

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde::Serialize;
use sqlx::PgPool;

use super::args::{self, Acting, Because, PageArgs, Reason, Since, since};
use super::edit::{self, EditArgs, EditOptions};
use super::empty::Filters;
use super::error::CliError;
use super::output::{Printer, Tabular, cell};
use super::wiring::{ReplayArgs, Selection, What};
use super::{import, letter};
use crate::clock::Clock;
use crate::config::{Config, Topics};
use crate::store::dead_letters::LetterState;
use crate::store::views::Page;
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
pub struct ListArgs {
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

/// Which dead letters; only open ones are ever meant.
#[derive(Debug, Clone, Args)]
pub(super) struct SelectionOptions {
    /// This one; may be given several times
    #[arg(long = "id", value_name = "ID", value_parser = args::letter)]
    ids: Vec<i64>,
    /// Only with this code, such as conflict
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    code: Option<String>,
    /// Only from this topic; commands, bank and usage stand for ours
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    topic: Option<String>,
    /// Of this record key
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    key: Option<String>,
    /// Whose original value contains this text
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    text: Option<String>,
    /// Only what failed since: an instant, a day, or 15m, 2h, 7d
    #[arg(long, value_parser = since)]
    since: Option<Since>,
    /// Only what failed before: an instant, a day, or 15m, 2h, 7d
    #[arg(long, value_parser = since)]
    until: Option<Since>,
    /// All open ones: for a replay; what cannot be taken back wants a filter
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
}

#[derive(Debug, Clone, Args)]
pub struct ReplayOptions {
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
pub struct DiscardOptions {
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
pub struct ReopenOptions {
    /// Which; several may be given
    #[arg(required = true, value_name = "ID", value_parser = args::letter)]
    ids: Vec<i64>,
    #[command(flatten)]
    reason: Because,
    #[command(flatten)]
    operator: Acting,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscardArgs {
    /// Bank facts too.
    pub bank_facts: bool,
    pub selection: Selection,
    pub operator: String,
    pub reason: String,
    /// Nothing is changed.
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReopenArgs {
    pub ids: Vec<i64>,
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
    Edit(EditArgs),
    Reopen(ReopenArgs),
}

/// What became of one dead letter, for the table that is printed after a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acted {
    pub dead_letter_id: i64,
    /// `would replay`, `applied`, `rejected`, `dead_lettered`, `discarded`, `reopened`…
    pub outcome: String,
    pub code: Option<String>,
}

impl DeadLettersCommand {
    pub(super) fn reads_kafka(&self) -> bool {
        matches!(self, Self::Import(options) if options.reads_kafka())
    }

    /// The call, if the command is one.
    ///
    /// # Errors
    /// [`CliError::Usage`] when nothing is selected ("all" must be said), or nobody acts.
    pub fn call(&self, clock: Clock, topics: &Topics) -> Result<Option<Call>, CliError> {
        Ok(Some(match self {
            Self::Groups | Self::List(_) | Self::Show { .. } | Self::Import(_) => return Ok(None),
            Self::Replay(options) => Call::Replay(ReplayArgs {
                what: options.what(clock, topics)?,
                rate: options.rate,
                stop_after: options.stop_after,
                operator: options.operator.checked()?,
                reason: options.reason.reason.clone(),
                dry_run: options.operator.dry_run(),
            }),
            Self::Discard(options) => Call::Discard(DiscardArgs {
                selection: options.selection.with(&options.letters).narrowed(clock, topics)?,
                operator: options.operator.checked()?,
                reason: options.reason.reason.clone(),
                dry_run: options.operator.dry_run(),
                bank_facts: options.yes_bank_facts,
            }),
            Self::Reopen(options) => Call::Reopen(ReopenArgs {
                ids: options.ids.clone(),
                operator: options.operator.checked()?,
                reason: options.reason.reason.clone(),
                dry_run: options.operator.dry_run(),
            }),
            Self::Edit(options) => Call::Edit(options.args(clock, topics)?),
        }))
    }
}

impl ReplayOptions {
    fn what(&self, clock: Clock, topics: &Topics) -> Result<What, CliError> {
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

impl SelectionOptions {
    /// With these letters too, which stand first.
    fn with(&self, letters: &[i64]) -> Self {
        let ids = letters.iter().chain(&self.ids).copied().collect();
        Self { ids, ..self.clone() }
    }

    fn filtered(&self) -> bool {
        !self.ids.is_empty()
            || self.code.is_some()
            || self.topic.is_some()
            || self.key.is_some()
            || self.text.is_some()
            || self.since.is_some()
            || self.until.is_some()
    }

    /// For what cannot be taken back: `--all` alone is no selection.
    pub(super) fn narrowed(&self, clock: Clock, topics: &Topics) -> Result<Selection, CliError> {
        if self.filtered() {
            return self.checked(clock, topics);
        }
        let problem = "empty_selection: say which dead letters, by --id, --code, --topic, --key, \
                       --text, --since or --until; --all is for a replay";
        Err(CliError::Usage(problem.to_owned()))
    }

    pub(super) fn names_nothing(&self) -> bool {
        !self.filtered() && !self.all && self.limit.is_none()
    }

    pub(super) fn checked(&self, clock: Clock, topics: &Topics) -> Result<Selection, CliError> {
        if self.filtered() == self.all {
            let problem = "empty_selection: say which dead letters: --id, --code, --topic, --key, \
                           --text, --since, --until, or --all and none of these";
            return Err(CliError::Usage(problem.to_owned()));
        }
        Ok(Selection {
            ids: self.ids.clone(),
            code: self.code.clone(),
            topic: self.topic.as_deref().map(|topic| args::topic(topic, topics)),
            key: self.key.clone(),
            text: self.text.clone(),
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
    config: &Config,
    printer: Printer,
) -> Result<Option<Call>, CliError> {
    match command {
        DeadLettersCommand::Groups => printer.whole(dead_letters::groups(pool).await?)?,
        DeadLettersCommand::List(args) => list(args, pool, config, printer).await?,
        DeadLettersCommand::Show { id } => {
            let found = dead_letters::show(pool, *id).await?;
            let view = found.ok_or_else(|| CliError::not_found("dead letter", &id.to_string()))?;
            let shown = letter::Shown::of(view, printer.privacy);
            printer.one(&shown, |text| letter::human(&shown, text))?;
        }
        DeadLettersCommand::Replay(_)
        | DeadLettersCommand::Discard(_)
        | DeadLettersCommand::Reopen(_)
        | DeadLettersCommand::Import(_)
        | DeadLettersCommand::Edit(_) => {}
    }
    command.call(Clock::System, &config.topics())
}

async fn list(
    args: &ListArgs,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<(), CliError> {
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
        let given = with_known(given.with(args::typed("--status"), open), pool, config).await?;
        given.tell(true, if args.status == word { "open dead letter" } else { "dead letter" });
    }
    Ok(())
}

/// What the filters may have been meant to be: of the open letters.
async fn with_known(given: Filters, pool: &PgPool, config: &Config) -> Result<Filters, CliError> {
    if given.is_empty() {
        return Ok(given);
    }
    let groups = dead_letters::groups(pool).await?;
    let codes: Vec<String> = groups.iter().map(|group| group.code.clone()).collect();
    let topics = args::topics_read(config.topics());
    let keys = dead_letters::open_keys(pool).await?;
    Ok(given.known("--code", &codes).known("--topic", &topics).known("--key", &keys))
}

/// Why a selection means nothing: no open letter fits, or those that are named are closed.
///
/// # Errors
/// What the database says.
pub(super) async fn nothing_selected(
    selection: &Selection,
    pool: &PgPool,
    config: &Config,
) -> Result<String, CliError> {
    let ids = selection.ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let given = Filters::default()
        .with("--id", Some(ids).filter(|ids| !ids.is_empty()))
        .with("--code", selection.code.as_ref())
        .with("--topic", selection.topic.as_ref())
        .with("--key", selection.key.as_ref())
        .with("--text", selection.text.as_ref())
        .with("--since", selection.since.map(Since::At))
        .with("--until", selection.until.map(Since::At));
    if given.is_empty() {
        return Ok("No dead letter is open: nothing is done.".to_owned());
    }
    let mut sentence = with_known(given, pool, config).await?.sentence("open dead letter");
    for id in &selection.ids {
        let state = match dead_letters::show(pool, *id).await? {
            Some(view) => format!("is {}", view.row.status),
            None => "does not exist".to_owned(),
        };
        sentence.push_str(&format!(" Dead letter {id} {state}."));
    }
    sentence.push_str(" Nothing is done.");
    Ok(sentence)
}

impl Tabular for GroupRow {
    const HEADERS: &'static [&'static str] =
        &["code", "topic", "shape", "letters", "oldest", "newest"];
    const FIELDS: &'static [&'static str] =
        &["code", "topic", "shape", "letters", "oldest", "newest"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.code.clone(),
            self.topic.clone(),
            self.shape.clone(),
            self.letters.to_string(),
            self.oldest.to_string(),
            self.newest.to_string(),
        ]
    }
}

impl Tabular for LetterRow {
    const HEADERS: &'static [&'static str] =
        &["id", "state", "code", "place", "record", "attempts", "last failed", "message"];
    const FIELDS: &'static [&'static str] = &[
        "dead_letter_id",
        "topic",
        "partition",
        "offset",
        "code",
        "message",
        "attempts",
        "source",
        "message_id",
        "named_source",
        "named_id",
        "first_failed_at",
        "last_failed_at",
        "state",
        "resolved_at",
        "resolution",
    ];

    fn cells(&self) -> Vec<String> {
        // Of what could not be read its own name says more than its place, which stands beside it.
        let named = (&self.named_source, &self.named_id);
        let record = match (named, &self.source, &self.message_id) {
            ((Some(source), Some(id)), _, _) | (_, Some(source), Some(id)) => {
                format!("{source}/{id}")
            }
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
        &["at", "act", "operator", "outcome", "code", "reason", "before", "after"];
    const FIELDS: &'static [&'static str] =
        &["act", "operator", "reason", "outcome", "code", "acted_at", "before", "after"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.acted_at.to_string(),
            self.act.clone(),
            self.operator.clone(),
            self.outcome.clone(),
            cell(self.code.as_ref()),
            cell(self.reason.as_ref()),
            cell(self.before.as_ref()),
            cell(self.after.as_ref()),
        ]
    }
}

impl Tabular for Acted {
    const HEADERS: &'static [&'static str] = &["id", "outcome", "code"];
    const FIELDS: &'static [&'static str] = &["dead_letter_id", "outcome", "code"];

    fn cells(&self) -> Vec<String> {
        vec![self.dead_letter_id.to_string(), self.outcome.clone(), cell(self.code.as_ref())]
    }
}

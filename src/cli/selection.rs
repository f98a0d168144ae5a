//! Which dead letters, and what became of each.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use super::Place;
use super::args::{self, Since, since};
use super::empty::Filters;
use super::error::{CliError, Result};
use super::table::table;
use crate::clock::Clock;
use crate::config::Topics;
use crate::store::dead_letters::Selection;
use crate::store::views::dead_letters;

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
    pub(super) all: bool,
    /// At most so many
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
}

/// What became of one dead letter, for the table that is printed after a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Acted {
    pub dead_letter_id: i64,
    /// `would replay`, `applied`, `rejected`, `dead_lettered`, `discarded`, `reopened`…
    pub outcome: String,
    pub code: Option<String>,
}

/// What became of a call: rows to print, what to say beside them, whether it came to its end.
pub(super) struct Done {
    pub rows: Vec<Acted>,
    pub note: Option<String>,
    pub whole: bool,
}

impl Done {
    /// No letter is meant: why not.
    pub(super) async fn nothing(selection: &Selection, place: Place<'_>) -> Result<Self> {
        let note = Some(nothing_selected(selection, place).await?);
        Ok(Self { rows: Vec::new(), note, whole: true })
    }
}

impl SelectionOptions {
    /// With these letters too, which stand first.
    pub(super) fn with(&self, letters: &[i64]) -> Self {
        let ids = letters.iter().chain(&self.ids).copied().collect();
        Self { ids, ..self.clone() }
    }

    pub(super) fn filtered(&self) -> bool {
        !self.ids.is_empty()
            || self.code.is_some()
            || self.topic.is_some()
            || self.key.is_some()
            || self.text.is_some()
            || self.since.is_some()
            || self.until.is_some()
    }

    /// For what cannot be taken back: `--all` alone is no selection.
    pub(super) fn narrowed(&self, clock: Clock, topics: &Topics) -> Result<Selection> {
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

    pub(super) fn checked(&self, clock: Clock, topics: &Topics) -> Result<Selection> {
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

/// What the filters may have been meant to be: of the open letters.
pub(super) async fn with_known(given: Filters, place: Place<'_>) -> Result<Filters> {
    if given.is_empty() {
        return Ok(given);
    }
    let groups = dead_letters::groups(place.pool).await?;
    let codes: Vec<String> = groups.iter().map(|group| group.code.clone()).collect();
    let topics = args::topics_read(place.config.topics());
    let keys = dead_letters::open_keys(place.pool).await?;
    Ok(given.known("--code", &codes).known("--topic", &topics).known("--key", &keys))
}

/// Why a selection means nothing: no open letter fits, or those that are named are closed.
async fn nothing_selected(selection: &Selection, place: Place<'_>) -> Result<String> {
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
    let mut sentence = with_known(given, place).await?.sentence("open dead letter");
    for id in &selection.ids {
        let state = match dead_letters::show(place.pool, *id).await? {
            Some(view) => format!("is {}", view.row.status),
            None => "does not exist".to_owned(),
        };
        sentence.push_str(&format!(" Dead letter {id} {state}."));
    }
    sentence.push_str(" Nothing is done.");
    Ok(sentence)
}

table!(Acted:
    dead_letter_id outcome code;
    row => "id": row.dead_letter_id, "outcome": row.outcome, "code": row.code);

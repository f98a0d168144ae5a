//! Verbs for people: each is the ordinary command. It is tried out first; with `--yes` it goes to
//! its topic, and what became of it is waited for.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::args::{self, Acting, Reason};
use super::error::{CliError, Exit, Result};
use super::output::Text;
use super::table::table;
use super::words::{needs_words, sentence};
use super::{Place, cluster, near, refusals};
use crate::app;
use crate::clock::Clock;
use crate::domain::effect::{Ending, NeedKind};
use crate::masked;
use crate::operator::orders::{self, Fields, Order, Tried, Written, needs_reason, outcome_of};
use crate::store::PgPool;
use crate::store::orders::Unread;
use crate::store::views::near::Kind;
use crate::store::views::records::{self, RecordName};
use crate::store::views::standing::{self, Difference};
use crate::store::views::watermarks;

/// Below what a dry run says.
pub(super) const NOT_YET: &str = "Nothing is done yet: --yes does it.";

/// Who asks, why, and how far the command is followed.
#[derive(Debug, Clone, Args)]
pub(super) struct Ask {
    #[command(flatten)]
    pub operator: Acting,
    #[command(flatten)]
    pub reason: Reason,
    /// The command's own id; the same again has no effect
    #[arg(long, value_name = "ID")]
    pub command_id: Option<String>,
    /// Sends it though one of the kind about the same is not read yet: both will be done
    #[arg(long)]
    pub second: bool,
    /// Ends as soon as the command is in its topic
    #[arg(long)]
    pub no_wait: bool,
    /// How long the outcome is waited for
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub wait_seconds: u64,
}

impl Ask {
    /// Operator and reason, as far as this command needs them: what only adds needs no reason.
    pub(super) fn checked(&self, kind: &str) -> Result<(String, Option<String>)> {
        let reason = args::why(self.reason.reason.as_deref(), needs_reason(kind))?;
        Ok((self.operator.checked()?, reason.map(str::to_owned)))
    }

    /// An id of its own is for one command.
    pub(super) fn check_for(&self, commands: usize) -> Result<()> {
        if commands > 1 && self.command_id.is_some() {
            return Err(CliError::Usage("--command-id is for one command".to_owned()));
        }
        Ok(())
    }
}

/// The outcome of a command that no worker has read yet.
const UNREAD: &str = "unread";

/// What became of the command, or would.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Told {
    command: String,
    #[serde(rename = "type")]
    kind: &'static str,
    dry_run: bool,
    /// `applied`, `rejected`…; `sent` when nobody waited for it.
    pub(super) outcome: String,
    pub(super) code: Option<String>,
    sentence: Option<String>,
    /// What it waits for.
    waits_for: Option<String>,
    /// Whose the things are that a refusal is about, and what else helps.
    helps: Vec<String>,
    pub(super) changes: Vec<Difference>,
    /// Whether it was done, or would be.
    #[serde(skip)]
    pub(super) done: bool,
}

impl Told {
    /// What waits is neither done nor refused.
    pub(super) fn exit(&self) -> Exit {
        if !self.done {
            Exit::Failed
        } else if self.outcome == UNREAD || self.outcome == Ending::Waiting.word() {
            Exit::Waiting
        } else {
            Exit::Ok
        }
    }

    /// What is refused before there is a command.
    pub(super) fn refused(kind: &'static str, code: &str, ask: &Ask) -> Self {
        Self {
            kind,
            dry_run: true,
            outcome: would(ask, Ending::Rejected),
            code: Some(code.to_owned()),
            sentence: sentence(code).map(str::to_owned),
            ..Self::default()
        }
    }
}

/// What became of it before it was sent, or would.
fn would(ask: &Ask, ending: Ending) -> String {
    let would = if ask.operator.dry_run() { "would be " } else { "" };
    format!("{would}{}", ending.word())
}

/// How several ended together: as the worst of them.
pub(super) fn worst<'a>(told: impl Iterator<Item = &'a Told>) -> Exit {
    let exits = told.map(Told::exit);
    let worst = exits.max_by_key(|exit| match exit {
        Exit::Failed => 2,
        Exit::Waiting | Exit::Findings => 1,
        Exit::Ok => 0,
    });
    worst.unwrap_or(Exit::Ok)
}

/// Tries the command out, and with `--yes` sends it; prints what became of it.
pub(super) async fn ask(
    place: Place<'_>,
    ask: &Ask,
    kind: &'static str,
    fields: Fields,
) -> Result<Exit> {
    let told = asked(place, ask, kind, fields).await?;
    place.printer.one(&told, |text| human(&told, text))?;
    Ok(told.exit())
}

/// The same, and leaves the printing to the caller.
pub(super) async fn asked(
    place: Place<'_>,
    ask: &Ask,
    kind: &'static str,
    fields: Fields,
) -> Result<Told> {
    let Place { pool, config, .. } = place;
    let (operator, reason) = ask.checked(kind)?;
    let order = Order { kind, fields, operator, reason, id: ask.command_id.clone() };
    // Before it is read: a number that holds our mask is no number either.
    if let Some(held) = order.fields.masked() {
        return Err(CliError::Failed(masked::refusal(&held)));
    }
    let at = Clock::System.now();
    let pipeline = app::pipeline(config, pool.clone(), Clock::System);
    let written = orders::write(&pipeline, &order, at)
        .map_err(|failure| CliError::Usage(format!("{}: {}", failure.code, failure.detail)))?;
    let tried = orders::try_out(&pipeline, &written, at).await?;
    refuse_unknown(pool, &tried).await?;
    let unread = orders::unread(pool, &order, &written).await?;
    let unread = unread.filter(|_| !ask.second).map(|unread| unread_words(&unread));
    // What is refused, or would only be a dead letter, is told and not sent.
    let done = !matches!(tried.outcome, Ending::Rejected | Ending::DeadLettered);
    if ask.operator.dry_run() || !done {
        let helps = refusals::helps(pool, tried.code.as_deref(), &written.about).await?;
        return Ok(Told {
            command: written.record.id.to_string(),
            kind,
            dry_run: true,
            outcome: would(ask, tried.outcome),
            sentence: tried.code.as_deref().and_then(sentence).map(str::to_owned),
            helps: unread.into_iter().chain(helps).collect(),
            code: tried.code,
            waits_for: waits_for(place, tried.needs.as_deref()).await?,
            // What changed meanwhile is another's.
            changes: if done { tried.changes } else { Vec::new() },
            done,
        });
    }
    if let Some(unread) = unread {
        return Err(CliError::Failed(format!("unread_before: {unread}")));
    }
    send(place, ask, &order, &written).await
}

/// That the same may be done twice.
fn unread_words(unread: &Unread) -> String {
    let (id, who, at) = (&unread.id, &unread.operator, unread.asked_at.format("%F %T UTC"));
    format!(
        "{who} asked for the same kind of thing about the same at {at}, and no worker has read it \
         yet: if it reached Kafka, it will be done. The same with --command-id {id} is done once; \
         --second sends this one as well, and both are done"
    )
}

/// For a word that may be about a customer whom nobody knows yet.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct NewCustomer {
    /// The customer may be one whom nobody has named before
    #[arg(long)]
    new_customer: bool,
}

impl NewCustomer {
    /// A customer whom nobody knows is most often a mistyped one.
    pub(super) async fn check(self, place: Place<'_>, id: &str) -> Result<()> {
        if self.new_customer {
            return Ok(());
        }
        let told = |unknown| CliError::Failed(format!("{unknown}; --new-customer makes a new one"));
        match near::account(place.pool, id).await {
            Ok(_) => Ok(()),
            Err(error @ CliError::NotFound { .. }) => Err(told(error)),
            Err(other) => Err(other),
        }
    }

    /// The customer as stored, where the id that is given is another only in the case of its
    /// letters; else as given, once it is checked.
    pub(super) async fn named(self, place: Place<'_>, id: &str) -> Result<String> {
        match near::resolve(place.pool, Kind::Account, id).await {
            Ok(stored) => Ok(stored),
            Err(CliError::NotFound { .. }) => self.check(place, id).await.map(|()| id.to_owned()),
            Err(other) => Err(other),
        }
    }

    /// For the word that makes customers: only what looks like a known one is asked about.
    pub(super) async fn check_near(self, place: Place<'_>, id: &str) -> Result<()> {
        match self.check(place, id).await {
            Err(CliError::Failed(told)) if !told.contains("did you mean") => Ok(()),
            checked => checked,
        }
    }
}

/// `ID=AMOUNT`, or the id alone.
pub(super) fn id_and_amount(text: &str) -> (&str, Option<&str>) {
    text.split_once('=').map_or((text, None), |(id, amount)| (id, Some(amount)))
}

/// A part of money as a command has it: what it is about, and how much where that is said.
pub(super) fn part(name: &str, id: &str, amount: Option<&str>) -> Value {
    match amount {
        Some(amount) => json!({ name: id, "amount": amount }),
        None => json!({ name: id }),
    }
}

/// A person who names what nobody knows has mistyped it: their command does not wait for it.
async fn refuse_unknown(pool: &PgPool, tried: &Tried) -> Result<()> {
    let named = tried.needs.as_deref().filter(|_| tried.outcome == Ending::Waiting);
    match named.and_then(NeedKind::of) {
        Some((NeedKind::Invoice, id)) => Err(near::unknown(pool, Kind::Invoice, id).await),
        Some((NeedKind::Payment, id)) => Err(near::unknown(pool, Kind::Payment, id).await),
        Some((
            NeedKind::Charge
            | NeedKind::Hold
            | NeedKind::Proof
            | NeedKind::Behind
            | NeedKind::Version,
            _,
        ))
        | None => Ok(()),
    }
}

async fn send(place: Place<'_>, ask: &Ask, order: &Order, written: &Written) -> Result<Told> {
    let Place { pool, config, .. } = place;
    let before = standing::of(pool, &written.about).await?;
    cluster::check_topics(&config.kafka, &[&config.topics().commands]).await?;
    orders::note(pool, order, written).await?;
    let topic = config.topics().commands;
    cluster::send(&config.kafka, topic, written.key.as_deref(), &written.value).await?;
    let id = written.record.id.to_string();
    let mut told = Told {
        command: id.clone(),
        kind: written.kind,
        outcome: "sent".to_owned(),
        done: true,
        ..Told::default()
    };
    if ask.no_wait {
        return Ok(told);
    }
    let source = written.record.source.to_string();
    let name = RecordName::Key { source, id: id.clone() };
    let patience = Duration::from_secs(ask.wait_seconds);
    let Some(row) = outcome_of(pool, &name, patience).await? else {
        let seconds = ask.wait_seconds;
        let what = format!(
            "the command is in its topic and will be done: do not send it again. No worker has \
             read it after {seconds} s: look whether one runs, and at `topup records show {id}`. \
             To be sure, the same command with --command-id {id} is done once"
        );
        told.outcome = UNREAD.to_owned();
        told.code = Some("no_outcome_yet".to_owned());
        told.sentence = Some(what);
        return Ok(told);
    };
    told.outcome.clone_from(&row.outcome);
    told.sentence = row.code.as_deref().and_then(sentence).map(str::to_owned);
    told.code.clone_from(&row.code);
    told.helps = refusals::helps(pool, row.code.as_deref(), &written.about).await?;
    let ending = Ending::from_word(&row.outcome);
    if ending == Some(Ending::Waiting) {
        let view = records::show(pool, row.clone()).await?;
        let needs = view.waiting.map(|waiting| waiting.needs);
        told.waits_for = waits_for(place, needs.as_deref()).await?;
    }
    // What changed beside a command that was refused is another's.
    told.done = match ending {
        Some(Ending::Applied | Ending::Duplicate | Ending::Waiting) => true,
        Some(Ending::Rejected | Ending::DeadLettered | Ending::Reopened) | None => false,
    };
    if told.done {
        told.changes = before.differences(&standing::of(pool, &written.about).await?);
    }
    Ok(told)
}

/// What it waits for; and where that never comes, it says so at once.
async fn waits_for(place: Place<'_>, needs: Option<&str>) -> Result<Option<String>> {
    let Some(needs) = needs else { return Ok(None) };
    let words = needs_words(needs);
    let topic = place.config.topics().usage;
    let proof = matches!(NeedKind::of(needs), Some((NeedKind::Proof, _)));
    if !proof || watermarks::ever(place.pool, &topic).await? {
        return Ok(Some(words));
    }
    let seconds = place.config.usage.proof_deadline_seconds;
    Ok(Some(format!(
        "{words}. No watermark was ever seen: it will be refused after {seconds} s. Without a \
         usage feed set usage.proof = none; `topup commands cancel` ends the waiting"
    )))
}

pub(super) fn human(told: &Told, text: &mut Text) {
    text.heading(&format!("{}: {}", told.kind, told.outcome));
    let code = told.code.as_ref().map(|code| match &told.sentence {
        Some(sentence) => format!("{code}: {sentence}"),
        None => code.clone(),
    });
    text.fields(&[
        ("command", Some(told.command.clone()).filter(|_| !told.dry_run)),
        ("code", code),
        ("waits for", told.waits_for.clone()),
    ]);
    told.helps.iter().for_each(|help| text.line(help));
    let is_new = |change: &&Difference| change.what == "state" && change.before.is_none();
    for change in told.changes.iter().filter(is_new) {
        if let Some(id) = change.of.strip_prefix("account ") {
            text.line(&format!("{id} is a new customer."));
        }
    }
    if !told.changes.is_empty() {
        text.heading(if told.dry_run { "What would change" } else { "What changed" });
        text.table(&told.changes);
    }
    if told.outcome == Ending::Waiting.word() {
        text.line("");
        text.line(&format!(
            "Nothing is changed yet: it waits. `topup records show {}` says what became of it, \
             `topup commands cancel` ends it.",
            told.command
        ));
    }
    if told.dry_run && told.outcome.starts_with("would be applied") {
        text.line("");
        text.line(NOT_YET);
    }
}

table!(Difference;
    row => "of": row.of, "what": row.what, "before": row.before, "after": row.after);

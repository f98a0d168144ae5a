//! `void-candidates list|confirm|keep`. The last two are the ordinary commands for one invoice
//! after the other; everything that made it a candidate is checked again before.

use chrono::{NaiveDate, SecondsFormat};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::args::{self, PageArgs};
use super::empty::Filters;
use super::error::{CliError, Exit};
use super::near;
use super::output::{Output, Tabular, Text, cell};
use super::verbs::{self, Ask, Fields, Place, Told};
use super::wiring::{self, Act, Found};
use crate::store::views::Page;
use crate::store::views::near::Kind;
use crate::store::views::standing::About;
use crate::store::views::void_candidates::{self, CandidateRow};

#[derive(Debug, Clone, Subcommand)]
pub enum VoidCandidatesCommand {
    /// Stale invoices with the evidence; they stay payable
    #[command(after_help = "Examples:\n  topup void-candidates list\n  \
                            topup void-candidates list --account ACC-1001 --output json")]
    List {
        /// Only this customer's
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Voids them; everything is checked again before
    #[command(after_help = "Example:\n  topup void-candidates confirm INV-1001 \
                            --operator alice --reason 'customer left' --yes")]
    Confirm(Which),
    /// Takes the flag off, until a day or for ever
    #[command(after_help = "Example:\n  topup void-candidates keep INV-1002 \
                            --until 2027-01-31 --operator alice --yes")]
    Keep(KeepArgs),
}

#[derive(Debug, Clone, Args)]
pub struct Which {
    /// Which invoices, as `topup void-candidates list` names them
    #[arg(required = true, value_name = "INVOICE")]
    invoices: Vec<String>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub struct KeepArgs {
    #[command(flatten)]
    which: Which,
    /// Not flagged again before this day
    #[arg(long, value_name = "DAY", value_parser = args::day)]
    until: Option<NaiveDate>,
}

/// What became of one invoice, or would.
#[derive(Debug, Clone, Serialize)]
struct Answer {
    invoice_id: String,
    #[serde(flatten)]
    told: Told,
    /// Which feed is behind, or what speaks for the invoice.
    detail: Option<String>,
}

/// # Errors
/// What the database or Kafka says, or that nobody acts.
pub async fn run(command: &VoidCandidatesCommand, place: Place<'_>) -> Result<Exit, CliError> {
    let (which, act, until) = match command {
        VoidCandidatesCommand::List { account, page } => {
            let account = near::filter(place.pool, Kind::Account, account.as_ref()).await?;
            let account = account.as_deref();
            let of =
                async |page: Page| Ok(void_candidates::list(place.pool, account, &page).await?);
            let nothing = place.printer.pages(page, of).await?;
            Filters::default().with("--account", account).tell(nothing, "void candidate");
            return Ok(Exit::Ok);
        }
        VoidCandidatesCommand::Confirm(which) => (which, Act::Confirm, None),
        VoidCandidatesCommand::Keep(args) => (&args.which, Act::Keep, args.until),
    };
    which.ask.check_for(which.invoices.len())?;
    // Before anything is done: one that is mistyped must not end a list in its middle.
    let mut invoices = Vec::with_capacity(which.invoices.len());
    for invoice_id in &which.invoices {
        invoices.push(near::resolve(place.pool, Kind::Invoice, invoice_id).await?);
    }
    let mut answers = Vec::with_capacity(which.invoices.len());
    for invoice_id in &invoices {
        answers.push(say(invoice_id, (act, until), &which.ask, place).await?);
    }
    match place.printer.output {
        Output::Table => place.printer.one(&answers, |text| {
            answers.iter().for_each(|answer| human(answer, text));
        })?,
        Output::Json | Output::Ndjson | Output::Csv => place.printer.rows(&answers)?,
    }
    Ok(verbs::worst(answers.iter().map(|answer| &answer.told)))
}

async fn say(
    invoice_id: &str,
    (act, until): (Act, Option<NaiveDate>),
    ask: &Ask,
    place: Place<'_>,
) -> Result<Answer, CliError> {
    let kind = match act {
        Act::Confirm => "topup.invoice.void.v1",
        Act::Keep => "topup.invoice.keep.v1",
    };
    ask.checked(kind)?;
    let found = wiring::look_at_candidate(place.pool, place.config, invoice_id, act).await?;
    let (told, detail) = match found {
        Found::Candidate { account_id, since } => {
            // What comes between this look and the worker's takes the flag off, or speaks for it.
            let since = since.to_rfc3339_opts(SecondsFormat::Micros, true);
            let fields = Fields::default()
                .with("invoice_id", invoice_id)
                .with("account_id", account_id)
                .maybe("candidate_since", (act == Act::Confirm).then_some(since))
                .maybe("until", until.map(|day| day.to_string()));
            (verbs::asked(place, ask, kind, fields, About::default()).await?, None)
        }
        Found::FeedBehind(why) => (Told::refused(kind, "feed_behind", ask), Some(why)),
        Found::NotStale => {
            let why = "Money that may be meant for it has come: look at the customer's payments.";
            (Told::refused(kind, "not_stale", ask), Some(why.to_owned()))
        }
        Found::NotACandidate => (Told::refused(kind, "not_a_candidate", ask), None),
    };
    Ok(Answer { invoice_id: invoice_id.to_owned(), told, detail })
}

fn human(answer: &Answer, text: &mut Text) {
    text.heading(&format!("Void candidate {}", answer.invoice_id));
    if let Some(detail) = &answer.detail {
        text.line(detail);
    }
    verbs::human(&answer.told, text);
}

impl Tabular for CandidateRow {
    const HEADERS: &'static [&'static str] =
        &["invoice", "customer", "due", "currency", "due date", "stale since", "flagged for"];
    const FIELDS: &'static [&'static str] = &[
        "invoice_id",
        "account_id",
        "currency",
        "amount_due",
        "due_date",
        "stale_since",
        "stale_after_days",
        "feed_complete_through",
        "flagged_at",
        "episode",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.invoice_id.clone(),
            self.account_id.clone(),
            self.amount_due.clone(),
            self.currency.clone(),
            cell(self.due_date.as_ref()),
            self.stale_since.to_string(),
            self.flagged_at.to_string(),
        ]
    }
}

impl Tabular for Answer {
    const HEADERS: &'static [&'static str] = &["invoice", "outcome", "code", "detail"];
    const FIELDS: &'static [&'static str] = &[
        "invoice_id",
        "command",
        "type",
        "dry_run",
        "outcome",
        "code",
        "sentence",
        "waits_for",
        "helps",
        "changes",
        "detail",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.invoice_id.clone(),
            self.told.outcome.clone(),
            cell(self.told.code.as_ref()),
            cell(self.detail.as_ref()),
        ]
    }
}

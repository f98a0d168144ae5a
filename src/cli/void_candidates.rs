//! `void-candidates list|confirm|keep`. The last two are the ordinary commands for one invoice
//! after the other; everything that made it a candidate is checked again before.

use chrono::{NaiveDate, SecondsFormat};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::args::{self, PageArgs};
use super::empty::Filters;
use super::error::{Exit, Result};
use super::output::Text;
use super::table::table;
use super::verbs::{self, Ask, Told};
use super::{Place, near};
use crate::app;
use crate::clock::Clock;
use crate::operator::orders::Fields;
use crate::operator::void_candidates::{Candidacy, Word, look};
use crate::store::views::Page;
use crate::store::views::near::Kind;
use crate::store::views::void_candidates::{self, CandidateRow};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum VoidCandidatesCommand {
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
pub(super) struct Which {
    /// Which invoices, as `topup void-candidates list` names them
    #[arg(required = true, value_name = "INVOICE")]
    invoices: Vec<String>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct KeepArgs {
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

pub(super) async fn run(command: &VoidCandidatesCommand, place: Place<'_>) -> Result<Exit> {
    let (which, word, until) = match command {
        VoidCandidatesCommand::List { account, page } => {
            let account = near::filter(place.pool, Kind::Account, account.as_ref()).await?;
            let account = account.as_deref();
            let of =
                async |page: Page| Ok(void_candidates::list(place.pool, account, &page).await?);
            let nothing = place.printer.pages(page, of).await?;
            Filters::default().with("--account", account).tell(nothing, "void candidate");
            return Ok(Exit::Ok);
        }
        VoidCandidatesCommand::Confirm(which) => (which, Word::Confirm, None),
        VoidCandidatesCommand::Keep(args) => (&args.which, Word::Keep, args.until),
    };
    which.ask.check_for(which.invoices.len())?;
    // Before anything is done: one that is mistyped must not end a list in its middle.
    let mut invoices = Vec::with_capacity(which.invoices.len());
    for invoice_id in &which.invoices {
        invoices.push(near::resolve(place.pool, Kind::Invoice, invoice_id).await?);
    }
    let mut answers = Vec::with_capacity(which.invoices.len());
    for invoice_id in &invoices {
        answers.push(say(invoice_id, (word, until), &which.ask, place).await?);
    }
    place.printer.each(&answers, human)?;
    Ok(verbs::worst(answers.iter().map(|answer| &answer.told)))
}

async fn say(
    invoice_id: &str,
    (word, until): (Word, Option<NaiveDate>),
    ask: &Ask,
    place: Place<'_>,
) -> Result<Answer> {
    let kind = word.kind();
    ask.checked(kind)?;
    let pipeline = app::pipeline(place.config, place.pool.clone(), Clock::System);
    let settings = app::job_settings(place.config)?;
    let found = look(&pipeline, &settings, invoice_id, word).await?;
    let (told, detail) = match found {
        Candidacy::Candidate { account_id, since } => {
            // What comes between this look and the worker's takes the flag off, or speaks for it.
            let since = since.to_rfc3339_opts(SecondsFormat::Micros, true);
            let fields = Fields::default()
                .with("invoice_id", invoice_id)
                .with("account_id", account_id)
                .maybe("candidate_since", (word == Word::Confirm).then_some(since))
                .maybe("until", until.map(|day| day.to_string()));
            (verbs::asked(place, ask, kind, fields).await?, None)
        }
        Candidacy::FeedBehind(why) => (Told::refused(kind, "feed_behind", ask), Some(why)),
        Candidacy::NotStale => {
            let why = "Money that may be meant for it has come: look at the customer's payments.";
            (Told::refused(kind, "not_stale", ask), Some(why.to_owned()))
        }
        Candidacy::NotACandidate => (Told::refused(kind, "not_a_candidate", ask), None),
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

table!(CandidateRow:
    invoice_id account_id currency amount_due due_date stale_since stale_after_days
    feed_complete_through flagged_at episode;
    row => "invoice": row.invoice_id, "customer": row.account_id, "due": row.amount_due,
    "currency": row.currency, "due date": row.due_date, "stale since": row.stale_since,
    "flagged for": row.flagged_at);

table!(Answer:
    invoice_id command type dry_run outcome code sentence waits_for helps changes detail;
    row => "invoice": row.invoice_id, "outcome": row.told.outcome, "code": row.told.code,
    "detail": row.detail);

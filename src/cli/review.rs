//! `review list|confirm|reject|aliases|uses`. Confirm and reject are dry runs without
//! `--yes`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::args::{self, PageArgs, Since, since};
use super::empty::Filters;
use super::error::{CliError, Exit, Result};
use super::output::Text;
use super::table::table;
use super::verbs::{self, Ask, Told};
use super::{Place, near};
use crate::clock::Clock;
use crate::domain::rejection::Rejection;
use crate::operator::review::{self as act, Word, closed};
use crate::store::views::Page;
use crate::store::views::near::Kind;
use crate::store::views::review::{self, AliasRow, ReviewFilter, ReviewRow, UseRow};
use crate::store::views::suggestion::{self, SuggestedInvoice, SuggestedPayment, SuggestionView};

#[derive(Debug, Clone, Subcommand)]
pub(super) enum ReviewCommand {
    /// Suggestions and parked payments, the oldest first
    #[command(after_help = "Examples:\n  topup review list\n  \
                            topup review list --account ACC-1001 --output json\n  \
                            topup review list --reason amount_only --older-than 2d")]
    List {
        /// Only of this customer
        #[arg(long)]
        account: Option<String>,
        /// Only with this reason, a code such as `amount_only`
        #[arg(long, value_parser = args::reason)]
        reason: Option<String>,
        /// Only by this rule, such as `R9`
        #[arg(long, value_parser = args::rule)]
        rule: Option<String>,
        /// Only what has waited so long (2h, 7d), or since before that instant or day
        #[arg(long, value_parser = since)]
        older_than: Option<Since>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Allocates what was suggested; everything is checked again before
    #[command(after_help = "Example:\n  topup review confirm 1048577-1 --operator alice --yes")]
    Confirm(Suggestions),
    /// Never suggests it for this payment again
    #[command(after_help = "Example:\n  topup review reject 1048577-1 --operator alice \
                            --reason 'another customer' --yes")]
    Reject(Suggestions),
    /// Payers' accounts that confirmations linked to customers
    #[command(after_help = "Examples:\n  topup review aliases\n  \
                            topup review aliases --account ACC-1001 --unmasked")]
    Aliases(OfCustomer),
    /// What made those links, and the decisions that rested on them
    #[command(after_help = "Example:\n  topup review uses --account ACC-1001 --output csv")]
    Uses(OfCustomer),
}

#[derive(Debug, Clone, Args)]
pub(super) struct OfCustomer {
    /// Only of this customer
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct Suggestions {
    /// Which suggestions, by the ids of `topup review list`
    #[arg(required = true, value_name = "SUGGESTION")]
    suggestions: Vec<String>,
    #[command(flatten)]
    ask: Ask,
}

/// What became of the word on one suggestion, or would.
#[derive(Debug, Clone, Serialize)]
struct Answer {
    suggestion_id: String,
    #[serde(flatten)]
    told: Told,
    /// What it teaches about the payer.
    teaches: Option<String>,
    /// Who had closed it before, and when.
    closed: Option<String>,
    suggestion: Option<SuggestionView>,
    #[serde(skip)]
    confirms: bool,
}

pub(super) async fn run(command: &ReviewCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, printer, .. } = place;
    let privacy = printer.privacy;
    match command {
        ReviewCommand::List { account, reason, rule, older_than, page } => {
            let filter = ReviewFilter {
                account: near::filter(pool, Kind::Account, account.as_ref()).await?,
                reason: reason.clone(),
                rule: rule.clone(),
                before: older_than.map(|since| since.instant(Clock::System)),
            };
            let of = async |page: Page| Ok(review::list(pool, &filter, &page, privacy).await?);
            let nothing = printer.pages(page, of).await?;
            let filters = Filters::default().with("--account", filter.account.as_ref());
            let filters = filters.with("--reason", filter.reason.as_ref());
            let filters = filters.with("--rule", filter.rule.as_ref());
            filters.with("--older-than", *older_than).tell(nothing, "suggestion or parked payment");
        }
        ReviewCommand::Aliases(OfCustomer { account, page }) => {
            let account = near::filter(pool, Kind::Account, account.as_ref()).await?;
            let account = account.as_deref();
            let of = async |page: Page| {
                let after = numbered(page.after.as_deref())?;
                Ok(review::aliases(pool, account, after, &page, privacy).await?)
            };
            let nothing = printer.pages(page, of).await?;
            Filters::default().with("--account", account).tell(nothing, "known payer");
        }
        ReviewCommand::Uses(OfCustomer { account, page }) => {
            let account = near::filter(pool, Kind::Account, account.as_ref()).await?;
            let account = account.as_deref();
            let of = async |page: Page| {
                let after = numbered(page.after.as_deref())?;
                Ok(review::uses(pool, account, after, &page, privacy).await?)
            };
            let nothing = printer.pages(page, of).await?;
            Filters::default().with("--account", account).tell(nothing, "confirmation");
        }
        ReviewCommand::Confirm(which) => return answer(Word::Confirm, which, place).await,
        ReviewCommand::Reject(which) => return answer(Word::Reject, which, place).await,
    }
    Ok(Exit::Ok)
}

/// The number that the page before ended with.
fn numbered(after: Option<&str>) -> Result<Option<i64>> {
    let problem = "--after takes the cursor that the page before ended with";
    after.map(str::parse).transpose().map_err(|_| CliError::Usage(problem.to_owned()))
}

/// It is read back first: whose money, how much, for what, what is due before and after, and what
/// it teaches.
async fn answer(word: Word, which: &Suggestions, place: Place<'_>) -> Result<Exit> {
    which.ask.check_for(which.suggestions.len())?;
    let mut answers = Vec::with_capacity(which.suggestions.len());
    for id in &which.suggestions {
        answers.push(say(word, id, &which.ask, place).await?);
    }
    place.printer.each(&answers, human)?;
    Ok(verbs::worst(answers.iter().map(|answer| &answer.told)))
}

async fn say(word: Word, id: &str, ask: &Ask, place: Place<'_>) -> Result<Answer> {
    let shown = suggestion::suggestion(place.pool, id, place.printer.privacy).await?;
    let (told, confirms) = match act::command(shown.as_ref()) {
        Ok(fields) => {
            let told = verbs::asked(place, ask, word.kind(), fields).await?;
            (told, word == Word::Confirm)
        }
        Err(why) => (Told::refused(word.kind(), why.code(), ask), false),
    };
    let mut closed_before = None;
    if told.code.as_deref() == Some(Rejection::SuggestionClosed.code()) {
        // Somebody may have been faster, between the look and the word.
        let now = suggestion::suggestion(place.pool, id, place.printer.privacy).await?;
        closed_before = now.as_ref().and_then(closed);
    }
    let teaches = confirms.then(|| act::teaches(&told.changes));
    let (suggestion_id, closed, suggestion) = (id.to_owned(), closed_before, shown);
    Ok(Answer { suggestion_id, told, teaches, closed, suggestion, confirms })
}

fn human(answer: &Answer, text: &mut Text) {
    text.heading(&format!("Suggestion {}", answer.suggestion_id));
    if let Some(shown) = &answer.suggestion {
        let one = shown.payments.len() < 2;
        let payer = payer(shown.payer_name.as_ref(), shown.payer_account.as_ref());
        let customer = match &shown.account_name {
            Some(name) => format!("{} ({name})", shown.account_id),
            None => shown.account_id.clone(),
        };
        let currency = &shown.currency;
        // With what is due before and after, where that changes.
        let told = answer.confirms && answer.told.done;
        text.fields(&[
            ("payment", Some(shown.payment_id.clone()).filter(|_| one)),
            ("received", Some(shown.received_on.to_string()).filter(|_| one)),
            ("payer", payer.filter(|_| one)),
            ("amount", Some(format!("{} {currency}", shown.amount)).filter(|_| one)),
            ("unallocated", Some(format!("{} {currency}", shown.unallocated)).filter(|_| one)),
            ("customer", Some(customer)),
            ("invoices", Some(invoices(shown)).filter(|_| !told)),
            ("rule", Some(shown.rule.clone())),
            ("teaches", answer.teaches.clone()),
        ]);
        if shown.payments.len() > 1 {
            text.section("Payments, taken together", &shown.payments);
        }
        if told {
            text.section("Invoices", &shown.invoices);
        }
    }
    if let Some(closed) = &answer.closed {
        text.line(closed);
    }
    verbs::human(&answer.told, text);
}

fn invoices(shown: &SuggestionView) -> String {
    let ids: Vec<&str> = shown.invoices.iter().map(|one| one.invoice_id.as_str()).collect();
    ids.join(" + ")
}

/// Name and number, as far as they are known.
fn payer(name: Option<&String>, number: Option<&String>) -> Option<String> {
    let known: Vec<&str> = name.into_iter().chain(number).map(String::as_str).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

impl ReviewRow {
    /// The amount and the invoices that it would be for, and the payments that give the rest.
    fn meant(&self) -> String {
        if self.suggestion_id.is_none() {
            return String::new();
        }
        let with = match self.with_payments.as_slice() {
            [] => String::new(),
            others => format!(", with {}", others.join(" + ")),
        };
        format!("{} for {}{with}", self.proposed, self.invoices.join(" + "))
    }
}

// One payment may have several suggestions: a sum would count its money as often.
table!(ReviewRow, no sums:
    suggestion_id payment_id recorded_at account_id currency unallocated invoices with_payments
    proposed state reason rule masked payer_name payer_account evidence;
    row => {
        // The day is enough to see what has waited longest.
        let recorded = row.recorded_at.to_string();
        let recorded = recorded.split_once('T').map_or(recorded.as_str(), |(day, _)| day);
    }
    "suggestion": row.suggestion_id, "payment": row.payment_id, "recorded": recorded,
    "customer": row.account_id, "currency": row.currency, "unallocated": row.unallocated,
    "for": row.meant(), "rule": row.rule,
    "payer": row.payer_name.as_ref().or(row.payer_account.as_ref()), "why": row.evidence);

table!(AliasRow:
    masked payer_account account_id strength confirmations last_used_on demoted_at;
    row => "payer's account": row.payer_account, "customer": row.account_id,
    "strength": row.strength, "confirmations": row.confirmations, "last used": row.last_used_on,
    "demoted": row.demoted_at);

table!(UseRow:
    use_id masked payer_account account_id kind payment_id decision_id suggestion_id used_on
    caused_by recorded_at;
    row => "use": row.use_id, "payer's account": row.payer_account, "customer": row.account_id,
    "what": row.kind, "payment": row.payment_id, "decision": row.decision_id,
    "suggestion": row.suggestion_id, "on": row.used_on, "because of": row.caused_by,
    "recorded": row.recorded_at);

table!(SuggestedPayment;
    row => "payment": row.payment_id, "received": row.received_on,
    "payer": payer(row.payer_name.as_ref(), row.payer_account.as_ref()),
    "currency": row.currency, "amount": row.amount, "gives": row.gives,
    "unallocated": row.unallocated, "unallocated after": row.unallocated_after);

table!(SuggestedInvoice;
    row => "invoice": row.invoice_id, "currency": row.currency, "amount": row.amount,
    "due before": row.due, "due after": row.due_after);

table!(Answer:
    suggestion_id command type dry_run outcome code sentence waits_for helps changes teaches closed
    suggestion;
    row => {
        let shown = row.suggestion.as_ref();
        let payments = shown.map(|shown| {
            let ids = shown.payments.iter().map(|one| one.payment_id.as_str());
            ids.collect::<Vec<_>>().join(" + ")
        });
    }
    "suggestion": row.suggestion_id, "outcome": row.told.outcome, "code": row.told.code,
    "payment": payments, "customer": shown.map(|shown| &shown.account_id),
    "invoices": shown.map(invoices), "teaches": row.teaches, "closed": row.closed);

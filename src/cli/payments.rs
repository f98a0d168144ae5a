//! `payments list|show|explain|split|unsplit`; the verbs are in `payment_verbs`.

use clap::{Args, Subcommand, ValueEnum};
use sqlx::PgPool;

use super::args::{self, PageArgs, Since, since};
use super::empty::Filters;
use super::error::{CliError, Exit};
use super::explain;
use super::near;
use super::output::{Printer, Text};
use super::payment_verbs::{self, PaymentVerb};
use super::splits::{self, SplitArgs, UnsplitArgs};
use super::steps_back;
use super::table::cell;
use super::table::table;
use super::verbs::Place;
use super::words::{is_zero, state_words};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::payment::PaymentOrigin;
use crate::domain::review::SuggestionStatus;
use crate::store::views::Page;
use crate::store::views::near::Kind;
use crate::store::views::payments::{
    self, BankFacts, DecisionView, PaymentFilter, PaymentRow, PaymentView, SuggestionRow,
};
use crate::store::views::walk::{self, Sort};

const STATES: [&str; 7] =
    ["allocated", "partly_allocated", "on_account", "parked", "returned", "removed", "split"];

#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// Only of this account
    #[arg(long)]
    account: Option<String>,
    /// Only in this state
    #[arg(long, visible_alias = "status", ignore_case = true, value_parser = STATES)]
    state: Option<String>,
    /// Only with this reason, a code such as `not_sent`
    #[arg(long, value_parser = args::reason)]
    reason: Option<String>,
    /// Only of exactly this amount
    #[arg(long, value_parser = args::amount)]
    amount: Option<i64>,
    /// Only in this currency
    #[arg(long, value_parser = args::currency)]
    currency: Option<String>,
    /// Only with these words in the payer's text, a reference or a note
    #[arg(long)]
    text: Option<String>,
    /// Only of this payer: words of the name, the account, or its last four characters
    #[arg(long)]
    payer: Option<String>,
    /// Only received on this day or later
    #[arg(long, value_parser = since, value_name = "WHEN")]
    since: Option<Since>,
    /// Only received on this day or earlier
    #[arg(long, value_parser = since, value_name = "WHEN")]
    until: Option<Since>,
    /// Only by this rule, such as R2: the last decision, or what lies on an invoice
    #[arg(long, value_parser = args::rule)]
    rule: Option<String>,
    /// The order; by amount: the largest first
    #[arg(long, value_enum)]
    sort: Option<SortBy>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SortBy {
    Id,
    Newest,
    Oldest,
    Amount,
}

impl ListArgs {
    /// As they were given, but for the customer, who is named as stored.
    fn filters(&self, account: Option<&String>) -> Filters {
        Filters::default()
            .with("--account", account)
            .with(args::typed("--state"), self.state.as_ref())
            .with("--reason", self.reason.as_ref())
            .with("--amount", self.amount.map(args::amount_words))
            .with("--currency", self.currency.as_ref())
            .with("--text", self.text.as_ref())
            .with("--payer", self.payer.as_ref())
            .with("--since", self.since)
            .with("--until", self.until)
            .with("--rule", self.rule.as_ref())
    }

    async fn filter(&self, pool: &PgPool, config: &Config) -> Result<PaymentFilter, CliError> {
        let account = near::filter(pool, Kind::Account, self.account.as_ref()).await?;
        let day = |since: &Since| since.day(Clock::System, &config.jobs.time_zone);
        let filter = PaymentFilter {
            account,
            state: self.state.as_ref().map(|state| state.to_lowercase()),
            reason: self.reason.clone(),
            amount: self.amount,
            currency: self.currency.clone(),
            text: self.text.clone(),
            payer: self.payer.clone(),
            since: self.since.as_ref().map(day),
            until: self.until.as_ref().map(day),
            rule: self.rule.clone(),
            sort: self.sort.map(|sort| match sort {
                SortBy::Id => Sort::Id,
                SortBy::Newest => Sort::Newest,
                SortBy::Oldest => Sort::Oldest,
                SortBy::Amount => Sort::Amount,
            }),
        };
        let foreign = |after: &String| !walk::is_cursor(&filter, after);
        if self.page.after.as_ref().is_some_and(foreign) {
            let why = "--after is no cursor of this list: take the one that the page ended with";
            return Err(CliError::Usage(why.to_owned()));
        }
        Ok(filter)
    }
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum PaymentsCommand {
    /// Payments: all in the order of their ids, or what is looked for, the newest first
    #[command(after_help = "Examples:\n  topup payments list --state parked\n  \
                            topup payments list --amount 1,000.00 --since 2026-11-01\n  \
                            topup payments list --payer 'Tan Ah Seng' --text rent\n  \
                            topup payments list --state parked --sort amount\n  \
                            topup payments list --account ACC-1001 --output ndjson")]
    List(ListArgs),
    /// One payment: what the bank said, where the money went
    #[command(after_help = "Examples:\n  topup payments show BANK:DBS-1:TX-1\n  \
                            topup payments show BANK:DBS-1:TX-1 --unmasked")]
    Show {
        /// The payment, as `topup payments list` names it
        payment_id: String,
    },
    /// Why a payment went where it went, in words
    #[command(after_help = "Example:\n  topup payments explain BANK:DBS-1:TX-1")]
    Explain {
        /// The payment, as `topup payments list` names it
        payment_id: String,
    },
    /// Shares a payment out to several customers: each gets a payment of its own
    #[command(after_help = "Example:\n  topup payments split BANK:DBS-1:TX-1 \
                            --part ACC-1001=60.50/INV-1001 --part ACC-1002=40.00 \
                            --operator alice --reason 'settlement of 22 November' --yes\n  \
                            topup payments split BANK:DBS-1:TX-1 --invoice INV-1001=60.50 \
                            --invoice INV-1002 --operator alice --reason 'card sales'")]
    Split(SplitArgs),
    /// Takes back all parts of a payment, while nothing of them is spent
    #[command(after_help = "Example:\n  topup payments unsplit BANK:DBS-1:TX-1 \
                            --operator alice --reason 'other shares' --yes")]
    Unsplit(UnsplitArgs),
    #[command(flatten)]
    Verb(PaymentVerb),
}

pub(super) async fn run(
    command: &PaymentsCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    let place = Place { pool, config, printer };
    match command {
        PaymentsCommand::Verb(verb) => return payment_verbs::run(verb, place).await,
        PaymentsCommand::Split(args) => return splits::split(args, place).await,
        PaymentsCommand::Unsplit(args) => return splits::unsplit(args, place).await,
        PaymentsCommand::List(args) => {
            let filter = args.filter(pool, config).await?;
            let of = async |page: Page| Ok(payments::list(pool, &filter, &page).await?);
            let nothing = printer.pages(&args.page, of).await?;
            args.filters(filter.account.as_ref()).tell(nothing, "payment");
        }
        PaymentsCommand::Show { payment_id } => {
            let view = find(pool, payment_id, printer).await?;
            printer.one(&view, |text| human(&view, text))?;
        }
        PaymentsCommand::Explain { payment_id } => {
            let view = find(pool, payment_id, printer).await?;
            let decisions = payments::decisions(pool, &view.row.payment_id).await?;
            let whole = Explained { payment: &view, decisions: &decisions };
            printer.one(&whole, |text| explain::human(&view, &decisions, text))?;
        }
    }
    Ok(Exit::Ok)
}

/// A payment with its story, and the decisions on it.
#[derive(serde::Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    payment: &'a PaymentView,
    decisions: &'a [DecisionView],
}

async fn find(pool: &PgPool, id: &str, printer: Printer) -> Result<PaymentView, CliError> {
    let id = near::resolve(pool, Kind::Payment, id).await?;
    let found = payments::show(pool, &id, printer.privacy).await?;
    found.ok_or_else(|| CliError::not_found("payment", &id))
}

fn human(view: &PaymentView, text: &mut Text) {
    let row = &view.row;
    let money = |amount: &str| Some(format!("{amount} {}", row.currency));
    text.heading(&format!("Payment {}: {}", row.payment_id, state_words(view)));
    let reason = match (&row.reason, view.reason_sentence) {
        (Some(code), Some(sentence)) => Some(format!("{sentence} ({code})")),
        (code, _) => code.clone(),
    };
    text.fields(&[
        ("reason", reason),
        ("looks like", row.looks_like.clone()),
        ("account", Some(cell(row.account_id.as_ref()))),
        ("amount", money(&row.amount)),
        ("unallocated", money(&row.unallocated)),
        ("returned", money(&view.returned).filter(|_| !is_zero(&view.returned))),
        ("refunded", money(&view.refunded).filter(|_| !is_zero(&view.refunded))),
        ("removed", money(&view.removed).filter(|_| !is_zero(&view.removed))),
        (given_word(&row.origin), money(&view.split).filter(|_| !is_zero(&view.split))),
        ("received on", Some(row.received_on.to_string())),
        ("recorded", Some(format!("{} ({})", row.recorded_at, row.origin))),
        ("method", view.method.clone()),
        ("reference", view.reference.clone()),
        ("remark", view.remark.clone()),
        ("decided again", explain::watched(view)),
    ]);
    if let Some(bank) = &view.bank {
        text.heading("What the bank said");
        bank_fields(bank, text);
    }
    text.section("Allocations", &view.allocations);
    splits::parts(&view.parts, &row.payment_id, text);
    steps_back::reversals(&view.reversals, text);
    steps_back::returns(&view.returns, text);
    for apart in &view.taken_off {
        text.line(&steps_back::taken_off(apart, &view.allocations));
    }
    text.section_of_any("Suggestions", &view.suggestions);
}

fn bank_fields(bank: &BankFacts, text: &mut Text) {
    let said = &bank.unstructured;
    text.fields(&[
        ("our bank account", Some(bank.bank_account.clone())),
        ("key", Some(bank.bank_key.clone())),
        ("entry", Some(format!("{} {}", bank.status, bank.credit_debit))),
        ("booked", Some(bank.booking_date.to_string())),
        ("value date", bank.value_date.map(|day| day.to_string())),
        ("charges", bank.charges.as_ref().map(|c| format!("{c} {}", bank.currency))),
        ("payer", bank.debtor_name.clone()),
        ("payer's account", bank.debtor_account.clone()),
        ("virtual account", bank.virtual_account.clone()),
        ("creditor reference", bank.creditor_reference.clone()),
        ("end-to-end id", bank.end_to_end_id.clone()),
        ("payer's text", (!said.is_empty()).then(|| said.join(" | "))),
        ("bank's id", bank.bank_transaction_id.clone()),
        ("statement", bank.statement_id.clone()),
    ]);
}

/// A part gives back what another payment gave to it.
fn given_word(origin: &str) -> &'static str {
    if origin == PaymentOrigin::Split.word() { "given back" } else { "given to parts" }
}

table!(SuggestionRow:
    suggestion_id account_id currency invoices with_payments amount state payable reason
    resolved_at;
    row => "suggestion": row.suggestion_id, "customer": row.account_id,
    "invoices": row.invoices.join(" + "), "with": row.with_payments.join(" + "),
    "amount": row.amount, "currency": row.currency,
    "state": if row.status == SuggestionStatus::Open.word() && !row.payable {
        "open, cannot be confirmed any more"
    } else {
        &row.status
    },
    "said": row.reason);

table!(PaymentRow:
payment_id account_id currency amount unallocated state reason looks_like origin received_on
recorded_at;
row => "payment": row.payment_id, "received": row.received_on, "account": row.account_id,
"currency": row.currency, "amount": row.amount, "unallocated": row.unallocated,
"state": row.state,
"reason": match &row.looks_like {
    Some(earlier) => format!("{} of {earlier}", cell(row.reason.as_ref())),
    None => cell(row.reason.as_ref()),
});

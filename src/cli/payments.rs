//! `payments list|show|explain`, and what a person says of one; sharing out is in `splits`.

use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::args::{self, PageArgs, Since, since};
use super::empty::Filters;
use super::error::{CliError, Exit, Result};
use super::output::{Printer, Text};
use super::splits::{self, SplitArgs, UnsplitArgs};
use super::table::{Cell, table};
use super::verbs::{Ask, NewCustomer, ask, id_and_amount, part};
use super::words::{is_zero, state_words};
use super::{Place, explain, near, steps_back};
use crate::clock::Clock;
use crate::domain::payment::PaymentOrigin;
use crate::domain::review::SuggestionStatus;
use crate::operator::orders::Fields;
use crate::store::PgPool;
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

    async fn filter(&self, Place { pool, config, .. }: Place<'_>) -> Result<PaymentFilter> {
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

#[derive(Debug, Clone, Subcommand)]
pub(super) enum PaymentVerb {
    /// Records money that does not come through the bank's feed
    #[command(after_help = "Example:\n  topup payments record CASH-7 --account ACC-1001 \
        --amount 50.00 --currency SGD --received-on 2026-11-22 --method cash \
        --operator alice --yes")]
    Record(Box<RecordArgs>),
    /// Says whose money it is; it is held on the customer's account
    #[command(after_help = "Example:\n  topup payments assign BANK:DBS-1:TX-1 \
        --account ACC-1001 --operator alice --yes")]
    Assign(AssignArgs),
    /// Pays invoices with it
    #[command(after_help = "Examples:\n  topup payments allocate BANK:DBS-1:TX-1 \
        --invoice INV-1001 --operator alice --yes\n  topup payments allocate BANK:DBS-1:TX-1 \
        --invoice INV-1001=60.00 --invoice INV-1002 --operator alice")]
    Allocate(AllocateArgs),
    /// Takes it off an invoice, while nothing of it is spent
    #[command(after_help = "Example:\n  topup payments deallocate BANK:DBS-1:TX-1 \
        --invoice INV-1001 --operator alice --reason 'meant for INV-1002' --yes")]
    Deallocate(DeallocateArgs),
    /// Takes it off all its invoices and closes it: it was recorded by mistake
    #[command(after_help = "Example:\n  topup payments remove CASH-7 --operator alice \
        --reason 'typed twice' --yes")]
    Remove(OneArgs),
    /// Says that what is unallocated of it was paid back to the payer, by a transfer of yours
    #[command(after_help = "Examples:\n  topup payments refund BANK:DBS-1:TX-1 --operator alice \
        --reason 'unknown payer' --yes\n  topup payments refund BANK:DBS-1:TX-1 \
        --amount 15.00 --operator alice --reason 'paid too much'")]
    Refund(RefundArgs),
    /// Says that it is no customer's money; it leaves the books
    #[command(after_help = "Example:\n  topup payments dismiss BANK:DBS-1:TX-1 \
        --operator alice --reason 'tax refund' --yes")]
    Dismiss(DismissArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct RefundArgs {
    /// The payment, as `topup payments list` names it
    payment_id: String,
    /// So much of it; without it all that is unallocated
    #[arg(long)]
    amount: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct DismissArgs {
    /// The payment, as `topup payments list` names it
    payment_id: String,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct RecordArgs {
    /// The id that the new payment gets
    payment_id: String,
    /// The customer, if known
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    new: NewCustomer,
    /// How much came, as 50.00
    #[arg(long)]
    amount: String,
    /// In which currency, as SGD
    #[arg(long, value_parser = args::currency)]
    currency: String,
    /// The day on which it came
    #[arg(long, value_name = "DAY", value_parser = args::day)]
    received_on: NaiveDate,
    /// How it came: cash, cheque…
    #[arg(long)]
    method: String,
    /// The number of the cheque or the receipt
    #[arg(long)]
    reference: Option<String>,
    /// What else is to be said of it
    #[arg(long)]
    remark: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct AssignArgs {
    /// The payment, as `topup payments list` names it
    payment_id: String,
    /// The customer whose money it is
    #[arg(value_name = "ACCOUNT", required_unless_present = "account")]
    customer: Option<String>,
    /// The same as an option
    #[arg(long, conflicts_with = "customer")]
    account: Option<String>,
    #[command(flatten)]
    new: NewCustomer,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct AllocateArgs {
    /// The payment, as `topup payments list` names it
    payment_id: String,
    /// INVOICE, or INVOICE=AMOUNT; without an amount as much as fits
    #[arg(value_name = "INVOICE", required_unless_present = "invoices")]
    named: Vec<String>,
    /// The same as an option
    #[arg(long = "invoice", value_name = "INVOICE")]
    invoices: Vec<String>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct DeallocateArgs {
    /// The payment, as `topup payments list` names it
    payment_id: String,
    /// The invoice that it is taken off
    #[arg(long)]
    invoice: String,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct OneArgs {
    /// The payment, as `topup payments list` names it
    payment_id: String,
    /// The customer; only of a payment that has none yet
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

pub(super) async fn run(command: &PaymentsCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, printer, .. } = place;
    match command {
        PaymentsCommand::Verb(verb) => return say(verb, place).await,
        PaymentsCommand::Split(args) => return splits::split(args, place).await,
        PaymentsCommand::Unsplit(args) => return splits::unsplit(args, place).await,
        PaymentsCommand::List(args) => {
            let filter = args.filter(place).await?;
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

async fn say(verb: &PaymentVerb, place: Place<'_>) -> Result<Exit> {
    match verb {
        PaymentVerb::Record(args) => {
            let account = match &args.account {
                Some(account) => Some(args.new.named(place, account).await?),
                None => None,
            };
            let fields = Fields::default()
                .with("payment_id", args.payment_id.as_str())
                .maybe("account_id", account)
                .with("amount", args.amount.as_str())
                .with("currency", args.currency.as_str())
                .with("received_on", args.received_on.to_string())
                .with("method", args.method.as_str())
                .maybe("reference", args.reference.as_deref())
                .maybe("remark", args.remark.as_deref());
            ask(place, &args.ask, "topup.payment.record.v1", fields).await
        }
        PaymentVerb::Assign(args) => {
            let (payment, _) = known(&args.payment_id, place).await?;
            let given = args.account.as_ref().or(args.customer.as_ref());
            let account = args.new.named(place, given.map_or("", String::as_str)).await?;
            let fields = Fields::default().with("payment_id", payment).with("account_id", account);
            ask(place, &args.ask, "topup.payment.assign.v1", fields).await
        }
        PaymentVerb::Allocate(args) => {
            let fields = of(&args.payment_id, None, place).await?;
            let named = args.named.iter().chain(&args.invoices);
            let parts = named.map(|text| id_and_amount(text));
            let parts: Vec<Value> = parts.map(|(id, of)| part("invoice_id", id, of)).collect();
            let fields = fields.with("allocations", parts);
            ask(place, &args.ask, "topup.payment.allocate.v1", fields).await
        }
        PaymentVerb::Deallocate(args) => {
            let fields = of(&args.payment_id, None, place).await?;
            let fields = fields.with("invoice_id", args.invoice.as_str());
            ask(place, &args.ask, "topup.payment.deallocate.v1", fields).await
        }
        PaymentVerb::Remove(args) => {
            if let Some(account) = &args.account {
                near::account(place.pool, account).await?;
            }
            let fields = of(&args.payment_id, args.account.as_deref(), place).await?;
            ask(place, &args.ask, "topup.payment.remove.v1", fields).await
        }
        PaymentVerb::Refund(args) => {
            let (payment, owner) = known(&args.payment_id, place).await?;
            let fields = Fields::default()
                .with("payment_id", payment)
                .maybe("account_id", owner)
                .maybe("amount", args.amount.as_deref());
            ask(place, &args.ask, "topup.payment.refund.v1", fields).await
        }
        PaymentVerb::Dismiss(args) => {
            let (payment, _) = known(&args.payment_id, place).await?;
            let fields = Fields::default().with("payment_id", payment);
            ask(place, &args.ask, "topup.payment.dismiss.v1", fields).await
        }
    }
}

/// A payment, and whose it is.
async fn known(id: &str, place: Place<'_>) -> Result<(String, Option<String>)> {
    let row = near::payment(place.pool, id).await?.row;
    Ok((row.payment_id, row.account_id))
}

/// A payment and the customer under whom the command is given.
async fn of(id: &str, account: Option<&str>, place: Place<'_>) -> Result<Fields> {
    let (payment, owner) = known(id, place).await?;
    let Some(account) = owner.as_deref().or(account) else {
        return Err(CliError::Failed(format!(
            "payment_not_assigned: payment {payment} has no customer yet; say whose it is with \
             `topup payments assign {payment} --account ACCOUNT`"
        )));
    };
    Ok(Fields::default().with("payment_id", payment.as_str()).with("account_id", account))
}

/// A payment with its story, and the decisions on it.
#[derive(serde::Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    payment: &'a PaymentView,
    decisions: &'a [DecisionView],
}

async fn find(pool: &PgPool, id: &str, printer: Printer) -> Result<PaymentView> {
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
        ("account", Some(row.account_id.cell())),
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
    text.section_of_any("Reversals", &view.reversals);
    text.section_of_any("Returns by the bank", &view.returns);
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
        ("forgotten", bank.forgotten_at.as_ref().map(|at| format!("payer and text, at {at}"))),
    ]);
}

/// A part gives back what another payment gave to it.
fn given_word(origin: &str) -> &'static str {
    if origin == PaymentOrigin::Split.word() { "given back" } else { "given to parts" }
}

table!(SuggestionRow;
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
    Some(earlier) => format!("{} of {earlier}", row.reason.cell()),
    None => row.reason.cell(),
});

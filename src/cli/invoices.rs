//! `invoices list|show|create|send|void|keep`.

use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::args::{self, PageArgs};
use super::empty::Filters;
use super::error::{CliError, Exit, Result};
use super::output::Text;
use super::table::table;
use super::verbs::{Ask, NewCustomer, ask};
use super::{Place, near};
use crate::domain::invoice::InvoiceStatus;
use crate::operator::orders::Fields;
use crate::store::views::Page;
use crate::store::views::invoices::{
    self, AllocationRow, InvoiceFilter, InvoiceRow, InvoiceView, LifeStep,
};
use crate::store::views::near::Kind;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum InvoicesCommand {
    /// Invoices in the order of their ids
    #[command(after_help = "Examples:\n  topup invoices list --account ACC-1001\n  \
                            topup invoices list --reference 'RF18 5390 0754 7034'\n  \
                            topup invoices list --status awaiting_payment --output ndjson")]
    List {
        /// Only of this account
        #[arg(long)]
        account: Option<String>,
        /// Only in this status
        #[arg(long, visible_alias = "state", ignore_case = true,
              value_parser = ["draft", "awaiting_payment", "provisioned", "voided"])]
        status: Option<String>,
        /// Only what this names: our payment reference, one of upstream's, or a number in any form
        #[arg(long)]
        reference: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// One invoice: its life, what is due, the reference to pay with, what paid it
    #[command(after_help = "Examples:\n  topup invoices show INV-1001\n  \
                            topup invoices show INV-1001 --output json")]
    Show {
        /// The invoice, as `topup invoices list` names it
        invoice_id: String,
    },
    /// Creates an invoice; with --send it awaits payment at once
    #[command(after_help = "Example:\n  topup invoices create INV-1001 --account ACC-1001 \
        --amount 100.00 --currency SGD --name 'November topup' --send --operator alice --yes")]
    Create(Box<CreateArgs>),
    /// Marks an invoice as sent; of one that is sent its age starts anew
    #[command(after_help = "Example:\n  topup invoices send INV-1001 --operator alice --yes")]
    Send(OneArgs),
    /// Voids an invoice for good, while nothing is allocated to it
    #[command(after_help = "Example:\n  topup invoices void INV-1001 --operator alice \
        --reason 'customer left' --yes")]
    Void(OneArgs),
    /// Never calls it a void candidate before a day, or at all
    #[command(after_help = "Example:\n  topup invoices keep INV-1001 --until 2027-01-31 \
        --operator alice --yes")]
    Keep(KeepArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct CreateArgs {
    /// The id that the new invoice gets
    invoice_id: String,
    /// The customer
    #[arg(long)]
    account: String,
    #[command(flatten)]
    new: NewCustomer,
    /// How much is to be paid, as 100.00
    #[arg(long)]
    amount: String,
    /// In which currency, as SGD
    #[arg(long, value_parser = args::currency)]
    currency: String,
    /// What the customer reads
    #[arg(long)]
    name: String,
    /// By when it is to be paid
    #[arg(long, value_name = "DAY", value_parser = args::day)]
    due_date: Option<NaiveDate>,
    /// A payment reference of yours for it; several may be given
    #[arg(long = "reference", value_name = "REFERENCE")]
    references: Vec<String>,
    /// It awaits payment at once
    #[arg(long)]
    send: bool,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct OneArgs {
    /// The invoice, as `topup invoices list` names it
    invoice_id: String,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct KeepArgs {
    /// The invoice, as `topup invoices list` names it
    invoice_id: String,
    /// The first day on which it may be a candidate again
    #[arg(long, value_name = "DAY", value_parser = args::day)]
    until: Option<NaiveDate>,
    #[command(flatten)]
    ask: Ask,
}

pub(super) async fn run(command: &InvoicesCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, printer, .. } = place;
    match command {
        InvoicesCommand::List { account, status, reference, page } => {
            let account = near::filter(pool, Kind::Account, account.as_ref()).await?;
            let status = status.as_ref().map(|status| status.to_lowercase());
            let reference = reference.clone();
            let filter = InvoiceFilter { account, status, reference };
            let of = async |page: Page| Ok(invoices::list(pool, &filter, &page).await?);
            let nothing = printer.pages(page, of).await?;
            let filters = Filters::default().with("--account", filter.account.as_ref());
            let filters = filters.with(args::typed("--status"), filter.status.as_ref());
            filters.with("--reference", filter.reference.as_ref()).tell(nothing, "invoice");
        }
        InvoicesCommand::Show { invoice_id } => {
            let id = near::resolve(pool, Kind::Invoice, invoice_id).await?;
            let found = invoices::show(pool, &id).await?;
            let view = found.ok_or_else(|| CliError::not_found("invoice", &id))?;
            printer.one(&view, |text| human(&view, text))?;
        }
        InvoicesCommand::Create(args) => return create(args, place).await,
        InvoicesCommand::Send(args) => {
            let fields = of(&args.invoice_id, place).await?;
            return ask(place, &args.ask, "topup.invoice.mark-sent.v1", fields).await;
        }
        InvoicesCommand::Void(args) => {
            let fields = of(&args.invoice_id, place).await?;
            return ask(place, &args.ask, "topup.invoice.void.v1", fields).await;
        }
        InvoicesCommand::Keep(args) => {
            let fields = of(&args.invoice_id, place).await?;
            let fields = fields.maybe("until", args.until.map(|day| day.to_string()));
            return ask(place, &args.ask, "topup.invoice.keep.v1", fields).await;
        }
    }
    Ok(Exit::Ok)
}

async fn create(args: &CreateArgs, place: Place<'_>) -> Result<Exit> {
    args.new.check(place, &args.account).await?;
    let references = (!args.references.is_empty()).then(|| args.references.clone());
    let fields = Fields::default()
        .with("invoice_id", args.invoice_id.as_str())
        .with("account_id", args.account.as_str())
        .with("name", args.name.as_str())
        .with("amount", args.amount.as_str())
        .with("currency", args.currency.as_str())
        .maybe("due_date", args.due_date.map(|day| day.to_string()))
        .maybe("references", references)
        .with("send", args.send);
    ask(place, &args.ask, "topup.invoice.create.v1", fields).await
}

/// An invoice and its customer.
async fn of(invoice_id: &str, place: Place<'_>) -> Result<Fields> {
    let row = near::invoice(place.pool, invoice_id).await?.row;
    Ok(Fields::default().with("invoice_id", row.invoice_id).with("account_id", row.account_id))
}

fn human(view: &InvoiceView, text: &mut Text) {
    let row = &view.row;
    text.heading(&format!("Invoice {}: {}", row.invoice_id, words(&row.status)));
    let references = view.references.join(", ");
    text.fields(&[
        ("name", Some(row.name.clone())),
        ("account", Some(row.account_id.clone())),
        ("amount", Some(format!("{} {}", row.amount, row.currency))),
        ("amount due", Some(format!("{} {}", row.amount_due, row.currency))),
        ("payment reference", Some(row.payment_reference.clone())),
        ("upstream's references", (!references.is_empty()).then_some(references)),
        ("due date", row.due_date.map(|day| day.to_string())),
        ("void reason", view.void_reason.clone()),
        ("kept until", view.keep_until.clone()),
    ]);
    text.section("Timeline", &view.timeline);
    text.section("Allocations", &view.allocations);
    text.section_of_any("Reversals", &view.reversals);
}

fn words(status: &str) -> &str {
    match InvoiceStatus::from_word(status) {
        Some(InvoiceStatus::Draft) => "a draft, not sent yet",
        Some(InvoiceStatus::AwaitingPayment) => "awaiting payment",
        Some(InvoiceStatus::Provisioned) => "provisioned (paid in full)",
        Some(InvoiceStatus::Voided) => "voided",
        None => status,
    }
}

table!(InvoiceRow:
    invoice_id account_id name currency amount amount_due state payment_reference due_date
    created_at sent_at;
    row => "invoice": row.invoice_id, "account": row.account_id, "state": row.status,
    "currency": row.currency, "amount": row.amount, "due": row.amount_due,
    "reference": row.payment_reference, "due date": row.due_date);

table!(LifeStep;
    row => "at": row.at, "what": row.what);

table!(AllocationRow;
    row => "at": row.allocated_at, "payment": row.payment_id, "invoice": row.invoice_id,
    "amount": row.amount, "currency": row.currency, "rule": row.rule, "reversed": row.reversed);

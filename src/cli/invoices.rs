//! `invoices list|show`; the verbs are in `invoice_verbs`.

use clap::Subcommand;
use sqlx::PgPool;

use super::args::{self, PageArgs};
use super::empty::Filters;
use super::error::{CliError, Exit};
use super::invoice_verbs::{self, InvoiceVerb};
use super::near;
use super::output::{Printer, Text};
use super::steps_back;
use super::table::table;
use super::verbs::Place;
use crate::config::Config;
use crate::domain::invoice::InvoiceStatus;
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
    #[command(flatten)]
    Verb(InvoiceVerb),
}

pub(super) async fn run(
    command: &InvoicesCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    match command {
        InvoicesCommand::Verb(verb) => {
            return invoice_verbs::run(verb, Place { pool, config, printer }).await;
        }
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
    }
    Ok(Exit::Ok)
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
    steps_back::reversals(&view.reversals, text);
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

table!(LifeStep:
    at what;
    row => "at": row.at, "what": row.what);

table!(AllocationRow:
    allocation_id payment_id invoice_id account_id currency amount reversed rule allocated_at
    reversed_at;
    row => "at": row.allocated_at, "payment": row.payment_id, "invoice": row.invoice_id,
    "amount": row.amount, "currency": row.currency, "rule": row.rule, "reversed": row.reversed);

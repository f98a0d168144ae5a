//! `invoices create|send|void|keep`.

use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::args;
use super::error::{CliError, Exit};
use super::near;
use super::verbs::{Ask, NewCustomer, Place, ask};
use crate::operator::orders::Fields;
use crate::store::views::invoices;
use crate::store::views::near::Kind;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum InvoiceVerb {
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

pub(super) async fn run(verb: &InvoiceVerb, place: Place<'_>) -> Result<Exit, CliError> {
    match verb {
        InvoiceVerb::Create(args) => {
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
        InvoiceVerb::Send(args) => {
            let fields = of(&args.invoice_id, place).await?;
            ask(place, &args.ask, "topup.invoice.mark-sent.v1", fields).await
        }
        InvoiceVerb::Void(args) => {
            let fields = of(&args.invoice_id, place).await?;
            ask(place, &args.ask, "topup.invoice.void.v1", fields).await
        }
        InvoiceVerb::Keep(args) => {
            let fields = of(&args.invoice_id, place).await?;
            let fields = fields.maybe("until", args.until.map(|day| day.to_string()));
            ask(place, &args.ask, "topup.invoice.keep.v1", fields).await
        }
    }
}

/// An invoice and its customer.
async fn of(invoice_id: &str, place: Place<'_>) -> Result<Fields, CliError> {
    let Some(view) = invoices::show(place.pool, invoice_id).await? else {
        return Err(near::unknown(place.pool, Kind::Invoice, invoice_id).await);
    };
    let row = view.row;
    Ok(Fields::default().with("invoice_id", row.invoice_id).with("account_id", row.account_id))
}

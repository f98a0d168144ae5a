//! `payments record|assign|allocate|deallocate|remove|refund|dismiss`.

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args;
use super::error::{CliError, Exit};
use super::near;
use super::verbs::{self, Ask, NewCustomer, Place, ask};
use crate::operator::orders::Fields;
use crate::store::views::near::Kind;
use crate::store::views::{Privacy, payments};

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

pub(super) async fn run(verb: &PaymentVerb, place: Place<'_>) -> Result<Exit, CliError> {
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
            let parts: Vec<Value> = named.map(|text| part(text)).collect();
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
                verbs::known_customer(place, account).await?;
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

fn part(text: &str) -> Value {
    match text.split_once('=') {
        Some((invoice, amount)) => json!({ "invoice_id": invoice, "amount": amount }),
        None => json!({ "invoice_id": text }),
    }
}

/// A payment, and whose it is.
async fn known(id: &str, place: Place<'_>) -> Result<(String, Option<String>), CliError> {
    match payments::show(place.pool, id, Privacy::Masked).await? {
        Some(view) => Ok((view.row.payment_id, view.row.account_id)),
        None => Err(near::unknown(place.pool, Kind::Payment, id).await),
    }
}

/// A payment and the customer under whom the command is given.
async fn of(id: &str, account: Option<&str>, place: Place<'_>) -> Result<Fields, CliError> {
    let (payment, owner) = known(id, place).await?;
    let Some(account) = owner.as_deref().or(account) else {
        return Err(CliError::Failed(format!(
            "payment_not_assigned: payment {payment} has no customer yet; say whose it is with \
             `topup payments assign {payment} --account ACCOUNT`"
        )));
    };
    Ok(Fields::default().with("payment_id", payment.as_str()).with("account_id", account))
}

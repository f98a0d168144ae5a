//! `accounts list|show|upsert|close|reopen`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::args::{self, PageArgs};
use super::empty::Filters;
use super::error::{CliError, Exit, Result};
use super::output::Text;
use super::table::table;
use super::verbs::{Ask, NewCustomer, ask};
use super::{Place, near};
use crate::operator::orders::Fields;
use crate::store::views::Page;
use crate::store::views::accounts::{self, AccountRow, AccountView, LearnedPayer, UnallocatedSum};
use crate::store::views::near::Kind;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum AccountsCommand {
    /// Customers in the order of their ids
    #[command(after_help = "Examples:\n  topup accounts list --limit 20\n  \
                            topup accounts list --name initech\n  \
                            topup accounts list --after ACC-1001 --output ndjson")]
    List {
        /// Only with these words in the name, accents and case aside
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// One customer: payers, open invoices, last payments, money on no invoice, balances
    #[command(after_help = "Examples:\n  topup accounts show ACC-1001\n  \
                            topup accounts show ACC-1001 --unmasked")]
    Show {
        /// The customer, as `topup accounts list` names it
        account_id: String,
    },
    /// Creates or changes a customer; what is not given stays as it is
    #[command(after_help = "Examples:\n  topup accounts upsert ACC-1001 --name 'Acme Pte Ltd' \
        --operator alice --yes\n  topup accounts upsert ACC-1001 --name 'Acme Pte Ltd' \
        --payer-account DE89370400440532013000 --credit-limit SGD=50.00 \
        --balance-level SGD=20.00 --operator alice")]
    Upsert(Box<UpsertArgs>),
    /// Closes a customer: no invoice and no money more, until it is opened again
    #[command(after_help = "Example:\n  topup accounts close ACC-1001 --operator alice \
        --reason 'customer left' --yes")]
    Close(OneArgs),
    /// Opens a closed customer again
    #[command(after_help = "Example:\n  topup accounts reopen ACC-1001 --operator alice --yes")]
    Reopen(OneArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct OneArgs {
    /// The customer, as `topup accounts list` names it
    account_id: String,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
pub(super) struct UpsertArgs {
    /// The customer's id: letters, digits and `-_.:`
    account_id: String,
    #[command(flatten)]
    new: NewCustomer,
    /// What the customer is called
    #[arg(long)]
    name: String,
    /// A payer's account of this customer; all that are given replace those that are known
    #[arg(long = "payer-account", value_name = "NUMBER")]
    payer_accounts: Vec<String>,
    /// An account that only this customer pays into; the same
    #[arg(long = "virtual-account", value_name = "NUMBER")]
    virtual_accounts: Vec<String>,
    /// How far the balance may go below zero: CURRENCY=AMOUNT
    #[arg(long = "credit-limit", value_name = "CURRENCY=AMOUNT", value_parser = args::money)]
    credit_limits: Vec<(String, String)>,
    /// A level: a balance that crosses it makes an event; several of one currency may be given
    #[arg(long = "balance-level", value_name = "CURRENCY=AMOUNT", value_parser = args::money)]
    balance_levels: Vec<(String, String)>,
    /// No levels in this currency
    #[arg(long = "no-balance-level", value_name = "CURRENCY", value_parser = args::currency)]
    no_balance_levels: Vec<String>,
    /// Days after which an invoice that is not paid may be voided
    #[arg(long, value_name = "DAYS")]
    stale_after_days: Option<u32>,
    /// An IANA name, such as Asia/Singapore
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

impl UpsertArgs {
    /// The levels by currency; an empty list means none.
    fn levels(&self) -> Option<Value> {
        let mut levels: Map<String, Value> = Map::new();
        for (currency, amount) in &self.balance_levels {
            let of = levels.entry(currency.clone()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(of) = of {
                of.push(amount.clone().into());
            }
        }
        for currency in &self.no_balance_levels {
            levels.entry(currency.clone()).or_insert_with(|| Value::Array(Vec::new()));
        }
        (!levels.is_empty()).then_some(Value::Object(levels))
    }
}

pub(super) async fn run(command: &AccountsCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, printer, .. } = place;
    match command {
        AccountsCommand::List { name, page } => {
            let name = name.as_deref();
            let of = async |page: Page| Ok(accounts::list(pool, name, &page).await?);
            let nothing = printer.pages(page, of).await?;
            Filters::default().with("--name", name).tell(nothing, "customer");
        }
        AccountsCommand::Show { account_id } => {
            let id = near::resolve(pool, Kind::Account, account_id).await?;
            let found = accounts::show(pool, &id, printer.privacy).await?;
            let view = found.ok_or_else(|| CliError::not_found("account", &id))?;
            printer.one(&view, |text| human(&view, text))?;
        }
        AccountsCommand::Upsert(args) => return upsert(args, place).await,
        AccountsCommand::Close(args) => return said(args, "topup.account.close.v1", place).await,
        AccountsCommand::Reopen(args) => return said(args, "topup.account.reopen.v1", place).await,
    }
    Ok(Exit::Ok)
}

async fn upsert(args: &UpsertArgs, place: Place<'_>) -> Result<Exit> {
    args.new.check_near(place, &args.account_id).await?;
    let some = |numbers: &[String]| (!numbers.is_empty()).then(|| numbers.to_vec());
    let limits: Map<String, Value> =
        args.credit_limits.iter().map(|(c, a)| (c.clone(), a.clone().into())).collect();
    let fields = Fields::default()
        .with("account_id", args.account_id.as_str())
        .with("name", args.name.as_str())
        .maybe("payer_accounts", some(&args.payer_accounts))
        .maybe("virtual_accounts", some(&args.virtual_accounts))
        .maybe("credit_limits", (!limits.is_empty()).then_some(Value::Object(limits)))
        .maybe("balance_levels", args.levels())
        .maybe("stale_after_days", args.stale_after_days)
        .maybe("time_zone", args.time_zone.as_deref());
    ask(place, &args.ask, "topup.account.upsert.v1", fields).await
}

/// Only a customer that is known: nobody closes a mistyped one.
async fn said(args: &OneArgs, kind: &'static str, place: Place<'_>) -> Result<Exit> {
    let view = near::account(place.pool, &args.account_id).await?;
    let fields = Fields::default().with("account_id", view.account_id);
    ask(place, &args.ask, kind, fields).await
}

fn human(view: &AccountView, text: &mut Text) {
    text.heading(&format!("Account {}", view.account_id));
    let unnamed = || "(known only because a record named it)".to_owned();
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(", "));
    let learned: Vec<String> = view
        .learned_payers
        .iter()
        .map(|payer| {
            let LearnedPayer { payer_account, confirmations, last_used_on } = payer;
            let times = if *confirmations == 1 { "once" } else { "several times" };
            format!("{payer_account} (confirmed {times}, last on {last_used_on})")
        })
        .collect();
    text.fields(&[
        ("name", Some(view.name.clone().unwrap_or_else(unnamed))),
        ("closed", view.closed_at.map(|at| at.to_string())),
        ("created", Some(view.created_at.to_string())),
        ("invoices awaiting payment", Some(view.awaiting_payment.to_string())),
        ("payer accounts", list(&view.payer_accounts)),
        ("confirmed payers", list(&learned)),
        ("virtual accounts", list(&view.virtual_accounts)),
        ("stale after", view.stale_after_days.map(|days| format!("{days} days"))),
        ("time zone", view.time_zone.clone()),
    ]);
    text.section("Balances", &view.balances);
    text.section("Money on no invoice", &view.unallocated);
    text.section("Invoices that await payment, the oldest first", &view.open_invoices);
    if usize::try_from(view.awaiting_payment).is_ok_and(|all| all > view.open_invoices.len()) {
        let id = &view.account_id;
        text.line(&format!(
            "There are more: topup invoices list --account {id} --status awaiting_payment"
        ));
    }
    text.section("Last payments", &view.last_payments);
}

table!(AccountRow:
    account_id name closed_at created_at updated_at;
    row => "account": row.account_id, "name": row.name, "created": row.created_at,
    "closed": row.closed_at);

table!(UnallocatedSum;
    row => "currency": row.currency, "unallocated": row.unallocated, "payments": row.payments);

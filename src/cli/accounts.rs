//! `accounts list|show`; the verbs are in `account_verbs`.

use clap::Subcommand;
use sqlx::PgPool;

use super::account_verbs::{self, AccountVerb};
use super::args::PageArgs;
use super::empty::Filters;
use super::error::{CliError, Exit};
use super::near;
use super::output::{Printer, Text};
use super::table::table;
use super::verbs::Place;
use crate::config::Config;
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
    #[command(flatten)]
    Verb(AccountVerb),
}

pub(super) async fn run(
    command: &AccountsCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    match command {
        AccountsCommand::Verb(verb) => {
            return account_verbs::run(verb, Place { pool, config, printer }).await;
        }
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
    }
    Ok(Exit::Ok)
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

table!(UnallocatedSum:
    currency payments unallocated;
    row => "currency": row.currency, "unallocated": row.unallocated, "payments": row.payments);

//! `accounts list|show`; the verbs are in `account_verbs`.

use clap::Subcommand;
use sqlx::PgPool;

use super::account_verbs::{self, AccountVerb};
use super::args::PageArgs;
use super::balances::balance_cells;
use super::error::{CliError, Exit};
use super::near;
use super::output::{Printer, Tabular, Text, cell};
use super::verbs::Place;
use crate::config::Config;
use crate::store::views::accounts::{self, AccountRow, AccountView, BalanceRow};
use crate::store::views::near::Kind;

#[derive(Debug, Clone, Subcommand)]
pub enum AccountsCommand {
    /// Customers in the order of their ids
    #[command(after_help = "Examples:\n  topup accounts list --limit 20\n  \
                            topup accounts list --after ACC-1001 --output ndjson")]
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// One customer: payers, balances, limits
    #[command(after_help = "Examples:\n  topup accounts show ACC-1001\n  \
                            topup accounts show ACC-1001 --unmasked")]
    Show { account_id: String },
    #[command(flatten)]
    Verb(AccountVerb),
}

/// # Errors
/// What the database says, or that there is no such account.
pub async fn run(
    command: &AccountsCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    match command {
        AccountsCommand::Verb(verb) => {
            return account_verbs::run(verb, Place { pool, config, printer }).await;
        }
        AccountsCommand::List { page } => {
            printer.list(&accounts::list(pool, &page.page()).await?)?;
        }
        AccountsCommand::Show { account_id } => {
            let found = accounts::show(pool, account_id, printer.privacy).await?;
            let Some(view) = found else {
                return Err(near::unknown(pool, Kind::Account, account_id).await);
            };
            printer.one(&view, |text| human(&view, text))?;
        }
    }
    Ok(Exit::Ok)
}

fn human(view: &AccountView, text: &mut Text) {
    text.heading(&format!("Account {}", view.account_id));
    let unnamed = || "(known only because a record named it)".to_owned();
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(", "));
    text.fields(&[
        ("name", Some(view.name.clone().unwrap_or_else(unnamed))),
        ("closed", view.closed_at.map(|at| at.to_string())),
        ("created", Some(view.created_at.to_string())),
        ("invoices awaiting payment", Some(view.awaiting_payment.to_string())),
        ("payer accounts", list(&view.payer_accounts)),
        ("virtual accounts", list(&view.virtual_accounts)),
        ("stale after", view.stale_after_days.map(|days| format!("{days} days"))),
        ("time zone", view.time_zone.clone()),
    ]);
    text.heading("Balances");
    text.table(&view.balances);
}

impl Tabular for AccountRow {
    const HEADERS: &'static [&'static str] = &["account", "name", "created", "closed"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.account_id.clone(),
            cell(self.name.as_ref()),
            self.created_at.to_string(),
            cell(self.closed_at.as_ref()),
        ]
    }
}

impl Tabular for BalanceRow {
    const HEADERS: &'static [&'static str] =
        &["account", "currency", "balance", "held", "limit", "usable", "updated"];

    fn cells(&self) -> Vec<String> {
        balance_cells(self)
    }
}

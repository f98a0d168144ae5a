//! `balances list|show`.

use clap::Subcommand;

use super::args::{self, PageArgs};
use super::empty::Filters;
use super::error::{CliError, Exit, Result};
use super::table::table;
use super::{Place, near};
use crate::store::views::Page;
use crate::store::views::accounts::{self, BalanceRow, HoldRow, LotRow};
use crate::store::views::near::Kind;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum BalancesCommand {
    /// Balances in the order of account and currency
    #[command(after_help = "Examples:\n  topup balances list --currency SGD\n  \
                            topup balances list --after ACC-1001/SGD --output json")]
    List {
        /// Only this currency
        #[arg(long, value_parser = args::currency)]
        currency: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// The balances of one account, the lots that make them, and the live holds on them
    #[command(after_help = "Example:\n  topup balances show ACC-1001")]
    Show {
        /// The customer, as `topup accounts list` names it
        account_id: String,
    },
}

pub(super) async fn run(command: &BalancesCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, printer, .. } = place;
    match command {
        BalancesCommand::List { currency, page } => {
            let currency = currency.as_deref();
            let of = async |page: Page| Ok(accounts::balances(pool, currency, &page).await?);
            let nothing = printer.pages(page, of).await?;
            Filters::default().with("--currency", currency).tell(nothing, "balance");
        }
        BalancesCommand::Show { account_id } => {
            let id = near::resolve(pool, Kind::Account, account_id).await?;
            let found = accounts::balance(pool, &id).await?;
            let view = found.ok_or_else(|| CliError::not_found("account", &id))?;
            printer.one(&view, |text| {
                text.heading(&format!("Balances of {}", view.account_id));
                text.table(&view.balances);
                text.section("Lots, the newest first", &view.lots);
                text.section("Live holds, the oldest first", &view.holds);
            })?;
        }
    }
    Ok(Exit::Ok)
}

table!(BalanceRow:
    account_id currency balance credit_limit held usable updated_at;
    row => "account": row.account_id, "currency": row.currency, "balance": row.balance,
    "held": row.held, "limit": row.credit_limit, "usable": row.usable, "updated": row.updated_at);

table!(HoldRow;
    row => "placed": row.placed_at, "currency": row.currency, "held": row.held, "hold": row.hold_id,
);

table!(LotRow;
    row => "opened": row.opened_at, "currency": row.currency, "amount": row.amount,
    "remaining": row.remaining, "held": row.held, "reversed": row.reversed,
    "clawed back": row.clawed_back, "invoice": row.invoice_id, "payment": row.payment_id);

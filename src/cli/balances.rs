//! `balances list|show`.

use clap::Subcommand;
use sqlx::PgPool;

use super::args::{self, PageArgs};
use super::empty::Filters;
use super::error::CliError;
use super::near;
use super::output::{Printer, Tabular, cell};
use crate::store::views::Page;
use crate::store::views::accounts::{self, BalanceRow, HoldRow, LotRow};
use crate::store::views::near::Kind;

#[derive(Debug, Clone, Subcommand)]
pub enum BalancesCommand {
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

/// # Errors
/// What the database says, or that there is no such account.
pub async fn run(
    command: &BalancesCommand,
    pool: &PgPool,
    printer: Printer,
) -> Result<(), CliError> {
    match command {
        BalancesCommand::List { currency, page } => {
            let currency = currency.as_deref();
            let of = async |page: Page| Ok(accounts::balances(pool, currency, &page).await?);
            let nothing = printer.pages(page, of).await?;
            Filters::default().with("--currency", currency).tell(nothing, "balance");
            Ok(())
        }
        BalancesCommand::Show { account_id } => {
            let id = near::resolve(pool, Kind::Account, account_id).await?;
            let found = accounts::balance(pool, &id).await?;
            let view = found.ok_or_else(|| CliError::not_found("account", &id))?;
            printer.one(&view, |text| {
                text.heading(&format!("Balances of {}", view.account_id));
                text.table(&view.balances);
                text.heading("Lots, the newest first");
                text.table(&view.lots);
                text.heading("Live holds, the oldest first");
                text.table(&view.holds);
            })
        }
    }
}

pub(super) fn balance_cells(row: &BalanceRow) -> Vec<String> {
    vec![
        row.account_id.clone(),
        row.currency.clone(),
        row.balance.clone(),
        row.held.clone(),
        cell(row.credit_limit.as_ref()),
        row.usable.clone(),
        cell(row.updated_at.as_ref()),
    ]
}

impl Tabular for HoldRow {
    const HEADERS: &'static [&'static str] = &["placed", "currency", "held", "hold"];
    const FIELDS: &'static [&'static str] = &["hold_id", "currency", "held", "placed_at"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.placed_at.to_string(),
            self.currency.clone(),
            self.held.clone(),
            self.hold_id.clone(),
        ]
    }
}

impl Tabular for LotRow {
    const HEADERS: &'static [&'static str] = &[
        "opened",
        "currency",
        "amount",
        "remaining",
        "held",
        "reversed",
        "clawed back",
        "invoice",
        "payment",
    ];
    const FIELDS: &'static [&'static str] = &[
        "lot_id",
        "invoice_id",
        "payment_id",
        "currency",
        "amount",
        "remaining",
        "reversed",
        "clawed_back",
        "held",
        "opened_at",
        "closed_at",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.opened_at.to_string(),
            self.currency.clone(),
            self.amount.clone(),
            self.remaining.clone(),
            self.held.clone(),
            self.reversed.clone(),
            self.clawed_back.clone(),
            self.invoice_id.clone(),
            self.payment_id.clone(),
        ]
    }
}

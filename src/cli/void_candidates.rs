//! `void-candidates list|confirm|keep`. The last two only say what they would do unless `--yes`.

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde::Serialize;
use sqlx::PgPool;

use super::args::{Operator, PageArgs};
use super::error::{CliError, Exit};
use super::output::{Printer, Tabular, cell};
use super::wiring;
use crate::config::Config;
use crate::store::views::Page;
use crate::store::views::void_candidates::{self, CandidateRow};

#[derive(Debug, Clone, Subcommand)]
pub enum VoidCandidatesCommand {
    /// Stale invoices with the evidence; they stay payable
    #[command(after_help = "Examples:\n  topup void-candidates list\n  \
                            topup void-candidates list --account ACC-1001 --output json")]
    List {
        /// Only this customer's
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Voids them; everything is checked again before
    #[command(after_help = "Example:\n  topup void-candidates confirm INV-1001 \
                            --operator alice --reason 'customer left' --yes")]
    Confirm {
        #[command(flatten)]
        which: Which,
        /// Why; it is kept with the invoice
        #[arg(long)]
        reason: String,
    },
    /// Takes the flag off, until a day or for ever
    #[command(after_help = "Example:\n  topup void-candidates keep INV-1001 \
                            --until 2027-01-31 --operator alice --yes")]
    Keep {
        #[command(flatten)]
        which: Which,
        /// Not flagged again before this day
        #[arg(long)]
        until: Option<NaiveDate>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct Which {
    #[arg(required = true, value_name = "INVOICE")]
    pub invoices: Vec<String>,
    #[command(flatten)]
    pub operator: Operator,
    /// Do it
    #[arg(long)]
    pub yes: bool,
}

/// What became of one invoice.
#[derive(Debug, Clone, Serialize)]
pub struct ActedRow {
    pub invoice_id: String,
    pub outcome: String,
    pub detail: Option<String>,
    #[serde(skip)]
    pub done: bool,
}

/// # Errors
/// What the database says.
pub async fn run(
    command: VoidCandidatesCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    let acted = match command {
        VoidCandidatesCommand::List { account, page } => {
            let account = account.as_deref();
            let of = async |page: Page| Ok(void_candidates::list(pool, account, &page).await?);
            printer.pages(&page, of).await?;
            return Ok(Exit::Ok);
        }
        VoidCandidatesCommand::Confirm { which, reason } => {
            wiring::confirm_candidates(pool, config, &which, &reason).await?
        }
        VoidCandidatesCommand::Keep { which, until } => {
            wiring::keep_candidates(pool, config, &which, until).await?
        }
    };
    printer.rows(&acted)?;
    Ok(if acted.iter().all(|row| row.done) { Exit::Ok } else { Exit::Failed })
}

impl Tabular for CandidateRow {
    const HEADERS: &'static [&'static str] =
        &["invoice", "customer", "due", "currency", "due date", "stale since", "flagged for"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.invoice_id.clone(),
            self.account_id.clone(),
            self.amount_due.clone(),
            self.currency.clone(),
            cell(self.due_date.as_ref()),
            self.stale_since.to_string(),
            self.flagged_at.to_string(),
        ]
    }
}

impl Tabular for ActedRow {
    const HEADERS: &'static [&'static str] = &["invoice", "outcome", "detail"];

    fn cells(&self) -> Vec<String> {
        vec![self.invoice_id.clone(), self.outcome.clone(), cell(self.detail.as_ref())]
    }
}

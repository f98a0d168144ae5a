//! `returns list|take|end`. What changes something only says what it would do unless `--yes`.

use clap::{Args, Subcommand};
use serde::Serialize;
use sqlx::PgPool;

use super::args::Operator;
use super::error::{CliError, Exit};
use super::output::{Printer, Tabular, cell};
use super::wiring::{self, ReturnAct, WhichReturn};
use crate::config::Config;
use crate::store::views::returns::{self, ParkedReturn};

#[derive(Debug, Clone, Subcommand)]
pub enum ReturnsCommand {
    /// Returns that are parked, with why, the longest parked first
    #[command(after_help = "Examples:\n  topup returns list\n  topup returns list --output json")]
    List {
        /// At most so many; without it CSV and NDJSON have all, everything else 50
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=1000))]
        limit: Option<i64>,
    },
    /// Says which payments a parked return takes: another one, or several
    #[command(after_help = "Example:\n  topup returns take DBS-1 reversal:R-7 --account ACC-1001 \
        --payment PAY-9=100.00 --fee 3.00 --operator alice --reason 'the bank told us' --yes")]
    Take(TakeArgs),
    /// Ends a parked return that takes nothing: it was settled in another way
    #[command(after_help = "Example:\n  topup returns end DBS-1 reversal:R-7 --account ACC-1001 \
        --operator alice --reason 'recorded by hand, removed' --yes")]
    End(WhichArgs),
}

#[derive(Debug, Clone, Args)]
pub struct TakeArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// A payment, with how much of it: PAYMENT=AMOUNT. Of a single one the amount may be left out
    #[arg(long = "payment", value_name = "PAYMENT", required = true)]
    pub payments: Vec<String>,
    /// What of it the bank took as its fee: the house's
    #[arg(long, value_name = "AMOUNT")]
    pub fee: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct WhichArgs {
    pub bank_account: String,
    pub bank_key: String,
    /// The customer whose money it is about
    #[arg(long)]
    pub account: String,
    #[command(flatten)]
    pub operator: Operator,
    /// Why; it is kept
    #[arg(long)]
    pub reason: String,
    /// Do it
    #[arg(long)]
    pub yes: bool,
}

/// What became of the act.
#[derive(Debug, Clone, Serialize)]
pub struct ResolvedRow {
    pub bank_account: String,
    pub bank_key: String,
    pub outcome: String,
    pub detail: Option<String>,
    #[serde(skip)]
    pub done: bool,
}

/// # Errors
/// What the database says.
pub async fn run(
    command: &ReturnsCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    let (which, act) = match command {
        ReturnsCommand::List { limit } => {
            printer.whole(returns::parked(pool, printer.wanted(*limit)).await?)?;
            return Ok(Exit::Ok);
        }
        ReturnsCommand::Take(args) => {
            let one = |text: &String| match text.split_once('=') {
                Some((payment, amount)) => (payment.to_owned(), Some(amount.to_owned())),
                None => (text.clone(), None),
            };
            let payments = args.payments.iter().map(one).collect();
            (&args.which, ReturnAct::Take { payments, fee: args.fee.clone() })
        }
        ReturnsCommand::End(which) => (which, ReturnAct::End),
    };
    let named = WhichReturn {
        account: which.account.clone(),
        bank_account: which.bank_account.clone(),
        bank_key: which.bank_key.clone(),
    };
    let said = (which.operator.operator.as_str(), which.reason.as_str());
    let row = wiring::resolve_return(pool, config, &named, &act, said, which.yes).await?;
    let exit = if row.done { Exit::Ok } else { Exit::Failed };
    printer.rows(&[row])?;
    Ok(exit)
}

impl Tabular for ResolvedRow {
    const HEADERS: &'static [&'static str] = &["bank account", "key", "outcome", "detail"];

    fn cells(&self) -> Vec<String> {
        let detail = cell(self.detail.as_ref());
        vec![self.bank_account.clone(), self.bank_key.clone(), self.outcome.clone(), detail]
    }
}

impl Tabular for ParkedReturn {
    const HEADERS: &'static [&'static str] = &[
        "bank account",
        "key",
        "amount",
        "currency",
        "booked",
        "names",
        "why",
        "looks like",
        "parked",
        "tried",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.bank_account.clone(),
            self.bank_key.clone(),
            self.amount.clone(),
            self.currency.clone(),
            self.booking_date.clone(),
            cell(self.names.as_ref()),
            self.why.clone(),
            cell(self.looks_like.as_ref()),
            self.parked_at.to_string(),
            self.tried_at.to_string(),
        ]
    }
}

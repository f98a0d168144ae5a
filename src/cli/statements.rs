//! `statements list|reset`: what the bank's statements say, and taking one back.

use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;

use super::args::Acting;
use super::error::{CliError, Exit, Result};
use super::output::write;
use super::table::table;
use super::verbs::NOT_YET;
use super::{Place, database, near};
use crate::clock::Clock;
use crate::store;
use crate::store::PgPool;
use crate::store::views::statements::{self, StatementRow};

/// Statements of one bank account and currency among which the one to take back is looked for.
const EACH_MAX: i64 = 100_000;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum StatementsCommand {
    /// The latest statements of each bank account; exits 3 when one speaks of the future
    #[command(after_help = "Example:\n  topup statements list --bank-account DBS-1")]
    List {
        /// Of this bank account of ours only
        #[arg(long, value_name = "BANK_ACCOUNT")]
        bank_account: Option<String>,
        /// So many of each account and currency
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i64).range(1..=1000))]
        each: i64,
    },
    /// Takes a statement back: it proves nothing and is no longer compared with anything; a dry
    /// run without --yes
    #[command(after_help = "Example:\n  topup statements reset DBS-1 ST-41 --operator alice \
                            --reason 'the bank wrote the year 2062' --yes")]
    Reset {
        /// The bank account of ours that it is about
        bank_account: String,
        /// The statement, as `topup statements list` names it
        statement: String,
        /// Where there is one in several currencies
        #[arg(long)]
        currency: Option<String>,
        /// Where the number was used more than once: up to when it is complete
        #[arg(long, value_name = "INSTANT")]
        complete_through: Option<DateTime<Utc>>,
        #[command(flatten)]
        operator: Acting,
        /// Why it is not to be believed
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
}

pub(super) async fn run(command: &StatementsCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
    let skew = database::skew(config);
    match command {
        StatementsCommand::List { bank_account, each } => {
            let rows = statements::latest(pool, skew, bank_account.as_deref(), *each).await?;
            let future = rows.iter().any(|row| row.in_future);
            if let Some(named) = bank_account.as_ref().filter(|_| rows.is_empty()) {
                return Err(unknown_bank_account(pool, named).await?);
            }
            printer.whole(rows)?;
            Ok(if future { Exit::Findings } else { Exit::Ok })
        }
        StatementsCommand::Reset {
            bank_account,
            statement,
            currency,
            complete_through,
            operator,
            reason,
        } => {
            let mut rows = statements::latest(pool, skew, Some(bank_account), EACH_MAX).await?;
            rows.retain(|row| {
                row.statement_id == *statement
                    && currency.as_ref().is_none_or(|currency| row.currency == *currency)
                    && complete_through.is_none_or(|through| row.through == through)
            });
            if rows.is_empty() {
                return Err(unknown_statement(pool, bank_account, statement).await?);
            }
            let [row] = rows.as_slice() else {
                return Err(not_one(&rows, bank_account, statement));
            };
            let key = (bank_account.as_str(), statement.as_str(), row.currency.as_str());
            let name = operator.checked()?;
            if operator.dry_run() {
                write(&format!(
                    "Statement {statement} of {bank_account} in {}, complete through {}, would be \
                     taken back: it would prove nothing and be compared with nothing.\n{NOT_YET}\n",
                    row.currency, row.complete_through
                ))?;
                return Ok(Exit::Ok);
            }
            let who = (name.as_str(), reason.as_str());
            let now = Clock::System.now();
            if !store::statements::reset(pool, key, row.through, who, now).await? {
                return Err(not_one(&[], bank_account, statement));
            }
            write("Taken back. When the bank sends it again, it counts again.\n")?;
            Ok(Exit::Ok)
        }
    }
}

/// The error for a bank account that no statement is of, with those that are near.
pub(super) async fn unknown_bank_account(pool: &PgPool, named: &str) -> Result<CliError> {
    let rows = statements::latest(pool, TimeDelta::zero(), None, 1).await?;
    let mut all: Vec<String> = rows.into_iter().map(|row| row.bank_account).collect();
    all.dedup();
    Ok(near::unknown_of("statement of bank account", named, all))
}

/// The error for a statement that nobody knows, with those that are near.
pub(super) async fn unknown_statement(
    pool: &PgPool,
    bank_account: &str,
    statement: &str,
) -> Result<CliError> {
    let skew = TimeDelta::zero();
    let rows = statements::latest(pool, skew, Some(bank_account), EACH_MAX).await?;
    if rows.is_empty() {
        return unknown_bank_account(pool, bank_account).await;
    }
    let mut all: Vec<String> = rows.into_iter().map(|row| row.statement_id).collect();
    all.dedup();
    Ok(near::unknown_of("statement", statement, all))
}

/// Whether a statement is there that is called so; `1@2026` is number 1 of that year.
pub(super) async fn is_known(pool: &PgPool, bank_account: &str, statement: &str) -> Result<bool> {
    let skew = TimeDelta::zero();
    let rows = statements::latest(pool, skew, Some(bank_account), EACH_MAX).await?;
    let called = |id: &str| {
        let rest = statement.strip_prefix(id);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
    };
    Ok(rows.iter().any(|row| called(&row.statement_id)))
}

fn not_one(rows: &[StatementRow], bank_account: &str, statement: &str) -> CliError {
    if rows.is_empty() {
        return CliError::not_found("statement", &format!("{statement} of {bank_account}"));
    }
    let which: Vec<String> =
        rows.iter().map(|row| format!("{} {}", row.currency, row.complete_through)).collect();
    let which = which.join(", ");
    CliError::Usage(format!("there are several: say --currency or --complete-through ({which})"))
}

// They are balances: a sum says nothing.
table!(StatementRow, no sums:
    bank_account statement_id currency opening_balance closing_balance entries complete_through
    recorded_at in_future;
    row => "bank account": row.bank_account, "statement": row.statement_id,
    "opens with": format!("{} {}", row.currency, row.opening_balance),
    "closes with": format!("{} {}", row.currency, row.closing_balance), "entries": row.entries,
    "complete through": row.complete_through, "came": row.recorded_at,
    "believed": if row.in_future { "no: it spoke of the future" } else { "yes" }.to_owned());

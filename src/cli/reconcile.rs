//! `reconcile`: what differs, with the rows that explain it; exit 3 when anything does.

use clap::Args;
use serde::Serialize;

use super::Place;
use super::args::{Since, not_after_now, since};
use super::error::{Exit, Result};
use super::output::{Output, write};
use super::statements::{is_known, unknown_statement};
use super::table::table;
use crate::clock::Clock;
use crate::store::reconcile::{self, Drift, Entry};
use crate::store::statements;

#[derive(Debug, Clone, Args)]
pub(super) struct ReconcileArgs {
    /// By what was known then: an instant, a day, or 15m, 2h, 7d ago; now, if absent
    #[arg(long, value_parser = since, value_name = "WHEN")]
    as_of: Option<Since>,
    /// Lists the recorded entries of one statement instead
    #[arg(long, value_name = "STATEMENT", requires = "bank_account")]
    statement: Option<String>,
    /// The bank account of ours that issued the statement
    #[arg(long, value_name = "BANK_ACCOUNT", requires = "statement")]
    bank_account: Option<String>,
}

pub(super) async fn run(args: &ReconcileArgs, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
    if let (Some(statement), Some(bank_account)) = (&args.statement, &args.bank_account) {
        let zone = &config.jobs.time_zone;
        let entries = reconcile::entries(pool, bank_account, statement, zone).await?;
        if entries.is_empty() && !is_known(pool, bank_account, statement).await? {
            return Err(unknown_statement(pool, bank_account, statement).await?);
        }
        printer.rows(&entries)?;
        if printer.output == Output::Table {
            let counted = entries.iter().filter(|entry| entry.counted).count();
            let left = entries.len().saturating_sub(counted);
            write(&format!("\nEntries that count: {counted}. Entries that do not: {left}.\n"))?;
        }
        return Ok(Exit::Ok);
    }
    let as_of = args.as_of.map(|as_of| as_of.instant(Clock::System));
    let as_of = not_after_now(as_of.unwrap_or_else(|| Clock::System.now()))?;
    let reconcile::Drifts { mut drifts, cut_off } =
        reconcile::find(pool, as_of, &config.jobs.time_zone).await?;
    drifts.extend(statements::of_the_future(pool, as_of).await?);
    if printer.output != Output::Table || !drifts.is_empty() {
        let rows: Vec<Row<'_>> = drifts.iter().map(Row::of).collect();
        printer.rows(&rows)?;
    }
    if printer.output == Output::Table {
        let text = match drifts.len() {
            0 => "Statements, payments, allocations, lots, ledger and balances agree.\n".to_owned(),
            count if cut_off => format!("Differences: {count}, and more.\n"),
            count => format!("Differences: {count}.\n"),
        };
        write(&text)?;
    }
    Ok(if drifts.is_empty() { Exit::Ok } else { Exit::Findings })
}

/// What differs, with the difference as it is read.
#[derive(Debug, Clone, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    drift: &'a Drift,
    /// An amount in the currency, or a number of entries.
    difference: String,
}

impl<'a> Row<'a> {
    fn of(drift: &'a Drift) -> Self {
        let difference = match drift.money() {
            Ok(Some(money)) => money.number(),
            Ok(None) | Err(_) => drift.difference.to_string(),
        };
        Self { drift, difference }
    }
}

table!(Row<'_>:
    kind key_kind of subject currency detail difference;
    row => "kind": row.drift.kind, "of": row.drift.of, "subject": row.drift.subject,
    "currency": row.drift.currency, "difference": row.difference, "detail": row.drift.detail);

table!(Entry:
    bank_key status credit_debit reversal currency amount booking_date disposition payment_id named
    counted;
    row => {
        let reversal = if row.reversal { " (reversal)" } else { "" };
    }
    "bank key": row.bank_key, "status": row.status,
    "direction": format!("{}{reversal}", row.credit_debit), "currency": row.currency,
    "amount": row.amount, "booked on": row.booking_date,
    "counted": match (row.counted, row.named) {
        (false, _) => "no".to_owned(),
        (true, true) => "it names it".to_owned(),
        (true, false) => "by its day".to_owned(),
    },
    "became": row.disposition, "payment": row.payment_id);

//! One line of CSV for each entry; the columns stay as they are.

use super::{CliError, Part};
use crate::cli::csv;
use crate::domain::money::Currency;
use crate::store::views::ledger::{Entry, Posting};
use crate::store::views::written;

const COLUMNS: [&str; 15] = [
    "posting_id",
    "line",
    "date",
    "posted_at",
    "kind",
    "ledger_account",
    "account_id",
    "currency",
    "debit",
    "credit",
    "payment_id",
    "records",
    "invoices",
    "charges",
    "refunds",
];

pub(crate) fn head(out: &mut String) -> Result<(), CliError> {
    csv::line(out, &COLUMNS.map(str::to_owned))
}

pub(crate) fn part(part: &Part, out: &mut String) -> Result<(), CliError> {
    match part {
        Part::Posting(posting) => {
            for (at, one) in posting.entries.iter().enumerate() {
                entry(posting, at, one, out)?;
            }
            Ok(())
        }
        Part::Currency { .. } | Part::Account(_) | Part::Balance(_) => Ok(()),
    }
}

fn entry(posting: &Posting, at: usize, entry: &Entry, out: &mut String) -> Result<(), CliError> {
    let currency = Currency::parse(&entry.currency).map_err(|error| CliError::failed(&error))?;
    let side = |micros: Option<i128>| {
        micros.filter(|micros| *micros > 0).map_or_else(String::new, |m| written(m, currency))
    };
    let one = |id: &Option<String>| id.clone().unwrap_or_default();
    let list = |ids: &Option<Vec<String>>| ids.iter().flatten().cloned().collect::<Vec<_>>();
    let cells: [String; COLUMNS.len()] = [
        posting.posting_id.to_string(),
        at.saturating_add(1).to_string(),
        posting.day.to_string(),
        posting.posted_at.clone(),
        posting.kind.clone(),
        entry.ledger_account.clone(),
        one(&entry.account_id),
        entry.currency.clone(),
        side(entry.micros.checked_neg()),
        side(Some(entry.micros)),
        one(&posting.payment_id),
        list(&posting.records).join(" + "),
        list(&posting.invoices).join(" + "),
        list(&posting.charges).join(" + "),
        list(&posting.refunds).join(" + "),
    ];
    csv::line(out, &cells.map(|cell| csv::cell(&cell)))
}

//! `payments split|unsplit`, and how parts are shown. Both only say what they would do unless
//! `--yes`.

use clap::Args;
use serde::Serialize;
use sqlx::PgPool;

use super::args::Operator;
use super::error::{CliError, Exit};
use super::output::{Printer, Tabular, Text, cell};
use super::wiring::{self, Share, SplitAct};
use crate::config::Config;
use crate::store::views::splits::PartRow;

#[derive(Debug, Clone, Args)]
pub struct SplitArgs {
    pub payment_id: String,
    /// What one customer gets: ACCOUNT=AMOUNT, then /INVOICE or /INVOICE=AMOUNT for each invoice
    /// that it pays at once
    #[arg(long = "part", value_name = "PART", required = true, value_parser = share)]
    pub parts: Vec<Share>,
    #[command(flatten)]
    pub how: How,
}

#[derive(Debug, Clone, Args)]
pub struct UnsplitArgs {
    pub payment_id: String,
    #[command(flatten)]
    pub how: How,
}

#[derive(Debug, Clone, Args)]
pub struct How {
    #[command(flatten)]
    pub operator: Operator,
    /// Why; it is kept with each part
    #[arg(long)]
    pub reason: String,
    /// Do it
    #[arg(long)]
    pub yes: bool,
}

/// What became of the act.
#[derive(Debug, Clone, Serialize)]
pub struct SplitRow {
    pub payment_id: String,
    pub outcome: String,
    pub detail: Option<String>,
    #[serde(skip)]
    pub done: bool,
}

/// Reads `ACC-1=60.50/INV-1001/INV-1002=10.00`. None of the signs may be in an id.
fn share(text: &str) -> Result<Share, String> {
    let expected = "expected ACCOUNT=AMOUNT, then /INVOICE or /INVOICE=AMOUNT";
    let mut words = text.split('/');
    let first = words.next().and_then(|word| word.split_once('='));
    let (account, amount) = first.ok_or(expected)?;
    let invoices = words.map(|word| match word.split_once('=') {
        Some((invoice, amount)) => (invoice.to_owned(), Some(amount.to_owned())),
        None => (word.to_owned(), None),
    });
    let invoices = invoices.collect();
    Ok(Share { account: account.to_owned(), amount: amount.to_owned(), invoices })
}

/// # Errors
/// What the database says.
pub async fn run(
    payment_id: &str,
    act: &SplitAct,
    how: &How,
    (pool, config): (&PgPool, &Config),
    printer: Printer,
) -> Result<Exit, CliError> {
    let row = wiring::split(pool, config, payment_id, act, how).await?;
    let exit = if row.done { Exit::Ok } else { Exit::Failed };
    printer.rows(&[row])?;
    Ok(exit)
}

/// The parts of a payment, or what it is a part of; nothing where it has to do with no split.
pub(super) fn parts(rows: &[PartRow], payment_id: &str, text: &mut Text) {
    match rows {
        [] => {}
        [own] if own.part_id == payment_id => {
            text.line(&format!("It is part {} of payment {}.", own.part, own.payment_id));
        }
        _ => {
            text.heading("Parts");
            text.table(rows);
        }
    }
}

/// The same in words, for the explanation of a payment.
pub(super) fn told(rows: &[PartRow], payment_id: &str) -> Vec<String> {
    let one = |row: &PartRow| {
        let why = row.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let given = format!("{} {}", row.amount, row.currency);
        let made = if row.part_id == payment_id {
            format!("A person split it off payment {} at {}{why}.", row.payment_id, row.split_at)
        } else {
            let (owner, part) = (&row.account_id, &row.part_id);
            format!("A person gave {given} of it to {owner} at {}, as {part}{why}.", row.split_at)
        };
        let Some(at) = &row.undone_at else { return made };
        let who = if row.return_id.is_some() { "The bank" } else { "A person" };
        let why = row.undone_reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{made} {who} took that back at {at}{why}.")
    };
    rows.iter().map(one).collect()
}

impl Tabular for SplitRow {
    const HEADERS: &'static [&'static str] = &["payment", "outcome", "detail"];

    fn cells(&self) -> Vec<String> {
        vec![self.payment_id.clone(), self.outcome.clone(), cell(self.detail.as_ref())]
    }
}

impl Tabular for PartRow {
    const HEADERS: &'static [&'static str] =
        &["part", "customer", "amount", "currency", "state", "split", "went back", "reason"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.part_id.clone(),
            self.account_id.clone(),
            self.amount.clone(),
            self.currency.clone(),
            self.state.clone(),
            self.split_at.to_string(),
            cell(self.undone_at.as_ref()),
            cell(self.undone_reason.as_ref().or(self.reason.as_ref())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_an_account_an_amount_and_perhaps_invoices() {
        let one = share("ACC:1=60.50/INV-1/INV-2=10").expect("a part");
        assert_eq!((one.account.as_str(), one.amount.as_str()), ("ACC:1", "60.50"));
        let pays = [("INV-1".to_owned(), None), ("INV-2".to_owned(), Some("10".to_owned()))];
        assert_eq!(one.invoices, pays);
        assert!(share("ACC=5").expect("a part").invoices.is_empty());
        for bad in ["", "ACC-1", "/INV-1"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}

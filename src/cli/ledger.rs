//! `ledger export`: the books, for a program that checks them by itself. Ids only: no name, no
//! number and no text of a payer is in them.

mod beancount;
mod entries;
mod hledger;
mod names;

use std::mem::{Discriminant, discriminant};

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand, ValueEnum};
use sqlx::PgPool;

use super::as_of::{AsOf, as_of, zone_of};
use super::error::CliError;
use super::escape;
use super::near;
use super::output::{Output, Printer, write};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::money::Currency;
use crate::store::views::ledger::{self, Part, Posting, Wanted};
use crate::store::views::near::Kind;
use crate::store::views::time::At;
use crate::store::views::written;

/// So much is written at once.
const CHUNK: usize = 64 * 1024;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LedgerCommand {
    /// All postings, with each customer's balance to check them by
    #[command(after_help = "Examples:\n  \
        topup ledger export --format beancount > books.beancount\n  \
        topup ledger export --format hledger --as-of 2026-11-30 > books.journal\n  \
        topup ledger export --format csv --account ACC-1001\n\n\
        Then, for example: bean-check books.beancount; hledger check --strict -f books.journal")]
    Export(ExportArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// The program that reads it
    #[arg(long, value_enum)]
    format: Format,
    /// What was recorded by then, whenever it was received: the end of a day, an instant, or 15m,
    /// 2h, 7d ago; all there is, if absent
    #[arg(long, value_parser = as_of, value_name = "WHEN")]
    as_of: Option<AsOf>,
    /// Only postings that touch this customer, each of them whole
    #[arg(long)]
    account: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For beancount, version 3: bean-check proves each posting and each balance.
    Beancount,
    /// For hledger: `hledger check --strict` does.
    Hledger,
    /// For spreadsheets: one line for each entry.
    Csv,
}

pub(crate) async fn run(
    command: &LedgerCommand,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<(), CliError> {
    let LedgerCommand::Export(args) = command;
    let fits = match printer.output {
        Output::Table => true,
        Output::Csv => args.format == Format::Csv,
        Output::Json | Output::Ndjson => false,
    };
    if !fits {
        let why = "what is exported has the form of --format: leave --output out";
        return Err(CliError::Usage(why.to_owned()));
    }
    let zone = &config.jobs.time_zone;
    let wanted = Wanted {
        as_of: args.as_of.map(|as_of| as_of.instant(zone)).transpose()?,
        zone: zone.clone(),
        account_id: near::filter(pool, Kind::Account, args.account.as_ref()).await?,
    };
    let mut out = printer.mark().to_owned();
    let mut file = File::new(args.format, &wanted, Clock::System.now());
    file.head(&wanted, &mut out)?;
    ledger::read(pool, &wanted, |part| {
        file.part(&part, &mut out)?;
        if out.len() >= CHUNK {
            write(&out)?;
            out.clear();
        }
        Ok(())
    })
    .await
    .and_then(|()| write(&out))
}

/// A file in the making.
struct File {
    format: Format,
    /// The last day that it is about.
    day: NaiveDate,
    last: Option<Discriminant<Part>>,
}

impl File {
    fn new(format: Format, wanted: &Wanted, now: DateTime<Utc>) -> Self {
        let until = wanted.as_of.unwrap_or(now).with_timezone(&zone_of(&wanted.zone));
        Self { format, day: until.date_naive(), last: None }
    }

    fn head(&self, wanted: &Wanted, out: &mut String) -> Result<(), CliError> {
        match self.format {
            Format::Beancount => beancount::head(&about(wanted), out),
            Format::Hledger => hledger::head(&about(wanted), out),
            Format::Csv => entries::head(out)?,
        }
        Ok(())
    }

    /// Adds one part behind those that came before.
    fn part(&mut self, part: &Part, out: &mut String) -> Result<(), CliError> {
        let kind = discriminant(part);
        let first = self.last.replace(kind) != Some(kind);
        let apart = match part {
            Part::Currency { .. } | Part::Account(_) => false,
            Part::Posting(posting) => {
                self.day = self.day.max(posting.day);
                true
            }
            Part::Balance(_) => self.format == Format::Hledger,
        };
        if (first || apart) && self.format != Format::Csv {
            out.push('\n');
        }
        match self.format {
            Format::Beancount => beancount::part(part, self.after(), out),
            Format::Hledger => hledger::part(part, self.after(), out),
            Format::Csv => entries::part(part, out),
        }
    }

    /// The day after: all that was posted comes before it.
    fn after(&self) -> NaiveDate {
        self.day.succ_opt().unwrap_or(self.day)
    }
}

/// What a journal is about, in sentences.
fn about(wanted: &Wanted) -> String {
    let what = match wanted.as_of {
        Some(at) => format!("what was recorded by {}", At(at).exact()),
        None => "all that is recorded".to_owned(),
    };
    let mut lines = vec![
        format!("The books of topup: {what}; days are those of {}.", wanted.zone),
        "A debit is positive and a credit negative: money that a customer has is negative here."
            .to_owned(),
        "At the end stands each customer's balance as topup keeps it beside the ledger.".to_owned(),
    ];
    if let Some(id) = &wanted.account_id {
        lines.push(format!(
            "Of customer {id} only: the postings that touch it, each of them whole."
        ));
    }
    lines.iter().map(|line| format!("; {}\n", escape::text(line))).collect()
}

/// An amount as journals have it: a debit is positive.
fn amount(micros: i128, code: &str) -> Result<String, CliError> {
    let currency = Currency::parse(code).map_err(|error| CliError::failed(&error))?;
    let turned = micros.checked_neg().ok_or_else(|| CliError::Failed(format!("{micros}")))?;
    Ok(format!("{} {code}", written(turned, currency)))
}

/// What a posting is, in words.
fn narration(posting: &Posting) -> String {
    escape::text(&posting.kind.replace('_', " "))
}

/// What a posting is about: names, and ids with blanks between them. What there is nothing of is
/// left out.
fn facts(posting: &Posting) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("posting", posting.posting_id.to_string()),
        ("kind", escape::text(&posting.kind)),
        ("posted", posting.posted_at.clone()),
    ];
    facts.extend(posting.payment_id.as_ref().map(|id| ("payment", escape::text(id))));
    let lists = [
        ("records", &posting.records),
        ("invoices", &posting.invoices),
        ("charges", &posting.charges),
        ("refunds", &posting.refunds),
    ];
    for (name, ids) in lists {
        facts.extend(ids.as_ref().map(|ids| (name, escape::text(&ids.join(" ")))));
    }
    facts
}

#[cfg(test)]
mod tests;

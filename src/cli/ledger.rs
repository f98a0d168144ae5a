//! `ledger export`: the books, for a program that checks them by itself. Ids only: no name, no
//! number and no text of a payer is in them.

mod names;

use std::mem::{Discriminant, discriminant};

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand, ValueEnum};

use super::args::{AsOf, as_of, zone_of};
use super::error::{CliError, Exit, Result};
use super::output::{Output, write};
use super::{Place, csv, escape, near};
use crate::clock::Clock;
use crate::domain::money::Currency;
use crate::store::views::ledger::{self, Account, Balance, Entry, Part, Posting, Wanted};
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

pub(super) async fn run(command: &LedgerCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
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
    .and_then(|()| write(&out))?;
    Ok(Exit::Ok)
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

    fn head(&self, wanted: &Wanted, out: &mut String) -> Result<()> {
        let about = about(wanted);
        let options = "option \"title\" \"topup\"\noption \"tolerance_multiplier\" \"0\"\n";
        match self.format {
            Format::Beancount => out.push_str(&format!("{about}{options}")),
            Format::Hledger => out.push_str(&format!("{about}decimal-mark .\n")),
            Format::Csv => csv::line(out, &COLUMNS.map(str::to_owned))?,
        }
        Ok(())
    }

    /// Adds one part behind those that came before.
    fn part(&mut self, part: &Part, out: &mut String) -> Result<()> {
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
            Format::Beancount => beancount(part, self.after(), out),
            Format::Hledger => hledger(part, self.after(), out),
            Format::Csv => spreadsheet(part, out),
        }
    }

    /// The day after: all that was posted comes before it.
    fn after(&self) -> NaiveDate {
        self.day.succ_opt().unwrap_or(self.day)
    }
}

/// For beancount, version 3. What it rounds by itself it must not round here: amounts are compared
/// to the last digit.
fn beancount(part: &Part, after: NaiveDate, out: &mut String) -> Result<()> {
    match part {
        Part::Currency { code } => {
            out.push_str(&format!("option \"operating_currency\" {}\n", quoted(code)));
        }
        Part::Account(Account { ledger_account, account_id, day, currencies, .. }) => {
            let name = names::account(ledger_account, account_id.as_deref())?;
            out.push_str(&format!("{day} open {name} {}\n", currencies.join(",")));
            if let Some(id) = account_id {
                out.push_str(&format!("  customer: {}\n", quoted(&escape::text(id))));
            }
        }
        Part::Posting(posting) => {
            out.push_str(&format!("{} * {}", posting.day, quoted(&narration(posting))));
            let payment = posting.payment_id.iter().map(|id| names::link("payment", id));
            let invoices = posting.invoices.iter().flatten().map(|id| names::link("invoice", id));
            payment.chain(invoices).for_each(|link| out.push_str(&format!(" ^{link}")));
            out.push('\n');
            for (name, value) in facts(posting) {
                out.push_str(&format!("  {name}: {}\n", quoted(&value)));
            }
            entries(posting, "  ", out)?;
        }
        // Without a tolerance of its own it would let a difference of a cent pass.
        Part::Balance(Balance { account_id, currency, micros }) => {
            let exact = amount(*micros, currency)?.replace(' ', " ~ 0 ");
            let name = names::customer(account_id);
            out.push_str(&format!("{after} balance {name}  {exact}\n"));
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A journal for hledger. It compares amounts to as many digits as a currency's directive has: six.
fn hledger(part: &Part, after: NaiveDate, out: &mut String) -> Result<()> {
    match part {
        Part::Currency { code } => out.push_str(&format!("commodity 1000.000000 {code}\n")),
        Part::Account(account) => {
            let name = names::account(&account.ledger_account, account.account_id.as_deref())?;
            out.push_str(&format!("account {name}"));
            if let Some(id) = &account.account_id {
                out.push_str(&format!("  ; customer:{}", tag(&escape::text(id))));
            }
            out.push('\n');
        }
        Part::Posting(posting) => {
            let Posting { day, posting_id, .. } = posting;
            out.push_str(&format!("{day} * ({posting_id}) {}\n", narration(posting)));
            for (name, text) in facts(posting) {
                out.push_str(&format!("    ; {name}:{}\n", tag(&text)));
            }
            entries(posting, "    ", out)?;
        }
        // Only an entry can say what the balance must be after it: one of nothing.
        Part::Balance(Balance { account_id, currency, micros }) => {
            let (name, stated) = (names::customer(account_id), amount(*micros, currency)?);
            let entry = format!("    {name}  0 {currency} = {stated}\n");
            out.push_str(&format!("{after} * balance\n{entry}"));
        }
    }
    Ok(())
}

/// The value of a tag, which ends where a comma stands.
fn tag(text: &str) -> String {
    text.replace('%', "%25").replace(',', "%2C")
}

fn entries(posting: &Posting, indent: &str, out: &mut String) -> Result<()> {
    for entry in &posting.entries {
        let name = names::account(&entry.ledger_account, entry.account_id.as_deref())?;
        out.push_str(&format!("{indent}{name}  {}\n", amount(entry.micros, &entry.currency)?));
    }
    Ok(())
}

/// One line of CSV for each entry; the columns stay as they are.
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

fn spreadsheet(part: &Part, out: &mut String) -> Result<()> {
    if let Part::Posting(posting) = part {
        for (number, one) in (1_usize..).zip(&posting.entries) {
            entry(posting, number, one, out)?;
        }
    }
    Ok(())
}

fn entry(posting: &Posting, number: usize, entry: &Entry, out: &mut String) -> Result<()> {
    let currency = Currency::parse(&entry.currency).map_err(|error| CliError::failed(&error))?;
    let side = |micros: Option<i128>| {
        micros.filter(|micros| *micros > 0).map_or_else(String::new, |m| written(m, currency))
    };
    let one = |id: &Option<String>| id.clone().unwrap_or_default();
    let list = |ids: &Option<Vec<String>>| ids.iter().flatten().cloned().collect::<Vec<_>>();
    let cells: [String; COLUMNS.len()] = [
        posting.posting_id.to_string(),
        number.to_string(),
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
fn amount(micros: i128, code: &str) -> Result<String> {
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

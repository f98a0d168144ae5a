//! Printing: tables for people, JSON for programs, CSV for spreadsheets. Everything that is
//! printed passes here, where hostile characters are escaped. One write per command, so that a
//! pipe may close at any time.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stdout};

use clap::ValueEnum;
use serde::Serialize;

use super::columns::{self, Fields};
use super::error::CliError;
use super::grid::{self, Grid};
use super::table::Tabular;
use super::totals::{Totals, WithTotals, have_money};
use super::{csv, escape, fit};
use crate::store::views::{Listed, Looked, Privacy};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// One JSON document; a list is `{"items": […], "next": …}`.
    Json,
    /// One JSON document per line; a list is one line per item.
    Ndjson,
    /// A header and one line per item, for lists only.
    Csv,
}

/// Whether escape codes may be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// Columns of numbers stand at the right.
const NUMBERS: [&str; 25] = [
    "amount",
    "due",
    "due before",
    "due after",
    "balance",
    "limit",
    "gives",
    "difference",
    "unallocated",
    "unallocated after",
    "remaining",
    "held",
    "reversed",
    "clawed back",
    "unspent",
    "returns",
    "letters",
    "payments",
    "commands",
    "accounts",
    "total",
    "lag",
    "offset",
    "partition",
    "attempts",
];

/// Text is never made narrower than this.
const NARROWEST: usize = 20;

/// How the commands print.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    pub output: Output,
    pub privacy: Privacy,
    bold: bool,
    /// Columns of the terminal; none when the output goes elsewhere.
    width: Option<usize>,
    /// Whether CSV begins with a UTF-8 mark.
    bom: bool,
}

/// Rows of a list that is read at once: for programs, and for people.
const ALL_ROWS: i64 = 1_000_000;
const SOME_ROWS: i64 = 50;

impl Printer {
    pub fn new(output: Output, unmasked: bool, color: Color) -> Self {
        let unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
        let width = terminal_size::terminal_size_of(stdout());
        let width = width.map(|(width, _)| usize::from(width.0)).filter(|_| is_terminal());
        Self {
            output,
            privacy: if unmasked { Privacy::Full } else { Privacy::Masked },
            bold: match color {
                Color::Auto => is_terminal() && unset("NO_COLOR") && !is_dumb(),
                Color::Always => true,
                Color::Never => false,
            },
            width,
            bom: false,
        }
    }

    /// With a UTF-8 mark in front of CSV.
    pub fn with_mark(self, bom: bool) -> Self {
        Self { bom, ..self }
    }

    /// What CSV begins with.
    pub(super) fn mark(&self) -> &'static str {
        if self.bom { "\u{feff}" } else { "" }
    }

    /// A page of a list. For people the cursor of the next page stands below, and the sums.
    pub fn list<T: Tabular + Serialize>(&self, listed: &Listed<T>) -> Result<(), CliError> {
        let mut totals = Totals::default();
        let rows = of_rows(&listed.items)?;
        if T::SUMS && have_money(&rows) {
            totals.add(&rows);
        }
        let whole = listed.next.is_none();
        match self.output {
            Output::Json => {
                write(&document(&WithTotals { list: listed, totals: totals.all() }, true)?)
            }
            Output::Ndjson => {
                self.lines(&listed.items, listed.next.as_deref())?;
                tell_totals(&totals, whole);
                tell_looked(listed.looked.as_ref());
                Ok(())
            }
            Output::Csv => {
                write(&format!("{}{}", self.mark(), csv::document::<T>(&rows)?))?;
                tell_totals(&totals, whole);
                tell_next(listed.next.as_deref());
                tell_looked(listed.looked.as_ref());
                Ok(())
            }
            Output::Table => {
                let mut text = self.text();
                text.table(&listed.items);
                let lines = totals.lines(whole);
                if !lines.is_empty() {
                    text.line("");
                }
                lines.iter().for_each(|line| text.line(line));
                if listed.next.is_some() || listed.looked.is_some() {
                    text.line("");
                }
                if let Some(looked) = &listed.looked {
                    text.line(&looked.sentence());
                }
                if let Some(next) = &listed.next {
                    text.line(&format!("There are more: --after '{next}'"));
                }
                text.print()
            }
        }
    }

    /// How many rows of a short list are read: programs get all of them.
    pub fn wanted(&self, limit: Option<i64>) -> i64 {
        let all = matches!(self.output, Output::Csv | Output::Ndjson);
        limit.unwrap_or(if all { ALL_ROWS } else { SOME_ROWS })
    }

    /// A list that is whole: as one with pages, whose last page it is.
    pub fn whole<T: Tabular + Serialize>(&self, items: Vec<T>) -> Result<(), CliError> {
        self.list(&Listed { items, next: None, looked: None })
    }

    /// Rows of an answer that is no list.
    pub fn rows<T: Tabular + Serialize>(&self, rows: &[T]) -> Result<(), CliError> {
        match self.output {
            Output::Json => write(&document(&rows, true)?),
            Output::Ndjson => self.lines(rows, None),
            Output::Csv => {
                write(&format!("{}{}", self.mark(), csv::document::<T>(&of_rows(rows)?)?))
            }
            Output::Table => {
                let mut text = self.text();
                text.table(rows);
                text.print()
            }
        }
    }

    /// Several things: for people each as `human` writes it, else as rows.
    pub fn each<T: Tabular + Serialize>(
        &self,
        rows: &[T],
        human: impl Fn(&T, &mut Text),
    ) -> Result<(), CliError> {
        match self.output {
            Output::Table => self.one(&rows, |text| rows.iter().for_each(|row| human(row, text))),
            Output::Json | Output::Ndjson | Output::Csv => self.rows(rows),
        }
    }

    /// One thing: as JSON, or as `human` writes it.
    pub fn one<T: Serialize>(
        &self,
        value: &T,
        human: impl FnOnce(&mut Text),
    ) -> Result<(), CliError> {
        match self.output {
            Output::Json => write(&document(value, true)?),
            Output::Ndjson => write(&document(value, false)?),
            Output::Csv => Err(CliError::Usage(
                "csv is for lists; for one thing use --output json or table".to_owned(),
            )),
            Output::Table => {
                let mut text = self.text();
                human(&mut text);
                text.print()
            }
        }
    }

    fn text(&self) -> Text {
        Text { out: String::new(), bold: self.bold, width: self.width }
    }

    fn lines<T: Serialize>(&self, rows: &[T], next: Option<&str>) -> Result<(), CliError> {
        let mut out = String::new();
        for row in rows {
            out.push_str(&document(row, false)?);
        }
        write(&out)?;
        tell_next(next);
        Ok(())
    }
}

pub(super) fn of_rows<T: Serialize>(rows: &[T]) -> Result<Vec<Fields>, CliError> {
    rows.iter().map(columns::fields).collect()
}

/// Not among the items either.
pub(super) fn tell_totals(totals: &Totals, whole: bool) {
    for line in totals.lines(whole) {
        eprintln!("{}", escape::text(&line));
    }
}

/// Not among the items: a reader of lines must not take it for one.
fn tell_next(next: Option<&str>) {
    if let Some(next) = next {
        eprintln!("there are more: --after '{}'", escape::text(next));
    }
}

fn tell_looked(looked: Option<&Looked>) {
    if let Some(looked) = looked {
        eprintln!("{}", escape::text(&looked.sentence()));
    }
}

/// Whether standard output is a terminal.
pub(super) fn is_terminal() -> bool {
    stdout().is_terminal()
}

/// A terminal that understands no escape codes.
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn document<T: Serialize>(value: &T, pretty: bool) -> Result<String, CliError> {
    let written =
        if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    let text = written?;
    Ok(escape::json(&text) + "\n")
}

/// Writes finished text to standard output.
pub(super) fn write(text: &str) -> Result<(), CliError> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// Text for people. Each method escapes what it is given.
pub struct Text {
    out: String,
    bold: bool,
    width: Option<usize>,
}

impl Text {
    /// A sentence; on a terminal it goes on in the next line, below its beginning.
    pub fn line(&mut self, line: &str) {
        let line = escape::text(line);
        let line = line.trim_end();
        let Some(width) = self.width.filter(|width| grid::width(line) > *width) else {
            self.out.push_str(line);
            self.out.push('\n');
            return;
        };
        let indent = line.chars().take_while(|c| *c == ' ').count();
        self.wrapped(&line.chars().skip(indent).collect::<String>(), indent, indent, width);
    }

    /// The text in lines of the terminal, the first one after `first` blanks, the others after
    /// `rest`.
    fn wrapped(&mut self, text: &str, first: usize, rest: usize, width: usize) {
        let room = width.saturating_sub(rest.max(first)).max(NARROWEST);
        for (at, part) in grid::wrap(text, room).into_iter().enumerate() {
            let blank = " ".repeat(if at == 0 { first } else { rest });
            // Writing to a String cannot fail.
            let _ = writeln!(self.out, "{}", format!("{blank}{part}").trim_end());
        }
    }

    pub fn heading(&mut self, heading: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let heading = escape::text(heading);
        let lines = match self.width {
            Some(width) => grid::wrap(&heading, width.max(NARROWEST)),
            None => vec![heading],
        };
        for line in lines {
            // Writing to a String cannot fail.
            let _ = if self.bold {
                writeln!(self.out, "\u{1b}[1m{line}\u{1b}[0m")
            } else {
                writeln!(self.out, "{line}")
            };
        }
    }

    /// Names and values, one pair per line; a value that is not there is left out.
    pub fn fields(&mut self, fields: &[(&str, Option<String>)]) {
        let width = fields
            .iter()
            .filter(|(_, value)| value.is_some())
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        for (name, value) in fields {
            let Some(value) = value else { continue };
            let value = escape::text(value);
            let lines = match self.width {
                Some(columns) => {
                    grid::pair(&format!("  {name}"), &value, width.saturating_add(4), columns)
                }
                None => vec![format!("  {name:width$}  {value}").trim_end().to_owned()],
            };
            for line in lines {
                // Writing to a String cannot fail.
                let _ = writeln!(self.out, "{line}");
            }
        }
    }

    pub fn section<T: Tabular>(&mut self, heading: &str, rows: &[T]) {
        self.heading(heading);
        self.table(rows);
    }

    /// The same where there are rows.
    pub fn section_of_any<T: Tabular>(&mut self, heading: &str, rows: &[T]) {
        if !rows.is_empty() {
            self.section(heading, rows);
        }
    }

    pub fn table<T: Tabular>(&mut self, rows: &[T]) {
        if rows.is_empty() {
            self.line("(none)");
            return;
        }
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.cells().iter().map(|cell| escape::text(cell)).collect())
            .collect();
        let (lines, header) = drawn(T::HEADERS, cells, self.width);
        for (at, line) in lines.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = if at == 0 && self.bold && header {
                writeln!(self.out, "\u{1b}[1m{line}\u{1b}[0m")
            } else {
                writeln!(self.out, "{line}")
            };
        }
    }

    fn print(self) -> Result<(), CliError> {
        write(&self.out)
    }
}

/// A table as it fits into the terminal, and whether its first line is the header.
pub(super) fn drawn(
    headers: &[&str],
    mut cells: Vec<Vec<String>>,
    width: Option<usize>,
) -> (Vec<String>, bool) {
    let whole = cells.clone();
    if let Some(width) = width {
        fit::shrink(headers, &mut cells, width);
    }
    let right: Vec<bool> = headers.iter().map(|header| NUMBERS.contains(header)).collect();
    let grid = Grid { headers, rows: &cells, right: &right };
    // What is too wide for columns would be broken by the terminal, in the middle of words.
    match width.filter(|width| grid.width() > *width) {
        // There each text has a line of its own, and room for all of it.
        Some(width) => (Grid { rows: &whole, ..grid }.records(width), false),
        None => (grid.lines(), true),
    }
}

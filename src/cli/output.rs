//! Printing: tables for people, JSON for programs, CSV for spreadsheets. Everything that is
//! printed passes here, where hostile characters are escaped. One write per command, so that a
//! pipe may close at any time.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stdout};

use clap::ValueEnum;
use serde::Serialize;

use super::columns::{self, Fields};
use super::error::{CliError, Result};
use super::grid::{self, Grid};
use super::table::{Listable, Tabular};
use super::totals::{Totals, WithTotals, have_money};
use super::{csv, escape, fit};
use crate::store::views::{Listed, Privacy};

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
    pub fn new(output: Output, unmasked: bool, color: Color, bom: bool) -> Self {
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
            bom,
        }
    }

    /// What CSV begins with.
    pub(super) fn mark(&self) -> &'static str {
        if self.bom { "\u{feff}" } else { "" }
    }

    /// A page of a list. For people the cursor of the next page stands below, and the sums.
    pub fn list<T: Listable>(&self, listed: &Listed<T>) -> Result<()> {
        let mut totals = Totals::default();
        let rows = of_rows(&listed.items)?;
        if T::SUMS && have_money(&rows) {
            totals.add(&rows);
        }
        let lines = totals.lines(listed.next.is_none());
        match self.output {
            Output::Json => {
                return write(&document(&WithTotals { list: listed, totals: totals.all() }, true)?);
            }
            Output::Table => {
                let mut text = self.text();
                text.table(&listed.items);
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
                return text.print();
            }
            Output::Ndjson => {
                self.lines(&listed.items)?;
                tell_next(listed.next.as_deref());
                tell(&lines);
            }
            Output::Csv => {
                self.csv::<T>(&rows)?;
                tell(&lines);
                tell_next(listed.next.as_deref());
            }
        }
        listed.looked.iter().for_each(|looked| tell(&[looked.sentence()]));
        Ok(())
    }

    /// How many rows of a short list are read: programs get all of them.
    pub fn wanted(&self, limit: Option<i64>) -> i64 {
        let all = matches!(self.output, Output::Csv | Output::Ndjson);
        limit.unwrap_or(if all { ALL_ROWS } else { SOME_ROWS })
    }

    /// A list that is whole: as one with pages, whose last page it is.
    pub fn whole<T: Listable>(&self, items: Vec<T>) -> Result<()> {
        self.list(&Listed { items, next: None, looked: None })
    }

    /// Rows of an answer that is no list.
    pub fn rows<T: Listable>(&self, rows: &[T]) -> Result<()> {
        match self.output {
            Output::Json => write(&document(&rows, true)?),
            Output::Ndjson => self.lines(rows),
            Output::Csv => self.csv::<T>(&of_rows(rows)?),
            Output::Table => {
                let mut text = self.text();
                text.table(rows);
                text.print()
            }
        }
    }

    /// Several things: for people each as `human` writes it, else as rows.
    pub fn each<T: Listable>(&self, rows: &[T], human: impl Fn(&T, &mut Text)) -> Result<()> {
        match self.output {
            Output::Table => self.one(&rows, |text| rows.iter().for_each(|row| human(row, text))),
            Output::Json | Output::Ndjson | Output::Csv => self.rows(rows),
        }
    }

    /// One thing: as JSON, or as `human` writes it.
    pub fn one<T: Serialize>(&self, value: &T, human: impl FnOnce(&mut Text)) -> Result<()> {
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

    fn lines<T: Serialize>(&self, rows: &[T]) -> Result<()> {
        write(&rows.iter().map(|row| document(row, false)).collect::<Result<String>>()?)
    }

    /// The header, and the first rows.
    pub(super) fn csv<T: Listable>(&self, rows: &[Fields]) -> Result<()> {
        write(&format!("{}{}", self.mark(), csv::document::<T>(rows)?))
    }
}

pub(super) fn of_rows<T: Serialize>(rows: &[T]) -> Result<Vec<Fields>> {
    rows.iter().map(columns::fields).collect()
}

/// Not among the items: a reader of lines must not take it for one.
pub(super) fn tell(lines: &[String]) {
    lines.iter().for_each(|line| eprintln!("{}", escape::text(line)));
}

fn tell_next(next: Option<&str>) {
    next.iter().for_each(|next| tell(&[format!("there are more: --after '{next}'")]));
}

/// Whether standard output is a terminal.
pub(super) fn is_terminal() -> bool {
    stdout().is_terminal()
}

/// A terminal that understands no escape codes.
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn document<T: Serialize>(value: &T, pretty: bool) -> Result<String> {
    let written =
        if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    Ok(escape::json(&written?) + "\n")
}

/// Writes finished text to standard output.
pub(super) fn write(text: &str) -> Result<()> {
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
    /// A line that is finished; a header is bold where that may be.
    fn push(&mut self, line: &str, header: bool) {
        let (on, off) = if header && self.bold { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "{on}{line}{off}");
    }

    /// A sentence; on a terminal it goes on in the next line, below its beginning.
    pub fn line(&mut self, line: &str) {
        let line = escape::text(line);
        let line = line.trim_end();
        let Some(width) = self.width.filter(|width| grid::width(line) > *width) else {
            return self.push(line, false);
        };
        let text = line.trim_start_matches(' ');
        let blank = " ".repeat(line.len().saturating_sub(text.len()));
        let room = width.saturating_sub(blank.len()).max(grid::NARROWEST);
        for part in grid::wrap(text, room) {
            self.push(format!("{blank}{part}").trim_end(), false);
        }
    }

    pub fn heading(&mut self, heading: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let heading = escape::text(heading);
        let lines = match self.width {
            Some(width) => grid::wrap(&heading, width.max(grid::NARROWEST)),
            None => vec![heading],
        };
        lines.iter().for_each(|line| self.push(line, true));
    }

    /// Names and values, one pair per line; a value that is not there is left out.
    pub fn fields(&mut self, fields: &[(&str, Option<String>)]) {
        let there = || fields.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let width = there().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in there() {
            let value = escape::text(value);
            let lines = match self.width {
                Some(columns) => {
                    grid::pair(&format!("  {name}"), &value, width.saturating_add(4), columns)
                }
                None => vec![format!("  {name:width$}  {value}").trim_end().to_owned()],
            };
            lines.iter().for_each(|line| self.push(line, false));
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
        let cells = |row: &T| row.cells().iter().map(|cell| escape::text(cell)).collect();
        let (lines, header) = drawn(T::HEADERS, rows.iter().map(cells).collect(), self.width);
        lines.iter().enumerate().for_each(|(at, line)| self.push(line, header && at == 0));
    }

    fn print(self) -> Result<()> {
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

//! Printing: tables for people, JSON for programs, CSV for spreadsheets. Everything that is
//! printed passes here, where hostile characters are escaped. One write per command, so that a
//! pipe may close at any time.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stdout};

use clap::ValueEnum;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::error::CliError;
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

/// A row of a table.
pub trait Tabular {
    const HEADERS: &'static [&'static str];
    fn cells(&self) -> Vec<String>;
}

/// Columns of numbers stand at the right.
const NUMBERS: [&str; 20] = [
    "amount",
    "due",
    "balance",
    "limit",
    "unallocated",
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
}

impl Printer {
    #[must_use]
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
        }
    }

    /// A page of a list. For people the cursor of the next page stands below.
    ///
    /// # Errors
    /// [`CliError::Output`].
    pub fn list<T: Tabular + Serialize>(&self, listed: &Listed<T>) -> Result<(), CliError> {
        match self.output {
            Output::Json => write(&document(listed, true)?),
            Output::Ndjson => {
                self.lines(&listed.items, listed.next.as_deref())?;
                tell_looked(listed.looked.as_ref());
                Ok(())
            }
            Output::Csv => {
                write(&csv::document(&listed.items)?)?;
                tell_next(listed.next.as_deref());
                tell_looked(listed.looked.as_ref());
                Ok(())
            }
            Output::Table => {
                let mut text = self.text();
                text.table(&listed.items);
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

    /// A list that has no pages.
    ///
    /// # Errors
    /// [`CliError::Output`].
    pub fn rows<T: Tabular + Serialize>(&self, rows: &[T]) -> Result<(), CliError> {
        match self.output {
            Output::Json => write(&document(&rows, true)?),
            Output::Ndjson => self.lines(rows, None),
            Output::Csv => write(&csv::document(rows)?),
            Output::Table => {
                let mut text = self.text();
                text.table(rows);
                text.print()
            }
        }
    }

    /// One thing: as JSON, or as `human` writes it.
    ///
    /// # Errors
    /// [`CliError::Output`].
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
#[must_use]
pub fn is_terminal() -> bool {
    stdout().is_terminal()
}

/// A terminal that understands no escape codes.
#[must_use]
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn document<T: Serialize>(value: &T, pretty: bool) -> Result<String, CliError> {
    let written =
        if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    let text = written.map_err(|error| CliError::failed(&error))?;
    Ok(escape::json(&text) + "\n")
}

/// Writes finished text to standard output.
///
/// # Errors
/// [`CliError::Output`]; a closed pipe is one too and ends the command quietly.
pub fn write(text: &str) -> Result<(), CliError> {
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
    pub fn line(&mut self, line: &str) {
        self.out.push_str(escape::text(line).trim_end());
        self.out.push('\n');
    }

    pub fn heading(&mut self, heading: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let heading = escape::text(heading);
        // Writing to a String cannot fail.
        let _ = if self.bold {
            writeln!(self.out, "\u{1b}[1m{heading}\u{1b}[0m")
        } else {
            writeln!(self.out, "{heading}")
        };
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
            if let Some(value) = value {
                self.line(&format!("  {name:width$}  {value}"));
            }
        }
    }

    pub fn table<T: Tabular>(&mut self, rows: &[T]) {
        if rows.is_empty() {
            self.line("(none)");
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if self.bold {
            table.enforce_styling();
        }
        table.set_header(T::HEADERS.iter().map(|header| {
            let cell = Cell::new(header);
            if self.bold { cell.add_attribute(Attribute::Bold) } else { cell }
        }));
        let mut cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.cells().iter().map(|cell| escape::text(cell)).collect())
            .collect();
        if let Some(width) = self.width {
            fit::shrink(T::HEADERS, &mut cells, width);
        }
        for row in cells {
            table.add_row(row);
        }
        for (index, header) in T::HEADERS.iter().enumerate() {
            if let Some(column) = table.column_mut(index)
                && NUMBERS.contains(header)
            {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.out.push_str(&table.trim_fmt());
        self.out.push('\n');
    }

    fn print(self) -> Result<(), CliError> {
        write(&self.out)
    }
}

/// A cell for something that may be missing.
#[must_use]
pub fn cell<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "-".to_owned(), ToString::to_string)
}

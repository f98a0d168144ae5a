//! A list that is printed page by page while it is found, with its sums at the end: in memory is
//! never more than a page.

use serde::Serialize;

use super::args::PageArgs;
use super::columns::{self, Fields};
use super::error::CliError;
use super::output::{Output, Printer, of_rows, tell_totals, write};
use super::table::Tabular;
use super::totals::Totals;
use super::{csv, escape};
use crate::store::views::{Listed, Page};

/// Rows that are read at once of a list without end.
const STREAMED: i64 = 1_000;

impl Printer {
    /// A list, page by page: CSV and NDJSON have all of it unless somebody says how many rows; in
    /// memory is never more than a page. Whether nothing was found, from the start of the list on.
    pub async fn pages<T: Tabular + Serialize>(
        &self,
        args: &PageArgs,
        mut page_of: impl AsyncFnMut(Page) -> Result<Listed<T>, CliError>,
    ) -> Result<bool, CliError> {
        let all = matches!(self.output, Output::Csv | Output::Ndjson) && args.limit.is_none();
        if !all {
            let listed = page_of(args.page()).await?;
            self.list(&listed)?;
            let whole = args.after.is_none() && listed.next.is_none();
            return Ok(whole && listed.items.is_empty());
        }
        let mut stream = Stream::new(*self);
        let mut totals = Totals::default();
        let mut page = Page { limit: STREAMED, ..args.page() };
        loop {
            let listed = page_of(page.clone()).await?;
            if T::SUMS {
                totals.add(&of_rows(&listed.items)?);
            }
            stream.rows(&listed.items)?;
            match listed.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        if stream.is_empty() && self.output == Output::Csv {
            write(&format!("{}{}", self.mark(), csv::document::<T>(&[])?))?;
        }
        tell_totals(&totals, true);
        Ok(args.after.is_none() && stream.is_empty())
    }
}

pub(super) struct Stream {
    printer: Printer,
    began: bool,
    /// The columns of CSV: those of the first rows.
    names: Vec<String>,
}

impl Stream {
    pub(super) fn new(printer: Printer) -> Self {
        Self { printer, began: false, names: Vec::new() }
    }

    /// Whether nothing was printed.
    pub(super) fn is_empty(&self) -> bool {
        !self.began
    }

    /// Prints some rows.
    pub(super) fn rows<T: Tabular + Serialize>(&mut self, rows: &[T]) -> Result<(), CliError> {
        if rows.is_empty() {
            return Ok(());
        }
        match self.printer.output {
            Output::Table | Output::Ndjson => self.printer.rows(rows)?,
            Output::Csv => {
                let fields: Vec<Fields> =
                    rows.iter().map(columns::fields).collect::<Result<_, _>>()?;
                if self.began {
                    write(&csv::body(&fields, &self.names)?)?;
                } else {
                    self.names = columns::names(&fields);
                    write(&format!("{}{}", self.printer.mark(), csv::document::<T>(&fields)?))?;
                }
            }
            Output::Json => self.json(rows)?,
        }
        self.began = true;
        Ok(())
    }

    fn json<T: Serialize>(&self, rows: &[T]) -> Result<(), CliError> {
        let mut out = String::new();
        for (index, row) in rows.iter().enumerate() {
            out.push_str(match (self.began, index) {
                (false, 0) => "{\"items\": [\n",
                _ => ",\n",
            });
            out.push_str(&line(row)?);
        }
        write(&out)
    }

    /// Prints the sums: in JSON beside the items, else as sentences; where a program reads lines,
    /// they go to standard error.
    pub(super) fn end<T: Tabular + Serialize, S: Serialize>(
        &self,
        sums: &S,
        sentences: &[String],
    ) -> Result<(), CliError> {
        let text: String =
            sentences.iter().map(|sentence| format!("{}\n", escape::text(sentence))).collect();
        match self.printer.output {
            Output::Json => {
                let open = if self.began { "" } else { "{\"items\": [" };
                write(&format!("{open}\n], \"totals\": {}}}\n", line(sums)?))
            }
            Output::Table => {
                if !self.began {
                    self.printer.rows::<T>(&[])?;
                }
                write(&format!("\n{text}"))
            }
            Output::Csv | Output::Ndjson => {
                if !self.began && self.printer.output == Output::Csv {
                    self.printer.rows::<T>(&[])?;
                }
                eprint!("{text}");
                Ok(())
            }
        }
    }
}

fn line<T: Serialize>(value: &T) -> Result<String, CliError> {
    let text = serde_json::to_string(value)?;
    Ok(escape::json(&text))
}

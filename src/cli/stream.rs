//! A list that is printed page by page while it is found, with its sums at the end: in memory is
//! never more than a page.

use serde::Serialize;

use super::args::PageArgs;
use super::error::Result;
use super::output::{Output, Printer, of_rows, tell, write};
use super::table::Listable;
use super::totals::Totals;
use super::{columns, csv, escape};
use crate::store::views::{Listed, Page};

/// Rows that are read at once of a list without end.
const STREAMED: i64 = 1_000;

impl Printer {
    /// A list, page by page: CSV and NDJSON have all of it unless somebody says how many rows; in
    /// memory is never more than a page. Whether nothing was found, from the start of the list on.
    pub async fn pages<T: Listable>(
        &self,
        args: &PageArgs,
        mut page_of: impl AsyncFnMut(Page) -> Result<Listed<T>>,
    ) -> Result<bool> {
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
            self.csv::<T>(&[])?;
        }
        tell(&totals.lines(true));
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
    pub(super) fn rows<T: Listable>(&mut self, rows: &[T]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match self.printer.output {
            Output::Table | Output::Ndjson => self.printer.rows(rows)?,
            Output::Csv => {
                let fields = of_rows(rows)?;
                if self.began {
                    write(&csv::body(&fields, &self.names)?)?;
                } else {
                    self.names = columns::names(&fields);
                    self.printer.csv::<T>(&fields)?;
                }
            }
            Output::Json => self.json(rows)?,
        }
        self.began = true;
        Ok(())
    }

    fn json<T: Serialize>(&self, rows: &[T]) -> Result<()> {
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
    pub(super) fn end<T: Listable, S: Serialize>(
        &self,
        sums: &S,
        sentences: &[String],
    ) -> Result<()> {
        if !self.began && self.printer.output != Output::Json {
            self.printer.rows::<T>(&[])?;
        }
        match self.printer.output {
            Output::Json => {
                let open = if self.began { "" } else { "{\"items\": [" };
                write(&format!("{open}\n], \"totals\": {}}}\n", line(sums)?))
            }
            Output::Table => {
                let lines = sentences.iter().map(|line| format!("\n{}", escape::text(line)));
                write(&format!("{}\n", lines.collect::<String>()))
            }
            Output::Csv | Output::Ndjson => {
                tell(sentences);
                Ok(())
            }
        }
    }
}

fn line<T: Serialize>(value: &T) -> Result<String> {
    let text = serde_json::to_string(value)?;
    Ok(escape::json(&text))
}

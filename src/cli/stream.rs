//! A list that is printed page by page while it is found, with its sums at the end: in memory is
//! never more than a page.

use serde::Serialize;

use super::error::CliError;
use super::output::{Output, Printer, Tabular, write};
use super::{csv, escape};

pub struct Stream {
    printer: Printer,
    /// Rows that were printed.
    printed: u64,
    began: bool,
}

impl Stream {
    #[must_use]
    pub fn new(printer: Printer) -> Self {
        Self { printer, printed: 0, began: false }
    }

    /// Prints some rows.
    ///
    /// # Errors
    /// [`CliError::Output`].
    pub fn rows<T: Tabular + Serialize>(&mut self, rows: &[T]) -> Result<(), CliError> {
        if rows.is_empty() {
            return Ok(());
        }
        match self.printer.output {
            Output::Table | Output::Ndjson => self.printer.rows(rows)?,
            Output::Csv => {
                let document = csv::document(rows)?;
                let body = document.split_once("\r\n").map_or("", |(_, body)| body);
                write(if self.began { body } else { &document })?;
            }
            Output::Json => self.json(rows)?,
        }
        self.began = true;
        self.printed = self.printed.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
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
    ///
    /// # Errors
    /// [`CliError::Output`].
    pub fn end<T: Tabular + Serialize, S: Serialize>(
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
    let text = serde_json::to_string(value).map_err(|error| CliError::failed(&error))?;
    Ok(escape::json(&text))
}

//! A list that is printed page by page while it is found, with its sums at the end: in memory is
//! never more than a page.

use serde::Serialize;

use super::columns::{self, Fields};
use super::error::CliError;
use super::output::{Output, Printer, Tabular, write};
use super::{csv, escape};

pub struct Stream {
    printer: Printer,
    began: bool,
    /// The columns of CSV: those of the first rows.
    names: Vec<String>,
}

impl Stream {
    #[must_use]
    pub fn new(printer: Printer) -> Self {
        Self { printer, began: false, names: Vec::new() }
    }

    /// Whether nothing was printed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.began
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

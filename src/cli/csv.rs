//! CSV as in RFC 4180: a header, CRLF, quotes where they are needed.
//!
//! Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, and many cells
//! hold text of strangers. Such a cell gets an apostrophe in front, unless it is a number.

use super::error::CliError;
use super::escape;
use super::output::Tabular;

/// # Errors
/// [`CliError::Failed`]; writing to memory cannot fail in practice.
pub fn document<T: Tabular>(rows: &[T]) -> Result<String, CliError> {
    let mut builder = ::csv::WriterBuilder::new();
    let mut writer = builder.terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(T::HEADERS).map_err(|error| CliError::failed(&error))?;
    for row in rows {
        let cells = row.cells();
        let written = writer.write_record(cells.iter().map(|text| cell(text)));
        written.map_err(|error| CliError::failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| CliError::failed(&error))?;
    String::from_utf8(bytes).map_err(|error| CliError::failed(&error))
}

/// What stands in the file for a cell of a table.
fn cell(text: &str) -> String {
    // A dash tells a person that there is nothing; a program reads an empty cell better.
    if text == "-" {
        return String::new();
    }
    let text = escape::text(text);
    if text.starts_with(['=', '+', '-', '@']) && !is_number(&text) {
        return format!("'{text}");
    }
    text
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    all(whole) && all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row(&'static str, &'static str);

    impl Tabular for Row {
        const HEADERS: &'static [&'static str] = &["name", "amount"];

        fn cells(&self) -> Vec<String> {
            vec![self.0.to_owned(), self.1.to_owned()]
        }
    }

    #[test]
    fn cells_are_quoted_as_the_standard_says() {
        let text = document(&[Row("a, \"b\"", "1.00"), Row("-", "-2.50")]).expect("CSV");
        assert_eq!(text, "name,amount\r\n\"a, \"\"b\"\"\",1.00\r\n,-2.50\r\n");
    }

    #[test]
    fn text_is_never_a_formula_and_amounts_stay_numbers() {
        for hostile in ["=1+1", "+65 1234", "-2+3", "@SUM(A1)", "--1", "-1.2.3"] {
            assert_eq!(cell(hostile), format!("'{hostile}"));
        }
        // A control character in front is escaped, so that it cannot hide the sign.
        assert_eq!(cell("\t=1"), "\\t=1");
        for number in ["-5.00", "-1", "0", "12.345678"] {
            assert_eq!(cell(number), number);
        }
    }

    /// What a payer wrote is shown, as text, in the file, in the table and in JSON: it steers
    /// neither a spreadsheet nor a terminal.
    #[test]
    fn edge_70_a_payers_text_steers_no_spreadsheet_and_no_terminal() {
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        let hostile = "\u{1b}[2J\r\n1,PAID";
        assert_eq!(escape::text(hostile), "\\u{1b}[2J\\r\\n1,PAID");
        let file = document(&[Row("\u{1b}[2J\r\n1,PAID", "1.00")]).expect("CSV");
        assert_eq!(file, "name,amount\r\n\"\\u{1b}[2J\\r\\n1,PAID\",1.00\r\n");
        assert_eq!(escape::json("\"\u{9b}31m\""), "\"\\u009b31m\"");
    }

    #[test]
    fn a_list_without_items_still_has_its_header() {
        assert_eq!(document::<Row>(&[]).expect("CSV"), "name,amount\r\n");
    }
}

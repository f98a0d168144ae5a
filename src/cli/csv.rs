//! CSV as in RFC 4180: a header, CRLF, quotes where they are needed.
//!
//! Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, and many cells
//! hold text of strangers. Such a cell gets an apostrophe in front, unless it is a number.

use serde_json::Value;

use super::columns::{self, Fields};
use super::error::{CliError, Result};
use super::escape;
use super::table::Listable;

/// What a formula begins with, in its wide forms too.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The header has the names that the fields have in JSON, also where there are no rows.
pub(super) fn document<T: Listable>(rows: &[Fields]) -> Result<String> {
    let names = match rows {
        [] => T::FIELDS.iter().map(|name| (*name).to_owned()).collect(),
        rows => columns::names(rows),
    };
    let known = |name: &String| T::FIELDS.contains(&name.as_str());
    debug_assert!(names.iter().all(known), "{names:?} are not {:?}", T::FIELDS);
    let mut out = String::new();
    line(&mut out, &names)?;
    out.push_str(&body(rows, &names)?);
    Ok(out)
}

/// The lines of more rows, without a header.
pub(super) fn body(rows: &[Fields], names: &[String]) -> Result<String> {
    let mut out = String::new();
    for row in rows {
        let value = |name: &String| {
            let found = row.iter().find(|(field, _)| field == name);
            found.map_or_else(String::new, |(_, value)| of_value(value))
        };
        line(&mut out, &names.iter().map(value).collect::<Vec<_>>())?;
    }
    Ok(out)
}

/// One line of cells that are finished.
pub(crate) fn line(out: &mut String, cells: &[String]) -> Result<()> {
    let mut builder = ::csv::WriterBuilder::new();
    let mut writer = builder.terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells).map_err(|error| CliError::failed(&error))?;
    let bytes = writer.into_inner().map_err(|error| CliError::failed(&error))?;
    out.push_str(&String::from_utf8(bytes).map_err(|error| CliError::failed(&error))?);
    Ok(())
}

fn of_value(value: &Value) -> String {
    match value {
        // It is a number for a spreadsheet too.
        Value::Number(_) | Value::Bool(_) | Value::Null => columns::text(value),
        Value::String(_) | Value::Array(_) | Value::Object(_) => cell(&columns::text(value)),
    }
}

/// What stands in the file for a text.
pub(crate) fn cell(text: &str) -> String {
    let text = escape::text(text);
    if text.trim_start().starts_with(FORMULA) && !is_number(&text) {
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
    use crate::cli::table::table;

    #[derive(serde::Serialize)]
    struct Row {
        name: &'static str,
        amount: &'static str,
        closed_at: Option<&'static str>,
    }

    table!(Row: name amount closed_at; row => "name": row.name, "payer's amount": row.amount);

    fn written(rows: &[(&'static str, &'static str)]) -> String {
        let row =
            |(name, amount): &(&'static str, &'static str)| Row { name, amount, closed_at: None };
        let rows: Vec<Fields> =
            rows.iter().map(|one| columns::fields(&row(one)).expect("an object")).collect();
        document::<Row>(&rows).expect("CSV")
    }

    #[test]
    fn cells_are_quoted_as_the_standard_says_and_named_as_in_json() {
        let text = written(&[("a, \"b\"", "1.00"), ("-", "-2.50")]);
        let expected = "name,amount,closed_at\r\n\"a, \"\"b\"\"\",1.00,\r\n'-,-2.50,\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn text_is_never_a_formula_and_amounts_stay_numbers() {
        for hostile in
            ["=1+1", "+65 1234", "-2+3", "@SUM(A1)", "--1", "-1.2.3", " =1", "＝1+1", "-"]
        {
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
        let file = written(&[("\u{1b}[2J\r\n1,PAID", "1.00")]);
        let expected = "name,amount,closed_at\r\n\"\\u{1b}[2J\\r\\n1,PAID\",1.00,\r\n";
        assert_eq!(file, expected);
        assert_eq!(escape::json("\"\u{9b}31m\""), "\"\\u009b31m\"");
    }

    #[test]
    fn a_list_without_items_still_has_its_header() {
        assert_eq!(document::<Row>(&[]).expect("CSV"), "name,amount,closed_at\r\n");
    }
}

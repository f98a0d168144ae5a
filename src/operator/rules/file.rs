//! Rule sets as TOML files.

use std::path::Path;

use config::{File, FileFormat, Source, Value, ValueKind};
use serde_json::Value as Tree;
use thiserror::Error;

use crate::domain::matching::RuleSet;
use crate::rules::{Problem, rule_set};

/// Larger is the wrong file.
const BYTES_MAX: u64 = 1_048_576;
const COMMENT_MAX: usize = 200;

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    pub rules: RuleSet,
    /// What its author says of it; no part of the rules.
    pub comment: Option<String>,
}

#[derive(Debug, Error)]
pub enum FileError {
    #[error("the rules cannot be read: {0}")]
    Unreadable(String),
    #[error("the rules are not usable:{}", list(.0))]
    Invalid(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}

/// Reads and checks a file.
///
/// # Errors
/// [`FileError`] names everything that is wrong.
pub fn read(path: &Path) -> Result<RuleFile, FileError> {
    let unreadable = |error: String| FileError::Unreadable(format!("{}: {error}", path.display()));
    let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if length > BYTES_MAX {
        return Err(unreadable(format!("{length} bytes, at most {BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    parse(&text).map_err(|error| match error {
        FileError::Unreadable(why) => unreadable(why),
        FileError::Invalid(problems) => FileError::Invalid(problems),
    })
}

pub(super) fn parse(text: &str) -> Result<RuleFile, FileError> {
    let table = File::from_str(text, FileFormat::Toml)
        .collect()
        .map_err(|error| FileError::Unreadable(error.to_string()))?;
    let mut tree: serde_json::Map<String, Tree> =
        table.into_iter().map(|(key, value)| (key, tree_of(value))).collect();
    let comment = tree.remove("comment");
    let mut problems = Vec::new();
    let comment = comment.and_then(|comment| match comment {
        Tree::String(text) if text.chars().count() <= COMMENT_MAX => Some(text),
        _ => {
            let sentence = format!("is no text of at most {COMMENT_MAX} characters");
            problems.push(Problem { code: "not_text", place: "comment".to_owned(), sentence });
            None
        }
    });
    match rule_set(&Tree::Object(tree)) {
        Ok(rules) if problems.is_empty() => return Ok(RuleFile { rules, comment }),
        Ok(_) => {}
        Err(more) => problems.extend(more),
    }
    Err(FileError::Invalid(problems))
}

/// A number stays a number, to be refused with its place: amounts are text.
fn tree_of(value: Value) -> Tree {
    match value.kind {
        ValueKind::Nil => Tree::Null,
        ValueKind::Boolean(flag) => Tree::Bool(flag),
        ValueKind::I64(number) => Tree::from(number),
        ValueKind::U64(number) => Tree::from(number),
        ValueKind::I128(number) => Tree::from(number.to_string()),
        ValueKind::U128(number) => Tree::from(number.to_string()),
        ValueKind::Float(number) => Tree::from(number),
        ValueKind::String(text) => Tree::String(text),
        ValueKind::Table(table) => {
            Tree::Object(table.into_iter().map(|(key, value)| (key, tree_of(value))).collect())
        }
        ValueKind::Array(values) => Tree::Array(values.into_iter().map(tree_of).collect()),
    }
}

#[cfg(test)]
mod tests;

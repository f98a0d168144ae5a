//! Rule sets as they are stored, and what a rule set may say.
//!
//! A file is TOML; what is stored is JSON in one form only. Both become one tree of values, and
//! one strict reading makes a [`RuleSet`] of it: an unknown key, a number where an amount should be
//! or a currency that does not exist is refused with its place.

mod content;
mod stored;

pub(crate) use content::rule_set;
pub use content::{hash, to_content};
pub use stored::{active, stored};

use thiserror::Error;

use crate::domain::matching::RuleSet;

/// What is wrong at one place of a rule set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: `{place}` {sentence}")]
pub struct Problem {
    pub code: &'static str,
    /// The path of keys, such as `accounts.ACME.partial`.
    pub place: String,
    pub sentence: String,
}

/// Reads stored content. Version 0 says nothing: the configuration counts then.
///
/// # Errors
/// What this version of the program does not understand of it.
pub fn from_content(text: &str) -> Result<RuleSet, Vec<Problem>> {
    let tree = serde_json::from_str(text).map_err(|error| {
        vec![Problem {
            code: "unreadable",
            place: "content".to_owned(),
            sentence: format!("is not JSON: {error}"),
        }]
    })?;
    rule_set(&tree)
}

//! Rule sets as people write them and as they are stored: reading, checking, activating.
//!
//! A file is TOML; what is stored is JSON in one form only. Both become one tree of values, and
//! one strict reading makes a [`RuleSet`] of it: an unknown key, a number where an amount should be
//! or a currency that does not exist is refused with its place.

mod activate;
mod content;
mod file;

pub use activate::{Activated, Request, activate, active, stored};
pub use content::{hash, to_content};
pub use file::{FileError, RuleFile, read};

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
    content::rule_set(&tree)
}

//! How a command ends: the exit codes are a contract (0 ok, 1 error, 2 usage, 3 findings,
//! 4 the command waits).

use std::error::Error;
use std::process::ExitCode;

use thiserror::Error;

use crate::config::ConfigError;
use crate::store::StoreError;
use crate::store::error::denied;
use crate::telemetry::chain;

/// What a part of the command line answers, or why it could not.
pub(super) type Result<T, E = CliError> = std::result::Result<T, E>;

/// Codes of what the command line refuses, in `docs/ERRORS.md`.
pub const CODES: [&str; 19] = [
    crate::masked::CODE,
    "patch_unfit",
    "no_record",
    "empty_selection",
    "forget_unsettled",
    "letter_forgotten",
    "bank_facts_meant",
    "topic_missing",
    "no_outcome_yet",
    "unread_before",
    "database_away",
    "database_refused",
    "database_untrusted",
    "database_pin_not_alone",
    "database_read_only",
    "database_denied",
    "database_settings_dropped",
    "database_pooler_migrates_not",
    "not_migrated",
];

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok,
    /// The work was done and found something wrong (`doctor`).
    Failed,
    /// There are findings (`audit`).
    Findings,
    /// A command waits: nothing is changed yet.
    Waiting,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0_u8,
            Exit::Failed => 1,
            Exit::Findings => 3,
            Exit::Waiting => 4,
        })
    }
}

/// Why a command could not do its work.
#[derive(Debug, Error)]
pub enum CliError {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the database refused")]
    Database(#[source] crate::store::DatabaseError),
    #[error("there is no {kind} `{id}`{}", either(.near))]
    NotFound { kind: &'static str, id: String, near: Vec<String> },
    /// The chain of a part that this module does not know, on one line.
    #[error("{0}")]
    Failed(String),
    #[error("the output cannot be written")]
    Output(#[source] std::io::Error),
}

/// Errors of other parts, each with its whole chain.
macro_rules! failed {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::failed(&error)
            }
        })*
    };
}
failed!(
    crate::app::AppError,
    crate::demo::DemoError,
    crate::kafka::KafkaError,
    crate::schedule::ScheduleError,
    crate::store::reach::Unreachable,
    serde_json::Error,
);

impl From<crate::store::DatabaseError> for CliError {
    fn from(error: crate::store::DatabaseError) -> Self {
        denied(&error).map_or_else(|| Self::Database(error), Self::Failed)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let why = if let StoreError::Database(error) = &error { denied(error) } else { None };
        why.map_or_else(|| Self::failed(&error), Self::Failed)
    }
}

impl CliError {
    pub fn failed(error: &dyn Error) -> Self {
        Self::Failed(chain(error))
    }

    pub fn not_found(kind: &'static str, id: &str) -> Self {
        let id = id.to_owned();
        Self::NotFound { kind, id, near: Vec::new() }
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) | Self::Config(_) => 2_u8,
            // The reader has gone away, as `head` does: that is no failure.
            Self::Output(_) if self.is_silent() => 0,
            Self::Database(_) | Self::NotFound { .. } | Self::Failed(_) | Self::Output(_) => 1,
        })
    }

    /// Whether there is anything to tell.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// The ids that may be meant: `a` or `b`.
fn either(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = near.iter().map(|id| format!("`{id}`")).collect();
    format!("; did you mean {}?", quoted.join(" or "))
}

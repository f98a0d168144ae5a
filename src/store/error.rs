//! What a database error means for the record that met it: decided by SQLSTATE and constraint
//! name, never by message text.

use thiserror::Error;

use crate::domain::rejection::DeadLetterReason;
use crate::domain::working_set::{BEYOND_LIMIT, Stop};

#[derive(Debug, Error)]
pub enum StoreError {
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    #[error("the migrations failed")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Text of another encoding would be cut or changed.
    #[error("the database keeps text as {0}: create it with ENCODING 'UTF8'")]
    NotUtf8(String),
    /// Another worker owns this partition now.
    #[error("this worker's lease of the partition has ended")]
    Fenced,
    /// A row changed although its account was locked, or an id was taken meanwhile.
    #[error("rows changed under the batch: {0}")]
    Raced(&'static str),
    /// A later version of this program wrote it: an earlier one must not guess.
    #[error("a later version of this program wrote what is stored: {0}")]
    Unreadable(&'static str),
    /// The active rule set is of a later version: no record can be decided until this program is
    /// updated, and none is to blame.
    #[error("the active rule set is of a later version of this program")]
    RulesTooNew,
    /// The batch would take more locks than one transaction should: it is to be halved.
    #[error("the batch names too many words that no invoice has yet")]
    TooWide,
    /// Data contradicts its own rules.
    #[error("the data contradicts its rules: {0}")]
    Corrupt(&'static str),
}

/// What the role of a connection may not do, in a sentence with its code.
pub fn denied(error: &sqlx::Error) -> Option<String> {
    let sqlx::Error::Database(error) = error else { return None };
    let why = (error.code()? == "42501").then(|| error.message())?;
    Some(format!("database_denied: the role of this connection may not do that: {why}"))
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Try the same batch again, without limit: nothing is wrong with the records.
    Retry,
    /// Not known: try a few times, then as `Bisect`.
    Suspect,
    /// One of the records causes it: find out which.
    Bisect,
    /// A record meets a row that only a later version can read: neither is at fault. The others
    /// go on without it.
    Unread,
    /// The lane is not ours any more.
    Abandon,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Stop> for StoreError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Corrupt(what) => Self::Corrupt(what),
            Stop::Miss(_) => Self::Corrupt("the working set still lacks something"),
        }
    }
}

impl StoreError {
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Database(_) if self.is_unreadable() => Disposition::Unread,
            Self::Database(error) => database_disposition(error),
            Self::Migration(_) | Self::NotUtf8(_) | Self::RulesTooNew => Disposition::Retry,
            Self::Unreadable(_) => Disposition::Unread,
            // Another lane was faster: the next attempt sees what it did.
            Self::Raced(_) => Disposition::Suspect,
            Self::Fenced => Disposition::Abandon,
            Self::Corrupt(_) | Self::TooWide => Disposition::Bisect,
        }
    }

    /// Whether another writer was faster: the next attempt reads what it wrote.
    pub fn is_race(&self) -> bool {
        match self {
            Self::Raced(_) => true,
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code == "23505")
            }
            Self::Database(_)
            | Self::Migration(_)
            | Self::NotUtf8(_)
            | Self::Fenced
            | Self::TooWide
            | Self::RulesTooNew
            | Self::Unreadable(_)
            | Self::Corrupt(_) => false,
        }
    }

    /// Whether a row has what only a later version of this program can read: a word, or a value of
    /// another form.
    pub fn is_unreadable(&self) -> bool {
        match self {
            Self::Unreadable(_) => true,
            Self::Database(error) => {
                matches!(error, sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. })
            }
            Self::Migration(_)
            | Self::NotUtf8(_)
            | Self::Fenced
            | Self::Raced(_)
            | Self::TooWide
            | Self::RulesTooNew
            | Self::Corrupt(_) => false,
        }
    }

    /// Whether it was cut off by a time limit, of a statement or of what we do between two (25P03):
    /// each further attempt may take as long.
    pub fn is_cut_off(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error))
            if error.code().is_some_and(|code| matches!(&*code, "57014" | "25P03")))
    }

    /// Whether somebody had what was asked for, and it was not waited for: a lock's time was over,
    /// or two waited for each other.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error))
            if error.code().is_some_and(|code| matches!(&*code, "55P03" | "40P01")))
    }

    /// Whether the server had not enough of something, or took too long.
    pub fn is_shortage(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error))
            if error.code().is_some_and(|code| code == "57014" || code.starts_with("53")))
    }

    /// The kind of what passes, for counting.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or_default();
                match code.as_ref() {
                    "40P01" => "deadlock",
                    "40001" | "55P03" => "lock",
                    "23505" => "race",
                    // The server goes, starts, or takes no more.
                    "57P01" | "57P02" | "57P03" | "53300" => "connection",
                    code if code.starts_with("08") => "connection",
                    _ => "other",
                }
            }
            Self::Database(
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed,
            ) => "connection",
            Self::Raced(_) => "race",
            Self::Database(_)
            | Self::Migration(_)
            | Self::NotUtf8(_)
            | Self::Fenced
            | Self::Unreadable(_)
            | Self::RulesTooNew
            | Self::TooWide
            | Self::Corrupt(_) => "other",
        }
    }

    /// What failed, in a word or two and without data: the server's code and the constraint.
    pub fn code(&self) -> String {
        let code = match self {
            Self::Database(sqlx::Error::Database(error)) => {
                let constraint = error.constraint().unwrap_or_default();
                format!("{} {constraint}", error.code().unwrap_or_default())
            }
            Self::Database(_) if self.is_unreadable() => "unreadable".to_owned(),
            Self::Database(_) => "database".to_owned(),
            Self::Migration(_) | Self::NotUtf8(_) | Self::RulesTooNew => "migration".to_owned(),
            Self::Fenced => "fenced".to_owned(),
            Self::Raced(_) => "raced".to_owned(),
            Self::Unreadable(_) => "unreadable".to_owned(),
            Self::TooWide => "too_wide".to_owned(),
            Self::Corrupt(_) => "corrupt".to_owned(),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ' ';
        code.trim().chars().filter(|c| plain(*c)).take(100).collect()
    }

    /// What a record is told that is refused by itself.
    pub fn reason(&self) -> DeadLetterReason {
        let too_large = match self {
            Self::Corrupt(what) => *what == BEYOND_LIMIT,
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code == "22003")
            }
            Self::Database(_)
            | Self::Migration(_)
            | Self::NotUtf8(_)
            | Self::Fenced
            | Self::Raced(_)
            | Self::Unreadable(_)
            | Self::RulesTooNew
            | Self::TooWide => false,
        };
        if too_large {
            DeadLetterReason::BalanceBeyondLimit
        } else {
            DeadLetterReason::Unprocessable
        }
    }

    /// Whether the server answered, so that another item may well succeed.
    pub fn is_answered(&self) -> bool {
        let unanswered =
            matches!(self, Self::Database(error) if !matches!(error, sqlx::Error::Database(_)));
        !unanswered || self.is_unreadable()
    }

    /// Whether any other item would meet it too: the deployment is at fault.
    pub fn is_everyones(&self) -> bool {
        matches!(self, Self::RulesTooNew | Self::Migration(_) | Self::NotUtf8(_))
    }

    /// The name of the constraint that refused, if one did.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.constraint(),
            Self::Database(_)
            | Self::Migration(_)
            | Self::NotUtf8(_)
            | Self::Fenced
            | Self::Raced(_)
            | Self::TooWide
            | Self::RulesTooNew
            | Self::Unreadable(_)
            | Self::Corrupt(_) => None,
        }
    }
}

fn database_disposition(error: &sqlx::Error) -> Disposition {
    let sqlx::Error::Database(error) = error else {
        return match error {
            // A value that cannot be encoded is the record's fault.
            sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => Disposition::Bisect,
            _ => Disposition::Retry,
        };
    };
    let code = error.code().unwrap_or_default();
    match code.as_ref() {
        // Unique violations are races between lanes on ids: the next attempt sees the row.
        // A lasting one is its record's: halving finds it, and alone it has few attempts.
        "23505" => Disposition::Bisect,
        // Serialization failure, deadlock, lock not available, disk full, too many connections.
        "40001" | "40P01" | "55P03" | "53100" | "53300" => Disposition::Retry,
        // Out of memory or of locks, or cut off by its time limit: perhaps by what the batch is.
        "53200" | "57014" => Disposition::Suspect,
        // Permission, missing table, read-only: the deployment's fault, not the record's.
        // So is a statement that was prepared before a column got another type.
        "42501" | "42P01" | "42703" | "25006" | "3D000" | "28000" | "28P01" | "0A000" => {
            Disposition::Retry
        }
        code if code.starts_with("08") || code.starts_with("57") || code.starts_with("58") => {
            Disposition::Retry
        }
        code if code.starts_with("22") || code.starts_with("23") => Disposition::Bisect,
        _ => Disposition::Suspect,
    }
}

//! Storing a rule set and making it the active one.

use chrono::{DateTime, Utc};

use super::file::RuleFile;
use crate::rules::{hash, to_content};
use crate::store::PgPool;
use crate::store::rule_sets::{self as stored_sets, By};
use crate::store::{StoreError, Tx};

/// What to make active.
#[derive(Debug, Clone)]
pub enum Request {
    /// What a file says; the same policies again are the version that they are stored as.
    File(Box<RuleFile>),
    /// A version that is stored; 0 is the configuration.
    Version(i32),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activated {
    /// It is the active one now, or would be.
    Done {
        version: i32,
        /// It was stored for this.
        new: bool,
        before: i32,
    },
    /// It was already.
    Unchanged { version: i32 },
    /// There is no such version.
    Unknown,
}

/// Does it, or with `dry_run` says what would become of it and changes nothing. Of two at the
/// same moment one waits for the other.
pub async fn activate(
    pool: &PgPool,
    request: &Request,
    (operator, reason): (&str, Option<&str>),
    at: DateTime<Utc>,
    dry_run: bool,
) -> Result<Activated, StoreError> {
    let mut tx = pool.begin().await?;
    let activated = in_tx(&mut tx, request, reason, By { operator, at }).await?;
    match activated {
        Activated::Done { .. } if !dry_run => tx.commit().await?,
        Activated::Done { .. } | Activated::Unchanged { .. } | Activated::Unknown => {
            tx.rollback().await?;
        }
    }
    Ok(activated)
}

async fn in_tx(
    tx: &mut Tx<'_>,
    request: &Request,
    reason: Option<&str>,
    by: By<'_>,
) -> Result<Activated, StoreError> {
    stored_sets::lock_in_tx(tx).await?;
    let before = stored_sets::active(tx).await?;
    let (version, new) = match request {
        Request::Version(version) => {
            if stored_sets::content(tx, *version).await?.is_none() {
                return Ok(Activated::Unknown);
            }
            (*version, false)
        }
        Request::File(file) => {
            let content = to_content(&file.rules);
            let hash = hash(&content);
            match stored_sets::known_in_tx(tx, &hash).await? {
                Some(version) => (version, false),
                None => {
                    let comment = file.comment.as_deref();
                    (stored_sets::insert_in_tx(tx, &content, &hash, comment, by).await?, true)
                }
            }
        }
    };
    if version == before {
        return Ok(Activated::Unchanged { version });
    }
    stored_sets::activate_in_tx(tx, version, reason, by).await?;
    Ok(Activated::Done { version, new, before })
}

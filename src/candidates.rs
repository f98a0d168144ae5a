//! Whether a void candidate may be confirmed or kept. The act itself is the ordinary command: it is
//! published like one that came from upstream. Before it everything that made the invoice a
//! candidate is checked again; what happens after that, the command's own `candidate_since` minds.

use chrono::{DateTime, Utc};

use crate::jobs::JobSettings;
use crate::jobs::flag_void_candidates::rules;
use crate::pipeline::Pipeline;
use crate::store::StoreError;
use crate::store::void_candidates::{self as stored, Live};

/// What is to become of a void candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Void it.
    Confirm,
    /// Take its flag off.
    Keep,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A void candidate of this customer, flagged for this instant.
    Candidate { account_id: String, since: DateTime<Utc> },
    /// It is not, or not any more, a void candidate.
    NotACandidate,
    /// It is flagged, but what made it a candidate does not hold any more.
    NotStale,
    /// Nobody knows whether money for it has arrived.
    FeedBehind(String),
}

/// Looks at an invoice, and changes nothing.
pub async fn look(
    pipeline: &Pipeline,
    settings: &JobSettings,
    invoice_id: &str,
    act: Act,
) -> Result<Found, StoreError> {
    let at = pipeline.clock().now();
    let mut tx = pipeline.pool().begin().await?;
    let Some(Live { account_id, since }) = stored::live_in_tx(&mut tx, invoice_id).await? else {
        return Ok(Found::NotACandidate);
    };
    if act == Act::Confirm {
        let rules = match rules(pipeline, settings, at).await? {
            Ok(rules) => rules,
            Err(why) => return Ok(Found::FeedBehind(why)),
        };
        if !stored::holds_in_tx(&mut tx, invoice_id, &account_id, &rules).await? {
            return Ok(Found::NotStale);
        }
    }
    tx.rollback().await?;
    Ok(Found::Candidate { account_id, since })
}

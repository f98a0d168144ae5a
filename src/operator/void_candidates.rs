//! Whether a void candidate may be confirmed or kept. The act itself is the ordinary command: it is
//! published like one that came from upstream. Before it everything that made the invoice a
//! candidate is checked again; what happens after that, the command's own `candidate_since` minds.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::domain::void_candidate::Facts;
use crate::jobs::JobSettings;
use crate::jobs::flag_void_candidates::rules;
use crate::pipeline::Pipeline;
use crate::store::void_candidates as stored;
use crate::store::{StoreError, load};

/// What is to become of a void candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Void it.
    Confirm,
    /// Take its flag off.
    Keep,
}

impl Word {
    pub fn kind(self) -> &'static str {
        match self {
            Self::Confirm => "topup.invoice.void.v1",
            Self::Keep => "topup.invoice.keep.v1",
        }
    }
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidacy {
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
    word: Word,
) -> Result<Candidacy, StoreError> {
    let at = pipeline.clock().now();
    let mut tx = pipeline.pool().begin_deciding().await?;
    let known = stored::facts(&mut tx, &[invoice_id]).await?.pop();
    let Some((owner, since)) = known.and_then(|one| Some((one.account_id, one.candidate_since?)))
    else {
        return Ok(Candidacy::NotACandidate);
    };
    let account_id = owner.to_string();
    if word == Word::Confirm {
        let rules = match rules(pipeline, settings, at).await? {
            Ok(given) => given.rules,
            Err(why) => return Ok(Candidacy::FeedBehind(why)),
        };
        load::told_in_tx(&mut tx, &[account_id.clone()].into(), &BTreeSet::new()).await?;
        let locked = stored::facts(&mut tx, &[invoice_id]).await?.pop();
        let holds =
            |one: Facts| one.candidate_since.is_some() && one.is_stale(&rules) == Some(true);
        if !locked.is_some_and(holds) {
            return Ok(Candidacy::NotStale);
        }
    }
    tx.rollback().await?;
    Ok(Candidacy::Candidate { account_id, since })
}

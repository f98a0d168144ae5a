//! What an operator says of a suggestion: confirm or reject. A dry run unless told.
//!
//! Each act is the ordinary command, decided and written like one that came from upstream, under
//! an id of its own: the same effects, the same events, and a place in the inbox.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use crate::pipeline::Pipeline;
use crate::pipeline::batch::{Item, run_in_tx};
use crate::store::load::Locks;
use crate::store::persist::RawRecordRow;
use crate::store::review::{Named, named_in_tx};
use crate::store::{StoreError, next_id_block};
use crate::wire::{RawRecord, Topic, decode};

/// The `source` of operators' acts.
const SOURCE: &str = crate::domain::ids::own_source::OPERATOR;
/// A reason has at most so many characters (contract §2).
const REASON_MAX: usize = 200;

/// What to say of a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Confirm,
    Reject,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    Done,
    Unknown,
    /// The command was refused, with this code.
    Refused(String),
}

impl Acted {
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unknown => "unknown",
            Self::Refused(_) => "refused",
        }
    }

    /// The code of the refusal.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Refused(code) => Some(code),
            Self::Done | Self::Unknown => None,
        }
    }
}

/// Does it, or with `dry_run` says what would become of it and changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn act(
    pipeline: &Pipeline,
    suggestion_id: &str,
    act: Act,
    (operator, reason): (&str, Option<&str>),
    dry_run: bool,
) -> Result<Acted, StoreError> {
    let at = pipeline.clock().now();
    let mut tx = pipeline.pool().begin().await?;
    let Some(named) = named_in_tx(&mut tx, suggestion_id).await? else {
        return Ok(Acted::Unknown);
    };
    let said = reason.map(|reason| format!("by {operator}: {reason}"));
    let said = said.unwrap_or_else(|| format!("by {operator}"));
    let item = item(pipeline, suggestion_id, &named, act, &said, at);
    let block = next_id_block(&mut tx).await?;
    let batch = std::slice::from_ref(&item);
    let written = run_in_tx(pipeline, &mut tx, batch, block, Locks::First, at).await?;
    let ended = written.ended.into_iter().next();
    let ended = ended.ok_or(StoreError::Corrupt("a record without an outcome"))?;
    let acted = match ended.outcome {
        "applied" => Acted::Done,
        outcome => Acted::Refused(ended.code.unwrap_or_else(|| outcome.to_owned())),
    };
    if dry_run || acted != Acted::Done {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok(acted)
}

/// The act as a command of the topic of commands; partition −1 is no place in any log.
fn item(
    pipeline: &Pipeline,
    suggestion_id: &str,
    named: &Named,
    act: Act,
    said: &str,
    at: DateTime<Utc>,
) -> Item {
    let (kind, word) = match act {
        Act::Confirm => ("topup.match.confirm.v1", "confirm"),
        Act::Reject => ("topup.match.reject.v1", "reject"),
    };
    let reason: String = said.chars().take(REASON_MAX).collect();
    let value = json!({
        "specversion": "1.0",
        // The same act on the same suggestion is a duplicate.
        "id": format!("{word}:{suggestion_id}"),
        "source": SOURCE,
        "type": kind,
        "time": at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "data": {
            "payment_id": named.payment_id,
            "suggestion_id": suggestion_id,
            "account_id": named.account_id,
            "reason": reason,
        },
    });
    let value = value.to_string().into_bytes();
    let topic = Topic::Commands;
    let decoded = decode(&RawRecord { topic, key: None, value: Some(&value), headers: &[] });
    let raw = RawRecordRow {
        topic: pipeline.settings().topics.commands.clone(),
        partition: -1,
        offset: named.decision_id,
        timestamp: Some(at),
        key: None,
        value: Some(value),
        headers: "[]".to_owned(),
    };
    Item { raw, decoded, again: false }
}

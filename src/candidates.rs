//! What an operator does with void candidates: confirm (void) or keep. A dry run unless told.
//!
//! Each act is the ordinary command, decided and written like one that came from upstream, under
//! an id of its own: so it has the same effects, the same events, and a place in the inbox that
//! says who did it. Before a void everything that made the invoice a candidate is checked again,
//! in the same transaction and under the lock of its account.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::domain::effect::Ending;
use crate::domain::ids::{MessageId, is_id};
use crate::jobs::JobSettings;
use crate::jobs::flag_void_candidates::rules;
use crate::pipeline::Pipeline;
use crate::pipeline::batch::{Item, run_in_tx};
use crate::store::load::Locks;
use crate::store::persist::RawRecordRow;
use crate::store::void_candidates::{self as stored, Rules};
use crate::store::{StoreError, next_id_block};
use crate::wire::{RawRecord, Topic, decode};

/// The `source` of operators' acts.
const SOURCE: &str = crate::domain::ids::own_source::OPERATOR;
/// A void's reason has at most so many characters (contract §2).
const REASON_MAX: usize = 200;

/// What to do with a void candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Void it.
    Confirm { reason: String },
    /// Never flag it again before that day; without one, never at all.
    Keep { until: Option<NaiveDate> },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    Done,
    /// It is not, or not any more, a void candidate.
    NotACandidate,
    /// It is flagged, but what made it a candidate does not hold any more.
    NotStale,
    /// Nobody knows whether money for it has arrived.
    FeedBehind(String),
    /// The command was refused, with this code.
    Refused(String),
}

impl Acted {
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotACandidate => "not_a_candidate",
            Self::NotStale => "not_stale",
            Self::FeedBehind(_) => "feed_behind",
            Self::Refused(_) => "refused",
        }
    }

    /// The code of the refusal, or why the feed is behind.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::FeedBehind(detail) | Self::Refused(detail) => Some(detail),
            Self::Done | Self::NotACandidate | Self::NotStale => None,
        }
    }
}

/// Does it, or with `dry_run` says what would become of it and changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn act(
    pipeline: &Pipeline,
    settings: &JobSettings,
    invoice_id: &str,
    act: &Act,
    operator: &str,
    dry_run: bool,
) -> Result<Acted, StoreError> {
    let at = pipeline.clock().now();
    let rules = match act {
        Act::Confirm { .. } => match rules(pipeline, settings, at).await? {
            Ok(rules) => Some(rules),
            Err(why) => return Ok(Acted::FeedBehind(why)),
        },
        Act::Keep { .. } => None,
    };
    let mut tx = pipeline.pool().begin().await?;
    let acted = in_tx(pipeline, &mut tx, invoice_id, act, operator, rules.as_ref(), at).await?;
    if dry_run || acted != Acted::Done {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok(acted)
}

async fn in_tx(
    pipeline: &Pipeline,
    tx: &mut crate::store::Tx<'_>,
    invoice_id: &str,
    act: &Act,
    operator: &str,
    rules: Option<&Rules>,
    at: DateTime<Utc>,
) -> Result<Acted, StoreError> {
    let Some((account_id, episode)) = stored::live_in_tx(tx, invoice_id).await? else {
        return Ok(Acted::NotACandidate);
    };
    if let Some(rules) = rules
        && !stored::holds_in_tx(tx, invoice_id, &account_id, rules).await?
    {
        return Ok(Acted::NotStale);
    }
    let item = item(pipeline, invoice_id, &account_id, episode, act, operator, at);
    let block = next_id_block(tx).await?;
    let batch = std::slice::from_ref(&item);
    let written = run_in_tx(pipeline, tx, batch, block, Locks::First, at).await?;
    let ended = written.ended.into_iter().next();
    let ended = ended.ok_or(StoreError::Corrupt("a record without an outcome"))?;
    Ok(if ended.outcome == Ending::Applied {
        Acted::Done
    } else {
        Acted::Refused(ended.code.unwrap_or_default())
    })
}

/// The act as a command of the topic of commands; partition −1 is no place in any log.
fn item(
    pipeline: &Pipeline,
    invoice_id: &str,
    account_id: &str,
    episode: i32,
    act: &Act,
    operator: &str,
    at: DateTime<Utc>,
) -> Item {
    let (kind, mut data) = match act {
        Act::Confirm { reason } => {
            let reason: String =
                format!("confirmed by {operator}: {reason}").chars().take(REASON_MAX).collect();
            ("topup.invoice.void.v1", json!({ "reason": reason }))
        }
        Act::Keep { until: Some(until) } => {
            ("topup.invoice.keep.v1", json!({ "until": until.to_string() }))
        }
        Act::Keep { until: None } => ("topup.invoice.keep.v1", json!({})),
    };
    if let Value::Object(fields) = &mut data {
        fields.insert("invoice_id".to_owned(), json!(invoice_id));
        fields.insert("account_id".to_owned(), json!(account_id));
    }
    let value = json!({
        "specversion": "1.0",
        "id": id_of(kind, invoice_id, episode).as_str(),
        "source": SOURCE,
        "type": kind,
        "time": at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "data": data,
    });
    let value = value.to_string().into_bytes();
    let topic = Topic::Commands;
    let decoded = decode(&RawRecord { topic, key: None, value: Some(&value), headers: &[] });
    let raw = RawRecordRow {
        topic: pipeline.settings().topics.commands.clone(),
        partition: -1,
        offset: i64::from(episode),
        timestamp: Some(at),
        key: None,
        value: Some(value),
        headers: "[]".to_owned(),
    };
    Item { raw, decoded, again: false }
}

/// One act of a kind for each episode: the same again is a duplicate.
fn id_of(kind: &str, invoice_id: &str, episode: i32) -> MessageId {
    use sha2::Digest;
    let plain = format!("{kind}:{episode}:{invoice_id}");
    if is_id(&plain) {
        return MessageId::trusted(&plain);
    }
    let digest = sha2::Sha256::digest(plain.as_bytes());
    let hex: String = digest.iter().take(24).map(|byte| format!("{byte:02x}")).collect();
    MessageId::trusted(&format!("act:{hex}"))
}

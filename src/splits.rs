//! What an operator does with a payment for several customers: split it, or undo that. A dry run
//! unless told.
//!
//! Each act is the ordinary command, decided and written like one that came from upstream, under
//! an id of its own: the same effects, the same events, and a place in the inbox.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::pipeline::Pipeline;
use crate::pipeline::batch::{Item, run_in_tx};
use crate::store::load::Locks;
use crate::store::persist::RawRecordRow;
use crate::store::splits::{Named, named_in_tx};
use crate::store::{StoreError, next_id_block};
use crate::wire::{RawRecord, Topic, decode};

/// The `source` of operators' acts.
const SOURCE: &str = crate::domain::ids::own_source::OPERATOR;
/// A reason has at most so many characters (contract §2).
const REASON_MAX: usize = 200;

/// What one customer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub account: String,
    pub amount: String,
    /// Invoices that it pays at once, with an amount or as much as fits.
    pub invoices: Vec<(String, Option<String>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Split(Vec<Share>),
    Unsplit,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    Done,
    /// It waits for what this code says, and is done then; the worker sees to it.
    Waits(String),
    Unknown,
    /// The command was refused, with this code.
    Refused(String),
}

impl Acted {
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waits(_) => "waiting",
            Self::Unknown => "unknown",
            Self::Refused(_) => "refused",
        }
    }

    /// The code of the refusal, or of what it waits for.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Refused(code) | Self::Waits(code) => Some(code),
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
    payment_id: &str,
    act: &Act,
    (operator, reason): (&str, &str),
    dry_run: bool,
) -> Result<Acted, StoreError> {
    let at = pipeline.clock().now();
    let mut tx = pipeline.pool().begin().await?;
    let Some(named) = named_in_tx(&mut tx, payment_id).await? else {
        return Ok(Acted::Unknown);
    };
    let item = item(pipeline, payment_id, &named, act, &format!("by {operator}: {reason}"), at);
    let block = next_id_block(&mut tx).await?;
    let batch = std::slice::from_ref(&item);
    let written = run_in_tx(pipeline, &mut tx, batch, block, Locks::First, at).await?;
    let ended = written.ended.into_iter().next();
    let ended = ended.ok_or(StoreError::Corrupt("a record without an outcome"))?;
    let code = ended.code.unwrap_or_else(|| ended.outcome.to_owned());
    let acted = match (ended.outcome, code.as_str()) {
        ("applied", _) => Acted::Done,
        // What is spent is known later. A name that nobody knows is a typing mistake.
        ("waiting", "usage_proof_pending" | "behind_waiting") => Acted::Waits(code),
        _ => Acted::Refused(code),
    };
    if dry_run || matches!(acted, Acted::Unknown | Acted::Refused(_)) {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok(acted)
}

/// The act as a command of the topic of commands; partition −1 is no place in any log.
fn item(
    pipeline: &Pipeline,
    payment_id: &str,
    named: &Named,
    act: &Act,
    said: &str,
    at: DateTime<Utc>,
) -> Item {
    let reason: String = said.chars().take(REASON_MAX).collect();
    let mut data = json!({ "payment_id": payment_id, "reason": reason });
    let (kind, id, account) = match act {
        Act::Split(shares) => {
            data["parts"] = shares.iter().map(part).collect();
            let first = shares.first().map(|share| share.account.as_str());
            // The same act on the same state of the payment is a duplicate.
            ("topup.payment.split.v1", id_of("split", payment_id, named.parts), first)
        }
        Act::Unsplit => {
            let id = id_of("unsplit", payment_id, at.timestamp_micros());
            ("topup.payment.unsplit.v1", id, named.part_account.as_deref())
        }
    };
    // Of a payment without an account and without parts nobody can say whose the act is.
    data["account_id"] = json!(named.account_id.as_deref().or(account).unwrap_or("nobody"));
    let value = json!({
        "specversion": "1.0",
        "id": id,
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
        offset: named.parts,
        timestamp: Some(at),
        key: None,
        value: Some(value),
        headers: "[]".to_owned(),
    };
    Item { raw, decoded, again: false }
}

fn part(share: &Share) -> Value {
    let pays = share.invoices.iter().map(|(invoice, amount)| match amount {
        Some(amount) => json!({ "invoice_id": invoice, "amount": amount }),
        None => json!({ "invoice_id": invoice }),
    });
    json!({
        "account_id": share.account,
        "amount": share.amount,
        "allocations": pays.collect::<Vec<_>>(),
    })
}

/// A payment's id may be as long as a record's: a digest of it stands in the record's id.
fn id_of(word: &str, payment_id: &str, number: i64) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(payment_id.as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{word}:{hex}:{number}")
}

//! What an operator does with a parked return: says which payments it takes, or ends it. A dry run
//! unless told.
//!
//! Each act is the ordinary command, decided and written like one that came from upstream: the same
//! effects, the same events, and a place in the inbox.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use crate::domain::effect::Ending;
use crate::domain::keys;
use crate::pipeline::Pipeline;
use crate::pipeline::batch::{Item, run_in_tx};
use crate::store::load::Locks;
use crate::store::persist::RawRecordRow;
use crate::store::{StoreError, next_id_block};
use crate::wire::{RawRecord, Topic, decode};

/// The `source` of operators' acts.
const SOURCE: &str = crate::domain::ids::own_source::OPERATOR;
/// A reason has at most so many characters (contract §2).
const REASON_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// These payments give these amounts; the one of a single payment may be absent.
    Take {
        payments: Vec<(String, Option<String>)>,
        fee: Option<String>,
    },
    End,
}

/// The parked return, and the customer whose money it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which {
    pub account: String,
    pub bank_account: String,
    pub bank_key: String,
}

/// Does it, or with `dry_run` changes nothing. Returns the outcome, with the code of a refusal.
///
/// # Errors
/// When the database fails.
pub async fn act(
    pipeline: &Pipeline,
    which: &Which,
    act: &Act,
    (operator, reason): (&str, &str),
    dry_run: bool,
) -> Result<(&'static str, Option<String>), StoreError> {
    let at = pipeline.clock().now();
    let mut tx = pipeline.pool().begin().await?;
    let item = item(pipeline, which, act, &format!("by {operator}: {reason}"), at);
    let block = next_id_block(&mut tx).await?;
    let batch = std::slice::from_ref(&item);
    let written = run_in_tx(pipeline, &mut tx, batch, block, Locks::First, at).await?;
    let ended = written.ended.into_iter().next();
    let ended = ended.ok_or(StoreError::Corrupt("a record without an outcome"))?;
    if dry_run || ended.outcome != Ending::Applied {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    // A name that nobody knows is a typing mistake: it waits for nothing.
    let word = if ended.outcome == Ending::Applied { "done" } else { "refused" };
    Ok((word, ended.code))
}

/// The act as a command of the topic of commands; partition −1 is no place in any log.
fn item(pipeline: &Pipeline, which: &Which, act: &Act, said: &str, at: DateTime<Utc>) -> Item {
    let reason: String = said.chars().take(REASON_MAX).collect();
    let mut data = json!({
        "account_id": which.account,
        "bank_account": which.bank_account,
        "bank_key": which.bank_key,
        "action": "end",
        "reason": reason,
    });
    if let Act::Take { payments, fee } = act {
        let one = |(payment, amount): &(String, Option<String>)| match amount {
            Some(amount) => json!({ "payment_id": payment, "amount": amount }),
            None => json!({ "payment_id": payment }),
        };
        data["action"] = json!("take");
        data["payments"] = payments.iter().map(one).collect();
        if let Some(fee) = fee {
            data["fee"] = json!(fee);
        }
    }
    let value = json!({
        "specversion": "1.0",
        "id": id_of(which, at),
        "source": SOURCE,
        "type": "topup.return.resolve.v1",
        "time": at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "data": data,
    });
    let value = value.to_string().into_bytes();
    let topic = Topic::Commands;
    let decoded = decode(&RawRecord { topic, key: None, value: Some(&value), headers: &[] });
    let raw = RawRecordRow {
        topic: pipeline.settings().topics.commands.clone(),
        partition: -1,
        offset: at.timestamp_micros(),
        timestamp: Some(at),
        key: None,
        value: Some(value),
        headers: "[]".to_owned(),
    };
    Item { raw, decoded, again: false }
}

/// A return is parked once: a second act on it is refused, whatever its id.
fn id_of(which: &Which, at: DateTime<Utc>) -> String {
    use sha2::Digest;
    let named = keys::joined(&which.bank_account, &which.bank_key);
    let digest = sha2::Sha256::digest(named.as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("return:{hex}:{}", at.timestamp_micros())
}

//! What we do of ourselves, and not because a record came: the one entry for jobs and sweeps.
//!
//! A wish is decided like a record that was read, under an id of our own; it has its row in the
//! inbox, unless nothing came of it. What jobs find (void candidates, drifts) is no record: it is
//! changed in one go under the locks of all whom its events are about. Both take a batch at once,
//! in a transaction of the caller, who commits it.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::Pipeline;
use super::batch::{Ended, Item, decide_in_tx, publish_in_tx};
use crate::domain::event::{Cause, EventKey, Fact};
use crate::domain::ids::{ContentHash, MessageId, RecordId, Source};
use crate::domain::input::{Input, Message, Waited};
use crate::domain::void_candidate::{Change, Rules};
use crate::domain::working_set::WorkingSet;
use crate::store::persist::RawRecordRow;
use crate::store::reconcile::{self, Drifts};
use crate::store::{StoreError, Tx, load, persist, void_candidates};

/// What is submitted.
#[derive(Debug)]
pub(crate) enum Own<'a> {
    Wishes(Vec<Wish>),
    /// Invoices whose flag may not be what it should be.
    Candidates(&'a [String], &'a Rules),
    /// All differences that there are.
    Drifts(&'a Drifts),
}

/// A wish, and what makes its id: the same words are the same wish for ever. So they, and how
/// much of their hash the id has, stay as they are.
#[derive(Debug)]
pub(crate) struct Wish {
    pub named: String,
    pub letters: usize,
    pub input: Input,
    pub waited: Option<Waited>,
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Submitted {
    /// How each wish ended.
    pub ended: Vec<Ended>,
    /// Payments that are not as they were, invoices that were flagged, drifts that are new.
    pub changed: usize,
    /// Flags that were taken off, drifts that are gone.
    pub cleared: usize,
}

/// Does what is submitted under `source` and `key`, as far as it is still to be done.
///
/// # Errors
/// [`StoreError`]; nothing is written then, once the caller has rolled back.
pub(crate) async fn submit(
    pipeline: &Pipeline,
    tx: &mut Tx<'_>,
    (source, key): (&str, &str),
    own: Own<'_>,
    at: DateTime<Utc>,
) -> Result<Submitted, StoreError> {
    match own {
        Own::Wishes(wishes) => {
            let item = |wish| item(pipeline, source, key, wish, at);
            let items: Vec<Item> = wishes.into_iter().map(item).collect();
            let written = decide_in_tx(pipeline, tx, &items, at).await?;
            Ok(Submitted { ended: written.ended, changed: written.rematched, cleared: 0 })
        }
        Own::Candidates(invoices, rules) => {
            let owners = void_candidates::owners_in_tx(tx, invoices).await?;
            let set = load::told_in_tx(tx, &owners, &BTreeSet::new()).await?;
            let changes = void_candidates::change_in_tx(tx, invoices, rules).await?;
            let facts = changes.iter().map(|(one, change)| {
                (EventKey::Account(one.account_id.clone()), one.told(*change, rules))
            });
            let told = (record(source, key), facts.collect());
            tell(pipeline, tx, set, told, at).await?;
            let changed = changes.iter().filter(|(_, change)| *change == Change::Flag).count();
            let cleared = changes.len().saturating_sub(changed);
            Ok(Submitted { ended: Vec::new(), changed, cleared })
        }
        Own::Drifts(found) => {
            let reconcile::Changed { opened, cleared, facts } =
                reconcile::change_in_tx(tx, found, at).await?;
            let (mut owners, mut feeds) = (BTreeSet::new(), BTreeSet::new());
            for (key, _) in &facts {
                match key {
                    EventKey::Account(id) => owners.insert(id.to_string()),
                    EventKey::Bank(id) => feeds.insert(id.to_string()),
                    EventKey::Payment(_) => false,
                };
            }
            let set = load::told_in_tx(tx, &owners, &feeds).await?;
            tell(pipeline, tx, set, (record(source, key), facts), at).await?;
            Ok(Submitted { ended: Vec::new(), changed: opened, cleared })
        }
    }
}

/// Tells facts of all that `before` has locked.
async fn tell(
    pipeline: &Pipeline,
    tx: &mut Tx<'_>,
    before: WorkingSet,
    (record, facts): (RecordId, Vec<(EventKey, Fact)>),
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let cause = Arc::new(Cause { record, traceparent: None, as_of: at });
    let mut after = before.clone();
    for (key, fact) in &facts {
        after.publish(key, fact, &cause)?;
    }
    persist::told_in_tx(tx, &before, &after, at).await?;
    publish_in_tx(pipeline, tx, &after.events, at).await
}

/// A wish as a record; partition −1 is no place in any log.
fn item(pipeline: &Pipeline, source: &str, key: &str, wish: Wish, at: DateTime<Utc>) -> Item {
    let content_hash: ContentHash = Sha256::digest(wish.named.as_bytes()).into();
    let mut hex = hex::encode(content_hash);
    hex.truncate(wish.letters);
    let topics = &pipeline.settings().topics;
    let usage = matches!(wish.input, Input::Usage(_));
    let message = Message {
        record: record(source, &format!("{key}:{hex}")),
        time: at,
        traceparent: None,
        content_hash,
        bank_hash: content_hash,
        tokens: None,
        waited: wish.waited,
        input: wish.input,
    };
    let raw = RawRecordRow {
        topic: if usage { &topics.usage } else { &topics.bank_payments }.clone(),
        partition: -1,
        offset: 0,
        timestamp: Some(at),
        key: None,
        value: None,
        headers: "[]".to_owned(),
    };
    Item { raw, decoded: Ok(message), again: false }
}

fn record(source: &str, id: &str) -> RecordId {
    RecordId { source: Source::trusted(source), id: MessageId::trusted(id) }
}

//! **relay**: outbox rows to Kafka, at least once, in order per key.
//!
//! Three shares are published apart, so that none holds another back: events, events that could
//! not be published before, and copies of dead letters. One relay leads each (a transaction-scoped
//! advisory lock); others stand by, so two may run. Rows are taken by number and by bytes, sent in
//! `outbox_id` order, which is the order of each key, and their ids noted as passed only when Kafka
//! has acknowledged them.
//!
//! An event that Kafka refuses holds its key and no other: later rows of the key join it, and go
//! after it. A copy of a dead letter that is too large for its topic goes without its value, then
//! as a pointer.

mod horizon;
mod send;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use crate::clock::Clock;
use crate::config::Topics;
use crate::jitter;
use crate::kafka::{Header, OutRecord, Producer, SendError};
use crate::observe::Meters;
use crate::outage::Outage;
use crate::pipeline::{Pipeline, headers_from_json};
use crate::store::PgPool;
use crate::store::dead_letters::{self, DeadLetter, Letter};
use crate::store::outbox::{self, Events, Hold, Key, Share, Window};
use crate::store::{StoreError, Tx};
use crate::telemetry;
use crate::wire::{DeadLetterHeaders, mask, traceparent_of};

use horizon::Horizon;
use send::{Cause, Refused};

/// Taken at once: a few milliseconds of sending, far below the idle-in-transaction limit, and
/// memory that does not grow with what waits.
const EVENTS: Window = Window { rows: 2_000, bytes: 8_388_608 };
/// Held keys that are tried at once.
const HELD: Window = Window { rows: 100, bytes: 4_194_304 };
/// Of copies of dead letters, which may each be as large as a record.
pub const LETTERS: Window = Window { rows: 64, bytes: 4_194_304 };
/// How often an idle relay looks.
const IDLE: Duration = Duration::from_millis(50);
const IDLE_HELD: Duration = Duration::from_secs(1);
const IDLE_LETTERS: Duration = Duration::from_millis(200);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// Publishes the outbox.
pub struct Relay {
    pool: PgPool,
    producer: Producer,
    topics: Topics,
    group: String,
    clock: Clock,
    /// Copies of dead letters up to this one were tried: those that are refused, whatever it is
    /// for, come again once the others had their turn.
    letters_tried: AtomicI64,
    horizon: Mutex<Horizon>,
    meters: Arc<Meters>,
    outage: Arc<Outage>,
}

/// What one round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Round {
    rows: usize,
    /// Rows that were published, or held because Kafka refused one of their key.
    moved: usize,
    /// What was not published and is tried again, masked, and why.
    failed: Option<(String, String)>,
    /// The horizon moved.
    settled: bool,
    /// Events that Kafka took.
    events: u64,
}

impl Relay {
    /// Of what this pipeline has written.
    pub fn new(pipeline: &Pipeline, producer: Producer) -> Self {
        let settings = pipeline.settings();
        let (letters_tried, horizon) = (AtomicI64::new(0), Mutex::default());
        Self {
            pool: pipeline.pool().clone(),
            producer,
            topics: settings.topics.clone(),
            group: settings.group.clone(),
            clock: pipeline.clock(),
            letters_tried,
            horizon,
            meters: Arc::clone(pipeline.meters()),
            outage: Arc::clone(pipeline.outage()),
        }
    }

    /// Publishes until `stop` says so; the rounds in hand are finished first.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        tokio::join!(
            self.keep_on(Share::Events, IDLE, stop.clone()),
            self.keep_on(Share::Held, IDLE_HELD, stop.clone()),
            self.keep_on(Share::Letters, IDLE_LETTERS, stop),
        );
    }

    async fn keep_on(&self, share: Share, idle: Duration, mut stop: watch::Receiver<bool>) {
        let mut pause = idle;
        while !*stop.borrow() {
            match self.round(share).await {
                Ok(round) if round.moved > 0 && round.failed.is_none() => {
                    pause = idle;
                    continue;
                }
                Ok(round) if round.rows == 0 => pause = idle,
                Ok(round) => {
                    let rows = round.rows.saturating_sub(round.moved);
                    let (first, code) = round.failed.unwrap_or_default();
                    if self.producer.is_cut_off() {
                        tracing::debug!(?share, rows, first, code, "not acknowledged");
                    } else {
                        tracing::warn!(?share, rows, first, code, "not acknowledged: sent again");
                    }
                    pause = pause.saturating_mul(2).min(RETRY_LONGEST);
                }
                Err(error) => {
                    if !self.outage.has("the outbox", &error) {
                        let error = telemetry::chain(&error);
                        tracing::warn!(?share, error, "outbox not read");
                    }
                    pause = pause.saturating_mul(2).min(RETRY_LONGEST);
                }
            }
            let wait = if pause > idle { jitter::spread(pause) } else { idle };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// One round: takes the lead, sends, marks. Does nothing while another relay leads.
    async fn round(&self, share: Share) -> Result<Round, StoreError> {
        let mut tx = self.pool.begin().await?;
        let mut round = Round::default();
        if outbox::try_lead_in_tx(&mut tx, share).await? {
            round = match share {
                Share::Events => self.events_in_tx(&mut tx).await?,
                Share::Held => self.held_in_tx(&mut tx).await?,
                Share::Letters => self.letters_in_tx(&mut tx).await?,
            };
        }
        if round.moved > 0 || round.settled || round.failed.is_some() {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        self.meters.events.inc_by(round.events);
        Ok(round)
    }

    async fn events_in_tx(&self, tx: &mut Tx<'_>) -> Result<Round, StoreError> {
        let rows = outbox::events_in_tx(tx, EVENTS).await?;
        let round =
            if rows.is_empty() { Round::default() } else { self.pass_in_tx(tx, rows).await? };
        let settled = self.horizon.lock().await.look_in_tx(tx).await?;
        Ok(Round { settled, ..round })
    }

    async fn pass_in_tx(&self, tx: &mut Tx<'_>, rows: Vec<Events>) -> Result<Round, StoreError> {
        let taken = rows.len();
        let (behind, rows): (Vec<Events>, Vec<Events>) =
            rows.into_iter().partition(|row| row.behind);
        let sent = self.send_events(&rows).await;
        let events = taken_of(&rows, &sent.done);
        let mut passed = sent.done;
        let mut holds: BTreeMap<Key, Hold> = BTreeMap::new();
        for row in behind {
            passed.push(row.outbox_id);
            // It has a code already, which stays.
            let (key, code) = (row.key, "AfterFailure".to_owned());
            let hold = Hold { key: key.clone(), from_sequence: row.first_sequence, code };
            holds.entry(key).or_insert(hold);
        }
        let mut failed = None;
        for Refused { hold, cause, ids } in sent.refused {
            // While nothing at all gets through it is not the key: nothing is held for that.
            if cause != Cause::Unsure || sent.reached {
                tell_hold(&hold, cause, ids.len());
                passed.extend(ids);
                holds.insert(hold.key.clone(), hold);
            } else if failed.is_none() {
                failed = Some((mask(&hold.key.key), hold.code));
            }
        }
        outbox::pass_in_tx(tx, &passed).await?;
        outbox::hold_in_tx(tx, &holds.into_values().collect::<Vec<_>>()).await?;
        let moved = passed.len();
        Ok(Round { rows: taken, moved, failed, settled: false, events })
    }

    /// Held keys, each tried again when it is due.
    async fn held_in_tx(&self, tx: &mut Tx<'_>) -> Result<Round, StoreError> {
        let rows = outbox::held_in_tx(tx, HELD).await?;
        let mut keys: Vec<Key> = rows.iter().map(|row| row.key.clone()).collect();
        keys.sort();
        keys.dedup();
        if keys.is_empty() {
            return Ok(Round::default());
        }
        let sent = self.send_events(&rows).await;
        let events = taken_of(&rows, &sent.done);
        outbox::lock_holds_in_tx(tx, &keys).await?;
        let done = rows.iter().filter(|row| sent.done.binary_search(&row.outbox_id).is_ok());
        // Of each key the last one counts: rows are in the order of their keys.
        let published: BTreeMap<&Key, i64> =
            done.map(|row| (&row.key, row.next_sequence())).collect();
        outbox::advance_holds_in_tx(tx, &published.into_iter().collect::<Vec<_>>()).await?;
        let holds = sent.refused.iter().map(|refused| &refused.hold);
        let failed: Vec<(Key, String)> =
            holds.map(|hold| (hold.key.clone(), hold.code.clone())).collect();
        outbox::holds_failed_in_tx(tx, &failed).await?;
        outbox::end_holds_in_tx(tx, &keys).await?;
        for (key, code) in &failed {
            let key_name = mask(&key.key);
            tracing::warn!(key_kind = key.kind, key = key_name, code, "events are still held");
        }
        // What failed is due later: the others go on at once.
        let moved = sent.done.len().saturating_add(failed.len());
        Ok(Round { rows: rows.len(), moved, events, ..Round::default() })
    }

    async fn letters_in_tx(&self, tx: &mut Tx<'_>) -> Result<Round, StoreError> {
        let tried = self.letters_tried.load(Ordering::Relaxed);
        let mut rows = dead_letters::copies_in_tx(tx, LETTERS, tried).await?;
        if rows.is_empty() && tried > 0 {
            // From the beginning, in this round: else each end would look like one without work,
            // and the pause between attempts would begin anew.
            rows = dead_letters::copies_in_tx(tx, LETTERS, 0).await?;
        }
        let Some(last) = rows.last() else {
            self.letters_tried.store(0, Ordering::Relaxed);
            return Ok(Round::default());
        };
        self.letters_tried.store(last.copy_id, Ordering::Relaxed);
        let (done, failed) = self.send_letters(&rows).await;
        outbox::mark_copies_in_tx(tx, &done, self.clock.now()).await?;
        let (rows, moved) = (rows.len(), done.len());
        Ok(Round { rows, moved, failed, ..Round::default() })
    }
}

fn tell_hold(hold: &Hold, cause: Cause, rows: usize) {
    let (key_kind, key, code) = (&hold.key.kind, mask(&hold.key.key), &hold.code);
    match cause {
        Cause::Unreadable => tracing::error!(
            key_kind,
            key,
            code,
            rows,
            "an event cannot be read: the events of this key are held"
        ),
        Cause::TooLarge | Cause::Unsure => tracing::error!(
            key_kind,
            key,
            code,
            rows,
            "Kafka refused an event: the events of this key are held"
        ),
    }
}

/// How many events Kafka took; `done` has the ids of their rows, in order.
fn taken_of(rows: &[Events], done: &[i64]) -> u64 {
    let taken = rows.iter().filter(|row| done.binary_search(&row.outbox_id).is_ok());
    taken.map(|row| u64::try_from(row.events).unwrap_or(0)).sum()
}

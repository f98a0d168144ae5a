//! One partition's way: decode, one transaction per batch, and what to do when it fails.

mod careful;
mod counts;
mod later;
mod span;

pub(super) use careful::OnTrial;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, Utc};
use tracing::Instrument;

use super::again;
use super::batch::{Item, run_in_tx};
use super::last_resort::{self, Keeps};
use super::log_place::{self, Verdict};
use super::{Pipeline, topic_kind};
use crate::config::Topics;
use crate::domain::effect::Ending;
use crate::domain::input::Message;
use crate::domain::rejection::DeadLetterReason;
use crate::jitter;
use crate::kafka::{
    BatchHandler, Checked, Header, HeldAs, LaneCancel, LogSilence, Opened, PartitionLog, Processed,
    Record, Trouble,
};
use crate::store::StoreError;
use crate::store::checkpoint::{self, Fence, Place};
use crate::store::crash_guard::Guard;
use crate::store::error::Disposition;
use crate::store::load::Locks;
use crate::store::persist::RawRecordRow;
use crate::telemetry;
use crate::wire::{DecodeCode, DecodeFailure, RawRecord, Topic, decode};

/// First pause before a transient failure is tried again; it doubles up to the longest.
const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_LONGEST: Duration = Duration::from_secs(5);
/// A single record is tried this often before its error is taken as its own: a unique violation
/// may be a race with another lane, which the next attempt sees as a duplicate.
const SINGLE_ATTEMPTS: u32 = 3;
/// An error of an unknown kind is tried this often before a record is taken as its cause.
const SUSPECT_ATTEMPTS: u32 = 6;
/// The same once the batch has been halved, or where each attempt may last as long as a statement.
const SUSPECT_ATTEMPTS_FEW: u32 = 2;
/// The longest batch that can be configured.
const BATCH_LONGEST: i64 = 10_000;

/// What a lane keeps between batches.
#[derive(Debug)]
pub struct Lane {
    fence: Fence,
    topic: Topic,
    /// How far it was read, and what its log is known by.
    place: Place,
    /// None between batches: only a batch in flight can be a death.
    guard: Option<Guard>,
    /// Batches before this offset are noted, and the first one. What killed the process before is
    /// among them: it lay in the log when the lane was opened, not farther than the longest batch.
    noted_until: i64,
    /// Whether a batch was committed since the lane was opened.
    proven: bool,
}

impl BatchHandler for Pipeline {
    type Lane = Lane;

    async fn open(
        &self,
        topic: Arc<str>,
        partition: i32,
        log: PartitionLog,
        cancel: LaneCancel,
    ) -> Opened<Lane> {
        let Some(kind) = topic_kind(&self.settings().topics, &topic) else {
            let reason = format!("{topic} is not one of our topics");
            return Opened::Hold { held_as: HeldAs::Held, reason };
        };
        let mut pause = RETRY_FIRST;
        loop {
            match self.take_over(&topic, partition, &log).await {
                Ok(Ok((fence, place))) => {
                    let next_offset = place.next_offset;
                    let first = next_offset.unwrap_or(log.low);
                    let noted_until = log.high.min(first.saturating_add(BATCH_LONGEST));
                    let (guard, proven) = (None, false);
                    self.meters().opened(&topic);
                    let lane = Lane { fence, topic: kind, place, guard, noted_until, proven };
                    return Opened::Ready { lane, next_offset };
                }
                Ok(Err(LogSilence::Cancelled)) => return Opened::Cancelled,
                Ok(Err(LogSilence::Trouble(Trouble { held_as, reason }))) => {
                    return Opened::Hold { held_as, reason };
                }
                Err(error) => self.tell_retry(&topic, partition, &error, pause),
            }
            if rest(&mut pause, &cancel).await {
                return Opened::Cancelled;
            }
        }
    }

    async fn check(&self, lane: &mut Lane, log: &PartitionLog) -> Checked {
        let verdict = match log_place::judge(&lane.place, log, to_raw).await {
            Ok(verdict) => verdict,
            Err(LogSilence::Cancelled) => return Checked::Cancelled,
            Err(LogSilence::Trouble(Trouble { held_as, reason })) => {
                return Checked::Hold { held_as, reason };
            }
        };
        if let Verdict::Moved { reason, .. } = verdict {
            return Checked::Changed { why: reason };
        }
        // The last record was there a moment ago, in the log that has the anchor.
        if let Some(last) = lane.place.last.filter(|last| lane.place.anchor != Some(*last)) {
            match checkpoint::set_anchor(self.pool(), &lane.fence, last).await {
                Ok(()) => lane.place.anchor = Some(last),
                Err(error) => {
                    tracing::warn!(error = %telemetry::chain(&error), "anchor not noted");
                }
            }
        }
        Checked::Sound
    }

    async fn process(&self, lane: &mut Lane, batch: Vec<Record>, cancel: &LaneCancel) -> Processed {
        let ends = (batch.first().map(|r| r.offset), batch.last().map(|r| r.offset));
        let (Some(first), Some(last)) = ends else {
            return Processed::Cancelled;
        };
        let sent = batch.first().and_then(|record| record.timestamp_ms).and_then(time_of);
        let _in_hand = self.meters().in_hand(&lane.fence.topic, lane.fence.partition, sent);
        let noted = first < lane.noted_until || !lane.proven;
        if noted && lane.guard.is_none() {
            match self.note(&lane.fence, first..=last, cancel).await {
                Ok(guard) => lane.guard = guard,
                Err(step) => return step.processed(last),
            }
        }
        let mark = batch.last().map(|record| log_place::mark_of(&to_raw(record.clone())));
        let careful = lane.guard.as_ref().is_some_and(Guard::is_careful);
        let step = if careful {
            self.write_carefully(lane, batch, cancel).await
        } else {
            self.write_records(lane, batch, cancel).await
        };
        // Suspects that were not tried yet stay so, whoever goes on with the partition.
        let suspected = lane.guard.as_ref().is_some_and(Guard::is_careful);
        if lane.guard.is_some() && !suspected {
            self.end_guard(lane).await;
        }
        if step == GroupEnd::Committed {
            lane.proven = true;
            lane.place.read(mark);
        }
        step.processed(last)
    }
}

/// What to do next about a group that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Again,
    Halve,
    /// It is one record, and it is the cause.
    GiveUp,
    /// It is one record, and it meets what only a later version can read.
    Keep,
    Abandon,
}

/// `attempts` have failed with a group of `records`, the last one with `error`; the batch that it
/// is a part of had `of`.
fn next_step(error: &StoreError, attempts: u32, records: usize, of: usize) -> Next {
    let few = error.is_cut_off() || records < of;
    let patience = if few { SUSPECT_ATTEMPTS_FEW } else { SUSPECT_ATTEMPTS };
    let known = match error.disposition() {
        Disposition::Suspect if attempts < patience => Disposition::Retry,
        Disposition::Suspect => Disposition::Bisect,
        known => known,
    };
    match known {
        Disposition::Abandon => Next::Abandon,
        Disposition::Bisect | Disposition::Unread if records > 1 => Next::Halve,
        Disposition::Bisect if attempts >= SINGLE_ATTEMPTS => Next::GiveUp,
        Disposition::Unread if attempts >= SINGLE_ATTEMPTS => Next::Keep,
        Disposition::Bisect | Disposition::Unread | Disposition::Suspect | Disposition::Retry => {
            Next::Again
        }
    }
}

impl Pipeline {
    /// Decodes records, and asks whether they may be sent; their bytes are kept beside that.
    fn to_items(&self, topic: Topic, records: impl IntoIterator<Item = Record>) -> Vec<Item> {
        let came = self.now();
        records.into_iter().map(|record| self.to_item(topic, record, came)).collect()
    }

    fn to_item(&self, topic: Topic, record: Record, came: DateTime<Utc>) -> Item {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let read = RawRecord { topic, key, value, headers: &record.headers };
        let decoded = unless_reserved(decode(&read), record.partition)
            .and_then(|message| self.if_authorised(message, &record.topic, &read, came));
        Item { raw: to_raw(record), decoded, again: false }
    }
}

/// How a group of records ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GroupEnd {
    Committed,
    Fenced,
    Cancelled,
}

impl GroupEnd {
    /// What a batch that ends at `last` came to.
    fn processed(self, last: i64) -> Processed {
        match self {
            Self::Committed => Processed::Committed { next_offset: last.saturating_add(1) },
            Self::Fenced => Processed::Fenced,
            Self::Cancelled => Processed::Cancelled,
        }
    }
}

impl Pipeline {
    fn now(&self) -> DateTime<Utc> {
        self.clock().now()
    }

    /// Takes the partition over, and goes where its log is to be read on.
    async fn take_over(
        &self,
        topic: &str,
        partition: i32,
        log: &PartitionLog,
    ) -> Result<Result<(Fence, Place), LogSilence>, StoreError> {
        let settings = self.settings();
        let (group, owner) = (&settings.group, &settings.owner);
        let taken =
            checkpoint::take(self.pool(), group, topic, partition, owner, self.now()).await?;
        let (fence, place) = taken;
        let verdict = match log_place::judge(&place, log, to_raw).await {
            Ok(verdict) => verdict,
            Err(silence) => return Ok(Err(silence)),
        };
        let Verdict::Moved { change, reason, expected, from } = verdict else {
            return Ok(Ok((fence, place)));
        };
        let to = (expected, from);
        checkpoint::log_changed(self.pool(), &fence, change, &reason, to, self.now()).await?;
        tracing::error!(topic, partition, ?change, expected, from, reason, "the log has changed");
        Ok(Ok((fence, Place { next_offset: Some(from), last: None, anchor: None })))
    }

    /// Records that nobody suspects: beside all others.
    async fn write_records(
        &self,
        lane: &Lane,
        batch: Vec<Record>,
        cancel: &LaneCancel,
    ) -> GroupEnd {
        let turn = self.turn().await;
        let items: Vec<Item> = self.to_items(lane.topic, batch);
        drop(turn);
        self.write(&lane.fence, &items, cancel).await
    }

    /// Writes `items` in one transaction; bisects when one of them is refused. Groups are kept on
    /// a stack, first record on top, so that order within the partition holds.
    async fn write(&self, fence: &Fence, items: &[Item], cancel: &LaneCancel) -> GroupEnd {
        let mut groups: Vec<&[Item]> = vec![items];
        let mut pause = RETRY_FIRST;
        let mut attempts = 0_u32;
        while let Some(group) = groups.pop() {
            let locks = if attempts == 0 { Locks::Last } else { Locks::First };
            let turn = self.turn().await;
            let result = self.attempt(fence, group, locks).await;
            drop(turn);
            let Err(error) = result else {
                pause = RETRY_FIRST;
                attempts = 0;
                continue;
            };
            attempts = attempts.saturating_add(1);
            if locks == Locks::Last && error.is_race() {
                tracing::debug!(topic = %fence.topic, partition = fence.partition,
                    error = %telemetry::chain(&error), "batch is tried again with locks first");
                groups.push(group);
                continue;
            }
            match next_step(&error, attempts, group.len(), items.len()) {
                Next::Abandon => return GroupEnd::Fenced,
                Next::Halve => {
                    let (first, second) = group.split_at(group.len() / 2);
                    groups.push(second);
                    groups.push(first);
                    // Other records, another chance.
                    (attempts, pause) = (0, RETRY_FIRST);
                    continue;
                }
                Next::GiveUp => match self.give_up(fence, group, &error, cancel).await {
                    GroupEnd::Committed => {
                        (attempts, pause) = (0, RETRY_FIRST);
                        continue;
                    }
                    step => return step,
                },
                Next::Keep => match self.keep(fence, group, &error, cancel).await {
                    GroupEnd::Committed => {
                        (attempts, pause) = (0, RETRY_FIRST);
                        continue;
                    }
                    step => return step,
                },
                Next::Again => {}
            }
            self.tell_retry(&fence.topic, fence.partition, &error, pause);
            groups.push(group);
            if rest(&mut pause, cancel).await {
                return GroupEnd::Cancelled;
            }
        }
        GroupEnd::Committed
    }

    async fn attempt(&self, fence: &Fence, items: &[Item], locks: Locks) -> Result<(), StoreError> {
        self.transact(fence, items, locks).instrument(span::of(fence, items)).await
    }

    /// One transaction. A commit whose answer was lost is seen by the next attempt: the
    /// checkpoint is then past these records.
    async fn transact(
        &self,
        fence: &Fence,
        items: &[Item],
        locks: Locks,
    ) -> Result<(), StoreError> {
        let Ok(_permit) = self.writers.acquire().await else {
            return Err(StoreError::Fenced);
        };
        let (at, began) = (self.now(), Instant::now());
        let mut tx = self.pool().begin().await?;
        let locked = checkpoint::lock_in_tx(&mut tx, fence).await?;
        let done = locked.next_offset.unwrap_or(0);
        let skip = items.iter().take_while(|item| item.raw.offset < done).count();
        let items = items.get(skip..).unwrap_or_default();
        let Some(last) = items.last() else {
            tx.rollback().await?;
            return Ok(());
        };
        let written = run_in_tx(self, &mut tx, items, locked.id_block, locks, at).await?;
        let mark = log_place::mark_of(&last.raw);
        checkpoint::advance_in_tx(&mut tx, fence, mark, at).await?;
        tx.commit().await?;
        self.outage().is_over();
        self.count(fence, items, &written, began.elapsed());
        if written.wakes_waiting {
            self.sweep_wanted.notify_one();
        }
        self.touched.note(written.touched);
        Ok(())
    }

    /// The record itself is the cause. Money that the bank booked is recorded all the same, with
    /// nothing looked at; anything else becomes a dead letter.
    async fn give_up(
        &self,
        fence: &Fence,
        group: &[Item],
        error: &StoreError,
        cancel: &LaneCancel,
    ) -> GroupEnd {
        let Some(item) = group.first() else {
            return GroupEnd::Committed;
        };
        let (topic, partition, offset) = (&fence.topic, fence.partition, item.raw.offset);
        let constraint = error.constraint().unwrap_or_default();
        for bare in [false, true] {
            let Some(item) = item.only_recorded(bare) else { break };
            if let Some(step) = self.only_record(fence, &item, cancel).await {
                tracing::error!(
                    topic,
                    partition,
                    offset,
                    constraint,
                    without_texts = bare,
                    error = %telemetry::chain(error),
                    "matching could not finish: the bank's record is kept, undecided"
                );
                return step;
            }
        }
        tracing::error!(
            topic,
            partition,
            offset,
            constraint,
            error = %telemetry::chain(error),
            "record refused by the database: dead-lettered"
        );
        let reason = error.reason();
        let decoded = item.decoded.as_ref().ok();
        self.dead_letter_alone(fence, &item.raw, decoded, reason, cancel).await
    }

    async fn dead_letter_alone(
        &self,
        fence: &Fence,
        raw: &RawRecordRow,
        decoded: Option<&Message>,
        reason: DeadLetterReason,
        cancel: &LaneCancel,
    ) -> GroupEnd {
        let mut pause = RETRY_FIRST;
        let (mut keeps, mut attempts) = (Keeps::All, 0_u32);
        loop {
            let done = self.dead_letter_once(fence, raw, keeps, decoded, reason).await;
            let Err(error) = done else {
                self.count_one(fence, raw, Ending::DeadLettered, reason.code());
                return GroupEnd::Committed;
            };
            attempts = attempts.saturating_add(1);
            match error.disposition() {
                Disposition::Abandon => return GroupEnd::Fenced,
                Disposition::Retry | Disposition::Unread => {}
                Disposition::Suspect | Disposition::Bisect => {
                    if attempts >= last_resort::patience(&error) {
                        (keeps, attempts) = (keeps.less(), 0);
                    }
                }
            }
            self.tell_retry(&fence.topic, fence.partition, &error, pause);
            if rest(&mut pause, cancel).await {
                return GroupEnd::Cancelled;
            }
        }
    }
}

impl Pipeline {
    async fn dead_letter_once(
        &self,
        fence: &Fence,
        raw: &RawRecordRow,
        keeps: Keeps,
        decoded: Option<&Message>,
        reason: DeadLetterReason,
    ) -> Result<(), StoreError> {
        let at = self.now();
        let mut tx = self.pool().begin().await?;
        let locked = checkpoint::lock_in_tx(&mut tx, fence).await?;
        if locked.next_offset.is_some_and(|next| next > raw.offset) {
            tx.rollback().await?;
            return Ok(());
        }
        let kept = (keeps.of(raw), format!("{}{}", reason.sentence(), keeps.sentence()));
        again::dead_letter_raw_in_tx(&mut tx, raw, kept, decoded, reason, at).await?;
        checkpoint::advance_in_tx(&mut tx, fence, log_place::mark_of(raw), at).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Rests before the next attempt; true when the lane was asked to stop meanwhile.
async fn rest(pause: &mut Duration, cancel: &LaneCancel) -> bool {
    let wait = jitter::spread(*pause);
    *pause = pause.saturating_mul(2).min(RETRY_LONGEST);
    tokio::select! {
        () = tokio::time::sleep(wait) => cancel.is_cancelled(),
        () = cancel.cancelled() => true,
    }
}

/// Sources of ours are for what we make ourselves, which has no place in any log.
fn unless_reserved(
    decoded: Result<Message, DecodeFailure>,
    partition: i32,
) -> Result<Message, DecodeFailure> {
    match decoded {
        Ok(message) if partition >= 0 && message.record.source.is_our_own() => {
            let code = DecodeCode::SourceReserved;
            let detail = code.message().to_owned();
            Err(DecodeFailure { code, detail, record: None, unauthorised: None })
        }
        decoded => decoded,
    }
}

/// A sender may write any number. One that no calendar of ours has, and no database can keep, is
/// no time.
pub fn time_of(millis: i64) -> Option<DateTime<Utc>> {
    let time = DateTime::from_timestamp_millis(millis)?;
    (1..=9999).contains(&time.year()).then_some(time)
}

fn to_raw(record: Record) -> RawRecordRow {
    RawRecordRow {
        topic: record.topic.as_ref().to_owned(),
        partition: record.partition,
        offset: record.offset,
        timestamp: record.timestamp_ms.and_then(time_of),
        headers: headers_to_json(&record.headers),
        key: record.key,
        value: record.value,
    }
}

/// `[{"name": …, "value_hex": …}]`; a header without a value has none.
pub fn headers_to_json(headers: &[Header]) -> String {
    if headers.is_empty() {
        return "[]".to_owned();
    }
    let list: Vec<serde_json::Value> = headers
        .iter()
        .map(|header| {
            let hex = header.value.as_ref().map(hex::encode);
            // A NUL cannot be kept in jsonb.
            let name = header.name.replace('\0', "\u{fffd}");
            serde_json::json!({ "name": name, "value_hex": hex })
        })
        .collect();
    serde_json::Value::Array(list).to_string()
}

/// The headers of [`headers_to_json`].
pub fn headers_from_json(json: &str) -> Vec<Header> {
    #[derive(serde::Deserialize)]
    struct Stored {
        name: String,
        value_hex: Option<String>,
    }
    let stored: Vec<Stored> = serde_json::from_str(json).unwrap_or_default();
    let bytes = |hex: String| hex::decode(hex).unwrap_or_default();
    stored
        .into_iter()
        .map(|header| Header { name: header.name, value: header.value_hex.map(bytes) })
        .collect()
}

/// What was read under another prefix is of the kind that its topic's name ends with.
pub(super) fn kind_of(topics: &Topics, name: &str) -> Option<Topic> {
    let own = |prefix: &str| topic_kind(&Topics::with_prefix(prefix), name);
    let former = || name.rsplitn(3, '.').nth(2).and_then(own);
    topic_kind(topics, name).or_else(former)
}

/// Decodes stored bytes again, as when they were read.
pub(crate) fn decode_again(topics: &Topics, raw: &RawRecordRow) -> Option<Item> {
    let topic = kind_of(topics, &raw.topic)?;
    let headers = headers_from_json(&raw.headers);
    let decoded = decode(&RawRecord {
        topic,
        key: raw.key.as_deref(),
        value: raw.value.as_deref(),
        headers: &headers,
    });
    let decoded = unless_reserved(decoded, raw.partition);
    Some(Item { raw: raw.clone(), decoded, again: true })
}

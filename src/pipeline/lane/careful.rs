//! What is done with records in hand at a death: tried in parts, each alone in the process.

use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{GroupEnd, Lane, RETRY_FIRST, rest, to_raw};
use crate::domain::rejection::DeadLetterReason;
use crate::kafka::{LaneCancel, Record};
use crate::pipeline::Pipeline;
use crate::pipeline::batch::Item;
use crate::store::StoreError;
use crate::store::checkpoint::Fence;
use crate::store::crash_guard::{self, Guard};
use crate::store::error::Disposition;
use crate::store::load::Locks;
use crate::telemetry;
use crate::wire::Topic;

/// Suspects are tried alone so often before they are tried beside others: what fails without a
/// death is no killer.
const ALONE_ATTEMPTS: u32 = 6;

/// The partition whose records this process has on trial, for there is but one trial at a time.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct OnTrial(Mutex<Option<Fence>>);

impl OnTrial {
    fn lock(&self) -> MutexGuard<'_, Option<Fence>> {
        // A panic elsewhere cannot leave it half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// Notes the batch that is about to be decoded, and takes in what the last death left. No
    /// guard when the note itself is refused: the records are not to wait for that.
    pub(super) async fn note(
        &self,
        fence: &Fence,
        batch: RangeInclusive<i64>,
        cancel: &LaneCancel,
    ) -> Result<Option<Guard>, GroupEnd> {
        let mut pause = RETRY_FIRST;
        loop {
            let noted = crash_guard::start(self.pool(), fence, batch.clone(), self.now()).await;
            let error = match noted {
                Ok(guard) => return Ok(Some(guard)),
                Err(error) => error,
            };
            match error.disposition() {
                Disposition::Abandon => return Err(GroupEnd::Fenced),
                Disposition::Retry => self.tell_retry(&fence.topic, fence.partition, &error, pause),
                Disposition::Bisect | Disposition::Suspect | Disposition::Unread => {
                    tracing::warn!(error = %telemetry::chain(&error), "crash guard not written");
                    return Ok(None);
                }
            }
            if rest(&mut pause, cancel).await {
                return Err(GroupEnd::Cancelled);
            }
        }
    }

    /// The batch in flight ended in order, whatever came of it: the process is alive.
    pub(super) async fn end_guard(&self, lane: &mut Lane) {
        lane.guard = None;
        if let Err(error) = crash_guard::clear(self.pool(), &lane.fence).await {
            tracing::warn!(error = %telemetry::chain(&error), "crash guard not cleared");
        }
    }

    /// The process ends in order while a record is on trial: that is no death of the record.
    pub async fn end_trial(&self) {
        let fence = self.on_trial.lock().clone();
        if let Some(fence) = fence {
            self.say_alive(&fence).await;
        }
    }

    async fn say_alive(&self, fence: &Fence) {
        match crash_guard::lives(self.pool(), fence, self.now()).await {
            Ok(()) => *self.on_trial.lock() = None,
            Err(error) => {
                tracing::warn!(error = %telemetry::chain(&error), "crash guard not written");
            }
        }
    }

    /// Whether the record at `first` is to be put aside. Whoever was taken for dead has time to
    /// say that it lives.
    async fn kills(
        &self,
        guard: &mut Guard,
        fence: &Fence,
        first: i64,
        cancel: &LaneCancel,
    ) -> Result<bool, GroupEnd> {
        let mut pause = RETRY_FIRST;
        if guard.kills(first) && self.live_a_while(cancel).await {
            return Err(GroupEnd::Cancelled);
        }
        while guard.kills(first) {
            match guard.look_again(self.pool(), fence).await {
                Ok(()) => return Ok(guard.kills(first)),
                Err(StoreError::Fenced) => return Err(GroupEnd::Fenced),
                Err(error) => self.tell_retry(&fence.topic, fence.partition, &error, pause),
            }
            if rest(&mut pause, cancel).await {
                return Err(GroupEnd::Cancelled);
            }
        }
        Ok(false)
    }

    /// Rests with nothing on trial; true when the lane was asked to stop meanwhile.
    async fn live_a_while(&self, cancel: &LaneCancel) -> bool {
        tokio::select! {
            () = tokio::time::sleep(self.live_first()) => false,
            () = cancel.cancelled() => true,
        }
    }

    /// The suspects in parts, each announced and alone in the process; then the rest.
    pub(super) async fn write_carefully(
        &self,
        lane: &mut Lane,
        mut batch: Vec<Record>,
        cancel: &LaneCancel,
    ) -> GroupEnd {
        while let Some(guard) = lane.guard.as_mut() {
            let part = guard.part_of(batch.iter().map(|record| record.offset));
            let rest = batch.split_off(part);
            let ends = (batch.first().map(|r| r.offset), batch.last().map(|r| r.offset));
            let (Some(first), Some(last)) = ends else {
                return self.write_behind(lane, rest, cancel).await;
            };
            let part = std::mem::replace(&mut batch, rest);
            let kills = match self.kills(guard, &lane.fence, first, cancel).await {
                Ok(kills) => kills,
                Err(step) => return step,
            };
            let step = if kills {
                self.divert(&lane.fence, part, cancel).await
            } else if guard.is_down_to_one() && self.live_a_while(cancel).await {
                GroupEnd::Cancelled
            } else {
                self.try_alone(guard, &lane.fence, lane.topic, part, cancel).await
            };
            if step != GroupEnd::Committed {
                return step;
            }
            guard.survived(last);
            if batch.is_empty() {
                return step;
            }
        }
        GroupEnd::Cancelled
    }

    /// The log goes on behind the suspects: a batch like any other, and noted like it.
    async fn write_behind(
        &self,
        lane: &mut Lane,
        batch: Vec<Record>,
        cancel: &LaneCancel,
    ) -> GroupEnd {
        let ends = (batch.first().map(|r| r.offset), batch.last().map(|r| r.offset));
        let (Some(first), Some(last)) = ends else { return GroupEnd::Committed };
        match self.note(&lane.fence, first..=last, cancel).await {
            Ok(guard) => lane.guard = guard,
            Err(step) => return step,
        }
        self.write_records(lane, batch, cancel).await
    }

    /// A part of the suspects: nothing else of this process is decoded or decided meanwhile. When
    /// the database is the trouble, or refuses, the records have been survived.
    async fn try_alone(
        &self,
        guard: &Guard,
        fence: &Fence,
        topic: Topic,
        part: Vec<Record>,
        cancel: &LaneCancel,
    ) -> GroupEnd {
        let ends = (part.first().map(|r| r.offset), part.last().map(|r| r.offset));
        let (Some(first), Some(last)) = ends else { return GroupEnd::Committed };
        let (mut pause, mut items) = (RETRY_FIRST, None);
        for _ in 0..ALONE_ATTEMPTS {
            let turn = self.turn_alone().await;
            *self.on_trial.lock() = Some(fence.clone());
            let noted = guard.announce(self.pool(), fence, first..=last, self.now()).await;
            let result = match noted {
                Ok(()) => {
                    let decode = || self.to_items(topic, part.iter().cloned());
                    let items: &Vec<Item> = items.get_or_insert_with(decode);
                    self.attempt(fence, items, Locks::First).await
                }
                Err(error) => Err(error),
            };
            let Err(error) = result else {
                *self.on_trial.lock() = None;
                return GroupEnd::Committed;
            };
            self.say_alive(fence).await;
            drop(turn);
            match error.disposition() {
                Disposition::Abandon => return GroupEnd::Fenced,
                Disposition::Bisect | Disposition::Unread => break,
                Disposition::Suspect | Disposition::Retry => {
                    self.tell_retry(&fence.topic, fence.partition, &error, pause);
                }
            }
            if rest(&mut pause, cancel).await {
                return GroupEnd::Cancelled;
            }
        }
        let decode = || self.to_items(topic, part.iter().cloned());
        self.write(fence, &items.unwrap_or_else(decode), cancel).await
    }

    /// What killed the process is put aside as it came.
    async fn divert(&self, fence: &Fence, part: Vec<Record>, cancel: &LaneCancel) -> GroupEnd {
        for record in part {
            tracing::error!(
                topic = fence.topic,
                partition = fence.partition,
                offset = record.offset,
                "the process died twice at this record alone: diverted undecoded"
            );
            let (raw, reason) = (to_raw(record), DeadLetterReason::CrashLoop);
            let step = self.dead_letter_alone(fence, &raw, None, reason, cancel).await;
            if step != GroupEnd::Committed {
                return step;
            }
        }
        GroupEnd::Committed
    }
}

//! What is done with records in hand at a death: tried in parts, each alone in the process.

use super::{Lane, RETRY_FIRST, Step, log_retry, rest, to_item, to_raw};
use crate::domain::rejection::DeadLetterReason;
use crate::kafka::{LaneCancel, Record};
use crate::pipeline::Pipeline;
use crate::pipeline::batch::Item;
use crate::store::checkpoint::Fence;
use crate::store::crash_guard::Guard;
use crate::store::error::Disposition;
use crate::store::load::Locks;
use crate::telemetry;
use crate::wire::Topic;

/// Suspects are tried alone so often before they are tried beside others: what fails without a
/// death is no killer.
const ALONE_ATTEMPTS: u32 = 6;

impl Pipeline {
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
    ) -> Step {
        while let Some(guard) = lane.guard.as_mut() {
            let part = guard.part_of(batch.iter().map(|record| record.offset));
            let rest = batch.split_off(part);
            let ends = (batch.first().map(|r| r.offset), batch.last().map(|r| r.offset));
            let (Some(first), Some(last)) = ends else {
                // The log goes on behind the suspects.
                guard.survived(i64::MAX);
                return self.write_records(lane, rest, cancel).await;
            };
            let part = std::mem::replace(&mut batch, rest);
            let step = if guard.kills(first) {
                self.divert(&lane.fence, part, cancel).await
            } else if guard.is_down_to_one() && self.live_a_while(cancel).await {
                Step::Cancelled
            } else {
                self.try_alone(guard, &lane.fence, lane.topic, part, cancel).await
            };
            if step != Step::Committed {
                return step;
            }
            guard.survived(last);
            if batch.is_empty() {
                return step;
            }
        }
        Step::Cancelled
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
    ) -> Step {
        let ends = (part.first().map(|r| r.offset), part.last().map(|r| r.offset));
        let (Some(first), Some(last)) = ends else { return Step::Committed };
        let (mut pause, mut items) = (RETRY_FIRST, None);
        for _ in 0..ALONE_ATTEMPTS {
            let turn = self.turn_alone().await;
            let noted = guard.announce(self.pool(), fence, first..=last, self.now()).await;
            let result = match noted {
                Ok(()) => {
                    let decode = || part.iter().map(|r| to_item(topic, r.clone())).collect();
                    let items: &Vec<Item> = items.get_or_insert_with(decode);
                    self.attempt(fence, items, Locks::First).await
                }
                Err(error) => Err(error),
            };
            let Err(error) = result else { return Step::Committed };
            if let Err(error) = guard.withdraw(self.pool(), fence, self.now()).await {
                tracing::warn!(error = %telemetry::chain(&error), "crash guard not written");
            }
            drop(turn);
            match error.disposition() {
                Disposition::Abandon => return Step::Fenced,
                Disposition::Bisect | Disposition::Unread => break,
                Disposition::Suspect | Disposition::Retry => {
                    log_retry(&fence.topic, fence.partition, &error, pause);
                }
            }
            if rest(&mut pause, cancel).await {
                return Step::Cancelled;
            }
        }
        let decode = || part.iter().map(|r| to_item(topic, r.clone())).collect();
        self.write(fence, &items.unwrap_or_else(decode), cancel).await
    }

    /// What killed the process is put aside as it came.
    async fn divert(&self, fence: &Fence, part: Vec<Record>, cancel: &LaneCancel) -> Step {
        for record in part {
            tracing::error!(
                topic = fence.topic,
                partition = fence.partition,
                offset = record.offset,
                "the process died twice at this record alone: diverted undecoded"
            );
            let (raw, reason) = (to_raw(record), DeadLetterReason::CrashLoop);
            let step = self.dead_letter_alone(fence, &raw, None, reason, cancel).await;
            if step != Step::Committed {
                return step;
            }
        }
        Step::Committed
    }
}

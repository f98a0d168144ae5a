//! One run of a lane: watermarks, `open`, then batch after batch until it is cancelled, fenced or
//! held. It tells the consumer thread about each step by an event and never touches the consumer.
//!
//! A run ends by an `Ended` event in every case, also when the handler panics: a rebalance and a
//! shutdown count on it.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use super::lane::{BatchHandler, LaneCancel, Opened, Processed};
use super::probe::Probe;
use super::queue::LaneQueue;

/// Numbers the runs of all lanes, so that an event of a run that was given up is recognised.
pub(super) type RunId = u64;

#[derive(Debug)]
pub(super) struct LaneEvent {
    pub topic: Arc<str>,
    pub partition: i32,
    pub run: RunId,
    pub news: LaneNews,
}

#[derive(Debug)]
pub(super) enum LaneNews {
    Opened {
        next_offset: Option<i64>,
    },
    /// `next_offset` is committed in the database; `dropped` records were known there already.
    Committed {
        next_offset: i64,
    },
    Dropped {
        records: u64,
    },
    Ended(LaneEnd),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LaneEnd {
    Cancelled,
    Held {
        reason: String,
    },
    /// The lane has to be opened anew; what was queued is read again.
    Reopen {
        why: &'static str,
    },
    /// The task was dropped or panicked. A bug: the process has to end.
    Died,
}

/// What one run needs.
pub(super) struct LaneRun<H> {
    pub handler: Arc<H>,
    pub topic: Arc<str>,
    pub partition: i32,
    pub queue: Arc<LaneQueue>,
    pub cancel: LaneCancel,
    pub probe: Probe,
    pub reporter: Reporter,
}

/// Sends the events of one run; the last one is sent on drop, whatever happened.
pub(super) struct Reporter {
    pub topic: Arc<str>,
    pub partition: i32,
    pub run: RunId,
    pub events: Sender<LaneEvent>,
    pub end: LaneEnd,
}

impl Reporter {
    fn tell(&self, news: LaneNews) {
        // The consumer thread may be gone after a shutdown that ran out of time.
        let _ = self.events.send(LaneEvent {
            topic: self.topic.clone(),
            partition: self.partition,
            run: self.run,
            news,
        });
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let end = std::mem::replace(&mut self.end, LaneEnd::Died);
        self.tell(LaneNews::Ended(end));
    }
}

pub(super) async fn run<H: BatchHandler>(mut lane_run: LaneRun<H>) {
    let end = drive(&lane_run).await;
    lane_run.reporter.end = end;
}

async fn drive<H: BatchHandler>(run: &LaneRun<H>) -> LaneEnd {
    let (topic, partition, cancel) = (&run.topic, run.partition, &run.cancel);
    let Some(watermarks) = run.probe.watermarks(topic, partition, cancel).await else {
        return LaneEnd::Cancelled;
    };
    let opened = run.handler.open(topic.clone(), partition, watermarks, cancel.clone()).await;
    let (lane, next_offset) = match opened {
        Opened::Ready { lane, next_offset } => (lane, next_offset),
        Opened::Hold { reason } => return LaneEnd::Held { reason },
        Opened::Cancelled => return LaneEnd::Cancelled,
    };
    run.reporter.tell(LaneNews::Opened { next_offset });
    work(run, lane, next_offset).await
}

async fn work<H: BatchHandler>(
    run: &LaneRun<H>,
    mut lane: H::Lane,
    next_offset: Option<i64>,
) -> LaneEnd {
    let mut next = next_offset.unwrap_or(0);
    let mut last_done: Option<Instant> = None;
    loop {
        let Some(mut batch) = run.queue.next_batch(&run.cancel, last_done).await else {
            return LaneEnd::Cancelled;
        };
        let taken = batch.len();
        batch.retain(|record| record.offset >= next);
        if batch.len() < taken {
            let records = (taken - batch.len()) as u64;
            run.reporter.tell(LaneNews::Dropped { records });
        }
        let Some(last) = batch.last().map(|record| record.offset) else {
            continue;
        };
        match run.handler.process(&mut lane, batch, &run.cancel).await {
            Processed::Committed { next_offset } if next_offset > last => {
                next = next_offset;
                run.reporter.tell(LaneNews::Committed { next_offset });
            }
            // Going on would skip the rest of the batch; a new open reads it again.
            Processed::Committed { .. } => {
                return LaneEnd::Reopen { why: "committed less than its batch" };
            }
            Processed::Fenced => return LaneEnd::Reopen { why: "fenced" },
            Processed::Cancelled => return LaneEnd::Cancelled,
        }
        last_done = Some(Instant::now());
    }
}

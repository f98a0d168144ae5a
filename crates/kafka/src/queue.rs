//! The bounded queue between the consumer thread and a lane task.
//!
//! One producer (the thread), one consumer (the task). `push` never waits and never refuses for
//! lack of room: the thread pauses the partition when a push reports the queue full, so the bound
//! is exceeded by at most the one record that crossed it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::lane::LaneCancel;
use super::record::Record;

/// Parts of the linger after which the queue must have grown, or the batch goes.
const LINGER_STEPS: u32 = 4;

/// Limits of a queue and of the batches taken from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueueLimits {
    pub records: usize,
    pub bytes: usize,
    pub batch: usize,
    pub linger: Duration,
}

#[derive(Debug)]
pub(super) struct LaneQueue {
    limits: QueueLimits,
    state: Mutex<QueueState>,
    /// Wakes the task when the queue stops being empty and when a full batch is there.
    filled: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    records: VecDeque<Record>,
    bytes: usize,
}

/// What became of a pushed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Push {
    Taken,
    /// Taken, and it was the last one that fits.
    Full,
}

impl LaneQueue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { limits, state: Mutex::default(), filled: Notify::new() }
    }

    pub(crate) fn push(&self, record: Record) -> Push {
        let mut state = self.lock();
        state.bytes += record.weight();
        state.records.push_back(record);
        let count = state.records.len();
        let full = count >= self.limits.records || state.bytes >= self.limits.bytes;
        drop(state);
        if count == 1 || count == self.limits.batch {
            self.filled.notify_one();
        }
        if full { Push::Full } else { Push::Taken }
    }

    /// True once a paused partition may flow again: below half, so that pausing (which makes
    /// librdkafka throw its prefetch of the partition away) happens once per half a queue.
    pub(crate) fn drained(&self) -> bool {
        let state = self.lock();
        state.records.len() <= self.limits.records / 2 && state.bytes <= self.limits.bytes / 2
    }

    /// Records and bytes in the queue.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        (state.records.len(), state.bytes)
    }

    /// Waits for the next batch; `None` when the lane is to stop.
    ///
    /// An idle lane gives its first record at once: low load has no extra delay. A lane that
    /// finished a batch less than a linger ago is busy: then a short batch waits while the queue
    /// keeps growing, at most one linger, because a transaction costs about the same for one
    /// record as for a hundred. A full batch never waits.
    pub(crate) async fn next_batch(
        &self,
        cancel: &LaneCancel,
        last_done: Option<Instant>,
    ) -> Option<Vec<Record>> {
        loop {
            if cancel.is_cancelled() {
                return None;
            }
            if self.depth().0 > 0 {
                break;
            }
            tokio::select! {
                () = self.filled.notified() => {}
                () = cancel.cancelled() => {}
            }
        }
        if last_done.is_some_and(|done| done.elapsed() < self.limits.linger) {
            self.linger(cancel).await;
        }
        if cancel.is_cancelled() {
            return None;
        }
        Some(self.take())
    }

    async fn linger(&self, cancel: &LaneCancel) {
        let mut count = self.depth().0;
        for _ in 0..LINGER_STEPS {
            let step = tokio::time::sleep(self.limits.linger / LINGER_STEPS);
            tokio::pin!(step);
            loop {
                if self.depth().0 >= self.limits.batch {
                    return;
                }
                // A wake-up can be an old one, so only the full step tells whether records come.
                tokio::select! {
                    () = &mut step => break,
                    () = self.filled.notified() => {}
                    () = cancel.cancelled() => return,
                }
            }
            let now = self.depth().0;
            if now == count {
                return;
            }
            count = now;
        }
    }

    fn take(&self) -> Vec<Record> {
        let mut state = self.lock();
        let count = state.records.len().min(self.limits.batch);
        let batch: Vec<Record> = state.records.drain(..count).collect();
        let weight: usize = batch.iter().map(Record::weight).sum();
        state.bytes = state.bytes.saturating_sub(weight);
        batch
    }

    /// A panic elsewhere cannot leave the queue half-changed, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> QueueLimits {
        QueueLimits { records: 4, bytes: 1 << 20, batch: 3, linger: Duration::from_millis(20) }
    }

    fn record(offset: i64) -> Record {
        Record {
            topic: "t".into(),
            partition: 0,
            offset,
            timestamp_ms: None,
            key: None,
            value: Some(vec![0; 10]),
            headers: Vec::new(),
        }
    }

    #[tokio::test]
    async fn batches_keep_order_and_limits() {
        let queue = LaneQueue::new(limits());
        let cancel = LaneCancel::new();
        for offset in 0..3 {
            assert_eq!(queue.push(record(offset)), Push::Taken);
        }
        assert_eq!(queue.push(record(3)), Push::Full);
        assert!(!queue.drained());
        let first = queue.next_batch(&cancel, None).await.unwrap();
        assert_eq!(first.iter().map(|r| r.offset).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(queue.drained());
        let second = queue.next_batch(&cancel, Some(Instant::now())).await;
        assert_eq!(second.unwrap().len(), 1);
        assert_eq!(queue.depth(), (0, 0));
        cancel.cancel();
        assert!(queue.next_batch(&cancel, None).await.is_none());
    }

    #[test]
    fn bytes_fill_a_queue_too() {
        let queue = LaneQueue::new(QueueLimits { bytes: 1_000, records: 1_000, ..limits() });
        let pushes: Vec<Push> = (0..6).map(|offset| queue.push(record(offset))).collect();
        assert_eq!(pushes.last(), Some(&Push::Full));
        assert_eq!(pushes.first(), Some(&Push::Taken));
    }
}

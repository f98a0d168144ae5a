//! The contract between the consumer and the pipeline: what a partition's lane asks of its handler.
//!
//! Order of calls, per assignment of a partition: `open` once, then `process` batch after batch,
//! never two at a time. After `Fenced` the lane is opened anew. Different partitions run in
//! parallel. No future of a handler is ever dropped half-way by the lane: a database call that is
//! cut off can lose an acknowledged write, so stopping is asked for through [`LaneCancel`].

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::record::Record;

/// What the pipeline does with a partition. Implementations retry transient errors themselves.
pub trait BatchHandler: Send + Sync + 'static {
    /// What the handler keeps for a partition between batches, for example its epoch.
    type Lane: Send + 'static;

    /// Called when a partition is assigned, before its first record: takes the fence (epoch) in
    /// the database. The partition is not fetched until this resolves, so it may take its time.
    fn open(
        &self,
        topic: Arc<str>,
        partition: i32,
        watermarks: Watermarks,
        cancel: LaneCancel,
    ) -> impl Future<Output = Opened<Self::Lane>> + Send;

    /// Processes one batch of records of one partition, in order. Resolves only when the whole
    /// batch is committed, fenced or cancelled. Between retries it looks at `cancel`.
    fn process(
        &self,
        lane: &mut Self::Lane,
        batch: Vec<Record>,
        cancel: &LaneCancel,
    ) -> impl Future<Output = Processed> + Send;
}

/// The ends of a partition's log when it was opened: the first offset still kept, and the offset
/// that the next record will get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    pub low: i64,
    pub high: i64,
}

/// The answer to `open`.
#[derive(Debug)]
pub enum Opened<L> {
    /// The partition may flow. With `next_offset` it continues exactly there, whatever the group
    /// committed; without, at the group's committed offset or else at the start of the log.
    Ready { lane: L, next_offset: Option<i64> },
    /// The partition must not flow, for example because the topic was created anew. It stays
    /// paused, is reported, and opened again later.
    Hold { reason: String },
    /// The handler gave up because it was asked to.
    Cancelled,
}

/// The answer to `process`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processed {
    /// All of the batch is committed; `next_offset` is what the database wants next.
    Committed { next_offset: i64 },
    /// Another owner has taken the partition; nothing of the batch was committed.
    Fenced,
    /// The handler gave up because it was asked to; nothing of the batch was committed.
    Cancelled,
}

/// A cloneable flag that asks a lane to stop. Once set it stays set.
#[derive(Debug, Clone, Default)]
pub struct LaneCancel {
    inner: Arc<CancelState>,
}

#[derive(Debug, Default)]
struct CancelState {
    flag: AtomicBool,
    changed: Notify,
}

impl LaneCancel {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn cancel(&self) {
        self.inner.flag.store(true, Ordering::SeqCst);
        self.inner.changed.notify_waiters();
    }

    pub fn is_cancelled(&self) -> bool {
        self.inner.flag.load(Ordering::SeqCst)
    }

    /// Resolves once the flag is set. Select it against sleeps between retries, never against a
    /// database future.
    pub async fn cancelled(&self) {
        loop {
            // Registered before the flag is read: a cancel in between wakes this waiter.
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.is_cancelled() {
                return;
            }
            changed.await;
        }
    }
}

//! The contract between the consumer and the pipeline: what a partition's lane asks of its handler.
//!
//! Order of calls, per assignment of a partition: `open` once, then `process` batch after batch,
//! never two at a time, and `check` between them. After `Fenced` the lane is opened anew. Different
//! partitions run in parallel. No future of a handler is ever dropped half-way by the lane: a
//! database call that is cut off can lose an acknowledged write, so stopping is asked for through
//! [`LaneCancel`].

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::log::PartitionLog;
use super::record::Record;
use super::trouble::HeldAs;

/// What the pipeline does with a partition. Implementations retry transient errors themselves.
pub trait BatchHandler: Send + Sync + 'static {
    /// What the handler keeps for a partition between batches, for example its epoch.
    type Lane: Send + 'static;

    /// Called when a partition is assigned, before its first record: takes the fence (epoch) in
    /// the database, and compares what it knows with the log. The partition is not fetched until
    /// this resolves, so it may take its time.
    fn open(
        &self,
        topic: Arc<str>,
        partition: i32,
        log: PartitionLog,
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

    /// Called between batches, from time to time: is the log still the one that was read?
    fn check(
        &self,
        lane: &mut Self::Lane,
        log: &PartitionLog,
    ) -> impl Future<Output = Checked> + Send;
}

/// The answer to `open`.
#[derive(Debug)]
pub enum Opened<L> {
    /// The partition may flow: from `next_offset`, or else from the start of the log. What the
    /// group committed does not count.
    Ready { lane: L, next_offset: Option<i64> },
    /// The partition must not flow. It stays paused, is reported, and opened again later.
    Hold { held_as: HeldAs, reason: String },
    /// The handler gave up because it was asked to.
    Cancelled,
}

/// The answer to `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    Sound,
    /// The log is not what the lane took it for: it has to be opened anew.
    Changed {
        why: String,
    },
    Hold {
        held_as: HeldAs,
        reason: String,
    },
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

//! What the consumer thread, its callbacks and the handle share, and the calls to librdkafka that
//! follow from a decision of the table.
//!
//! Locks: each is held for a few instructions only, never two at a time, and never across a call
//! to librdkafka. The one of the events is held while waiting for them, because only the consumer
//! thread ever takes it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as NativeError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::watch;

use super::context::Context;
use super::lane_task::LaneEvent;
use super::slots::{Action, Key, Slots};
use super::status::ConsumerStatus;

/// A seek is served by a thread inside librdkafka without asking the broker: it is quick, and it
/// fails at once while the partition has no start position yet.
const SEEK_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Shared {
    slots: Mutex<Slots>,
    events: Mutex<Receiver<LaneEvent>>,
    last_error: Mutex<Option<String>>,
    has_error: AtomicBool,
    /// Why the consumer cannot go on.
    failure: watch::Sender<Option<String>>,
    /// Until when lanes may finish, once the consumer is to stop.
    stop: Mutex<Option<Instant>>,
    running: AtomicBool,
    joined: AtomicBool,
    began: Instant,
    /// When the thread turned last, in milliseconds since it began.
    turned: AtomicU64,
    /// Errors after which records may have been passed over; see `lane_task`.
    pub errors: Arc<AtomicU64>,
    pub revoke_wait: Duration,
}

impl Shared {
    pub(crate) fn new(slots: Slots, events: Receiver<LaneEvent>, revoke_wait: Duration) -> Self {
        Self {
            slots: Mutex::new(slots),
            events: Mutex::new(events),
            last_error: Mutex::default(),
            has_error: AtomicBool::new(false),
            failure: watch::Sender::new(None),
            stop: Mutex::default(),
            running: AtomicBool::new(true),
            joined: AtomicBool::new(false),
            began: Instant::now(),
            turned: AtomicU64::new(0),
            errors: Arc::default(),
            revoke_wait,
        }
    }

    pub(crate) fn slots(&self) -> MutexGuard<'_, Slots> {
        lock(&self.slots)
    }

    pub(crate) fn note_error(&self, error: String) {
        *lock(&self.last_error) = Some(error);
        self.has_error.store(true, Ordering::Release);
    }

    /// Records flow again: what was wrong is over.
    pub(crate) fn clear_error(&self) {
        if self.has_error.swap(false, Ordering::AcqRel) {
            *lock(&self.last_error) = None;
        }
    }

    pub(crate) fn die(&self, reason: &str) {
        tracing::error!(reason, "kafka consumer stops");
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            if first {
                *failure = Some(reason.to_owned());
            }
            first
        });
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.failure.borrow().is_some()
    }

    pub(crate) fn failures(&self) -> watch::Receiver<Option<String>> {
        self.failure.subscribe()
    }

    pub(crate) fn request_stop(&self, deadline: Instant) {
        lock(&self.stop).get_or_insert(deadline);
    }

    pub(crate) fn stop_requested(&self) -> Option<Instant> {
        *lock(&self.stop)
    }

    /// Until when a revoke may wait; not again once a shutdown has waited already.
    pub(crate) fn revoke_deadline(&self) -> Instant {
        let deadline = Instant::now() + self.revoke_wait;
        self.stop_requested().map_or(deadline, |stop| stop.min(deadline))
    }

    pub(crate) fn ended(&self) {
        self.running.store(false, Ordering::Release);
    }

    /// The consumer thread is not stuck.
    pub(crate) fn turns(&self) {
        self.turned.store(self.millis(), Ordering::Release);
    }

    /// The group has shared its partitions out.
    pub(crate) fn joins(&self) {
        self.joined.store(true, Ordering::Release);
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn status(&self) -> ConsumerStatus {
        let silent = self.millis().saturating_sub(self.turned.load(Ordering::Acquire));
        ConsumerStatus {
            silent_for: Duration::from_millis(silent),
            joined: self.joined.load(Ordering::Acquire),
            running: self.running.load(Ordering::Acquire),
            partitions: self.slots().status(),
            last_error: lock(&self.last_error).clone(),
        }
    }

    /// Takes in what the lanes told so far, waiting at most `wait` for the first event.
    pub(crate) fn hear(&self, consumer: &BaseConsumer<Context>, wait: Duration) {
        let mut next = match wait {
            Duration::ZERO => lock(&self.events).try_recv().ok(),
            wait => lock(&self.events).recv_timeout(wait).ok(),
        };
        while let Some(event) = next {
            let action = self.slots().hear(&event, Instant::now());
            if let Some(action) = action {
                self.apply(consumer, &(event.topic, event.partition), &action);
            }
            next = lock(&self.events).try_recv().ok();
        }
    }

    /// Does what the table decided. Starting lanes is not done here: it needs the handler.
    pub(crate) fn apply(&self, consumer: &BaseConsumer<Context>, key: &Key, action: &Action) {
        let (topic, partition) = (key.0.as_ref(), key.1);
        let done = match action {
            Action::Pause => consumer.pause(&list(key, Offset::Invalid)),
            Action::Resume => consumer.resume(&list(key, Offset::Invalid)),
            Action::Seek { target } => self.seek(consumer, key, *target),
            Action::Store { next_offset } => {
                consumer.store_offsets(&list(key, Offset::Offset(*next_offset)))
            }
            Action::Start => Ok(()),
            Action::Die => {
                self.die("a lane died");
                Ok(())
            }
        };
        // A seek fails while the partition is still starting and is tried again at the next turn;
        // an offset is refused when a rebalance was quicker, and the database knows it anyway.
        if let Err(error) = done {
            tracing::debug!(topic, partition, ?action, %error, "not done");
        }
    }

    fn seek(
        &self,
        consumer: &BaseConsumer<Context>,
        key: &Key,
        target: i64,
    ) -> Result<(), NativeError> {
        let at = Offset::Offset(target);
        match consumer.seek(&key.0, key.1, at, SEEK_TIMEOUT) {
            // A position that librdkafka gave up can only be set by a new assignment.
            Err(_) if self.slots().is_lost(&key.0, key.1) => {
                consumer.incremental_unassign(&list(key, Offset::Invalid))?;
                consumer.incremental_assign(&list(key, at))?;
            }
            sought => sought?,
        }
        consumer.resume(&list(key, Offset::Invalid))?;
        self.slots().sought(&key.0, key.1, target);
        Ok(())
    }

    /// Waits until the lanes of `keys` have ended; false when time ran out.
    pub(crate) fn wait_ended(
        &self,
        consumer: &BaseConsumer<Context>,
        keys: &[Key],
        deadline: Instant,
    ) -> bool {
        loop {
            self.hear(consumer, Duration::ZERO);
            let slots = self.slots();
            let busy = keys.iter().any(|(topic, partition)| slots.has_run(topic, *partition));
            drop(slots);
            let left = deadline.saturating_duration_since(Instant::now());
            if !busy || left.is_zero() {
                return !busy;
            }
            self.hear(consumer, left);
        }
    }
}

/// A list of one partition. `Invalid` is what librdkafka ignores where no offset is asked for.
pub(super) fn list(key: &Key, offset: Offset) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    add(&mut list, key, offset);
    list
}

pub(super) fn add(list: &mut TopicPartitionList, key: &Key, offset: Offset) {
    let mut element = list.add_partition(&key.0, key.1);
    // Fails only for offsets that have no number; those used here all have one.
    let _ = element.set_offset(offset);
}

/// No code panics while it holds one of these locks in a half-changed state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The consumer thread: poll, hand out, react, and in the end leave in order.
//!
//! One turn: take in what lanes told, do what is due (start, seek, resume), poll up to a limit. No
//! step of a turn waits for a lane or the database.
//!
//! Order at the end: pause everything, cancel the lanes, keep polling until the batches in flight
//! are through, commit their offsets, stop the probe, drop the consumer (it leaves the group).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError as NativeError, RDKafkaErrorCode};
use rdkafka::message::Message;
use tokio::runtime::Handle;

use super::context::{Context, pause};
use super::lane::{BatchHandler, LaneCancel};
use super::lane_task::{self, LaneEnd, LaneEvent, LaneRun, Reporter, RunId};
use super::probe::Probe;
use super::queue::{LaneQueue, QueueLimits};
use super::record::Record;
use super::shared::Shared;
use super::slots::{Action, Key, Running};
use super::trouble::{Meaning, meaning};

/// The longest one poll waits when nothing is to be watched.
const POLL_IDLE: Duration = Duration::from_millis(100);
/// While a lane is full, opening or seeking: how late the thread may notice that it is through.
const POLL_URGENT: Duration = Duration::from_millis(5);
/// Records of one turn: some ms of copying, so that lanes are heard in between.
const POLL_RECORDS: usize = 1_000;

pub(super) struct PollLoop<H> {
    pub consumer: Arc<BaseConsumer<Context>>,
    pub shared: Arc<Shared>,
    pub handler: Arc<H>,
    pub runtime: Handle,
    pub limits: QueueLimits,
    pub events: Sender<LaneEvent>,
    pub probe: Probe,
    pub probe_thread: JoinHandle<()>,
    pub check_every: Duration,
    /// When all lanes were last opened anew.
    pub suspected: Option<Instant>,
    pub out_of_range: bool,
    pub runs: RunId,
}

/// How the end went. Nothing in it is needed for correctness: the next owner starts where the
/// database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownReport {
    /// All batches in flight came to their end in time.
    pub drained: bool,
    /// Partitions whose batch was still in flight.
    pub abandoned: Vec<Key>,
    /// The group knows all offsets that the database has.
    pub committed: bool,
    /// The consumer left the group and is gone.
    pub closed: bool,
    pub took: Duration,
}

/// Lanes are opened anew for an error of the client at most this often.
const SUSPECT_EVERY: Duration = Duration::from_secs(1);

/// Tells that the thread has ended, also when it panicked.
struct EndGuard(Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.ended();
        if std::thread::panicking() {
            self.0.die("the consumer thread panicked");
        }
    }
}

impl<H: BatchHandler> PollLoop<H> {
    pub(crate) fn run(mut self) -> ShutdownReport {
        let _guard = EndGuard(self.shared.clone());
        let deadline = loop {
            if let Some(deadline) = self.shared.stop_requested() {
                break deadline;
            }
            if self.shared.is_dead() {
                break Instant::now() + self.shared.revoke_wait;
            }
            self.turn();
        };
        self.finish(deadline)
    }

    fn turn(&mut self) {
        self.shared.hear(&self.consumer, Duration::ZERO);
        let now = Instant::now();
        if self.out_of_range && self.suspected.is_none_or(|at| now - at >= SUSPECT_EVERY) {
            self.out_of_range = false;
            self.suspected = Some(now);
            let suspects = self.shared.slots().suspect_all();
            for (key, action) in suspects {
                self.shared.apply(&self.consumer, &key, &action);
            }
        }
        let due = self.shared.slots().due(now);
        for (key, action) in due {
            if action == Action::Start {
                self.start(&key);
            } else {
                self.shared.apply(&self.consumer, &key, &action);
            }
        }
        let urgent = self.shared.slots().is_urgent();
        self.poll(if urgent { POLL_URGENT } else { POLL_IDLE });
    }

    fn poll(&mut self, first_wait: Duration) {
        self.shared.turns();
        let mut wait = first_wait;
        for _ in 0..POLL_RECORDS {
            // None also stands for an event that was handled, for example a rebalance.
            let Some(polled) = self.consumer.poll(wait) else {
                return;
            };
            wait = Duration::ZERO;
            let message = match polled {
                Ok(message) => message,
                Err(error) => {
                    self.failed(&error);
                    return;
                }
            };
            let (topic, partition) = (message.topic(), message.partition());
            let copy = |name| Record::copy_of(name, &message);
            let action = self.shared.slots().offer(topic, partition, message.offset(), copy);
            if let Some(action) = action {
                self.shared.apply(&self.consumer, &(topic.into(), partition), &action);
            }
            self.shared.clear_error();
        }
    }

    /// The context has logged the error already. All but fatal ones heal while polling goes on;
    /// a position outside its log does not, and records may have been passed over.
    fn failed(&mut self, error: &NativeError) {
        match meaning(error) {
            Meaning::Outage => {}
            Meaning::Held(_) | Meaning::NotThere | Meaning::Other => {
                self.shared.errors.fetch_add(1, Ordering::AcqRel);
            }
            Meaning::OutOfRange => {
                self.shared.errors.fetch_add(1, Ordering::AcqRel);
                self.out_of_range = true;
            }
        }
        let fatal = matches!(error, NativeError::MessageConsumptionFatal(_))
            || error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal);
        if fatal {
            self.shared.die(&format!("fatal error: {error}"));
        }
    }

    fn start(&mut self, key: &Key) {
        self.runs += 1;
        let queue = Arc::new(LaneQueue::new(self.limits));
        let cancel = LaneCancel::new();
        let running = Running { id: self.runs, queue: queue.clone(), cancel: cancel.clone() };
        let careful = self.shared.slots().is_troubled(&key.0, key.1);
        self.shared.slots().started(&key.0, key.1, running);
        let reporter = Reporter {
            topic: key.0.clone(),
            partition: key.1,
            run: self.runs,
            events: self.events.clone(),
            // What is reported if the task never gets to its end.
            end: LaneEnd::Died,
        };
        self.runtime.spawn(lane_task::run(LaneRun {
            handler: self.handler.clone(),
            topic: key.0.clone(),
            partition: key.1,
            queue,
            cancel,
            probe: self.probe.clone(),
            check_every: self.check_every,
            careful,
            reporter,
        }));
    }

    fn finish(mut self, deadline: Instant) -> ShutdownReport {
        let began = Instant::now();
        let keys = self.shared.slots().keys();
        if let Err(error) = pause(&self.consumer, &keys) {
            tracing::debug!(%error, "not all partitions paused");
        }
        for (topic, partition) in &keys {
            self.shared.slots().close(topic, *partition);
        }
        let abandoned = self.drain(&keys, deadline);
        let committed = match self.consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) => true,
            // Nothing new was stored since the last commit.
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) => true,
            Err(error) => {
                tracing::warn!(%error, "offsets not committed at the end");
                false
            }
        };
        self.probe.stop();
        if self.probe_thread.join().is_err() {
            tracing::warn!("the probe thread panicked");
        }
        drop(self.consumer);
        ShutdownReport {
            drained: abandoned.is_empty(),
            abandoned,
            committed,
            closed: true,
            took: began.elapsed(),
        }
    }

    /// Polls on, so that the member stays in the group, until all lanes have ended or it is time.
    fn drain(&mut self, keys: &[Key], deadline: Instant) -> Vec<Key> {
        loop {
            self.shared.hear(&self.consumer, Duration::ZERO);
            let slots = self.shared.slots();
            let busy: Vec<Key> = keys
                .iter()
                .filter(|(topic, partition)| slots.has_run(topic, *partition))
                .cloned()
                .collect();
            drop(slots);
            if busy.is_empty() || Instant::now() >= deadline {
                return busy;
            }
            self.poll(POLL_URGENT);
        }
    }
}

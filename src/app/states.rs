//! What a worker tells of its partitions: to the database, and to whoever watches it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::kafka;
use crate::observe::{Meters, Signs};
use crate::pipeline::Pipeline;
use crate::store::partitions::{self, PartitionState};
use crate::telemetry;

/// How often it is looked whether a partition stands otherwise, and how often all are told anew.
const STATES_LOOK: Duration = Duration::from_secs(1);
const STATES_TELL: Duration = Duration::from_secs(30);

/// Tells the database how partitions stand, for `status` and `doctor`.
pub(super) async fn tell_states(
    pipeline: Pipeline,
    status: impl Fn() -> kafka::ConsumerStatus,
    mut refused: Refusals,
    signs: Arc<Signs>,
    mut stop: watch::Receiver<bool>,
) {
    let (group, owner) = (&pipeline.settings().group, &pipeline.settings().owner);
    let mut told: Vec<PartitionState> = Vec::new();
    let mut told_at = Instant::now();
    let mut shown = kafka::Shown::default();
    while !*stop.borrow() {
        let mut now = states(&shown.of(&status(), Instant::now()));
        now.extend(refused.of(&now).await);
        signs.states(now.clone());
        let gone = told.iter().filter(|old| {
            old.state != LEFT
                && !now.iter().any(|s| (&s.topic, s.partition) == (&old.topic, old.partition))
        });
        let mut news = given_up(&refused.topics, gone.cloned().collect()).await;
        news.extend(now.iter().cloned());
        if news != told || (!now.is_empty() && told_at.elapsed() >= STATES_TELL) {
            let at = pipeline.clock().now();
            match partitions::tell(pipeline.pool(), group, owner, &news, at).await {
                Ok(()) => (told, told_at) = (now, Instant::now()),
                Err(error) => {
                    tracing::debug!(error = %telemetry::chain(&error), "states not told");
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(STATES_LOOK) => {}
            _ = stop.changed() => {}
        }
    }
    // Why one could not be read stays true without a reader.
    told.retain(|state| state.state != LEFT && state.reason.is_empty());
    for state in &mut told {
        (state.state, state.reason) = (LEFT, String::new());
    }
    if !told.is_empty() {
        let at = pipeline.clock().now();
        if let Err(error) = partitions::tell(pipeline.pool(), group, owner, &told, at).await {
            tracing::debug!(error = %telemetry::chain(&error), "not told what it leaves");
        }
    }
}

/// How often Kafka is asked about topics of which nothing is assigned.
const REFUSED_ASK: Duration = Duration::from_secs(5);

/// Topics of which this worker has nothing because the brokers refuse it.
pub(super) struct Refusals {
    topics: kafka::Topics,
    read: Vec<String>,
    asked: Instant,
    found: Vec<PartitionState>,
}

impl Refusals {
    /// `read` are the topics that it would read.
    pub(super) fn new(topics: kafka::Topics, read: Vec<String>) -> Self {
        Self { topics, read, asked: Instant::now(), found: Vec::new() }
    }

    /// Beside what is assigned. That others have all of a topic is no refusal.
    async fn of(&mut self, assigned: &[PartitionState]) -> Vec<PartitionState> {
        let has = |topic: &str| assigned.iter().any(|state| state.topic == topic);
        self.found.retain(|found| !has(&found.topic));
        if self.asked.elapsed() >= REFUSED_ASK {
            let before = std::mem::take(&mut self.found);
            for topic in self.read.iter().filter(|topic| !has(topic)) {
                let Some((trouble, partitions)) = self.topics.refused(topic).await else {
                    continue;
                };
                if !before.iter().any(|old| old.topic == *topic && old.reason == trouble.reason) {
                    tracing::error!(topic, reason = trouble.reason, "topic refused");
                }
                self.found.extend((0..partitions).map(|partition| PartitionState {
                    topic: topic.clone(),
                    partition,
                    state: trouble.held_as.word(),
                    reason: trouble.reason.clone(),
                }));
            }
            self.asked = Instant::now();
        }
        self.found.clone()
    }
}

/// How often Kafka is asked how many partitions there are. A proof waits for the next answer.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// Tells the database how many partitions the usage topic has: what lies in one that nobody has
/// opened yet is not known.
pub(super) async fn count_partitions(
    pipeline: Pipeline,
    topics: kafka::Topics,
    mut stop: watch::Receiver<bool>,
) {
    let (group, topic) = (&pipeline.settings().group, &pipeline.settings().topics.usage);
    while !*stop.borrow() {
        let at = pipeline.clock().now();
        let count = topics.partitions(topic).await.and_then(|count| i32::try_from(count).ok());
        if let Some(count) = count {
            let told = partitions::tell_count(pipeline.pool(), group, topic, count, at).await;
            if let Err(error) = told {
                tracing::debug!(error = %telemetry::chain(&error), "partitions not told");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(COUNT_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

const LEFT: &str = "left";

/// Partitions that this worker does not have any more. If a topic is gone nobody has them, and that
/// is told until it comes back. Kafka is asked once for each topic: a group may give up many.
async fn given_up(topics: &kafka::Topics, mut gone: Vec<PartitionState>) -> Vec<PartitionState> {
    let of: BTreeSet<String> = gone.iter().map(|old| old.topic.clone()).collect();
    for topic in of {
        let own = gone.iter().filter(|old| old.topic == topic).map(|old| old.partition);
        let (lost, trouble) = topics.lost(&topic, own.collect()).await;
        for old in gone.iter_mut().filter(|old| old.topic == topic) {
            (old.state, old.reason) = if lost.contains(&old.partition) {
                (trouble.held_as.word(), trouble.reason.clone())
            } else {
                (LEFT, String::new())
            };
        }
    }
    gone
}

fn states(partitions: &[kafka::PartitionStatus]) -> Vec<PartitionState> {
    let state = |partition: &kafka::PartitionStatus| PartitionState {
        topic: partition.topic.as_ref().to_owned(),
        partition: partition.partition,
        state: partition.phase.word(),
        reason: partition.phase.reason().to_owned(),
    };
    partitions.iter().map(state).collect()
}

/// How often Kafka is asked where the logs of our partitions end.
const ENDS_EVERY: Duration = Duration::from_secs(10);

/// Notes where the logs of our partitions end, for whoever looks at the lag: also while a batch is
/// in hand that cannot be written.
pub(super) async fn note_ends(
    status: impl Fn() -> kafka::ConsumerStatus,
    topics: kafka::Topics,
    meters: Arc<Meters>,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let mut ends = BTreeMap::new();
        let partitions = status().partitions;
        let rest = if partitions.is_empty() { STATES_LOOK } else { ENDS_EVERY };
        for partition in partitions {
            // Each question to brokers that are away takes its time, and lanes have questions too.
            let Some(end) = topics.end(&partition.topic, partition.partition).await else { break };
            ends.insert((partition.topic.as_ref().to_owned(), partition.partition), end);
            if *stop.borrow() {
                return;
            }
        }
        meters.note_ends(ends);
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

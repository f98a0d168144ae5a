//! Wiring: what a worker consists of, and the order in which it stops.
//!
//! Stop order: intake (pause, drain lanes, store offsets, leave the group), sweep, relay (one last
//! round), pool. Each has a bound, and nothing is cut off: a step that is not through in time is
//! left alone, and the process ends. What is not done by then is done by whoever comes next,
//! because the database says where to go on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::{Config, GroupProtocol, Only, Pooler, Proof};
use crate::jobs::{Job, JobSettings, Keep, Runner};
use crate::kafka::{self, ConsumerConfig, ConsumerHandle, KafkaError, Producer, ProducerConfig};
use crate::pipeline::{Pipeline, Settings};
use crate::relay::Relay;
use crate::schedule::{self, Calendar, ScheduleError, Timetable};
use crate::store::partitions::{self, PartitionState};
use crate::store::{self, ConnectOptions, StoreError};
use crate::telemetry;
use crate::timekeeper;

#[derive(Debug, Error)]
pub enum AppError {
    #[error("the database could not be used")]
    Store(#[from] StoreError),
    #[error("Kafka could not be used")]
    Kafka(#[from] KafkaError),
    #[error("waiting for signals failed")]
    Signal(#[source] std::io::Error),
    #[error("the jobs could not be scheduled")]
    Schedule(#[from] ScheduleError),
    #[error("nothing to run: --only names no part that exists")]
    Nothing,
}

/// How to reach the database by this configuration.
pub fn connect_options(config: &Config, application_name: &str) -> ConnectOptions {
    let database = &config.database;
    ConnectOptions {
        url: database.url.reveal().to_owned(),
        pool_size: database.pool_size,
        statement_timeout: Duration::from_millis(database.statement_timeout_ms),
        lock_timeout: Duration::from_millis(database.lock_timeout_ms),
        idle_in_transaction_timeout: Duration::from_millis(database.idle_in_transaction_timeout_ms),
        role: database.role.clone(),
        application_name: application_name.to_owned(),
        pooler: match database.pooler {
            Pooler::None => store::Pooler::None,
            Pooler::Session => store::Pooler::Session,
            Pooler::Transaction => store::Pooler::Transaction,
        },
        by_index: false,
        writes: false,
    }
}

/// How a worker does.
pub fn worker_options(config: &Config) -> ConnectOptions {
    let options = connect_options(config, "topup worker");
    ConnectOptions { by_index: true, writes: true, ..options }
}

/// The pipeline of this configuration on an open pool.
pub fn pipeline(config: &Config, pool: crate::store::PgPool, clock: Clock) -> Pipeline {
    let seconds = i64::try_from(config.worker.waiting_deadline_seconds).unwrap_or(i64::MAX);
    let proof = i64::try_from(config.usage.proof_deadline_seconds).unwrap_or(i64::MAX);
    let skew = i64::try_from(config.worker.clock_skew_seconds).unwrap_or(i64::MAX);
    let hold_age = i64::try_from(config.usage.hold_max_age_seconds).unwrap_or(i64::MAX);
    let settings = Settings {
        group: config.kafka.group_id.clone(),
        owner: config.kafka.client_id.clone(),
        topics: config.topics(),
        policy: config.policy(),
        balance_levels: config.balance_levels(),
        payment_qr: config.payment_qr(),
        waiting_deadline: chrono::Duration::seconds(seconds),
        advice_days: config.worker.advice_days,
        hold_max_age: chrono::Duration::seconds(hold_age),
        usage_proof: config.usage.proof == Proof::Watermark,
        clock_skew: chrono::Duration::seconds(skew),
        proof_deadline: chrono::Duration::seconds(proof),
        event_source: config.worker.event_source.clone(),
        writers: config.database.writers,
    };
    Pipeline::new(pool, settings, clock)
}

/// A job's schedule as it is configured.
pub fn schedule_of(config: &Config, job: Job) -> &str {
    let jobs = &config.jobs;
    match job {
        Job::Audit => &jobs.audit,
        Job::ExpireWaiting => &jobs.expire_waiting,
        Job::Prune => &jobs.prune,
        Job::FlagVoidCandidates => &jobs.flag_void_candidates,
        Job::Reconcile => &jobs.reconcile,
        Job::Rematch => &jobs.rematch,
    }
}

/// The runner of scheduled jobs; `stop` ends it.
///
/// # Errors
/// When a schedule or the time zone is not one (a checked configuration has none such).
pub fn runner(
    config: &Config,
    pipeline: Pipeline,
    stop: watch::Receiver<bool>,
) -> Result<Runner, ScheduleError> {
    Ok(Runner::new(pipeline, job_settings(config)?, stop))
}

/// What jobs go by.
///
/// # Errors
/// As [`runner`].
pub fn job_settings(config: &Config) -> Result<JobSettings, ScheduleError> {
    let jobs = &config.jobs;
    let zone = schedule::zone(&jobs.time_zone)?;
    let mut timetables = Vec::new();
    for job in Job::ALL {
        let timetable = Timetable::parse(schedule_of(config, job), zone)?;
        timetables.extend(timetable.map(|timetable| (job, timetable)));
    }
    Ok(JobSettings {
        owner: config.kafka.client_id.clone(),
        lease: Duration::from_secs(jobs.lease_seconds),
        keep: Keep {
            events_days: jobs.keep_events_days,
            records_days: jobs.keep_records_days,
            runs_days: jobs.keep_runs_days,
            usage_days: jobs.keep_usage_days,
        },
        calendar: Calendar {
            zone,
            holidays: jobs.holidays.iter().filter_map(|day| schedule::day(day)).collect(),
        },
        stale_after_days: jobs.stale_after_days,
        timetables,
    })
}

fn consumer_config(config: &Config, topics: &[&str]) -> ConsumerConfig {
    let kafka = &config.kafka;
    let mut consumer = ConsumerConfig::new(&kafka.brokers, &kafka.group_id, topics);
    consumer.client_id.clone_from(&kafka.client_id);
    consumer.protocol = match kafka.group_protocol {
        GroupProtocol::Classic => kafka::GroupProtocol::Classic,
        GroupProtocol::Consumer => kafka::GroupProtocol::Consumer,
    };
    consumer.batch_records_max = config.worker.batch_records;
    consumer.batch_linger = Duration::from_millis(config.worker.batch_linger_ms);
    consumer.lane_records_max = config.worker.lane_records;
    consumer.session_timeout = Duration::from_millis(kafka.session_timeout_ms);
    consumer.max_poll_interval = Duration::from_millis(kafka.max_poll_interval_ms);
    consumer.check_every = Duration::from_millis(kafka.log_check_ms);
    consumer.hold_retry = consumer.check_every;
    consumer.extra = kafka.security();
    consumer
}

/// What comes after the intake may take so long in all: tasks finish what they have in hand.
/// With `worker.shutdown_seconds` and what leaving the group takes (5 s), the intake's bound, a
/// worker stops within `shutdown_seconds` + 8 s whatever is away. Nothing is cut off before:
/// what is in hand when the process ends is rolled back by the database, or was committed.
const TASKS_GRACE: Duration = Duration::from_secs(2);
/// Giving connections back.
const POOL_GRACE: Duration = Duration::from_secs(1);

/// A running worker.
pub struct Worker {
    pipeline: Pipeline,
    consumer: Option<ConsumerHandle>,
    tasks: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    shutdown: Duration,
}

impl Worker {
    /// Starts the parts that `only` names.
    ///
    /// # Errors
    /// When Kafka's client cannot be made or the database cannot be reached.
    pub async fn start(config: &Config, only: Only, clock: Clock) -> Result<Self, AppError> {
        let pool = store::connect(&worker_options(config)).await?;
        let clock = timekeeper::clock_of(&pool, clock).await?;
        let pipeline = pipeline(config, pool, clock);
        let (stop, stopped) = watch::channel(false);
        let topics = config.topics();
        let mut subscribed = Vec::new();
        if only.commands {
            subscribed.push(topics.commands.as_str());
        }
        if only.bank {
            subscribed.push(topics.bank_payments.as_str());
        }
        if only.usage {
            subscribed.push(topics.usage.as_str());
        }
        if subscribed.is_empty() && !only.relay && !only.jobs {
            return Err(AppError::Nothing);
        }
        let consumer = if subscribed.is_empty() {
            None
        } else {
            let settings = consumer_config(config, &subscribed);
            let handler = Arc::new(pipeline.clone());
            Some(kafka::start(settings, handler, tokio::runtime::Handle::current())?)
        };
        let mut tasks = Vec::new();
        tasks.push(tokio::spawn(timekeeper::keep(pipeline.clone(), stopped.clone())));
        if let Some(consumer) = &consumer {
            let (watch, topics) = (consumer.watch(), consumer.topics());
            let read = subscribed.iter().map(|topic| (*topic).to_owned()).collect();
            let refused = Refusals { topics, read, asked: Instant::now(), found: Vec::new() };
            let telling = tell_states(pipeline.clone(), watch, refused, stopped.clone());
            tasks.push(tokio::spawn(telling));
        }
        if let Some(consumer) = consumer.as_ref().filter(|_| only.usage) {
            let counting = count_partitions(pipeline.clone(), consumer.topics(), stopped.clone());
            tasks.push(tokio::spawn(counting));
        }
        if only.relay {
            let mut producer = ProducerConfig::new(&config.kafka.brokers);
            producer.client_id.clone_from(&config.kafka.client_id);
            producer.extra = config.kafka.security();
            let relay = Relay::new(
                pipeline.pool().clone(),
                Producer::new(&producer)?,
                topics.clone(),
                config.kafka.group_id.clone(),
                clock,
            );
            let stopped = stopped.clone();
            tasks.push(tokio::spawn(async move { relay.run(stopped).await }));
        }
        if only.jobs {
            let runner = Arc::new(runner(config, pipeline.clone(), stopped.clone())?);
            tasks.push(tokio::spawn(runner.run()));
        }
        if consumer.is_some() || only.jobs {
            tasks.push(tokio::spawn(pipeline.clone().follow_rules(stopped.clone())));
        }
        if only.jobs || only.commands || only.usage {
            let interval = Duration::from_millis(config.worker.sweep_interval_ms);
            tasks.push(tokio::spawn(sweep_loop(pipeline.clone(), interval, stopped)));
        }
        let shutdown = Duration::from_secs(config.worker.shutdown_seconds);
        Ok(Self { pipeline, consumer, tasks, stop, shutdown })
    }

    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    pub fn status(&self) -> Option<kafka::ConsumerStatus> {
        self.consumer.as_ref().map(ConsumerHandle::status)
    }

    /// Resolves only when the consumer has failed for good.
    pub async fn failed(&self) -> KafkaError {
        match &self.consumer {
            Some(consumer) => consumer.failed().await,
            None => std::future::pending().await,
        }
    }

    /// Stops in order, each step within its bound. A step that is not through by then is left
    /// alone, not cut off: the process may end, and whoever comes next goes on from the database.
    pub async fn shutdown(mut self) {
        let end = Instant::now() + self.shutdown + kafka::CLOSE_GRACE + TASKS_GRACE;
        if let Some(consumer) = self.consumer.take() {
            let report = consumer.shutdown(self.shutdown).await;
            tracing::info!(
                drained = report.drained,
                committed = report.committed,
                closed = report.closed,
                "intake stopped"
            );
        }
        // A closed channel stops the tasks as well.
        let _ = self.stop.send(true);
        let pipeline = self.pipeline.clone();
        self.tasks.push(tokio::spawn(async move { pipeline.end_trial().await }));
        let mut left = 0_usize;
        for task in self.tasks.drain(..) {
            // What is dropped when time runs out is the handle: the task itself goes on.
            match tokio::time::timeout_at(end.into(), task).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => tracing::error!("a task of the worker panicked"),
                Err(_) => left = left.saturating_add(1),
            }
        }
        let closed = tokio::time::timeout(POOL_GRACE, self.pipeline.pool().close()).await;
        if left > 0 || closed.is_err() {
            tracing::warn!(tasks = left, "not all came to its end in time: the process ends");
        }
    }
}

/// How often it is looked whether a partition stands otherwise, and how often all are told anew.
const STATES_LOOK: Duration = Duration::from_secs(1);
const STATES_TELL: Duration = Duration::from_secs(30);

/// Tells the database how partitions stand, for `status` and `doctor`.
async fn tell_states(
    pipeline: Pipeline,
    status: impl Fn() -> kafka::ConsumerStatus,
    mut refused: Refusals,
    mut stop: watch::Receiver<bool>,
) {
    let (group, owner) = (&pipeline.settings().group, &pipeline.settings().owner);
    let mut told: Vec<PartitionState> = Vec::new();
    let mut told_at = Instant::now();
    let mut shown = kafka::Shown::default();
    while !*stop.borrow() {
        let mut now = states(&shown.of(&status(), Instant::now()));
        now.extend(refused.of(&now).await);
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
}

/// How often Kafka is asked about topics of which nothing is assigned.
const REFUSED_ASK: Duration = Duration::from_secs(5);

/// Topics of which this worker has nothing because the brokers refuse it.
struct Refusals {
    topics: kafka::Topics,
    read: Vec<String>,
    asked: Instant,
    found: Vec<PartitionState>,
}

impl Refusals {
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
async fn count_partitions(
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

/// Releases and expires waiting commands, on time and when something they may need has come; and
/// looks again at suggestions whose invoices were paid or voided.
async fn sweep_loop(pipeline: Pipeline, interval: Duration, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match pipeline.sweep().await {
            Ok(swept) if swept.released > 0 || swept.expired > 0 => {
                tracing::info!(
                    released = swept.released,
                    expired = swept.expired,
                    "waiting commands"
                );
                continue;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = %telemetry::chain(&error), "waiting commands not swept");
            }
        }
        if let Err(error) = pipeline.renew_suggestions().await {
            tracing::warn!(error = %telemetry::chain(&error), "suggestions not looked at again");
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = pipeline.sweep_wanted() => {}
            _ = stop.changed() => {}
        }
    }
}

/// Runs a worker until SIGTERM or Ctrl-C.
///
/// # Errors
/// When it cannot start, or its consumer fails for good.
pub async fn run_worker(config: Config, only: Only) -> Result<(), AppError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(AppError::Signal)?;
    // The database may not answer: who wants to stop need not wait for a start.
    let worker = tokio::select! {
        worker = Worker::start(&config, only, Clock::System) => worker?,
        _ = terminate.recv() => return Ok(()),
        result = tokio::signal::ctrl_c() => return result.map_err(AppError::Signal),
    };
    tracing::info!(group = config.kafka.group_id, "worker started");
    let failure = tokio::select! {
        _ = terminate.recv() => None,
        result = tokio::signal::ctrl_c() => result.err().map(AppError::Signal),
        error = worker.failed() => Some(AppError::Kafka(error)),
    };
    tracing::info!("worker stopping");
    worker.shutdown().await;
    match failure {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

//! Wiring: what a worker consists of, and the order in which it stops.
//!
//! Stop order: intake (pause, drain lanes, store offsets, leave the group), sweep, relay (one last
//! round), pool. Each has a bound, and nothing is cut off: a step that is not through in time is
//! left alone, and the process ends. What is not done by then is done by whoever comes next,
//! because the database says where to go on.

mod states;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::{Config, GroupProtocol, Only, Pooler, Proof};
use crate::jobs::{Job, JobSettings, Keep, Runner};
use crate::kafka::{
    self, BrokerOutage, ConsumerConfig, ConsumerHandle, KafkaError, Producer, ProducerConfig,
};
use crate::observe::book::Book;
use crate::observe::{self, Board, Signs, Watched, service};
use crate::pipeline::{Authority, Pipeline, Settings};
use crate::relay::Relay;
use crate::schedule::{self, Calendar, ScheduleError, Timetable};
use crate::store::{self, ConnectOptions, StoreError};
use crate::telemetry;
use crate::timekeeper;
use states::{Refusals, count_partitions, note_ends, tell_states};

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
        authority: Authority {
            table: config.authority_table(),
            keys: config.signing_keys(),
            keep_days: config.jobs.keep_records_days,
        },
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
            texts_days: jobs.keep_texts_days,
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

fn consumer_config(config: &Config, topics: &[&str], outage: &BrokerOutage) -> ConsumerConfig {
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
    consumer.outage = outage.clone();
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
    tasks: Tasks,
    stop: watch::Sender<bool>,
    shutdown: Duration,
    signs: Arc<Signs>,
    brokers: BrokerOutage,
    book: Arc<Book>,
    /// The topics that it reads.
    topics: Vec<String>,
}

/// What runs beside the consumer until it is told to stop, each by its name.
#[derive(Default)]
struct Tasks(Vec<(&'static str, JoinHandle<()>)>);

impl Tasks {
    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push((name, tokio::spawn(task)));
    }
}

/// The topics that these parts read.
fn topics_of(config: &Config, only: Only) -> Vec<String> {
    let topics = config.topics();
    let parts = [
        (only.commands, topics.commands),
        (only.bank, topics.bank_payments),
        (only.usage, topics.usage),
    ];
    parts.into_iter().filter(|(read, _)| *read).map(|(_, topic)| topic).collect()
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
        let topics = topics_of(config, only);
        if topics.is_empty() && !only.relay && !only.jobs {
            return Err(AppError::Nothing);
        }
        let read: Vec<&str> = topics.iter().map(String::as_str).collect();
        let brokers = BrokerOutage::default();
        let consumer = if topics.is_empty() {
            None
        } else {
            let settings = consumer_config(config, &read, &brokers);
            let handler = Arc::new(pipeline.clone());
            Some(kafka::start(settings, handler, tokio::runtime::Handle::current())?)
        };
        let shutdown = Duration::from_secs(config.worker.shutdown_seconds);
        let (signs, book) = (Arc::new(Signs::new()), Arc::new(Book::default()));
        let tasks = Tasks::default();
        let mut worker =
            Self { pipeline, consumer, tasks, stop, shutdown, signs, brokers, book, topics };
        worker.look_after(only, &stopped);
        worker.work(config, only, &stopped)?;
        Ok(worker)
    }

    /// What tells how the worker stands.
    fn look_after(&mut self, only: Only, stopped: &watch::Receiver<bool>) {
        let (pipeline, signs) = (&self.pipeline, &self.signs);
        let tasks = &mut self.tasks;
        let me = timekeeper::Me::new(only, pipeline.clock().now());
        let keep = timekeeper::keep(pipeline.clone(), me, signs.clone(), stopped.clone());
        tasks.spawn("clock", keep);
        let skew = pipeline.settings().clock_skew;
        let (book, pool, stop) = (self.book.clone(), pipeline.pool().clone(), stopped.clone());
        tasks.spawn("book", async move { book.keep(pool, skew, stop).await });
        let Some(consumer) = &self.consumer else { return };
        let refused = Refusals::new(consumer.topics(), self.topics.clone());
        let watch = consumer.watch();
        let tell = tell_states(pipeline.clone(), watch, refused, signs.clone(), stopped.clone());
        tasks.spawn("states", tell);
        let meters = pipeline.meters().clone();
        let ends = note_ends(consumer.watch(), consumer.topics(), meters, stopped.clone());
        tasks.spawn("ends", ends);
        if only.usage {
            let count = count_partitions(pipeline.clone(), consumer.topics(), stopped.clone());
            tasks.spawn("partitions", count);
        }
    }

    /// What works beside the consumer.
    fn work(
        &mut self,
        config: &Config,
        only: Only,
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), AppError> {
        let (pipeline, tasks) = (&self.pipeline, &mut self.tasks);
        if only.relay {
            let mut producer = ProducerConfig::new(&config.kafka.brokers);
            producer.client_id.clone_from(&config.kafka.client_id);
            producer.extra = config.kafka.security();
            producer.outage = self.brokers.clone();
            let relay = Relay::new(pipeline, Producer::new(&producer)?);
            let stopped = stopped.clone();
            tasks.spawn("relay", async move { relay.run(stopped).await });
        }
        if only.jobs {
            let runner = Arc::new(runner(config, pipeline.clone(), stopped.clone())?);
            tasks.spawn("jobs", runner.run());
        }
        if self.consumer.is_some() || only.jobs {
            tasks.spawn("rules", pipeline.clone().follow_rules(stopped.clone()));
        }
        if only.jobs || only.commands || only.usage {
            let interval = Duration::from_millis(config.worker.sweep_interval_ms);
            tasks.spawn("sweep", sweep_loop(pipeline.clone(), interval, stopped.clone()));
        }
        Ok(())
    }

    /// What whoever looks from outside is shown.
    fn watched(&self) -> Watched {
        let tasks = self.tasks.0.iter().map(|(name, task)| (*name, task.abort_handle()));
        Watched {
            meters: self.pipeline.meters().clone(),
            signs: self.signs.clone(),
            brokers: self.brokers.clone(),
            book: self.book.clone(),
            pool: self.pipeline.pool().clone(),
            clock: self.pipeline.clock(),
            consumer: self.consumer.as_ref().map(|consumer| Box::new(consumer.watch()) as _),
            topics: self.topics.clone(),
            tasks: tasks.collect(),
        }
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
        self.tasks.spawn("trial", async move { pipeline.end_trial().await });
        let mut left = 0_usize;
        for (_, task) in self.tasks.0.drain(..) {
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
            Err(error) if pipeline.outage().has("waiting commands", &error) => {}
            Err(error) => {
                tracing::warn!(error = %telemetry::chain(&error), "waiting commands not swept");
            }
        }
        if let Err(error) = pipeline.renew_suggestions().await
            && !pipeline.outage().has("suggestions", &error)
        {
            tracing::warn!(error = %telemetry::chain(&error), "suggestions not looked at again");
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = pipeline.sweep_wanted() => {}
            _ = stop.changed() => {}
        }
    }
}

/// Answers whoever looks from outside, if it is to. What cannot be had is said, and is no reason
/// not to work: another worker of this machine may have the port.
async fn watch_from_outside(config: &Config) -> Arc<Board> {
    let board = Arc::new(Board::new());
    let Some(address) = config.listen() else { return board };
    match observe::listen(address, board.clone()).await {
        Ok(address) => tracing::info!(%address, "metrics and health are served"),
        Err(error) => tracing::warn!(
            %address,
            %error,
            "metrics and health are not served: the worker goes on without"
        ),
    }
    board
}

/// Runs a worker until SIGTERM or Ctrl-C.
///
/// # Errors
/// When it cannot start, or its consumer fails for good.
pub async fn run_worker(config: Config, only: Only) -> Result<(), AppError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(AppError::Signal)?;
    let board = watch_from_outside(&config).await;
    // The database may not answer: who wants to stop need not wait for a start.
    let worker = tokio::select! {
        worker = Worker::start(&config, only, Clock::System) => worker?,
        _ = terminate.recv() => return Ok(()),
        result = tokio::signal::ctrl_c() => return result.map_err(AppError::Signal),
    };
    board.runs(worker.watched());
    tracing::info!(group = config.kafka.group_id, "worker started");
    tokio::spawn(service::attend(board.clone()));
    let failure = tokio::select! {
        _ = terminate.recv() => None,
        result = tokio::signal::ctrl_c() => result.err().map(AppError::Signal),
        error = worker.failed() => Some(AppError::Kafka(error)),
    };
    board.stops();
    service::stops();
    tracing::info!("worker stopping");
    worker.shutdown().await;
    match failure {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

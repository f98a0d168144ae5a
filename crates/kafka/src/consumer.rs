//! Starting a consumer, and the handle to it.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::config::ConsumerConfig;
use super::context::Context;
use super::error::KafkaError;
use super::lane::{BatchHandler, LaneCancel};
use super::poll_loop::{PollLoop, ShutdownReport};
use super::probe::Probe;
use super::shared::Shared;
use super::slots::Slots;
use super::status::ConsumerStatus;
use super::trouble::{Trouble, not_there};

/// Leaving the group after the lanes are through: measured 0.1 to 2 s. When the brokers are away
/// it can take the session timeout; then the thread is left behind and the process may exit.
pub const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// A running consumer. Dropping it without `shutdown` stops it without waiting for its lanes.
pub struct ConsumerHandle {
    shared: Arc<Shared>,
    probe: Probe,
    report: Option<oneshot::Receiver<ShutdownReport>>,
}

/// Joins the group and starts the lanes on `runtime`, which needs its time driver.
pub fn start<H: BatchHandler>(
    config: ConsumerConfig,
    handler: Arc<H>,
    runtime: Handle,
) -> Result<ConsumerHandle, KafkaError> {
    config.check()?;
    let (events, inbox) = channel();
    let slots = Slots::new(config.hold_retry);
    let shared = Arc::new(Shared::new(slots, inbox, config.revoke_wait));
    let consumer: BaseConsumer<Context> = config
        .native()
        .create_with_context(Context::new(shared.clone(), config.outage.clone()))
        .map_err(KafkaError::client("consumer"))?;
    let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).map_err(KafkaError::client("subscribe"))?;
    let consumer = Arc::new(consumer);
    let reader = config.native_reader();
    let probe = Probe::start(consumer.clone(), reader, shared.errors.clone());
    let (probe, probe_thread) = probe.map_err(KafkaError::Thread)?;
    let poll_loop = PollLoop {
        consumer,
        shared: shared.clone(),
        handler,
        runtime,
        limits: config.queue_limits(),
        events,
        probe: probe.clone(),
        probe_thread,
        check_every: config.check_every,
        suspected: None,
        out_of_range: false,
        runs: 0,
    };
    let (report_to, report) = oneshot::channel();
    std::thread::Builder::new()
        .name("kafka-consumer".to_owned())
        .spawn(move || {
            // The handle may have been dropped; then nobody wants the report.
            let _ = report_to.send(poll_loop.run());
        })
        .map_err(KafkaError::Thread)?;
    Ok(ConsumerHandle { shared, probe, report: Some(report) })
}

impl ConsumerHandle {
    /// Pauses, lets the batches in flight finish until `deadline`, commits, leaves the group.
    /// Records that wait in a lane are not begun: the next owner reads them again. Returns at the
    /// latest `CLOSE_GRACE` after the deadline.
    pub async fn shutdown(mut self, deadline: Duration) -> ShutdownReport {
        let began = Instant::now();
        self.shared.request_stop(began + deadline);
        let given_up = || ShutdownReport {
            drained: false,
            abandoned: self.shared.slots().keys(),
            committed: false,
            closed: false,
            took: began.elapsed(),
        };
        let Some(report) = self.report.take() else {
            return given_up();
        };
        match tokio::time::timeout(deadline + CLOSE_GRACE, report).await {
            Ok(Ok(report)) => report,
            // The thread panicked, or it hangs in leaving the group.
            Ok(Err(_)) | Err(_) => given_up(),
        }
    }

    pub fn status(&self) -> ConsumerStatus {
        self.shared.status()
    }

    /// The same, for those who outlive this handle.
    pub fn watch(&self) -> impl Fn() -> ConsumerStatus + Send + use<> {
        let shared = self.shared.clone();
        move || shared.status()
    }

    /// Questions about topics, for those who outlive this handle.
    pub fn topics(&self) -> Topics {
        Topics(self.probe.clone())
    }

    /// Resolves when the consumer cannot go on; the process then has to end with an error. Stays
    /// pending for ever when the consumer is shut down in order.
    pub fn failed(&self) -> impl Future<Output = KafkaError> + Send + use<> {
        let mut failures = self.shared.failures();
        async move {
            let failure = match failures.wait_for(Option::is_some).await {
                Ok(failure) => failure.clone(),
                Err(_) => None,
            };
            match failure {
                Some(reason) => KafkaError::Fatal(reason),
                None => std::future::pending().await,
            }
        }
    }
}

/// Questions about topics.
#[derive(Debug, Clone)]
pub struct Topics(Probe);

impl Topics {
    /// How many partitions a topic has; `None` when Kafka does not answer, or does not know it.
    pub async fn partitions(&self, topic: &str) -> Option<usize> {
        self.0.partitions(topic).await
    }

    /// Where the log of a partition ends; `None` when Kafka does not answer.
    pub async fn end(&self, topic: &Arc<str>, partition: i32) -> Option<i64> {
        let log = self.0.log_now(topic, partition, &LaneCancel::new()).await?;
        log.ok().map(|log| log.high)
    }

    /// Why no partition of a topic is assigned, and how many it has (1 if that is not known):
    /// nothing where the brokers do not refuse us.
    pub async fn refused(&self, topic: &str) -> Option<(Trouble, i32)> {
        self.0.refused(topic).await
    }

    /// Of partitions that the group gave up, those that Kafka says are not there, and how that is
    /// told.
    pub async fn lost(&self, topic: &str, partitions: Vec<i32>) -> (Vec<i32>, Trouble) {
        (self.0.lacks(topic, partitions).await, not_there())
    }
}

impl Drop for ConsumerHandle {
    fn drop(&mut self) {
        self.shared.request_stop(Instant::now());
    }
}

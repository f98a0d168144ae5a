//! Questions to the log without stopping the poll.
//!
//! They block for a round trip, or for a timeout when the broker is away. They run on a small
//! thread of its own, so neither the poll loop nor a runtime worker waits. The ends of a log are
//! asked through the consumer's client (the call has a queue of its own inside librdkafka and is
//! thread-safe); records are read by a second client that joins no group, one partition at a time,
//! so that an error is that partition's. The consumer thread stops and joins this thread before it
//! drops the consumer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as NativeError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;
use tokio::sync::oneshot;

use super::context::{Context, LogContext};
use super::ends::ends;
use super::lane::LaneCancel;
use super::log::{LogSilence, PartitionLog};
use super::record::Record;
use super::refusal::Refusal;
use super::shared::list;
use super::trouble::{HeldAs, Meaning, Trouble, meaning, not_there, trouble};

/// One question; it also bounds how long the end of the consumer waits for this thread.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);
/// Between two attempts of one lane.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// What cannot be read is looked at this often before it is told.
const LOOKS: u32 = 3;

/// What a question came to.
type Answer<T> = Result<T, Failure>;

enum Failure {
    /// Asked again after a pause.
    NoAnswer,
    Trouble(Trouble),
}

enum Request {
    Ends { topic: Arc<str>, partition: i32, reply: oneshot::Sender<Answer<(i64, i64)>> },
    First { topic: Arc<str>, partition: i32, offset: i64, reply: FirstReply },
    Count { topic: String, reply: oneshot::Sender<Option<usize>> },
    Missing { topic: String, partitions: Vec<i32>, reply: oneshot::Sender<Vec<i32>> },
    Refused { topic: String, reply: oneshot::Sender<Option<Refused>> },
    Stop,
}

/// That a topic is not read, and as far as is known how many partitions it has.
pub(super) type Refused = (Trouble, i32);
type FirstReply = oneshot::Sender<Answer<Option<Record>>>;

/// The lanes' side: cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    requests: Sender<Request>,
    /// Errors of the consumer after which records may have been passed over.
    errors: Arc<AtomicU64>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request")
    }
}

impl Probe {
    pub(crate) fn start(
        consumer: Arc<BaseConsumer<Context>>,
        reader: ClientConfig,
        errors: Arc<AtomicU64>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (requests, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name("kafka-probe".to_owned())
            .spawn(move || Server { consumer, settings: reader, reader: None }.serve(&inbox))?;
        Ok((Self { requests, errors }, thread))
    }

    /// Lanes that outlive a shutdown hold clones, so the thread is stopped by a message.
    pub(crate) fn stop(&self) {
        // The thread being gone already is what was asked for.
        let _ = self.requests.send(Request::Stop);
    }

    /// How many errors the consumer has had so far.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Acquire)
    }

    /// Asks until Kafka answers. There is no way to open a partition safely without knowing where
    /// its log ends.
    pub(crate) async fn log(
        &self,
        topic: &Arc<str>,
        partition: i32,
        cancel: &LaneCancel,
    ) -> Result<PartitionLog, LogSilence> {
        let request = |reply| Request::Ends { topic: topic.clone(), partition, reply };
        let ends = self.ask(request, cancel).await?;
        Ok(PartitionLog::new(ends, self.clone(), topic.clone(), partition, cancel.clone()))
    }

    /// How many partitions a topic has; `None` when Kafka does not answer.
    pub(crate) async fn partitions(&self, topic: &str) -> Option<usize> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Count { topic: topic.to_owned(), reply }).ok()?;
        answer.await.ok().flatten()
    }

    /// Which of the partitions Kafka says are not there, by one question. Where it does not answer,
    /// it says nothing.
    pub(crate) async fn lacks(&self, topic: &str, partitions: Vec<i32>) -> Vec<i32> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Missing { topic: topic.to_owned(), partitions, reply };
        if self.requests.send(request).is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// Why nothing of a topic is assigned, if the brokers refuse us.
    pub(crate) async fn refused(&self, topic: &str) -> Option<Refused> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Refused { topic: topic.to_owned(), reply }).ok()?;
        answer.await.ok().flatten()
    }

    /// Asks once; `None` when Kafka does not answer.
    pub(crate) async fn log_now(
        &self,
        topic: &Arc<str>,
        partition: i32,
        cancel: &LaneCancel,
    ) -> Option<Result<PartitionLog, LogSilence>> {
        let request = |reply| Request::Ends { topic: topic.clone(), partition, reply };
        let log =
            |ends| PartitionLog::new(ends, self.clone(), topic.clone(), partition, cancel.clone());
        self.ask_once(&request, cancel).await.map(|answer| answer.map(log))
    }

    pub(crate) async fn first_from(
        &self,
        topic: &Arc<str>,
        partition: i32,
        offset: i64,
        cancel: &LaneCancel,
    ) -> Result<Option<Record>, LogSilence> {
        let request = |reply| Request::First { topic: topic.clone(), partition, offset, reply };
        self.ask(request, cancel).await
    }

    async fn ask<T>(
        &self,
        request: impl Fn(oneshot::Sender<Answer<T>>) -> Request,
        cancel: &LaneCancel,
    ) -> Result<T, LogSilence> {
        let mut looks = 0;
        loop {
            looks += 1;
            match self.ask_once(&request, cancel).await {
                // A topic that was created a moment ago is not everywhere yet.
                Some(Err(LogSilence::Trouble(trouble)))
                    if looks < LOOKS && trouble.held_as == HeldAs::Unreadable => {}
                Some(answer) => return answer,
                None => {}
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_DELAY) => {}
                () = cancel.cancelled() => return Err(LogSilence::Cancelled),
            }
        }
    }

    async fn ask_once<T>(
        &self,
        request: &impl Fn(oneshot::Sender<Answer<T>>) -> Request,
        cancel: &LaneCancel,
    ) -> Option<Result<T, LogSilence>> {
        let (reply, answer) = oneshot::channel();
        if cancel.is_cancelled() || self.requests.send(request(reply)).is_err() {
            return Some(Err(LogSilence::Cancelled));
        }
        tokio::select! {
            answer = answer => match answer {
                Ok(Ok(found)) => Some(Ok(found)),
                Ok(Err(Failure::Trouble(trouble))) => Some(Err(LogSilence::Trouble(trouble))),
                Ok(Err(Failure::NoAnswer)) | Err(_) => None,
            },
            () = cancel.cancelled() => Some(Err(LogSilence::Cancelled)),
        }
    }
}

struct Server {
    consumer: Arc<BaseConsumer<Context>>,
    settings: ClientConfig,
    /// Made when it is first needed.
    reader: Option<BaseConsumer<LogContext>>,
}

impl Server {
    fn serve(mut self, inbox: &Receiver<Request>) {
        // A cancelled lane must not make those behind it wait for a timeout; and it may have been
        // cancelled meanwhile: then nobody listens.
        loop {
            match inbox.recv() {
                Ok(Request::Ends { reply, .. }) if reply.is_closed() => {}
                Ok(Request::First { reply, .. }) if reply.is_closed() => {}
                Ok(Request::Count { topic, reply }) => {
                    let metadata = self.consumer.fetch_metadata(Some(&topic), PROBE_TIMEOUT).ok();
                    let _ = reply.send(metadata.and_then(|metadata| {
                        let topics = metadata.topics().iter();
                        let count = topics.map(|topic| topic.partitions().len()).sum();
                        (count > 0).then_some(count)
                    }));
                }
                Ok(Request::Missing { topic, partitions, reply }) => {
                    let _ = reply.send(self.missing(&topic, partitions));
                }
                Ok(Request::Refused { topic, reply }) => {
                    let _ = reply.send(self.refused(&topic));
                }
                Ok(Request::Ends { topic, partition, reply }) => {
                    let answer = ends(&self.consumer, &topic, partition, PROBE_TIMEOUT);
                    if answer.is_ok() {
                        self.consumer.context().answered();
                    }
                    let answer = answer.map_err(|error| self.failure(&topic, partition, &error));
                    let _ = reply.send(answer);
                }
                Ok(Request::First { topic, partition, offset, reply }) => {
                    let _ = reply.send(self.first_from(topic, partition, offset));
                }
                Ok(Request::Stop) | Err(_) => return,
            }
        }
    }

    fn first_from(
        &mut self,
        topic: Arc<str>,
        partition: i32,
        offset: i64,
    ) -> Answer<Option<Record>> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => self
                .settings
                .create_with_context(LogContext::quiet())
                .map_err(|error| self.failure(&topic, partition, &error))?,
        };
        let found = read(&reader, &topic, partition, offset)
            .unwrap_or_else(|error| Err(self.failure(&topic, partition, &error)));
        // A reader that was given up on may still deliver; the next one is a new client.
        if !matches!(found, Err(Failure::NoAnswer)) && reader.unassign().is_ok() {
            self.reader = Some(reader);
        }
        found
    }
}

impl Server {
    fn failure(&self, topic: &str, partition: i32, error: &NativeError) -> Failure {
        match meaning(error) {
            Meaning::Held(held_as) => Failure::Trouble(trouble(error, held_as)),
            Meaning::NotThere if self.is_missing(topic, partition) => Failure::Trouble(not_there()),
            Meaning::NotThere | Meaning::OutOfRange | Meaning::Outage | Meaning::Other => {
                tracing::debug!(topic, partition, %error, "the log does not answer, asking again");
                Failure::NoAnswer
            }
        }
    }

    /// Whether a broker says so; no broker says nothing.
    fn is_missing(&self, topic: &str, partition: i32) -> bool {
        !self.missing(topic, vec![partition]).is_empty()
    }

    /// The topic, the group, or all of the cluster.
    fn refused(&self, topic: &str) -> Option<Refused> {
        let context = self.consumer.context();
        let Ok(metadata) = self.consumer.fetch_metadata(Some(topic), PROBE_TIMEOUT) else {
            return context.refusal().map(|refusal| (refusal.trouble(), 1));
        };
        let error = metadata.topics().iter().find_map(|topic| topic.error());
        let told = |error: &NativeError, partitions: i32| {
            Refusal::of(error, "").map(|refusal| (refusal.trouble(), partitions))
        };
        if let Some(error) = error {
            return told(&NativeError::MetadataFetch(error.into()), 1);
        }
        let count = metadata.topics().iter().map(|topic| topic.partitions().len()).sum::<usize>();
        let count = i32::try_from(count).unwrap_or(i32::MAX).max(1);
        // Who may not read the offsets of a group may not join it.
        let place = (Arc::from(topic), 0);
        match self.consumer.committed_offsets(list(&place, Offset::Invalid), PROBE_TIMEOUT) {
            Ok(_) => {
                context.answered();
                None
            }
            // The answer is mostly that none came: why is told to the callbacks.
            Err(error) => told(&error, count).or_else(|| {
                let refusal = context.refusal().filter(Refusal::is_of_group)?;
                Some((refusal.trouble(), count))
            }),
        }
    }

    fn missing(&self, topic: &str, mut partitions: Vec<i32>) -> Vec<i32> {
        let Ok(metadata) = self.consumer.fetch_metadata(Some(topic), PROBE_TIMEOUT) else {
            return Vec::new();
        };
        let known = || metadata.topics().iter().flat_map(|topic| topic.partitions());
        partitions.retain(|partition| !known().any(|known| known.id() == *partition));
        partitions
    }
}

/// Outside: an error of the client; inside: what the log says.
fn read(
    reader: &BaseConsumer<LogContext>,
    topic: &Arc<str>,
    partition: i32,
    offset: i64,
) -> Result<Answer<Option<Record>>, NativeError> {
    let place = (topic.clone(), partition);
    reader.assign(&list(&place, Offset::Offset(offset)))?;
    let until = Instant::now() + PROBE_TIMEOUT;
    while Instant::now() < until {
        let error = match reader.poll(POLL) {
            None => continue,
            Some(Ok(message)) => {
                let ours = message.topic() == topic.as_ref() && message.partition() == partition;
                if ours && message.offset() >= offset {
                    return Ok(Ok(Some(Record::copy_of(topic.clone(), &message))));
                }
                continue;
            }
            Some(Err(NativeError::PartitionEOF(at))) if at == partition => return Ok(Ok(None)),
            Some(Err(error)) => error,
        };
        match meaning(&error) {
            Meaning::OutOfRange => return Ok(Ok(None)),
            Meaning::Held(_) | Meaning::NotThere => return Err(error),
            Meaning::Outage | Meaning::Other => {}
        }
    }
    Ok(Err(Failure::NoAnswer))
}

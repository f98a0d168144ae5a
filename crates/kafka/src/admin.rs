//! Questions to a cluster, for the command line and tests; nothing here is used by the worker.
//!
//! All calls block; from async code call them through `spawn_blocking`. Each uses a client of its
//! own that is dropped at the end. An `AdminClient` in particular must not be used twice: with
//! several calls that time out, librdkafka 2.12 can abort the process when it is dropped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as NativeError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::config::unique_client_id;
use super::context::LogContext;
use super::ends::ends;
use super::error::{KafkaError, Said};
use super::refusal::{HOST_MISMATCH, Refusal, UNKNOWN_AUTHORITY};

/// Between two looks at whether the brokers refuse us.
const LOOK: Duration = Duration::from_millis(250);
/// What a client that is new can have been told.
const HEARD_MAX: usize = 64;

/// Where a cluster is and how to get in.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub brokers: String,
    /// Further librdkafka settings, for example TLS and SASL.
    pub extra: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    pub name: String,
    pub partitions: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partitions: i32,
    pub replication: i32,
    /// For example `cleanup.policy`.
    pub config: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLag {
    pub topic: String,
    pub partition: i32,
    pub low: i64,
    pub high: i64,
    /// What the group committed, if it did.
    pub committed: Option<i64>,
    /// Records that the group has not committed yet.
    pub lag: i64,
}

impl Cluster {
    pub fn new(brokers: &str) -> Self {
        Self { brokers: brokers.to_owned(), extra: BTreeMap::new() }
    }

    /// All topics but Kafka's own.
    pub fn list_topics(&self, timeout: Duration) -> Result<Vec<TopicInfo>, KafkaError> {
        let consumer = self.consumer(None)?;
        let metadata = self.metadata(&consumer, None, timeout)?;
        let mut topics: Vec<TopicInfo> = metadata
            .topics()
            .iter()
            .filter(|topic| !topic.name().starts_with("__"))
            .map(|topic| TopicInfo {
                name: topic.name().to_owned(),
                partitions: topic.partitions().len(),
            })
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// What the brokers know of a topic, or of all. A refusal ends it at once: the client would ask
    /// on until its time is over.
    fn metadata(
        &self,
        consumer: &BaseConsumer<LogContext>,
        topic: Option<&str>,
        timeout: Duration,
    ) -> Result<Metadata, KafkaError> {
        let deadline = Instant::now() + timeout;
        let mut refused = false;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let error = match consumer.fetch_metadata(topic, left.min(LOOK)) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => error,
            };
            // Another broker may let us in: it has one more look.
            match heard(consumer) {
                Some((refusal, said)) if refused => {
                    return Err(self.refused(refusal, said));
                }
                refusal => refused = refusal.is_some(),
            }
            if Instant::now() >= deadline {
                let protocol = self.extra.get("security.protocol").map_or("", String::as_str);
                return Err(match consumer.context().of_silence(protocol) {
                    Some(refusal) => self.refused(refusal, error.to_string()),
                    None => KafkaError::client("metadata")(error),
                });
            }
        }
    }

    fn refused(&self, refusal: Refusal, said: String) -> KafkaError {
        let refusal = if refusal.is_untrusted() { self.look_again() } else { refusal };
        KafkaError::Refused { refusal, source: Said(said) }
    }

    /// An unknown authority and another host name are one word of the client. It tells them apart
    /// whether the host name alone is in the way. Nothing of ours is shown to this broker: neither
    /// user nor password nor certificate.
    fn look_again(&self) -> Refusal {
        let mut extra = BTreeMap::from([
            ("security.protocol".to_owned(), "ssl".to_owned()),
            ("ssl.endpoint.identification.algorithm".to_owned(), "none".to_owned()),
        ]);
        let authority = self.extra.get_key_value("ssl.ca.location");
        extra.extend(authority.map(|(key, value)| (key.clone(), value.clone())));
        let bare = Self { brokers: self.brokers.clone(), extra };
        let Ok(consumer) = bare.consumer(None) else {
            return UNKNOWN_AUTHORITY;
        };
        let until = Instant::now() + LOOK * 8;
        while Instant::now() < until {
            let known = consumer.fetch_metadata(None, LOOK).is_ok();
            match heard(&consumer) {
                Some((refusal, _)) if refusal.is_untrusted() => return UNKNOWN_AUTHORITY,
                // It got as far as to what comes after the certificate.
                Some(_) => return HOST_MISMATCH,
                None if known || consumer.context().was_closed() => return HOST_MISMATCH,
                None => {}
            }
        }
        UNKNOWN_AUTHORITY
    }

    /// Creates topics; those that exist already are left as they are and not reported.
    /// Returns the names that were created.
    pub fn create_topics(
        &self,
        topics: &[TopicSpec],
        timeout: Duration,
    ) -> Result<Vec<String>, KafkaError> {
        // The client of these requests asks nobody for a token.
        if self.extra.get("sasl.mechanism").is_some_and(|mechanism| mechanism == "OAUTHBEARER") {
            let problem = "topics are not created by a login with a token: use Kafka's own tool";
            return Err(KafkaError::setting("sasl.mechanism", problem));
        }
        // It tells at once when nobody lets us in.
        self.metadata(&self.consumer(None)?, None, timeout)?;
        let admin: AdminClient<LogContext> = self
            .native()
            .create_with_context(LogContext::default())
            .map_err(KafkaError::client("admin client"))?;
        let wanted: Vec<NewTopic<'_>> = topics.iter().map(new_topic).collect();
        let options =
            AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout));
        let answers = futures::executor::block_on(admin.create_topics(&wanted, &options))
            .map_err(KafkaError::client("create topics"))?;
        let mut created = Vec::new();
        for answer in answers {
            match answer {
                Ok(name) => created.push(name),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    return Err(KafkaError::setting(&name, format!("not created: {code}")));
                }
            }
        }
        Ok(created)
    }

    /// Those of `topics` that are there and that we may not see. One that is not there is told as
    /// one that we may not see, unless we may see all.
    ///
    /// # Errors
    /// When no broker answers.
    pub fn denied(&self, topics: &[String], timeout: Duration) -> Result<Vec<String>, KafkaError> {
        let consumer = self.consumer(None)?;
        let mut denied = Vec::new();
        for topic in topics {
            let metadata = self.metadata(&consumer, Some(topic), timeout)?;
            if may_see(&metadata).is_err() {
                denied.push(topic.clone());
            }
        }
        Ok(denied)
    }

    /// Ends of the log, committed offset and lag of every partition of `topics`. The group is
    /// asked without joining it. `timeout` is for all questions together. The end is that of what
    /// was written: records behind a transaction that somebody left open wait, and are a lag.
    pub fn group_lag(
        &self,
        group_id: &str,
        topics: &[&str],
        timeout: Duration,
    ) -> Result<Vec<PartitionLag>, KafkaError> {
        let deadline = Instant::now() + timeout;
        let left = || deadline.saturating_duration_since(Instant::now());
        let consumer = self.consumer_of(Some(group_id), "read_uncommitted")?;
        let mut wanted = TopicPartitionList::new();
        for topic in topics {
            let metadata = self.metadata(&consumer, Some(topic), left())?;
            may_see(&metadata)?;
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                wanted.add_partition(topic, partition.id());
            }
        }
        let committed = consumer.committed_offsets(wanted, left());
        // That we may not join is told beside the answer, which only says that none came.
        let committed = committed.map_err(|error| match heard(&consumer) {
            Some((refusal, said)) => self.refused(refusal, said),
            None => KafkaError::client("committed offsets")(error),
        })?;
        let mut lags = Vec::with_capacity(committed.count());
        for element in committed.elements() {
            let (low, high) = ends(&consumer, element.topic(), element.partition(), left())
                .map_err(KafkaError::client("ends of a log"))?;
            let committed = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            lags.push(PartitionLag {
                topic: element.topic().to_owned(),
                partition: element.partition(),
                low,
                high,
                committed,
                lag: lag((low, high), committed),
            });
        }
        Ok(lags)
    }

    pub(super) fn consumer(
        &self,
        group_id: Option<&str>,
    ) -> Result<BaseConsumer<LogContext>, KafkaError> {
        self.consumer_of(group_id, "read_committed")
    }

    fn consumer_of(
        &self,
        group_id: Option<&str>,
        isolation: &str,
    ) -> Result<BaseConsumer<LogContext>, KafkaError> {
        let mut native = self.native();
        native.set("isolation.level", isolation);
        native.set("enable.auto.commit", "false");
        if let Some(group_id) = group_id {
            native.set("group.id", group_id);
        }
        // That a connection was closed is only told by a line of the log.
        native.set_log_level(RDKafkaLogLevel::Info);
        let consumer: BaseConsumer<LogContext> = native
            .create_with_context(LogContext::quiet())
            .map_err(KafkaError::client("consumer"))?;
        // A token is asked for at the first poll.
        drop(consumer.poll(Duration::ZERO));
        Ok(consumer)
    }

    fn native(&self) -> ClientConfig {
        let mut native = ClientConfig::new();
        for (key, value) in &self.extra {
            native.set(key, value);
        }
        native
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", unique_client_id("topup-admin"));
        native
    }
}

/// What the client's callbacks were told is heard by polling.
fn heard(consumer: &BaseConsumer<LogContext>) -> Option<(Refusal, String)> {
    for _ in 0..HEARD_MAX {
        if let Some(Ok(_)) = consumer.poll(Duration::ZERO) {
            break;
        }
    }
    consumer.context().refusal()
}

/// # Errors
/// When a topic is one that we may not see.
fn may_see(metadata: &Metadata) -> Result<(), KafkaError> {
    let errors = metadata.topics().iter().filter_map(|topic| topic.error());
    let mut errors = errors.map(|error| NativeError::MetadataFetch(error.into()));
    match errors.find(|error| Refusal::of(error, "").is_some()) {
        Some(error) => Err(KafkaError::client("metadata")(error)),
        None => Ok(()),
    }
}

/// Beyond the log's end means another log: all of it is to be read.
fn lag((low, high): (i64, i64), committed: Option<i64>) -> i64 {
    let next = committed.filter(|next| *next <= high).unwrap_or(low);
    high.saturating_sub(next.max(low))
}

fn new_topic(spec: &TopicSpec) -> NewTopic<'_> {
    let replication = TopicReplication::Fixed(spec.replication);
    let topic = NewTopic::new(&spec.name, spec.partitions, replication);
    spec.config.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_shorter_than_what_was_read_has_a_lag() {
        let rows = [
            ((0, 9), None, 9),
            ((4, 9), None, 5),
            ((0, 9), Some(9), 0),
            ((4, 9), Some(2), 5),
            ((0, 9), Some(20), 9),
        ];
        for (ends, committed, expected) in rows {
            assert_eq!(lag(ends, committed), expected, "{ends:?} {committed:?}");
        }
    }
}

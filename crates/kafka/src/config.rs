//! Settings of the consumer and how they become librdkafka settings.
//!
//! Three layers, later ones win: the tunables of this adapter, the `extra` of the operator (TLS,
//! SASL, tuning) and the settings that safety rests on, which `extra` may not name.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

use super::error::KafkaError;
use super::outage::BrokerOutage;
use super::queue::QueueLimits;

/// Prefetch of librdkafka, per partition and then in total per partition queue: its defaults
/// (100,000 records, 64 MiB) would hold far more than a lane and are thrown away at each pause.
/// 4,000 records fill the half of a lane that is empty when its partition flows again; 16 MiB are
/// two of the default byte limit of a lane.
const PREFETCH_RECORDS: u32 = 4_000;
const PREFETCH_KBYTES: u32 = 16_384;
/// How long fetching rests once the prefetch is full. The default second adds that much latency.
const PREFETCH_BACKOFF_MS: u32 = 20;
/// How long the broker holds a fetch for which it has nothing. There is one fetch at a time: a
/// partition that flows again waits until the fetch ends that went out without it, and with idle
/// topics beside a backlog that is this long, at each pause. The default is half a second.
const FETCH_WAIT_MS: u32 = 20;
/// The client's own five minutes would leave a topic that is created late unread as long.
const METADATA_REFRESH_MS: u32 = 15_000;

/// What a single read fetches; a batch that is larger comes whole all the same.
const READER_BYTES: u32 = 65_536;

/// Settings that exactly-once and no-loss rest on; `extra` may not name them.
const FIXED: [&str; 16] = [
    "bootstrap.servers",
    "group.id",
    "group.protocol",
    "group.instance.id",
    "client.id",
    "partition.assignment.strategy",
    "auto.offset.reset",
    "enable.auto.offset.store",
    "enable.auto.commit",
    "auto.commit.interval.ms",
    "session.timeout.ms",
    "max.poll.interval.ms",
    "isolation.level",
    "statistics.interval.ms",
    "enable.partition.eof",
    "allow.auto.create.topics",
];

/// How the group shares out partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The classic protocol with the cooperative-sticky assignor: works with every broker.
    Classic,
    /// KIP-848: the broker assigns. Needs Kafka 4.0 or newer.
    Consumer,
}

#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    pub brokers: String,
    pub group_id: String,
    /// A random suffix is added: members that share a client id can make librdkafka loop.
    pub client_id: String,
    pub topics: Vec<String>,
    pub protocol: GroupProtocol,
    pub batch_records_max: usize,
    pub batch_linger: Duration,
    /// Records and bytes that one lane queues before its partition is paused. The memory of a lane
    /// is at most twice this (queue and the batch in the handler) plus one record; the memory of
    /// the process is that, and the prefetch, times the partitions it owns.
    pub lane_records_max: usize,
    pub lane_bytes_max: usize,
    /// Only for the classic protocol; with KIP-848 the broker sets it.
    pub session_timeout: Duration,
    pub max_poll_interval: Duration,
    /// How long a rebalance waits for the batches in flight of the partitions that leave.
    pub revoke_wait: Duration,
    /// How often stored offsets are committed to the group.
    pub commit_interval: Duration,
    /// How long a held partition waits before it is opened again.
    pub hold_retry: Duration,
    /// How often a lane looks whether its log is still the one that it read.
    pub check_every: Duration,
    /// Further librdkafka settings, for example TLS and SASL.
    pub extra: BTreeMap<String, String>,
    /// Shared with other clients, so that it is told once.
    pub outage: BrokerOutage,
}

impl ConsumerConfig {
    pub fn new(brokers: &str, group_id: &str, topics: &[&str]) -> Self {
        Self {
            brokers: brokers.to_owned(),
            group_id: group_id.to_owned(),
            client_id: "topup".to_owned(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            protocol: GroupProtocol::Classic,
            batch_records_max: 1_000,
            batch_linger: Duration::from_millis(20),
            // Half of it lasts for the some 200 ms until a partition that flows again delivers.
            lane_records_max: 8_000,
            lane_bytes_max: 8 << 20,
            session_timeout: Duration::from_secs(45),
            max_poll_interval: Duration::from_secs(300),
            revoke_wait: Duration::from_secs(5),
            commit_interval: Duration::from_secs(1),
            hold_retry: Duration::from_secs(30),
            check_every: Duration::from_secs(30),
            extra: BTreeMap::new(),
            outage: BrokerOutage::default(),
        }
    }

    pub(super) fn queue_limits(&self) -> QueueLimits {
        QueueLimits {
            records: self.lane_records_max,
            bytes: self.lane_bytes_max,
            batch: self.batch_records_max,
            linger: self.batch_linger,
        }
    }

    pub(super) fn check(&self) -> Result<(), KafkaError> {
        let wrong = |key: &str, problem: &str| Err(KafkaError::setting(key, problem));
        if self.brokers.is_empty() {
            return wrong("brokers", "is empty");
        }
        if self.group_id.is_empty() {
            return wrong("group_id", "is empty");
        }
        if self.topics.is_empty() {
            return wrong("topics", "is empty");
        }
        if self.topics.iter().any(|topic| topic.starts_with('^')) {
            return wrong("topics", "patterns are not supported");
        }
        if self.batch_records_max == 0 || self.lane_records_max < self.batch_records_max {
            return wrong("lane_records_max", "must hold at least one batch");
        }
        if self.lane_bytes_max == 0 {
            return wrong("lane_bytes_max", "is zero");
        }
        // A revoke that waits longer than the poll limit would itself get the member evicted.
        if self.revoke_wait * 2 > self.max_poll_interval {
            return wrong("revoke_wait", "must be below half of max_poll_interval");
        }
        match self.extra.keys().find(|key| FIXED.contains(&key.as_str())) {
            Some(key) => wrong(key, "is fixed and cannot be set through `extra`"),
            None => Ok(()),
        }
    }

    pub(super) fn native(&self) -> ClientConfig {
        let mut native = ClientConfig::new();
        native
            .set("queued.min.messages", PREFETCH_RECORDS.to_string())
            .set("queued.max.messages.kbytes", PREFETCH_KBYTES.to_string())
            .set("fetch.queue.backoff.ms", PREFETCH_BACKOFF_MS.to_string())
            .set("fetch.wait.max.ms", FETCH_WAIT_MS.to_string())
            .set("reconnect.backoff.max.ms", "2000")
            .set("check.crcs", "true");
        for (key, value) in &self.extra {
            native.set(key, value);
        }
        native
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", &self.group_id)
            .set("client.id", unique_client_id(&self.client_id))
            // A position is only ever set by a seek: see `slots`.
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", millis(self.commit_interval))
            .set("max.poll.interval.ms", millis(self.max_poll_interval))
            .set("allow.auto.create.topics", "false")
            // A topic or a partition that comes while it runs is seen within this time.
            .set("topic.metadata.refresh.interval.ms", METADATA_REFRESH_MS.to_string())
            .set("enable.partition.eof", "false")
            .set("statistics.interval.ms", "0");
        match self.protocol {
            GroupProtocol::Classic => native
                .set("group.protocol", "classic")
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", millis(self.session_timeout)),
            GroupProtocol::Consumer => native.set("group.protocol", "consumer"),
        };
        native.set_log_level(RDKafkaLogLevel::Info);
        native
    }

    /// A client that reads single records beside the consumer. It joins no group: the group's name
    /// is only what a client without one may not assign.
    pub(super) fn native_reader(&self) -> ClientConfig {
        let mut native = ClientConfig::new();
        for (key, value) in &self.extra {
            native.set(key, value);
        }
        native
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", &self.group_id)
            .set("client.id", unique_client_id(&format!("{}-reader", self.client_id)))
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("check.crcs", "true")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("allow.auto.create.topics", "false")
            .set("statistics.interval.ms", "0")
            .set("queued.min.messages", "1")
            .set("fetch.message.max.bytes", READER_BYTES.to_string())
            .set("fetch.wait.max.ms", FETCH_WAIT_MS.to_string())
            .set("reconnect.backoff.max.ms", "2000");
        native.set_log_level(RDKafkaLogLevel::Error);
        native
    }
}

pub(super) fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// The hasher's keys are random per process: enough to tell members apart, and no new dependency.
pub(super) fn unique_client_id(name: &str) -> String {
    format!("{name}-{:016x}", RandomState::new().hash_one(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_cannot_undo_safety() {
        let mut config = ConsumerConfig::new("localhost:1", "g", &["t"]);
        assert!(config.check().is_ok());
        config.extra.insert("enable.auto.offset.store".into(), "true".into());
        assert!(matches!(config.check(), Err(KafkaError::Setting { .. })));
    }

    #[test]
    fn client_ids_differ() {
        assert_ne!(unique_client_id("a"), unique_client_id("a"));
    }

    #[test]
    fn session_timeout_is_not_sent_to_the_new_protocol() {
        let mut config = ConsumerConfig::new("localhost:1", "g", &["t"]);
        assert!(config.native().get("session.timeout.ms").is_some());
        config.protocol = GroupProtocol::Consumer;
        assert!(config.native().get("session.timeout.ms").is_none());
    }
}

//! What the command line asks of Kafka: the only file of `cli` that names `crate::kafka`.

use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::config::KafkaConfig;
use crate::kafka::admin::{Cluster, PartitionLag, TopicInfo};
use crate::kafka::{Producer, ProducerConfig, Record};

pub use crate::kafka::KafkaError;
pub use crate::kafka::reader::Tail;
pub use crate::kafka::{Header, OutRecord};

/// A person waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Without any progress.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// All topics that the cluster has.
///
/// # Errors
/// Why Kafka did not answer.
pub async fn topics(kafka: &KafkaConfig) -> Result<Vec<TopicInfo>, KafkaError> {
    let cluster = cluster(kafka);
    answer(spawn_blocking(move || cluster.list_topics(TIMEOUT)).await)
}

/// Where the log of each partition begins and ends.
///
/// # Errors
/// Why Kafka did not answer.
pub async fn ends(
    kafka: &KafkaConfig,
    topics: Vec<String>,
) -> Result<Vec<PartitionLag>, KafkaError> {
    let cluster = cluster(kafka);
    let group = kafka.group_id.clone();
    let asked = spawn_blocking(move || {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        cluster.group_lag(&group, &topics, TIMEOUT)
    });
    answer(asked.await)
}

/// Those of `tails` that hold no record, only what transactions leave in a log.
///
/// # Errors
/// Why Kafka did not answer.
pub async fn without_records(
    kafka: &KafkaConfig,
    tails: Vec<Tail>,
) -> Result<Vec<Tail>, KafkaError> {
    if tails.is_empty() {
        return Ok(tails);
    }
    let cluster = cluster(kafka);
    answer(spawn_blocking(move || cluster.without_records(tails, TIMEOUT)).await)
}

/// Everything that is in a topic now.
///
/// # Errors
/// Why Kafka did not answer.
pub async fn records(kafka: &KafkaConfig, topic: String) -> Result<Vec<Record>, KafkaError> {
    let cluster = cluster(kafka);
    answer(spawn_blocking(move || cluster.read_topic(&topic, READ_TIMEOUT)).await)
}

/// A producer for `publish`.
///
/// # Errors
/// A setting that Kafka's client refuses.
pub fn producer(kafka: &KafkaConfig) -> Result<Producer, KafkaError> {
    let mut config = ProducerConfig::new(&kafka.brokers);
    config.client_id.clone_from(&kafka.client_id);
    config.extra = kafka.security();
    Producer::new(&config)
}

fn cluster(kafka: &KafkaConfig) -> Cluster {
    let mut cluster = Cluster::new(&kafka.brokers);
    cluster.extra = kafka.security();
    cluster
}

/// A thread that panicked has no answer.
fn answer<T>(
    joined: Result<Result<T, KafkaError>, tokio::task::JoinError>,
) -> Result<T, KafkaError> {
    joined.unwrap_or_else(|error| Err(KafkaError::Fatal(error.to_string())))
}

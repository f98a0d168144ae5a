//! What the command line asks of Kafka.

use std::time::Duration;

use tokio::task::spawn_blocking;

use super::error::{CliError, Result};
use crate::config::KafkaConfig;
use crate::kafka::admin::{Cluster, PartitionLag, TopicInfo, TopicSpec};
use crate::kafka::reader::{Tail, TopicReader};
use crate::kafka::{KafkaError, OutRecord, Producer, ProducerConfig, Record};

/// A person waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Without any progress.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// All topics that the cluster has.
pub(super) async fn topics(kafka: &KafkaConfig) -> Result<Vec<TopicInfo>, KafkaError> {
    let cluster = cluster(kafka);
    answer(move || cluster.list_topics(TIMEOUT)).await
}

/// Those of `topics` that we may not see.
pub(super) async fn denied(
    kafka: &KafkaConfig,
    topics: Vec<String>,
) -> Result<Vec<String>, KafkaError> {
    let cluster = cluster(kafka);
    answer(move || cluster.denied(&topics, TIMEOUT)).await
}

/// Where the log of each partition begins and ends.
pub(super) async fn ends(
    kafka: &KafkaConfig,
    topics: Vec<String>,
) -> Result<Vec<PartitionLag>, KafkaError> {
    let cluster = cluster(kafka);
    let group = kafka.group_id.clone();
    let named = move || {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        cluster.group_lag(&group, &topics, TIMEOUT)
    };
    answer(named).await
}

/// Those of `tails` that hold no record, only what transactions leave in a log.
pub(super) async fn without_records(
    kafka: &KafkaConfig,
    tails: Vec<Tail>,
) -> Result<Vec<Tail>, KafkaError> {
    if tails.is_empty() {
        return Ok(tails);
    }
    let cluster = cluster(kafka);
    answer(move || cluster.without_records(tails, TIMEOUT)).await
}

/// What is in a topic now, to be read page by page.
pub(super) async fn reader(kafka: &KafkaConfig, topic: String) -> Result<TopicReader, KafkaError> {
    let cluster = cluster(kafka);
    answer(move || cluster.topic_reader(&topic, READ_TIMEOUT)).await
}

/// The next page of it, empty at the end.
pub(super) async fn next_page(
    mut reader: TopicReader,
) -> Result<(TopicReader, Vec<Record>), KafkaError> {
    answer(move || reader.next_page().map(|page| (reader, page))).await
}

/// Makes the topics that are missing, and names them.
pub(super) async fn create_topics(
    kafka: &KafkaConfig,
    names: Vec<String>,
    partitions: i32,
    replication: Option<i32>,
) -> Result<Vec<String>, KafkaError> {
    let cluster = cluster(kafka);
    // As the broker is set.
    let replication = replication.unwrap_or(-1);
    let spec = |name| TopicSpec { name, partitions, replication, config: Vec::new() };
    let specs: Vec<TopicSpec> = names.into_iter().map(spec).collect();
    answer(move || cluster.create_topics(&specs, READ_TIMEOUT)).await
}

/// A broker knows a topic that was made just now a moment later.
const LOOKS: usize = 6;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Tells soon which of these topics are missing: a producer would try for half a minute.
pub(super) async fn check_topics(kafka: &KafkaConfig, wanted: &[&str]) -> Result<()> {
    if kafka.brokers.is_empty() {
        let problem = "no brokers are set: KAFKA_BROKERS or TOPUP__KAFKA__BROKERS";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let mut missing = Vec::new();
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let found = topics(kafka).await?;
        let there =
            |name: &str| found.iter().any(|topic| topic.name == name && topic.partitions > 0);
        missing = wanted.iter().copied().filter(|name| !there(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
    }
    Err(CliError::Failed(format!(
        "topic_missing: Kafka has no topic {}; `topup topics create` makes those of topup",
        missing.join(", ")
    )))
}

/// Sends one record and waits for Kafka's answer.
pub(super) async fn send(
    kafka: &KafkaConfig,
    topic: String,
    key: Option<&str>,
    value: &[u8],
) -> Result<()> {
    let producer = producer(kafka)?;
    let record = OutRecord {
        topic,
        key: key.map(|key| key.as_bytes().to_vec()),
        value: Some(value.to_vec()),
        headers: Vec::new(),
        timestamp_ms: None,
    };
    for answer in producer.send_all(vec![record]).await {
        answer.map_err(|error| CliError::failed(&error))?;
    }
    Ok(())
}

/// A producer for `publish`.
pub(super) fn producer(kafka: &KafkaConfig) -> Result<Producer, KafkaError> {
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

/// Asked on a thread of its own: one that panicked has no answer.
async fn answer<T: Send + 'static>(
    question: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    let joined = spawn_blocking(question).await;
    joined.unwrap_or_else(|error| Err(KafkaError::Fatal(error.to_string())))
}

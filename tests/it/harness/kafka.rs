//! Reading a topic back, and deleting topics, with the plain client.

use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

use super::PATIENCE;

/// A record as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Read {
    /// The values of all headers of that name, as text.
    pub fn header(&self, name: &str) -> Vec<String> {
        let named = self.headers.iter().filter(|(header, _)| header == name);
        named
            .map(|(_, value)| String::from_utf8(value.clone().unwrap_or_default()).expect("text"))
            .collect()
    }

    pub fn key_text(&self) -> String {
        String::from_utf8(self.key.clone().expect("a key")).expect("text")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(self.value.as_deref().expect("a value")).expect("JSON")
    }
}

/// Everything that is in the topic now, partition after partition, in order.
pub async fn read_topic(brokers: &str, topic: &str) -> Vec<Read> {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let reading = tokio::task::spawn_blocking(move || read_blocking(&brokers, &topic));
    reading.await.expect("no panic")
}

fn read_blocking(brokers: &str, topic: &str) -> Vec<Read> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "it-reader")
        .set("enable.auto.commit", "false")
        .create()
        .expect("consumer");
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("metadata");
    let partitions = metadata.topics().first().expect("the topic").partitions();
    let mut list = TopicPartitionList::new();
    let mut left = 0;
    for partition in partitions {
        let id = partition.id();
        let (low, high) = consumer.fetch_watermarks(topic, id, PATIENCE).expect("watermarks");
        left += high - low;
        list.add_partition_offset(topic, id, Offset::Beginning).expect("a partition");
    }
    consumer.assign(&list).expect("assigned");
    let started = Instant::now();
    let mut read = Vec::new();
    while left > 0 {
        assert!(started.elapsed() < PATIENCE, "{left} records of {topic} not read");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message.expect("a record");
        left -= 1;
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            let owned = headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)));
            owned.collect()
        });
        read.push((
            message.partition(),
            Read {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers,
            },
        ));
    }
    read.sort_by_key(|(partition, _)| *partition);
    read.into_iter().map(|(_, record)| record).collect()
}

/// Deletes the topics of a test, so that the broker does not collect them.
pub async fn delete_topics(brokers: &str, topics: Vec<String>) {
    let brokers = brokers.to_owned();
    let deleting = tokio::task::spawn_blocking(move || {
        let admin = admin(&brokers);
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let deleted = futures::executor::block_on(admin.delete_topics(&names, &options));
        deleted.expect("topics deleted");
    });
    deleting.await.expect("no panic");
}

/// Creates a topic of one partition; again until the old one of that name has gone.
pub async fn create_topic(brokers: &str, topic: &str) {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let creating = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        loop {
            let admin = admin(&brokers);
            let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
            let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
            let created = futures::executor::block_on(admin.create_topics(&[new], &options));
            if matches!(created.as_deref(), Ok([Ok(_)])) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{topic} not created: {created:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    creating.await.expect("no panic");
}

/// Deletes the records of partition 0 below `offset`.
pub async fn delete_records(brokers: &str, topic: &str, offset: i64) {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let deleting = tokio::task::spawn_blocking(move || {
        let mut below = TopicPartitionList::new();
        below.add_partition_offset(&topic, 0, Offset::Offset(offset)).expect("a partition");
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let admin = admin(&brokers);
        let deleted = futures::executor::block_on(admin.delete_records(&below, &options));
        deleted.expect("records deleted");
    });
    deleting.await.expect("no panic");
}

/// Breaks the batch of partition 0 that holds `text`, in the file of the broker, which runs here.
pub async fn corrupt(brokers: &str, topic: &str, text: &str) {
    let (brokers, topic, text) = (brokers.to_owned(), topic.to_owned(), text.to_owned());
    let breaking = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a client");
        let metadata = consumer.fetch_metadata(None, PATIENCE).expect("metadata");
        let broker = metadata.brokers().first().expect("a broker").id();
        let asked = [ResourceSpecifier::Broker(broker)];
        let admin = admin(&brokers);
        let configs = admin.describe_configs(&asked, &AdminOptions::new());
        let configs = futures::executor::block_on(configs).expect("an answer");
        let config = configs.first().expect("one").as_ref().expect("the broker's settings");
        let folder = config.get("log.dirs").and_then(|entry| entry.value.clone()).expect("a path");
        let file = format!("{folder}/{topic}-0/{:020}.log", 0);
        let mut bytes = std::fs::read(&file).expect("the broker's file");
        let needle = format!("\"{text}\"").into_bytes();
        let at = bytes.windows(needle.len()).position(|window| window == needle);
        bytes[at.expect("the record") + 1] ^= 1;
        std::fs::write(&file, bytes).expect("written");
    });
    breaking.await.expect("no panic");
}

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", brokers).create().expect("admin client")
}

/// Begins a transaction with one value and leaves it open until the answer is told to end it.
pub async fn left_open(brokers: &str, topic: &str, value: String) -> impl FnOnce() + Send + use<> {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let begun = tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .set("transactional.id", format!("{topic}-open"))
            .create()
            .expect("a producer");
        producer.init_transactions(PATIENCE).expect("begins");
        producer.begin_transaction().expect("begun");
        let record = BaseRecord::<(), str>::to(&topic).partition(0).payload(&value);
        producer.send(record).map_err(|(error, _)| error).expect("taken");
        producer.flush(PATIENCE).expect("written");
        producer
    });
    let producer = begun.await.expect("begun");
    move || producer.commit_transaction(PATIENCE).expect("committed")
}

/// Writes each list of values to partition 0 in a transaction of its own, committed or not.
pub async fn transactions(brokers: &str, topic: &str, lists: Vec<(Vec<String>, bool)>) {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let writing = tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .set("transactional.id", &topic)
            .create()
            .expect("a producer");
        producer.init_transactions(PATIENCE).expect("begins");
        for (values, commit) in lists {
            producer.begin_transaction().expect("begun");
            for value in &values {
                let record: BaseRecord<'_, str, String> = BaseRecord::to(&topic).payload(value);
                producer.send(record.partition(0)).expect("sent");
            }
            producer.flush(PATIENCE).expect("written");
            let ended = if commit {
                producer.commit_transaction(PATIENCE)
            } else {
                producer.abort_transaction(PATIENCE)
            };
            ended.expect("ended");
        }
    });
    writing.await.expect("no panic");
}

/// Gives a topic more partitions.
pub async fn add_partitions(brokers: &str, topic: &str, count: usize) {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let adding = tokio::task::spawn_blocking(move || {
        let admin = admin(&brokers);
        let more = [NewPartitions::new(&topic, count)];
        let added = admin.create_partitions(&more, &AdminOptions::new());
        let added = futures::executor::block_on(added).expect("an answer");
        assert!(added.iter().all(Result::is_ok), "{added:?}");
    });
    adding.await.expect("no panic");
}

/// Lets a topic take records of any time.
pub async fn take_any_time(brokers: &str, topic: &str) {
    let ever = i64::MAX.to_string();
    let (before, after) = ("message.timestamp.before.max.ms", "message.timestamp.after.max.ms");
    set(brokers, topic, vec![(before, ever.clone()), (after, ever)]).await;
}

/// Changes settings of a topic.
pub async fn set(brokers: &str, topic: &str, settings: Vec<(&'static str, String)>) {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let altering = tokio::task::spawn_blocking(move || {
        let change = AlterConfig::new(ResourceSpecifier::Topic(&topic));
        let change = settings.iter().fold(change, |change, (name, to)| change.set(name, to));
        let admin = admin(&brokers);
        let altered = admin.alter_configs([&change], &AdminOptions::new());
        let altered = futures::executor::block_on(altered).expect("an answer");
        assert!(altered.iter().all(Result::is_ok), "{altered:?}");
    });
    altering.await.expect("no panic");
}

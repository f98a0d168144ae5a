//! Kafka: topics of our own, and the records in them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use topup::config::Topics;
use topup::kafka::admin::{self, TopicSpec};
use topup::kafka::{OutRecord, Producer, ProducerConfig};

use crate::data::Record;
use crate::database::env;

const PARTITIONS: i32 = 4;
/// Half of what the producer queues.
const CHUNK: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the end of a topic is looked at.
const LOOK: Duration = Duration::from_millis(10);

pub struct Cluster {
    pub brokers: String,
    name: String,
    made: Mutex<Vec<Topics>>,
}

impl Cluster {
    pub fn new(name: &str) -> Self {
        Self { brokers: env("KAFKA_BROKERS"), name: name.to_owned(), made: Mutex::default() }
    }

    pub fn prefix(&self, part: &str) -> String {
        format!("{}_{part}", self.name)
    }

    pub async fn create_topics(&self, part: &str) -> Topics {
        let topics = Topics::with_prefix(&self.prefix(part));
        let specs: Vec<TopicSpec> = topics
            .all()
            .iter()
            .map(|name| TopicSpec {
                name: (*name).to_owned(),
                partitions: PARTITIONS,
                replication: 1,
                config: Vec::new(),
            })
            .collect();
        let cluster = admin::Cluster::new(&self.brokers);
        let made = tokio::task::spawn_blocking(move || cluster.create_topics(&specs, PATIENCE));
        made.await.expect("no panic").expect("topics");
        self.made.lock().expect("no panic").push(topics.clone());
        topics
    }

    pub fn producer(&self, linger: Duration) -> Producer {
        let mut config = ProducerConfig::new(&self.brokers);
        config.linger = linger;
        Producer::new(&config).expect("a producer")
    }

    /// Creates the topics of `part` and publishes bank records; returns when all are in the log.
    pub async fn publish(&self, part: &str, records: impl Iterator<Item = Record>) -> Topics {
        let topics = self.create_topics(part).await;
        self.send(records.map(|record| out_record(&topics, record))).await;
        topics
    }

    /// Returns when all are in the log.
    pub async fn send(&self, records: impl Iterator<Item = OutRecord>) {
        let producer = self.producer(Duration::from_millis(20));
        let mut chunk = Vec::with_capacity(CHUNK);
        for record in records {
            chunk.push(record);
            if chunk.len() == CHUNK {
                send(&producer, std::mem::take(&mut chunk)).await;
            }
        }
        send(&producer, chunk).await;
    }

    /// How many records a topic was given, each 10 ms, until it is told to end.
    pub fn tail(&self, topic: &str) -> Tail {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let (topic, ended) = (topic.to_owned(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&ended);
        let watched = std::thread::spawn(move || {
            let first = records_in(&consumer, &topic);
            let (mut last, mut at) = (first, Instant::now());
            loop {
                let over = told.load(Ordering::Relaxed);
                let now = records_in(&consumer, &topic);
                if now > last {
                    (last, at) = (now, Instant::now());
                }
                if over {
                    return Growth { records: last - first, at };
                }
                std::thread::sleep(LOOK);
            }
        });
        Tail { ended, watched }
    }

    /// Best effort: topics that stay do no harm.
    pub async fn delete_topics(&self) {
        let made = std::mem::take(&mut *self.made.lock().expect("no panic"));
        let names: Vec<&str> = made.iter().flat_map(Topics::all).collect();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        let admin: AdminClient<DefaultClientContext> = config.create().expect("an admin client");
        if let Err(error) = admin.delete_topics(&names, &AdminOptions::new()).await {
            eprintln!("topics not deleted: {error}");
        }
    }
}

pub fn out_record(topics: &Topics, record: Record) -> OutRecord {
    OutRecord {
        topic: topics.bank_payments.clone(),
        key: Some(record.key.as_bytes().to_vec()),
        value: Some(record.value.into_bytes()),
        headers: Vec::new(),
        timestamp_ms: None,
    }
}

/// What became of a topic: by how many records it grew, and when it did so last.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    pub records: i64,
    pub at: Instant,
}

/// Somebody who looks at a topic.
pub struct Tail {
    ended: Arc<AtomicBool>,
    watched: JoinHandle<Growth>,
}

impl Tail {
    /// Looks once more.
    pub fn end(self) -> Growth {
        self.ended.store(true, Ordering::Relaxed);
        self.watched.join().expect("no panic")
    }
}

fn records_in(consumer: &BaseConsumer, topic: &str) -> i64 {
    let high = |partition| {
        let found = consumer.fetch_watermarks(topic, partition, PATIENCE);
        found.expect("the end of a partition").1
    };
    (0..PARTITIONS).map(high).sum()
}

async fn send(producer: &Producer, records: Vec<OutRecord>) {
    for delivered in producer.send_all(records).await {
        delivered.expect("delivered");
    }
}

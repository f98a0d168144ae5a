//! A world of its own for each test: database, topics, group, worker.

pub mod counted;
mod database;
mod direct;
pub mod kafka;
pub mod records;
pub mod sound;
mod template;
pub mod times;
pub mod wire;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::Row;
use topup::app::Worker;
use topup::clock::Clock;
use topup::config::{Config, Flags, Loaded, Needs, Only, Topics};
use topup::kafka::admin::{Cluster, TopicSpec};
use topup::kafka::{Header, OutRecord, Producer, ProducerConfig};

pub use database::Database;
pub use direct::{Direct, Ended};
pub use kafka::Read;

/// Far beyond what any wait needs, also beside other work; reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// How many rows are still to be published.
pub const UNPUBLISHED: &str = "SELECT (SELECT count(*) FROM outbox_next(NULL))
    + (SELECT count(*) FROM outbox_held)
    + (SELECT count(*) FROM letter_copies WHERE published_at IS NULL)";

/// How often, or how many: less in the daily run, all of it in `make test-long`.
pub fn by_length<T>(daily: T, long: T) -> T {
    if std::env::var_os("TOPUP_TEST_LONG").is_some() { long } else { daily }
}

pub struct World {
    pub name: String,
    pub database: Database,
    pub brokers: String,
    pub topics: Topics,
    pub producer: Producer,
    settings: BTreeMap<String, String>,
}

pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make test`"))
}

impl World {
    /// A new world with two partitions per topic.
    pub async fn new(test: &str) -> Self {
        Self::with_partitions(test, 2).await
    }

    pub async fn with_partitions(test: &str, partitions: i32) -> Self {
        Self::on(&env("KAFKA_BROKERS"), test, partitions).await
    }

    /// On brokers of the test's own.
    pub async fn on(brokers: &str, test: &str, partitions: i32) -> Self {
        log_if_asked();
        let database = Database::new(test).await;
        let name = database.name.clone();
        let topics = Topics::with_prefix(&name);
        create_topics(brokers, &topics, partitions).await;
        let mut producer = ProducerConfig::new(brokers);
        producer.linger = Duration::from_millis(1);
        let producer = Producer::new(&producer).expect("producer");
        let brokers = brokers.to_owned();
        Self { name, database, brokers, topics, producer, settings: BTreeMap::new() }
    }

    /// Sets `TOPUP__SECTION__KEY` for workers started from now on.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(format!("TOPUP__{key}"), value.to_owned());
    }

    /// What was set, for a worker in a process of its own.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    pub fn config(&self) -> Config {
        let defaults = [
            ("DATABASE__URL", self.database.url.as_str()),
            ("KAFKA__BROKERS", &self.brokers),
            ("KAFKA__TOPIC_PREFIX", &self.name),
            ("KAFKA__GROUP_ID", &self.name),
            ("KAFKA__SESSION_TIMEOUT_MS", "6000"),
            ("WORKER__SWEEP_INTERVAL_MS", "100"),
        ];
        let mut variables = self.settings.clone();
        for (key, value) in defaults {
            let variable = variables.entry(format!("TOPUP__{key}"));
            variable.or_insert_with(|| value.to_owned());
        }
        load_config(&variables)
    }

    pub async fn start(&self) -> Worker {
        self.start_with(&self.config()).await
    }

    pub async fn start_with(&self, config: &Config) -> Worker {
        let worker = Worker::start(config, Only::ALL, Clock::System).await;
        worker.expect("worker starts")
    }

    /// A worker that does nothing but publish.
    pub async fn start_only(&self) -> Worker {
        let only = Only { commands: false, bank: false, usage: false, relay: true, jobs: false };
        let worker = Worker::start(&self.config(), only, Clock::System).await;
        worker.expect("worker starts")
    }

    /// Publishes one record and waits for Kafka's answer.
    pub async fn publish(&self, topic: &str, key: &str, value: &str) -> (i32, i64) {
        self.publish_raw(topic, Some(key), Some(value.as_bytes()), &[]).await
    }

    pub async fn publish_raw(
        &self,
        topic: &str,
        key: Option<&str>,
        value: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) -> (i32, i64) {
        let mut record = out_record(topic, key, value);
        record.headers = headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: Some(value.as_bytes().to_vec()),
            })
            .collect();
        let places = self.publish_all(vec![record]).await;
        *places.first().expect("one")
    }

    /// Publishes all records in order.
    pub async fn publish_all(&self, records: Vec<OutRecord>) -> Vec<(i32, i64)> {
        let delivered = self.producer.send_all(records).await;
        let places = delivered.into_iter().map(|place| place.expect("delivered"));
        places.collect()
    }

    /// Publishes a command of `account` under `id`.
    pub async fn command(&self, id: &str, kind: &str, account: &str, data: impl Display) {
        let value = records::command(id, kind, &data);
        self.publish(&self.topics.commands, account, &value).await;
    }

    /// Publishes a command and waits until it is applied.
    pub async fn applied(&self, id: &str, kind: &str, account: &str, data: impl Display) {
        self.command(id, kind, account, data).await;
        assert_eq!(self.outcome(id).await, ("applied".to_owned(), None), "{id}");
    }

    /// Publishes a bank transaction under `id`.
    pub async fn bank(&self, id: &str, data: impl Display) {
        let value = records::bank(id, &data);
        self.publish(&self.topics.bank_payments, records::BANK, &value).await;
    }

    /// Waits until the record has an outcome, and returns it with its code.
    pub async fn outcome(&self, id: &str) -> (String, Option<String>) {
        self.outcome_in("inbox", id).await
    }

    /// Waits until the id has come a second time, and returns what became of that.
    pub async fn repeat(&self, id: &str) -> (String, Option<String>) {
        self.outcome_in("inbox_repeats", id).await
    }

    async fn outcome_in(&self, table: &str, id: &str) -> (String, Option<String>) {
        let sql = format!("SELECT outcome, code FROM {table} WHERE message_id = $1");
        let sql = sql.as_str();
        let what = format!("an outcome of {id}");
        let found = self.eventually(&what, || async {
            sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
                .bind(id)
                .fetch_optional(&self.database.admin)
                .await
                .expect(table)
        });
        let row = found.await;
        (row.get(0), row.get(1))
    }

    /// Waits until `look` finds something.
    pub async fn eventually<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        look: impl Fn() -> F,
    ) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One value of one row, as text.
    pub async fn value(&self, sql: &str) -> String {
        self.database.value(sql).await
    }

    /// Waits until the query gives `expected`.
    pub async fn until(&self, sql: &str, expected: &str) {
        let what = format!("{expected} from {sql}");
        self.eventually(&what, || async { (self.value(sql).await == expected).then_some(()) })
            .await;
    }

    /// Waits until all that was decided is in Kafka.
    pub async fn relayed(&self) {
        self.until(UNPUBLISHED, "0").await;
    }

    /// All events published so far, each once; their sequences are checked.
    pub async fn events(&self) -> Vec<Event> {
        self.relayed().await;
        let read = kafka::read_topic(&self.brokers, &self.topics.events).await;
        Event::all(read)
    }

    /// Everything on the dead-letters topic.
    pub async fn dead_letter_records(&self) -> Vec<Read> {
        self.relayed().await;
        kafka::read_topic(&self.brokers, &self.topics.dead_letters).await
    }

    /// Ends a test whose rows no record caused.
    pub async fn abandon(self) {
        self.database.abandon().await;
        let topics = self.topics.all().map(str::to_owned);
        kafka::delete_topics(&self.brokers, topics.to_vec()).await;
    }

    /// Ends the test: what must hold in every database, then database and topics go.
    pub async fn finish(self) {
        self.database.finish().await;
        let topics = self.topics.all().map(str::to_owned);
        kafka::delete_topics(&self.brokers, topics.to_vec()).await;
    }
}

/// `RUST_LOG=topup=debug` shows what the workers of the tests say.
fn log_if_asked() {
    if let Ok(filter) = std::env::var("RUST_LOG") {
        let log = tracing_subscriber::fmt().with_env_filter(filter);
        // All tests of the process but the first find it installed already.
        let _ = log.with_writer(std::io::stderr).try_init();
    }
}

/// A record on its way out, without headers.
pub fn out_record(topic: &str, key: Option<&str>, value: Option<&[u8]>) -> OutRecord {
    OutRecord {
        topic: topic.to_owned(),
        key: key.map(|key| key.as_bytes().to_vec()),
        value: value.map(<[u8]>::to_vec),
        headers: Vec::new(),
        timestamp_ms: None,
    }
}

/// A published event.
#[derive(Debug, Clone)]
pub struct Event {
    pub record: Read,
    pub json: Value,
}

impl Event {
    /// The events of a topic, each once: delivery is at least once, the id never changes.
    /// Checks that each key counts 1, 2, 3… in the order of the log.
    fn all(read: Vec<Read>) -> Vec<Self> {
        let mut next: BTreeMap<String, i64> = BTreeMap::new();
        let mut events: Vec<Self> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for record in read {
            let json = record.json();
            let event = Self { record, json };
            if !seen.insert(event.text("id").to_owned()) {
                continue;
            }
            let kind = event.text("id").split('/').next().expect("a kind");
            let key = format!("{kind}/{}", event.record.key_text());
            let sequence = next.entry(key.clone()).or_insert(0);
            *sequence += 1;
            assert_eq!(event.text("sequence"), sequence.to_string(), "of {key}");
            assert_eq!(event.json["data"]["sequence"], *sequence, "of {key}");
            events.push(event);
        }
        events
    }

    /// A text attribute of the envelope.
    pub fn text(&self, name: &str) -> &str {
        let value = self.json[name].as_str();
        value.unwrap_or_else(|| panic!("no {name} in {}", self.json))
    }
}

pub fn load_config(variables: &BTreeMap<String, String>) -> Config {
    let loaded = Loaded::read(&Flags::default(), variables, Needs::ALL);
    loaded.expect("a configuration").config
}

async fn create_topics(brokers: &str, topics: &Topics, partitions: i32) {
    let cluster = Cluster::new(brokers);
    let specs: Vec<TopicSpec> = topics
        .all()
        .iter()
        .map(|name| TopicSpec {
            name: (*name).to_owned(),
            partitions,
            replication: 1,
            config: Vec::new(),
        })
        .collect();
    let made = tokio::task::spawn_blocking(move || cluster.create_topics(&specs, PATIENCE));
    made.await.expect("no panic").expect("topics");
}

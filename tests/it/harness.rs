//! A world of its own for each test: database, topics, group, worker.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgPool, Row};
use topup::app::Worker;
use topup::clock::Clock;
use topup::config::{Config, Flags, Loaded, Needs, Only, Topics};
use topup::kafka::admin::{Cluster, TopicSpec};
use topup::kafka::{Header, OutRecord, Producer, ProducerConfig};

/// Far beyond what any wait needs; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub name: String,
    pub database_url: String,
    pub brokers: String,
    pub topics: Topics,
    /// As the migrating superuser.
    pub admin: PgPool,
    pub producer: Producer,
    settings: BTreeMap<String, String>,
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make test`"))
}

impl World {
    /// A new world with `partitions` partitions per topic.
    pub async fn with_partitions(test: &str, partitions: i32) -> Self {
        let base = env("DATABASE_URL");
        let brokers = env("KAFKA_BROKERS");
        let stamp = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_micros();
        let name = format!("it_{test}_{}_{stamp}", std::process::id());
        let options: PgConnectOptions = base.parse().expect("a database URL");
        let mut connection = options.connect().await.expect("PostgreSQL");
        let create = format!("CREATE DATABASE {name}");
        connection
            .execute(sqlx::AssertSqlSafe(create))
            .await
            .expect("create database");
        connection.close().await.expect("close");
        let cut = base.rfind('/').expect("a path");
        let database_url = format!("{}/{name}", &base[..cut]);
        let admin = PgPoolOptions::new()
            .max_connections(4)
            .connect(&database_url)
            .await
            .expect("own database");
        topup::store::migrate(&admin).await.expect("migrations");
        let topics = Topics::with_prefix(&name);
        create_topics(&brokers, &topics, partitions).await;
        let mut producer = ProducerConfig::new(&brokers);
        producer.linger = Duration::from_millis(1);
        let producer = Producer::new(&producer).expect("producer");
        let settings = BTreeMap::new();
        Self {
            name,
            database_url,
            brokers,
            topics,
            admin,
            producer,
            settings,
        }
    }

    pub async fn new(test: &str) -> Self {
        Self::with_partitions(test, 2).await
    }

    /// Sets `TOPUP__SECTION__KEY` for workers started from now on.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings
            .insert(format!("TOPUP__{key}"), value.to_owned());
    }

    pub fn config(&self) -> Config {
        let mut variables = self.settings.clone();
        variables.insert("TOPUP__DATABASE__URL".to_owned(), self.database_url.clone());
        variables.insert("TOPUP__KAFKA__BROKERS".to_owned(), self.brokers.clone());
        variables.insert("TOPUP__KAFKA__TOPIC_PREFIX".to_owned(), self.name.clone());
        variables.insert("TOPUP__KAFKA__GROUP_ID".to_owned(), self.name.clone());
        variables
            .entry("TOPUP__KAFKA__SESSION_TIMEOUT_MS".to_owned())
            .or_insert("6000".to_owned());
        variables
            .entry("TOPUP__WORKER__SWEEP_INTERVAL_MS".to_owned())
            .or_insert("100".to_owned());
        load_config(variables)
    }

    pub async fn start(&self) -> Worker {
        Worker::start(&self.config(), Only::ALL, Clock::System)
            .await
            .expect("worker starts")
    }

    /// Publishes one record and waits for Kafka's answer.
    pub async fn publish(&self, topic: &str, key: &str, value: &str) -> (i32, i64) {
        self.publish_raw(topic, Some(key), Some(value.as_bytes()), &[])
            .await
    }

    pub async fn publish_raw(
        &self,
        topic: &str,
        key: Option<&str>,
        value: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) -> (i32, i64) {
        let record = OutRecord {
            topic: topic.to_owned(),
            key: key.map(|key| key.as_bytes().to_vec()),
            value: value.map(<[u8]>::to_vec),
            headers: headers
                .iter()
                .map(|(name, value)| Header {
                    name: (*name).to_owned(),
                    value: Some(value.as_bytes().to_vec()),
                })
                .collect(),
            timestamp_ms: None,
        };
        let delivered = self.producer.send_all(vec![record]).await;
        *delivered.first().expect("one").as_ref().expect("delivered")
    }

    /// Publishes a command of `account` under `id`.
    pub async fn command(&self, id: &str, kind: &str, account: &str, data: &str) {
        let value = envelope(id, "crm", &format!("topup.{kind}.v1"), data);
        self.publish(&self.topics.commands, account, &value).await;
    }

    /// Publishes a bank transaction under `id`.
    pub async fn bank(&self, id: &str, data: &str) {
        let value = envelope(id, "bank-gateway", "topup.bank.transaction.v1", data);
        self.publish(&self.topics.bank_payments, "SG-DBS-001", &value)
            .await;
    }

    /// Waits until the record has an outcome, and returns it with its code.
    pub async fn outcome(&self, id: &str) -> (String, Option<String>) {
        let row = self
            .eventually(&format!("an outcome of {id}"), || async {
                sqlx::query("SELECT outcome, code FROM inbox WHERE message_id = $1")
                    .bind(id)
                    .fetch_optional(&self.admin)
                    .await
                    .expect("inbox")
            })
            .await;
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
            assert!(
                started.elapsed() < PATIENCE,
                "no {what} within {PATIENCE:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One value of one row, as text.
    pub async fn value(&self, sql: &'static str) -> String {
        let sql = format!("SELECT ({sql})::text");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_one(&self.admin)
            .await;
        row.expect("a row")
            .get::<Option<String>, _>(0)
            .unwrap_or_default()
    }

    /// Waits until the query gives `expected`.
    pub async fn until(&self, sql: &'static str, expected: &str) {
        let what = format!("{expected} from {sql}");
        self.eventually(&what, || async {
            (self.value(sql).await == expected).then_some(())
        })
        .await;
    }

    /// Ends the test: invariants, then the database goes.
    pub async fn finish(self) {
        self.admin.close().await;
        let base: PgConnectOptions = env("DATABASE_URL").parse().expect("a database URL");
        let mut connection = base.connect().await.expect("PostgreSQL");
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        connection
            .execute(sqlx::AssertSqlSafe(drop))
            .await
            .expect("drop database");
    }
}

pub fn load_config(variables: BTreeMap<String, String>) -> Config {
    let loaded = Loaded::read(&Flags::default(), &variables, Needs::ALL);
    loaded.expect("a configuration").config
}

pub fn envelope(id: &str, source: &str, kind: &str, data: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"{kind}","time":"2026-11-22T10:00:00Z","data":{data}}}"#
    )
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
    let made =
        tokio::task::spawn_blocking(move || cluster.create_topics(&specs, Duration::from_secs(30)));
    made.await.expect("no panic").expect("topics");
}

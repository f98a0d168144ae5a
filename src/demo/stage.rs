//! What the story is played on: publishing fixtures, waiting for outcomes, asking, printing.

use std::future::Future;
use std::time::{Duration, Instant};

use comfy_table::Table;
use comfy_table::presets::UTF8_NO_BORDERS;
use sqlx::Row;
use thiserror::Error;

use super::postgres::PostgresError;
use crate::app::{AppError, Worker};
use crate::config::{ConfigError, Topics};
use crate::domain::effect::Ending;
use crate::jobs::JobSettings;
use crate::kafka::{KafkaError, OutRecord, Producer, ProducerConfig};
use crate::pipeline::Pipeline;
use crate::pipeline::batch::{Item, decide_in_tx};
use crate::store::PgPool;
use crate::store::StoreError;
use crate::store::persist::RawRecordRow;
use crate::wire::{RawRecord, Topic, decode};

#[derive(Debug, Error)]
pub enum DemoError {
    #[error("the temporary PostgreSQL did not start")]
    Postgres(#[from] PostgresError),
    #[error("the broker did not start")]
    Kafka(#[from] KafkaError),
    #[error("the settings of the demo are not valid")]
    Config(#[from] ConfigError),
    #[error("the worker did not start")]
    App(#[from] AppError),
    #[error("the database failed")]
    Store(#[from] StoreError),
    #[error("the database refused a question")]
    Database(#[from] sqlx::Error),
    #[error("a task of the demo was lost")]
    Task(#[from] tokio::task::JoinError),
    #[error("the story stopped: {0}")]
    Story(String),
}

/// Far beyond what any step takes.
const PATIENCE: Duration = Duration::from_secs(30);

macro_rules! fixtures {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/fixtures/demo/", $name, ".json"
        )))),*]
    };
}

/// The records of the story, by name.
const FIXTURES: &[(&str, &str)] = fixtures![
    "account-acme",
    "account-globex",
    "allocate-too-early",
    "hostile-amount",
    "invoice-1001",
    "invoice-1002",
    "invoice-2001",
    "invoice-2002-draft",
    "invoice-2002-sent",
    "invoice-2003",
    "invoice-3001",
    "invoice-3002",
    "keep-3001",
    "payment-again",
    "payment-before-sent",
    "payment-by-payer",
    "payment-by-reference",
    "payment-cheque",
    "payment-overpaid",
    "payment-returned",
    "payment-unknown",
    "remove-spent",
    "statement",
    "usage-calls",
    "void-3002",
];

pub(super) struct Stage {
    worker: Worker,
    pub pool: PgPool,
    producer: Producer,
    topics: Topics,
    pub jobs: JobSettings,
}

impl Stage {
    pub(super) fn new(
        worker: Worker,
        pool: PgPool,
        brokers: &str,
        topics: Topics,
        jobs: JobSettings,
    ) -> Result<Self, DemoError> {
        let mut config = ProducerConfig::new(brokers);
        config.linger = Duration::from_millis(1);
        Ok(Self { worker, pool, producer: Producer::new(&config)?, topics, jobs })
    }

    pub(super) fn pipeline(&self) -> &Pipeline {
        self.worker.pipeline()
    }

    pub(super) async fn close(self) {
        self.worker.shutdown().await;
        self.pool.close().await;
    }

    /// Publishes a fixture and waits until it has an outcome; the outcome with its code.
    pub(super) async fn play(&self, name: &str) -> Result<String, DemoError> {
        let place = self.publish(name).await?;
        self.outcome_at(name, &place).await
    }

    /// Publishes a fixture; its place in the log as `partition:offset` and its topic.
    pub(super) async fn publish(&self, name: &str) -> Result<(String, i32, i64), DemoError> {
        let fixture = self.fixture(name).await?;
        let topic = match fixture.topic.as_str() {
            "topup.bank-payments.v1" => self.topics.bank_payments.clone(),
            "topup.usage.v1" => self.topics.usage.clone(),
            _ => self.topics.commands.clone(),
        };
        let record = OutRecord {
            topic: topic.clone(),
            key: Some(fixture.key.into_bytes()),
            value: Some(fixture.value.get().as_bytes().to_vec()),
            headers: Vec::new(),
            timestamp_ms: None,
        };
        let sent = self.producer.send_all(vec![record]).await;
        match sent.first() {
            Some(Ok((partition, offset))) => Ok((topic, *partition, *offset)),
            _ => Err(story_error(&format!("{name} was not accepted by the broker"))),
        }
    }

    /// Has a record processed at the time of `pipeline`, as a worker of that day would.
    pub(super) async fn process_then(
        &self,
        pipeline: &Pipeline,
        name: &str,
    ) -> Result<(), DemoError> {
        let fixture = self.fixture(name).await?;
        let value = fixture.value.get().as_bytes();
        let key = Some(fixture.key.as_bytes());
        let (topic, log) = match fixture.topic.as_str() {
            "topup.bank-payments.v1" => (Topic::BankPayments, &self.topics.bank_payments),
            _ => (Topic::Commands, &self.topics.commands),
        };
        let decoded = decode(&RawRecord { topic, key, value: Some(value), headers: &[] });
        let raw = RawRecordRow {
            topic: log.clone(),
            partition: -1,
            offset: 0,
            timestamp: None,
            key: Some(fixture.key.clone().into_bytes()),
            value: Some(value.to_vec()),
            headers: "[]".to_owned(),
        };
        let item = Item { raw, decoded, again: false };
        let mut tx = self.pool.begin().await?;
        let written = decide_in_tx(pipeline, &mut tx, &[item], pipeline.clock().now()).await?;
        tx.commit().await?;
        match written.ended.first() {
            Some(ended) if ended.outcome == Ending::Applied => Ok(()),
            ended => Err(story_error(&format!("{name} ended {ended:?}"))),
        }
    }

    async fn fixture(&self, name: &str) -> Result<Fixture, DemoError> {
        let found = FIXTURES.iter().find(|fixture| fixture.0 == name);
        let text = found.ok_or_else(|| story_error(&format!("no fixture {name}")))?.1;
        let read = serde_json::from_str(&self.fill_in(text).await?);
        read.map_err(|error| story_error(&format!("fixture {name}: {error}")))
    }

    /// Puts in what only the running system knows: payment references and today's date.
    async fn fill_in(&self, text: &str) -> Result<String, DemoError> {
        let now = self.worker.pipeline().clock().now();
        let later = now + chrono::Duration::days(31);
        let day = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d").to_string();
        let text = text.replace("{{today}}", &day(now));
        let mut text = text.replace("{{in-31-days}}", &day(later));
        while let Some(start) = text.find("{{reference:") {
            let rest = text.get(start..).unwrap_or_default();
            let end = rest.find("}}").ok_or_else(|| story_error("an open placeholder"))?;
            let invoice = rest.get(12..end).unwrap_or_default().to_owned();
            let reference: String =
                sqlx::query_scalar("SELECT payment_reference FROM invoices WHERE invoice_id = $1")
                    .bind(&invoice)
                    .fetch_one(&self.pool)
                    .await?;
            text = text.replace(&format!("{{{{reference:{invoice}}}}}"), &reference);
        }
        Ok(text)
    }

    async fn outcome_at(
        &self,
        name: &str,
        place: &(String, i32, i64),
    ) -> Result<String, DemoError> {
        let query = "SELECT outcome || coalesce(' (' || code || ')', '') FROM (
            SELECT topic, partition, record_offset, outcome, code FROM inbox UNION ALL
            SELECT topic, partition, record_offset, outcome, code FROM inbox_repeats) r
            WHERE topic = $1 AND partition = $2 AND record_offset = $3";
        self.eventually(&format!("an outcome of {name}"), || async {
            let found: Option<String> = sqlx::query_scalar(query)
                .bind(&place.0)
                .bind(place.1)
                .bind(place.2)
                .fetch_optional(&self.pool)
                .await?;
            Ok(found)
        })
        .await
    }

    /// Waits until `look` finds something.
    pub(super) async fn eventually<T, F>(
        &self,
        what: &str,
        look: impl Fn() -> F,
    ) -> Result<T, DemoError>
    where
        F: Future<Output = Result<Option<T>, DemoError>>,
    {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(story_error(&format!("no {what} within {} s", PATIENCE.as_secs())))
    }

    /// Prints what a query gives; all its columns are text.
    pub(super) async fn table(
        &self,
        headings: &[&str],
        sql: &'static str,
    ) -> Result<(), DemoError> {
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        let mut table = Table::new();
        table.load_style(UTF8_NO_BORDERS).set_header(headings.to_vec());
        for row in rows {
            let mut cells = Vec::with_capacity(headings.len());
            for index in 0..headings.len() {
                let cell: Option<String> = row.try_get(index)?;
                cells.push(cell.unwrap_or_default());
            }
            table.add_row(cells);
        }
        // Row separators would make twice as many lines of a short table.
        let separator = |line: &&str| line.chars().all(|c| matches!(c, '─' | '┼' | '╌' | ' '));
        for line in table.to_string().lines().filter(|line| !separator(line)) {
            println!("   {line}");
        }
        Ok(())
    }

    pub(super) async fn value(&self, sql: &'static str) -> Result<String, DemoError> {
        let found: Option<String> = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
        Ok(found.unwrap_or_default())
    }
}

#[derive(serde::Deserialize)]
struct Fixture {
    topic: String,
    key: String,
    value: Box<serde_json::value::RawValue>,
}

pub(super) fn story_error(what: &str) -> DemoError {
    DemoError::Story(what.to_owned())
}

//! The pipeline on a database of its own, without Kafka: for tests that need many records or
//! a fresh state for each.

use chrono::{DateTime, Utc};
use topup::clock::Clock;
use topup::config::Topics;
use topup::domain::matching::Policy;
use topup::pipeline::batch::{self, Item, run_in_tx};
use topup::pipeline::{Pipeline, Settings};
use topup::store::load::Locks;
use topup::store::persist::RawRecordRow;
use topup::store::{ConnectOptions, StoreError, Tx, connect, next_id_block};
use topup::wire::{RawRecord, Topic, decode};

use super::Database;

/// How a record ended, in the words of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub outcome: &'static str,
    pub code: Option<String>,
    pub subject: Option<String>,
}

impl From<batch::Ended> for Ended {
    fn from(ended: batch::Ended) -> Self {
        Self { outcome: ended.outcome.word(), code: ended.code, subject: ended.subject }
    }
}

pub struct Direct {
    pub database: Database,
    pub pipeline: Pipeline,
    next_offset: i64,
}

impl Direct {
    pub async fn new(test: &str) -> Self {
        Self::on(Database::new(test).await).await
    }

    /// On a database of the test's own.
    pub async fn on(database: Database) -> Self {
        let pool = connect(&ConnectOptions::new(&database.url)).await;
        let topics = Topics::with_prefix(&database.name);
        let settings = Settings {
            group: database.name.clone(),
            owner: "direct".to_owned(),
            topics,
            policy: Policy::default(),
            balance_levels: topup::domain::threshold::Levels::default(),
            payment_qr: topup::domain::payment_qr::PaymentQr::default(),
            waiting_deadline: chrono::Duration::days(3_650),
            advice_days: 90,
            hold_max_age: chrono::Duration::days(3_650),
            usage_proof: true,
            clock_skew: chrono::Duration::seconds(30),
            proof_deadline: chrono::Duration::days(3_650),
            event_source: "topup".to_owned(),
            writers: 2,
            authority: topup::pipeline::Authority::default(),
        };
        let pipeline = Pipeline::new(pool.expect("a pool"), settings, Clock::System);
        Self { database, pipeline, next_offset: 0 }
    }

    /// The same pipeline at another time.
    pub fn at(&self, at: DateTime<Utc>) -> Pipeline {
        let pool = self.pipeline.pool().clone();
        let settings = self.pipeline.settings().clone();
        Pipeline::new(pool, settings, Clock::Fixed(at))
    }

    /// The next record of a topic, decoded.
    pub fn item(&mut self, topic: Topic, key: Option<&str>, value: &[u8]) -> Item {
        let offset = self.next_offset;
        self.next_offset += 1;
        item(&self.pipeline.settings().topics, topic, offset, key, value)
    }

    pub fn command(&mut self, id: &str, kind: &str, data: &impl std::fmt::Display) -> Item {
        let value = super::records::command(id, kind, data);
        self.item(Topic::Commands, None, value.as_bytes())
    }

    /// Processes one batch and commits it; one that is too wide is halved, as a lane does it.
    pub async fn run(&self, items: &[Item]) -> Vec<Ended> {
        let mut ended = Vec::with_capacity(items.len());
        let mut groups = vec![items];
        while let Some(group) = groups.pop() {
            let mut tx = self.pipeline.pool().begin().await.expect("begin");
            match self.run_in(&mut tx, group).await {
                Err(StoreError::TooWide) => {
                    tx.rollback().await.expect("rollback");
                    let (first, second) = group.split_at(group.len() / 2);
                    groups.extend([second, first]);
                }
                done => {
                    ended.extend(done.expect("processed"));
                    tx.commit().await.expect("commit");
                }
            }
        }
        ended
    }

    /// Processes one batch in a transaction that the caller ends.
    pub async fn run_in(&self, tx: &mut Tx<'_>, items: &[Item]) -> Result<Vec<Ended>, StoreError> {
        let block = next_id_block(tx).await?;
        let at = self.pipeline.clock().now();
        let written = run_in_tx(&self.pipeline, tx, items, block, Locks::First, at).await?;
        Ok(written.ended.into_iter().map(Ended::from).collect())
    }

    /// Processes one record and expects that it is applied.
    pub async fn applied(&self, item: Item) {
        let ended = self.run(std::slice::from_ref(&item)).await;
        let outcome = ended.first().map(|ended| ended.outcome);
        assert_eq!(outcome, Some("applied"), "{ended:?}: {item:?}");
    }

    pub async fn finish(self) {
        self.pipeline.pool().close().await;
        self.database.finish().await;
    }
}

/// A record at `offset` of partition 0, decoded.
pub fn item(topics: &Topics, topic: Topic, offset: i64, key: Option<&str>, value: &[u8]) -> Item {
    let name = match topic {
        Topic::Commands => &topics.commands,
        Topic::BankPayments => &topics.bank_payments,
        Topic::Usage => &topics.usage,
    };
    let key = key.map(str::as_bytes);
    let decoded = decode(&RawRecord { topic, key, value: Some(value), headers: &[] });
    Item {
        raw: RawRecordRow {
            topic: name.clone(),
            partition: 0,
            offset,
            timestamp: None,
            key: key.map(<[u8]>::to_vec),
            value: Some(value.to_vec()),
            headers: "[]".to_owned(),
        },
        decoded,
        again: false,
    }
}

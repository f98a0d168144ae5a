//! Usage: charges from Kafka to committed rows, on customers that were topped up before.
//!
//! Twice: customers in turn with a tenth of the charges on one of them, and all on one.

use std::time::Instant;

use chrono::{DateTime, Utc};
use topup::config::{Only, Topics};
use topup::kafka::OutRecord;

use crate::World;
use crate::database::{Database, number};
use crate::machine::Cpu;
use crate::{ours, usage_limit};

/// Topups before the charges: so many customers have a lot, or a few.
pub const TOPUPS: usize = 20_000;
const USAGE: Only = Only { commands: false, bank: false, usage: true, relay: false, jobs: false };

#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub per_s: f64,
    pub hot_per_s: f64,
    /// The best that set-based SQL from memory does with the same charges.
    pub limit_per_s: f64,
    pub hot_limit_per_s: f64,
}

pub async fn part(world: &World, charges: usize) -> Usage {
    println!("\n== usage: {charges} charges from Kafka to committed rows, one worker");
    let records = world.book.records(TOPUPS);
    let (topped_up, _, _) = ours::measured(world, "base", "usage", records, TOPUPS).await;
    let sql = "SELECT DISTINCT account_id FROM lots ORDER BY account_id";
    let owners: Vec<String> =
        sqlx::query_scalar(sql).fetch_all(&topped_up.pool).await.expect("customers");
    let hot = owners.first().expect("a customer").clone();
    let mixed = |index: usize| mixed(&owners, index).to_owned();
    // A template has no connections.
    topped_up.pool.close().await;
    let database = world.server.clone_of("usage", "usage_ours").await;
    let per_s = run(world, &database, "usage_mixed", charges, mixed).await;
    let recorded = usage_limit::read(&database, "usage_mixed").await;
    let hot_per_s = run(world, &database, "usage_hot", charges, |_| hot.clone()).await;
    let recorded_hot = usage_limit::read(&database, "usage_hot").await;
    ours::audit(&database).await;
    world.server.drop(database).await;
    let one = usage_limit::run(world, "usage", &recorded, 1).await;
    let two = usage_limit::run(world, "usage", &recorded, 2).await;
    let hot_limit_per_s = usage_limit::run(world, "usage", &recorded_hot, 1).await;
    world.server.drop(topped_up).await;
    let limit_per_s = one.max(two);
    println!(
        "ours against the limit: {:.2}; all on one customer: {:.2}",
        per_s / limit_per_s,
        hot_per_s / hot_limit_per_s
    );
    Usage { per_s, hot_per_s, limit_per_s, hot_limit_per_s }
}

/// Who is charged: customers in turn, and a tenth of all is the first one's.
pub fn mixed(owners: &[String], index: usize) -> &str {
    if index.is_multiple_of(10) { &owners[0] } else { &owners[index % owners.len()] }
}

/// Charges a second, from the start of the first batch to the last checkpoint.
async fn run(
    world: &World,
    database: &Database,
    part: &str,
    charges: usize,
    owner: impl Fn(usize) -> String,
) -> f64 {
    let topics = world.cluster.create_topics(part).await;
    let record = |index| out_record(&topics, part, index, &owner(index));
    world.cluster.send((0..charges).map(record)).await;
    let pool = &database.pool;
    let before = usize::try_from(number(pool, ours::COMMITTED).await).expect("a count");
    let since: DateTime<Utc> = Utc::now();
    let cpu = Cpu::now(pool).await;
    let started = Instant::now();
    let worker = ours::start(world, database, part, USAGE).await;
    ours::committed(database, before + charges).await;
    let (ended, from_start) = (Utc::now(), started.elapsed().as_secs_f64());
    let used = Cpu::now(pool).await.since(cpu);
    worker.shutdown().await;
    let first: DateTime<Utc> =
        sqlx::query_scalar("SELECT min(processed_at) FROM inbox WHERE processed_at > $1")
            .bind(since)
            .fetch_one(pool)
            .await
            .expect("a first batch");
    let seconds = (ended - first).as_seconds_f64();
    let rate = charges as f64 / seconds;
    println!("{part}: {rate:.0} charges/s ({seconds:.2} s; {from_start:.2} s from the start)");
    let each = |seconds: f64| seconds * 1e6 / charges as f64;
    println!(
        "  CPU in µs per charge: worker {:.1}, PostgreSQL {:.1}, Kafka {:.1}; other processes \
         took {:.0} % of the machine",
        each(used.own),
        each(used.postgres),
        each(used.kafka),
        used.others * 100.0
    );
    for line in ours::statements(database, charges).await {
        println!("  {line}");
    }
    rate
}

/// A charge as it lies in Kafka.
pub fn out_record(topics: &Topics, part: &str, index: usize, account: &str) -> OutRecord {
    OutRecord {
        topic: topics.usage.clone(),
        key: Some(account.as_bytes().to_vec()),
        value: Some(charge(part, index, account).into_bytes()),
        headers: Vec::new(),
        timestamp_ms: None,
    }
}

fn charge(part: &str, index: usize, account: &str) -> String {
    format!(
        concat!(
            r#"{{"specversion":"1.0","id":"{0}-{1:08}","source":"rating","#,
            r#""type":"topup.usage.charge.v1","time":"2026-11-22T10:00:00Z","data":{{"#,
            r#""usage_id":"{0}-{1:08}","account_id":"{2}","amount":"0.0{3}","currency":"SGD","#,
            r#""occurred_at":"2026-11-22T10:00:00Z","kind":"sms"}}}}"#
        ),
        part,
        index,
        account,
        index % 89 + 11
    )
}

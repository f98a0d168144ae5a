//! Latency at a steady rate: from the moment at which a record is due to be produced to the moment
//! at which another connection sees its effects committed.
//!
//! The checkpoint commits together with the effects, so a second connection reads the checkpoints
//! every 2 ms; a record counts as committed when its partition's checkpoint is past it. The error
//! is at most one reading late (2 ms and the time of a query), never early. The clock starts when
//! the record is due, not when the producer got to it, so that a stall cannot hide behind itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Row;
use tokio::sync::mpsc;

use crate::World;
use crate::cluster::out_record;
use crate::database::Database;
use crate::machine::percentile;
use crate::ours::{BANK, start};

const PER_SECOND: usize = 500;
const SECONDS: usize = 20;
const READ_EVERY: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);
/// Until the worker has its partitions.
const WARM_UP: usize = 100;
pub const RECORDS: usize = WARM_UP + PER_SECOND * SECONDS;

#[derive(Debug, Clone, Copy)]
pub struct Latency {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Where a record went, and when it was due.
struct Sent {
    partition: i32,
    offset: i64,
    due: Instant,
}

/// The next offset of a partition from that moment on.
struct Seen {
    partition: i32,
    next_offset: i64,
    at: Instant,
}

pub async fn part(world: &World) -> Latency {
    println!("\n== latency: {PER_SECOND} payments/s for {SECONDS} s");
    let records: Vec<_> = world.book.records(RECORDS).collect();
    let topics = world.cluster.create_topics("latency").await;
    let database = world.server.clone_of("base", "latency").await;
    let worker = start(world, &database, "latency", BANK).await;
    let producer = Arc::new(world.cluster.producer(Duration::from_millis(1)));
    let mut records = records.into_iter().map(|record| out_record(&topics, record));
    let warm_up: Vec<_> = records.by_ref().take(WARM_UP).collect();
    for delivered in producer.send_all(warm_up).await {
        delivered.expect("delivered");
    }
    crate::ours::committed(&database, WARM_UP).await;
    let watcher = watch(&database, RECORDS);
    let (report, mut reports) = mpsc::unbounded_channel();
    let started = Instant::now();
    for (index, record) in (0_u32..).zip(records) {
        let due =
            started + Duration::from_secs(1) * index / u32::try_from(PER_SECOND).expect("small");
        tokio::time::sleep_until(due.into()).await;
        let (producer, report) = (Arc::clone(&producer), report.clone());
        tokio::spawn(async move {
            let delivered = producer.send_all(vec![record]).await;
            let (partition, offset) = *delivered[0].as_ref().expect("delivered");
            report.send(Sent { partition, offset, due }).expect("it is read");
        });
    }
    drop(report);
    let mut sent = Vec::new();
    while let Some(one) = reports.recv().await {
        sent.push(one);
    }
    let seen = watcher.await.expect("no panic");
    worker.shutdown().await;
    world.server.drop(database).await;
    let mut times: Vec<f64> = sent.iter().map(|sent| milliseconds(sent, &seen)).collect();
    assert_eq!(times.len(), PER_SECOND * SECONDS, "records measured");
    let latency =
        Latency { p50_ms: percentile(&mut times, 0.5), p99_ms: percentile(&mut times, 0.99) };
    println!(
        "latency: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms; {} commits seen",
        latency.p50_ms,
        latency.p99_ms,
        percentile(&mut times, 1.0),
        seen.len()
    );
    latency
}

/// Reads the checkpoints until `count` records are committed.
fn watch(database: &Database, count: usize) -> tokio::task::JoinHandle<Vec<Seen>> {
    let pool = database.pool.clone();
    let count = i64::try_from(count).expect("a count");
    tokio::spawn(async move {
        let mut connection = pool.acquire().await.expect("a connection");
        let mut seen: Vec<Seen> = Vec::new();
        let started = Instant::now();
        let mut every = tokio::time::interval(READ_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            let read = "SELECT partition, coalesce(next_offset, 0) FROM checkpoints";
            let rows = sqlx::query(read).fetch_all(&mut *connection).await.expect("checkpoints");
            let at = Instant::now();
            let mut total = 0;
            for row in rows {
                let (partition, next_offset) = (row.get(0), row.get(1));
                total += next_offset;
                let last = seen.iter().rev().find(|seen| seen.partition == partition);
                if last.is_none_or(|last| last.next_offset < next_offset) {
                    seen.push(Seen { partition, next_offset, at });
                }
            }
            if total >= count {
                return seen;
            }
            assert!(started.elapsed() < PATIENCE, "stuck at {total} of {count} records");
        }
    })
}

fn milliseconds(sent: &Sent, seen: &[Seen]) -> f64 {
    let past = |seen: &&Seen| seen.partition == sent.partition && seen.next_offset > sent.offset;
    let committed = seen.iter().find(past).expect("every record was seen").at;
    (committed - sent.due).as_secs_f64() * 1_000.0
}

//! The limit: the same effects in the same tables under the same constraints, as set-based SQL
//! straight from arrays in memory. No Kafka, no JSON, no decisions: what remains is what
//! PostgreSQL itself needs for the rows, the look-ups and the account locks.

use std::sync::Arc;
use std::time::Instant;

use sqlx::PgPool;

use crate::World;
use crate::batch::Batch;
use crate::data::Book;
use crate::database::{Database, execute};
use crate::machine::Cpu;
use crate::ours::{audit, check};
use crate::recorded::{KINDS, Payment};
use crate::rows::{Rate, Result};

pub const BATCH: usize = 1_000;

/// How the payments are shared out to the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shares {
    /// As they come: batches of several connections want the same accounts and wait for each other.
    AsTheyCome,
    /// Each connection has accounts of its own.
    ByAccount,
}

pub const PLAN: [(u32, Shares, &str); 3] = [
    (1, Shares::AsTheyCome, "1 connection"),
    (2, Shares::AsTheyCome, "2 connections"),
    (2, Shares::ByAccount, "2 connections with accounts of their own"),
];

/// Batches for each connection.
type Queues<B> = Vec<Vec<Arc<B>>>;

pub async fn part(world: &World, payments: &[Payment]) -> Vec<Rate> {
    println!("\n== limit: set-based SQL from arrays in memory, batches of {BATCH}");
    let mut rates = Vec::new();
    for (index, (connections, shares, what)) in PLAN.into_iter().enumerate() {
        let owner = |p: &Payment| {
            p.allocation.as_ref().map_or(&p.payment_id, |found| &found.account_id).clone()
        };
        let batch = |payments: &[&Payment]| Batch::of(payments.iter().copied());
        let queues = queues(payments, connections, shares, owner, batch);
        let part = format!("limit{index}");
        let database = world.server.clone_of("base", &part).await;
        execute(&database.pool, KINDS).await;
        let before = Cpu::now(&database.pool).await;
        let seconds = drive(&database, queues, |pool: PgPool, batch: Arc<Batch>| async move {
            batch.write(&pool).await
        })
        .await;
        let used = Cpu::now(&database.pool).await.since(before);
        check(&database, Book::expected(payments.len())).await;
        audit(&database).await;
        let rate = payments.len() as f64 / seconds;
        let each = |seconds: f64| seconds * 1e6 / payments.len() as f64;
        println!(
            "limit, {what}: {rate:.0} payments/s; CPU in µs per payment: client {:.1}, PostgreSQL \
             {:.1}; other processes took {:.0} %",
            each(used.own),
            each(used.postgres),
            used.others * 100.0
        );
        rates.push(Rate { connections, rate });
        world.server.drop(database).await;
    }
    rates
}

/// Shares payments out, and makes batches of them.
pub fn queues<P, B>(
    payments: &[P],
    connections: u32,
    shares: Shares,
    owner: impl Fn(&P) -> String,
    batch: impl Fn(&[&P]) -> B,
) -> Queues<B> {
    let count = connections as usize;
    let mut queues: Queues<B> = (0..count).map(|_| Vec::new()).collect();
    match shares {
        Shares::AsTheyCome => {
            let all: Vec<&P> = payments.iter().collect();
            for (index, chunk) in all.chunks(BATCH).enumerate() {
                queues[index % count].push(Arc::new(batch(chunk)));
            }
        }
        Shares::ByAccount => {
            let share = |p: &P| owner(p).bytes().map(usize::from).sum::<usize>() % count;
            for (index, queue) in queues.iter_mut().enumerate() {
                let own: Vec<&P> = payments.iter().filter(|p| share(p) == index).collect();
                queue.extend(own.chunks(BATCH).map(|chunk| Arc::new(batch(chunk))));
            }
        }
    }
    queues
}

/// Seconds until all is committed.
pub async fn drive<B, F, Written>(database: &Database, queues: Queues<B>, write: F) -> f64
where
    B: Send + Sync + 'static,
    F: Fn(PgPool, Arc<B>) -> Written + Copy + Send + 'static,
    Written: Future<Output = Result<()>> + Send,
{
    let connections = u32::try_from(queues.len()).expect("a few");
    let pool = database.connections(connections).await;
    let started = Instant::now();
    let tasks: Vec<_> = queues
        .into_iter()
        .map(|queue| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for batch in queue {
                    write(pool.clone(), batch).await.expect("a batch");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let seconds = started.elapsed().as_secs_f64();
    pool.close().await;
    seconds
}

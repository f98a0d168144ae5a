//! Ranges of the outbox come and go while it is written and published.

use std::sync::Arc;

use tokio::sync::Mutex;
use topup::store::{ConnectOptions, PgPool, connect};

use super::progress::{KEYS, SETTLED, WRITERS, connections, relay, write};
use crate::harness::{Database, World, by_length};

const MAKE: &str = "SELECT 1::bigint FROM make_outbox_range(100)";
const DROP: &str = "SELECT drop_outbox_range(now() + interval '1 day')";

/// Ranges of a hundred ids in place of those that the schema made.
async fn narrow(database: &Database, ranges: usize) {
    for part in database.lines("SELECT part FROM outbox_ranges").await {
        database.execute(&format!("DROP TABLE {part}")).await;
    }
    for _ in 0..ranges {
        database.execute("SELECT make_outbox_range(100)").await;
    }
}

/// What the worker's role asks for, or that somebody has the outbox.
async fn asked(worker: &PgPool, sql: &'static str) -> Result<Option<i64>, String> {
    let asked = sqlx::query_scalar::<_, Option<i64>>(sql).fetch_one(worker).await;
    asked.map_err(|error| {
        let code = error.as_database_error().and_then(|error| error.code());
        let code = code.unwrap_or_default().into_owned();
        assert!(["55P03", "40P01"].contains(&&*code), "{sql}: {error}");
        code
    })
}

/// Events of a day go by range after range, others come in ranges that were made just before or
/// were not made at all: each is published once the order of its key allows, and none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_come_and_go_beside_a_relay_and_writers() {
    let world = World::with_partitions("rr_beside", 1).await;
    narrow(&world.database, 2).await;
    let pool = connections(&world.database).await;
    let worker = connect(&ConnectOptions::new(&world.database.url)).await.expect("a pool");
    let keys: Arc<Vec<_>> = Arc::new((0..KEYS).map(|_| Mutex::new(0)).collect());
    let first = relay(&world).await;
    let rounds = by_length(240, 2_400);
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| tokio::spawn(write(pool.clone(), keys.clone(), seed, rounds)))
        .collect();
    let (mut dropped, mut turn) = (0, 0);
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        // Sometimes there are ranges ahead, sometimes there is none.
        if turn % 4 != 0 {
            let ahead = "SELECT count(*) FROM outbox_ranges WHERE since >
                         (SELECT last_value FROM outbox_outbox_id_seq)";
            if world.value(ahead).await == "0" {
                asked(&worker, MAKE).await.ok();
            }
        }
        dropped += asked(&worker, DROP).await.ok().flatten().unwrap_or(0);
        turn += 1;
    }
    let mut committed = 0;
    for writer in writers {
        committed += writer.await.expect("ends");
    }
    world.until(SETTLED, "true").await;
    // A relay that knows nothing of what was noted goes on behind what is gone.
    first.shutdown().await;
    let second = relay(&world).await;
    assert!(dropped > 0, "no range went while they wrote");
    let left: i64 = world.value("SELECT count(*) FROM outbox").await.parse().expect("a number");
    assert_eq!(left + dropped, i64::try_from(committed).expect("few"), "{dropped} went");
    while asked(&worker, MAKE).await.is_err() {}
    while asked(&worker, DROP).await != Ok(None) {}
    let left: i64 = world.value("SELECT count(*) FROM outbox").await.parse().expect("a number");
    assert!(left <= 100, "{left}");
    committed += write(pool.clone(), keys, WRITERS, 20).await;
    world.until(SETTLED, "true").await;
    assert_eq!(world.events().await.len(), committed);
    second.shutdown().await;
    worker.close().await;
    pool.close().await;
    world.abandon().await;
}

//! A cell is a database with topics of its own (docs/SCALING.md). Cells share nothing, and what
//! only looks needs no database that can be written.

use std::process::Command;

use crate::exactly_once::records_of;
use crate::harness::World;

const CUSTOMERS: usize = 120;

/// What became of eight records of each customer.
const OUTCOMES: [&str; 5] =
    ["applied|600", "dead_lettered|24", "duplicate|96", "rejected|120", "waiting|120"];

async fn load(cell: &World) {
    cell.publish_all((0..CUSTOMERS).flat_map(|number| records_of(cell, number)).collect()).await;
}

async fn all_came(cell: &World) {
    cell.until("SELECT count(*) FROM inbox", &(8 * CUSTOMERS).to_string()).await;
    let outcomes = "SELECT outcome, count(*) FROM inbox GROUP BY 1 ORDER BY 1";
    assert_eq!(cell.database.lines(outcomes).await, OUTCOMES);
}

/// Both cells have the same customers, invoices, payments and record ids: neither knows the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_stops_under_load_is_not_noticed_by_the_other() {
    let mut north = World::new("ce_north").await;
    let south = World::new("ce_south").await;
    // Small batches, so that there is something in hand when it stops.
    north.set("WORKER__BATCH_RECORDS", "20");
    let stopping = north.start().await;
    let running = south.start().await;
    load(&north).await;
    north.until("SELECT count(*) > 100 FROM inbox", "true").await;
    stopping.shutdown().await;
    let left = north.value("SELECT count(*) FROM inbox").await;
    load(&south).await;
    all_came(&south).await;
    assert_eq!(north.value("SELECT count(*) FROM inbox").await, left, "who wrote here?");
    let again = north.start().await;
    all_came(&north).await;
    // What a payment pays may depend on which of two topics is read first: not what came.
    let lines = "SELECT payment_id, account_id, currency, amount FROM payments
                 WHERE origin = 'manual' UNION ALL
                 SELECT payment_id, NULL, currency, amount FROM payments
                 WHERE origin = 'bank' ORDER BY 1";
    let (one, other) = (north.database.lines(lines).await, south.database.lines(lines).await);
    assert_eq!(one.len(), 2 * CUSTOMERS);
    assert_eq!(one, other);
    again.shutdown().await;
    running.shutdown().await;
    north.finish().await;
    south.finish().await;
}

/// A read replica refuses every statement that writes or locks rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_looks_works_where_nothing_can_be_written() {
    let world = World::new("ce_replica").await;
    let worker = world.start().await;
    load(&world).await;
    all_came(&world).await;
    worker.shutdown().await;
    let joined = if world.database.url.contains('?') { '&' } else { '?' };
    let url =
        format!("{}{joined}options=-c%20default_transaction_read_only%3Don", world.database.url);
    let looks: [&[&str]; 22] = [
        &["find", "IA-100"],
        &["accounts", "list"],
        &["accounts", "show", "ACC-1"],
        &["invoices", "list"],
        &["invoices", "show", "IA-100"],
        &["payments", "list"],
        &["payments", "show", "PAY-1"],
        &["balances", "list"],
        &["balances", "show", "ACC-1"],
        &["records", "show", "c-1-1"],
        &["dead-letters", "list"],
        &["commands", "waiting"],
        &["keys", "parked"],
        &["void-candidates", "list"],
        &["review", "list"],
        &["returns", "list"],
        &["advices", "list"],
        &["jobs", "list"],
        &["status"],
        &["reconcile"],
        &["audit"],
        &["ledger", "export", "--format", "csv"],
    ];
    for words in looks {
        let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
        command.args(words).env("DATABASE_URL", &url).env("KAFKA_BROKERS", &world.brokers);
        command.env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name);
        command.env("TOPUP__KAFKA__GROUP_ID", &world.name);
        let looked = tokio::task::spawn_blocking(move || command.output().expect("it starts"));
        let output = looked.await.expect("no panic");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        // 3: it looked, and what it found asks for a person.
        assert!(matches!(output.status.code(), Some(0 | 3)), "{words:?}: {said}");
    }
    world.finish().await;
}

//! Effectively once: replays, rebalances, rival groups and zombies lose nothing and double nothing.

use std::sync::Arc;

use serde_json::json;
use topup::app::Worker;
use topup::clock::Clock;
use topup::kafka::{BatchHandler, LaneCancel, Opened, OutRecord, PartitionLog, Processed, Record};
use topup::store::checkpoint;

use crate::harness::records::{
    about_invoice, account, allocate, bank, command, credit, credit_saying, invoice, payment, with,
};
use crate::harness::{Direct, World, out_record};

/// Eight records of a customer: applied, refused, duplicate, undecodable, and one that waits.
pub fn records_of(world: &World, number: usize) -> Vec<OutRecord> {
    let name = format!("ACC-{number}");
    let (by_hand, by_bank) = (format!("IA-{number}00"), format!("IB-{number}00"));
    let (paid, missing) = (format!("PAY-{number}"), format!("NONE-{number}"));
    let commands = [
        ("invoice.create", invoice(&by_hand, &name, "31.00")),
        ("invoice.create", invoice(&by_bank, &name, "17.00")),
        ("payment.record", payment(&paid, &name, "40.00")),
        ("payment.allocate", allocate(&paid, &name, &by_hand)),
        ("invoice.void", about_invoice(&by_hand, &name)),
        ("invoice.mark-sent", about_invoice(&missing, &name)),
    ];
    let mut records = Vec::new();
    for (part, (kind, data)) in (1..).zip(commands) {
        let value = command(&format!("c-{number}-{part}"), kind, &data);
        let record = out_record(&world.topics.commands, Some(&name), Some(value.as_bytes()));
        records.push(record);
    }
    let own = json!({ "bank_account": format!("BANK-{}", number % 7) });
    let data = with(credit_saying(&format!("T-{number}"), "17.00", &by_bank), &own);
    let value = bank(&format!("b-{number}"), &data);
    let key = own["bank_account"].as_str();
    let value = if number.is_multiple_of(5) { "{".to_owned() } else { value };
    let record = out_record(&world.topics.bank_payments, key, Some(value.as_bytes()));
    records.push(record);
    // The bank's feed is sent twice, under new ids.
    let value = bank(&format!("again-{number}"), &data);
    let record = out_record(&world.topics.bank_payments, key, Some(value.as_bytes()));
    records.push(record);
    records
}

/// A new group reads every topic from the start into the same database: all are duplicates, and
/// not one row changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_of_all_topics_changes_no_row() {
    let mut world = World::new("o_replay").await;
    let worker = world.start().await;
    let records: Vec<OutRecord> = (0..250).flat_map(|number| records_of(&world, number)).collect();
    assert_eq!(records.len(), 2_000);
    world.publish_all(records).await;
    world.until("SELECT count(*) FROM inbox", "2000").await;
    let outcomes = "SELECT outcome, count(*) FROM inbox GROUP BY 1 ORDER BY 1";
    let expected =
        ["applied|1250", "dead_lettered|50", "duplicate|200", "rejected|250", "waiting|250"];
    assert_eq!(world.database.lines(outcomes).await, expected);
    world.relayed().await;
    worker.shutdown().await;
    // What a group knows of its partitions is the group's own; jobs and the horizon of what is
    // published go on by the clock.
    let feeds = ["feed_partitions", "partition_states", "job_runs", "relay_progress"];
    let without = [&["checkpoints", "crash_guards", "inbox_repeats"][..], &feeds].concat();
    let before = world.database.fingerprint(&without).await;
    let events = world.events().await.len();
    world.database.execute("DELETE FROM checkpoints").await;
    let group = format!("{}_again", world.name);
    world.set("KAFKA__GROUP_ID", &group);
    let worker = world.start().await;
    let repeats = "SELECT string_agg(DISTINCT outcome, ',') || ' ' || count(*) FROM inbox_repeats";
    world.until(repeats, "duplicate 2000").await;
    world.relayed().await;
    worker.shutdown().await;
    assert_eq!(world.database.fingerprint(&without).await, before);
    assert_eq!(world.events().await.len(), events);
    world.finish().await;
}

const CUSTOMERS: usize = 10;

/// Payments `from..to` of ten customers whose payer accounts are known: each payment locks its
/// customer's account, whichever partition it comes by.
async fn publish_payments(world: &World, from: usize, to: usize) {
    let mut records = Vec::new();
    for number in from..to {
        let fields = json!({
            "bank_account": format!("BANK-{}", number % 24),
            "debtor": { "account": format!("PAYER{}", number % CUSTOMERS) },
        });
        let data = with(credit(&format!("T-{number}"), "1.00"), &fields);
        let value = bank(&format!("b-{number}"), &data);
        let key = fields["bank_account"].as_str();
        records.push(out_record(&world.topics.bank_payments, key, Some(value.as_bytes())));
    }
    world.publish_all(records).await;
}

async fn with_payers(test: &str, partitions: i32, protocol: &str) -> (World, Worker) {
    let mut world = World::with_partitions(test, partitions).await;
    world.set("KAFKA__GROUP_PROTOCOL", protocol);
    // Small batches, so that there is always something in hand when a worker leaves.
    world.set("WORKER__BATCH_RECORDS", "50");
    let worker = world.start().await;
    for number in 0..CUSTOMERS {
        let name = format!("ACC-{number}");
        let payer = json!({ "payer_accounts": [format!("PAYER{number}")] });
        let data = with(account(&name), &payer);
        let id = format!("u-{number}");
        world.applied(&id, "account.upsert", &name, data).await;
    }
    (world, worker)
}

/// Each payment is there once, as money, as events, and as a balanced posting.
async fn check_payments(world: &World, count: usize) {
    let micros = count * 1_000_000;
    let sums = [
        ("SELECT count(*) || ' ' || sum(amount) FROM payments", format!("{count} {micros}")),
        ("SELECT count(DISTINCT payment_id) FROM ledger_transactions", count.to_string()),
        ("SELECT count(*) FROM ledger_transactions", count.to_string()),
        (
            "SELECT sum(amount) FROM ledger_entries WHERE ledger_account = 'unallocated_cash'",
            micros.to_string(),
        ),
        ("SELECT count(*) FROM decisions", count.to_string()),
        ("SELECT count(*) FROM dead_letters", "0".to_owned()),
    ];
    for (sql, expected) in sums {
        assert_eq!(world.value(sql).await, expected, "{sql}");
    }
    let events = world.events().await;
    for kind in ["recorded", "parked"] {
        let kind = format!("topup.payment.{kind}.v1");
        let told = events.iter().filter(|event| event.text("type") == kind);
        assert_eq!(told.count(), count, "{kind}");
    }
}

/// Waits until the worker reads at least one partition.
async fn has_joined(world: &World, worker: &Worker) {
    world
        .eventually("partition of the worker", || async {
            let status = worker.status().expect("a consumer");
            (!status.partitions.is_empty()).then_some(())
        })
        .await;
}

async fn workers_come_and_go(test: &str, protocol: &str) {
    const PAYMENTS: usize = 6_000;
    let (world, first) = with_payers(test, 6, protocol).await;
    let second = world.start().await;
    has_joined(&world, &second).await;
    let recorded = "SELECT count(*) >= 300 FROM payments";
    publish_payments(&world, 0, 3_000).await;
    world.until(recorded, "true").await;
    let third = world.start().await;
    has_joined(&world, &third).await;
    publish_payments(&world, 3_000, PAYMENTS).await;
    world.until("SELECT count(*) >= 3500 FROM payments", "true").await;
    third.shutdown().await;
    world.until("SELECT count(*) >= 6000 FROM payments", "true").await;
    check_payments(&world, PAYMENTS).await;
    for worker in [&first, &second] {
        assert!(worker.status().expect("a consumer").running, "a worker has died");
    }
    let (_, _) = tokio::join!(first.shutdown(), second.shutdown());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_come_and_go_lose_and_double_nothing_with_the_classic_protocol() {
    workers_come_and_go("o_classic", "classic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_come_and_go_lose_and_double_nothing_with_the_consumer_protocol() {
    workers_come_and_go("o_consumer", "consumer").await;
}

/// Two groups by mistake: both read everything, into one database, at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_groups_on_one_database_double_nothing() {
    const PAYMENTS: usize = 1_500;
    let (mut world, first) = with_payers("o_groups", 3, "classic").await;
    let group = format!("{}_rival", world.name);
    world.set("KAFKA__GROUP_ID", &group);
    let rival = world.start().await;
    has_joined(&world, &rival).await;
    publish_payments(&world, 0, PAYMENTS).await;
    // Each record is read twice: by one group it is applied, by the other it is a duplicate.
    let repeats = "SELECT count(*) FROM inbox_repeats WHERE outcome = 'duplicate'";
    world.until(repeats, &(PAYMENTS + CUSTOMERS).to_string()).await;
    check_payments(&world, PAYMENTS).await;
    let (_, _) = tokio::join!(first.shutdown(), rival.shutdown());
    world.finish().await;
}

/// A worker that lost its partition without knowing it, say after a long pause, writes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_whose_fence_was_taken_rolls_back() {
    let direct = Direct::new("o_zombie").await;
    let settings = direct.pipeline.settings();
    let topic: Arc<str> = Arc::from(settings.topics.commands.as_str());
    let log = PartitionLog::in_memory(0, 2, Vec::new());
    let opened = direct.pipeline.open(Arc::clone(&topic), 0, log, LaneCancel::new());
    let Opened::Ready { lane: mut zombie, .. } = opened.await else {
        panic!("the partition is not opened");
    };
    let record = |offset: i64, name: &str| Record {
        topic: Arc::clone(&topic),
        partition: 0,
        offset,
        timestamp_ms: None,
        key: None,
        value: Some(command(&format!("c-{name}"), "account.upsert", &account(name)).into_bytes()),
        headers: Vec::new(),
    };
    let cancel = LaneCancel::new();
    let batch = vec![record(0, "ACC-1")];
    let done = direct.pipeline.process(&mut zombie, batch, &cancel).await;
    assert_eq!(done, Processed::Committed { next_offset: 1 });
    let (pool, now) = (direct.pipeline.pool(), Clock::System.now());
    let taken = checkpoint::take(pool, &settings.group, &topic, 0, "another", now).await;
    let (fence, place) = taken.expect("taken");
    assert_eq!((fence.epoch, place.next_offset), (2, Some(1)));
    let before = direct.database.fingerprint(&[]).await;
    let batch = vec![record(1, "ACC-2")];
    let done = direct.pipeline.process(&mut zombie, batch, &cancel).await;
    assert_eq!(done, Processed::Fenced);
    assert_eq!(direct.database.fingerprint(&[]).await, before, "the zombie wrote");
    direct.finish().await;
}

//! The log changes under its reader: created anew, deleted, running and stopped. Nothing is skipped
//! in silence, and what goes is counted.

use chrono::Utc;
use serde_json::json;
use topup::kafka::{Producer, ProducerConfig};
use topup::store::partitions::{self, Skip};
use topup::store::views;

use crate::harness::records::{BANK, bank, credit, with};
use crate::harness::{World, kafka, out_record, wire};

const CHANGES: &str = "SELECT coalesce(string_agg(concat_ws(' ', kind, expected, went_on_at, lost),
                       ', ' ORDER BY change_id), 'none') FROM log_changes";

async fn world(test: &str) -> World {
    let mut world = World::with_partitions(test, 1).await;
    world.set("KAFKA__LOG_CHECK_MS", "300");
    world
}

/// Credits `from..to`, one after the other in the log.
async fn credits(world: &World, from: usize, to: usize) {
    let records = (from..to).map(|number| {
        let data = with(credit(&format!("T-{number}"), "1.00"), &json!({}));
        let value = bank(&format!("b-{number}"), &data);
        out_record(&world.topics.bank_payments, Some(BANK), Some(value.as_bytes()))
    });
    world.publish_all(records.collect()).await;
}

async fn paid(world: &World, count: usize) {
    world.until("SELECT count(*) FROM payments", &count.to_string()).await;
}

async fn create_anew(world: &World) {
    let topic = world.topics.bank_payments.clone();
    kafka::delete_topics(&world.brokers, vec![topic.clone()]).await;
    kafka::create_topic(&world.brokers, &topic).await;
}

/// Each payment once, though the records of the new log have offsets that were read already.
async fn created_anew(test: &str, new: usize, running: bool) {
    let world = world(test).await;
    let mut worker = world.start().await;
    credits(&world, 0, 60).await;
    paid(&world, 60).await;
    if !running {
        worker.shutdown().await;
        create_anew(&world).await;
        credits(&world, 60, 60 + new).await;
        worker = world.start().await;
    } else {
        create_anew(&world).await;
        credits(&world, 60, 60 + new).await;
    }
    paid(&world, 60 + new).await;
    world.until("SELECT max(next_offset) FROM checkpoints", &new.to_string()).await;
    world.until("SELECT max(incarnation) FROM checkpoints", "2").await;
    world.until("SELECT count(*) FROM log_changes WHERE settled_at IS NULL", "1").await;
    assert!(world.value(CHANGES).await.starts_with("replaced "));
    // What comes next is read as ever.
    credits(&world, 500, 503).await;
    paid(&world, 63 + new).await;
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_created_anew_and_shorter_is_read_by_a_running_worker() {
    created_anew("lc_short_run", 25, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_created_anew_and_longer_is_read_by_a_running_worker() {
    created_anew("lc_long_run", 150, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_created_anew_and_of_the_same_length_is_read_by_a_running_worker() {
    created_anew("lc_same_run", 60, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_created_anew_and_shorter_is_read_after_a_stop() {
    created_anew("lc_short_stop", 25, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_created_anew_and_longer_is_read_after_a_stop() {
    created_anew("lc_long_stop", 150, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_created_anew_with_the_old_records_too_doubles_nothing() {
    let world = world("lc_again").await;
    let worker = world.start().await;
    credits(&world, 0, 40).await;
    paid(&world, 40).await;
    worker.shutdown().await;
    create_anew(&world).await;
    // Half of them are known, and one cannot be read at a place where another was read before.
    let broken = |n: usize| {
        out_record(&world.topics.bank_payments, Some(BANK), Some(format!("{{{n}").as_bytes()))
    };
    world.publish_all(vec![broken(1)]).await;
    credits(&world, 20, 70).await;
    let worker = world.start().await;
    paid(&world, 70).await;
    worker.shutdown().await;
    create_anew(&world).await;
    world.publish_all(vec![broken(2)]).await;
    credits(&world, 20, 71).await;
    let worker = world.start().await;
    paid(&world, 71).await;
    world.until("SELECT count(*) FROM dead_letters", "2").await;
    world.until("SELECT max(incarnation) FROM checkpoints", "3").await;
    worker.shutdown().await;
    world.finish().await;
}

/// A worker reads at offset 0 while the records up to 200 are deleted; then it reads on.
async fn deleted_above(test: &str, running: bool) {
    let world = world(test).await;
    let topic = world.topics.bank_payments.clone();
    let worker = world.start().await;
    credits(&world, 0, 30).await;
    paid(&world, 30).await;
    if running {
        // The worker cannot write, and what it has in hand is not all that is deleted.
        let mut blocker = world.database.admin.begin().await.expect("begin");
        sqlx::query("LOCK TABLE checkpoints").execute(&mut *blocker).await.expect("locked");
        credits(&world, 30, 20_000).await;
        kafka::delete_records(&world.brokers, &topic, 19_000).await;
        blocker.rollback().await.expect("unlocked");
        world.until("SELECT max(next_offset) FROM checkpoints", "20000").await;
        worker.shutdown().await;
    } else {
        worker.shutdown().await;
        credits(&world, 30, 1_000).await;
        kafka::delete_records(&world.brokers, &topic, 900).await;
        let worker = world.start().await;
        world.until("SELECT max(next_offset) FROM checkpoints", "1000").await;
        worker.shutdown().await;
    }
    // Every offset was processed, or is counted as lost.
    let sum = "SELECT (SELECT count(*) FROM payments) + (SELECT sum(lost) FROM log_changes)
               = (SELECT max(next_offset) FROM checkpoints)";
    assert_eq!(world.value(sum).await, "true");
    let changes = world.value(CHANGES).await;
    assert!(changes.starts_with("deleted ") && !changes.contains(','), "{changes}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_deleted_unread_under_a_running_worker_are_counted() {
    deleted_above("lc_del_run", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_deleted_unread_while_it_is_stopped_are_counted() {
    deleted_above("lc_del_stop", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_deleted_after_they_were_read_change_nothing() {
    let world = world("lc_below").await;
    let topic = world.topics.bank_payments.clone();
    let worker = world.start().await;
    credits(&world, 0, 50).await;
    paid(&world, 50).await;
    kafka::delete_records(&world.brokers, &topic, 50).await;
    credits(&world, 50, 80).await;
    paid(&world, 80).await;
    worker.shutdown().await;
    kafka::delete_records(&world.brokers, &topic, 80).await;
    let worker = world.start().await;
    credits(&world, 80, 90).await;
    paid(&world, 90).await;
    assert_eq!(world.value(CHANGES).await, "none");
    worker.shutdown().await;
    world.finish().await;
}

/// A batch whose bytes are broken on the broker's disk is passed over by the client with an error
/// that names no partition. The partition stands, says why, and goes on when a person says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_batch_is_a_state_with_its_reason_and_is_never_passed_over() {
    let world = world("lc_corrupt").await;
    for number in 0..3 {
        credits(&world, number, number + 1).await;
    }
    kafka::corrupt(&world.brokers, &world.topics.bank_payments, "b-1").await;
    let worker = world.start().await;
    let state = "SELECT state || ': ' || reason FROM partition_states WHERE topic LIKE '%bank%'";
    world.until(state, "unreadable: a batch of records is corrupt").await;
    world.until("SELECT count(*) FROM payments", "1").await;
    // What stands is told: in `status`, in `doctor`, and it is no lag of 0.
    let status = views::status::read(&world.database.admin).await.expect("status");
    let row = status.checkpoints.iter().find(|row| row.is_held()).expect("it is held");
    assert_eq!((row.next_offset, row.state.as_str()), (Some(1), "unreadable"));
    let mut examined = views::health::Examined::connect(&world.database.url).await.expect("open");
    let facts = examined.partitions().await.expect("facts");
    assert!(facts.iter().any(|fact| fact.held && fact.found.contains("corrupt")), "{facts:?}");
    assert_eq!(world.value(CHANGES).await, "none");
    let skip = Skip {
        group: &world.name,
        topic: &world.topics.bank_payments,
        partition: 0,
        low: 0,
        to: 2,
        operator: "alice",
        reason: "broken on all replicas",
    };
    let pool = &world.database.admin;
    let done = partitions::skip(pool, &skip, Utc::now()).await.expect("skipped");
    assert_eq!(done.map(|(_, lost)| lost), Some(1));
    paid(&world, 2).await;
    world.until(state, "flowing: ").await;
    assert_eq!(world.value(CHANGES).await, "skipped 1 2 1");
    let again = partitions::skip(pool, &skip, Utc::now()).await.expect("asked");
    assert_eq!(again, None, "it is beyond that offset");
    // It stays an alarm until somebody has settled it.
    let open = examined.partitions().await.expect("facts");
    assert!(open.iter().any(|fact| !fact.held && fact.found.contains("1 offsets unread")));
    let change: i64 = world.value("SELECT max(change_id) FROM log_changes").await.parse().unwrap();
    let settled = partitions::settle(pool, change, "bob", "sent again", Utc::now()).await;
    assert!(settled.expect("settled"));
    let settled = partitions::settle(pool, change, "bob", "again", Utc::now()).await;
    assert!(!settled.expect("asked"), "once");
    assert_eq!(examined.partitions().await.expect("facts"), []);
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_each_compression_are_read() {
    let world = world("lc_codecs").await;
    let worker = world.start().await;
    for (number, codec) in (0..).zip(["zstd", "lz4", "snappy", "gzip"]) {
        let mut config = ProducerConfig::new(&world.brokers);
        config.extra.insert("compression.type".to_owned(), codec.to_owned());
        let producer = Producer::new(&config).expect("producer");
        let records = (0..50).map(|n| {
            let data = with(credit(&format!("{codec}-{n}"), "1.00"), &json!({}));
            let value = bank(&format!("{codec}-{n}"), &data);
            out_record(&world.topics.bank_payments, Some(BANK), Some(value.as_bytes()))
        });
        let sent = producer.send_all(records.collect()).await;
        assert!(sent.iter().all(Result::is_ok), "{codec}: {sent:?}");
        paid(&world, 50 * (number + 1)).await;
    }
    worker.shutdown().await;
    world.finish().await;
}

/// Whatever a broker takes: times before there was writing, header names in no letters. The record
/// has its outcome, those around it are applied, and the worker lives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_any_time_and_with_any_header_name_has_its_outcome() {
    let world = world("lc_hostile").await;
    let topic = world.topics.bank_payments.clone();
    kafka::take_any_time(&world.brokers, &topic).await;
    let worker = world.start().await;
    credits(&world, 0, 1).await;
    let headers: [(&[u8], Option<&[u8]>); 3] =
        [(&[0xff, 0xfe, b'x'], Some(b"1")), (b"", None), ("größe".as_bytes(), Some(&[0]))];
    let times = [-300_000_000_000_000, -1, 0, i64::MAX, i64::MIN, 253_402_300_800_000];
    for (number, timestamp) in (1..).zip(times) {
        let data = with(credit(&format!("T-{number}"), "1.00"), &json!({}));
        let money = bank(&format!("b-{number}"), &data);
        for value in [b"{".as_slice(), money.as_bytes()] {
            let raw = wire::Raw {
                topic: &topic,
                timestamp,
                key: Some(BANK.as_bytes()),
                value: Some(value),
                headers: &headers,
            };
            wire::produce(&world.brokers, &raw);
        }
    }
    credits(&world, 7, 8).await;
    paid(&world, 8).await;
    world.until("SELECT count(*) FROM dead_letters", "6").await;
    let kept = "SELECT string_agg(DISTINCT record_headers::text, ' ') FROM dead_letters";
    let kept = world.value(kept).await;
    assert!(kept.contains("hex:fffe78") && kept.contains("größe"), "{kept}");
    let timed = "SELECT count(record_timestamp) FROM dead_letters";
    assert_eq!(world.value(timed).await, "1", "a time that no calendar has is none");
    assert_eq!(world.dead_letter_records().await.len(), 6);
    worker.shutdown().await;
    world.finish().await;
}

//! The log changes under its reader: created anew, deleted, running and stopped. Nothing is skipped
//! in silence, and what goes is counted.

use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use topup::kafka::admin::Cluster;
use topup::kafka::{
    BatchHandler, Checked, LaneCancel, Opened, PartitionLog, Processed, Producer, ProducerConfig,
    Record,
};
use topup::store::{ConnectOptions, views};

use crate::harness::records::{BANK, account, bank, credit, with};
use crate::harness::{Direct, PATIENCE, World, kafka, out_record, wire};

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

/// What the command printed, when it ended with `exit`.
pub fn topup(world: &World, words: &[&str], exit: i32) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(words)
        .env("DATABASE_URL", &world.database.url)
        .env("KAFKA_BROKERS", &world.brokers)
        .env("TOPUP__KAFKA__GROUP_ID", &world.name)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name)
        .output()
        .expect("it starts");
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let text = text.concat();
    assert_eq!(output.status.code(), Some(exit), "{words:?}: {text}");
    text
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

/// A topic goes and is not created anew: its partition is a state that is told, everything else
/// goes on, and so does the partition when the topic comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_goes_is_a_state_until_it_comes_back() {
    let world = world("lc_gone").await;
    let worker = world.start().await;
    credits(&world, 0, 20).await;
    paid(&world, 20).await;
    let topic = world.topics.bank_payments.clone();
    kafka::delete_topics(&world.brokers, vec![topic.clone()]).await;
    let state = "SELECT state || ': ' || reason FROM partition_states WHERE topic LIKE '%bank%'";
    world.until(state, "unreadable: the topic or the partition is not there").await;
    let said = topup(&world, &["status"], 3);
    assert!(said.contains("is unreadable: the topic or the partition is not there"), "{said}");
    topup(&world, &["doctor"], 1);
    let known = account("ACC-1");
    world.applied("c-1", "account.upsert", "ACC-1", known).await;
    kafka::create_topic(&world.brokers, &topic).await;
    credits(&world, 20, 45).await;
    paid(&world, 45).await;
    world.until(state, "flowing: ").await;
    world.until("SELECT count(*) FROM log_changes WHERE settled_at IS NULL", "1").await;
    worker.shutdown().await;
    world.finish().await;
}

/// Money waits in the log and no worker reads it: that is told, until one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_that_no_worker_reads_is_told() {
    let world = world("lc_unread").await;
    // What nobody has ever opened is shown as well.
    let said = topup(&world, &["status"], 0);
    let topics = [&world.topics.commands, &world.topics.bank_payments, &world.topics.usage];
    for topic in topics {
        let mut lines = said.lines();
        assert!(lines.any(|line| line.contains(topic) && line.contains("unopened")), "{said}");
    }
    credits(&world, 0, 2).await;
    let told = format!("{}:0 is read by no worker: 2 records wait", world.topics.bank_payments);
    let said = topup(&world, &["status"], 3);
    assert!(said.contains(&told), "{said}");
    let worker = world.start().await;
    paid(&world, 2).await;
    worker.shutdown().await;
    topup(&world, &["status"], 0);
    credits(&world, 2, 3).await;
    let told = format!("{}:0 is read by no worker: 1 record waits", world.topics.bank_payments);
    let said = topup(&world, &["status"], 3);
    assert!(said.contains(&told), "{said}");
    let doctor = topup(&world, &["doctor"], 1);
    let one_line = doctor.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(one_line.contains(&told) && one_line.contains("start a worker"), "{doctor}");
    let worker = world.start().await;
    paid(&world, 3).await;
    topup(&world, &["status"], 0);
    worker.shutdown().await;
    world.finish().await;
}

/// A worker that starts before its topics are there reads them soon after they come, and not only
/// when the client happens to ask again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_come_after_the_worker_are_read_soon() {
    let world = world("lc_late").await;
    let topics = [world.topics.commands.clone(), world.topics.bank_payments.clone()];
    kafka::delete_topics(&world.brokers, topics.to_vec()).await;
    let worker = world.start().await;
    for topic in topics {
        kafka::create_topic(&world.brokers, &topic).await;
    }
    credits(&world, 0, 3).await;
    paid(&world, 3).await;
    world.applied("c-1", "account.upsert", "ACC-1", account("ACC-1")).await;
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
    let mut examined = views::health::Examined::connect(&ConnectOptions::new(&world.database.url))
        .await
        .expect("open");
    let facts = examined.partitions().await.expect("facts");
    assert!(facts.iter().any(|fact| fact.held && fact.found.contains("corrupt")), "{facts:?}");
    assert_eq!(world.value(CHANGES).await, "none");
    let said = topup(&world, &["status"], 3);
    assert!(said.contains("is unreadable: a batch of records is corrupt"), "{said}");
    assert!(topup(&world, &["doctor"], 1).contains("is unreadable"));
    let topic = world.topics.bank_payments.as_str();
    let skip =
        ["partitions", "skip", topic, "0", "--operator", "alice", "--reason", "broken", "--to"];
    topup(&world, &[&skip[..], &["4"]].concat(), 2);
    let dry = topup(&world, &[&skip[..], &["2"]].concat(), 0);
    assert!(dry.contains("would go unread: 1.") && dry.contains("--yes does it"), "{dry}");
    assert_eq!(world.value(CHANGES).await, "none", "a dry run wrote");
    topup(&world, &[&skip[..], &["2", "--yes"]].concat(), 0);
    paid(&world, 2).await;
    world.until(state, "flowing: ").await;
    assert_eq!(world.value(CHANGES).await, "skipped 1 2 1");
    topup(&world, &[&skip[..], &["2"]].concat(), 2);
    // It stays an alarm until somebody has settled it.
    let open = topup(&world, &["partitions", "changes"], 3);
    assert!(open.contains("skipped") && open.contains("broken"), "{open}");
    topup(&world, &["status"], 3);
    assert!(topup(&world, &["doctor"], 1).contains("1 offsets unread"));
    let change = world.value("SELECT max(change_id) FROM log_changes").await;
    let settle = ["partitions", "settle", &change, "--operator", "bob", "--reason", "sent again"];
    let dry = topup(&world, &settle, 0);
    assert!(dry.contains("would be settled") && dry.contains("--yes does it"), "{dry}");
    topup(&world, &["status"], 3);
    let settle = [&settle[..], &["--yes"]].concat();
    topup(&world, &settle, 0);
    topup(&world, &settle, 1);
    topup(&world, &["partitions", "changes"], 0);
    topup(&world, &["status"], 0);
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

/// Ends of transactions and what was aborted are no records: nothing is lost, nothing is alarmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_without_records_are_no_loss() {
    let world = world("lc_transactions").await;
    let worker = world.start().await;
    let of = |range: std::ops::Range<i32>, commit: bool| {
        let one = |n: i32| {
            let data = with(credit(&format!("T-{n}"), "1.00"), &json!({}));
            bank(&format!("b-{n}"), &data)
        };
        (range.map(one).collect::<Vec<String>>(), commit)
    };
    let topic = world.topics.bank_payments.clone();
    let lists = vec![of(0..5, true), of(5..9, false), of(9..10, true), of(10..30, true)];
    kafka::transactions(&world.brokers, &topic, lists).await;
    paid(&world, 26).await;
    // The last offset of the log is the end of a transaction: nothing more comes, rightly.
    let lists = vec![of(30..31, false)];
    kafka::transactions(&world.brokers, &topic, lists).await;
    world.until("SELECT bool_and(anchor_offset = last_offset) FROM checkpoints", "true").await;
    kafka::transactions(&world.brokers, &topic, vec![of(31..33, true)]).await;
    paid(&world, 28).await;
    assert_eq!(world.value(CHANGES).await, "none");
    let epoch = "SELECT epoch FROM checkpoints WHERE topic LIKE '%bank%'";
    assert_eq!(world.value(epoch).await, "1", "it was never opened anew");
    worker.shutdown().await;
    let worker = world.start().await;
    kafka::transactions(&world.brokers, &topic, vec![of(33..34, true)]).await;
    paid(&world, 29).await;
    assert_eq!(world.value(CHANGES).await, "none");
    worker.shutdown().await;
    world.finish().await;
}

/// Somebody leaves a transaction open: what is written behind it cannot be read, and is a lag for
/// everybody to see. It is read when the transaction ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_behind_an_open_transaction_is_a_lag() {
    let world = world("lc_open").await;
    let worker = world.start().await;
    let topic = world.topics.bank_payments.clone();
    credits(&world, 1, 2).await;
    paid(&world, 1).await;
    let inside = bank("b-2", &credit("T-2", "1.00"));
    let end = kafka::left_open(&world.brokers, &topic, inside).await;
    credits(&world, 3, 4).await;
    let cluster = Cluster::new(&world.brokers);
    let lag = || {
        let (cluster, topic, group) = (cluster.clone(), topic.clone(), world.name.clone());
        tokio::task::spawn_blocking(move || {
            let lags = cluster.group_lag(&group, &[&topic], PATIENCE).expect("told");
            lags.iter().map(|one| one.lag).sum::<i64>()
        })
    };
    assert!(lag().await.expect("told") >= 2);
    assert_eq!(world.value("SELECT count(*) FROM payments").await, "1");
    tokio::task::spawn_blocking(end).await.expect("ended");
    paid(&world, 3).await;
    worker.shutdown().await;
    world.finish().await;
}

/// Each thing that a log can do between two openings and under an open lane, with what the
/// checkpoint and the list of changes say then.
#[tokio::test]
async fn each_change_of_a_log_moves_the_checkpoint_and_is_listed() {
    let direct = Direct::new("lc_table").await;
    let topic: Arc<str> = Arc::from(direct.pipeline.settings().topics.bank_payments.as_str());
    let record = |offset: i64, name: &str| Record {
        topic: topic.clone(),
        partition: 0,
        offset,
        timestamp_ms: Some(1_700_000_000_000),
        key: None,
        value: Some(format!("{{{name}{offset}").into_bytes()),
        headers: Vec::new(),
    };
    let log = |low: i64, parts: &[(&str, std::ops::Range<i64>)]| {
        let all = parts.iter().flat_map(|(name, range)| range.clone().map(|n| record(n, name)));
        let all: Vec<Record> = all.filter(|record| record.offset >= low).collect();
        PartitionLog::in_memory(low, parts.last().map_or(low, |(_, range)| range.end), all)
    };
    let rows = [
        ("as it was", log(0, &[("a", 0..10)]), 6, "none"),
        ("created anew, shorter", log(0, &[("b", 0..4)]), 0, "replaced 6 0"),
        ("created anew, longer", log(0, &[("b", 0..10)]), 0, "replaced 6 0"),
        ("created anew, empty", log(0, &[("b", 0..0)]), 0, "replaced 6 0"),
        ("cut short", log(0, &[("a", 0..4)]), 0, "replaced 6 0"),
        ("cut short, written on", log(0, &[("a", 0..4), ("b", 4..10)]), 0, "replaced 6 0"),
        ("cut short behind us", log(0, &[("a", 0..6)]), 6, "none"),
        ("deleted below", log(3, &[("a", 0..10)]), 6, "none"),
        ("deleted to the next", log(6, &[("a", 0..10)]), 6, "none"),
        ("deleted above", log(8, &[("a", 0..10)]), 8, "deleted 6 8 2"),
        ("all deleted", log(10, &[("a", 0..10)]), 10, "deleted 6 10 4"),
    ];
    for (partition, (name, log, next, changes)) in (0..).zip(rows) {
        let open = |log: PartitionLog| {
            direct.pipeline.open(topic.clone(), partition, log, LaneCancel::new())
        };
        let first = PartitionLog::in_memory(0, 6, Vec::new());
        let Opened::Ready { mut lane, next_offset: None } = open(first).await else {
            panic!("{name}: not opened");
        };
        let batch = (0..6).map(|n| Record { partition, ..record(n, "a") }).collect();
        let done = direct.pipeline.process(&mut lane, batch, &LaneCancel::new()).await;
        assert_eq!(done, Processed::Committed { next_offset: 6 }, "{name}");
        let sound = direct.pipeline.check(&mut lane, &log).await == Checked::Sound;
        assert_eq!(sound, changes == "none", "{name}: under an open lane");
        let opened = open(log).await;
        let Opened::Ready { next_offset, .. } = opened else { panic!("{name}: {opened:?}") };
        assert_eq!(next_offset, Some(next), "{name}");
        let listed = format!("{CHANGES} WHERE partition = {partition}");
        assert_eq!(direct.database.value(&listed).await, changes, "{name}");
    }
    direct.finish().await;
}

//! Dead letters: kept unchanged, copied to their topic, replayed under the original id.

use std::sync::Arc;

use serde_json::json;
use topup::app::Worker;
use topup::clock::Clock;
use topup::domain::rejection::DeadLetterReason;
use topup::kafka::{
    BatchHandler, Header, LaneCancel, Opened, OutRecord, PartitionLog, Processed, Record,
};
use topup::operator::dead_letters::replay::Replayed;
use topup::pipeline::dead_letter_raw_in_tx;
use topup::store::{checkpoint, crash_guard};

use crate::harness::records::{account, allocate, command, draft, invoice, payment};
use crate::harness::{Direct, Read, World};

const LETTERS: &str = "SELECT code, status, attempts FROM dead_letters ORDER BY dead_letter_id";

fn header(name: &str, value: Option<&[u8]>) -> Header {
    Header { name: name.to_owned(), value: value.map(<[u8]>::to_vec) }
}

/// The headers of contracts §2.6 that are always there.
const OURS: [&str; 12] = [
    "dlq.id",
    "dlq.original.topic",
    "dlq.original.partition",
    "dlq.original.offset",
    "dlq.original.timestamp",
    "dlq.consumer.group",
    "dlq.error.code",
    "dlq.error.message",
    "dlq.attempts",
    "dlq.first_failed_at",
    "dlq.last_failed_at",
    "kafka_dlt-original-topic",
];

/// What a running worker writes whatever else happens: how its logs and partitions stand, again
/// every half a minute, how far events are published, and what its jobs did by the clock.
const TOLD_ALL_THE_TIME: [&str; 7] = [
    "feed_partitions",
    "partition_states",
    "checkpoints",
    "worker_clocks",
    "relay_progress",
    "jobs",
    "job_runs",
];

/// Key, value and foreign headers arrive unchanged, even those that are no text; what an earlier
/// death wrote is replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_the_original_record_with_headers_that_say_why() {
    let world = World::new("d_copy").await;
    let worker = world.start().await;
    let value = b"\xff\xfe{\0".to_vec();
    let record = OutRecord {
        topic: world.topics.commands.clone(),
        key: Some(b"key \xff".to_vec()),
        value: Some(value.clone()),
        headers: vec![
            header("trace", Some(b"\x00\xff")),
            header("nothing", None),
            header("dlq.id", Some(b"older")),
            header("dlq.error.code", Some(b"older")),
            header("kafka_dlt-original-topic", Some(b"older")),
        ],
        timestamp_ms: Some(1_795_000_000_123),
    };
    let place = world.publish_all(vec![record]).await[0];
    world.until("SELECT count(*) FROM dead_letters", "1").await;
    let stored = "SELECT encode(record_key, 'hex'), encode(record_value, 'hex'), code, status,
                  attempts FROM dead_letters";
    let expected = ["6b657920ff|fffe7b00|not_utf8|open|1"];
    assert_eq!(world.database.lines(stored).await, expected);
    let copies = world.dead_letter_records().await;
    assert_eq!(copies.len(), 1);
    let copy = &copies[0];
    assert_eq!(copy.key.as_deref(), Some(b"key \xff".as_slice()));
    assert_eq!(copy.value, Some(value));
    assert_eq!(copy.headers[0], ("trace".to_owned(), Some(vec![0, 0xff])));
    assert_eq!(copy.headers[1], ("nothing".to_owned(), None));
    check_headers(&world, copy, place);
    worker.shutdown().await;
    world.finish().await;
}

fn check_headers(world: &World, copy: &Read, (partition, offset): (i32, i64)) {
    for name in OURS {
        assert_eq!(copy.header(name).len(), 1, "{name} in {:?}", copy.headers);
    }
    assert_eq!(copy.headers.len(), 2 + OURS.len());
    let expected = [
        ("dlq.id", "1".to_owned()),
        ("dlq.original.topic", world.topics.commands.clone()),
        ("dlq.original.partition", partition.to_string()),
        ("dlq.original.offset", offset.to_string()),
        ("dlq.original.timestamp", "1795000000123".to_owned()),
        ("dlq.consumer.group", world.name.clone()),
        ("dlq.error.code", "not_utf8".to_owned()),
        ("dlq.attempts", "1".to_owned()),
        ("kafka_dlt-original-topic", world.topics.commands.clone()),
    ];
    for (name, value) in expected {
        assert_eq!(copy.header(name), [value], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_with_other_content_is_a_conflict_and_never_replaces_the_first() {
    let world = World::new("d_conflict").await;
    let worker = world.start().await;
    let data = draft("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    let other = draft("INV-2", "ACC-1", "999.00");
    let value = command("c-1", "invoice.create", &other);
    world.publish(&world.topics.commands, "ACC-1", &value).await;
    let conflict = Some("conflict".to_owned());
    assert_eq!(world.repeat("c-1").await, ("dead_lettered".to_owned(), conflict));
    assert_eq!(world.outcome("c-1").await, ("applied".to_owned(), None));
    let invoices = "SELECT invoice_id, amount FROM invoices";
    assert_eq!(world.database.lines(invoices).await, ["INV-1|100000000"]);
    let copies = world.dead_letter_records().await;
    assert_eq!(copies.len(), 1);
    assert_eq!(copies[0].value.as_deref(), Some(value.as_bytes()));
    // A replay cannot mend it: the id is taken.
    let replayed = worker.pipeline().replay(1, "ops", None, false).await;
    let failing = Replayed::StillFailing { code: "conflict".to_owned() };
    assert_eq!(replayed.expect("replayed"), failing);
    assert_eq!(world.database.lines(LETTERS).await, ["conflict|open|2"]);
    worker.shutdown().await;
    world.finish().await;
}

/// A world with one dead letter: w-1 allocates PAY-1, which did not come in time.
pub async fn with_missing_payment(test: &str) -> (World, Worker) {
    let mut world = World::new(test).await;
    world.set("WORKER__WAITING_DEADLINE_SECONDS", "1");
    let worker = world.start().await;
    let data = invoice("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    let data = allocate("PAY-1", "ACC-1", "INV-1");
    world.command("w-1", "payment.allocate", "ACC-1", data).await;
    world.until("SELECT count(*) FROM dead_letters", "1").await;
    (world, worker)
}

pub async fn payment_arrives(world: &World) {
    let data = payment("PAY-1", "ACC-1", "100.00");
    world.applied("c-2", "payment.record", "ACC-1", data).await;
}

pub async fn replay(worker: &Worker, dry_run: bool) -> Replayed {
    let replayed = worker.pipeline().replay(1, "ops", Some("the payment came"), dry_run).await;
    replayed.expect("the database works")
}

fn applied() -> Replayed {
    Replayed::Applied { subject: Some("payment:PAY-1".to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_tells_and_changes_nothing_a_replay_applies_under_the_original_id() {
    let (world, worker) = with_missing_payment("d_replay").await;
    payment_arrives(&world).await;
    world.relayed().await;
    let before = world.database.fingerprint(&TOLD_ALL_THE_TIME).await;
    assert_eq!(replay(&worker, true).await, applied());
    assert_eq!(world.database.fingerprint(&TOLD_ALL_THE_TIME).await, before, "a dry run wrote");
    assert_eq!(replay(&worker, false).await, applied());
    assert_eq!(world.outcome("w-1").await, ("applied".to_owned(), None));
    let letters = world.database.lines(LETTERS).await;
    assert_eq!(letters[0].split('|').nth(1), Some("replayed"), "{letters:?}");
    let acts = "SELECT act, operator, reason, outcome FROM dead_letter_acts";
    let expected = ["replay|ops|the payment came|applied"];
    assert_eq!(world.database.lines(acts).await, expected);
    let events = world.events().await;
    let caused: Vec<&str> = events
        .iter()
        .filter(|event| event.text("causationid") == "w-1")
        .map(|event| event.text("type"))
        .collect();
    let expected =
        ["topup.payment.allocated.v1", "topup.invoice.provisioned.v1", "topup.balance.changed.v1"];
    assert_eq!(caused, expected);
    // Again: nothing is left to do. And the record itself, sent again, is a duplicate.
    let before = world.database.fingerprint(&TOLD_ALL_THE_TIME).await;
    assert_eq!(replay(&worker, false).await, Replayed::AlreadyResolved);
    assert_eq!(world.database.fingerprint(&TOLD_ALL_THE_TIME).await, before);
    let data = allocate("PAY-1", "ACC-1", "INV-1");
    world.command("w-1", "payment.allocate", "ACC-1", data).await;
    assert_eq!(world.repeat("w-1").await, ("duplicate".to_owned(), None));
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replays_at_the_same_time_have_one_effect() {
    let (world, worker) = with_missing_payment("d_twice").await;
    payment_arrives(&world).await;
    let (one, two) = tokio::join!(replay(&worker, false), replay(&worker, false));
    let mut words = [one.word(), two.word()];
    words.sort_unstable();
    assert_eq!(words, ["already_resolved", "applied"]);
    assert_eq!(world.value("SELECT count(*) FROM allocations").await, "1");
    assert_eq!(world.value("SELECT count(*) FROM dead_letter_acts").await, "1");
    assert_eq!(world.value("SELECT amount FROM balances").await, "100000000");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_still_fails_stays_open_and_counts_the_attempt() {
    let (world, worker) = with_missing_payment("d_failing").await;
    let waits = "SELECT count(*) FROM waiting_commands";
    for attempts in 2..=3 {
        assert_eq!(replay(&worker, false).await.word(), "still_failing");
        let expected = format!("dependency_missing|open|{attempts}");
        assert_eq!(world.database.lines(LETTERS).await, [expected]);
        assert_eq!(world.value(waits).await, "0", "a replay does not wait");
    }
    let code = Some("dependency_missing".to_owned());
    assert_eq!(world.outcome("w-1").await, ("dead_lettered".to_owned(), code));
    payment_arrives(&world).await;
    assert_eq!(replay(&worker, false).await, applied());
    worker.shutdown().await;
    world.finish().await;
}

/// A replay of what is refused for a business reason is answered like a new command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_is_refused_tells_the_requester_and_closes_the_letter() {
    let (world, worker) = with_missing_payment("d_refused").await;
    let data = payment("PAY-1", "ACC-2", "100.00");
    world.applied("c-2", "payment.record", "ACC-2", data).await;
    let refused = Replayed::Rejected { code: "account_mismatch".to_owned() };
    assert_eq!(replay(&worker, false).await, refused);
    let code = Some("account_mismatch".to_owned());
    assert_eq!(world.outcome("w-1").await, ("rejected".to_owned(), code));
    let events = world.events().await;
    let told = events.iter().any(|event| event.json["data"]["command_id"] == json!("w-1"));
    assert!(told, "the requester is told");
    worker.shutdown().await;
    world.finish().await;
}

fn record(direct: &Direct, offset: i64, value: &str) -> Record {
    Record {
        topic: Arc::from(direct.pipeline.settings().topics.commands.as_str()),
        partition: 0,
        offset,
        timestamp_ms: None,
        key: None,
        value: Some(value.as_bytes().to_vec()),
        headers: Vec::new(),
    }
}

/// The process dies with the first batch in hand, then with its first record, and then twice with
/// that as the only suspect: the next start does not look into it, and goes on with the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_kills_the_process_twice_alone_is_diverted() {
    let direct = Direct::new("d_crash").await;
    let pool = direct.pipeline.pool();
    let settings = direct.pipeline.settings();
    let topic = settings.topics.commands.as_str();
    for start in 1..=4 {
        let now = Clock::System.now();
        let taken = checkpoint::take(pool, &settings.group, topic, 0, "dies", now).await;
        let (fence, _) = taken.expect("the partition");
        let guard = crash_guard::start(pool, &fence, 0..=1, now).await.expect("counted");
        assert_eq!(guard.is_careful(), start > 1, "the first start is not careful");
        assert!(!guard.kills(0));
        if guard.is_careful() {
            assert_eq!(guard.part_of(0..2), 1);
            guard.announce(pool, &fence, 0..=0, now).await.expect("announced");
        }
        // Here the process dies.
    }
    let log = PartitionLog::in_memory(0, 2, Vec::new());
    let opened = direct.pipeline.open(Arc::from(topic), 0, log.clone(), LaneCancel::new()).await;
    let Opened::Ready { mut lane, next_offset } = opened else {
        panic!("the partition is not opened");
    };
    assert_eq!(next_offset, None);
    let deadly = command("c-1", "account.upsert", &account("ACC-1"));
    let next = command("c-2", "account.upsert", &account("ACC-2"));
    let batch = vec![record(&direct, 0, &deadly), record(&direct, 1, &next)];
    let processed = direct.pipeline.process(&mut lane, batch, &LaneCancel::new()).await;
    assert_eq!(processed, Processed::Committed { next_offset: 2 });
    assert_eq!(direct.database.lines(LETTERS).await, ["crash_loop|open|1"]);
    let value = "SELECT convert_from(record_value, 'UTF8') FROM dead_letters";
    assert_eq!(direct.database.value(value).await, deadly);
    let names = "SELECT account_id FROM accounts";
    assert_eq!(direct.database.lines(names).await, ["ACC-2"]);
    // With a version that survives it, an operator replays it.
    let replayed = direct.pipeline.replay(1, "ops", None, false).await.expect("replayed");
    assert_eq!(replayed.word(), "applied");
    assert_eq!(direct.database.value("SELECT count(*) FROM accounts").await, "2");
    direct.finish().await;
}

/// A topic that is read again from the start comes to the same record again: it is dead already,
/// and reading goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_diverted_record_that_is_read_again_is_a_duplicate() {
    let mut direct = Direct::new("d_reread").await;
    let data = account("ACC-1");
    let item = direct.command("c-1", "account.upsert", &data);
    let pool = direct.pipeline.pool().clone();
    for expected in ["0", "1"] {
        let mut tx = pool.begin().await.expect("begin");
        let (reason, now) = (DeadLetterReason::Unprocessable, Clock::System.now());
        let kept = (item.raw.clone(), reason.sentence().to_owned());
        let written = dead_letter_raw_in_tx(&mut tx, &item.raw, kept, None, reason, now).await;
        written.expect("written");
        tx.commit().await.expect("commit");
        assert_eq!(direct.database.lines(LETTERS).await, ["unprocessable|open|1"]);
        let repeats = "SELECT count(*) FROM inbox_repeats WHERE outcome = 'duplicate'";
        assert_eq!(direct.database.value(repeats).await, expected);
    }
    direct.finish().await;
}

/// Starts without a death at a record, as of an idle partition, divert nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_starts_of_an_idle_partition_divert_nothing() {
    let direct = Direct::new("d_idle").await;
    let topic = direct.pipeline.settings().topics.commands.clone();
    let log = PartitionLog::in_memory(0, 0, Vec::new());
    let mut last = None;
    for _ in 0..5 {
        let topic = Arc::from(topic.as_str());
        let opened = direct.pipeline.open(topic, 0, log.clone(), LaneCancel::new()).await;
        let Opened::Ready { lane, .. } = opened else {
            panic!("the partition is not opened");
        };
        last = Some(lane);
    }
    let mut lane = last.expect("five lanes");
    let value = command("c-1", "account.upsert", &account("ACC-1"));
    let batch = vec![record(&direct, 0, &value)];
    let processed = direct.pipeline.process(&mut lane, batch, &LaneCancel::new()).await;
    assert_eq!(processed, Processed::Committed { next_offset: 1 });
    assert_eq!(direct.database.value("SELECT count(*) FROM dead_letters").await, "0");
    direct.finish().await;
}

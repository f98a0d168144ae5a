//! The crash guard: a record that truly kills its process is put aside, and no other one is, by
//! whomever the process is killed.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use topup::clock::Clock;
use topup::kafka::{BatchHandler, LaneCancel, Opened, PartitionLog, Processed, Record};

use crate::harness::records::{account, bank, command, credit, invoice, with};
use crate::harness::{Direct, World, by_length, out_record};

/// A worker in a process of its own.
pub fn spawn(world: &World) -> Child {
    spawn_only(world, &["--only", "commands,bank"])
}

/// The same with other parts.
pub fn spawn_only(world: &World, parts: &[&str]) -> Child {
    let log = match std::env::var_os("RUST_LOG") {
        Some(_) => Stdio::inherit(),
        None => Stdio::null(),
    };
    Command::new(env!("CARGO_BIN_EXE_topup"))
        .arg("worker")
        .args(parts)
        .env("DATABASE_URL", &world.database.url)
        .env("KAFKA_BROKERS", &world.brokers)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name)
        .env("TOPUP__KAFKA__GROUP_ID", &world.name)
        .env("TOPUP__KAFKA__SESSION_TIMEOUT_MS", "6000")
        .envs(world.settings())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("a process")
}

pub fn kill(mut process: Child) {
    process.kill().expect("SIGKILL");
    process.wait().expect("gone");
}

const LETTERS: &str = "SELECT code, status, count(*) FROM dead_letters GROUP BY 1, 2";

/// Whoever works on this record is killed, at once: the lock tells the test that it is in hand.
const DEADLY: [&str; 2] = [
    "CREATE FUNCTION deadly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         PERFORM pg_advisory_xact_lock(26, 8); PERFORM pg_sleep(30); RETURN NEW; END $$",
    "CREATE TRIGGER deadly BEFORE INSERT ON inbox FOR EACH ROW
         WHEN (NEW.message_id = 'deadly') EXECUTE FUNCTION deadly()",
];
const IN_HAND: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND classid = 26 AND objid = 8";
const END_IT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks
     WHERE locktype = 'advisory' AND classid = 26 AND objid = 8
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_kills_is_put_aside_and_no_other() {
    let world = World::with_partitions("c_deadly", 4).await;
    for statement in DEADLY {
        world.database.execute(statement).await;
    }
    let mut records = Vec::new();
    for number in 0..600 {
        let (id, key) = (format!("c-{number}"), format!("ACC-{number}"));
        let id = if number == 300 { "deadly".to_owned() } else { id };
        let value = command(&id, "account.upsert", &account(&key));
        records.push(out_record(&world.topics.commands, Some(&key), Some(value.as_bytes())));
    }
    world.publish_all(records).await;
    let mut deaths = 0;
    let mut process = spawn(&world);
    let done = "SELECT (SELECT count(*) FROM inbox WHERE outcome = 'applied')
        + (SELECT count(*) FROM dead_letters)";
    while world.value(done).await != "600" {
        if world.value(IN_HAND).await == "1" {
            kill(process);
            world.value(END_IT).await;
            // Its session ends a little later, and must not be taken for the next one's.
            world.until(IN_HAND, "0").await;
            deaths += 1;
            assert!(deaths < 10, "it goes on killing");
            process = spawn(&world);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kill(process);
    assert_eq!(world.database.lines(LETTERS).await, ["crash_loop|open|1"]);
    let which = "SELECT convert_from(record_key, 'UTF8') FROM dead_letters";
    assert_eq!(world.value(which).await, "ACC-300");
    // The batch, and two alone, if the last one of a batch is the one; at the most two batches, of
    // which only the first is noted, a part, one of several, and two alone.
    assert!((3..=8).contains(&deaths), "{deaths} deaths");
    world.finish().await;
}

/// SIGKILL at random moments, with much to read in many partitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_from_outside_put_nothing_aside() {
    let world = World::with_partitions("c_outside", 8).await;
    let count = by_length(2_000, 20_000);
    let mut records = Vec::new();
    for number in 0..count {
        let (id, key) = (format!("c-{number}"), format!("ACC-{number}"));
        let value = command(&id, "account.upsert", &account(&key));
        records.push(out_record(&world.topics.commands, Some(&key), Some(value.as_bytes())));
        let credit = with(
            credit(&format!("T{number}"), "10.00"),
            &json!({ "bank_account": format!("BANK-{}", number % 16) }),
        );
        let value = bank(&format!("b-{number}"), &credit);
        let key = format!("BANK-{}", number % 16);
        records.push(out_record(&world.topics.bank_payments, Some(&key), Some(value.as_bytes())));
    }
    world.publish_all(records).await;
    // Every write is slow, so that each death finds many partitions with records in hand.
    world
        .database
        .execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END $$",
        )
        .await;
    let slow = "CREATE TRIGGER slow AFTER INSERT ON inbox EXECUTE FUNCTION slow()";
    world.database.execute(slow).await;
    let mut state = 20_261_128_u64;
    for round in 0..by_length(8, 40) {
        let notes =
            world.value("SELECT coalesce(sum(updated_at - 'epoch'), '0') FROM crash_guards");
        let notes = notes.await;
        let process = spawn(&world);
        // It has records in hand once it writes notes; then it dies at any moment.
        world
            .eventually("records in hand", || async {
                let sql = "SELECT coalesce(sum(updated_at - 'epoch'), '0') FROM crash_guards";
                (world.value(sql).await != notes || round > 4).then_some(())
            })
            .await;
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis((state >> 33) % 300)).await;
        kill(process);
    }
    world.database.execute("DROP TRIGGER slow ON inbox").await;
    let process = spawn(&world);
    let applied = "SELECT count(*) FROM inbox WHERE outcome = 'applied'";
    world.until(applied, &(2 * count).to_string()).await;
    kill(process);
    assert!(world.database.lines(LETTERS).await.is_empty());
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

/// Suspects are tried in few transactions: those of a full batch in about thirty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_suspects_cost_thirty_two_transactions() {
    let direct = Direct::new("c_fast").await;
    let topic = direct.pipeline.settings().topics.commands.clone();
    let now = Clock::System.now();
    let note = format!(
        "INSERT INTO crash_guards (topic, partition, first_offset, last_offset, trial_first,
             trial_last, trial_alone, starts, updated_at)
         VALUES ('{topic}', 0, 0, 999, 0, 999, false, 1, '{now}')"
    );
    direct.database.execute(&note).await;
    let log = PartitionLog::in_memory(0, 1_000, Vec::new());
    let opened = direct.pipeline.open(Arc::from(topic.as_str()), 0, log, LaneCancel::new()).await;
    let Opened::Ready { mut lane, .. } = opened else { panic!("the partition is not opened") };
    let batch: Vec<Record> = (0..1_000)
        .map(|offset| {
            let data = account(&format!("ACC-{offset}"));
            record(&direct, offset, &command(&format!("c-{offset}"), "account.upsert", &data))
        })
        .collect();
    let processed = direct.pipeline.process(&mut lane, batch, &LaneCancel::new()).await;
    assert_eq!(processed, Processed::Committed { next_offset: 1_000 });
    let transactions = "SELECT count(DISTINCT xmin::text) FROM inbox";
    assert_eq!(direct.database.value(transactions).await, "32");
    assert_eq!(direct.database.value("SELECT count(*) FROM crash_guards").await, "0");
    direct.finish().await;
}

/// What was put aside comes before what waits for it: a replay is not put behind that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_goes_before_what_waits_behind_it() {
    let direct = Direct::new("c_turn").await;
    let topic = direct.pipeline.settings().topics.commands.clone();
    let now = Clock::System.now();
    let note = format!(
        "INSERT INTO crash_guards (topic, partition, first_offset, last_offset, trial_first,
             trial_last, trial_alone, alone_deaths, starts, updated_at)
         VALUES ('{topic}', 0, 0, 0, 0, 0, true, 1, 1, '{now}')"
    );
    direct.database.execute(&note).await;
    let log = PartitionLog::in_memory(0, 2, Vec::new());
    let opened = direct.pipeline.open(Arc::from(topic.as_str()), 0, log, LaneCancel::new()).await;
    let Opened::Ready { mut lane, .. } = opened else { panic!("the partition is not opened") };
    let created = command("c-1", "invoice.create", &invoice("INV-1", "ACC-1", "100.00"));
    let about = json!({ "invoice_id": "INV-1", "account_id": "ACC-1" });
    let sent = command("c-2", "invoice.mark-sent", &about);
    let batch = vec![record(&direct, 0, &created), record(&direct, 1, &sent)];
    let processed = direct.pipeline.process(&mut lane, batch, &LaneCancel::new()).await;
    assert_eq!(processed, Processed::Committed { next_offset: 2 });
    assert_eq!(direct.database.lines(LETTERS).await, ["crash_loop|open|1"]);
    let waiting = "SELECT count(*) FROM waiting_commands";
    assert_eq!(direct.database.value(waiting).await, "1");
    let replayed = direct.pipeline.replay(1, "ops", None, false).await.expect("replayed");
    assert_eq!(replayed.word(), "applied", "{replayed:?}");
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(direct.database.value(waiting).await, "0");
    let status = "SELECT status FROM invoices";
    assert_eq!(direct.database.value(status).await, "awaiting_payment");
    direct.finish().await;
}

//! The crash guard: a record that truly kills its process is put aside, and no other one is, by
//! whomever the process is killed.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use topup::clock::Clock;
use topup::kafka::{BatchHandler, LaneCancel, Opened, PartitionLog, Processed, Record};
use topup::pipeline::Pipeline;
use topup::store::{StoreError, checkpoint, crash_guard};

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
    "CREATE TRIGGER deadly BEFORE INSERT ON inbox_records FOR EACH ROW
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
    let slow = "CREATE TRIGGER slow AFTER INSERT ON inbox_records EXECUTE FUNCTION slow()";
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
    world.database.execute("DROP TRIGGER slow ON inbox_records").await;
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
    let transactions = "SELECT count(DISTINCT xmin::text) FROM inbox_records";
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
    let status = "SELECT status FROM invoice_states";
    assert_eq!(direct.database.value(status).await, "awaiting_payment");
    direct.finish().await;
}

/// A record that killed one process, alone: a second such death would put it aside.
async fn killed_once(direct: &Direct) {
    let topic = &direct.pipeline.settings().topics.commands;
    let note = format!(
        "INSERT INTO crash_guards (topic, partition, first_offset, last_offset, alone_deaths,
             starts, updated_at)
         VALUES ('{topic}', 0, 0, 0, 1, 1, '{}')",
        Clock::System.now()
    );
    direct.database.execute(&note).await;
}

const DEATHS: &str = "SELECT alone_deaths FROM crash_guards";

/// Another process takes the partition and works on its record.
async fn processed(direct: &Direct, pipeline: &Pipeline) -> Processed {
    let topic = Arc::from(pipeline.settings().topics.commands.as_str());
    let log = PartitionLog::in_memory(0, 1, Vec::new());
    let opened = pipeline.open(topic, 0, log, LaneCancel::new()).await;
    let Opened::Ready { mut lane, .. } = opened else { panic!("the partition is not opened") };
    let record = record(direct, 0, &command("deadly", "account.upsert", &account("ACC")));
    pipeline.process(&mut lane, vec![record], &LaneCancel::new()).await
}

fn another(direct: &Direct) -> Pipeline {
    let pool = direct.pipeline.pool().clone();
    Pipeline::new(pool, direct.pipeline.settings().clone(), Clock::System)
}

async fn until(direct: &Direct, sql: &str, value: &str) {
    while direct.database.value(sql).await != value {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn assert_applied(direct: &Direct) {
    assert!(direct.database.lines(LETTERS).await.is_empty());
    let applied = "SELECT count(*) FROM inbox WHERE outcome = 'applied'";
    assert_eq!(direct.database.value(applied).await, "1");
    assert_eq!(direct.database.value("SELECT count(*) FROM crash_guards").await, "0");
}

/// Four processes, one after the other, stand still with a slow record on trial until another one
/// has the partition, which counts a death each time. Each goes on later and says that it lives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_stood_still_on_trial_are_no_deaths() {
    let direct = Direct::new("c_still").await;
    killed_once(&direct).await;
    for statement in DEADLY {
        direct.database.execute(statement).await;
    }
    let pipelines: Vec<Pipeline> = (0..5).map(|_| another(&direct)).collect();
    let mut still = None;
    for (round, pipeline) in pipelines.iter().enumerate() {
        let mut run = Box::pin(processed(&direct, pipeline));
        let before = still.take();
        let goes_on = async {
            if let Some(before) = before {
                until(&direct, DEATHS, "2").await;
                assert_eq!(before.await, Processed::Fenced, "round {round}");
                assert_eq!(direct.database.value(DEATHS).await, "1", "round {round}");
            }
        };
        if round == 4 {
            direct.database.execute("DROP TRIGGER deadly ON inbox_records").await;
            let (done, ()) = tokio::join!(run, goes_on);
            assert_eq!(done, Processed::Committed { next_offset: 1 });
            break;
        }
        tokio::select! {
            done = &mut run => panic!("it was not slow in round {round}: {done:?}"),
            () = async { goes_on.await; until(&direct, IN_HAND, "1").await } => {}
        }
        // The database ends the session of who stands still.
        direct.database.value(END_IT).await;
        until(&direct, IN_HAND, "0").await;
        still = Some(run);
    }
    drop(still);
    assert_applied(&direct).await;
    direct.finish().await;
}

/// Processes that end in order while a slow record is on trial say so: nobody counts that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_in_order_on_trial_is_no_death() {
    let direct = Direct::new("c_order").await;
    killed_once(&direct).await;
    for statement in DEADLY {
        direct.database.execute(statement).await;
    }
    for _ in 0..2 {
        let pipeline = another(&direct);
        let mut run = Box::pin(processed(&direct, &pipeline));
        tokio::select! {
            done = &mut run => panic!("it was not slow: {done:?}"),
            () = until(&direct, IN_HAND, "1") => {}
        }
        pipeline.end_trial().await;
        drop(run);
        direct.database.value(END_IT).await;
        until(&direct, IN_HAND, "0").await;
        assert_eq!(direct.database.value(DEATHS).await, "1");
    }
    direct.database.execute("DROP TRIGGER deadly ON inbox_records").await;
    let done = processed(&direct, &another(&direct)).await;
    assert_eq!(done, Processed::Committed { next_offset: 1 });
    assert_applied(&direct).await;
    direct.finish().await;
}

/// Each word of life takes back the death of who says it, once, whenever it comes; who has lost the
/// partition writes nothing else; and a true death counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_of_life_takes_back_its_own_death_and_no_other() {
    let direct = Direct::new("c_lives").await;
    let (pool, topic) = (direct.pipeline.pool(), &direct.pipeline.settings().topics.commands);
    let (group, now) = (&direct.pipeline.settings().group, Clock::System.now());
    killed_once(&direct).await;
    let mut guards = Vec::new();
    for owner in ["lives", "lives too", "dies", "last"] {
        let taken = checkpoint::take(pool, group, topic, 0, owner, now).await;
        let (fence, _) = taken.expect("taken");
        let guard = crash_guard::start(pool, &fence, 0..=0, now).await.expect("started");
        guard.announce(pool, &fence, 0..=0, now).await.expect("announced");
        guards.push((guard, fence));
    }
    assert_eq!(direct.database.value(DEATHS).await, "4");
    for (guard, fence) in &guards[..2] {
        let fenced = guard.announce(pool, fence, 0..=0, now).await;
        assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
        let fenced = crash_guard::start(pool, fence, 0..=0, now).await;
        assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
        crash_guard::clear(pool, fence).await.expect("cleared");
    }
    let lives = |at: usize| crash_guard::lives(pool, &guards[at].1, now);
    for at in [1, 0, 1, 0] {
        lives(at).await.expect("said");
    }
    assert_eq!(direct.database.value(DEATHS).await, "2", "one before, and the one that died");
    let trial = "SELECT trial_first, trial_alone FROM crash_guards";
    assert_eq!(direct.database.lines(trial).await, ["0|true"], "the last one's trial");
    lives(3).await.expect("said");
    assert_eq!(direct.database.value(DEATHS).await, "2", "it was not counted");
    let taken = checkpoint::take(pool, group, topic, 0, "next", now).await;
    let (fence, _) = taken.expect("taken");
    let guard = crash_guard::start(pool, &fence, 0..=0, now).await.expect("started");
    assert!(guard.kills(0));
    assert_eq!(direct.database.value(DEATHS).await, "2");
    direct.finish().await;
}

/// A lane gives its first record at once. The rest of what lay in the log comes in the next batch,
/// and a death there leaves a note as well: else few records are got through with each death.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lay_in_the_log_is_noted_batch_by_batch() {
    let direct = Direct::new("c_noted").await;
    let noted = [
        "CREATE TABLE noted (partition_offset bigint, noted boolean)",
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO noted SELECT NEW.record_offset, EXISTS (SELECT FROM crash_guards
                 WHERE NEW.record_offset BETWEEN trial_first AND trial_last);
             RETURN NULL; END $$",
        "GRANT ALL ON noted TO topup_worker",
        "CREATE TRIGGER noted AFTER INSERT ON inbox_records FOR EACH ROW EXECUTE FUNCTION noted()",
    ];
    for statement in noted {
        direct.database.execute(statement).await;
    }
    let topic = direct.pipeline.settings().topics.commands.clone();
    let log = PartitionLog::in_memory(0, 300, Vec::new());
    let opened = direct.pipeline.open(Arc::from(topic.as_str()), 0, log, LaneCancel::new()).await;
    let Opened::Ready { mut lane, .. } = opened else { panic!("the partition is not opened") };
    for offsets in [0..1, 1..3, 3..300, 300..310] {
        let end = offsets.end;
        let batch = offsets.map(|offset| {
            let data = account(&format!("ACC-{offset}"));
            record(&direct, offset, &command(&format!("c-{offset}"), "account.upsert", &data))
        });
        let batch = batch.collect();
        let processed = direct.pipeline.process(&mut lane, batch, &LaneCancel::new()).await;
        assert_eq!(processed, Processed::Committed { next_offset: end });
    }
    // What came later pays nothing.
    let counts = "SELECT noted, count(*), min(partition_offset) FROM noted GROUP BY 1 ORDER BY 1";
    assert_eq!(direct.database.lines(counts).await, ["false|10|300", "true|300|0"]);
    assert_eq!(direct.database.value("SELECT count(*) FROM crash_guards").await, "0");
    direct.finish().await;
}

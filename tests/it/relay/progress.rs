//! How far the relay came: nothing is skipped and nothing is out of order, whoever commits late,
//! fails, dies or is put back from a backup.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgConnection, PgPool};
use tokio::sync::Mutex;
use topup::app::Worker;
use topup::clock::Clock;
use topup::config::Only;
use topup::store::outbox::{OutboxRow, insert_in_tx};
use topup::store::packed::{PACKED, PLAIN};

use super::{noise, process, refused_as};
use crate::harness::kafka::read_topic;
use crate::harness::{Database, World, by_length};

pub(super) const KEYS: usize = 7;
pub(super) const WRITERS: u64 = 6;
/// All that can be settled is: nothing is left above the horizon.
pub(super) const SETTLED: &str = "SELECT horizon = pg_sequence_last_value('outbox_outbox_id_seq')
                       AND isempty(passed) FROM relay_progress";

fn event(key: &str, sequence: i64) -> String {
    format!(
        r#"{{"id":"account/{key}/{sequence}","sequence":"{sequence}","data":{{"sequence":{sequence}}}}}"#
    )
}

fn insert(key: &str, sequence: i64) -> String {
    let event = event(key, sequence);
    format!(
        "INSERT INTO outbox (key_kind, record_key, first_sequence, events, form, payload,
             created_at)
         VALUES ('account', '{key}', {sequence}, 1, 0, convert_to('{event}', 'UTF8'), now())"
    )
}

async fn run(on: &mut PgConnection, sql: &str) {
    on.execute(sqlx::AssertSqlSafe(sql.to_owned())).await.expect(sql);
}

pub(super) async fn relay(world: &World) -> Worker {
    let relaying = Only { commands: false, bank: false, usage: false, jobs: false, ..Only::ALL };
    Worker::start(&world.config(), relaying, Clock::System).await.expect("starts")
}

pub(super) async fn connections(database: &Database) -> PgPool {
    PgPoolOptions::new().max_connections(8).connect(&database.url).await.expect("connections")
}

/// Writes rows of random keys, each under the key's lock, in transactions that take their time and
/// of which one in four fails. Returns how many rows were committed.
pub(super) async fn write(
    pool: PgPool,
    keys: Arc<Vec<Mutex<i64>>>,
    seed: u64,
    rounds: usize,
) -> usize {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut committed = 0;
    for _ in 0..rounds {
        let mut which = vec![dice.usize(..KEYS), dice.usize(..KEYS)];
        which.sort_unstable();
        which.dedup();
        let mut tx = pool.begin().await.expect("begins");
        let mut held = Vec::new();
        for key in which {
            let last = keys[key].lock().await;
            run(&mut tx, &insert(&format!("K{key}"), *last + 1)).await;
            held.push(last);
        }
        tokio::time::sleep(Duration::from_millis(dice.u64(..8))).await;
        if dice.u8(..4) == 0 {
            tx.rollback().await.expect("rolled back");
        } else {
            tx.commit().await.expect("committed");
            committed += held.len();
            held.iter_mut().for_each(|last| **last += 1);
        }
    }
    committed
}

/// Writers commit in any order and fail; one transaction is open all the time; relays come and go.
/// Every committed row is published in the order of its key, and nobody's delay is another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_skipped_whoever_commits_late() {
    let world = World::with_partitions("rp_late", 1).await;
    let pool = connections(&world.database).await;
    let mut late = pool.begin().await.expect("begins");
    run(&mut late, &insert("LATE", 1)).await;
    let keys: Arc<Vec<_>> = Arc::new((0..KEYS).map(|_| Mutex::new(0)).collect());
    let first = relay(&world).await;
    let rounds = by_length(120, 1_200);
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| tokio::spawn(write(pool.clone(), keys.clone(), seed, rounds)))
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = relay(&world).await;
    // The second takes over what the first has in hand, and knows nothing of what it noted.
    first.shutdown().await;
    let mut committed = 0;
    for writer in writers {
        committed += writer.await.expect("ends");
    }
    world.relayed().await;
    // Nothing waited for the transaction that is still open, and the horizon stays before it.
    let events = world.events().await;
    assert_eq!(events.len(), committed);
    assert_eq!(world.value("SELECT horizon FROM relay_progress").await, "0");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(world.value("SELECT horizon FROM relay_progress").await, "0");
    late.commit().await.expect("committed");
    world.until(SETTLED, "true").await;
    let events = world.events().await;
    assert_eq!(events.len(), committed + 1);
    assert!(events.iter().any(|event| event.record.key_text() == "LATE"));
    second.shutdown().await;
    pool.close().await;
    world.abandon().await;
}

/// Ids that lie side by side are one range, so a transaction that is open for long costs a range
/// for each that failed meanwhile; with its end all are gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_horizon_catches_up_after_a_long_transaction() {
    let world = World::with_partitions("rp_long", 1).await;
    let pool = connections(&world.database).await;
    let worker = relay(&world).await;
    world.database.execute(&insert("A", 1)).await;
    world.until(SETTLED, "true").await;
    let mut long = pool.begin().await.expect("begins");
    run(&mut long, &insert("LONG", 1)).await;
    for sequence in 2..60 {
        world.database.execute(&insert("A", sequence)).await;
        if sequence % 20 == 0 {
            let mut failing = pool.begin().await.expect("begins");
            run(&mut failing, &insert("B", 1)).await;
            failing.rollback().await.expect("rolled back");
        }
    }
    world.relayed().await;
    let ranges = "SELECT (SELECT count(*) FROM unnest(passed)) || ' ' || horizon
                  FROM relay_progress";
    assert_eq!(world.value(ranges).await, "3 1", "one gap for each that failed");
    long.rollback().await.expect("rolled back");
    world.until(SETTLED, "true").await;
    assert_eq!(world.events().await.len(), 59);
    worker.shutdown().await;
    pool.close().await;
    world.abandon().await;
}

/// Killed after Kafka's answer and before the commit: another relay that stood by sends again what
/// was not noted, in order, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_dies_before_its_commit_is_followed_by_another() {
    let world = World::with_partitions("rp_killed", 1).await;
    let pool = connections(&world.database).await;
    let mut stopped = pool.begin().await.expect("begins");
    run(&mut stopped, "SELECT FROM relay_progress FOR UPDATE").await;
    for sequence in 1..=20 {
        world.database.execute(&insert("A", sequence)).await;
    }
    let mut dies = process(&world);
    let sent = || async {
        let read = read_topic(&world.brokers, &world.topics.events).await;
        (read.len() >= 20).then_some(())
    };
    world.eventually("20 events in the log", sent).await;
    let follows = relay(&world).await;
    dies.kill().expect("it ends");
    dies.wait().expect("gone");
    stopped.rollback().await.expect("rolled back");
    for sequence in 21..=30 {
        world.database.execute(&insert("A", sequence)).await;
    }
    world.until(SETTLED, "true").await;
    assert_eq!(world.events().await.len(), 30);
    let read = read_topic(&world.brokers, &world.topics.events).await;
    assert!(read.len() >= 50, "what was not noted is sent again: {}", read.len());
    follows.shutdown().await;
    pool.close().await;
    world.abandon().await;
}

/// A dump has other transactions than the server that it was made of. What it holds and was not
/// passed is published; what was open then is not there; and the horizon goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_is_restored_goes_on_where_it_was() {
    let world = World::with_partitions("rp_dump", 1).await;
    let pool = connections(&world.database).await;
    world.database.execute(&insert("A", 1)).await;
    let worker = relay(&world).await;
    world.until(SETTLED, "true").await;
    let mut open = pool.begin().await.expect("begins");
    run(&mut open, &insert("OPEN", 1)).await;
    world.database.execute(&insert("A", 2)).await;
    world.relayed().await;
    worker.shutdown().await;
    world.database.execute(&insert("A", 3)).await;
    let progress = "SELECT horizon || ' ' || passed::text FROM relay_progress";
    assert_eq!(world.value(progress).await, "1 {[3,4)}");
    let dump = Command::new("pg_dump").arg(&world.database.url).output().expect("pg_dump");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    open.commit().await.expect("committed");
    pool.close().await;
    let mut restored = World::with_partitions("rp_restored", 1).await;
    restored.database.execute("DROP SCHEMA public, masked CASCADE").await;
    let mut psql = Command::new("psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1", "-d", &restored.database.url])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("psql");
    let mut input = psql.stdin.take().expect("piped");
    let sql = [b"CREATE SCHEMA public;".as_slice(), &dump.stdout].concat();
    std::io::Write::write_all(&mut input, &sql).expect("written");
    drop(input);
    assert!(psql.wait().expect("ends").success());
    // Its events go where those of the first went.
    restored.set("KAFKA__TOPIC_PREFIX", &world.name);
    assert_eq!(restored.value(progress).await, "1 {[3,4)}");
    let worker = relay(&restored).await;
    restored.database.execute(&insert("A", 4)).await;
    restored.until(SETTLED, "true").await;
    worker.shutdown().await;
    let read = read_topic(&world.brokers, &world.topics.events).await;
    let ids: Vec<String> =
        read.iter().map(|one| one.json()["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids, [1, 2, 3, 4].map(|number| format!("account/A/{number}")));
    restored.abandon().await;
    world.abandon().await;
}

/// What is large, and what packs well or badly, comes out byte for byte as it was decided.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_event_is_published_byte_for_byte() {
    let world = World::with_partitions("rp_bytes", 1).await;
    let noisy: String = noise(49_152).iter().map(|byte| char::from(b'!' + byte % 64)).collect();
    let noisy = noisy.replace(['"', '\\'], "-");
    let long = |key: &str, filler: &str| {
        let start = event(key, 1).trim_end_matches('}').to_owned();
        let start = format!("{start}}},\"filler\":\"");
        let rest = 65_536 - start.len() - 2;
        format!("{start}{}\"}}", filler.chars().cycle().take(rest).collect::<String>())
    };
    let texts = [("ALIKE", long("ALIKE", "same ")), ("NOISE", long("NOISE", &noisy))];
    let row = |(key, text): &(&str, String)| OutboxRow {
        key_kind: "account",
        record_key: (*key).to_owned(),
        first_sequence: 1,
        events: 1,
        payload: text.clone(),
    };
    let mut tx = world.database.admin.begin().await.expect("begins");
    let rows: Vec<OutboxRow> = texts.iter().map(row).collect();
    insert_in_tx(&mut tx, &rows, chrono::Utc::now()).await.expect("written");
    tx.commit().await.expect("committed");
    world.database.execute(&insert("SMALL", 1)).await;
    let forms = "SELECT string_agg(form::text, ' ' ORDER BY outbox_id) FROM outbox";
    assert_eq!(world.value(forms).await, format!("{PACKED} {PACKED} {PLAIN}"));
    let worker = relay(&world).await;
    let read = world.events().await;
    worker.shutdown().await;
    for (key, text) in &texts {
        assert_eq!(text.len(), 65_536);
        let of_key = read.iter().find(|event| event.record.key_text() == *key);
        let value = of_key.and_then(|event| event.record.value.as_deref());
        assert_eq!(value.map(String::from_utf8_lossy).as_deref(), Some(text.as_str()), "{key}");
    }
    world.abandon().await;
}

/// Rows of the outbox are never changed, and the relay never goes back: by privilege, by trigger.
#[tokio::test]
async fn neither_the_outbox_nor_its_progress_is_taken_back() {
    let database = Database::new("rp_fences").await;
    for sequence in 1..=5 {
        database.execute(&insert("A", sequence)).await;
    }
    database.execute("UPDATE relay_progress SET horizon = 2, passed = '{[4,5)}'").await;
    let granted =
        "SELECT string_agg(privilege, ' ') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE',
                   'DELETE', 'TRUNCATE']) AS privilege
                   WHERE has_table_privilege('topup_worker', 'outbox', privilege)";
    assert_eq!(database.value(granted).await, "SELECT INSERT DELETE");
    let granted = granted.replace("'outbox'", "'relay_progress'");
    assert_eq!(database.value(&granted).await, "SELECT UPDATE");
    for change in ["UPDATE outbox SET events = 2", "TRUNCATE outbox"] {
        assert_eq!(refused_as(&database, change).await, ("42501".to_owned(), String::new()));
    }
    for (change, constraint) in [
        ("UPDATE relay_progress SET horizon = 1", "relay_progress_goes_on"),
        ("UPDATE relay_progress SET passed = '{}'", "relay_progress_goes_on"),
        ("UPDATE relay_progress SET horizon = 6, passed = '{}'", "relay_horizon_is_known"),
        ("UPDATE relay_progress SET passed = '{[2,5)}'", "relay_passed_is_above"),
        ("UPDATE relay_progress SET passed = '{[4,)}'", "relay_passed_is_finite"),
        ("DELETE FROM relay_progress", "relay_progress_stays"),
        ("INSERT INTO relay_progress DEFAULT VALUES", "relay_progress_pkey"),
    ] {
        assert_eq!(database.refused(change).await, constraint, "{change}");
    }
    let kept = "SELECT seqcache FROM pg_sequence WHERE seqrelid = 'outbox_outbox_id_seq'::regclass";
    assert_eq!(database.value(kept).await, "1", "an id that is kept for later is given out unseen");
    let hold = "INSERT INTO relay_holds VALUES ('account', 'A', 3, 'x', 1, now(), now(), now())";
    database.execute(hold).await;
    let back = "UPDATE relay_holds SET from_sequence = 2";
    assert_eq!(database.refused(back).await, "relay_hold_goes_on");
    // Of the key, 4 is passed and not published: it is held. 3 and 5 are still to be taken.
    let held = "SELECT string_agg(first_sequence::text, ' ') FROM outbox_held";
    assert_eq!(database.value(held).await, "4");
    let next = "SELECT string_agg(first_sequence::text, ' ') FROM outbox_next(NULL)";
    assert_eq!(database.value(next).await, "3 5");
    assert_eq!(database.value(&next.replace("NULL", "1")).await, "3");
    database.abandon().await;
}

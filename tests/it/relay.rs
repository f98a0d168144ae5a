//! The relay: nothing that Kafka refuses holds back what it takes.

mod progress;
mod ranges;

use std::process::{Child, Command, Stdio};

use topup::app::Worker;
use topup::clock::Clock;
use topup::config::Only;
use topup::kafka::{Header, OutRecord};
use topup::relay::LETTERS;
use topup::store::dead_letters::{self, Letter};
use topup::store::prune::{self, After, Pruned};
use topup::store::views::status;

use crate::harness::records::{account, draft, envelope};
use crate::harness::{Database, Direct, World, by_length};
use crate::usage::charge;

/// What a broker with its usual settings takes of a record, about.
const BROKER_MAX: usize = 1_048_588;

fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}

fn hostile(topic: &str, value: Option<Vec<u8>>, headers: Vec<Header>) -> OutRecord {
    OutRecord { topic: topic.to_owned(), key: None, value, headers, timestamp_ms: None }
}

/// The code and the constraint with which a statement is refused.
async fn refused_as(database: &Database, sql: &str) -> (String, String) {
    let done = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&database.admin).await;
    let error = done.expect_err("refused");
    let error = error.as_database_error().expect("by the database");
    let code = error.code().unwrap_or_default().into_owned();
    (code, error.constraint().unwrap_or_default().to_owned())
}

/// Changes rows of the outbox, which nothing does but a test.
async fn rewrite(world: &World, update: &str) {
    let unguarded =
        format!("BEGIN; SET LOCAL session_replication_role = replica; {update}; COMMIT");
    world.database.execute(&unguarded).await;
}

/// A record as large as the broker takes has no room for our headers: its copy goes without the
/// value, and where the headers are too large, as a pointer. Events and smaller copies are not
/// held back, and nothing is left over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_too_large_is_cut_down_and_holds_nothing_back() {
    let world = World::with_partitions("r_large", 1).await;
    let topic = world.topics.commands.as_str();
    let large = BROKER_MAX - 300;
    for length in [999_790, 1_000_008, large, large, large, large, large, large] {
        world.publish_all(vec![hostile(topic, Some(noise(length)), Vec::new())]).await;
    }
    let header = Header { name: "large".to_owned(), value: Some(noise(large)) };
    world.publish_all(vec![hostile(topic, Some(b"{".to_vec()), vec![header])]).await;
    let mut keyed = hostile(topic, None, Vec::new());
    keyed.key = Some(noise(large));
    world.publish_all(vec![keyed, hostile(topic, Some(b"small".to_vec()), Vec::new())]).await;
    let worker = world.start().await;
    world.applied("after", "account.upsert", "ACC", account("ACC")).await;
    let copies = world.dead_letter_records().await;
    let how = |copy: &crate::harness::Read| copy.header("dlq.copy").first().cloned();
    let forms: Vec<String> =
        copies.iter().map(|copy| how(copy).unwrap_or_else(|| "full".to_owned())).collect();
    let count = |form: &str| forms.iter().filter(|one| *one == form).count();
    assert_eq!((count("full"), count("headers"), count("pointer")), (3, 6, 2), "{forms:?}");
    for copy in &copies {
        assert_eq!(copy.header("dlq.id").len(), 1);
        assert_eq!(copy.value.is_some(), how(copy).is_none());
    }
    let ids: std::collections::BTreeSet<String> =
        copies.iter().flat_map(|copy| copy.header("dlq.id")).collect();
    assert_eq!(ids.len(), 11, "each letter is named once");
    assert_eq!(world.events().await.len(), 1);
    worker.shutdown().await;
    world.finish().await;
}

/// A topic of dead letters that is compacted takes no copy without a key: such copies go as
/// pointers, which have one, and hold no other back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_without_a_key_are_pointers_where_the_topic_is_compacted() {
    let world = World::with_partitions("r_compacted", 1).await;
    let compact = vec![("cleanup.policy", "compact".to_owned())];
    crate::harness::kafka::set(&world.brokers, &world.topics.dead_letters, compact).await;
    let topic = world.topics.commands.as_str();
    let bad = |_| hostile(topic, Some(b"{".to_vec()), Vec::new());
    let mut keyed = bad(0);
    keyed.key = Some(b"KEY".to_vec());
    world.publish_all((0..70).map(bad).chain([keyed]).collect()).await;
    let worker = world.start().await;
    world.until("SELECT count(*) FROM dead_letters", "71").await;
    world.relayed().await;
    let copies = world.dead_letter_records().await;
    let pointers = copies.iter().filter(|copy| copy.header("dlq.copy") == ["pointer"]).count();
    assert_eq!((copies.len(), pointers), (71, 70));
    worker.shutdown().await;
    world.finish().await;
}

/// An event that Kafka refuses holds its key: what is behind it waits in order, all others are
/// published, old rows are pruned, and `status` says which key, since when and why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_refused_holds_its_key_only() {
    let world = World::with_partitions("r_held", 1).await;
    let deciding = Only { relay: false, ..Only::ALL };
    let worker = Worker::start(&world.config(), deciding, Clock::System).await.expect("starts");
    world.applied("big-1", "account.upsert", "BIG", account("BIG")).await;
    world.database.execute("CREATE TABLE small AS SELECT form, payload FROM outbox").await;
    let inflate = "UPDATE outbox SET form = 0, payload =
        (SELECT convert_to(string_agg(md5(i::text), ''), 'UTF8') FROM generate_series(1, 100000) i)
        WHERE record_key = 'BIG'";
    rewrite(&world, inflate).await;
    for number in 0..3 {
        let id = format!("big-i-{number}");
        world.applied(&id, "invoice.create", "BIG", draft(&id, "BIG", "1.00")).await;
        let id = format!("ok-{number}");
        world.applied(&id, "account.upsert", &id, account(&id)).await;
    }
    let relaying = Only { commands: false, bank: false, usage: false, jobs: false, ..Only::ALL };
    let relay = Worker::start(&world.config(), relaying, Clock::System).await.expect("starts");
    let waiting = "SELECT string_agg(DISTINCT record_key || ' ' || held, ',') FROM (
                     SELECT record_key, true AS held FROM outbox_held UNION ALL
                     SELECT record_key, false FROM outbox_next(NULL)) waiting";
    world.until(waiting, "BIG true").await;
    // One more of that key joins it.
    world.applied("big-last", "account.upsert", "BIG", account("BIG")).await;
    world.applied("ok-last", "account.upsert", "ok-last", account("ok-last")).await;
    world.until(waiting, "BIG true").await;
    let view = status::read(&world.database.admin).await.expect("a status").outbox;
    assert_eq!((view.unpublished, view.held, view.held_keys.len()), (5, 5, 1), "{view:?}");
    let key = &view.held_keys[0];
    assert_eq!((key.key.as_str(), key.code.as_str(), key.rows), ("BIG", "MessageSizeTooLarge", 5));
    // Its rows do not keep others from being pruned.
    let before = chrono::Utc::now() + chrono::Duration::hours(1);
    world.until("SELECT isempty(passed) FROM relay_progress", "true").await;
    let others = "SELECT count(*) FROM outbox WHERE record_key <> 'BIG'";
    let others: u64 = world.database.value(others).await.parse().expect("a number");
    let mut tx = world.database.admin.begin().await.expect("a transaction");
    let (mut gone, mut next) = (0, Some(After::Start));
    while let Some(after) = next {
        let page = prune::page_in_tx(&mut tx, Pruned::Outbox, before, after, 2).await;
        let page = page.expect("pruned");
        (gone, next) = (gone + page.deleted, page.next);
    }
    tx.rollback().await.expect("rolled back");
    assert_eq!((gone, others > 2), (others, true));
    // Once Kafka takes it, everything of the key follows in order.
    let restore = "UPDATE outbox o SET form = small.form, payload = small.payload FROM small
        WHERE record_key = 'BIG' AND first_sequence = 1";
    rewrite(&world, restore).await;
    let events = world.events().await;
    assert_eq!(events.iter().filter(|event| event.record.key_text() == "BIG").count(), 5);
    world.until("SELECT count(*) FROM relay_holds", "0").await;
    worker.shutdown().await;
    relay.shutdown().await;
    world.finish().await;
}

/// What the database refuses of a dead letter is left out; the partition goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_is_refused_keeps_less() {
    let world = World::with_partitions("r_refused", 1).await;
    for sql in [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
            IF position('\\x6e6f'::bytea IN coalesce(NEW.record_value, '')) > 0
               OR NEW.record_headers::text LIKE '%never%' THEN
                RAISE EXCEPTION 'refused' USING ERRCODE = '54000';
            END IF;
            RETURN NEW;
         END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON dead_letters
         FOR EACH ROW EXECUTE FUNCTION refuse()",
    ] {
        world.database.execute(sql).await;
    }
    let topic = world.topics.commands.as_str();
    let header = Header { name: "never".to_owned(), value: None };
    world.publish_all(vec![hostile(topic, Some(b"yes".to_vec()), vec![header])]).await;
    world.publish_all(vec![hostile(topic, Some(b"no".to_vec()), Vec::new())]).await;
    let worker = world.start().await;
    world.applied("after", "account.upsert", "ACC", account("ACC")).await;
    let kept = "SELECT record_offset, coalesce(encode(record_value, 'escape'), '-'),
                record_headers, message LIKE '%only in the log.' FROM dead_letters ORDER BY 1";
    assert_eq!(world.database.lines(kept).await, ["0|yes|[]|true", "1|-|[]|true"]);
    worker.shutdown().await;
    world.finish().await;
}

/// The worker as a process of its own.
fn process(world: &World) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command.arg("worker").envs(world.settings()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("DATABASE_URL", &world.database.url).env("KAFKA_BROKERS", &world.brokers);
    command.env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name);
    command.env("TOPUP__KAFKA__GROUP_ID", &world.name).spawn().expect("a process")
}

/// The most memory that the process had so far, in MiB.
fn most_memory(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.expect("it lives");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a size");
    let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kib / 1_024
}

/// Waits until the query gives so many; each step on the way has its own patience.
async fn grows_to(world: &World, sql: &str, wanted: usize) {
    let mut seen = 0;
    while seen < wanted {
        let more = || async {
            let now: usize = world.value(sql).await.parse().expect("a number");
            (now > seen).then_some(now)
        };
        seen = world.eventually(sql, more).await;
    }
}

/// Many records that are as large as the broker takes, and dead letters all of them: their copies
/// are cut down one by one. Meanwhile events of all customers are published, the worker's memory
/// does not grow with them, and `status` says how many there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_copies_that_are_too_large_hold_no_customer_back() {
    /// MiB: what the windows of intake and relay add up to, and not what there is.
    const MEMORY_MAX: u64 = 600;
    let count = by_length(40, 2_100);
    let world = World::with_partitions("r_many", 1).await;
    let topic = world.topics.commands.as_str();
    for _ in 0..count / 20 {
        let large = || hostile(topic, Some(noise(BROKER_MAX - 300)), Vec::new());
        world.publish_all((0..19).map(|_| large()).collect()).await;
        let as_usual = hostile(topic, Some(noise(1_000_008)), Vec::new());
        world.publish_all(vec![as_usual]).await;
    }
    let mut worker = process(&world);
    let letters = "SELECT count(*) FROM dead_letters";
    grows_to(&world, letters, 1).await;
    // The usage feed is another way in: its customer is not behind the letters.
    for number in 0..20 {
        let (id, customer) = (format!("u-{number}"), format!("USER-{number}"));
        let data = charge(&id, &customer, "1.00");
        let value = envelope(&id, "rating", "topup.usage.charge.v1", &data);
        world.publish(&world.topics.usage, &customer, &value).await;
        assert_eq!(world.outcome(&id).await.0, "applied");
        let told =
            format!("SELECT count(*) FROM outbox_next(NULL) WHERE record_key = '{customer}'");
        world.until(&told, "0").await;
    }
    grows_to(&world, letters, count).await;
    let copied = "SELECT count(*) FROM letter_copies WHERE published_at IS NOT NULL";
    grows_to(&world, copied, count).await;
    world.applied("after", "account.upsert", "AFTER", account("AFTER")).await;
    let events = world.events().await;
    assert!(events.iter().any(|event| event.record.key_text() == "AFTER"));
    let status = status::read(&world.database.admin).await.expect("a status");
    assert_eq!((status.outbox.unpublished, status.outbox.held), (0, 0), "{:?}", status.outbox);
    let open: i64 = status.dead_letters.iter().map(|group| group.letters).sum();
    assert_eq!(usize::try_from(open).expect("few"), count);
    let copies = world.dead_letter_records().await;
    let cut = copies.iter().filter(|copy| copy.header("dlq.copy") == ["headers"]).count();
    assert_eq!((copies.len(), cut), (count, count / 20 * 19), "each is copied, in some form");
    let memory = most_memory(&worker);
    assert!(memory <= MEMORY_MAX, "{memory} MiB for {count} records");
    worker.kill().expect("it ends");
    worker.wait().expect("gone");
    world.finish().await;
}

/// 200 dead letters of 990 kB are 198 MB. Of their copies so much is in hand at once as the window
/// has bytes, and what the last one is larger: each round takes as many as fit, and all have
/// their turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_large_letters_are_in_hand_a_few_at_a_time() {
    const COUNT: usize = 200;
    const EACH: usize = 990_000;
    let direct = Direct::new("r_window").await;
    let rows = format!(
        "WITH made AS (INSERT INTO dead_letters (topic, partition, record_offset, record_value,
             record_headers, code, message, first_failed_at, last_failed_at)
           SELECT 'commands', 0, n, convert_to(repeat('x', {EACH}), 'UTF8'), '[]', 'data_invalid',
                  'no', now(), now() FROM generate_series(1, {COUNT}) n
           RETURNING dead_letter_id)
         INSERT INTO letter_copies (dead_letter_id, created_at)
         SELECT dead_letter_id, now() FROM made"
    );
    direct.database.execute(&rows).await;
    let window = usize::try_from(LETTERS.bytes).expect("bytes");
    let mut tx = direct.pipeline.pool().begin().await.expect("a transaction");
    let (mut seen, mut after, mut rounds) = (0, 0, 0);
    loop {
        let letters = dead_letters::copies_in_tx(&mut tx, LETTERS, after).await.expect("letters");
        let Some(last) = letters.last() else { break };
        after = last.copy_id;
        let value = |letter: &Letter| letter.letter.raw.value.as_ref().map_or(0, Vec::len);
        let bytes: usize = letters.iter().map(value).sum();
        assert!(bytes <= window + EACH, "{bytes} bytes in hand");
        (seen, rounds) = (seen + letters.len(), rounds + 1);
    }
    assert_eq!((seen, rounds), (COUNT, COUNT.div_ceil(window / EACH + 1)));
    tx.rollback().await.expect("rolled back");
    direct.finish().await;
}

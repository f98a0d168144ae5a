//! Copies of dead letters, from a topic and from a file, become letters here and are replayed.

use std::process::Command;

use serde_json::{Value, json};
use topup::kafka::{Header, OutRecord};

use crate::harness::records::{account, command};
use crate::harness::{World, out_record};

const LETTERS: &str = "SELECT record_offset, source, message_id, code, status, message
                       FROM dead_letters ORDER BY dead_letter_id";

/// Runs the program; the exit code, and a line of words for each row.
async fn topup(world: &World, words: &[&str]) -> (Option<i32>, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command
        .args(words)
        .args(["--output", "ndjson"])
        .env("DATABASE_URL", &world.database.url)
        .env("KAFKA_BROKERS", &world.brokers)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name)
        .env("TOPUP__KAFKA__GROUP_ID", &world.name)
        .env("TOPUP_OPERATOR", "alice");
    let running = tokio::task::spawn_blocking(move || command.output().expect("it starts"));
    let output = running.await.expect("no panic");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    let shown = String::from_utf8(output.stdout).expect("text");
    let rows = shown.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    (output.status.code(), rows.collect())
}

fn outcomes(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["outcome"].as_str().expect("an outcome")).collect()
}

fn copy(world: &World, key: &str, value: &str, headers: &[(&str, &[u8])]) -> OutRecord {
    let mut record = out_record(&world.topics.dead_letters, Some(key), Some(value.as_bytes()));
    let header = |(name, value): &(&str, &[u8])| Header {
        name: (*name).to_owned(),
        value: Some(value.to_vec()),
    };
    record.headers = headers.iter().map(header).collect();
    record
}

fn upsert(id: &str, key: &str) -> String {
    command(id, "account.upsert", &account(key))
}

/// Copies in each dialect, and what cannot be taken in.
fn copies(world: &World) -> Vec<OutRecord> {
    let topic = world.topics.commands.as_bytes();
    let ours = |offset: &'static [u8]| -> Vec<(&str, &[u8])> {
        vec![
            ("trace", b"\xff"),
            ("dlq.original.topic", topic),
            ("dlq.original.partition", b"0"),
            ("dlq.original.offset", offset),
            ("dlq.original.timestamp", b"1795000000123"),
            ("dlq.error.code", b"amount_invalid"),
            ("dlq.error.message", b"account 0720001234 failed"),
        ]
    };
    let (partition, offset, at) =
        (0_i32.to_be_bytes(), 1_002_i64.to_be_bytes(), 1_795_000_000_123_i64.to_be_bytes());
    let spring: [(&str, &[u8]); 5] = [
        ("kafka_dlt-original-topic", topic),
        ("kafka_dlt-original-partition", &partition),
        ("kafka_dlt-original-offset", &offset),
        ("kafka_dlt-original-timestamp", &at),
        ("kafka_dlt-exception-message", b"listener failed"),
    ];
    let connect: [(&str, &[u8]); 4] = [
        ("__connect.errors.topic", topic),
        ("__connect.errors.partition", b"0"),
        ("__connect.errors.offset", b"1003"),
        ("__connect.errors.exception.message", b"sink failed"),
    ];
    let mut elsewhere = connect;
    elsewhere[0].1 = b"orders";
    vec![
        copy(world, "ACC-1", &upsert("i-1", "ACC-1"), &ours(b"1001")),
        copy(world, "ACC-2", &upsert("i-2", "ACC-2"), &spring),
        copy(world, "ACC-3", &upsert("i-3", "ACC-3"), &connect),
        copy(world, "ACC-4", "{", &ours(b"1004")),
        copy(world, "ACC-0", &upsert("i-0", "ACC-0"), &ours(b"1005")),
        copy(world, "ACC-9", &upsert("i-0", "ACC-9"), &ours(b"1006")),
        copy(world, "ACC-5", &upsert("i-5", "ACC-5"), &elsewhere),
        copy(world, "ACC-6", &upsert("i-6", "ACC-6"), &[("trace", b"t")]),
        copy(world, "ACC-7", "", &[&ours(b"1007")[..], &[("dlq.copy", b"headers")]].concat()),
    ]
}

const PARTIAL: &str = "a copy without its value";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_a_topic_are_taken_in_once_and_replayed() {
    let world = World::with_partitions("di_topic", 1).await;
    let worker = world.start().await;
    world.applied("i-0", "account.upsert", "ACC-0", account("ACC-0")).await;
    worker.shutdown().await;
    world.publish_all(copies(&world)).await;
    let import = ["dead-letters", "import", "--from-topic"];
    let before = world.database.fingerprint(&[]).await;
    let (exit, rows) = topup(&world, &import).await;
    assert_eq!(exit, Some(3));
    assert_eq!(outcomes(&rows)[0], "would be imported");
    assert_eq!(world.database.fingerprint(&[]).await, before, "a dry run wrote");
    let words = [&import[..], &["--yes"]].concat();
    assert_eq!(topup(&world, &words).await.0, Some(2), "no reason");
    let words = [&import[..], &["--reason", "after a restore", "--yes"]].concat();
    let (exit, rows) = topup(&world, &words).await;
    let (new, rest) = ("imported", ["unknown topic", "no origin", PARTIAL]);
    let expected = [&[new, new, new, new, "already applied", new][..], &rest].concat();
    assert_eq!((exit, outcomes(&rows)), (Some(3), expected));
    let place = format!("0|kafka|{}:0:1004", world.topics.commands);
    let source = "SELECT DISTINCT source FROM inbox WHERE message_id = 'i-1'";
    let source = world.value(source).await;
    let masked = "account …1234 failed";
    let letters = [
        format!("1001|{source}|i-1|amount_invalid|open|{masked}"),
        format!("1002|{source}|i-2|unprocessable|open|listener failed"),
        format!("1003|{source}|i-3|unprocessable|open|sink failed"),
        format!("1004|{}|amount_invalid|open|{masked}", &place[2..]),
        format!("1006|{source}|i-0|conflict|open|{masked}"),
    ];
    assert_eq!(world.database.lines(LETTERS).await, letters);
    let headers = "SELECT record_headers #>> '{0,value_hex}', jsonb_array_length(record_headers)
                   FROM dead_letters ORDER BY dead_letter_id LIMIT 1";
    assert_eq!(world.database.lines(headers).await, ["ff|1"]);
    let acts = "SELECT DISTINCT act, operator, reason, outcome, before IS NULL,
                after ->> 'status' FROM dead_letter_acts";
    let act = "import|alice|after a restore|imported|t|open";
    let told = world.database.lines(acts).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!([act, &act.replace("|t|", "|true|")].contains(&told[0].as_str()), "{told:?}");
    let copied = "SELECT count(*) FROM letter_copies";
    assert_eq!(world.value(copied).await, "0", "a copy is not published again");
    again_and_replayed(&world, &words).await;
    world.finish().await;
}

async fn again_and_replayed(world: &World, words: &[&str]) {
    let (_, rows) = topup(world, words).await;
    let known = "already known";
    let known = [&[known; 4][..], &["already applied", known]].concat();
    let expected = [&known[..], &["unknown topic", "no origin", PARTIAL]].concat();
    assert_eq!(outcomes(&rows), expected);
    let (_, rows) = topup(world, &["dead-letters", "replay", "--all", "--yes"]).await;
    let (applied, failing) = ("applied", "still_failing");
    assert_eq!(outcomes(&rows), [applied, applied, applied, failing, failing]);
    let accounts = "SELECT string_agg(account_id, ',' ORDER BY account_id) FROM accounts";
    assert_eq!(world.value(accounts).await, "ACC-0,ACC-1,ACC-2,ACC-3");
    let imported = "SELECT count(*) FROM dead_letter_acts WHERE act = 'import'";
    assert_eq!(world.value(imported).await, "5");
    let (_, rows) = topup(world, words).await;
    assert_eq!(outcomes(&rows), expected, "after the replay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_taken_in_and_replayed() {
    let world = World::with_partitions("di_file", 1).await;
    let value: Value = serde_json::from_str(&upsert("i-1", "ACC-1")).expect("JSON");
    // Partition 0 and offset 7, as Spring writes them.
    let line = json!({
        "key": "ACC-1",
        "headers": { "kafka_dlt-original-topic": world.topics.commands },
        "headers_base64": {
            "kafka_dlt-original-partition": "AAAAAA==",
            "kafka_dlt-original-offset": "AAAAAAAAAAc=",
        },
        "value": value,
    });
    let file = std::env::temp_dir().join(format!("{}.ndjson", world.name));
    std::fs::write(&file, format!("{line}\n\n")).expect("a file");
    let name = file.to_str().expect("text");
    let import = ["dead-letters", "import", "--file", name, "--reason", "theirs", "--yes"];
    for outcome in ["imported", "already known"] {
        let (exit, rows) = topup(&world, &import).await;
        assert_eq!((exit, outcomes(&rows)), (Some(0), vec![outcome]));
        assert_eq!(rows[0]["place"], format!("{}:0:7", world.topics.commands));
    }
    let (exit, rows) = topup(&world, &["dead-letters", "replay", "--all", "--yes"]).await;
    assert_eq!((exit, outcomes(&rows)), (Some(0), vec!["applied"]));
    std::fs::write(&file, "{\"value\": 1}\n{\"headers\": 1}\n").expect("a file");
    assert_eq!(topup(&world, &import).await.0, Some(1), "a line that is no record");
    std::fs::remove_file(&file).expect("removed");
    world.finish().await;
}

/// A topic may hold more than is read at once: all of it is looked at, partition by partition.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_of_several_pages_is_taken_in_whole() {
    const COPIES: usize = 2_600;
    let world = World::with_partitions("di_pages", 2).await;
    let records = (0..COPIES).map(|number| copy(&world, &format!("K-{number}"), "{}", &[]));
    world.publish_all(records.collect()).await;
    let (exit, rows) = topup(&world, &["dead-letters", "import", "--from-topic"]).await;
    assert_eq!(exit, Some(3));
    let place = |row: &Value| {
        let place = row["place"].as_str().expect("text").rsplit(':').map(str::to_owned);
        let numbers: Vec<i64> = place.take(2).map(|part| part.parse().expect("a number")).collect();
        (numbers[1], numbers[0])
    };
    let places: Vec<(i64, i64)> = rows.iter().map(place).collect();
    assert_eq!(places.len(), COPIES);
    assert!(places.is_sorted() && places.iter().any(|(partition, _)| *partition == 1));
    world.finish().await;
}

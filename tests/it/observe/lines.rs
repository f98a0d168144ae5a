//! What a worker says in its log: of each batch, and of brokers that are away.

use serde_json::Value;
use topup::kafka::mock::MockKafka;

use super::Seen;
use crate::harness::World;
use crate::harness::records::{account, command};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn read(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// One line for each batch, with its place, its lag and its trace; one more if it has dead letters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_a_line_of_the_log() {
    let world = World::with_partitions("o_lines", 1).await;
    let seen = Seen::start(&world, "lines", &[]);
    let topic = &world.topics.commands;
    let value = command("c-1", "account.upsert", &account("ACC-1"));
    let trace = [("traceparent", TRACE)];
    world.publish_raw(topic, Some("ACC-1"), Some(value.as_bytes()), &trace).await;
    assert_eq!(world.outcome("c-1").await, ("applied".to_owned(), None));
    seen.line(&world, "batch written").await;
    let lines = read(&seen.lines("batch written"));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["records"], 1);
    assert_eq!(lines[0]["applied"], 1);
    assert!(lines[0]["ms"].is_u64(), "{lines:#?}");
    let span = &lines[0]["span"];
    assert_eq!(span["topic"], topic.as_str());
    assert_eq!(span["partition"], 0);
    assert_eq!((&span["first"], &span["last"]), (&Value::from(0), &Value::from(0)));
    assert_eq!((&span["traceparent"], &span["traced"]), (&Value::from(TRACE), &Value::from(1)));
    // Where the log ends is asked from time to time.
    let told = || async {
        world.publish(topic, "k", "no JSON at all").await;
        let lines = read(&seen.lines("batch written"));
        lines.into_iter().find(|line| line["lag"].is_i64())
    };
    let line = world.eventually("a lag", told).await;
    assert_eq!(line["span"]["traced"], 0);
    let letters = read(&seen.lines("records became dead letters"));
    assert!(!letters.is_empty());
    for letter in letters {
        assert_eq!(letter["level"], "WARN");
        assert_eq!(letter["codes"], format!("not_json {}", letter["records"]));
    }
    seen.end();
    world.finish().await;
}

/// However many clients of a worker ask, and however often: brokers that are lost are one line,
/// and one when they are back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_are_away_are_told_once() {
    let world = World::with_partitions("o_brokers", 1).await;
    let topics = world.topics.all().map(|topic| (topic, 4));
    let kafka = MockKafka::start(&topics).expect("a broker");
    let more =
        [("KAFKA_BROKERS", kafka.brokers()), ("RUST_LOG", "warn,topup=info,librdkafka=debug")];
    let seen = Seen::start(&world, "brokers", &more);
    world.until("SELECT count(*) > 0 FROM checkpoints", "true").await;
    kafka.down();
    let failed = || async { (seen.lines("Connection refused").len() >= 4).then_some(()) };
    world.eventually("attempts of each client", failed).await;
    kafka.up();
    let back = seen.line(&world, "the brokers of Kafka are back").await;
    let back: Value = serde_json::from_str(&back).expect("JSON");
    assert!(back["attempts"].as_u64() >= Some(2), "{back}");
    // An attempt that began before may fail after: then it was lost twice.
    let lost = seen.lines("a broker of Kafka is lost").len();
    let worried = seen.lines("\"WARN\"").len() + seen.lines("\"ERROR\"").len();
    assert!((1..=2).contains(&lost) && worried <= 4, "{:#?}", seen.lines("\"level\""));
    seen.end();
    world.finish().await;
}

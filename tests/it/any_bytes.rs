//! Any bytes that Kafka can carry: every record has an outcome, the records around it are applied,
//! the worker lives, and each dead letter has its copy.

use topup::kafka::{Header, OutRecord};

use crate::harness::kafka::take_any_time;
use crate::harness::records::{account, bank, command, credit};
use crate::harness::{World, by_length};

/// Numbers that look random and are the same in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("a small number");
        usize::try_from(self.next() % bound).expect("a small number")
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// Nothing, little, or more than an index row takes; zeros, noise or text.
    fn blob(&mut self) -> Option<Vec<u8>> {
        let length = self.one(&[0, 1, 7, 64, 300, 2_700, 6_000, 20_000, 70_000]);
        match self.below(5) {
            0 => None,
            1 => Some(vec![0; length]),
            2 => Some("\u{0}é💸\u{202e}".repeat(length / 10).into_bytes()),
            _ => Some(self.bytes(length)),
        }
    }

    fn header(&mut self) -> Header {
        let names = ["", "ce_id", "ce_source", "content-type", "dlq.id", "a\u{1}b", "größe", "💸"];
        let name =
            if self.below(8) == 0 { "n".repeat(40_000) } else { self.one(&names).to_owned() };
        Header { name, value: self.blob() }
    }

    /// A sound record with some of its bytes changed, left out or doubled.
    fn nearly(&mut self, sound: &str) -> Vec<u8> {
        let mut value = sound.as_bytes().to_vec();
        for _ in 0..self.below(4) {
            let at = self.below(value.len());
            match self.below(5) {
                0 => value.truncate(at),
                1 => drop(value.drain(at..(at + 9).min(value.len()))),
                2 => drop(value.splice(at..at, b"\\u0000".iter().copied())),
                3 => drop(value.splice(at..at, self.bytes(3))),
                _ => drop(value.splice(at..at, "9".repeat(400).into_bytes())),
            }
            if value.is_empty() {
                break;
            }
        }
        value
    }
}

fn record(topic: &str, key: Option<Vec<u8>>, value: Option<Vec<u8>>) -> OutRecord {
    OutRecord { topic: topic.to_owned(), key, value, headers: Vec::new(), timestamp_ms: None }
}

/// What is known to be at a limit of something.
fn at_the_limits(topic: &str, chance: &mut Chance) -> Vec<OutRecord> {
    let sound = command("sound", "account.upsert", &account("ACC"));
    let mut records = vec![record(topic, None, None), record(topic, Some(vec![]), Some(vec![]))];
    for length in [2_600, 2_720, 6_000, 900_000] {
        records.push(record(topic, Some(chance.bytes(length)), Some(b"{".to_vec())));
        records.push(record(topic, Some(chance.bytes(length)), Some(sound.clone().into_bytes())));
    }
    for length in [999_000, 999_790, 1_000_008, 1_048_000] {
        records.push(record(topic, None, Some(chance.bytes(length))));
        records.push(record(topic, None, Some(vec![0; length])));
    }
    records.push(record(topic, None, Some("[".repeat(900_000).into_bytes())));
    let header = |name: &str, value| Header { name: name.to_owned(), value };
    let headers = [
        (0..1_000).map(|n| header(&format!("h-{n}"), Some(chance.bytes(3)))).collect(),
        vec![header("large", Some(chance.bytes(900_000)))],
        vec![header(&"n".repeat(30_000), None)],
        vec![header("ce_id", Some(b"\0".to_vec())), header("ce_source", Some(vec![0xff]))],
    ];
    for headers in headers {
        records.push(OutRecord { headers, ..record(topic, None, Some(b"?".to_vec())) });
    }
    for timestamp in [0, 1, 253_402_300_800_000, i64::MAX / 1_000, i64::MAX] {
        let timestamp_ms = Some(timestamp);
        records.push(OutRecord { timestamp_ms, ..record(topic, None, Some(b"!".to_vec())) });
    }
    records
}

fn by_chance(topics: &[&str], chance: &mut Chance) -> OutRecord {
    let sound = [
        command("near", "account.upsert", &account("ACC")),
        bank("near", &credit("NEAR", "10.00")),
    ];
    let value = match chance.below(3) {
        0 => chance.blob(),
        _ => {
            let sound = chance.one(&sound);
            Some(chance.nearly(&sound))
        }
    };
    let headers = (0..chance.below(4)).map(|_| chance.header()).collect();
    let timestamp = i64::try_from(chance.next() >> 1 >> chance.below(63)).expect("63 bits");
    let timestamp_ms = (chance.below(3) == 0).then_some(timestamp);
    let topic = chance.one(topics);
    OutRecord { headers, timestamp_ms, ..record(topic, chance.blob(), value) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_has_an_outcome_whatever_its_bytes() {
    let world = World::with_partitions("any_bytes", 1).await;
    let worker = world.start().await;
    let topics = [&*world.topics.commands, &*world.topics.bank_payments, &*world.topics.usage];
    for topic in topics {
        take_any_time(&world.brokers, topic).await;
    }
    let mut chance = Chance(0x746f_7075);
    let mut hostile = at_the_limits(topics[0], &mut chance);
    hostile.extend(at_the_limits(topics[1], &mut chance));
    for _ in 0..by_length(300, 3_000) {
        hostile.push(by_chance(&topics, &mut chance));
    }
    let mut records = Vec::new();
    for (number, hostile) in hostile.into_iter().enumerate() {
        records.push(hostile);
        let id = format!("ok-{number}");
        let (topic, value) = if number % 2 == 0 {
            (topics[0], command(&id, "account.upsert", &account("OK")))
        } else {
            (topics[1], bank(&id, &credit(&id, "1.00")))
        };
        records.push(record(topic, None, Some(value.into_bytes())));
    }
    let sent = records.len();
    let mut places = Vec::new();
    while !records.is_empty() {
        let rest = records.split_off(records.len().min(20));
        places.extend(world.publish_all(records).await);
        records = rest;
    }
    assert_eq!(places.len(), sent);
    let ended = "SELECT count(*) FROM (
        SELECT topic, partition, record_offset FROM inbox UNION
        SELECT topic, partition, record_offset FROM inbox_repeats) ended";
    world.until(ended, &sent.to_string()).await;
    let sound = "SELECT count(*) FROM inbox WHERE message_id LIKE 'ok-%' AND outcome = 'applied'";
    assert_eq!(world.value(sound).await, (sent / 2).to_string());
    let letters = world.value("SELECT count(*) FROM dead_letters").await;
    let copies = world.dead_letter_records().await;
    assert_eq!(copies.len().to_string(), letters, "each dead letter has its copy");
    worker.shutdown().await;
    world.finish().await;
}

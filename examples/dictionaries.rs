//! Trains the dictionaries that rows are packed with on generated records, and measures what they
//! save on others. Once they are released they are frozen.
//!
//! `cargo run --example dictionaries` measures; `… -- events PATH` and `… -- explanations PATH`
//! write a new dictionary there.

#![allow(clippy::expect_used, clippy::float_arithmetic, reason = "a tool for developers")]

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use topup::domain::matching::Policy;
use topup::domain::model::Model;
use topup::domain::money::Currency;
use topup::generate::operator::Operator;
use topup::generate::stream::{self, Order};
use topup::pipeline::batch::outbox_rows;
use topup::store::explanation;
use topup::store::packed::{Dictionary, EVENTS, EXPLANATIONS, Packer, Unpacker};
use topup::wire::{RawRecord, Topic, decode};

const SIZE: usize = 8_192;
const LEVEL: i32 = 3;

/// The text of one row, and how many events or explanations it has.
struct Row {
    text: String,
    count: usize,
}

/// What is stored for the generated records.
#[derive(Default)]
struct Stored {
    events: Vec<Row>,
    explanations: Vec<Row>,
}

fn order(seed: u64) -> Order {
    Order {
        seed,
        accounts: 200,
        invoices_per_account: 3,
        payments: 4_000,
        charges: 1_000,
        operators: Operator::ALL.to_vec(),
        booked_on: NaiveDate::from_ymd_opt(2026, 11, 2).expect("a day"),
        currencies: ["SGD", "USD"].map(|code| Currency::parse(code).expect("a currency")),
    }
}

/// What the service publishes for the generated records, a row of the outbox each, and why it
/// decided as it did.
fn stored(seed: u64) -> Stored {
    let mut records = Vec::new();
    stream::write(&order(seed), &mut records, None).expect("records");
    let records = String::from_utf8(records).expect("text");
    let start: DateTime<Utc> = "2026-11-02T12:00:00Z".parse().expect("an instant");
    let mut model = Model::new(Policy::default());
    let mut stored = Stored::default();
    for (number, line) in (0..).zip(records.lines()) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let topic = match line["topic"].as_str() {
            Some("commands") => Topic::Commands,
            Some("bank") => Topic::BankPayments,
            _ => Topic::Usage,
        };
        let value = line["value"].to_string();
        let key = line["key"].as_str().map(str::as_bytes);
        let raw = RawRecord { topic, key, value: Some(value.as_bytes()), headers: &[] };
        let Ok(message) = decode(&raw) else { continue };
        model.feed(&message, start + chrono::Duration::milliseconds(number * 137));
        let events = std::mem::take(&mut model.set.events);
        let made = outbox_rows(&events, "topup").into_iter();
        stored.events.extend(made.map(|row| Row {
            text: row.payload,
            count: usize::try_from(row.events).expect("some"),
        }));
    }
    let decisions = model.decisions.values().flatten();
    let texts = decisions.map(|decision| Row { text: explanation::to_json(decision), count: 1 });
    stored.explanations.extend(texts);
    stored
}

/// Writes a dictionary with a number that takes one byte in each frame, another one for each.
fn train(rows: &[Row], number: u8, path: &str) {
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    let mut dictionary = zstd::dict::from_samples(&texts, SIZE).expect("a dictionary");
    dictionary[4..8].copy_from_slice(&u32::from(number).to_le_bytes());
    std::fs::write(path, dictionary).expect("written");
}

fn measure(what: &str, rows: &[Row]) {
    let count: usize = rows.iter().map(|row| row.count).sum();
    let each = |bytes: usize| bytes as f64 / count as f64;
    let json: usize = rows.iter().map(|row| row.text.len()).sum();
    let plain: usize = rows
        .iter()
        .map(|row| zstd::bulk::compress(row.text.as_bytes(), LEVEL).expect("packed").len())
        .sum();
    println!("{} rows, {count} {what}, of a seed that was not learnt", rows.len());
    println!("bytes each: JSON {:.0}, zstd {:.0}", each(json), each(plain));
    for (name, dictionary) in [("events", &EVENTS), ("explanations", &EXPLANATIONS)] {
        let (bytes, seconds) = packed(dictionary, rows);
        let each_row = seconds * 1e6 / rows.len() as f64;
        println!("  dictionary of {name}: {:.0}, {each_row:.1} µs a row", each(bytes));
    }
}

/// The bytes of all rows once they are packed, and how many seconds that took.
fn packed(dictionary: &'static Dictionary, rows: &[Row]) -> (usize, f64) {
    let (mut packer, mut unpacker) = (Packer::new(dictionary), Unpacker::new(dictionary));
    let started = std::time::Instant::now();
    let bytes = rows.iter().map(|row| packer.pack(&row.text).1.len()).sum();
    let seconds = started.elapsed().as_secs_f64();
    for row in rows {
        let (form, bytes) = packer.pack(&row.text);
        assert_eq!(unpacker.unpack(form, bytes).as_deref(), Ok(row.text.as_str()));
    }
    (bytes, seconds)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, path] = arguments.as_slice() {
        let learnt = stored(1);
        let (rows, number) =
            if what == "events" { (learnt.events, 1) } else { (learnt.explanations, 2) };
        train(&rows, number, path);
    }
    let fresh = stored(2);
    measure("events", &fresh.events);
    measure("explanations", &fresh.explanations);
}

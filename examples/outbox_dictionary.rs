//! Trains the dictionary of the outbox (`src/store/packed.dict`) on generated events, and measures
//! what it saves on others. Once it is released the dictionary is frozen: rows are packed with it.
//!
//! `cargo run --example outbox_dictionary` measures; `… -- PATH` writes a new dictionary there.

#![allow(clippy::expect_used, clippy::float_arithmetic, reason = "a tool for developers")]

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use topup::domain::matching::Policy;
use topup::domain::model::Model;
use topup::domain::money::Currency;
use topup::generate::operator::Operator;
use topup::generate::stream::{self, Order};
use topup::pipeline::batch::outbox_rows;
use topup::store::packed::{Packer, Unpacker};
use topup::wire::{RawRecord, Topic, decode};

const SIZE: usize = 8_192;
const LEVEL: i32 = 3;

/// The text of one row, and how many events it has.
struct Row {
    text: String,
    events: usize,
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

/// What the service publishes for the generated records, a row of the outbox each.
fn rows(seed: u64) -> Vec<Row> {
    let mut records = Vec::new();
    stream::write(&order(seed), &mut records, None).expect("records");
    let records = String::from_utf8(records).expect("text");
    let start: DateTime<Utc> = "2026-11-02T12:00:00Z".parse().expect("an instant");
    let mut model = Model::new(Policy::default());
    let mut rows = Vec::new();
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
        rows.extend(made.map(|row| Row {
            text: row.payload,
            events: usize::try_from(row.events).expect("some"),
        }));
    }
    rows
}

fn main() {
    let learnt: Vec<String> = rows(1).into_iter().map(|row| row.text).collect();
    if let Some(path) = std::env::args().nth(1) {
        let dictionary = zstd::dict::from_samples(&learnt, SIZE).expect("a dictionary");
        std::fs::write(path, dictionary).expect("written");
    }
    let fresh = rows(2);
    let events: usize = fresh.iter().map(|row| row.events).sum();
    let json: usize = fresh.iter().map(|row| row.text.len()).sum();
    let plain: usize = fresh
        .iter()
        .map(|row| zstd::bulk::compress(row.text.as_bytes(), LEVEL).expect("packed").len())
        .sum();
    let mut packer = Packer::new();
    let started = std::time::Instant::now();
    let with: usize = fresh.iter().map(|row| packer.pack(&row.text).1.len()).sum();
    let seconds = started.elapsed().as_secs_f64();
    let mut unpacker = Unpacker::new();
    for row in &fresh {
        let (form, bytes) = packer.pack(&row.text);
        assert_eq!(unpacker.unpack(form, bytes).as_deref(), Ok(row.text.as_str()));
    }
    let each = |bytes: usize| bytes as f64 / events as f64;
    println!("{} rows, {events} events, of a seed that was not learnt", fresh.len());
    println!("bytes an event: JSON {:.0}, zstd {:.0}", each(json), each(plain));
    println!("zstd with the dictionary {:.0}", each(with));
    println!("µs a row for packing: {:.1}", seconds * 1e6 / fresh.len() as f64);
}

//! A record written in Kafka's own protocol: what no client library lets anybody send.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::PATIENCE;

pub struct Raw<'a> {
    pub topic: &'a str,
    pub timestamp: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a [u8], Option<&'a [u8]>)],
}

/// Writes one record to partition 0 and waits for the answer.
pub fn produce(brokers: &str, raw: &Raw<'_>) {
    let batch = batch(raw);
    let mut body = Vec::new();
    // Produce, version 3, correlation 7, no client id; no transaction, all replicas, 10 s.
    body.extend(0_i16.to_be_bytes());
    body.extend(3_i16.to_be_bytes());
    body.extend(7_i32.to_be_bytes());
    body.extend((-1_i16).to_be_bytes());
    body.extend((-1_i16).to_be_bytes());
    body.extend((-1_i16).to_be_bytes());
    body.extend(10_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend(i16::try_from(raw.topic.len()).expect("short").to_be_bytes());
    body.extend(raw.topic.as_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend(length(&batch).to_be_bytes());
    body.extend(batch);
    let mut stream = TcpStream::connect(brokers).expect("the broker");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.write_all(&length(&body).to_be_bytes()).expect("sent");
    stream.write_all(&body).expect("sent");
    let mut size = [0; 4];
    stream.read_exact(&mut size).expect("an answer");
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(size)).expect("a size")];
    stream.read_exact(&mut answer).expect("an answer");
    // Correlation, one topic, its name, one partition, its number; then the error.
    let at = 4 + 4 + 2 + raw.topic.len() + 4 + 4;
    assert_eq!(answer.get(at..at + 2), Some(&[0, 0][..]), "refused: {answer:?}");
}

fn batch(raw: &Raw<'_>) -> Vec<u8> {
    let record = record(raw);
    let mut checked = Vec::new();
    checked.extend(0_i16.to_be_bytes());
    checked.extend(0_i32.to_be_bytes());
    checked.extend(raw.timestamp.to_be_bytes());
    checked.extend(raw.timestamp.to_be_bytes());
    checked.extend((-1_i64).to_be_bytes());
    checked.extend((-1_i16).to_be_bytes());
    checked.extend((-1_i32).to_be_bytes());
    checked.extend(1_i32.to_be_bytes());
    varint(&mut checked, i64::from(length(&record)));
    checked.extend(record);
    let mut rest = Vec::new();
    rest.extend(0_i32.to_be_bytes());
    rest.push(2);
    rest.extend(crc32c(&checked).to_be_bytes());
    rest.extend(checked);
    let mut batch = Vec::new();
    batch.extend(0_i64.to_be_bytes());
    batch.extend(length(&rest).to_be_bytes());
    batch.extend(rest);
    batch
}

fn record(raw: &Raw<'_>) -> Vec<u8> {
    let mut record = vec![0, 0, 0];
    part(&mut record, raw.key);
    part(&mut record, raw.value);
    varint(&mut record, i64::try_from(raw.headers.len()).expect("few"));
    for (name, value) in raw.headers {
        part(&mut record, Some(name));
        part(&mut record, *value);
    }
    record
}

fn part(to: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint(to, bytes.map_or(-1, |bytes| i64::from(length(bytes))));
    to.extend(bytes.unwrap_or_default());
}

fn length(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).expect("short")
}

fn varint(to: &mut Vec<u8>, number: i64) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while left > 0x7f {
        to.push(left.to_le_bytes()[0] & 0x7f | 0x80);
        left >>= 7;
    }
    to.push(left.to_le_bytes()[0]);
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

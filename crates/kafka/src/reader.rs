//! A topic read to its end, for the command line; nothing here is used by the worker. The consumer
//! joins no group and commits nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::admin::Cluster;
use super::context::LogContext;
use super::ends;
use super::error::KafkaError;
use super::record::Record;

const POLL: Duration = Duration::from_millis(100);
/// What is read at once, and so what is in memory: records, and bytes of keys and values.
const PAGE_RECORDS: usize = 1_000;
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// A topic that is read page by page: from the beginning of each partition to the end that it had
/// when the reading began, by partition and offset.
pub struct TopicReader {
    consumer: BaseConsumer<LogContext>,
    name: Arc<str>,
    /// Partitions that are still to be read, and where each ends; the first of them is being read.
    ends: BTreeMap<i32, i64>,
    assigned: Option<i32>,
    /// For each question and for each silence.
    patience: Duration,
}

impl Cluster {
    /// Blocks, as each page does.
    pub fn topic_reader(&self, topic: &str, patience: Duration) -> Result<TopicReader, KafkaError> {
        // A consumer cannot assign without a group's name; it never joins it.
        let consumer = self.consumer(Some("topup-reader"))?;
        let ends = ends(&consumer, topic, patience)?;
        Ok(TopicReader { consumer, name: topic.into(), ends, assigned: None, patience })
    }
}

impl TopicReader {
    /// The next records; none at the end.
    pub fn next_page(&mut self) -> Result<Vec<Record>, KafkaError> {
        let mut records = Vec::new();
        let (mut bytes, mut heard) = (0_usize, Instant::now());
        while let Some((partition, end)) = self.ends.first_key_value().map(|(p, end)| (*p, *end)) {
            if records.len() >= PAGE_RECORDS || bytes >= PAGE_BYTES {
                break;
            }
            self.assign(partition)?;
            if let Some(message) = self.consumer.poll(POLL) {
                let message = message.map_err(KafkaError::client("read"))?;
                heard = Instant::now();
                if message.partition() == partition && message.offset() < end {
                    bytes = bytes.saturating_add(message.payload_len() + message.key_len());
                    records.push(Record::copy_of(self.name.clone(), &message));
                }
            } else if heard.elapsed() > self.patience {
                return Err(KafkaError::Fatal(format!("nothing more of {} came", self.name)));
            }
            // The position also moves over what is no record: compacted, or a transaction's end.
            let positions = self.consumer.position().map_err(KafkaError::client("position"))?;
            let element = positions.find_partition(&self.name, partition);
            if matches!(element.map(|e| e.offset()), Some(Offset::Offset(at)) if at >= end) {
                self.ends.remove(&partition);
            }
        }
        Ok(records)
    }

    /// One partition at a time, so that records come in their order.
    fn assign(&mut self, partition: i32) -> Result<(), KafkaError> {
        if self.assigned != Some(partition) {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&self.name, partition, Offset::Beginning)
                .map_err(KafkaError::client("assign"))?;
            self.consumer.assign(&list).map_err(KafkaError::client("assign"))?;
            self.assigned = Some(partition);
        }
        Ok(())
    }
}

/// A part of a log: from an offset to where the log ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    pub topic: String,
    pub partition: i32,
    pub from: i64,
    pub end: i64,
}

impl Cluster {
    /// Those of `tails` in which no record is: all that is there are the marks with which
    /// transactions end, or records of transactions that were aborted. Blocks; what is not known
    /// after `patience` counts as holding a record.
    pub fn without_records(
        &self,
        mut tails: Vec<Tail>,
        patience: Duration,
    ) -> Result<Vec<Tail>, KafkaError> {
        let until = Instant::now() + patience;
        let consumer = self.consumer(Some("topup-reader"))?;
        let mut list = TopicPartitionList::new();
        for tail in &tails {
            list.add_partition_offset(&tail.topic, tail.partition, Offset::Offset(tail.from))
                .map_err(KafkaError::client("assign"))?;
        }
        consumer.assign(&list).map_err(KafkaError::client("assign"))?;
        let mut empty = Vec::new();
        while !tails.is_empty() && Instant::now() < until {
            if let Some(Ok(message)) = consumer.poll(POLL) {
                let of = |tail: &Tail| {
                    tail.topic == message.topic() && tail.partition == message.partition()
                };
                tails.retain(|tail| !of(tail));
            }
            let positions = consumer.position().map_err(KafkaError::client("position"))?;
            let through = |tail: &Tail| {
                let element = positions.find_partition(&tail.topic, tail.partition);
                matches!(element.map(|e| e.offset()), Some(Offset::Offset(at)) if at >= tail.end)
            };
            empty.extend(tails.iter().filter(|tail| through(tail)).cloned());
            tails.retain(|tail| !through(tail));
        }
        Ok(empty)
    }
}

/// Where the partitions that hold something end.
fn ends(
    consumer: &BaseConsumer<LogContext>,
    topic: &str,
    patience: Duration,
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let metadata =
        consumer.fetch_metadata(Some(topic), patience).map_err(KafkaError::client("metadata"))?;
    let mut ends = BTreeMap::new();
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    for id in partitions.map(|partition| partition.id()) {
        let found = ends::ends(consumer, topic, id, patience);
        let (low, high) = found.map_err(KafkaError::client("ends of a log"))?;
        if high > low {
            ends.insert(id, high);
        }
    }
    if metadata.topics().iter().all(|topic| topic.partitions().is_empty()) {
        return Err(KafkaError::setting(topic, "there is no such topic"));
    }
    Ok(ends)
}

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
/// Records of one reading, all of them in memory; at most 64 KiB each of ours.
const RECORDS_MAX: usize = 200_000;

impl Cluster {
    /// All records from the beginning of each partition to the end that it has now, ordered by
    /// partition and offset. Blocks; `patience` is for each question and for each silence.
    pub fn read_topic(&self, topic: &str, patience: Duration) -> Result<Vec<Record>, KafkaError> {
        // A consumer cannot assign without a group's name; it never joins it.
        let consumer = self.consumer(Some("topup-reader"))?;
        let mut ends = ends(&consumer, topic, patience)?;
        let mut list = TopicPartitionList::new();
        for partition in ends.keys() {
            list.add_partition_offset(topic, *partition, Offset::Beginning)
                .map_err(KafkaError::client("assign"))?;
        }
        consumer.assign(&list).map_err(KafkaError::client("assign"))?;
        let name: Arc<str> = topic.into();
        let mut records = Vec::new();
        let mut heard = Instant::now();
        while !ends.is_empty() {
            if let Some(message) = consumer.poll(POLL) {
                let message = message.map_err(KafkaError::client("read"))?;
                heard = Instant::now();
                if records.len() >= RECORDS_MAX {
                    let problem = format!("{topic} has more than {RECORDS_MAX} records");
                    return Err(KafkaError::Fatal(problem));
                }
                if ends.get(&message.partition()).is_some_and(|end| message.offset() < *end) {
                    records.push(Record::copy_of(name.clone(), &message));
                }
            } else if heard.elapsed() > patience {
                return Err(KafkaError::Fatal(format!("nothing more of {topic} came")));
            }
            // The position also moves over what is no record: compacted, or a transaction's end.
            let positions = consumer.position().map_err(KafkaError::client("position"))?;
            ends.retain(|partition, end| {
                let element = positions.find_partition(topic, *partition);
                !matches!(element.map(|e| e.offset()), Some(Offset::Offset(at)) if at >= *end)
            });
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
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

//! The log of one partition, asked by a client beside the consumer: where it ends, and what lies
//! at an offset. It moves no position of the consumer.

use std::sync::Arc;

use super::lane::LaneCancel;
use super::probe::Probe;
use super::record::Record;
use super::trouble::Trouble;

/// The log when it was looked at: `low` is the first offset still kept, `high` the one that the
/// next record will get.
#[derive(Debug, Clone)]
pub struct PartitionLog {
    pub low: i64,
    pub high: i64,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Broker { probe: Probe, topic: Arc<str>, partition: i32, cancel: LaneCancel },
    Memory(Arc<Vec<Record>>),
}

/// Why the log gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSilence {
    /// The lane is to stop.
    Cancelled,
    Trouble(Trouble),
}

impl PartitionLog {
    pub(super) fn new(
        (low, high): (i64, i64),
        probe: Probe,
        topic: Arc<str>,
        partition: i32,
        cancel: LaneCancel,
    ) -> Self {
        Self { low, high, source: Source::Broker { probe, topic, partition, cancel } }
    }

    /// A log in memory: what a handler is tested with.
    pub fn in_memory(low: i64, high: i64, records: Vec<Record>) -> Self {
        Self { low, high, source: Source::Memory(Arc::new(records)) }
    }

    /// The first record at `offset` or after it. Offsets without a record (what was compacted, or
    /// belongs to the end of a transaction) are passed over.
    ///
    /// # Errors
    /// Why there is no answer; while brokers are away it asks on.
    pub async fn first_from(&self, offset: i64) -> Result<Option<Record>, LogSilence> {
        match &self.source {
            Source::Broker { probe, topic, partition, cancel } => {
                probe.first_from(topic, *partition, offset, cancel).await
            }
            Source::Memory(records) => {
                Ok(records.iter().find(|record| record.offset >= offset).cloned())
            }
        }
    }
}

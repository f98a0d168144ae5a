//! What the consumer tells about itself, for readiness and `topup status`.

use std::sync::Arc;

/// A snapshot; taking it never waits for Kafka or the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// False once the consumer thread has ended.
    pub running: bool,
    /// Assigned partitions by topic and number.
    pub partitions: Vec<PartitionStatus>,
    /// The last error of the client, for example that no broker can be reached.
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStatus {
    pub topic: Arc<str>,
    pub partition: i32,
    pub phase: PartitionPhase,
    pub buffered_records: usize,
    pub buffered_bytes: usize,
    /// The offset that the database wants next, as far as the lane has told.
    pub next_offset: Option<i64>,
    /// Records dropped because the database already had them.
    pub dropped_records: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionPhase {
    /// Assigned or fenced, and about to be opened; not fetched.
    Waiting,
    /// The handler takes the fence; not fetched.
    Opening,
    /// Opened; the position is being set to what the database wants.
    Seeking,
    Flowing,
    /// The lane is full: paused until it has drained to half.
    Full,
    /// Must not flow; the handler said why.
    Held {
        reason: String,
    },
    /// Leaving, because of a rebalance or a shutdown.
    Closing,
}

impl PartitionStatus {
    /// True when librdkafka does not fetch the partition.
    pub fn is_paused(&self) -> bool {
        self.phase != PartitionPhase::Flowing
    }
}

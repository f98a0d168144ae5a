//! What the consumer tells about itself, for readiness and `topup status`.

use std::sync::Arc;
use std::time::Duration;

use super::trouble::HeldAs;

/// A snapshot; taking it never waits for Kafka or the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// False once the consumer thread has ended.
    pub running: bool,
    /// Assigned partitions by topic and number.
    pub partitions: Vec<PartitionStatus>,
    /// The last error of the client, for example that no broker can be reached.
    pub last_error: Option<String>,
    /// How long ago the consumer thread began its last turn.
    pub silent_for: Duration,
    /// The group has shared its partitions out, be it that none is ours.
    pub joined: bool,
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
    /// Must not flow, or cannot be read. It is opened again from time to time.
    Held {
        held_as: HeldAs,
        reason: String,
    },
    /// Leaving, because of a rebalance or a shutdown.
    Closing,
}

impl PartitionPhase {
    /// The word for it in `topup status`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Opening | Self::Seeking => "opening",
            Self::Flowing => "flowing",
            Self::Full => "full",
            Self::Held { held_as, .. } => held_as.word(),
            Self::Closing => "left",
        }
    }

    /// Why it is held; nothing otherwise.
    pub fn reason(&self) -> &str {
        if let Self::Held { reason, .. } = self { reason } else { "" }
    }
}

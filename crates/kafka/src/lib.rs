//! **receive** and produce: the only place with rdkafka.
//!
//! Shape: one plain thread owns the consumer and never blocks; one task per assigned partition (a
//! *lane*) hands batches to a [`BatchHandler`], which is all that the rest of the program sees.
//!
//! ```text
//!  librdkafka ──poll──► consumer thread ──push──► lane queue ──batch──► lane task ──► handler
//!                        pause/resume/seek ◄──events (opened, committed, ended)──┘
//! ```
//!
//! Order: records of a partition reach its handler in offset order, each at most once per open.
//! The database says where a partition continues; one that it does not know begins at the start of
//! its log. What the group committed is for people and their tools: nothing starts there.
//!
//! No record is passed over: librdkafka never sets a position by itself
//! (`auto.offset.reset=error`), an offset that goes backwards opens the lane anew, and one that
//! leaves others out is only believed when the log says that they are no records (see `lane_task`).
//!
//! Bounds: see [`ConsumerConfig`]; a lane holds at most its limits in the queue and one batch in
//! the handler, and librdkafka holds the prefetch set in `config.rs`.
//!
//! It knows none of our other packages but `native_headers`.

#![warn(unreachable_pub)]

pub mod admin;
mod config;
mod consumer;
mod context;
mod ends;
mod error;
mod lane;
mod lane_task;
mod log;
pub mod mock;
mod noise;
mod outage;
mod poll_loop;
mod probe;
mod producer;
mod queue;
pub mod reader;
mod record;
mod refusal;
mod shared;
mod shown;
mod slots;
mod status;
mod token;
mod trouble;

pub use config::{ConsumerConfig, GroupProtocol};
pub use consumer::{CLOSE_GRACE, ConsumerHandle, Topics, start};
pub use error::{KafkaError, Said};
pub use lane::{BatchHandler, Checked, LaneCancel, Opened, Processed};
pub use log::{LogSilence, PartitionLog};
pub use outage::{BrokerOutage, Say, Spell};
pub use poll_loop::ShutdownReport;
pub use producer::{OutRecord, Producer, ProducerConfig, SendError};
pub use record::{Header, Record};
pub use refusal::{CODES, Refusal};
pub use shown::Shown;
pub use status::{ConsumerStatus, PartitionPhase, PartitionStatus};
pub use trouble::{HeldAs, Trouble};

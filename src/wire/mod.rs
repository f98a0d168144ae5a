//! **decode**: a Kafka record's bytes become a [`Message`], or a [`DecodeFailure`] with a stable
//! code; and the way out: a fact becomes an event, a dead record gets its headers.
//!
//! Shape of the way in, in the order of the checks (and of [`DecodeCode`]):
//! 1. `envelope`: size, UTF-8, JSON, duplicate keys, attributes;
//! 2. [`mod@decode`]: the type and its topic;
//! 3. [`command`] or [`bank`]: a strict DTO, then each field through `Fields`;
//! 4. the record key.
//!
//! Pure and deterministic: no clock, no I/O, no state. What needs state (a duplicate, a conflict,
//! an invoice that does not exist) is decided later. Nothing here rounds, trims or repairs.
//! May import: serde, `serde_json`, sha2, chrono, thiserror, domain, and what a header is from
//! kafka. Not rdkafka, not sqlx.
//!
//! [`Message`]: crate::domain::input::Message

mod advice;
pub mod bank;
pub mod base64;
mod canonical;
mod code;
pub mod command;
pub mod dead_letter;
pub mod decode;
mod envelope;
pub mod event;
mod fields;
mod kept;
pub mod origin;
mod release;
mod returns;
mod split;
mod strict;
#[cfg(test)]
mod tests;
mod usage;
mod values;

pub use bank::bank_content_hash;
pub use code::DecodeCode;
pub use dead_letter::{DeadLetterHeaders, mask};
pub use decode::{DecodeFailure, RawRecord, Topic, Unauthorised, decode};
pub use envelope::{is_binary, own_id};
pub use event::{encode_event, traceparent_of};
pub use usage::usage_account;

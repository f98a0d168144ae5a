//! **decide**: the rules of money, pure. No async, no I/O, no clock, no randomness, no serde.
//!
//! A record becomes a [`input::Message`]; [`decide::decide`] reads and updates the
//! [`working_set::WorkingSet`] and returns [`effect::Effect`]s as data; the store persists them.
//! What it may import stands in its manifest.

#![warn(unreachable_pub)]

pub mod account;
pub mod advice;
pub mod allocation;
pub mod authority;
pub mod bank;
pub mod chain;
pub mod decide;
pub mod effect;
pub mod event;
pub mod ids;
pub mod input;
pub mod invoice;
pub mod keys;
pub mod ledger;
pub mod mask;
pub mod matching;
pub mod model;
pub mod model_gen;
pub mod money;
pub mod payment;
pub mod payment_qr;
pub mod queue;
pub mod rejection;
pub mod reversal;
pub mod review;
pub mod shared;
pub mod split;
pub mod threshold;
pub mod usage;
pub mod void_candidate;
pub mod want;
pub mod working_set;

#[cfg(test)]
mod edge_cases;
#[cfg(test)]
mod testkit;

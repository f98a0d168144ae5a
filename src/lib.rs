//! topup: turns bank money into prepaid balance: correctly, once, and fast.
//!
//! The flow: receive ([`kafka`]) → decode ([`wire`]) → decide ([`domain`]) → persist ([`store`])
//! → relay ([`relay`]); [`pipeline`] leads a batch through it, [`app`] wires it, [`cli`] looks.
//! [`jobs`] run by the clock; `observe` shows a worker to whoever watches it.

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
mod demo;
pub mod generate;
mod jitter;
pub mod jobs;
mod masked;
mod observe;
pub mod operator;
mod outage;
pub mod pipeline;
mod reach;
pub mod relay;
pub mod rules;
pub mod schedule;
pub mod signature;
pub mod store;
mod telemetry;
mod timekeeper;
pub mod wire;

pub use topup_domain as domain;
pub use topup_kafka as kafka;

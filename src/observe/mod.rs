//! What can be seen of a worker from outside, over HTTP on a port of its own: `/metrics`, and
//! whether it lives (`/livez`), can do its work (`/readyz`) and has started (`/startupz`).
//!
//! A look costs the worker nothing that matters: what is counted is counted for each batch, what
//! stands in the database is read by [`book`] at its own pace, and no request asks the database,
//! Kafka or a task for anything. So each is answered at once, whatever is away. [`service`] tells a
//! service manager the same.

mod board;
pub(crate) mod book;
mod gauges;
mod http;
mod meters;
pub(crate) mod service;
mod signs;
mod spread;

pub(crate) use board::{Board, Watched};
pub(crate) use http::listen;
pub(crate) use meters::{Counted, Decision, Meters, decision_of};
pub(crate) use signs::Signs;

//! What deciding a record does, as tables and as properties of random logs.

mod advice;
mod back_again;
mod bank;
mod batches;
mod commands;
mod details;
mod ended;
mod entries;
mod given_back;
mod precedence;
mod properties;
mod questions;
mod returns;
mod reverse;
mod review;
mod split;
mod split_returns;
mod spoken;
mod threshold;
mod together;
mod usage;
mod waiting;

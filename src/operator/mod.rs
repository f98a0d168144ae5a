//! What an operator does: with dead letters, void candidates and rule sets; by commands of their
//! own; forgetting whom they are asked to; and simulating what other rules would decide. The
//! command line calls it: here is nothing that reads words or prints.

pub mod dead_letters;
pub mod forget;
pub(crate) mod orders;
pub(crate) mod review;
pub mod rules;
pub mod simulate;
pub mod void_candidates;

//! Integration tests on real PostgreSQL and real Kafka: a database and a topic prefix of its own
//! for each test, level-triggered waits, no retries. One binary, so that it is linked once.

#![allow(clippy::expect_used, reason = "a test may say: this cannot fail")]

mod any_bytes;
mod audit_teeth;
mod auditor;
mod bank;
mod clock;
mod commands;
mod constraints;
mod corpus;
mod crash;
mod dead_letter_import;
mod dead_letter_tools;
mod dead_letters;
mod edge_cases;
mod events;
mod exactly_once;
mod flow;
mod generous;
mod harness;
mod isolation;
mod jobs;
mod jobs_killed;
mod kafka_adapter;
mod keys;
mod late_locks;
mod log_changes;
mod main_job;
mod masked_edits;
mod matching_rest;
mod model;
mod possible_duplicate;
mod proof;
mod quality;
mod readme;
mod reconcile;
mod relay;
mod rematch;
mod restored;
mod review;
mod rules;
mod runbook;
mod same_money;
mod simulate;
mod size;
mod splits;
mod statements;
mod steps_back;
mod stopping;
mod usage;
mod verbs;
mod views;
mod views_back;
mod void_candidates;
mod watch_race;

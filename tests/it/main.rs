//! Integration tests on real PostgreSQL and real Kafka: a database and a topic prefix of its own
//! for each test, level-triggered waits, no retries.

mod harness;
mod main_job;

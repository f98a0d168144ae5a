//! A batch's way through the stages **decode → decide → persist**, and what becomes of errors.
//!
//! Shape: the consumer hands a lane batches of one partition; each batch is one database
//! transaction with its effects, its inbox rows, its dead letters, its events and its checkpoint.
//! A transient error is tried again without limit; a permanent one is bisected down to the record
//! that causes it, which becomes a dead letter, and the rest commits. Concurrency: one
//! transaction per lane, at most `writers` at a time (two writers fill two cores).
//!
//! No timeout, `select!` or abort goes around a database future here.

pub mod batch;
pub mod explanation;
mod lane;
pub mod replay;
pub mod sweep;

use std::sync::Arc;

use chrono::Duration;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::domain::matching::Policy;
use crate::wire::Topic;

/// The topics by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicNames {
    pub commands: String,
    pub bank_payments: String,
    pub usage: String,
    pub events: String,
    pub dead_letters: String,
}

impl TopicNames {
    /// `<prefix>.invoice-commands.v1` and so on.
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        Self {
            commands: format!("{prefix}.invoice-commands.v1"),
            bank_payments: format!("{prefix}.bank-payments.v1"),
            usage: format!("{prefix}.usage.v1"),
            events: format!("{prefix}.events.v1"),
            dead_letters: format!("{prefix}.dead-letters.v1"),
        }
    }

    /// Which of ours a topic is.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<Topic> {
        if name == self.commands {
            Some(Topic::Commands)
        } else if name == self.bank_payments {
            Some(Topic::BankPayments)
        } else if name == self.usage {
            Some(Topic::Usage)
        } else {
            None
        }
    }
}

/// What the pipeline needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    pub group: String,
    /// Names this worker in the checkpoints.
    pub owner: String,
    pub topics: TopicNames,
    pub policy: Policy,
    /// How long a command waits for what it names.
    pub waiting_deadline: Duration,
    /// `CloudEvents` source of what we publish.
    pub event_source: String,
    /// Batches written at the same time.
    pub writers: usize,
}

/// Processes batches; shared by all lanes of a worker.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pool: PgPool,
    settings: Arc<Settings>,
    clock: Clock,
    writers: Arc<Semaphore>,
    /// Told when something was recorded that a waiting command may need.
    sweep_wanted: Arc<tokio::sync::Notify>,
}

impl Pipeline {
    #[must_use]
    pub fn new(pool: PgPool, settings: Settings, clock: Clock) -> Self {
        let writers = Arc::new(Semaphore::new(settings.writers.max(1)));
        let sweep_wanted = Arc::new(tokio::sync::Notify::new());
        Self { pool, settings: Arc::new(settings), clock, writers, sweep_wanted }
    }

    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Resolves when a batch has recorded something that a waiting command may need.
    pub async fn sweep_wanted(&self) {
        self.sweep_wanted.notified().await;
    }
}

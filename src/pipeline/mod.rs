//! A batch's way through the stages **decode → decide → persist**, and what becomes of errors.
//!
//! Shape: the consumer hands a lane batches of one partition; each batch is one database
//! transaction with its effects, its inbox rows, its dead letters, its events and its checkpoint.
//! A transient error is tried again without limit; a permanent one is bisected down to the record
//! that causes it, which becomes a dead letter, and the rest commits. Concurrency: one
//! transaction per lane, at most `writers` at a time (two writers fill two cores).
//!
//! No timeout, `select!` or abort goes around a database future here.

mod again;
mod authority;
pub mod batch;
pub(crate) mod in_hand;
mod lane;
mod last_resort;
mod log_place;
pub(crate) mod own;
mod rules;
pub mod sweep;

pub use again::dead_letter_raw_in_tx;
pub use authority::Authority;
pub(crate) use lane::decode_again;
pub use lane::{headers_from_json, headers_to_json, time_of};

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use tokio::sync::{Mutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, Semaphore};

use crate::clock::Clock;
use crate::config::Topics;
use crate::domain::matching::Policy;
use crate::domain::payment_qr::PaymentQr;
use crate::domain::threshold::Levels;
use crate::observe::Meters;
use crate::outage::Outage;
use crate::store::PgPool;
use crate::store::load::ProofFeed;
use crate::wire::{Topic, usage_account};

/// Which of the topics that we read `name` is.
pub fn topic_kind(topics: &Topics, name: &str) -> Option<Topic> {
    if name == topics.commands {
        Some(Topic::Commands)
    } else if name == topics.bank_payments {
        Some(Topic::BankPayments)
    } else if name == topics.usage {
        Some(Topic::Usage)
    } else {
        None
    }
}

/// Whether what comes goes behind the waiting commands of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Queue,
    /// Before them: they came later, or an operator replays it.
    First,
}

/// What the pipeline needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    pub group: String,
    /// Names this worker in the checkpoints.
    pub owner: String,
    pub topics: Topics,
    /// Everybody's policy while no rule set is active.
    pub policy: Policy,
    /// Levels of balances for accounts that have none of their own.
    pub balance_levels: Levels,
    /// Whom invoices are to be paid to, for their QR codes.
    pub payment_qr: PaymentQr,
    /// How long a command waits for what it names.
    pub waiting_deadline: Duration,
    /// How many days a remittance advice waits for its payment.
    pub advice_days: u16,
    /// A live hold that is older than this expires.
    pub hold_max_age: Duration,
    /// Whether the usage feed must prove that money is unspent before it is taken off.
    pub usage_proof: bool,
    /// By how much clocks may differ: ours and the database's, ours and a feed's.
    pub clock_skew: Duration,
    /// How long a command waits for that proof.
    pub proof_deadline: Duration,
    /// `CloudEvents` source of what we publish.
    pub event_source: String,
    /// Batches written at the same time.
    pub writers: usize,
    pub authority: Authority,
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
    /// What matching decides by.
    rules: Arc<rules::Kept>,
    /// Held by who decodes or decides; alone by who tries a record that may kill the process.
    turns: Arc<RwLock<()>>,
    on_trial: Arc<lane::OnTrial>,
    /// Held by who sweeps: the number under which this process has items in hand, once it has one.
    sweeping: Arc<Mutex<Option<i64>>>,
    /// How far sweeps have looked at what waits.
    rounds: Arc<sweep::Rounds>,
    /// Invoices whose suggestions are to be looked at again.
    touched: Arc<sweep::Touched>,
    meters: Arc<Meters>,
    /// Whether the database is lost, and who was told.
    outage: Arc<Outage>,
}

impl Pipeline {
    pub fn new(pool: PgPool, settings: Settings, clock: Clock) -> Self {
        let writers = Arc::new(Semaphore::new(settings.writers.max(1)));
        let sweep_wanted = Arc::new(tokio::sync::Notify::new());
        let rules = Arc::new(rules::Kept::new(None));
        let turns = Arc::new(RwLock::new(()));
        let sweeping = Arc::new(Mutex::new(None));
        let (meters, outage) = (Arc::new(Meters::new(&settings.topics)), Arc::default());
        let (settings, rounds, touched) = (Arc::new(settings), Arc::default(), Arc::default());
        let on_trial = Arc::default();
        Self {
            pool,
            settings,
            clock,
            writers,
            sweep_wanted,
            rules,
            turns,
            on_trial,
            sweeping,
            rounds,
            touched,
            meters,
            outage,
        }
    }

    /// What is counted of its work.
    pub(crate) fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Whether the database is away, and who was told.
    pub(crate) fn outage(&self) -> &Arc<Outage> {
        &self.outage
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who says at `at` that all is known up to a later instant than this is not believed.
    pub fn claims_until(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at.checked_add_signed(self.settings.clock_skew).unwrap_or(at)
    }

    /// Whether this machine's clock is the database's, as nearly as clocks are to be.
    pub fn clock_is_right(&self) -> bool {
        self.clock.off_by().abs() <= self.settings.clock_skew
    }

    /// The feed that proves what is unspent; none: what is known counts.
    pub(crate) fn proof_feed(&self, at: DateTime<Utc>) -> Option<ProofFeed> {
        let settings = &self.settings;
        let claims_until = self.claims_until(at);
        let (group, topic) = (settings.group.clone(), settings.topics.usage.clone());
        settings.usage_proof.then_some(ProofFeed {
            group,
            topic,
            claims_until,
            concerns: usage_account,
        })
    }

    /// A turn beside others. Never two at a time, and none while a transaction is open.
    pub(crate) async fn turn(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.turns).read_owned().await
    }

    /// A turn beside others, unless the caller has one alone already.
    pub(crate) async fn turn_unless(&self, alone: bool) -> Option<OwnedRwLockReadGuard<()>> {
        if alone { None } else { Some(self.turn().await) }
    }

    /// A turn in which nothing else of this process is decoded or decided.
    pub(crate) async fn turn_alone(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.turns).write_owned().await
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Resolves when a batch has recorded something that a waiting command may need.
    pub async fn sweep_wanted(&self) {
        self.sweep_wanted.notified().await;
    }
}

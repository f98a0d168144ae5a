//! `status`: where the records stand, what waits, which money a person has to look at.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection};

use super::dead_letters::{self, GroupRow};
use super::jobs::{self, JobRow};
use super::partitions::{self, ChangeRow};
use super::time::{At, Day};
use super::{Result, sum};
use crate::store::PgPool;
use crate::store::sql;

const CHECKPOINTS: &str = sql!("views_status_checkpoints");
const OUTBOX: &str = sql!("views_status_outbox");
const HOLDS: &str = sql!("views_relay_holds");
const WAITING: &str = sql!("views_status_waiting");
const PARKED: &str = sql!("views_status_parked");
const RETURNS: &str = sql!("views_status_returns");
const ADVICES: &str = sql!("views_status_advices");
const FAILING: &str = sql!("views_status_failing");
const CANDIDATES: &str = sql!("views_status_candidates");
const FUTURE: &str = sql!("views_status_future");
const BLOCKING: &str = sql!("views_status_blocking");
const WORKERS: &str = sql!("views_status_workers");
const BALANCES: &str = sql!("views_status_balances");

#[derive(Debug, Clone, Serialize)]
pub struct StatusView {
    /// What is wrong, and what is to be looked at, a sentence each; nothing where all is well.
    pub verdict: Verdict,
    /// Workers that told of themselves within the last day.
    pub workers: Vec<WorkerRow>,
    pub checkpoints: Vec<CheckpointRow>,
    /// What logs did under their readers, as long as nobody has settled it.
    pub log_changes: Vec<ChangeRow>,
    /// Statements that are complete up to a time that has not come: they prove nothing.
    pub future_statements: Vec<FutureStatement>,
    /// Sessions that hold locks for which others wait.
    pub blocking: Vec<BlockingSession>,
    pub outbox: OutboxView,
    pub dead_letters: Vec<GroupRow>,
    pub waiting: Vec<WaitingGroup>,
    pub parked: Vec<ParkedGroup>,
    pub parked_returns: Vec<ReturnsGroup>,
    /// Remittance advices that belong to no payment.
    pub advices: Vec<AdvicesGroup>,
    /// What failed when its turn came, and is tried again by itself.
    pub failing: Vec<FailingGroup>,
    pub balances: Vec<BalanceTotal>,
    /// Invoices that are void candidates now.
    pub void_candidates: i64,
    /// Each job with its latest run.
    pub jobs: Vec<JobRow>,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct CheckpointRow {
    pub consumer_group: String,
    pub topic: String,
    pub partition: i32,
    pub epoch: i64,
    pub next_offset: Option<i64>,
    /// Raised when the log was another one than before.
    pub incarnation: i32,
    /// flowing, full, opening, waiting, held, unreadable, unauthorised, left, unknown, unopened.
    pub state: String,
    #[sqlx(rename = "since")]
    pub state_since: Option<At>,
    /// Why it is held, unreadable or unauthorised.
    pub reason: String,
    pub owner: String,
    /// None where nobody has ever opened it.
    pub updated_at: Option<At>,
    pub age_seconds: Option<i64>,
    /// Records that the database has not seen; None when Kafka was not asked or did not answer.
    #[sqlx(skip)]
    pub lag: Option<i64>,
}

impl CheckpointRow {
    /// Whether it does not flow, and a person has to look.
    pub fn is_held(&self) -> bool {
        matches!(self.state.as_str(), "held" | "unreadable" | "unauthorised")
    }

    /// A partition that Kafka has and no worker of this group has ever opened.
    pub fn unopened(group: &str, topic: &str, partition: i32) -> Self {
        Self {
            consumer_group: group.to_owned(),
            topic: topic.to_owned(),
            partition,
            epoch: 0,
            next_offset: None,
            incarnation: 1,
            state: "unopened".to_owned(),
            state_since: None,
            reason: String::new(),
            owner: String::new(),
            updated_at: None,
            age_seconds: None,
            lag: None,
        }
    }

    /// That records wait here for the workers of this group, and that none of them reads it. A
    /// group that was given up has nobody who waits for it.
    pub fn unread(&self, group: &str) -> Option<String> {
        let nobody = matches!(self.state.as_str(), "left" | "unknown" | "unopened");
        let lag = self.lag.filter(|lag| *lag > 0 && nobody && self.consumer_group == group)?;
        let wait =
            if lag == 1 { "1 record waits".to_owned() } else { format!("{lag} records wait") };
        Some(format!("{}:{} is read by no worker: {wait}", self.topic, self.partition))
    }
}

/// What to say first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Something stands still, or may be false.
    pub wrong: Vec<String>,
    /// It goes on, and a person should look.
    pub look: Vec<String>,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct WorkerRow {
    pub owner: String,
    pub consumer_group: String,
    /// commands, bank, usage, relay, jobs; with commas.
    pub parts: String,
    pub version: String,
    pub started_at: At,
    /// Its last sign of life.
    pub told_at: At,
    pub silent_seconds: i64,
    /// That is not long ago.
    pub alive: bool,
    /// Its clock, in milliseconds; below zero it is behind.
    pub ahead_ms: i64,
    /// Since when that is too much: it runs no job.
    pub wrong_since: Option<At>,
    /// The version of its table of who may send what.
    pub authority: Option<String>,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct FutureStatement {
    pub bank_account: String,
    pub statement_id: String,
    pub currency: String,
    pub complete_through: At,
}

/// A session of the database server that others have waited for, for two seconds and more.
#[derive(Debug, Clone, Serialize, FromRow)]
pub struct BlockingSession {
    /// The server's process, for `pg_terminate_backend`.
    pub pid: i32,
    pub application: String,
    pub role: String,
    /// As the server has it, e.g. `idle in transaction`; `unknown` where it may not be seen.
    pub state: String,
    /// When its transaction began.
    pub since: Option<At>,
    /// Sessions that wait for it.
    pub waiting: i64,
    pub longest_seconds: i64,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct OutboxView {
    pub unpublished: i64,
    pub oldest: Option<At>,
    pub oldest_seconds: Option<i64>,
    /// Of those, rows of held keys, and copies of dead letters.
    pub held: i64,
    pub copies: i64,
    /// Keys whose next event Kafka refused, the longest held first.
    #[sqlx(skip)]
    pub held_keys: Vec<HeldKey>,
}

/// A key whose events are not published.
#[derive(Debug, Clone, Serialize, FromRow)]
pub struct HeldKey {
    pub key_kind: String,
    #[sqlx(rename = "record_key")]
    pub key: String,
    /// What Kafka or its client answered.
    pub code: String,
    pub rows: i64,
    pub attempts: i32,
    pub since: At,
    pub next_try: At,
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct WaitingGroup {
    pub needs: String,
    pub commands: i64,
    pub oldest: At,
    pub next_deadline: At,
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct ParkedGroup {
        pub reason: String,
        pub currency: String,
        pub payments: i64,
        pub unallocated: String = sum,
        pub oldest: Day,
    }
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct ReturnsGroup {
        /// `no_original` or `exceeds_payment`.
        pub why: String,
        pub currency: String,
        pub returns: i64,
        pub amount: String = sum,
        pub oldest: At,
        pub oldest_seconds: i64,
    }
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct AdvicesGroup {
        /// open, ambiguous, expired.
        pub state: String,
        pub currency: String,
        pub advices: i64,
        pub amount: String = sum,
        pub oldest: At,
    }
}

#[derive(Debug, Clone, Serialize, FromRow)]
pub struct FailingGroup {
    /// command, return, hold, rematch, candidate, letter, prune.
    pub kind: String,
    /// The server's code and the constraint, or a word.
    pub code: String,
    pub items: i64,
    pub most_attempts: i32,
    pub since: At,
}

row! {
    #[derive(Debug, Clone, Serialize)]
    pub struct BalanceTotal {
        pub currency: String,
        pub accounts: i64,
        pub total: String = sum,
        pub negative: i64,
    }
}

pub async fn read(pool: &PgPool) -> Result<StatusView> {
    Ok(StatusView {
        // Said by whoever has asked Kafka as well.
        verdict: Verdict::default(),
        workers: rows(pool, WORKERS).await?,
        checkpoints: rows(pool, CHECKPOINTS).await?,
        log_changes: partitions::changes(pool, false).await?,
        future_statements: rows(pool, FUTURE).await?,
        blocking: rows(pool, BLOCKING).await?,
        outbox: OutboxView {
            held_keys: rows(pool, HOLDS).await?,
            ..sqlx::query_as(OUTBOX).fetch_one(pool).await?
        },
        dead_letters: dead_letters::groups(pool).await?,
        waiting: rows(pool, WAITING).await?,
        parked: rows(pool, PARKED).await?,
        parked_returns: rows(pool, RETURNS).await?,
        advices: rows(pool, ADVICES).await?,
        failing: rows(pool, FAILING).await?,
        balances: rows(pool, BALANCES).await?,
        void_candidates: sqlx::query_scalar(CANDIDATES).fetch_one(pool).await?,
        jobs: jobs::jobs(pool, &[]).await?,
    })
}

async fn rows<T>(pool: &PgPool, sql: &'static str) -> Result<Vec<T>>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(sql).fetch_all(pool).await
}

/// The checkpoints alone, over a connection of the caller's.
pub(super) async fn checkpoints(connection: &mut PgConnection) -> Result<Vec<CheckpointRow>> {
    sqlx::query_as(CHECKPOINTS).fetch_all(connection).await
}

/// The workers alone.
pub(super) async fn workers(connection: &mut PgConnection) -> Result<Vec<WorkerRow>> {
    sqlx::query_as(WORKERS).fetch_all(connection).await
}

//! `status`: where the records stand, what waits, which money a person has to look at.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::dead_letters::{self, GroupRow};
use super::jobs::{self, JobRow};
use super::partitions::{self, ChangeRow};
use super::time::{At, Day};
use super::{Result, sum};
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
const CLOCKS: &str = sql!("views_status_clocks");
const BALANCES: &str = sql!("views_status_balances");

#[derive(Debug, Clone, Serialize)]
pub struct StatusView {
    pub checkpoints: Vec<CheckpointRow>,
    /// What logs did under their readers, as long as nobody has settled it.
    pub log_changes: Vec<ChangeRow>,
    /// Workers whose clock is wrong: they run no job.
    pub wrong_clocks: Vec<ClockRow>,
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

#[derive(Debug, Clone, Serialize)]
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
    pub state_since: Option<At>,
    /// Why it is held, unreadable or unauthorised.
    pub reason: String,
    pub owner: String,
    /// None where nobody has ever opened it.
    pub updated_at: Option<At>,
    pub age_seconds: Option<i64>,
    /// Records that the database has not seen; None when Kafka was not asked or did not answer.
    pub lag: Option<i64>,
}

impl CheckpointRow {
    /// Whether it does not flow, and a person has to look.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.state.as_str(), "held" | "unreadable" | "unauthorised")
    }

    /// A partition that Kafka has and no worker of this group has ever opened.
    #[must_use]
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
    #[must_use]
    pub fn unread(&self, group: &str) -> Option<String> {
        let nobody = matches!(self.state.as_str(), "left" | "unknown" | "unopened");
        let lag = self.lag.filter(|lag| *lag > 0 && nobody && self.consumer_group == group)?;
        let wait =
            if lag == 1 { "1 record waits".to_owned() } else { format!("{lag} records wait") };
        Some(format!("{}:{} is read by no worker: {wait}", self.topic, self.partition))
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct ClockRow {
    pub owner: String,
    /// Milliseconds; below zero it is behind.
    pub ahead_ms: i64,
    pub since: At,
}

#[derive(Debug, Clone, Serialize)]
pub struct FutureStatement {
    pub bank_account: String,
    pub statement_id: String,
    pub currency: String,
    pub complete_through: At,
}

/// A session of the database server that others have waited for, for two seconds and more.
#[derive(Debug, Clone, Serialize)]
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

#[derive(Debug, Clone, Serialize)]
pub struct OutboxView {
    pub unpublished: i64,
    pub oldest: Option<At>,
    pub oldest_seconds: Option<i64>,
    /// Of those, rows of held keys, and copies of dead letters.
    pub held: i64,
    pub copies: i64,
    /// Keys whose next event Kafka refused, the longest held first.
    pub held_keys: Vec<HeldKey>,
}

/// A key whose events are not published.
#[derive(Debug, Clone, Serialize)]
pub struct HeldKey {
    pub key_kind: String,
    pub key: String,
    /// What Kafka or its client answered.
    pub code: String,
    pub rows: i64,
    pub attempts: i32,
    pub since: At,
    pub next_try: At,
}

#[derive(Debug, Clone, Serialize)]
pub struct WaitingGroup {
    pub needs: String,
    pub commands: i64,
    pub oldest: At,
    pub next_deadline: At,
}

#[derive(Debug, Clone, Serialize)]
pub struct ParkedGroup {
    pub reason: String,
    pub currency: String,
    pub payments: i64,
    pub unallocated: String,
    pub oldest: Day,
}

#[derive(Debug, Clone, Serialize)]
pub struct ReturnsGroup {
    /// `no_original` or `exceeds_payment`.
    pub why: String,
    pub currency: String,
    pub returns: i64,
    pub amount: String,
    pub oldest: At,
    pub oldest_seconds: i64,
}

#[derive(Debug, Clone, Serialize)]
pub struct AdvicesGroup {
    /// open, ambiguous, expired.
    pub state: String,
    pub currency: String,
    pub advices: i64,
    pub amount: String,
    pub oldest: At,
}

#[derive(Debug, Clone, Serialize)]
pub struct FailingGroup {
    /// command, return, hold, rematch, candidate, letter, prune.
    pub kind: String,
    /// The server's code and the constraint, or a word.
    pub code: String,
    pub items: i64,
    pub most_attempts: i32,
    pub since: At,
}

#[derive(Debug, Clone, Serialize)]
pub struct BalanceTotal {
    pub currency: String,
    pub accounts: i64,
    pub total: String,
    pub negative: i64,
}

/// # Errors
/// What the database says.
pub async fn read(pool: &PgPool) -> Result<StatusView> {
    let outbox = sqlx::query(OUTBOX).fetch_one(pool).await?;
    Ok(StatusView {
        checkpoints: rows(pool, CHECKPOINTS, checkpoint).await?,
        log_changes: partitions::changes(pool, false).await?,
        wrong_clocks: rows(pool, CLOCKS, clock).await?,
        future_statements: rows(pool, FUTURE, future_statement).await?,
        blocking: rows(pool, BLOCKING, blocking).await?,
        outbox: OutboxView {
            unpublished: outbox.try_get("unpublished")?,
            oldest: outbox.try_get("oldest")?,
            oldest_seconds: outbox.try_get("oldest_seconds")?,
            held: outbox.try_get("held")?,
            copies: outbox.try_get("copies")?,
            held_keys: rows(pool, HOLDS, held_key).await?,
        },
        dead_letters: dead_letters::groups(pool).await?,
        waiting: rows(pool, WAITING, waiting).await?,
        parked: rows(pool, PARKED, parked).await?,
        parked_returns: rows(pool, RETURNS, returns).await?,
        advices: rows(pool, ADVICES, advices).await?,
        failing: rows(pool, FAILING, failing).await?,
        balances: rows(pool, BALANCES, balances).await?,
        void_candidates: sqlx::query_scalar(CANDIDATES).fetch_one(pool).await?,
        jobs: jobs::jobs(pool).await?,
    })
}

async fn rows<T>(
    pool: &PgPool,
    sql: &'static str,
    map: impl Fn(&PgRow) -> Result<T>,
) -> Result<Vec<T>> {
    let rows = sqlx::query(sql).fetch_all(pool).await?;
    rows.iter().map(map).collect()
}

/// The checkpoints alone, over a connection of the caller's.
///
/// # Errors
/// What the database says.
pub(super) async fn checkpoints(connection: &mut PgConnection) -> Result<Vec<CheckpointRow>> {
    let rows = sqlx::query(CHECKPOINTS).fetch_all(connection).await?;
    rows.iter().map(checkpoint).collect()
}

fn checkpoint(row: &PgRow) -> Result<CheckpointRow> {
    Ok(CheckpointRow {
        consumer_group: row.try_get("consumer_group")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        epoch: row.try_get("epoch")?,
        next_offset: row.try_get("next_offset")?,
        incarnation: row.try_get("incarnation")?,
        state: row.try_get("state")?,
        state_since: row.try_get("since")?,
        reason: row.try_get("reason")?,
        owner: row.try_get("owner")?,
        updated_at: row.try_get("updated_at")?,
        age_seconds: row.try_get("age_seconds")?,
        lag: None,
    })
}

fn clock(row: &PgRow) -> Result<ClockRow> {
    Ok(ClockRow {
        owner: row.try_get("owner")?,
        ahead_ms: row.try_get("ahead_ms")?,
        since: row.try_get("since")?,
    })
}

fn future_statement(row: &PgRow) -> Result<FutureStatement> {
    Ok(FutureStatement {
        bank_account: row.try_get("bank_account")?,
        statement_id: row.try_get("statement_id")?,
        currency: row.try_get("currency")?,
        complete_through: row.try_get("complete_through")?,
    })
}

pub(super) fn blocking(row: &PgRow) -> Result<BlockingSession> {
    Ok(BlockingSession {
        pid: row.try_get("pid")?,
        application: row.try_get("application")?,
        role: row.try_get("role")?,
        state: row.try_get("state")?,
        since: row.try_get("since")?,
        waiting: row.try_get("waiting")?,
        longest_seconds: row.try_get("longest_seconds")?,
    })
}

fn held_key(row: &PgRow) -> Result<HeldKey> {
    Ok(HeldKey {
        key_kind: row.try_get("key_kind")?,
        key: row.try_get("record_key")?,
        code: row.try_get("code")?,
        rows: row.try_get("rows")?,
        attempts: row.try_get("attempts")?,
        since: row.try_get("since")?,
        next_try: row.try_get("next_try")?,
    })
}

fn waiting(row: &PgRow) -> Result<WaitingGroup> {
    Ok(WaitingGroup {
        needs: row.try_get("needs")?,
        commands: row.try_get("commands")?,
        oldest: row.try_get("oldest")?,
        next_deadline: row.try_get("next_deadline")?,
    })
}

fn parked(row: &PgRow) -> Result<ParkedGroup> {
    Ok(ParkedGroup {
        reason: row.try_get("reason")?,
        currency: row.try_get("currency")?,
        payments: row.try_get("payments")?,
        unallocated: sum(row, "unallocated")?,
        oldest: row.try_get("oldest")?,
    })
}

fn returns(row: &PgRow) -> Result<ReturnsGroup> {
    Ok(ReturnsGroup {
        why: row.try_get("why")?,
        currency: row.try_get("currency")?,
        returns: row.try_get("returns")?,
        amount: sum(row, "amount")?,
        oldest: row.try_get("oldest")?,
        oldest_seconds: row.try_get("oldest_seconds")?,
    })
}

fn advices(row: &PgRow) -> Result<AdvicesGroup> {
    Ok(AdvicesGroup {
        state: row.try_get("state")?,
        currency: row.try_get("currency")?,
        advices: row.try_get("advices")?,
        amount: sum(row, "amount")?,
        oldest: row.try_get("oldest")?,
    })
}

fn failing(row: &PgRow) -> Result<FailingGroup> {
    Ok(FailingGroup {
        kind: row.try_get("kind")?,
        code: row.try_get("code")?,
        items: row.try_get("items")?,
        most_attempts: row.try_get("most_attempts")?,
        since: row.try_get("since")?,
    })
}

fn balances(row: &PgRow) -> Result<BalanceTotal> {
    Ok(BalanceTotal {
        currency: row.try_get("currency")?,
        accounts: row.try_get("accounts")?,
        total: sum(row, "total")?,
        negative: row.try_get("negative")?,
    })
}

//! **persist** and load: the only place with sqlx. Functions with `_in_tx` join the caller's
//! transaction; a function that opens one commits it.
//!
//! Lock order, the same for every writer: checkpoint row, bank accounts (advisory), watch keys
//! (advisory), accounts by id, payments by id. Every change of an invoice, a lot or a balance
//! happens under the lock of its account's row, so those rows need no lock of their own. Each
//! multi-row lock has an `ORDER BY`.
//! Rows that are new may be inserted before their account is locked: nobody else knows them yet.
//!
//! Statements live in `sql/*.sql`; a test prepares each against the migrated schema.
//! No timeout, `select!` or abort goes around a future of this module: a cancelled `begin` can
//! lose an acknowledged write. Time limits are the server's own.

#[macro_use]
mod columns;

pub mod advices;
pub mod audit;
pub mod checkpoint;
pub mod clock;
pub mod compare;
pub mod crash_guard;
pub mod dead_letters;
pub mod doors;
pub mod error;
pub mod explanation;
pub mod failing;
pub mod forget;
pub mod in_force;
pub mod in_hand;
pub mod inbox;
pub mod jobs;
pub mod lines;
pub mod load;
pub mod orders;
pub mod outbox;
pub mod packed;
pub mod partitions;
pub mod persist;
pub mod pool;
pub mod prune;
pub mod reach;
pub mod reconcile;
pub mod rematch;
pub mod replay_runs;
pub mod returns;
mod rows;
pub mod rule_sets;
pub mod sql;
pub mod statements;
pub mod stretch;
pub mod usage;
pub mod views;
pub mod void_candidates;
pub mod waiting;

use std::time::Duration;

pub use error::StoreError;
pub use pool::{PgPool, Pooler};
pub(crate) use sql::sql;
/// What the database says, for those who may not name the driver.
pub use sqlx::Error as DatabaseError;
/// One connection, for those who may not name the driver.
pub use sqlx::PgConnection as Connection;

/// The roles that the migrations make. What an operator decides is decided as the worker.
pub const WORKER: &str = "topup_worker";
pub const OPERATOR: &str = "topup_operator";
pub const READER: &str = "topup_reader";

/// An open transaction.
pub type Tx<'a> = sqlx::Transaction<'a, sqlx::Postgres>;

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    pub url: String,
    pub pool_size: u32,
    pub statement_timeout: Duration,
    pub lock_timeout: Duration,
    pub idle_in_transaction_timeout: Duration,
    /// Taken on with `SET ROLE`; the migrations grant it what the worker needs and no more.
    pub role: Option<String>,
    pub application_name: String,
    pub pooler: Pooler,
    /// Every statement of the worker finds its rows by index. A plan that was cached while tables
    /// were small would scan them when they are large; so scans and hash joins are off for it.
    pub by_index: bool,
    /// Only a server that takes writes will do. What only looks may look at a replica.
    pub writes: bool,
}

impl ConnectOptions {
    /// The defaults of `topup config show` for `url`.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            pool_size: 8,
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            idle_in_transaction_timeout: Duration::from_secs(35),
            role: Some(WORKER.to_owned()),
            application_name: "topup".to_owned(),
            pooler: Pooler::None,
            by_index: false,
            writes: false,
        }
    }
}

/// Opens a pool. Connections are made when they are first needed.
///
/// # Errors
/// When the URL is malformed or the first connection fails; when something in between drops what
/// a worker must have in force.
pub async fn connect(options: &ConnectOptions) -> Result<PgPool, StoreError> {
    let pool = pool::open(options).await?;
    if options.writes {
        in_force::insist(&pool, options).await?;
    }
    Ok(pool)
}

/// Brings the schema up to date.
///
/// # Errors
/// When the database does not keep text as UTF-8, a migration fails, or a released one was edited.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    let encoding: String = sqlx::query_scalar(sql!("server_encoding")).fetch_one(pool).await?;
    if encoding != "UTF8" {
        return Err(StoreError::NotUtf8(encoding));
    }
    sqlx::migrate!("./migrations").run(pool.driver()).await.map_err(StoreError::Migration)
}

/// The next block of ids, for work that has no checkpoint to lock.
pub async fn next_id_block(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(sql!("next_id_block")).fetch_one(&mut **tx).await?)
}

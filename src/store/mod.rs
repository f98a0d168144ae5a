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

use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgPool};

pub use error::StoreError;
pub(crate) use sql::sql;
/// What the database says, for those who may not name the driver.
pub use sqlx::Error as DatabaseError;
/// One connection, for those who may not name the driver.
pub use sqlx::PgConnection as Connection;

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
            role: Some("topup_worker".to_owned()),
            application_name: "topup".to_owned(),
            by_index: false,
            writes: false,
        }
    }
}

/// Opens a pool. Connections are made when they are first needed.
///
/// # Errors
/// When the URL is malformed or the first connection fails.
pub async fn connect(options: &ConnectOptions) -> Result<PgPool, StoreError> {
    let millis = |duration: Duration| format!("{}ms", duration.as_millis());
    let idle = millis(options.idle_in_transaction_timeout);
    let connect = doors::options(&options.url)
        .map_err(sqlx::Error::config)?
        .application_name(&options.application_name)
        .options([
            ("statement_timeout", millis(options.statement_timeout)),
            ("lock_timeout", millis(options.lock_timeout)),
            ("idle_in_transaction_session_timeout", idle),
            ("synchronous_commit", "on".to_owned()),
        ]);
    // A slow statement would be logged with its whole text, at each time: the server's own log
    // (`log_min_duration_statement`) is the place for that.
    let connect = sqlx::ConnectOptions::disable_statement_logging(connect);
    let connect = if options.by_index {
        // A scan that has no other way costs ten billion on paper: too much not to be compiled,
        // which takes a tenth of a second even for an empty table.
        let off = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"];
        connect.options(off.map(|setting| (setting, "off")))
    } else {
        connect
    };
    let (role, writes) = (options.role.clone(), options.writes);
    let pool = PgPoolOptions::new()
        .max_connections(options.pool_size)
        .acquire_timeout(Duration::from_secs(30))
        .after_connect(move |connection, _| {
            let role = role.clone();
            Box::pin(async move {
                if let Some(role) = role {
                    let query = sqlx::query("SELECT set_config('role', $1, false)").bind(role);
                    connection.execute(query).await?;
                }
                if writes { writable(connection).await } else { Ok(()) }
            })
        })
        .connect_with(connect)
        .await?;
    Ok(pool)
}

/// After another server has taken over, the old one may still answer.
async fn writable(connection: &mut Connection) -> Result<(), sqlx::Error> {
    let writes: bool = sqlx::query_scalar(sql!("server_writes")).fetch_one(connection).await?;
    if writes { Ok(()) } else { Err(sqlx::Error::Configuration(reach::READ_ONLY.into())) }
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
    sqlx::migrate!("./migrations").run(pool).await.map_err(StoreError::Migration)
}

/// The next block of ids, for work that has no checkpoint to lock.
pub async fn next_id_block(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(sql!("next_id_block")).fetch_one(&mut **tx).await?)
}

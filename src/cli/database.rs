//! Opening the database for a command, and bringing it to this version.

use chrono::TimeDelta;

use super::error::Result;
use crate::clock::Clock;
use crate::config::{Config, Pooler};
use crate::store::PgPool;
use crate::store::reach::Unreachable;
use crate::{app, reach, store};

/// Does something with the database open, which is closed whatever becomes of it.
pub(super) async fn with<T>(
    config: &Config,
    work: impl AsyncFnOnce(&PgPool) -> Result<T>,
) -> Result<T> {
    let pool = open(config, true).await?;
    let done = work(&pool).await;
    pool.close().await;
    done
}

async fn open(config: &Config, tables: bool) -> Result<PgPool> {
    let mut options = app::connect_options(config, "topup-cli");
    // What makes the tables writes; what needs them may only look.
    options.writes = !tables;
    reach::reach(&options, tables).await?;
    let pool = store::connect(&options).await?;
    // What a person does is dated by the database, as what a worker does.
    if let Some(now) = store::clock::now(&pool).await? {
        let off = (Clock::System.now() - now).num_seconds();
        if off.saturating_abs() > skew(config).num_seconds() {
            eprintln!("this machine's clock is {off} s ahead: the database's is used");
            Clock::correct(now);
        }
    }
    Ok(pool)
}

/// By how much clocks may differ.
pub(super) fn skew(config: &Config) -> TimeDelta {
    let seconds = i64::try_from(config.worker.clock_skew_seconds).ok();
    seconds.and_then(TimeDelta::try_seconds).unwrap_or_default()
}

/// As the user of the URL: the worker's role may not create tables, and before the first
/// migration it does not exist.
pub(super) async fn migrate(config: &Config) -> Result<()> {
    let mut owner = config.clone();
    owner.database.role = None;
    owner.database.pool_size = 1;
    if config.database.pooler == Pooler::Transaction {
        return Err(Unreachable::Pooled.into());
    }
    let pool = open(&owner, false).await?;
    let migrated = store::migrate(&pool).await;
    pool.close().await;
    Ok(migrated?)
}

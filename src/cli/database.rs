//! Opening the database for a command, and bringing it to this version.

use sqlx::PgPool;

use super::error::CliError;
use crate::clock::Clock;
use crate::config::Config;
use crate::{app, reach, store};

pub(super) async fn connect(config: &Config) -> Result<PgPool, CliError> {
    open(config, true).await
}

async fn open(config: &Config, tables: bool) -> Result<PgPool, CliError> {
    let options = app::connect_options(config, "topup-cli");
    reach::reach(&options, tables).await?;
    let pool = store::connect(&options).await?;
    // What a person does is dated by the database, as what a worker does.
    let skew = i64::try_from(config.worker.clock_skew_seconds).unwrap_or(i64::MAX);
    if let Some(now) = store::clock::now(&pool).await? {
        let off = (Clock::System.now() - now).num_seconds();
        if off.saturating_abs() > skew {
            eprintln!("this machine's clock is {off} s ahead: the database's is used");
            Clock::correct(now);
        }
    }
    Ok(pool)
}

/// As the user of the URL: the worker's role may not create tables, and before the first
/// migration it does not exist.
pub(super) async fn migrate(config: &Config) -> Result<(), CliError> {
    let mut owner = config.clone();
    owner.database.role = None;
    owner.database.pool_size = 1;
    let pool = open(&owner, false).await?;
    let migrated = store::migrate(&pool).await;
    pool.close().await;
    Ok(migrated?)
}

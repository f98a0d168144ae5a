//! The doors from the command line into the rest: nothing else in `cli` names `app`, `demo`,
//! `dead_letters` or the connecting half of the store.

use sqlx::PgPool;

use super::dead_letters::{Acted, Call};
use super::error::CliError;
use super::worker::DemoArgs;
use crate::config::{Config, DatabaseConfig, Only};
use crate::{app, dead_letters, demo, store};

pub(super) async fn worker(config: Config, only: Only) -> Result<(), CliError> {
    let ran = app::run_worker(config, only).await;
    ran.map_err(|error| CliError::failed(&error))
}

pub(super) async fn demo(args: DemoArgs) -> Result<(), CliError> {
    let ran = demo::run(args).await;
    ran.map_err(|error| CliError::failed(&error))
}

pub(super) async fn connect(database: &DatabaseConfig) -> Result<PgPool, CliError> {
    let connected = store::connect(database).await;
    connected.map_err(|error| CliError::failed(&error))
}

/// As the user of the URL: the worker's role may not create tables, and before the first
/// migration it does not exist.
pub(super) async fn migrate(database: &DatabaseConfig) -> Result<(), CliError> {
    let owner = DatabaseConfig {
        role: None,
        pool_size: 1,
        ..database.clone()
    };
    let pool = connect(&owner).await?;
    let migrated = store::migrate(&pool).await;
    pool.close().await;
    migrated.map_err(|error| CliError::failed(&error))
}

pub(super) async fn act(
    call: Call,
    pool: &PgPool,
    config: &Config,
) -> Result<Vec<Acted>, CliError> {
    let acted = match call {
        Call::Replay(args) => dead_letters::replay(pool, config, args).await,
        Call::Discard(args) => dead_letters::discard(pool, args).await,
    };
    acted.map_err(|error| CliError::failed(&error))
}

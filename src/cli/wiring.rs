//! The doors from the command line into the rest: nothing else in `cli` names `app`, `demo`,
//! `dead_letters` or the connecting half of the store.

use sqlx::PgPool;

use super::dead_letters::{Acted, Call};
use super::error::CliError;
use super::worker::DemoArgs;
use crate::config::{Config, Only};
use crate::{app, dead_letters, demo, store};

pub(super) async fn worker(config: Config, only: Only) -> Result<(), CliError> {
    let ran = app::run_worker(config, only).await;
    ran.map_err(|error| CliError::failed(&error))
}

pub(super) async fn demo(args: DemoArgs) -> Result<(), CliError> {
    let args = demo::DemoArgs {
        keep: args.keep,
        kafka: args.kafka,
        database_url: args.database_url.map(|url| url.reveal().to_owned()),
    };
    let ran = demo::run(args).await;
    ran.map_err(|error| CliError::failed(&error))
}

pub(super) async fn connect(config: &Config) -> Result<PgPool, CliError> {
    let options = app::connect_options(config, "topup-cli");
    let connected = store::connect(&options).await;
    connected.map_err(|error| CliError::failed(&error))
}

/// As the user of the URL: the worker's role may not create tables, and before the first
/// migration it does not exist.
pub(super) async fn migrate(config: &Config) -> Result<(), CliError> {
    let mut owner = config.clone();
    owner.database.role = None;
    owner.database.pool_size = 1;
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

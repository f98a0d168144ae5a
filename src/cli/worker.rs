//! `worker`: what its flags mean, and its start. The work itself is in `app`.

use clap::{Args, ValueEnum};

use super::error::Result;
use crate::app::{self, AppError};
use crate::config::{Config, Only};
use crate::reach;
use crate::store::reach::Unreachable;

#[derive(Debug, Clone, Args)]
pub(super) struct WorkerArgs {
    /// Run only these parts
    #[arg(long, value_delimiter = ',', value_name = "PARTS")]
    only: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Commands,
    Bank,
    Usage,
    Relay,
    Jobs,
}

impl WorkerArgs {
    pub(super) fn only(&self) -> Only {
        if self.only.is_empty() {
            return Only::ALL;
        }
        let named = |part| self.only.contains(&part);
        Only {
            commands: named(Part::Commands),
            bank: named(Part::Bank),
            usage: named(Part::Usage),
            relay: named(Part::Relay),
            jobs: named(Part::Jobs),
        }
    }
}

pub(super) async fn run(config: Config, args: &WorkerArgs) -> Result<()> {
    let options = app::worker_options(&config);
    match reach::reach(&options, true).await {
        // It may come up while the worker waits for it, and a newer worker may run for a while
        // before the tables are made new.
        Err(away @ (Unreachable::Away { .. } | Unreachable::Behind { .. })) => {
            eprintln!("{}", super::escape::text(&away.to_string()));
        }
        reached => reached?,
    }
    match app::run_worker(config, args.only()).await {
        // A pool says no more than that its patience ended.
        Err(AppError::Store(error)) => {
            reach::reach(&options, true).await?;
            Err(error.into())
        }
        ran => Ok(ran?),
    }
}

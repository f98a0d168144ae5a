//! `worker`, `demo`: what their flags mean. The work itself is in `app` and `demo`.

use clap::{Args, ValueEnum};

use crate::config::{Only, Secret};

#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
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
    #[must_use]
    pub fn only(&self) -> Only {
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

#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Keep everything running until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    /// Use this Kafka instead of one inside the process
    #[arg(long, value_name = "BROKERS")]
    pub kafka: Option<String>,
    /// Use this PostgreSQL instead of a temporary one
    #[arg(long, value_name = "URL", value_parser = secret)]
    pub database_url: Option<Secret>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

//! The command line: one binary, one file per noun (contract §3). It parses, asks, prints; rules
//! and SQL live elsewhere. Exit codes: 0 ok, 1 error, 2 usage, 3 findings.

mod accounts;
pub mod args;
mod audit;
mod balances;
pub mod cluster;
pub mod dead_letters;
mod doctor;
mod error;
pub mod escape;
mod explain;
mod invoices;
mod jobs;
mod letter;
pub mod output;
mod payments;
pub mod publish;
mod quality;
mod records;
mod settings;
mod status;
mod void_candidates;
mod wiring;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sqlx::PgPool;

use crate::config::{Config, Environment, Flags, Loaded, Needs};
use crate::telemetry::{self, chain};

pub use error::{CliError, Exit};
pub use output::{Output, Printer};
pub use worker::DemoArgs;

/// Matches bank payments to topup invoices and provisions prepaid balances.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "topup",
    version,
    after_help = "Exit codes: 0 ok, 1 error, 2 usage, 3 there are findings.\n\
                  Settings: defaults < file < environment TOPUP__SECTION__KEY < --set.\n\n\
                  Examples:\n  topup demo\n  topup doctor\n  topup status\n  \
                  topup payments explain BANK:DBS-1:TX-1"
)]
pub struct Cli {
    /// Settings file (TOML); also TOPUP_CONFIG
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one setting, for example worker.batch_records=500
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = args::setting)]
    set: Vec<(String, String)>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t)]
    output: Output,
    /// Show names and account numbers of payers in full
    #[arg(long, global = true)]
    unmasked: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Everything in one command: database, Kafka, fixtures through the real pipeline
    #[command(after_help = "Examples:\n  topup demo\n  topup demo --keep\n  \
                            topup demo --kafka localhost:9092 \
                            --database-url postgres://localhost/topup_demo")]
    Demo(DemoArgs),
    /// Runs until it is told to stop
    #[command(after_help = "Examples:\n  topup worker\n  topup worker --only bank,relay")]
    Worker(worker::WorkerArgs),
    /// Brings the database to this version; safe to run at any time
    #[command(
        after_help = "Example:\n  DATABASE_URL=postgres://owner@localhost/topup topup migrate"
    )]
    Migrate,
    /// Settings
    #[command(subcommand)]
    Config(settings::ConfigCommand),
    /// Checks that everything is in place
    #[command(after_help = "Examples:\n  topup doctor\n  topup doctor --output json")]
    Doctor,
    /// Writes records from NDJSON files to Kafka
    #[command(after_help = "Examples:\n  topup publish fixtures/happy.ndjson\n  \
        echo '{\"topic\":\"commands\",\"key\":\"ACC-1\",\"value\":{}}' | topup publish -\n\n\
        Each line: {\"topic\", \"key\"?, \"headers\"?, \"value\" or \"value_base64\"}.\n\
        A topic may also be commands, bank or usage.")]
    Publish(publish::PublishArgs),
    /// Customers
    #[command(subcommand)]
    Accounts(accounts::AccountsCommand),
    /// Topup invoices
    #[command(subcommand)]
    Invoices(invoices::InvoicesCommand),
    /// Money received
    #[command(subcommand)]
    Payments(payments::PaymentsCommand),
    /// Prepaid balances
    #[command(subcommand)]
    Balances(balances::BalancesCommand),
    /// What became of each record
    #[command(subcommand)]
    Records(records::RecordsCommand),
    /// Records that could not be processed
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Invoices that have long awaited payment
    #[command(subcommand)]
    VoidCandidates(void_candidates::VoidCandidatesCommand),
    /// Scheduled jobs
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Lag, outbox, dead letters, parked money
    #[command(after_help = "Examples:\n  topup status\n  topup status --output json")]
    Status,
    /// Measures matching on generated payments whose invoices are known; exits 3 if it fails
    #[command(after_help = "Example:\n  topup quality --payments 200000 --seed 1")]
    Quality(quality::QualityArgs),
    /// Checks every invariant; exits 3 when one does not hold
    #[command(after_help = "Examples:\n  topup audit\n  topup audit --output ndjson")]
    Audit,
}

impl Command {
    fn needs(&self) -> Needs {
        match self {
            Self::Demo(_)
            | Self::Doctor
            | Self::Quality(_)
            | Self::Config(settings::ConfigCommand::Show) => Needs::NOTHING,
            Self::Worker(_) | Self::Config(settings::ConfigCommand::Check) => Needs::ALL,
            Self::Publish(_) => Needs::KAFKA,
            Self::Migrate
            | Self::Accounts(_)
            | Self::Invoices(_)
            | Self::Payments(_)
            | Self::Balances(_)
            | Self::Records(_)
            | Self::DeadLetters(_)
            | Self::VoidCandidates(_)
            | Self::Jobs(_)
            | Self::Status
            | Self::Audit => Needs::DATABASE,
        }
    }
}

/// Runs one command; what went wrong is told on standard error, once.
pub async fn run(cli: Cli) -> ExitCode {
    match execute(cli).await {
        Ok(exit) => exit.into(),
        Err(error) => {
            if !error.is_silent() {
                tell(&error);
            }
            error.exit_code()
        }
    }
}

/// Line by line, so that a list of problems stays one.
fn tell(error: &CliError) {
    let text = chain(error);
    for (number, line) in text.lines().enumerate() {
        let prefix = if number == 0 { "error: " } else { "" };
        eprintln!("{prefix}{}", escape::text(line));
    }
}

async fn execute(cli: Cli) -> Result<Exit, CliError> {
    let flags = Flags { file: cli.config, set: cli.set };
    let environment: Environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let loaded = Loaded::read(&flags, &environment, cli.command.needs())?;
    match cli.command {
        Command::Worker(_) => telemetry::init(&loaded.config.logging),
        _ => telemetry::init_quiet(&loaded.config.logging),
    }
    let printer = Printer::new(cli.output, cli.unmasked);
    let config = loaded.config.clone();
    match cli.command {
        Command::Demo(args) => wiring::demo(args).await?,
        Command::Worker(args) => wiring::worker(config, args.only()).await?,
        Command::Migrate => {
            wiring::migrate(&config).await?;
            output::write("The database is at the version of this program.\n")?;
        }
        Command::Config(command) => settings::run(command, &loaded, printer)?,
        Command::Doctor => return doctor::run(&config, printer).await,
        Command::Publish(args) => publish::run(&args, &config).await?,
        Command::Quality(args) => return quality::run(&args),
        command => {
            let pool = wiring::connect(&config).await?;
            let looked = look(command, &pool, &config, printer).await;
            pool.close().await;
            return looked;
        }
    }
    Ok(Exit::Ok)
}

/// The commands that read the database.
async fn look(
    command: Command,
    pool: &PgPool,
    config: &Config,
    printer: Printer,
) -> Result<Exit, CliError> {
    match command {
        Command::Accounts(command) => accounts::run(&command, pool, printer).await?,
        Command::Invoices(command) => invoices::run(&command, pool, printer).await?,
        Command::Payments(command) => payments::run(&command, pool, printer).await?,
        Command::Balances(command) => balances::run(&command, pool, printer).await?,
        Command::Records(command) => records::run(&command, pool, printer).await?,
        Command::DeadLetters(command) => {
            if let Some(call) = dead_letters::run(&command, pool, printer).await? {
                printer.rows(&wiring::act(call, pool, config).await?)?;
            }
        }
        Command::VoidCandidates(command) => {
            return void_candidates::run(command, pool, config, printer).await;
        }
        Command::Jobs(command) => return jobs::run(&command, pool, config, printer).await,
        Command::Status => status::run(pool, &config.kafka, printer).await?,
        Command::Audit => return audit::run(pool, printer).await,
        Command::Demo(_)
        | Command::Worker(_)
        | Command::Migrate
        | Command::Config(_)
        | Command::Doctor
        | Command::Quality(_)
        | Command::Publish(_) => {}
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests;

//! The command line: one binary, one file per noun (contract §3). It parses, asks, prints; rules
//! and SQL live elsewhere. Exit codes: 0 ok, 1 error, 2 usage, 3 findings,
//! 4 the command waits.

mod accounts;
mod advices;
mod args;
mod audit;
mod balances;
mod cluster;
mod columns;
mod commands;
mod csv;
mod database;
mod dead_letters;
mod doctor;
mod edit;
mod empty;
mod error;
mod escape;
mod explain;
mod find;
mod fit;
mod forget;
mod generate;
mod grid;
mod import;
mod invoices;
mod jobs;
mod ledger;
mod letter;
mod lines;
mod manual;
mod near;
mod output;
mod partitions;
mod payments;
mod progress;
mod publish;
mod publish_check;
mod quality;
mod reconcile;
mod records;
mod refusals;
mod report;
mod reshape;
mod returns;
mod review;
mod rules;
mod selection;
mod settings;
mod simulate;
mod splits;
mod statements;
mod status;
mod steps_back;
mod stream;
mod table;
mod topics;
mod totals;
mod usage;
mod verbs;
mod void_candidates;
mod words;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::AppError;
use crate::config::{Config, Environment, Flags, Loaded, Needs};
use crate::demo::DemoArgs;
use crate::store::views;
use crate::store::{self, PgPool};
use crate::telemetry::{self, chain};

use error::Result;
pub use error::{CODES, CliError, Exit};
pub use output::{Color, Output, Printer};
use rules::RulesCommand;
use settings::ConfigCommand;

/// Where the help of a command lists what every command takes.
const GLOBAL: &str = "Options of every command";

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
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one setting, for example worker.batch_records=500
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "KEY=VALUE",
          value_parser = args::setting)]
    set: Vec<(String, String)>,
    /// How results are printed
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t)]
    output: Output,
    /// When escape codes are printed; also NO_COLOR
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t,
          value_name = "WHEN")]
    color: Color,
    /// Show names and account numbers of payers in full
    #[arg(long, global = true, help_heading = GLOBAL)]
    unmasked: bool,
    /// Begin CSV with a UTF-8 mark, as some spreadsheets want it
    #[arg(long, global = true, help_heading = GLOBAL)]
    bom: bool,
    /// Show times in UTC, not in the zone of `jobs.time_zone`
    #[arg(long, global = true, help_heading = GLOBAL)]
    utc: bool,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// The words of this process; wrong usage (2), `--help` and `--version` (0) end it.
    pub fn read() -> Self {
        Self::of(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn of(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let words: Vec<OsString> = words.into_iter().collect();
        Self::try_parse_from(&words).map_err(|error| args::as_typed(error, &words))
    }
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
    #[command(subcommand, after_help = "Example:\n  topup config check")]
    Config(ConfigCommand),
    /// Checks that everything is in place
    #[command(after_help = "Examples:\n  topup doctor\n  topup doctor --output json\n  \
                            topup doctor --fix")]
    Doctor {
        /// Makes the topics that are missing first
        #[arg(long)]
        fix: bool,
    },
    /// Writes records from NDJSON files to Kafka
    #[command(after_help = "Examples:\n  topup publish fixtures/happy.ndjson\n  \
        echo '{\"topic\":\"commands\",\"key\":\"ACC-1\",\"value\":{}}' | topup publish -\n\n\
        Each line: {\"topic\", \"key\"?, \"headers\"?, \"headers_base64\"?,\n\
        \"value\" or \"value_base64\"}.\n\
        A topic may also be commands, bank or usage.\n\
        --check only lists the lines that a worker could not read; --wait prints each outcome.")]
    Publish(publish::PublishArgs),
    /// Topics that topup reads and writes
    #[command(subcommand, after_help = "Example:\n  topup topics create")]
    Topics(topics::TopicsCommand),
    #[command(flatten)]
    Look(Look),
    /// Measures matching on generated payments whose invoices are known; exits 3 if it fails
    #[command(after_help = "Example:\n  topup quality --payments 200000 --seed 1")]
    Quality(quality::QualityArgs),
    /// Writes made-up records, with what each payment was meant for
    #[command(after_help = "Examples:\n  topup generate --payments 1000 > records.ndjson\n  \
        topup generate --seed 7 --accounts 50 --operators wrong-digit,twins --truth truth.ndjson \
        --out records.ndjson\n  topup generate --usage 500 | topup publish -\n\n\
        Every run numbers its records from one: publish it to a database of its own.")]
    Generate(generate::GenerateArgs),
    /// Checks every invariant; exits 3 when one does not hold
    #[command(after_help = "Examples:\n  topup audit\n  topup audit --output ndjson")]
    Audit,
    /// Prints a script that completes this command line in a shell
    #[command(after_help = "Examples:\n  source <(topup completions bash)\n  \
                            topup completions fish > ~/.config/fish/completions/topup.fish")]
    Completions(manual::CompletionsArgs),
    /// Prints the manual page, or writes a page for each command
    #[command(after_help = "Examples:\n  topup man | man -l -\n  \
                            topup man --dir ~/.local/share/man/man1")]
    Man(manual::ManArgs),
}

/// The commands that work on the database.
#[derive(Debug, Clone, Subcommand)]
enum Look {
    /// Everything that fits some words: amounts, names, ids, references, days, texts
    #[command(after_help = "Examples:\n  topup find '1000 initech'\n  \
                            topup find 77.00 2026-11-22\n  topup find INV/2026/00013\n  \
                            topup find 'tan ah seng' --output json")]
    Find(find::FindArgs),
    /// Customers
    #[command(subcommand, after_help = "Example:\n  topup accounts show ACC-1001")]
    Accounts(accounts::AccountsCommand),
    /// Topup invoices
    #[command(subcommand, after_help = "Example:\n  topup invoices show INV-1001")]
    Invoices(invoices::InvoicesCommand),
    /// Money received
    #[command(subcommand, after_help = "Example:\n  topup payments list --state parked")]
    Payments(payments::PaymentsCommand),
    /// Prepaid balances
    #[command(subcommand, after_help = "Example:\n  topup balances show ACC-1001")]
    Balances(balances::BalancesCommand),
    /// What became of each record
    #[command(subcommand, after_help = "Example:\n  topup records list --outcome rejected")]
    Records(records::RecordsCommand),
    /// Records that could not be processed
    #[command(subcommand, after_help = "Example:\n  topup dead-letters groups")]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Commands that wait
    #[command(subcommand, after_help = "Example:\n  topup commands waiting")]
    Commands(commands::CommandsCommand),
    /// Keys whose commands wait
    #[command(subcommand, after_help = "Example:\n  topup keys parked")]
    Keys(commands::KeysCommand),
    /// Invoices that have long awaited payment
    #[command(subcommand, after_help = "Example:\n  topup void-candidates list")]
    VoidCandidates(void_candidates::VoidCandidatesCommand),
    /// Suggestions and parked payments; what a person says of them, and what that taught
    #[command(subcommand, after_help = "Example:\n  topup review list")]
    Review(review::ReviewCommand),
    /// Payments that the bank takes back and that nobody knows yet
    #[command(subcommand, after_help = "Example:\n  topup returns list")]
    Returns(returns::ReturnsCommand),
    /// What payers and lockboxes say that payments are for
    #[command(subcommand, after_help = "Example:\n  topup advices list")]
    Advices(advices::AdvicesCommand),
    /// Scheduled jobs
    #[command(subcommand, after_help = "Example:\n  topup jobs list")]
    Jobs(jobs::JobsCommand),
    /// Lag, outbox, dead letters, parked money; exits 3 when a partition is held or a log changed
    #[command(after_help = "Examples:\n  topup status\n  topup status --output json\n  \
                            topup status --watch 5")]
    Status(status::StatusArgs),
    /// Partitions whose records cannot be read, and logs that changed under their reader
    #[command(subcommand, after_help = "Example:\n  topup partitions changes")]
    Partitions(partitions::PartitionsCommand),
    /// How far usage is known, which proves that money is unspent
    #[command(subcommand, after_help = "Example:\n  topup usage watermarks")]
    Usage(usage::UsageCommand),
    /// What the bank's statements say; taking back one that is not to be believed
    #[command(subcommand, after_help = "Example:\n  topup statements list")]
    Statements(statements::StatementsCommand),
    /// Bank statements against payments, and each account's books; exits 3 when they differ
    #[command(after_help = "Examples:\n  topup reconcile\n  \
                            topup reconcile --as-of 2026-11-22\n  \
                            topup reconcile --bank-account DBS-1 --statement ST-41")]
    Reconcile(reconcile::ReconcileArgs),
    /// Sums for the books
    #[command(subcommand, after_help = "Example:\n  topup report unallocated --by customer,age")]
    Report(report::ReportCommand),
    /// The books, for a program that checks them by itself
    #[command(subcommand, after_help = "Example:\n  topup ledger export --format beancount")]
    Ledger(ledger::LedgerCommand),
    /// Policies of matching, as numbered rule sets
    #[command(subcommand, after_help = "Example:\n  topup rules list")]
    Rules(RulesCommand),
    /// Forgets the names, account numbers and texts of a customer or a payer; money stays
    #[command(after_help = "Examples:\n  topup forget ACC-1001 --operator alice \
                            --reason 'asked for it on 22 November' --yes\n  \
                            topup forget --payer DE89370400440532013000 --operator alice \
                            --reason 'asked for it on 22 November'")]
    Forget(forget::ForgetArgs),
    /// What other policies would have decided; changes nothing
    #[command(after_help = "Examples:\n  topup simulate --rules rules.toml --since 30d\n  \
                            topup simulate --rules rules.toml --since 2026-11-01 \
                            --until 2026-12-01 --account ACC-1001 --output csv")]
    Simulate(simulate::SimulateArgs),
}

impl Command {
    fn needs(&self) -> Needs {
        match self {
            Self::Demo(_)
            | Self::Doctor { .. }
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Quality(_)
            | Self::Generate(_)
            | Self::Config(ConfigCommand::Show)
            | Self::Look(Look::Rules(RulesCommand::Check { .. })) => Needs::NOTHING,
            Self::Worker(_) | Self::Config(ConfigCommand::Check) => Needs::ALL,
            Self::Look(Look::DeadLetters(command)) if command.reads_kafka() => Needs::ALL,
            Self::Publish(args) => args.needs(),
            Self::Topics(_) => Needs::KAFKA,
            Self::Migrate | Self::Look(_) | Self::Audit => Needs::DATABASE,
        }
    }
}

/// What a command works on, and how it prints.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    pool: &'a PgPool,
    config: &'a Config,
    printer: Printer,
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

async fn execute(cli: Cli) -> Result<Exit> {
    // They are about the program itself: wrong settings must not stand in their way.
    if let Command::Completions(args) = &cli.command {
        return manual::completions(args).map(|()| Exit::Ok);
    }
    if let Command::Man(args) = &cli.command {
        return manual::man(args).map(|()| Exit::Ok);
    }
    let flags = Flags { file: cli.config, set: cli.set };
    let environment: Environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let needs = cli.command.needs();
    let loaded = Loaded::read(&flags, &environment, needs)?;
    let logging = &loaded.config.logging;
    if matches!(cli.command, Command::Worker(_)) {
        let again = move || {
            let read = Loaded::read(&flags, &environment, needs);
            read.map(|loaded| loaded.config.logging)
        };
        telemetry::init(logging).follow(again).map_err(AppError::Signal)?;
    } else {
        telemetry::init_quiet(logging);
    }
    if cli.bom && cli.output != Output::Csv {
        return Err(CliError::Usage("--bom is for --output csv".to_owned()));
    }
    let printer = Printer::new(cli.output, cli.unmasked, cli.color, cli.bom);
    let config = loaded.config.clone();
    // Programs read UTC.
    if cli.output == Output::Table && !cli.utc {
        views::time::show_in(&config.jobs.time_zone);
    }
    match cli.command {
        Command::Demo(args) => crate::demo::run(args).await?,
        Command::Worker(args) => worker::run(config, &args).await?,
        Command::Migrate => {
            database::migrate(&config).await?;
            output::write("The database is at the version of this program.\n")?;
        }
        Command::Config(command) => settings::run(command, &loaded, printer)?,
        Command::Doctor { fix } => {
            if fix {
                topics::make_missing(&config, None, None).await?;
            }
            return doctor::run(&config, printer).await;
        }
        Command::Publish(args) if args.needs().database => {
            let run = async |pool: &PgPool| publish::run(&args, &config, Some(pool), printer).await;
            return database::with(&config, run).await;
        }
        Command::Publish(args) => return publish::run(&args, &config, None, printer).await,
        Command::Topics(command) => topics::run(&command, &config, printer).await?,
        Command::Quality(args) => return quality::run(&args),
        Command::Generate(args) => return generate::run(&args),
        Command::Look(Look::Rules(RulesCommand::Check { file })) => rules::check(&file, printer)?,
        Command::Look(command) => {
            let config = &deciding(&command, config);
            let run = async |pool: &PgPool| look(command, Place { pool, config, printer }).await;
            return database::with(config, run).await;
        }
        Command::Audit => {
            return database::with(&config, async |pool| audit::run(pool, printer).await).await;
        }
        // They were run above.
        Command::Completions(_) | Command::Man(_) => {}
    }
    Ok(Exit::Ok)
}

/// What a job does by itself it does as the worker, also where an operator runs it.
fn deciding(command: &Look, mut config: Config) -> Config {
    let role = &mut config.database.role;
    if matches!(command, Look::Jobs(jobs::JobsCommand::Run { .. }))
        && role.as_deref() == Some(store::OPERATOR)
    {
        *role = Some(store::WORKER.to_owned());
    }
    // Nor may a worker take texts away, whose role the settings name by default.
    if matches!(command, Look::Forget(_)) && role.as_deref() == Some(store::WORKER) {
        *role = Some(store::OPERATOR.to_owned());
    }
    config
}

async fn look(command: Look, place: Place<'_>) -> Result<Exit> {
    match command {
        Look::Find(args) => find::run(&args, place).await,
        Look::Accounts(command) => accounts::run(&command, place).await,
        Look::Invoices(command) => invoices::run(&command, place).await,
        Look::Payments(command) => payments::run(&command, place).await,
        Look::Balances(command) => balances::run(&command, place).await,
        Look::Records(command) => records::run(&command, place).await,
        Look::DeadLetters(command) => dead_letters::run(&command, place).await,
        Look::Commands(command) => commands::run(&command, place).await,
        Look::Keys(command) => commands::keys(&command, place).await,
        Look::VoidCandidates(command) => void_candidates::run(&command, place).await,
        Look::Review(command) => review::run(&command, place).await,
        Look::Returns(command) => returns::run(&command, place).await,
        Look::Advices(command) => advices::run(&command, place).await,
        Look::Jobs(command) => jobs::run(&command, place).await,
        Look::Status(args) => status::run(&args, place).await,
        Look::Partitions(command) => partitions::run(&command, place).await,
        Look::Usage(command) => usage::run(&command, place).await,
        Look::Statements(command) => statements::run(&command, place).await,
        Look::Reconcile(args) => reconcile::run(&args, place).await,
        Look::Report(command) => report::run(&command, place).await,
        Look::Ledger(command) => ledger::run(&command, place).await,
        Look::Rules(command) => rules::run(&command, place).await,
        Look::Simulate(args) => simulate::run(&args, place).await,
        Look::Forget(args) => forget::run(&args, place).await,
    }
}

#[cfg(test)]
mod tests;

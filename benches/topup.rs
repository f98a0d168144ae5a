//! The benchmark: payments from Kafka to committed rows, against what else could be done with the
//! same data on the same machine, in one run.
//!
//! Parts, in turn: `ours` (a worker, then the relay), `rows` (row at a time, and one database
//! function per payment), `limit` (the same rows set-based from memory, and plain COPY), `natural`
//! (row at a time and set-based in the tables of a textbook), `variants` (one hot account; a small
//! book), `usage` (charges, and their own limit), `memory`, `latency`, `previous` and
//! `previous-usage` (this commit's worker against another's), `fsync`, `subset` (the search for a
//! group of invoices); and, only if it is named, `growth` (years of history).
//! Each starts from a clone of the same template database. `docs/PERFORMANCE.md` says what the
//! figures mean.
//!
//! The last line of standard output is one JSON object; everything before it is for people.
#![expect(clippy::float_arithmetic, reason = "rates and ratios, not money")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot measure must fail")]

#[path = "topup/args.rs"]
mod args;
#[path = "topup/batch.rs"]
mod batch;
#[path = "topup/cluster.rs"]
mod cluster;
#[path = "topup/commands.rs"]
mod commands;
#[path = "topup/copy.rs"]
mod copy;
#[path = "topup/data.rs"]
mod data;
#[path = "topup/database.rs"]
mod database;
#[path = "topup/disk.rs"]
mod disk;
#[path = "topup/growth.rs"]
mod growth;
#[path = "topup/latency.rs"]
mod latency;
#[path = "topup/limit.rs"]
mod limit;
#[path = "topup/machine.rs"]
mod machine;
#[path = "topup/memory.rs"]
mod memory;
#[path = "topup/natural.rs"]
mod natural;
#[path = "topup/natural_limit.rs"]
mod natural_limit;
#[path = "topup/ours.rs"]
mod ours;
#[path = "topup/previous.rs"]
mod previous;
#[path = "topup/program.rs"]
mod program;
#[path = "topup/recorded.rs"]
mod recorded;
#[path = "topup/report.rs"]
mod report;
#[path = "topup/rows.rs"]
mod rows;
#[path = "topup/subset.rs"]
mod subset;
#[path = "topup/usage.rs"]
mod usage;
#[path = "topup/usage_limit.rs"]
mod usage_limit;
#[path = "topup/variants.rs"]
mod variants;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::Parser;
use futures::FutureExt;

use args::{Args, Part};
use cluster::Cluster;
use data::Book;
use database::Server;
use report::Report;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    if !args.bench && !args.worker {
        eprintln!("nothing measured: this runs with `cargo bench`");
        return ExitCode::SUCCESS;
    }
    // Without sqlx's warnings on slow statements: some of ours are meant to be long.
    tracing_subscriber::fmt()
        .with_env_filter("warn,sqlx=error")
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if args.worker {
        runtime.block_on(memory::worker());
        return ExitCode::SUCCESS;
    }
    runtime.block_on(async {
        let world = World::new(&args).await;
        let done = AssertUnwindSafe(world.run(&args)).catch_unwind().await;
        world.end().await;
        match done {
            Ok(report) => {
                println!("{}", report.json());
                ExitCode::SUCCESS
            }
            Err(_) => ExitCode::FAILURE,
        }
    })
}

/// What all parts share.
pub struct World {
    pub server: Server,
    pub cluster: Cluster,
    pub book: Book,
}

impl World {
    async fn new(args: &Args) -> Self {
        let stamp = chrono::Utc::now().timestamp_millis();
        let name = format!("bench_{stamp}");
        let server = Server::connect(&name).await;
        let cluster = Cluster::new(&name);
        let book =
            Book::new(args.accounts, args.invoices, args.most_payments(), args.variant_payments());
        Self { server, cluster, book }
    }

    async fn run(&self, args: &Args) -> Report {
        let mut report = Report::new(self, args);
        // First, while nothing else writes.
        if args.runs(Part::Fsync) {
            report.fsync_ms = Some(machine::fsync_ms());
            report.say_fsync();
        }
        if args.runs(Part::Subset) {
            report.subset = Some(subset::part());
        }
        if args.needs_book() {
            self.server.seed("base", &self.book).await;
        }
        if args.runs_ours() {
            let (run, recorded) = ours::part(self, args.payments).await;
            let recorded = std::sync::Arc::new(recorded);
            report.ours = Some(run);
            if args.runs(Part::Rows) {
                report.rows = rows::part(self, &recorded).await;
            }
            if args.runs(Part::Limit) {
                report.limit = limit::part(self, &recorded).await;
                report.copy = copy::part(self, &recorded).await;
            }
            if args.runs(Part::Natural) {
                report.natural = natural::part(self, args.payments).await;
            }
        }
        if args.runs(Part::Variants) {
            report.variants = Some(variants::part(self, args).await);
        }
        if args.runs(Part::Usage) {
            report.usage = Some(usage::part(self, args.charges).await);
        }
        if args.runs(Part::Memory) {
            report.memory = Some(memory::part(self, args.backlog).await);
        }
        if args.runs(Part::Latency) {
            report.latency = Some(latency::part(self).await);
        }
        if args.runs(Part::Previous) || args.runs(Part::PreviousUsage) {
            report.contests = previous::part(self, args).await;
        }
        if args.runs(Part::Growth) {
            report.growth = Some(growth::part(self, args).await);
        }
        report.say_ratios();
        report
    }

    async fn end(self) {
        self.server.drop_all().await;
        self.cluster.delete_topics().await;
    }
}

//! What the shape of the data does to us: all payments on one account, and a small book.

use std::time::Instant;

use crate::World;
use crate::args::Args;
use crate::data::{Book, Record};
use crate::database::number;
use crate::ours::{BANK, COMMITTED, Run, check, committed, measured, start};

/// Payments that are measured against each book, after as many as the main part has: the same
/// customers, the same history, only the number of invoices that are still open differs.
pub const MEASURED: usize = 8_000;
/// Open invoices of the small book when the measuring begins.
const FEW: usize = 10_000;

/// Cost against cost: above 1 means that the named variant is the more expensive one.
#[derive(Debug, Clone, Copy)]
pub struct Ratios {
    pub hot_account: f64,
    /// The whole book against one of which nearly everything is paid.
    pub open_invoices: f64,
}

pub async fn part(world: &World, args: &Args) -> Ratios {
    println!("\n== variants");
    let payments = args.variant_payments();
    let normal = run(world, "base", "normal", world.book.records(payments), payments).await;
    let hot = run(world, "base", "hot", world.book.hot_records(payments), payments).await;
    let before = args.payments;
    let small = Book::new(args.accounts, before + FEW, before + MEASURED, 0);
    world.server.seed("small", &small).await;
    let few = window(world, "small", "few", small.records(before + MEASURED), before).await;
    let records = world.book.records(before + MEASURED);
    let many = window(world, "base", "many", records, before).await;
    Ratios { hot_account: cost(&hot) / cost(&normal), open_invoices: many / few }
}

/// Seconds for each of the payments that come after the first `before`.
async fn window(
    world: &World,
    template: &str,
    part: &str,
    records: impl Iterator<Item = Record>,
    before: usize,
) -> f64 {
    let topics = world.cluster.publish(part, records).await;
    let database = world.server.clone_of(template, part).await;
    let worker = start(world, &database, part, BANK).await;
    committed(&database, before).await;
    let started = Instant::now();
    let first = number(&database.pool, COMMITTED).await;
    committed(&database, before + MEASURED).await;
    let seconds = started.elapsed().as_secs_f64();
    worker.shutdown().await;
    check(&database, Book::expected(before + MEASURED)).await;
    drop(topics);
    let counted = before + MEASURED - usize::try_from(first).expect("a count");
    let each = seconds / counted as f64;
    println!("{part}: {:.0} payments/s ({counted} in {seconds:.2} s)", 1.0 / each);
    world.server.drop(database).await;
    each
}

async fn run(
    world: &World,
    template: &str,
    part: &str,
    records: impl Iterator<Item = Record>,
    payments: usize,
) -> Run {
    let (database, _, run) = measured(world, template, part, records, payments).await;
    run.say(part);
    world.server.drop(database).await;
    run
}

fn cost(run: &Run) -> f64 {
    run.seconds / run.payments as f64
}

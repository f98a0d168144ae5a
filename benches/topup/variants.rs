//! What the shape of the data does to us: all payments on one account, and a small book.

use crate::World;
use crate::args::Args;
use crate::data::{Book, Record};
use crate::ours::{Run, measured};

/// Invoices of the small book, and payments of each run against it.
const SMALL: usize = 10_000;

/// Cost against cost: above 1 means that the named variant is the more expensive one.
#[derive(Debug, Clone, Copy)]
pub struct Ratios {
    pub hot_account: f64,
    /// The whole book against the small one.
    pub open_invoices: f64,
}

pub async fn part(world: &World, args: &Args) -> Ratios {
    println!("\n== variants");
    let payments = args.variant_payments();
    let normal = run(world, "base", "normal", world.book.records(payments), payments).await;
    let hot = run(world, "base", "hot", world.book.hot_records(payments), payments).await;
    let few = SMALL.min(args.payments);
    // Every account has one invoice, so that a batch touches about as many accounts as before.
    let small = Book::new(SMALL, SMALL, few, 0);
    world.server.seed("small", &small).await;
    let in_small = run(world, "small", "few", small.records(few), few).await;
    let in_large = run(world, "base", "many", world.book.records(few), few).await;
    Ratios {
        hot_account: cost(&hot) / cost(&normal),
        open_invoices: cost(&in_large) / cost(&in_small),
    }
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

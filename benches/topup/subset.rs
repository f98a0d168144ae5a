//! The search for the group of invoices that a payment may be for (R9), on books that are hard for
//! it: 60 open invoices with odd cents. No database and no Kafka.

use std::hint::black_box;
use std::time::Instant;

use topup::domain::matching::subset::{GROUP_NODES_MAX, searched};

const INVOICES: i64 = 60;
const TIMES: u32 = 200;

#[derive(Debug, Clone, Copy)]
pub struct Subset {
    /// Of the slowest kind of search.
    pub us_max: f64,
    pub nodes_max: u32,
}

pub fn part() -> Subset {
    println!("\n== subset: {INVOICES} open invoices, at most {GROUP_NODES_MAX} steps");
    let odd: Vec<i64> = (1..=INVOICES).map(|n| 1_000_000 * n + n * n * 10_007).collect();
    let close: Vec<i64> = (1..=INVOICES).map(|n| 100_000_000 + n * 70_000).collect();
    let cases = [
        ("odd cents, sum of five", &odd, odd.iter().skip(40).take(5).sum()),
        ("odd cents, no group", &odd, 150_000_003),
        ("odd cents, no group, more", &odd, 200_013_370),
        ("nearly equal, no group", &close, 500_000_001),
        ("nearly equal, many groups", &close, 302_100_000),
    ];
    let mut worst = Subset { us_max: 0.0, nodes_max: 0 };
    for (name, dues, target) in cases {
        let (group, nodes) = searched(dues, target);
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(searched(black_box(dues), black_box(target)));
        }
        let us = start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES);
        println!("{name:<28} {us:>9.1} µs a search, {nodes:>6} steps: {group:?}");
        worst = Subset { us_max: worst.us_max.max(us), nodes_max: worst.nodes_max.max(nodes) };
    }
    worst
}

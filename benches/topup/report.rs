//! The figures of a run, and the JSON object that is its last line.

use serde_json::{Value, json};

use crate::args::Args;
use crate::growth::Growth;
use crate::latency::Latency;
use crate::machine;
use crate::memory::Memory;
use crate::ours::Run;
use crate::previous::{Contest, Contests};
use crate::rows::{Rate, Rates};
use crate::subset::Subset;
use crate::usage::Usage;
use crate::variants::Ratios;
use crate::{World, natural, previous};

pub struct Report {
    facts: Value,
    pub fsync_ms: Option<f64>,
    pub subset: Option<Subset>,
    pub ours: Option<Run>,
    pub rows: Rates,
    pub limit: Vec<Rate>,
    pub copy: Vec<Rate>,
    pub natural: natural::Rates,
    pub contests: Contests,
    pub variants: Option<Ratios>,
    pub usage: Option<Usage>,
    pub memory: Option<Memory>,
    pub latency: Option<Latency>,
    pub growth: Option<Growth>,
}

fn best(rates: &[Rate]) -> Option<f64> {
    rates.iter().map(|rate| rate.rate).max_by(f64::total_cmp)
}

/// Three significant figures or so: what is left after run-to-run spread.
fn short(value: Option<f64>) -> Value {
    value.filter(|value| value.is_finite()).map_or(Value::Null, |value| {
        let factor = if value.abs() >= 100.0 { 1.0 } else { 1_000.0 };
        json!((value * factor).round() / factor)
    })
}

impl Report {
    pub fn new(world: &World, args: &Args) -> Self {
        let commit = machine::says("git", &["rev-parse", "HEAD"]);
        let facts = json!({
            "cpu": machine::cpu_model(),
            "cores": machine::cores(),
            "memory_mib": machine::memory_mib(),
            "kernel": machine::kernel(),
            "postgresql": world.server.version,
            "kafka": machine::kafka_version().unwrap_or_else(|| "unknown".to_owned()),
            "commit": commit.unwrap_or_else(|| "unknown".to_owned()),
            "payments": args.payments,
            "accounts": args.accounts,
            "invoices": args.invoices,
            "charges": args.charges,
            "backlog": args.backlog,
            "previous": args.commit(),
        });
        println!("{facts}");
        Self {
            facts,
            fsync_ms: None,
            subset: None,
            ours: None,
            rows: Rates::default(),
            limit: Vec::new(),
            copy: Vec::new(),
            natural: natural::Rates::default(),
            contests: Contests::default(),
            variants: None,
            usage: None,
            memory: None,
            latency: None,
            growth: None,
        }
    }

    pub fn say_fsync(&self) {
        if let Some(ms) = self.fsync_ms {
            println!("8 KiB and fdatasync: {ms:.2} ms");
        }
    }

    /// Ours against a rate.
    fn against(&self, other: Option<f64>) -> Option<f64> {
        Some(self.ours.as_ref()?.rate() / other?)
    }

    fn figures(&self) -> Vec<(String, Option<f64>)> {
        let own = self.own_figures().into_iter();
        let mut figures: Vec<_> = own.map(|(name, value)| (name.to_owned(), value)).collect();
        for (before, contest) in [("", &self.contests.payments), ("usage_", &self.contests.charges)]
        {
            let values = contest.as_ref().map(Contest::values);
            let value = |index: usize| values.and_then(|values| values.get(index).copied());
            let named = previous::FIGURES.iter().enumerate();
            figures.extend(named.map(|(index, name)| (format!("{before}{name}"), value(index))));
        }
        figures
    }

    fn own_figures(&self) -> Vec<(&'static str, Option<f64>)> {
        let one = |rates: &[Rate]| rates.iter().find(|rate| rate.connections == 1).map(|r| r.rate);
        vec![
            ("payments_per_s", self.ours.as_ref().map(Run::rate)),
            ("ratio_row_1", self.against(one(&self.rows.rows))),
            ("ratio_row_best", self.against(best(&self.rows.rows))),
            ("ratio_function_best", self.against(best(&self.rows.function))),
            ("ratio_limit", self.against(best(&self.limit))),
            ("ratio_copy_bound", self.against(best(&self.copy))),
            ("ratio_row_1_natural", self.against(one(&self.natural.rows))),
            ("ratio_row_best_natural", self.against(best(&self.natural.rows))),
            ("ratio_limit_natural", self.against(best(&self.natural.limit))),
            ("fsync_ms", self.fsync_ms),
            ("hot_account_ratio", self.variants.map(|ratios| ratios.hot_account)),
            ("open_invoices_ratio", self.variants.map(|ratios| ratios.open_invoices)),
            ("usage_per_s", self.usage.map(|usage| usage.per_s)),
            ("usage_hot_per_s", self.usage.map(|usage| usage.hot_per_s)),
            ("usage_ratio_limit", self.usage.map(|usage| usage.per_s / usage.limit_per_s)),
            (
                "usage_hot_ratio_limit",
                self.usage.map(|usage| usage.hot_per_s / usage.hot_limit_per_s),
            ),
            ("subset_us_max", self.subset.map(|subset| subset.us_max)),
            ("subset_nodes_max", self.subset.map(|subset| f64::from(subset.nodes_max))),
            ("rss_mib_max", self.memory.map(|memory| memory.max_mib)),
            ("p50_ms", self.latency.map(|latency| latency.p50_ms)),
            ("p99_ms", self.latency.map(|latency| latency.p99_ms)),
            ("growth_ratio", self.growth.map(|growth| growth.many)),
            ("growth_one_customer_ratio", self.growth.map(|growth| growth.one)),
            ("growth_job_ms_max", self.growth.map(|growth| growth.job_ms)),
        ]
    }

    pub fn say_ratios(&self) {
        println!("\n== figures");
        for (name, value) in self.figures() {
            match value {
                Some(value) => println!("{name:<30} {value:>12.3}"),
                None => println!("{name:<30} not measured"),
            }
        }
        println!();
    }

    /// The object on the last line.
    pub fn json(&self) -> Value {
        let mut all = self.facts.clone();
        if let Value::Object(all) = &mut all {
            let figures = self.figures().into_iter();
            all.extend(figures.map(|(name, value)| (name, short(value))));
        }
        all
    }
}

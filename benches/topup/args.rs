//! What the command line says.

use clap::{Parser, ValueEnum};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Ours,
    Rows,
    Limit,
    Natural,
    Variants,
    Usage,
    Previous,
    PreviousUsage,
    Memory,
    Latency,
    Fsync,
    Subset,
    /// Only if it is named: it takes an hour.
    Growth,
}

#[derive(Debug, Parser)]
pub struct Args {
    /// Payments of the main parts.
    #[arg(long, default_value_t = 100_000)]
    pub payments: usize,
    /// Customer accounts that the invoices belong to.
    #[arg(long, default_value_t = 50_000)]
    pub accounts: usize,
    /// Invoices that await payment.
    #[arg(long, default_value_t = 1_000_000)]
    pub invoices: usize,
    /// Charges of each run of the usage part.
    #[arg(long, default_value_t = 200_000)]
    pub charges: usize,
    /// Records that lie in Kafka before the worker of the memory part starts.
    #[arg(long, default_value_t = 500_000)]
    pub backlog: usize,
    /// The commit that the parts `previous` and `previous-usage` compare with; without it the one
    /// that docs/PERFORMANCE.md names.
    #[arg(long)]
    pub previous: Option<String>,
    /// Payments of history of the part `growth`.
    #[arg(long, default_value_t = 5_000_000)]
    pub history: usize,
    /// Turns of each of the two workers of these parts.
    #[arg(long, default_value_t = 3)]
    pub turns: usize,
    /// Only this part; may be given several times.
    #[arg(long, value_enum)]
    pub only: Vec<Part>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    pub bench: bool,
    /// The process that the memory part watches.
    #[arg(long, hide = true)]
    pub worker: bool,
}

impl Args {
    pub fn runs(&self, part: Part) -> bool {
        self.only.contains(&part) || (self.only.is_empty() && part != Part::Growth)
    }

    /// Payments of each variant: a fifth of the main part, so that it takes a fifth of the time.
    pub fn variant_payments(&self) -> usize {
        (self.payments / 5).max(1_000)
    }

    /// What the longest of the parts that run needs.
    pub fn most_payments(&self) -> usize {
        let memory = self.runs(Part::Memory).then_some(self.backlog);
        let latency = self.runs(Part::Latency).then_some(crate::latency::RECORDS);
        let variants =
            self.runs(Part::Variants).then_some(self.payments + crate::variants::MEASURED);
        let usage = self.runs(Part::Usage).then_some(crate::usage::TOPUPS);
        let most = memory.max(latency).max(variants).max(usage).unwrap_or(0);
        self.payments.max(most)
    }

    /// The commit to compare with.
    pub fn commit(&self) -> &str {
        match &self.previous {
            Some(commit) => commit,
            None => crate::program::named_commit(),
        }
    }

    /// Whether anything is compared with what `ours` does.
    pub fn runs_ours(&self) -> bool {
        [Part::Ours, Part::Rows, Part::Limit, Part::Natural].iter().any(|part| self.runs(*part))
    }

    /// What the parts that clone the template need.
    pub fn needs_book(&self) -> bool {
        let without =
            [Part::Fsync, Part::Subset, Part::Previous, Part::PreviousUsage, Part::Growth];
        self.only.is_empty() || self.only.iter().any(|part| !without.contains(part))
    }
}

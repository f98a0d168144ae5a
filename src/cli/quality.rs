//! `topup quality`: how well matching does on payments whose invoices are known.

use clap::Args;

use super::error::{CliError, Exit, Result};
use super::output;
use crate::domain::money::Currency;
use crate::generate::hostile;
use crate::generate::quality::{failures, measure, table};

#[derive(Debug, Clone, Args)]
pub(super) struct QualityArgs {
    /// How many payments
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    payments: u32,
    /// The same seed gives the same payments
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// One payment of so many is of a hostile world, beside the others.
const HOSTILE_SHARE: u32 = 10;

pub(super) fn run(args: &QualityArgs) -> Result<Exit> {
    let currency = |code| {
        Currency::parse(code).map_err(|_| CliError::Failed(format!("{code} is no currency")))
    };
    let currencies = [currency("SGD")?, currency("USD")?];
    let report = measure(args.seed, args.payments, currencies).map_err(CliError::Failed)?;
    output::write(&table(&report))?;
    let hostile = hostile::measure(args.seed, args.payments / HOSTILE_SHARE, currencies[0]);
    let hostile = hostile.map_err(CliError::Failed)?;
    output::write(&hostile::table(&hostile))?;
    let mut failures = failures(&report);
    failures.extend(hostile::failures(&hostile));
    for failure in &failures {
        output::write(&format!("FAILED: {failure}\n"))?;
    }
    Ok(if failures.is_empty() { Exit::Ok } else { Exit::Findings })
}

//! `topup generate`: records of a made-up world, with what each payment was meant for.

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::Args;

use super::Exit;
use super::error::{CliError, Result};
use crate::domain::money::Currency;
use crate::generate::operator::Operator;
use crate::generate::stream::{Order, write};

#[derive(Debug, Clone, Args)]
pub(super) struct GenerateArgs {
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Customers
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    accounts: u32,
    /// Open invoices of each customer that nobody pays on purpose; payments bring their own
    #[arg(long, default_value_t = 4)]
    invoices_per_account: u32,
    /// Payments; one or two more where the last case has several
    #[arg(long, default_value_t = 1_000)]
    payments: u32,
    /// Charges, spread over the payments
    #[arg(long, default_value_t = 0)]
    usage: u32,
    /// What happens to the payments, in turn; all of them if not given
    #[arg(long, value_enum, value_delimiter = ',')]
    operators: Vec<Operator>,
    /// The day on which the bank books: not before the day on which the records are published,
    /// else the payments come before their invoices were sent
    #[arg(long, default_value = "2099-01-05", value_name = "YYYY-MM-DD")]
    booked_on: NaiveDate,
    /// What the invoices are in
    #[arg(long, default_value = "SGD")]
    currency: String,
    /// Where the records go; `-` is standard output
    #[arg(long, default_value = "-", value_name = "FILE")]
    out: PathBuf,
    /// Where the ground truth goes: what each payment was meant for
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
}

pub(super) fn run(args: &GenerateArgs) -> Result<Exit> {
    let order = args.order()?;
    let mut truth = args.truth.as_deref().map(create).transpose()?;
    let mut records: Box<dyn Write> = if args.out == Path::new("-") {
        Box::new(BufWriter::new(stdout().lock()))
    } else {
        Box::new(create(&args.out)?)
    };
    let to_truth = truth.as_mut().map(|file| -> &mut dyn Write { file });
    write(&order, &mut records, to_truth).map_err(CliError::Output)?;
    if let Some(truth) = &mut truth {
        truth.flush().map_err(CliError::Output)?;
    }
    Ok(Exit::Ok)
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path);
    file.map(BufWriter::new)
        .map_err(|error| CliError::Failed(format!("cannot write {}: {error}", path.display())))
}

impl GenerateArgs {
    fn order(&self) -> Result<Order> {
        let parse = |code: &str| {
            Currency::parse(code).map_err(|_| CliError::Usage(format!("{code} is no currency")))
        };
        let other = if self.currency == "USD" { "SGD" } else { "USD" };
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let all = self.operators.is_empty();
        Ok(Order {
            seed: self.seed,
            accounts: size(self.accounts),
            invoices_per_account: size(self.invoices_per_account),
            payments: size(self.payments),
            charges: size(self.usage),
            operators: if all { Operator::ALL.to_vec() } else { self.operators.clone() },
            booked_on: self.booked_on,
            currencies: [parse(&self.currency)?, parse(other)?],
        })
    }
}

//! `report unallocated`: money that came and lies on no invoice, at the end of a month.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::Place;
use super::args::{AsOf, as_of};
use super::error::{Exit, Result};
use super::stream::Stream;
use super::table::table;
use crate::clock::Clock;
use crate::domain::money::Currency;
use crate::store::views::time::At;
use crate::store::views::unallocated::{self, Unallocated, UnallocatedRow};
use crate::store::views::written;

#[derive(Debug, Clone, Subcommand)]
pub(super) enum ReportCommand {
    /// Parked money, money on account and rests of payments; the sums are the ledger's
    #[command(after_help = "Examples:\n  topup report unallocated\n  \
                            topup report unallocated --as-of 2026-11-30 --by customer,age\n  \
                            topup report unallocated --output csv")]
    Unallocated(UnallocatedArgs),
}

#[derive(Debug, Clone, Args)]
pub(super) struct UnallocatedArgs {
    /// What was recorded by then, whenever it was received: the end of a day, an instant, or 15m,
    /// 2h, 7d ago; now, if absent
    #[arg(long, value_parser = as_of, value_name = "WHEN")]
    as_of: Option<AsOf>,
    /// Sums instead of payments; customer, age, kind, or several with commas
    #[arg(long, value_enum, value_delimiter = ',')]
    by: Vec<By>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Customer,
    Age,
    Kind,
}

/// Money of one group.
#[derive(Debug, Clone, Serialize)]
struct GroupRow {
    currency: String,
    account_id: Option<String>,
    age: Option<&'static str>,
    kind: Option<String>,
    payments: u64,
    unallocated: String,
}

/// All money of one currency, and what the ledger holds of it.
#[derive(Debug, Clone, Serialize)]
struct Total {
    currency: String,
    payments: u64,
    unallocated: String,
    ledger: String,
    equal: bool,
}

pub(super) async fn run(command: &ReportCommand, place: Place<'_>) -> Result<Exit> {
    let Place { pool, config, printer } = place;
    let ReportCommand::Unallocated(args) = command;
    let zone = &config.jobs.time_zone;
    let as_of = match args.as_of {
        Some(as_of) => as_of.instant(zone)?,
        None => Clock::System.now(),
    };
    let found = unallocated::at(pool, as_of, zone).await?;
    let totals = totals(&found);
    let mut sentences: Vec<String> = totals.iter().map(sentence).collect();
    if sentences.is_empty() {
        sentences.push("Nothing is unallocated; the ledger says the same.".to_owned());
    }
    if args.as_of.is_some() {
        let at = At(as_of);
        sentences.push(format!("Counted is what was recorded by {at}, whenever it was received."));
    }
    let mut stream = Stream::new(printer);
    if args.by.is_empty() {
        stream.rows(&found.rows)?;
        stream.end::<UnallocatedRow, _>(&totals, &sentences)?;
    } else {
        stream.rows(&groups(&found.rows, &args.by))?;
        stream.end::<GroupRow, _>(&totals, &sentences)?;
    }
    Ok(if totals.iter().all(|total| total.equal) { Exit::Ok } else { Exit::Findings })
}

/// A currency that only the ledger has is one too.
fn totals(found: &Unallocated) -> Vec<Total> {
    let mut sums: BTreeMap<String, (u64, i128)> = BTreeMap::new();
    for code in found.ledger.keys() {
        sums.entry(code.clone()).or_insert((0, 0));
    }
    for ((currency, ()), sum) in summed(&found.rows, |_| ()) {
        sums.insert(currency, sum);
    }
    let total = |(currency, (payments, micros)): (String, (u64, i128))| {
        let ledger = found.ledger.get(&currency).copied().unwrap_or(0);
        Total {
            payments,
            unallocated: amount(micros, &currency),
            ledger: amount(ledger, &currency),
            equal: ledger == micros,
            currency,
        }
    };
    sums.into_iter().map(total).filter(|total| total.payments > 0 || !total.equal).collect()
}

fn sentence(total: &Total) -> String {
    let Total { currency, payments, unallocated, ledger, equal } = total;
    let on = match payments {
        1 => "1 payment".to_owned(),
        many => format!("{many} payments"),
    };
    if *equal {
        format!("{unallocated} {currency} unallocated on {on}; the ledger says the same.")
    } else {
        format!(
            "{unallocated} {currency} unallocated on {on}, but the ledger holds {ledger}: \
             run `topup audit`."
        )
    }
}

fn amount(micros: i128, code: &str) -> String {
    Currency::parse(code).map_or_else(|_| micros.to_string(), |code| written(micros, code))
}

type Sums<K> = BTreeMap<(String, K), (u64, i128)>;

/// Currencies are never added up.
fn summed<K: Ord>(rows: &[UnallocatedRow], key: impl Fn(&UnallocatedRow) -> K) -> Sums<K> {
    let mut sums = Sums::new();
    for row in rows {
        let (payments, micros) = sums.entry((row.currency.clone(), key(row))).or_insert((0, 0));
        *payments = payments.saturating_add(1);
        *micros = micros.saturating_add(row.micros);
    }
    sums
}

/// What rows have in common: customer, age, kind; each only if it is asked for.
type Group = (Option<Option<String>>, Option<(usize, &'static str)>, Option<String>);

fn groups(rows: &[UnallocatedRow], by: &[By]) -> Vec<GroupRow> {
    let key = |row: &UnallocatedRow| -> Group {
        (
            by.contains(&By::Customer).then(|| row.account_id.clone()),
            by.contains(&By::Age).then(|| age(row.age_days)),
            by.contains(&By::Kind).then(|| row.kind.clone()),
        )
    };
    let mut groups = Vec::new();
    for ((currency, (account_id, age, kind)), (payments, micros)) in summed(rows, key) {
        let unallocated = amount(micros, &currency);
        let (account_id, age) = (account_id.flatten(), age.map(|(_, words)| words));
        groups.push(GroupRow { currency, account_id, age, kind, payments, unallocated });
    }
    groups
}

/// The order of an age and its words.
fn age(days: i64) -> (usize, &'static str) {
    match days {
        ..=7 => (0, "0-7 days"),
        8..=30 => (1, "8-30 days"),
        31..=90 => (2, "31-90 days"),
        _ => (3, "over 90 days"),
    }
}

table!(UnallocatedRow:
    payment_id account_id currency unallocated kind reason received_on age_days;
    row => "payment": row.payment_id, "customer": row.account_id, "currency": row.currency,
    "unallocated": row.unallocated, "kind": row.kind, "reason": row.reason,
    "received": row.received_on, "days": row.age_days);

table!(GroupRow:
    currency account_id age kind payments unallocated;
    row => "customer": row.account_id, "age": row.age, "kind": row.kind, "currency": row.currency,
    "payments": row.payments, "unallocated": row.unallocated);

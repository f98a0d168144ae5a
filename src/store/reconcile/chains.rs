//! The statements of a bank account, and what differs in them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{COUNTED, Drift};
use crate::domain::chain::{Booked, Chain, Placed, Stated};
use crate::domain::money::{BALANCE_MAX_MICROS, wide_number};
use crate::store::{StoreError, Tx};

/// By bank account and currency.
pub(super) type Chains = BTreeMap<(String, String), Chain>;

/// Reads the statements of a bank account, and the entries by the statements that name them, as
/// they were known at an instant or as they are now.
pub(super) async fn read(
    tx: &mut Tx<'_>,
    as_of: Option<DateTime<Utc>>,
    zone: &str,
    bank_account: &str,
) -> Result<Chains, StoreError> {
    let query = query!("reconcile_statements": as_of, zone);
    let stated = query.bind(bank_account).fetch_all(&mut **tx).await?;
    let query = query!("reconcile_booked": as_of, bank_account);
    let booked = query.fetch_all(&mut **tx).await?;
    let mut all: BTreeMap<(String, String), (Vec<Stated>, Vec<Booked>)> = BTreeMap::new();
    let subjects = Subjects::of(&stated)?;
    for row in &stated {
        let one = Stated { subject: subjects.of_row(row)?, ..read_stated(row)? };
        all.entry(key(row)?).or_default().0.push(one);
    }
    for row in &booked {
        all.entry(key(row)?).or_default().1.push(read_booked(row)?);
    }
    Ok(all.into_iter().map(|(key, (stated, booked))| (key, Chain::of(stated, booked))).collect())
}

fn key(row: &PgRow) -> Result<(String, String), StoreError> {
    Ok((row.try_get("bank_account")?, row.try_get("currency")?))
}

fn micros(row: &PgRow, column: &str) -> Result<i128, StoreError> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|_| StoreError::Corrupt("a sum that is no whole number"))
}

fn read_stated(row: &PgRow) -> Result<Stated, StoreError> {
    Ok(Stated {
        id: row.try_get("statement_id")?,
        subject: String::new(),
        opening: micros(row, "opening_balance")?,
        closing: micros(row, "closing_balance")?,
        entries: i64::from(row.try_get::<i32, _>("entries")?),
        through: row.try_get("complete_through")?,
        end: row.try_get("end_day")?,
    })
}

fn read_booked(row: &PgRow) -> Result<Booked, StoreError> {
    let own: Option<String> = row.try_get("statement_id")?;
    let others: Option<Vec<String>> = row.try_get("names")?;
    let others = others.unwrap_or_default().into_iter().filter(|name| Some(name) != own.as_ref());
    let others: Vec<String> = others.collect();
    Ok(Booked {
        own: own.is_some(),
        names: own.into_iter().chain(others).collect(),
        day: row.try_get("booking_date")?,
        entries: row.try_get("entries")?,
        total: micros(row, "total")?,
    })
}

/// How often each number was used: in all, and in its year.
struct Subjects {
    all: BTreeMap<(String, String, String), usize>,
    years: BTreeMap<(String, String, String, String), usize>,
}

impl Subjects {
    fn of(rows: &[PgRow]) -> Result<Self, StoreError> {
        let mut subjects = Self { all: BTreeMap::new(), years: BTreeMap::new() };
        for row in rows {
            let (account, currency) = key(row)?;
            let id: String = row.try_get("statement_id")?;
            let year = (account.clone(), currency.clone(), id.clone(), row.try_get("year")?);
            let count = subjects.all.entry((account, currency, id)).or_default();
            *count = count.saturating_add(1);
            let count = subjects.years.entry(year).or_default();
            *count = count.saturating_add(1);
        }
        Ok(subjects)
    }

    fn of_row(&self, row: &PgRow) -> Result<String, StoreError> {
        let (account, currency) = key(row)?;
        let (id, year): (String, String) = (row.try_get("statement_id")?, row.try_get("year")?);
        let of_year = (account.clone(), currency.clone(), id.clone(), year.clone());
        let several = |count: Option<&usize>| count.is_some_and(|count| *count > 1);
        Ok(if several(self.years.get(&of_year)) {
            format!("{id}@{}", row.try_get::<NaiveDate, _>("day")?)
        } else if several(self.all.get(&(account, currency, id.clone()))) {
            format!("{id}@{year}")
        } else {
            id
        })
    }
}

/// An amount as differences are written: with two decimals at least, whatever the currency.
fn written(micros: i128) -> String {
    wide_number(micros, 2)
}

/// All differences of the statements.
pub(super) fn drifts(chains: &Chains) -> Vec<Drift> {
    let mut drifts = Vec::new();
    for ((bank_account, currency), chain) in chains {
        let of = Of { bank_account, currency, chain };
        for placed in &chain.placed {
            of.of_placed(placed, &mut drifts);
        }
        for (copy, first) in &chain.copies {
            let (Some(copy), Some(first)) = (chain.stated.get(*copy), chain.stated.get(*first))
            else {
                continue;
            };
            let detail = format!("says the same as statement {}", first.id);
            drifts.push(of.drift("statement_double", &copy.subject, 0, detail));
        }
        for (name, (count, day)) in chain.missing() {
            let entries = count.entries;
            let detail = format!(
                "{entries} entries booked from {day} name it, a later statement came, it did not"
            );
            drifts.push(of.drift("statement_missing", name, count.total, detail));
        }
    }
    drifts
}

struct Of<'a> {
    bank_account: &'a str,
    currency: &'a str,
    chain: &'a Chain,
}

impl Of<'_> {
    fn of_placed(&self, placed: &Placed, drifts: &mut Vec<Drift>) {
        let Some(one) = self.chain.stated.get(placed.at) else { return };
        let own = placed.own();
        if own.total != 0 {
            let told = match placed.told.total {
                0 => String::new(),
                told => format!("; of that {} is told of what it covers", written(told)),
            };
            let detail = format!(
                "opens with {}, its {} recorded entries sum to {}, it closes with {}{told}",
                written(placed.opening),
                placed.found.entries,
                written(placed.found.total),
                written(one.closing)
            );
            drifts.push(self.drift("statement_sum", &one.subject, own.total, detail));
        }
        if own.entries != 0 {
            let told = match placed.told.entries {
                0 => String::new(),
                told => format!("; of that {told} is told of what it covers"),
            };
            let (stated, found) = (placed.stated, placed.found.entries);
            let detail = format!("has {stated} entries, {found} are recorded{told}");
            drifts.push(self.drift(COUNTED, &one.subject, i128::from(own.entries), detail));
        }
        if let Some(before) = placed.gap_to.and_then(|before| self.chain.stated.get(before)) {
            let detail = format!(
                "opens with {}, but statement {} before it closes with {}: one between them is \
                 missing, or one of them was issued again",
                written(one.opening),
                before.subject,
                written(before.closing)
            );
            let difference = one.opening.saturating_sub(before.closing);
            drifts.push(self.drift("statement_gap", &one.subject, difference, detail));
        }
    }

    fn drift(&self, kind: &str, subject: &str, difference: i128, detail: String) -> Drift {
        // One sum beyond what money can be here must not hide the differences of all others.
        let most = i128::from(BALANCE_MAX_MICROS);
        let difference = i64::try_from(difference.clamp(-most, most)).unwrap_or_default();
        Drift {
            kind: kind.to_owned(),
            key_kind: "bank".to_owned(),
            of: self.bank_account.to_owned(),
            subject: subject.to_owned(),
            currency: self.currency.to_owned(),
            difference,
            detail,
        }
    }
}

/// A statement's id among the entries of a currency and of days.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    pub currency: String,
    pub statement: String,
    pub after: Option<NaiveDate>,
    pub until: Option<NaiveDate>,
}

/// Which entries are those of a statement.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub names: BTreeSet<Named>,
    /// Currency, and the days of entries that name no statement.
    pub days: Vec<(String, Option<NaiveDate>, NaiveDate)>,
}

/// The entries of a statement, which is named by its id or by what it is shown as.
pub(super) fn asked(chains: &Chains, statement: &str) -> Asked {
    let mut asked = Asked::default();
    for ((_, currency), chain) in chains {
        for placed in &chain.placed {
            let Some(one) = chain.stated.get(placed.at) else { continue };
            if one.subject != statement && !is_called(one, statement) {
                continue;
            }
            for at in &placed.members {
                let (after, until) = chain.days_of(*at);
                let Some(statement) = chain.stated.get(*at).map(|one| one.id.clone()) else {
                    continue;
                };
                let currency = currency.clone();
                asked.names.insert(Named { currency, statement, after, until });
            }
            asked.days.push((currency.clone(), placed.since, one.end));
        }
    }
    asked
}

/// By its id, or by that and the year or day that it ends on.
fn is_called(one: &Stated, name: &str) -> bool {
    let day = one.through.checked_sub_signed(TimeDelta::microseconds(1)).unwrap_or(one.through);
    let at = name.strip_prefix(&one.id).and_then(|rest| rest.strip_prefix('@'));
    let used =
        |at: &str| [day.format("%Y"), day.format("%F")].iter().any(|day| at == day.to_string());
    name == one.id || at.is_some_and(used)
}

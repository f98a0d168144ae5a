//! What commands say about customers, and how upstream names their invoices.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::micros;
use super::rows::{Rows, Told};
use crate::domain::ids::AccountId;
use crate::domain::input::UpsertAccount;
use crate::domain::matching::upstream::Scheme;
use crate::domain::money::{Currency, Money};
use crate::domain::threshold::Levels;
use crate::store::{StoreError, Tx};

/// Replaces lists of account numbers. What is not on the new ones was theirs until now.
macro_rules! replace {
    ($tx:ident, $numbers:expr, $at:expr, $delete:literal, $insert:literal, $column:ident) => {
        let Numbers { of, now, passing } = $numbers;
        if !of.is_empty() {
            let query = bound!($delete,
                for (number, id) in now {
                    customers => &of,
                    number: *number,
                    account_id: id.as_str(),
                    until => $at,
                }
                for (number, id) in passing {
                    number: *number,
                    account_id: id.as_str(),
                }
            );
            query.execute(&mut **$tx).await?;
        }
        store!($tx, $insert, for (number, id) in now {
            $column: *number,
            account_id: id.as_str(),
        });
    };
}

/// What upserts say about accounts; the last of an account in the batch wins.
pub(super) async fn upserts(
    tx: &mut Tx<'_>,
    last: &Told<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    described(tx, last, at).await?;
    let payers = Numbers::of(last, |upsert| upsert.payer_accounts.as_ref());
    replace!(tx, payers, at, "delete_payers", "insert_payers", payer_account);
    let virtuals = Numbers::of(last, |upsert| upsert.virtual_accounts.as_ref());
    replace!(tx, virtuals, at, "delete_virtuals", "insert_virtuals", virtual_account);
    let (mut of, mut limits) = (vec![], vec![]);
    for (id, told) in last {
        if let Some(list) = newest(told, |upsert| upsert.credit_limits.as_ref()) {
            of.push(id.as_str());
            limits.extend(list.iter().map(|limit: &Money| (id.as_str(), *limit)));
        }
    }
    if !of.is_empty() {
        query!("delete_limits": of).execute(&mut **tx).await?;
    }
    store!(tx, "insert_limits", for (id, limit) in limits {
        account_id: *id,
        currency: limit.code(),
        amount: micros(*limit)?,
    });
    Ok(())
}

/// The last that said something about it.
fn newest<'a, T>(
    told: &[(&'a UpsertAccount, DateTime<Utc>)],
    part: impl Fn(&'a UpsertAccount) -> Option<T>,
) -> Option<T> {
    told.iter().rev().find_map(|(upsert, _)| part(upsert))
}

type Pairs<'a> = Vec<(&'a str, &'a AccountId)>;

/// Whose lists of account numbers are replaced.
struct Numbers<'a> {
    of: Vec<&'a str>,
    /// The numbers with their owners.
    now: Pairs<'a>,
    /// Those that were an owner's within the batch alone: given by one upsert, taken by the next.
    passing: Pairs<'a>,
}

impl<'a> Numbers<'a> {
    fn of(last: &Told<'a>, list: impl Fn(&'a UpsertAccount) -> Option<&'a Vec<String>>) -> Self {
        let mut numbers = Self { of: vec![], now: vec![], passing: vec![] };
        for (id, told) in last {
            let Some(newest) = newest(told, &list) else { continue };
            let newest: BTreeSet<&String> = newest.iter().collect();
            let all: BTreeSet<&String> =
                told.iter().filter_map(|(upsert, _)| list(upsert)).flatten().collect();
            numbers.of.push(id.as_str());
            for number in all {
                let pairs =
                    if newest.contains(number) { &mut numbers.now } else { &mut numbers.passing };
                pairs.push((number.as_str(), *id));
            }
        }
        numbers
    }
}

/// As the database writes arrays, which cannot be nested in one statement. A currency without a
/// level has one that is NULL.
fn array_text(
    levels: &Levels,
    text: impl Fn(Currency, Option<Money>) -> Result<String, StoreError>,
) -> Result<String, StoreError> {
    let mut texts = Vec::new();
    for (currency, of) in levels.iter() {
        if of.is_empty() {
            texts.push(text(currency, None)?);
        }
        for level in of {
            texts.push(text(currency, Some(*level))?);
        }
    }
    Ok(format!("{{{}}}", texts.join(",")))
}

async fn described(tx: &mut Tx<'_>, last: &Told<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let all: Vec<_> = last.iter().collect();
    let currency = |currency: Currency, _| Ok(currency.to_string());
    let amount = |_, level: Option<Money>| match level {
        Some(level) => Ok(micros(level)?.to_string()),
        None => Ok("NULL".to_owned()),
    };
    store!(tx, "update_accounts", for (id, told) in all {
        account_id: id.as_str(),
        name: newest(told, |upsert| Some(upsert.name.as_str())),
        stale_after_days: newest(told, |upsert| upsert.stale_after_days).map(i32::from),
        updated_at => at,
        time_zone: newest(told, |upsert| upsert.time_zone.as_deref()),
        described_at: told.iter().map(|(_, at)| *at).max(),
        level_currencies: newest(told, |upsert| upsert.balance_levels.as_ref())
            .map(|levels| array_text(levels, currency))
            .transpose()?,
        level_amounts: newest(told, |upsert| upsert.balance_levels.as_ref())
            .map(|levels| array_text(levels, amount))
            .transpose()?,
    });
    Ok(())
}

/// The references that upstream gave new invoices.
pub(super) async fn references(tx: &mut Tx<'_>, rows: &Rows<'_>) -> Result<(), StoreError> {
    let references = &rows.references;
    store!(tx, "insert_invoice_references", for (invoice_id, reference) in references {
        reference: reference.key.as_str(),
        invoice_id: invoice_id.as_str(),
        scheme: reference.scheme.map(Scheme::word),
        given: reference.text.as_str(),
    });
    Ok(())
}

//! Lots of accounts, page by page, in the order in which a walk takes them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _};
use sqlx::postgres::PgRow;

use super::usage::lot;
use crate::domain::ids::AccountId;
use crate::domain::money::Currency;
use crate::domain::usage::Lot;
use crate::domain::want::Want;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::lots::{Reach, Walk};
use crate::store::{StoreError, Tx, rows, sql};

/// Lots of the first page of an account; each further page has as many as were read before it.
const FIRST_PAGE: usize = 8;

type Whose = (AccountId, Currency);

/// Loads as many of the oldest lots as charges of so many micros burn.
pub(super) async fn for_charges(
    tx: &mut Tx<'_>,
    charged: &BTreeMap<(String, String), i64>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<Whose, i64> = BTreeMap::new();
    for ((account_id, code), micros) in charged {
        wanted.insert((AccountId::trusted(account_id), rows::currency(code)?), *micros);
    }
    // Ends when there is enough, or no more.
    while !wanted.is_empty() {
        pages(tx, Walk::Open, wanted.keys().cloned().collect(), set).await?;
        wanted.retain(|(account_id, currency), micros| {
            let all = set.usage.reached(Walk::Open, account_id, *currency).reach == Reach::All;
            !all && there(set, account_id, *currency) < *micros
        });
    }
    Ok(())
}

/// The micros of the loaded lots; what is too much to be counted is enough.
fn there(set: &WorkingSet, account_id: &AccountId, currency: Currency) -> i64 {
    let lots = set.usage.lots.get(&(account_id.clone(), currency)).into_iter().flatten();
    let micros = lots.map(|lot| lot.remaining.to_micros().unwrap_or(i64::MAX));
    micros.fold(0, i64::saturating_add)
}

/// Loads what walks lacked.
pub(super) async fn misses(
    tx: &mut Tx<'_>,
    wants: &[Want],
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<Walk, BTreeSet<Whose>> = BTreeMap::new();
    let asked = of_kind!(wants, Want::Lots(walk, whose, of, _) => (*walk, (whose.clone(), *of)));
    asked.for_each(|(walk, whose)| _ = wanted.entry(walk).or_default().insert(whose));
    for (walk, whose) in wanted {
        pages(tx, walk, whose, set).await?;
    }
    Ok(())
}

/// The next page of each of these.
async fn pages(
    tx: &mut Tx<'_>,
    walk: Walk,
    wanted: BTreeSet<Whose>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    let (mut accounts, mut currencies, mut sizes) = (vec![], vec![], vec![]);
    let (mut behind_at, mut behind_id): (Vec<Option<DateTime<Utc>>>, Vec<i64>) = (vec![], vec![]);
    for (account_id, currency) in &wanted {
        let known = set.usage.reached(walk, account_id, *currency);
        let behind = match known.reach {
            Reach::To(last) => Some(last),
            Reach::Nothing | Reach::All => None,
        };
        accounts.push(account_id.as_str());
        currencies.push(currency.code());
        sizes.push(i64::try_from(known.read.max(FIRST_PAGE)).unwrap_or(i64::MAX));
        behind_at.push(behind.map(|(at, _)| at));
        behind_id.push(behind.map_or(0, |(_, id)| id.0));
    }
    let query = match walk {
        Walk::Open => sqlx::query(sql!("load_lots")),
        Walk::Cleared => sqlx::query(sql!("load_lots_cleared")),
    };
    let query = query.bind(accounts).bind(currencies).bind(behind_at).bind(behind_id);
    let found = query.bind(&sizes).fetch_all(&mut **tx).await?;
    let mut found = by_owner(&found)?;
    for (whose, size) in wanted.into_iter().zip(sizes) {
        let page = found.remove(&whose).unwrap_or_default();
        let all = i64::try_from(page.len()).is_ok_and(|read| read < size);
        set.usage.load(walk, &whose.0, whose.1, page, all);
    }
    Ok(())
}

fn by_owner(rows: &[PgRow]) -> Result<HashMap<Whose, Vec<Lot>>, StoreError> {
    let mut found: HashMap<Whose, Vec<Lot>> = HashMap::new();
    for row in rows {
        let (account_id, lot) = lot(row)?;
        found.entry((account_id, lot.amount.currency())).or_default().push(lot);
    }
    Ok(found)
}

/// Lots by their numbers, with or without money.
pub(super) async fn by_id(
    tx: &mut Tx<'_>,
    ids: Vec<i64>,
    set: &mut WorkingSet,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let found = query!("load_lots_by_id": ids).fetch_all(&mut **tx).await?;
    for ((account_id, currency), lots) in by_owner(&found)? {
        set.usage.keep(&account_id, currency, lots);
    }
    Ok(())
}

//! What commands say about customers, and how upstream names their invoices.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::micros;
use crate::domain::effect::Effect;
use crate::domain::ids::AccountId;
use crate::domain::input::UpsertAccount;
use crate::domain::matching::upstream::Scheme;
use crate::domain::money::Money;
use crate::domain::threshold::Levels;
use crate::store::{StoreError, Tx, sql};

type Pairs<'a> = (Vec<&'a str>, Vec<&'a str>);

/// What upserts say about accounts; the last of an account in the batch wins.
pub(super) async fn upserts(
    tx: &mut Tx<'_>,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut last: Told<'_> = BTreeMap::new();
    for effect in effects {
        if let Effect::UpsertAccount(upsert, written_at) = effect {
            last.entry(&upsert.account_id).or_default().push((upsert, *written_at));
        }
    }
    if last.is_empty() {
        return Ok(());
    }
    described(tx, &last, at).await?;
    let payers = Numbers::of(&last, |upsert| upsert.payer_accounts.as_ref());
    payers.delete(tx, sql!("delete_payers"), at).await?;
    let (number, owner) = payers.now;
    sqlx::query(sql!("insert_payers")).bind(number).bind(owner).execute(&mut **tx).await?;
    let virtuals = Numbers::of(&last, |upsert| upsert.virtual_accounts.as_ref());
    virtuals.delete(tx, sql!("delete_virtuals"), at).await?;
    let (number, owner) = virtuals.now;
    sqlx::query(sql!("insert_virtuals")).bind(number).bind(owner).execute(&mut **tx).await?;
    let (mut of, mut limits) = (vec![], vec![]);
    for (id, told) in &last {
        if let Some(list) = newest(told, |upsert| upsert.credit_limits.as_ref()) {
            of.push(id.as_str());
            limits.extend(list.iter().map(|limit: &Money| (id.as_str(), *limit)));
        }
    }
    let amounts = limits.iter().map(|(_, limit)| micros(*limit)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(sql!("delete_limits")).bind(of).execute(&mut **tx).await?;
    sqlx::query(sql!("insert_limits"))
        .bind(limits.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(limits.iter().map(|(_, limit)| limit.code()).collect::<Vec<_>>())
        .bind(amounts)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

type Told<'a> = BTreeMap<&'a AccountId, Vec<(&'a UpsertAccount, DateTime<Utc>)>>;

/// The last that said something about it.
fn newest<'a, T>(
    told: &[(&'a UpsertAccount, DateTime<Utc>)],
    part: impl Fn(&'a UpsertAccount) -> Option<T>,
) -> Option<T> {
    told.iter().rev().find_map(|(upsert, _)| part(upsert))
}

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
        let mut numbers = Self { of: vec![], now: Pairs::default(), passing: Pairs::default() };
        for (id, told) in last {
            let Some(newest) = newest(told, &list) else { continue };
            let newest: BTreeSet<&String> = newest.iter().collect();
            let all: BTreeSet<&String> =
                told.iter().filter_map(|(upsert, _)| list(upsert)).flatten().collect();
            numbers.of.push(id.as_str());
            for number in all {
                let pairs =
                    if newest.contains(number) { &mut numbers.now } else { &mut numbers.passing };
                pairs.0.push(number.as_str());
                pairs.1.push(id.as_str());
            }
        }
        numbers
    }

    /// The lists of before go. What is not on the new ones was theirs until now.
    async fn delete(
        &self,
        tx: &mut Tx<'_>,
        statement: &'static str,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(statement)
            .bind(&self.of)
            .bind(&self.now.0)
            .bind(&self.now.1)
            .bind(at)
            .bind(&self.passing.0)
            .bind(&self.passing.1)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

/// Currencies and amounts as the database writes arrays, which cannot be nested in one statement.
fn array_texts(levels: &Levels) -> Result<(String, String), StoreError> {
    let (mut currencies, mut amounts) = (vec![], vec![]);
    for (currency, of) in levels.iter() {
        if of.is_empty() {
            currencies.push(currency.to_string());
            amounts.push("NULL".to_owned());
        }
        for level in of {
            currencies.push(currency.to_string());
            amounts.push(micros(*level)?.to_string());
        }
    }
    Ok((format!("{{{}}}", currencies.join(",")), format!("{{{}}}", amounts.join(","))))
}

async fn described(tx: &mut Tx<'_>, last: &Told<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let names = last.values().map(|told| newest(told, |upsert| Some(upsert.name.as_str())));
    let stale = last.values().map(|told| newest(told, |u| u.stale_after_days).map(i32::from));
    let zones = last.values().map(|told| newest(told, |upsert| upsert.time_zone.as_deref()));
    let levels = last.values().map(|told| newest(told, |upsert| upsert.balance_levels.as_ref()));
    let levels = levels.map(|levels| levels.map(array_texts).transpose());
    let levels = levels.collect::<Result<Vec<_>, StoreError>>()?;
    let (currencies, amounts): (Vec<Option<String>>, Vec<Option<String>>) =
        levels.into_iter().map(Option::unzip).unzip();
    let times = last.values().map(|told| told.iter().map(|(_, at)| *at).max());
    sqlx::query(sql!("update_accounts"))
        .bind(last.keys().map(|id| id.as_str()).collect::<Vec<_>>())
        .bind(names.collect::<Vec<_>>())
        .bind(stale.collect::<Vec<_>>())
        .bind(at)
        .bind(zones.collect::<Vec<_>>())
        .bind(times.collect::<Vec<_>>())
        .bind(currencies)
        .bind(amounts)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The references that upstream gave new invoices.
pub(super) async fn references(tx: &mut Tx<'_>, effects: &[Effect]) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for effect in effects {
        if let Effect::NameInvoice { invoice_id, references } = effect {
            rows.extend(references.iter().map(|reference| (invoice_id.as_str(), reference)));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_invoice_references"))
        .bind(rows.iter().map(|(_, reference)| reference.key.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, one)| one.scheme.map(Scheme::word)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, reference)| reference.text.as_str()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

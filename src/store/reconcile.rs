//! Reconciliation: which differences there are, which are known, and the change between the two.
//!
//! Differences are found in one snapshot. They are written in one transaction, with their events,
//! under the locks of the open differences and of all whom the events are about.

mod chains;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{PgPool, StoreError, Tx, audit, rows, sql};
use crate::domain::event::{DriftSubject, EventKey, Fact};
use crate::domain::ids::{AccountId, BankAccountId};
use crate::domain::money::Money;

/// Differences of the bank's side, and of the accounts' side, that one run reports.
pub const DRIFTS_MAX: i64 = 5_000;
/// Entries of a statement that are listed.
const ENTRIES_MAX: i64 = 1_000;
/// The one kind whose difference is a number of entries and not money.
const COUNTED: &str = "statement_entries";

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Drift {
    pub kind: String,
    /// `bank` or `account`.
    pub key_kind: String,
    /// The bank account of ours, or the customer's account.
    pub of: String,
    /// The statement, or the currency.
    pub subject: String,
    pub currency: String,
    /// What is there less what should be, in micros; a number of entries for `statement_entries`.
    #[serde(skip)]
    pub difference: i64,
    pub detail: String,
}

impl Drift {
    fn key(&self) -> EventKey {
        let account = EventKey::Account(AccountId::trusted(&self.of));
        if self.key_kind == account.kind() {
            account
        } else {
            EventKey::Bank(BankAccountId::trusted(&self.of))
        }
    }

    fn subject(&self) -> DriftSubject {
        DriftSubject {
            kind: self.kind.clone(),
            of: self.of.clone(),
            subject: self.subject.clone(),
            currency: self.currency.clone(),
        }
    }

    /// The difference as money; none where entries are counted.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a currency that does not exist.
    pub fn money(&self) -> Result<Option<Money>, StoreError> {
        if self.kind == COUNTED {
            return Ok(None);
        }
        let currency = rows::currency(&self.currency)?;
        Ok(Some(Money::from_micros(self.difference, currency)))
    }
}

/// What became of the differences that were known, and what is told of it.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    pub opened: usize,
    pub cleared: usize,
    pub facts: Vec<(EventKey, Fact)>,
}

/// An entry of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub bank_key: String,
    pub status: String,
    pub credit_debit: String,
    pub reversal: bool,
    pub currency: String,
    pub amount: String,
    pub booking_date: String,
    /// What became of it: `payment`, `outgoing`…
    pub disposition: String,
    pub payment_id: Option<String>,
    /// Whether it names a statement; else its day is one of the statement's.
    pub named: bool,
    /// Whether it counts: it is booked, and not the same money as another entry.
    pub counted: bool,
}

/// The drifts that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drifts {
    pub drifts: Vec<Drift>,
    /// There are more than [`DRIFTS_MAX`] on a side: one that is not here may still be there.
    pub cut_off: bool,
}

/// All differences, in the order of kind, key and subject. The bank's side is that of the facts
/// known at `as_of`, its days those of `zone`; the accounts' side is as it is now, all of it.
pub async fn find(pool: &PgPool, as_of: DateTime<Utc>, zone: &str) -> Result<Drifts, StoreError> {
    both(pool, as_of, zone, [sql!("reconcile_bank"), sql!("reconcile_accounts")]).await
}

/// The same, with payments, entries and accounts as [`super::compare`] found them, page by page.
pub async fn found(pool: &PgPool, as_of: DateTime<Utc>, zone: &str) -> Result<Drifts, StoreError> {
    both(pool, as_of, zone, [sql!("compare_found_bank"), sql!("compare_found")]).await
}

async fn both(
    pool: &PgPool,
    as_of: DateTime<Utc>,
    zone: &str,
    [bank, accounts]: [&'static str; 2],
) -> Result<Drifts, StoreError> {
    let mut tx = audit::snapshot(pool).await?;
    let mut drifts = of_statements(&mut tx, as_of, zone).await?;
    for of_bank in [sql!("reconcile_parked"), bank] {
        let rows = sqlx::query(of_bank).bind(as_of).bind(DRIFTS_MAX).fetch_all(&mut *tx).await?;
        drifts.extend(rows.iter().map(drift).collect::<Result<Vec<_>, _>>()?);
    }
    let accounts = sqlx::query(accounts).bind(DRIFTS_MAX).fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    drifts.sort();
    let max = usize::try_from(DRIFTS_MAX).unwrap_or(usize::MAX);
    let cut_off = drifts.len() >= max || accounts.len() >= max;
    drifts.truncate(max);
    let accounts = accounts.iter().map(drift).collect::<Result<Vec<_>, _>>()?;
    drifts.extend(accounts);
    Ok(Drifts { drifts, cut_off })
}

/// What differs in statements, one bank account after the other: only the days and statements of
/// one are in memory at a time.
async fn of_statements(
    tx: &mut Tx<'_>,
    as_of: DateTime<Utc>,
    zone: &str,
) -> Result<Vec<Drift>, StoreError> {
    let (mut drifts, mut last) = (Vec::new(), String::new());
    let next = sql!("reconcile_next_account");
    while let Some(bank_account) =
        sqlx::query_scalar::<_, Option<String>>(next).bind(&last).fetch_one(&mut **tx).await?
    {
        let chains = chains::read(tx, Some(as_of), zone, &bank_account).await?;
        drifts.extend(chains::drifts(&chains));
        last = bank_account;
    }
    Ok(drifts)
}

fn drift(row: &PgRow) -> Result<Drift, StoreError> {
    Ok(Drift {
        kind: row.try_get("kind")?,
        key_kind: row.try_get("key_kind")?,
        of: row.try_get("record_key")?,
        subject: row.try_get("subject")?,
        currency: row.try_get("currency")?,
        difference: row.try_get("difference")?,
        detail: row.try_get("detail")?,
    })
}

/// The entries of a statement: those that name it or one that it covers, and those of its days
/// that name none.
pub async fn entries(
    pool: &PgPool,
    bank_account: &str,
    statement: &str,
    zone: &str,
) -> Result<Vec<Entry>, StoreError> {
    let mut tx = audit::snapshot(pool).await?;
    let chains = chains::read(&mut tx, None, zone, bank_account).await?;
    let asked = chains::asked(&chains, statement);
    let query = query!("reconcile_entries": bank_account,
        asked.names.iter().map(|of| of.currency.as_str()).collect::<Vec<_>>(),
        asked.names.iter().map(|of| of.statement.as_str()).collect::<Vec<_>>(),
        asked.names.iter().map(|of| of.after).collect::<Vec<_>>(),
        asked.names.iter().map(|of| of.until).collect::<Vec<_>>(),
        asked.days.iter().map(|of| of.0.as_str()).collect::<Vec<_>>(),
        asked.days.iter().map(|of| of.1).collect::<Vec<_>>(),
        asked.days.iter().map(|of| of.2).collect::<Vec<_>>(), statement, ENTRIES_MAX);
    let rows = query.fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    let mut found = Vec::new();
    for row in rows {
        let currency = rows::currency(row.try_get("currency")?)?;
        found.push(Entry {
            bank_key: row.try_get("bank_key")?,
            status: row.try_get("status")?,
            credit_debit: row.try_get("credit_debit")?,
            reversal: row.try_get("reversal")?,
            currency: currency.code().to_owned(),
            amount: Money::from_micros(row.try_get("amount")?, currency).number(),
            booking_date: row.try_get::<NaiveDate, _>("booking_date")?.to_string(),
            disposition: row.try_get("disposition")?,
            payment_id: row.try_get("payment_id")?,
            named: row.try_get("named")?,
            counted: row.try_get("counted")?,
        });
    }
    Ok(found)
}

/// Whether a later instant was reconciled before: an episode is not rewritten.
pub async fn is_past_in_tx(tx: &mut Tx<'_>, as_of: DateTime<Utc>) -> Result<bool, StoreError> {
    let latest: Option<DateTime<Utc>> =
        sqlx::query_scalar(sql!("drifts_latest")).fetch_one(&mut **tx).await?;
    Ok(latest.is_some_and(|latest| latest > as_of))
}

/// Opens an episode for each difference that is new and ends those of the others, unless what was
/// found is cut off. The caller tells the facts.
pub async fn change_in_tx(
    tx: &mut Tx<'_>,
    found: &Drifts,
    as_of: DateTime<Utc>,
) -> Result<Changed, StoreError> {
    let mut open: BTreeMap<DriftKey, i64> = BTreeMap::new();
    for row in sqlx::query(sql!("drifts_lock_open")).fetch_all(&mut **tx).await? {
        open.insert(DriftKey::of_row(&row)?, row.try_get("drift_id")?);
    }
    let now: BTreeMap<DriftKey, &Drift> =
        found.drifts.iter().map(|d| (DriftKey::of(d), d)).collect();
    let new: Vec<&Drift> =
        now.iter().filter(|(k, _)| !open.contains_key(k)).map(|n| *n.1).collect();
    let gone: Vec<(&DriftKey, i64)> = open
        .iter()
        .filter(|(k, _)| !found.cut_off && !now.contains_key(*k))
        .map(|(k, id)| (k, *id))
        .collect();
    let gone_drifts: Vec<Drift> = gone.iter().map(|(key, _)| key.drift()).collect();
    let ids: Vec<i64> = gone.iter().map(|(_, id)| *id).collect();
    insert(tx, &new, as_of).await?;
    let done = query!("drifts_clear": &ids, as_of).execute(&mut **tx).await?;
    super::persist::expect_rows(done.rows_affected(), ids.len(), "an open drift")?;
    let mut facts = Vec::with_capacity(new.len());
    for drift in &new {
        let (difference, detail) = (drift.money()?, drift.detail.clone());
        facts.push((drift.key(), Fact::DriftFound { drift: drift.subject(), difference, detail }));
    }
    for drift in &gone_drifts {
        facts.push((drift.key(), Fact::DriftCleared { drift: drift.subject() }));
    }
    Ok(Changed { opened: new.len(), cleared: ids.len(), facts })
}

/// What makes two differences the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct DriftKey {
    kind: String,
    key_kind: String,
    of: String,
    subject: String,
    currency: String,
}

impl DriftKey {
    fn of(drift: &Drift) -> Self {
        Self {
            kind: drift.kind.clone(),
            key_kind: drift.key_kind.clone(),
            of: drift.of.clone(),
            subject: drift.subject.clone(),
            currency: drift.currency.clone(),
        }
    }

    fn of_row(row: &PgRow) -> Result<Self, StoreError> {
        Ok(Self {
            kind: row.try_get("kind")?,
            key_kind: row.try_get("key_kind")?,
            of: row.try_get("record_key")?,
            subject: row.try_get("subject")?,
            currency: row.try_get("currency")?,
        })
    }

    fn drift(&self) -> Drift {
        Drift {
            kind: self.kind.clone(),
            key_kind: self.key_kind.clone(),
            of: self.of.clone(),
            subject: self.subject.clone(),
            currency: self.currency.clone(),
            difference: 0,
            detail: String::new(),
        }
    }
}

async fn insert(tx: &mut Tx<'_>, new: &[&Drift], as_of: DateTime<Utc>) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let done = query!("drifts_open": new.iter().map(|d| d.kind.as_str()).collect::<Vec<_>>(),
        new.iter().map(|d| d.key_kind.as_str()).collect::<Vec<_>>(),
        new.iter().map(|d| d.of.as_str()).collect::<Vec<_>>(),
        new.iter().map(|d| d.subject.as_str()).collect::<Vec<_>>(),
        new.iter().map(|d| d.currency.as_str()).collect::<Vec<_>>(),
        new.iter().map(|d| d.difference).collect::<Vec<_>>(),
        new.iter().map(|d| d.detail.as_str()).collect::<Vec<_>>(), as_of)
    .execute(&mut **tx)
    .await?;
    super::persist::expect_rows(done.rows_affected(), new.len(), "a drift")
}

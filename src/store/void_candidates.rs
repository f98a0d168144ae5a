//! Void candidates: what is known of invoices that await payment, and the change of their flags.
//! Which should be candidates, `domain::void_candidate` says.
//!
//! A page is read without locks; what it would change is read again under the locks of the
//! accounts (by id), and only what still holds is written.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{Connection, PgPool, StoreError, Tx, rows, sql};
use crate::domain::bank::BankTransaction;
use crate::domain::ids::{AccountId, InvoiceId};
use crate::domain::invoice::CandidateEnd;
use crate::domain::money::Money;
use crate::domain::void_candidate::{Change, Facts, Rules};

/// The bank account whose feed is known for the shortest time: it is behind before all others.
#[derive(Debug)]
pub struct Feed {
    pub bank_account: String,
    /// Up to when it is known, if at all.
    pub through: Option<DateTime<Utc>>,
    /// It is not, and a statement of it spoke of the future when it came.
    pub in_future: bool,
}

/// That feed; none when no bank account is known. A statement that was complete up to more than
/// `skew` after it was recorded says nothing.
pub async fn feed(pool: &PgPool, skew: Duration) -> Result<Option<Feed>, StoreError> {
    let row = query!("candidates_feed": skew).fetch_optional(pool).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Feed {
        bank_account: row.try_get("bank_account")?,
        through: row.try_get("through")?,
        in_future: row.try_get("in_future")?,
    }))
}

/// Why nothing may be concluded from what the bank has not said: something it said is open.
pub async fn feed_open(
    pool: &PgPool,
    group: &str,
    topic: &str,
) -> Result<Option<String>, StoreError> {
    let query = scalar!("candidates_open": group, topic);
    Ok(query.fetch_one(pool).await?)
}

/// The time zones of customers that have one of their own.
pub async fn zones(pool: &PgPool) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(sql!("candidates_zones")).fetch_all(pool).await?)
}

/// Bank records that are not booked yet.
#[derive(Debug, Default)]
pub struct Announced {
    /// With the bank account and the key of each, by which they are sorted.
    pub records: Vec<(String, String, BankTransaction)>,
    /// How many of them a later version wrote: only their texts are read.
    pub unreadable: u64,
}

/// A page of bank records that are not booked yet, after the given key.
pub async fn pending(
    pool: &PgPool,
    after: &(String, String),
    limit: i64,
) -> Result<Announced, StoreError> {
    let query = query!("candidates_pending": &after.0, &after.1, limit);
    let mut page = Announced::default();
    for row in query.fetch_all(pool).await? {
        let transaction = match rows::bank_record(&row) {
            Ok(record) => record.transaction,
            Err(error) if error.is_unreadable() => {
                page.unreadable = page.unreadable.saturating_add(1);
                rows::only_texts(&row)?
            }
            Err(error) => return Err(error),
        };
        page.records.push((row.try_get("bank_account")?, row.try_get("bank_key")?, transaction));
    }
    Ok(page)
}

/// The last invoice of the page after `after`; none when it is the last page.
pub async fn page_end(pool: &PgPool, after: &str, size: i64) -> Result<Option<String>, StoreError> {
    let query = scalar!("candidates_page_end": after, size);
    Ok(query.fetch_optional(pool).await?)
}

/// Invoices of the page whose flag is not what it should be.
pub async fn page(
    pool: &PgPool,
    after: &str,
    until: Option<&str>,
    rules: &Rules,
) -> Result<Vec<String>, StoreError> {
    let suspects = suspects(pool, after, until, rules).await?;
    let mut wrong = BTreeSet::new();
    for row in facts_rows(&mut *pool.reading().await?, &suspects).await? {
        // One that only a later version can read fails by itself, and is noted.
        if rows::readable(facts_of(&row))?.is_none_or(|one| one.change(rules).is_some()) {
            wrong.insert(row.try_get("invoice_id")?);
        }
    }
    Ok(wrong.into_iter().collect())
}

/// Those of the page whose flag may have to change: all of which it does, and others.
pub async fn suspects(
    pool: &PgPool,
    after: &str,
    until: Option<&str>,
    rules: &Rules,
) -> Result<Vec<String>, StoreError> {
    let query = sqlx::query_scalar(sql!("candidates_page"));
    let query = query.bind(rules.as_of).bind(i32::from(rules.stale_after_days));
    Ok(query.bind(after).bind(until).fetch_all(pool).await?)
}

/// What is known of those of `invoices` that await payment, by account and invoice.
pub async fn facts(
    connection: &mut Connection,
    invoices: &[impl AsRef<str>],
) -> Result<Vec<Facts>, StoreError> {
    facts_rows(connection, invoices).await?.iter().map(facts_of).collect()
}

async fn facts_rows(
    connection: &mut Connection,
    invoices: &[impl AsRef<str>],
) -> Result<Vec<PgRow>, StoreError> {
    if invoices.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = invoices.iter().map(AsRef::as_ref).collect();
    Ok(query!("candidates_facts": ids).fetch_all(connection).await?)
}

fn facts_of(row: &PgRow) -> Result<Facts, StoreError> {
    let currency = rows::currency(row.try_get("currency")?)?;
    let days: Option<i32> = row.try_get("stale_after_days")?;
    let days = days.map(u16::try_from).transpose();
    Ok(Facts {
        invoice_id: InvoiceId::trusted(row.try_get("invoice_id")?),
        account_id: AccountId::trusted(row.try_get("account_id")?),
        due: Money::from_micros(row.try_get("due")?, currency),
        part_paid: row.try_get("part_paid")?,
        due_date: row.try_get("due_date")?,
        keep_until: row.try_get("keep_until")?,
        stale_since: row.try_get("stale_since")?,
        stale_after_days: days.map_err(|_| StoreError::Corrupt("the days of an account"))?,
        time_zone: row.try_get("time_zone")?,
        wanted: row.try_get("wanted")?,
        candidate_since: row.try_get("candidate_since")?,
    })
}

/// Whose invoices these are.
pub async fn owners_in_tx(
    tx: &mut Tx<'_>,
    invoices: &[String],
) -> Result<BTreeSet<String>, StoreError> {
    let query = scalar!("candidates_owners": invoices);
    Ok(query.fetch_all(&mut **tx).await?.into_iter().collect())
}

/// Flags and clears `invoices`, as far as it holds now: the caller has their accounts locked, and
/// tells what is returned.
///
/// # Errors
/// When the database fails; [`StoreError::Raced`] when rows changed under the locks.
pub async fn change_in_tx(
    tx: &mut Tx<'_>,
    invoices: &[String],
    rules: &Rules,
) -> Result<Vec<(Facts, Change)>, StoreError> {
    let known = facts(tx, invoices).await?;
    let changes = known.into_iter().filter_map(|one| Some((one.change(rules)?, one)));
    let changes: Vec<(Facts, Change)> = changes.map(|(change, one)| (one, change)).collect();
    let of = |change: Change| changes.iter().filter(move |of| of.1 == change).map(|of| &of.0);
    flag(tx, &of(Change::Flag).collect::<Vec<_>>(), rules).await?;
    let cleared: Vec<&str> = of(Change::Clear).map(|one| one.invoice_id.as_str()).collect();
    if !cleared.is_empty() {
        let done = query!("candidates_unflag": &cleared).execute(&mut **tx).await?;
        super::persist::expect_rows(done.rows_affected(), cleared.len(), "a void candidate")?;
        let reasons = vec![CandidateEnd::NotStale.word(); cleared.len()];
        let query = query!("clear_candidates": &cleared, reasons);
        query.bind(rules.as_of).execute(&mut **tx).await?;
    }
    Ok(changes)
}

async fn flag(tx: &mut Tx<'_>, stale: &[&Facts], rules: &Rules) -> Result<(), StoreError> {
    if stale.is_empty() {
        return Ok(());
    }
    let dues = stale.iter().map(|one| super::persist::micros(one.due));
    let done = query!("candidates_flag":
        stale.iter().map(|one| one.invoice_id.as_str()).collect::<Vec<_>>(),
        dues.collect::<Result<Vec<_>, _>>()?,
        stale.iter().map(|one| one.stale_since).collect::<Vec<_>>(),
        stale.iter().map(|one| i32::from(one.days(rules))).collect::<Vec<_>>(),
        rules.feed_complete_through, rules.as_of)
    .execute(&mut **tx)
    .await?;
    super::persist::expect_rows(done.rows_affected(), stale.len(), "a stale invoice")
}

/// The invoices that await payment and that these records name.
pub async fn named_by(
    pool: &PgPool,
    transactions: &[BankTransaction],
) -> Result<Vec<String>, StoreError> {
    use crate::domain::matching::text;
    let (mut references, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for transaction in transactions {
        let tokens = text::tokens(transaction);
        references.extend(tokens.references.iter().map(|(word, _)| word.clone()));
        numbers.extend(tokens.all_numbers().cloned());
    }
    let columns = |words: BTreeSet<String>| words.into_iter().collect::<Vec<String>>();
    let query = sqlx::query_scalar(sql!("candidates_named"));
    let query = query.bind(columns(references)).bind(columns(numbers));
    Ok(query.fetch_all(pool).await?)
}

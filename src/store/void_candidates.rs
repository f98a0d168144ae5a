//! Void candidates: which invoices are, which should be, and the change from one to the other.
//!
//! A page is read without locks; what it would change is read again under the locks of the
//! accounts (by id), and only what still holds is written, with its events.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use sqlx::{PgPool, Row};

use super::{StoreError, Tx, rows, sql};
use crate::domain::bank::BankTransaction;
use crate::domain::event::{Cause, Event, EventKey, Fact};
use crate::domain::ids::{AccountId, InvoiceId};
use crate::domain::invoice::CandidateEnd;
use crate::domain::money::Money;

/// What decides, beside what is stored.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The instant that the job decides for.
    pub as_of: DateTime<Utc>,
    /// The day that it is then in each zone in which something may be flagged; the empty name is
    /// for accounts that say nothing else.
    pub days: Vec<(String, NaiveDate)>,
    /// Zones in which the bank's feed is behind: flags stay there as they are.
    pub behind: usize,
    /// For accounts that say nothing else.
    pub stale_after_days: u16,
    /// Invoices that pending bank records name, among those that await payment.
    pub pending: BTreeSet<String>,
    /// How many of those records a later version wrote: only their texts were read.
    pub unreadable: u64,
    /// Up to when the bank's feed is known: evidence.
    pub feed_complete_through: DateTime<Utc>,
}

impl Rules {
    fn zones(&self) -> Vec<&str> {
        self.days.iter().map(|(zone, _)| zone.as_str()).collect()
    }

    /// Those of a page that pending bank records name.
    fn pending_between(&self, after: &str, until: Option<&str>) -> Vec<&str> {
        let until = until.map_or(Bound::Unbounded, Bound::Included);
        let named = self.pending.range::<str, _>((Bound::Excluded(after), until));
        named.map(String::as_str).collect()
    }

    fn todays(&self) -> Vec<NaiveDate> {
        self.days.iter().map(|(_, today)| *today).collect()
    }
}

/// What became of a page.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    pub flagged: usize,
    pub cleared: usize,
    pub events: Vec<Event>,
}

/// Up to when the feeds of all bank accounts are known; none when one of them never said. A
/// statement that was complete up to more than `skew` after it was recorded says nothing.
pub async fn feed_complete_through(
    pool: &PgPool,
    skew: Duration,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let query = sqlx::query_scalar(sql!("candidates_feed")).bind(skew);
    Ok(query.fetch_optional(pool).await?.flatten())
}

/// The bank account whose feed is known for the shortest time, and whether a statement of it spoke
/// of the future when it came.
pub async fn feed_behind(
    pool: &PgPool,
    skew: Duration,
) -> Result<Option<(String, bool)>, StoreError> {
    let row = sqlx::query(sql!("candidates_feed_behind")).bind(skew).fetch_optional(pool).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((row.try_get("bank_account")?, row.try_get("in_future")?)))
}

/// Why nothing may be concluded from what the bank has not said: something it said is open.
pub async fn feed_open(
    pool: &PgPool,
    group: &str,
    topic: &str,
) -> Result<Option<String>, StoreError> {
    let query = sqlx::query_scalar(sql!("candidates_open")).bind(group).bind(topic);
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
    let query = sqlx::query(sql!("candidates_pending")).bind(&after.0).bind(&after.1).bind(limit);
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
    let query = sqlx::query_scalar(sql!("candidates_page_end")).bind(after).bind(size);
    Ok(query.fetch_optional(pool).await?)
}

/// Invoices of the page whose flag is not what it should be.
pub async fn page(
    pool: &PgPool,
    after: &str,
    until: Option<&str>,
    rules: &Rules,
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(sql!("candidates_page"))
        .bind(rules.as_of)
        .bind(i32::from(rules.stale_after_days))
        .bind(rules.zones())
        .bind(rules.pending_between(after, until))
        .bind(after)
        .bind(until)
        .bind(rules.todays())
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// An invoice whose flag changes.
struct Found {
    invoice_id: InvoiceId,
    account_id: AccountId,
    due: Money,
    due_date: Option<NaiveDate>,
    stale_since: DateTime<Utc>,
    days: i32,
    /// None where the bank's feed is behind: nothing is known.
    stale: Option<bool>,
}

/// Flags and clears `invoices`, as far as it still holds under the locks of their accounts. The
/// caller writes the events to the outbox and commits.
///
/// # Errors
/// When the database fails; [`StoreError::Raced`] when rows changed under the locks.
pub async fn change_in_tx(
    tx: &mut Tx<'_>,
    invoices: &[String],
    rules: &Rules,
    cause: &Arc<Cause>,
) -> Result<Changed, StoreError> {
    let owners: Vec<String> =
        sqlx::query_scalar(sql!("candidates_owners")).bind(invoices).fetch_all(&mut **tx).await?;
    let mut sequences: BTreeMap<AccountId, (i64, i64)> = BTreeMap::new();
    for row in sqlx::query(sql!("lock_accounts")).bind(owners).fetch_all(&mut **tx).await? {
        let account = rows::account(&row)?;
        let sequence = account.event_sequence;
        sequences.insert(account.account_id, (sequence, sequence));
    }
    let mut found = under_locks(tx, invoices, rules).await?;
    found.retain(|one| one.stale.is_some());
    write(tx, &found, rules).await?;
    let mut changed = Changed::default();
    for one in found {
        let sequence = sequences.get_mut(&one.account_id);
        let sequence = sequence.ok_or(StoreError::Raced("the owner of an invoice"))?;
        sequence.1 = sequence.1.saturating_add(1);
        let key = EventKey::Account(one.account_id.clone());
        if one.stale == Some(true) {
            changed.flagged = changed.flagged.saturating_add(1);
        } else {
            changed.cleared = changed.cleared.saturating_add(1);
        }
        let fact = fact_of(one);
        changed.events.push(Event { key, sequence: sequence.1, cause: Arc::clone(cause), fact });
    }
    number(tx, &sequences, rules.as_of).await?;
    Ok(changed)
}

/// An invoice that is a void candidate now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub account_id: String,
    /// The instant for which it was flagged.
    pub since: DateTime<Utc>,
}

/// The customer of an invoice's open episode, and when that began.
pub async fn live_in_tx(tx: &mut Tx<'_>, invoice_id: &str) -> Result<Option<Live>, StoreError> {
    let query = sqlx::query(sql!("candidates_live")).bind(invoice_id);
    let row = query.fetch_optional(&mut **tx).await?;
    row.map(|row| Ok(Live { account_id: row.try_get(0)?, since: row.try_get(1)? })).transpose()
}

/// Whether a flagged invoice would be flagged now, under the lock of its account.
pub async fn holds_in_tx(
    tx: &mut Tx<'_>,
    invoice_id: &str,
    account_id: &str,
    rules: &Rules,
) -> Result<bool, StoreError> {
    let owner = vec![account_id.to_owned()];
    sqlx::query(sql!("lock_accounts")).bind(owner).fetch_all(&mut **tx).await?;
    let wrong = under_locks(tx, &[invoice_id.to_owned()], rules).await?;
    Ok(wrong.is_empty() && live_in_tx(tx, invoice_id).await?.is_some())
}

fn fact_of(one: Found) -> Fact {
    if one.stale == Some(true) {
        Fact::VoidCandidateFlagged {
            invoice_id: one.invoice_id,
            account_id: one.account_id,
            amount_due: one.due,
            due_date: one.due_date,
            stale_since: one.stale_since,
            stale_after_days: u16::try_from(one.days).unwrap_or(u16::MAX),
        }
    } else {
        Fact::VoidCandidateCleared {
            invoice_id: one.invoice_id,
            account_id: one.account_id,
            reason: CandidateEnd::NotStale.word(),
        }
    }
}

async fn under_locks(
    tx: &mut Tx<'_>,
    invoices: &[String],
    rules: &Rules,
) -> Result<Vec<Found>, StoreError> {
    let rows = sqlx::query(sql!("candidates_of"))
        .bind(rules.as_of)
        .bind(i32::from(rules.stale_after_days))
        .bind(rules.zones())
        .bind(invoices.iter().filter(|id| rules.pending.contains(*id)).collect::<Vec<_>>())
        .bind(invoices)
        .bind(rules.todays())
        .fetch_all(&mut **tx)
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let currency = rows::currency(row.try_get(2)?)?;
        found.push(Found {
            invoice_id: InvoiceId::trusted(row.try_get(0)?),
            account_id: AccountId::trusted(row.try_get(1)?),
            due: Money::from_micros(row.try_get(3)?, currency),
            due_date: row.try_get(4)?,
            stale_since: row.try_get(5)?,
            days: row.try_get(6)?,
            stale: row.try_get(7)?,
        });
    }
    Ok(found)
}

async fn write(tx: &mut Tx<'_>, found: &[Found], rules: &Rules) -> Result<(), StoreError> {
    let (stale, fresh): (Vec<&Found>, Vec<&Found>) =
        found.iter().partition(|one| one.stale == Some(true));
    if !stale.is_empty() {
        let dues = stale.iter().map(|one| super::persist::micros(one.due));
        let done = sqlx::query(sql!("candidates_flag"))
            .bind(stale.iter().map(|one| one.invoice_id.as_str()).collect::<Vec<_>>())
            .bind(dues.collect::<Result<Vec<_>, _>>()?)
            .bind(stale.iter().map(|one| one.stale_since).collect::<Vec<_>>())
            .bind(stale.iter().map(|one| one.days).collect::<Vec<_>>())
            .bind(rules.feed_complete_through)
            .bind(rules.as_of)
            .execute(&mut **tx)
            .await?;
        super::persist::expect_rows(done.rows_affected(), stale.len(), "a stale invoice")?;
    }
    if !fresh.is_empty() {
        let ids: Vec<&str> = fresh.iter().map(|one| one.invoice_id.as_str()).collect();
        let done = sqlx::query(sql!("candidates_unflag")).bind(&ids).execute(&mut **tx).await?;
        super::persist::expect_rows(done.rows_affected(), ids.len(), "a void candidate")?;
        let reasons = vec![CandidateEnd::NotStale.word(); ids.len()];
        let query = sqlx::query(sql!("clear_candidates")).bind(&ids).bind(reasons);
        query.bind(rules.as_of).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Moves the accounts' sequences past their new events.
pub(super) async fn number(
    tx: &mut Tx<'_>,
    sequences: &BTreeMap<AccountId, (i64, i64)>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let moved = sequences.iter().filter(|(_, (was, now))| was != now);
    let (mut ids, mut was, mut now) = (vec![], vec![], vec![]);
    for (id, sequence) in moved {
        ids.push(id.as_str());
        was.push(sequence.0);
        now.push(sequence.1);
    }
    let count = ids.len();
    // What matching reads has not changed, but a batch that read the invoices must not write them.
    let query = sqlx::query(sql!("update_account_sequences")).bind(ids).bind(was).bind(now);
    let done = query.bind(at).bind(1_i64).execute(&mut **tx).await?;
    super::persist::expect_rows(done.rows_affected(), count, "an account's event sequence")
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

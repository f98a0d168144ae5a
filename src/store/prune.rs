//! Takes away what is old and guards no money: published events, outcomes of records, job runs.
//! A page at a time, each in the caller's transaction.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{StoreError, Tx, sql};

/// What may be pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruned {
    /// Published rows of the outbox, by the instant of their writing.
    Outbox,
    /// Published copies of dead letters, by the instant of their publishing.
    LetterCopies,
    /// Duplicates and outcomes of records, by the instant of their processing.
    Inbox,
    /// Runs of jobs that ended, by their start.
    JobRuns,
}

impl Pruned {
    pub const ALL: [Self; 4] = [Self::Outbox, Self::LetterCopies, Self::Inbox, Self::JobRuns];

    pub fn table(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::LetterCopies => "letter_copies",
            Self::Inbox => "inbox",
            Self::JobRuns => "job_runs",
        }
    }
}

/// What a page came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub deleted: u64,
    /// Behind what the next page begins; none when there is no more.
    pub next: Option<After>,
}

/// Where a page ended. What stays of it is not read again in the same run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It was deleted: the next page begins where this one did.
    Start,
    Instant(DateTime<Utc>),
    Row(i64),
}

/// Deletes what is older than `before` in the next page of about `rows` rows.
pub async fn page_in_tx(
    tx: &mut Tx<'_>,
    what: Pruned,
    before: DateTime<Utc>,
    after: After,
    rows: i64,
) -> Result<Page, StoreError> {
    let page = match what {
        Pruned::Outbox => numbered_page(tx, sql!("prune_outbox"), before, after, rows).await?,
        Pruned::LetterCopies => {
            numbered_page(tx, sql!("prune_letter_copies"), before, after, rows).await?
        }
        Pruned::Inbox => inbox_page(tx, before, after, rows).await?,
        Pruned::JobRuns => {
            let query = sqlx::query(sql!("prune_job_runs")).bind(before).bind(rows);
            let deleted = query.execute(&mut **tx).await?.rows_affected();
            Page { deleted, next: (deleted > 0).then_some(After::Start) }
        }
    };
    if page.deleted > 0 {
        let mark = sqlx::query(sql!("prune_mark")).bind(what.table()).bind(before);
        mark.execute(&mut **tx).await?;
    }
    Ok(page)
}

/// Of a table whose rows are numbered in the order in which they came.
async fn numbered_page(
    tx: &mut Tx<'_>,
    sql: &'static str,
    before: DateTime<Utc>,
    after: After,
    rows: i64,
) -> Result<Page, StoreError> {
    let row = if let After::Row(row) = after { row } else { i64::MIN };
    let found = sqlx::query(sql).bind(row).bind(rows).bind(before).fetch_one(&mut **tx).await?;
    let until: Option<i64> = found.try_get(0)?;
    Ok(Page { deleted: count(found.try_get(1)?), next: until.map(After::Row) })
}

/// Repeats go first: who was repeated lately stays.
async fn inbox_page(
    tx: &mut Tx<'_>,
    before: DateTime<Utc>,
    after: After,
    rows: i64,
) -> Result<Page, StoreError> {
    if after == After::Start {
        let repeats = sqlx::query(sql!("prune_repeats")).bind(before).bind(rows);
        let deleted = repeats.execute(&mut **tx).await?.rows_affected();
        if deleted > 0 {
            return Ok(Page { deleted, next: Some(After::Start) });
        }
    }
    let instant = if let After::Instant(instant) = after { Some(instant) } else { None };
    let query = sqlx::query(sql!("prune_inbox")).bind(before).bind(rows).bind(instant);
    let found = query.fetch_one(&mut **tx).await?;
    let until: Option<DateTime<Utc>> = found.try_get(0)?;
    Ok(Page { deleted: count(found.try_get(1)?), next: until.map(After::Instant) })
}

fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

/// Makes the months of charges that are to come, unless they are there.
pub async fn make_months_in_tx(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    sqlx::query(sql!("usage_months_make")).execute(&mut **tx).await?;
    Ok(())
}

/// No refund finds the charges of months that ended before that, from now on.
pub async fn close_usage_in_tx(tx: &mut Tx<'_>, before: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(sql!("usage_close")).bind(before).execute(&mut **tx).await?;
    Ok(())
}

/// Takes away the oldest month that was closed, and says how many charges that were; none when
/// there is no such month. What they came to is written first, which reads the whole month.
pub async fn usage_month_in_tx(tx: &mut Tx<'_>) -> Result<Option<u64>, StoreError> {
    super::audit::read_whole_tables(tx).await?;
    let gone: Option<i64> = sqlx::query_scalar(sql!("usage_prune")).fetch_one(&mut **tx).await?;
    Ok(gone.map(count))
}

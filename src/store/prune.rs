//! Takes away what is old and guards no money: published events, outcomes of records, job runs.
//! A page at a time, each in the caller's transaction.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::{StoreError, Tx, sql};

/// What may be pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruned {
    /// Published rows of the outbox, by the instant of their publishing.
    Outbox,
    /// Duplicates and outcomes of records, by the instant of their processing.
    Inbox,
    /// Runs of jobs that ended, by their start.
    JobRuns,
}

impl Pruned {
    pub const ALL: [Self; 3] = [Self::Outbox, Self::Inbox, Self::JobRuns];

    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::Inbox => "inbox",
            Self::JobRuns => "job_runs",
        }
    }
}

/// The first row of the outbox that must stay; none when all may go.
///
/// # Errors
/// When the database fails.
pub async fn outbox_bound(pool: &PgPool, before: DateTime<Utc>) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar(sql!("prune_outbox_bound")).bind(before).fetch_one(pool).await?)
}

/// Deletes at most `rows` of what is older than `before`; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn page_in_tx(
    tx: &mut Tx<'_>,
    what: Pruned,
    before: DateTime<Utc>,
    outbox_bound: Option<i64>,
    rows: i64,
) -> Result<u64, StoreError> {
    let mark = sqlx::query(sql!("prune_mark")).bind(what.table()).bind(before);
    let done = match what {
        Pruned::Outbox => {
            let page = sqlx::query(sql!("prune_outbox")).bind(outbox_bound).bind(rows);
            page.bind(before).execute(&mut **tx).await?.rows_affected()
        }
        Pruned::Inbox => {
            let repeats = sqlx::query(sql!("prune_repeats")).bind(before).bind(rows);
            let repeats = repeats.execute(&mut **tx).await?.rows_affected();
            let page = sqlx::query(sql!("prune_inbox")).bind(before).bind(rows);
            repeats.saturating_add(page.execute(&mut **tx).await?.rows_affected())
        }
        Pruned::JobRuns => {
            let page = sqlx::query(sql!("prune_job_runs")).bind(before).bind(rows);
            page.execute(&mut **tx).await?.rows_affected()
        }
    };
    if done > 0 {
        mark.execute(&mut **tx).await?;
    }
    Ok(done)
}

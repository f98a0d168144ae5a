//! Scheduled jobs: which tick is run by whom, and how far it is.
//!
//! The row `(job, scheduled_for)` is the tick: whoever inserts it runs it. Claims of one job come
//! one after the other, under the lock of its row in `jobs`. A run has a lease and an epoch; what
//! it writes in a transaction begins with [`renew_in_tx`], which fails when somebody took it over.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{PgPool, StoreError, Tx};

/// A tick that somebody would run.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub job: &'a str,
    pub scheduled_for: DateTime<Utc>,
    /// `schedule`, `misfire` or `operator`.
    pub cause: &'static str,
    /// The person who asked; only with cause `operator`.
    pub operator: Option<&'a str>,
    pub as_of: DateTime<Utc>,
    pub owner: &'a str,
    pub lease_until: DateTime<Utc>,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    Mine(JobRun),
    /// Another run of the job goes on; the tick is recorded as skipped.
    Busy,
    /// Somebody else has this tick.
    Taken,
    Paused,
}

/// A run as its runner holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRun {
    pub job: String,
    pub scheduled_for: DateTime<Utc>,
    pub as_of: DateTime<Utc>,
    pub epoch: i64,
    /// Where an earlier runner was when it ended.
    pub progress: Option<String>,
}

/// Makes the jobs known; what was due before is not missed.
pub async fn ensure(pool: &PgPool, jobs: &[&str], at: DateTime<Utc>) -> Result<(), StoreError> {
    query!("jobs_ensure": jobs, at).execute(pool).await?;
    Ok(())
}

/// Claims a tick for its runner.
///
/// # Errors
/// When the database fails, or the job is not known.
pub async fn claim(
    pool: &PgPool,
    claim: Claim<'_>,
    at: DateTime<Utc>,
) -> Result<Claimed, StoreError> {
    let mut tx = pool.begin().await?;
    let paused: Option<bool> = scalar!("job_lock": claim.job).fetch_optional(&mut *tx).await?;
    let paused = paused.ok_or(StoreError::Corrupt("a job that is not known"))?;
    let row = query!("job_state": claim.job, claim.scheduled_for).fetch_one(&mut *tx).await?;
    let (taken, busy): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if taken {
        tx.rollback().await?;
        return Ok(Claimed::Taken);
    }
    // A person may run a paused job; the schedule may not.
    if paused && claim.operator.is_none() {
        tx.rollback().await?;
        return Ok(Claimed::Paused);
    }
    let summary = busy.then_some("another run of this job was still going on");
    query!("job_run_claim": claim.job, claim.scheduled_for, claim.cause, claim.operator,
        claim.as_of, if busy { "skipped" } else { "running" }, claim.owner, claim.lease_until, at,
        busy.then_some(at), summary)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    if busy {
        return Ok(Claimed::Busy);
    }
    Ok(Claimed::Mine(JobRun {
        job: claim.job.to_owned(),
        scheduled_for: claim.scheduled_for,
        as_of: claim.as_of,
        epoch: 1,
        progress: None,
    }))
}

/// Extends the lease within the transaction of a step, and notes how far it is.
///
/// # Errors
/// [`StoreError::Fenced`] when somebody has taken the run over.
pub async fn renew_in_tx(
    tx: &mut Tx<'_>,
    run: &JobRun,
    lease_until: DateTime<Utc>,
    progress: Option<&str>,
) -> Result<(), StoreError> {
    let done = query!("job_run_renew": &run.job, run.scheduled_for, run.epoch, lease_until,
        progress)
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

/// Extends the lease of a run whose step takes long.
///
/// # Errors
/// [`StoreError::Fenced`] when somebody has taken the run over.
pub async fn renew(
    pool: &PgPool,
    run: &JobRun,
    lease_until: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut tx = pool.begin().await?;
    renew_in_tx(&mut tx, run, lease_until, None).await?;
    tx.commit().await?;
    Ok(())
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    pub failed: bool,
    pub findings: u64,
    pub summary: &'a str,
}

/// Ends a run.
///
/// # Errors
/// [`StoreError::Fenced`] when somebody has taken the run over.
pub async fn finish(
    pool: &PgPool,
    run: &JobRun,
    ending: Ending<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let summary: String = ending.summary.chars().take(2_000).collect();
    let done = query!("job_run_finish": &run.job, run.scheduled_for, run.epoch,
        if ending.failed { "failed" } else { "done" },
        i64::try_from(ending.findings).unwrap_or(i64::MAX), summary, at)
    .execute(pool)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

/// Takes over one run whose lease has ended, if there is one.
pub async fn take_over(
    pool: &PgPool,
    owner: &str,
    at: DateTime<Utc>,
    lease_until: DateTime<Utc>,
) -> Result<Option<JobRun>, StoreError> {
    let query = query!("job_run_take_over": at, owner, lease_until);
    let Some(row) = query.fetch_optional(pool).await? else {
        return Ok(None);
    };
    Ok(Some(JobRun {
        job: row.try_get(0)?,
        scheduled_for: row.try_get(1)?,
        as_of: row.try_get(2)?,
        epoch: row.try_get(3)?,
        progress: row.try_get(4)?,
    }))
}

/// The last tick of the schedule that somebody answered for.
///
/// # Errors
/// When the database fails, or the job is not known.
pub async fn last_tick(pool: &PgPool, job: &str) -> Result<DateTime<Utc>, StoreError> {
    Ok(scalar!("job_last_tick": job).fetch_one(pool).await?)
}

/// Pauses a job; false when it was paused before.
pub async fn pause(
    pool: &PgPool,
    job: &str,
    operator: &str,
    reason: Option<&str>,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let query = query!("job_pause": job, at, operator, reason);
    Ok(query.execute(pool).await?.rows_affected() == 1)
}

/// Resumes a job; false when it was not paused.
pub async fn resume(
    pool: &PgPool,
    job: &str,
    operator: &str,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let query = query!("job_resume": job, at, operator);
    Ok(query.execute(pool).await?.rows_affected() == 1)
}

//! Jobs and their runs.

use chrono::DateTime;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::time::At;
use super::{Listed, Page, Result, cursor, decode, read_cursor};
use crate::store::sql;

const JOBS: &str = sql!("views_jobs");
const RUNS: &str = sql!("views_job_runs");

/// A job with its latest run.
#[derive(Debug, Clone, Serialize)]
pub struct JobRow {
    pub job: String,
    pub paused_at: Option<At>,
    pub paused_by: Option<String>,
    pub pause_reason: Option<String>,
    pub last: Option<RunRow>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RunRow {
    pub job: String,
    pub scheduled_for: At,
    /// `schedule`, `misfire` or `operator`.
    pub cause: String,
    pub operator: Option<String>,
    pub as_of: At,
    /// `running`, `done`, `failed` or `skipped`.
    pub state: String,
    pub owner: String,
    pub started_at: At,
    pub finished_at: Option<At>,
    pub seconds: Option<i64>,
    pub findings: i64,
    pub summary: Option<String>,
}

/// # Errors
/// What the database says.
pub async fn jobs(pool: &PgPool) -> Result<Vec<JobRow>> {
    let rows = sqlx::query(JOBS).fetch_all(pool).await?;
    let job = |row: &PgRow| {
        let ran: Option<At> = row.try_get("scheduled_for")?;
        Ok(JobRow {
            job: row.try_get("job")?,
            paused_at: row.try_get("paused_at")?,
            paused_by: row.try_get("paused_by")?,
            pause_reason: row.try_get("pause_reason")?,
            last: if ran.is_some() { Some(run(row)?) } else { None },
        })
    };
    rows.iter().map(job).collect()
}

/// The latest runs of a job, the newest first.
///
/// # Errors
/// What the database says.
pub async fn runs(pool: &PgPool, job: &str, page: &Page) -> Result<Listed<RunRow>> {
    let (at, [tick]) = read_cursor(page)?;
    let tick = tick.as_deref().map(DateTime::parse_from_rfc3339).transpose();
    let tick = tick.map_err(|error| decode("after", error))?;
    let query = sqlx::query(RUNS).bind(job).bind(at).bind(tick).bind(page.fetch());
    let items = query.fetch_all(pool).await?.iter().map(run).collect::<Result<_>>()?;
    Ok(Listed::page(items, page, |row: &RunRow| {
        cursor(&row.started_at, &[&row.scheduled_for.exact()])
    }))
}

fn run(row: &PgRow) -> Result<RunRow> {
    Ok(RunRow {
        job: row.try_get("job")?,
        scheduled_for: row.try_get("scheduled_for")?,
        cause: row.try_get("cause")?,
        operator: row.try_get("operator")?,
        as_of: row.try_get("as_of")?,
        state: row.try_get("state")?,
        owner: row.try_get("owner")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
        seconds: row.try_get("seconds")?,
        findings: row.try_get("findings")?,
        summary: row.try_get("summary")?,
    })
}

//! Jobs and their runs.

use chrono::DateTime;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::time::At;
use super::{Listed, Page, Result, cursor, decode, read_cursor};
use crate::store::PgPool;
use crate::store::sql;

const JOBS: &str = sql!("views_jobs");
const RUNS: &str = sql!("views_job_runs");

row! {
    /// A job with its latest run.
    #[derive(Debug, Clone, Serialize)]
    pub struct JobRow {
        pub job: String,
        pub paused_at: Option<At>,
        pub paused_by: Option<String>,
        pub pause_reason: Option<String>,
        pub last: Option<RunRow> = last,
    }
}

#[derive(Debug, Clone, Serialize, FromRow)]
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

/// Those that ran here or are known here, and those that the caller knows.
pub async fn jobs(pool: &PgPool, known: &[&str]) -> Result<Vec<JobRow>> {
    sqlx::query_as(JOBS).bind(known).fetch_all(pool).await
}

/// None for a job that has never run.
fn last(row: &PgRow, _column: &str) -> Result<Option<RunRow>> {
    let ran: Option<At> = row.try_get("scheduled_for")?;
    ran.map(|_| RunRow::from_row(row)).transpose()
}

/// The latest runs of a job, the newest first.
pub async fn runs(pool: &PgPool, job: &str, page: &Page) -> Result<Listed<RunRow>> {
    let (at, [tick]) = read_cursor(page)?;
    let tick = tick.as_deref().map(DateTime::parse_from_rfc3339).transpose();
    let tick = tick.map_err(|error| decode("after", error))?;
    let query = sqlx::query_as(RUNS).bind(job).bind(at).bind(tick).bind(page.fetch());
    let items = query.fetch_all(pool).await?;
    Ok(Listed::page(items, page, |row: &RunRow| {
        cursor(&row.started_at, &[&row.scheduled_for.exact()])
    }))
}

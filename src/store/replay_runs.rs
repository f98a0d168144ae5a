//! Runs of replays: what was selected, how far it came, and whose it is. The epoch fences whoever
//! ran before a resume.

use chrono::{DateTime, Duration, Utc};
use sqlx::Row;

use super::dead_letters::Selection;
use super::{PgPool, StoreError, Tx};

/// A run that has written nothing for so long is taken to be dead: a chunk takes far less.
const SILENT_SECONDS: i64 = 60;

/// A run as its runner holds it.
#[derive(Debug, Clone)]
pub struct ReplayRun {
    pub id: i64,
    pub epoch: i64,
    pub selection: Selection,
    pub reason: Option<String>,
    pub last_letter: i64,
    pub cursor: i64,
    pub looked_at: i64,
}

/// Begins a run of what is there now.
pub async fn start(
    pool: &PgPool,
    selection: &Selection,
    operator: &str,
    reason: Option<&str>,
    at: DateTime<Utc>,
) -> Result<ReplayRun, StoreError> {
    let last_letter = super::dead_letters::last(pool).await?;
    let json = serde_json::to_string(selection);
    let json = json.map_err(|_| StoreError::Corrupt("a selection that is no JSON"))?;
    let id = scalar!("replay_run_start": json, operator, reason, last_letter, at)
        .fetch_one(pool)
        .await?;
    Ok(ReplayRun {
        id,
        epoch: 1,
        selection: selection.clone(),
        reason: reason.map(str::to_owned),
        last_letter,
        cursor: 0,
        looked_at: 0,
    })
}

/// Takes a run that was cancelled, stopped or killed, with the keys that failed in it; none if it
/// is done, still runs, or never was.
pub async fn resume(
    pool: &PgPool,
    id: i64,
    at: DateTime<Utc>,
) -> Result<Option<(ReplayRun, Vec<String>)>, StoreError> {
    let silent = at - Duration::seconds(SILENT_SECONDS);
    let row = query!("replay_run_resume": id, at, silent).fetch_optional(pool).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let selection: &str = row.try_get(0)?;
    let selection = serde_json::from_str(selection);
    let run = ReplayRun {
        id,
        epoch: row.try_get("epoch")?,
        selection: selection.map_err(|_| StoreError::Corrupt("a selection of a run"))?,
        reason: row.try_get("reason")?,
        last_letter: row.try_get("last_letter")?,
        cursor: row.try_get("cursor")?,
        looked_at: row.try_get("looked_at")?,
    };
    let failing = scalar!("replay_run_failing": id).fetch_all(pool).await?;
    Ok(Some((run, failing)))
}

/// Moves the cursor, in the transaction that replays what lies before it.
///
/// # Errors
/// [`StoreError::Fenced`] when somebody else has resumed the run.
pub async fn advance_in_tx(
    tx: &mut Tx<'_>,
    run: &ReplayRun,
    cursor: i64,
    looked_at: i64,
    failed: i64,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let moved = query!("replay_run_advance": run.id, run.epoch, cursor, looked_at, failed, at)
        .execute(&mut **tx)
        .await?;
    if moved.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

/// Says how a run ended.
pub async fn end(
    pool: &PgPool,
    run: &ReplayRun,
    state: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    query!("replay_run_end": run.id, run.epoch, state, at).execute(pool).await?;
    Ok(())
}

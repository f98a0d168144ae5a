//! Forgetting a customer or a payer: refused while something of them is not settled, then done page
//! by page. What was done of it stays done; whoever was cut off does the same again.

use chrono::{DateTime, Utc};

use crate::store::forget::{self, Whom};
use crate::store::{PgPool, StoreError};

/// What became of it, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgotten {
    /// This is not settled yet, and needs its names and texts for that.
    Unsettled(Vec<(String, i64)>),
    /// So many rows of each kind lost them.
    Done(Vec<(&'static str, i64)>),
}

/// # Errors
/// When the database fails; the pages before are done.
pub async fn forget(
    pool: &PgPool,
    whom: &Whom,
    said: (&str, &str),
    at: DateTime<Utc>,
    dry_run: bool,
) -> Result<Forgotten, StoreError> {
    let unsettled = forget::unsettled(pool, whom).await?;
    if !unsettled.is_empty() {
        return Ok(Forgotten::Unsettled(unsettled));
    }
    let mut begun = None;
    if !dry_run {
        let mut tx = pool.begin().await?;
        begun = Some(forget::begin_in_tx(&mut tx, whom, said, at).await?);
        tx.commit().await?;
    }
    let mut done = Vec::new();
    for step in whom.steps() {
        let (mut gone, mut after) = (0_i64, None);
        loop {
            let mut tx = pool.begin().await?;
            let number = match begun {
                Some(number) => number,
                None => forget::begin_in_tx(&mut tx, whom, said, at).await?,
            };
            let page = forget::page_in_tx(&mut tx, number, *step, whom, after.as_deref()).await?;
            if dry_run {
                tx.rollback().await?;
            } else {
                tx.commit().await?;
            }
            gone = gone.saturating_add(page.gone);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        done.push((step.rows(), gone));
    }
    if let Some(number) = begun {
        let mut tx = pool.begin().await?;
        forget::end_in_tx(&mut tx, number, at).await?;
        tx.commit().await?;
    }
    Ok(Forgotten::Done(done))
}

//! `prune`: takes away published events, outcomes of records and job runs when they are old, and
//! charges by whole months; it makes the months of charges that are to come. What guards money is
//! never pruned: payments, allocations, lots, ledger, bank transactions, decisions, dead letters,
//! what charges came to, and the keys that make each of them unique.

use chrono::Duration;

use super::work::{JobReport, Work};
use crate::store::StoreError;
use crate::store::failing::{self, Kind};
use crate::store::in_hand;
use crate::store::prune::{self, After, Pruned};

const USAGE: &str = "usage_charges";
/// Rows of one transaction.
const PAGE_ROWS: i64 = 5_000;

pub(super) async fn run(work: &Work<'_>) -> Result<JobReport, StoreError> {
    let mut counts = Vec::new();
    let mut failed = 0_u64;
    for what in Pruned::ALL {
        let table = what.table();
        match prune_table(work, what).await {
            Ok(total) => {
                counts.push(format!("{total} of {table}"));
                failing::clear(work.pool(), Kind::Prune, &[table.to_owned()]).await?;
            }
            Err(StoreError::Fenced) => return Err(StoreError::Fenced),
            // The other tables are none the worse for it.
            Err(error) => {
                failing::note(work.pool(), Kind::Prune, table, &error, work.now()).await?;
                counts.push(format!("not all of {table}: {}", error.code()));
                failed = failed.saturating_add(1);
            }
        }
    }
    match usage(work).await {
        Ok(gone) => {
            counts.push(format!("{gone} of {USAGE}"));
            failing::clear(work.pool(), Kind::Prune, &[USAGE.to_owned()]).await?;
        }
        Err(StoreError::Fenced) => return Err(StoreError::Fenced),
        Err(error) => {
            failing::note(work.pool(), Kind::Prune, USAGE, &error, work.now()).await?;
            counts.push(format!("not all of {USAGE}: {}", error.code()));
            failed = failed.saturating_add(1);
        }
    }
    failing::forget(work.pool(), work.now()).await?;
    in_hand::forget(work.pool(), work.now()).await?;
    Ok(JobReport { findings: failed, summary: format!("deleted {}", counts.join(", ")) })
}

/// Months first: what is to come matters more than what goes.
async fn usage(work: &Work<'_>) -> Result<u64, StoreError> {
    let mut tx = work.pool().begin().await?;
    work.step_in_tx(&mut tx, None).await?;
    prune::make_months_in_tx(&mut tx).await?;
    tx.commit().await?;
    let before = work.as_of() - Duration::days(work.settings().keep.usage_days);
    let mut tx = work.pool().begin().await?;
    prune::close_usage_in_tx(&mut tx, before).await?;
    work.step_in_tx(&mut tx, None).await?;
    tx.commit().await?;
    let mut total = 0_u64;
    while !work.must_stop() {
        let mut tx = work.pool().begin().await?;
        let gone = prune::usage_month_in_tx(&mut tx).await?;
        // Last, so that the lease is renewed while a month is read.
        work.step_in_tx(&mut tx, None).await?;
        tx.commit().await?;
        let Some(gone) = gone else { break };
        total = total.saturating_add(gone);
    }
    Ok(total)
}

async fn prune_table(work: &Work<'_>, what: Pruned) -> Result<u64, StoreError> {
    let keep = work.settings().keep;
    let days = match what {
        Pruned::Outbox | Pruned::LetterCopies => keep.events_days,
        Pruned::Inbox => keep.records_days,
        Pruned::JobRuns => keep.runs_days,
    };
    let before = work.as_of() - Duration::days(days);
    let mut total = 0_u64;
    let mut next = Some(After::Start);
    while let Some(after) = next.filter(|_| !work.must_stop()) {
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, None).await?;
        let page = prune::page_in_tx(&mut tx, what, before, after, PAGE_ROWS).await?;
        tx.commit().await?;
        total = total.saturating_add(page.deleted);
        next = page.next;
    }
    Ok(total)
}

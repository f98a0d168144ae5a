//! `prune`: takes away published events by whole ranges of the outbox, charges by whole months, and
//! outcomes of records and job runs page by page, when they are old; it makes the ranges and months
//! that are to come. Where it is told to, settled payments lose their texts. What guards money is
//! never pruned: payments, allocations, lots, ledger, bank
//! transactions, decisions, dead letters, what charges came to, and the keys that make each of them
//! unique.

use std::time::Duration as Pause;

use chrono::{DateTime, Duration, Utc};

use super::work::{JobReport, Work};
use crate::store::failing::{self, Kind};
use crate::store::forget;
use crate::store::in_hand;
use crate::store::prune::{self, After, Pruned};
use crate::store::{StoreError, Tx};

const USAGE: &str = "usage_charges";
/// What loses its texts stays.
const TEXTS: &str = "money_records";
/// Rows of one transaction.
const PAGE_ROWS: i64 = 5_000;
/// How often the outbox is asked for, which whoever writes or publishes may have for a moment.
const TRIES: usize = 8;
const BETWEEN: Pause = Pause::from_millis(300);

pub(super) async fn run(work: &Work<'_>) -> Result<JobReport, StoreError> {
    let mut counts = Vec::new();
    let mut failed = 0_u64;
    for what in Pruned::ALL {
        let table = what.table();
        failed =
            failed.saturating_add(noted(work, table, page(work, what).await, &mut counts).await?);
    }
    failed = failed.saturating_add(noted(work, USAGE, usage(work).await, &mut counts).await?);
    let mut summary = format!("deleted {}", counts.join(", "));
    if work.settings().keep.texts_days > 0 {
        let mut texts = Vec::new();
        failed =
            failed.saturating_add(noted(work, TEXTS, old_texts(work).await, &mut texts).await?);
        summary.push_str(&format!("; forgot texts: {}", texts.join(", ")));
    }
    failing::forget(work.pool(), work.now()).await?;
    in_hand::forget(work.pool(), work.now()).await?;
    Ok(JobReport { findings: failed, summary })
}

/// Says how many rows of a table went, or notes why not all did: the other tables are none the
/// worse for it. Returns how many failed.
async fn noted(
    work: &Work<'_>,
    table: &str,
    gone: Result<u64, StoreError>,
    counts: &mut Vec<String>,
) -> Result<u64, StoreError> {
    match gone {
        Ok(total) => {
            counts.push(format!("{total} of {table}"));
            failing::clear(work.pool(), Kind::Prune, &[table.to_owned()]).await?;
            Ok(0)
        }
        Err(StoreError::Fenced) => Err(StoreError::Fenced),
        Err(error) => {
            failing::note(work.pool(), Kind::Prune, table, &error, work.now()).await?;
            counts.push(format!("not all of {table}: {}", error.code()));
            Ok(1)
        }
    }
}

/// Names, numbers and texts of settled payments, a stretch of the table at a time.
async fn old_texts(work: &Work<'_>) -> Result<u64, StoreError> {
    let before = work.as_of() - Duration::days(work.settings().keep.texts_days);
    let (mut total, mut after) = (0_u64, None);
    while !work.must_stop() {
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, None).await?;
        let page = forget::old_in_tx(&mut tx, before, after.as_deref(), work.as_of()).await?;
        tx.commit().await?;
        total = total.saturating_add(u64::try_from(page.gone).unwrap_or(0));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(total)
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

async fn page(work: &Work<'_>, what: Pruned) -> Result<u64, StoreError> {
    let keep = work.settings().keep;
    let days = match what {
        Pruned::Outbox | Pruned::LetterCopies => keep.events_days,
        Pruned::Inbox => keep.records_days,
        Pruned::JobRuns => keep.runs_days,
    };
    let before = work.as_of() - Duration::days(days);
    let (mut total, mut next) = (0_u64, Some(After::Start));
    if what == Pruned::Outbox {
        make_ranges(work).await?;
        total = drop_ranges(work, before).await?;
        // Only of the last range rows go one by one: of one that is old as a whole, all.
        let mut tx = work.pool().begin().await?;
        let ranges = prune::ranges_in_tx(&mut tx).await?;
        tx.rollback().await?;
        next = Some(After::Row(ranges.current.saturating_sub(1)));
    }
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

/// Ranges of the outbox that are to come.
async fn make_ranges(work: &Work<'_>) -> Result<(), StoreError> {
    let mut tries = 1;
    while !work.must_stop() {
        let mut tx = work.pool().begin().await?;
        let Some(ids) = prune::ranges_in_tx(&mut tx).await?.next_ids() else {
            tx.rollback().await?;
            break;
        };
        match prune::make_range_in_tx(&mut tx, ids).await {
            Ok(()) => {
                // Last, so that the lease is renewed while rows are read.
                work.step_in_tx(&mut tx, None).await?;
                tx.commit().await?;
            }
            Err(error) => again(tx, error, &mut tries).await?,
        }
    }
    Ok(())
}

/// Ranges of the outbox that are old.
async fn drop_ranges(work: &Work<'_>, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let (mut total, mut tries) = (0_u64, 1);
    while !work.must_stop() {
        let mut tx = work.pool().begin().await?;
        match prune::drop_range_in_tx(&mut tx, before).await {
            Ok(None) => {
                tx.rollback().await?;
                break;
            }
            Ok(Some(gone)) => {
                work.step_in_tx(&mut tx, None).await?;
                tx.commit().await?;
                total = total.saturating_add(gone);
            }
            Err(error) => again(tx, error, &mut tries).await?,
        }
    }
    Ok(total)
}

/// Waits, where somebody has the outbox: a transaction that is long, a backup. Nobody who writes
/// waits behind us meanwhile; after some tries it is left to the next run.
async fn again(tx: Tx<'_>, error: StoreError, tries: &mut usize) -> Result<(), StoreError> {
    tx.rollback().await?;
    if !error.is_busy() || *tries >= TRIES {
        return Err(error);
    }
    *tries = tries.saturating_add(1);
    tokio::time::sleep(BETWEEN).await;
    Ok(())
}

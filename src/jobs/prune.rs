//! `prune`: takes away published events, outcomes of records and job runs when they are old. What
//! guards money is never pruned: payments, allocations, lots, ledger, bank transactions,
//! decisions, dead letters, and the keys that make each of them unique.

use chrono::Duration;

use super::runner::{Report, Work};
use crate::store::StoreError;
use crate::store::prune::{self, Pruned};

/// Rows of one transaction.
const PAGE_ROWS: i64 = 5_000;

pub(super) async fn run(work: &Work<'_>) -> Result<Report, StoreError> {
    let keep = work.settings().keep;
    let mut counts = Vec::new();
    for what in Pruned::ALL {
        let days = match what {
            Pruned::Outbox => keep.events_days,
            Pruned::Inbox => keep.records_days,
            Pruned::JobRuns => keep.runs_days,
        };
        let before = work.as_of() - Duration::days(days);
        let bound = match what {
            Pruned::Outbox => prune::outbox_bound(work.pool(), before).await?,
            Pruned::Inbox | Pruned::JobRuns => None,
        };
        let mut total = 0_u64;
        while !work.must_stop() {
            let mut tx = work.pool().begin().await?;
            work.step_in_tx(&mut tx, None).await?;
            let done = prune::page_in_tx(&mut tx, what, before, bound, PAGE_ROWS).await?;
            tx.commit().await?;
            total = total.saturating_add(done);
            if done == 0 {
                break;
            }
        }
        counts.push(format!("{total} of {}", what.table()));
    }
    Ok(Report { findings: 0, summary: format!("deleted {}", counts.join(", ")) })
}

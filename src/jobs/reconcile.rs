//! `reconcile`: the bank's statements against what was recorded, and each account's tables against
//! each other. A difference is told once, when it is first found, and once more when it is gone.

use super::compare;
use super::work::{JobReport, Work};
use crate::domain::ids::own_source;
use crate::pipeline::own::{self, Own};
use crate::store::{StoreError, reconcile, statements};

pub(super) async fn run(work: &Work<'_>) -> Result<JobReport, StoreError> {
    let as_of = work.as_of();
    let zone = work.settings().calendar.zone.name();
    compare::run(work).await?;
    if work.must_stop() {
        return Ok(JobReport { findings: 0, summary: "stopped".to_owned() });
    }
    let found = reconcile::found(work.pool(), as_of, zone).await?;
    let mut tx = work.pool().begin().await?;
    work.step_in_tx(&mut tx, None).await?;
    let told = if reconcile::is_past_in_tx(&mut tx, as_of).await? {
        "an earlier instant than the last one: nothing told".to_owned()
    } else {
        let named = (own_source::JOBS, &*format!("reconcile:{}", as_of.timestamp()));
        let drifts = Own::Drifts(&found);
        let done = own::submit(work.pipeline(), &mut tx, named, drifts, as_of).await?;
        let more = if found.cut_off { ", more are not looked at" } else { "" };
        format!("{} new, {} gone{more}", done.changed, done.cleared)
    };
    tx.commit().await?;
    let drifts = found.drifts.len();
    let future = statements::of_the_future(work.pool(), as_of).await?;
    if drifts > 0 {
        // The metric of this job: a log line that a collector counts, by a stable name.
        tracing::warn!(metric = "topup_reconcile_drifts", drifts, "reconciliation found drift");
    }
    let mut summary = format!("{drifts} drifts, {told}");
    if work.progress().as_deref() == Some(compare::FROM_THE_START) {
        summary.push_str("; the ledger was summed up from its start");
    }
    if let Some(first) = future.first() {
        let (code, count, of) = (statements::IN_FUTURE, future.len(), &first.of);
        tracing::warn!(code, count, bank_account = %of, "a statement speaks of the future");
        summary.push_str(&format!("; {count} statements speak of the future, one of {of}"));
    }
    let findings = u64::try_from(drifts.saturating_add(future.len())).unwrap_or(u64::MAX);
    Ok(JobReport { findings, summary })
}

//! `reconcile`: the bank's statements against what was recorded, and each account's tables against
//! each other. A difference is told once, when it is first found, and once more when it is gone.

use std::sync::Arc;

use super::runner::{Report, Work};
use crate::domain::event::Cause;
use crate::domain::ids::{MessageId, RecordId, Source, own_source};
use crate::store::{StoreError, outbox, reconcile, statements};

pub(super) async fn run(work: &Work<'_>) -> Result<Report, StoreError> {
    let as_of = work.as_of();
    let zone = work.settings().calendar.zone.name();
    let found = reconcile::find(work.pool(), as_of, zone).await?;
    let record = RecordId {
        source: Source::trusted(own_source::JOBS),
        id: MessageId::trusted(&format!("reconcile:{}", as_of.timestamp())),
    };
    let cause = Arc::new(Cause { record, traceparent: None, as_of });
    let mut tx = work.pool().begin().await?;
    work.step_in_tx(&mut tx, None).await?;
    let changed = reconcile::change_in_tx(&mut tx, &found, as_of, &cause).await?;
    let told = match &changed {
        None => "an earlier instant than the last one: nothing told".to_owned(),
        Some(changed) => {
            let source = &work.pipeline().settings().event_source;
            let events = crate::pipeline::batch::outbox_rows(&changed.events, source);
            outbox::insert_in_tx(&mut tx, &events, as_of).await?;
            let more = if found.cut_off { ", more are not looked at" } else { "" };
            format!("{} new, {} gone{more}", changed.opened, changed.cleared)
        }
    };
    tx.commit().await?;
    let drifts = found.drifts.len();
    let future = statements::of_the_future(work.pool(), as_of).await?;
    if drifts > 0 {
        // The metric of this job: a log line that a collector counts, by a stable name.
        tracing::warn!(metric = "topup_reconcile_drifts", drifts, "reconciliation found drift");
    }
    let mut summary = format!("{drifts} drifts, {told}");
    if let Some(first) = future.first() {
        let (code, count, of) = (statements::IN_FUTURE, future.len(), &first.of);
        tracing::warn!(code, count, bank_account = %of, "a statement speaks of the future");
        summary.push_str(&format!("; {count} statements speak of the future, one of {of}"));
    }
    let findings = u64::try_from(drifts.saturating_add(future.len())).unwrap_or(u64::MAX);
    Ok(Report { findings, summary })
}

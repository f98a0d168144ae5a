//! `expire-waiting`: commands that wait are released when what they name has come, and ended at
//! their deadline. The worker sweeps by itself while it reads commands; the job does it where none
//! does, and leaves a trace.

use super::work::{JobReport, Work};
use crate::store::{StoreError, advices};

/// Remittance advices that one transaction ends.
const ADVICES_OF_ONE_STEP: i64 = 1_000;

pub(super) async fn run(work: &Work<'_>) -> Result<JobReport, StoreError> {
    let (mut released, mut expired, mut holds, mut failed) = (0_usize, 0_usize, 0_usize, 0_usize);
    // Twice at the end with nothing done between: nothing that waits was left out.
    let mut idle_rounds = 0_usize;
    let mut advices = 0_u64;
    while idle_rounds < 2 {
        let swept = work.pipeline().sweep().await?;
        released = released.saturating_add(swept.released);
        expired = expired.saturating_add(swept.expired);
        holds = holds.saturating_add(swept.holds_expired);
        failed = failed.saturating_add(swept.failed);
        let ended = expire_advices(work).await?;
        advices = advices.saturating_add(ended);
        let idle =
            ended == 0 && swept.released == 0 && swept.expired == 0 && swept.holds_expired == 0;
        if work.must_stop() {
            break;
        }
        idle_rounds = match (idle, swept.came_round) {
            (false, _) => 0,
            (true, came_round) => idle_rounds.saturating_add(usize::from(came_round)),
        };
        work.step().await?;
    }
    let mut summary =
        format!("{released} released, {expired} ended at their deadline, {holds} holds expired");
    if advices > 0 {
        summary.push_str(&format!(", {advices} remittance advices without a payment expired"));
    }
    if failed > 0 {
        summary.push_str(&format!(", {failed} failed: they are tried again by themselves"));
    }
    Ok(JobReport { findings: u64::try_from(failed).unwrap_or(u64::MAX), summary })
}

/// Ends the waiting of advices whose payment did not come, some of them.
async fn expire_advices(work: &Work<'_>) -> Result<u64, StoreError> {
    let mut tx = work.pool().begin().await?;
    work.step_in_tx(&mut tx, None).await?;
    let ended = advices::expire_in_tx(&mut tx, work.as_of(), ADVICES_OF_ONE_STEP).await?;
    tx.commit().await?;
    Ok(ended)
}

//! `rematch`: decides again the bank payments that still have money to give. What is sent wakes
//! those that watch for it at once; this job is for what nobody watches, such as a payer's account
//! that a customer was given since. A payment that stays as it is leaves no trace.

use super::work::{JobReport, Work};
use crate::domain::ids::{PaymentId, own_source};
use crate::domain::input::Input;
use crate::pipeline::in_hand::ByHalves;
use crate::pipeline::own::{self, Own, Wish};
use crate::store::failing::Kind;
use crate::store::in_hand::{self, JOB};
use crate::store::{StoreError, rematch};

/// Payments of one transaction.
const PAGE_PAYMENTS: i64 = 200;

pub(super) async fn run(work: &Work<'_>) -> Result<JobReport, StoreError> {
    let as_of = work.as_of();
    let mut again = Again { work, apart: false, looked_at: 0, changed: 0 };
    let mut failed = 0_usize;
    let mut after = work.progress().unwrap_or_default();
    // Whoever ran this before is gone.
    in_hand::bury(work.pool(), Kind::Rematch, JOB, work.now()).await?;
    while !work.must_stop() {
        let page = rematch::page(work.pool(), &after, PAGE_PAYMENTS, as_of).await?;
        let Some(last) = page.last() else { break };
        let hand = work.pipeline().take_in_hand(Kind::Rematch, JOB, &page).await?;
        // Suspects are tried last: then the page is done only with them.
        again.apart = hand.has_suspects();
        failed = failed.saturating_add(hand.by_halves(&mut again).await?);
        if work.must_stop() {
            break;
        }
        if again.apart {
            work.step_to(last).await?;
        }
        after.clone_from(last);
    }
    let Again { looked_at, changed, .. } = again;
    let mut summary = format!("{looked_at} looked at again, {changed} changed");
    if failed > 0 {
        summary.push_str(&format!(", {failed} failed and are left as they are"));
    }
    Ok(JobReport { findings: u64::try_from(failed).unwrap_or(u64::MAX), summary })
}

/// The payments of a run, and what became of them.
struct Again<'a> {
    work: &'a Work<'a>,
    /// The run has not come as far as what is decided.
    apart: bool,
    looked_at: usize,
    changed: usize,
}

impl ByHalves for Again<'_> {
    async fn act(&mut self, part: &[String]) -> Result<(), StoreError> {
        let (work, as_of) = (self.work, self.work.as_of());
        let wish = |id: &String| Wish {
            named: id.clone(),
            letters: 32,
            input: Input::Rematch(PaymentId::trusted(id)),
            waited: None,
        };
        let wishes = Own::Wishes(part.iter().map(wish).collect());
        let progress = part.last().filter(|_| !self.apart).map(String::as_str);
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, progress).await?;
        let named = (own_source::JOBS, &*format!("rematch:{}", as_of.timestamp()));
        let done = own::submit(work.pipeline(), &mut tx, named, wishes, as_of).await?;
        tx.commit().await?;
        self.looked_at = self.looked_at.saturating_add(part.len());
        self.changed = self.changed.saturating_add(done.changed);
        Ok(())
    }

    fn must_stop(&self) -> bool {
        self.work.must_stop()
    }
}

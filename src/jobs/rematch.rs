//! `rematch`: decides again the bank payments that still have money to give. What is sent wakes
//! those that watch for it at once; this job is for what nobody watches, such as a payer's account
//! that a customer was given since. A payment that stays as it is leaves no trace.

use super::runner::{Report, Work};
use crate::domain::ids::{PaymentId, own_source};
use crate::domain::input::Input;
use crate::pipeline::in_hand::Hand;
use crate::pipeline::own::{self, Own, Wish};
use crate::store::failing::{self, Kind};
use crate::store::in_hand::{self, JOB};
use crate::store::{StoreError, rematch};

/// Payments of one transaction.
const PAGE_PAYMENTS: i64 = 200;

pub(super) async fn run(work: &Work<'_>) -> Result<Report, StoreError> {
    let as_of = work.as_of();
    let mut done = Done::default();
    let mut after = work.progress().unwrap_or_default();
    // Whoever ran this before is gone.
    in_hand::bury(work.pool(), Kind::Rematch, JOB, work.now()).await?;
    while !work.must_stop() {
        let page = rematch::page(work.pool(), &after, PAGE_PAYMENTS, as_of).await?;
        let Some(last) = page.last() else { break };
        let mut hand = work.pipeline().take_in_hand(Kind::Rematch, JOB, &page).await?;
        // Suspects are tried last: then the page is done only with them.
        let apart = hand.has_suspects();
        let decided = decide_groups(work, &mut hand, &mut done).await;
        hand.end_after(decided).await?;
        if work.must_stop() {
            break;
        }
        if apart {
            work.step_to(last).await?;
        }
        after.clone_from(last);
    }
    let Done { looked_at, changed, failed } = done;
    let mut summary = format!("{looked_at} looked at again, {changed} changed");
    if failed > 0 {
        summary.push_str(&format!(", {failed} failed and are left as they are"));
    }
    Ok(Report { findings: u64::try_from(failed).unwrap_or(u64::MAX), summary })
}

async fn decide_groups(
    work: &Work<'_>,
    hand: &mut Hand<'_>,
    done: &mut Done,
) -> Result<(), StoreError> {
    let moves = !hand.has_suspects();
    while let Some(group) = hand.next().await? {
        decide(work, &group.items, group.alone(), moves, done).await?;
        if work.must_stop() {
            break;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Done {
    looked_at: usize,
    changed: usize,
    failed: usize,
}

/// Decides a page of payments in one transaction. One that fails is found by halving: its failure
/// is noted, and the others go on. `moves`: the run has come as far as what is decided.
async fn decide(
    work: &Work<'_>,
    page: &[String],
    alone: bool,
    moves: bool,
    done: &mut Done,
) -> Result<(), StoreError> {
    let mut groups = vec![page];
    while let Some(group) = groups.pop() {
        let Some(last) = group.last() else { continue };
        let turn = work.pipeline().turn_unless(alone).await;
        let decided = decide_group(work, group, moves.then_some(last)).await;
        drop(turn);
        let error = match decided {
            Ok(changed) => {
                done.looked_at = done.looked_at.saturating_add(group.len());
                done.changed = done.changed.saturating_add(changed);
                failing::clear(work.pool(), Kind::Rematch, group).await?;
                continue;
            }
            Err(StoreError::Fenced) => return Err(StoreError::Fenced),
            Err(error) if error.is_everyones() || !error.is_answered() => return Err(error),
            Err(error) => error,
        };
        if group.len() > 1 {
            let (first, second) = group.split_at(group.len() / 2);
            groups.push(second);
            groups.push(first);
        } else {
            done.failed = done.failed.saturating_add(1);
            failing::note(work.pool(), Kind::Rematch, last, &error, work.now()).await?;
        }
        if work.must_stop() {
            break;
        }
    }
    Ok(())
}

async fn decide_group(
    work: &Work<'_>,
    group: &[String],
    progress: Option<&String>,
) -> Result<usize, StoreError> {
    let as_of = work.as_of();
    let wish = |id: &String| Wish {
        named: id.clone(),
        letters: 32,
        input: Input::Rematch(PaymentId::trusted(id)),
        waited: None,
    };
    let wishes = Own::Wishes(group.iter().map(wish).collect());
    let mut tx = work.pool().begin().await?;
    work.step_in_tx(&mut tx, progress.map(String::as_str)).await?;
    let named = (own_source::JOBS, &*format!("rematch:{}", as_of.timestamp()));
    let done = own::submit(work.pipeline(), &mut tx, named, wishes, as_of).await?;
    tx.commit().await?;
    Ok(done.changed)
}

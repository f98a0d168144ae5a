//! `rematch`: decides again the bank payments that still have money to give. What is sent wakes
//! those that watch for it at once; this job is for what nobody watches, such as a payer's account
//! that a customer was given since. A payment that stays as it is leaves no trace.

use sha2::{Digest, Sha256};

use super::runner::{Report, Work};
use crate::domain::ids::{MessageId, PaymentId, RecordId, Source, own_source};
use crate::domain::input::{Input, Message};
use crate::pipeline::batch::{Item, run_in_tx};
use crate::pipeline::in_hand::Hand;
use crate::store::failing::{self, Kind};
use crate::store::in_hand::{self, JOB};
use crate::store::load::Locks;
use crate::store::persist::RawRecordRow;
use crate::store::{StoreError, next_id_block, rematch};

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
    let items: Vec<Item> = group.iter().map(|id| item(work, id)).collect();
    let mut tx = work.pool().begin().await?;
    work.step_in_tx(&mut tx, progress.map(String::as_str)).await?;
    let block = next_id_block(&mut tx).await?;
    let as_of = work.as_of();
    let written = run_in_tx(work.pipeline(), &mut tx, &items, block, Locks::First, as_of).await?;
    tx.commit().await?;
    Ok(written.rematched)
}

/// The job's wish as a record; partition −1 is no place in any log.
fn item(work: &Work<'_>, payment_id: &str) -> Item {
    let digest: [u8; 32] = Sha256::digest(payment_id.as_bytes()).into();
    let mut hex = hex::encode(digest);
    hex.truncate(32);
    let seconds = work.as_of().timestamp();
    let message = Message {
        record: RecordId {
            source: Source::trusted(own_source::JOBS),
            id: MessageId::trusted(&format!("rematch:{seconds}:{hex}")),
        },
        time: work.as_of(),
        traceparent: None,
        content_hash: digest,
        bank_hash: digest,
        tokens: None,
        waited: None,
        input: Input::Rematch(PaymentId::trusted(payment_id)),
    };
    let raw = RawRecordRow {
        topic: work.pipeline().settings().topics.bank_payments.clone(),
        partition: -1,
        offset: 0,
        timestamp: Some(work.as_of()),
        key: None,
        value: None,
        headers: "[]".to_owned(),
    };
    Item { raw, decoded: Ok(message), again: false }
}

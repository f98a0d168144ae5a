//! `reconcile` in pages, all but the chains of statements: what the ledger posted since the last
//! run, with the payments that it took in and the payments and invoices that it allocated; the
//! entries booked as one sum of which details came; what differed before; the next part of a round
//! through all of these; and each account's balance against its ledger entries and lots.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::work::Work;
use crate::store::StoreError;
use crate::store::compare::{self, Round, Side, SplitEntry};
use crate::store::outbox::Writer;

/// Rows of the ledger that one page sums up.
const LEDGER_ROWS: i64 = 2_000;
/// Payments or invoices of a page, and pages of the round that one run makes.
const ROWS: i64 = 1_000;
const ROUND_PAGES: usize = 200;
/// A batch may commit so long after the instant that it gives its records; what takes longer is
/// found by the round.
const LATE: TimeDelta = TimeDelta::hours(1);
/// Accounts of a page, and lots that one statement reads of them.
const ACCOUNTS: i64 = 200;
const LOTS: i64 = 10_000;
/// Pages of accounts until the ledger is summed up again: that waits for who writes at the time.
const SUM_EVERY: usize = 16;
/// How often those who write are looked at, until the ledger is summed up to where they began.
const LOOKS: usize = 100;
const PAUSE: Duration = Duration::from_millis(20);
/// Where a run goes on: behind this account.
const BEHIND: &str = "accounts behind ";
/// As a person wants it who does not trust the sums: what the ledger posted is summed up anew.
pub(super) const FROM_THE_START: &str = "from the start";

pub(super) async fn run(work: &Work<'_>) -> Result<(), StoreError> {
    let progress = work.progress();
    let behind = progress.as_deref().and_then(|progress| progress.strip_prefix(BEHIND));
    if progress.as_deref() == Some(FROM_THE_START) {
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, Some("begun anew")).await?;
        compare::from_the_start_in_tx(&mut tx).await?;
        tx.commit().await?;
    }
    sum_up(work).await?;
    if behind.is_none() {
        for side in Side::ALL {
            differed(work, side).await?;
        }
        for all in Round::ALL {
            round(work, all).await?;
        }
        differed_details(work).await?;
        details(work).await?;
    }
    let mut after = behind.unwrap_or_default().to_owned();
    for page in 1_usize.. {
        if work.must_stop() {
            break;
        }
        let accounts = compare::accounts(work.pool(), &after, ACCOUNTS).await?;
        let Some(last) = accounts.last() else { break };
        if page.is_multiple_of(SUM_EVERY) {
            sum_up(work).await?;
        }
        let found = compare::balances(work.pool(), &after, &accounts, LOTS).await?;
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, Some(&format!("{BEHIND}{last}"))).await?;
        compare::put_in_tx(&mut tx, (&after, last), &found).await?;
        tx.commit().await?;
        after.clone_from(last);
    }
    Ok(())
}

/// Sums up the ledger as far as nothing can appear any more.
async fn sum_up(work: &Work<'_>) -> Result<(), StoreError> {
    settle(work).await?;
    let mut state = compare::state(work.pool()).await?;
    while state.through < state.horizon && !work.must_stop() {
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, None).await?;
        let range = (state.through, state.horizon);
        state.through = compare::fold_in_tx(&mut tx, range, LEDGER_ROWS).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Moves the horizon to the last id that was given out, once all have ended who could still write
/// below it. Where one goes on for long it stays where it is, and more is read with each page.
async fn settle(work: &Work<'_>) -> Result<(), StoreError> {
    let horizon = compare::state(work.pool()).await?.horizon;
    // One session: what is noted says nothing of a server that began anew.
    let mut tx = work.pool().begin().await?;
    let last = compare::last_id_in_tx(&mut tx).await?;
    let mut writers = compare::writers_in_tx(&mut tx).await?;
    let noted: BTreeSet<String> = writers.iter().map(|writer| writer.name.clone()).collect();
    let open = |now: &[Writer]| now.iter().any(|one| one.prepared || noted.contains(&one.name));
    for _ in 0..LOOKS {
        if last <= horizon || !open(&writers) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        writers = compare::writers_in_tx(&mut tx).await?;
    }
    if last <= horizon || open(&writers) {
        tx.rollback().await?;
        return Ok(());
    }
    compare::advance_in_tx(&mut tx, last).await?;
    work.step_in_tx(&mut tx, None).await?;
    Ok(tx.commit().await?)
}

/// What differed is looked at again: it may agree by now.
async fn differed(work: &Work<'_>, side: Side) -> Result<(), StoreError> {
    let mut after = String::new();
    while !work.must_stop() {
        let mut items = compare::listed(work.pool(), side, &after, ROWS).await?;
        items.dedup();
        let Some(last) = items.last().cloned() else { break };
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, None).await?;
        compare::compare_in_tx(&mut tx, side, items).await?;
        tx.commit().await?;
        after = last;
    }
    Ok(())
}

/// The next part of the round through all there are; a run goes to its end at the most.
async fn round(work: &Work<'_>, round: Round) -> Result<(), StoreError> {
    let state = compare::state(work.pool()).await?;
    let mut after = match round {
        Round::Payments => state.payment_id,
        Round::Invoices => state.invoice_id,
    };
    for _ in 0..ROUND_PAGES {
        if work.must_stop() {
            break;
        }
        let items = compare::page(work.pool(), round, &after, ROWS).await?;
        let last = items.last().cloned();
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, None).await?;
        // Behind the last one it begins anew.
        compare::rounded_in_tx(&mut tx, round, last.as_deref().unwrap_or_default()).await?;
        compare::compare_in_tx(&mut tx, round.side(), items).await?;
        tx.commit().await?;
        let Some(last) = last else { break };
        after = last;
    }
    Ok(())
}

/// Entries whose details differed are looked at again.
async fn differed_details(work: &Work<'_>) -> Result<(), StoreError> {
    let mut after = SplitEntry::default();
    while !work.must_stop() {
        let entries = compare::listed_details(work.pool(), &after, ROWS).await?;
        let Some(last) = entries.last().cloned() else { break };
        let mut tx = work.pool().begin().await?;
        work.step_in_tx(&mut tx, None).await?;
        compare::compare_details_in_tx(&mut tx, entries).await?;
        tx.commit().await?;
        after = last;
    }
    Ok(())
}

/// The entries of which details came since the last run, and the next part of a round through all.
async fn details(work: &Work<'_>) -> Result<(), StoreError> {
    let state = compare::state(work.pool()).await?;
    let since = state.details_through.checked_sub_signed(LATE).unwrap_or(state.details_through);
    for (round, mut after, pages) in
        [(false, since, usize::MAX), (true, state.details_round, ROUND_PAGES)]
    {
        for _ in 0..pages {
            if work.must_stop() {
                return Ok(());
            }
            let (entries, until) = compare::details(work.pool(), after, ROWS).await?;
            if !round && until.is_none() {
                break;
            }
            let mut tx = work.pool().begin().await?;
            work.step_in_tx(&mut tx, None).await?;
            // Behind the last one the round begins anew.
            let done = until.unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
            compare::details_done_in_tx(&mut tx, round, done).await?;
            compare::compare_details_in_tx(&mut tx, entries).await?;
            tx.commit().await?;
            let Some(until) = until else { break };
            after = until;
        }
    }
    Ok(())
}

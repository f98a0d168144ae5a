//! What an operator does with dead letters: replay in place, discard. A dry run unless told.
//!
//! Order: oldest first, and per key: while an earlier dead letter of a key still fails, the later
//! ones of that key are left alone. Each record has a transaction of its own, so an interrupted
//! run may simply be run again: what was replayed is not open any more.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::PgPool;

use crate::app;
use crate::cli::dead_letters::{Acted, DiscardArgs, ReplayArgs, Selection};
use crate::clock::Clock;
use crate::config::Config;
use crate::pipeline::replay::Replayed;
use crate::store::dead_letters::{self as stored, Act};
use crate::store::{StoreError, dead_letters};

fn selection(selection: &Selection) -> stored::Selection {
    stored::Selection {
        ids: selection.ids.clone(),
        code: selection.code.clone(),
        topic: selection.topic.clone(),
        since: selection.since,
        until: selection.until,
        limit: selection.limit,
    }
}

/// Replays the selected dead letters, or says what would become of each.
///
/// # Errors
/// When the database fails; what was replayed before stays replayed.
pub async fn replay(
    pool: &PgPool,
    config: &Config,
    args: ReplayArgs,
) -> Result<Vec<Acted>, StoreError> {
    let pipeline = app::pipeline(config, pool.clone(), Clock::System);
    let letters = dead_letters::select(pool, &selection(&args.selection)).await?;
    let mut failing: HashSet<String> = HashSet::new();
    let mut acted = Vec::with_capacity(letters.len());
    let mut pace = tokio::time::interval(Duration::from_secs(1) / args.rate.max(1));
    for (id, key) in letters {
        let replayed = if failing.contains(&key) {
            Replayed::Blocked
        } else {
            pace.tick().await;
            pipeline.replay(id, &args.operator, args.reason.as_deref(), args.dry_run).await?
        };
        if matches!(replayed, Replayed::StillFailing { .. }) {
            failing.insert(key);
        }
        let word = replayed.word();
        let outcome = if args.dry_run { format!("would be {word}") } else { word.to_owned() };
        acted.push(Acted { dead_letter_id: id, outcome, code: replayed.code().map(str::to_owned) });
    }
    Ok(acted)
}

/// Gives the selected dead letters up, with a reason; nothing is deleted.
///
/// # Errors
/// When the database fails; what was discarded before stays discarded.
pub async fn discard(pool: &PgPool, args: DiscardArgs) -> Result<Vec<Acted>, StoreError> {
    let letters = dead_letters::select(pool, &selection(&args.selection)).await?;
    let mut acted = Vec::with_capacity(letters.len());
    for (id, _) in letters {
        let outcome = if args.dry_run {
            "would be discarded"
        } else {
            discard_one(pool, id, &args.operator, &args.reason).await?
        };
        acted.push(Acted { dead_letter_id: id, outcome: outcome.to_owned(), code: None });
    }
    Ok(acted)
}

async fn discard_one(
    pool: &PgPool,
    id: i64,
    operator: &str,
    reason: &str,
) -> Result<&'static str, StoreError> {
    let at = Clock::System.now();
    let mut tx = pool.begin().await?;
    let open = dead_letters::lock_in_tx(&mut tx, id).await?;
    if open.is_none_or(|letter| letter.status != "open") {
        tx.rollback().await?;
        return Ok("already_resolved");
    }
    let act = Act {
        dead_letter_id: id,
        act: "discard",
        operator,
        reason: Some(reason),
        outcome: "discarded",
        code: None,
    };
    dead_letters::act_in_tx(&mut tx, &act, at).await?;
    let resolution = format!("discarded by {operator}");
    dead_letters::resolve_in_tx(&mut tx, id, "discarded", &resolution, at).await?;
    tx.commit().await?;
    Ok("discarded")
}

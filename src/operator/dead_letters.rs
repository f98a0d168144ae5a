//! What an operator does with dead letters: replay in place, edit, discard, reopen. A dry run
//! unless told.
//!
//! Order: oldest first, and per key: while an earlier dead letter of a key still fails, the later
//! ones of that key are left alone. A replay goes in chunks of one transaction each; a run that
//! was cut off is resumed from its cursor, which moves in the same transactions.

pub mod edit;
pub mod import;
pub mod replay;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foldhash::{HashSet, HashSetExt as _};

use self::replay::{Chunk, Replayed};
use crate::clock::Clock;
use crate::pipeline::Pipeline;
use crate::store::PgPool;
use crate::store::dead_letters::{self, Act, LetterState, Selection, Who};
use crate::store::failing::{self, Kind};
use crate::store::replay_runs::{self, ReplayRun};
use crate::store::{StoreError, in_hand};

/// Letters of one transaction. One of a few hundred takes some 100 ms, and that long the accounts
/// of its letters are locked, also in a dry run.
const CHUNK: u32 = 200;

/// What to replay, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayArgs {
    pub what: What,
    /// Records per second; 0: as fast as it goes.
    pub rate: u32,
    /// Ends the run after so many failures.
    pub stop_after: Option<u32>,
    pub operator: String,
    pub reason: Option<String>,
    /// Nothing is changed.
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Selected(Selection),
    /// The rest of a run that was cut off.
    Run(i64),
}

/// How a replay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayReport {
    pub letters: Vec<(i64, Replayed)>,
    /// None in a dry run.
    pub run: Option<i64>,
    pub end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Done,
    /// By the operator.
    Cancelled,
    /// After so many failures as were allowed.
    Stopped,
    /// There is no such run, or it is done, or it still runs.
    NotResumed,
}

/// Told to stop by another task, and what the progress is told to.
#[derive(Clone, Default)]
pub struct Control {
    pub cancelled: Arc<AtomicBool>,
    /// Looked at so far, of all.
    pub progress: Option<Arc<dyn Fn(u64, u64) + Send + Sync>>,
}

impl Control {
    fn tell(&self, done: i64, total: i64) {
        if let Some(progress) = &self.progress {
            progress(done.unsigned_abs(), total.unsigned_abs());
        }
    }
}

/// Replays the selected dead letters, or says what would become of each. Where the database
/// fails, what was replayed before stays replayed, and the run can be resumed.
pub async fn replay_with(
    pipeline: &Pipeline,
    args: &ReplayArgs,
    control: &Control,
) -> Result<ReplayReport, StoreError> {
    let Some((run, failing)) = begin(pipeline, args).await? else {
        return Ok(ReplayReport { letters: Vec::new(), run: None, end: End::NotResumed });
    };
    let mut replay = Replay { pipeline, args, control, run, failing, letters: Vec::new() };
    let ended = replay.all().await;
    let state = match &ended {
        Ok(End::Done) => "done",
        Ok(End::Stopped) => "stopped",
        // What was committed stays; whoever repaired the database resumes.
        Ok(End::Cancelled | End::NotResumed) | Err(_) => "cancelled",
    };
    if args.dry_run {
        return Ok(ReplayReport { letters: replay.letters, run: None, end: ended? });
    }
    let closed =
        replay_runs::end(pipeline.pool(), &replay.run, state, pipeline.clock().now()).await;
    // The first error says more.
    let end = ended?;
    closed?;
    Ok(ReplayReport { letters: replay.letters, run: Some(replay.run.id), end })
}

async fn begin(
    pipeline: &Pipeline,
    args: &ReplayArgs,
) -> Result<Option<(ReplayRun, HashSet<String>)>, StoreError> {
    let (pool, at) = (pipeline.pool(), pipeline.clock().now());
    let selection = match &args.what {
        What::Run(id) => {
            let resumed = replay_runs::resume(pool, *id, at).await?;
            if resumed.is_some() {
                // Whoever ran it before is gone.
                in_hand::bury(pool, Kind::Letter, *id, at).await?;
            }
            return Ok(resumed.map(|(run, failing)| (run, failing.into_iter().collect())));
        }
        What::Selected(selection) => selection,
    };
    let reason = args.reason.as_deref();
    let run = if args.dry_run {
        ReplayRun {
            id: 0,
            epoch: 0,
            selection: selection.clone(),
            reason: None,
            last_letter: dead_letters::last(pool).await?,
            cursor: 0,
            looked_at: 0,
        }
    } else {
        replay_runs::start(pool, selection, &args.operator, reason, at).await?
    };
    Ok(Some((run, HashSet::new())))
}

struct Replay<'a> {
    pipeline: &'a Pipeline,
    args: &'a ReplayArgs,
    control: &'a Control,
    run: ReplayRun,
    failing: HashSet<String>,
    letters: Vec<(i64, Replayed)>,
}

impl Replay<'_> {
    async fn all(&mut self) -> Result<End, StoreError> {
        let pool = self.pipeline.pool();
        let range = (self.run.cursor, self.run.last_letter);
        let left = dead_letters::count(pool, &self.run.selection, range).await?;
        let total = left.saturating_add(self.run.looked_at);
        let total = self.run.selection.limit.map_or(total, |limit| total.min(limit));
        let mut failures_left = self.args.stop_after;
        loop {
            self.control.tell(self.run.looked_at, total);
            if self.control.cancelled.load(Ordering::Relaxed) {
                return Ok(End::Cancelled);
            }
            let size = self.chunk_size(failures_left);
            if size <= 0 {
                return Ok(End::Done);
            }
            let range = (self.run.cursor, self.run.last_letter);
            let ids = dead_letters::select(pool, &self.run.selection, range, size).await?;
            let Some(last) = ids.last().copied() else {
                return Ok(End::Done);
            };
            let failed = self.chunk(&ids).await?;
            self.run.cursor = last;
            self.run.looked_at =
                self.run.looked_at.saturating_add(i64::try_from(ids.len()).unwrap_or(i64::MAX));
            failures_left = failures_left.map(|left| left.saturating_sub(failed));
            if failures_left == Some(0) {
                self.control.tell(self.run.looked_at, total);
                return Ok(End::Stopped);
            }
        }
    }

    /// No larger than the failures that are allowed, so that there are never more.
    fn chunk_size(&self, failures_left: Option<u32>) -> i64 {
        let mut size = failures_left.map_or(CHUNK, |left| left.min(CHUNK));
        if self.args.rate > 0 {
            size = size.min(self.args.rate);
        }
        let limit = self.run.selection.limit;
        let left = limit.map_or(i64::MAX, |limit| limit.saturating_sub(self.run.looked_at));
        i64::from(size).min(left)
    }

    /// What is resolved kills nobody any more.
    async fn forget_failures(&self, replayed: &[(i64, Replayed)]) -> Result<(), StoreError> {
        let resolved = replayed.iter().filter(|(_, result)| result.resolves());
        let names: Vec<String> = resolved.map(|(id, _)| id.to_string()).collect();
        failing::clear(self.pipeline.pool(), Kind::Letter, &names).await
    }

    /// How many failed.
    async fn chunk(&mut self, ids: &[i64]) -> Result<u32, StoreError> {
        let chunk = Chunk {
            ids,
            operator: &self.args.operator,
            reason: self.args.reason.as_deref().or(self.run.reason.as_deref()),
            dry_run: self.args.dry_run,
            run: Some(&self.run).filter(|_| !self.args.dry_run),
        };
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        // No rate: no pause. The pause is not shortened by what the chunk took.
        let pause = Duration::from_secs(1).checked_div(self.args.rate).unwrap_or_default();
        let failing = &mut self.failing;
        // Who names a letter sees what it does to the process, and has it tried at once.
        let named = !self.run.selection.ids.is_empty();
        let replayed = if self.args.dry_run || named {
            self.pipeline.replay_chunk(chunk, failing).await?
        } else {
            self.pipeline.replay_in_hand(chunk, self.run.id, failing).await?
        };
        if named && !self.args.dry_run {
            self.forget_failures(&replayed).await?;
        }
        tokio::time::sleep(pause.saturating_mul(count)).await;
        let failed =
            replayed.iter().filter(|(_, r)| matches!(r, Replayed::StillFailing { .. })).count();
        self.letters.extend(replayed);
        Ok(u32::try_from(failed).unwrap_or(u32::MAX))
    }
}

/// Gives the selected dead letters up, with a reason; nothing is deleted.
///
/// # Errors
/// When the database fails; what was discarded before stays discarded.
pub async fn discard(
    pool: &PgPool,
    selection: &Selection,
    operator: &str,
    reason: &str,
    dry_run: bool,
) -> Result<Vec<(i64, Became)>, StoreError> {
    let each = async |id| {
        if dry_run {
            return Ok(Became::WouldBeDiscarded);
        }
        discard_one(pool, id, operator, reason).await
    };
    each_selected(pool, selection, each).await
}

/// Does something with each open letter of a selection, in the order of their ids; what was done
/// before an error stays done.
async fn each_selected<T>(
    pool: &PgPool,
    selection: &Selection,
    mut each: impl AsyncFnMut(i64) -> Result<T, StoreError>,
) -> Result<Vec<(i64, T)>, StoreError> {
    let last = dead_letters::last(pool).await?;
    let mut left = selection.limit.unwrap_or(i64::MAX);
    let mut all: Vec<(i64, T)> = Vec::new();
    while left > 0 {
        let after = all.last().map_or(0, |(id, _)| *id);
        let size = left.min(i64::from(CHUNK));
        let ids = dead_letters::select(pool, selection, (after, last), size).await?;
        if ids.is_empty() {
            break;
        }
        left = left.saturating_sub(size);
        for id in ids {
            all.push((id, each(id).await?));
        }
    }
    Ok(all)
}

/// What became of a letter that was to be discarded or reopened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    WouldBeDiscarded,
    Discarded,
    /// Replayed or discarded before.
    AlreadyResolved,
    WouldBeReopened,
    Reopened,
    AlreadyOpen,
    AlreadyReplayed,
    /// It has no bytes any more.
    Forgotten,
    Unknown,
}

impl Became {
    pub fn word(self) -> &'static str {
        match self {
            Self::WouldBeDiscarded => "would be discarded",
            Self::Discarded => "discarded",
            Self::AlreadyResolved => "already_resolved",
            Self::WouldBeReopened => "would be reopened",
            Self::Reopened => "reopened",
            Self::AlreadyOpen => "already_open",
            Self::AlreadyReplayed => "already_replayed",
            Self::Forgotten => "letter_forgotten",
            Self::Unknown => "unknown",
        }
    }
}

async fn discard_one(
    pool: &PgPool,
    id: i64,
    operator: &str,
    reason: &str,
) -> Result<Became, StoreError> {
    let at = Clock::System.now();
    let mut tx = pool.begin().await?;
    let locked = dead_letters::lock_in_tx(&mut tx, &[id]).await?;
    let Some(letter) = locked.first().filter(|letter| letter.state == LetterState::Open) else {
        tx.rollback().await?;
        return Ok(Became::AlreadyResolved);
    };
    let act = Act {
        dead_letter_id: id,
        outcome: Became::Discarded.word(),
        code: None,
        state: LetterState::Discarded,
        revision_before: letter.revision,
        revision: letter.revision,
    };
    let who = Who { operator, reason: Some(reason), run: None };
    dead_letters::act_in_tx(&mut tx, "discard", who, &[act], at).await?;
    let resolution = format!("discarded by {operator}");
    dead_letters::discard_in_tx(&mut tx, id, &resolution, at).await?;
    tx.commit().await?;
    Ok(Became::Discarded)
}

/// Takes discarded dead letters up again: they are open, and can be edited and replayed.
///
/// # Errors
/// When the database fails; what was opened before stays open.
pub async fn reopen(
    pool: &PgPool,
    ids: &[i64],
    operator: &str,
    reason: &str,
    dry_run: bool,
) -> Result<Vec<(i64, Became)>, StoreError> {
    let mut acted = Vec::with_capacity(ids.len());
    for id in ids {
        acted.push((*id, reopen_one(pool, *id, operator, reason, dry_run).await?));
    }
    Ok(acted)
}

async fn reopen_one(
    pool: &PgPool,
    id: i64,
    operator: &str,
    reason: &str,
    dry_run: bool,
) -> Result<Became, StoreError> {
    let at = Clock::System.now();
    let mut tx = pool.begin().await?;
    let locked = dead_letters::lock_in_tx(&mut tx, &[id]).await?;
    let forgotten = locked.first().is_some_and(|letter| letter.forgotten);
    let became = match locked.first().map(|letter| letter.state) {
        None => Became::Unknown,
        Some(LetterState::Discarded) if forgotten => Became::Forgotten,
        Some(LetterState::Discarded) if dry_run => Became::WouldBeReopened,
        Some(LetterState::Discarded) => Became::Reopened,
        Some(LetterState::Open) => Became::AlreadyOpen,
        Some(LetterState::Replayed) => Became::AlreadyReplayed,
    };
    if let (Became::Reopened, Some(letter)) = (became, locked.first()) {
        let who = Who { operator, reason: Some(reason), run: None };
        let act = Act::reopen(letter, became.word());
        dead_letters::act_in_tx(&mut tx, "reopen", who, &[act], at).await?;
        dead_letters::reopen_in_tx(&mut tx, id, None).await?;
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(became)
}

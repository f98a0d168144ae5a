//! Work on named items of a sweep, a job or a replay: noted before it begins, so that one that
//! kills the process is found (`store::in_hand`).

use std::time::{Duration, Instant};

use tokio::sync::OwnedRwLockWriteGuard;

use super::Pipeline;
use crate::store::StoreError;
use crate::store::failing::{self, Kind};
use crate::store::in_hand::{self, How, LEASE, Part, Taken, Taker};

/// How long the process must have lived before an item is tried whose trial counts; up to as much
/// again is added, so that who kills at a fixed time after a start does not meet it.
const LIVE_FIRST: Duration = Duration::from_millis(1_500);

/// Items that are worked on in groups, one after the other.
pub(crate) struct Hand<'a> {
    pipeline: &'a Pipeline,
    taker: Taker,
    parts: std::vec::IntoIter<Part>,
    announced: bool,
    suspects: bool,
    killers: Vec<String>,
    /// The group at hand: who was on trial, and when its note was renewed.
    on_trial: Vec<String>,
    renewed: Option<Instant>,
    /// Given back after the note is gone: a death between the two would count.
    turn: Option<OwnedRwLockWriteGuard<()>>,
}

/// Items in hand.
pub(crate) struct Group {
    pub(crate) items: Vec<String>,
    how: How,
}

impl Group {
    /// On trial: nothing else of this process is decoded or decided, so nothing takes a turn.
    pub(crate) fn alone(&self) -> bool {
        matches!(self.how, How::Apart | How::Counted)
    }

    /// Put aside: to be told, and not to be worked on.
    pub(crate) fn put_aside(&self) -> bool {
        self.how == How::Not
    }
}

/// Work on a group of items that is done as a whole or not at all.
pub(crate) trait ByHalves: Send {
    fn act(&mut self, part: &[String]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the rest is to be left.
    fn must_stop(&self) -> bool {
        false
    }
}

impl Pipeline {
    /// How long a process must live, with nothing on trial, before a trial that counts.
    pub(super) fn live_first(&self) -> Duration {
        let spread = self.clock().now().timestamp_subsec_micros() % 1_500;
        LIVE_FIRST + Duration::from_millis(spread.into())
    }

    /// Takes those of `items` in hand that nobody else has, in any order.
    pub(crate) async fn take_in_hand(
        &self,
        kind: Kind,
        owner: i64,
        items: &[String],
    ) -> Result<Hand<'_>, StoreError> {
        self.take(Taker { kind, owner, in_order: false }, items).await
    }

    /// Takes all of `items` in hand; they keep their order.
    pub(crate) async fn take_in_order(
        &self,
        kind: Kind,
        owner: i64,
        items: &[String],
    ) -> Result<Hand<'_>, StoreError> {
        self.take(Taker { kind, owner, in_order: true }, items).await
    }

    async fn take(&self, taker: Taker, items: &[String]) -> Result<Hand<'_>, StoreError> {
        let taken = if items.is_empty() {
            Taken::default()
        } else {
            in_hand::take(self.pool(), taker, items, self.clock().now()).await?
        };
        let Taken { parts, announced, suspects, killers } = taken;
        Ok(Hand {
            pipeline: self,
            taker,
            parts: parts.into_iter(),
            announced,
            suspects,
            killers,
            on_trial: Vec::new(),
            renewed: None,
            turn: None,
        })
    }
}

impl Hand<'_> {
    /// Those that killed the process often enough to be put aside for good, where that may be.
    pub(crate) fn killers(&self) -> &[String] {
        &self.killers
    }

    /// Whether some are tried apart, and perhaps out of their order.
    pub(crate) fn has_suspects(&self) -> bool {
        self.suspects
    }

    /// Ends the group at hand, and takes the next one.
    pub(crate) async fn next(&mut self) -> Result<Option<Group>, StoreError> {
        self.end().await?;
        for part in self.parts.by_ref() {
            if std::mem::take(&mut self.announced) {
                self.renewed = Some(Instant::now());
                return Ok(Some(Group { items: part.items, how: part.how }));
            }
            if part.how == How::Not {
                return Ok(Some(Group { items: part.items, how: part.how }));
            }
            if part.how == How::Counted {
                tokio::time::sleep(self.pipeline.live_first()).await;
            }
            if part.how != How::Beside {
                self.turn = Some(self.pipeline.turn_alone().await);
            }
            let (pool, at) = (self.pipeline.pool(), self.pipeline.clock().now());
            let items = in_hand::announce(pool, self.taker, &part, at).await?;
            if !items.is_empty() {
                self.renewed = Some(Instant::now());
                self.on_trial.clone_from(&items);
                return Ok(Some(Group { items, how: part.how }));
            }
            self.turn = None;
        }
        Ok(None)
    }

    /// Works on all of them. Of a group that fails the halves have their turn, down to the item
    /// that is the cause: that is noted, and the others go on. Returns how many failed.
    pub(crate) async fn by_halves(mut self, work: &mut impl ByHalves) -> Result<usize, StoreError> {
        let mut failed = 0_usize;
        let worked = self.halve(work, &mut failed).await;
        self.end_after(worked).await?;
        Ok(failed)
    }

    async fn halve(
        &mut self,
        work: &mut impl ByHalves,
        failed: &mut usize,
    ) -> Result<(), StoreError> {
        let (pipeline, kind) = (self.pipeline, self.taker.kind);
        while let Some(group) = self.next().await? {
            let mut parts = vec![group.items.as_slice()];
            while let Some(part) = parts.pop() {
                let turn = pipeline.turn_unless(group.alone()).await;
                let worked = work.act(part).await;
                drop(turn);
                match (worked, part) {
                    (Ok(()), _) => failing::clear(pipeline.pool(), kind, part).await?,
                    (Err(StoreError::Fenced), _) => return Err(StoreError::Fenced),
                    (Err(error), _) if error.is_everyones() || !error.is_answered() => {
                        return Err(error);
                    }
                    (Err(error), [one]) => {
                        *failed = failed.saturating_add(1);
                        let at = pipeline.clock().now();
                        failing::note(pipeline.pool(), kind, one, &error, at).await?;
                    }
                    (Err(_), several) => {
                        let (first, second) = several.split_at(several.len() / 2);
                        parts.extend([second, first]);
                    }
                }
                if work.must_stop() {
                    return Ok(());
                }
                self.renew().await?;
            }
        }
        Ok(())
    }

    /// To be called between items: the note of who still works does not come to its end.
    pub(crate) async fn renew(&mut self) -> Result<(), StoreError> {
        if self.renewed.is_some_and(|at| at.elapsed() >= LEASE / 3) {
            in_hand::renew(self.pipeline.pool(), self.taker).await?;
            self.renewed = Some(Instant::now());
        }
        Ok(())
    }

    /// Ends it after the last group, or after the error that cut it off: the process lives. One
    /// whose run was taken over has nothing in hand any more.
    pub(crate) async fn end_after(
        mut self,
        worked: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if matches!(worked, Err(StoreError::Fenced)) {
            return worked;
        }
        let ended = self.end().await;
        worked.and(ended)
    }

    /// What was in hand ended in order, whatever came of it.
    async fn end(&mut self) -> Result<(), StoreError> {
        if self.renewed.take().is_some() {
            let survived = std::mem::take(&mut self.on_trial);
            in_hand::end(self.pipeline.pool(), self.taker, &survived).await?;
        }
        self.turn = None;
        Ok(())
    }
}

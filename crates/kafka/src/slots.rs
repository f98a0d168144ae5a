//! The table of assigned partitions and what each is doing: decisions only, no calls to Kafka.
//!
//! ```text
//!             start            opened            seek done          queue full
//!  Waiting ──────────► Opening ──────► Seeking ───────────► Flowing ──────────► Full
//!     ▲                   │ hold                   ▲          │  ▲  drained to half │
//!     │                   ▼                        └──────────┘  └──────────────────┘
//!     ├───── time ────── Held              first record is another
//!     └─ fenced, changed, out of range, backwards (from Flowing or Full)
//!                                                     any ──revoked, shutdown──► Closing
//! ```
//!
//! A partition is paused in librdkafka in every phase but `Flowing`, so nothing is buffered while
//! the database is being asked. Should a record come all the same, it is dropped and its offset is
//! kept as `rewind`: the next seek goes there, so that nothing is lost and order holds.
//!
//! Only a seek sets a position. A record below the one that is to come next means that the log was
//! changed: the lane ends, and is opened anew. One above it goes to the lane, which asks the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lane::LaneCancel;
use super::lane_task::{LaneEnd, LaneEvent, LaneNews, RunId};
use super::queue::{LaneQueue, Push};
use super::record::Record;
use super::status::{PartitionPhase, PartitionStatus};
use super::trouble::HeldAs;

/// A fenced lane opens again after this, doubled each time without a commit in between: two owners
/// that fence each other must not turn into a storm of epochs.
const REOPEN_DELAY: Duration = Duration::from_millis(500);
const REOPEN_DELAY_MAX: Duration = Duration::from_secs(30);

pub(super) type Key = (Arc<str>, i32);

/// What the consumer thread has to do for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Pause,
    Resume,
    /// Set the position, then resume; tried again until it works.
    Seek {
        target: i64,
    },
    /// Store `next_offset` to be committed to the group.
    Store {
        next_offset: i64,
    },
    /// Start a run of the lane.
    Start,
    /// A lane task died: the consumer has to stop.
    Die,
}

#[derive(Debug)]
enum Phase {
    Waiting { until: Instant },
    Opening,
    Seeking { target: i64 },
    Flowing,
    Full,
    Held { held_as: HeldAs, reason: String, until: Instant },
    Closing,
}

#[derive(Debug)]
pub(super) struct Running {
    pub id: RunId,
    pub queue: Arc<LaneQueue>,
    pub cancel: LaneCancel,
}

#[derive(Debug)]
struct Slot {
    phase: Phase,
    run: Option<Running>,
    /// What the database wants next, as far as the lane told.
    next_offset: Option<i64>,
    /// The offset that the log should give next, once there was a seek.
    expected: Option<i64>,
    rewind: Option<i64>,
    /// The target of the last seek, until the first record after it has been seen.
    check: Option<i64>,
    /// That seek was already a second one for the same target.
    checked: bool,
    /// librdkafka may have given the position up: then a seek is refused.
    lost: bool,
    /// Its run was ended for an error that may have been its own; until it gets on.
    doubted: bool,
    /// Why it was held last, until it flows: told once.
    told: Option<String>,
    reopens: u32,
    dropped: u64,
}

#[derive(Debug)]
pub(super) struct Slots {
    topics: HashMap<Arc<str>, BTreeMap<i32, Slot>>,
    hold_retry: Duration,
}

impl Slots {
    pub(crate) fn new(hold_retry: Duration) -> Self {
        Self { topics: HashMap::new(), hold_retry }
    }

    /// A new assignment; a slot that is still there (a revoke never came) is given up.
    pub(crate) fn assign(&mut self, topic: &str, partition: i32, now: Instant) {
        let topic: Arc<str> = match self.topics.get_key_value(topic) {
            Some((known, _)) => known.clone(),
            None => topic.into(),
        };
        let slot = Slot {
            phase: Phase::Waiting { until: now },
            run: None,
            next_offset: None,
            expected: None,
            rewind: None,
            check: None,
            checked: false,
            lost: false,
            doubted: false,
            told: None,
            reopens: 0,
            dropped: 0,
        };
        let old = self.topics.entry(topic).or_default().insert(partition, slot);
        if let Some(run) = old.and_then(|old| old.run) {
            run.cancel.cancel();
        }
    }

    /// Asks the lane of a partition to stop; nothing new is started for it.
    pub(crate) fn close(&mut self, topic: &str, partition: i32) {
        if let Some(slot) = self.slot(topic, partition) {
            slot.phase = Phase::Closing;
            if let Some(run) = &slot.run {
                run.cancel.cancel();
            }
        }
    }

    /// Forgets a partition. Tells its next offset and whether its lane had ended.
    pub(crate) fn remove(&mut self, topic: &str, partition: i32) -> Option<(Option<i64>, bool)> {
        let slot = self.topics.get_mut(topic)?.remove(&partition)?;
        if let Some(run) = &slot.run {
            run.cancel.cancel();
        }
        Some((slot.next_offset, slot.run.is_none()))
    }

    pub(crate) fn has_run(&self, topic: &str, partition: i32) -> bool {
        let slot = self.topics.get(topic).and_then(|slots| slots.get(&partition));
        slot.is_some_and(|slot| slot.run.is_some())
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        self.iter().map(|(key, _)| key).collect()
    }

    /// Takes one record that was polled; `copy` makes the owned record when it is wanted.
    pub(crate) fn offer(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        copy: impl FnOnce(Arc<str>) -> Record,
    ) -> Option<Action> {
        let (name, slots) = self.topics.get_key_value(topic)?;
        let name = name.clone();
        if !slots.contains_key(&partition) {
            return None;
        }
        let slot = self.slot(topic, partition)?;
        if !matches!(slot.phase, Phase::Flowing) {
            slot.rewind = Some(slot.rewind.map_or(offset, |low| low.min(offset)));
            return None;
        }
        if let Some(target) = slot.check.take()
            && offset != target
            && !slot.checked
        {
            slot.checked = true;
            slot.phase = Phase::Seeking { target };
            return Some(Action::Pause);
        }
        if slot.expected.is_some_and(|expected| offset < expected) {
            tracing::warn!(topic, partition, offset, expected = slot.expected, "the log went back");
            return slot.suspect();
        }
        let queue = slot.run.as_ref().map(|run| run.queue.clone())?;
        slot.expected = Some(offset.saturating_add(1));
        match queue.push(copy(name)) {
            Push::Full => {
                slot.phase = Phase::Full;
                Some(Action::Pause)
            }
            Push::Taken => None,
        }
    }

    /// A position was outside its log, and librdkafka does not say whose: all lanes open anew.
    pub(crate) fn suspect_all(&mut self) -> Vec<(Key, Action)> {
        let mut actions = Vec::new();
        for (topic, slots) in &mut self.topics {
            for (partition, slot) in slots {
                slot.lost = true;
                if let Some(action) = slot.suspect() {
                    actions.push(((topic.clone(), *partition), action));
                }
            }
        }
        actions
    }

    /// Whether the position may have been given up since the last seek.
    pub(crate) fn is_lost(&self, topic: &str, partition: i32) -> bool {
        let slot = self.topics.get(topic).and_then(|slots| slots.get(&partition));
        slot.is_some_and(|slot| slot.lost)
    }

    /// Takes in what a lane tells; news of a run that was given up change nothing.
    pub(crate) fn hear(&mut self, event: &LaneEvent, now: Instant) -> Option<Action> {
        let hold_retry = self.hold_retry;
        let slot = self.slot(&event.topic, event.partition)?;
        if slot.run.as_ref().is_none_or(|run| run.id != event.run) {
            return None;
        }
        match &event.news {
            LaneNews::Opened { next_offset } => slot.opened(*next_offset),
            LaneNews::Committed { next_offset } => {
                slot.next_offset = Some(*next_offset);
                slot.reopens = 0;
                slot.flows(&event.topic, event.partition);
                Some(Action::Store { next_offset: *next_offset })
            }
            LaneNews::Dropped { records } => {
                slot.dropped += records;
                None
            }
            LaneNews::Ended(end) => slot.ended(end, event, now, hold_retry),
        }
    }

    /// What is due now: lanes to start, positions to set, partitions to resume.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<(Key, Action)> {
        let mut actions = Vec::new();
        for (topic, slots) in &mut self.topics {
            for (partition, slot) in slots {
                if let Some(action) = slot.due(now) {
                    actions.push(((topic.clone(), *partition), action));
                }
            }
        }
        actions
    }

    /// Whether the last run of a lane ended in trouble.
    pub(crate) fn is_troubled(&self, topic: &str, partition: i32) -> bool {
        let slot = self.topics.get(topic).and_then(|slots| slots.get(&partition));
        slot.is_some_and(Slot::is_troubled)
    }

    pub(crate) fn started(&mut self, topic: &str, partition: i32, run: Running) {
        if let Some(slot) = self.slot(topic, partition) {
            slot.phase = Phase::Opening;
            slot.run = Some(run);
        }
    }

    /// A seek to `target` and the resume after it worked.
    pub(crate) fn sought(&mut self, topic: &str, partition: i32, target: i64) {
        if let Some(slot) = self.slot(topic, partition) {
            slot.phase = Phase::Flowing;
            slot.check = Some(target);
            slot.expected = Some(target);
            slot.lost = false;
        }
    }

    /// True while something waits for a lane or a seek, so that the thread looks more often.
    pub(crate) fn is_urgent(&self) -> bool {
        self.iter().any(|(_, slot)| match slot.phase {
            Phase::Opening | Phase::Seeking { .. } | Phase::Full | Phase::Closing => true,
            Phase::Waiting { .. } | Phase::Flowing | Phase::Held { .. } => false,
        })
    }

    pub(crate) fn status(&self) -> Vec<PartitionStatus> {
        let mut partitions: Vec<PartitionStatus> =
            self.iter().map(|((topic, partition), slot)| slot.status(topic, partition)).collect();
        partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        partitions
    }

    fn iter(&self) -> impl Iterator<Item = (Key, &Slot)> {
        self.topics.iter().flat_map(|(topic, slots)| {
            slots.iter().map(|(partition, slot)| ((topic.clone(), *partition), slot))
        })
    }

    fn slot(&mut self, topic: &str, partition: i32) -> Option<&mut Slot> {
        self.topics.get_mut(topic)?.get_mut(&partition)
    }
}

impl Slot {
    /// The database's word: the next `due` seeks there.
    fn opened(&mut self, target: i64) -> Option<Action> {
        if !matches!(self.phase, Phase::Closing) {
            self.next_offset = Some(target);
            self.rewind = None;
            self.checked = false;
            self.phase = Phase::Seeking { target };
        }
        None
    }

    /// Ends the run of a lane that has records in hand; its end opens it anew.
    fn suspect(&mut self) -> Option<Action> {
        if !matches!(self.phase, Phase::Flowing | Phase::Full | Phase::Seeking { .. }) {
            return None;
        }
        let run = self.run.as_ref()?;
        run.cancel.cancel();
        self.doubted = true;
        self.phase = Phase::Opening;
        Some(Action::Pause)
    }

    /// What held it is over.
    fn flows(&mut self, topic: &str, partition: i32) {
        self.doubted = false;
        if self.told.take().is_some() {
            tracing::info!(topic, partition, "partition flows again");
        }
    }

    /// Whether its last run ended in trouble.
    fn is_troubled(&self) -> bool {
        self.told.is_some() || self.reopens > 0 || self.doubted
    }

    fn ended(
        &mut self,
        end: &LaneEnd,
        event: &LaneEvent,
        now: Instant,
        hold_retry: Duration,
    ) -> Option<Action> {
        let (topic, partition) = (&event.topic, event.partition);
        self.run = None;
        if *end == LaneEnd::Died {
            tracing::error!(%topic, partition, "the lane died");
            return Some(Action::Die);
        }
        if matches!(self.phase, Phase::Closing) {
            return None;
        }
        let delay = match end {
            LaneEnd::Held { held_as, reason } => {
                if self.told.as_ref() != Some(reason) {
                    tracing::error!(%topic, partition, ?held_as, reason, "partition held");
                    self.told = Some(reason.clone());
                }
                let (held_as, reason) = (*held_as, reason.clone());
                self.phase = Phase::Held { held_as, reason, until: now + hold_retry };
                return Some(Action::Pause);
            }
            LaneEnd::Reopen { why } => {
                let delay =
                    REOPEN_DELAY.saturating_mul(1 << self.reopens.min(10)).min(REOPEN_DELAY_MAX);
                self.reopens += 1;
                tracing::warn!(%topic, partition, why, ?delay, "lane opens anew");
                delay
            }
            LaneEnd::Cancelled | LaneEnd::Died => REOPEN_DELAY,
        };
        self.phase = Phase::Waiting { until: now + delay };
        Some(Action::Pause)
    }

    fn due(&mut self, now: Instant) -> Option<Action> {
        match &self.phase {
            Phase::Waiting { until } | Phase::Held { until, .. } if *until <= now => {
                Some(Action::Start)
            }
            Phase::Seeking { target } => Some(Action::Seek { target: *target }),
            Phase::Full if self.run.as_ref().is_some_and(|run| run.queue.drained()) => {
                Some(self.drained())
            }
            Phase::Waiting { .. }
            | Phase::Held { .. }
            | Phase::Full
            | Phase::Opening
            | Phase::Flowing
            | Phase::Closing => None,
        }
    }

    fn drained(&mut self) -> Action {
        match self.rewind.take() {
            Some(target) => {
                self.phase = Phase::Seeking { target };
                Action::Seek { target }
            }
            None => {
                self.phase = Phase::Flowing;
                Action::Resume
            }
        }
    }

    fn status(&self, topic: Arc<str>, partition: i32) -> PartitionStatus {
        let depth = self.run.as_ref().map_or((0, 0), |run| run.queue.depth());
        PartitionStatus {
            topic,
            partition,
            phase: match &self.phase {
                Phase::Waiting { .. } => PartitionPhase::Waiting,
                Phase::Opening => PartitionPhase::Opening,
                Phase::Seeking { .. } => PartitionPhase::Seeking,
                Phase::Flowing => PartitionPhase::Flowing,
                Phase::Full => PartitionPhase::Full,
                Phase::Held { held_as, reason, .. } => {
                    PartitionPhase::Held { held_as: *held_as, reason: reason.clone() }
                }
                Phase::Closing => PartitionPhase::Closing,
            },
            buffered_records: depth.0,
            buffered_bytes: depth.1,
            next_offset: self.next_offset,
            dropped_records: self.dropped,
        }
    }
}

#[cfg(test)]
mod tests;

//! The table of states, row by row.

use super::*;
use crate::queue::QueueLimits;

const T: &str = "t";

fn record(offset: i64) -> Record {
    Record {
        topic: T.into(),
        partition: 0,
        offset,
        timestamp_ms: None,
        key: None,
        value: None,
        headers: Vec::new(),
    }
}

/// A table with one partition whose lane runs with a queue of two records.
fn opening(run: RunId) -> (Slots, Instant) {
    let now = Instant::now();
    let mut slots = Slots::new(Duration::from_secs(30));
    slots.assign(T, 0, now);
    assert_eq!(slots.due(now), [((T.into(), 0), Action::Start)]);
    begin(&mut slots, run);
    (slots, now)
}

fn begin(slots: &mut Slots, id: RunId) {
    let limits = QueueLimits { records: 2, bytes: 1 << 20, batch: 2, linger: Duration::ZERO };
    let running =
        Running { id, queue: Arc::new(LaneQueue::new(limits)), cancel: LaneCancel::new() };
    slots.started(T, 0, running);
}

fn hear(slots: &mut Slots, run: RunId, news: LaneNews, now: Instant) -> Option<Action> {
    let event = LaneEvent { topic: T.into(), partition: 0, run, news };
    slots.hear(&event, now)
}

fn offer(slots: &mut Slots, offset: i64) -> Option<Action> {
    slots.offer(T, 0, offset, |_| record(offset))
}

fn opened(next_offset: i64) -> LaneNews {
    LaneNews::Opened { next_offset }
}

fn fenced() -> LaneNews {
    LaneNews::Ended(LaneEnd::Reopen { why: "fenced".to_owned() })
}

/// A lane that flows from `at`.
fn flowing(at: i64) -> (Slots, Instant) {
    let (mut slots, now) = opening(1);
    assert_eq!(hear(&mut slots, 1, opened(at), now), None);
    assert_eq!(slots.due(now)[0].1, Action::Seek { target: at });
    slots.sought(T, 0, at);
    (slots, now)
}

#[test]
fn a_lane_starts_where_it_was_told_whatever_came_before() {
    let (mut slots, now) = opening(1);
    assert_eq!(offer(&mut slots, 7), None);
    assert_eq!(offer(&mut slots, 8), None);
    assert_eq!(hear(&mut slots, 1, opened(3), now), None);
    assert_eq!(slots.due(now)[0].1, Action::Seek { target: 3 });
}

/// What each offset does that comes to a lane which has had 40 and waits for 41.
#[test]
fn each_offset_has_its_consequence() {
    let rows = [
        ("the next", 41, None, "flowing", 2),
        // Whether the log has none in between is the lane's to ask.
        ("above", 50, None, "flowing", 2),
        ("the same again", 40, Some(Action::Pause), "opening", 1),
        ("below", 3, Some(Action::Pause), "opening", 1),
    ];
    for (name, offset, action, word, queued) in rows {
        let (mut slots, now) = opening(1);
        let limits = QueueLimits { records: 9, bytes: 1 << 20, batch: 9, linger: Duration::ZERO };
        let queue = Arc::new(LaneQueue::new(limits));
        slots.slot(T, 0).unwrap().run.as_mut().unwrap().queue = queue.clone();
        hear(&mut slots, 1, opened(40), now);
        slots.sought(T, 0, 40);
        assert_eq!(offer(&mut slots, 40), None, "{name}");
        assert_eq!(offer(&mut slots, offset), action, "{name}");
        assert_eq!((slots.status()[0].phase.word(), queue.depth().0), (word, queued), "{name}");
        if action.is_some() {
            let end = LaneNews::Ended(LaneEnd::Cancelled);
            assert_eq!(hear(&mut slots, 1, end, now), Some(Action::Pause), "{name}");
            let due = slots.due(now + REOPEN_DELAY);
            assert_eq!(due[0].1, Action::Start, "{name}");
        }
    }
}

#[test]
fn a_position_out_of_range_opens_all_lanes_anew_and_assigns_them_again() {
    let (mut slots, now) = flowing(5);
    assert_eq!(slots.suspect_all(), [((T.into(), 0), Action::Pause)]);
    assert!(slots.suspect_all().is_empty(), "once");
    assert!(slots.is_lost(T, 0));
    hear(&mut slots, 1, LaneNews::Ended(LaneEnd::Cancelled), now);
    assert_eq!(slots.due(now + REOPEN_DELAY)[0].1, Action::Start);
    begin(&mut slots, 2);
    hear(&mut slots, 2, opened(0), now);
    slots.sought(T, 0, 0);
    assert!(!slots.is_lost(T, 0));
}

#[test]
fn what_holds_a_partition_is_a_state_until_it_flows() {
    let (mut slots, mut now) = opening(1);
    for held_as in [HeldAs::Held, HeldAs::Unreadable, HeldAs::Unauthorised] {
        let reason = "no".to_owned();
        let end = LaneEnd::Held { held_as, reason: reason.clone() };
        let run = slots.slot(T, 0).unwrap().run.as_ref().unwrap().id;
        assert_eq!(hear(&mut slots, run, LaneNews::Ended(end), now), Some(Action::Pause));
        assert_eq!(slots.status()[0].phase, PartitionPhase::Held { held_as, reason });
        now += Duration::from_secs(30);
        assert_eq!(slots.due(now)[0].1, Action::Start);
        assert!(slots.is_troubled(T, 0), "tried with care");
        begin(&mut slots, run + 1);
    }
    hear(&mut slots, 4, LaneNews::Committed { next_offset: 6 }, now);
    assert!(!slots.is_troubled(T, 0));
}

#[test]
fn a_seek_that_missed_is_done_once_more_and_then_believed() {
    let (mut slots, now) = opening(1);
    assert_eq!(hear(&mut slots, 1, opened(40), now), None);
    slots.sought(T, 0, 40);
    assert_eq!(offer(&mut slots, 50), Some(Action::Pause));
    assert_eq!(slots.due(now)[0].1, Action::Seek { target: 40 });
    slots.sought(T, 0, 40);
    assert_eq!(offer(&mut slots, 50), None);
    assert_eq!(slots.status()[0].buffered_records, 1);
}

#[test]
fn a_full_lane_is_paused_and_what_still_comes_is_read_again() {
    let (mut slots, now) = flowing(0);
    assert_eq!(offer(&mut slots, 0), None);
    assert_eq!(offer(&mut slots, 1), Some(Action::Pause));
    assert_eq!(offer(&mut slots, 2), None);
    assert!(slots.due(now).is_empty());
    let slot = slots.slot(T, 0).unwrap();
    slot.run.as_mut().unwrap().queue = Arc::new(LaneQueue::new(QueueLimits {
        records: 2,
        bytes: 1,
        batch: 2,
        linger: Duration::ZERO,
    }));
    assert_eq!(slots.due(now)[0].1, Action::Seek { target: 2 });
}

#[test]
fn fences_in_a_row_open_ever_later_and_a_commit_ends_that() {
    let (mut slots, mut now) = opening(1);
    let mut delays = Vec::new();
    for run in 1..=9 {
        hear(&mut slots, run, opened(5), now);
        assert_eq!(hear(&mut slots, run, fenced(), now), Some(Action::Pause));
        let before = now;
        while slots.due(now).is_empty() {
            now += Duration::from_millis(500);
        }
        delays.push((now - before).as_millis());
        begin(&mut slots, run + 1);
    }
    assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
    let news = LaneNews::Committed { next_offset: 6 };
    assert_eq!(hear(&mut slots, 10, news, now), Some(Action::Store { next_offset: 6 }));
    hear(&mut slots, 10, fenced(), now);
    assert!(!slots.due(now + Duration::from_millis(500)).is_empty());
}

#[test]
fn an_old_run_is_not_heard() {
    let (mut slots, now) = opening(1);
    slots.assign(T, 0, now);
    begin(&mut slots, 2);
    let news = LaneNews::Committed { next_offset: 6 };
    assert_eq!(hear(&mut slots, 1, news, now), None);
    assert_eq!(hear(&mut slots, 1, LaneNews::Ended(LaneEnd::Died), now), None);
    assert_eq!(slots.status()[0].next_offset, None);
    assert!(slots.has_run(T, 0));
}

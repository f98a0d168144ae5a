//! How partitions are shown to people.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::status::{ConsumerStatus, PartitionPhase, PartitionStatus};

/// A partition that was held gets on, or stands without an error for so long, before it is shown
/// otherwise: longer than an attempt takes to fail.
const STEADY: Duration = Duration::from_secs(5);

/// What is held is opened again from time to time. Between two attempts that fail it is no better,
/// and is shown as held.
#[derive(Debug, Default)]
pub struct Shown(HashMap<(Arc<str>, i32), Last>);

#[derive(Debug)]
struct Last {
    phase: PartitionPhase,
    next_offset: Option<i64>,
    at: Instant,
}

impl Shown {
    pub fn of(&mut self, status: &ConsumerStatus, now: Instant) -> Vec<PartitionStatus> {
        let assigned = |key: &(Arc<str>, i32)| {
            status.partitions.iter().any(|p| (&p.topic, p.partition) == (&key.0, key.1))
        };
        self.0.retain(|key, _| assigned(key));
        status.partitions.iter().map(|partition| self.one(partition, now)).collect()
    }

    fn one(&mut self, partition: &PartitionStatus, now: Instant) -> PartitionStatus {
        let key = (partition.topic.clone(), partition.partition);
        match &partition.phase {
            PartitionPhase::Held { .. } => {
                let (phase, next_offset) = (partition.phase.clone(), partition.next_offset);
                self.0.insert(key, Last { phase, next_offset, at: now });
            }
            PartitionPhase::Waiting
            | PartitionPhase::Opening
            | PartitionPhase::Seeking
            | PartitionPhase::Flowing => {
                let last = self.0.get(&key).filter(|last| {
                    let gets_on = last.next_offset != partition.next_offset;
                    !gets_on && now.duration_since(last.at) < STEADY
                });
                if let Some(last) = last {
                    return PartitionStatus { phase: last.phase.clone(), ..partition.clone() };
                }
                self.0.remove(&key);
            }
            PartitionPhase::Full | PartitionPhase::Closing => {
                self.0.remove(&key);
            }
        }
        partition.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeldAs;

    #[test]
    fn what_is_tried_again_is_shown_as_held_until_it_gets_on() {
        let held = || PartitionPhase::Held { held_as: HeldAs::Unreadable, reason: "no".to_owned() };
        let start = Instant::now();
        let mut shown = Shown::default();
        let mut at = |phase: PartitionPhase, seconds: u64, next_offset: i64| {
            let partition = PartitionStatus {
                topic: "t".into(),
                partition: 0,
                phase,
                buffered_records: 0,
                buffered_bytes: 0,
                next_offset: Some(next_offset),
                dropped_records: 0,
            };
            let status =
                ConsumerStatus { partitions: vec![partition], ..ConsumerStatus::default() };
            shown.of(&status, start + Duration::from_secs(seconds))[0].phase.word()
        };
        assert_eq!(at(PartitionPhase::Flowing, 0, 1), "flowing");
        assert_eq!(at(held(), 10, 1), "unreadable");
        for phase in [PartitionPhase::Waiting, PartitionPhase::Opening, PartitionPhase::Flowing] {
            assert_eq!(at(phase, 12, 1), "unreadable");
        }
        assert_eq!(at(held(), 13, 1), "unreadable");
        assert_eq!(at(PartitionPhase::Flowing, 14, 1), "unreadable");
        // A record was read.
        assert_eq!(at(PartitionPhase::Flowing, 15, 2), "flowing");
        // Nothing comes, and nothing fails.
        assert_eq!(at(held(), 20, 2), "unreadable");
        assert_eq!(at(PartitionPhase::Flowing, 24, 2), "unreadable");
        assert_eq!(at(PartitionPhase::Flowing, 25, 2), "flowing");
        assert_eq!(at(PartitionPhase::Flowing, 26, 2), "flowing");
        assert_eq!(at(held(), 30, 2), "unreadable");
        assert_eq!(at(PartitionPhase::Closing, 31, 2), "left");
    }
}

//! A histogram that takes a batch at a time: what a batch brings is sorted beside it, and added
//! without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper ends: as it is counted, and as it is written. Times are counted in milliseconds and
/// written in seconds.
pub(super) type Ends = &'static [(u64, f64)];

pub(super) const DELAYS: Ends = &[
    (5, 0.005),
    (10, 0.01),
    (25, 0.025),
    (50, 0.05),
    (100, 0.1),
    (250, 0.25),
    (500, 0.5),
    (1_000, 1.0),
    (2_500, 2.5),
    (5_000, 5.0),
    (10_000, 10.0),
    (30_000, 30.0),
    (60_000, 60.0),
    (300_000, 300.0),
];
pub(super) const RUNS: Ends = &[
    (100, 0.1),
    (1_000, 1.0),
    (10_000, 10.0),
    (60_000, 60.0),
    (300_000, 300.0),
    (1_800_000, 1_800.0),
    (7_200_000, 7_200.0),
];
pub(super) const SIZES: Ends = &[
    (1, 1.0),
    (2, 2.0),
    (5, 5.0),
    (10, 10.0),
    (20, 20.0),
    (50, 50.0),
    (100, 100.0),
    (200, 200.0),
    (500, 500.0),
    (1_000, 1_000.0),
    (2_000, 2_000.0),
    (5_000, 5_000.0),
    (10_000, 10_000.0),
];

#[derive(Debug)]
pub(super) struct Spread {
    ends: Ends,
    /// How a sum is written.
    written: fn(u64) -> Duration,
    /// One for each end, and one for what lies beyond the last.
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

impl Spread {
    pub(super) fn of_delays() -> Self {
        Self::new(DELAYS, Duration::from_millis)
    }

    pub(super) fn of_runs() -> Self {
        Self::new(RUNS, Duration::from_millis)
    }

    pub(super) fn of_sizes() -> Self {
        Self::new(SIZES, Duration::from_secs)
    }

    fn new(ends: Ends, written: fn(u64) -> Duration) -> Self {
        let counts = ends.iter().map(|_| AtomicU64::new(0)).chain([AtomicU64::new(0)]).collect();
        Self { ends, written, counts, sum: AtomicU64::new(0) }
    }

    pub(super) fn add(&self, value: u64) {
        self.add_all([value].into_iter());
    }

    pub(super) fn add_all(&self, values: impl Iterator<Item = u64>) {
        let mut found = vec![0_u64; self.counts.len()];
        let mut sum = 0_u64;
        for value in values {
            let place = self.ends.iter().take_while(|(end, _)| *end < value).count();
            if let Some(count) = found.get_mut(place) {
                *count = count.saturating_add(1);
            }
            sum = sum.saturating_add(value);
        }
        for (count, more) in self.counts.iter().zip(found).filter(|(_, more)| *more > 0) {
            count.fetch_add(more, Ordering::Relaxed);
        }
        self.sum.fetch_add(sum, Ordering::Relaxed);
    }
}

impl EncodeMetric for Spread {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), std::fmt::Error> {
        let counts: Vec<u64> =
            self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let ends = self.ends.iter().map(|(_, end)| *end).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = ends.zip(counts.iter().copied()).collect();
        let all = counts.iter().fold(0_u64, |all, count| all.saturating_add(*count));
        let sum = (self.written)(self.sum.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, all, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Spread {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_at_the_first_end_that_is_not_below_it() {
        let spread = Spread::of_sizes();
        spread.add_all([1, 2, 3, 10_000, 10_001].into_iter());
        spread.add(0);
        let counts: Vec<u64> =
            spread.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(spread.sum.load(Ordering::Relaxed), 20_007);
    }

    #[test]
    fn the_ends_that_are_counted_are_the_ends_that_are_written() {
        for (ends, written) in
            [(DELAYS, Duration::from_millis as fn(u64) -> Duration), (SIZES, Duration::from_secs)]
        {
            for (counted, end) in ends {
                assert!((written(*counted).as_secs_f64() - end).abs() < 1e-9, "{counted} {end}");
            }
        }
    }
}

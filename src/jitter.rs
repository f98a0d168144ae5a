//! How long to wait before the next attempt: part of it at random, so that those who failed
//! together do not come back together.

use std::time::Duration;

/// Between half of the pause and the whole of it, at random.
pub(crate) fn spread(pause: Duration) -> Duration {
    between(pause, fastrand::u64(..))
}

/// The pure part: 0 gives half of the pause, the largest number almost the whole.
fn between(pause: Duration, random: u64) -> Duration {
    let half = pause / 2;
    let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
    half + Duration::from_nanos(random % nanos.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_grows_with_the_pause() {
        let mut random = fastrand::Rng::with_seed(1);
        for pause in [Duration::from_millis(20), Duration::from_secs(5)] {
            let waits: Vec<Duration> = (0..1_000).map(|_| between(pause, random.u64(..))).collect();
            let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(*least >= pause / 2 && *most <= pause, "{least:?} to {most:?} of {pause:?}");
            assert!(*most - *least >= pause * 2 / 5, "{least:?} to {most:?} of {pause:?}");
        }
        assert_eq!(between(Duration::ZERO, u64::MAX), Duration::ZERO);
    }
}

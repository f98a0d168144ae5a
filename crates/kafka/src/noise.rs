//! One line for what librdkafka says a thousand times: at its first time, and once a minute with
//! how often it came.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const REPEAT_AFTER: Duration = Duration::from_secs(60);
const KINDS_MAX: usize = 200;

/// What is being said.
#[derive(Debug, Default)]
pub(super) struct Noise {
    said: Mutex<BTreeMap<String, Said>>,
}

#[derive(Debug)]
struct Said {
    last: Instant,
    /// Times since it was last told.
    times: u64,
}

impl Noise {
    /// Whether this is to be told now: how often it came since it was told last, with this time.
    pub(crate) fn tell(&self, what: &str, now: Instant) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = said.get_mut(what) else {
            // What is said differs in a few words; a text that never repeats must not pile up.
            if said.len() >= KINDS_MAX {
                said.clear();
            }
            said.insert(what.to_owned(), Said { last: now, times: 0 });
            return Some(1);
        };
        known.times += 1;
        if now.saturating_duration_since(known.last) < REPEAT_AFTER {
            return None;
        }
        known.last = now;
        Some(std::mem::take(&mut known.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_times_in_three_quarters_of_a_minute_are_one_line() {
        let (noise, start) = (Noise::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let told: Vec<u64> =
            (0..1_000).filter_map(|n| noise.tell("AllBrokersDown", at(n * 45))).collect();
        assert_eq!(told, [1]);
        assert_eq!(noise.tell("another", at(1)), Some(1), "each for itself");
        assert_eq!(noise.tell("AllBrokersDown", at(60_000)), Some(1_000), "once a minute");
        assert_eq!(noise.tell("AllBrokersDown", at(60_001)), None);
    }
}

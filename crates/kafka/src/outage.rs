//! What is said while something is away: one line when it is lost, one a minute while it stays so,
//! one when it is back, however many ask for it. And what clients are told of brokers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError as NativeError, RDKafkaErrorCode as Code};

use super::refusal::{CODES, Refusal};

const TELL_EVERY: Duration = Duration::from_secs(60);
/// The client repeats that a broker is away every half minute. Without that, and with an answer
/// of another broker, it is back.
const BROKER_SILENT: Duration = Duration::from_secs(45);

/// A time in which something is away.
#[derive(Debug, Default)]
pub struct Spell {
    lost: AtomicBool,
    since: Mutex<Option<Lost>>,
}

#[derive(Debug)]
struct Lost {
    since: Instant,
    told: Instant,
    last: Instant,
    attempts: u64,
}

/// What to say of a failed attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Say {
    Lost,
    /// For so long, after so many attempts.
    Still(Duration, u64),
    Nothing,
}

impl Spell {
    fn lock(&self) -> MutexGuard<'_, Option<Lost>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt failed.
    pub fn fails(&self, now: Instant) -> Say {
        let mut held = self.lock();
        self.lost.store(true, Ordering::Release);
        let Some(lost) = held.as_mut() else {
            *held = Some(Lost { since: now, told: now, last: now, attempts: 1 });
            return Say::Lost;
        };
        lost.attempts = lost.attempts.saturating_add(1);
        lost.last = now;
        if now.saturating_duration_since(lost.told) < TELL_EVERY {
            return Say::Nothing;
        }
        lost.told = now;
        Say::Still(now.saturating_duration_since(lost.since), lost.attempts)
    }

    /// Whether it is away, as far as attempts have told.
    pub fn lasts(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// It has answered, and no attempt has failed for `quiet`: how long it was lost, if it was, and
    /// how many attempts failed.
    pub fn ends(&self, now: Instant, quiet: Duration) -> Option<(Duration, u64)> {
        if !self.lasts() {
            return None;
        }
        let mut held = self.lock();
        let lost = held.take_if(|lost| now.saturating_duration_since(lost.last) >= quiet)?;
        self.lost.store(false, Ordering::Release);
        Some((now.saturating_duration_since(lost.since), lost.attempts))
    }
}

/// Whether brokers are away, for all clients that have it.
#[derive(Debug, Clone, Default)]
pub struct BrokerOutage(Arc<Brokers>);

#[derive(Debug, Default)]
struct Brokers {
    spell: Spell,
    /// None of them answers: any answer ends it.
    all: AtomicBool,
    errors: Mutex<BTreeMap<String, u64>>,
}

/// Whether the client says that a broker is away.
pub(super) fn is_away(error: &NativeError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::NetworkException
        )
    )
}

impl BrokerOutage {
    /// An error that a client was told of.
    pub(super) fn count(&self, error: &NativeError, refusal: Option<&Refusal>) {
        let code = || error.rdkafka_error_code().unwrap_or(Code::Unknown);
        let word = refusal.map_or_else(|| format!("{:?}", code()), |known| known.code.to_owned());
        let mut errors = self.0.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let count = errors.entry(word).or_default();
        *count = count.saturating_add(1);
    }

    /// How many errors there were, by the client's word or the code of a refusal. What is likely
    /// is there before it comes.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        let likely = ["AllBrokersDown", "BrokerTransportFailure"];
        let likely = likely.into_iter().chain(CODES).map(|code| (code.to_owned(), 0));
        let mut all: BTreeMap<String, u64> = likely.collect();
        all.extend(self.0.errors.lock().unwrap_or_else(PoisonError::into_inner).clone());
        all
    }

    /// A client says so in `reason`.
    pub(super) fn fails(&self, error: &NativeError, reason: &str) {
        // Brokers close what is idle, too: one that is away refuses the next attempt.
        if reason.contains("in state UP") {
            return tracing::debug!(target: "librdkafka", %error, reason);
        }
        if error.rdkafka_error_code() == Some(Code::AllBrokersDown) {
            self.0.all.store(true, Ordering::Release);
        }
        match self.0.spell.fails(Instant::now()) {
            Say::Lost => {
                tracing::warn!(%error, reason, "a broker of Kafka is lost: what needs it waits");
            }
            Say::Still(lost, attempts) => {
                let seconds = lost.as_secs();
                tracing::warn!(seconds, attempts, %error, reason, "a broker is still lost");
            }
            Say::Nothing => tracing::debug!(target: "librdkafka", %error, reason),
        }
    }

    /// A broker has answered.
    pub(super) fn answers(&self) {
        if !self.lasts() {
            return;
        }
        let all = self.0.all.load(Ordering::Acquire);
        let quiet = if all { Duration::ZERO } else { BROKER_SILENT };
        if let Some((lost, attempts)) = self.0.spell.ends(Instant::now(), quiet) {
            self.0.all.store(false, Ordering::Release);
            let seconds = lost.as_secs();
            tracing::info!(seconds, attempts, "the brokers of Kafka are back");
        }
    }

    /// Whether any is away.
    pub fn lasts(&self) -> bool {
        self.0.spell.lasts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_at_its_begin_each_minute_and_at_its_end() {
        let spell = Spell::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let ends = |seconds: u64| spell.ends(at(seconds), Duration::ZERO);
        assert_eq!(ends(0), None);
        assert_eq!(spell.fails(at(0)), Say::Lost);
        for second in 1..60 {
            assert_eq!(spell.fails(at(second)), Say::Nothing, "{second}");
        }
        assert_eq!(spell.fails(at(60)), Say::Still(Duration::from_secs(60), 61));
        assert_eq!(spell.fails(at(61)), Say::Nothing);
        assert_eq!(ends(70), Some((Duration::from_secs(70), 62)));
        assert_eq!(ends(70), None);
        assert_eq!(spell.fails(at(80)), Say::Lost);
    }

    #[test]
    fn it_goes_on_until_it_has_been_quiet() {
        let spell = Spell::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(spell.fails(at(0)), Say::Lost);
        assert_eq!(spell.ends(at(44), BROKER_SILENT), None);
        assert_eq!(spell.fails(at(44)), Say::Nothing);
        assert_eq!(spell.ends(at(88), BROKER_SILENT), None);
        assert!(spell.lasts());
        assert_eq!(spell.ends(at(89), BROKER_SILENT), Some((Duration::from_secs(89), 2)));
        assert!(!spell.lasts());
    }

    /// One of three: the others answer all the while.
    #[test]
    fn the_answer_of_one_broker_does_not_bring_another_back() {
        let outage = BrokerOutage::default();
        let failed = NativeError::Global(Code::BrokerTransportFailure);
        outage.fails(&failed, "b:9092/2: Disconnected (after 600000ms in state UP)");
        assert!(!outage.lasts(), "what was idle was closed");
        outage.fails(&failed, "b:9092/2: Connect to ipv4#127.0.0.1:1 failed: refused");
        outage.answers();
        assert!(outage.lasts());
        outage.fails(&NativeError::Global(Code::AllBrokersDown), "3/3 brokers are down");
        outage.answers();
        assert!(!outage.lasts());
    }

    #[test]
    fn errors_are_counted_by_their_words() {
        let outage = BrokerOutage::default();
        assert!(outage.errors().values().all(|count| *count == 0));
        outage.count(&NativeError::Global(Code::AllBrokersDown), None);
        outage.count(&NativeError::Global(Code::AllBrokersDown), None);
        outage.count(&NativeError::Global(Code::Fenced), None);
        let errors = outage.errors();
        assert_eq!((errors["AllBrokersDown"], errors["Fenced"]), (2, 1));
        assert_eq!(errors["kafka_login_refused"], 0);
    }
}

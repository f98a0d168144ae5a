//! What the tasks of a worker last found, for whoever looks; and what that means.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::kafka::ConsumerStatus;
use crate::store::partitions::PartitionState;

/// The database is asked every five seconds: this is three times without an answer.
const DATABASE_SILENT: Duration = Duration::from_secs(15);
/// The consumer thread turns ten times a second. The longest that one turn may take is a commit in
/// a rebalance while the brokers are away.
const CONSUMER_STUCK: Duration = Duration::from_secs(120);

/// What was found last.
#[derive(Debug)]
pub(crate) struct Signs(Mutex<Last>);

#[derive(Debug)]
struct Last {
    database_answered: Instant,
    database_error: Option<String>,
    clock_ahead_ms: Option<i64>,
    states: Vec<PartitionState>,
}

impl Signs {
    /// The database has just answered.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Last {
            database_answered: Instant::now(),
            database_error: None,
            clock_ahead_ms: None,
            states: Vec::new(),
        }))
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database answered, or why not.
    pub(crate) fn database(&self, answer: Result<(), String>) {
        let mut last = self.lock();
        match answer {
            Ok(()) => (last.database_answered, last.database_error) = (Instant::now(), None),
            Err(error) => last.database_error = Some(error),
        }
    }

    /// By how much this machine's clock is wrong, if it is.
    pub(crate) fn clock(&self, ahead_ms: Option<i64>) {
        self.lock().clock_ahead_ms = ahead_ms;
    }

    pub(super) fn clock_is_wrong(&self) -> bool {
        self.lock().clock_ahead_ms.is_some()
    }

    /// How the partitions stand that are ours, and those that are refused.
    pub(crate) fn states(&self, states: Vec<PartitionState>) {
        self.lock().states = states;
    }

    pub(super) fn all_states(&self) -> Vec<PartitionState> {
        self.lock().states.clone()
    }

    /// Why the database cannot be used; nothing while it answers.
    pub(super) fn database_trouble(&self, now: Instant) -> Option<String> {
        let last = self.lock();
        let silent = now.saturating_duration_since(last.database_answered);
        (silent > DATABASE_SILENT).then(|| {
            let why = last.database_error.as_deref().unwrap_or("it was asked and is silent");
            format!("the database has not answered for {} s: {why}", silent.as_secs())
        })
    }

    /// Everything that keeps this worker from its work, a sentence each. `consumer` is none where
    /// it reads nothing.
    pub(super) fn not_ready(&self, consumer: Option<&ConsumerStatus>, now: Instant) -> Vec<String> {
        let mut why: Vec<String> = self.database_trouble(now).into_iter().collect();
        let last = self.lock();
        if let Some(ahead) = last.clock_ahead_ms {
            why.push(format!("this machine's clock is {ahead} ms ahead of the database's"));
        }
        if consumer.is_some_and(|consumer| !consumer.joined) {
            why.push("the group has not shared out any partitions yet".to_owned());
        }
        let held =
            |state: &&PartitionState| ["held", "unreadable", "unauthorised"].contains(&state.state);
        why.extend(last.states.iter().filter(held).map(|held| {
            format!("{}:{} is {}: {}", held.topic, held.partition, held.state, held.reason)
        }));
        why
    }
}

/// Why the process should be started anew: nothing that is away is a reason, for a new process
/// would miss it as well.
pub(super) fn not_alive(consumer: Option<&ConsumerStatus>, ended: &[&str]) -> Vec<String> {
    let mut why = Vec::new();
    if let Some(consumer) = consumer {
        if !consumer.running {
            why.push("the consumer thread has ended".to_owned());
        } else if consumer.silent_for > CONSUMER_STUCK {
            let seconds = consumer.silent_for.as_secs();
            why.push(format!("the consumer thread has not turned for {seconds} s"));
        }
    }
    why.extend(ended.iter().map(|task| format!("the task `{task}` has ended by itself")));
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer() -> ConsumerStatus {
        ConsumerStatus { running: true, joined: true, ..ConsumerStatus::default() }
    }

    #[test]
    fn what_is_away_is_no_reason_to_start_anew() {
        assert!(not_alive(None, &[]).is_empty());
        assert!(not_alive(Some(&consumer()), &[]).is_empty());
        let away = ConsumerStatus { last_error: Some("all brokers down".to_owned()), ..consumer() };
        assert!(not_alive(Some(&away), &[]).is_empty());
        let slow = ConsumerStatus { silent_for: Duration::from_secs(119), ..consumer() };
        assert!(not_alive(Some(&slow), &[]).is_empty());
    }

    #[test]
    fn what_is_stuck_or_gone_is_told_by_name() {
        let stuck = ConsumerStatus { silent_for: Duration::from_secs(130), ..consumer() };
        assert_eq!(
            not_alive(Some(&stuck), &["relay"]),
            [
                "the consumer thread has not turned for 130 s",
                "the task `relay` has ended by itself"
            ]
        );
        let ended = ConsumerStatus { running: false, ..consumer() };
        assert_eq!(not_alive(Some(&ended), &[]), ["the consumer thread has ended"]);
    }

    #[test]
    fn each_reason_not_to_be_ready_is_a_sentence() {
        let signs = Signs::new();
        let now = Instant::now();
        assert!(signs.not_ready(Some(&consumer()), now).is_empty());
        assert!(signs.not_ready(None, now).is_empty());
        signs.database(Err("connection refused".to_owned()));
        assert!(signs.not_ready(None, now).is_empty(), "one failure is none");
        signs.clock(Some(60_000));
        signs.states(vec![
            PartitionState {
                topic: "t".to_owned(),
                partition: 1,
                state: "unauthorised",
                reason: "not yours".to_owned(),
            },
            PartitionState {
                topic: "t".to_owned(),
                partition: 2,
                state: "flowing",
                reason: String::new(),
            },
        ]);
        let new = ConsumerStatus { joined: false, ..consumer() };
        assert_eq!(
            signs.not_ready(Some(&new), now + Duration::from_secs(20)),
            [
                "the database has not answered for 20 s: connection refused",
                "this machine's clock is 60000 ms ahead of the database's",
                "the group has not shared out any partitions yet",
                "t:1 is unauthorised: not yours",
            ]
        );
        signs.database(Ok(()));
        signs.clock(None);
        signs.states(Vec::new());
        assert!(signs.not_ready(Some(&consumer()), Instant::now()).is_empty());
    }
}

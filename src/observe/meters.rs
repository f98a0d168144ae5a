//! What a worker counts of its own work. A batch is counted once it is committed, by a few steps
//! for the whole of it. Counters are for graphs: a commit whose answer is lost is not counted.
//!
//! No label has a customer's data or a value that grows without bound: topics, partitions, codes
//! and words of ours.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashMapExt as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::spread::Spread;
use crate::config::Topics;
use crate::domain::allocation::Rule;
use crate::domain::authority::Why;
use crate::domain::effect::Ending;
use crate::domain::matching::{MatchDecision, Matched};
use crate::domain::money::Money;
use crate::domain::rejection::{DeadLetterReason, Rejection};
use crate::jobs::Job;
use crate::wire::DecodeCode;

/// Names and values of `N` labels.
type Labels<const N: usize> = [(&'static str, String); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Spreads<const N: usize> = Family<Labels<N>, Spread, fn() -> Spread>;

/// Why a batch is tried again, as `StoreError::class` has it.
pub(crate) const CLASSES: [&str; 5] = ["connection", "lock", "deadlock", "race", "other"];
/// How runs of jobs end.
pub(crate) const RESULTS: [&str; 4] = ["done", "failed", "stopped", "lost"];

/// One record of a batch that was committed.
#[derive(Debug)]
pub(crate) struct Counted<'a> {
    pub ending: Ending,
    pub code: Option<&'a str>,
    /// When Kafka took it, if that is known.
    pub sent: Option<DateTime<Utc>>,
}

/// A payment's decision, as it is counted: how it ended, by which rule, and on how much money.
pub(crate) type Decision = (&'static str, &'static str, Money);

pub(crate) fn decision_of(decision: &MatchDecision) -> Decision {
    let ending = decision.outcome.word(!decision.suggestions.is_empty());
    (ending, decision.rule.word(), decision.free)
}

#[derive(Debug)]
pub(crate) struct Meters {
    records: Counters<2>,
    delays: Spreads<1>,
    durations: Spreads<1>,
    sizes: Spreads<1>,
    retries: Counters<2>,
    opened: Counters<1>,
    payments: Counters<2>,
    amounts: Counters<2>,
    dead_letters: Counters<1>,
    refused: Counters<1>,
    unauthorised: Counters<2>,
    pub(crate) events: Counter,
    runs: Counters<2>,
    run_durations: Spreads<1>,
    /// Since when the first record of the batch in hand has been in Kafka, by topic and partition.
    in_hand: Mutex<BTreeMap<(String, i32), DateTime<Utc>>>,
    /// Where the logs of our partitions ended a few seconds ago.
    ends: Mutex<BTreeMap<(String, i32), i64>>,
}

fn spreads<const N: usize>(make: fn() -> Spread) -> Spreads<N> {
    Family::new_with_constructor(make)
}

impl Meters {
    /// Whatever may be counted is there from the start, as 0: the first of a kind is a rise.
    pub(crate) fn new(topics: &Topics) -> Self {
        let meters = Self {
            records: Family::default(),
            delays: spreads(Spread::of_delays),
            durations: spreads(Spread::of_delays),
            sizes: spreads(Spread::of_sizes),
            retries: Family::default(),
            opened: Family::default(),
            payments: Family::default(),
            amounts: Family::default(),
            dead_letters: Family::default(),
            refused: Family::default(),
            unauthorised: Family::default(),
            events: Counter::default(),
            runs: Family::default(),
            run_durations: spreads(Spread::of_runs),
            in_hand: Mutex::default(),
            ends: Mutex::default(),
        };
        for topic in [&topics.commands, &topics.bank_payments, &topics.usage] {
            let label = [("topic", topic.clone())];
            for spread in [&meters.delays, &meters.durations, &meters.sizes] {
                drop(spread.get_or_create(&label));
            }
            drop(meters.opened.get_or_create(&label));
            Why::ALL.into_iter().for_each(|why| meters.unauthorised(topic, why, 0));
            Ending::ALL.iter().for_each(|ending| meters.count(topic, *ending, 0));
            CLASSES.iter().for_each(|class| drop(meters.retries_of(topic, class)));
            Why::ALL.iter().for_each(|why| meters.unauthorised(topic, *why, 0));
        }
        for rule in Rule::ALL {
            for ending in Matched::ALL {
                meters.decided(ending.word(), rule.word(), 0);
            }
        }
        for code in DecodeCode::ALL.map(DecodeCode::code) {
            drop(meters.dead_letters.get_or_create(&[("code", code.to_owned())]));
        }
        for code in DeadLetterReason::ALL.map(DeadLetterReason::code) {
            drop(meters.dead_letters.get_or_create(&[("code", code.to_owned())]));
        }
        for code in Rejection::ALL.map(Rejection::code) {
            drop(meters.refused.get_or_create(&[("code", code.to_owned())]));
        }
        for job in Job::WORDS {
            drop(meters.run_durations.get_or_create(&[("job_name", job.to_owned())]));
            RESULTS.iter().for_each(|result| meters.ran(job, result, 0));
        }
        meters
    }

    fn count(&self, topic: &str, ending: Ending, more: u64) {
        let labels = [("topic", topic.to_owned()), ("outcome", ending.word().to_owned())];
        self.records.get_or_create(&labels).inc_by(more);
    }

    fn retries_of(&self, topic: &str, class: &str) -> Counter {
        let labels = [("topic", topic.to_owned()), ("class", class.to_owned())];
        self.retries.get_or_create_owned(&labels)
    }

    fn decided(&self, ending: &str, rule: &str, more: u64) {
        let labels = [("decision", ending.to_owned()), ("rule", rule.to_owned())];
        self.payments.get_or_create(&labels).inc_by(more);
    }

    pub(crate) fn unauthorised(&self, topic: &str, why: Why, more: u64) {
        let labels = [("topic", topic.to_owned()), ("reason", why.word().to_owned())];
        self.unauthorised.get_or_create(&labels).inc_by(more);
    }

    fn ran(&self, job: &str, result: &str, more: u64) {
        let labels = [("job_name", job.to_owned()), ("result", result.to_owned())];
        self.runs.get_or_create(&labels).inc_by(more);
    }

    /// A batch that was committed at `now`.
    pub(crate) fn batch<'a>(
        &self,
        topic: &str,
        records: impl Iterator<Item = Counted<'a>>,
        decisions: &[Decision],
        took: Duration,
        now: DateTime<Utc>,
    ) {
        let mut endings: HashMap<(Ending, Option<&str>), u64> = HashMap::new();
        let (mut delays, mut size) = (Vec::new(), 0_u64);
        for record in records {
            size = size.saturating_add(1);
            let count = endings.entry((record.ending, record.code)).or_default();
            *count = count.saturating_add(1);
            delays
                .extend(record.sent.map(|sent| millis((now - sent).to_std().unwrap_or_default())));
        }
        for ((ending, code), count) in endings {
            self.count(topic, ending, count);
            let of_code = match ending {
                Ending::DeadLettered => Some(&self.dead_letters),
                Ending::Rejected => Some(&self.refused),
                Ending::Applied | Ending::Duplicate | Ending::Waiting | Ending::Reopened => None,
            };
            if let (Some(family), Some(code)) = (of_code, code) {
                family.get_or_create(&[("code", code.to_owned())]).inc_by(count);
            }
        }
        let mut kinds: HashMap<(&str, &str), u64> = HashMap::new();
        let mut amounts: HashMap<(&str, &str), u64> = HashMap::new();
        for &(ending, rule, ref money) in decisions {
            let count = kinds.entry((ending, rule)).or_default();
            *count = count.saturating_add(1);
            let micros = money.to_micros().ok().and_then(|micros| u64::try_from(micros).ok());
            let sum = amounts.entry((ending, money.code())).or_default();
            *sum = sum.saturating_add(micros.unwrap_or(0));
        }
        kinds.into_iter().for_each(|((ending, rule), count)| self.decided(ending, rule, count));
        for ((ending, currency), sum) in amounts {
            let labels = [("decision", ending.to_owned()), ("currency", currency.to_owned())];
            self.amounts.get_or_create(&labels).inc_by(sum);
        }
        let label = [("topic", topic.to_owned())];
        self.delays.get_or_create(&label).add_all(delays.into_iter());
        self.durations.get_or_create(&label).add(millis(took));
        self.sizes.get_or_create(&label).add(size);
    }

    /// One record that is no part of a batch any more.
    pub(crate) fn one(&self, topic: &str, record: Counted<'_>, now: DateTime<Utc>) {
        let delay = record.sent.map(|sent| millis((now - sent).to_std().unwrap_or_default()));
        self.count(topic, record.ending, 1);
        if let (Ending::DeadLettered, Some(code)) = (record.ending, record.code) {
            self.dead_letters.get_or_create(&[("code", code.to_owned())]).inc();
        }
        let label = [("topic", topic.to_owned())];
        self.delays.get_or_create(&label).add_all(delay.into_iter());
    }

    pub(crate) fn retry(&self, topic: &str, class: &str) {
        self.retries_of(topic, class).inc();
    }

    pub(crate) fn opened(&self, topic: &str) {
        self.opened.get_or_create(&[("topic", topic.to_owned())]).inc();
    }

    pub(crate) fn job(&self, job: &'static str, result: &'static str, took: Duration) {
        self.ran(job, result, 1);
        self.run_durations.get_or_create(&[("job_name", job.to_owned())]).add(millis(took));
    }

    /// A batch is in hand until what is returned is dropped.
    pub(crate) fn in_hand(
        &self,
        topic: &str,
        partition: i32,
        sent: Option<DateTime<Utc>>,
    ) -> InHand<'_> {
        let place = (topic.to_owned(), partition);
        if let Some(sent) = sent {
            self.lock().insert(place.clone(), sent);
        }
        InHand { meters: self, place }
    }

    /// Of the batches in hand, since when the first record of each has been in Kafka.
    pub(super) fn all_in_hand(&self) -> BTreeMap<(String, i32), DateTime<Utc>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, i32), DateTime<Utc>>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the logs of our partitions end.
    pub(crate) fn note_ends(&self, ends: BTreeMap<(String, i32), i64>) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = ends;
    }

    /// Offsets between a checkpoint and its log's end, once that is known.
    pub(crate) fn lag(&self, topic: &str, partition: i32, next_offset: i64) -> Option<i64> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let end = ends.get(&(topic.to_owned(), partition))?;
        Some(end.saturating_sub(next_offset).max(0))
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        // The registry ends each sentence.
        let counters = [
            ("records", "Records that were read, by how they ended", &self.records),
            ("batch_retries", "Attempts at batches that failed, by why", &self.retries),
            ("payments", "Decisions on payments when they were read, by rule", &self.payments),
            ("unauthorised", "Records of senders who may not send them", &self.unauthorised),
            ("payments_amount_micros", "Their money, in millionths", &self.amounts),
            ("job_runs", "Runs of jobs by this worker, by how they ended", &self.runs),
        ];
        for (name, help, family) in counters {
            registry.register(name, help, family.clone());
        }
        let by_one = [
            ("partitions_opened", "Partitions that were opened, again or first", &self.opened),
            ("dead_letters", "Records that became dead letters, by code", &self.dead_letters),
            ("refused_commands", "Commands that were refused, by code", &self.refused),
        ];
        for (name, help, family) in by_one {
            registry.register(name, help, family.clone());
        }
        registry.register("events_published", "Events that Kafka has taken", self.events.clone());
        let spreads = [
            ("record_delay_seconds", "From Kafka's time of a record to its commit", &self.delays),
            ("batch_duration_seconds", "How long a batch's transaction took", &self.durations),
            ("batch_records", "Records of a batch", &self.sizes),
            ("job_duration_seconds", "How long runs of jobs took", &self.run_durations),
        ];
        for (name, help, family) in spreads {
            registry.register(name, help, family.clone());
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// While it lives a batch of the partition is in hand.
#[derive(Debug)]
pub(crate) struct InHand<'a> {
    meters: &'a Meters,
    place: (String, i32),
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.meters.lock().remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    fn written(meters: &Meters) -> String {
        let mut registry = Registry::with_prefix("topup");
        meters.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::prometheus_text::encode(&mut text, &registry).expect("text");
        text
    }

    #[test]
    fn a_batch_is_counted_by_how_its_records_ended() {
        let topics = Topics::with_prefix("t");
        let meters = Meters::new(&topics);
        let topic = &topics.bank_payments;
        let before = written(&meters);
        let zero = "topup_dead_letters_total{code=\"bank_conflict\"} 0\n";
        assert!(before.contains(zero), "what may come is there as 0: {before}");
        let now = DateTime::from_timestamp(1_000, 0).expect("an instant");
        let of = |ending, code, ago| Counted {
            ending,
            code,
            sent: Some(now - chrono::TimeDelta::milliseconds(ago)),
        };
        let records = [
            of(Ending::Applied, None, 40),
            of(Ending::Applied, None, 400),
            of(Ending::DeadLettered, Some("bank_conflict"), -5),
        ];
        let sgd = |micros| Money::from_micros(micros, Currency::parse("SGD").expect("SGD"));
        let decisions = [
            ("allocated", "R2", sgd(10_000_000)),
            ("allocated", "R2", sgd(2_500_001)),
            ("parked", "R15", sgd(9_007_199_254_740_993)),
        ];
        meters.batch(topic, records.into_iter(), &decisions, Duration::from_millis(7), now);
        meters.unauthorised(topic, Why::AboveLimit, 1);
        let text = written(&meters);
        for line in [
            "topup_records_total{topic=\"t.bank-payments.v1\",outcome=\"applied\"} 2\n",
            "topup_records_total{topic=\"t.bank-payments.v1\",outcome=\"dead_lettered\"} 1\n",
            "topup_dead_letters_total{code=\"bank_conflict\"} 1\n",
            "topup_payments_total{decision=\"allocated\",rule=\"R2\"} 2\n",
            "topup_payments_amount_micros_total{decision=\"allocated\",currency=\"SGD\"} \
             12500001\n",
            "topup_payments_amount_micros_total{decision=\"parked\",currency=\"SGD\"} \
             9007199254740993\n",
            "topup_record_delay_seconds_count{topic=\"t.bank-payments.v1\"} 3\n",
            "topup_record_delay_seconds_sum{topic=\"t.bank-payments.v1\"} 0.44\n",
            "topup_unauthorised_total{topic=\"t.bank-payments.v1\",reason=\"above_limit\"} 1\n",
            "topup_batch_records_sum{topic=\"t.bank-payments.v1\"} 3.0\n",
            "topup_batch_duration_seconds_count{topic=\"t.bank-payments.v1\"} 1\n",
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
        // Which currencies there are is not known before.
        let known = text.lines().filter(|line| !line.contains("payments_amount_micros"));
        let before = before.lines().filter(|line| !line.contains("payments_amount_micros"));
        assert_eq!(before.count(), known.count(), "nothing came up later: {text}");
    }

    #[test]
    fn a_batch_is_in_hand_until_it_is_let_go() {
        let meters = Meters::new(&Topics::with_prefix("t"));
        let since = DateTime::from_timestamp(1_000, 0);
        let hand = meters.in_hand("a", 3, since);
        let all = meters.all_in_hand();
        assert_eq!(all.get(&("a".to_owned(), 3)).copied(), since);
        drop(hand);
        assert!(meters.all_in_hand().is_empty());
    }

    #[test]
    fn a_lag_is_known_once_the_end_is_and_never_below_zero() {
        let meters = Meters::new(&Topics::with_prefix("t"));
        assert_eq!(meters.lag("a", 3, 10), None);
        meters.note_ends([(("a".to_owned(), 3), 25)].into());
        assert_eq!(meters.lag("a", 3, 10), Some(15));
        assert_eq!(meters.lag("a", 3, 30), Some(0), "records came since it was asked");
        assert_eq!(meters.lag("a", 4, 10), None);
    }
}

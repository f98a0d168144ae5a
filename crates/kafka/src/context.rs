//! Callbacks of librdkafka. They run inside `poll`, so on the consumer thread (and inside the drop
//! of the consumer); logs and errors go to tracing under the target `librdkafka`.
//!
//! A rebalance callback flips flags and waits for the batches in flight with a hard bound. It calls
//! no database. The commit in it is a round trip; when the coordinator is away librdkafka gives
//! up on it by itself, and a failed one costs only that records come again and are dropped.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError as NativeError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::noise::Noise;
use super::outage::{BrokerOutage, is_away};
use super::refusal::{LastRefusal, Refusal};
use super::shared::{Shared, add};
use super::slots::Key;
use super::token;

/// The context of clients that only need their logs routed.
#[derive(Debug, Clone, Default)]
pub(super) struct LogContext {
    noise: Arc<Noise>,
    refusal: Arc<LastRefusal>,
    outage: BrokerOutage,
    /// Its errors are told by whoever asked: here they are for debugging.
    quiet: bool,
}

impl LogContext {
    pub(crate) fn quiet() -> Self {
        Self { quiet: true, ..Self::default() }
    }

    pub(crate) fn sharing(outage: BrokerOutage) -> Self {
        Self { outage, ..Self::default() }
    }

    /// Why the brokers do not let us in, as far as the client has said.
    pub(crate) fn refusal(&self) -> Option<(Refusal, String)> {
        self.refusal.get()
    }

    /// What it means that nobody answers; `protocol` is what we speak.
    pub(crate) fn of_silence(&self, protocol: &str) -> Option<Refusal> {
        self.refusal.of_silence(protocol)
    }

    /// Whether a broker closed the connection when it was asked something.
    pub(crate) fn was_closed(&self) -> bool {
        self.refusal.was_closed()
    }
}

impl ClientContext for LogContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    /// The only setting that the client hands on is `sasl.oauthbearer.config`: the token's file.
    fn generate_oauth_token(&self, file: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        token::read(file)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let level = if self.quiet { RDKafkaLogLevel::Debug } else { level };
        let refusal = self.refusal.hear_line(facility, message);
        if let Some(refusal) = refusal.filter(|_| !self.quiet) {
            refuse_once(&self.noise, message, refusal);
        }
        log_line(&self.noise, level, facility, message);
    }

    fn error(&self, error: NativeError, reason: &str) {
        let refusal = self.refusal.hear(&error, reason);
        if self.quiet {
            tracing::debug!(target: "librdkafka", %error, reason);
        } else {
            tell(&self.noise, &self.outage, (&error, reason), refusal);
        }
    }
}

impl ConsumerContext for LogContext {}

/// The context of the consumer.
pub(super) struct Context {
    shared: Arc<Shared>,
    noise: Noise,
    refusal: LastRefusal,
    outage: BrokerOutage,
}

impl Context {
    pub(crate) fn new(shared: Arc<Shared>, outage: BrokerOutage) -> Self {
        Self { shared, noise: Noise::default(), refusal: LastRefusal::default(), outage }
    }

    /// The brokers answer.
    pub(crate) fn answered(&self) {
        self.outage.answers();
        self.refusal.over();
        self.shared.clear_error();
    }

    /// Why the brokers do not let us in.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get().map(|(refusal, _)| refusal)
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let now = Instant::now();
        let keys = keys(partitions);
        let mut slots = self.shared.slots();
        for (topic, partition) in &keys {
            slots.assign(topic, *partition, now);
        }
        drop(slots);
        self.shared.joins();
        // Paused until the database has said where to start: see `slots`.
        if let Err(error) = pause(consumer, &keys) {
            tracing::warn!(%error, "new partitions could not be paused");
        }
        tracing::info!(partitions = ?keys, "partitions assigned");
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let lost = consumer.assignment_lost();
        let keys = keys(partitions);
        let mut slots = self.shared.slots();
        for (topic, partition) in &keys {
            slots.close(topic, *partition);
        }
        drop(slots);
        // Of lost partitions nothing may be committed, so there is nothing to wait for: the fence
        // of the next owner ends what is in flight.
        if !lost {
            self.shared.wait_ended(consumer, &keys, self.shared.revoke_deadline());
        }
        let mut offsets = TopicPartitionList::new();
        let mut in_flight: Vec<&Key> = Vec::new();
        let mut slots = self.shared.slots();
        for key in &keys {
            let Some((next_offset, ended)) = slots.remove(&key.0, key.1) else {
                continue;
            };
            if !ended {
                in_flight.push(key);
            }
            if let Some(next_offset) = next_offset {
                add(&mut offsets, key, Offset::Offset(next_offset));
            }
        }
        drop(slots);
        // Of lost partitions nothing was waited for: an idle lane had no time to end either.
        if !lost && !in_flight.is_empty() {
            tracing::warn!(partitions = ?in_flight, "left with batches in flight");
        }
        tracing::info!(partitions = ?keys, lost, "partitions revoked");
        if !lost && offsets.count() > 0 {
            commit(consumer, &offsets);
        }
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, file: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        token::read(file)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if let Some(refusal) = self.refusal.hear_line(facility, message) {
            refuse_once(&self.noise, message, refusal);
        }
        log_line(&self.noise, level, facility, message);
    }

    fn error(&self, error: NativeError, reason: &str) {
        let refusal = self.refusal.hear(&error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PollExceeded) {
            // The member was evicted. The next poll joins again; the fence guards the database.
            tracing::warn!(reason, "the consumer thread polled too late and left the group");
        } else {
            tell(&self.noise, &self.outage, (&error, reason), refusal);
        }
        self.shared.note_error(format!("{error}: {reason}"));
    }
}

impl ConsumerContext for Context {
    /// As the default does, but that no partition starts where the group committed: the lane seeks
    /// once the database has said where. Until then it stands, paused, at the start of its log.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let begin = partitions.set_all_offsets(Offset::Beginning);
                let done = begin.and_then(|()| match cooperative {
                    true => consumer.incremental_assign(partitions),
                    false => consumer.assign(partitions),
                });
                self.assigned(consumer, partitions);
                done
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                self.revoked(consumer, partitions);
                match cooperative {
                    true => consumer.incremental_unassign(partitions),
                    false => consumer.unassign(),
                }
            }
            other => {
                let error = NativeError::Rebalance(other.into());
                self.shared.note_error(error.to_string());
                Err(error)
            }
        };
        if let Err(error) = done {
            tracing::warn!(%error, "rebalance not done");
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        let Err(error) = result else { return };
        match error.rdkafka_error_code() {
            // Nothing new, or refused while the group is being shared out: the next one does it.
            Some(RDKafkaErrorCode::NoOffset | RDKafkaErrorCode::RebalanceInProgress) => {
                tracing::debug!(%error, "offsets not committed yet");
            }
            Some(_) if self.outage.lasts() => tracing::debug!(%error, "offsets not committed"),
            // Each partition says its own; the database knows the offsets anyway.
            Some(_) | None => {
                let kind = format!("commit {error}");
                if let Some(times) = self.noise.tell(&kind, Instant::now()) {
                    tracing::warn!(%error, times, "offsets not committed to the group");
                }
            }
        }
    }
}

fn commit(consumer: &BaseConsumer<Context>, offsets: &TopicPartitionList) {
    if let Err(error) = consumer.commit(offsets, CommitMode::Sync) {
        tracing::warn!(%error, "offsets of revoked partitions not committed");
    }
}

pub(super) fn pause(consumer: &BaseConsumer<Context>, keys: &[Key]) -> KafkaResult<()> {
    let mut list = TopicPartitionList::with_capacity(keys.len());
    for key in keys {
        add(&mut list, key, Offset::Invalid);
    }
    consumer.pause(&list)
}

fn keys(partitions: &TopicPartitionList) -> Vec<Key> {
    let elements = partitions.elements();
    elements.iter().map(|element| (element.topic().into(), element.partition())).collect()
}

/// One line for each kind of error, and one a minute while it lasts.
fn tell(
    noise: &Noise,
    outage: &BrokerOutage,
    (error, reason): (&NativeError, &str),
    refusal: Option<Refusal>,
) {
    outage.count(error, refusal.as_ref());
    if let Some(refusal) = refusal {
        return refuse_once(noise, reason, refusal);
    }
    // Of an outage each broker and each connection says its own.
    if is_away(error) {
        return outage.fails(error, reason);
    }
    if let Some(times) = noise.tell(&error.to_string(), Instant::now()) {
        tracing::warn!(target: "librdkafka", %error, reason, times);
    }
}

/// One line for each code, and one a minute while it lasts.
fn refuse_once(noise: &Noise, reason: &str, Refusal { code, sentence }: Refusal) {
    if let Some(times) = noise.tell(code, Instant::now()) {
        tracing::error!(code, reason, times, "Kafka refuses us: {sentence}");
    }
}

fn log_line(noise: &Noise, level: RDKafkaLogLevel, facility: &str, message: &str) {
    // The same comes as an error, and is told by that.
    let level = if facility == "FAIL" { RDKafkaLogLevel::Debug } else { level };
    match level {
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, message);
            return;
        }
        RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "librdkafka", facility, message);
            return;
        }
        _ => {}
    }
    // The same line of another broker or at another offset is the same.
    let kind: String = message.chars().filter(|c| !c.is_ascii_digit()).collect();
    let Some(times) = noise.tell(&format!("{facility} {kind}"), Instant::now()) else {
        return;
    };
    match level {
        RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", facility, message, times);
        }
        _ => tracing::error!(target: "librdkafka", facility, message, times),
    }
}

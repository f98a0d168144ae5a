//! The producer: idempotent, pipelined, in order per key as far as Kafka can give it.
//!
//! What holds: `enable.idempotence` with five requests in flight means that the *retries* of
//! librdkafka neither duplicate nor reorder the records of a partition, so records of a key that
//! are all delivered are in the order given. `murmur2_random` puts a key where Java clients put it.
//!
//! What does not: (1) a record that fails for good (its delivery time is over, or the broker
//! refuses it) while a later one of its key, already in flight, gets through. `send_all` stops the
//! key as early as it can see it and reports what it did not send as `AfterFailure`; the later one
//! that got through is reported as delivered, because it is. (2) A process that dies between
//! delivery and its own bookkeeping: the record is sent again, so readers drop repeats by id.
//!
//! A dropped `send_all` does not take back what it has enqueued.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError as NativeError, RDKafkaErrorCode};
use rdkafka::message::{Header as NativeHeader, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use super::config::{millis, unique_client_id};
use super::context::LogContext;
use super::error::KafkaError;
use super::outage::BrokerOutage;
use super::record::Header;

/// Bound of what waits inside librdkafka: 32 MiB or 20,000 records, about 20 relay batches.
const QUEUE_KBYTES: u32 = 32_768;
const QUEUE_RECORDS: u32 = 20_000;
/// The client's own bound of a record. The brokers' is what counts: below this they are asked.
const RECORD_BYTES_MAX: usize = 16_777_216;
/// When the queue is full of other callers' records there is no own delivery to wait for.
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(10);

/// Settings that order and no-loss rest on; `extra` may not name them.
const FIXED: [&str; 7] = [
    "bootstrap.servers",
    "client.id",
    "enable.idempotence",
    "acks",
    "partitioner",
    "delivery.timeout.ms",
    "message.timeout.ms",
];

type Native = FutureProducer<LogContext>;
type Delivered = Result<(i32, i64), SendError>;

#[derive(Debug, Clone)]
pub struct ProducerConfig {
    pub brokers: String,
    /// A random suffix is added.
    pub client_id: String,
    pub linger: Duration,
    /// After this a record that was not acknowledged is reported as failed.
    pub delivery_timeout: Duration,
    /// Further librdkafka settings, for example TLS and SASL.
    pub extra: BTreeMap<String, String>,
    /// Shared with other clients, so that it is told once.
    pub outage: BrokerOutage,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutRecord {
    pub topic: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
    pub timestamp_ms: Option<i64>,
}

impl OutRecord {
    /// What the record carries, without what Kafka adds.
    pub fn bytes(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().map(|header| header.name.len() + length(&header.value));
        length(&self.key) + length(&self.value) + headers.sum::<usize>()
    }
}

/// Why a record was not delivered, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Kafka or the client refused it, or its time is over. It may still be in the log.
    #[error("record not delivered: {code}")]
    Failed { code: RDKafkaErrorCode },
    /// Not sent, because an earlier record of its key in the same call had failed.
    #[error("record not sent: an earlier one of its key failed")]
    AfterFailure,
}

impl SendError {
    /// Whether the record, or the batch that it was sent in, was too large.
    pub fn is_too_large(&self) -> bool {
        use RDKafkaErrorCode::{InvalidMessageSize, MessageBatchTooLarge, MessageSizeTooLarge};
        matches!(
            self,
            Self::Failed { code: MessageSizeTooLarge | MessageBatchTooLarge | InvalidMessageSize }
        )
    }

    /// Whether Kafka does not take the record as it is, or another of its batch, whatever its size:
    /// a topic that is compacted takes none without a key.
    pub fn is_not_taken(&self) -> bool {
        use RDKafkaErrorCode::{InvalidDifferentRecord, InvalidRecord, InvalidTimestamp};
        matches!(
            self,
            Self::Failed { code: InvalidRecord | InvalidDifferentRecord | InvalidTimestamp }
        )
    }

    /// What Kafka or the client answered, in one word.
    pub fn word(&self) -> String {
        match self {
            Self::Failed { code } => format!("{code:?}"),
            Self::AfterFailure => "AfterFailure".to_owned(),
        }
    }
}

/// Cheap to share by `Arc`; several tasks may send at once.
pub struct Producer {
    config: ClientConfig,
    outage: BrokerOutage,
    client: Mutex<Arc<Client>>,
}

/// A native client that is never destroyed on a runtime worker: destroying joins its threads.
///
/// A parked thread holds a clone. The fields drop in this order, so the thread's clone is the last
/// one, and it wakes when the sender is gone.
struct Client {
    native: Native,
    _release: Sender<()>,
}

impl ProducerConfig {
    pub fn new(brokers: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            client_id: "topup-relay".to_owned(),
            linger: Duration::from_millis(5),
            delivery_timeout: Duration::from_secs(30),
            extra: BTreeMap::new(),
            outage: BrokerOutage::default(),
        }
    }

    fn native(&self) -> Result<ClientConfig, KafkaError> {
        if let Some(key) = self.extra.keys().find(|key| FIXED.contains(&key.as_str())) {
            return Err(KafkaError::setting(key, "is fixed and cannot be set through `extra`"));
        }
        let mut native = ClientConfig::new();
        native
            .set("compression.type", "lz4")
            .set("queue.buffering.max.kbytes", QUEUE_KBYTES.to_string())
            .set("queue.buffering.max.messages", QUEUE_RECORDS.to_string())
            .set("message.max.bytes", RECORD_BYTES_MAX.to_string())
            .set("reconnect.backoff.max.ms", "2000");
        for (key, value) in &self.extra {
            native.set(key, value);
        }
        native
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", unique_client_id(&self.client_id))
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", millis(self.linger))
            .set("delivery.timeout.ms", millis(self.delivery_timeout));
        native.set_log_level(RDKafkaLogLevel::Info);
        Ok(native)
    }
}

impl Producer {
    pub fn new(config: &ProducerConfig) -> Result<Self, KafkaError> {
        let (outage, config) = (config.outage.clone(), config.native()?);
        let client = Mutex::new(Client::start(&config, &outage)?);
        Ok(Self { config, outage, client })
    }

    /// Whether a broker is away, which has been told.
    pub fn is_cut_off(&self) -> bool {
        self.outage.lasts()
    }

    /// Enqueues all records in order, then waits for all reports. The answers are in the order of
    /// the records. With a full queue it waits for the oldest of its own deliveries.
    pub async fn send_all(&self, records: Vec<OutRecord>) -> Vec<Delivered> {
        let client = self.current();
        let mut call = Call::new(records.len());
        for (index, record) in records.iter().enumerate() {
            call.send(&client.native, index, record, &records).await;
        }
        while let Some((index, delivery)) = call.pending.pop_front() {
            call.settle(index, delivery.await, &records);
        }
        self.renew_if_fatal(&client);
        if call.results.iter().any(Result::is_ok) {
            self.outage.answers();
        }
        call.results
    }

    /// Waits until everything that was enqueued is delivered or failed; false when time ran out.
    pub async fn flush(&self, deadline: Duration) -> bool {
        let client = self.current();
        let flushed = tokio::task::spawn_blocking(move || client.native.flush(deadline)).await;
        matches!(flushed, Ok(Ok(())))
    }

    fn current(&self) -> Arc<Client> {
        self.lock().clone()
    }

    /// After a fatal error (the broker lost the idempotence state) a client fails every record for
    /// ever: a new one takes its place. What failed was reported, so the caller sends it again.
    fn renew_if_fatal(&self, used: &Client) {
        if used.native.client().fatal_error().is_none() {
            return;
        }
        let mut client = self.lock();
        // Another caller may have been quicker.
        if client.native.client().fatal_error().is_none() {
            return;
        }
        match Client::start(&self.config, &self.outage) {
            Ok(fresh) => {
                tracing::error!("the producer had a fatal error and was replaced");
                *client = fresh;
            }
            Err(error) => tracing::error!(%error, "the producer could not be replaced"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    fn start(config: &ClientConfig, outage: &BrokerOutage) -> Result<Arc<Self>, KafkaError> {
        let native: Native = config
            .create_with_context(LogContext::sharing(outage.clone()))
            .map_err(KafkaError::client("producer"))?;
        let last = native.clone();
        let (release, released) = channel::<()>();
        std::thread::Builder::new()
            .name("kafka-producer-end".to_owned())
            .spawn(move || {
                // Nothing is ever sent: this returns when the sender is dropped.
                let _ = released.recv();
                drop(last);
            })
            .map_err(KafkaError::Thread)?;
        Ok(Arc::new(Self { native, _release: release }))
    }
}

/// The state of one `send_all`.
struct Call {
    results: Vec<Delivered>,
    pending: VecDeque<(usize, DeliveryFuture)>,
    /// Keys of which a record failed. The topic is part of it: keys are in order per topic.
    failed: HashSet<(String, Vec<u8>)>,
}

impl Call {
    fn new(count: usize) -> Self {
        Self {
            results: vec![Err(SendError::AfterFailure); count],
            pending: VecDeque::with_capacity(count),
            failed: HashSet::new(),
        }
    }

    async fn send(&mut self, native: &Native, index: usize, record: &OutRecord, all: &[OutRecord]) {
        loop {
            // It would wait for room in the queue for ever.
            if record.bytes() > RECORD_BYTES_MAX {
                self.fail(index, RDKafkaErrorCode::MessageSizeTooLarge, all);
                return;
            }
            // Looked at again after each wait: a report may have failed the key meanwhile.
            if self.is_stopped(record) {
                return;
            }
            let code = match native.send_result(to_native(record)) {
                Ok(delivery) => {
                    self.pending.push_back((index, delivery));
                    return;
                }
                Err((error, _)) => code_of(&error),
            };
            if code != RDKafkaErrorCode::QueueFull {
                self.fail(index, code, all);
                return;
            }
            match self.pending.pop_front() {
                Some((oldest, delivery)) => self.settle(oldest, delivery.await, all),
                None => tokio::time::sleep(QUEUE_FULL_WAIT).await,
            }
        }
    }

    fn settle(
        &mut self,
        index: usize,
        report: <DeliveryFuture as Future>::Output,
        all: &[OutRecord],
    ) {
        match report {
            Ok(Ok(delivery)) => {
                if self.is_stopped(&all[index]) {
                    tracing::warn!(
                        topic = all[index].topic,
                        partition = delivery.partition,
                        offset = delivery.offset,
                        "delivered although an earlier record of its key failed"
                    );
                }
                self.results[index] = Ok((delivery.partition, delivery.offset));
            }
            Ok(Err((error, _))) => self.fail(index, code_of(&error), all),
            // The client went away with the record still in its queue.
            Err(_) => self.fail(index, RDKafkaErrorCode::BrokerDestroy, all),
        }
    }

    fn fail(&mut self, index: usize, code: RDKafkaErrorCode, all: &[OutRecord]) {
        self.results[index] = Err(SendError::Failed { code });
        let record = &all[index];
        if let Some(key) = &record.key {
            self.failed.insert((record.topic.clone(), key.clone()));
        }
    }

    fn is_stopped(&self, record: &OutRecord) -> bool {
        match &record.key {
            Some(key) if !self.failed.is_empty() => {
                self.failed.contains(&(record.topic.clone(), key.clone()))
            }
            Some(_) | None => false,
        }
    }
}

fn code_of(error: &NativeError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)
}

fn to_native(record: &OutRecord) -> FutureRecord<'_, [u8], [u8]> {
    let mut native = FutureRecord::to(&record.topic);
    if let Some(key) = &record.key {
        native = native.key(key.as_slice());
    }
    if let Some(value) = &record.value {
        native = native.payload(value.as_slice());
    }
    if let Some(timestamp) = record.timestamp_ms {
        native = native.timestamp(timestamp);
    }
    if record.headers.is_empty() {
        return native;
    }
    let headers = OwnedHeaders::new_with_capacity(record.headers.len());
    native.headers(record.headers.iter().fold(headers, |headers, header| {
        headers.insert(NativeHeader { key: &header.name, value: header.value.as_deref() })
    }))
}

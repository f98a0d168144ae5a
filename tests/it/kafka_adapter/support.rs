//! Brokers, a handler with a small "database", and waiting for states.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use tokio::sync::watch;
use topup::kafka::admin::{Cluster, TopicSpec};
use topup::kafka::mock::MockKafka;
use topup::kafka::{
    BatchHandler, Checked, ConsumerConfig, ConsumerHandle, GroupProtocol, Header, HeldAs,
    LaneCancel, Opened, OutRecord, PartitionLog, PartitionPhase, Processed, Producer,
    ProducerConfig, Record, start,
};

pub const LIMIT: Duration = Duration::from_secs(40);
pub const PROTOCOLS: [GroupProtocol; 2] = [GroupProtocol::Classic, GroupProtocol::Consumer];

/// Waits for a state, not for a moment; fails when it does not come.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < LIMIT, "not reached: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn unique(name: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("{name}-{now:x}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

// ---- brokers -----------------------------------------------------------------------------------

pub struct Broker {
    pub brokers: String,
    pub topic: String,
    pub mock: Option<MockKafka>,
}

impl Broker {
    pub fn mock(partitions: i32) -> Self {
        let topic = unique("adapter");
        let mock = MockKafka::start(&[(&topic, partitions)]).unwrap();
        let brokers = mock.brokers().to_owned();
        Self { brokers, topic, mock: Some(mock) }
    }

    /// The mock broker, and the real one when there is one.
    pub async fn all(partitions: i32) -> Vec<Self> {
        let mut all = vec![Self::mock(partitions)];
        if let Ok(brokers) = std::env::var("KAFKA_BROKERS") {
            let topic = unique("adapter");
            let spec =
                TopicSpec { name: topic.clone(), partitions, replication: 1, config: Vec::new() };
            let cluster = Cluster::new(&brokers);
            let created =
                tokio::task::spawn_blocking(move || cluster.create_topics(&[spec], LIMIT)).await;
            assert_eq!(created.unwrap().unwrap(), std::slice::from_ref(&topic));
            all.push(Self { brokers, topic, mock: None });
        }
        all
    }

    pub async fn all_with_protocols(partitions: i32) -> Vec<(Self, GroupProtocol)> {
        let mut all = Vec::new();
        for protocol in PROTOCOLS {
            let brokers = Self::all(partitions).await;
            all.extend(brokers.into_iter().map(|broker| (broker, protocol)));
        }
        all
    }

    pub fn config(&self, group: &str) -> ConsumerConfig {
        let mut config = ConsumerConfig::new(&self.brokers, group, &[&self.topic]);
        config.session_timeout = Duration::from_secs(6);
        config.commit_interval = Duration::from_millis(200);
        config.hold_retry = Duration::from_millis(200);
        config
    }

    /// Sends records `from..to`, spread over the partitions by their keys.
    pub async fn fill(&self, from: usize, to: usize) {
        let producer = Producer::new(&ProducerConfig::new(&self.brokers)).unwrap();
        let records = (from..to).map(|n| self.record(&format!("key-{}", n % 97), n)).collect();
        let sent = producer.send_all(records).await;
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    }

    pub fn record(&self, key: &str, n: usize) -> OutRecord {
        OutRecord {
            topic: self.topic.clone(),
            key: Some(key.as_bytes().to_vec()),
            value: Some(n.to_string().into_bytes()),
            headers: vec![Header { name: "n".to_owned(), value: Some(n.to_string().into_bytes()) }],
            timestamp_ms: Some(1_700_000_000_000),
        }
    }

    pub async fn committed(&self, group: &str) -> i64 {
        let (cluster, group, topic) =
            (Cluster::new(&self.brokers), group.to_owned(), self.topic.clone());
        let lag = tokio::task::spawn_blocking(move || cluster.group_lag(&group, &[&topic], LIMIT));
        let lags = lag.await.unwrap().unwrap();
        lags.iter().filter_map(|lag| lag.committed).sum()
    }
}

// ---- the handler and its database --------------------------------------------------------------

#[derive(Default)]
pub struct Row {
    pub epoch: u64,
    pub next_offset: Option<i64>,
    pub records: Vec<(i64, Record)>,
}

pub struct Database {
    pub rows: Mutex<BTreeMap<i32, Row>>,
    pub problems: Mutex<Vec<String>>,
    pub hold: AtomicBool,
    pub panic: AtomicBool,
    /// The next batch is committed by half only.
    pub half: AtomicBool,
    pub opens: AtomicUsize,
    pub in_flight: AtomicUsize,
    pub largest_batch: AtomicUsize,
    pub batches: AtomicUsize,
    /// True lets batches commit; a batch waits for it as for a slow database.
    pub gate: watch::Sender<bool>,
}

impl Database {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            rows: Mutex::default(),
            problems: Mutex::default(),
            hold: AtomicBool::new(false),
            panic: AtomicBool::new(false),
            half: AtomicBool::new(false),
            opens: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            largest_batch: AtomicUsize::new(0),
            batches: AtomicUsize::new(0),
            gate: watch::Sender::new(true),
        })
    }

    pub fn count(&self) -> usize {
        self.rows.lock().unwrap().values().map(|row| row.records.len()).sum()
    }

    pub fn row<T>(&self, partition: i32, change: impl FnOnce(&mut Row) -> T) -> T {
        change(self.rows.lock().unwrap().entry(partition).or_default())
    }

    pub fn opens(&self) -> usize {
        self.opens.load(Ordering::SeqCst)
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// All of `0..count` once, each key in order, nothing odd on the way.
    pub fn check(&self, count: usize) {
        assert_eq!(*self.problems.lock().unwrap(), Vec::<String>::new());
        let rows = self.rows.lock().unwrap();
        let mut seen = vec![0; count];
        for row in rows.values() {
            let mut last: HashMap<Vec<u8>, usize> = HashMap::new();
            for (_, record) in &row.records {
                let text = String::from_utf8(record.value.clone().unwrap()).unwrap();
                let n: usize = text.parse().unwrap();
                seen[n] += 1;
                let before = last.insert(record.key.clone().unwrap(), n);
                assert!(before.is_none_or(|before| before < n), "key out of order");
                assert_eq!(record.headers[0].value, record.value);
                assert_eq!(record.timestamp_ms, Some(1_700_000_000_000));
            }
        }
        assert!(seen.iter().all(|times| *times == 1), "not each record once");
    }
}

impl BatchHandler for Database {
    type Lane = (i32, u64);

    async fn open(
        &self,
        _topic: Arc<str>,
        partition: i32,
        log: PartitionLog,
        _cancel: LaneCancel,
    ) -> Opened<Self::Lane> {
        self.opens.fetch_add(1, Ordering::SeqCst);
        if self.hold.load(Ordering::SeqCst) {
            let reason = format!("high is {}", log.high);
            return Opened::Hold { held_as: HeldAs::Held, reason };
        }
        self.row(partition, |row| {
            row.epoch += 1;
            let lane = (partition, row.epoch);
            Opened::Ready { lane, next_offset: row.next_offset }
        })
    }

    async fn process(
        &self,
        lane: &mut Self::Lane,
        mut batch: Vec<Record>,
        _cancel: &LaneCancel,
    ) -> Processed {
        assert!(!self.panic.load(Ordering::SeqCst), "asked to panic");
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        self.batches.fetch_add(1, Ordering::SeqCst);
        self.largest_batch.fetch_max(batch.len(), Ordering::SeqCst);
        self.gate.subscribe().wait_for(|open| *open).await.unwrap();
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        if batch.len() > 1 && self.half.swap(false, Ordering::SeqCst) {
            batch.truncate(batch.len() / 2);
        }
        self.row(lane.0, |row| {
            if row.epoch != lane.1 {
                return Processed::Fenced;
            }
            for record in batch {
                let next = row.next_offset.unwrap_or(0);
                if record.offset != next || record.partition != lane.0 {
                    let problem = format!("{}: {} came for {next}", lane.0, record.offset);
                    self.problems.lock().unwrap().push(problem);
                }
                row.next_offset = Some(record.offset + 1);
                row.records.push((record.offset, record));
            }
            let next_offset = row.next_offset.unwrap();
            Processed::Committed { next_offset }
        })
    }

    async fn check(&self, lane: &mut Self::Lane, log: &PartitionLog) -> Checked {
        let next = self.row(lane.0, |row| row.next_offset).unwrap_or(log.low);
        if (log.low..=log.high).contains(&next) {
            return Checked::Sound;
        }
        Checked::Changed { why: format!("{next} is not within {}..{}", log.low, log.high) }
    }
}

pub fn run(config: ConsumerConfig, database: &Arc<Database>) -> ConsumerHandle {
    start(config, database.clone(), Handle::current()).unwrap()
}

pub fn flowing(consumer: &ConsumerHandle) -> usize {
    let partitions = consumer.status().partitions;
    partitions.iter().filter(|p| p.phase == PartitionPhase::Flowing).count()
}

pub fn full(consumer: &ConsumerHandle) -> usize {
    let partitions = consumer.status().partitions;
    partitions.iter().filter(|p| p.phase == PartitionPhase::Full).count()
}

//! An in-process broker for the demo and for tests: librdkafka's own mock cluster.
//!
//! It keeps records in memory only (5 MiB or 100,000 records per partition, the oldest go first),
//! has no transactions and no admin calls. It lives on a thread of its own, because the native
//! handle may not move between threads; the wrapper may.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rdkafka::error::KafkaError as NativeError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::error::KafkaError;

type Cluster = MockCluster<'static, DefaultProducerContext>;

enum Command {
    Down,
    Up,
    Refuse(usize),
    Stop,
}

/// A running mock broker; it ends with this value.
pub struct MockKafka {
    brokers: String,
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl MockKafka {
    /// Starts one broker with the given topics and their numbers of partitions.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, KafkaError> {
        let topics: Vec<(String, i32)> =
            topics.iter().map(|(name, partitions)| ((*name).to_owned(), *partitions)).collect();
        let (commands, inbox) = channel();
        let (ready, started) = channel();
        let thread = std::thread::Builder::new()
            .name("kafka-mock".to_owned())
            .spawn(move || match create(&topics) {
                Ok(cluster) => {
                    // The caller waits for this answer, so it cannot be gone.
                    let _ = ready.send(Ok(cluster.bootstrap_servers()));
                    serve(&cluster, &inbox);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            })
            .map_err(KafkaError::Thread)?;
        let brokers = match started.recv() {
            Ok(answer) => answer.map_err(KafkaError::client("mock cluster"))?,
            Err(_) => return Err(KafkaError::Fatal("the mock thread died".to_owned())),
        };
        Ok(Self { brokers, commands, thread: Some(thread) })
    }

    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Refuses connections from now on, as a broker that is away does.
    pub fn down(&self) {
        self.tell(Command::Down);
    }

    pub fn up(&self) {
        self.tell(Command::Up);
    }

    /// Answers the next so many questions for the ends of a log as to somebody who may not ask.
    pub fn refuse(&self, times: usize) {
        self.tell(Command::Refuse(times));
    }

    fn tell(&self, command: Command) {
        // The thread ends only with this value.
        let _ = self.commands.send(command);
    }
}

impl Drop for MockKafka {
    fn drop(&mut self) {
        self.tell(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already; nothing more can be done about it here.
            let _ = thread.join();
        }
    }
}

fn create(topics: &[(String, i32)]) -> Result<Cluster, NativeError> {
    let cluster = MockCluster::new(1)?;
    for (name, partitions) in topics {
        cluster.create_topic(name, *partitions, 1)?;
    }
    Ok(cluster)
}

fn serve(cluster: &Cluster, inbox: &Receiver<Command>) {
    /// librdkafka's number for all brokers.
    const ALL: i32 = -1;
    loop {
        let done = match inbox.recv() {
            Ok(Command::Down) => cluster.broker_down(ALL),
            Ok(Command::Up) => cluster.broker_up(ALL),
            Ok(Command::Refuse(times)) => {
                let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
                cluster.request_errors(RDKafkaApiKey::ListOffsets, &vec![refused; times]);
                Ok(())
            }
            Ok(Command::Stop) | Err(_) => return,
        };
        if let Err(error) = done {
            tracing::error!(%error, "the mock broker did not follow");
        }
    }
}

//! Least rights at the broker: each principal with each act, on real access rules.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientContext, Message};

use super::broker::{Broker, USERS};
use crate::harness::{PATIENCE, World};

const GRANTED: Option<RDKafkaErrorCode> = None;
const TOPIC: Option<RDKafkaErrorCode> = Some(RDKafkaErrorCode::TopicAuthorizationFailed);
const GROUP: Option<RDKafkaErrorCode> = Some(RDKafkaErrorCode::GroupAuthorizationFailed);

/// What became of the record that was sent last.
#[derive(Default)]
struct Told(Mutex<Vec<Option<RDKafkaErrorCode>>>);

impl ClientContext for Told {}

impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        let code = delivered.as_ref().err().and_then(|(error, _)| error.rdkafka_error_code());
        self.0.lock().expect("sound").push(code);
    }
}

fn write(broker: &Broker, user: &str, topic: &str) -> Option<RDKafkaErrorCode> {
    let producer: BaseProducer<Told> =
        broker.client(user).create_with_context(Told::default()).expect("a producer");
    let record: BaseRecord<'_, str, str> = BaseRecord::to(topic).key("K").payload("no record");
    producer.send(record).expect("queued");
    producer.flush(PATIENCE).expect("answered");
    let told = producer.context().0.lock().expect("sound").pop();
    told.expect("an answer")
}

fn read(broker: &Broker, user: &str, group: &str, topic: &str) -> Option<RDKafkaErrorCode> {
    let mut client = broker.client(user);
    client.set("group.id", group).set("enable.auto.commit", "false");
    let consumer: BaseConsumer = client.create().expect("a consumer");
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Beginning).expect("a place");
    consumer.assign(&from).expect("assigned");
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE, "neither a record nor a refusal");
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(record)) => {
                assert_eq!(record.topic(), topic);
                return None;
            }
            Some(Err(error)) => return error.rdkafka_error_code(),
        }
    }
}

/// Whether the group lets a member keep its place.
fn keep_place(broker: &Broker, user: &str, group: &str, topic: &str) -> Option<RDKafkaErrorCode> {
    let mut client = broker.client(user);
    let consumer: BaseConsumer = client.set("group.id", group).create().expect("a consumer");
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, 0);
    let kept = consumer.committed_offsets(asked, PATIENCE);
    kept.err().and_then(|error| error.rdkafka_error_code())
}

/// Rights as OPERATIONS has them for the others; the worker has his.
pub fn grant(broker: &Broker, world: &World) {
    let topics = &world.topics;
    broker.allow_to(&["User:gateway"], "Write", &["--topic", &topics.bank_payments]);
    broker.allow_to(&["User:commander"], "Write", &["--topic", &topics.commands]);
    let events = ["--topic", &topics.events, "--group", "listeners"];
    broker.allow_to(&["User:listener"], "Read", &events);
}

/// Every topic has a record, so that who may read does.
pub fn walk(broker: &Broker, world: &World) {
    let topics = &world.topics;
    let all = topics.all();
    let may_write = |user: &str| match user {
        "worker" => vec![topics.events.as_str(), &topics.dead_letters],
        "gateway" => vec![topics.bank_payments.as_str()],
        "commander" => vec![topics.commands.as_str()],
        _ => Vec::new(),
    };
    let may_read = |user: &str| match user {
        "worker" => vec![topics.commands.as_str(), &topics.bank_payments, &topics.usage],
        "listener" => vec![topics.events.as_str()],
        _ => Vec::new(),
    };
    let mut wrong = Vec::new();
    let mut expect = |what: String, found: Option<RDKafkaErrorCode>, wanted| {
        if found != wanted {
            wrong.push(format!("{what}: {found:?}, not {wanted:?}"));
        }
    };
    for user in USERS {
        for topic in all {
            let wanted = if may_write(user).contains(&topic) { GRANTED } else { TOPIC };
            expect(format!("{user} writes {topic}"), write(broker, user, topic), wanted);
        }
    }
    for user in USERS {
        let group = if user == "listener" { "listeners" } else { world.name.as_str() };
        for topic in all {
            let wanted = if may_read(user).contains(&topic) { GRANTED } else { TOPIC };
            expect(format!("{user} reads {topic}"), read(broker, user, group, topic), wanted);
        }
        let own = matches!(user, "worker" | "listener");
        for (group, wanted) in [(group, if own { GRANTED } else { GROUP }), ("strangers", GROUP)] {
            let found = keep_place(broker, user, group, &topics.events);
            expect(format!("{user} in {group}"), found, wanted);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

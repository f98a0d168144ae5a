//! The Kafka adapter against librdkafka's mock broker, and against a real one when `KAFKA_BROKERS`
//! is set. The handler keeps a small "database" with epochs and next offsets and notes every record
//! that is not the next one: a gap, a repeat or a wrong order in any lane fails the test.

#![allow(clippy::unwrap_used, reason = "a test may say: this cannot fail")]

mod support;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use topup::kafka::admin::Cluster;
use topup::kafka::{
    GroupProtocol, HeldAs, KafkaError, OutRecord, PartitionPhase, Producer, ProducerConfig,
    SendError,
};

use support::{Broker, Database, LIMIT, PROTOCOLS, eventually, flowing, full, run, unique};

async fn members_join_and_leave(protocol: GroupProtocol) {
    for broker in Broker::all(6).await {
        let database = Database::new();
        let group = unique("group");
        let config = || {
            let mut config = broker.config(&group);
            config.protocol = protocol;
            config.batch_records_max = 50;
            config.lane_records_max = 200;
            config
        };
        broker.fill(0, 3_000).await;
        let first = run(config(), &database);
        eventually("the first has read", || database.count() == 3_000).await;
        let second = run(config(), &database);
        eventually("shared out", || flowing(&first) == 3 && flowing(&second) == 3).await;
        broker.fill(3_000, 6_000).await;
        let report = first.shutdown(LIMIT).await;
        assert!(report.drained && report.committed && report.closed, "{report:?}");
        eventually("the second has all", || flowing(&second) == 6).await;
        eventually("all are read", || database.count() == 6_000).await;
        let third = run(config(), &database);
        eventually("shared again", || flowing(&third) == 3 && flowing(&second) == 3).await;
        broker.fill(6_000, 7_000).await;
        eventually("the rest is read", || database.count() == 7_000).await;
        assert!(second.shutdown(LIMIT).await.closed);
        assert!(third.shutdown(LIMIT).await.closed);
        database.check(7_000);
        // The mock refuses every commit during a rebalance; Kafka's offsets are only a hint, so
        // what must hold there is that they are not ahead.
        let committed = broker.committed(&group).await;
        assert!(committed <= 7_000 && (committed == 7_000 || broker.mock.is_some()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn classic_members_join_and_leave_without_loss() {
    members_join_and_leave(GroupProtocol::Classic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kip848_members_join_and_leave_without_loss() {
    members_join_and_leave(GroupProtocol::Consumer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_lane_pauses_and_resumes_without_loss() {
    for broker in Broker::all(2).await {
        let database = Database::new();
        database.gate.send_replace(false);
        let mut config = broker.config(&unique("group"));
        config.batch_records_max = 20;
        config.lane_records_max = 40;
        broker.fill(0, 1_000).await;
        let consumer = run(config, &database);
        eventually("both lanes are full", || full(&consumer) == 2).await;
        broker.fill(1_000, 2_000).await;
        for partition in consumer.status().partitions {
            assert!(partition.phase != PartitionPhase::Flowing && partition.buffered_records <= 40);
        }
        database.gate.send_replace(true);
        eventually("all are read", || database.count() == 2_000).await;
        assert_eq!(database.largest_batch.load(Ordering::SeqCst), 20);
        eventually("both flow again", || flowing(&consumer) == 2).await;
        consumer.shutdown(LIMIT).await;
        database.check(2_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_never_gets_on_does_not_stop_the_others() {
    let broker = Broker::mock(2);
    let database = Database::new();
    let config = broker.config(&unique("group"));
    let consumer = run(config, &database);
    eventually("both flow", || flowing(&consumer) == 2).await;
    // A foreign owner takes partition 0 again and again: it never gets anywhere, 1 does.
    let rows = database.clone();
    let thief = tokio::spawn(async move {
        loop {
            rows.row(0, |row| row.epoch += 1);
            tokio::task::yield_now().await;
        }
    });
    broker.fill(0, 1_000).await;
    let high = |partition: i32| {
        let lags = Cluster::new(&broker.brokers).group_lag("none", &[&broker.topic], LIMIT);
        let lags = lags.unwrap();
        lags.iter().find(|lag| lag.partition == partition).unwrap().high
    };
    let (zero, one) = tokio::task::block_in_place(|| (high(0), high(1)));
    assert!(zero > 0 && one > 0);
    eventually("partition 1 is read", || database.row(1, |row| row.next_offset) == Some(one)).await;
    thief.abort();
    eventually("partition 0 follows", || database.row(0, |row| row.next_offset) == Some(zero))
        .await;
    consumer.shutdown(LIMIT).await;
    database.check(1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fenced_lane_opens_again_where_the_database_stands() {
    for broker in Broker::all(1).await {
        let database = Database::new();
        let consumer = run(broker.config(&unique("group")), &database);
        broker.fill(0, 100).await;
        eventually("the first part", || database.count() == 100).await;
        database.gate.send_replace(false);
        broker.fill(100, 200).await;
        eventually("a batch is in flight", || database.in_flight() == 1).await;
        // Another owner commits ten records meanwhile.
        let opens = database.opens();
        database.row(0, |row| {
            row.epoch += 1;
            row.next_offset = Some(110);
        });
        database.gate.send_replace(true);
        eventually("the rest", || database.count() == 190).await;
        assert_eq!(database.opens(), opens + 1);
        assert!(database.problems.lock().unwrap().is_empty());
        database.row(0, |row| assert_eq!(row.records[100].0, 110));
        consumer.shutdown(LIMIT).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_handler_leaves_of_a_batch_is_read_again() {
    let broker = Broker::mock(1);
    let database = Database::new();
    database.half.store(true, Ordering::SeqCst);
    broker.fill(0, 1_000).await;
    let consumer = run(broker.config(&unique("group")), &database);
    eventually("all are read", || database.count() == 1_000).await;
    assert_eq!(database.opens(), 2);
    consumer.shutdown(LIMIT).await;
    database.check(1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_says_where_a_partition_continues() {
    for (broker, protocol) in Broker::all_with_protocols(1).await {
        let database = Database::new();
        let group = unique("group");
        let config = || {
            let mut config = broker.config(&group);
            config.protocol = protocol;
            config
        };
        broker.fill(0, 100).await;
        let consumer = run(config(), &database);
        eventually("all are read", || database.count() == 100).await;
        consumer.shutdown(LIMIT).await;
        assert_eq!(broker.committed(&group).await, 100);
        // Behind: a restored backup. No new record has to come for the lane to go back.
        database.row(0, |row| {
            row.next_offset = Some(40);
            row.records.truncate(40);
        });
        let consumer = run(config(), &database);
        eventually("read again", || database.count() == 100).await;
        consumer.shutdown(LIMIT).await;
        database.check(100);
        // Ahead: a group that knows nothing starts where the database stands.
        let database = Database::new();
        database.row(0, |row| row.next_offset = Some(60));
        let mut other = config();
        other.group_id = unique("group");
        let consumer = run(other, &database);
        eventually("the rest is read", || database.count() == 40).await;
        consumer.shutdown(LIMIT).await;
        assert!(database.problems.lock().unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_partition_is_reported_and_tried_again() {
    let broker = Broker::mock(1);
    let database = Database::new();
    database.hold.store(true, Ordering::SeqCst);
    broker.fill(0, 100).await;
    let consumer = run(broker.config(&unique("group")), &database);
    let held = PartitionPhase::Held { held_as: HeldAs::Held, reason: "high is 100".to_owned() };
    eventually("held", || consumer.status().partitions.iter().any(|p| p.phase == held)).await;
    eventually("tried again", || database.opens() > 2).await;
    assert_eq!(database.count(), 0);
    database.hold.store(false, Ordering::SeqCst);
    eventually("all are read", || database.count() == 100).await;
    consumer.shutdown(LIMIT).await;
    database.check(100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_we_may_not_read_is_a_state_and_flows_once_we_may() {
    let broker = Broker::mock(1);
    let database = Database::new();
    broker.fill(0, 100).await;
    broker.mock.as_ref().unwrap().refuse(8);
    let consumer = run(broker.config(&unique("group")), &database);
    let state = || {
        let phases = consumer.status().partitions.into_iter().map(|p| p.phase);
        phases.map(|phase| (phase.word(), phase.reason().to_owned())).next()
    };
    let told = || {
        state().is_some_and(|(word, reason)| {
            word == "unauthorised" && reason.starts_with("kafka_topic_denied: ")
        })
    };
    eventually("unauthorised", told).await;
    assert_eq!(database.opens(), 0, "it is not opened");
    eventually("all are read", || database.count() == 100).await;
    eventually("it flows", || state() == Some(("flowing", String::new()))).await;
    consumer.shutdown(LIMIT).await;
    database.check(100);
}

/// Where a log begins and where it ends are two questions. Whichever of them is refused, and how
/// often, the log is read from its start: the end's answer is not the start's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_for_one_end_alone_passes_no_record_over() {
    let runs = (1..=8).map(|refusals| async move {
        let broker = Broker::mock(1);
        let database = Database::new();
        broker.fill(0, 100).await;
        broker.mock.as_ref().unwrap().refuse(refusals);
        let consumer = run(broker.config(&unique("group")), &database);
        eventually(&format!("all are read after {refusals}"), || database.count() == 100).await;
        consumer.shutdown(LIMIT).await;
        database.check(100);
    });
    futures::future::join_all(runs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_outlives_a_rebalance_is_fenced() {
    for (broker, protocol) in Broker::all_with_protocols(2).await {
        let database = Database::new();
        let group = unique("group");
        let config = || {
            let mut config = broker.config(&group);
            config.protocol = protocol;
            config.revoke_wait = Duration::from_millis(300);
            config
        };
        let first = run(config(), &database);
        eventually("both flow", || flowing(&first) == 2).await;
        database.gate.send_replace(false);
        broker.fill(0, 500).await;
        eventually("both in flight", || database.in_flight() == 2).await;
        let second = run(config(), &database);
        eventually("one moved", || flowing(&second) == 1 && database.opens() == 3).await;
        database.gate.send_replace(true);
        eventually("all are read", || database.count() == 500).await;
        first.shutdown(LIMIT).await;
        second.shutdown(LIMIT).await;
        database.check(500);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_waits_for_the_batch_in_flight_and_nothing_comes_twice() {
    for broker in Broker::all(1).await {
        let database = Database::new();
        let group = unique("group");
        let config = || {
            let mut config = broker.config(&group);
            config.batch_records_max = 30;
            config
        };
        let consumer = run(config(), &database);
        eventually("flows", || flowing(&consumer) == 1).await;
        database.gate.send_replace(false);
        broker.fill(0, 300).await;
        eventually("in flight", || database.in_flight() == 1).await;
        let shutdown = tokio::spawn(consumer.shutdown(LIMIT));
        database.gate.send_replace(true);
        let report = shutdown.await.unwrap();
        assert!(report.drained && report.committed && report.closed, "{report:?}");
        let done = database.count();
        assert_eq!(broker.committed(&group).await, done as i64);
        let consumer = run(config(), &database);
        eventually("all are read", || database.count() == 300 && flowing(&consumer) == 1).await;
        assert_eq!(consumer.status().partitions[0].dropped_records, 0);
        consumer.shutdown(LIMIT).await;
        database.check(300);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_has_a_bound_when_the_database_hangs() {
    let broker = Broker::mock(1);
    let database = Database::new();
    database.gate.send_replace(false);
    broker.fill(0, 10).await;
    let consumer = run(broker.config(&unique("group")), &database);
    eventually("in flight", || database.in_flight() == 1).await;
    let report = consumer.shutdown(Duration::from_millis(100)).await;
    assert!(!report.drained && report.closed, "{report:?}");
    assert_eq!(report.abandoned, [(broker.topic.as_str().into(), 0)]);
    database.gate.send_replace(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_and_comes_back_costs_nothing() {
    for protocol in PROTOCOLS {
        let broker = Broker::mock(2);
        let mock = broker.mock.as_ref().unwrap();
        let database = Database::new();
        let mut config = broker.config(&unique("group"));
        config.protocol = protocol;
        let consumer = run(config, &database);
        broker.fill(0, 500).await;
        eventually("read before", || database.count() == 500).await;
        mock.down();
        eventually("noticed", || consumer.status().last_error.is_some()).await;
        mock.up();
        broker.fill(500, 1_000).await;
        eventually("read after", || database.count() == 1_000).await;
        eventually("healed", || consumer.status().last_error.is_none()).await;
        consumer.shutdown(LIMIT).await;
        database.check(1_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_stops_the_consumer() {
    let broker = Broker::mock(1);
    let database = Database::new();
    let consumer = run(broker.config(&unique("group")), &database);
    let failed = consumer.failed();
    eventually("flows", || flowing(&consumer) == 1).await;
    database.panic.store(true, Ordering::SeqCst);
    broker.fill(0, 1).await;
    let failure = tokio::time::timeout(LIMIT, failed).await.unwrap();
    assert!(matches!(failure, KafkaError::Fatal(_)));
    eventually("stopped", || !consumer.status().running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_lane_is_quick_and_a_busy_one_batches() {
    let broker = Broker::mock(1);
    let database = Database::new();
    let mut config = broker.config(&unique("group"));
    config.batch_linger = Duration::from_secs(20); // steps of 5 s
    let consumer = run(config, &database);
    eventually("flows", || flowing(&consumer) == 1).await;
    // With a linger of 20 s a lane that lingered at its first record would be late by seconds.
    let began = Instant::now();
    broker.fill(0, 1).await;
    eventually("read", || database.count() == 1).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // While a batch is in flight the next one gathers.
    database.gate.send_replace(false);
    broker.fill(1, 2).await;
    eventually("in flight", || database.in_flight() == 1).await;
    broker.fill(2, 302).await;
    let gathered = || consumer.status().partitions[0].buffered_records == 300;
    eventually("gathered", gathered).await;
    database.gate.send_replace(true);
    eventually("all are read", || database.count() == 302).await;
    assert_eq!(database.batches.load(Ordering::SeqCst), 3);
    consumer.shutdown(LIMIT).await;
    database.check(302);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_producer_keeps_the_order_of_a_key_and_stops_a_key_that_fails() {
    for broker in Broker::all(3).await {
        let mut config = ProducerConfig::new(&broker.brokers);
        // The mock takes a record of any size: here the client refuses.
        config.extra.insert("message.max.bytes".into(), "1000000".into());
        let producer = Producer::new(&config).unwrap();
        let records: Vec<OutRecord> =
            (0..5_000).map(|n| broker.record(&format!("k{}", n % 5), n)).collect();
        let sent = producer.send_all(records).await;
        let mut last: HashMap<usize, (i32, i64)> = HashMap::new();
        for (n, sent) in sent.iter().enumerate() {
            let (partition, offset) = *sent.as_ref().unwrap();
            if let Some(before) = last.insert(n % 5, (partition, offset)) {
                assert!(before.0 == partition && before.1 < offset);
            }
        }
        let mut bad = broker.record("a", 1);
        bad.value = Some(vec![0; 2_000_000]);
        let sent = producer
            .send_all(vec![
                broker.record("a", 0),
                bad,
                broker.record("a", 2),
                broker.record("b", 3),
            ])
            .await;
        assert!(sent[0].is_ok() && sent[3].is_ok(), "{sent:?}");
        assert!(matches!(sent[1], Err(SendError::Failed { .. })));
        assert_eq!(sent[2], Err(SendError::AfterFailure));
        assert!(producer.flush(LIMIT).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_producer_waits_when_its_queue_is_full_and_reports_a_broker_that_is_away() {
    let broker = Broker::mock(1);
    let mut config = ProducerConfig::new(&broker.brokers);
    config.extra.insert("queue.buffering.max.messages".into(), "10".into());
    // Well above the longest pause before it tries to connect again.
    config.extra.insert("reconnect.backoff.max.ms".into(), "200".into());
    config.delivery_timeout = Duration::from_secs(4);
    let producer = Producer::new(&config).unwrap();
    let records = |from: usize| (from..from + 200).map(|n| broker.record("k", n)).collect();
    let sent = producer.send_all(records(0)).await;
    let offsets: Vec<i64> = sent.iter().map(|sent| sent.as_ref().unwrap().1).collect();
    assert_eq!(offsets, (0..200).collect::<Vec<i64>>());
    broker.mock.as_ref().unwrap().down();
    let sent = producer.send_all(records(200)).await;
    assert!(sent.iter().all(Result::is_err));
    assert!(matches!(sent[0], Err(SendError::Failed { .. })));
    assert_eq!(sent[199], Err(SendError::AfterFailure));
    broker.mock.as_ref().unwrap().up();
    let sent = producer.send_all(records(200)).await;
    assert!(sent.iter().all(Result::is_ok), "{:?}", sent[0]);
}

#[tokio::test]
async fn topics_are_listed() {
    for broker in Broker::all(3).await {
        let cluster = Cluster::new(&broker.brokers);
        let listed = tokio::task::spawn_blocking(move || cluster.list_topics(LIMIT)).await;
        let topics = listed.unwrap().unwrap();
        let topic = topics.iter().find(|topic| topic.name == broker.topic).unwrap();
        assert_eq!(topic.partitions, 3);
    }
}

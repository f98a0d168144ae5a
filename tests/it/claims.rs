//! What says "there is no more before T", through a worker: watermarks and statements of the
//! future, usage that nothing can be done with, and partitions that nobody has opened.

use std::process::{Command, Output};

use chrono::{Duration, Utc};
use serde_json::{Value, json};
use topup::wire::Topic;

use crate::harness::records::{BANK, allocate, envelope, invoice, payment};
use crate::harness::{Direct, World, kafka};
use crate::usage::charge;

async fn topped_up(world: &World) {
    world.applied("i-1", "invoice.create", "A", invoice("INV-1", "A", "10.00")).await;
    world.applied("p-1", "payment.record", "A", payment("PAY-1", "A", "10.00")).await;
    world.applied("l-1", "payment.allocate", "A", allocate("PAY-1", "A", "INV-1")).await;
}

async fn take_off(world: &World) {
    let data = json!({ "payment_id": "PAY-1", "invoice_id": "INV-1", "account_id": "A" });
    world.command("d-1", "payment.deallocate", "A", data).await;
}

async fn of_usage(world: &World, id: &str, kind: &str, data: &Value) {
    let value = envelope(id, "rating", &format!("topup.usage.{kind}.v1"), data);
    world.publish(&world.topics.usage, "A", &value).await;
}

/// A feed that says that all is known up to this moment, again and again until `sql` is so.
async fn until_known(world: &World, sql: &str, expected: &str) {
    for round in 0..200 {
        let now = json!({ "complete_through": Utc::now().to_rfc3339() });
        of_usage(world, &format!("w-{round}"), "watermark", &now).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        if world.value(sql).await == expected {
            return;
        }
    }
    panic!("{} instead of {expected}", world.value(sql).await);
}

const ENDED: &str = "SELECT concat_ws(' ', outcome, code) FROM inbox WHERE message_id = 'd-1'";

/// A wrong unit or clock: nothing is taken off by it, and a later charge finds the money.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watermark_of_another_century_proves_nothing() {
    let world = World::with_partitions("cl_future", 1).await;
    let worker = world.start().await;
    topped_up(&world).await;
    for (id, through) in [("w-a", "2099-01-01T00:00:00Z"), ("w-b", "2100-01-01T00:00:00Z")] {
        of_usage(&world, id, "watermark", &json!({ "complete_through": through })).await;
        let told = ("dead_lettered".to_owned(), Some("claim_in_future".to_owned()));
        assert_eq!(world.outcome(id).await, told);
    }
    take_off(&world).await;
    assert_eq!(world.outcome("d-1").await.0, "waiting");
    of_usage(&world, "u-1", "charge", &charge("U1", "A", "7.00")).await;
    assert_eq!(world.outcome("u-1").await.0, "applied");
    until_known(&world, ENDED, "rejected lot_spent").await;
    worker.shutdown().await;
    world.finish().await;
}

/// A topic gets another partition: until it was opened and has spoken, nobody knows what is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_a_topic_gets_is_not_known_until_it_has_spoken() {
    let world = World::with_partitions("cl_grown", 1).await;
    let worker = world.start().await;
    topped_up(&world).await;
    let asked = "SELECT partitions::text FROM feed_partitions";
    world.until(asked, "1").await;
    // All that is known of speaks, by a clock that is a little fast.
    let soon = json!({ "complete_through": (Utc::now() + Duration::seconds(25)).to_rfc3339() });
    of_usage(&world, "w-0", "watermark", &soon).await;
    assert_eq!(world.outcome("w-0").await.0, "applied");
    kafka::add_partitions(&world.brokers, &world.topics.usage, 2).await;
    world.until(asked, "2").await;
    take_off(&world).await;
    assert_eq!(world.outcome("d-1").await.0, "waiting");
    let feed = topup::store::load::ProofFeed {
        group: world.name.clone(),
        topic: world.topics.usage.clone(),
        claims_until: Utc::now() + Duration::minutes(1),
        concerns: |_| topup::domain::usage::Concerns::Nobody,
    };
    let proof = topup::store::usage::known_through(worker.pipeline().pool(), Some(&feed));
    assert_eq!(proof.await.expect("asked"), None);
    assert_eq!(world.value(ENDED).await, "waiting usage_proof_pending");
    worker.shutdown().await;
    world.finish().await;
}

/// What Kafka was asked before says nothing of what came after.
#[tokio::test]
async fn a_proof_ends_where_kafka_was_last_asked() {
    let mut direct = Direct::new("cl_asked").await;
    crate::usage::topped_up(&mut direct, 1, "10.00").await;
    let (group, topic) = {
        let settings = direct.pipeline.settings();
        (settings.group.clone(), settings.topics.usage.clone())
    };
    let pool = direct.pipeline.pool().clone();
    let tell = |count: i32, at| {
        let (pool, group, topic) = (pool.clone(), group.clone(), topic.clone());
        async move {
            let told = topup::store::partitions::tell_count(&pool, &group, &topic, count, at);
            told.await.expect("told");
        }
    };
    let now = Utc::now();
    tell(2, now - Duration::seconds(30)).await;
    crate::steps_back::mark(&mut direct, "w-0", 0, now).await;
    let feed = topup::store::load::ProofFeed {
        group: group.clone(),
        topic: topic.clone(),
        claims_until: now + Duration::minutes(1),
        concerns: |_| topup::domain::usage::Concerns::Nobody,
    };
    let known = || topup::store::usage::known_through(&pool, Some(&feed));
    assert_eq!(known().await.expect("asked"), None, "the second never spoke");
    tell(1, now - Duration::seconds(20)).await;
    let micros = |at: chrono::DateTime<Utc>| at.timestamp_micros();
    let through = known().await.expect("asked").map(micros);
    assert_eq!(through, Some(micros(now - Duration::seconds(20))));
    tell(1, now + Duration::seconds(1)).await;
    assert_eq!(known().await.expect("asked").map(micros), Some(micros(now)));
    direct.finish().await;
}

async fn statement(direct: &mut Direct, id: &str, through: &str, closing: &str) {
    let data = json!({
        "bank_account": BANK, "statement_id": "S-7", "currency": "SGD", "entries": 0,
        "opening_balance": closing, "closing_balance": closing, "complete_through": through,
    });
    let value = envelope(id, "bank-gateway", "topup.bank.statement.v1", &data);
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
}

fn topup(direct: &Direct, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    let url = &direct.database.url;
    let brokers = std::env::var("KAFKA_BROKERS").expect("brokers");
    command.args(words).env("DATABASE_URL", url).env("KAFKA_BROKERS", brokers);
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8(text).expect("text"))
}

/// A statement with a wrong year is told by its own name everywhere, and a person takes it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_of_the_future_is_told_and_taken_back() {
    let mut direct = Direct::new("cl_statement").await;
    // The bank's day is not over: that is usual, and nothing is told.
    let tonight = (Utc::now() + Duration::hours(7)).to_rfc3339();
    statement(&mut direct, "s-0", &tonight, "5.00").await;
    assert_eq!(topup(&direct, &["reconcile"]).0, Some(0));
    statement(&mut direct, "s-1", "2062-11-29T00:00:00Z", "5.00").await;
    for (words, code) in
        [(&["reconcile"][..], 3), (&["status"], 3), (&["statements", "list"], 3), (&["doctor"], 1)]
    {
        let (exit, text) = topup(&direct, words);
        // The doctor has other things to say of this host.
        assert!(exit == Some(code) || words == ["doctor"], "{words:?}: {exit:?} {text}");
        assert!(text.contains("S-7") && text.contains("2062"), "{words:?}: {text}");
        assert!(words == ["statements", "list"] || text.contains("statement_in_future"), "{text}");
    }
    let gone = "DELETE FROM bank_statements";
    let refused = sqlx::query(gone).execute(&direct.database.admin).await;
    assert!(refused.expect_err("refused").to_string().contains("without a reset"));
    let reset = |more: &[&str]| {
        let words = ["statements", "reset", BANK, "S-7", "--operator", "alice"];
        let words = [&words[..], &["--reason", "a wrong year"], more].concat();
        topup(&direct, &words)
    };
    let (exit, text) = reset(&[]);
    assert!(exit == Some(2) && text.contains("--complete-through"), "{text}");
    let through = ["--complete-through", "2062-11-29T00:00:00Z", "--yes"];
    let (exit, text) = reset(&through[..2]);
    assert!(exit == Some(0) && text.contains("Nothing is done yet"), "{text}");
    assert_eq!(direct.database.value("SELECT count(*) FROM statement_resets").await, "0");
    assert_eq!(reset(&through).0, Some(0));
    assert_eq!(reset(&through).0, Some(1));
    let who = "SELECT concat_ws(' ', operator, reason, statement_id, closing_balance)
                 FROM statement_resets";
    assert_eq!(direct.database.lines(who).await, ["alice a wrong year S-7 5000000"]);
    assert_eq!(topup(&direct, &["reconcile"]).0, Some(0));
    let status = topup(&direct, &["status"]);
    assert!(!status.1.contains("statement_in_future"), "{}", status.1);
    direct.finish().await;
}

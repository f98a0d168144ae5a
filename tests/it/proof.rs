//! What says "there is no more before T" is believed up to now only, and only while nothing of its
//! feed is open.

use chrono::{Duration, Utc};
use serde_json::json;
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::store::dead_letters::Selection;
use topup::wire::Topic;

use crate::harness::records::{
    BANK, about_invoice, about_payment, allocate, bank, credit, envelope, invoice, payment, with,
};
use crate::harness::{Direct, World};
use crate::jobs::runner;
use crate::steps_back::{deallocate, mark, outcome};
use crate::usage::{charge, refund, topped_up, usage};

/// A record of usage that nothing can be done with.
async fn dead(direct: &mut Direct, id: &str, data: serde_json::Value) {
    let value = envelope(id, "rating", "topup.usage.charge.v1", &data);
    let item = direct.item(Topic::Usage, None, value.as_bytes());
    let ended = direct.run(&[item]).await;
    assert_eq!(ended[0].outcome, "dead_lettered", "{id}");
}

async fn ask(direct: &mut Direct, id: &str) -> String {
    let item = direct.command(id, "payment.deallocate", &deallocate("PAY-1", "INV-1"));
    direct.run(&[item]).await;
    outcome(direct, id).await
}

async fn discard(direct: &Direct) {
    discard_with(direct, None).await;
}

async fn discard_with(direct: &Direct, text: Option<&str>) {
    let which = Selection { text: text.map(str::to_owned), ..Selection::default() };
    let pool = direct.pipeline.pool();
    topup::operator::dead_letters::discard(pool, &which, "ann", "seen to", false)
        .await
        .expect("discarded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watermark_of_the_future_is_told_and_proves_nothing() {
    let mut direct = Direct::new("p_future").await;
    topped_up(&mut direct, 1, "10.00").await;
    for through in
        ["2100-01-01T00:00:00Z".parse().expect("an instant"), Utc::now() + Duration::minutes(2)]
    {
        let data = json!({ "complete_through": through.to_rfc3339() });
        let id = format!("w-{}", through.timestamp());
        let value = envelope(&id, "rating", "topup.usage.watermark.v1", &data);
        let item = direct.item(Topic::Usage, None, value.as_bytes());
        direct.run(&[item]).await;
        assert_eq!(outcome(&direct, &id).await, "dead_lettered claim_in_future");
    }
    assert_eq!(direct.database.value("SELECT count(*) FROM usage_watermarks").await, "0");
    assert_eq!(ask(&mut direct, "d-1").await, "waiting usage_proof_pending");
    // It is nobody's usage, so it stands in no honest watermark's way.
    mark(&mut direct, "w-now", 0, Utc::now()).await;
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(outcome(&direct, "d-1").await, "applied");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_the_future_from_before_proves_nothing_and_can_be_taken_back() {
    let mut direct = Direct::new("p_old").await;
    topped_up(&mut direct, 1, "10.00").await;
    let topic = direct.pipeline.settings().topics.usage.clone();
    let fence = "ALTER TABLE usage_watermarks DROP CONSTRAINT watermark_is_of_the_past";
    direct.database.execute(fence).await;
    let planted =
        format!("INSERT INTO usage_watermarks VALUES ('{topic}', 0, '2100-01-01Z', now())");
    direct.database.execute(&planted).await;
    assert_eq!(ask(&mut direct, "d-1").await, "waiting usage_proof_pending");
    let gone = format!("DELETE FROM usage_watermarks WHERE topic = '{topic}'");
    let refused = sqlx::query(sqlx::AssertSqlSafe(gone)).execute(&direct.database.admin).await;
    assert!(refused.expect_err("refused").to_string().contains("without a reset"));
    let pool = direct.pipeline.pool();
    let (place, who) = ((topic.as_str(), 0), ("alice", "a wrong clock"));
    for there in [true, false] {
        let done = topup::store::usage::reset_watermark(pool, place, who, Utc::now()).await;
        assert_eq!(done.expect("asked"), there);
    }
    let who = "SELECT operator, reason FROM watermark_resets";
    assert_eq!(direct.database.lines(who).await, ["alice|a wrong clock"]);
    direct.database.execute(&planted).await;
    // An honest one takes its place.
    mark(&mut direct, "w-now", 0, Utc::now()).await;
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(outcome(&direct, "d-1").await, "applied");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_is_a_dead_letter_may_have_spent_the_money() {
    let mut direct = Direct::new("p_dead").await;
    topped_up(&mut direct, 1, "10.00").await;
    let wrong = json!({ "usage_id": "U1", "account_id": "A", "amount": 9.5, "currency": "SGD",
                        "occurred_at": "2026-11-28T16:48:16Z", "kind": "call" });
    dead(&mut direct, "u-1", wrong).await;
    mark(&mut direct, "w-1", 0, Utc::now() + Duration::seconds(20)).await;
    assert_eq!(ask(&mut direct, "d-1").await, "waiting usage_proof_pending");
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(outcome(&direct, "d-1").await, "waiting usage_proof_pending");
    discard(&direct).await;
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(outcome(&direct, "d-1").await, "applied");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_stands_in_the_way_of_its_account_or_of_all_if_it_does_not_say() {
    let mut direct = Direct::new("p_whose").await;
    topped_up(&mut direct, 1, "10.00").await;
    mark(&mut direct, "w-1", 0, Utc::now() + Duration::seconds(20)).await;
    dead(&mut direct, "u-1", json!({ "account_id": "B", "amount": 1 })).await;
    for value in ["{no json", r#"{"data":{"account_id":"not ok"}}"#] {
        let item = direct.item(Topic::Usage, Some("B"), value.as_bytes());
        let ended = direct.run(&[item]).await;
        assert_eq!(ended[0].outcome, "dead_lettered", "{value}");
    }
    assert_eq!(ask(&mut direct, "d-1").await, "waiting usage_proof_pending");
    for (seen_to, expected) in [("no json", "waiting usage_proof_pending"), ("not ok", "applied")] {
        discard_with(&direct, Some(seen_to)).await;
        direct.pipeline.sweep().await.expect("swept");
        assert_eq!(outcome(&direct, "d-1").await, expected, "{seen_to}");
    }
    // What is left open is another customer's.
    let open = "SELECT count(*) FROM dead_letters WHERE status = 'open'";
    assert_eq!(direct.database.value(open).await, "1");
    direct.finish().await;
}

/// A refund that came before its charge: the charge is on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_record_of_the_account_stands_in_the_way() {
    let mut direct = Direct::new("p_waits").await;
    topped_up(&mut direct, 1, "10.00").await;
    let item = usage(&mut direct, "r-1", "refund", &refund("R1", "U1", "A", "5"));
    direct.run(&[item]).await;
    assert_eq!(outcome(&direct, "r-1").await, "waiting usage_unknown");
    mark(&mut direct, "w-1", 0, Utc::now() + Duration::seconds(20)).await;
    assert_eq!(ask(&mut direct, "d-1").await, "waiting usage_proof_pending");
    let item = usage(&mut direct, "u-1", "charge", &charge("U1", "A", "5"));
    direct.applied(item).await;
    direct.pipeline.sweep().await.expect("swept");
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(outcome(&direct, "r-1").await, "applied");
    assert_eq!(outcome(&direct, "d-1").await, "applied");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_was_never_opened_or_cannot_be_read_proves_nothing() {
    let mut direct = Direct::new("p_parts").await;
    topped_up(&mut direct, 1, "10.00").await;
    let (group, topic) = {
        let settings = direct.pipeline.settings();
        (settings.group.clone(), settings.topics.usage.clone())
    };
    let later = Utc::now() + Duration::seconds(20);
    mark(&mut direct, "w-0", 0, later).await;
    mark(&mut direct, "w-2", 2, later).await;
    assert_eq!(ask(&mut direct, "d-1").await, "waiting usage_proof_pending");
    mark(&mut direct, "w-1", 1, later).await;
    let state = format!(
        "INSERT INTO partition_states
         VALUES ('{group}', '{topic}', 1, 'held', 'it is', 'x', now(), now())"
    );
    direct.database.execute(&state).await;
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(outcome(&direct, "d-1").await, "waiting usage_proof_pending");
    direct.database.execute("UPDATE partition_states SET state = 'flowing'").await;
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(outcome(&direct, "d-1").await, "applied");
    direct.finish().await;
}

async fn flagged(direct: &Direct) -> String {
    let (runner, _stop) = runner(direct, "test", None);
    runner.prepare().await.expect("prepared");
    let ended = runner.run_by(Job::FlagVoidCandidates, "alice", Clock::System.now()).await;
    match ended.expect("ran") {
        JobEnded::Done(report) => report.summary,
        other => panic!("{other:?}"),
    }
}

async fn statement(direct: &mut Direct, id: &str, through: &str) {
    let data = json!({
        "bank_account": BANK, "statement_id": "S", "currency": "SGD", "entries": 0,
        "opening_balance": "0.00", "closing_balance": "0.00", "complete_through": through,
    });
    let value = envelope(id, "bank-gateway", "topup.bank.statement.v1", &data);
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_flagged_by_a_feed_that_speaks_of_the_future_or_is_open() {
    let mut direct = Direct::new("p_bank").await;
    let item = direct.command("i-1", "invoice.create", &invoice("INV-1", "A", "10.00"));
    direct.applied(item).await;
    let old = "UPDATE invoices SET stale_since = now() - interval '40 days'";
    direct.database.execute(old).await;
    statement(&mut direct, "s-1", "2100-01-01T00:00:00Z").await;
    assert_eq!(
        flagged(&direct).await,
        "nothing flagged: the statements of bank account SG-DBS-001 speak of the future \
         (statement_in_future)"
    );
    // The bank corrects its statement; then a payment dies that may be for the invoice.
    statement(&mut direct, "s-2", &Utc::now().to_rfc3339()).await;
    let value = bank("b-1", &with(credit("T1", "10.00"), &json!({ "amount": 10 })));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    let ended = direct.run(&[item]).await;
    assert_eq!(ended[0].outcome, "dead_lettered");
    assert_eq!(
        flagged(&direct).await,
        "nothing flagged: a record of the bank is an open dead letter"
    );
    discard(&direct).await;
    assert_eq!(flagged(&direct).await, "1 flagged, 0 cleared");
    direct.finish().await;
}

/// The whole way through a worker and Kafka: a charge that nobody can read, a watermark beyond it,
/// and a de-allocation that must not believe the watermark.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_gives_nothing_back_while_a_charge_is_an_open_dead_letter() {
    let world = World::new("p_worker").await;
    let worker = world.start().await;
    world.applied("c-1", "invoice.create", "PR", invoice("PR-1", "PR", "10.00")).await;
    world.applied("c-2", "payment.record", "PR", payment("PR-P", "PR", "10.00")).await;
    world.applied("c-3", "payment.allocate", "PR", allocate("PR-P", "PR", "PR-1")).await;
    let publish = async |id: &str, kind: &str, data: serde_json::Value| {
        let value = envelope(id, "rating", &format!("topup.usage.{kind}.v1"), &data);
        // To one partition: the watermark says that the charge is before it.
        world.publish(&world.topics.usage, "PR", &value).await;
    };
    // The amount is a number, and those are not read.
    let wrong = with(charge("U1", "PR", "9.50"), &json!({ "amount": 9.5 }));
    publish("u-1", "charge", wrong).await;
    world.until("SELECT count(*) FROM dead_letters WHERE status = 'open'", "1").await;
    // Of each partition: without one of them nothing is proven.
    let marks = async |id: &str, through: chrono::DateTime<Utc>| {
        let data = json!({ "complete_through": through.to_rfc3339() });
        for key in ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"] {
            let id = format!("{id}-{key}");
            let value = envelope(&id, "rating", "topup.usage.watermark.v1", &data);
            world.publish(&world.topics.usage, key, &value).await;
            assert_eq!(world.outcome(&id).await.0, "applied", "{id}");
        }
    };
    let through = Utc::now() + Duration::seconds(20);
    marks("w-1", through).await;
    let known = "SELECT count(*) FROM usage_watermarks";
    world.until(known, "2").await;
    let off = with(about_payment("PR-P", "PR"), &json!({ "invoice_id": "PR-1" }));
    world.command("d-1", "payment.deallocate", "PR", off).await;
    let stands = "SELECT concat_ws(' ', (SELECT outcome || ' ' || code FROM inbox
          WHERE message_id = 'd-1'), (SELECT amount / 10000 FROM balances WHERE account_id = 'PR'),
          (SELECT status FROM invoice_states WHERE invoice_id = 'PR-1'))";
    let waits = "waiting usage_proof_pending 1000 provisioned";
    world.until(stands, waits).await;
    // After a later watermark and a charge that can be read nothing is given back: the letter is
    // open still. Whoever looks again meanwhile finds spent money, and says so.
    publish("u-2", "charge", charge("U2", "PR", "0.50")).await;
    assert_eq!(world.outcome("u-2").await.0, "applied");
    marks("w-2", through).await;
    // Somebody else's command that waits shows that the sweep has been there since.
    world.command("q-1", "invoice.void", "Q", about_invoice("Q-1", "Q")).await;
    let of_q = "SELECT coalesce((SELECT outcome FROM inbox WHERE message_id = 'q-1'), '')";
    world.until(of_q, "waiting").await;
    world.applied("q-2", "invoice.create", "Q", invoice("Q-1", "Q", "5.00")).await;
    world.until(of_q, "applied").await;
    let now = world.value(stands).await;
    let either = ["waiting usage_proof_pending", "rejected lot_spent"];
    assert!(either.iter().any(|it| now == format!("{it} 950 provisioned")), "{now}");
    // A person puts the amount right. Then it is known that the money is spent.
    publish("u-3", "charge", charge("U1", "PR", "9.50")).await;
    assert_eq!(world.outcome("u-3").await.0, "applied");
    let pool = &world.database.admin;
    let which = Selection { text: Some("9.5".to_owned()), ..Selection::default() };
    topup::operator::dead_letters::discard(pool, &which, "ann", "sent again", false)
        .await
        .expect("discarded");
    // On a slow machine the first watermarks may not come up to the command.
    marks("w-3", Utc::now()).await;
    world.until(stands, "rejected lot_spent 0 provisioned").await;
    worker.shutdown().await;
    world.finish().await;
}

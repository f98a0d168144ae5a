//! The usage feed on PostgreSQL and Kafka.

use chrono::{Duration, Utc};
use serde_json::{Value, json};
use topup::pipeline::Pipeline;
use topup::pipeline::batch::Item;
use topup::store::load::Locks;
use topup::wire::Topic;

use crate::harness::records::{account, allocate, credit_saying, envelope, invoice, payment, with};
use crate::harness::{Direct, World};

pub fn charge(id: &str, account: &str, amount: &str) -> Value {
    json!({
        "usage_id": id, "account_id": account, "amount": amount, "currency": "SGD",
        "occurred_at": "2026-11-22T10:00:00Z", "kind": "call",
    })
}

pub fn refund(id: &str, usage: &str, account: &str, amount: &str) -> Value {
    json!({
        "refund_id": id, "usage_id": usage, "account_id": account, "amount": amount,
        "currency": "SGD",
    })
}

pub fn hold(id: &str, account: &str, amount: &str) -> Value {
    json!({ "hold_id": id, "account_id": account, "amount": amount, "currency": "SGD" })
}

pub fn usage(direct: &mut Direct, id: &str, kind: &str, data: &Value) -> Item {
    let value = envelope(id, "rating", &format!("topup.usage.{kind}.v1"), data);
    direct.item(Topic::Usage, None, value.as_bytes())
}

/// An account with one lot of that amount.
pub async fn topped_up(direct: &mut Direct, number: u32, amount: &str) {
    let (paid, billed) = (format!("PAY-{number}"), format!("INV-{number}"));
    let commands = [
        ("invoice.create", invoice(&billed, "A", amount)),
        ("payment.record", payment(&paid, "A", amount)),
        ("payment.allocate", allocate(&paid, "A", &billed)),
    ];
    for (kind, data) in commands {
        let item = direct.command(&format!("{kind}-{number}"), kind, &data);
        direct.applied(item).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_burns_lots_once_and_posts_once_per_account() {
    let mut direct = Direct::new("usage_batch").await;
    topped_up(&mut direct, 1, "10.00").await;
    topped_up(&mut direct, 2, "10.00").await;
    let batch = [
        usage(&mut direct, "u1", "charge", &charge("U1", "A", "3.5")),
        usage(&mut direct, "u2", "charge", &charge("U2", "A", "8.000001")),
        usage(&mut direct, "u3", "refund", &refund("R1", "U2", "A", "1")),
        usage(&mut direct, "u4", "charge", &charge("U3", "B", "2")),
        usage(&mut direct, "u5", "charge", &charge("U1", "A", "3.5")),
        usage(&mut direct, "u6", "charge", &charge("U1", "A", "9")),
    ];
    let ended: Vec<_> = direct.run(&batch).await.iter().map(|ended| ended.outcome).collect();
    let expected = ["applied", "applied", "applied", "applied", "duplicate", "dead_lettered"];
    assert_eq!(ended, expected);
    let database = &direct.database;
    let lots = "SELECT string_agg(remaining::text, ' ' ORDER BY opened_at) FROM lots";
    assert_eq!(database.value(lots).await, "0 9499999");
    let posted = "SELECT string_agg(kind, ' ' ORDER BY kind) FROM ledger_transactions
                  WHERE payment_id IS NULL";
    assert_eq!(database.value(posted).await, "usage_charged usage_charged usage_refunded");
    let balance = "SELECT amount::text FROM balances WHERE account_id = 'B'";
    assert_eq!(database.value(balance).await, "-2000000");
    database.audit().await;
    // The same again, by the inbox.
    let again: Vec<_> = direct.run(&batch[..2]).await.iter().map(|ended| ended.outcome).collect();
    assert_eq!(again, ["duplicate", "duplicate"]);
    direct.database.audit().await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_refuses_usage_that_contradicts_itself() {
    let mut direct = Direct::new("usage_fences").await;
    topped_up(&mut direct, 1, "10.00").await;
    let item = usage(&mut direct, "u1", "charge", &charge("U1", "A", "3"));
    direct.applied(item).await;
    let refused = [
        ("42501", "UPDATE usage_charges SET amount = 1"),
        ("42501", "DELETE FROM lot_consumptions"),
        ("23514", "UPDATE lots SET amount = amount + 1"),
        ("23514", "UPDATE lots SET remaining = amount + 1"),
        ("23505", "INSERT INTO usage_charges SELECT * FROM usage_charges"),
        (
            "23503",
            "INSERT INTO usage_charges SELECT account_id, 'U2', 7, currency, amount + 1, uncovered,
               kind, hold_id, occurred_at, ledger_transaction_id, charged_at FROM usage_charges",
        ),
        ("23503", "INSERT INTO lot_consumptions SELECT 9, lot_id, 'charge', 'B', 1 FROM lots"),
        ("23514", "INSERT INTO lot_consumptions SELECT 9, lot_id, 'refund', 'A', 1 FROM lots"),
        ("23514", "INSERT INTO holds SELECT 'A', 'H', 'SGD', 1, 1, 'live', now(), NULL"),
        ("23503", "INSERT INTO holds VALUES ('NOBODY', 'H', 'SGD', 1, 0, 'live', now())"),
    ];
    for (code, sql) in refused {
        let tried = format!(
            "DO $$ BEGIN {sql}; RAISE EXCEPTION 'not refused'; EXCEPTION WHEN SQLSTATE '{code}'
             THEN NULL; END $$"
        );
        direct.database.execute(&tried).await;
    }
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_came_first_waits_visibly_and_is_given_when_its_charge_comes() {
    let mut direct = Direct::new("usage_early").await;
    topped_up(&mut direct, 1, "10.00").await;
    let item = usage(&mut direct, "r1", "refund", &refund("R1", "U1", "A", "1"));
    let ended = direct.run(&[item]).await;
    assert_eq!((ended[0].outcome, ended[0].code.as_deref()), ("waiting", Some("usage_unknown")));
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 0);
    let item = usage(&mut direct, "u1", "charge", &charge("U1", "A", "3"));
    direct.applied(item).await;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 1);
    let balance = "SELECT amount::text FROM balances";
    assert_eq!(direct.database.value(balance).await, "8000000");
    direct.database.audit().await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_counts_until_it_expires_with_an_event() {
    let mut direct = Direct::new("usage_holds").await;
    topped_up(&mut direct, 1, "10.00").await;
    let item = usage(&mut direct, "h1", "hold", &hold("H1", "A", "4"));
    direct.applied(item).await;
    let shown = topup::store::views::accounts::balance(direct.pipeline.pool(), "A").await;
    let shown = shown.expect("read").expect("an account");
    assert_eq!(
        (shown.balances[0].held.as_str(), shown.balances[0].usable.as_str()),
        ("4.00", "6.00")
    );
    assert_eq!(shown.lots[0].held, "4.00");
    assert_eq!(shown.holds.len(), 1);
    let late = direct.at(Utc::now() + Duration::days(3_651));
    assert_eq!(late.sweep().await.expect("swept").holds_expired, 1);
    assert_eq!(late.sweep().await.expect("swept").holds_expired, 0);
    let events =
        "SELECT count(*)::text FROM told.outbox WHERE payload LIKE '%balance.hold-expired%'";
    assert_eq!(direct.database.value(events).await, "1");
    direct.database.audit().await;
    direct.finish().await;
}

/// A bank payment that decided on a balance that usage then took below zero must clear the debt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topups_and_charges_at_the_same_moment_never_lose_a_debt() {
    let mut direct = Direct::new("usage_race").await;
    let item = direct.command("a", "account.upsert", &account("A"));
    direct.applied(item).await;
    for round in 0..30 {
        let billed = format!("INV-{round}");
        let item = direct.command(&billed, "invoice.create", &invoice(&billed, "A", "10.00"));
        direct.applied(item).await;
        let data = credit_saying(&format!("B{round}"), "10.00", &billed);
        let data = with(data, &json!({ "debtor": { "account": "PAYERA" } }));
        let value = crate::harness::records::bank(&format!("b{round}"), &data);
        let paid = direct.item(Topic::BankPayments, None, value.as_bytes());
        let id = format!("U{round}");
        let spent = usage(&mut direct, &id, "charge", &charge(&id, "A", "11"));
        let (one, two) = (direct.pipeline.clone(), direct.pipeline.clone());
        let paying = tokio::spawn(async move { until_written(&one, paid).await });
        let spending = tokio::spawn(async move { until_written(&two, spent).await });
        paying.await.expect("paid");
        spending.await.expect("spent");
        direct.database.audit().await;
    }
    let sum = "SELECT sum(amount)::text FROM balances";
    assert_eq!(direct.database.value(sum).await, "-30000000");
    direct.finish().await;
}

/// As a lane does it: first with the accounts locked last, then first.
pub async fn until_written(pipeline: &Pipeline, item: Item) {
    let mut locks = Locks::Last;
    loop {
        let at = pipeline.clock().now();
        let mut tx = pipeline.pool().begin().await.expect("begin");
        let block = topup::store::next_id_block(&mut tx).await.expect("ids");
        let batch = std::slice::from_ref(&item);
        let written =
            topup::pipeline::batch::run_in_tx(pipeline, &mut tx, batch, block, locks, at).await;
        match written {
            Ok(_) => return tx.commit().await.expect("commit"),
            Err(error) if error.is_race() => tx.rollback().await.expect("rollback"),
            Err(error) => panic!("{error:?}"),
        }
        locks = Locks::First;
    }
}

/// Trigger: a batch of usage records of an account; a charge beyond balance and credit limit.
/// Consumers: rating, which stops calls; customer notifications.
/// Contents: the new balance with how many records made it; how far it is beyond the limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balance_changed_and_overdrawn_tell_what_usage_did() {
    let world = World::new("usage_events").await;
    let worker = world.start().await;
    let data = with(account("A"), &json!({ "credit_limits": { "SGD": "5.00" } }));
    world.applied("a-1", "account.upsert", "A", data).await;
    let value = envelope("u-1", "rating", "topup.usage.charge.v1", &charge("U1", "A", "7.25"));
    world.publish(&world.topics.usage, "A", &value).await;
    assert_eq!(world.outcome("u-1").await, ("applied".to_owned(), None));
    let mark = json!({ "complete_through": "2026-11-22T11:00:00Z" });
    let value = envelope("w-1", "rating", "topup.usage.watermark.v1", &mark);
    world.publish(&world.topics.usage, "any", &value).await;
    assert_eq!(world.outcome("w-1").await, ("applied".to_owned(), None));
    let events = world.events().await;
    let data = |kind: &str| {
        let mut found = events.iter().filter(|event| event.text("type") == kind);
        let event = found.next().expect("the event");
        assert_eq!(event.text("causationid"), "u-1");
        assert!(found.next().is_none(), "{kind} comes once");
        event.json["data"].clone()
    };
    assert_eq!(
        data("topup.balance.changed.v1"),
        json!({
            "sequence": 2, "account_id": "A", "delta": "-7.25", "balance": "-7.25",
            "currency": "SGD", "charges": 1, "refunds": 0,
        })
    );
    assert_eq!(
        data("topup.balance.overdrawn.v1"),
        json!({
            "sequence": 3, "account_id": "A", "balance": "-7.25", "credit_limit": "5.00",
            "exceeded_by": "2.25", "currency": "SGD",
        })
    );
    let marks = world.value("SELECT count(*)::text FROM usage_watermarks").await;
    assert_eq!(marks, "1");
    worker.shutdown().await;
    world.finish().await;
}

/// Lots may be numbered in another order than they were opened: by the order of opening they burn,
/// and by its reverse a refund gives back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_gives_back_in_the_reverse_of_the_order_of_burning() {
    let mut direct = Direct::new("usage_reverse").await;
    topped_up(&mut direct, 1, "10.00").await;
    topped_up(&mut direct, 2, "10.00").await;
    // The lot with the larger number was opened first.
    direct.database.execute("ALTER TABLE allocations DISABLE TRIGGER allocation_stays").await;
    let turned = "UPDATE lots SET opened_at = CASE lot_id WHEN (SELECT max(lot_id) FROM lots)
                  THEN timestamptz '2026-01-01Z' ELSE '2026-01-02Z' END";
    direct.database.execute(turned).await;
    direct.database.execute("ALTER TABLE allocations ENABLE TRIGGER allocation_stays").await;
    let item = usage(&mut direct, "u1", "charge", &charge("U1", "A", "15"));
    direct.applied(item).await;
    let item = usage(&mut direct, "r1", "refund", &refund("R1", "U1", "A", "5"));
    direct.applied(item).await;
    let lots = "SELECT string_agg(remaining::text, ' ' ORDER BY opened_at) FROM lots";
    assert_eq!(direct.database.value(lots).await, "0 10000000");
    direct.finish().await;
}

/// What a batch charges and gives back is posted apart; only how it left the balance counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_that_was_never_below_its_limit_is_no_finding() {
    let mut direct = Direct::new("usage_within").await;
    topped_up(&mut direct, 1, "10.00").await;
    let batch = [
        usage(&mut direct, "u1", "charge", &charge("U1", "A", "10")),
        usage(&mut direct, "r1", "refund", &refund("R1", "U1", "A", "10")),
        usage(&mut direct, "u2", "charge", &charge("U2", "A", "10")),
    ];
    direct.run(&batch).await;
    direct.finish().await;
}

/// Each record in a batch of its own: a hold is set anew after a part of it was released, also to
/// what it was; and nothing is released or given back of what is not known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_set_anew_in_batches_of_one() {
    let mut direct = Direct::new("usage_anew").await;
    topped_up(&mut direct, 1, "50.00").await;
    let held = "SELECT amount - released FROM holds WHERE hold_id = 'H'";
    let steps = [
        ("hold", "10", "10000000"),
        ("release", "4", "6000000"),
        ("hold", "10", "10000000"),
        ("release", "4", "6000000"),
        ("release", "2", "4000000"),
        ("hold", "12", "12000000"),
        ("release", "0", "12000000"),
        ("hold", "5", "5000000"),
    ];
    for (number, (kind, amount, left)) in (0..).zip(steps) {
        let item = usage(&mut direct, &format!("u{number}"), kind, &hold("H", "A", amount));
        direct.applied(item).await;
        assert_eq!(direct.database.value(held).await, left, "{number}: {kind} {amount}");
    }
    let item = usage(&mut direct, "z1", "release", &hold("NEVER", "A", "0"));
    direct.applied(item).await;
    let item = usage(&mut direct, "z2", "refund", &refund("R", "NEVER", "A", "0"));
    direct.applied(item).await;
    let waiting = "SELECT count(*) FROM waiting_commands";
    assert_eq!(direct.database.value(waiting).await, "0");
    direct.finish().await;
}

/// No balance is larger than can be kept: the charge that would make it so is refused by a code of
/// its own, and all others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_a_balance_beyond_all_limits_is_refused_by_itself() {
    let world = World::new("usage_limit").await;
    for (id, account) in
        (0..10).map(|number| (format!("u-{number}"), "A")).chain([("u-c".to_owned(), "C")])
    {
        let data = charge(&id, account, "999999999999.00");
        let value = envelope(&id, "rating", "topup.usage.charge.v1", &data);
        world.publish(&world.topics.usage, account, &value).await;
    }
    let worker = world.start().await;
    let refused = ("dead_lettered".to_owned(), Some("balance_beyond_limit".to_owned()));
    assert_eq!(world.outcome("u-9").await, refused);
    for id in ["u-0", "u-8", "u-c"] {
        assert_eq!(world.outcome(id).await.0, "applied", "{id}");
    }
    worker.shutdown().await;
    world.finish().await;
}

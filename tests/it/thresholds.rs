//! Levels of balances on PostgreSQL: told once, by the transaction that crosses them.

use serde_json::{Value, json};
use topup::store::load::Locks;
use topup::store::next_id_block;
use topup::wire::Topic;

use crate::harness::records::{account, bank, credit_saying, invoice, with};
use crate::harness::{Direct, World};
use crate::late_locks::{late, somebody_waits};
use crate::usage::{charge, refund, usage};

/// `direction level balance` of each crossing, in the order of the account's events.
async fn told(direct: &Direct) -> String {
    let sql = "SELECT coalesce(string_agg(concat_ws(' ', d->>'direction', d->>'level',
                 d->>'balance'), ', ' ORDER BY (d->>'sequence')::bigint), '')
      FROM (SELECT line::jsonb AS event, line::jsonb->'data' AS d
              FROM told.outbox, regexp_split_to_table(payload, E'\\n') AS line) e
     WHERE event->>'type' = 'topup.balance.threshold.v1'";
    direct.database.value(sql).await
}

async fn reference(direct: &Direct, invoice: &str) -> String {
    let sql = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{invoice}'");
    direct.database.value(&sql).await
}

async fn customer(test: &str, levels: Value) -> Direct {
    let mut direct = Direct::new(test).await;
    let steps = [
        ("account.upsert", with(account("A"), &json!({ "balance_levels": levels }))),
        ("invoice.create", invoice("I1", "A", "100.00")),
        ("invoice.create", invoice("I2", "A", "7.00")),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        let item = direct.command(&format!("c-{number}"), kind, &data);
        direct.applied(item).await;
    }
    direct
}

/// A batch that locks last decides without knowing the balance: what it tells is true all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_that_lock_last_tell_what_they_crossed() {
    let mut direct = customer("thresholds_late", json!({ "SGD": ["5", "103.00"] })).await;
    let mut items = Vec::new();
    for (id, invoice, amount) in [("T1", "I1", "100.00"), ("T2", "I2", "7.00")] {
        let text = reference(&direct, invoice).await;
        let value = bank(id, &credit_saying(id, amount, &text));
        items.push(direct.item(Topic::BankPayments, None, value.as_bytes()));
    }
    let pool = direct.pipeline.pool().clone();
    let mut open = pool.begin().await.expect("begin");
    let block = next_id_block(&mut open).await.expect("ids");
    let at = direct.pipeline.clock().now();
    let first = std::slice::from_ref(&items[0]);
    topup::pipeline::batch::run_in_tx(&direct.pipeline, &mut open, first, block, Locks::Last, at)
        .await
        .expect("written");
    // The second does not see the first, and waits for it at the account's lock.
    let (waited, ()) = tokio::join!(late(&direct, items[1].clone()), async {
        somebody_waits(&direct).await;
        open.commit().await.expect("commit");
    });
    assert_eq!(waited.expect("written")[0].outcome.word(), "applied");
    assert_eq!(told(&direct).await, "up 5.00 100.00, up 103.00 107.00");
    // Redelivered, nothing is told again.
    assert_eq!(
        late(&direct, items[1].clone()).await.expect("again")[0].outcome.word(),
        "duplicate"
    );
    assert_eq!(told(&direct).await, "up 5.00 100.00, up 103.00 107.00");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_tells_each_level_once_down_and_once_up() {
    let mut direct = customer("thresholds_usage", json!({ "SGD": ["0", "5", "20"] })).await;
    let text = reference(&direct, "I1").await;
    let value = bank("T1", &credit_saying("T1", "100.00", &text));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    late(&direct, item).await.expect("paid");
    let up = "up 5.00 100.00, up 20.00 100.00";
    assert_eq!(told(&direct).await, up);
    let batch = [
        usage(&mut direct, "u1", "charge", &charge("U1", "A", "80")),
        usage(&mut direct, "u2", "charge", &charge("U2", "A", "16.5")),
        usage(&mut direct, "u3", "charge", &charge("U3", "A", "4")),
        usage(&mut direct, "u4", "refund", &refund("R2", "U2", "A", "16.5")),
    ];
    direct.run(&batch).await;
    let batch_told = "down 5.00 3.50, down 0.00 -0.50, up 0.00 16.00, up 5.00 16.00";
    // 100 less 80 is the level of 20 itself: not below it, until the next charge.
    let all = format!("{up}, down 20.00 3.50, {batch_told}");
    assert_eq!(told(&direct).await, all);
    direct.run(&batch).await;
    assert_eq!(told(&direct).await, all, "the same again");
    // Levels that are set anew tell nothing by themselves.
    let set = with(account("A"), &json!({ "balance_levels": { "SGD": ["17"] } }));
    let item = direct.command("c-9", "account.upsert", &set);
    direct.applied(item).await;
    assert_eq!(told(&direct).await, all);
    let item = usage(&mut direct, "u5", "refund", &refund("R1", "U1", "A", "1"));
    direct.applied(item).await;
    assert_eq!(told(&direct).await, format!("{all}, up 17.00 17.00"));
    let refused = [
        "UPDATE accounts SET level_amounts = '{-1}'",
        "UPDATE accounts SET level_amounts = '{1,2}'",
        "UPDATE accounts SET level_amounts = NULL",
    ];
    for sql in refused {
        assert!(direct.database.refused(sql).await.starts_with("accounts_levels_are"), "{sql}");
    }
    direct.finish().await;
}

/// Everybody's levels come from the settings; a restart in between tells nothing twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_tells_no_crossing_twice_and_loses_none() {
    let mut world = World::with_partitions("thresholds_restart", 1).await;
    world.set("BALANCES__LEVELS__SGD", "5.00 20.00");
    let worker = world.start().await;
    world.applied("c-1", "invoice.create", "A", invoice("I1", "A", "30.00")).await;
    let paid = crate::harness::records::payment("P1", "A", "30.00");
    world.applied("c-2", "payment.record", "A", paid).await;
    let all = crate::harness::records::allocate("P1", "A", "I1");
    world.applied("c-3", "payment.allocate", "A", all).await;
    worker.shutdown().await;
    let spent = |id: &str, amount: &str| {
        let data = charge(id, "A", amount);
        crate::harness::records::envelope(id, "rating", "topup.usage.charge.v1", &data)
    };
    world.publish(&world.topics.usage, "A", &spent("U1", "12")).await;
    world.publish(&world.topics.usage, "A", &spent("U1", "12")).await;
    let worker = world.start().await;
    world.outcome("U1").await;
    worker.shutdown().await;
    world.publish(&world.topics.usage, "A", &spent("U2", "14")).await;
    let worker = world.start().await;
    world.outcome("U2").await;
    let events = world.events().await;
    worker.shutdown().await;
    let kind = "topup.balance.threshold.v1";
    let told: Vec<String> = events
        .iter()
        .filter(|event| event.json["type"] == kind)
        .map(|event| {
            let data = &event.json["data"];
            let word = |name: &str| data[name].as_str().expect("a text").to_owned();
            format!("{} {} {}", word("direction"), word("level"), word("balance"))
        })
        .collect();
    assert_eq!(told, ["up 5.00 30.00", "up 20.00 30.00", "down 20.00 18.00", "down 5.00 4.00"]);
    world.finish().await;
}

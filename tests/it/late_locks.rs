//! Batches of bank records read without locks and lock their accounts last (ADR 0011). What they
//! had read must still hold then: these tests hold one transaction open beside another.

use std::time::Duration;

use serde_json::json;
use topup::pipeline::batch::{Ended, Item, run_in_tx};
use topup::store::load::Locks;
use topup::store::{StoreError, next_id_block};
use topup::wire::Topic;

use crate::harness::records::{account, bank, credit, credit_saying, invoice, with};
use crate::harness::{Direct, PATIENCE};

/// One customer with a payer and two open invoices.
async fn world(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let payer = json!({ "payer_accounts": ["0720001234"] });
    let steps = [
        ("account.upsert", with(account("ACC-1"), &payer)),
        ("invoice.create", invoice("INV-1", "ACC-1", "100.00")),
        ("invoice.create", invoice("INV-2", "ACC-1", "70.00")),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        let item = direct.command(&format!("c-{number}"), kind, &data);
        direct.applied(item).await;
    }
    direct
}

fn from_payer(direct: &mut Direct, id: &str, amount: &str) -> Item {
    let debtor = json!({ "debtor": { "account": "072-000-1234" } });
    let value = bank(id, &with(credit(id, amount), &debtor));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

async fn by_reference(direct: &mut Direct, id: &str, invoice: &str, amount: &str) -> Item {
    let sql = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{invoice}'");
    let reference = direct.database.value(&sql).await;
    let value = bank(id, &credit_saying(id, amount, &reference));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

/// Runs one batch that locks last, and commits it.
pub async fn late(direct: &Direct, item: Item) -> Result<Vec<Ended>, StoreError> {
    let mut tx = direct.pipeline.pool().begin().await?;
    let block = next_id_block(&mut tx).await?;
    let at = direct.pipeline.clock().now();
    let written = run_in_tx(&direct.pipeline, &mut tx, &[item], block, Locks::Last, at).await?;
    tx.commit().await?;
    Ok(written.ended)
}

/// Waits until a transaction of this database waits for another.
pub async fn somebody_waits(direct: &Direct) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let started = std::time::Instant::now();
    while direct.database.value(waiting).await == "0" {
        assert!(started.elapsed() < PATIENCE, "nobody waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_batches_of_one_account_are_numbered_and_summed_one_after_the_other() {
    let mut direct = world("ll_rebase").await;
    let first = by_reference(&mut direct, "T-1", "INV-1", "100.00").await;
    let second = by_reference(&mut direct, "T-2", "INV-2", "70.00").await;
    let pool = direct.pipeline.pool().clone();
    let mut open = pool.begin().await.expect("begin");
    let block = next_id_block(&mut open).await.expect("ids");
    let at = direct.pipeline.clock().now();
    let batch = std::slice::from_ref(&first);
    run_in_tx(&direct.pipeline, &mut open, batch, block, Locks::Last, at).await.expect("written");
    // The second decides by what was there before the first, and waits at the account's lock.
    let (waited, ()) = tokio::join!(late(&direct, second), async {
        somebody_waits(&direct).await;
        open.commit().await.expect("commit");
    });
    assert_eq!(waited.expect("written")[0].outcome.word(), "applied");
    let balance = "SELECT amount / 10000 FROM balances WHERE account_id = 'ACC-1'";
    assert_eq!(direct.database.value(balance).await, "17000");
    let told = "SELECT (regexp_matches(payload, '\"balance\":\"([0-9.]+)\"'))[1] FROM told.outbox
                WHERE record_key = 'ACC-1' ORDER BY first_sequence";
    assert_eq!(direct.database.lines(told).await, ["100.00", "170.00"]);
    // Gapless sequences and the balance are invariants of the audit, which finish() runs.
    direct.finish().await;
}

/// The first currency is whichever came first; both sums are true whoever waits for whom.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balances_in_two_currencies_are_summed_one_after_the_other() {
    let mut direct = world("ll_currencies").await;
    let dollars = json!({ "currency": "USD" });
    let amounts = ["10.00", "20.00", "40.00"];
    for (number, amount) in (1..).zip(amounts) {
        let id = format!("USD-{number}");
        let data = with(invoice(&id, "ACC-1", amount), &dollars);
        let item = direct.command(&format!("u-{number}"), "invoice.create", &data);
        direct.applied(item).await;
    }
    let mut paying = Vec::new();
    for (number, amount) in (1..).zip(amounts) {
        let sql =
            format!("SELECT payment_reference FROM invoices WHERE invoice_id = 'USD-{number}'");
        let reference = direct.database.value(&sql).await;
        let id = format!("D-{number}");
        let value = bank(&id, &with(credit_saying(&id, amount, &reference), &dollars));
        paying.push(direct.item(Topic::BankPayments, None, value.as_bytes()));
    }
    let singapore = by_reference(&mut direct, "T-1", "INV-1", "100.00").await;
    // The first of each currency, one behind the other, while neither sees the other.
    let pool = direct.pipeline.pool().clone();
    for (first, second) in [(singapore, paying.remove(0)), (paying.remove(0), paying.remove(0))] {
        let mut open = pool.begin().await.expect("begin");
        let block = next_id_block(&mut open).await.expect("ids");
        let at = direct.pipeline.clock().now();
        let batch = std::slice::from_ref(&first);
        let written = run_in_tx(&direct.pipeline, &mut open, batch, block, Locks::Last, at);
        written.await.expect("written");
        let (waited, ()) = tokio::join!(late(&direct, second), async {
            somebody_waits(&direct).await;
            open.commit().await.expect("commit");
        });
        assert_eq!(waited.expect("written")[0].outcome.word(), "applied");
    }
    let balances = "SELECT currency, amount / 10000 FROM balances ORDER BY currency";
    assert_eq!(direct.database.lines(balances).await, ["SGD|10000", "USD|7000"]);
    let told = "SELECT (regexp_matches(payload, '\"balance\":\"([0-9.]+)\"'))[1] FROM told.outbox
                WHERE record_key = 'ACC-1' AND payload LIKE '%\"balance\":%'
                ORDER BY first_sequence";
    assert_eq!(direct.database.lines(told).await, ["100.00", "10.00", "30.00", "70.00"]);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_is_sent_meanwhile_is_not_missed() {
    let mut direct = world("ll_sent").await;
    let payment = from_payer(&mut direct, "T-1", "55.00");
    let send = direct.command("c-9", "invoice.create", &invoice("INV-9", "ACC-1", "55.00"));
    let pool = direct.pipeline.pool().clone();
    let mut open = pool.begin().await.expect("begin");
    direct.run_in(&mut open, std::slice::from_ref(&send)).await.expect("sent");
    // Nothing fits while the sending is not committed: it would be held on the account.
    let (raced, ()) = tokio::join!(late(&direct, payment.clone()), async {
        somebody_waits(&direct).await;
        open.commit().await.expect("commit");
    });
    let error = raced.expect_err("what it had read does not hold any more");
    assert!(error.is_race(), "{error}");
    assert_eq!(direct.database.value("SELECT count(*) FROM payments").await, "0");
    // The next attempt locks first.
    direct.applied(payment).await;
    let paid = "SELECT invoice_id || ' ' || rule FROM allocations";
    assert_eq!(direct.database.value(paid).await, "INV-9 R7");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_payments_of_one_invoice_pay_it_once() {
    let mut direct = world("ll_twice").await;
    let first = by_reference(&mut direct, "T-1", "INV-1", "100.00").await;
    let second = by_reference(&mut direct, "T-2", "INV-1", "100.00").await;
    let pool = direct.pipeline.pool().clone();
    let mut open = pool.begin().await.expect("begin");
    let block = next_id_block(&mut open).await.expect("ids");
    let at = direct.pipeline.clock().now();
    let batch = std::slice::from_ref(&first);
    run_in_tx(&direct.pipeline, &mut open, batch, block, Locks::Last, at).await.expect("written");
    let (raced, ()) = tokio::join!(late(&direct, second.clone()), async {
        somebody_waits(&direct).await;
        open.commit().await.expect("commit");
    });
    assert!(raced.expect_err("the invoice is paid").is_race());
    direct.applied(second).await;
    let states = "SELECT state || coalesce(' ' || reason, '') FROM payments ORDER BY payment_id";
    assert_eq!(direct.database.lines(states).await, ["allocated", "parked already_paid"]);
    direct.finish().await;
}

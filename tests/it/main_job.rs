//! The main job, end to end.

use crate::harness::World;

const INVOICE: &str = r#"{"invoice_id":"INV-1","account_id":"ACC-1","name":"November topup","amount":"100.00","currency":"SGD","send":true}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_by_reference_is_matched_and_provisioned() {
    let world = World::new("reference").await;
    let worker = world.start().await;
    world
        .command("c-1", "invoice.create", "ACC-1", INVOICE)
        .await;
    assert_eq!(world.outcome("c-1").await, ("applied".to_owned(), None));
    let reference = world.value("SELECT payment_reference FROM invoices").await;
    let data = format!(
        r#"{{"bank_account":"SG-DBS-001","bank_transaction_id":"T-1","credit_debit":"CRDT","status":"BOOK","amount":"100.00","currency":"SGD","booking_date":"2026-11-22","remittance":{{"unstructured":["topup {reference}"]}}}}"#
    );
    world.bank("b-1", &data).await;
    assert_eq!(world.outcome("b-1").await, ("applied".to_owned(), None));
    assert_eq!(
        world.value("SELECT status FROM invoices").await,
        "provisioned"
    );
    assert_eq!(
        world.value("SELECT amount FROM balances").await,
        "100000000"
    );
    assert_eq!(world.value("SELECT rule FROM allocations").await, "R2");
    assert_eq!(
        world.value("SELECT sum(amount) FROM ledger_entries").await,
        "0"
    );
    world
        .until(
            "SELECT count(*) FROM outbox WHERE published_at IS NULL",
            "0",
        )
        .await;
    worker.shutdown().await;
    world.finish().await;
}

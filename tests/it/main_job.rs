//! The main job, end to end.

use crate::harness::World;
use crate::harness::records::{credit_saying, invoice};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_by_reference_is_matched_and_provisioned() {
    let world = World::new("reference").await;
    let worker = world.start().await;
    let data = invoice("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    let reference = world.value("SELECT payment_reference FROM invoices").await;
    let data = credit_saying("T-1", "100.00", &format!("topup {reference}"));
    world.bank("b-1", data).await;
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
    world.relayed().await;
    worker.shutdown().await;
    world.finish().await;
}

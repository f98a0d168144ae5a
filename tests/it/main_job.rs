//! The main job, end to end.

use crate::harness::World;
use crate::harness::records::{credit_saying, envelope, invoice};

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
    assert_eq!(world.value("SELECT status FROM invoice_states").await, "provisioned");
    assert_eq!(world.value("SELECT amount FROM balances").await, "100000000");
    assert_eq!(world.value("SELECT rule FROM allocations").await, "R2");
    assert_eq!(world.value("SELECT sum(amount) FROM ledger_entries").await, "0");
    world.relayed().await;
    worker.shutdown().await;
    world.finish().await;
}

/// An upstream system can know the reference before: it is a function of the invoice's content.
fn reference_of(data: &str) -> String {
    use topup::wire::{RawRecord, Topic, decode};
    let value = envelope("any", "crm", "topup.invoice.create.v1", &data);
    let raw = RawRecord {
        topic: Topic::Commands,
        key: None,
        value: Some(value.as_bytes()),
        headers: &[],
    };
    let message = decode(&raw).expect("a create command");
    topup::domain::matching::reference::mint(&message.content_hash)
}

fn sent_invoice(number: usize) -> String {
    let data = invoice(&format!("INV-{number}"), &format!("ACC-{number}"), "100.00");
    data.to_string()
}

fn payment(number: usize) -> String {
    let reference = reference_of(&sent_invoice(number));
    format!(
        r#"{{"bank_account":"SG-DBS-001","bank_transaction_id":"T-{number}","credit_debit":"CRDT","status":"BOOK","amount":"100.00","currency":"SGD","booking_date":"2099-11-22","remittance":{{"unstructured":["{reference}"]}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_by_reference_that_comes_before_its_invoice_exists_is_settled() {
    let world = World::new("early_reference").await;
    let worker = world.start().await;
    world.bank("b-1", &payment(1)).await;
    assert_eq!(world.outcome("b-1").await, ("applied".to_owned(), None));
    assert_eq!(world.value("SELECT state FROM payments").await, "parked");
    world.command("c-1", "invoice.create", "ACC-1", &sent_invoice(1)).await;
    assert_eq!(world.outcome("c-1").await, ("applied".to_owned(), None));
    assert_eq!(world.value("SELECT status FROM invoice_states").await, "provisioned");
    worker.shutdown().await;
    world.finish().await;
}

/// Two topics, two lanes, no order between them: none of the pairs may miss each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_payments_and_invoices_never_misses_a_pair() {
    let world = World::new("backlog").await;
    for number in 0..60 {
        world.bank(&format!("b-{number}"), &payment(number)).await;
        let account = format!("ACC-{number}");
        let id = format!("c-{number}");
        world.command(&id, "invoice.create", &account, &sent_invoice(number)).await;
    }
    let worker = world.start().await;
    world.until("SELECT count(*) FROM inbox WHERE outcome = 'applied'", "120").await;
    let open = "SELECT count(*) FROM invoice_states WHERE status <> 'provisioned'";
    assert_eq!(world.value(open).await, "0");
    worker.shutdown().await;
    world.finish().await;
}

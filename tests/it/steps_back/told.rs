//! What steps back tell, read back from the topic. As in `events`: a doc comment names what
//! triggers an event, who consumes it, and what it contains.

use chrono::Utc;
use serde_json::{Value, json};

use super::deallocate;
use crate::harness::World;
use crate::harness::records::{
    about_payment, allocate, credit, credit_saying, envelope, invoice, payment, with,
};

async fn of_record(world: &World, id: &str) -> Vec<(String, Value)> {
    let mut events = world.events().await;
    events.retain(|event| event.text("causationid") == id);
    let told = |event: &crate::harness::Event| {
        assert_eq!(event.record.key_text(), "A");
        let mut data = event.json["data"].clone();
        let fields = data.as_object_mut().expect("an object");
        fields.remove("sequence").expect("a sequence");
        (event.text("type").to_owned(), data)
    };
    events.iter().map(told).collect()
}

/// Invoice INV-n, and PAY-n that pays it.
async fn paid(world: &World, number: u32, amount: &str) -> String {
    let (billed, paid) = (format!("INV-{number}"), format!("PAY-{number}"));
    let data = invoice(&billed, "A", amount);
    world.applied(&format!("i-{number}"), "invoice.create", "A", data).await;
    let data = payment(&paid, "A", amount);
    world.applied(&format!("p-{number}"), "payment.record", "A", data).await;
    let data = allocate(&paid, "A", &billed);
    world.applied(&format!("a-{number}"), "payment.allocate", "A", data).await;
    world.value("SELECT max(allocation_id) FROM allocations").await
}

/// Marks both partitions of usage: a key is found for each.
async fn mark(world: &World, partition: i32) {
    let data = json!({ "complete_through": Utc::now().to_rfc3339() });
    for number in 0..100 {
        let id = format!("w-{partition}-{number}");
        let value = envelope(&id, "rating", "topup.usage.watermark.v1", &data);
        let (to, _) = world.publish(&world.topics.usage, &format!("k{number}"), &value).await;
        world.outcome(&id).await;
        if to == partition {
            return;
        }
    }
    panic!("no key leads to partition {partition}");
}

/// Trigger: a command to de-allocate waits for the usage feed; and then it is applied.
/// Consumers: the requester; the invoicing system, which takes "paid" off the document; rating.
/// Contents: how far usage must be known; what went back, and what is due and free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_proof_deallocated_due_restored_and_balance_changed() {
    let world = World::new("sb_told").await;
    let worker = world.start().await;
    let allocation = paid(&world, 1, "10.00").await;
    // The worker has both partitions before the command comes.
    let usage = format!("SELECT count(*) FROM checkpoints WHERE topic = '{}'", world.topics.usage);
    world.until(&usage, "2").await;
    let data = with(deallocate("PAY-1", "INV-1"), &json!({ "reason": "wrong invoice" }));
    world.command("d-1", "payment.deallocate", "A", data).await;
    let waits = ("waiting".to_owned(), Some("usage_proof_pending".to_owned()));
    assert_eq!(world.outcome("d-1").await, waits);
    mark(&world, 0).await;
    let told = of_record(&world, "d-1").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "topup.command.pending-proof.v1");
    let needs = &told[0].1["needs_usage_through"];
    assert_eq!(
        told[0].1,
        json!({
            "command_id": "d-1", "command_type": "topup.payment.deallocate.v1",
            "account_id": "A", "payment_id": "PAY-1", "needs_usage_through": needs,
        })
    );
    mark(&world, 1).await;
    mark(&world, 0).await;
    world.until("SELECT count(*) FROM waiting_commands", "0").await;
    assert_eq!(world.outcome("d-1").await, ("applied".to_owned(), None));
    let told = of_record(&world, "d-1").await;
    let expected = [
        (
            "topup.payment.deallocated.v1",
            json!({
                "payment_id": "PAY-1", "invoice_id": "INV-1", "account_id": "A",
                "allocation_id": allocation, "amount": "10.00", "currency": "SGD",
                "reason": "wrong invoice", "invoice_amount_due": "10.00",
                "payment_unallocated": "10.00",
            }),
        ),
        (
            "topup.invoice.payment-due-restored.v1",
            json!({
                "invoice_id": "INV-1", "account_id": "A", "amount": "10.00", "currency": "SGD",
                "amount_due": "10.00", "cause": "deallocated",
            }),
        ),
        (
            "topup.balance.changed.v1",
            json!({
                "account_id": "A", "delta": "-10.00", "balance": "0.00", "currency": "SGD",
                "allocation_id": allocation, "cause": "deallocated",
            }),
        ),
    ]
    .map(|(kind, data)| (kind.to_owned(), data));
    assert_eq!(told[1..], expected);
    worker.shutdown().await;
    world.finish().await;
}

/// Trigger: a payment was removed; the bank took one back; the bank undid that.
/// Consumers: accounting, the invoicing system.
/// Contents: the amount, where it was taken from, and all that was ever returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_returned_and_return_undone() {
    let mut world = World::new("sb_told_back").await;
    world.set("USAGE__PROOF", "none");
    let worker = world.start().await;
    paid(&world, 1, "10.00").await;
    let data = with(about_payment("PAY-1", "A"), &json!({ "reason": "never came" }));
    world.applied("r-1", "payment.remove", "A", data).await;
    let told = of_record(&world, "r-1").await;
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    let expected = [
        "topup.payment.removed.v1",
        "topup.invoice.payment-due-restored.v1",
        "topup.balance.changed.v1",
    ];
    assert_eq!(kinds, expected);
    let expected = json!({
        "payment_id": "PAY-1", "account_id": "A", "amount": "10.00", "currency": "SGD",
        "reason": "never came",
    });
    assert_eq!(told[0].1, expected);
    let reference = "SELECT payment_reference FROM invoices";
    let reference = world.value(reference).await;
    world.bank("b-1", credit_saying("B1", "10.00", &reference)).await;
    world.outcome("b-1").await;
    let paid = "SELECT payment_id FROM payments WHERE origin = 'bank'";
    let paid = world.value(paid).await;
    let of = |id: &str| json!({ "reversal": true, "return_of": { "bank_transaction_id": id } });
    let back = with(with(credit("R1", "4.00"), &of("B1")), &json!({ "credit_debit": "DBIT" }));
    world.bank("b-2", back).await;
    world.outcome("b-2").await;
    let told = of_record(&world, "b-2").await;
    assert_eq!(told[0].0, "topup.payment.returned.v1");
    let expected = json!({
        "payment_id": paid, "account_id": "A", "amount": "4.00", "currency": "SGD",
        "from_unallocated": "0.00", "from_unspent": "4.00", "clawed_back": "0.00",
        "returned_total": "4.00",
    });
    assert_eq!(told[0].1, expected);
    world.bank("b-3", with(credit("U1", "4.00"), &of("R1"))).await;
    world.outcome("b-3").await;
    let told = of_record(&world, "b-3").await;
    assert_eq!(told[0].0, "topup.payment.return-undone.v1");
    let expected = json!({
        "payment_id": paid, "account_id": "A", "amount": "4.00", "currency": "SGD",
        "allocated_again": "4.00", "returned_total": "0.00",
    });
    assert_eq!(told[0].1, expected);
    worker.shutdown().await;
    world.finish().await;
}

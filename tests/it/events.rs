//! The public events, read back from the topic as another system reads them. One test each: its
//! doc comment names what triggers the event, who consumes it, and what it contains.

use serde_json::{Value, json};

use crate::harness::records::{
    BANK, account, allocate, allocate_amount, credit, draft, invoice, payment, with,
};
use crate::harness::{Event, World};

/// The only event of a type, with what every event must have.
async fn only(world: &World, kind: &str, key: &str, cause: (&str, &str)) -> Value {
    let mut events = world.events().await;
    events.retain(|event| event.text("type") == format!("topup.{kind}.v1"));
    assert_eq!(events.len(), 1, "events of type {kind}: {events:?}");
    let event = events.remove(0);
    check(&event, key, cause);
    event.json["data"].clone()
}

fn check(event: &Event, key: &str, (source, id): (&str, &str)) {
    assert_eq!(event.record.key_text(), key);
    assert_eq!(event.record.header("content-type"), ["application/cloudevents+json"]);
    assert_eq!(event.text("specversion"), "1.0");
    assert_eq!(event.text("source"), "topup");
    assert_eq!(event.text("subject"), key);
    assert_eq!(event.text("datacontenttype"), "application/json");
    assert_eq!(event.text("causationsource"), source);
    assert_eq!(event.text("causationid"), id);
    let trace: Vec<&str> = event.json["traceparent"].as_str().into_iter().collect();
    assert_eq!(event.record.header("traceparent"), trace);
    let time = event.text("time");
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    for name in ["amount", "amount_due", "delta", "balance", "unallocated"] {
        let amount = &event.json["data"][name];
        assert!(amount.is_null() || amount.is_string(), "{name}: {amount}");
    }
}

/// Trigger: `topup.account.upsert.v1` was applied.
/// Consumers: search and support tools that show customers by name.
/// Contents: the account and its name; payer accounts and limits are not told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn account_upserted_tells_the_name() {
    let world = World::new("e_upserted").await;
    let worker = world.start().await;
    let data = with(account("ACC-1"), &json!({ "payer_accounts": ["DE02120300000000202051"] }));
    world.applied("c-1", "account.upsert", "ACC-1", data).await;
    let data = only(&world, "account.upserted", "ACC-1", ("crm", "c-1")).await;
    let expected = json!({ "sequence": 1, "account_id": "ACC-1", "name": "Customer ACC-1" });
    assert_eq!(data, expected);
    worker.shutdown().await;
    world.finish().await;
}

/// Trigger: `topup.invoice.create.v1` was applied.
/// Consumers: the invoicing system, which prints the payment reference on the document.
/// Contents: the invoice as created, with the ISO 11649 reference that was minted for it; the
/// trace context of the command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoice_created_tells_the_payment_reference() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let world = World::new("e_created").await;
    let worker = world.start().await;
    let data = with(draft("INV-1", "ACC-1", "100.5"), &json!({ "due_date": "2026-12-31" }));
    let value = crate::harness::records::command("c-1", "invoice.create", &data);
    let (topic, value) = (&world.topics.commands, value.as_bytes());
    world.publish_raw(topic, Some("ACC-1"), Some(value), &[("traceparent", TRACE)]).await;
    world.outcome("c-1").await;
    let events = world.events().await;
    assert_eq!(events.len(), 1, "a draft is created and nothing else");
    assert_eq!(events[0].text("traceparent"), TRACE);
    let data = only(&world, "invoice.created", "ACC-1", ("crm", "c-1")).await;
    let reference = world.value("SELECT payment_reference FROM invoices").await;
    assert!(reference.starts_with("RF"), "{reference}");
    let expected = json!({
        "sequence": 1,
        "invoice_id": "INV-1",
        "account_id": "ACC-1",
        "name": "November topup",
        "amount": "100.50",
        "currency": "SGD",
        "due_date": "2026-12-31",
        "payment_reference": reference,
    });
    assert_eq!(data, expected);
    worker.shutdown().await;
    world.finish().await;
}

/// Trigger: `topup.invoice.mark-sent.v1`, or `invoice.create` with `send`.
/// Consumers: dunning and reporting, which count from the day of sending.
/// Contents: what is due until when, and the reference to pay with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoice_sent_tells_what_is_due() {
    let world = World::new("e_sent").await;
    let worker = world.start().await;
    let data = draft("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    let data = json!({ "invoice_id": "INV-1", "account_id": "ACC-1" });
    world.applied("c-2", "invoice.mark-sent", "ACC-1", data).await;
    let data = only(&world, "invoice.sent", "ACC-1", ("crm", "c-2")).await;
    let expected = json!({
        "sequence": 2,
        "invoice_id": "INV-1",
        "account_id": "ACC-1",
        "amount_due": "100.00",
        "currency": "SGD",
        "payment_reference": world.value("SELECT payment_reference FROM invoices").await,
    });
    assert_eq!(data, expected);
    worker.shutdown().await;
    world.finish().await;
}

/// Trigger: the last of an invoice's amount was allocated; never a part of it.
/// Consumers: the invoicing system, which marks the document as paid.
/// Contents: the invoice and its whole amount.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoice_provisioned_comes_once_when_nothing_is_due() {
    let world = World::new("e_provisioned").await;
    let worker = world.start().await;
    paid_in_two_parts(&world).await;
    let data = only(&world, "invoice.provisioned", "ACC-1", ("crm", "c-4")).await;
    let expected = json!({
        "sequence": 8,
        "invoice_id": "INV-1",
        "account_id": "ACC-1",
        "amount": "100.00",
        "currency": "SGD",
    });
    assert_eq!(data, expected);
    worker.shutdown().await;
    world.finish().await;
}

/// INV-1 over 100.00, of which PAY-1 (150.00) pays 40.00, and then PAY-2 (60.00) the rest.
async fn paid_in_two_parts(world: &World) {
    let data = invoice("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    let data = payment("PAY-1", "ACC-1", "150.00");
    world.applied("c-2", "payment.record", "ACC-1", data).await;
    let data = allocate_amount("PAY-1", "ACC-1", "INV-1", "40.00");
    world.applied("c-3", "payment.allocate", "ACC-1", data).await;
    let data = payment("PAY-2", "ACC-1", "60.00");
    world.applied("p-2", "payment.record", "ACC-1", data).await;
    let data = allocate("PAY-2", "ACC-1", "INV-1");
    world.applied("c-4", "payment.allocate", "ACC-1", data).await;
}

/// Trigger: `topup.invoice.void.v1` was applied.
/// Consumers: the invoicing system and dunning.
/// Contents: the invoice, its amount, and the reason that was given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoice_voided_tells_the_reason() {
    let world = World::new("e_voided").await;
    let worker = world.start().await;
    let data = invoice("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    let data = json!({ "invoice_id": "INV-1", "account_id": "ACC-1", "reason": "sent twice" });
    world.applied("c-2", "invoice.void", "ACC-1", data).await;
    let data = only(&world, "invoice.voided", "ACC-1", ("crm", "c-2")).await;
    let expected = json!({
        "sequence": 3,
        "invoice_id": "INV-1",
        "account_id": "ACC-1",
        "amount": "100.00",
        "currency": "SGD",
        "reason": "sent twice",
    });
    assert_eq!(data, expected);
    worker.shutdown().await;
    world.finish().await;
}

/// Trigger: `topup.payment.record.v1`, or a booked credit of the bank.
/// Consumers: accounting.
/// Contents: the money, the day on which it counts, where it came from, and the account if one is
/// known. The key is that account, else the payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payment_recorded_is_keyed_by_account_or_by_payment() {
    let world = World::new("e_recorded").await;
    let worker = world.start().await;
    let data = payment("PAY-1", "ACC-1", "100.00");
    world.applied("c-1", "payment.record", "ACC-1", data).await;
    let by_account = only(&world, "payment.recorded", "ACC-1", ("crm", "c-1")).await;
    let expected = json!({
        "sequence": 1,
        "payment_id": "PAY-1",
        "account_id": "ACC-1",
        "amount": "100.00",
        "currency": "SGD",
        "received_on": "2026-11-22",
        "origin": "manual",
    });
    assert_eq!(by_account, expected);
    world.bank("b-1", credit("T-1", "7.5")).await;
    world.outcome("b-1").await;
    let mut events = world.events().await;
    events.retain(|event| event.text("causationid") == "b-1");
    let key = format!("BANK:{BANK}:T-1");
    check(&events[0], &key, ("bank-gateway", "b-1"));
    let expected = json!({
        "sequence": 1,
        "payment_id": key,
        "amount": "7.50",
        "currency": "SGD",
        "received_on": "2099-01-05",
        "origin": "bank",
    });
    assert_eq!(events[0].json["data"], expected);
    worker.shutdown().await;
    world.finish().await;
}

/// Trigger: part of a payment was allocated to an invoice, by command or by a matching rule.
/// Consumers: the invoicing system, accounting.
/// Contents: payment, invoice, amount, the rule, and what is left on both sides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payment_allocated_tells_the_rule_and_what_is_left() {
    let world = World::new("e_allocated").await;
    let worker = world.start().await;
    paid_in_two_parts(&world).await;
    let mut events = world.events().await;
    events.retain(|event| event.text("type") == "topup.payment.allocated.v1");
    assert_eq!(events.len(), 2);
    check(&events[0], "ACC-1", ("crm", "c-3"));
    let lots = "SELECT string_agg(allocation_id::text, ',' ORDER BY amount) FROM allocations";
    let ids = world.value(lots).await;
    let expected = json!({
        "sequence": 4,
        "payment_id": "PAY-1",
        "invoice_id": "INV-1",
        "account_id": "ACC-1",
        "allocation_id": ids.split(',').next(),
        "amount": "40.00",
        "currency": "SGD",
        "rule": "R1",
        "invoice_amount_due": "60.00",
        "payment_unallocated": "110.00",
    });
    assert_eq!(events[0].json["data"], expected);
    let second = &events[1].json["data"];
    assert_eq!(second["invoice_amount_due"], "0.00");
    assert_eq!(second["payment_unallocated"], "0.00");
    worker.shutdown().await;
    world.finish().await;
}

/// Trigger: matching found no invoice that a payment may pay by itself.
/// Consumers: the review list of the finance team.
/// Contents: what is left of the payment, a stable reason, and invoices to choose from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payment_parked_tells_the_reason_and_what_to_choose_from() {
    let world = World::new("e_parked").await;
    let worker = world.start().await;
    let data = invoice("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    world.bank("b-1", credit("T-1", "100.00")).await;
    world.outcome("b-1").await;
    let key = format!("BANK:{BANK}:T-1");
    let data = only(&world, "payment.parked", &key, ("bank-gateway", "b-1")).await;
    let suggestion = world.value("SELECT suggestion_id FROM suggestions").await;
    let expected = json!({
        "sequence": 2,
        "payment_id": key,
        "unallocated": "100.00",
        "currency": "SGD",
        "reason": "amount_only",
        "suggestions": [{
            "suggestion_id": suggestion,
            "invoice_id": "INV-1",
            "account_id": "ACC-1",
            "amount_due": "100.00",
            "currency": "SGD",
        }],
    });
    assert_eq!(data, expected);
    worker.shutdown().await;
    world.finish().await;
}

/// Trigger: an allocation put money on a balance.
/// Consumers: rating and charging, which let the customer spend it.
/// Contents: the change, the new balance, and the allocation that caused it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balance_changed_tells_the_change_and_the_sum() {
    let world = World::new("e_balance").await;
    let worker = world.start().await;
    paid_in_two_parts(&world).await;
    let mut events = world.events().await;
    events.retain(|event| event.text("type") == "topup.balance.changed.v1");
    let told: Vec<Value> = events.iter().map(|event| event.json["data"].clone()).collect();
    check(&events[0], "ACC-1", ("crm", "c-3"));
    check(&events[1], "ACC-1", ("crm", "c-4"));
    let ids = "SELECT string_agg(lot_id::text, ',' ORDER BY lot_id) FROM lots";
    let ids = world.value(ids).await;
    let ids: Vec<&str> = ids.split(',').collect();
    let change = |sequence: i64, delta: &str, balance: &str, allocation: &str| {
        json!({
            "sequence": sequence,
            "account_id": "ACC-1",
            "delta": delta,
            "balance": balance,
            "currency": "SGD",
            "allocation_id": allocation,
        })
    };
    let expected = [change(5, "40.00", "40.00", ids[0]), change(9, "60.00", "100.00", ids[1])];
    assert_eq!(told, expected);
    worker.shutdown().await;
    world.finish().await;
}

/// Trigger: a command was refused for a business reason.
/// Consumers: the system that sent the command; it finds its own id in `command_id`.
/// Contents: the command's id and type, a stable code, and a sentence for people.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_rejected_answers_the_requester() {
    let world = World::new("e_rejected").await;
    let worker = world.start().await;
    let data = draft("INV-1", "ACC-1", "100.00");
    world.applied("c-1", "invoice.create", "ACC-1", data).await;
    let data = payment("PAY-1", "ACC-1", "100.00");
    world.applied("c-2", "payment.record", "ACC-1", data).await;
    let data = allocate("PAY-1", "ACC-1", "INV-1");
    world.command("c-3", "payment.allocate", "ACC-1", data).await;
    let refused = ("rejected".to_owned(), Some("invoice_not_sent".to_owned()));
    assert_eq!(world.outcome("c-3").await, refused);
    let data = only(&world, "command.rejected", "ACC-1", ("crm", "c-3")).await;
    let expected = json!({
        "sequence": 3,
        "command_id": "c-3",
        "command_type": "topup.payment.allocate.v1",
        "account_id": "ACC-1",
        "code": "invoice_not_sent",
        "message": "The invoice must be sent, or marked as sent, first.",
    });
    assert_eq!(data, expected);
    worker.shutdown().await;
    world.finish().await;
}

//! What a line made and changed is printed by it: ids, amounts, customers, states.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::World;
use crate::harness::records::{credit_saying, invoice, with};
use crate::verbs::{change, done, said, topup};

const WHY: [&str; 2] = ["--reason", "as agreed"];

/// The line with its reason, done; each of its changes is there and says what is expected.
fn told(world: &World, line: &str, expected: &[(&str, &str, &str)]) -> Value {
    let words: Vec<&str> = line.split(' ').chain(WHY).collect();
    let told = done(world, &words);
    for (of, what, change_of) in expected {
        assert_eq!(&change(&told, of, what), change_of, "{line}: {of} {what}");
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_verb_prints_what_it_made_and_changed() {
    let mut world = World::new("verbs_told").await;
    world.set("USAGE__PROOF", "none");
    let worker = world.start().await;
    let upsert = "accounts upsert ACC-1 --name Acme --time-zone Asia/Singapore";
    let (one, other) = ("account ACC-1", "invoice INV-1");
    told(&world, upsert, &[(one, "name", "- -> Acme"), (one, "time zone", "- -> Asia/Singapore")]);
    let create = "invoices create INV-1 --account ACC-1 --amount 60.00 --currency SGD --name Nov";
    let made = [
        (other, "state", "- -> draft"),
        (other, "customer", "- -> ACC-1"),
        (other, "amount", "- -> 60.00 SGD"),
        (other, "due", "- -> 60.00 SGD"),
    ];
    let made = told(&world, create, &made);
    let reference = world.value("SELECT payment_reference FROM invoices").await;
    assert_eq!(change(&made, other, "reference"), format!("- -> {reference}"));
    let send =
        told(&world, "invoices send INV-1", &[(other, "state", "draft -> awaiting_payment")]);
    assert!(change(&send, other, "sent").starts_with("- -> 20"), "{send}");
    // Instants are told to the second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let again = told(&world, "invoices send INV-1", &[]);
    assert!(change(&again, other, "stale since").starts_with("20"), "its age is anew: {again}");
    let keep = "invoices keep INV-1 --until 2099-01-31";
    told(&world, keep, &[(other, "kept until", "- -> 2099-01-31")]);
    told(&world, "invoices keep INV-1", &[(other, "kept until", "2099-01-31 -> always")]);
    let shown = said(&topup(&world, &["invoices", "show", "INV-1"]));
    assert!(shown.contains("kept until") && shown.contains("always"), "{shown}");
    let gone = "invoices create INV-9 --account ACC-1 --amount 5.00 --currency SGD --name Nov";
    told(&world, gone, &[]);
    let void = [
        ("invoice INV-9", "state", "draft -> voided"),
        ("invoice INV-9", "due", "5.00 SGD -> 0.00 SGD"),
        ("invoice INV-9", "why voided", "- -> by alice: as agreed"),
    ];
    told(&world, "invoices void INV-9", &void);

    let cash = "--currency SGD --received-on 2026-11-22 --method cash";
    let record = [
        ("payment P-1", "amount", "- -> 75.00 SGD"),
        ("payment P-1", "unallocated", "- -> 75.00 SGD"),
    ];
    told(&world, &format!("payments record P-1 --amount 75.00 {cash}"), &record);
    let owner = [("payment P-1", "customer", "- -> ACC-1")];
    told(&world, "payments assign P-1 --account ACC-1", &owner);
    let paid = [
        ("payment P-1", "unallocated", "75.00 SGD -> 15.00 SGD"),
        (other, "state", "awaiting_payment -> provisioned"),
        ("balance ACC-1 SGD", "balance", "- -> 60.00 SGD"),
    ];
    told(&world, "payments allocate P-1 --invoice INV-1", &paid);
    let refund = [
        ("payment P-1", "refunded", "- -> 15.00 SGD"),
        ("payment P-1", "unallocated", "15.00 SGD -> 0.00 SGD"),
    ];
    told(&world, "payments refund P-1", &refund);
    let off = [("balance ACC-1 SGD", "balance", "60.00 SGD -> 0.00 SGD")];
    told(&world, "payments deallocate P-1 --invoice INV-1", &off);
    told(&world, &format!("payments record P-2 --amount 3.00 {cash}"), &[]);
    let dismissed = told(&world, "payments dismiss P-2", &[]);
    assert!(change(&dismissed, "payment P-2", "state").starts_with("parked"), "{dismissed}");
    told(&world, "accounts close ACC-1", &[(one, "state", "open -> closed")]);
    told(&world, "accounts reopen ACC-1", &[(one, "state", "closed -> open")]);
    worker.shutdown().await;
    world.finish().await;
}

/// A split says which payments it made, over how much, and whose they are; undone, what went back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_prints_its_parts_and_unsplit_what_each_customer_loses() {
    let mut world = World::new("verbs_parts").await;
    world.set("USAGE__PROOF", "none");
    let worker = world.start().await;
    for (id, owner, amount) in [("INV-1", "ACC-1", "60.50"), ("INV-2", "ACC-2", "40.00")] {
        world.applied(id, "invoice.create", owner, invoice(id, owner, amount)).await;
    }
    world.bank("b-1", credit_saying("T-1", "110.00", "card sales")).await;
    world.until("SELECT count(*) FROM payments", "1").await;
    let id = world.value("SELECT payment_id FROM payments").await;
    let line = format!("payments split {id} --invoice INV-1 --part ACC-2=49.50/INV-2");
    let words: Vec<&str> = line.split(' ').chain(WHY).collect();
    let dry = topup(&world, &words);
    assert!(said(&dry).contains("payment SPLIT:"), "{}", said(&dry));
    let made =
        told(&world, &line, &[(&format!("payment {id}"), "unallocated", "110.00 SGD -> 0.00 SGD")]);
    for (owner, amount, left) in [("ACC-1", "60.50", "0.00"), ("ACC-2", "49.50", "9.50")] {
        let sql = format!("SELECT part_id FROM payment_splits WHERE account_id = '{owner}'");
        let part = format!("payment {}", world.value(&sql).await);
        assert_eq!(change(&made, &part, "customer"), format!("- -> {owner}"));
        assert_eq!(change(&made, &part, "amount"), format!("- -> {amount} SGD"));
        assert_eq!(change(&made, &part, "unallocated"), format!("- -> {left} SGD"));
    }
    let line = format!("payments unsplit {id}");
    let options = ["--set", "usage.proof=none", "--output", "json"];
    let words: Vec<&str> = options.into_iter().chain(line.split(' ')).chain(WHY).collect();
    let dry = topup(&world, &words);
    let dry = serde_json::from_slice(&dry.stdout).expect("JSON");
    let undone = told(&world, &line, &[]);
    for (told, owner, invoice, paid) in [
        (&dry, "ACC-1", "INV-1", "60.50"),
        (&dry, "ACC-2", "INV-2", "40.00"),
        (&undone, "ACC-1", "INV-1", "60.50"),
        (&undone, "ACC-2", "INV-2", "40.00"),
    ] {
        let (lost, due) = (format!("{paid} SGD -> 0.00 SGD"), format!("0.00 SGD -> {paid} SGD"));
        assert_eq!(change(told, &format!("balance {owner} SGD"), "balance"), lost);
        assert_eq!(change(told, &format!("invoice {invoice}"), "due"), due);
    }
    for (owner, balance) in [("ACC-1", "60.50"), ("ACC-2", "40.00")] {
        let expected = format!("{balance} SGD -> 0.00 SGD");
        assert_eq!(change(&undone, &format!("balance {owner} SGD"), "balance"), expected);
        let sql = format!("SELECT part_id FROM payment_splits WHERE account_id = '{owner}'");
        let part = format!("payment {}", world.value(&sql).await);
        assert!(change(&undone, &part, "state").ends_with("-> removed"), "{undone}");
    }
    worker.shutdown().await;
    world.finish().await;
}

/// What is about a return or another command says what became of that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_return_and_of_a_waiting_command_is_printed() {
    let world = World::new("verbs_ends").await;
    let worker = world.start().await;
    world.applied("i-1", "invoice.create", "ACC-1", invoice("INV-1", "ACC-1", "50.00")).await;
    let taken = json!({ "credit_debit": "DBIT", "reversal": true });
    world.bank("b-1", with(credit_saying("R-1", "50.00", "back"), &taken)).await;
    world.until("SELECT count(*) FROM parked_returns", "1").await;
    let place = world.value("SELECT bank_account || ' ' || bank_key FROM parked_returns").await;
    let ended = told(&world, &format!("returns end {place} --account ACC-1"), &[]);
    let state = change(&ended, &format!("return {place}"), "state");
    assert!(state.starts_with("return_parked -> "), "{ended}");
    let why = change(&ended, &format!("return {place}"), "why parked");
    assert!(why.ends_with("-> -"), "{ended}");
    // What is refused says what it was about.
    world.command("r-1", "invoice.create", "ACC-1", invoice("INV-1", "ACC-1", "51.00")).await;
    world.command("r-2", "account.reopen", "ACC-1", json!({ "account_id": "ACC-1" })).await;
    for (id, about) in [("r-1", "invoice:INV-1"), ("r-2", "account:ACC-1")] {
        assert_eq!(world.outcome(id).await.0, "rejected", "{id}");
        let shown = said(&topup(&world, &["records", "show", id]));
        let line = shown.lines().find(|line| line.contains("about"));
        assert!(line.is_some_and(|line| line.ends_with(about)), "{shown}");
    }
    let waits = json!({ "invoice_id": "INV-8", "account_id": "ACC-1" });
    world.command("w-1", "invoice.mark-sent", "ACC-1", waits).await;
    assert_eq!(world.outcome("w-1").await.0, "waiting");
    let cancelled = told(&world, "commands cancel w-1", &[]);
    let of =
        world.value("SELECT 'command ' || source || '/w-1' FROM inbox WHERE message_id = 'w-1'");
    assert_eq!(change(&cancelled, &of.await, "outcome"), "waiting -> rejected");
    worker.shutdown().await;
    world.finish().await;
}

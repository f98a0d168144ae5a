//! What a person says of suggestions and splits in a line: it is read back first, then it is the
//! ordinary command, by its topic.

use serde_json::{Value, json};

use crate::harness::World;
use crate::harness::records::{account, credit, credit_saying, invoice, with};
use crate::verbs::{change, done, said, topup};

const SUGGESTION: &str = "SELECT s.suggestion_id FROM suggestions s
    JOIN suggestion_invoices i USING (suggestion_id) WHERE i.invoice_id = ";

async fn suggestion(world: &World, invoice_id: &str) -> String {
    world.value(&format!("{SUGGESTION}'{invoice_id}'")).await
}

/// Two customers' invoices, each with a payment that fits by its amount only.
async fn suggested(world: &World) -> (String, String) {
    for (id, amount) in [("INV-1", "101.00"), ("INV-2", "102.00")] {
        world.applied(id, "invoice.create", "ACC-1", invoice(id, "ACC-1", amount)).await;
        let payer =
            json!({ "debtor": { "name": "Jane Roe", "account": "DE89370400440532013000" } });
        let credit = credit(&id.replace("INV-", "T"), amount);
        world.bank(&format!("b-{id}"), with(credit, &payer)).await;
    }
    world.until("SELECT count(*) FROM suggestions WHERE status = 'open'", "2").await;
    (suggestion(world, "INV-1").await, suggestion(world, "INV-2").await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirming_reads_back_and_tells_who_was_first() {
    let world = World::new("verbs_confirm").await;
    let worker = world.start().await;
    let (first, second) = suggested(&world).await;
    let rows = "SELECT (SELECT count(*) FROM inbox) || ' ' || (SELECT count(*) FROM outbox)
                 || ' ' || (SELECT count(*) FROM operator_commands)";
    let before = world.value(rows).await;
    let dry = topup(&world, &["review", "confirm", &first]);
    let shown = said(&dry);
    assert_eq!(dry.status.code(), Some(0), "{shown}");
    for part in [
        "would be applied",
        "BANK:",
        "…oe, …3000",
        "101.00 SGD",
        "ACC-1",
        "INV-1",
        "due before",
        "payer …3000 of ACC-1 pays for this customer (confirmed: 1)",
        "Nothing is done yet: --yes does it.",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("DE89370400440532013000"), "{shown}");
    assert_eq!(world.value(rows).await, before, "a dry run wrote");
    let confirm = ["review", "confirm", &first, "--reason", "asked the payer"];
    let told = done(&world, &confirm);
    let told = &told[0];
    assert_eq!(told["outcome"], "applied", "{told}");
    assert_eq!(change(told, "invoice INV-1", "due"), "101.00 SGD -> 0.00 SGD");
    assert_eq!(told["suggestion"]["invoices"][0]["due_after"], "0.00", "{told}");
    let kept = "SELECT i.source || ' ' || i.message_type || ' ' || o.operator || ' ' || o.reason
                  FROM operator_commands o JOIN inbox i USING (source, message_id)";
    let line = "operators topup.match.confirm.v1 alice asked the payer";
    assert_eq!(world.value(kept).await, line);
    // Somebody comes second.
    let again = topup(&world, &["review", "confirm", &first, "--yes"]);
    let shown = said(&again);
    assert_eq!(again.status.code(), Some(1), "{shown}");
    assert!(shown.contains("suggestion_closed"), "{shown}");
    assert!(shown.contains("alice confirmed it at 20"), "{shown}");
    assert!(shown.contains(": asked the payer"), "{shown}");
    let unknown = topup(&world, &["review", "reject", "1-1", "--yes"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("suggestion_unknown"), "{}", said(&unknown));
    let shown = said(&topup(&world, &["review", "reject", &second]));
    assert!(shown.contains("would be applied") && shown.contains("INV-2"), "{shown}");
    let sent = done(&world, &["review", "reject", &second, "--no-wait"]);
    assert_eq!(sent[0]["outcome"], "sent");
    let status = format!("SELECT status FROM suggestions WHERE suggestion_id = '{second}'");
    world.until(&status, "rejected").await;
    let again = said(&topup(&world, &["review", "confirm", &second]));
    assert!(again.contains("alice rejected it at 20") && !again.contains("by alice"), "{again}");
    assert!(again.contains("would be rejected"), "{again}");
    // One act is told once.
    for (invoice, word) in [("T1", "confirm"), ("T2", "reject")] {
        let id = format!("BANK:SG-DBS-001:{invoice}");
        let told = said(&topup(&world, &["payments", "explain", &id]));
        assert!(told.contains(&format!("alice: {word}ed suggestion")), "{told}");
        assert!(!told.contains(&format!("match.{word}")), "{told}");
    }
    worker.shutdown().await;
    world.finish().await;
}

/// Several payments are confirmed by one word: each is read back, and what is due after all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirming_two_halves_reads_back_both() {
    let world = World::new("verbs_halves").await;
    let worker = world.start().await;
    let customer = with(account("A"), &json!({ "payer_accounts": ["PAYERA1"] }));
    world.applied("a-1", "account.upsert", "A", customer).await;
    world.applied("i-1", "invoice.create", "A", invoice("INV-1", "A", "100.00")).await;
    for (id, amount) in [("T1", "40.00"), ("T2", "60.00")] {
        let payer = json!({ "debtor": { "name": "Jane Roe", "account": "PAYERA1" } });
        world.bank(id, with(credit(id, amount), &payer)).await;
        world.until(&format!("SELECT count(*) FROM inbox WHERE message_id = '{id}'"), "1").await;
    }
    let both = "SELECT max(suggestion_id) FROM suggestion_payments";
    world.until("SELECT count(*) FROM suggestion_payments", "1").await;
    let both = world.value(both).await;
    let dry = topup(&world, &["review", "confirm", &both, "--output", "json"]);
    let told: Value = serde_json::from_slice(&dry.stdout).expect("JSON");
    let payments = told[0]["suggestion"]["payments"].as_array().expect("payments");
    let gives: Vec<(&str, &str, &str)> = payments
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().expect("text");
            (text("gives"), text("unallocated"), text("unallocated_after"))
        })
        .collect();
    assert_eq!(gives, [("60.00", "60.00", "0.00"), ("40.00", "40.00", "0.00")], "{told}");
    let paid = &told[0]["suggestion"]["invoices"][0];
    assert_eq!(
        (&paid["amount"], &paid["due"], &paid["due_after"]),
        (&json!("100.00"), &json!("100.00"), &json!("0.00"))
    );
    let shown = said(&topup(&world, &["review", "confirm", &both]));
    assert!(shown.contains("Payments, taken together"), "{shown}");
    assert_eq!(shown.matches("…er, ").count() + shown.matches("…oe").count(), 2, "{shown}");
    let told = done(&world, &["review", "confirm", &both]);
    for payment in payments {
        let of = format!("payment {}", payment["payment_id"].as_str().expect("text"));
        let all = told[0]["changes"].as_array().expect("changes");
        assert!(all.iter().any(|one| one["of"] == of.as_str()), "{of}: {told}");
    }
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_shared_out_by_the_ordinary_command() {
    let mut world = World::new("verbs_split").await;
    world.set("USAGE__PROOF", "none");
    let worker = world.start().await;
    for (id, account, amount) in [("INV-1", "ACC-1", "60.50"), ("INV-2", "ACC-2", "40.00")] {
        world.applied(id, "invoice.create", account, invoice(id, account, amount)).await;
    }
    let both = "SELECT string_agg(payment_reference, ' ' ORDER BY invoice_id) FROM invoices";
    let both = world.value(both).await;
    world.bank("b-1", credit_saying("T-1", "100.50", &both)).await;
    world.until("SELECT reason FROM payments", "several_accounts").await;
    let id = world.value("SELECT payment_id FROM payments").await;
    let parts = ["--part", "ACC-1=60.50/INV-1", "--part", "ACC-2=40/INV-2=40.00"];
    let words = ["payments", "split", &id, "--reason", "the day's card sales"];
    let split = [words.as_slice(), &parts].concat();
    let mistyped = [words.as_slice(), &["--part", "acc-1=60.50"]].concat();
    let mistyped = said(&topup(&world, &mistyped));
    let near = "did you mean `ACC-1`?; --new-customer makes a new one";
    assert!(mistyped.contains(near), "{mistyped}");
    let assign = said(&topup(&world, &["payments", "assign", &id, "--account", "ACC-11"]));
    assert!(assign.contains("--new-customer"), "{assign}");
    let new = ["payments", "assign", &id, "--account", "ACC-11", "--new-customer"];
    let new = said(&topup(&world, &new));
    assert!(new.contains("ACC-11 is a new customer."), "{new}");
    let dry = topup(&world, &split);
    assert!(said(&dry).contains("would be applied"), "{}", said(&dry));
    assert_eq!(world.value("SELECT count(*) FROM payment_splits").await, "0");
    let told: Value = done(&world, &split);
    assert_eq!(told["outcome"], "applied", "{told}");
    assert_eq!(change(&told, "invoice INV-2", "due"), "40.00 SGD -> 0.00 SGD");
    let said_why = "SELECT reason FROM payment_splits WHERE part = 1";
    assert_eq!(world.value(said_why).await, "by alice: the day's card sales");
    let again = topup(&world, &[split.as_slice(), &["--yes"]].concat());
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("payment_split"), "{}", said(&again));
    let unknown = ["payments", "split", "NONE", "--reason", "x", "--part", "ACC-1=1"];
    let unknown = topup(&world, &unknown);
    assert!(said(&unknown).contains("there is no payment `NONE`"), "{}", said(&unknown));
    let undo = ["payments", "unsplit", &id, "--reason", "other shares"];
    let told = done(&world, &[undo.as_slice(), &["--set", "usage.proof=none"]].concat());
    assert_eq!(told["outcome"], "applied", "{told}");
    assert_eq!(change(&told, &format!("payment {id}"), "unallocated"), "0.00 SGD -> 100.50 SGD");
    worker.shutdown().await;
    world.finish().await;
}

//! What happened to a payment, told in one line of time: the bank, rules, persons with names and
//! reasons, and what does not hold any more.

use std::process::Command;

use serde_json::{Value, json};
use topup::pipeline::batch::run_in_tx;
use topup::store::load::Locks;
use topup::store::next_id_block;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, about_payment, allocate, bank, credit_saying, invoice, with};

fn topup(direct: &Direct, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(words)
        .env("DATABASE_URL", &direct.database.url)
        .env("TOPUP_OPERATOR", "alice")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payments_story_has_bank_rule_persons_and_what_holds_no_more() {
    let mut direct = Direct::new("story").await;
    let sent = direct.command("i-1", "invoice.create", &invoice("INV-1", "ACC-1", "77.00"));
    direct.applied(sent).await;
    let payer = json!({ "debtor": { "name": "Jane Roe", "account": "DE89370400440532013000" } });
    let data = with(credit_saying("TX-1", "77.00", "thanks"), &payer);
    let value = bank("b-1", &data);
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
    let id = direct.database.value("SELECT payment_id FROM payments").await;
    let suggestion = direct.database.value("SELECT suggestion_id FROM suggestions").await;

    // What is suggested is not called refused, and its next step is to confirm it.
    let told = topup(&direct, &["payments", "explain", &id]);
    assert!(!told.contains("Refused. Nothing speaks"), "{told}");
    assert!(told.contains("Confirm the suggestion"), "{told}");
    let word = json!({ "payment_id": id, "suggestion_id": suggestion, "account_id": "ACC-1",
                       "reason": "by alice: other payer" });
    let item = direct.command("r-1", "match.reject", &word);
    direct.applied(item).await;
    let told = topup(&direct, &["payments", "explain", &id]);
    assert!(!told.contains("Confirm the suggestion"), "{told}");
    let by = format!("alice: rejected suggestion {suggestion}, invoice INV-1: other payer");
    assert!(told.contains(&by), "{told}");

    let noted = "INSERT INTO operator_commands (source, message_id, command_type, operator, reason,
                 subjects, asked_at) SELECT 'operators', 'op-1', 'topup.payment.assign.v1', 'bob',
                 'she called', ARRAY['payment:' || payment_id], now() FROM payments";
    direct.database.execute(noted).await;
    let value = crate::harness::records::envelope(
        "op-1",
        "operators",
        "topup.payment.assign.v1",
        &about_payment(&id, "ACC-1"),
    );
    let item = direct.item(Topic::Commands, Some("ACC-1"), value.as_bytes());
    direct.applied(item).await;
    let item = direct.command("a-1", "payment.allocate", &allocate(&id, "ACC-1", "INV-1"));
    direct.applied(item).await;

    let shown = topup(&direct, &["payments", "show", &id, "--output", "json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let steps = shown["story"].as_array().expect("a story");
    let whos: Vec<&str> = steps.iter().filter_map(|step| step["who"].as_str()).collect();
    assert_eq!(whos, ["the bank", "rule R14", "alice", "bob", "a command"], "{shown}");
    let what = |at: usize| steps[at]["what"].as_str().expect("text");
    assert!(what(0).contains("77.00 SGD") && what(0).contains("thanks"), "{}", what(0));
    assert!(!what(0).contains("Jane Roe"), "names are masked: {}", what(0));
    assert!(what(1).contains("suggested invoice INV-1 (suggestion "), "{}", what(1));
    assert!(what(3).starts_with("assigned it to a customer (she called)"), "{}", what(3));
    assert_eq!(what(4), "77.00 SGD put on invoice INV-1");
    assert_eq!(steps[1]["current"], false, "persons have decided since");
    let told = topup(&direct, &["--unmasked", "payments", "explain", &id]);
    assert!(told.contains("Jane Roe") && told.contains("not current any more"), "{told}");
    direct.finish().await;
}

/// What is offered is not refused in the same breath; what was paid meanwhile is not offered, nor
/// is it waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_offers_and_promises_only_what_can_be() {
    let mut direct = Direct::new("story_offers").await;
    for id in ["INV-1001", "INV-1002"] {
        let sent = direct.command(id, "invoice.create", &invoice(id, "ACC-1", "77.00"));
        direct.applied(sent).await;
    }
    // An unknown payer names one of them with another amount.
    let value = bank("b-1", &credit_saying("TX-1", "80.00", "INV-1001"));
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
    let id = direct.database.value("SELECT payment_id FROM payments").await;
    let told = topup(&direct, &["payments", "explain", &id]);
    let offered: Vec<&str> = told
        .lines()
        .skip_while(|line| !line.contains("A person may choose:"))
        .filter_map(|line| line.split("invoice ").nth(1)?.split(' ').next())
        .filter(|id| id.starts_with("INV-"))
        .collect();
    for id in offered {
        let refused = |line: &&str| line.contains(id) && line.contains("Refused");
        assert!(!told.lines().any(|line| refused(&line)), "{id}: {told}");
    }
    let waits = "when invoice INV-1001 is sent";
    assert!(told.contains(&format!("{waits} again")), "{told}");
    assert!(!told.contains(&format!("{waits}.")), "{told}");
    // Other money pays it.
    let reference = "SELECT payment_reference FROM invoices WHERE invoice_id = 'INV-1001'";
    let reference = direct.database.value(reference).await;
    let value = bank("b-2", &credit_saying("TX-2", "77.00", &reference));
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
    let told = topup(&direct, &["payments", "explain", &id]);
    assert!(!told.contains(waits), "{told}");
    for line in told.lines().filter(|line| line.contains("-1: invoice INV-1001")) {
        assert!(line.contains("not any more"), "{told}");
    }
    direct.finish().await;
}

/// A part of the money went to another customer by a split: what was suggested for all of it cannot
/// be confirmed, and neither the story nor the list of what waits offers it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_shared_out_is_not_offered() {
    let mut direct = Direct::new("story_shared").await;
    let sent = direct.command("i-1", "invoice.create", &invoice("INV-1001", "ACC-1", "77.00"));
    direct.applied(sent).await;
    let other = direct.command("i-2", "invoice.create", &invoice("INV-2001", "ACC-2", "60.00"));
    direct.applied(other).await;
    let value = bank("b-1", &credit_saying("TX-1", "80.00", "INV-1001"));
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
    let id = direct.database.value("SELECT payment_id FROM payments").await;
    let open = "A person may choose:";
    let told = topup(&direct, &["payments", "explain", &id]);
    assert!(told.contains(open) && !told.contains("not any more"), "{told}");
    let parts = json!({ "parts": [{ "account_id": "ACC-2", "amount": "60.00" }] });
    let split = direct.command("s-1", "payment.split", &with(about_payment(&id, "ACC-2"), &parts));
    direct.applied(split).await;
    let told = topup(&direct, &["payments", "explain", &id]);
    let offered = told.lines().filter(|line| line.contains("-1: invoice INV-1001"));
    assert!(offered.clone().count() > 0, "{told}");
    assert!(offered.clone().all(|line| line.contains("not any more")), "{told}");
    assert!(!told.contains("Confirm the suggestion"), "{told}");
    let listed = topup(&direct, &["review", "list", "--output", "json"]);
    assert!(listed.contains("the money is not there any more"), "{listed}");
    direct.finish().await;
}

/// A part of the money was paid back: what was suggested for all of it is not offered, and in its
/// place what is left, with how much of the invoice that is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_offered_is_no_more_than_what_is_left() {
    let mut direct = Direct::new("story_left").await;
    let sent = direct.command("i-1", "invoice.create", &invoice("INV-1001", "ACC-1", "77.00"));
    direct.applied(sent).await;
    let value = bank("b-1", &credit_saying("TX-1", "80.00", "INV-1001"));
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
    let id = direct.database.value("SELECT payment_id FROM payments").await;
    let told = topup(&direct, &["payments", "explain", &id]);
    assert!(told.contains("77.00 SGD due\n"), "{told}");
    let back = json!({ "payment_id": id, "amount": "60.00", "reason": "too much" });
    let item = direct.command("r-1", "payment.refund", &back);
    direct.applied(item).await;
    let shown = topup(&direct, &["payments", "show", &id]);
    assert!(shown.contains("open, cannot be confirmed any more"), "{shown}");
    let (runner, _stop) = crate::jobs::runner(&direct, "test", None);
    runner.prepare().await.expect("prepared");
    let now = topup::clock::Clock::System.now();
    runner.run_by(topup::jobs::Job::Rematch, "alice", now).await.expect("ran");
    let listed = topup(&direct, &["review", "list", "--output", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let offers = listed["items"].as_array().expect("a list");
    let offers: Vec<_> = offers.iter().map(|one| (&one["proposed"], &one["unallocated"])).collect();
    assert_eq!(offers, [(&json!("20.00"), &json!("20.00"))], "{listed}");
    let told = topup(&direct, &["payments", "explain", &id]);
    assert!(told.contains("77.00 SGD due, of which it would get 20.00 SGD\n"), "{told}");
    direct.finish().await;
}

/// The batch that sends the invoice begins before the payment is recorded and writes after it: its
/// decision is the one that holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_last_holds_whichever_batch_began_first() {
    let mut direct = Direct::new("story_race").await;
    let sent = direct.command("i-1", "invoice.create", &invoice("INV-1", "ACC-1", "77.00"));
    let hash = sent.decoded.as_ref().expect("a command").content_hash;
    let reference = topup::domain::matching::reference::mint(&hash);
    let began = direct.pipeline.clock().now();
    let mut early = direct.pipeline.pool().begin().await.expect("begins");
    let block = next_id_block(&mut early).await.expect("a block");
    let value = bank("b-1", &credit_saying("TX-1", "77.00", &reference));
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
    let sent = [sent];
    let written = run_in_tx(&direct.pipeline, &mut early, &sent, block, Locks::First, began).await;
    assert_eq!(written.expect("written").ended[0].outcome.word(), "applied");
    early.commit().await.expect("ends");
    let id = direct.database.value("SELECT payment_id FROM payments").await;
    let told = topup(&direct, &["payments", "explain", &id]);
    let decided = |number: u32| told.find(&format!("Decision {number} of 2")).expect("two");
    let (first, second) = told[decided(1)..].split_at(decided(2) - decided(1));
    assert!(first.contains(", not current any more") && first.contains("parked"), "{told}");
    assert!(second.contains("allocated without a person"), "{told}");
    let shown = topup(&direct, &["payments", "show", &id, "--output", "json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let steps = shown["story"].as_array().expect("a story");
    let kinds: Vec<_> = steps.iter().map(|step| (&step["kind"], &step["current"])).collect();
    let expected = [("came", true), ("decision", false), ("decision", true)];
    assert_eq!(json!(kinds), json!(expected), "{shown}");
    let ats: Vec<_> = steps.iter().filter_map(|step| step["at"].as_str()).collect();
    assert!(ats.is_sorted(), "{ats:?}");
    direct.finish().await;
}

/// The bank takes back a payment that is split: no person did that. And of what was put on invoices
/// only a part is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_bank_took_is_told_as_the_banks() {
    let mut direct = crate::splits::settlement("story_bank").await;
    let made = crate::splits::split(&mut direct, "s-1", "A", &crate::splits::both());
    direct.applied(made).await;
    let sql = "SELECT part_id FROM payment_splits WHERE account_id = 'B'";
    let part = direct.database.value(sql).await;
    let back = crate::steps_back::taken_back(&mut direct, "R-1", "T-1", "15.00");
    direct.applied(back).await;
    let word = json!({ "account_id": "B", "bank_account": BANK, "bank_key": "reversal:R-1",
        "action": "take", "payments": [{ "payment_id": part }] });
    let item = direct.command("t-1", "return.resolve", &word);
    direct.applied(item).await;
    let told = topup(&direct, &["payments", "explain", &part]);
    assert!(told.contains(": allocated, all that is left of it"), "{told}");
    assert!(!told.contains("in full"), "{told}");
    let back = crate::steps_back::taken_back(&mut direct, "R-2", "T-1", "85.50");
    direct.applied(back).await;
    let told = topup(&direct, &["payments", "explain", crate::splits::SETTLED]);
    assert!(told.contains("the bank: took the part of A back"), "{told}");
    assert!(!told.contains("person: took the part"), "{told}");
    // The part says so itself.
    let sql = "SELECT part_id FROM payment_splits WHERE account_id = 'A'";
    let part = direct.database.value(sql).await;
    let told = topup(&direct, &["payments", "explain", &part]);
    let back = format!("the bank: took it back to payment {}", crate::splits::SETTLED);
    assert!(told.contains(&back), "{told}");
    direct.finish().await;
}

/// What a person took off an invoice the bank puts there again, if it undoes a return of it: the
/// story says by which rule, and nothing says that only a person can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undone_return_that_passes_a_tombstone_is_told() {
    let mut direct = crate::steps_back::without_proof("story_r1r").await;
    let sent = direct.command("i-1", "invoice.create", &invoice("INV-1", "A", "100.00"));
    direct.applied(sent).await;
    let paid = crate::steps_back::paid_by_bank(&mut direct, "T-1", "INV-1", "100.00").await;
    direct.applied(paid).await;
    let back = crate::steps_back::taken_back(&mut direct, "R-1", "T-1", "30.00");
    direct.applied(back).await;
    let id = format!("BANK:{BANK}:T-1");
    let off = crate::steps_back::deallocate(&id, "INV-1");
    let off = direct.command("d-1", "payment.deallocate", &off);
    direct.applied(off).await;
    let told = topup(&direct, &["payments", "explain", &id]);
    assert!(told.contains("only a person puts it there again"), "{told}");
    let fields = json!({ "reversal": true, "return_of": { "bank_transaction_id": "R-1" } });
    let fields = with(crate::harness::records::credit("U-1", "30.00"), &fields);
    let item = direct.item(Topic::BankPayments, None, bank("b-u", &fields).as_bytes());
    direct.applied(item).await;
    let told = topup(&direct, &["payments", "explain", &id]);
    assert!(told.contains("30.00 SGD of it are on invoices again, by rule R1r"), "{told}");
    assert!(told.contains("30.00 SGD of it are there again (R1r)."), "{told}");
    assert!(!told.contains("only a person puts it there again"), "{told}");
    direct.finish().await;
}

//! What a person ends: money of nobody is paid back or dismissed, a customer is closed, a command
//! that waits is cancelled. Nothing of it teaches whose a payer's account is.

use chrono::Utc;
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::pipeline::Pipeline;
use topup::wire::Topic;

use crate::harness::records::{
    BANK, about_invoice, about_payment, allocate, bank, credit, credit_saying, draft, invoice,
    payment, with,
};
use crate::harness::{Direct, World};
use crate::steps_back::{deallocate, mark, outcome};
use crate::usage::topped_up;
use crate::verbs::{done, said as text, topup};

const PAYMENT: &str = "SELECT state || ' ' || amount / 1000000 || ' ' || refunded / 1000000
                         FROM payments";
const UNALLOCATED: &str = "SELECT (coalesce(sum(amount), 0) / 1000000)::bigint
                             FROM ledger_entries WHERE ledger_account = 'unallocated_cash'";

async fn credited(direct: &mut Direct, id: &str, data: &serde_json::Value) {
    let value = bank(id, data);
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
}

async fn said(direct: &mut Direct, id: &str, kind: &str, data: serde_json::Value) -> String {
    let item = direct.command(id, kind, &data);
    let ended = direct.run(&[item]).await;
    let code = ended[0].code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    format!("{}{code}", ended[0].outcome)
}

fn refund(payment: &str) -> serde_json::Value {
    json!({ "payment_id": payment, "reason": "by alice: unknown payer" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_of_an_unknown_payer_is_paid_back_and_teaches_nothing() {
    let mut direct = Direct::new("re_refund").await;
    let payer = json!({ "debtor": { "name": "Jane Roe", "account": "DE89370400440532013000" } });
    credited(&mut direct, "b-1", &with(credit("TX-1", "100.00"), &payer)).await;
    let id = direct.database.value("SELECT payment_id FROM payments").await;
    let part = with(refund(&id), &json!({ "amount": "40.00" }));
    assert_eq!(said(&mut direct, "r-1", "payment.refund", part).await, "applied");
    assert_eq!(direct.database.value(PAYMENT).await, "parked 100 40");
    let over = with(refund(&id), &json!({ "amount": "60.01" }));
    let answer = said(&mut direct, "r-2", "payment.refund", over).await;
    assert_eq!(answer, "rejected amount_exceeds_unallocated");
    let foreign = with(refund(&id), &json!({ "account_id": "ACC-1" }));
    let answer = said(&mut direct, "r-3", "payment.refund", foreign).await;
    assert_eq!(answer, "rejected payment_not_assigned");
    assert_eq!(said(&mut direct, "r-4", "payment.refund", refund(&id)).await, "applied");
    assert_eq!(direct.database.value(PAYMENT).await, "returned 100 100");
    assert_eq!(direct.database.value(UNALLOCATED).await, "0");
    assert_eq!(direct.database.value("SELECT count(*) FROM payer_aliases").await, "0");
    let answer = said(&mut direct, "r-5", "payment.refund", refund(&id)).await;
    assert_eq!(answer, "rejected payment_removed");
    let told = "SELECT count(*) FROM told.outbox WHERE payload LIKE '%topup.payment.refunded.v1%'";
    assert_eq!(direct.database.value(told).await, "2");
    // The bank takes it back as well: there is nothing left of it, and a person has to look.
    let back = json!({ "credit_debit": "DBIT", "reversal": true,
        "return_of": { "bank_transaction_id": "TX-1" } });
    credited(&mut direct, "b-2", &with(credit("R-1", "100.00"), &back)).await;
    assert_eq!(direct.database.value("SELECT why FROM parked_returns").await, "exceeds_payment");
    direct.finish().await;
}

/// The rest of an overpayment, which no invoice takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rest_of_an_overpayment_is_paid_back() {
    let mut direct = Direct::new("re_rest").await;
    let sent = invoice("INV-1", "ACC-1", "100.00");
    assert_eq!(said(&mut direct, "i-1", "invoice.create", sent).await, "applied");
    let reference = direct.database.value("SELECT payment_reference FROM invoices").await;
    credited(&mut direct, "b-1", &credit_saying("TX-1", "115.00", &reference)).await;
    let id = direct.database.value("SELECT payment_id FROM payments").await;
    assert_eq!(direct.database.value(PAYMENT).await, "partly_allocated 115 0");
    let answer = said(&mut direct, "r-1", "payment.refund", refund(&id)).await;
    assert_eq!(answer, "rejected account_mismatch", "a customer's money is named with them");
    let own = with(refund(&id), &json!({ "account_id": "ACC-1" }));
    assert_eq!(said(&mut direct, "r-2", "payment.refund", own).await, "applied");
    assert_eq!(direct.database.value(PAYMENT).await, "allocated 115 15");
    assert_eq!(direct.database.value(UNALLOCATED).await, "0");
    assert_eq!(direct.database.value("SELECT status FROM invoice_states").await, "provisioned");
    direct.finish().await;
}

/// What was dismissed is in no book, whatever one asks; and who did it, when and why is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dismissed_money_is_unallocated_nowhere_and_its_end_is_told() {
    let mut direct = Direct::new("re_told").await;
    credited(&mut direct, "b-1", &credit("TX-1", "51.00")).await;
    credited(&mut direct, "b-2", &credit("TX-2", "20.00")).await;
    let id = direct.database.value("SELECT payment_id FROM payments WHERE amount = 51000000").await;
    assert_eq!(said(&mut direct, "d-1", "payment.dismiss", refund(&id)).await, "applied");
    let second = direct.database.value("SELECT payment_id FROM payments WHERE state <> 'removed'");
    let part = with(refund(&second.await), &json!({ "amount": "5.00" }));
    assert_eq!(said(&mut direct, "r-1", "payment.refund", part).await, "applied");
    let topup = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_topup"))
            .args(words)
            .env("DATABASE_URL", &direct.database.url)
            .output()
            .expect("it starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for words in [["payments", "list", "--output", "csv"], ["payments", "list", "--output", "json"]]
    {
        let told = topup(&words);
        let of_it: String = told.split(&id).skip(1).collect();
        let free = if words[3] == "csv" { "51.00,0.00," } else { r#""unallocated": "0.00""# };
        assert!(of_it.contains("removed") && of_it.contains(free), "{words:?}: {told}");
    }
    let told = topup(&["report", "unallocated", "--output", "json"]);
    assert!(!told.contains("51.00") && told.contains("15.00"), "{told}");
    let told = topup(&["payments", "explain", &id]);
    let what = "alice: dismissed 51.00 SGD as no customer's money (unknown payer)";
    assert!(told.contains(what), "{told}");
    let shown = topup(&["payments", "show", &id]);
    let fields = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let fields: Vec<String> = fields.collect();
    for field in ["unallocated 0.00 SGD", "removed 51.00 SGD"] {
        assert!(fields.iter().any(|line| line.contains(field)), "{field}: {shown}");
    }
    let other = "SELECT payment_id FROM payments WHERE state <> 'removed'";
    let told = topup(&["payments", "explain", &direct.database.value(other).await]);
    assert!(told.contains("alice: refunded 5.00 SGD (unknown payer)"), "{told}");
    direct.finish().await;
}

/// Out of the books and back: the money is recorded by hand, and clearing is what it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_customers_money_is_dismissed() {
    let mut direct = Direct::new("re_dismiss").await;
    credited(&mut direct, "b-1", &credit("TX-1", "80.00")).await;
    credited(&mut direct, "b-2", &credit("TX-2", "20.00")).await;
    let first = "SELECT payment_id FROM payments WHERE amount = 80000000";
    let id = direct.database.value(first).await;
    assert_eq!(said(&mut direct, "d-1", "payment.dismiss", refund(&id)).await, "applied");
    assert_eq!(direct.database.value(UNALLOCATED).await, "20");
    let answer = said(&mut direct, "d-2", "payment.dismiss", refund(&id)).await;
    assert_eq!(answer, "rejected payment_removed");
    let second = "SELECT payment_id FROM payments WHERE amount = 20000000";
    let id = direct.database.value(second).await;
    let given = about_payment(&id, "ACC-1");
    assert_eq!(said(&mut direct, "a-1", "payment.assign", given).await, "applied");
    let answer = said(&mut direct, "d-3", "payment.dismiss", refund(&id)).await;
    assert_eq!(answer, "rejected payment_already_assigned");
    let silent = json!({ "payment_id": id });
    let answer = said(&mut direct, "d-4", "payment.dismiss", silent).await;
    assert_eq!(answer, "dead_lettered data_invalid", "a reason is needed");
    let by_hand = json!({ "payment_id": "HAND-1", "amount": "80.00", "currency": "SGD",
        "received_on": "2026-11-22", "method": "was dismissed by mistake" });
    assert_eq!(said(&mut direct, "p-1", "payment.record", by_hand).await, "applied");
    assert_eq!(direct.database.value(UNALLOCATED).await, "100");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_closed_and_opened_again() {
    let mut direct = Direct::new("re_close").await;
    let closed = |id: &str| json!({ "account_id": id, "reason": "by alice: left" });
    let sent = invoice("INV-1", "ACC-1", "100.00");
    assert_eq!(said(&mut direct, "i-1", "invoice.create", sent).await, "applied");
    let early = said(&mut direct, "o-1", "account.reopen", closed("ACC-1")).await;
    assert_eq!(early, "rejected account_not_closed");
    assert_eq!(said(&mut direct, "c-1", "account.close", closed("ACC-1")).await, "applied");
    let again = said(&mut direct, "c-2", "account.close", closed("ACC-1")).await;
    assert_eq!(again, "rejected account_closed");
    let other = || invoice("INV-2", "ACC-1", "5.00");
    let refused = said(&mut direct, "i-2", "invoice.create", other()).await;
    assert_eq!(refused, "rejected account_closed");
    let reference = direct.database.value("SELECT payment_reference FROM invoices").await;
    credited(&mut direct, "b-1", &credit_saying("TX-1", "100.00", &reference)).await;
    let parked = "SELECT state || ' ' || reason FROM payments";
    assert_eq!(direct.database.value(parked).await, "parked account_closed");
    assert_eq!(said(&mut direct, "o-2", "account.reopen", closed("ACC-1")).await, "applied");
    // Its money is decided again at once.
    let paid =
        "SELECT concat_ws(' ', state, p.account_id, status) FROM payments p, invoice_states i";
    assert_eq!(direct.database.value(paid).await, "allocated ACC-1 provisioned");
    assert_eq!(direct.database.value("SELECT count(*) FROM watches").await, "0");
    assert_eq!(said(&mut direct, "i-3", "invoice.create", other()).await, "applied");
    direct.finish().await;
}

/// A command that waits has ended; what stood behind it has its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_waits_is_cancelled_and_those_behind_it_go_on() {
    let mut direct = Direct::new("re_cancel").await;
    let sent = invoice("INV-1", "ACC-1", "100.00");
    assert_eq!(said(&mut direct, "i-1", "invoice.create", sent).await, "applied");
    let unknown = allocate("PAY-9", "ACC-1", "INV-1");
    let answer = said(&mut direct, "w-1", "payment.allocate", unknown).await;
    assert_eq!(answer, "waiting payment_unknown");
    let void = json!({ "invoice_id": "INV-1", "account_id": "ACC-1" });
    let answer = said(&mut direct, "w-2", "invoice.void", void).await;
    assert_eq!(answer, "waiting behind_waiting");
    let cancel = |account: &str, id: &str| {
        json!({ "account_id": account, "command_source": "crm", "command_id": id,
                "reason": "by alice: sent by mistake" })
    };
    for (id, account, command) in [("x-1", "ACC-2", "w-1"), ("x-2", "ACC-1", "w-9")] {
        let answer = said(&mut direct, id, "command.cancel", cancel(account, command)).await;
        assert_eq!(answer, "rejected command_not_waiting", "{account} {command}");
    }
    let answer = said(&mut direct, "x-3", "command.cancel", cancel("ACC-1", "w-1")).await;
    assert_eq!(answer, "applied");
    direct.pipeline.sweep().await.expect("swept");
    let outcomes = "SELECT message_id, outcome, code FROM inbox WHERE message_id LIKE 'w-%'
                     ORDER BY message_id";
    let expected = ["w-1|rejected|cancelled", "w-2|applied"];
    assert_eq!(direct.database.lines(outcomes).await, expected);
    assert_eq!(direct.database.value("SELECT status FROM invoice_states").await, "voided");
    assert_eq!(direct.database.value("SELECT count(*) FROM waiting_commands").await, "0");
    let answer = said(&mut direct, "x-4", "command.cancel", cancel("ACC-1", "w-1")).await;
    assert_eq!(answer, "rejected command_not_waiting");
    direct.finish().await;
}

/// What stood behind another waits for its proof as long as if it had come when it got its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_what_stood_behind_another_begins_with_its_turn() {
    let mut direct = Direct::new("re_turn").await;
    topped_up(&mut direct, 1, "10.00").await;
    let now = chrono::Utc::now();
    let at = |minutes: i64, direct: &mut Direct| {
        let mut settings = direct.pipeline.settings().clone();
        settings.waiting_deadline = chrono::Duration::minutes(10);
        settings.proof_deadline = chrono::Duration::minutes(60);
        let clock = Clock::Fixed(now + chrono::Duration::minutes(minutes));
        direct.pipeline = Pipeline::new(direct.pipeline.pool().clone(), settings, clock);
    };
    at(0, &mut direct);
    let off = || deallocate("PAY-1", "INV-1");
    let answer = said(&mut direct, "d-1", "payment.deallocate", off()).await;
    assert_eq!(answer, "waiting usage_proof_pending");
    let answer = said(&mut direct, "d-2", "payment.deallocate", off()).await;
    assert_eq!(answer, "waiting behind_waiting");
    let outcome = "SELECT outcome || ' ' || code FROM inbox WHERE message_id = 'd-2'";
    // Its own ten minutes are over when its turn comes.
    for (minutes, expected) in [
        (9, "waiting behind_waiting"),
        (15, "waiting behind_waiting"),
        (20, "waiting usage_proof_pending"),
        (79, "waiting usage_proof_pending"),
        (81, "rejected usage_proof_unavailable"),
    ] {
        at(minutes, &mut direct);
        if minutes == 20 {
            let cancel = json!({ "account_id": "A", "command_source": "crm", "command_id": "d-1",
                                 "reason": "by alice: asked twice" });
            assert_eq!(said(&mut direct, "x-1", "command.cancel", cancel).await, "applied");
        }
        direct.pipeline.sweep().await.expect("swept");
        assert_eq!(direct.database.value(outcome).await, expected, "{minutes}");
    }
    direct.finish().await;
}

/// A correction waits for its proof up to an hour: only what depends on it waits with it, and says
/// behind what. What waits for something else is not held up, and is not released too early.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_that_waits_holds_up_only_what_depends_on_it() {
    let mut direct = Direct::new("re_apart").await;
    for number in 1..=2 {
        topped_up(&mut direct, number, "10.00").await;
    }
    for (id, kind, data) in [
        ("i-3", "invoice.create", invoice("INV-3", "A", "5.00")),
        ("i-4", "invoice.create", draft("INV-4", "A", "5.00")),
        ("p-3", "payment.record", payment("PAY-3", "A", "5.00")),
    ] {
        assert_eq!(said(&mut direct, id, kind, data).await, "applied", "{id}");
    }
    let off = |number: u32| deallocate(&format!("PAY-{number}"), &format!("INV-{number}"));
    let answer = said(&mut direct, "d-1", "payment.deallocate", off(1)).await;
    assert_eq!(answer, "waiting usage_proof_pending");
    for (id, kind, data, expected) in [
        ("s-4", "invoice.mark-sent", about_invoice("INV-4", "A"), "applied"),
        ("a-3", "payment.allocate", allocate("PAY-3", "A", "INV-3"), "applied"),
        ("v-1", "invoice.void", about_invoice("INV-1", "A"), "waiting behind_waiting"),
        ("d-2", "payment.deallocate", off(2), "waiting behind_waiting"),
        ("v-9", "invoice.void", about_invoice("INV-9", "A"), "waiting invoice_unknown"),
        ("k-9", "invoice.keep", about_invoice("INV-9", "A"), "waiting behind_waiting"),
    ] {
        assert_eq!(said(&mut direct, id, kind, data).await, expected, "{id}");
    }
    let waits = "SELECT message_id || ' ' || coalesce(substr(needs, 8), '')
                   FROM waiting_commands WHERE needs LIKE 'behind:%' ORDER BY waiting_id";
    let behind = ["v-1 crm/d-1", "d-2 crm/d-1", "k-9 crm/v-9"];
    assert_eq!(direct.database.lines(waits).await, behind);
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 0);
    // What the later ones name comes: they go on, though the first one still waits.
    let data = draft("INV-9", "A", "1.00");
    assert_eq!(said(&mut direct, "i-9", "invoice.create", data).await, "applied");
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 2);
    assert_eq!(outcome(&direct, "v-9").await, "applied");
    assert_eq!(outcome(&direct, "k-9").await, "rejected invoice_voided");
    assert_eq!(direct.database.lines(waits).await, behind[..2]);
    mark(&mut direct, "w-0", 0, Utc::now()).await;
    mark(&mut direct, "w-1", 1, Utc::now()).await;
    direct.pipeline.sweep().await.expect("swept");
    for (id, expected) in [("d-1", "applied"), ("v-1", "applied"), ("d-2", "applied")] {
        assert_eq!(outcome(&direct, id).await, expected, "{id}");
    }
    assert_eq!(direct.database.value("SELECT count(*) FROM waiting_commands").await, "0");
    direct.finish().await;
}

/// What comes before the payment of nobody that it is about waits by the payment: it has its turn
/// when the payment comes, and ends at its deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_on_a_payment_of_nobody_that_is_not_here_wait_for_it() {
    let mut direct = Direct::new("re_early").await;
    let id = |number: u32| format!("BANK:{BANK}:TX-{number}");
    for (name, kind, number) in [
        ("r-1", "payment.refund", 1),
        ("r-2", "payment.refund", 1),
        ("d-2", "payment.dismiss", 2),
        ("d-3", "payment.dismiss", 3),
    ] {
        let answer = said(&mut direct, name, kind, refund(&id(number))).await;
        assert_eq!(answer, "waiting payment_unknown", "{name}");
    }
    assert_eq!(direct.database.value("SELECT count(*) FROM waiting_commands").await, "4");
    for number in [1, 2] {
        let data = credit(&format!("TX-{number}"), "80.00");
        credited(&mut direct, &format!("b-{number}"), &data).await;
    }
    direct.pipeline.sweep().await.expect("swept");
    let ended = [("r-1", "applied"), ("r-2", "rejected payment_removed"), ("d-2", "applied")];
    for (name, expected) in ended {
        assert_eq!(outcome(&direct, name).await, expected, "{name}");
    }
    assert_eq!(direct.database.value(UNALLOCATED).await, "0");
    let over = "UPDATE waiting_commands SET deadline = since";
    direct.database.execute(over).await;
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(outcome(&direct, "d-3").await, "dead_lettered dependency_missing");
    assert_eq!(direct.database.value("SELECT count(*) FROM waiting_commands").await, "0");
    direct.finish().await;
}

/// What waits for a payment of nobody names no customer; a customer's command is ended under his
/// name only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_without_a_customer_is_shown_without_one() {
    let world = World::new("re_cancel").await;
    let worker = world.start().await;
    let payment = format!("BANK:{BANK}:NEVER");
    for (id, kind, account, data) in [
        ("d-1", "payment.dismiss", None, refund(&payment)),
        ("d-2", "payment.refund", None, refund(&payment)),
        ("d-3", "payment.allocate", Some("ACC"), allocate("PAY-9", "ACC", "INV-9")),
    ] {
        world.command(id, kind, account.unwrap_or("nobody"), data).await;
        assert_eq!(world.outcome(id).await.0, "waiting", "{id}");
    }
    let waiting = topup(&world, &["commands", "waiting", "--output", "json"]);
    let waiting: Value = serde_json::from_slice(&waiting.stdout).expect("JSON");
    let owners: Vec<&Value> =
        waiting["items"].as_array().expect("items").iter().map(|row| &row["account_id"]).collect();
    assert_eq!(owners, [&json!("ACC"), &Value::Null, &Value::Null], "{waiting}");
    let first = topup(&world, &["commands", "waiting", "--limit", "2", "--output", "json"]);
    let first: Value = serde_json::from_slice(&first.stdout).expect("JSON");
    let next = first["next"].as_str().expect("there is more");
    let rest = topup(&world, &["commands", "waiting", "--after", next, "--output", "json"]);
    let rest: Value = serde_json::from_slice(&rest.stdout).expect("JSON");
    assert_eq!((first["items"].as_array().map(Vec::len), &rest["next"]), (Some(2), &Value::Null));
    assert_eq!(rest["items"], json!([waiting["items"][2]]));
    // By nobody's word a customer's command stays.
    let cancel = json!({ "command_source": "crm", "command_id": "d-3", "reason": "no" });
    world.command("x-1", "command.cancel", "any", cancel).await;
    let refused = ("rejected".to_owned(), Some("command_not_waiting".to_owned()));
    assert_eq!(world.outcome("x-1").await, refused);
    // By a line it is ended, for good: a second time there is nothing that waits.
    let line = ["commands", "cancel", "crm/d-1", "--reason", "paid by hand"];
    let dry = topup(&world, &line);
    assert!(text(&dry).contains("would be applied"), "{}", text(&dry));
    assert_eq!(world.outcome("d-1").await.0, "waiting");
    assert_eq!(done(&world, &line)["outcome"], "applied");
    let ended = ("rejected".to_owned(), Some("cancelled".to_owned()));
    assert_eq!(world.outcome("d-1").await, ended);
    let shown = topup(&world, &["records", "show", "d-1"]);
    assert!(text(&shown).contains("cancelled"), "{}", text(&shown));
    let again = topup(&world, &line);
    assert!(text(&again).contains("command_not_waiting"), "{}", text(&again));
    assert_eq!(world.outcome("d-2").await.0, "waiting");
    worker.shutdown().await;
    world.finish().await;
}

/// A word on a payment that never came is ended by nobody's word: it is refused, which its outcome
/// says; what else waits for that payment goes on. Nothing is ended twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_names_nobody_is_cancelled_and_the_others_go_on() {
    let mut direct = Direct::new("re_nobody").await;
    let id = format!("BANK:{BANK}:TX-1");
    for (name, kind) in [("r-1", "payment.refund"), ("d-2", "payment.dismiss")] {
        let answer = said(&mut direct, name, kind, refund(&id)).await;
        assert_eq!(answer, "waiting payment_unknown", "{name}");
    }
    let cancel = |id: &str| {
        let reason = "by alice: paid by hand";
        json!({ "command_source": "crm", "command_id": id, "reason": reason })
    };
    // What is not there, and what a customer is named for, is not ended.
    for (name, data) in
        [("x-1", cancel("r-9")), ("x-2", with(cancel("r-1"), &json!({ "account_id": "ACC-1" })))]
    {
        let answer = said(&mut direct, name, "command.cancel", data).await;
        assert_eq!(answer, "rejected command_not_waiting", "{name}");
    }
    let ends = direct.command("x-3", "command.cancel", &cancel("r-1"));
    for expected in ["applied", "duplicate"] {
        assert_eq!(direct.run(std::slice::from_ref(&ends)).await[0].outcome, expected);
    }
    let answer = said(&mut direct, "x-4", "command.cancel", cancel("r-1")).await;
    assert_eq!(answer, "rejected command_not_waiting");
    assert_eq!(outcome(&direct, "r-1").await, "rejected cancelled");
    assert_eq!(outcome(&direct, "x-3").await, "applied");
    let subject = "SELECT subject FROM inbox WHERE message_id = 'x-3'";
    assert_eq!(direct.database.value(subject).await, "command:crm/r-1");
    let waits = "SELECT string_agg(message_id, ' ') FROM waiting_commands";
    assert_eq!(direct.database.value(waits).await, "d-2");
    // No event tells of it: there is nobody whose it would be. ACC-1 was told of the refusal.
    let told = "SELECT string_agg(record_key, ' ') FROM outbox";
    assert_eq!(direct.database.value(told).await, "ACC-1");
    direct.database.audit().await;
    // The record that was ended comes again, and stays ended; the other has its turn.
    let answer = said(&mut direct, "r-1", "payment.refund", refund(&id)).await;
    assert_eq!(answer, "duplicate");
    credited(&mut direct, "b-1", &credit("TX-1", "80.00")).await;
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(outcome(&direct, "d-2").await, "applied");
    assert_eq!(direct.database.value(PAYMENT).await, "removed 80 0");
    assert_eq!(direct.database.value("SELECT count(*) FROM waiting_commands").await, "0");
    direct.finish().await;
}

//! Parked payments that a later fact settles, without anybody who watches for it.

use serde_json::json;
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::wire::Topic;

use crate::harness::records::{about_invoice, account, bank, credit, credit_saying, invoice, with};
use crate::harness::{Direct, World};
use crate::jobs::runner;

async fn run(direct: &Direct) -> String {
    let (runner, _stop) = runner(direct, "test", None);
    runner.prepare().await.expect("prepared");
    match runner.run_by(Job::Rematch, "alice", Clock::System.now()).await.expect("ran") {
        JobEnded::Done(report) => report.summary,
        other => panic!("{other:?}"),
    }
}

/// A number that came to another customer brings that one nothing that was paid before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_came_before_a_number_changed_hands_is_for_a_person() {
    let mut direct = Direct::new("rm_moved").await;
    let numbers = |customer: &str, virtually: &[&str], payers: &[&str]| {
        with(account(customer), &json!({ "virtual_accounts": virtually, "payer_accounts": payers }))
    };
    let of = |customer: &str| json!({ "account_id": customer });
    let payer = "DE89370400440532013000";
    let before = [
        ("account.upsert", numbers("A", &["VA10001"], &[payer])),
        ("invoice.create", invoice("INV-8001", "B", "20.00")),
        ("account.close", of("A")),
    ];
    let moved = [
        ("account.reopen", of("A")),
        ("account.upsert", numbers("A", &[], &[])),
        ("account.close", of("A")),
        ("account.upsert", numbers("B", &["VA10001"], &[payer])),
    ];
    let credits = |round: usize, amount: &str| {
        let day = json!({ "booking_date": "2099-11-22" });
        let virtually =
            with(credit(&format!("V{round}"), amount), &json!({ "virtual_account": "VA10001" }));
        let by_payer =
            with(credit(&format!("P{round}"), amount), &json!({ "debtor": { "account": payer } }));
        [with(virtually, &day), with(by_payer, &day)]
    };
    for (number, (kind, data)) in before.iter().enumerate() {
        let item = direct.command(&format!("b-{number}"), kind, data);
        direct.applied(item).await;
    }
    for (number, data) in credits(1, "20.00").iter().enumerate() {
        let value = bank(&format!("c-{number}"), data);
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    let states = "SELECT state || ' ' || coalesce(reason, '-') || ' ' || coalesce(account_id, '-')
                    FROM payments ORDER BY payment_id";
    assert_eq!(direct.database.lines(states).await, ["parked account_closed -"; 2]);
    // A version before did not let it wait for the opening.
    direct.database.execute("DELETE FROM watches").await;
    for (number, (kind, data)) in moved.iter().enumerate() {
        let item = direct.command(&format!("m-{number}"), kind, data);
        direct.applied(item).await;
    }
    run(&direct).await;
    assert_eq!(direct.database.lines(states).await, ["parked identity_conflict -"; 2]);
    // What comes now is the new owner's.
    for (number, data) in credits(2, "20.00").iter().enumerate() {
        let value = bank(&format!("d-{number}"), data);
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    let owners = "SELECT count(*) FROM payments WHERE account_id = 'B'";
    assert_eq!(direct.database.value(owners).await, "2");
    run(&direct).await;
    assert_eq!(direct.database.value(owners).await, "2");
    direct.finish().await;
}

#[tokio::test]
async fn a_payer_account_that_is_given_later_settles_what_was_parked() {
    let mut direct = Direct::new("rm_payer").await;
    let item = direct.command("c-1", "invoice.create", &invoice("INV-1", "ACC", "123.45"));
    direct.applied(item).await;
    for (id, amount) in [("T1", "123.45"), ("T2", "9.00")] {
        let payer = json!({ "debtor": { "account": "DE89370400440532013000" },
                            "booking_date": "2099-11-22" });
        let value = bank(id, &with(credit(id, amount), &payer));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    let parked = "SELECT count(*) FROM payments WHERE state = 'parked'";
    assert_eq!(direct.database.value(parked).await, "2");
    let records = "SELECT count(*) FROM inbox";
    let before = direct.database.value(records).await;
    assert_eq!(run(&direct).await, "2 looked at again, 0 changed");
    assert_eq!(direct.database.value(records).await, before, "it leaves no trace");
    let payers = json!({ "payer_accounts": ["DE89370400440532013000"] });
    let item = direct.command("c-2", "account.upsert", &with(account("ACC"), &payers));
    direct.applied(item).await;
    assert_eq!(run(&direct).await, "2 looked at again, 2 changed");
    let states = "SELECT payment_id, state, account_id FROM payments ORDER BY amount DESC";
    let lines = direct.database.lines(states).await;
    assert!(lines[0].ends_with("|allocated|ACC"), "{lines:?}");
    assert!(lines[1].ends_with("|on_account|ACC"), "{lines:?}");
    assert_eq!(run(&direct).await, "1 looked at again, 0 changed");
    direct.finish().await;
}

/// What is suggested for an invoice that other money paid, or that was voided, is looked at again
/// by the worker itself, with no job: a person confirms what is current.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suggestion_whose_invoice_is_paid_or_voided_is_renewed_soon_after() {
    let world = World::new("rm_renewed").await;
    let worker = world.start().await;
    world.applied("i-1", "invoice.create", "ACC-1", invoice("INV-1", "ACC-1", "123.45")).await;
    let payer = json!({ "debtor": { "name": "Jane Roe", "account": "DE89370400440532013000" } });
    world.bank("b-1", with(credit("T1", "123.45"), &payer)).await;
    assert_eq!(world.outcome("b-1").await.0, "applied");
    let open = "SELECT string_agg(i.invoice_id, ' ' ORDER BY i.invoice_id)
                  FROM suggestions s JOIN suggestion_invoices i USING (suggestion_id)
                 WHERE s.status = 'open'";
    world.until(open, "INV-1").await;
    // It is another customer's: nothing has the payment looked at again.
    world.applied("i-2", "invoice.create", "ACC-2", invoice("INV-2", "ACC-2", "123.45")).await;
    let reference = "SELECT payment_reference FROM invoices WHERE invoice_id = 'INV-1'";
    let reference = world.value(reference).await;
    world.bank("b-2", credit_saying("T2", "123.45", &reference)).await;
    world.until(open, "INV-2").await;
    world.applied("v-2", "invoice.void", "ACC-2", about_invoice("INV-2", "ACC-2")).await;
    world.until("SELECT count(*) FROM suggestions WHERE status = 'open'", "0").await;
    let runs = "SELECT count(*) FROM job_runs WHERE job = 'rematch'";
    assert_eq!(world.value(runs).await, "0", "no job did it");
    worker.shutdown().await;
    world.finish().await;
}

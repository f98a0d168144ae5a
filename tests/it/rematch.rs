//! Parked payments that a later fact settles, without anybody who watches for it.

use serde_json::json;
use topup::clock::Clock;
use topup::jobs::{Ended, Job};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{account, bank, credit, invoice, with};
use crate::jobs::runner;

async fn run(direct: &Direct) -> String {
    let (runner, _stop) = runner(direct, "test", None);
    runner.prepare().await.expect("prepared");
    match runner.run_by(Job::Rematch, "alice", Clock::System.now()).await.expect("ran") {
        Ended::Done(report) => report.summary,
        other => panic!("{other:?}"),
    }
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

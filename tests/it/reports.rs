//! Money on no invoice: parked, on account, rests; the sums are those of the ledger.

use std::process::Command;

use serde_json::{Value, json};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{
    BANK, about_payment, allocate, bank, credit, credit_saying, invoice, payment,
};

fn report(direct: &Direct, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command.args(["report", "unallocated"]).args(words);
    let output = command.env("DATABASE_URL", &direct.database.url).output().expect("it starts");
    (
        output.status.code(),
        String::from_utf8([output.stdout, output.stderr].concat()).expect("text"),
    )
}

/// Kind and sum of each payment, and the totals.
fn told(direct: &Direct, as_of: Option<&str>) -> (Vec<(String, String)>, Value) {
    let mut words = vec!["--output", "json"];
    words.extend(as_of.iter().flat_map(|at| ["--as-of", at]));
    let (exit, text) = report(direct, &words);
    assert_eq!(exit, Some(0), "{text}");
    let told: Value = serde_json::from_str(&text).expect("JSON");
    let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
    let mut kinds: Vec<_> = told["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|row| (text(row, "kind"), text(row, "unallocated")))
        .collect();
    kinds.sort_unstable();
    (kinds, told["totals"].clone())
}

async fn credited(direct: &mut Direct, id: &str, data: &Value) {
    let value = bank(id, data);
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
}

/// Parked: nobody is named. A rest: 15.00 of 115.00. On account: there is no invoice.
async fn world(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    credited(&mut direct, "b-1", &credit("T-1", "40.00")).await;
    for (id, kind, data) in [
        ("c-1", "invoice.create", invoice("INV-1", "A", "100.00")),
        ("c-2", "payment.record", payment("P-1", "A", "115.00")),
        ("c-3", "payment.record", payment("P-2", "B", "7.50")),
        ("c-4", "payment.allocate", allocate("P-1", "A", "INV-1")),
    ] {
        let item = direct.command(id, kind, &data);
        direct.applied(item).await;
    }
    direct
}

const LEDGER: &str = "SELECT coalesce(sum(amount) / 1000000, 0)::numeric(20, 2)
                        FROM ledger_entries WHERE ledger_account = 'unallocated_cash'";

fn pairs(kinds: &[(&str, &str)]) -> Vec<(String, String)> {
    kinds.iter().map(|(kind, sum)| ((*kind).to_owned(), (*sum).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_unallocated_is_what_the_ledger_holds() {
    let direct = world("unallocated").await;
    let (kinds, totals) = told(&direct, None);
    assert_eq!(kinds, pairs(&[("on_account", "7.50"), ("parked", "40.00"), ("rest", "15.00")]));
    assert_eq!(totals[0]["unallocated"], direct.database.value(LEDGER).await);
    assert_eq!(totals[0]["ledger"], totals[0]["unallocated"]);
    let (exit, text) = report(&direct, &["--by", "customer,age", "--output", "csv"]);
    assert_eq!(exit, Some(0), "{text}");
    assert_eq!(
        text.lines().filter(|line| line.starts_with("SGD,") && line.contains(",1,")).count(),
        3,
        "{text}"
    );
    assert!(text.contains("62.50 SGD unallocated on 3 payments; the ledger says"), "{text}");
    let (_, text) = report(&direct, &["--by", "kind"]);
    assert!(text.contains("rest") && text.contains("15.00"), "{text}");
    // Before anything came there was nothing; of a day to come nothing is known.
    let (_, text) = report(&direct, &["--as-of", "2020-01-31"]);
    assert!(text.contains("Nothing is unallocated"), "{text}");
    assert!(text.contains("Counted is what was recorded by 2020-01-31T23:59:59"), "{text}");
    assert_eq!(report(&direct, &["--as-of", "2999-01-01"]).0, Some(2));
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_of_the_past_is_what_the_ledger_held_then() {
    let mut direct = world("unallocated_then").await;
    let now = r#"SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC',
                               'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#;
    let then = direct.database.value(now).await;
    let (before, totals) = told(&direct, None);
    let parked = direct.database.value("SELECT payment_id FROM payments WHERE state = 'parked'");
    let parked = parked.await;
    // All of it goes another way: to an invoice, back to the payer, off the books.
    for (id, kind, data) in [
        ("d-1", "payment.assign", about_payment(&parked, "C")),
        ("d-2", "invoice.create", invoice("INV-2", "C", "40.00")),
        ("d-3", "payment.allocate", allocate(&parked, "C", "INV-2")),
        (
            "d-4",
            "payment.refund",
            json!({ "account_id": "A", "payment_id": "P-1", "reason": "asked" }),
        ),
        ("d-5", "payment.remove", about_payment("P-2", "B")),
        ("d-6", "payment.record", payment("P-3", "B", "1.00")),
    ] {
        let item = direct.command(id, kind, &data);
        let ended = direct.run(&[item]).await;
        assert!(ended.iter().all(|one| one.code.is_none()), "{id}: {ended:?}");
    }
    assert_eq!(direct.database.value(LEDGER).await, "1.00");
    assert_eq!(told(&direct, None).0, pairs(&[("on_account", "1.00")]));
    assert_eq!(told(&direct, Some(&then)), (before, totals));
    direct.finish().await;
}

/// The report says it when open payments and ledger differ, and asks for the audit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_is_not_the_ledgers_says_so() {
    let direct = world("unallocated_off").await;
    let wrong = "UPDATE open_payments SET free = free + 1000000 WHERE account_id = 'B'";
    direct.database.execute(wrong).await;
    let (exit, text) = report(&direct, &[]);
    assert_eq!(exit, Some(3), "{text}");
    let said = "63.50 SGD unallocated on 3 payments, but the ledger holds 62.50: run `topup audit`";
    assert!(text.contains(said), "{text}");
    let right = "UPDATE open_payments SET free = free - 1000000 WHERE account_id = 'B'";
    direct.database.execute(right).await;
    direct.finish().await;
}

/// Assigning ends the search for a payment: nothing promises that it goes on, also of its rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_a_person_assigned_is_promised_to_no_later_invoice() {
    let mut direct = world("assigned_told").await;
    credited(&mut direct, "b-2", &credit_saying("T-2", "30.00", "topup INV-9")).await;
    let id = |bank_id: &str| format!("BANK:{BANK}:{bank_id}");
    let url = direct.database.url.clone();
    let told = |word: &str, bank_id: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
        command.args(["payments", word, &id(bank_id)]).env("DATABASE_URL", &url);
        String::from_utf8(command.output().expect("it starts").stdout).expect("text")
    };
    let again = "ecided again";
    for word in ["explain", "show"] {
        assert!(told(word, "T-2").contains(again), "{}", told(word, "T-2"));
    }
    for (n, (kind, data)) in [
        ("payment.assign", about_payment(&id("T-1"), "C")),
        ("invoice.create", invoice("INV-2", "C", "25.00")),
        ("payment.allocate", allocate(&id("T-1"), "C", "INV-2")),
    ]
    .into_iter()
    .enumerate()
    {
        let item = direct.command(&format!("d-{n}"), kind, &data);
        direct.applied(item).await;
        for word in ["explain", "show"] {
            let told = told(word, "T-1");
            assert!(!told.contains(again) && !told.contains("an invoice fits"), "{kind}: {told}");
        }
        let explained = told("explain", "T-1");
        assert!(explained.contains("until a person acts."), "{kind}: {explained}");
    }
    direct.finish().await;
}

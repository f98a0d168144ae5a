//! A server with the settings that PostgreSQL comes with: nothing of ours needs others.

use sqlx::postgres::PgPoolOptions;
use topup::wire::Topic;

use super::database::{Server, topup};
use crate::harness::records::{BANK, bank, credit_saying, invoice};
use crate::harness::{Database, Direct};

const RECORDS: usize = 10_000;

/// One batch sends invoices, another has payments whose texts are full of words, at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_sends_and_payments_full_of_words_need_no_setting() {
    let server = tokio::task::spawn_blocking(Server::start).await.expect("a server");
    let url = server.url("localhost", "open", "sslmode=disable");
    let (exit, text) = topup(&url, None, &["migrate"]);
    assert_eq!(exit, Some(0), "{text}");
    let admin = PgPoolOptions::new().max_connections(4).connect(&url).await;
    let admin = admin.expect("a pool").into();
    let database = Database { name: "open".to_owned(), url, admin };
    for (setting, comes_with) in [("max_locks_per_transaction", "64"), ("max_connections", "100")] {
        let now = database.value(&format!("SELECT current_setting('{setting}')")).await;
        assert_eq!(now, comes_with, "{setting}");
    }
    let mut direct = Direct::on(database).await;
    let sends: Vec<_> = (0..RECORDS)
        .map(|number| {
            let data = invoice(&format!("INV-{number}"), &format!("ACC-{}", number % 500), "5.00");
            direct.command(&format!("i-{number}"), "invoice.create", &data)
        })
        .collect();
    let paid: Vec<_> = (0..RECORDS)
        .map(|number| {
            let words: Vec<String> = (0..12).map(|word| format!("AB{number}-{word}")).collect();
            let id = format!("W{number}");
            let value = bank(&id, &credit_saying(&id, "7.77", &words.join(" ")));
            direct.item(Topic::BankPayments, Some(BANK), value.as_bytes())
        })
        .collect();
    let (sent, parked) = tokio::join!(direct.run(&sends), direct.run(&paid));
    for ended in sent.iter().chain(&parked) {
        assert_eq!((ended.outcome, &ended.code), ("applied", &None));
    }
    let known = "SELECT count(*) FROM invoices WHERE sent_at IS NOT NULL";
    assert_eq!(direct.database.value(known).await, RECORDS.to_string());
    let waiting = "SELECT count(*) FROM payments WHERE state = 'parked'";
    assert_eq!(direct.database.value(waiting).await, RECORDS.to_string());
    direct.database.audit().await;
}

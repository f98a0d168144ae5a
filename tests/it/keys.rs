//! Keys that are made of several parts, on PostgreSQL: nothing that reads the same when it is
//! joined is taken for the same.

use serde_json::{Value, json};
use topup::domain::keys;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{bank, credit, payment, with};

/// Hands in a transaction of that bank account.
async fn booked(direct: &mut Direct, id: &str, account: &str, data: Value) -> String {
    let data = with(data, &json!({ "bank_account": account }));
    let item = direct.item(Topic::BankPayments, Some(account), bank(id, &data).as_bytes());
    let ended = direct.run(std::slice::from_ref(&item)).await;
    ended[0].outcome.to_owned()
}

fn entry(statement: &str, entry: &str, amount: &str) -> Value {
    let by_entry = json!({
        "bank_transaction_id": null, "statement_id": statement, "entry_reference": entry,
    });
    with(credit("-", amount), &by_entry)
}

const PAYMENTS: &str = "SELECT payment_id || ' ' || amount / 1000000 FROM payments
    WHERE origin = 'bank' ORDER BY amount, payment_id";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_whose_keys_read_the_same_when_joined_are_two() {
    let mut direct = Direct::new("keys_joined").await;
    for (id, account, data) in [
        ("e-1", "REVBANK", entry("2026/11", "28/1", "77.00")),
        ("e-2", "REVBANK", entry("2026/11/28", "1", "77.00")),
        ("c-1", "DBS", credit("SGD:0001", "55.00")),
        ("c-2", "DBS:SGD", credit("0001", "66.00")),
    ] {
        assert_eq!(booked(&mut direct, id, account, data.clone()).await, "applied", "{id}");
        let again = format!("{id}-again");
        assert_eq!(booked(&mut direct, &again, account, data).await, "duplicate", "{id}");
    }
    let payments = direct.database.lines(PAYMENTS).await;
    assert_eq!(payments.len(), 4);
    assert_eq!(payments[0], "BANK:DBS:SGD:0001 55");
    direct.finish().await;
}

/// A person may give any id to a payment; the bank's is recorded all the same, under another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_by_hand_under_a_banks_id_is_not_in_the_banks_way() {
    let mut direct = Direct::new("keys_taken").await;
    let item = direct.command("p", "payment.record", &payment("BANK:OURS:B1", "A", "5.00"));
    direct.applied(item).await;
    assert_eq!(booked(&mut direct, "b", "OURS", credit("B1", "7.00")).await, "applied");
    assert_eq!(booked(&mut direct, "b2", "OURS", credit("B1", "7.00")).await, "duplicate");
    let payments = direct.database.lines(PAYMENTS).await;
    assert_eq!(payments.len(), 1);
    assert!(payments[0].ends_with(" 7"), "{payments:?}");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_escapes_a_part_as_the_program_does() {
    let direct = Direct::new("keys_part").await;
    for part in ["", "S", "2026/11", "%", "%2F", "a:b", "//%%", "2026/11%2F28"] {
        let sql = format!("SELECT '=' || key_part('{part}')");
        let expected = format!("={}", keys::part(part, '/'));
        assert_eq!(direct.database.value(&sql).await, expected);
    }
    direct.finish().await;
}

/// A key of two names is one of them alone, and the database makes it as the program does: what
/// failed is found again by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_two_names_is_the_same_here_and_in_the_database() {
    const WORDS: [&str; 9] = ["", "/", "%", "%2F", "%25", "A", "A/B", "id:", "ß/名"];
    let names: Vec<String> = WORDS
        .iter()
        .flat_map(|one| WORDS.iter().map(move |two| format!("{one}{two}")))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for first in &names {
        for second in &names {
            firsts.push(first.clone());
            seconds.push(second.clone());
        }
    }
    let direct = Direct::new("keys_two").await;
    let theirs: Vec<String> = sqlx::query_scalar(
        "SELECT key_joined(first, second)
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (first, second, place)
         ORDER BY place",
    )
    .bind(&firsts)
    .bind(&seconds)
    .fetch_all(direct.pipeline.pool())
    .await
    .expect("joined");
    let ours: Vec<String> = firsts
        .iter()
        .zip(&seconds)
        .map(|(first, second)| topup::domain::keys::joined(first, second))
        .collect();
    assert_eq!(theirs, ours);
    let different: std::collections::BTreeSet<&String> = ours.iter().collect();
    assert_eq!(different.len(), ours.len(), "two pairs have one key");
    direct.finish().await;
}

//! What it costs to look for what a payer may have meant: look-ups by index and rows read are
//! counted, in batches of payments that name their invoices and in such that nearly do.

use serde_json::{Value, json};
use sqlx::Row;
use topup::store::Tx;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{account, bank, command, credit_saying, invoice, with};
use crate::size;

/// Payments of a batch; each has an invoice of its own.
const BATCH: usize = 200;

fn odd(number: usize) -> String {
    format!("{}.{:02}", 1_000 + number / 100, number % 100)
}

fn payer(number: usize) -> String {
    format!("DE62PAYER{number:04}")
}

/// Numbers far apart: no two are one mistake from each other.
fn number(n: usize) -> String {
    format!("INV-{:02}{:02}{:02}", 10 + n % 50, 10 + n % 50, 10 + n / 50 * 11)
}

/// The same with its last digit replaced.
fn mistyped(n: usize) -> String {
    let mut number = number(n);
    let last = number.pop().expect("a digit");
    number.push(if last == '5' { '6' } else { '5' });
    number
}

/// Customers with an invoice of an amount of its own each, and customers with one of 100.00.
async fn world() -> Direct {
    let mut direct = size::build("near_cost", 0).await;
    let mut records = Vec::new();
    for n in 0..BATCH {
        let payers = json!({ "payer_accounts": [payer(n)] });
        let customer = format!("OWN-{n}");
        let data = with(account(&customer), &payers);
        records.push((Topic::Commands, command(&format!("a-{n}"), "account.upsert", &data)));
        let data = invoice(&number(n), &customer, &odd(n));
        records.push((Topic::Commands, command(&format!("i-{n}"), "invoice.create", &data)));
        let data = invoice(&format!("COMMON-{n}"), &format!("OTHER-{n}"), "100.00");
        records.push((Topic::Commands, command(&format!("c-{n}"), "invoice.create", &data)));
    }
    for batch in size::placed(&mut direct, records).chunks(200) {
        direct.run(batch).await;
    }
    direct.database.execute("VACUUM ANALYZE").await;
    direct
}

async fn work_of(tx: &mut Tx<'_>) -> i64 {
    let sql = "SELECT sum(coalesce(idx_scan, 0) + coalesce(seq_tup_read, 0)
               + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables";
    sqlx::query(sql).fetch_one(&mut **tx).await.expect("statistics").get(0)
}

/// Look-ups and rows of a batch of such payments, and how they ended.
async fn cost(
    direct: &mut Direct,
    what: &str,
    text: impl Fn(usize) -> String,
    amount: impl Fn(usize) -> String,
    more: impl Fn(usize) -> Value,
) -> i64 {
    let money = |n: usize| {
        let id = format!("{what}-{n}");
        let data = with(credit_saying(&id, &amount(n), &text(n)), &more(n));
        (Topic::BankPayments, bank(&id, &data))
    };
    let items = size::placed(direct, (0..BATCH).map(money).collect());
    let mut tx = direct.pipeline.pool().begin().await.expect("begin");
    let before = work_of(&mut tx).await;
    let ended = direct.run_in(&mut tx, &items).await.expect("processed");
    let after = work_of(&mut tx).await;
    let states = "SELECT string_agg(DISTINCT concat(state, ' ', reason), ', ') FROM payments";
    let states: String = sqlx::query(states).fetch_one(&mut *tx).await.expect("payments").get(0);
    tx.rollback().await.expect("rollback");
    assert!(ended.iter().all(|end| end.outcome == "applied"), "{what}");
    println!("{what}: {} for {BATCH} payments: {states}", after - before);
    after - before
}

/// A number with a mistake in it has some 240 neighbours. They are compared with the few invoices
/// that have the amount, or that the customer has, and looked up one by one only where these are
/// many: so such payments cost no more than three times what those cost that name an invoice.
#[tokio::test]
async fn a_mistyped_number_costs_about_what_the_right_one_costs() {
    let mut direct = world().await;
    let nobody = |_: usize| json!({});
    let known = |n: usize| json!({ "debtor": { "account": payer(n), "name": format!("OWN {n}") } });
    let says = |number: String| format!("invoice {number} thank you");
    let right = cost(&mut direct, "right", |n| says(number(n)), odd, nobody).await;
    let wrong = cost(&mut direct, "wrong", |n| says(mistyped(n)), odd, nobody).await;
    let stranger =
        cost(&mut direct, "stranger", |n| says(mistyped(n)), |n| odd(90_000 + n), nobody).await;
    let payers = cost(&mut direct, "payers", |n| says(mistyped(n)), odd, known).await;
    for (what, cost) in [("wrong", wrong), ("stranger", stranger), ("payers", payers)] {
        assert!(cost <= 3 * right, "{what}: {cost} for {right}");
    }
    // Where very many invoices have the amount, the neighbours are looked up, each once a batch.
    let common =
        cost(&mut direct, "common", |n| says(mistyped(n)), |_| "100.00".to_owned(), nobody).await;
    println!("common: {common} for {right}");
    direct.finish().await;
}

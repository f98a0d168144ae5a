//! One entry in several statements: intraday reports and the statement of the day.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::store::reconcile;

use crate::harness::records::{BANK, account, credit, invoice, with};
use crate::reconcile::Desk;

/// An entry as one statement tells it.
fn told(id: &str, statement: &str, amount: &str, more: &Value) -> Value {
    let of = json!({ "statement_id": statement, "booking_date": "2026-11-26" });
    with(with(credit(id, amount), &of), more)
}

fn debit(of: &str) -> Value {
    json!({ "credit_debit": "DBIT", "reversal": true, "return_of": { "bank_transaction_id": of } })
}

impl Desk {
    async fn tell(&mut self, id: &str, statement: &str, amount: &str) {
        self.feed_all(&[told(id, statement, amount, &json!({}))]).await;
    }

    async fn report(&mut self, id: &str, sums: (&str, &str), entries: u32, through: &str) {
        let data = json!({
            "bank_account": BANK, "statement_id": id, "currency": "SGD", "entries": entries,
            "opening_balance": sums.0, "closing_balance": sums.1, "complete_through": through,
        });
        self.feed("statement", &data).await;
    }

    async fn names(&self) -> Vec<String> {
        let sql = "SELECT bank_key || ' ' || statement_id FROM entry_statements
                    ORDER BY bank_key, statement_id";
        self.direct.database.lines(sql).await
    }
}

const NOON: &str = "2026-11-26T12:00:00Z";
const NIGHT: &str = "2026-11-26T23:59:59Z";

/// The day's statement repeats what the intraday report named: both have it, in one batch or in
/// several, and however often it is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_is_of_every_statement_that_names_it() {
    let mut desk = Desk::new("id_every").await;
    desk.tell("T1", "052-1", "10.00").await;
    desk.tell("T2", "052-1", "20.00").await;
    let before: DateTime<Utc> = Clock::System.now();
    for _ in 0..2 {
        desk.tell("T1", "053-1", "10.00").await;
        desk.tell("T2", "053-1", "20.00").await;
        desk.tell("T2", "052-1", "20.00").await;
    }
    desk.tell("T3", "053-1", "5.00").await;
    desk.report("053-1", ("100.00", "135.00"), 3, NIGHT).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    desk.report("052-1", ("100.00", "130.00"), 2, NOON).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    assert_eq!(desk.names().await, ["id:T1 053-1", "id:T2 053-1"]);
    let pool = desk.direct.pipeline.pool();
    for (statement, expected) in
        [("053-1", vec!["id:T1", "id:T2", "id:T3"]), ("052-1", vec!["id:T1", "id:T2"])]
    {
        let listed = reconcile::entries(pool, BANK, statement, "UTC").await.expect("listed");
        let counted: Vec<&str> = listed.iter().map(|entry| entry.bank_key.as_str()).collect();
        assert_eq!(counted, expected, "{statement}");
        assert!(listed.iter().all(|entry| entry.named && entry.counted), "{listed:?}");
    }
    // What was known then.
    let then = reconcile::find(pool, before, "UTC").await.expect("found");
    assert_eq!(then.drifts, []);
    let change = "DELETE FROM entry_statements";
    assert!(sqlx::query(change).execute(&desk.direct.database.admin).await.is_err());
    desk.direct.finish().await;
}

/// Both records in one batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_is_of_both_statements_of_one_batch() {
    let mut desk = Desk::new("id_batch").await;
    let both = [
        told("T1", "052-1", "10.00", &json!({})),
        told("T1", "053-1", "10.00", &json!({})),
        told("T1", "053-1", "10.00", &json!({ "end_to_end_id": "E-1" })),
    ];
    desk.feed_all(&both).await;
    desk.report("053-1", ("0.00", "10.00"), 1, NIGHT).await;
    desk.report("052-1", ("0.00", "10.00"), 1, NOON).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    desk.direct.finish().await;
}

/// What is true is told all the same, and once: an entry of both that never came, one that only the
/// report has, and a statement of the next day that does not go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_told_once_beside_reports() {
    let mut desk = Desk::new("id_missing").await;
    desk.tell("T1", "052-1", "10.00").await;
    desk.tell("T1", "053-1", "10.00").await;
    desk.report("052-1", ("100.00", "130.00"), 2, NOON).await;
    desk.report("053-1", ("100.00", "130.00"), 2, NIGHT).await;
    let missing = ["statement_entries 052-1", "statement_sum 052-1"];
    assert_eq!(desk.kinds().await, missing);
    desk.tell("T2", "053-1", "20.00").await;
    desk.tell("T2", "052-1", "20.00").await;
    assert_eq!(desk.kinds().await, [""; 0]);
    desk.tell("T3", "052-1", "7.00").await;
    assert_eq!(desk.kinds().await, missing);
    desk.direct.finish().await;
}

/// Announced in the report and booked in the statement; what the bank takes back, and gives again;
/// entries of nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announced_returned_and_empty_entries_are_of_both() {
    let mut desk = Desk::new("id_kinds").await;
    let pending = json!({ "status": "PDNG" });
    let information = json!({ "status": "INFO" });
    desk.feed_all(&[told("T1", "052-1", "10.00", &pending)]).await;
    desk.feed_all(&[told("T2", "052-1", "20.00", &information)]).await;
    desk.report("052-1", ("100.00", "100.00"), 0, NOON).await;
    desk.tell("T1", "053-1", "10.00").await;
    desk.tell("T2", "053-1", "20.00").await;
    for statement in ["052-2", "053-1"] {
        desk.feed_all(&[told("R1", statement, "10.00", &debit("T1"))]).await;
        let undone = with(debit("R1"), &json!({ "credit_debit": "CRDT" }));
        desk.feed_all(&[told("U1", statement, "10.00", &undone)]).await;
        desk.tell("Z1", statement, "0.00").await;
    }
    // Only a booking is of a statement.
    desk.feed_all(&[told("T1", "052-9", "10.00", &pending)]).await;
    desk.report("052-2", ("100.00", "130.00"), 5, "2026-11-26T18:00:00Z").await;
    desk.report("053-1", ("100.00", "130.00"), 5, NIGHT).await;
    // The second report tells of what was booked as well.
    desk.tell("T1", "052-2", "10.00").await;
    desk.tell("T2", "052-2", "20.00").await;
    assert_eq!(desk.kinds().await, [""; 0]);
    let named = ["id:T1 052-2", "id:T2 052-2", "id:Z1 053-1"];
    let all = desk.names().await;
    assert!(named.iter().all(|name| all.iter().any(|one| one == name)), "{all:?}");
    assert!(!all.iter().any(|name| name.ends_with("052-9")), "{all:?}");
    desk.direct.finish().await;
}

/// Without the bank's ids a person says that two entries are the same money: it is of both
/// statements then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_took_for_the_same_is_of_both_statements() {
    let mut desk = Desk::new("id_same").await;
    for (id, kind, data) in [
        ("c-1", "account.upsert", account("ACC")),
        ("c-2", "invoice.create", invoice("INV-1", "ACC", "10.00")),
    ] {
        let item = desk.direct.command(id, kind, &data);
        desk.direct.applied(item).await;
    }
    let text = json!({ "bank_transaction_id": null, "entry_reference": "1",
                       "remittance": { "unstructured": ["INV-1"] } });
    desk.feed_all(&[told("-", "052-1", "10.00", &text)]).await;
    desk.feed_all(&[told("-", "053-1", "10.00", &text)]).await;
    desk.report("052-1", ("0.00", "10.00"), 1, NOON).await;
    desk.report("053-1", ("0.00", "10.00"), 1, NIGHT).await;
    let second = "SELECT payment_id FROM payments WHERE reason = 'possible_duplicate'";
    let second = desk.direct.database.value(second).await;
    let gone = json!({ "payment_id": second, "account_id": "ACC", "reason": "told twice" });
    let removed = desk.direct.command("c-3", "payment.remove", &gone);
    desk.direct.applied(removed).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    desk.direct.finish().await;
}

/// In IDR an ordinary balance has more digits than an amount may have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_of_a_very_large_balance_is_held_against_its_entries() {
    let mut desk = Desk::new("id_wide").await;
    let rupiah = json!({ "currency": "IDR" });
    desk.feed_all(&[told("T1", "S1", "950000000000", &rupiah)]).await;
    let statement = |opening: &str, closing: &str| {
        json!({
            "bank_account": BANK, "statement_id": "S1", "currency": "IDR", "entries": 1,
            "opening_balance": opening, "closing_balance": closing, "complete_through": NIGHT,
        })
    };
    let least = "-999999999999999999";
    for (opening, closing, differs) in [
        ("9500000000000", "10450000000000", None),
        (least, "-999999049999999999", None),
        ("9500000000000", "10450000000001", Some(-1_000_000)),
        (least, "999999999999999999", Some(-9_000_000_000_000_000_000)),
    ] {
        desk.feed("statement", &statement(opening, closing)).await;
        let found = desk.found().await;
        assert_eq!(found.first().map(|drift| drift.difference), differs, "{found:?}");
    }
    let issues = "SELECT min(closing_balance) FROM bank_statement_issues";
    assert_eq!(desk.direct.database.value(issues).await, "-999999049999999999000000");
    let ended = desk.try_feed(&statement("0", "1000000000000000000")).await;
    assert_eq!(ended, ("dead_lettered".to_owned(), Some("amount_invalid".to_owned())));
    // The second wall.
    let beyond = "UPDATE bank_statements SET closing_balance = 1e24";
    assert!(sqlx::query(beyond).execute(&desk.direct.database.admin).await.is_err());
    let pool = desk.direct.pipeline.pool();
    let skew = chrono::Duration::zero();
    let rows = topup::store::views::statements::latest(pool, skew, None, 3).await.expect("rows");
    assert_eq!(rows[0].opening_balance, format!("{least}.00"));
    desk.direct.finish().await;
}

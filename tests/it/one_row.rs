//! A payment and what the bank told of it are one: neither loses the other, neither gets another,
//! and both are written at once.

use serde_json::json;
use topup::store::{ConnectOptions, connect};
use topup::wire::Topic;

use crate::decisions::refused;
use crate::harness::Direct;
use crate::harness::records::{bank, credit, credit_saying, invoice, payment, with};

const STAYS: &str = "bank_record_stays";
const TOLD: &str = "SELECT recorded_at FROM bank_transactions WHERE bank_key = 'id:T-2'";

/// One booked credit, one that is only announced, and a payment that a person recorded.
async fn desk(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let sent = direct.command("c-1", "invoice.create", &invoice("INV-1", "ACC", "100.00"));
    direct.applied(sent).await;
    let by_hand = direct.command("c-2", "payment.record", &payment("PAY-1", "ACC", "5.00"));
    direct.applied(by_hand).await;
    told(&mut direct, "b-1", &credit_saying("T-1", "100.00", "INV-1")).await;
    let announced = json!({ "status": "PDNG" });
    told(&mut direct, "b-2", &with(credit("T-2", "7.00"), &announced)).await;
    direct
}

async fn told(direct: &mut Direct, id: &str, data: &serde_json::Value) {
    let item = direct.item(Topic::BankPayments, None, bank(id, data).as_bytes());
    direct.applied(item).await;
}

/// One insert writes both halves: three records have three versions of rows, and no half stands
/// alone.
#[tokio::test]
async fn a_booked_credit_and_its_payment_are_written_at_once() {
    let direct = desk("one_row_written").await;
    assert_eq!(direct.database.value("SELECT max(ctid) FROM money_records").await, "(0,3)");
    let kinds = "SELECT (payment_id IS NOT NULL) || ' ' || (bank_key IS NOT NULL)
                   FROM money_records ORDER BY amount DESC";
    assert_eq!(direct.database.lines(kinds).await, ["true true", "false true", "true false"]);
    // Neither half of it can be written without the other.
    let pool = &direct.database.admin;
    let alone = "INSERT INTO payments (payment_id, currency, amount, state, reason, origin,
        received_on, recorded_at) VALUES ('P-9', 'SGD', 1, 'parked', 'x', 'bank', now(), now())";
    assert_eq!(refused(pool, alone).await.1, "bank_payment_has_its_record");
    let empty =
        "INSERT INTO money_records (currency, amount, recorded_at) VALUES ('SGD', 1, now())";
    assert_eq!(refused(pool, empty).await.1, "money_record_is_of_something");
    for half in ["booking_date", "credit_debit", "content_hash", "announced"] {
        let some = format!("UPDATE bank_transactions SET {half} = NULL");
        assert_eq!(refused(pool, &some).await.1, "bank_record_is_whole", "{half}");
    }
    for half in ["state", "allocated", "received_on"] {
        let some = format!("UPDATE payments SET {half} = NULL");
        assert_eq!(refused(pool, &some).await.1, "payment_is_whole", "{half}");
    }
    let words = "UPDATE money_records SET remark = 'x' WHERE payment_id IS NULL";
    assert_eq!(refused(pool, words).await.1, "payment_is_whole");
    let words = "UPDATE money_records SET debtor_name = 'x' WHERE bank_key IS NULL";
    assert_eq!(refused(pool, words).await.1, "bank_record_is_whole");
    direct.finish().await;
}

#[tokio::test]
async fn a_payment_and_its_record_of_the_bank_stay_together() {
    let direct = desk("one_row_together").await;
    let pool = &direct.database.admin;
    let first = "payment_first_decision_stays";
    for (change, by) in [
        ("UPDATE money_records SET payment_id = NULL WHERE bank_key = 'id:T-1'", first),
        (
            "UPDATE bank_transactions SET payment_id = NULL, disposition = 'not_booked'
              WHERE bank_key = 'id:T-1'",
            first,
        ),
        ("UPDATE bank_transactions SET payment_id = 'P-9' WHERE bank_key = 'id:T-1'", first),
        ("UPDATE bank_transactions SET bank_key = 'id:T-9' WHERE bank_key = 'id:T-1'", STAYS),
        ("UPDATE bank_transactions SET bank_account = 'OTHER' WHERE bank_key = 'id:T-2'", STAYS),
        ("UPDATE money_records SET bank_account = NULL, bank_key = NULL", STAYS),
        (
            "UPDATE money_records SET bank_account = 'OUR', bank_key = 'id:T-9', origin = 'bank'
              WHERE payment_id = 'PAY-1'",
            STAYS,
        ),
    ] {
        assert_eq!(refused(pool, change).await, ("42501".to_owned(), by.to_owned()), "{change}");
    }
    for table in ["money_records", "payments", "bank_transactions", "records_without_payment"] {
        assert_eq!(refused(pool, &format!("DELETE FROM {table}")).await.0, "42501", "{table}");
    }
    // By privilege, too: the worker writes records anew that are no payment, and of a payment what
    // paying changes.
    let worker = connect(&ConnectOptions::new(&direct.database.url)).await.expect("a pool");
    for change in [
        "UPDATE money_records SET payment_id = NULL",
        "UPDATE money_records SET bank_key = 'id:T-9'",
        "UPDATE money_records SET debtor_name = 'x'",
        "UPDATE bank_transactions SET status = 'INFO'",
        "INSERT INTO payments (payment_id) VALUES ('P-9')",
        "INSERT INTO bank_transactions (bank_key) VALUES ('id:T-9')",
        "INSERT INTO records_without_payment (bank_key) VALUES ('id:T-9')",
    ] {
        assert_eq!(refused(&worker, change).await.0, "42501", "worker: {change}");
    }
    let reached = "UPDATE records_without_payment SET debtor_name = 'x'";
    let reached = sqlx::query(reached).execute(&worker).await.expect("may");
    assert_eq!(reached.rows_affected(), 1, "only what is announced");
    worker.close().await;
    direct.finish().await;
}

/// What was announced is booked in its place: it is found among the payments that have money to
/// give, is told since when it is known, and is nobody's who does not exist.
#[tokio::test]
async fn an_announced_record_that_is_booked_is_a_payment_like_any_other() {
    let mut direct = desk("one_row_booked").await;
    let since = direct.database.value(TOLD).await;
    let nobody =
        "UPDATE money_records SET payment_id = 'P-9', account_id = 'NOBODY', state = 'on_account',
           origin = 'bank', received_on = booking_date, allocated = 0,
           status = 'BOOK', disposition = 'payment'
         WHERE bank_key = 'id:T-2'";
    let refusal = refused(&direct.database.admin, nobody).await;
    assert_eq!(refusal, ("23503".to_owned(), "payments_have_their_account".to_owned()));
    told(&mut direct, "b-3", &credit("T-2", "7.00")).await;
    let open = "SELECT payment_id, bank, free FROM open_payments ORDER BY free DESC";
    let expected = ["BANK:SG-DBS-001:T-2|true|7000000", "PAY-1|false|5000000"];
    assert_eq!(direct.database.lines(open).await, expected);
    let rows = format!(
        "SELECT count(*), bool_and(announced), bool_and(told_at = '{since}'),
                bool_and(recorded_at > told_at)
           FROM money_records WHERE bank_key = 'id:T-2'"
    );
    assert_eq!(direct.database.lines(&rows).await, ["1|true|true|true"]);
    let known = direct.database.value(TOLD).await;
    assert_eq!(known, since, "what the bank told first");
    direct.finish().await;
}

//! What is due of an invoice, as the database sees it: what awaits payment is exactly what is not
//! covered, and neither side changes without the other.

use topup::store::sql::named;
use topup::store::{ConnectOptions, connect};

use super::{Case, Stage, all_refused, allocation, refusal, transfer, world};
use crate::harness::Direct;
use crate::harness::records::{invoice, payment};

/// PAY-1 pays this much of the invoice, in micros, as far as the ledger and the allocation say.
fn paid(invoice: &str, micros: i64) -> String {
    let posted = transfer(&format!(
        "1, 'provisioned', 'unallocated_cash', NULL, 'customer_balance', 'ACC-1', 'SGD', {micros}"
    ));
    let values = format!("'PAY-1', '{invoice}', 'ACC-1', 'SGD', {micros}::bigint");
    format!("{posted} {};", allocation(&values))
}

#[tokio::test]
async fn an_invoice_is_provisioned_exactly_when_nothing_is_due() {
    let direct = world("k_invoice").await;
    let now = Stage::Statement;
    let (due, covered) = ("invoice_due_follows", "invoice_provisioned_iff_covered");
    let cases: [Case; 9] = [
        // Partly paid, not paid at all, and paid in full.
        ("DELETE FROM payable_invoices WHERE invoice_id = 'INV-H'", now, "23514", covered),
        ("DELETE FROM payable_invoices WHERE invoice_id = 'INV-S'", now, "23514", covered),
        ("UPDATE payable_invoices SET due = due - 1", now, "23514", due),
        ("UPDATE payable_invoices SET due = due + 1", now, "23514", due),
        (
            "INSERT INTO payable_invoices (invoice_id, account_id, currency, due, sent_at)
             SELECT invoice_id, account_id, currency, 1, sent_at FROM invoices
              WHERE invoice_id = 'INV-P'",
            now,
            "23514",
            due,
        ),
        // A flag of what is partly paid.
        (
            "UPDATE payable_invoices SET candidate_since = now() WHERE invoice_id = 'INV-H'",
            now,
            "23514",
            due,
        ),
        (
            "UPDATE payable_invoices SET account_id = 'ACC-2' WHERE invoice_id = 'INV-S'",
            now,
            "23514",
            "payable_stays",
        ),
        ("TRUNCATE payable_invoices", now, "23514", "payable_stays"),
        (
            "UPDATE invoices SET voided_at = now() WHERE invoice_id = 'INV-H'",
            now,
            "23514",
            "invoice_unpaid_before_void",
        ),
    ];
    all_refused(&direct.database, &cases).await;
    direct.finish().await;
}

/// Who changes what is allocated and forgets what is due, or the other way round, commits nothing.
#[tokio::test]
async fn what_is_due_follows_from_what_is_allocated_to_the_micro() {
    let direct = world("k_due").await;
    let lowered = |by: i64| {
        let lower = "UPDATE payable_invoices SET due = due";
        format!("{} {lower} - {by} WHERE invoice_id = 'INV-S'", paid("INV-S", 5))
    };
    let gone = "DELETE FROM payable_invoices WHERE invoice_id = 'INV-S'";
    let back = "UPDATE allocations SET reversed = amount, remaining = 0, reversed_at = now()";
    let (now, end) = (Stage::Statement, Stage::Commit);
    let (due, covered) = ("invoice_due_follows", "invoice_provisioned_iff_covered");
    let cases = [
        (paid("INV-S", 5), end, due),
        (paid("INV-S", 100_000_000), end, due),
        (lowered(4), now, due),
        (lowered(6), now, due),
        (format!("{} {gone}", paid("INV-S", 5)), now, covered),
        (format!("{} {gone}", paid("INV-S", 100_000_001)), now, covered),
        // What a draft, a voided and a provisioned invoice may not have.
        (paid("INV-D", 5), end, due),
        (paid("INV-V", 5), end, due),
        (paid("INV-P", 5), end, due),
        // What was paid goes back, in full and in part.
        (format!("{back} WHERE invoice_id = 'INV-P'"), end, due),
        (format!("{back} WHERE invoice_id = 'INV-H'"), end, due),
        (
            "UPDATE allocations SET (reversed, remaining) = (1, remaining - 1)
              WHERE invoice_id = 'INV-P'"
                .to_owned(),
            end,
            due,
        ),
        // Sent, voided, sent again.
        ("UPDATE invoices SET sent_at = now() WHERE invoice_id = 'INV-D'".to_owned(), end, due),
        ("UPDATE invoices SET voided_at = now() WHERE invoice_id = 'INV-S'".to_owned(), end, due),
        (
            "UPDATE invoices SET sent_at = sent_at + interval '1 day' WHERE invoice_id = 'INV-S'"
                .to_owned(),
            end,
            due,
        ),
        (
            "UPDATE invoices SET due_date = '2026-12-01' WHERE invoice_id = 'INV-S'".to_owned(),
            end,
            due,
        ),
        (
            "INSERT INTO invoices (invoice_id, account_id, name, currency, amount,
                 payment_reference, number_key, created_at, sent_at)
             VALUES ('INV-9', 'ACC-1', 'Topup', 'SGD', 5, 'RF99A9', 'INV-9', now(), now())"
                .to_owned(),
            end,
            due,
        ),
    ];
    for (statements, stage, constraint) in cases {
        let expected = (stage, "23514".to_owned(), constraint.to_owned());
        assert_eq!(refusal(&direct.database.admin, &statements).await, expected, "{statements}");
    }
    direct.finish().await;
}

/// Both together are what a payment is: in part, then in full, then taken back.
#[tokio::test]
async fn what_is_allocated_and_what_is_due_change_together() {
    let direct = world("k_together").await;
    let of = "WHERE invoice_id = 'INV-S'";
    let state = "SELECT concat_ws(' ', status, allocated, provisioned_at IS NOT NULL,
                        candidate_since) FROM invoice_states WHERE invoice_id = 'INV-S'";
    let flag = "UPDATE payable_invoices SET candidate_since = '2026-11-30Z'";
    direct.database.execute(&format!("{flag} {of}")).await;
    let part = "UPDATE payable_invoices SET (due, candidate_since) = (due - 5, NULL)";
    direct.database.execute(&format!("{} {part} {of}", paid("INV-S", 5))).await;
    assert_eq!(direct.database.value(state).await, "awaiting_payment 5 f");
    let back = format!(
        "UPDATE allocations SET (reversed, remaining, reversed_at) = (amount, 0, now()) {of};
         UPDATE payable_invoices SET due = due + 5 {of}"
    );
    direct.database.execute(&back).await;
    assert_eq!(direct.database.value(state).await, "awaiting_payment 0 f");
    let whole = paid("INV-S", 100_000_000).replace("VALUES (1,", "VALUES (2,");
    let whole = whole.replace("SELECT 1, v.*", "SELECT 2, v.*");
    let whole = whole.replace("(SELECT min(ledger_transaction_id) FROM ledger_transactions)", "2");
    direct.database.execute(&format!("{whole} DELETE FROM payable_invoices {of}")).await;
    assert_eq!(direct.database.value(state).await, "provisioned 100000000 t");
    assert_eq!(direct.database.value("SELECT count(*) FROM unsettled_invoices").await, "0");
    // Nothing else of the book was changed with it.
    direct.pipeline.pool().close().await;
    direct.database.abandon().await;
}

/// What was compared before the last of it was allocated is compared again, and one invoice's due
/// does not stand for another's.
#[tokio::test]
async fn nothing_is_settled_by_what_was_compared_before_or_by_another() {
    let mut direct = world("k_settled").await;
    let second = |invoice: &str| {
        let second = paid(invoice, 5).replace("VALUES (1,", "VALUES (2,");
        let second = second.replace("SELECT 1, v.*", "SELECT 2, v.*").replace("PAY-1", "PAY-3");
        second.replace("(SELECT min(ledger_transaction_id) FROM ledger_transactions)", "2")
    };
    let more = payment("PAY-3", "ACC-1", "100.00");
    let item = direct.command("c-pay-3", "payment.record", &more);
    direct.applied(item).await;
    let item = direct.command("c-inv-3", "invoice.create", &invoice("INV-3", "ACC-1", "9.00"));
    direct.applied(item).await;
    let lower = "UPDATE payable_invoices SET due = due - 5 WHERE invoice_id = 'INV-S';";
    let again = "UPDATE payable_invoices SET due = due WHERE invoice_id = 'INV-S';";
    let first = paid("INV-S", 5);
    let cases = [
        // Allocated, compared, compared once more, and then allocated again.
        format!("{first} {lower} {again} {}", second("INV-S")),
        // Two are allocated, and one is compared twice.
        format!("{first} {} {lower} {again}", second("INV-3")),
        // Compared before.
        format!("{again} {first}"),
        format!("{first} {lower} {}", second("INV-3")),
        format!("SAVEPOINT one; {first} RELEASE one"),
    ];
    for statements in cases {
        let expected = (Stage::Commit, "23514".to_owned(), "invoice_due_follows".to_owned());
        assert_eq!(refusal(&direct.database.admin, &statements).await, expected, "{statements}");
    }
    let both = lower.replace("= 'INV-S'", "IN ('INV-S', 'INV-3')");
    let end = "SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK";
    direct.database.execute(&format!("BEGIN; {first} {} {both}; {end}", second("INV-3"))).await;
    direct.finish().await;
}

/// The worker cannot say itself that something was compared.
#[tokio::test]
async fn only_the_triggers_say_what_is_settled() {
    let direct = world("k_worker").await;
    let worker = connect(&ConnectOptions::new(&direct.database.url)).await.expect("a pool");
    for statement in [
        "INSERT INTO unsettled_invoices VALUES ('1', '{}', 0, true)",
        "UPDATE unsettled_invoices SET owed = 0",
        "DELETE FROM unsettled_invoices",
        "SELECT note_settled(0)",
        "SELECT note_unsettled('{}', 0)",
        "TRUNCATE payable_invoices",
    ] {
        let expected = (Stage::Statement, "42501".to_owned(), String::new());
        assert_eq!(refusal(&worker, statement).await, expected, "{statement}");
    }
    // Nor does a table of its own take the notes.
    let own = "CREATE TEMP TABLE unsettled_invoices (LIKE unsettled_invoices INCLUDING ALL);";
    let statements = format!("{own} {}", paid("INV-S", 5));
    let expected = (Stage::Commit, "23514".to_owned(), "invoice_due_follows".to_owned());
    assert_eq!(refusal(&worker, &statements).await, expected);
    worker.close().await;
    direct.finish().await;
}

/// What waits for the commit is compared while nobody waits for the accounts; but what is due is
/// written under their locks.
#[tokio::test]
async fn what_waits_for_the_commit_is_compared_before_the_locks_but_what_is_due() {
    let direct = Direct::new("k_deferred").await;
    let statement = named("check_constraints_now");
    let early = statement.rsplit("SET CONSTRAINTS").next().expect("a list of constraints");
    let early = early.trim().trim_end_matches("IMMEDIATE").trim().split(", ");
    let mut all: Vec<&str> = early.collect();
    all.extend(["invoice_due_follows_reversal", "invoices_are_settled"]);
    all.sort_unstable();
    let deferred = "SELECT tgname FROM pg_trigger WHERE tginitdeferred ORDER BY tgname";
    assert_eq!(direct.database.lines(deferred).await, all);
    direct.finish().await;
}

#[tokio::test]
async fn the_states_of_an_invoice_only_go_where_they_may_and_void_is_final() {
    let direct = world("k_states").await;
    let now = Stage::Statement;
    let payable = "INSERT INTO payable_invoices (invoice_id, account_id, currency, due, sent_at)
                   SELECT invoice_id, account_id, currency, amount, now() FROM invoices";
    let (draft, voided) = ("'INV-D'", "'INV-V'");
    for id in [draft, voided] {
        let statement = format!("{payable} WHERE invoice_id = {id}");
        let expected = (now, "23514".to_owned(), "invoice_due_follows".to_owned());
        assert_eq!(refusal(&direct.database.admin, &statement).await, expected, "{statement}");
    }
    let cases: [Case; 7] = [
        (
            "UPDATE invoices SET voided_at = now() WHERE invoice_id = 'INV-P'",
            now,
            "23514",
            "invoice_unpaid_before_void",
        ),
        (
            "UPDATE invoices SET voided_at = NULL WHERE invoice_id = 'INV-V'",
            now,
            "23514",
            "invoice_transition",
        ),
        (
            "UPDATE invoices SET voided_at = voided_at + interval '1 day'
              WHERE invoice_id = 'INV-V'",
            now,
            "23514",
            "invoice_transition",
        ),
        (
            "UPDATE invoices SET sent_at = now() WHERE invoice_id = 'INV-V'",
            now,
            "23514",
            "invoice_transition",
        ),
        (
            "UPDATE invoices SET sent_at = NULL WHERE invoice_id = 'INV-S'",
            now,
            "23514",
            "invoice_transition",
        ),
        (
            "UPDATE invoices SET amount = amount + 1 WHERE invoice_id = 'INV-S'",
            now,
            "23514",
            "invoice_transition",
        ),
        (
            "UPDATE invoices SET account_id = 'ACC-2' WHERE invoice_id = 'INV-S'",
            now,
            "23514",
            "invoice_transition",
        ),
    ];
    all_refused(&direct.database, &cases).await;
    direct.finish().await;
}

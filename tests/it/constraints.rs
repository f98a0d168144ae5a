//! The rules of money as the database sees them: what no program can do, with any bug.

mod invoices;

use sqlx::{AssertSqlSafe, Executor};
use topup::store::{ConnectOptions, PgPool, connect};

use crate::harness::records::{
    about_invoice, allocate, allocate_amount, draft, invoice, payment, with,
};
use crate::harness::{Database, Direct};

/// Where the database refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Statement,
    Commit,
}

/// Runs statements in one transaction and returns where, with which code and by which constraint
/// they were refused.
async fn refusal(pool: &PgPool, statements: &str) -> (Stage, String, String) {
    let mut tx = pool.begin().await.expect("begin");
    let done = tx.execute(AssertSqlSafe(statements.to_owned())).await;
    let (stage, error) = match done {
        Err(error) => (Stage::Statement, error),
        Ok(_) => match tx.commit().await {
            Err(error) => (Stage::Commit, error),
            Ok(()) => panic!("not refused: {statements}"),
        },
    };
    let sqlx::Error::Database(error) = &error else {
        panic!("not refused by the database: {statements}: {error}");
    };
    let code = error.code().unwrap_or_default().into_owned();
    let constraint = error.constraint().unwrap_or_default().to_owned();
    (stage, code, constraint)
}

/// Invoices in every state and payments of two accounts, made by commands.
async fn world(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let dollars = serde_json::json!({ "currency": "USD" });
    let steps = [
        ("invoice.create", draft("INV-D", "ACC-1", "10.00")),
        ("invoice.create", invoice("INV-S", "ACC-1", "100.00")),
        ("invoice.create", invoice("INV-H", "ACC-1", "100.00")),
        ("invoice.create", invoice("INV-P", "ACC-1", "10.00")),
        ("invoice.create", invoice("INV-V", "ACC-1", "10.00")),
        ("invoice.create", invoice("INV-2", "ACC-2", "10.00")),
        ("invoice.create", with(invoice("INV-U", "ACC-1", "10.00"), &dollars)),
        ("invoice.void", about_invoice("INV-V", "ACC-1")),
        ("payment.record", payment("PAY-1", "ACC-1", "100.00")),
        ("payment.record", payment("PAY-2", "ACC-1", "10.00")),
        ("payment.allocate", allocate("PAY-2", "ACC-1", "INV-P")),
        ("payment.allocate", allocate_amount("PAY-1", "ACC-1", "INV-H", "40.00")),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        let item = direct.command(&format!("c-{number}"), kind, &data);
        direct.applied(item).await;
    }
    direct
}

/// Statements, stage, SQLSTATE, constraint.
type Case = (&'static str, Stage, &'static str, &'static str);

async fn all_refused(database: &Database, cases: &[Case]) {
    for (statements, stage, code, constraint) in cases {
        let expected = (*stage, (*code).to_owned(), (*constraint).to_owned());
        assert_eq!(refusal(&database.admin, statements).await, expected, "{statements}");
    }
}

/// A transfer of PAY-1: leg, kind, debit, whose, credit, whose, currency, amount.
fn transfer(values: &str) -> String {
    format!(
        "INSERT INTO ledger_transfers (ledger_transaction_id, posted_at, payment_id, leg, kind,
             debit, debit_account, credit, credit_account, currency, amount)
         VALUES (1, now(), 'PAY-1', {values});"
    )
}

const RECEIVED: &str =
    "1, 'payment_received', 'bank_clearing', NULL, 'unallocated_cash', NULL, 'SGD', 5";

/// A transfer takes an amount from one side and gives it to the other: there is no statement that
/// leaves the two apart.
#[tokio::test]
async fn a_transfer_that_moves_nothing_or_goes_astray_is_refused() {
    let direct = world("k_transfer").await;
    let cases = [
        (RECEIVED.replace(", 5", ", 0"), "ledger_transfers_amount_check"),
        (RECEIVED.replace(", 5", ", -5"), "ledger_transfers_amount_check"),
        (RECEIVED.replacen('1', "0", 1), "ledger_transfers_leg_check"),
        (
            RECEIVED.replace("bank_clearing", "unallocated_cash"),
            "transfer_goes_the_way_of_its_kind",
        ),
        // One customer's money for another, also under a kind that takes from balances.
        (
            "1, 'deallocated', 'customer_balance', 'ACC-1', 'customer_balance', 'ACC-2', 'SGD', 5"
                .to_owned(),
            "transfer_goes_the_way_of_its_kind",
        ),
        (
            "1, 'deallocated', 'customer_balance', NULL, 'unallocated_cash', NULL, 'SGD', 5"
                .to_owned(),
            "transfer_debits_a_customer_by_name",
        ),
        (
            "1, 'provisioned', 'unallocated_cash', 'ACC-1', 'customer_balance', 'ACC-1', 'SGD', 5"
                .to_owned(),
            "transfer_debits_a_customer_by_name",
        ),
        (
            "1, 'provisioned', 'unallocated_cash', NULL, 'customer_balance', NULL, 'SGD', 5"
                .to_owned(),
            "transfer_credits_a_customer_by_name",
        ),
        (
            RECEIVED.replace("unallocated_cash', NULL", "unallocated_cash', 'ACC-1'"),
            "transfer_credits_a_customer_by_name",
        ),
        // Each kind has its way: what was received is not the house's, nor a customer's at once.
        (RECEIVED.replace("unallocated_cash", "fees"), "transfer_goes_the_way_of_its_kind"),
        (
            "1, 'payment_received', 'bank_clearing', NULL, 'customer_balance', 'ACC-1', 'SGD', 5"
                .to_owned(),
            "transfer_goes_the_way_of_its_kind",
        ),
        (
            "1, 'payment_received', 'unallocated_cash', NULL, 'bank_clearing', NULL, 'SGD', 5"
                .to_owned(),
            "transfer_goes_the_way_of_its_kind",
        ),
        (
            "1, 'usage_charged', 'customer_balance', 'ACC-1', 'usage_revenue', NULL, 'SGD', 5"
                .to_owned(),
            "transfer_names_its_payment",
        ),
        (RECEIVED.replace("SGD", "sgd"), "currency_code_check"),
    ];
    for (values, constraint) in cases {
        let expected = (Stage::Statement, "23514".to_owned(), constraint.to_owned());
        let found = refusal(&direct.database.admin, &transfer(&values)).await;
        assert_eq!(found, expected, "{values}");
    }
    let unknown = transfer(&RECEIVED.replace("bank_clearing", "petty_cash"));
    let expected = (Stage::Statement, "22P02".to_owned(), String::new());
    assert_eq!(refusal(&direct.database.admin, &unknown).await, expected);
    direct.finish().await;
}

/// What was posted stays as it was: nothing is added to it, and its legs are of one piece.
#[tokio::test]
async fn a_leg_is_written_with_the_one_before_it_or_not_at_all() {
    let direct = world("k_legs").await;
    let rule = "leg_is_of_its_ledger_transaction";
    let leg = transfer(&RECEIVED.replacen('1', "2", 1));
    let second = |from: &str, to: &str| {
        assert!(leg.contains(from), "{from}");
        format!("{}{}", transfer(RECEIVED), leg.replacen(from, to, 1))
    };
    let added = "INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, payment_id, debit,
            debit_account, credit, credit_account, currency, amount, posted_at, said)
        SELECT ledger_transaction_id, LEG, kind, payment_id, debit, debit_account, credit,
               credit_account, currency, 1, posted_at, said FROM ledger_transfers
         WHERE leg = 1 AND payment_id = 'PAY-1' LIMIT 1";
    let cases = [
        // Added later to what was there before.
        (added.replace("LEG", "2"), "23503", rule),
        (added.replace("LEG", "leg"), "23505", "ledger_transfers_pkey"),
        // Without the first, and with one left out.
        (leg.clone(), "23503", rule),
        (second("'PAY-1', 2", "'PAY-1', 3"), "23503", rule),
        // Balanced over two currencies is not one posting; nor is one of two kinds or payments.
        (second("SGD", "USD"), "23503", rule),
        (second("'payment_received'", "'payment_provisioned'"), "23503", rule),
        (second("'PAY-1'", "'PAY-2'"), "23503", rule),
        (second("now()", "now() - interval '1 day'"), "23503", rule),
        // Usage is one transfer, which its charges add up to.
        (
            transfer(
                "2, 'usage_charged', 'customer_balance', 'ACC-1', 'usage_revenue', NULL,
                'SGD', 5",
            )
            .replace("'PAY-1'", "NULL"),
            "23514",
            "transfer_of_usage_stands_alone",
        ),
    ];
    for (statements, code, constraint) in cases {
        let expected = (Stage::Statement, code.to_owned(), constraint.to_owned());
        assert_eq!(refusal(&direct.database.admin, &statements).await, expected, "{statements}");
    }
    direct.finish().await;
}

#[tokio::test]
async fn nothing_in_the_ledger_is_ever_changed_or_deleted() {
    let direct = world("k_append").await;
    let worker = connect(&ConnectOptions::new(&direct.database.url)).await;
    let worker = worker.expect("a pool");
    for (privilege, change) in [
        ("UPDATE", "UPDATE ledger_transfers SET leg = leg"),
        ("DELETE", "DELETE FROM ledger_transfers"),
        ("TRUNCATE", "TRUNCATE ledger_transfers CASCADE"),
    ] {
        let expected = (Stage::Statement, "42501".to_owned(), String::new());
        assert_eq!(refusal(&worker, change).await, expected, "worker: {change}");
        let granted =
            format!("has_table_privilege('topup_worker', 'ledger_transfers', '{privilege}')");
        assert_eq!(direct.database.value(&granted).await, "false", "{change}");
        let owner = refusal(&direct.database.admin, change).await;
        assert_eq!(owner, expected, "owner: {change}");
    }
    // The views of it are for reading: none is a way around.
    for view in ["ledger_entries", "ledger_transactions"] {
        for privilege in ["INSERT", "UPDATE", "DELETE"] {
            let granted = format!("has_table_privilege('topup_worker', '{view}', '{privilege}')");
            assert_eq!(direct.database.value(&granted).await, "false", "{view} {privilege}");
        }
        let changes =
            [format!("UPDATE {view} SET payment_id = 'PAY-2'"), format!("DELETE FROM {view}")];
        for change in changes {
            let (stage, code, _) = refusal(&direct.database.admin, &change).await;
            assert_eq!(stage, Stage::Statement);
            // Not possible through both sides at once, and refused below the other.
            assert!(["55000", "42501"].contains(&code.as_str()), "{change}: {code}");
        }
    }
    worker.close().await;
    direct.finish().await;
}

/// A new allocation: payment, invoice, account, currency, amount.
fn allocation(values: &str) -> String {
    format!(
        "INSERT INTO allocations (allocation_id, payment_id, invoice_id, account_id, currency,
           amount, remaining, rule, ledger_transaction_id, allocated_at)
         SELECT 1, v.*, 0, 'R1', (SELECT min(ledger_transaction_id) FROM ledger_transactions), now()
         FROM (VALUES ({values})) AS v"
    )
}

#[tokio::test]
async fn an_allocation_never_crosses_accounts_or_currencies_and_is_there_once() {
    let direct = world("k_allocation").await;
    let (payment, invoice) = ("allocation_has_its_payment", "allocation_has_its_invoice");
    let cases = [
        ("'PAY-1', 'INV-2', 'ACC-1', 'SGD', 5", "23503", invoice),
        ("'PAY-1', 'INV-2', 'ACC-2', 'SGD', 5", "23503", payment),
        ("'PAY-1', 'INV-U', 'ACC-1', 'SGD', 5", "23503", invoice),
        ("'PAY-1', 'INV-U', 'ACC-1', 'USD', 5", "23503", payment),
        ("'PAY-1', 'INV-H', 'ACC-1', 'SGD', 5", "23505", "allocations_live_pair"),
        ("'PAY-1', 'INV-S', 'ACC-1', 'SGD', 0", "23514", "allocations_amount_check"),
        // Posted to the account, and not this amount.
        ("'PAY-1', 'INV-S', 'ACC-1', 'SGD', 5", "23503", "allocation_is_posted"),
    ];
    for (values, code, constraint) in cases {
        let expected = (Stage::Statement, code.to_owned(), constraint.to_owned());
        let found = refusal(&direct.database.admin, &allocation(values)).await;
        assert_eq!(found, expected, "{values}");
    }
    direct.finish().await;
}

#[tokio::test]
async fn a_payment_never_gives_more_than_it_has_and_its_state_follows_its_amounts() {
    let direct = world("k_payment").await;
    let now = Stage::Statement;
    let cases: [Case; 9] = [
        (
            "UPDATE payments SET allocated = amount + 1 WHERE payment_id = 'PAY-1'",
            now,
            "23514",
            "payment_never_gives_more_than_it_has",
        ),
        (
            "UPDATE money_records SET returned = 60000001 WHERE payment_id = 'PAY-1'",
            now,
            "23514",
            "payment_never_gives_more_than_it_has",
        ),
        (
            "UPDATE payments SET state = 'allocated' WHERE payment_id = 'PAY-1'",
            now,
            "23514",
            "payment_state_follows_amounts",
        ),
        (
            "UPDATE payments SET state = 'on_account' WHERE payment_id = 'PAY-2'",
            now,
            "23514",
            "payment_state_follows_amounts",
        ),
        (
            "UPDATE payments SET state = 'removed' WHERE payment_id = 'PAY-1'",
            now,
            "23514",
            "payment_state_follows_amounts",
        ),
        (
            "UPDATE payments SET account_id = NULL WHERE payment_id = 'PAY-1'",
            now,
            "23514",
            "payment_allocation_needs_account",
        ),
        (
            "INSERT INTO payments (payment_id, account_id, currency, amount, state, origin,
               received_on, recorded_at)
             VALUES ('PAY-0', 'ACC-9', 'SGD', 5, 'on_account', 'manual', now(), now())",
            now,
            "23503",
            "payments_have_their_account",
        ),
        // The allocations refer to account and currency, so neither can be changed under them.
        (
            "UPDATE payments SET account_id = 'ACC-2' WHERE payment_id = 'PAY-1'",
            now,
            "23503",
            "payment_keeps_its_owner",
        ),
        (
            "INSERT INTO payments (payment_id, currency, amount, state, reason, origin,
               received_on, recorded_at)
             VALUES ('PAY-0', 'SGD', 0, 'parked', 'no_account', 'manual', now(), now())",
            now,
            "23514",
            "payments_amount_check",
        ),
    ];
    all_refused(&direct.database, &cases).await;
    direct.finish().await;
}

/// One balance of each currency, and none turns into another.
#[tokio::test]
async fn a_balance_keeps_its_currency_and_there_is_one_of_each() {
    let direct = world("k_balance").await;
    let now = Stage::Statement;
    let cases: [Case; 7] = [
        (
            "UPDATE accounts SET balance_currency = 'USD' WHERE account_id = 'ACC-1'",
            now,
            "23514",
            "balance_keeps_its_currency",
        ),
        (
            "UPDATE accounts SET balance_currency = NULL, balance = 0, balance_at = NULL
              WHERE account_id = 'ACC-1'",
            now,
            "23514",
            "balance_keeps_its_currency",
        ),
        (
            "UPDATE accounts SET balance = 5 WHERE account_id = 'ACC-2'",
            now,
            "23514",
            "accounts_balance_is_whole",
        ),
        (
            "INSERT INTO further_balances VALUES ('ACC-1', 'SGD', 5, now())",
            now,
            "23503",
            "further_balances_are_further",
        ),
        (
            "INSERT INTO further_balances VALUES ('ACC-1', 'USD', 5, now());
             UPDATE further_balances SET currency = 'SGD'",
            now,
            "23503",
            "further_balances_are_further",
        ),
        (
            "INSERT INTO further_balances VALUES ('ACC-2', 'USD', 5, now())",
            now,
            "23503",
            "further_balances_are_further",
        ),
        (
            "INSERT INTO further_balances VALUES ('ACC-9', 'USD', 5, now())",
            now,
            "23503",
            "further_balances_are_further",
        ),
    ];
    all_refused(&direct.database, &cases).await;
    direct.finish().await;
}

#[tokio::test]
async fn lots_payables_and_sequences_have_fences_of_their_own() {
    let direct = world("k_fences").await;
    let now = Stage::Statement;
    let cases: [Case; 10] = [
        ("UPDATE allocations SET remaining = -1", now, "23514", "lot_has_no_more_than_its_amount"),
        ("UPDATE allocations SET debt_cleared = 1", now, "23514", "lot_debt_within_what_is_burnt"),
        ("UPDATE allocations SET reversed = 1", now, "23514", "lot_reversed_within_amount"),
        ("UPDATE allocations SET rule = 'R5'", now, "23514", "allocation_stays"),
        ("UPDATE allocations SET invoice_id = 'INV-S'", now, "23514", "allocation_stays"),
        ("UPDATE lots SET opened_at = now()", now, "23514", "allocation_stays"),
        ("UPDATE payable_invoices SET due = 0", now, "23514", "payable_invoices_due_check"),
        (
            "INSERT INTO outbox (key_kind, record_key, first_sequence, events, form, payload,
               created_at) VALUES ('account', 'ACC-1', 1, 1, 0, '{}', now())",
            now,
            "23505",
            "outbox_1_gapless",
        ),
        (
            "UPDATE inbox_records SET outcome = 'rejected', code = NULL",
            now,
            "23514",
            "inbox_refusals_have_codes",
        ),
        (
            "INSERT INTO money_records (payment_id, currency, amount, allocated, state, reason,
               origin, received_on, recorded_at, bank_account,
               bank_key, content_hash, status, disposition, credit_debit, reversal, announced,
               booking_date)
             VALUES ('PAY-9', 'SGD', 1, 0, 'parked', 'no_candidate', 'bank', now(),
               now(), 'B', 'id:1', sha256(''), 'PDNG', 'payment', 'CRDT', false, false, now())",
            now,
            "23514",
            "bank_payment_is_booked_credit",
        ),
    ];
    all_refused(&direct.database, &cases).await;
    direct.finish().await;
}

//! Each invariant of the audit is silent on a sound book and finds its planted violation: a query
//! that cannot fail proves nothing.

mod decisions;
mod invoices;
mod ledger;
mod splits;
mod steps_back;

use std::collections::BTreeSet;

use crate::harness::sound::{Database, execute};
use sqlx::{PgConnection, Row};
use topup::domain::money::Currency;
use topup::store::audit::{INVARIANTS, Invariant, run};

/// A violation: what must be switched off for it to be possible at all, and the statement.
struct Plant {
    code: &'static str,
    name: &'static str,
    sql: &'static str,
}

const fn plant(code: &'static str, name: &'static str, sql: &'static str) -> Plant {
    Plant { code, name, sql }
}

const PLANTS: &[Plant] = &[
    plant(
        "A76",
        "an advice whose lines are more than it is",
        "
        UPDATE remittance_advice_lines SET amount = amount + 1 WHERE advice_id = 'ADV-2'",
    ),
    plant(
        "A76",
        "an advice without a line",
        "
        DELETE FROM remittance_advice_lines WHERE advice_id = 'ADV-2'",
    ),
    plant(
        "A77",
        "an advice of a payment of another amount",
        "
        UPDATE remittance_advices SET state = 'used', used_by_payment = 'PAY-3'
         WHERE advice_id = 'ADV-2'",
    ),
    plant(
        "A77",
        "an advice that belongs to a payment and waits",
        "
        UPDATE remittance_advices SET state = 'open' WHERE advice_id = 'ADV-1'",
    ),
    plant(
        "A77",
        "money that an advice has paid which nobody sent",
        "
        UPDATE allocations SET rule = 'R2a' WHERE payment_id = 'PAY-3'",
    ),
    plant(
        "A12",
        "a lot that lost money by no consumption",
        "
        UPDATE lots SET remaining = remaining - 1 WHERE lot_id = 2",
    ),
    plant(
        "A13",
        "a charge that burnt more than it is",
        "
        UPDATE lot_consumptions SET amount = 10000001 WHERE cause_id = 11",
    ),
    plant(
        "A14",
        "a charge that was never posted",
        "
        UPDATE usage_charges SET ledger_transaction_id = 99",
    ),
    plant(
        "A15",
        "more given back than was charged",
        "
        UPDATE usage_refunds SET amount = 10000001",
    ),
    plant(
        "A30",
        "a suggestion for a payment that has no money left",
        "
        UPDATE suggestions SET payment_id = 'PAY-1' WHERE suggestion_id = '21-1'",
    ),
    plant(
        "A30",
        "a suggestion of a customer whose payment it is not",
        "
        UPDATE payments SET account_id = 'ACC-2' WHERE payment_id = 'PAY-2'",
    ),
    plant(
        "A30",
        "suggestions of two decisions at once",
        "
        INSERT INTO suggestions (suggestion_id, payment_id, decision_id, account_id, currency,
            suggested_at) VALUES ('22-1', 'PAY-2', 22, 'ACC-1', 'SGD', now())",
    ),
    plant(
        "A31",
        "a suggestion without an invoice",
        "
        DELETE FROM suggestion_invoices WHERE suggestion_id = '21-1'",
    ),
    plant(
        "A31",
        "a suggestion of another customer's invoice",
        "
        UPDATE suggestion_invoices SET invoice_id = 'INV-5' WHERE suggestion_id = '21-1'",
    ),
    plant(
        "A32",
        "a confirmed suggestion that was never allocated",
        "
        UPDATE suggestions SET status = 'confirmed', resolved_at = now(),
               resolved_by_source = 'crm', resolved_by_id = 'C9' WHERE suggestion_id = '21-1'",
    ),
    plant(
        "A33",
        "an alias that nobody confirmed twice",
        "
        UPDATE payer_aliases SET confirmations = 2",
    ),
    plant("A33", "an alias without a history", "DELETE FROM payer_alias_uses"),
    plant(
        "I3",
        "a balance that is too high",
        "
        UPDATE accounts SET balance = balance + 1 WHERE account_id = 'ACC-1'",
    ),
    plant(
        "I3",
        "a balance in two rows",
        "
        INSERT INTO further_balances VALUES ('ACC-1', 'SGD', 124000000, now())",
    ),
    plant(
        "I3",
        "a further balance that nothing explains",
        "
        INSERT INTO further_balances VALUES ('ACC-1', 'USD', 1, now())",
    ),
    plant(
        "I3",
        "entries without a balance",
        "
        UPDATE accounts SET balance = 0, balance_currency = NULL, balance_at = NULL
         WHERE account_id = 'ACC-2'",
    ),
    plant(
        "I4",
        "a balance below its limit",
        "
        UPDATE accounts SET balance = -50000001 WHERE account_id = 'ACC-1'",
    ),
    plant(
        "I5",
        "a payment given away twice",
        "
        UPDATE payments SET amount = 129000000 WHERE payment_id = 'PAY-1'",
    ),
    plant(
        "I6",
        "an invoice paid twice",
        "
        UPDATE invoices SET amount = 29000000 WHERE invoice_id = 'INV-2'",
    ),
    plant(
        "I9",
        "an allocation that was never posted",
        "
        UPDATE allocations SET ledger_transaction_id = 99 WHERE allocation_id = 3",
    ),
    plant(
        "I9",
        "an allocation posted for another payment",
        "
        UPDATE allocations SET ledger_transaction_id = 2 WHERE allocation_id = 3",
    ),
    plant(
        "I11",
        "one customer's money for another",
        "
        UPDATE payments SET account_id = 'ACC-2' WHERE payment_id = 'PAY-1'",
    ),
    plant(
        "I11",
        "dollars for yen",
        "
        UPDATE invoices SET currency = 'SGD' WHERE invoice_id = 'INV-5'",
    ),
    plant(
        "I12",
        "money on a voided invoice",
        "
        UPDATE allocations SET invoice_id = 'INV-4' WHERE allocation_id = 3",
    ),
    plant(
        "I15",
        "one bank transaction, two keys",
        "
        UPDATE bank_transactions SET payment_id = 'PAY-1' WHERE bank_key = 'id:B3'",
    ),
    plant(
        "I15",
        "another amount than was posted",
        "
        UPDATE bank_transactions SET amount = 131000000 WHERE bank_key = 'id:B1'",
    ),
    plant(
        "I16",
        "spent before it was there",
        "
        INSERT INTO ledger_transfers (ledger_transaction_id, leg, kind, payment_id, posted_at,
            debit, debit_account, credit, currency, amount)
        VALUES (8, 1, 'deallocated', 'PAY-1', '2026-11-01Z', 'customer_balance', 'ACC-1',
                'unallocated_cash', 'SGD', 50000001)",
    ),
    plant(
        "I17",
        "one record, two outcomes",
        "
        INSERT INTO inbox_records SELECT * FROM inbox_records WHERE message_id = 'C1'",
    ),
    plant(
        "I17",
        "a record of no kind",
        "
        UPDATE inbox_records SET kind_id = 0 WHERE message_id = 'C1'",
    ),
    plant(
        "I17",
        "a repeat of nothing",
        "
        UPDATE inbox_repeats SET message_id = 'C9' WHERE record_offset = 4",
    ),
    plant(
        "I20",
        "applied and dead",
        "
        UPDATE inbox_records SET outcome = 'applied' WHERE message_id = 'C4'",
    ),
    plant("I21", "an event that waits", "UPDATE relay_progress SET horizon = 3"),
    plant(
        "I21",
        "an event that is held",
        "
        INSERT INTO relay_holds VALUES ('account', 'ACC-1', 3, 'x', 1, now(), now(), now())",
    ),
    plant(
        "I25",
        "half a cent",
        "
        UPDATE payments SET amount = 130005000 WHERE payment_id = 'PAY-1'",
    ),
    plant(
        "I25",
        "a hundredth of a yen",
        "
        UPDATE invoices SET amount = 7000010000 WHERE invoice_id = 'INV-5'",
    ),
    plant(
        "I25",
        "nothing at all",
        "
        UPDATE allocations SET amount = 0 WHERE allocation_id = 3",
    ),
    plant(
        "I25",
        "half a cent that went back",
        "
        UPDATE allocation_reversals SET amount = 24995000 WHERE reversal_id = 64",
    ),
    plant(
        "I26",
        "money that never came",
        "
        UPDATE payments SET amount = 131000000 WHERE payment_id = 'PAY-1'",
    ),
    plant("I26", "a payment that vanished", "DELETE FROM payments WHERE payment_id = 'PAY-2'"),
    plant(
        "A2",
        "a payment that forgot",
        "
        UPDATE payments SET allocated = 0 WHERE payment_id = 'PAY-3'",
    ),
    plant(
        "A4",
        "a lot that was taken back and is still there",
        "
        UPDATE allocations SET reversed = 1 WHERE allocation_id = 2",
    ),
    plant(
        "A4",
        "a lot with more than it had",
        "
        UPDATE lots SET remaining = amount + 1 WHERE lot_id = 2",
    ),
    plant(
        "A4",
        "a debt that was cleared by nothing",
        "
        UPDATE allocations SET debt_cleared = 1 WHERE allocation_id = 2",
    ),
    plant("A5", "a lot that was burnt in secret", "UPDATE lots SET remaining = 0 WHERE lot_id = 2"),
    plant(
        "A6",
        "a lost event",
        "
        DELETE FROM outbox WHERE record_key = 'ACC-1' AND first_sequence = 1",
    ),
    plant(
        "A6",
        "an event told twice",
        "
        UPDATE outbox SET first_sequence = 2 WHERE first_sequence = 3",
    ),
    plant(
        "A6",
        "a counter that ran ahead",
        "
        UPDATE accounts SET event_sequence = 4 WHERE account_id = 'ACC-1'",
    ),
    plant(
        "A6",
        "an event that was never told",
        "
        UPDATE money_records SET event_sequence = 1 WHERE payment_id = 'PAY-3'",
    ),
    plant(
        "A7",
        "a bank payment that no bank knows",
        "
        UPDATE money_records SET bank_account = NULL, bank_key = NULL
         WHERE payment_id = 'PAY-2'",
    ),
    plant(
        "A7",
        "a manual payment that a bank knows",
        "
        UPDATE payments SET origin = 'manual' WHERE payment_id = 'PAY-1'",
    ),
    plant(
        "A8",
        "an open letter of an applied record",
        "
        UPDATE inbox_records SET outcome = 'applied' WHERE message_id = 'C4'",
    ),
    plant(
        "A8",
        "a replayed letter of a dead record",
        "
        UPDATE dead_letters SET status = 'replayed', resolved_at = now() WHERE message_id = 'C4'",
    ),
    plant(
        "A8",
        "a dead record without a letter",
        "
        DELETE FROM dead_letters WHERE message_id = 'C4'",
    ),
    plant(
        "A71",
        "a letter that was given up by nobody",
        "
        UPDATE dead_letters SET status = 'discarded', resolved_at = now()
         WHERE message_id = 'C4'",
    ),
    plant(
        "A71",
        "a record that came again and opened nothing",
        "
        INSERT INTO inbox_repeats VALUES
            ('c', 0, 9, 'crm', 'C1', 'reopened', 'conflict', '2026-11-01Z')",
    ),
    plant("A8", "a conflict without a letter", "DELETE FROM dead_letters WHERE code = 'conflict'"),
    plant(
        "A8",
        "an undecodable letter that is applied",
        "UPDATE inbox_records SET outcome = 'applied' WHERE message_id = 'c:0:6'",
    ),
    plant(
        "A9",
        "a command that stands behind another customer's",
        "
        INSERT INTO waiting_commands (wait_key, topic, partition, record_offset, source, message_id,
            needs, record_value, record_headers, since, deadline, touches, behind)
        SELECT 'ACC-OTHER', topic, partition, record_offset, source, message_id || '-2', 'behind:x',
               record_value, record_headers, since, deadline, touches, waiting_id
          FROM waiting_commands",
    ),
    plant("A9", "a record that waits for nobody", "DELETE FROM waiting_commands"),
    plant(
        "A9",
        "a command that waits after its answer",
        "UPDATE inbox_records SET outcome = 'applied' WHERE message_id = 'C3'",
    ),
    plant(
        "A10",
        "a payment that was never posted",
        "DELETE FROM ledger_transfers WHERE ledger_transaction_id = 2",
    ),
    plant(
        "A10",
        "a posting without a payment",
        "UPDATE ledger_transfers SET payment_id = 'PAY-9' WHERE ledger_transaction_id = 2",
    ),
    plant(
        "A11",
        "a flag without its episode",
        "UPDATE payable_invoices SET candidate_since = now() WHERE invoice_id = 'INV-2'",
    ),
    plant(
        "A11",
        "an open episode of an invoice that is paid",
        "
        INSERT INTO void_candidates (invoice_id, episode, account_id, currency, amount_due,
            stale_since, stale_after_days, feed_complete_through, flagged_at)
        VALUES ('INV-1', 1, 'ACC-1', 'SGD', 5, '2026-01-01Z', 30, '2026-03-01Z', '2026-03-01Z')",
    ),
    plant(
        "A51",
        "an open payment that has less than it says",
        "UPDATE open_payments SET free = free + 1",
    ),
    plant(
        "A51",
        "a payment with money that is not among the open ones",
        "DELETE FROM open_payments",
    ),
    plant(
        "A51",
        "an open payment that gave all that it had",
        "INSERT INTO open_payments VALUES ('PAY-1', true, 'ACC-1', 'SGD', 5)",
    ),
    plant(
        "A52",
        "open payments that have more than the ledger holds for nobody",
        "UPDATE open_payments SET free = free + 1",
    ),
    plant(
        "A52",
        "unallocated cash of a currency in which nothing is open",
        "
        UPDATE ledger_transfers SET currency = 'EUR'
         WHERE credit = 'unallocated_cash' AND amount = 60000000",
    ),
    plant(
        "A70",
        "a watermark of a year to come",
        "INSERT INTO usage_watermarks VALUES ('usage', 0, '2999-01-01Z', now())",
    ),
];

fn all() -> impl Iterator<Item = &'static Plant> {
    let more =
        [decisions::PLANTS, invoices::PLANTS, ledger::PLANTS, steps_back::PLANTS, splits::PLANTS];
    PLANTS.iter().chain(more.into_iter().flatten())
}

/// What keeps such states out of a real database: constraints and unique indexes. Dropped inside
/// the transaction of a plant, which is rolled back; triggers are off by the replication role.
const UNGUARD: &str = "
    SET LOCAL session_replication_role = replica;
    DO $$
    DECLARE c record;
    BEGIN
        FOR c IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint
                  WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
                    AND coninhcount = 0
                    AND contype IN ('f', 'c', 'u', 'p')
                  ORDER BY (contype = 'f') DESC, (contype = 'c') DESC
        LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.relation, c.conname);
        END LOOP;
    END $$;
    DROP INDEX outbox_1_gapless, allocations_live_pair;";

async fn found(connection: &mut PgConnection, invariant: &Invariant) -> Vec<String> {
    let rows = sqlx::query(invariant.sql).persistent(false).fetch_all(connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{}: {error}", invariant.code));
    let text = |row: &sqlx::postgres::PgRow| {
        format!("{}: {}", row.get::<String, _>("subject"), row.get::<String, _>("detail"))
    };
    rows.iter().map(text).collect()
}

fn invariant(code: &str) -> &'static Invariant {
    let mut invariants = INVARIANTS.iter();
    invariants.find(|invariant| invariant.code == code).expect("a known code")
}

#[tokio::test]
async fn every_invariant_finds_its_violation_and_is_silent_on_a_sound_book() {
    let database = Database::create("teeth").await;
    let pool = database.pool().await;
    let mut connection = pool.driver().acquire().await.expect("connects").detach();
    execute(&mut connection, steps_back::BOOK).await;
    execute(&mut connection, splits::BOOK).await;
    let findings = run(&pool).await.expect("audits");
    assert_eq!(findings, Vec::new(), "the sound book has findings");
    let mut toothless = Vec::new();
    for plant in all() {
        let mut connection = pool.driver().acquire().await.expect("connects").detach();
        execute(&mut connection, &format!("BEGIN; {UNGUARD} {}", plant.sql)).await;
        if found(&mut connection, invariant(plant.code)).await.is_empty() {
            toothless.push(format!("{} does not see {}", plant.code, plant.name));
        }
        execute(&mut connection, "ROLLBACK").await;
    }
    assert_eq!(toothless, Vec::<String>::new());
    assert_eq!(run(&pool).await.expect("audits"), Vec::new(), "a plant was left behind");
    pool.close().await;
    database.drop().await;
}

#[test]
fn every_invariant_has_a_plant() {
    let planted: BTreeSet<_> = all().map(|plant| plant.code).collect();
    let known: BTreeSet<_> = INVARIANTS.iter().map(|invariant| invariant.code).collect();
    assert_eq!(planted, known);
    assert_eq!(known.len(), INVARIANTS.len(), "a code stands twice");
}

/// The query lists the currencies whose minor units are not two; the domain has the table.
#[test]
fn minor_units_in_the_audit_are_those_of_the_domain() {
    let sql = invariant("I25").sql;
    let letters = || b'A'..=b'Z';
    let codes =
        letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
    for code in codes {
        let code = String::from_utf8_lossy(&code).into_owned();
        let Ok(currency) = Currency::parse(&code) else {
            continue;
        };
        let factor = match sql.split("WHEN").find(|part| part.contains(&format!("'{code}'"))) {
            Some(part) => part.split("THEN").nth(1).expect("a factor").split_whitespace().next(),
            None => Some("10000"),
        };
        let expected = 10_i64.pow(6 - currency.minor_units()).to_string();
        assert_eq!(factor, Some(expected.as_str()), "{code}");
    }
}

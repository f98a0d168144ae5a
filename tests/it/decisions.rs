//! Decisions are told in the order in which they were made, wherever each of them stands, and none
//! is ever changed.

use serde_json::json;
use sqlx::AssertSqlSafe;
use topup::store::views::payments;
use topup::store::{ConnectOptions, PgPool, connect};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{allocate, bank, credit_saying, invoice, payment};

async fn told(direct: &Direct, payment_id: &str) -> Vec<String> {
    let made = payments::decisions(direct.pipeline.pool(), payment_id).await.expect("reads");
    let line = |one: &payments::DecisionView| {
        format!("{} {} {}", one.outcome, one.caused_by_id, one.explanation.free)
    };
    made.iter().map(line).collect()
}

/// Money that names an invoice which is not there yet, and then is: both in batches of their own,
/// and both in one.
#[tokio::test]
async fn decisions_are_told_in_the_order_in_which_they_were_made() {
    let mut direct = Direct::new("decisions_order").await;
    let money = |direct: &mut Direct, number: usize| {
        let record = bank(
            &format!("b-{number}"),
            &credit_saying(&format!("T-{number}"), "100.00", &format!("INV-{number}")),
        );
        direct.item(Topic::BankPayments, None, record.as_bytes())
    };
    let sent = |direct: &mut Direct, number: usize| {
        let data = invoice(&format!("INV-{number}"), "ACC", "100.00");
        direct.command(&format!("c-{number}"), "invoice.create", &data)
    };
    let (came, known) = (money(&mut direct, 1), sent(&mut direct, 1));
    direct.applied(came).await;
    direct.applied(known).await;
    let together = [money(&mut direct, 2), sent(&mut direct, 2)];
    for ended in direct.run(&together).await {
        assert_eq!(ended.outcome, "applied");
    }
    let (known, came) = (sent(&mut direct, 3), money(&mut direct, 3));
    direct.applied(known).await;
    direct.applied(came).await;
    for number in [1, 2] {
        let id = format!("BANK:SG-DBS-001:T-{number}");
        let expected =
            [format!("parked b-{number} 100.00"), format!("allocated c-{number} 100.00")];
        assert_eq!(told(&direct, &id).await, expected);
    }
    assert_eq!(told(&direct, "BANK:SG-DBS-001:T-3").await, ["allocated b-3 100.00"]);
    // What a person records and allocates no rule decides.
    let by_hand = direct.command("c-4", "payment.record", &payment("PAY-1", "ACC", "5.00"));
    direct.applied(by_hand).await;
    let smaller = direct.command("c-5", "invoice.create", &invoice("INV-5", "ACC", "5.00"));
    direct.applied(smaller).await;
    let paid = direct.command("c-6", "payment.allocate", &allocate("PAY-1", "ACC", "INV-5"));
    direct.applied(paid).await;
    assert_eq!(told(&direct, "PAY-1").await, Vec::<String>::new());
    direct.finish().await;
}

pub async fn refused(pool: &PgPool, statement: &str) -> (String, String) {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(pool).await;
    let Err(error) = done else { panic!("not refused: {statement}") };
    let error = error.as_database_error().unwrap_or_else(|| panic!("{statement}: {error}"));
    let code = error.code().unwrap_or_default().into_owned();
    (code, error.constraint().unwrap_or_default().to_owned())
}

/// A parked payment that was decided twice, and one by hand that never was.
async fn decided(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let record = bank("b-1", &credit_saying("T-1", "100.00", "INV-1"));
    let money = direct.item(Topic::BankPayments, None, record.as_bytes());
    direct.applied(money).await;
    let sent = direct.command("c-1", "invoice.create", &invoice("INV-1", "ACC", "100.00"));
    direct.applied(sent).await;
    let by_hand = direct.command("c-2", "payment.record", &payment("PAY-1", "ACC", "5.00"));
    direct.applied(by_hand).await;
    direct
}

const STAYS: (&str, &str) = ("42501", "payment_first_decision_stays");

#[tokio::test]
async fn no_decision_is_changed_or_forgotten() {
    let direct = decided("decisions_stay").await;
    let pool = &direct.database.admin;
    let changes = [
        "first_rule = 'R1'",
        "first_outcome = 'on_account'",
        "first_reason = NULL",
        "first_rule_set_version = 1",
        "first_policy_version = 1",
        "first_form = 1 - first_form",
        "first_explanation = '{}'",
        "first_caused_by_source = 'x'",
        "first_caused_by_id = 'x'",
        "first_decision_id = first_decision_id + 1",
        "recorded_at = now()",
        "payment_id = 'OTHER'",
    ];
    for change in changes {
        let update = format!("UPDATE payments SET {change} WHERE origin = 'bank'");
        assert_eq!(refused(pool, &update).await, (STAYS.0.to_owned(), STAYS.1.to_owned()));
    }
    // Nor is one given to a payment that had none.
    let given = "UPDATE payments p SET first_decision_id = 1, first_rule = 'R1',
        first_rule_set_version = 1, first_policy_version = 0, first_form = 0,
        first_outcome = 'parked', first_explanation = '{}', first_caused_by_source = 's',
        first_caused_by_id = 'i' WHERE origin = 'manual'";
    assert_eq!(refused(pool, given).await, (STAYS.0.to_owned(), STAYS.1.to_owned()));
    for change in [
        "UPDATE further_decisions SET rule = rule",
        "DELETE FROM further_decisions",
        "TRUNCATE further_decisions",
    ] {
        assert_eq!(refused(pool, change).await.0, "42501", "{change}");
    }
    // The view is no way around.
    for change in ["UPDATE decisions SET rule = 'R1'", "DELETE FROM decisions"] {
        assert_eq!(refused(pool, change).await.0, "55000", "{change}");
    }
    worker_may_add(&direct).await;
    direct.finish().await;
}

/// By privilege, too.
async fn worker_may_add(direct: &Direct) {
    let worker = connect(&ConnectOptions::new(&direct.database.url)).await.expect("a pool");
    for change in [
        "UPDATE payments SET first_rule = 'R1'",
        "UPDATE payments SET recorded_at = now()",
        "UPDATE payments SET amount = amount",
        "UPDATE money_records SET first_rule = 'R1'",
        "UPDATE money_records SET recorded_at = now()",
        "UPDATE money_records SET amount = amount",
        "DELETE FROM payments",
        "DELETE FROM money_records",
        "UPDATE further_decisions SET rule = 'R1'",
        "DELETE FROM further_decisions",
    ] {
        assert_eq!(refused(&worker, change).await.0, "42501", "worker: {change}");
    }
    worker.close().await;
    let adds = "SELECT has_table_privilege('topup_worker', 'decisions', 'INSERT, UPDATE, DELETE')";
    assert_eq!(direct.database.value(adds).await, "false");
    let may = "SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute
        WHERE attrelid = 'money_records'::regclass AND attnum > 0
          AND has_column_privilege('topup_worker', attrelid, attnum, 'UPDATE')";
    let may = direct.database.value(may).await;
    let changes =
        "account_id allocated event_sequence question reason refunded returned split state";
    assert_eq!(may, changes);
}

/// Statements with the code and the constraint that refuse them.
type Cases = Vec<(String, (&'static str, &'static str))>;

fn further(values: &str) -> String {
    format!(
        "INSERT INTO further_decisions (decision_id, payment_id, rule, rule_set_version,
           outcome, explanation, form, caused_by_source, caused_by_id, decided_at)
         SELECT {values} FROM payments WHERE origin = 'bank'"
    )
}

/// Further decisions: it is the first one already, or a further one already, or of no payment.
fn in_further() -> Cases {
    let decision = "'R2', 1, 'allocated', '{}', 0, 's', 'i', now()";
    let again = format!("(SELECT decision_id FROM further_decisions), payment_id, {decision}");
    let later = "1, payment_id, 'R2', 1, 'allocated', '{}', 2, 's', 'i', now()";
    vec![
        (
            further(&format!("first_decision_id, payment_id, {decision}")),
            ("23505", "decision_stands_once"),
        ),
        (further(&again), ("23505", "further_decisions_pkey")),
        (
            further(&format!("1, 'NOBODY', {decision}")),
            ("23503", "further_decisions_payment_id_fkey"),
        ),
        (further(later), ("23514", "further_decisions_form_check")),
    ]
}

/// Decisions in the row of a payment.
fn in_payments() -> Cases {
    let first = |columns: &str, values: &str| {
        format!(
            "INSERT INTO payments (payment_id, account_id, currency, amount, state, origin,
               received_on, recorded_at, {columns})
             SELECT 'P-NEW', 'ACC', 'SGD', 5, 'on_account', 'manual', now(), now(), {values}"
        )
    };
    let columns = "first_decision_id, first_rule_set_version, first_policy_version, first_form,
        first_rule, first_outcome, first_explanation, first_caused_by_source, first_caused_by_id";
    let whole = "payment_first_decision_is_whole";
    let mut cases = vec![
        (first("first_decision_id", "1"), ("23514", whole)),
        (first("first_reason", "'x'"), ("23514", whole)),
    ];
    let broken = [
        ("1, 1, 0, 0, 'R2', 'allocated', '{}', 's', NULL", whole),
        ("1, 1, 0, 0, 'X2', 'allocated', '{}', 's', 'i'", "payments_first_rule_check"),
        ("1, 1, 0, 0, 'R2', 'paid', '{}', 's', 'i'", "payments_first_outcome_check"),
        ("1, 1, -1, 0, 'R2', 'allocated', '{}', 's', 'i'", "payments_first_policy_version_check"),
        ("1, 1, 0, 2, 'R2', 'allocated', '{}', 's', 'i'", "payments_first_form_check"),
        ("1, 1, 0, 0, 'R2', 'allocated', '', 's', 'i'", "payments_first_explanation_check"),
    ];
    let refused_by = |(values, by): (&str, &'static str)| (first(columns, values), ("23514", by));
    cases.extend(broken.map(refused_by));
    cases
}

const SUGGESTION: &str = "INSERT INTO suggestions (suggestion_id, payment_id, decision_id,
    account_id, currency, suggested_at) SELECT 'S-1', payment_id, 1, 'ACC', 'SGD', now()
    FROM payments WHERE origin = 'bank'";
const LESSON: &str =
    "WITH alias AS (INSERT INTO payer_aliases VALUES ('P1', 'ACC', 1, now(), NULL))
    INSERT INTO payer_alias_uses (payer_account, account_id, payment_id, kind, decision_id,
    used_on, caused_by_source, caused_by_id, recorded_at) SELECT 'P1', 'ACC', payment_id,
    'used', 1, now(), 's', 'i', now() FROM payments WHERE origin = 'bank'";

#[tokio::test]
async fn a_decision_is_whole_and_stands_once_and_what_names_one_names_one_that_was_made() {
    let direct = decided("decisions_whole").await;
    let pool = &direct.database.admin;
    let named = vec![
        (SUGGESTION.to_owned(), ("23503", "suggestions_have_their_decision")),
        (LESSON.to_owned(), ("23503", "payer_alias_uses_have_their_decision")),
    ];
    for (statement, (code, constraint)) in [in_further(), in_payments(), named].concat() {
        let expected = (code.to_owned(), constraint.to_owned());
        assert_eq!(refused(pool, &statement).await, expected, "{statement}");
    }
    // A first decision and a further one: what names it is taken.
    for decision in ["first_decision_id", "(SELECT decision_id FROM further_decisions)"] {
        let named = SUGGESTION.replace("payment_id, 1,", &format!("payment_id, {decision},"));
        let named = named.replace("S-1", &format!("S-{}", decision.len()));
        sqlx::query(AssertSqlSafe(named)).execute(pool).await.expect("taken");
    }
    assert_eq!(direct.database.value("SELECT count(*) FROM suggestions").await, "2");
    direct.database.abandon().await;
}

/// The explanation is packed, and says what it said.
#[tokio::test]
async fn explanations_are_packed() {
    let direct = decided("decisions_packed").await;
    let forms = "SELECT string_agg(DISTINCT form::text, ' ') FROM decisions";
    assert_eq!(direct.database.value(forms).await, "1");
    let packed = "SELECT sum(octet_length(explanation)) FROM decisions";
    let packed: usize = direct.database.value(packed).await.parse().expect("a number");
    let told = "SELECT sum(length(explanation)) FROM told.decisions";
    let told: usize = direct.database.value(told).await.parse().expect("a number");
    assert!(packed < told / 2, "{packed} bytes of {told}");
    let made = payments::decisions(direct.pipeline.pool(), "BANK:SG-DBS-001:T-1").await;
    let made = made.expect("reads");
    let shown = serde_json::to_value(&made.last().expect("one").explanation).expect("JSON");
    assert_eq!(shown["allocations"], json!([{ "invoice_id": "INV-1", "amount": "100.00" }]));
    // One that a later version wrote is told, and not guessed at.
    let later = "INSERT INTO further_decisions (decision_id, payment_id, rule, rule_set_version,
        outcome, explanation, form, caused_by_source, caused_by_id, decided_at)
        SELECT 1, payment_id, 'R2', 1, 'allocated', '\\x00', 1, 's', 'i', now() FROM payments
         WHERE origin = 'bank'";
    direct.database.execute(later).await;
    let read = payments::decisions(direct.pipeline.pool(), "BANK:SG-DBS-001:T-1").await;
    let error = read.expect_err("not to be read").to_string();
    assert!(error.contains("explanation") && error.contains("payload_broken"), "{error}");
    direct.database.abandon().await;
}

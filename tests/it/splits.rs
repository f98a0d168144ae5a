//! One payment for several customers on PostgreSQL: shared out, undone, returned by the bank; and
//! what the database refuses.

use serde_json::{Value, json};
use topup::clock::Clock;
use topup::pipeline::Pipeline;
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{
    about_payment, allocate, bank, credit_saying, invoice, payment, with,
};
use crate::steps_back::{outcome, taken_back, told, without_proof};
use crate::usage::{charge, hold, until_written, usage};

pub const SETTLED: &str = "BANK:SG-DBS-001:T-1";

/// A settlement of 100.50 that names an invoice of A over 60.50 and one of B over 40.00.
pub async fn settlement(test: &str) -> Direct {
    let mut direct = without_proof(test).await;
    for (id, account, amount) in [("INV-1", "A", "60.50"), ("INV-2", "B", "40.00")] {
        let made = direct.command(id, "invoice.create", &invoice(id, account, amount));
        direct.applied(made).await;
    }
    let sql = "SELECT string_agg(payment_reference, ' ' ORDER BY invoice_id) FROM invoices";
    let text = direct.database.value(sql).await;
    let value = bank("b-1", &credit_saying("T-1", "100.50", &text));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    direct
}

pub fn split(direct: &mut Direct, id: &str, account: &str, parts: &Value) -> Item {
    let data = with(about_payment(SETTLED, account), &json!({ "parts": parts }));
    direct.command(id, "payment.split", &data)
}

pub fn unsplit(direct: &mut Direct, id: &str, account: &str) -> Item {
    direct.command(id, "payment.unsplit", &about_payment(SETTLED, account))
}

/// Each customer gets what the invoice of theirs is over.
pub fn both() -> Value {
    json!([
        { "account_id": "A", "amount": "60.50", "allocations": [{ "invoice_id": "INV-1" }] },
        { "account_id": "B", "amount": "40", "allocations": [{ "invoice_id": "INV-2" }] },
    ])
}

pub async fn stands(direct: &Direct) -> Vec<String> {
    let sql = "SELECT line FROM (
         SELECT 1 AS part, CASE origin WHEN 'split' THEN 'part ' || account_id ELSE origin END
                || ' ' || state || coalesce(' ' || reason, '') || ' ' || allocated / 10000 || ' '
                || split / 10000 || ' ' || returned / 10000 AS line FROM payments
         UNION ALL SELECT 2, invoice_id || ' ' || status FROM invoice_states
         UNION ALL SELECT 3, 'balance ' || account_id || ' ' || amount / 10000 FROM balances
       ) q ORDER BY part, line";
    direct.database.lines(sql).await
}

const SHARED: [&str; 7] = [
    "bank split 0 10050 0",
    "part A allocated 6050 0 0",
    "part B allocated 4000 0 0",
    "INV-1 provisioned",
    "INV-2 provisioned",
    "balance A 6050",
    "balance B 4000",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_customer_of_a_settlement_gets_the_own_part() {
    let mut direct = settlement("sp_shared").await;
    assert_eq!(stands(&direct).await[0], "bank parked several_accounts 0 0 0");
    // What was the only way: no allocation crosses from one customer to another.
    let assign = direct.command("as", "payment.assign", &about_payment(SETTLED, "A"));
    let across = direct.command("al", "payment.allocate", &allocate(SETTLED, "B", "INV-2"));
    direct.applied(assign).await;
    direct.run(&[across]).await;
    assert_eq!(outcome(&direct, "al").await, "rejected account_mismatch");
    let item = split(&mut direct, "s-1", "A", &both());
    direct.applied(item).await;
    assert_eq!(stands(&direct).await, SHARED);
    assert_eq!(told(&direct, "payment.split-done").await, "1");
    // The same command again under another id has nothing left to give.
    let again = split(&mut direct, "s-2", "A", &both());
    direct.run(&[again]).await;
    assert_eq!(outcome(&direct, "s-2").await, "rejected payment_split");
    let forms = "SELECT count(*) FROM payment_splits
        WHERE part_id ~ '^SPLIT:[0-9a-f]{32}:[12]$' AND payment_id = 'BANK:SG-DBS-001:T-1'";
    assert_eq!(direct.database.value(forms).await, "2");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_and_its_undoing_in_one_batch_or_in_several() {
    for together in [true, false] {
        let mut direct = settlement(&format!("sp_undo_{together}")).await;
        let made = split(&mut direct, "s-1", "B", &both());
        let undone = unsplit(&mut direct, "u-1", "A");
        let again = split(&mut direct, "s-2", "B", &both());
        let all = [made, undone, again];
        for batch in all.chunks(if together { 3 } else { 1 }) {
            let ended = direct.run(batch).await;
            assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
        }
        let (mut expected, gone) = (SHARED.to_vec(), ["part A removed 0 6050 0"]);
        expected.splice(2..2, gone);
        expected.insert(4, "part B removed 0 4000 0");
        assert_eq!(stands(&direct).await, expected);
        assert_eq!(told(&direct, "payment.split-undone").await, "1");
        direct.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_is_not_undone_when_one_part_is_spent() {
    let mut direct = settlement("sp_spent").await;
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let spent = usage(&mut direct, "U1", "charge", &charge("U1", "B", "0.01"));
    direct.applied(spent).await;
    let undone = unsplit(&mut direct, "u-1", "A");
    direct.run(&[undone]).await;
    assert_eq!(outcome(&direct, "u-1").await, "rejected lot_spent");
    direct.finish().await;
}

/// Whoever undoes it: what another customer's calls have set aside is not taken from them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_is_not_undone_while_one_part_is_set_aside() {
    let mut direct = settlement("sp_set_aside").await;
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let set_aside = usage(&mut direct, "H1", "hold", &hold("H1", "B", "0.01"));
    direct.applied(set_aside).await;
    let undone = unsplit(&mut direct, "u-1", "A");
    direct.run(&[undone]).await;
    assert_eq!(outcome(&direct, "u-1").await, "rejected lot_held");
    let released = usage(&mut direct, "L1", "release", &hold("H1", "B", "0.01"));
    direct.applied(released).await;
    let undone = unsplit(&mut direct, "u-2", "A");
    direct.applied(undone).await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bank_takes_back_the_whole_and_gives_it_again() {
    let mut direct = settlement("sp_returned").await;
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let spent = usage(&mut direct, "U1", "charge", &charge("U1", "B", "15"));
    direct.applied(spent).await;
    let back = taken_back(&mut direct, "R-1", "T-1", "100.50");
    direct.applied(back).await;
    let expected = [
        "bank returned 0 0 10050",
        "part A returned 0 6050 0",
        "part B returned 0 4000 0",
        "INV-1 awaiting_payment",
        "INV-2 awaiting_payment",
        "balance A 0",
        "balance B -1500",
    ];
    assert_eq!(stands(&direct).await, expected);
    assert_eq!(told(&direct, "payment.returned").await, "3");
    let fields = json!({ "reversal": true, "return_of": { "bank_transaction_id": "R-1" } });
    let again = with(crate::harness::records::credit("R-2", "100.50"), &fields);
    let value = bank("b-3", &again);
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    assert_eq!(stands(&direct).await[0], "bank parked split_undone 0 0 0");
    let anew = split(&mut direct, "s-2", "A", &both());
    direct.applied(anew).await;
    assert_eq!(
        direct.database.value("SELECT split FROM payments WHERE origin = 'bank'").await,
        "100500000"
    );
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_of_one_part_waits_for_a_person() {
    let mut direct = settlement("sp_part_back").await;
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let back = taken_back(&mut direct, "R-1", "T-1", "40.00");
    direct.applied(back).await;
    assert_eq!(stands(&direct).await, SHARED);
    let why = "SELECT why FROM parked_returns";
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(direct.database.value(why).await, "split_payment");
    // It has been tried, and is tried again at once.
    let undone = unsplit(&mut direct, "u-1", "B");
    direct.applied(undone).await;
    direct.pipeline.sweep().await.expect("swept");
    assert_eq!(stands(&direct).await[0], "bank parked split_undone 0 0 4000");
    direct.finish().await;
}

/// However many returns wait for other payments' splits, one undoing has a stated number tried
/// again at once, and that of its own payment among them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undone_split_wakes_its_own_return_and_few_of_others() {
    let mut direct = settlement("sp_woken").await;
    let value = bank("b-2", &credit_saying("T-2", "100.00", "no words"));
    let other = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(other).await;
    let parts =
        json!([{ "account_id": "A", "amount": "60" }, { "account_id": "B", "amount": "40" }]);
    let named = about_payment("BANK:SG-DBS-001:T-2", "A");
    let shared = direct.command("s-0", "payment.split", &with(named, &json!({ "parts": parts })));
    direct.applied(shared).await;
    for number in 0..70 {
        let back = taken_back(&mut direct, &format!("R-{number}"), "T-2", "0.10");
        direct.applied(back).await;
    }
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let own = taken_back(&mut direct, "R-OWN", "T-1", "40.00");
    direct.applied(own).await;
    let waits = "SELECT count(*) FROM parked_returns WHERE why = 'split_payment'";
    assert_eq!(direct.database.value(waits).await, "71");
    let undone = unsplit(&mut direct, "u-1", "B");
    direct.applied(undone).await;
    let woken = "SELECT count(*) || ' ' || count(*) FILTER (WHERE bank_key LIKE '%R-OWN')
                   FROM parked_returns WHERE woken_at IS NOT NULL";
    assert_eq!(direct.database.value(woken).await, "64 1");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_is_not_split_again() {
    let mut direct = settlement("sp_again").await;
    let parts = json!([{ "account_id": "A", "amount": "60.50" }]);
    let made = split(&mut direct, "s-1", "A", &parts);
    direct.applied(made).await;
    let part = direct.database.value("SELECT part_id FROM payment_splits").await;
    let parts = json!({ "parts": [{ "account_id": "B", "amount": "1" }] });
    let data = with(about_payment(&part, "A"), &parts);
    let again = direct.command("s-2", "payment.split", &data);
    direct.run(&[again]).await;
    assert_eq!(outcome(&direct, "s-2").await, "rejected payment_is_part");
    // What was not given to anybody is still there, and may be.
    assert_eq!(stands(&direct).await[0], "bank parked several_accounts 0 6050 0");
    let rest = json!([{ "account_id": "B", "amount": "40" }]);
    let made = split(&mut direct, "s-3", "B", &rest);
    direct.applied(made).await;
    assert_eq!(stands(&direct).await[0], "bank split 0 10050 0");
    direct.finish().await;
}

/// What people did before there was a split: it works still, and the books agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shared_out_by_hand_by_removing_and_recording_again() {
    let mut direct = settlement("sp_by_hand").await;
    let steps = [
        ("payment.assign", about_payment(SETTLED, "A")),
        ("payment.allocate", allocate(SETTLED, "A", "INV-1")),
        ("payment.remove", about_payment(SETTLED, "A")),
        ("payment.record", payment("PAY-A", "A", "60.50")),
        ("payment.record", payment("PAY-B", "B", "40.00")),
        ("payment.allocate", allocate("PAY-A", "A", "INV-1")),
        ("payment.allocate", allocate("PAY-B", "B", "INV-2")),
    ];
    for (number, (kind, data)) in (1..).zip(steps) {
        let item = direct.command(&format!("h-{number}"), kind, &data);
        direct.applied(item).await;
    }
    let balances = "SELECT string_agg(account_id || amount / 10000, ' ' ORDER BY 1) FROM balances";
    assert_eq!(direct.database.value(balances).await, "A6050 B4000");
    direct.finish().await;
}

/// A split and a return of the bank at the same moment: the parts and the bank never have the same
/// money.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_and_a_return_at_once() {
    let mut direct = settlement("sp_race").await;
    for round in 0..10 {
        let made = split(&mut direct, &format!("s-{round}"), "A", &both());
        let back = taken_back(&mut direct, &format!("R-{round}"), "T-1", "100.50");
        let (first, second) = (direct.pipeline.clone(), direct.pipeline.clone());
        let one = tokio::spawn(async move { until_written(&first, made).await });
        let two = tokio::spawn(async move { until_written(&second, back).await });
        one.await.expect("written");
        two.await.expect("written");
        assert_eq!(stands(&direct).await[0], "bank returned 0 0 10050");
        let fields = json!({ "reversal": true,
            "return_of": { "bank_transaction_id": format!("R-{round}") } });
        let again = crate::harness::records::credit(&format!("Z-{round}"), "100.50");
        let value = bank(&format!("z-{round}"), &with(again, &fields));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
        direct.database.audit().await;
    }
    direct.finish().await;
}

/// Statements that no program may run, and the rule that refuses each.
#[tokio::test]
async fn the_database_refuses_a_split_that_does_not_add_up() {
    let mut direct = settlement("sp_refused").await;
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let other = direct.command("p-1", "payment.record", &payment("PAY-1", "A", "10.00"));
    direct.applied(other).await;
    let child = "INSERT INTO payments (payment_id, account_id, currency, amount, state, origin,
        received_on, recorded_at) VALUES ('SPLIT:x:1', 'B', 'SGD', 5000000, 'on_account', 'split',
        (SELECT received_on FROM payments WHERE payment_id = 'PAY-1'), now());";
    let give = "UPDATE money_records SET split = 5000000 WHERE payment_id = 'PAY-1';";
    let part = |from: &str, account: &str, amount: &str| {
        format!(
            "INSERT INTO payment_splits VALUES ('SPLIT:x:1', '{from}', 1, '{account}', 'SGD',
               {amount}, NULL, 1, now());"
        )
    };
    let a_part = "(SELECT min(part_id) FROM payment_splits)";
    let cases = [
        ("splits_sum_up", format!("{child}{}", part("PAY-1", "B", "5000000"))),
        ("split_is_posted", format!("{child}{give}{}", part("PAY-1", "B", "5000000"))),
        ("split_part_is_of_its_payment", format!("{child}{give}{}", part("PAY-1", "A", "5000000"))),
        ("split_part_is_of_its_payment", format!("{child}{give}{}", part("PAY-1", "B", "4000000"))),
        ("split_part_is_another_payment", part("SPLIT:x:1", "B", "1")),
        (
            "payment_never_gives_more_than_it_has",
            "UPDATE money_records SET split = 10000001 WHERE payment_id = 'PAY-1'".to_owned(),
        ),
        (
            "payment_part_is_owned",
            "UPDATE payments SET origin = 'split' WHERE payment_id = 'PAY-1'".to_owned(),
        ),
        (
            "payment_part_is_whole",
            format!(
                "UPDATE money_records SET (allocated, split) = (allocated - 1, 1)
                   WHERE payment_id = {a_part}; SET CONSTRAINTS ALL IMMEDIATE"
            ),
        ),
        (
            "split_undo_is_of_its_part",
            format!("INSERT INTO split_undos VALUES ({a_part}, 1, NULL, NULL, 1, now())"),
        ),
        ("", "DELETE FROM payment_splits".to_owned()),
        ("", "UPDATE payment_splits SET amount = 1".to_owned()),
    ];
    for (constraint, statements) in cases {
        let mut tx = direct.database.admin.begin().await.expect("begin");
        let done = sqlx::Executor::execute(&mut *tx, sqlx::AssertSqlSafe(statements.clone())).await;
        let refused = done.expect_err(&statements);
        let error = refused.as_database_error().expect("the database's");
        assert_eq!(error.constraint().unwrap_or_default(), constraint, "{statements}: {error}");
        tx.rollback().await.expect("rollback");
    }
    direct.finish().await;
}

/// What a command line says, and whether it succeeded.
pub fn said(direct: &Direct, words: &[&str]) -> (String, bool) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_topup"));
    command.args(words).env("DATABASE_URL", &direct.database.url);
    let output = command.env("TOPUP_OPERATOR", "alice").output().expect("it starts");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into());
    let [out, err]: [String; 2] = text;
    (out + &err, output.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_split_is_is_shown_at_the_payment_and_at_its_parts() {
    let mut direct = settlement("sp_shown").await;
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let part = direct.database.value("SELECT part_id FROM payment_splits WHERE part = 2").await;
    let (shown, _) = said(&direct, &["payments", "show", SETTLED]);
    assert!(shown.contains("shared out") && shown.contains(&part), "{shown}");
    let (shown, _) = said(&direct, &["payments", "show", &part]);
    assert!(shown.contains(&format!("It is part 2 of payment {SETTLED}.")), "{shown}");
    let (told, _) = said(&direct, &["payments", "explain", SETTLED]);
    assert!(told.contains("A person gave 40.00 SGD of it to B at "), "{told}");
    let (listed, _) = said(&direct, &["payments", "list", "--state", "split"]);
    assert!(listed.contains(SETTLED), "{listed}");
    let undone = unsplit(&mut direct, "u-1", "A");
    direct.applied(undone).await;
    let (told, _) = said(&direct, &["payments", "explain", &part]);
    assert!(told.contains("A person took that back at "), "{told}");
    direct.finish().await;
}

/// Where there is a usage feed the undoing waits for it, and the worker does it then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_undoing_waits_for_the_usage_feed() {
    let mut direct = settlement("sp_waits").await;
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let undo = ["payments", "unsplit", SETTLED, "--reason", "other shares"];
    let topics = format!("kafka.topic_prefix={}", direct.database.name);
    let (waits, fine) = said(&direct, &[undo.as_slice(), &["--set", &topics]].concat());
    assert!(fine && waits.contains("usage_proof_pending"), "{waits}");
    assert!(waits.contains("No watermark was ever seen"), "{waits}");
    let mut settings = direct.pipeline.settings().clone();
    settings.usage_proof = true;
    let with_feed = Pipeline::new(direct.pipeline.pool().clone(), settings, Clock::System);
    let without = std::mem::replace(&mut direct.pipeline, with_feed);
    let undoing = unsplit(&mut direct, "u-1", "A");
    assert_eq!(direct.run(&[undoing]).await[0].code.as_deref(), Some("usage_proof_pending"));
    assert_eq!(stands(&direct).await, SHARED);
    // This pipeline has no feed to wait for.
    direct.pipeline = without;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").released, 1);
    assert_eq!(stands(&direct).await[0], "bank parked split_undone 0 0 0");
    direct.finish().await;
}

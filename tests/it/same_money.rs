//! The same money, or money that looks the same, in many rows and in two lanes at once.

use serde_json::{Value, json};
use topup::pipeline::batch::Item;
use topup::store::sql::named;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{account, bank, credit, invoice, with};
use crate::usage::until_written;

const ROUNDS: u32 = 50;
const LETTERS: &str = "SELECT count(*) FROM dead_letters";

fn item(direct: &mut Direct, id: &str, data: &Value) -> Item {
    let value = bank(id, data);
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

/// Money without an id, from a payer, on a bank account of that round.
fn nameless(round: u32, text: &str) -> Value {
    let more = json!({
        "bank_account": format!("OURS-{round}"), "bank_transaction_id": null,
        "debtor": { "account": "SG18PAYER" }, "remittance": { "unstructured": [text] },
    });
    with(credit("-", "50.18"), &more)
}

async fn both(direct: &Direct, one: Item, two: Item) {
    let (first, second) = (direct.pipeline.clone(), direct.pipeline.clone());
    let one = tokio::spawn(async move { until_written(&first, one).await });
    let two = tokio::spawn(async move { until_written(&second, two).await });
    one.await.expect("written");
    two.await.expect("written");
}

/// A day's file has as many equal rows as it has: each is money, and none is a letter.
#[tokio::test]
async fn any_number_of_equal_rows_are_as_many_payments() {
    let mut direct = Direct::new("sm_equal").await;
    let mut rows = 0;
    for batch in [1_u32, 40, 150] {
        let items: Vec<Item> = (0..batch)
            .map(|_| {
                rows += 1;
                item(&mut direct, &format!("b-{rows}"), &nameless(1, "Topup"))
            })
            .collect();
        let ended = direct.run(&items).await;
        assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
    }
    let payments = "SELECT count(*) || ' ' || (sum(amount) / 10000)::bigint FROM payments";
    assert_eq!(direct.database.value(payments).await, format!("{rows} {}", rows * 5_018));
    assert_eq!(direct.database.value(LETTERS).await, "0");
    let keys = "SELECT count(DISTINCT bank_key) FROM bank_transactions";
    assert_eq!(direct.database.value(keys).await, rows.to_string());
    // None of them is taken for another.
    let likes = "SELECT count(looks_like) FROM payments_without_bank_id";
    assert_eq!(direct.database.value(likes).await, "0");
    direct.finish().await;
}

/// Of many equal rows the last is read, not all of them.
#[tokio::test]
async fn equal_rows_are_found_by_their_last() {
    let mut direct = Direct::new("sm_last").await;
    let items: Vec<Item> =
        (0..120).map(|n| item(&mut direct, &format!("b-{n}"), &nameless(1, "Topup"))).collect();
    direct.run(&items).await;
    let print = "SELECT left(bank_key, 71) FROM bank_transactions LIMIT 1";
    let print = direct.database.value(print).await;
    let sql = named("load_last_equal").replace("$1", "ARRAY['OURS-1']");
    let sql = sql.replace("$2", &format!("ARRAY['{print}']"));
    let mut connection = direct.database.admin.driver().acquire().await.expect("a connection");
    sqlx::query("ANALYZE bank_transactions").execute(&mut *connection).await.expect("analysed");
    sqlx::query("SET enable_seqscan = off").execute(&mut *connection).await.expect("set");
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}"));
    let plan: Vec<String> =
        sqlx::query_scalar(explain).fetch_all(&mut *connection).await.expect("a plan");
    let one = plan.iter().any(|line| {
        line.contains("bank_transactions_equal") && line.contains("actual rows=1 loops=1")
    });
    assert!(one && !plan.iter().any(|line| line.contains("Sort")), "{plan:#?}");
    drop(connection);
    direct.finish().await;
}

/// The bank enriches a text, and both come at the same moment in two lanes: one is money, and the
/// other is a person's to say, whichever was first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_lanes_that_bring_the_same_money_see_each_other() {
    let mut direct = Direct::new("sm_lanes").await;
    let payers = with(account("ACC"), &json!({ "payer_accounts": ["SG18PAYER"] }));
    let known = direct.command("a-1", "account.upsert", &payers);
    direct.applied(known).await;
    for round in 0..ROUNDS {
        for id in [format!("INV-{round}-1"), format!("INV-{round}-2")] {
            let billed = direct.command(&id, "invoice.create", &invoice(&id, "ACC", "50.18"));
            direct.applied(billed).await;
        }
        let one = item(&mut direct, &format!("b-{round}-1"), &nameless(round, "Topup"));
        let text = "Topup *1728888 Aut. 4989889";
        let two = item(&mut direct, &format!("b-{round}-2"), &nameless(round, text));
        both(&direct, one, two).await;
        let sql = format!(
            "SELECT concat_ws(' ', p.reason, (w.looks_like IS NOT NULL)::text)
               FROM payments p JOIN payments_without_bank_id w USING (payment_id)
              WHERE w.bank_account = 'OURS-{round}' ORDER BY w.looks_like NULLS FIRST"
        );
        let stands = direct.database.lines(&sql).await;
        assert_eq!(stands, ["false", "possible_duplicate true"], "round {round}");
        direct.database.audit().await;
    }
    direct.finish().await;
}

/// Equal rows in two lanes at once are two payments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_rows_in_two_lanes_are_two_payments() {
    let mut direct = Direct::new("sm_two").await;
    for round in 0..ROUNDS {
        let one = item(&mut direct, &format!("b-{round}-1"), &nameless(round, "Topup"));
        let two = item(&mut direct, &format!("b-{round}-2"), &nameless(round, "Topup"));
        both(&direct, one, two).await;
    }
    let payments =
        "SELECT count(*) FROM payments WHERE reason IS DISTINCT FROM 'possible_duplicate'";
    assert_eq!(direct.database.value(payments).await, (ROUNDS * 2).to_string());
    assert_eq!(direct.database.value(LETTERS).await, "0");
    direct.finish().await;
}

/// Announced under one id and booked under another, in two lanes at once: nothing is left that
/// seems to be on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_announced_and_booked_at_once_is_one_transfer() {
    let mut direct = Direct::new("sm_pending").await;
    for round in 0..ROUNDS {
        let from = json!({ "bank_account": format!("OURS-{}", round % 5),
                           "debtor": { "account": format!("SG18PAYER{round}") } });
        let booked = with(credit(&format!("B-{round}"), "50.18"), &from);
        let announced = with(credit(&format!("P-{round}"), "50.18"), &from);
        let announced = with(announced, &json!({ "status": "PDNG" }));
        let one = item(&mut direct, &format!("b-{round}-1"), &announced);
        let two = item(&mut direct, &format!("b-{round}-2"), &booked);
        both(&direct, one, two).await;
        let sql = format!(
            "SELECT disposition || ' ' || superseded_by FROM bank_transactions
              WHERE bank_key = 'id:P-{round}'"
        );
        let stands = direct.database.value(&sql).await;
        assert_eq!(stands, format!("superseded id:B-{round}"), "round {round}");
    }
    direct.finish().await;
}

/// A pending record that comes after its booking, in another batch and in the same one.
#[tokio::test]
async fn what_is_announced_after_its_booking_is_superseded_when_it_comes() {
    let mut direct = Direct::new("sm_late").await;
    let from = |payer: &str| json!({ "debtor": { "account": payer } });
    let pending = json!({ "status": "PDNG" });
    let of = |id: &str, payer: &str| with(credit(id, "50.18"), &from(payer));
    let booked = item(&mut direct, "b-1", &of("B-1", "DE62 0001"));
    direct.applied(booked).await;
    let late = [
        item(&mut direct, "b-2", &with(of("P-1", "de62-0001"), &pending)),
        item(&mut direct, "b-3", &of("B-2", "DE62 0002")),
        item(&mut direct, "b-4", &with(of("P-2", "DE62 0002"), &pending)),
        // Nobody is not the same payer twice.
        item(&mut direct, "b-5", &of("B-3", "XXXXXX1234")),
        item(&mut direct, "b-6", &with(of("P-3", "XXXXXX1234"), &pending)),
        // A second announcement is of money that is not booked yet.
        item(&mut direct, "b-7", &with(of("P-4", "DE62 0001"), &pending)),
    ];
    let ended = direct.run(&late).await;
    assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
    let sql = "SELECT concat_ws(' ', bank_key, disposition, superseded_by) FROM bank_transactions
                WHERE status = 'PDNG' ORDER BY bank_key";
    assert_eq!(
        direct.database.lines(sql).await,
        [
            "id:P-1 superseded id:B-1",
            "id:P-2 superseded id:B-2",
            "id:P-3 not_booked",
            "id:P-4 not_booked"
        ]
    );
    direct.finish().await;
}

/// A gateway that writes the statement's own name at each entry: the rows are as many payments, and
/// the statement agrees.
#[tokio::test]
async fn rows_that_bear_only_the_statements_name_are_as_many_payments() {
    let mut direct = Direct::new("sm_statement").await;
    let of = |amount: &str, text: &str| {
        let more = json!({
            "bank_transaction_id": null, "statement_id": "STMT-9", "entry_reference": "STMT-9",
            "remittance": { "unstructured": [text] },
        });
        with(credit("-", amount), &more)
    };
    let rows = [of("20.27", "payer one"), of("20.27", "payer one"), of("35.27", "payer two")];
    for (number, data) in rows.iter().enumerate() {
        let one = item(&mut direct, &format!("b-{number}"), data);
        direct.applied(one).await;
    }
    let data = json!({
        "bank_account": crate::harness::records::BANK, "statement_id": "STMT-9",
        "currency": "SGD", "entries": 3, "opening_balance": "0.00", "closing_balance": "75.81",
        "complete_through": "2026-01-06T00:00:00Z",
    });
    let value =
        crate::harness::records::envelope("s-1", "bank-gateway", "topup.bank.statement.v1", &data);
    let told = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(told).await;
    let now = topup::clock::Clock::System.now();
    let found = topup::store::reconcile::find(direct.pipeline.pool(), now, "UTC").await;
    let kinds: Vec<String> = found.expect("found").drifts.into_iter().map(|d| d.kind).collect();
    assert!(!kinds.iter().any(|kind| kind.starts_with("statement")), "{kinds:?}");
    let payments = "SELECT count(*) || ' ' || (sum(amount) / 10000)::bigint FROM payments";
    assert_eq!(direct.database.value(payments).await, "3 7581");
    assert_eq!(direct.database.value(LETTERS).await, "0");
    direct.finish().await;
}

/// The name of an entry is used again, in one batch and in another: both are money, and a person
/// sees both.
#[tokio::test]
async fn an_entrys_name_that_is_used_again_loses_no_money() {
    let mut direct = Direct::new("sm_entry").await;
    let of = |amount: &str| {
        let more = json!({
            "bank_transaction_id": null, "statement_id": "S-1", "entry_reference": "7",
        });
        with(credit("-", amount), &more)
    };
    let both = [item(&mut direct, "b-1", &of("50.00")), item(&mut direct, "b-2", &of("35.00"))];
    let ended = direct.run(&both).await;
    assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
    let third = item(&mut direct, "b-3", &of("36.00"));
    direct.applied(third).await;
    for (number, amount) in ["50.00", "35.00", "36.00"].iter().enumerate() {
        let again = item(&mut direct, &format!("again-{number}"), &of(amount));
        let ended = direct.run(std::slice::from_ref(&again)).await;
        assert_eq!(ended[0].outcome, "duplicate", "{amount}");
    }
    let stands = "SELECT concat_ws(' ', p.amount / 1000000, p.reason, o.amount / 1000000)
        FROM payments p JOIN payments_without_bank_id w USING (payment_id)
        LEFT JOIN payments o ON o.payment_id = w.looks_like ORDER BY p.amount DESC";
    let expected = ["50 no_candidate", "36 possible_duplicate 50", "35 possible_duplicate 50"];
    assert_eq!(direct.database.lines(stands).await, expected);
    assert_eq!(direct.database.value(LETTERS).await, "0");
    direct.finish().await;
}

/// More equal money of one payer and day than is compared: what comes then is for a person.
#[tokio::test]
async fn more_equal_money_than_is_compared_waits_for_a_person() {
    let mut direct = Direct::new("sm_many").await;
    let payers = with(account("ACC"), &json!({ "payer_accounts": ["SG18PAYER"] }));
    let known = direct.command("a-1", "account.upsert", &payers);
    direct.applied(known).await;
    let mut rows = 0;
    for batch in [120_u32, 83, 2] {
        let items: Vec<Item> = (0..batch)
            .map(|_| {
                rows += 1;
                let text = format!("Topup number{rows:04}");
                item(&mut direct, &format!("b-{rows}"), &nameless(1, &text))
            })
            .collect();
        let ended = direct.run(&items).await;
        assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
    }
    let stands = "SELECT state || ' ' || count(*) || ' ' || count(looks_like)
        FROM payments JOIN payments_without_bank_id USING (payment_id) GROUP BY state
        ORDER BY state";
    assert_eq!(direct.database.lines(stands).await, ["on_account 201 0", "parked 4 4"]);
    let why = "SELECT DISTINCT reason FROM payments WHERE state = 'parked'";
    assert_eq!(direct.database.value(why).await, "too_many_alike");
    // Neither an invoice of that amount nor the job gives it to anybody.
    for number in 0..202 {
        let id = format!("INV-{number}");
        let billed = direct.command(&id, "invoice.create", &invoice(&id, "ACC", "50.18"));
        direct.applied(billed).await;
    }
    assert_eq!(direct.database.value(why).await, "too_many_alike");
    let one = "SELECT min(payment_id) FROM payments WHERE state = 'parked'";
    let id = direct.database.value(one).await;
    // The same money: removed under the customer of the other, without an assignment before.
    let gone = json!({ "payment_id": id, "account_id": "ACC", "reason": "the same money" });
    let removed = direct.command("r-1", "payment.remove", &gone);
    direct.applied(removed).await;
    direct.finish().await;
}

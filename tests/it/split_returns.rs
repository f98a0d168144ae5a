//! A return of less than all of a split payment on PostgreSQL: a person says which part bears it.

use serde_json::{Value, json};
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, bank, credit, with};
use crate::splits::{SETTLED, both, said, settlement, split, stands, unsplit};
use crate::steps_back::{outcome, taken_back, told};
use crate::usage::{charge, until_written, usage};

fn take(direct: &mut Direct, id: &str, account: &str, payments: &Value) -> Item {
    let data = json!({
        "account_id": account, "bank_account": BANK, "bank_key": "reversal:R-1",
        "action": "take", "payments": payments, "reason": "by alice: the bank named B",
    });
    direct.command(id, "return.resolve", &data)
}

/// The bank undoes the return.
fn undone(direct: &mut Direct, id: &str, of: &str, amount: &str) -> Item {
    let fields = json!({ "reversal": true, "return_of": { "bank_transaction_id": of } });
    let value = bank(&format!("bank-{id}"), &with(credit(id, amount), &fields));
    direct.item(Topic::BankPayments, None, value.as_bytes())
}

async fn part_of(direct: &Direct, account: &str) -> String {
    let sql = format!("SELECT part_id FROM payment_splits WHERE account_id = '{account}'");
    direct.database.value(&sql).await
}

/// Both have their part, B has spent 15 of 40, and the bank takes so much back.
async fn spent(test: &str, amount: &str) -> Direct {
    let mut direct = settlement(test).await;
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let charged = usage(&mut direct, "U1", "charge", &charge("U1", "B", "15"));
    direct.applied(charged).await;
    let back = taken_back(&mut direct, "R-1", "T-1", amount);
    direct.applied(back).await;
    let why = "SELECT why FROM parked_returns";
    assert_eq!(direct.database.value(why).await, "split_payment");
    direct
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_part_bears_a_return_and_gets_it_back() {
    let mut direct = spent("spr_part", "40.00").await;
    let undo = unsplit(&mut direct, "u-1", "A");
    direct.run(&[undo]).await;
    assert_eq!(outcome(&direct, "u-1").await, "rejected lot_spent");
    let part = part_of(&direct, "B").await;
    let item = take(&mut direct, "t-1", "B", &json!([{ "payment_id": part }]));
    direct.applied(item).await;
    let expected = [
        "bank split 0 10050 0",
        "part A allocated 6050 0 0",
        "part B returned 0 0 4000",
        "INV-1 provisioned",
        "INV-2 awaiting_payment",
        "balance A 6050",
        "balance B -1500",
    ];
    assert_eq!(stands(&direct).await, expected);
    assert_eq!(told(&direct, "payment.returned").await, "1");
    for id in [SETTLED, &part] {
        let (story, fine) = said(&direct, &["payments", "explain", id]);
        assert!(fine && story.contains("40.00 SGD"), "{story}");
        assert!(story.contains("alice") && story.contains("the bank named B"), "{story}");
        let (shown, fine) = said(&direct, &["payments", "show", id]);
        assert!(fine && shown.contains("Returns by the bank") && shown.contains(&part), "{shown}");
    }
    let item = undone(&mut direct, "Z-1", "R-1", "40.00");
    direct.applied(item).await;
    let again = stands(&direct).await;
    assert_eq!(
        (again[2].as_str(), again[6].as_str()),
        ("part B allocated 4000 0 0", "balance B 2500")
    );
    direct.finish().await;
}

/// The clerk does not say whose part: free money goes first, then what is unspent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rule_shares_a_return_out_and_the_bank_undoes_it_by_the_payments_id() {
    let mut direct = spent("spr_rule", "90.00").await;
    let item = take(&mut direct, "t-1", "A", &json!([{ "payment_id": SETTLED }]));
    direct.applied(item).await;
    let expected = [
        "bank split 0 10050 0",
        "part A returned 0 0 6050",
        "part B allocated 1050 0 2950",
        "INV-1 awaiting_payment",
        "INV-2 awaiting_payment",
        "balance A 0",
        "balance B -450",
    ];
    assert_eq!(stands(&direct).await, expected);
    assert_eq!(told(&direct, "payment.returned").await, "2");
    let item = undone(&mut direct, "Z-1", "T-1", "90.00");
    direct.applied(item).await;
    let again = stands(&direct).await;
    assert_eq!(again[0], "bank split 0 10050 0");
    let back = "SELECT sum(returned) || ' ' || (SELECT string_agg((amount / 10000)::text, ' '
                  ORDER BY account_id) FROM balances) FROM payments";
    assert_eq!(direct.database.value(back).await, "0 6050 2500");
    direct.finish().await;
}

/// One part gave 10 by itself and the rest with the whole; then the bank undoes the first return.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_went_back_has_money_again() {
    let mut direct = spent("spr_again", "10.00").await;
    let part = part_of(&direct, "B").await;
    let item = take(&mut direct, "t-1", "B", &json!([{ "payment_id": part, "amount": "10" }]));
    direct.applied(item).await;
    let rest = taken_back(&mut direct, "R-2", "T-1", "90.50");
    direct.applied(rest).await;
    let all = "SELECT string_agg(state || returned / 10000, ' ' ORDER BY origin, account_id)
                 FROM payments";
    assert_eq!(direct.database.value(all).await, "split9050 returned0 returned1000");
    let item = undone(&mut direct, "Z-1", "R-1", "10.00");
    direct.applied(item).await;
    let balance = "SELECT amount / 10000 FROM balances WHERE account_id = 'B'";
    assert_eq!(direct.database.value(balance).await, "-500");
    // The rest comes back as well and is nobody's: it is paid out, in part, and then dismissed.
    let item = undone(&mut direct, "Z-2", "R-2", "90.50");
    direct.applied(item).await;
    let data = json!({ "payment_id": SETTLED, "amount": "40.50", "reason": "not ours" });
    let item = direct.command("p-1", "payment.refund", &data);
    direct.applied(item).await;
    let data = json!({ "payment_id": SETTLED, "reason": "not ours either" });
    let item = direct.command("p-2", "payment.dismiss", &data);
    direct.applied(item).await;
    let whole = "SELECT state || ' ' || refunded / 10000 FROM payments WHERE origin = 'bank'";
    assert_eq!(direct.database.value(whole).await, "removed 4050");
    direct.finish().await;
}

/// Two persons point the same return at the same time, and the customer spends meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_is_taken_once_whoever_says_it() {
    let mut direct = settlement("spr_race").await;
    let made = split(&mut direct, "s-1", "A", &both());
    direct.applied(made).await;
    let part = part_of(&direct, "B").await;
    for round in 0..10 {
        let id = format!("R-{round}");
        let back = taken_back(&mut direct, &id, "T-1", "12.00");
        direct.applied(back).await;
        let mut items = Vec::new();
        for (who, payment) in [("x", part.as_str()), ("y", SETTLED)] {
            let data = json!({
                "account_id": "B", "bank_account": BANK, "bank_key": format!("reversal:{id}"),
                "action": "take", "payments": [{ "payment_id": payment }],
            });
            items.push(direct.command(&format!("{who}-{round}"), "return.resolve", &data));
        }
        let spend = format!("U-{round}");
        items.push(usage(&mut direct, &spend, "charge", &charge(&spend, "B", "1")));
        let mut tasks = Vec::new();
        for item in items {
            let pipeline = direct.pipeline.clone();
            tasks.push(tokio::spawn(async move { until_written(&pipeline, item).await }));
        }
        for task in tasks {
            task.await.expect("written");
        }
        let mut became = vec![
            outcome(&direct, &format!("x-{round}")).await,
            outcome(&direct, &format!("y-{round}")).await,
        ];
        became.sort();
        assert_eq!(became, ["applied", "rejected return_not_parked"], "{round}");
        let sum = "SELECT sum(returned)::bigint / 10000 FROM payments";
        assert_eq!(direct.database.value(sum).await, "1200");
        let item = undone(&mut direct, &format!("Z-{round}"), &id, "12.00");
        direct.applied(item).await;
        direct.database.audit().await;
    }
    direct.finish().await;
}

/// By the command line it is tried out, and nothing happens; then the same as a command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_says_whose_part_bears_a_return() {
    let mut direct = spent("spr_operator", "30.00").await;
    let part = part_of(&direct, "B").await;
    let shares = format!("{part}=20.00");
    let line = [
        "returns",
        "take",
        BANK,
        "reversal:R-1",
        "--account",
        "A",
        "--payment",
        &format!("{SETTLED}=10.00"),
        "--payment",
        &shares,
        "--reason",
        "the payer told us",
    ];
    let before = stands(&direct).await;
    let (dry, fine) = said(&direct, &line);
    assert!(fine && dry.contains("would be applied"), "{dry}");
    // Those who have the payment's parts are looked at as well.
    assert!(dry.contains("balance B SGD"), "{dry}");
    assert_eq!(stands(&direct).await, before);
    let item = take(
        &mut direct,
        "t-1",
        "A",
        &json!([{ "payment_id": SETTLED, "amount": "10.00" },
                { "payment_id": part, "amount": "20.00" }]),
    );
    direct.applied(item).await;
    let by = "SELECT string_agg(said || ' ' || amount / 10000, ', ' ORDER BY return_id)
                FROM payment_returns";
    let who = "by alice: the bank named B";
    assert_eq!(direct.database.value(by).await, format!("{who} 1000, {who} 2000"));
    direct.finish().await;
}

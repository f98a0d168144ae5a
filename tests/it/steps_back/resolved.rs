//! A person's word on a parked return, on PostgreSQL: what it takes, and that it takes nothing.

use serde_json::{Value, json};
use topup::pipeline::batch::Item;
use topup::wire::Topic;

use super::returns::reconciled;
use super::{outcome, told, without_proof};
use crate::harness::Direct;
use crate::harness::records::{BANK, bank, credit, payment, with};

fn resolve(direct: &mut Direct, id: &str, more: &Value) -> Item {
    let data = json!({
        "account_id": "A", "bank_account": BANK, "bank_key": "reversal:R1", "reason": "by alice",
    });
    direct.command(id, "return.resolve", &with(data, more))
}

/// Payments by hand of A (60) and B (40), and a return of 103 that names nothing known.
async fn parked(test: &str) -> Direct {
    let mut direct = without_proof(test).await;
    for (id, account, amount) in [("PAY-1", "A", "60.00"), ("PAY-2", "B", "40.00")] {
        let item = direct.command(id, "payment.record", &payment(id, account, amount));
        direct.applied(item).await;
    }
    let fields = json!({
        "credit_debit": "DBIT", "return_of": { "bank_transaction_id": "NEVER", "reason": "AC04" },
    });
    let value = bank("r", &with(credit("R1", "103.00"), &fields));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    let older = "UPDATE parked_returns SET parked_at = parked_at - interval '2 days'";
    direct.database.execute(older).await;
    assert_eq!(reconciled(&direct).await, "1 drifts, 1 new, 0 gone");
    direct
}

async fn stands(direct: &Direct) -> Vec<String> {
    let sql = "SELECT line FROM (
        SELECT 1 AS part, payment_id || ' ' || state || ' ' || returned / 10000 AS line
          FROM payments
        UNION ALL SELECT 2, disposition FROM bank_transactions WHERE credit_debit = 'DBIT'
        UNION ALL SELECT 3, 'fees ' || amount / 10000 FROM ledger_entries
         WHERE ledger_account = 'fees'
        UNION ALL SELECT 4, 'parked ' || why FROM parked_returns) q ORDER BY part, line";
    direct.database.lines(sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_shares_a_parked_return_out_and_its_drift_clears() {
    let mut direct = parked("sr_take").await;
    let before = stands(&direct).await;
    let both = |first: &str, fee: &str| {
        json!({
            "action": "take", "fee": fee,
            "payments": [{ "payment_id": "PAY-1", "amount": first },
                         { "payment_id": "PAY-2", "amount": "40.00" }],
        })
    };
    for (id, more, code) in [
        ("x-1", both("60.00", "3.01"), "return_mismatch"),
        ("x-2", both("61.00", "2.00"), "return_mismatch"),
        ("x-3", with(both("60.00", "3.00"), &json!({ "account_id": "B" })), "account_mismatch"),
        ("x-4", json!({ "action": "end", "bank_key": "reversal:R2" }), "return_not_parked"),
    ] {
        let item = resolve(&mut direct, id, &more);
        direct.run(std::slice::from_ref(&item)).await;
        assert_eq!(outcome(&direct, id).await, format!("rejected {code}"), "{id}");
        assert_eq!(stands(&direct).await, before, "{id}");
    }
    // It failed by itself before the person came: what is ended is tried no more, and not told of.
    let failing = "INSERT INTO failing_items (kind, item, code, attempts, failed_at, tried_at)
        SELECT 'return', key_joined(bank_account, bank_key), '23514', 8, now(), now()
          FROM parked_returns";
    direct.database.execute(failing).await;
    let item = resolve(&mut direct, "t-1", &both("60.00", "3.00"));
    direct.applied(item).await;
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    let taken = ["PAY-1 returned 6000", "PAY-2 returned 4000", "returned", "fees -300"];
    assert_eq!(stands(&direct).await, taken);
    assert_eq!(told(&direct, "payment.returned").await, "2");
    assert_eq!(reconciled(&direct).await, "0 drifts, 0 new, 1 gone");
    // The bank undoes the whole booking: both have their money again, the house its fee.
    let fields = json!({ "reversal": true, "return_of": { "bank_transaction_id": "R1" } });
    let value = bank("u", &with(credit("U1", "103.00"), &fields));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    let sums = "SELECT sum(returned) || ' ' || (SELECT sum(amount) FROM ledger_entries
                  WHERE ledger_account = 'fees') FROM payments";
    assert_eq!(direct.database.value(sums).await, "0 0");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_ends_a_parked_return_and_nothing_moves() {
    let mut direct = parked("sr_end").await;
    let item = resolve(&mut direct, "e-1", &json!({ "action": "end" }));
    direct.applied(item).await;
    let ended = ["PAY-1 on_account 0", "PAY-2 on_account 0", "return_ended"];
    assert_eq!(stands(&direct).await, ended);
    assert_eq!(told(&direct, "return.ended").await, "1");
    assert_eq!(reconciled(&direct).await, "0 drifts, 0 new, 1 gone");
    // Once only.
    let item = resolve(&mut direct, "e-2", &json!({ "action": "end" }));
    direct.run(std::slice::from_ref(&item)).await;
    assert_eq!(outcome(&direct, "e-2").await, "rejected return_not_parked");
    direct.finish().await;
}

/// One payment needs no amount; a dry run of the same by the command line changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_points_a_parked_return_at_a_payment() {
    let mut direct = parked("sr_act").await;
    let item = direct.command("p", "payment.record", &payment("PAY-3", "A", "103.00"));
    direct.applied(item).await;
    let line = [
        "returns",
        "take",
        BANK,
        "reversal:R1",
        "--account",
        "A",
        "--payment",
        "PAY-3",
        "--reason",
        "the bank named it",
    ];
    let before = stands(&direct).await;
    let (dry, fine) = crate::splits::said(&direct, &line);
    assert!(fine && dry.contains("would be applied") && dry.contains("PAY-3"), "{dry}");
    assert_eq!(stands(&direct).await, before);
    let take = json!({ "action": "take", "payments": [{ "payment_id": "PAY-3" }] });
    let item = resolve(&mut direct, "t-1", &take);
    direct.applied(item).await;
    assert!(stands(&direct).await.contains(&"PAY-3 returned 10300".to_owned()));
    let (again, fine) = crate::splits::said(&direct, &line);
    assert!(!fine && again.contains("return_not_parked"), "{again}");
    direct.finish().await;
}

/// What goes out again in the batch that records it is in the row as it is in the ledger.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_and_gone_again_in_one_batch() {
    let mut direct = parked("sr_batch").await;
    let mut items = Vec::new();
    for (number, (id, amount)) in
        [("PAY-7", "60.00"), ("PAY-8", "60.00"), ("PAY-9", "103.00")].into_iter().enumerate()
    {
        let data = payment(id, "A", amount);
        items.push(direct.command(&format!("p-{number}"), "payment.record", &data));
    }
    let refund = json!({ "payment_id": "PAY-7", "account_id": "A", "reason": "asked for" });
    let some = with(refund.clone(), &json!({ "payment_id": "PAY-8", "amount": "20.00" }));
    items.push(direct.command("f-1", "payment.refund", &refund));
    items.push(direct.command("f-2", "payment.refund", &some));
    let take = json!({ "action": "take", "payments": [{ "payment_id": "PAY-9" }] });
    items.push(resolve(&mut direct, "t-1", &take));
    let ended = direct.run(&items).await;
    assert!(ended.iter().all(|ended| ended.outcome == "applied"), "{ended:?}");
    let rows = "SELECT payment_id || ' ' || state || ' ' || refunded / 10000 || ' '
        || returned / 10000 FROM payments WHERE payment_id IN ('PAY-7', 'PAY-8', 'PAY-9')
        ORDER BY payment_id";
    let expected = ["PAY-7 returned 6000 0", "PAY-8 on_account 2000 0", "PAY-9 returned 0 10300"];
    assert_eq!(direct.database.lines(rows).await, expected);
    direct.finish().await;
}

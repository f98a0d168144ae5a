//! Which payment a return returns and which return is undone, on PostgreSQL; and what then stands.

use serde_json::{Value, json};
use topup::wire::Topic;

use super::{paid_by_bank, without_proof};
use crate::harness::Direct;
use crate::harness::records::{about_payment, account, bank, credit, invoice, with};

async fn book(direct: &mut Direct, id: &str, data: Value) {
    let item = direct.item(Topic::BankPayments, None, bank(&format!("b-{id}"), &data).as_bytes());
    direct.applied(item).await;
}

fn back(id: &str, amount: &str, more: &Value) -> Value {
    let fields = json!({ "credit_debit": "DBIT", "reversal": true });
    with(with(credit(id, amount), &fields), more)
}

fn of(id: &str) -> Value {
    json!({ "return_of": { "bank_transaction_id": id } })
}

fn again(id: &str, amount: &str, of: &str) -> Value {
    let fields = json!({ "reversal": true, "return_of": { "bank_transaction_id": of } });
    with(credit(id, amount), &fields)
}

async fn disposition(direct: &Direct, id: &str) -> String {
    let sql = format!(
        "SELECT disposition || coalesce(' ' || why, '') FROM bank_transactions
           LEFT JOIN parked_returns USING (bank_account, bank_key)
          WHERE bank_transaction_id = '{id}'"
    );
    direct.database.value(&sql).await
}

/// What ledger accounts of ours have, in cents, and what the payment has.
async fn stands(direct: &Direct, payment: &str) -> String {
    let sql = format!(
        "SELECT state || ' returned ' || returned / 10000 || ' refunded ' || refunded / 10000
             || ' free ' || (amount - allocated - returned - refunded) / 10000
             || (SELECT coalesce(string_agg(' ' || l.account || ' ' || l.total, ''
                                            ORDER BY l.account), '')
                   FROM (SELECT ledger_account AS account, sum(amount)::bigint / 10000 AS total
                           FROM ledger_entries WHERE ledger_account <> 'customer_balance'
                          GROUP BY ledger_account HAVING sum(amount) <> 0) l)
           FROM payments WHERE payment_id = 'BANK:SG-DBS-001:{payment}'"
    );
    direct.database.value(&sql).await
}

/// An invoice over `amount` that transaction B1 paid.
async fn paid(test: &str, amount: &str) -> Direct {
    let mut direct = without_proof(test).await;
    let item = direct.command("a", "account.upsert", &account("A"));
    direct.applied(item).await;
    let item = direct.command("c-1", "invoice.create", &invoice("INV-1", "A", amount));
    direct.applied(item).await;
    let item = paid_by_bank(&mut direct, "B1", "INV-1", amount).await;
    direct.applied(item).await;
    direct
}

/// Part of it goes back, the rest is removed by hand, and then the return is undone: the money is
/// here, and the books say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undone_return_after_a_removal_is_posted() {
    let mut direct = paid("so_removed", "100.00").await;
    book(&mut direct, "R1", back("R1", "40.00", &of("B1"))).await;
    let removal = about_payment("BANK:SG-DBS-001:B1", "A");
    let item = direct.command("rm", "payment.remove", &removal);
    direct.applied(item).await;
    assert_eq!(stands(&direct, "B1").await, "removed returned 4000 refunded 0 free 6000");
    book(&mut direct, "U1", again("U1", "40.00", "R1")).await;
    assert_eq!(
        stands(&direct, "B1").await,
        "on_account returned 0 refunded 6000 free 4000 bank_clearing -4000 unallocated_cash 4000"
    );
    // And taken back once more.
    book(&mut direct, "R2", back("R2", "40.00", &of("B1"))).await;
    assert_eq!(stands(&direct, "B1").await, "returned returned 4000 refunded 6000 free 0");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_removed_and_then_returned_stays_removed_when_that_is_undone() {
    let mut direct = paid("so_gone", "100.00").await;
    let item = direct.command("rm", "payment.remove", &about_payment("BANK:SG-DBS-001:B1", "A"));
    direct.applied(item).await;
    book(&mut direct, "R1", back("R1", "100.00", &of("B1"))).await;
    assert_eq!(stands(&direct, "B1").await, "removed returned 10000 refunded 0 free 0");
    book(&mut direct, "U1", again("U1", "100.00", "R1")).await;
    assert_eq!(disposition(&direct, "U1").await, "return_undone");
    assert_eq!(stands(&direct, "B1").await, "removed returned 0 refunded 0 free 10000");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_that_is_a_detail_can_be_undone_by_the_id_of_its_entry() {
    let mut direct = paid("so_detail", "100.00").await;
    let detail = json!({ "detail_index": 1, "entry_details": 1 });
    book(&mut direct, "R1", with(back("RB1", "100.00", &of("B1")), &detail)).await;
    book(&mut direct, "U1", again("RB1U", "100.00", "RB1")).await;
    assert_eq!(disposition(&direct, "RB1U").await, "return_undone");
    let balance = "SELECT amount / 1000000 FROM balances WHERE account_id = 'A'";
    assert_eq!(direct.database.value(balance).await, "100");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_undoes_a_return_waits_for_it_and_is_applied() {
    let mut direct = paid("so_early", "100.00").await;
    book(&mut direct, "U1", again("U1", "100.00", "R1")).await;
    assert_eq!(disposition(&direct, "U1").await, "return_parked no_return");
    let parked = "UPDATE parked_returns SET tried_at = parked_at + interval '1 second'";
    direct.database.execute(parked).await;
    book(&mut direct, "R1", back("R1", "100.00", &of("B1"))).await;
    assert_eq!(direct.pipeline.sweep().await.expect("swept").returns_applied, 1);
    assert_eq!(disposition(&direct, "U1").await, "return_undone");
    assert_eq!(
        stands(&direct, "B1").await,
        "allocated returned 0 refunded 0 free 0 bank_clearing -10000"
    );
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_with_the_banks_fee_takes_the_payment_and_the_fee_is_the_houses() {
    let mut direct = paid("so_fee", "100.22").await;
    let stated = json!({
        "charges": "3.00", "instructed": { "amount": "100.22", "currency": "SGD" },
        "return_of": { "bank_transaction_id": "B1", "reason": "AC04" },
    });
    book(&mut direct, "R1", back("R1", "103.22", &stated)).await;
    assert_eq!(
        stands(&direct, "B1").await,
        "returned returned 10022 refunded 0 free 0 bank_clearing 300 fees -300"
    );
    // More than a fee may be, and a fee that nobody states.
    book(&mut direct, "U1", again("U1", "103.22", "R1")).await;
    assert_eq!(
        stands(&direct, "B1").await,
        "allocated returned 0 refunded 0 free 0 bank_clearing -10022"
    );
    book(&mut direct, "R2", back("R2", "103.22", &of("B1"))).await;
    assert_eq!(disposition(&direct, "R2").await, "return_parked exceeds_payment");
    let stated = with(of("B1"), &json!({ "charges": "200.00" }));
    book(&mut direct, "R3", back("R3", "300.22", &stated)).await;
    assert_eq!(disposition(&direct, "R3").await, "return_parked fee_above_limit");
    direct.finish().await;
}

/// A word that anybody may write, and an id whose payer or amount say otherwise, take nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_takes_nothing_from_a_customer_whom_it_does_not_name() {
    let mut direct = without_proof("so_weak").await;
    for (id, end, payer) in [
        ("T1", "TOPUP", "DE62FIRST"),
        ("T2", "N/A", "DE63FIRST"),
        ("T3", "E2E-4711-A", "DE64FIRST"),
    ] {
        let fields = json!({ "end_to_end_id": end, "debtor": { "account": payer } });
        book(&mut direct, id, with(credit(id, "80.62"), &fields)).await;
    }
    for (id, end, amount) in
        [("R1", "TOPUP", "50.00"), ("R2", "N/A", "40.00"), ("R3", "E2E-4711-A", "80.62")]
    {
        let fields = json!({
            "debtor": { "account": "DE62SECOND" },
            "return_of": { "end_to_end_id": end, "reason": "AC04" },
        });
        book(&mut direct, id, back(id, amount, &fields)).await;
    }
    let waits: Vec<String> =
        direct.database.lines("SELECT why FROM parked_returns ORDER BY 1").await;
    assert_eq!(waits, ["contradicted", "no_original", "no_original"]);
    assert_eq!(direct.database.value("SELECT sum(returned) FROM payments").await, "0");
    direct.finish().await;
}

/// A return names the entry; which of its details is meant, amount and payer say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detail_of_an_entry_is_found_by_the_entrys_id() {
    let mut direct = without_proof("so_entry").await;
    for (index, amount, payer) in [(1, "40.00", "PX1"), (2, "50.00", "PY1"), (3, "50.00", "PZ1")] {
        let fields = json!({
            "detail_index": index, "entry_details": 3, "debtor": { "account": payer },
        });
        book(&mut direct, &format!("E{index}"), with(credit("E", amount), &fields)).await;
    }
    book(&mut direct, "R1", back("R1", "40.00", &of("E"))).await;
    book(&mut direct, "R2", back("R2", "50.00", &of("E"))).await;
    assert_eq!(disposition(&direct, "R2").await, "return_parked no_original");
    let payer = with(of("E"), &json!({ "debtor": { "account": "PZ1" } }));
    book(&mut direct, "R3", back("R3", "50.00", &payer)).await;
    let returned = "SELECT payment_id FROM payment_returns ORDER BY return_id";
    let ids = ["BANK:SG-DBS-001:detail:1:id:E", "BANK:SG-DBS-001:detail:3:id:E"];
    assert_eq!(direct.database.lines(returned).await, ids);
    direct.finish().await;
}

/// What more payments have in common than are read tells none of them from the others; what only
/// one of them has does, whichever of both the return says first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_very_many_payments_have_in_common_names_none_of_them() {
    const MANY: usize = 70;
    let mut direct = without_proof("so_common").await;
    for n in 0..MANY {
        let payer = json!({ "debtor": { "account": "DE62REGULAR" },
                            "end_to_end_id": format!("MSG7F3A{n:03}") });
        book(&mut direct, &format!("S{n}"), with(credit(&format!("S{n}"), "7.77"), &payer)).await;
        let word = json!({ "debtor": { "account": format!("DE63PAYER{n}") },
                           "end_to_end_id": "MSG7F3ACOMMON" });
        book(&mut direct, &format!("C{n}"), with(credit(&format!("C{n}"), "8.88"), &word)).await;
    }
    let said = |end: &str, payer: &str| {
        let of = json!({ "reason": "AC04", "end_to_end_id": end });
        json!({ "debtor": { "account": payer }, "return_of": of })
    };
    book(&mut direct, "R1", back("R1", "7.77", &said("MSG7F3A067", "DE62REGULAR"))).await;
    book(&mut direct, "R2", back("R2", "8.88", &said("MSG7F3ACOMMON", "DE63PAYER68"))).await;
    let returned = "SELECT payment_id FROM payment_returns ORDER BY return_id";
    let found = direct.database.lines(returned).await;
    assert_eq!(found, ["BANK:SG-DBS-001:S67", "BANK:SG-DBS-001:C68"]);
    let regular = json!({ "debtor": { "account": "DE62REGULAR" } });
    book(&mut direct, "R3", back("R3", "7.77", &regular)).await;
    assert_eq!(disposition(&direct, "R3").await, "return_parked no_original");
    book(&mut direct, "R4", back("R4", "8.88", &said("MSG7F3ACOMMON", "DE63NOBODY"))).await;
    assert!(disposition(&direct, "R4").await.starts_with("return_parked"));
    direct.finish().await;
}

/// A duplicate that a person removed has no money: the return of what both name takes the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_duplicate_leaves_no_doubt_which_payment_goes_back() {
    let mut direct = without_proof("so_twice").await;
    let data = with(account("A"), &json!({ "payer_accounts": ["DE62FIRST"] }));
    let item = direct.command("a", "account.upsert", &data);
    direct.applied(item).await;
    let item = direct.command("c-1", "invoice.create", &invoice("INV-1", "A", "80.62"));
    direct.applied(item).await;
    let paid = json!({ "end_to_end_id": "E2E-4711-A", "debtor": { "account": "DE62FIRST" } });
    book(&mut direct, "B1", with(credit("B1", "80.62"), &paid)).await;
    let nameless = with(paid.clone(), &json!({ "bank_transaction_id": null }));
    book(&mut direct, "B2", with(credit("-", "80.62"), &nameless)).await;
    let twice = "SELECT payment_id FROM payments WHERE reason = 'possible_duplicate'";
    let twice = direct.database.value(twice).await;
    let item = direct.command("rm", "payment.remove", &about_payment(&twice, "A"));
    direct.applied(item).await;
    let named = json!({ "debtor": { "account": "DE62FIRST" },
                        "return_of": { "end_to_end_id": "E2E-4711-A", "reason": "AC04" } });
    book(&mut direct, "R1", back("R1", "80.62", &named)).await;
    assert_eq!(disposition(&direct, "R1").await, "returned");
    assert_eq!(stands(&direct, "B1").await, "returned returned 8062 refunded 0 free 0");
    direct.finish().await;
}

/// The bank gives its id to what a person removed as told twice, and takes the money back by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_that_names_a_removed_duplicate_takes_the_payment_that_it_was() {
    let mut direct = without_proof("so_named").await;
    let data = with(account("A"), &json!({ "payer_accounts": ["DE62FIRST"] }));
    let item = direct.command("a", "account.upsert", &data);
    direct.applied(item).await;
    let item = direct.command("c-1", "invoice.create", &invoice("INV-1", "A", "80.62"));
    direct.applied(item).await;
    let payer = json!({ "debtor": { "account": "DE62FIRST" } });
    let nameless = with(payer.clone(), &json!({ "bank_transaction_id": null }));
    book(&mut direct, "B0", with(credit("-", "80.62"), &nameless)).await;
    book(&mut direct, "B1", with(credit("B1", "80.62"), &payer)).await;
    let item = direct.command("rm", "payment.remove", &about_payment("BANK:SG-DBS-001:B1", "A"));
    direct.applied(item).await;
    book(&mut direct, "R1", back("R1", "80.62", &of("B1"))).await;
    let all = "SELECT state || ' ' || returned / 10000 FROM payments ORDER BY state";
    assert_eq!(direct.database.lines(all).await, ["removed 0", "returned 8062"]);
    assert_eq!(direct.database.value("SELECT sum(amount) FROM balances").await, "0");
    // The bank undoes it, and names the same.
    book(&mut direct, "U1", again("U1", "80.62", "B1")).await;
    assert_eq!(direct.database.lines(all).await, ["allocated 0", "removed 0"]);
    assert_eq!(disposition(&direct, "U1").await, "return_undone");
    direct.finish().await;
}

/// The bank undoes its return and takes the money back once more, by the id of the undoing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_may_name_the_banks_own_undoing() {
    let mut direct = paid("so_undone", "100.00").await;
    book(&mut direct, "R1", back("R1", "100.00", &of("B1"))).await;
    book(&mut direct, "U1", again("U1", "100.00", "R1")).await;
    book(&mut direct, "R2", back("R2", "60.00", &of("U1"))).await;
    assert_eq!(disposition(&direct, "R2").await, "return_parked no_original");
    book(&mut direct, "R3", back("R3", "100.00", &of("U1"))).await;
    assert_eq!(disposition(&direct, "R3").await, "returned");
    assert_eq!(stands(&direct, "B1").await, "returned returned 10000 refunded 0 free 0");
    direct.finish().await;
}

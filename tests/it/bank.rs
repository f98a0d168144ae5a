//! Bank records: which become payments, which invoice they pay, and what is never lost.

use serde_json::{Value, json};

use crate::harness::World;
use crate::harness::records::{
    BANK, about_invoice, account, credit, credit_saying, draft, envelope, invoice, with,
};

/// `state reason account allocated` of every payment, in the order of their ids.
const PAYMENTS: &str = "SELECT concat_ws(' ', payment_id, state, reason, account_id,
    (allocated / 10000)::text || 'c') FROM payments ORDER BY payment_id";

async fn applied(world: &World, id: &str, data: Value) {
    world.bank(id, data).await;
    assert_eq!(world.outcome(id).await, ("applied".to_owned(), None), "{id}");
}

async fn create(world: &World, id: &str, data: Value) {
    let account = data["account_id"].as_str().expect("an account").to_owned();
    world.applied(id, "invoice.create", &account, data).await;
}

async fn reference_of(world: &World, invoice: &str) -> String {
    let sql = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{invoice}'");
    world.value(&sql).await
}

async fn invoice_status(world: &World, invoice: &str) -> String {
    let sql = format!("SELECT status FROM invoice_states WHERE invoice_id = '{invoice}'");
    world.value(&sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_of_a_known_payer_pays_the_invoice_of_its_amount() {
    let world = World::new("b_payer").await;
    let worker = world.start().await;
    let payer = json!({ "payer_accounts": ["0720001234"] });
    let data = with(account("ACC-1"), &payer);
    world.applied("c-1", "account.upsert", "ACC-1", data).await;
    create(&world, "c-2", invoice("INV-1", "ACC-1", "100.00")).await;
    create(&world, "c-3", invoice("INV-2", "ACC-1", "70.00")).await;
    create(&world, "c-4", invoice("INV-3", "ACC-2", "70.00")).await;
    let debtor = json!({ "debtor": { "name": "ACME PTE LTD", "account": "072-000-1234" } });
    applied(&world, "b-1", with(credit("T-1", "70.00"), &debtor)).await;
    let pairs = "SELECT invoice_id, rule FROM allocations";
    assert_eq!(world.database.lines(pairs).await, ["INV-2|R7"]);
    // Nothing fits: it is held on the account for a person.
    applied(&world, "b-2", with(credit("T-2", "33.00"), &debtor)).await;
    let expected =
        ["BANK:SG-DBS-001:T-1 allocated ACC-1 7000c", "BANK:SG-DBS-001:T-2 on_account ACC-1 0c"];
    assert_eq!(world.database.lines(PAYMENTS).await, expected);
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_into_a_virtual_account_is_its_owners() {
    let world = World::new("b_virtual").await;
    let worker = world.start().await;
    for (number, name) in [(1, "ACC-1"), (2, "ACC-2")] {
        let owns = json!({ "virtual_accounts": [format!("88-00-{number}")] });
        let data = with(account(name), &owns);
        let id = format!("u-{number}");
        world.applied(&id, "account.upsert", name, data).await;
    }
    create(&world, "c-1", invoice("INV-1", "ACC-1", "100.00")).await;
    create(&world, "c-2", invoice("INV-2", "ACC-2", "100.00")).await;
    let into = |account: &str| json!({ "virtual_account": account });
    applied(&world, "b-1", with(credit("T-1", "100.00"), &into("88002"))).await;
    let pairs = "SELECT invoice_id, rule FROM allocations";
    assert_eq!(world.database.lines(pairs).await, ["INV-2|R6"]);
    // The text names an invoice of somebody else: never settled by itself.
    let reference = reference_of(&world, "INV-1").await;
    let data = credit_saying("T-2", "100.00", &reference);
    applied(&world, "b-2", with(data, &into("88002"))).await;
    let parked = "SELECT reason FROM payments WHERE state = 'parked' AND account_id IS NULL";
    assert_eq!(world.value(parked).await, "identity_conflict");
    assert_eq!(invoice_status(&world, "INV-1").await, "awaiting_payment");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rest_of_an_overpayment_stays_on_the_payment() {
    let world = World::new("b_over").await;
    let worker = world.start().await;
    create(&world, "c-1", invoice("INV-1", "ACC-1", "100.00")).await;
    let reference = reference_of(&world, "INV-1").await;
    applied(&world, "b-1", credit_saying("T-1", "150.00", &reference)).await;
    let expected = ["BANK:SG-DBS-001:T-1 partly_allocated ACC-1 10000c"];
    assert_eq!(world.database.lines(PAYMENTS).await, expected);
    let balance = "SELECT amount FROM balances";
    assert_eq!(world.value(balance).await, "100000000", "only what was allocated");
    // The next invoice over the rest takes it as soon as it is sent.
    create(&world, "c-2", invoice("INV-2", "ACC-1", "50.00")).await;
    world.until("SELECT state FROM payments", "allocated").await;
    assert_eq!(invoice_status(&world, "INV-2").await, "provisioned");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partial_payment_is_suggested_or_by_policy_applied() {
    let mut world = World::new("b_partial").await;
    let worker = world.start().await;
    create(&world, "c-1", invoice("INV-1", "ACC-1", "100.00")).await;
    let reference = reference_of(&world, "INV-1").await;
    applied(&world, "b-1", credit_saying("T-1", "60.00", &reference)).await;
    let reason = "SELECT reason FROM payments";
    assert_eq!(world.value(reason).await, "partial_payment");
    worker.shutdown().await;
    world.set("MATCHING__PARTIAL", "apply");
    let worker = world.start().await;
    applied(&world, "b-2", credit_saying("T-2", "60.00", &reference)).await;
    let due = "SELECT status || ' ' || (amount - allocated)::text FROM invoice_states";
    assert_eq!(world.value(due).await, "awaiting_payment 40000000");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_payment_pays_all_invoices_that_its_references_name() {
    let world = World::new("b_several").await;
    let worker = world.start().await;
    create(&world, "c-1", invoice("INV-1", "ACC-1", "100.00")).await;
    create(&world, "c-2", invoice("INV-2", "ACC-1", "20.50")).await;
    let (one, two) = (reference_of(&world, "INV-1").await, reference_of(&world, "INV-2").await);
    let text = format!("{one} and {two}");
    applied(&world, "b-1", credit_saying("T-1", "120.50", &text)).await;
    let pairs = "SELECT invoice_id, rule, amount FROM allocations ORDER BY 1";
    let expected = ["INV-1|R5|100000000", "INV-2|R5|20500000"];
    assert_eq!(world.database.lines(pairs).await, expected);
    let postings = "SELECT count(*) FROM ledger_transactions";
    assert_eq!(world.value(postings).await, "1", "posted once");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_before_its_invoice_is_sent_is_settled_by_the_sending() {
    let world = World::new("b_not_sent").await;
    let worker = world.start().await;
    create(&world, "c-1", draft("INV-1", "ACC-1", "100.00")).await;
    let reference = reference_of(&world, "INV-1").await;
    applied(&world, "b-1", credit_saying("T-1", "100.00", &reference)).await;
    let parked = "SELECT state || ' ' || reason FROM payments";
    assert_eq!(world.value(parked).await, "parked not_sent");
    assert_eq!(invoice_status(&world, "INV-1").await, "draft");
    let data = about_invoice("INV-1", "ACC-1");
    world.applied("c-2", "invoice.mark-sent", "ACC-1", data).await;
    assert_eq!(invoice_status(&world, "INV-1").await, "provisioned");
    assert_eq!(world.value("SELECT amount FROM balances").await, "100000000");
    assert_eq!(world.value("SELECT count(*) FROM watches").await, "0");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_before_its_invoice_exists_is_settled_by_its_number() {
    let world = World::new("b_unknown").await;
    let worker = world.start().await;
    applied(&world, "b-1", credit_saying("T-1", "100.00", "topup inv-1007, thanks")).await;
    let parked = "SELECT state || ' ' || reason FROM payments";
    assert_eq!(world.value(parked).await, "parked no_candidate");
    // A longer number is another invoice.
    create(&world, "c-1", invoice("INV-10071", "ACC-2", "100.00")).await;
    assert_eq!(world.value(parked).await, "parked no_candidate");
    create(&world, "c-2", invoice("INV-1007", "ACC-1", "100.00")).await;
    assert_eq!(invoice_status(&world, "INV-1007").await, "provisioned");
    assert_eq!(world.value("SELECT rule FROM allocations").await, "R4");
    worker.shutdown().await;
    world.finish().await;
}

/// Feeds are re-sent as a whole, with new envelope ids.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bank_transaction_under_another_id_is_a_duplicate() {
    let world = World::new("b_again").await;
    let worker = world.start().await;
    let data = credit_saying("DBS-9", "100.00", "hello");
    applied(&world, "b-1", data.clone()).await;
    // As it was, and as the statement of the day reports it.
    world.bank("b-2", data.clone()).await;
    let entry = json!({ "statement_id": "ST-1", "entry_reference": "7" });
    world.bank("b-3", with(data.clone(), &entry)).await;
    // As it was, under the id that it had.
    world.bank("b-1", data).await;
    let duplicate = ("duplicate".to_owned(), None);
    assert_eq!(world.outcome("b-2").await, duplicate);
    assert_eq!(world.outcome("b-3").await, duplicate);
    assert_eq!(world.repeat("b-1").await, duplicate);
    assert_eq!(world.value("SELECT count(*) FROM payments").await, "1");
    assert_eq!(world.value("SELECT count(*) FROM dead_letters").await, "0");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_bank_id_with_another_amount_is_a_conflict_and_moves_nothing() {
    let world = World::new("b_conflict").await;
    let worker = world.start().await;
    applied(&world, "b-1", credit("DBS-9", "100.00")).await;
    let rows = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM
        (SELECT (p.*)::text FROM payments p UNION ALL SELECT (b.*)::text FROM bank_transactions b
         UNION ALL SELECT (l.*)::text FROM ledger_entries l) t";
    let before = world.value(rows).await;
    world.bank("b-2", credit("DBS-9", "900.00")).await;
    let conflict = Some("bank_conflict".to_owned());
    assert_eq!(world.outcome("b-2").await, ("dead_lettered".to_owned(), conflict));
    // The same envelope id with other content is a conflict too, of another kind.
    world.bank("b-1", credit("DBS-10", "100.00")).await;
    let conflict = Some("conflict".to_owned());
    assert_eq!(world.repeat("b-1").await, ("dead_lettered".to_owned(), conflict));
    assert_eq!(world.value(rows).await, before);
    let letters = "SELECT code, message_id FROM dead_letters ORDER BY code";
    let expected = ["bank_conflict|b-2", "conflict|b-1"];
    assert_eq!(world.database.lines(letters).await, expected);
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_then_booked_is_one_payment() {
    let world = World::new("b_pending").await;
    let worker = world.start().await;
    create(&world, "c-1", invoice("INV-1", "ACC-1", "100.00")).await;
    let reference = reference_of(&world, "INV-1").await;
    let data = credit_saying("T-1", "100.00", &reference);
    let status = |status: &str| json!({ "status": status });
    applied(&world, "b-1", with(data.clone(), &status("PDNG"))).await;
    assert_eq!(world.value("SELECT count(*) FROM payments").await, "0");
    assert_eq!(invoice_status(&world, "INV-1").await, "awaiting_payment");
    applied(&world, "b-2", data.clone()).await;
    assert_eq!(invoice_status(&world, "INV-1").await, "provisioned");
    // The pending report again, late, and the booking again.
    world.bank("b-3", with(data.clone(), &status("INFO"))).await;
    world.bank("b-4", data).await;
    let duplicate = ("duplicate".to_owned(), None);
    assert_eq!(world.outcome("b-3").await, duplicate);
    assert_eq!(world.outcome("b-4").await, duplicate);
    let stored = "SELECT status, disposition FROM bank_transactions";
    assert_eq!(world.database.lines(stored).await, ["BOOK|payment"]);
    assert_eq!(world.value("SELECT count(*) FROM payments").await, "1");
    worker.shutdown().await;
    world.finish().await;
}

/// Two equal payments on one day are two payments; without a bank id only the envelope tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_payments_without_a_bank_id_are_two_payments() {
    let world = World::new("b_equal").await;
    let worker = world.start().await;
    let data = with(credit("-", "25.00"), &json!({ "bank_transaction_id": null }));
    applied(&world, "b-1", data.clone()).await;
    applied(&world, "b-2", data.clone()).await;
    world.bank("b-2", data).await;
    assert_eq!(world.repeat("b-2").await, ("duplicate".to_owned(), None));
    let sum = "SELECT count(*) || ' ' || sum(amount) FROM payments";
    assert_eq!(world.value(sum).await, "2 50000000");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_payment_is_kept_with_the_reason_and_moves_nothing() {
    let world = World::new("b_no_payment").await;
    let worker = world.start().await;
    applied(&world, "b-0", credit("T-0", "100.00")).await;
    let cases = [
        ("b-1", json!({ "credit_debit": "DBIT" }), "outgoing"),
        ("b-2", json!({ "credit_debit": "DBIT", "reversal": true }), "return_parked"),
        (
            "b-3",
            json!({ "credit_debit": "DBIT", "return_of": { "bank_transaction_id": "T-9" } }),
            "return_parked",
        ),
        ("b-4", json!({ "credit_debit": "CRDT", "reversal": true }), "refund_bounced"),
        ("b-5", json!({ "status": "INFO" }), "not_booked"),
    ];
    for (id, fields, disposition) in cases {
        applied(&world, id, with(credit(id, "100.00"), &fields)).await;
        let sql =
            format!("SELECT disposition FROM bank_transactions WHERE bank_transaction_id = '{id}'");
        assert_eq!(world.value(&sql).await, disposition, "{fields}");
    }
    let money = "SELECT count(*) || ' ' || sum(amount - returned) FROM payments";
    assert_eq!(world.value(money).await, "1 100000000");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_from_our_own_account_is_parked() {
    let mut world = World::new("b_internal").await;
    world.set("MATCHING__OWN_ACCOUNTS", "SG99 OURS 0001");
    let worker = world.start().await;
    create(&world, "c-1", invoice("INV-1", "ACC-1", "100.00")).await;
    let reference = reference_of(&world, "INV-1").await;
    let debtor = json!({ "debtor": { "account": "sg99ours0001" } });
    let data = with(credit_saying("T-1", "100.00", &reference), &debtor);
    applied(&world, "b-1", data).await;
    let parked = "SELECT state || ' ' || reason FROM payments";
    assert_eq!(world.value(parked).await, "parked internal_transfer");
    assert_eq!(invoice_status(&world, "INV-1").await, "awaiting_payment");
    worker.shutdown().await;
    world.finish().await;
}

/// A payment is a fact: whatever its text holds, the money is recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_text_is_recorded_and_matches_nothing() {
    let world = World::new("b_hostile").await;
    let worker = world.start().await;
    create(&world, "c-1", invoice("INV-1001", "ACC-1", "100.00")).await;
    let texts = [
        "nul \0 and \u{1}",
        "\u{1b}]8;;http://x\u{7}click\u{1b}]8;;\u{7}",
        "\u{202e}1001-VNI \u{2066}INV\u{2069}",
        "INV-10011 XINV-1001 INV-1001X",
        "'; DROP TABLE payments; --",
        "\u{1f4b8}\u{fffd}",
    ];
    for (number, text) in (1..).zip(texts) {
        let data = credit(&format!("H-{number}"), &format!("{number}.00"));
        let hostile = json!({
            "debtor": { "name": text, "account": text },
            "remittance": { "unstructured": [text, text] },
        });
        applied(&world, &format!("h-{number}"), with(data, &hostile)).await;
    }
    let states = "SELECT string_agg(DISTINCT state || ' ' || reason, ',') FROM payments";
    assert_eq!(world.value(states).await, "parked no_candidate");
    assert_eq!(world.value("SELECT count(*) FROM payments").await, "6");
    let nul = "SELECT unstructured FROM bank_transactions WHERE bank_key = 'id:H-1'";
    let line = "nul \\0 and \u{1}";
    assert_eq!(world.value(nul).await, format!("{line}\n{line}"));
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_is_kept_and_a_newer_one_of_its_id_replaces_it() {
    let world = World::new("b_statement").await;
    let worker = world.start().await;
    for (id, closing) in [("s-1", "-20.00"), ("s-2", "1100.00")] {
        let data = json!({
            "bank_account": BANK,
            "statement_id": "ST-1",
            "currency": "SGD",
            "opening_balance": "1000.00",
            "closing_balance": closing,
            "entries": 3,
            "complete_through": "2026-11-22T16:00:00Z",
        });
        let value = envelope(id, "bank-gateway", "topup.bank.statement.v1", &data);
        world.publish(&world.topics.bank_payments, BANK, &value).await;
        assert_eq!(world.outcome(id).await, ("applied".to_owned(), None));
    }
    let stored = "SELECT statement_id, closing_balance, entries FROM bank_statements";
    assert_eq!(world.database.lines(stored).await, ["ST-1|1100000000|3"]);
    worker.shutdown().await;
    world.finish().await;
}

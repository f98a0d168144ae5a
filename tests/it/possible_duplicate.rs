//! Money without a bank's id that may have come before: recorded, parked, and a person's to say.

use serde_json::{Value, json};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, account, bank, credit, envelope, invoice, with};

const PAYMENTS: &str = "SELECT concat_ws(' ', p.state, p.reason, p.account_id,
        (SELECT 'like ' || o.state FROM payments o WHERE o.payment_id = w.looks_like))
    FROM payments p JOIN payments_without_bank_id w USING (payment_id) ORDER BY p.recorded_at,
        w.looks_like NULLS FIRST";
/// The clearing account is what the statements sum to.
const CLEARING: &str = "SELECT sum(amount)::bigint FROM ledger_entries
    WHERE ledger_account = 'bank_clearing'";

struct Desk {
    direct: Direct,
    written: usize,
}

impl Desk {
    async fn new(test: &str) -> Self {
        let mut desk = Self { direct: Direct::new(test).await, written: 0 };
        let payers = with(account("ACC"), &json!({ "payer_accounts": ["SG18PAYER"] }));
        desk.command("account.upsert", &payers).await;
        for id in ["INV-1", "INV-2"] {
            desk.command("invoice.create", &invoice(id, "ACC", "50.18")).await;
        }
        desk
    }

    async fn command(&mut self, kind: &str, data: &Value) {
        self.written += 1;
        let item = self.direct.command(&format!("c-{}", self.written), kind, data);
        self.direct.applied(item).await;
    }

    async fn bank(&mut self, text: &str, more: &Value) {
        self.written += 1;
        let from = json!({ "bank_transaction_id": null, "debtor": { "account": "SG18PAYER" },
                           "remittance": { "unstructured": [text] } });
        let data = with(with(credit("-", "50.18"), &from), more);
        let value = bank(&format!("b-{}", self.written), &data);
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.direct.applied(item).await;
    }

    async fn payments(&self) -> Vec<String> {
        self.direct.database.lines(PAYMENTS).await
    }

    /// The payment that looks like another.
    async fn second(&self) -> String {
        let sql = "SELECT payment_id FROM payments_without_bank_id WHERE looks_like IS NOT NULL";
        self.direct.database.value(sql).await
    }

    async fn statement(&mut self, entries: u32, closing: &str) {
        let data = json!({
            "bank_account": BANK, "statement_id": "S-1", "currency": "SGD", "entries": entries,
            "opening_balance": "0.00", "closing_balance": closing,
            "complete_through": "2099-01-06T00:00:00Z",
        });
        let value = envelope("s-1", "bank-gateway", "topup.bank.statement.v1", &data);
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.direct.applied(item).await;
    }

    async fn drifts(&self) -> Vec<String> {
        let now = topup::clock::Clock::System.now();
        let pool = self.direct.pipeline.pool();
        let found = topup::store::reconcile::find(pool, now, "UTC").await.expect("found");
        found.drifts.into_iter().map(|drift| drift.kind).collect()
    }
}

/// The bank tells more after booking: credited once, and the statement agrees once a person has
/// said that it is the same money.
#[tokio::test]
async fn an_enriched_text_is_parked_and_dismissed_by_a_person() {
    let mut desk = Desk::new("pd_enriched").await;
    desk.bank("Topup", &json!({})).await;
    desk.bank("Topup *1728888 Aut. 4989889", &json!({})).await;
    let parked = "parked possible_duplicate like allocated";
    assert_eq!(desk.payments().await, ["allocated ACC", parked]);
    // Neither a rematch nor a new invoice decides it.
    desk.command("invoice.create", &invoice("INV-3", "ACC", "50.18")).await;
    assert_eq!(desk.payments().await, ["allocated ACC", parked]);
    desk.statement(1, "50.18").await;
    assert_eq!(desk.drifts().await, ["statement_entries", "statement_sum"]);
    let second = desk.second().await;
    let removed = json!({ "payment_id": second, "account_id": "ACC", "reason": "the same money" });
    desk.command("payment.remove", &removed).await;
    assert_eq!(desk.payments().await, ["allocated ACC", "removed ACC like allocated"]);
    assert_eq!(desk.drifts().await, Vec::<String>::new());
    assert_eq!(desk.direct.database.value(CLEARING).await, "-50180000");
    let balance = "SELECT amount FROM balances WHERE account_id = 'ACC'";
    assert_eq!(desk.direct.database.value(balance).await, "50180000");
    desk.direct.finish().await;
}

/// It was a second payment after all.
#[tokio::test]
async fn a_person_says_that_it_is_a_second_payment() {
    let mut desk = Desk::new("pd_second").await;
    desk.bank("Topup", &json!({})).await;
    desk.bank("Topup", &json!({ "statement_id": "S-2" })).await;
    let second = desk.second().await;
    let to = json!({ "payment_id": second, "account_id": "ACC" });
    desk.command("payment.assign", &to).await;
    let to = with(to, &json!({ "allocations": [{ "invoice_id": "INV-2" }] }));
    desk.command("payment.allocate", &to).await;
    assert_eq!(desk.payments().await, ["allocated ACC", "allocated ACC like allocated"]);
    assert_eq!(desk.direct.database.value(CLEARING).await, "-100360000");
    desk.direct.finish().await;
}

/// Equal rows of one delivery, and rows of one statement, are as many payments.
#[tokio::test]
async fn rows_of_one_delivery_are_as_many_payments() {
    let mut desk = Desk::new("pd_rows").await;
    desk.bank("Topup", &json!({})).await;
    desk.bank("Topup", &json!({})).await;
    assert_eq!(desk.payments().await, ["allocated ACC"; 2]);
    let row = |entry: &str| json!({ "statement_id": "S-9", "entry_reference": entry });
    let day = json!({ "booking_date": "2099-02-03" });
    desk.bank("Rent", &with(row("1"), &day)).await;
    desk.bank("Rent and more", &with(row("2"), &day)).await;
    let likes = "SELECT count(looks_like) FROM payments_without_bank_id";
    assert_eq!(desk.direct.database.value(likes).await, "0");
    desk.direct.finish().await;
}

const SECOND: &str =
    "SELECT concat_ws(' ', p.state, p.reason, 'asks', p.question, 'has', p.allocated)
    FROM payments p WHERE p.payment_id = 'BANK:SG-DBS-001:T-9'";

/// One transfer told by two feeds; the second one is in question, and has the bank's id.
async fn told_twice(test: &str) -> Desk {
    let mut desk = Desk::new(test).await;
    desk.command("account.upsert", &account("OTHER")).await;
    desk.bank("Topup", &json!({})).await;
    desk.bank("Topup", &json!({ "bank_transaction_id": "T-9" })).await;
    assert_eq!(desk.direct.database.value(SECOND).await, ASKED);
    desk
}

const ASKED: &str = "parked possible_duplicate asks possible_duplicate has 0";

impl Desk {
    /// All that decides by itself: an invoice that it fits, the sweep, and the job.
    async fn try_all(&mut self) {
        self.written += 1;
        let id = format!("INV-{}", self.written);
        self.command("invoice.create", &invoice(&id, "ACC", "50.18")).await;
        self.direct.pipeline.sweep().await.expect("swept");
        let (runner, _stop) = crate::jobs::runner(&self.direct, "test", None);
        runner.prepare().await.expect("prepared");
        let now = topup::clock::Clock::System.now();
        runner.run_by(topup::jobs::Job::Rematch, "alice", now).await.expect("ran");
    }

    async fn took_back(&mut self, id: &str, of: &str, undone: bool) {
        self.written += 1;
        let direction = if undone { "CRDT" } else { "DBIT" };
        let fields = json!({ "credit_debit": direction, "reversal": true,
                             "return_of": { "bank_transaction_id": of } });
        let value = bank(&format!("b-{}", self.written), &with(credit(id, "50.18"), &fields));
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.direct.applied(item).await;
    }
}

/// A slip of the hand that is taken back, or the bank's return of it, does not make it new money.
#[tokio::test]
async fn what_is_in_question_stays_so_whatever_happens_to_it() {
    let mut desk = told_twice("pd_stays").await;
    let id = "BANK:SG-DBS-001:T-9";
    let split = json!({ "payment_id": id, "account_id": "OTHER", "reason": "theirs",
                        "parts": [{ "account_id": "OTHER", "amount": "50.18" }] });
    desk.command("payment.split", &split).await;
    let state = desk.direct.database.value(SECOND).await;
    assert_eq!(state, "split asks possible_duplicate has 0");
    let back = json!({ "payment_id": id, "account_id": "OTHER", "reason": "a slip" });
    desk.command("payment.unsplit", &back).await;
    desk.try_all().await;
    assert_eq!(desk.direct.database.value(SECOND).await, ASKED);
    // The bank takes the transfer back: of which of the two, a person says.
    desk.took_back("R-1", "T-9", false).await;
    desk.try_all().await;
    let parked = desk.direct.database.value("SELECT why FROM parked_returns").await;
    assert_eq!(parked, "original_in_doubt");
    let balance = "SELECT amount FROM balances WHERE account_id = 'ACC'";
    assert_eq!(desk.direct.database.value(balance).await, "50180000");
    // It was a payment of its own: then the return is its.
    let to = json!({ "payment_id": id, "account_id": "ACC" });
    desk.command("payment.assign", &to).await;
    desk.direct.pipeline.sweep().await.expect("swept");
    assert_eq!(desk.direct.database.value(SECOND).await, "returned asks has 0");
    assert_eq!(desk.direct.database.value(balance).await, "50180000");
    desk.direct.finish().await;
}

/// Of a payment that a person took out, only a person uses what the bank gives back.
#[tokio::test]
async fn what_comes_back_of_what_was_taken_out_is_a_persons() {
    let mut desk = Desk::new("pd_out").await;
    desk.command("account.upsert", &account("OTHER")).await;
    let text = json!({ "bank_transaction_id": "T-9", "amount": "100.00", "debtor": null });
    let text = with(text, &json!({ "debtor": { "account": "SG55NOBODY" } }));
    desk.bank("hello", &text).await;
    desk.took_back("R-1", "T-9", false).await;
    let id = "BANK:SG-DBS-001:T-9";
    let to = json!({ "payment_id": id, "account_id": "ACC" });
    desk.command("payment.assign", &to).await;
    desk.command("payment.remove", &with(to, &json!({ "reason": "not theirs" }))).await;
    desk.took_back("U-1", "R-1", true).await;
    desk.try_all().await;
    assert_eq!(desk.direct.database.value(SECOND).await, "on_account asks taken_out has 0");
    // A rule's allocation is refused by the database as well.
    let paid = "UPDATE payments SET allocated = 1, state = 'partly_allocated'
        WHERE question IS NOT NULL";
    let refused =
        sqlx::query(paid).execute(&desk.direct.database.admin).await.expect_err("refused");
    assert!(refused.to_string().contains("payments_in_question_pay_nothing"), "{refused}");
    let to = json!({ "payment_id": id, "account_id": "ACC",
                     "allocations": [{ "invoice_id": "INV-1", "amount": "20.00" }] });
    desk.command("payment.allocate", &to).await;
    let state = desk.direct.database.value(SECOND).await;
    assert_eq!(state, "partly_allocated asks has 20000000");
    desk.direct.finish().await;
}

//! The rest of matching on PostgreSQL: entries booked as one sum, money booked under another id
//! than announced, other currencies, several customers in one transfer.

use serde_json::{Value, json};
use sqlx::Executor;
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::store::{reconcile, void_candidates};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, bank, credit, credit_saying, envelope, invoice, with};
use crate::jobs::runner;

struct Desk {
    direct: Direct,
    written: usize,
}

impl Desk {
    async fn new(test: &str) -> Self {
        Self { direct: Direct::new(test).await, written: 0 }
    }

    async fn create(&mut self, data: Value) {
        self.written += 1;
        let item = self.direct.command(&format!("c-{}", self.written), "invoice.create", &data);
        self.direct.applied(item).await;
    }

    /// How each of the records ends, all of one batch.
    async fn bank(&mut self, records: &[Value]) -> Vec<&'static str> {
        let mut items = Vec::new();
        for data in records {
            self.written += 1;
            let value = bank(&format!("b-{}", self.written), data);
            items.push(self.direct.item(Topic::BankPayments, None, value.as_bytes()));
        }
        self.direct.run(&items).await.iter().map(|ended| ended.outcome).collect()
    }

    async fn statement(&mut self, id: &str, closing: &str, entries: u32) {
        let data = json!({
            "bank_account": BANK, "statement_id": id, "currency": "SGD", "entries": entries,
            "opening_balance": "0.00", "closing_balance": closing,
            "complete_through": "2099-01-06T00:00:00Z",
        });
        let value = envelope("s-1", "bank-gateway", "topup.bank.statement.v1", &data);
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.direct.applied(item).await;
    }

    async fn reference_of(&self, invoice: &str) -> String {
        let sql = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{invoice}'");
        self.direct.database.value(&sql).await
    }

    async fn drifts(&self) -> Vec<(String, String, i64)> {
        let pool = self.direct.pipeline.pool();
        let found = reconcile::find(pool, Clock::System.now(), "UTC").await.expect("found");
        found.drifts.into_iter().map(|d| (d.kind, d.subject, d.difference)).collect()
    }

    /// The records that are still on their way.
    async fn pending(&self) -> Vec<String> {
        let first = (String::new(), String::new());
        let page = void_candidates::pending(self.direct.pipeline.pool(), &first, 100).await;
        page.expect("pending").records.into_iter().map(|(_, key, _)| key).collect()
    }

    async fn dispositions(&self) -> Vec<String> {
        let sql = "SELECT bank_key, disposition, superseded_by FROM bank_transactions
                   ORDER BY bank_key";
        self.direct.database.lines(sql).await
    }

    async fn rematch(&self) -> String {
        let (runner, _stop) = runner(&self.direct, "test", None);
        runner.prepare().await.expect("prepared");
        match runner.run_by(Job::Rematch, "alice", Clock::System.now()).await.expect("ran") {
            JobEnded::Done(report) => report.summary,
            other => panic!("{other:?}"),
        }
    }

    fn explained(&self, payment: &str) -> String {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_topup"));
        let command = command.args(["payments", "explain", payment]);
        let output = command.env("DATABASE_URL", &self.direct.database.url).output();
        String::from_utf8(output.expect("it starts").stdout).expect("text")
    }
}

/// One of the 40 transactions of 250.00 that the bank booked as one entry of 10,000.00.
fn detail(index: usize) -> Value {
    let place = json!({
        "statement_id": "S1", "entry_reference": "E1", "detail_index": index,
        "entry_amount": "10000.00", "entry_details": 40,
    });
    with(credit("T-BATCH", "250.00"), &place)
}

#[tokio::test]
async fn edge_46_the_details_of_one_entry_are_payments_and_their_sum_is_checked() {
    let mut desk = Desk::new("mr_details").await;
    desk.create(invoice("INV-1", "ACC", "250.00")).await;
    let reference = desk.reference_of("INV-1").await;
    let text = json!({ "remittance": { "unstructured": [reference] } });
    let first: Vec<Value> = (1..=39).map(detail).collect();
    assert_eq!(desk.bank(&first).await, ["applied"; 39]);
    // One is missing: the entry is short of it, in the sum and in the number.
    let drift = |difference: i64| ("entry_details".to_owned(), "S1/E1".to_owned(), difference);
    assert_eq!(desk.drifts().await, [drift(-250_000_000)]);
    let named = with(detail(40), &text);
    assert_eq!(desk.bank(std::slice::from_ref(&named)).await, ["applied"]);
    assert_eq!(desk.drifts().await, []);
    // Delivered again, from a feed that says nothing of the entry but the place in it.
    let less = json!({ "entry_amount": null, "entry_details": null, "statement_id": "S1-054" });
    let again: Vec<Value> = (1..=39).map(|index| with(detail(index), &less)).collect();
    assert_eq!(desk.bank(&again).await, ["duplicate"; 39]);
    let counted = "SELECT count(*) || ' ' || sum(amount) FROM payments";
    assert_eq!(desk.direct.database.value(counted).await, "40 10000000000");
    let pays = "SELECT payment_id, rule FROM allocations";
    let lines = desk.direct.database.lines(pays).await;
    assert_eq!(lines, ["BANK:SG-DBS-001:detail:40:id:T-BATCH|R2"]);
    // For the statement they are one entry of that sum.
    desk.statement("S1", "10000.00", 1).await;
    assert_eq!(desk.drifts().await, []);
    // A detail too many, and details that contradict each other about the entry.
    let more = json!({ "detail_index": 1, "entry_reference": "E2", "entry_details": 1,
                       "entry_amount": "250.00", "bank_transaction_id": "T-2",
                       "statement_id": null });
    let other = with(more_of(&more), &json!({ "detail_index": 2, "entry_details": 2 }));
    assert_eq!(desk.bank(&[more_of(&more), other]).await, ["applied"; 2]);
    let kinds: Vec<String> = desk.drifts().await.into_iter().map(|d| d.0).collect();
    assert!(kinds.contains(&"entry_details".to_owned()), "{kinds:?}");
    desk.direct.finish().await;
}

fn more_of(more: &Value) -> Value {
    with(detail(1), more)
}

#[tokio::test]
async fn edge_40_what_is_booked_under_another_id_is_on_its_way_no_more() {
    let mut desk = Desk::new("mr_pending").await;
    desk.create(invoice("INV-1", "ACC", "100.00")).await;
    desk.create(invoice("INV-2", "ACC", "70.00")).await;
    let reference = desk.reference_of("INV-1").await;
    let from = |more: Value| with(json!({ "debtor": { "account": "0720001234" } }), &more);
    let pending = json!({ "status": "PDNG" });
    let announced = with(credit_saying("P-1", "100.00", &reference), &from(pending.clone()));
    // Another one of the same payer that has nothing to do with it.
    let other = with(credit_saying("P-2", "70.00", "INV-2"), &from(pending.clone()));
    let nameless = with(announced.clone(), &json!({ "bank_transaction_id": null }));
    let records = [announced.clone(), other, nameless];
    assert_eq!(desk.bank(&records).await, ["applied"; 3]);
    let waiting = desk.pending().await;
    assert_eq!(waiting.len(), 3, "{waiting:?}");
    // Booked two days later, in another batch and under ids of its own.
    let booked = with(credit_saying("B-1", "100.00", &reference), &from(json!({})));
    let later = with(booked.clone(), &json!({ "booking_date": "2099-01-07" }));
    assert_eq!(desk.bank(&[later.clone(), announced]).await, ["applied", "duplicate"]);
    let second = with(booked, &json!({ "bank_transaction_id": "B-2" }));
    assert_eq!(desk.bank(&[second]).await, ["applied"]);
    assert_eq!(desk.pending().await, ["id:P-2"]);
    let left = desk.dispositions().await;
    let of = |start: &str| left.iter().find(|line| line.starts_with(start)).cloned();
    assert_eq!(of("id:P-1").as_deref(), Some("id:P-1|superseded|id:B-1"));
    assert_eq!(of("id:P-2").as_deref(), Some("id:P-2|not_booked"));
    assert!(of("print:").is_some_and(|line| line.ends_with("|superseded|id:B-2")), "{left:?}");
    let payments = "SELECT payment_id, state FROM payments ORDER BY 1";
    let expected = ["BANK:SG-DBS-001:B-1|allocated", "BANK:SG-DBS-001:B-2|parked"];
    assert_eq!(desk.direct.database.lines(payments).await, expected);
    // Announced and booked in one batch.
    let short = |id: &str, more: Value| with(credit(id, "9.00"), &from(more));
    let both = [short("P-3", pending), short("B-3", json!({}))];
    assert_eq!(desk.bank(&both).await, ["applied"; 2]);
    assert_eq!(desk.pending().await, ["id:P-2"]);
    // Booked under its own id after all: that is money, and the mark goes.
    assert_eq!(desk.bank(&[short("P-3", json!({}))]).await, ["applied"]);
    let left = desk.dispositions().await;
    assert!(left.contains(&"id:P-3|payment".to_owned()), "{left:?}");
    desk.direct.finish().await;
}

#[tokio::test]
async fn another_currency_is_shown_with_what_the_bank_states() {
    let mut desk = Desk::new("mr_currency").await;
    let dollars = json!({ "currency": "USD" });
    desk.create(with(invoice("INV-1", "ACC", "100.00"), &dollars)).await;
    let reference = desk.reference_of("INV-1").await;
    let stated = json!({ "instructed": { "amount": "100.00", "currency": "USD" } });
    let plain = credit_saying("T-1", "135.00", &reference);
    let records =
        [plain.clone(), with(with(plain, &stated), &json!({ "bank_transaction_id": "T-2" }))];
    assert_eq!(desk.bank(&records).await, ["applied"; 2]);
    let decisions = "SELECT rule, rule_set_version, outcome, reason FROM decisions
                     ORDER BY payment_id";
    let expected = ["parked", "suggested"].map(|outcome| {
        format!("R12|{}|{outcome}|currency_mismatch", topup::domain::matching::RULE_SET_VERSION)
    });
    assert_eq!(desk.direct.database.lines(decisions).await, expected);
    let told = "SELECT payload FROM told.outbox WHERE payload LIKE '%T-2%parked%'";
    let told = desk.direct.database.lines(told).await.concat();
    assert!(told.contains(r#""amount_due":"100.00""#), "{told}");
    let without = desk.explained("BANK:SG-DBS-001:T-1");
    assert!(!without.contains("A person may choose"), "{without}");
    let with = desk.explained("BANK:SG-DBS-001:T-2");
    for part in ["bank states", "100.00 USD", "- invoice INV-1 of ACC, 100.00 USD due"] {
        assert!(with.contains(part), "{part}: {with}");
    }
    // Read back it says the same.
    assert_eq!(desk.rematch().await, "2 looked at again, 0 changed");
    let stored = "SELECT instructed_currency, instructed_amount FROM bank_transactions
                  WHERE instructed_amount IS NOT NULL";
    assert_eq!(desk.direct.database.lines(stored).await, ["USD|100000000"]);
    desk.direct.finish().await;
}

#[tokio::test]
async fn edge_18_one_transfer_for_two_customers_waits_for_a_person() {
    let mut desk = Desk::new("mr_sisters").await;
    desk.create(invoice("INV-1", "ONE", "100.00")).await;
    desk.create(invoice("INV-2", "TWO", "50.00")).await;
    let both = [desk.reference_of("INV-1").await, desk.reference_of("INV-2").await].join(" ");
    assert_eq!(desk.bank(&[credit_saying("T-1", "150.00", &both)]).await, ["applied"]);
    let decision = "SELECT rule, outcome, reason FROM decisions";
    let expected = ["R5|suggested|several_accounts"];
    assert_eq!(desk.direct.database.lines(decision).await, expected);
    let explained = desk.explained("BANK:SG-DBS-001:T-1");
    for part in ["INV-1 of ONE", "INV-2 of TWO", "would be paid in full", "exactly the amount"] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    assert_eq!(desk.direct.database.value("SELECT count(*) FROM allocations").await, "0");
    desk.direct.finish().await;
}

#[tokio::test]
async fn another_sum_is_paid_as_far_as_it_goes() {
    let mut desk = Desk::new("mr_sum").await;
    desk.create(invoice("INV-1", "ACC", "100.00")).await;
    desk.create(invoice("INV-2", "ACC", "50.00")).await;
    let both = [desk.reference_of("INV-1").await, desk.reference_of("INV-2").await].join(" ");
    assert_eq!(desk.bank(&[credit_saying("T-1", "120.00", &both)]).await, ["applied"]);
    let pays = "SELECT invoice_id, rule, amount FROM allocations";
    assert_eq!(desk.direct.database.lines(pays).await, ["INV-1|R5b|100000000"]);
    let state = "SELECT state FROM payments";
    assert_eq!(desk.direct.database.value(state).await, "partly_allocated");
    desk.direct.finish().await;
}

/// What the domain refuses, the database refuses too.
#[tokio::test]
async fn the_rules_of_bank_records_stand_in_the_database() {
    let mut desk = Desk::new("mr_rules").await;
    let pending = json!({ "status": "PDNG" });
    let records = [detail(1), with(credit("P-1", "5.00"), &pending)];
    assert_eq!(desk.bank(&records).await, ["applied"; 2]);
    let refused = [
        "instructed_amount = 1",
        "instructed_currency = 'USD'",
        "instructed_currency = 'USD', instructed_amount = 0",
        "detail_index = 0",
        "detail_index = 41",
        "detail_index = 1, entry_details = 100001",
        "detail_index = NULL",
        "entry_amount = -1",
        "bank_transaction_id = NULL, statement_id = NULL",
        "superseded_by = 'id:X'",
        "disposition = 'superseded', superseded_by = 'id:X', payment_id = NULL",
        "disposition = 'superseded', superseded_by = NULL",
        "disposition = 'gone'",
    ];
    for change in refused {
        let sql = format!("UPDATE bank_transactions SET {change} WHERE status = 'BOOK'");
        let done = desk.direct.database.admin.execute(sqlx::AssertSqlSafe(sql)).await;
        assert!(done.is_err(), "{change}");
    }
    let own = "UPDATE bank_transactions SET disposition = 'superseded', superseded_by = bank_key
               WHERE status = 'PDNG'";
    assert!(desk.direct.database.admin.execute(own).await.is_err());
    desk.direct.finish().await;
}

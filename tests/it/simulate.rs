//! `topup simulate`: what other rules would have decided, without changing anything.

use serde_json::{Value, json};
use topup::domain::matching::RuleSet;
use topup::operator::simulate::{Totals, simulate};
use topup::store::StoreError;
use topup::store::load::Period;
use topup::store::load::past;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{account, allocate, bank, credit, credit_saying, invoice, with};
use crate::rules::{file, topup};

const PAYER: &str = "SG0011223344";

struct Book {
    direct: Direct,
    written: usize,
}

impl Book {
    async fn new(test: &str) -> Self {
        let mut book = Self { direct: Direct::new(test).await, written: 0 };
        let payers = json!({ "payer_accounts": [PAYER] });
        book.command("account.upsert", with(account("A"), &payers)).await;
        book
    }

    async fn command(&mut self, kind: &str, data: Value) {
        self.written += 1;
        let item = self.direct.command(&format!("c-{}", self.written), kind, &data);
        self.direct.applied(item).await;
    }

    async fn invoice(&mut self, id: &str, owner: &str, amount: &str) -> String {
        self.command("invoice.create", invoice(id, owner, amount)).await;
        let sql = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{id}'");
        self.direct.database.value(&sql).await
    }

    async fn bank(&mut self, data: Value) {
        self.written += 1;
        let value = bank(&format!("b-{}", self.written), &data);
        let item = self.direct.item(Topic::BankPayments, None, value.as_bytes());
        self.direct.applied(item).await;
    }

    /// Five payments: short, exact, one of equal invoices, with a rest, of nobody.
    async fn fill(&mut self) {
        let short = self.invoice("INV-1", "B", "100.00").await;
        let exact = self.invoice("INV-2", "B", "80.00").await;
        self.invoice("INV-3", "A", "55.00").await;
        self.invoice("INV-4", "A", "55.00").await;
        let over = self.invoice("INV-5", "B", "20.00").await;
        self.invoice("INV-6", "B", "7.00").await;
        let payer = json!({ "debtor": { "name": "Ah Meng Trading", "account": PAYER } });
        self.bank(credit_saying("SHORT", "60.00", &short)).await;
        self.bank(credit_saying("EXACT", "80.00", &exact)).await;
        self.bank(with(credit("EQUAL", "55.00"), &payer)).await;
        self.bank(credit_saying("REST", "27.00", &over)).await;
        self.bank(credit("NOBODY", "1234.56")).await;
    }

    /// The items and sums of a simulation by these rules.
    fn simulate(&self, rules: &str, more: &[&str]) -> (Vec<Value>, Value) {
        let path = file(&self.direct.database, "other.toml", rules);
        let words = ["simulate", "--rules", &path, "--since", "1d", "--output", "json"];
        let output = topup(&self.direct.database, &[words.as_slice(), more].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let whole: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (whole["items"].as_array().expect("items").clone(), whole["totals"].clone())
    }

    /// As `payment: change then-rule then-outcome`.
    fn differences(&self, rules: &str, more: &[&str]) -> Vec<String> {
        let (items, _) = self.simulate(rules, more);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let line = |item: &Value| {
            let id = text(&item["payment_id"]);
            let id = id.rsplit(':').next().unwrap_or_default().to_owned();
            let (rule, outcome) = (text(&item["then"]["rule"]), text(&item["then"]["outcome"]));
            format!("{id}: {} {rule} {outcome}", text(&item["change"]))
        };
        items.iter().map(line).collect()
    }
}

#[tokio::test]
async fn only_what_the_rules_change_is_told_and_nothing_is_changed() {
    let mut book = Book::new("sim_rules").await;
    book.fill().await;
    let before = book.direct.database.fingerprint(&[]).await;
    let (items, totals) = book.simulate("", &[]);
    assert_eq!(items, Vec::<Value>::new(), "the same rules decide the same");
    assert_eq!(totals["payments"], 5);
    assert_eq!(totals["stored_otherwise"], 0, "as it is stored: {totals}");
    let cases: [(&str, &[&str]); 7] = [
        ("[global]\npartial = \"apply\"", &["SHORT: automatic R2 allocated"]),
        ("[accounts.B]\npartial = \"apply\"", &["SHORT: automatic R2 allocated"]),
        ("[accounts.A]\npartial = \"apply\"", &[]),
        ("[accounts.A]\nequal_amount = \"suggest\"", &["EQUAL: to_a_person R8 on_account"]),
        ("[accounts.B]\nresidual = \"hold\"", &["REST: other_allocation R2 allocated"]),
        (
            "[accounts.B]\nmax_auto_amount = { SGD = \"79.99\" }",
            &["EXACT: to_a_person R2 suggested"],
        ),
        ("[global]\nfee = \"apply\"", &[]),
    ];
    for (rules, expected) in cases {
        assert_eq!(book.differences(rules, &[]), expected, "{rules}");
    }
    let (items, totals) = book.simulate("[accounts.B]\nresidual = \"hold\"", &[]);
    let paid = json!([{ "invoice_id": "INV-5", "amount": "20.00" },
                      { "invoice_id": "INV-6", "amount": "7.00" }]);
    assert_eq!(items[0]["now"]["pays"], paid);
    assert_eq!(items[0]["stored"]["pays"], paid);
    assert_eq!(items[0]["then"]["pays"], json!([{ "invoice_id": "INV-5", "amount": "20.00" }]));
    let sums = json!([{ "change": "other_allocation", "payments": 1, "amount": "27.00",
                        "currency": "SGD" }]);
    assert_eq!(totals["changes"], sums);
    assert_eq!(book.direct.database.fingerprint(&[]).await, before, "nothing is changed");
    book.direct.finish().await;
}

#[tokio::test]
async fn every_form_of_output_masks_the_payer_and_says_what_it_did() {
    let mut book = Book::new("sim_output").await;
    book.fill().await;
    let path = file(&book.direct.database, "o.toml", "[global]\nequal_amount = \"suggest\"\n");
    for output in ["table", "json", "ndjson", "csv"] {
        let words = ["simulate", "--rules", &path, "--since", "2020-01-01", "--output", output];
        let ran = topup(&book.direct.database, &words);
        assert_eq!(ran.status.code(), Some(0));
        let (out, err) =
            (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(out.contains(":EQUAL"), "{out}");
        assert!(!out.contains("Ah Meng") && !out.contains(PAYER), "{out}");
        let told = if output == "table" { &out } else { &err };
        let silent = output == "json";
        assert!(silent || told.contains("Nothing was changed."), "{output}: {out}{err}");
        let none = ["--until", "2020-02-01"];
        let ran = topup(&book.direct.database, &[words.as_slice(), &none].concat());
        assert_eq!(ran.status.code(), Some(0), "nothing to look at is no failure");
        if output == "json" {
            let whole: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
            assert_eq!(whole["items"], json!([]));
        }
    }
    let backwards = ["simulate", "--rules", &path, "--since", "1d", "--until", "2d"];
    assert_eq!(topup(&book.direct.database, &backwards).status.code(), Some(2));
    book.direct.finish().await;
}

#[tokio::test]
async fn a_customer_a_period_and_what_a_person_did_since() {
    let mut book = Book::new("sim_since").await;
    book.fill().await;
    let both = "[global]\npartial = \"apply\"\nequal_amount = \"suggest\"\n";
    let all = ["SHORT: automatic R2 allocated", "EQUAL: to_a_person R8 on_account"];
    assert_eq!(book.differences(both, &[]), all);
    assert_eq!(book.differences(both, &["--account", "A"]), all[1..]);
    assert_eq!(book.differences(both, &["--account", "NOBODY"]), Vec::<String>::new());
    // A person allocates it: it is decided as if that had not been.
    let id = "SELECT payment_id FROM payments WHERE payment_id LIKE '%:SHORT'";
    let id = book.direct.database.value(id).await;
    book.command("payment.allocate", allocate(&id, "B", "INV-1")).await;
    assert_eq!(book.differences(both, &[]), all);
    // The active rules are those that the file is compared with.
    let path = file(&book.direct.database, "both.toml", both);
    let activate = ["rules", "activate", &path, "--operator", "alice", "--yes"];
    assert_eq!(topup(&book.direct.database, &activate).status.code(), Some(0));
    assert_eq!(book.differences(both, &[]), Vec::<String>::new());
    let back = ["SHORT: to_a_person R2 suggested", "EQUAL: automatic R8 allocated"];
    assert_eq!(book.differences("", &[]), back);
    let (_, totals) = book.simulate("", &[]);
    assert_eq!(totals["stored_otherwise"], 2, "what is stored was decided by other rules");
    book.direct.finish().await;
}

#[tokio::test]
async fn a_long_period_goes_page_by_page() {
    let mut book = Book::new("sim_pages").await;
    let mut invoices = Vec::new();
    let mut payments = Vec::new();
    for number in 0..450 {
        let (id, command) = (format!("INV-{number:04}"), format!("i-{number}"));
        let amount = format!("{}.00", number + 100);
        let item = book.direct.command(&command, "invoice.create", &invoice(&id, "B", &amount));
        invoices.push(item);
        // Every third payment is one cent short.
        let paid = if number % 3 == 0 { format!("{}.99", number + 99) } else { amount };
        let data = with(
            credit_saying(&format!("T{number}"), &paid, &id),
            &json!({ "virtual_account": "VB" }),
        );
        let value = bank(&format!("p-{number}"), &data);
        payments.push(book.direct.item(Topic::BankPayments, None, value.as_bytes()));
    }
    let owner = with(account("B"), &json!({ "virtual_accounts": ["VB"] }));
    book.command("account.upsert", owner).await;
    book.direct.run(&invoices).await;
    book.direct.run(&payments).await;
    let before = book.direct.database.fingerprint(&[]).await;
    let (items, totals) = book.simulate("[accounts.B]\npartial = \"apply\"", &[]);
    assert_eq!((items.len(), &totals["payments"]), (150, &json!(450)));
    assert_eq!(totals["stored_otherwise"], 0, "{totals}");
    let sum: i64 = (0..150).map(|third| third * 3 + 99).sum();
    assert_eq!(totals["changes"][0]["amount"], format!("{}.50", sum + 148));
    // Pages are told one by one, and the caller may stop.
    let pool = book.direct.pipeline.pool();
    let active = RuleSet::default();
    let other = topup::rules::from_content(r#"{"global":{"partial":"apply"}}"#).expect("rules");
    let period = Period {
        since: chrono::DateTime::UNIX_EPOCH,
        until: chrono::DateTime::<chrono::Utc>::MAX_UTC.min(chrono::Utc::now()),
        account: None,
    };
    let mut pages = Vec::new();
    let run = simulate(pool, (&active, &other), &period, |page| {
        pages.push(page.len());
        if pages.len() == 2 { Err(StoreError::Fenced) } else { Ok(()) }
    });
    let stopped: Result<Totals, StoreError> = run.await;
    assert!(matches!(stopped, Err(StoreError::Fenced)));
    assert_eq!(pages.len(), 2, "it went on after the end");
    assert!(pages.iter().all(|page| (1..=200).contains(page)), "{pages:?}");
    assert_eq!(book.direct.database.fingerprint(&[]).await, before);
    book.direct.finish().await;
}

#[tokio::test]
async fn the_transaction_that_reads_cannot_write() {
    let book = Book::new("sim_readonly").await;
    let now = chrono::Utc::now();
    let period = Period { since: chrono::DateTime::UNIX_EPOCH, until: now, account: None };
    let mut tx = past(book.direct.pipeline.pool(), &period).await.expect("opened");
    let sql = "INSERT INTO watches VALUES ('ref:X', 'P')";
    let refused = sqlx::query(sql).execute(&mut *tx).await.expect_err("read only");
    let code = refused.as_database_error().and_then(|error| error.code().map(|c| c.to_string()));
    assert_eq!(code.as_deref(), Some("25006"), "{refused}");
    drop(tx);
    book.direct.finish().await;
}

//! Masked wherever a person reads, and no way back in for what was read masked. What the bank says
//! is never refused for its marks: that is money.

use std::process::{Command, Output};

use serde_json::{Value, json};
use topup::wire::Topic;

use crate::advices::advice;
use crate::harness::Direct;
use crate::harness::records::{BANK, account, bank, credit_saying, invoice, with};

const NAME: &str = "Zephyrine Quill";
const NUMBER: &str = "DE89370400440532013000";
/// Parts of what only an unmasked answer may have. An id of an invoice is none of them.
const PLANTED: [&str; 4] = ["Zephyrine", "Quill", "DE8937", "0532013000"];

/// The command line on the test's database; no Kafka.
pub fn topup(direct: &Direct, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(words)
        .env("DATABASE_URL", &direct.database.url)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &direct.database.name)
        .env("TOPUP_OPERATOR", "alice")
        .output()
        .expect("it starts")
}

pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A customer, a payment that a person decides, an advice, and a bank record that died.
async fn planted(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let owned = json!({ "payer_accounts": [NUMBER], "virtual_accounts": ["8840021176543"] });
    for (id, kind, data) in [
        ("a-1", "account.upsert", with(account("ACC-1"), &owned)),
        ("i-1", "invoice.create", invoice("INV-1", "ACC-1", "70.00")),
    ] {
        let item = direct.command(id, kind, &data);
        direct.applied(item).await;
    }
    let payer = json!({ "debtor": { "name": NAME, "account": NUMBER } });
    let text = format!("INV-77 by {NAME}, {NUMBER}");
    for (id, more) in [("T-1", json!({})), ("T-2", json!({ "amount": "1e9" }))] {
        let data = with(with(credit_saying(id, "7.00", &text), &payer), &more);
        let value = bank(&format!("b-{id}"), &data);
        let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
        direct.run(&[item]).await;
    }
    let told = json!({
        "advice_id": "ADV-1", "bank_account": BANK, "payer_account": NUMBER, "amount": "70.00",
        "currency": "SGD", "invoices": [{ "invoice_id": "INV-1", "amount": "70.00" }],
    });
    let item = advice(&mut direct, "v-1", &told);
    direct.run(&[item]).await;
    direct
}

fn masks(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            fields.get("masked") == Some(&json!(true)) || fields.values().any(masks)
        }
        Value::Array(items) => items.iter().any(masks),
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_reads_is_masked_and_says_so() {
    let direct = planted("mw_read").await;
    let id = format!("BANK:{BANK}:T-1");
    let lines: [&[&str]; 7] = [
        &["payments", "show", &id],
        &["payments", "explain", &id],
        &["accounts", "show", "ACC-1"],
        &["advices", "list"],
        &["review", "list"],
        &["find", "7.00"],
        &["dead-letters", "show", "1"],
    ];
    let mut shown_in_full = 0;
    for line in lines {
        for output in ["table", "json"] {
            let words = [line, &["--output", output]].concat();
            let shown = said(&topup(&direct, &words));
            let seen = |shown: &str| PLANTED.iter().any(|planted| shown.contains(planted));
            assert!(!seen(&shown), "{words:?}: {shown}");
            if output == "json" {
                let value: Value = serde_json::from_str(&shown).expect("JSON");
                assert!(masks(&value), "{line:?} does not say so: {shown}");
                let full = said(&topup(&direct, &[&words[..], &["--unmasked"]].concat()));
                let value: Value = serde_json::from_str(&full).expect("JSON");
                assert!(!masks(&value) && seen(&full), "{line:?}: {full}");
                shown_in_full += 1;
            }
        }
    }
    assert_eq!(shown_in_full, lines.len());
    direct.finish().await;
}

/// Copies a masked name, number and text from what is printed, and tries to write each back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_masked_has_no_way_back() {
    let direct = planted("mw_back").await;
    let read = |words: &[&str]| -> Value {
        let shown = topup(&direct, &[words, &["--output", "json"]].concat());
        serde_json::from_slice(&shown.stdout).expect("JSON")
    };
    let id = format!("BANK:{BANK}:T-1");
    let (payment, customer) =
        (read(&["payments", "show", &id]), read(&["accounts", "show", "ACC-1"]));
    let copied = |value: &Value| value.as_str().expect("a text").to_owned();
    let name = copied(&payment["bank"]["debtor_name"]);
    let text = copied(&payment["bank"]["unstructured"][0]);
    let payer = copied(&customer["payer_accounts"][0]);
    let own = copied(&customer["virtual_accounts"][0]);
    let rows = "SELECT (SELECT count(*) FROM inbox) || ' ' || (SELECT count(*) FROM dead_letters)
                 || ' ' || (SELECT count(*) FROM operator_commands)";
    let before = direct.database.value(rows).await;
    let upsert = ["accounts", "upsert", "ACC-1", "--name"];
    let create = ["invoices", "create", "INV-9", "--account", "ACC-1", "--amount", "1.00"];
    let create = [&create[..], &["--currency", "SGD", "--name"]].concat();
    let record = ["payments", "record", "CASH-9", "--amount", "1.00", "--currency", "SGD"];
    let record = [&record[..], &["--received-on", "2026-11-22", "--method"]].concat();
    let lines = [
        [&upsert[..], &[&name]].concat(),
        [&upsert[..], &["Acme", "--payer-account", &payer]].concat(),
        [&upsert[..], &["Acme", "--virtual-account", &own]].concat(),
        [&create[..], &[&text]].concat(),
        [&create[..], &["Topup", "--reference", &payer]].concat(),
        [&record[..], &[&name]].concat(),
        [&record[..], &["cash", "--reference", &text]].concat(),
        [&record[..], &["cash", "--remark", &text]].concat(),
    ];
    for line in lines {
        for words in [line.clone(), [&line[..], &["--yes"]].concat()] {
            let refused = topup(&direct, &words);
            let told = said(&refused);
            assert_eq!(refused.status.code(), Some(1), "{words:?}: {told}");
            assert!(told.contains("masked_value: /data/"), "{words:?}: {told}");
        }
    }
    let file = std::env::temp_dir().join(format!("{}.ndjson", direct.database.name));
    let name = file.to_str().expect("a name");
    for printed in [
        &["payments", "show", &id, "--output", "json"][..],
        &["payments", "list", "--output", "csv"],
        &["accounts", "show", "ACC-1", "--output", "ndjson"],
        &["advices", "list", "--output", "csv"],
        &["dead-letters", "show", "1", "--output", "ndjson"],
    ] {
        std::fs::write(&file, topup(&direct, printed).stdout).expect("written");
        for way in [
            &["--set", "kafka.brokers=127.0.0.1:1", "publish", name][..],
            &["dead-letters", "import", "--file", name, "--reason", "x", "--yes"],
            &["dead-letters", "edit", "1", "--file", name, "--reason", "x", "--yes"],
        ] {
            let refused = topup(&direct, way);
            assert_eq!(refused.status.code(), Some(1), "{printed:?} {way:?}: {}", said(&refused));
        }
    }
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(direct.database.value(rows).await, before);
    direct.finish().await;
}

/// A text full of marks is money all the same, and a letter of such a record is repaired.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_whose_record_has_marks_of_its_own_is_recorded() {
    let mut direct = Direct::new("mw_fact").await;
    let payer = json!({ "debtor": { "name": "…eng", "account": "…5678" } });
    let text = "•••• **** …… …1234 XXXX";
    for (id, more) in [("T-1", json!({})), ("T-2", json!({ "amount": "1e9" }))] {
        let data = with(with(credit_saying(id, "7.00", text), &payer), &more);
        let value = bank(&format!("b-{id}"), &data);
        let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
        direct.run(&[item]).await;
    }
    let stored = "SELECT debtor_name || debtor_account || unstructured FROM bank_transactions";
    assert_eq!(direct.database.lines(stored).await, [format!("…eng…5678{text}")]);
    let patch = r#"[{"op":"replace","path":"/data/amount","value":"8.00"}]"#;
    let edit = ["dead-letters", "edit", "1", "--patch", patch, "--reason", "cents", "--yes"];
    let edited = topup(&direct, &edit);
    assert_eq!(edited.status.code(), Some(0), "{}", said(&edited));
    let replayed = topup(&direct, &["dead-letters", "replay", "--id", "1", "--yes"]);
    assert!(said(&replayed).contains("applied"), "{}", said(&replayed));
    let payments = "SELECT count(*) FROM payments";
    assert_eq!(direct.database.value(payments).await, "2");
    direct.finish().await;
}

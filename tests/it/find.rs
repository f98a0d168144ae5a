//! Finding money by what a clerk has: an amount, a name, a number in any form, a day, a word.

use std::process::Command;

use serde_json::{Value, json};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{
    BANK, BOOKED_ON, account, allocate, bank, credit_saying, invoice, payment, with,
};

fn topup(direct: &Direct, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    let output = command.args(words).env("DATABASE_URL", &direct.database.url).output();
    let output = output.expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json_of(direct: &Direct, words: &[&str]) -> Value {
    let words = [&["--output", "json"], words].concat();
    let (exit, text, error) = topup(direct, &words);
    assert_eq!(exit, Some(0), "{words:?}: {text}{error}");
    serde_json::from_str(&text).expect("JSON")
}

/// Kind and id of what was found, in its order.
fn found(direct: &Direct, line: &str) -> Vec<String> {
    let told = json_of(direct, &["find", line]);
    let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
    let items = told["items"].as_array().expect("items");
    items.iter().map(|row| format!("{} {}", text(row, "kind"), text(row, "id"))).collect()
}

fn listed(direct: &Direct, words: &[&str], key: &str) -> Vec<String> {
    let told = json_of(direct, words);
    let items = told["items"].as_array().expect("items");
    items.iter().map(|row| row[key].as_str().expect("text").to_owned()).collect()
}

async fn world(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let named = |id: &str, name: &str| with(account(id), &json!({ "name": name }));
    let with_number = json!({ "references": ["210000000003139471430009017"] });
    for (id, kind, data) in [
        ("a-1", "account.upsert", named("acme", "Müller & Söhne GmbH")),
        ("a-2", "account.upsert", named("ACC-2", "Initech Pte Ltd")),
        ("a-3", "account.upsert", named("ACC-3", "Globex")),
        (
            "i-1",
            "invoice.create",
            with(invoice("INV-2026-00013", "ACC-2", "1000.00"), &with_number),
        ),
        ("i-2", "invoice.create", invoice("INV-7", "acme", "77.00")),
        ("p-1", "payment.record", payment("CASH-1", "ACC-2", "1000.00")),
        ("p-2", "payment.record", payment("CASH-2", "ACC-3", "1000.00")),
    ] {
        let item = direct.command(id, kind, &data);
        direct.applied(item).await;
    }
    let payer = |name: &str, number: &str| json!({ "debtor": { "name": name, "account": number } });
    for (id, amount, text, payer) in [
        ("TX-1", "40.00", "rent for the flat", payer("Jane Roe", "DE89370400440532013000")),
        ("TX-2", "41.00", "see letter", payer("Tan Ah Seng", "NL91ABNA0417164300")),
        (
            "TX-3",
            "40.00",
            "for nobody \u{5bb6}\u{8cc3}",
            payer("Jane Doe", "GB82WEST12345698765432"),
        ),
    ] {
        let value = bank(&format!("b-{id}"), &with(credit_saying(id, amount, text), &payer));
        let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
        direct.applied(item).await;
    }
    // A command that waits, and one that is nothing.
    let item = direct.command("w-1", "payment.allocate", &allocate("CASH-9", "ACC-2", "INV-99"));
    let ended = direct.run(&[item]).await;
    assert_eq!(ended[0].outcome, "waiting");
    let item = direct.command("d-1", "invoice.create", &invoice("INV-8", "ACC-2", "1e9"));
    let ended = direct.run(&[item]).await;
    assert_eq!(ended[0].outcome, "dead_lettered");
    direct
}

/// People quote the digits of a number without its letters, and what is shown of an account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_alone_find_the_invoice_and_the_payer() {
    let mut direct = world("find_digits").await;
    let item = direct.command("i-9", "invoice.create", &invoice("INV-14801", "acme", "5.00"));
    direct.applied(item).await;
    for line in ["14801", "INV 14801", "invoice no 14801"] {
        let all = found(&direct, line);
        assert_eq!(all.first().map(String::as_str), Some("invoice INV-14801"), "{line}: {all:?}");
    }
    for (digits, id) in [("14801", "INV-14801"), ("2026/13", "INV-2026-00013")] {
        assert_eq!(
            listed(&direct, &["invoices", "list", "--reference", digits], "invoice_id"),
            [id]
        );
    }
    for line in ["3000", "…3000"] {
        let all = found(&direct, line);
        assert!(all.contains(&format!("payment BANK:{BANK}:TX-1")), "{line}: {all:?}");
    }
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fits_most_words_comes_first() {
    let direct = world("find").await;
    // Both words fit the customer's payment and invoice; then what one of them fits.
    let all = found(&direct, "1000 initech");
    let (first, rest) = all.split_at(2);
    let mut first = first.to_vec();
    first.sort();
    assert_eq!(first, ["invoice INV-2026-00013", "payment CASH-1"], "{all:?}");
    assert!(rest.contains(&"account ACC-2".to_owned()), "{all:?}");
    assert!(rest.contains(&"payment CASH-2".to_owned()), "{all:?}");
    // An id in any case, a number in any form, a reference of upstream's, the bank's id.
    assert_eq!(found(&direct, "cash-2")[0], "payment CASH-2");
    assert_eq!(found(&direct, "INV/2026/13")[0], "invoice INV-2026-00013");
    assert_eq!(found(&direct, "210000000003139471430009017")[0], "invoice INV-2026-00013");
    let id = direct.database.value("SELECT payment_id FROM payments WHERE amount = 41000000").await;
    assert_eq!(found(&direct, "tx-2")[0], format!("payment {id}"));
    // Names without accents, a payer's name and account, words of a text, a day with an amount.
    assert_eq!(found(&direct, "mueller")[0], "account acme");
    assert_eq!(found(&direct, "seng tan"), [format!("payment {id}")]);
    assert_eq!(found(&direct, "NL91ABNA0417164300"), [format!("payment {id}")]);
    // As people group them.
    assert_eq!(found(&direct, "NL91 ABNA 0417 1643 00"), [format!("payment {id}")]);
    let swiss = "21 00000 00003 13947 14300 09017";
    assert_eq!(found(&direct, swiss)[0], "invoice INV-2026-00013");
    assert_eq!(found(&direct, &format!("41,00 {BOOKED_ON}"))[0], format!("payment {id}"));
    let rent = "SELECT payment_id FROM bank_transactions WHERE unstructured LIKE 'rent%'";
    let rent = direct.database.value(rent).await;
    assert_eq!(found(&direct, "40 rent")[0], format!("payment {rent}"));
    assert_eq!(found(&direct, "\u{5bb6}\u{8cc3}").len(), 1, "two signs are a word");
    // What was put aside: a command that waits, a dead letter.
    let held = found(&direct, "inv-99");
    assert!(held.iter().any(|one| one.starts_with("waiting command ")), "{held:?}");
    assert!(found(&direct, "1e9")[0].starts_with("dead letter"), "{:?}", found(&direct, "1e9"));
    assert!(found(&direct, "nothing-of-this").is_empty());
    direct.finish().await;
}

/// An amount is a whole number of the record: no part of another one, of a time or of a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_finds_the_dead_letters_that_have_it() {
    let mut direct = world("find_letters").await;
    for (id, amount) in [("d-41", "140.50"), ("d-2", "41.00"), ("d-3", "2410.00")] {
        let data = with(invoice("INV-41", "ACC-2", amount), &json!({ "colour": "red" }));
        let item = direct.command(id, "invoice.create", &data);
        assert_eq!(direct.run(&[item]).await[0].outcome, "dead_lettered");
    }
    // The numbers of the letters, the oldest first.
    let letters = |line: &str| -> Vec<i64> {
        let told = json_of(&direct, &["find", line]);
        let items = told["items"].as_array().expect("items").iter();
        let letters = items.filter(|row| row["kind"] == "dead letter");
        let id = |row: &Value| row["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let mut ids: Vec<i64> = letters.map(id).collect();
        ids.sort_unstable();
        ids
    };
    let all = letters("colour");
    let [first, second, third] = all[..] else { panic!("three letters: {all:?}") };
    for (line, expected) in [
        ("41.00", vec![second]),
        ("S$41", vec![second]),
        ("140.5", vec![first]),
        ("2,410.00", vec![third]),
        ("2410", vec![third]),
        ("10.00", vec![]),
        ("2026", vec![]),
    ] {
        assert_eq!(letters(line), expected, "{line}");
    }
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_how_words_were_read_and_hides_what_is_hidden_elsewhere() {
    let direct = world("find_read").await;
    let (exit, table, _) = topup(&direct, &["find", "1,000", "tan"]);
    assert_eq!(exit, Some(0), "{table}");
    assert!(table.contains("1,000: amount 1000, amount 1"), "{table}");
    assert!(table.contains("tan: id or reference, name or text"), "{table}");
    assert!(!table.contains("Tan Ah Seng"), "payers' names are masked: {table}");
    let (_, table, _) = topup(&direct, &["find", "tan", "--unmasked"]);
    assert!(table.contains("from Tan Ah Seng, see letter"), "{table}");
    let (_, rows, told) = topup(&direct, &["find", "tan", "--output", "csv"]);
    assert!(rows.starts_with("kind,id,"), "{rows}");
    assert!(told.contains("Read as:"), "{told}");
    assert_eq!(topup(&direct, &["find", " "]).0, Some(2));
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_are_listed_by_what_is_known_of_them() {
    let direct = world("find_lists").await;
    let list = |words: &[&str]| listed(&direct, &[&["payments", "list"], words].concat(), "amount");
    assert_eq!(list(&["--amount", "1,000.00"]).len(), 2);
    assert_eq!(list(&["--amount", "1,000.00", "--account", "acc-2"]).len(), 1);
    assert_eq!(list(&["--text", "LETTER"]), ["41.00"]);
    assert_eq!(list(&["--payer", "jane"]).len(), 2);
    assert_eq!(list(&["--payer", "jane doe"]).len(), 1);
    assert_eq!(list(&["--payer", "nl91 abna 0417 1643 00"]), ["41.00"]);
    assert_eq!(list(&["--payer", "4300"]), ["41.00"]);
    assert_eq!(list(&["--since", BOOKED_ON]).len(), 3);
    assert_eq!(list(&["--until", "2026-11-22"]).len(), 2);
    assert_eq!(list(&["--currency", "usd"]).len(), 0);
    assert_eq!(list(&["--rule", "R15"]).len(), 3);
    assert_eq!(list(&["--sort", "amount"]), ["1000.00", "1000.00", "41.00", "40.00", "40.00"]);
    assert_eq!(list(&["--sort", "newest"])[3..], ["1000.00", "1000.00"]);
    assert_eq!(list(&["--sort", "oldest"])[..2], ["1000.00", "1000.00"]);
    // Page by page in each order all are seen once.
    for sort in ["id", "newest", "oldest", "amount"] {
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut words = vec!["payments", "list", "--sort", sort, "--limit", "2"];
            words.extend(after.iter().flat_map(|after| ["--after", after.as_str()]));
            let page = json_of(&direct, &words);
            let items = page["items"].as_array().expect("items").clone();
            seen.extend(items.iter().map(|row| row["payment_id"].to_string()));
            let Some(next) = page["next"].as_str() else { break };
            after = Some(next.to_owned());
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((count, seen.len()), (5, 5), "{sort}");
    }
    let foreign = ["payments", "list", "--amount", "5", "--after", "CASH-1"];
    assert_eq!(topup(&direct, &foreign).0, Some(2));
    let invoices = |words: &[&str]| listed(&direct, words, "invoice_id");
    for reference in ["inv 2026 13", "21 00000 00003 13947 14300 09017", "INV-2026-00013"] {
        let words = ["invoices", "list", "--reference", reference];
        assert_eq!(invoices(&words), ["INV-2026-00013"], "{reference}");
    }
    let accounts = ["accounts", "list", "--name", "SOHNE muller"];
    assert_eq!(listed(&direct, &accounts, "account_id"), ["acme"]);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_ignore_case_where_only_one_fits() {
    let mut direct = world("find_case").await;
    let (exit, text, _) = topup(&direct, &["accounts", "show", "ACME"]);
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("Account acme"), "{text}");
    let (exit, text, _) = topup(&direct, &["payments", "show", "cash-1"]);
    assert!(exit == Some(0) && text.contains("Payment CASH-1"), "{text}");
    let (exit, text, _) = topup(&direct, &["invoices", "show", "inv-7"]);
    assert!(exit == Some(0) && text.contains("Invoice INV-7"), "{text}");
    let (exit, _, error) = topup(&direct, &["payments", "list", "--account", "AKME"]);
    assert_eq!(exit, Some(1));
    assert!(error.contains("there is no account `AKME`; did you mean `acme`?"), "{error}");
    // Two that differ by case only: the exact one counts, else both are named.
    let item = direct.command("a-9", "account.upsert", &account("ACME"));
    direct.applied(item).await;
    let (_, text, _) = topup(&direct, &["accounts", "show", "ACME"]);
    assert!(text.contains("Account ACME"), "{text}");
    let (exit, _, error) = topup(&direct, &["accounts", "show", "Acme"]);
    assert_eq!(exit, Some(1));
    assert!(error.contains("did you mean `ACME` or `acme`?"), "{error}");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_shown_with_invoices_payments_and_money_left() {
    let direct = world("find_account").await;
    let shown = json_of(&direct, &["accounts", "show", "ACC-2"]);
    assert_eq!(shown["open_invoices"][0]["invoice_id"], "INV-2026-00013");
    assert_eq!(shown["last_payments"][0]["payment_id"], "CASH-1");
    let left = json!({ "currency": "SGD", "payments": 1, "unallocated": "1000.00" });
    assert_eq!(shown["unallocated"][0], left);
    let (_, text, _) = topup(&direct, &["accounts", "show", "ACC-2"]);
    assert!(text.contains("Money on no invoice") && text.contains("Last payments"), "{text}");
    direct.finish().await;
}

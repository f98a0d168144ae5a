//! A list or a selection without rows says by what nothing was found, and what may be meant.

use std::process::{Command, Output};

use serde_json::json;
use topup::clock::Clock;
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, credit, draft, envelope, invoice, with};
use crate::verbs::said;

fn topup(direct: &Direct, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(line.split(' '))
        .env("DATABASE_URL", &direct.database.url)
        .env("KAFKA_BROKERS", "localhost:1")
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &direct.database.name)
        .env("TOPUP_OPERATOR", "alice")
        .output()
        .expect("it starts")
}

fn says(direct: &Direct, line: &str, exit: i32, parts: &[&str]) {
    let output = topup(direct, line);
    assert_eq!(output.status.code(), Some(exit), "{line}: {}", said(&output));
    for part in parts {
        assert!(said(&output).contains(part), "{line}: {part} is not in {}", said(&output));
    }
}

/// A customer with an invoice, a payment of nobody, a statement, and an open dead letter.
async fn book(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let made = direct.command("i-1", "invoice.create", &invoice("INV-1001", "ACC-1001", "10.00"));
    direct.applied(made).await;
    let fields = json!({ "statement_id": "ST-41" });
    let entry = crate::harness::records::bank("b-1", &with(credit("TX-1", "7.77"), &fields));
    let entry = direct.item(Topic::BankPayments, None, entry.as_bytes());
    direct.applied(entry).await;
    let statement = json!({
        "bank_account": BANK, "statement_id": "ST-41", "currency": "SGD", "entries": 1,
        "opening_balance": "0.00", "closing_balance": "7.77",
        "complete_through": Clock::System.now().to_rfc3339(),
    });
    let value = envelope("s-1", "bank-gateway", "topup.bank.statement.v1", &statement);
    let statement = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(statement).await;
    let bad = with(draft("INV-1003", "ACC-1001", "1.00"), &json!({ "amount": "1e9" }));
    let value = crate::harness::records::command("c-1", "invoice.create", &bad);
    let bad = direct.item(Topic::Commands, Some("ACC-1001"), value.as_bytes());
    let ended = direct.run(&[bad]).await;
    assert_eq!(ended[0].outcome, "dead_lettered");
    direct
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selection_of_dead_letters_that_means_none_says_so() {
    let direct = book("nothing_letters").await;
    let id = direct.database.value("SELECT dead_letter_id FROM dead_letters").await;
    let code =
        "No open dead letter fits --code amount_invalit. Did you mean --code amount_invalid?";
    let key = "No open dead letter fits --key ACC-100l. Did you mean --key ACC-1001?";
    let other = ["No open dead letter fits", "--topic", ".bank-payments.v1"];
    let patch = "--patch [] --reason x";
    for verb in ["list", "replay", "discard --reason x", &format!("edit {patch}")] {
        let line = format!("dead-letters {verb}");
        says(&direct, &format!("{line} --code amount_invalit"), 0, &[code]);
        says(&direct, &format!("{line} --key ACC-100l"), 0, &[key]);
        says(&direct, &format!("{line} --topic bank"), 0, &other);
        says(&direct, &format!("{line} --text nobody"), 0, &["fits --text nobody."]);
    }
    for verb in ["replay", "discard --reason x", &format!("edit {patch}")] {
        let line = format!("dead-letters {verb} --id 999");
        says(&direct, &line, 0, &["fits --id 999.", "Dead letter 999 does not exist."]);
    }
    // What becomes of the key is told, though the value stays.
    for (option, told) in [
        ("--record-key ACC-7", "The record's key becomes `ACC-7`; it was `ACC-1001`."),
        ("--no-record-key", "The record's key is taken away; it was `ACC-1001`."),
    ] {
        let line = format!("dead-letters edit {id} {option} --reason x");
        says(&direct, &line, 0, &["would be revision 1", told]);
    }
    // The short name of a topic stands for ours.
    for verb in ["list", "replay", "discard --reason x"] {
        says(&direct, &format!("dead-letters {verb} --topic commands"), 0, &[id.as_str()]);
    }
    let gone = format!("dead-letters discard --id {id} --reason x --yes");
    says(&direct, &gone, 0, &["discarded"]);
    says(&direct, &gone, 0, &[&format!("Dead letter {id} is discarded.")]);
    says(&direct, "dead-letters replay --all", 0, &["No dead letter is open"]);
    let prefix = &direct.database.name;
    let full = format!("{prefix}.bank-payment.v1");
    let near = format!("Did you mean --topic {prefix}.bank-payments.v1?");
    says(&direct, &format!("records list --topic {full}"), 0, &[&near]);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_knows_is_an_error_with_what_is_near() {
    let direct = book("nothing_known").await;
    for (line, told) in [
        ("void-candidates confirm INV-100l --reason x", "did you mean `INV-1001`?"),
        ("void-candidates keep INV-100l", "did you mean `INV-1001`?"),
        ("void-candidates confirm NONE --reason x", "there is no invoice `NONE`"),
        ("void-candidates list --account ACC-100l", "did you mean `ACC-1001`?"),
        ("review list --account ACC-100l", "did you mean `ACC-1001`?"),
        ("review aliases --account ACC-100l", "did you mean `ACC-1001`?"),
        ("review uses --account ACC-100l", "did you mean `ACC-1001`?"),
        ("commands waiting --account ACC-100l", "did you mean `ACC-1001`?"),
        ("balances show ACC-100l", "did you mean `ACC-1001`?"),
        ("payments list --account ACC-100l", "did you mean `ACC-1001`?"),
        ("invoices list --account ACC-100l", "did you mean `ACC-1001`?"),
        ("reconcile --bank-account SG-DBS-O01 --statement ST-41", "did you mean `SG-DBS-001`?"),
        ("reconcile --bank-account SG-DBS-001 --statement ST-42", "did you mean `ST-41`?"),
        ("statements list --bank-account SG-DBS-O01", "did you mean `SG-DBS-001`?"),
        ("statements reset SG-DBS-001 ST-42 --reason x", "did you mean `ST-41`?"),
        ("statements reset SG-DBS-O01 ST-41 --reason x", "did you mean `SG-DBS-001`?"),
    ] {
        says(&direct, line, 1, &[told]);
    }
    says(
        &direct,
        "reconcile --bank-account SG-DBS-001 --statement ST-41",
        0,
        &["TX-1", "Entries that count: 1."],
    );
    says(&direct, "void-candidates keep inv-1001", 1, &["would be rejected", "not_a_candidate"]);
    says(&direct, "balances show acc-1001", 0, &["ACC-1001"]);
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_without_rows_names_its_filters() {
    let direct = book("nothing_lists").await;
    for (line, told) in [
        ("payments list --payer nobody", "No payment fits --payer nobody."),
        (
            "payments list --account ACC-1001 --amount 3.50 --since 2026-11-01 --until 7d",
            "No payment fits --account ACC-1001 --amount 3.50 --since 2026-11-01 --until 7d.",
        ),
        ("payments list --text rent --currency sgd", "No payment fits --currency SGD --text rent."),
        ("invoices list --status voided", "No invoice fits --status voided."),
        ("invoices list --state voided", "No invoice fits --state voided."),
        ("payments list --status=returned", "No payment fits --status returned."),
        ("invoices list --reference RF00", "No invoice fits --reference RF00."),
        ("accounts list --name nobody", "No customer fits --name nobody."),
        ("records list --source nobody", "No record fits --source nobody --since 1d."),
        ("records list --outcome waiting --since 2h", "fits --outcome waiting --since 2h."),
        ("review list --reason not_sent", "fits --reason not_sent."),
        ("review list --account ACC-1001", "fits --account ACC-1001."),
        ("void-candidates list --account ACC-1001", "No void candidate fits --account ACC-1001."),
        ("commands waiting --account ACC-1001", "No command that waits fits --account ACC-1001."),
        ("advices list --state open", "No remittance advice fits --state open."),
        ("balances list --currency usd", "No balance fits --currency USD."),
        ("find INV-100l-X", "Nothing fits 'INV-100l-X'."),
        ("find INV-100l", "Did you mean invoice INV-1001?"),
    ] {
        says(&direct, line, 0, &[told]);
        let json = topup(&direct, &format!("{line} --output json"));
        let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&json.stdout);
        assert!(parsed.is_ok(), "{line}: the sentence is beside the document: {}", said(&json));
    }
    direct.finish().await;
}

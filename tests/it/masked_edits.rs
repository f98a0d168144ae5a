//! What an operator writes back of a letter: real bytes, a patch for many, never our mask; and what
//! is given up is said a second time where it is money.

use std::process::{Command, Output};

use serde_json::{Value, json};
use topup::operator::dead_letters::edit::{Change, Edited, NewKey, NewValue, revise};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::records::{BANK, bank, command, credit_saying, draft, invoice, with};

/// The command line on the test's database; no Kafka.
fn topup(direct: &Direct, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(words)
        .env("DATABASE_URL", &direct.database.url)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &direct.database.name)
        .env("TOPUP_OPERATOR", "alice")
        .output()
        .expect("it starts")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A bank record that cannot be decoded and names its payer, as letter 1.
async fn with_bank_letter(test: &str) -> Direct {
    let mut direct = Direct::new(test).await;
    let debtor = json!({ "name": "Tan Ah Seng", "account": "DBS0012345678" });
    let data = credit_saying("TX-1", "10.00", "RF449YEE2E5Q04VE5 thanks");
    let data = with(data, &json!({ "amount": "1e9", "debtor": debtor }));
    let value = bank("b-1", &data);
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    assert_eq!(direct.run(&[item]).await[0].outcome, "dead_lettered");
    direct
}

/// The natural way: show, mend the amount in what is shown, write it back. It took payer, account
/// and reference from the payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_masked_is_not_written_back() {
    let direct = with_bank_letter("me_shown").await;
    let shown = topup(&direct, &["dead-letters", "show", "1", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(shown["masked"], true, "{shown}");
    let value = shown["value"].as_str().expect("a value").replace("1e9", "10.00");
    assert!(value.contains("…eng") && !value.contains("Tan"), "{value}");
    let folder = std::env::temp_dir().join(&direct.database.name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("mended.json");
    std::fs::write(&file, &value).expect("written");
    let file = file.to_str().expect("a name");
    let edit = ["dead-letters", "edit", "1", "--file", file, "--reason", "mended", "--yes"];
    let refused = topup(&direct, &edit);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("masked_value: /data/debtor/account"), "{}", said(&refused));
    let revisions = "SELECT count(*) FROM dead_letter_revisions";
    assert_eq!(direct.database.value(revisions).await, "0");

    let shown = topup(&direct, &["--unmasked", "dead-letters", "show", "1", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(shown["masked"], false);
    let value = shown["value"].as_str().expect("a value").replace("1e9", "10.00");
    std::fs::write(file, &value).expect("written");
    let done = topup(&direct, &edit);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    std::fs::remove_dir_all(&folder).expect("removed");
    direct.finish().await;
}

/// An editor gets the real bytes, and only whoever may see them gets an editor.
/// What an operator writes back by mistake: the whole answer, an empty file, a word, another
/// document. None of it becomes the record, and a record that was no JSON may become one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_record_is_not_written_over_one() {
    let mut direct = with_bank_letter("me_record").await;
    let broken = direct.item(Topic::BankPayments, Some(BANK), b"{broken");
    assert_eq!(direct.run(&[broken]).await[0].outcome, "dead_lettered");
    let shown = topup(&direct, &["--unmasked", "dead-letters", "show", "1", "--output", "json"]);
    let shown = String::from_utf8(shown.stdout).expect("text");
    let file = std::env::temp_dir().join(format!("{}.json", direct.database.name));
    let edit = |letter: &str, value: &str| {
        std::fs::write(&file, value).expect("written");
        let file = file.to_str().expect("a name");
        topup(&direct, &["dead-letters", "edit", letter, "--file", file, "--reason", "x", "--yes"])
    };
    for letter in ["1", "2"] {
        for value in [shown.as_str(), "", "  \n", "hello", "[]", "{}", "null"] {
            let refused = edit(letter, value);
            let told = said(&refused);
            let partly = letter == "2" && value == "{}";
            assert_eq!(refused.status.code(), Some(i32::from(!partly)), "{letter} {value}: {told}");
            assert!(partly || told.contains("no_record: "), "{letter} {value}: {told}");
        }
    }
    let revisions = "SELECT dead_letter_id || ' ' || revision FROM dead_letter_revisions";
    assert_eq!(direct.database.lines(revisions).await, ["2 1"]);
    let value: Value = serde_json::from_str(&shown).expect("JSON");
    let mended = value["value"].as_str().expect("a value").replace("1e9", "10.00");
    assert_eq!(edit("1", &mended).status.code(), Some(0));
    std::fs::remove_file(&file).expect("removed");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_works_on_the_real_bytes() {
    let direct = with_bank_letter("me_editor").await;
    let edit = |unmasked: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
        if unmasked {
            command.arg("--unmasked");
        }
        command
            .args(["dead-letters", "edit", "1", "--reason", "mended", "--yes"])
            .env("DATABASE_URL", &direct.database.url)
            .env("TOPUP_OPERATOR", "alice")
            .env_remove("VISUAL")
            .env("EDITOR", "sed -i s/1e9/10.00/");
        command.output().expect("it starts")
    };
    let refused = edit(false);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    let done = edit(true);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let now = "SELECT (convert_from(record_value, 'UTF8')::jsonb #>> '{data,debtor,name}')
                   || (convert_from(record_value, 'UTF8')::jsonb #>> '{data,amount}')
                 FROM dead_letter_revisions";
    assert_eq!(direct.database.value(now).await, "Tan Ah Seng10.00");
    let lines = "SELECT position(chr(10) IN convert_from(record_value, 'UTF8'))
                   FROM dead_letter_revisions";
    assert_eq!(direct.database.value(lines).await, "0", "the editor's lines are not the record's");
    direct.finish().await;
}

/// One patch mends all letters that are alike; one that it does not fit is left, and told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_mends_a_whole_group() {
    let mut direct = Direct::new("me_group").await;
    for number in 1..=3 {
        let data = with(invoice(&format!("INV-{number}"), "ACC-1", "1.00"), &json!({"amount": 1}));
        let value = command(&format!("c-{number}"), "invoice.create", &data);
        let item = direct.item(Topic::Commands, Some("ACC-1"), value.as_bytes());
        assert_eq!(direct.run(&[item]).await[0].outcome, "dead_lettered");
    }
    let other = command("c-4", "invoice.create", &json!({ "invoice_id": "INV-4", "amount": true }));
    let item = direct.item(Topic::Commands, Some("ACC-1"), other.as_bytes());
    direct.run(&[item]).await;
    let patch = r#"[{"op":"test","path":"/data/amount","value":1},
                    {"op":"replace","path":"/data/amount","value":"1.00"}]"#;
    let words = ["dead-letters", "edit", "--key", "ACC-1", "--patch", patch, "--reason", "cents"];
    let dry = topup(&direct, &words);
    assert!(
        said(&dry).contains("Letters that fit: 4. Letters that would be edited: 3. Left alone: 1."),
        "{}",
        said(&dry)
    );
    assert_eq!(direct.database.value("SELECT count(*) FROM dead_letter_revisions").await, "0");
    let done = topup(&direct, &[&words[..], &["--yes"]].concat());
    assert_eq!(done.status.code(), Some(3), "one is left: {}", said(&done));
    assert!(said(&done).contains("patch_unfit"), "{}", said(&done));
    let replay = topup(&direct, &["dead-letters", "replay", "--key", "ACC-1", "--yes"]);
    assert!(said(&replay).contains("applied"), "{}", said(&replay));
    assert_eq!(direct.database.value("SELECT count(*) FROM invoices").await, "3");
    // A patch cannot bring in a mask either.
    let patch = r#"[{"op":"replace","path":"/data/invoice_id","value":"…NV-4"}]"#;
    let masked = ["dead-letters", "edit", "4", "--patch", patch, "--reason", "x", "--yes"];
    assert!(said(&topup(&direct, &masked)).contains("masked_value"));
    direct.finish().await;
}

/// A key that a converter put in brackets is mended without its sender.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_record_key_is_mended_in_the_letter() {
    let mut direct = Direct::new("me_key").await;
    let value = command("c-1", "invoice.create", &invoice("INV-1", "ACC-1", "48.48"));
    let item = direct.item(Topic::Commands, Some("[ACC-1]"), value.as_bytes());
    let ended = direct.run(&[item]).await;
    assert_eq!(ended[0].code.as_deref(), Some("key_mismatch"));
    let key = NewKey::Bytes(b"ACC-1".to_vec());
    let change = Change { value: NewValue::Same, key };
    let pool = direct.pipeline.pool();
    let edited = revise(pool, 1, &change, ("ann", "JSON keys"), false).await.expect("edited");
    assert!(matches!(edited, Edited::Revision { number: 1, .. }), "{edited:?}");
    let replay = topup(&direct, &["dead-letters", "replay", "--id", "1", "--yes"]);
    assert!(said(&replay).contains("applied"), "{}", said(&replay));
    assert_eq!(direct.database.value("SELECT amount FROM invoices").await, "48480000");
    direct.finish().await;
}

/// Copies that were made of a masked view stay outside, by each way in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn masked_copies_are_neither_imported_nor_published() {
    let direct = with_bank_letter("me_import").await;
    let shown = topup(&direct, &["dead-letters", "show", "1", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let copy = |id: &str| {
        let value = shown["value"].as_str().expect("a value").replace("b-1", id);
        let headers = json!({
            "dlq.original.topic": format!("{}.bank-payments.v1", direct.database.name),
            "dlq.original.partition": "0", "dlq.original.offset": "77",
            "dlq.error.code": "amount_invalid", "dlq.error.message": "no amount",
        });
        json!({ "topic": "bank", "key": BANK, "headers": headers, "value": value }).to_string()
    };
    let file = std::env::temp_dir().join(format!("{}.ndjson", direct.database.name));
    std::fs::write(&file, copy("b-9")).expect("written");
    let name = file.to_str().expect("a name");
    let import = ["dead-letters", "import", "--file", name, "--reason", "copies", "--yes"];
    let refused = topup(&direct, &import);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(said(&refused).contains("masked_value"), "{}", said(&refused));
    assert_eq!(direct.database.value("SELECT count(*) FROM dead_letters").await, "1");
    let refused = topup(&direct, &["--set", "kafka.brokers=127.0.0.1:1", "publish", name]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("masked_value"), "{}", said(&refused));
    // Who knows that a text is meant so says so.
    let meant = topup(&direct, &[&import[..], &["--not-masked"]].concat());
    assert_eq!(meant.status.code(), Some(0), "{}", said(&meant));
    std::fs::remove_file(&file).expect("removed");
    direct.finish().await;
}

/// Giving up money asks twice, and "all of them" is no selection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discarding_counts_first_and_asks_again_for_bank_facts() {
    let mut direct = with_bank_letter("me_discard").await;
    let data = with(draft("INV-1", "ACC-1", "1.00"), &json!({ "amount": "1e9" }));
    let value = command("c-1", "invoice.create", &data);
    let item = direct.item(Topic::Commands, Some("ACC-1"), value.as_bytes());
    direct.run(&[item]).await;
    let discard = |words: &[&str]| {
        topup(&direct, &[&["dead-letters", "discard", "--reason", "rubbish"], words].concat())
    };
    for nothing in [&["--all", "--yes"][..], &["--yes"], &["--limit", "9", "--yes"]] {
        let refused = discard(nothing);
        assert_eq!(refused.status.code(), Some(2), "{nothing:?}");
        assert!(said(&refused).contains("empty_selection"), "{}", said(&refused));
    }
    assert_eq!(discard(&["--text", "", "--yes"]).status.code(), Some(2));
    let code = ["--code", "amount_invalid"];
    let counts = "open letters that fit: 2; bank facts among them: 1; letters that fit";
    let dry = discard(&code);
    assert!(said(&dry).contains(counts), "{}", said(&dry));
    let refused = discard(&[&code[..], &["--yes"]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("bank_facts_meant"), "{}", said(&refused));
    let open = "SELECT count(*) FROM dead_letters WHERE status = 'open'";
    assert_eq!(direct.database.value(open).await, "2", "all or nothing");
    let done = discard(&["--key", "ACC-1", "--yes"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let done = discard(&[&code[..], &["--yes", "--yes-bank-facts"]].concat());
    assert!(said(&done).contains("that fit: 1; bank facts among them: 1;"));
    assert_eq!(direct.database.value(open).await, "0");
    direct.finish().await;
}

/// What a payer typed into the text may be the number of a card.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_number_in_the_text_is_masked() {
    let mut direct = Direct::new("me_card").await;
    // The words of the text are also what the payment waits for.
    let text = "INV-77 card 4111 1111 1111 1111 exp 12/29";
    let value = bank("b-1", &credit_saying("TX-1", "80.80", text));
    let item = direct.item(Topic::BankPayments, Some(BANK), value.as_bytes());
    direct.applied(item).await;
    let id = direct.database.value("SELECT payment_id FROM payments").await;
    for output in ["table", "json", "ndjson"] {
        let words = ["payments", "show", &id, "--output", output];
        let shown = said(&topup(&direct, &words));
        assert!(!shown.contains("4111 1111") && shown.contains("INV-77"), "{shown}");
        assert!(!shown.contains("4111111111111111") && shown.contains("…1111"), "{shown}");
        let shown = said(&topup(&direct, &[&words[..], &["--unmasked"]].concat()));
        assert!(shown.contains("4111 1111 1111 1111"), "{shown}");
    }
    direct.finish().await;
}

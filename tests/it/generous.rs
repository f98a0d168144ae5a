//! What the wire takes although it could be written otherwise, through the whole pipeline.

use std::process::Command;

use serde_json::{Value, json};
use topup::operator::dead_letters::edit::{Edited, edit};
use topup::operator::dead_letters::{Control, ReplayArgs, What, replay_with};
use topup::store::dead_letters::Selection;
use topup::wire::Topic;

use crate::harness::records::{account, credit, envelope, envelope_at, invoice, with};
use crate::harness::{Direct, World, kafka};
use crate::usage::{charge, hold, refund, topped_up, usage};

/// The same amount, the same record, written in another way: a duplicate and no conflict.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_that_is_written_otherwise_is_a_duplicate() {
    let mut direct = Direct::new("generous_repeat").await;
    let yen = |amount: &str| with(credit("T1", amount), &json!({ "currency": "JPY" }));
    let first = crate::harness::records::bank("b-1", &yen("2900"));
    let again = crate::harness::records::bank("b-1", &yen("2900.00"));
    let other = crate::harness::records::bank("b-2", &yen("2900.0000"));
    let marked = format!("\u{feff}{again}");
    let mut items = Vec::new();
    for value in [&first, &again, &other, &marked] {
        items.push(direct.item(Topic::BankPayments, Some("\"SG-DBS-001\""), value.as_bytes()));
    }
    let ended: Vec<_> = direct.run(&items).await.iter().map(|ended| ended.outcome).collect();
    assert_eq!(ended, ["applied", "duplicate", "duplicate", "duplicate"]);
    let money = "SELECT string_agg(amount::text || currency, ' ') FROM payments";
    assert_eq!(direct.database.value(money).await, "2900000000JPY");
    let half = crate::harness::records::bank("b-3", &yen("2900.50"));
    let item = direct.item(Topic::BankPayments, None, half.as_bytes());
    let ended = direct.run(&[item]).await;
    assert_eq!(ended[0].code.as_deref(), Some("amount_scale"));
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_records_and_of_usage_are_as_their_producers_make_them() {
    let mut direct = Direct::new("generous_names").await;
    let (id, source) = ("name:crm;lsn:29274832;txId:565", "/billing/crm?a=b#c");
    let create = envelope(id, source, "topup.invoice.create.v1", &invoice("I1", "A", "10.08"));
    let item = direct.item(Topic::Commands, Some("A"), create.as_bytes());
    direct.applied(item.clone()).await;
    assert_eq!(direct.run(&[item]).await[0].outcome, "duplicate");
    let pool = direct.pipeline.pool();
    for text in [id.to_owned(), format!("{source}/{id}")] {
        use topup::store::views::records::{RecordName, find};
        let found = find(pool, &RecordName::parse(&text)).await.expect("reads");
        assert_eq!(found.len(), 1, "{text}");
    }
    let cdr = "2026/11;lsn=1%2F2|call";
    let early = usage(&mut direct, "u-0", "refund", &refund("r;1", cdr, "A", "1"));
    assert_eq!(direct.run(&[early]).await[0].outcome, "waiting");
    let mut called = charge(cdr, "A", "3");
    called["hold_id"] = json!("sess;1/x");
    for (number, kind, data) in [
        (1, "release", hold("sess;1/x", "A", "1")),
        (2, "hold", hold("sess;1/x", "A", "2")),
        (3, "charge", called),
    ] {
        let item = usage(&mut direct, &format!("u-{number}"), kind, &data);
        let ended = direct.run(&[item]).await;
        assert_eq!(ended[0].outcome, if number == 1 { "waiting" } else { "applied" }, "{kind}");
        direct.pipeline.sweep().await.expect("swept");
    }
    let waiting = "SELECT count(*) FROM waiting_commands";
    assert_eq!(direct.database.value(waiting).await, "0");
    let balance = "SELECT amount::text FROM balances WHERE account_id = 'A'";
    assert_eq!(direct.database.value(balance).await, "-2000000");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_of_nothing_counts_once_and_moves_nothing() {
    let mut direct = Direct::new("generous_free").await;
    topped_up(&mut direct, 1, "10.00").await;
    let events = "SELECT sum(events)::text FROM outbox";
    let told = direct.database.value(events).await;
    let batch = [
        usage(&mut direct, "h1", "hold", &hold("H1", "A", "5")),
        usage(
            &mut direct,
            "u1",
            "charge",
            &with(charge("U1", "A", "0"), &json!({ "hold_id": "H1" })),
        ),
        usage(&mut direct, "u2", "charge", &charge("U2", "A", "0.000000")),
        usage(&mut direct, "r1", "refund", &refund("R1", "U2", "A", "0")),
    ];
    for item in &batch {
        direct.applied(item.clone()).await;
    }
    assert_eq!(direct.database.value(events).await, told);
    let held = "SELECT state || ' ' || amount FROM holds";
    assert_eq!(direct.database.value(held).await, "captured 5000000");
    // The same call under another record's id, and then with a cost.
    let again = [
        usage(&mut direct, "u3", "charge", &charge("U2", "A", "0.00")),
        usage(&mut direct, "u4", "charge", &charge("U2", "A", "1")),
        usage(&mut direct, "u5", "charge", &charge("U3", "A", "4")),
        usage(&mut direct, "u6", "charge", &charge("U4", "A", "0")),
    ];
    let ended: Vec<_> = direct.run(&again).await.iter().map(|ended| ended.outcome).collect();
    assert_eq!(ended, ["duplicate", "dead_lettered", "applied", "applied"]);
    let balance = "SELECT amount::text FROM balances";
    assert_eq!(direct.database.value(balance).await, "6000000");
    let free =
        "INSERT INTO usage_charges (account_id, usage_id, charge_id, currency, amount, uncovered,
                                    kind, occurred_at, ledger_transaction_id, charged_at)
         SELECT account_id, 'U9', 9, currency, 0, 0, kind, occurred_at, ledger_transaction_id,
                charged_at FROM usage_charges WHERE amount > 0";
    assert_eq!(direct.database.refused(free).await, "usage_charges_post_what_is_charged");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_grows_and_shrinks_under_its_id_and_stays_ended() {
    let mut direct = Direct::new("generous_hold").await;
    topped_up(&mut direct, 1, "10.00").await;
    let held = "SELECT concat_ws(' ', state, amount - released) FROM holds";
    for (number, kind, amount, expected) in [
        (1, "hold", "2", "live 2000000"),
        (2, "hold", "5.00", "live 5000000"),
        (3, "release", "1", "live 4000000"),
        (4, "hold", "3", "live 3000000"),
    ] {
        let item = usage(&mut direct, &format!("h{number}"), kind, &hold("H1", "A", amount));
        direct.applied(item).await;
        assert_eq!(direct.database.value(held).await, expected, "{number}");
    }
    // Grown and captured in one batch.
    let call = with(charge("U1", "A", "6"), &json!({ "hold_id": "H1" }));
    let batch = [
        usage(&mut direct, "h5", "hold", &hold("H1", "A", "7")),
        usage(&mut direct, "u1", "charge", &call),
        usage(&mut direct, "h6", "hold", &hold("H1", "A", "9")),
    ];
    let ended: Vec<_> = direct.run(&batch).await.iter().map(|ended| ended.outcome).collect();
    assert_eq!(ended, ["applied", "applied", "applied"]);
    let state = "SELECT concat_ws(' ', state, amount) FROM holds";
    assert_eq!(direct.database.value(state).await, "captured 7000000");
    let revived = "UPDATE holds SET amount = 9000000";
    assert_eq!(direct.database.refused(revived).await, "hold_stays_ended");
    direct.finish().await;
}

/// An old description of a customer that is mended and comes again after a newer one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_description_of_a_customer_that_comes_again_is_obsolete() {
    let mut direct = Direct::new("generous_old").await;
    let upsert = |id: &str, name: &str, hour: u32, payers: Value| {
        let data = with(account("A"), &json!({ "name": name, "payer_accounts": payers }));
        let time = format!("2026-11-22T{hour:02}:00:00Z");
        envelope_at(id, "crm", "topup.account.upsert.v1", &time, &data)
    };
    let broken = [
        upsert("u-1", "Old", 8, json!([1])),
        upsert("u-2", "Later", 9, json!([1])),
        upsert("u-3", "Newest", 12, json!([1])),
        upsert("u-4", "Older than the newest", 11, json!([1])),
    ];
    for value in &broken {
        let item = direct.item(Topic::Commands, Some("A"), value.as_bytes());
        assert_eq!(direct.run(&[item]).await[0].outcome, "dead_lettered");
    }
    let newer = upsert("u-9", "New", 10, json!(["DE2222"]));
    let item = direct.item(Topic::Commands, Some("A"), newer.as_bytes());
    direct.applied(item).await;
    let mended = [
        upsert("u-1", "Old", 8, json!(["DE1111"])),
        upsert("u-2", "Later", 9, json!(["DE1112"])),
        upsert("u-3", "Newest", 12, json!(["DE3333"])),
        upsert("u-4", "Older than the newest", 11, json!(["DE4444"])),
    ];
    for (number, value) in (1_i64..).zip(&mended) {
        let edited =
            edit(direct.pipeline.pool(), number, value.as_bytes(), "ann", "a list", false).await;
        assert!(matches!(edited, Ok(Edited::Revision { .. })), "{edited:?}");
    }
    for dry_run in [true, false] {
        let args = ReplayArgs {
            what: What::Selected(Selection::default()),
            rate: 0,
            stop_after: None,
            operator: "ann".to_owned(),
            reason: Some("mended".to_owned()),
            dry_run,
        };
        let report = replay_with(&direct.pipeline, &args, &Control::default()).await;
        let report = report.expect("the database works");
        let words: Vec<_> = report.letters.iter().map(|(_, one)| one.word()).collect();
        // A dry run decides each half by itself, so it cannot know what the other half did.
        let last = if dry_run { "applied" } else { "obsolete" };
        assert_eq!(words, ["obsolete", "obsolete", "applied", last]);
    }
    let known = "SELECT name || ' ' || payer_account FROM accounts JOIN payer_accounts
                 USING (account_id)";
    assert_eq!(direct.database.value(known).await, "Newest DE3333");
    // What is obsolete stays open until somebody discards it.
    let open = "SELECT count(*) FROM dead_letters WHERE status = 'open'";
    assert_eq!(direct.database.value(open).await, "3");
    direct.finish().await;
}

/// A call goes on and its hold grows; what died before that and comes again sets nothing back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_hold_that_comes_again_is_obsolete() {
    let mut direct = Direct::new("generous_hold").await;
    topped_up(&mut direct, 1, "100.00").await;
    let said = |id: &str, minute: u32, amount: &str| {
        let time = format!("2026-11-22T10:{minute:02}:00Z");
        envelope_at(id, "rating", "topup.usage.hold.v1", &time, &hold("H1", "A", amount))
    };
    // Longer than a number may be: it dies, and is mended later.
    for (id, minute) in [("h-1", 1), ("h-2", 5), ("h-3", 9), ("h-4", 7)] {
        let item = direct.item(Topic::Usage, None, said(id, minute, "1e9").as_bytes());
        assert_eq!(direct.run(&[item]).await[0].outcome, "dead_lettered");
    }
    for (id, minute, amount) in [("h-8", 3, "20"), ("h-9", 5, "30")] {
        let item = direct.item(Topic::Usage, None, said(id, minute, amount).as_bytes());
        direct.applied(item).await;
    }
    let held = "SELECT (amount - released) / 1000000 || ' ' || state FROM holds";
    let pool = direct.pipeline.pool().clone();
    for (letter, id, minute, amount, word, stands) in [
        (1, "h-1", 1, "2", "obsolete", "30 live"),
        // Of the same moment: the last one read counts.
        (2, "h-2", 5, "40", "applied", "40 live"),
        (3, "h-3", 9, "50", "applied", "50 live"),
        (4, "h-4", 7, "0", "obsolete", "50 live"),
    ] {
        let mended = said(id, minute, amount);
        let edited = edit(&pool, letter, mended.as_bytes(), "ann", "a number", false).await;
        assert!(matches!(edited, Ok(Edited::Revision { .. })), "{edited:?}");
        for dry_run in [true, false] {
            let replayed = direct.pipeline.replay(letter, "ann", None, dry_run).await;
            assert_eq!(replayed.expect("replayed").word(), word, "{id} {dry_run}");
        }
        assert_eq!(direct.database.value(held).await, stands, "{id}");
    }
    // What is obsolete is open, and the attempt is written down.
    let open = "SELECT string_agg(dead_letter_id || '', ' ' ORDER BY 1) FROM dead_letters
                 WHERE status = 'open'";
    assert_eq!(direct.database.value(open).await, "1 4");
    let acts = "SELECT count(*) FROM dead_letter_acts WHERE outcome = 'obsolete'";
    assert_eq!(direct.database.value(acts).await, "2");
    direct.finish().await;
}

fn topup(world: &World, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(words)
        .env("DATABASE_URL", &world.database.url)
        .env("KAFKA_BROKERS", &world.brokers)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name)
        .env("TOPUP__KAFKA__GROUP_ID", &world.name)
        .output()
        .expect("it starts");
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    (output.status.code(), text.concat())
}

/// What transactions leave in a log is no lag: marks of their ends, and records that were aborted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_transactions_leave_in_a_log_is_no_lag() {
    let world = World::with_partitions("generous_lag", 1).await;
    let value = |id: &str| envelope(id, "crm", "topup.account.upsert.v1", &account(id));
    let lists = [("a-1", false), ("a-2", true), ("a-3", false)];
    let lists = lists.map(|(id, commit)| (vec![value(id)], commit));
    kafka::transactions(&world.brokers, &world.topics.commands, lists.to_vec()).await;
    let worker = world.start().await;
    assert_eq!(world.outcome("a-2").await.0, "applied");
    world.relayed().await;
    worker.shutdown().await;
    let lag = || {
        let (_, shown) = topup(&world, &["status", "--output", "json"]);
        let shown: Value = serde_json::from_str(&shown).expect("JSON");
        let rows = shown["checkpoints"].as_array().expect("rows").clone();
        let commands = rows.iter().find(|row| row["topic"] == world.topics.commands.as_str());
        commands.expect("a row")["lag"].clone()
    };
    assert_eq!(lag(), json!(0));
    assert_eq!(world.value("SELECT count(*) FROM accounts").await, "1");
    // A record that nobody has read is lag, also behind such marks.
    world.publish(&world.topics.commands, "A", &value("a-4")).await;
    assert_ne!(lag(), json!(0));
    world.finish().await;
}

/// A file from an editor that writes a byte-order mark, with CRLF and an empty line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publish_skips_a_byte_order_mark() {
    let world = World::with_partitions("generous_mark", 1).await;
    let line = |id: &str| {
        let value = envelope(id, "crm", "topup.account.upsert.v1", &account(id));
        json!({ "topic": "commands", "key": id, "value": value }).to_string()
    };
    let file = std::env::temp_dir().join(format!("{}.ndjson", world.name));
    let text = format!("\u{feff}{}\r\n\r\n\u{feff}{}\r\n\u{feff}\r\n", line("A"), line("B"));
    std::fs::write(&file, text).expect("written");
    let (code, shown) = topup(&world, &["publish", &file.display().to_string()]);
    assert_eq!((code, shown.contains("2 records published")), (Some(0), true), "{shown}");
    std::fs::remove_file(&file).expect("removed");
    let worker = world.start().await;
    for id in ["A", "B"] {
        assert_eq!(world.outcome(id).await.0, "applied");
    }
    worker.shutdown().await;
    world.finish().await;
}

/// Text that is kept byte by byte would be cut within characters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_utf8_is_refused() {
    let world = World::with_partitions("generous_ascii", 1).await;
    let name = format!("{}_ascii", world.name);
    let create =
        format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    world.database.execute(&create).await;
    let url = world.database.url.replace(&world.name, &name);
    for words in [["migrate"].as_slice(), &["doctor"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_topup"))
            .args(words)
            .env("DATABASE_URL", &url)
            .env("KAFKA_BROKERS", &world.brokers)
            .output()
            .expect("it starts");
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        let text = text.concat();
        assert_ne!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("SQL_ASCII") && text.contains("ENCODING 'UTF8'"), "{text}");
    }
    world.database.execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
    world.finish().await;
}

/// What people and other banks wrote where a name belongs, of any length and script: the credit is
/// money all the same, and told again it is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credit_with_any_words_for_its_names_is_money() {
    let mut direct = Direct::new("generous_words").await;
    let long = "Z9".repeat(150);
    let odd = [
        json!({ "end_to_end_id": long }),
        json!({ "end_to_end_id": "\u{e9}\u{e9}\u{e9}" }),
        json!({ "end_to_end_id": "" }),
        json!({ "end_to_end_id": "a\u{0}\tb" }),
        json!({ "virtual_account": long }),
        json!({ "virtual_account": "konto-n\u{e4}r" }),
        json!({ "bank_transaction_id": format!("{long}1") }),
        json!({ "bank_transaction_id": format!("{long}2") }),
        json!({ "bank_transaction_id": "\u{dc}berweisung 7" }),
        json!({ "bank_transaction_id": null, "statement_id": format!("S{}", "%".repeat(299)),
                "entry_reference": format!("E{}", "%".repeat(298)) }),
        json!({ "bank_transaction_id": null, "statement_id": format!("{}S", "%".repeat(127)),
                "detail_index": 9999, "entry_reference": format!("7{}", "/".repeat(127)) }),
        json!({ "debtor": { "account": "#####1234" } }),
    ];
    for (number, fields) in odd.iter().enumerate() {
        let data = with(credit(&format!("T-{number}"), "10.00"), fields);
        for (id, outcome) in [("", "applied"), ("-again", "duplicate")] {
            let value = crate::harness::records::bank(&format!("b-{number}{id}"), &data);
            let item = direct.item(Topic::BankPayments, None, value.as_bytes());
            let ended = direct.run(&[item]).await;
            assert_eq!(ended[0].outcome, outcome, "{fields}: {ended:?}");
        }
    }
    let money = "SELECT count(*) || ' ' || count(DISTINCT bank_key) FROM bank_transactions";
    assert_eq!(direct.database.value(money).await, format!("{0} {0}", odd.len()));
    // What is masked is nobody's, however it is written.
    for number in ["#####1234", "****1234", "XXXXXX1234"] {
        let masked = with(account("A"), &json!({ "payer_accounts": [number] }));
        let item = direct.command(&format!("u-{number}"), "account.upsert", &masked);
        let ended = direct.run(&[item]).await;
        assert_eq!(ended[0].code.as_deref(), Some("account_number_placeholder"), "{ended:?}");
    }
    direct.finish().await;
}

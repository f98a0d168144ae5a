//! What a person says in a line: tried out first, then the ordinary command by its topic, with
//! what it changed, who said it, and why.

use std::process::{Command, Output};

use serde_json::Value;
use topup::config::Topics;

use crate::harness::World;

pub fn topup(world: &World, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(words)
        .env("DATABASE_URL", &world.database.url)
        .env("KAFKA_BROKERS", &world.brokers)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name)
        .env("TOPUP__KAFKA__GROUP_ID", &world.name)
        .env("TOPUP_OPERATOR", "alice")
        .output()
        .expect("it starts")
}

pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Runs a line with `--yes`, and returns what it printed as JSON.
pub fn done(world: &World, line: &[&str]) -> Value {
    let words = [line, &["--yes", "--output", "json"]].concat();
    let output = topup(world, &words);
    assert_eq!(output.status.code(), Some(0), "{line:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

pub fn change(told: &Value, of: &str, what: &str) -> String {
    let all = told["changes"].as_array().expect("changes");
    let found = all.iter().find(|change| change["of"] == of && change["what"] == what);
    let found = found.unwrap_or_else(|| panic!("{of} {what}: {told}"));
    let word = |side: &str| found[side].as_str().unwrap_or("-").to_owned();
    format!("{} -> {}", word("before"), word("after"))
}

async fn what_waits_for_nothing_is_told_and_cancelled(world: &World) {
    // No watermark was ever seen: that it would wait for nothing is said before it is sent.
    let off = ["payments", "deallocate", "CASH-1", "--invoice", "INV-1", "--reason", "wrong one"];
    let dry = topup(world, &off);
    assert!(said(&dry).contains("No watermark was ever seen"), "{}", said(&dry));
    let doctor = topup(world, &["doctor"]);
    assert!(said(&doctor).contains("no watermark was ever seen"), "{}", said(&doctor));
    let sent = topup(world, &[off.as_slice(), &["--yes", "--output", "json"]].concat());
    assert_eq!(sent.status.code(), Some(4), "it waits: {}", said(&sent));
    let told: Value = serde_json::from_slice(&sent.stdout).expect("JSON");
    assert_eq!(told["outcome"], "waiting", "{told}");
    let waiting = topup(world, &["commands", "waiting", "--output", "json"]);
    let waiting: Value = serde_json::from_slice(&waiting.stdout).expect("JSON");
    let record = waiting["items"][0]["record"].as_str().expect("a command").to_owned();
    let cancel = ["commands", "cancel", &record, "--reason", "not that one"];
    assert_eq!(done(world, &cancel)["outcome"], "applied");
    let id = told["command"].as_str().expect("an id");
    assert_eq!(world.outcome(id).await.1.as_deref(), Some("cancelled"));
}

/// A dry run asks for the reason as the real run does.
fn what_takes_away_is_asked_why(world: &World) {
    for line in ["invoices void INV-1", "payments refund CASH-1", "payments remove CASH-1 --yes"] {
        let output = topup(world, &line.split(' ').collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(2), "{line}: {}", said(&output));
        assert!(said(&output).contains("say why: --reason TEXT"), "{line}: {}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customers_month_is_done_without_writing_a_record() {
    let world = World::new("verbs").await;
    let worker = world.start().await;
    let upsert = ["accounts", "upsert", "ACME", "--name", "Acme Pte Ltd"];
    done(&world, &upsert);
    let create = [
        "invoices",
        "create",
        "INV-1",
        "--account",
        "ACME",
        "--amount",
        "100.00",
        "--currency",
        "SGD",
        "--name",
        "November",
        "--send",
    ];
    let rows = "SELECT (SELECT count(*) FROM inbox) || ' ' || (SELECT count(*) FROM invoices)
                 || ' ' || (SELECT count(*) FROM operator_commands)";
    let dry = topup(&world, &create);
    assert!(said(&dry).contains("would be applied"), "{}", said(&dry));
    assert_eq!(world.value(rows).await, "1 0 1", "a dry run wrote");
    let told = done(&world, &create);
    assert_eq!(change(&told, "invoice INV-1", "state"), "- -> awaiting_payment");
    let record = [
        "payments",
        "record",
        "CASH-1",
        "--account",
        "ACME",
        "--amount",
        "60.00",
        "--currency",
        "SGD",
        "--received-on",
        "2026-11-22",
        "--method",
        "cash",
    ];
    done(&world, &record);
    let told = done(&world, &["payments", "allocate", "CASH-1", "--invoice", "INV-1"]);
    assert_eq!(change(&told, "invoice INV-1", "due"), "100.00 SGD -> 40.00 SGD");
    assert_eq!(change(&told, "balance ACME SGD", "balance"), "- -> 60.00 SGD");
    assert_eq!(change(&told, "payment CASH-1", "unallocated"), "60.00 SGD -> 0.00 SGD");

    // What is refused is told at once, and nothing is sent.
    let void = topup(&world, &["invoices", "void", "INV-1", "--reason", "left", "--yes"]);
    assert_eq!(void.status.code(), Some(1));
    assert!(said(&void).contains("invoice_has_allocations"), "{}", said(&void));
    let unknown = topup(&world, &["invoices", "void", "INV-l", "--reason", "left", "--yes"]);
    assert!(said(&unknown).contains("did you mean `INV-1`?"), "{}", said(&unknown));
    what_takes_away_is_asked_why(&world);

    what_waits_for_nothing_is_told_and_cancelled(&world).await;

    let asked = "SELECT string_agg(command_type || ' ' || operator, ',' ORDER BY asked_at)
                   FROM operator_commands";
    let expected = "topup.account.upsert.v1 alice,topup.invoice.create.v1 alice,\
                    topup.payment.record.v1 alice,topup.payment.allocate.v1 alice,\
                    topup.payment.deallocate.v1 alice,topup.command.cancel.v1 alice";
    assert_eq!(world.value(asked).await, expected);
    let outcomes = "SELECT string_agg(DISTINCT outcome, ',') FROM operator_commands
                      JOIN inbox USING (source, message_id)";
    assert_eq!(world.value(outcomes).await, "applied,rejected");
    worker.shutdown().await;
    world.finish().await;
}

/// Under an id of the person's own, a line that is said again has its effect once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_said_again_under_its_id_has_one_effect() {
    let world = World::new("verbs_id").await;
    let record = [
        "payments",
        "record",
        "CASH-1",
        "--amount",
        "60.00",
        "--currency",
        "SGD",
        "--received-on",
        "2026-11-22",
        "--method",
        "cash",
        "--command-id",
        "till-7",
        "--yes",
        "--no-wait",
    ];
    for _ in 0..2 {
        let output = topup(&world, &record);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    // Nobody reads: the line says so, and what to do.
    let waits = ["--wait-seconds", "1"];
    let other = [&record[..11], &["--command-id", "till-8", "--yes"], &waits].concat();
    let refused = topup(&world, &other);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("unread_before: alice asked"), "{}", said(&refused));
    let dry = topup(&world, &record[..11]);
    assert!(said(&dry).contains("--command-id till-7 is done once"), "{}", said(&dry));
    let waited = topup(&world, &[&other[..], &["--second"]].concat());
    assert_eq!(waited.status.code(), Some(4));
    assert!(said(&waited).contains("no_outcome_yet"), "{}", said(&waited));
    assert!(said(&waited).contains("do not send it again"), "{}", said(&waited));
    let worker = world.start().await;
    assert_eq!(world.outcome("till-7").await.0, "applied");
    assert_eq!(world.outcome("till-8").await.1.as_deref(), Some("payment_exists"));
    assert_eq!(world.value("SELECT count(*) FROM payments").await, "1");
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_checks_waits_and_names_a_missing_topic() {
    let world = World::new("verbs_publish").await;
    let file = std::env::temp_dir().join(format!("{}.ndjson", world.name));
    let good = crate::harness::records::command(
        "c-1",
        "account.upsert",
        &crate::harness::records::account("ACME"),
    );
    let line = |key: &str, value: &str| {
        serde_json::json!({ "topic": "commands", "key": key, "value": value }).to_string()
    };
    let lines = [line("ACME", &good), line("OTHER", &good), "{}".to_owned()].join("\n");
    std::fs::write(&file, lines).expect("written");
    let name = file.to_str().expect("a name");
    let checked = topup(&world, &["publish", "--check", name]);
    assert_eq!(checked.status.code(), Some(1));
    for word in ["key_mismatch", "not_a_record", "3 records, 2 of them cannot be read"] {
        assert!(said(&checked).contains(word), "{word}: {}", said(&checked));
    }
    std::fs::write(&file, [line("ACME", &good), line("ACME", &good)].join("\n")).expect("written");
    assert_eq!(topup(&world, &["publish", "--check", name]).status.code(), Some(0));
    let worker = world.start().await;
    let waited = topup(&world, &["publish", "--wait", name, "--output", "ndjson"]);
    assert_eq!(waited.status.code(), Some(0), "{}", said(&waited));
    let outcomes = said(&waited);
    assert_eq!(outcomes.matches("crm/c-1").count(), 2, "{outcomes}");
    for outcome in ["applied", "duplicate"] {
        assert_eq!(outcomes.matches(&format!(r#":"{outcome}""#)).count(), 1, "{outcomes}");
    }
    // A record that cannot be read: the sender's own name for it, and what is wrong with it.
    let bad = good.replace("c-1", "c-2").replace("account.upsert", "account.upset");
    std::fs::write(&file, line("ACME", &bad)).expect("written");
    let waited = topup(&world, &["publish", "--wait", name, "--output", "ndjson"]);
    let told: serde_json::Value = serde_json::from_slice(&waited.stdout).expect("JSON");
    assert_eq!((&told["record"], &told["code"]), (&"crm/c-2".into(), &"unknown_type".into()));
    // By that name it is found too.
    for name in ["c-2", "crm/c-2"] {
        let shown = topup(&world, &["records", "show", name]);
        assert!(said(&shown).contains("unknown_type"), "{}", said(&shown));
    }
    let nameless = bad.replace("\"crm\"", "7").replace("c-2", "c-3");
    std::fs::write(&file, line("ACME", &nameless)).expect("written");
    topup(&world, &["publish", "--wait", name]);
    let shown = topup(&world, &["records", "show", "c-3"]);
    assert!(said(&shown).contains("envelope_invalid"), "{}", said(&shown));
    assert!(told["detail"].as_str().is_some_and(|why| why.contains("dead-letters show")), "{told}");
    // The same id with another content: the first was applied, this one is not.
    std::fs::write(&file, line("ACME", &good.replace("Customer", "Client"))).expect("written");
    let waited = topup(&world, &["publish", "--wait", name, "--output", "ndjson"]);
    assert_eq!(waited.status.code(), Some(3), "{}", said(&waited));
    let conflict = said(&waited);
    assert!(
        conflict.contains(r#":"dead_lettered""#) && conflict.contains("conflict"),
        "{conflict}"
    );
    worker.shutdown().await;
    // What nobody has read is no finding: it waits.
    std::fs::write(&file, line("ACME", &good.replace("c-1", "c-9"))).expect("written");
    let unread = topup(&world, &["publish", "--wait", "--wait-seconds", "1", name]);
    assert_eq!(unread.status.code(), Some(4), "{}", said(&unread));
    assert!(said(&unread).contains("not read yet"), "{}", said(&unread));
    names_a_missing_topic(&world, name).await;
    std::fs::remove_file(&file).expect("removed");
    world.finish().await;
}

async fn names_a_missing_topic(world: &World, name: &str) {
    let other = format!("{}_other", world.name);
    let prefix = format!("kafka.topic_prefix={other}");
    let elsewhere = |words: &[&str]| topup(world, &[&["--set", &prefix], words].concat());
    let missing = elsewhere(&["publish", name]);
    assert_eq!(missing.status.code(), Some(1));
    let named =
        format!("topic_missing: Kafka has no topic {}", Topics::with_prefix(&other).commands);
    assert!(said(&missing).contains(&named), "{}", said(&missing));
    let made = elsewhere(&["topics", "create", "--partitions", "1"]);
    assert_eq!(said(&made).matches("created").count(), 5, "{}", said(&made));
    let more = said(&elsewhere(&["topics", "create", "--partitions", "3"]));
    let told = format!("{} has 1 partitions, not 3", Topics::with_prefix(&other).commands);
    assert!(more.contains(&told) && more.contains("stays as it is"), "{more}");
    let same = said(&elsewhere(&["topics", "create", "--partitions", "1"]));
    assert!(!same.contains("stays as it is"), "{same}");
    let again = elsewhere(&["doctor", "--fix"]);
    assert!(said(&again).contains("all 5 exist"), "{}", said(&again));
    let topics = Topics::with_prefix(&other).all().map(str::to_owned).to_vec();
    crate::harness::kafka::delete_topics(&world.brokers, topics).await;
}

//! Who may command what: a record whose sender may not send it is a dead letter that says why. It
//! holds up nobody, takes no id, and has its effect once when the settings let it through.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;
use topup::app;
use topup::app::Worker;
use topup::clock::Clock;
use topup::config::{Config, Flags, Loaded, Needs};
use topup::operator::dead_letters::edit::{Edited, edit};
use topup::operator::dead_letters::replay::Replayed;
use topup::signature::{HEADER, Signed, Signer};

use crate::harness::World;
use crate::harness::records::{BANK, account, credit, envelope, envelope_at, invoice};

const ONE: &str = "the first secret of thirty-two bytes or more";
const TWO: &str = "the second secret of thirty-two bytes or more";
const RULES: &str = r#"
    [[authority.rules]]
    name = "invoices"
    source = "crm"
    types = ["topup.invoice.*"]
    max_amount = { SGD = "100.00" }
    [[authority.rules]]
    name = "customers"
    source = "crm"
    types = ["topup.account.upsert.v1"]
    topic = "commands"
    [[authority.rules]]
    name = "feed"
    source = "bank-gateway"
    types = ["topup.bank.*"]
    keys = ["one"]
    [[authority.keys]]
    id = "one"
    algorithm = "hmac-sha256"
    secret = "the first secret of thirty-two bytes or more"
"#;

/// The settings of the world, with `authority` from a file.
fn with_authority(world: &World, text: &str) -> Config {
    let path = std::env::temp_dir().join(format!("{}.toml", world.name));
    std::fs::write(&path, text).expect("written");
    let flags = Flags { file: Some(path.clone()), set: Vec::new() };
    let loaded = Loaded::read(&flags, &BTreeMap::new(), Needs::NOTHING);
    std::fs::remove_file(path).expect("removed");
    Config { authority: loaded.expect("settings").config.authority, ..world.config() }
}

fn after(seconds: i64) -> String {
    let at: DateTime<Utc> = Clock::System.now() + TimeDelta::seconds(seconds);
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A credit as the bank's gateway tells it, at a time.
fn told(id: &str, amount: &str, time: &str) -> String {
    let data: Value = credit(id, amount);
    envelope_at(id, "bank-gateway", "topup.bank.transaction.v1", time, &data)
}

fn signature(topic: &str, id: &str, secret: &str, value: &str) -> String {
    let signed = Signed { topic, key: Some(BANK.as_bytes()), value: Some(value.as_bytes()) };
    let header = Signer::from_file(secret).expect("a secret").header(id, &signed);
    String::from_utf8(header.value.expect("a value")).expect("text")
}

/// The letter of the record that calls itself `id`, and what it says.
async fn letter(world: &World, id: &str) -> (i64, String) {
    let of = |column: &str| {
        format!("SELECT coalesce(max({column}), '-') FROM dead_letters WHERE named_id = '{id}'")
    };
    let number = of("dead_letter_id::text");
    let what = format!("a letter of {id}");
    let found =
        world.eventually(&what, || async { world.value(&number).await.parse::<i64>().ok() });
    let number = found.await;
    let code = of("code || ': ' || message");
    (number, world.value(&code).await)
}

async fn replay(world: &World, rules: &str, id: i64) -> Replayed {
    let config = with_authority(world, rules);
    let options = app::worker_options(&config);
    let pool = topup::store::connect(&options).await.expect("a pool");
    let pipeline = app::pipeline(&config, pool, Clock::System);
    let replayed = pipeline.replay(id, "ann", None, false).await.expect("replayed");
    pipeline.pool().close().await;
    replayed
}

fn is_refused(replayed: &Replayed) -> bool {
    *replayed == Replayed::StillFailing { code: "not_authorised".to_owned() }
}

async fn start(test: &str) -> (World, Worker) {
    let world = World::with_partitions(test, 1).await;
    let worker = world.start_with(&with_authority(&world, RULES)).await;
    (world, worker)
}

/// Each refusal of a signed record, with what its letter says.
async fn refusals(world: &World) {
    let topic = &world.topics.bank_payments;
    let now = after(0);
    let good = |value: &str| signature(topic, "one", ONE, value);
    let plain = |id: &str| told(id, "5.00", &now);
    let (old, ahead) = (after(-400 * 86_400), after(3_600));
    let of_old = told("b-old", "5.00", &old);
    let of_ahead = told("b-ahead", "5.00", &ahead);
    let other = good(&plain("b-x"));
    let named_two = signature(topic, "two", TWO, &plain("b-two"));
    let elsewhere = signature(&world.topics.commands, "one", ONE, &plain("b-topic"));
    let twice = good(&plain("b-twice"));
    let cases: [(&str, String, Vec<String>, &str); 9] = [
        ("b-none", plain("b-none"), vec![], "it has no signature"),
        ("b-other", plain("b-other"), vec![other], "is not that of its topic, key and value"),
        ("b-topic", plain("b-topic"), vec![elsewhere], "is not that of its topic"),
        ("b-two", plain("b-two"), vec![named_two], "a key that the rule does not name"),
        ("b-twice", plain("b-twice"), vec![twice.clone(), twice], "more than one signature"),
        ("b-64", plain("b-64"), vec!["v1,one,?".to_owned()], "is not base64"),
        ("b-v2", plain("b-v2"), vec!["v2".to_owned()], "is not `v1,<key id>,<base64>`"),
        ("b-old", of_old.clone(), vec![good(&of_old)], "older than outcomes are kept"),
        ("b-ahead", of_ahead.clone(), vec![good(&of_ahead)], "its time has not come"),
    ];
    for (_, value, signatures, _) in &cases {
        let headers: Vec<(&str, &str)> =
            signatures.iter().map(|signature| (HEADER, signature.as_str())).collect();
        world.publish_raw(topic, Some(BANK), Some(value.as_bytes()), &headers).await;
    }
    for (id, _, _, says) in &cases {
        let (_, message) = letter(world, id).await;
        assert!(message.starts_with("not_authorised: "), "{id}: {message}");
        assert!(message.contains("rule `feed`") && message.contains(says), "{id}: {message}");
    }
}

/// Each refusal names the table that the worker has, which is kept as it is.
async fn named_by_their_version(world: &World) {
    let told = "SELECT count(*) FROM worker_clocks w JOIN authority_tables a
        ON w.authority = a.version";
    world.until(told, "1").await;
    let others = "SELECT count(*) FROM dead_letters, authority_tables
        WHERE message NOT LIKE '%authority ' || version || ', %'";
    assert_eq!(world.value(others).await, "0");
    for change in ["UPDATE authority_tables SET content = 'x'", "DELETE FROM authority_tables"] {
        let done = sqlx::query(change).execute(&world.database.admin).await;
        let refused = done.expect_err("refused").to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    let wrong = "INSERT INTO authority_tables VALUES ('1234567', 'anything', now())";
    let refused = world.database.refused(wrong).await;
    assert!(refused.contains("authority_version_is_of_its_content"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_send_is_put_aside_and_holds_up_nobody() {
    let (world, worker) = start("authority_refused").await;
    refusals(&world).await;
    let commands = &world.topics.commands;
    let large = invoice("INV-1", "ACC", "100.01");
    for (id, source, kind) in [
        ("c-who", "intruder", "topup.invoice.create.v1"),
        ("c-what", "crm", "topup.payment.record.v1"),
        ("c-much", "crm", "topup.invoice.create.v1"),
    ] {
        let data = if id == "c-what" {
            crate::harness::records::payment("PAY-1", "ACC", "1.00")
        } else {
            large.clone()
        };
        world.publish(commands, "ACC", &envelope(id, source, kind, &data)).await;
    }
    let (_, who) = letter(&world, "c-who").await;
    assert!(who.contains("no rule is for this source, type and topic"), "{who}");
    let (_, what) = letter(&world, "c-what").await;
    assert!(what.contains("no rule is for this source, type and topic"), "{what}");
    let (_, much) = letter(&world, "c-much").await;
    assert!(much.contains("rule `invoices`: its amount is above the rule's limit"), "{much}");
    // What nothing signs is not believed: whoever changes the id would have the money twice.
    let bare = credit("b-bare", "5.00").to_string();
    let signed = signature(&world.topics.bank_payments, "one", ONE, &bare);
    let now = after(0);
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", "b-bare"),
        ("ce_source", "bank-gateway"),
        ("ce_type", "topup.bank.transaction.v1"),
        ("ce_time", now.as_str()),
        ("content-type", "application/json"),
        (HEADER, signed.as_str()),
    ];
    let topic = &world.topics.bank_payments;
    world.publish_raw(topic, Some(BANK), Some(bare.as_bytes()), &headers).await;
    let (_, bare) = letter(&world, "b-bare").await;
    assert!(bare.contains("attributes in headers, which nothing signs"), "{bare}");
    named_by_their_version(&world).await;
    // Behind all of them in the same partitions.
    world.applied("a-1", "account.upsert", "ACC", account("ACC")).await;
    let taken = "SELECT count(*) FROM inbox WHERE message_id LIKE 'b-%' OR message_id LIKE 'c-%'";
    assert_eq!(world.value(taken).await, "0", "an id was taken");
    assert_eq!(world.value("SELECT count(*) FROM money_records").await, "0");
    worker.shutdown().await;
    world.finish().await;
}

/// The same record with the right signature is no repeat of the refused one; without it, it is a
/// repeat of the one that came by right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_record_takes_no_id_and_a_repeat_is_a_repeat() {
    let (world, worker) = start("authority_repeat").await;
    let topic = &world.topics.bank_payments;
    let value = told("b-1", "5.00", &after(0));
    let signed = signature(topic, "one", ONE, &value);
    world.publish(topic, BANK, &value).await;
    let (unsigned, _) = letter(&world, "b-1").await;
    world.publish_raw(topic, Some(BANK), Some(value.as_bytes()), &[(HEADER, &signed)]).await;
    assert_eq!(world.outcome("b-1").await.0, "applied");
    world.publish(topic, BANK, &value).await;
    assert_eq!(world.repeat("b-1").await.0, "duplicate");
    assert_eq!(world.value("SELECT count(*) FROM dead_letters").await, "1");
    let open = RULES.replace("keys = [\"one\"]", "");
    assert!(is_refused(&replay(&world, RULES, unsigned).await), "the rules are the same");
    assert_eq!(replay(&world, &open, unsigned).await, Replayed::AlreadyApplied);
    assert_eq!(world.value("SELECT count(*) FROM money_records").await, "1");
    worker.shutdown().await;
    world.finish().await;
}

/// A replay goes by the rules of its day, over the bytes as they came. What an operator has written
/// into a letter is the operator's own act.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_let_through_when_the_settings_let_it() {
    let (world, worker) = start("authority_replay").await;
    let topic = &world.topics.bank_payments;
    world.applied("a-1", "account.upsert", "ACC", account("ACC")).await;
    world.command("c-1", "invoice.create", "ACC", invoice("INV-1", "ACC", "100.01")).await;
    let (much, _) = letter(&world, "c-1").await;
    let now = after(0);
    let mut letters = Vec::new();
    for id in ["b-2", "b-3"] {
        let value = told(id, "7.00", &now);
        let signed = signature(topic, "two", TWO, &value);
        world.publish_raw(topic, Some(BANK), Some(value.as_bytes()), &[(HEADER, &signed)]).await;
        letters.push(letter(&world, id).await.0);
    }
    for id in letters.iter().chain([&much]) {
        assert!(is_refused(&replay(&world, RULES, *id).await), "{id}");
    }
    let more = RULES.replace("\"100.00\"", "\"200.00\"");
    assert_eq!(replay(&world, &more, much).await.word(), "applied");
    assert_eq!(replay(&world, &more, much).await, Replayed::AlreadyResolved);
    assert_eq!(world.value("SELECT count(*) FROM invoices").await, "1");
    // A second key is live beside the first one.
    let key = format!(
        "[[authority.keys]]\nid = \"two\"\nalgorithm = \"hmac-sha256\"\nsecret = \"{TWO}\"\n"
    );
    let both = RULES.replace("[\"one\"]", "[\"one\", \"two\"]") + &key;
    assert_eq!(replay(&world, &both, letters[0]).await.word(), "applied");
    let pool = worker.pipeline().pool();
    let mended = told("b-3", "8.00", &now);
    let edited = edit(pool, letters[1], mended.as_bytes(), "ann", "the bank said so", false).await;
    assert!(matches!(edited, Ok(Edited::Revision { .. })), "{edited:?}");
    assert_eq!(replay(&world, RULES, letters[1]).await.word(), "applied");
    let money = "SELECT count(*) FROM money_records";
    assert_eq!(world.value(money).await, "2");
    worker.shutdown().await;
    world.finish().await;
}

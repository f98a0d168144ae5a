//! Rule sets: stored under versions, activated by a person, followed by workers, named by
//! decisions.

use std::process::{Command, Output};
use std::time::Instant;

use chrono::Utc;
use serde_json::{Value, json};
use topup::domain::matching::policy::EqualAmountPolicy;
use topup::domain::matching::{PartialPolicy, Policy, RuleSet};
use topup::operator::rules::{Activated, Request, RuleFile, activate};
use topup::pipeline::Pipeline;
use topup::store::StoreError;
use topup::store::error::Disposition;
use topup::wire::Topic;

use crate::harness::records::{bank, credit, credit_saying, invoice};
use crate::harness::{Database, Direct, PATIENCE, World};

pub const APPLY: &str = "[accounts.A]\npartial = \"apply\"\n";

pub fn topup(database: &Database, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command.args(words).env("DATABASE_URL", &database.url).env_remove("TOPUP_OPERATOR");
    command.output().expect("it starts")
}

/// What it printed, when it ended with `exit`.
fn said(output: &Output, exit: i32) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let text = text.concat();
    assert_eq!(output.status.code(), Some(exit), "{text}");
    text
}

/// A file with this text, of this test.
pub fn file(database: &Database, name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("{}-{name}", database.name));
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("a path").to_owned()
}

fn rule_file(global: Policy) -> RuleFile {
    RuleFile { rules: RuleSet::from(global), comment: None }
}

async fn activated(direct: &Direct, global: Policy) -> Activated {
    let request = Request::File(Box::new(rule_file(global)));
    let pool = direct.pipeline.pool();
    let done = activate(pool, &request, ("alice", None), Utc::now(), false).await;
    done.expect("activated")
}

fn applying() -> Policy {
    Policy { partial: PartialPolicy::Apply, ..Policy::default() }
}

/// A payment of 60 on an invoice of 100 of A; the version that decided it, and the outcome.
async fn partial(direct: &mut Direct, pipeline: Option<&Pipeline>, number: u32) -> String {
    let id = format!("INV-{number}");
    let item = direct.command(&format!("c-{number}"), "invoice.create", &invoice(&id, "A", "100"));
    direct.applied(item).await;
    let reference = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{id}'");
    let reference = direct.database.value(&reference).await;
    let record =
        bank(&format!("b-{number}"), &credit_saying(&format!("T{number}"), "60", &reference));
    let item = direct.item(Topic::BankPayments, None, record.as_bytes());
    match pipeline {
        Some(pipeline) => run_with(pipeline, &item).await.expect("processed"),
        None => direct.applied(item).await,
    }
    let decided = format!(
        "SELECT policy_version || ' ' || outcome FROM decisions WHERE payment_id LIKE '%:T{number}'"
    );
    direct.database.value(&decided).await
}

async fn run_with(
    pipeline: &Pipeline,
    item: &topup::pipeline::batch::Item,
) -> Result<(), StoreError> {
    let mut tx = pipeline.pool().begin().await.expect("begin");
    let block = topup::store::next_id_block(&mut tx).await?;
    let batch = std::slice::from_ref(item);
    let locks = topup::store::load::Locks::First;
    topup::pipeline::batch::run_in_tx(pipeline, &mut tx, batch, block, locks, Utc::now()).await?;
    tx.commit().await.expect("commit");
    Ok(())
}

#[tokio::test]
async fn a_file_is_checked_activated_and_taken_back_by_the_command_line() {
    let database = Database::new("rules_cli").await;
    let path = file(&database, "rules.toml", APPLY);
    let checked = said(&topup(&database, &["rules", "check", &path]), 0);
    assert!(checked.contains("Customers with policies of their own: 1."), "{checked}");
    let before = database.fingerprint(&[]).await;
    let activate = ["rules", "activate", &path, "--operator", "alice", "--reason", "agreed"];
    let dry = said(&topup(&database, &activate), 0);
    assert!(
        dry.contains("Rule set 1 would be stored and become active. Now rule set 0 is active."),
        "{dry}"
    );
    assert!(dry.contains("partial"), "{dry}");
    assert_eq!(database.fingerprint(&[]).await, before, "a dry run changes nothing");
    let yes = [activate.as_slice(), &["--yes"]].concat();
    let done = said(&topup(&database, &yes), 0);
    assert!(
        done.contains("Rule set 1 is stored and active now. Before, rule set 0 was active."),
        "{done}"
    );
    let again = said(&topup(&database, &yes), 0);
    assert!(again.contains("Rule set 1 is active already."), "{again}");
    let listed = said(&topup(&database, &["rules", "list", "--output", "json"]), 0);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let versions = listed["items"].as_array().expect("items").iter();
    let versions: Vec<_> =
        versions.map(|row| (row["version"].clone(), row["active"].clone())).collect();
    assert_eq!(versions, [(json!(1), json!(true)), (json!(0), json!(false))]);
    let shown = said(&topup(&database, &["rules", "show", "--output", "csv"]), 0);
    assert!(shown.contains("A,partial,apply"), "{shown}");
    // Back to the configuration, and forward again without storing anything twice.
    let back = ["rules", "activate", "--version", "0", "--operator", "bob", "--yes"];
    let back = said(&topup(&database, &back), 0);
    assert!(back.contains("Rule set 0 is active now. Before, rule set 1 was active."), "{back}");
    said(&topup(&database, &yes), 0);
    assert_eq!(database.value("SELECT count(*) FROM rule_sets").await, "2");
    let acts = "SELECT version, operator, reason FROM rule_set_activations ORDER BY 1 DESC, 2";
    assert_eq!(database.lines(acts).await, ["1|alice|agreed", "1|alice|agreed", "0|bob"]);
    let unknown = ["rules", "activate", "--version", "9", "--operator", "bob", "--yes"];
    said(&topup(&database, &unknown), 1);
    said(&topup(&database, &["rules", "show", "9"]), 1);
    database.finish().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_its_place_and_stores_nothing() {
    let database = Database::new("rules_bad").await;
    let before = database.fingerprint(&[]).await;
    let text = "[global]\npartial = \"maybe\"\n[accounts.A.max_auto_amount]\nSGD = 100.5\n";
    let path = file(&database, "bad.toml", text);
    for words in [
        ["rules", "check", &path].as_slice(),
        &["rules", "activate", &path, "--operator", "alice", "--yes"],
        &["simulate", "--rules", &path, "--since", "1d"],
    ] {
        let refused = said(&topup(&database, words), 2);
        assert!(
            refused.contains("not_a_choice: `global.partial` is \"maybe\"; expected suggest or"),
            "{refused}"
        );
        assert!(refused.contains("not_text: `accounts.A.max_auto_amount.SGD` is the"), "{refused}");
    }
    // Nobody acts without a name, and nothing is activated without a file.
    said(&topup(&database, &["rules", "activate", &path, "--yes"]), 2);
    said(&topup(&database, &["rules", "activate", "--operator", "alice"]), 2);
    assert_eq!(database.fingerprint(&[]).await, before);
    database.finish().await;
}

#[tokio::test]
async fn decisions_name_the_rule_set_that_decided_and_explain_says_why() {
    let mut direct = Direct::new("rules_decided").await;
    assert_eq!(partial(&mut direct, None, 1).await, "0 suggested");
    let path = file(&direct.database, "rules.toml", APPLY);
    let words = ["rules", "activate", &path, "--operator", "alice", "--yes"];
    said(&topup(&direct.database, &words), 0);
    // Batches go by what was read before until it is asked for again.
    assert_eq!(partial(&mut direct, None, 2).await, "0 suggested");
    assert_eq!(direct.pipeline.refresh_rules().await.expect("refreshed"), Some(1));
    assert_eq!(direct.pipeline.refresh_rules().await.expect("refreshed"), None);
    assert_eq!(partial(&mut direct, None, 3).await, "1 allocated");
    let id = "SELECT payment_id FROM payments WHERE payment_id LIKE '%:T3'";
    let id = direct.database.value(id).await;
    let told = said(&topup(&direct.database, &["payments", "explain", &id]), 0);
    assert!(told.contains("partial payments of this customer are applied (rule set 1)"), "{told}");
    assert!(told.contains("policies of rule set 1"), "{told}");
    let json = said(&topup(&direct.database, &["payments", "explain", &id, "--output", "json"]), 0);
    for part in ["\"policy_version\": 1", "\"story\": [", "\"decisions\": ["] {
        assert!(json.contains(part), "{part}: {json}");
    }
    direct.finish().await;
}

#[tokio::test]
async fn of_two_that_activate_at_once_one_waits_and_nothing_is_lost() {
    let direct = Direct::new("rules_two").await;
    let suggesting = Policy { equal_amount: EqualAmountPolicy::Suggest, ..Policy::default() };
    for _ in 0..5 {
        let (one, other) =
            tokio::join!(activated(&direct, applying()), activated(&direct, suggesting.clone()));
        for done in [one, other] {
            let (Activated::Done { version, .. } | Activated::Unchanged { version }) = done else {
                panic!("{done:?}");
            };
            assert!((1..=2).contains(&version), "{version}");
        }
    }
    assert_eq!(direct.database.value("SELECT max(version) FROM rule_sets").await, "2");
    // The same by two at once is one activation.
    let third = Policy { partial: PartialPolicy::Apply, ..suggesting };
    let (one, other) = tokio::join!(activated(&direct, third.clone()), activated(&direct, third));
    let unchanged = |done: &Activated| *done == Activated::Unchanged { version: 3 };
    assert_eq!([&one, &other].into_iter().filter(|done| unchanged(done)).count(), 1);
    // Each activation replaced the one before it.
    let rows = "SELECT version FROM rule_set_activations ORDER BY activation_id";
    let rows = direct.database.lines(rows).await;
    assert!((3..=11).contains(&rows.len()), "{rows:?}");
    assert!(rows.windows(2).all(|pair| pair[0] != pair[1]), "{rows:?}");
    direct.finish().await;
}

#[tokio::test]
async fn two_workers_follow_an_activation() {
    let mut direct = Direct::new("rules_follow").await;
    let workers = [direct.at(Utc::now()), direct.at(Utc::now())];
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let tasks: Vec<_> = workers
        .iter()
        .map(|worker| tokio::spawn(worker.clone().follow_rules(stopped.clone())))
        .collect();
    let mut number = 0;
    for worker in &workers {
        number += 1;
        assert_eq!(partial(&mut direct, Some(worker), number).await, "0 suggested");
    }
    activated(&direct, applying()).await;
    for worker in &workers {
        let since = Instant::now();
        loop {
            number += 1;
            let decided = partial(&mut direct, Some(worker), number).await;
            if decided == "1 allocated" {
                break;
            }
            assert_eq!(decided, "0 suggested", "never half of one and half of the other");
            assert!(since.elapsed() < PATIENCE, "the activation is not followed");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    stop.send(true).expect("they run");
    for task in tasks {
        task.await.expect("it ended");
    }
    direct.finish().await;
}

#[tokio::test]
async fn a_running_worker_takes_on_new_rules() {
    let world = World::new("rules_worker").await;
    let worker = world.start().await;
    let path = file(&world.database, "rules.toml", "[global]\npartial = \"apply\"\n");
    let words = ["rules", "activate", &path, "--operator", "alice", "--yes"];
    said(&topup(&world.database, &words), 0);
    let since = Instant::now();
    for number in 1.. {
        let id = format!("INV-{number}");
        let command = format!("c-{number}");
        world.applied(&command, "invoice.create", "A", invoice(&id, "A", "100")).await;
        let reference = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{id}'");
        let reference = world.database.value(&reference).await;
        let record = format!("b-{number}");
        world.bank(&record, credit_saying(&format!("T{number}"), "60", &reference)).await;
        world.outcome(&record).await;
        let last = "SELECT policy_version FROM decisions ORDER BY decided_at DESC LIMIT 1";
        if world.database.value(last).await == "1" {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "the activation is not followed");
    }
    worker.shutdown().await;
    world.finish().await;
}

#[tokio::test]
async fn rule_sets_and_activations_are_append_only() {
    let direct = Direct::new("rules_append").await;
    activated(&direct, applying()).await;
    for sql in [
        "UPDATE rule_sets SET comment = 'x'",
        "DELETE FROM rule_sets",
        "UPDATE rule_set_activations SET operator = 'mallory'",
        "DELETE FROM rule_set_activations",
        "TRUNCATE rule_set_activations",
    ] {
        for pool in [direct.pipeline.pool(), &direct.database.admin] {
            let done = sqlx::query(sql).execute(pool).await.expect_err(sql);
            let code =
                done.as_database_error().and_then(|error| error.code().map(|c| c.to_string()));
            assert_eq!(code.as_deref(), Some("42501"), "{sql}: {done}");
        }
    }
    let forged = "INSERT INTO rule_sets VALUES (9, '{}x', sha256('{}'), now(), 'mallory', NULL)";
    let done = sqlx::query(forged).execute(direct.pipeline.pool()).await.expect_err("forged");
    assert!(done.to_string().contains("rule_set_hash_is_of_its_content"), "{done}");
    direct.finish().await;
}

#[tokio::test]
async fn rules_of_a_later_version_of_the_program_are_not_guessed_at() {
    let mut direct = Direct::new("rules_later").await;
    assert_eq!(partial(&mut direct, None, 1).await, "0 suggested");
    let later = r#"{"global":{"colour":"red"}}"#;
    let store = format!(
        "INSERT INTO rule_sets VALUES (1, '{later}', sha256('{later}'), now(), 'alice', NULL)"
    );
    direct.database.execute(&store).await;
    let activation = "INSERT INTO rule_set_activations (version, activated_at, operator)
                      VALUES (1, now(), 'alice')";
    direct.database.execute(activation).await;
    let refused = direct.pipeline.refresh_rules().await.expect_err("unknown");
    assert_eq!(refused.disposition(), Disposition::Retry, "{refused}");
    // Who knew the rules before goes on by them; who starts now waits.
    assert_eq!(partial(&mut direct, None, 2).await, "0 suggested");
    let started = direct.at(Utc::now());
    let item = direct.item(Topic::BankPayments, None, bank("b-9", &credit("T9", "1")).as_bytes());
    let waits = run_with(&started, &item).await.expect_err("unknown");
    assert_eq!(waits.disposition(), Disposition::Retry, "{waits}");
    direct.finish().await;
}

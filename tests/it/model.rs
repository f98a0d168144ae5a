//! Random logs, fed to the pure model and to the real pipeline on PostgreSQL: both end the same.
//!
//! The model decides one record at a time in memory; the pipeline decides batches of any size,
//! loads what they touch, and writes the net change. What differs is a bug in loading or writing.

mod json;
mod lines;

use chrono::{DateTime, TimeDelta, Utc};
use topup::clock::Clock;
use topup::domain::effect::Outcome;
use topup::domain::input::{Input, Message};
use topup::domain::matching::RuleSet;
use topup::domain::model::Model;
use topup::domain::model_gen::{Random, random_log};
use topup::pipeline::batch::{Item, run_in_tx};
use topup::rules::{Activated, Request, activate};
use topup::store::load::Locks;
use topup::store::{StoreError, next_id_block};
use topup::wire::Topic;

use crate::harness::Direct;

const LOGS: u64 = 80;
const RECORDS: usize = 60;
const BATCH_MAX: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_logs_end_on_postgresql_as_in_the_pure_model() {
    let mut direct = Direct::new("model").await;
    let mut settled = 0;
    for seed in 0..LOGS {
        settled += one_log(&mut direct, seed).await;
        clear(&direct).await;
    }
    // Logs in which nothing happens would prove nothing.
    assert!(settled > 80, "only {settled} allocations in {LOGS} logs");
    direct.finish().await;
}

/// Runs one log and returns how many allocations it made.
async fn one_log(direct: &mut Direct, seed: u64) -> usize {
    let mut model = Model::new(activated(direct, seed).await);
    let mut random = Random::new(seed);
    let mut left = json::decoded(direct, &random_log(seed, RECORDS)).into_iter().peekable();
    let mut now = DateTime::from_timestamp(1_793_534_400, 0).expect("an instant");
    while left.peek().is_some() {
        let size = random.below(BATCH_MAX).saturating_add(1);
        let mut batch = Vec::new();
        let mut expected = Vec::new();
        for item in left.by_ref() {
            let message = item.decoded.as_ref().expect("decoded");
            let (outcome, released) = feed(&mut model, message, now);
            expected.push(outcome.word());
            batch.push(item);
            // The model releases waiting commands at once, the service after the batch.
            if released || batch.len() as u64 >= size {
                break;
            }
        }
        model.end_batch();
        assert_eq!(process(direct, &batch, now).await, expected, "seed {seed}");
        now += TimeDelta::minutes(240 * batch.len() as i64);
    }
    direct.database.audit().await;
    let version = seed % 2;
    let other = format!("SELECT count(*) FROM decisions WHERE policy_version <> {version}");
    assert_eq!(direct.database.value(&other).await, "0", "seed {seed}");
    let (found, wanted) = (lines::of_database(&direct.database).await, lines::of_model(&model));
    let only = |left: &[String], right: &[String]| -> Vec<String> {
        left.iter().filter(|line| !right.contains(line)).cloned().collect()
    };
    let (extra, missing) = (only(&found, &wanted), only(&wanted, &found));
    assert!(
        extra.is_empty() && missing.is_empty(),
        "seed {seed}: the database has {extra:#?}, the model {missing:#?}"
    );
    model.allocations().count()
}

/// Every second log is decided by a rule set of its own, which workers read from the database.
async fn activated(direct: &Direct, seed: u64) -> RuleSet {
    if seed.is_multiple_of(2) {
        return RuleSet::default();
    }
    let accounts = [
        ("ACC-0", "partial = \"apply\"\nresidual = \"hold\""),
        ("ACC-1", "equal_amount = \"suggest\"\nmax_auto_amount = { SGD = \"60.00\" }"),
        ("ACC-2", "fee = \"apply\"\nresidual = \"hold\"\nequal_amount = \"suggest\""),
    ];
    let text: String = accounts.map(|(id, own)| format!("[accounts.{id}]\n{own}\n")).concat();
    let path = crate::rules::file(&direct.database, "model.toml", &text);
    let file = topup::rules::read(path.as_ref()).expect("rules");
    let rules = file.rules.clone().numbered(1, &[]);
    let request = Request::File(Box::new(file));
    let pool = direct.pipeline.pool();
    let done = activate(pool, &request, ("alice", None), Utc::now(), false).await;
    assert_eq!(done.expect("done"), Activated::Done { version: 1, new: true, before: 0 });
    rules
}

/// Feeds the model; the flag says whether a waiting command was released by it.
fn feed(model: &mut Model, message: &Message, now: DateTime<Utc>) -> (Outcome, bool) {
    let count = |model: &Model| model.waiting.values().map(|queue| queue.len()).sum::<usize>();
    let before = count(model);
    let outcome = model.feed_in_batch(message, now);
    let waits = usize::from(matches!(outcome, Outcome::Waiting(_)));
    (outcome, count(model) < before + waits)
}

/// One batch in one transaction, then what it releases.
async fn process(direct: &Direct, batch: &[Item], now: DateTime<Utc>) -> Vec<&'static str> {
    let pipeline = direct.at(now);
    assert_eq!(pipeline.clock(), Clock::Fixed(now));
    let mut tx = pipeline.pool().begin().await.expect("begin");
    let block = next_id_block(&mut tx).await.expect("ids");
    // Batches of bank records in both ways of locking.
    let locks = if block % 2 == 0 { Locks::First } else { Locks::Last };
    let mut written = run_in_tx(&pipeline, &mut tx, batch, block, locks, now).await;
    if locks == Locks::Last && written.as_ref().is_err_and(StoreError::is_race) {
        // As a lane does: a balance that is debt is known only under the lock.
        tx.rollback().await.expect("rollback");
        tx = pipeline.pool().begin().await.expect("begin");
        let block = next_id_block(&mut tx).await.expect("ids");
        written = run_in_tx(&pipeline, &mut tx, batch, block, Locks::First, now).await;
    }
    let written = written.expect("processed");
    tx.commit().await.expect("commit");
    pipeline.sweep().await.expect("swept");
    written.ended.iter().map(|ended| ended.outcome).collect()
}

/// Empties every table. The ledger refuses that even to its owner, unless triggers are off.
async fn clear(direct: &Direct) {
    let deletes = "SELECT string_agg('DELETE FROM ' || tablename, '; ') FROM pg_tables
                   WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'";
    let deletes = direct.database.value(deletes).await;
    let (off, on) = ("SET session_replication_role = replica", "RESET session_replication_role");
    direct.database.execute(&format!("{off}; {deletes}; {on}")).await;
}

fn topic_of(input: &Input) -> Topic {
    match input {
        Input::Command(_) => Topic::Commands,
        Input::Usage(_) => Topic::Usage,
        Input::BankTransaction(_) | Input::BankStatement(_) | Input::Rematch(_) => {
            Topic::BankPayments
        }
    }
}

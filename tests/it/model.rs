//! Random sequences, fed to the pure model and to the real pipeline on PostgreSQL: both end the
//! same.
//!
//! The model decides one record at a time in memory; the pipeline decides batches of any size,
//! loads what they touch, and writes the net change. What differs is a bug in loading or writing.
//!
//! A sequence is a function of its seed. `TOPUP_SEED` and `TOPUP_SEQUENCES` choose others, or more:
//! what failed is repeated alone by `TOPUP_SEED=<its seed> TOPUP_SEQUENCES=1`.

mod coverage;
mod json;
pub mod lines;
mod rematch;
mod time;
mod words;

use std::io::Write;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Executor;
use sqlx::postgres::PgPoolOptions;
use topup::clock::Clock;
use topup::domain::effect::Outcome;
use topup::domain::ids::RecordId;
use topup::domain::input::{Command, Input, Message};
use topup::domain::matching::RuleSet;
use topup::domain::model::Model;
use topup::domain::model_gen::{Random, random_log};
use topup::operator::rules::{Activated, Request, activate};
use topup::pipeline::Pipeline;
use topup::pipeline::batch::{Item, run_in_tx};
use topup::store::load::Locks;
use topup::store::{StoreError, next_id_block};
use topup::wire::Topic;

use crate::auditor;
use crate::harness::{Direct, by_length};
use coverage::Coverage;

const SEED: u64 = 0;
/// Enough that what they cover can be demanded.
const SEQUENCES_LONG: u64 = 2_000;
const SEQUENCES_DAILY: u64 = 200;

fn sequences() -> u64 {
    number("TOPUP_SEQUENCES", by_length(SEQUENCES_DAILY, SEQUENCES_LONG))
}

/// Databases that share the sequences: while one waits for PostgreSQL, another decides.
const DATABASES: u64 = 3;
/// Records of a sequence.
const SHORTEST: u64 = 5;
const LONGEST: u64 = 60;
const BATCH_MAX: u64 = 12;
/// Every so many sequences, and at the end, all invariants are checked; the rows always are.
const AUDIT_EVERY: u64 = 5;

/// A number from the environment, for those who repeat or widen the test.
fn number(name: &str, otherwise: u64) -> u64 {
    let Ok(text) = std::env::var(name) else {
        return otherwise;
    };
    text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_sequences_end_on_postgresql_as_in_the_pure_model() {
    let (first, count) = (number("TOPUP_SEED", SEED), sequences());
    // Past the test's own output, which is shown only when it fails.
    let seeds = format!("model: TOPUP_SEED={first} TOPUP_SEQUENCES={count}\n");
    std::io::stderr().write_all(seeds.as_bytes()).expect("standard error");
    let share = |database| async move {
        let mut direct = Direct::new(&format!("model{database}")).await;
        // As in the model.
        let mut settings = direct.pipeline.settings().clone();
        settings.clock_skew = TimeDelta::days(1);
        direct.pipeline = Pipeline::new(direct.pipeline.pool().clone(), settings, Clock::System);
        no_waiting_for_the_disk(&mut direct).await;
        let mut coverage = Coverage::default();
        for index in (database..count).step_by(DATABASES as usize) {
            let seed = first.wrapping_add(index);
            one_sequence(&mut direct, seed, &mut coverage).await;
            if (index / DATABASES).is_multiple_of(AUDIT_EVERY) {
                direct.database.audit().await;
            }
            clear(&direct).await;
        }
        direct.finish().await;
        coverage
    };
    let shares: Vec<_> = (0..DATABASES).map(|database| tokio::spawn(share(database))).collect();
    let mut coverage = Coverage::default();
    for share in shares {
        coverage.add(share.await.expect("every sequence ends the same"));
    }
    println!("{coverage}");
    // A few sequences cannot have everything.
    if count >= SEQUENCES_LONG {
        coverage.check();
    }
}

/// Tells how to repeat a sequence that failed, wherever it did.
struct Repeatable(u64);

impl Drop for Repeatable {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("model: failed; repeat with TOPUP_SEED={} TOPUP_SEQUENCES=1", self.0);
        }
    }
}

/// Nothing here is about crashes: no commit waits for the disk.
async fn no_waiting_for_the_disk(direct: &mut Direct) {
    let pool = PgPoolOptions::new().max_connections(2).after_connect(|connection, _| {
        let lazily = "SET synchronous_commit = off; SET ROLE topup_worker";
        Box::pin(async move { connection.execute(lazily).await.map(|_| ()) })
    });
    let pool = pool.connect(&direct.database.url).await.expect("a pool");
    direct.pipeline.pool().close().await;
    let settings = direct.pipeline.settings().clone();
    direct.pipeline = Pipeline::new(pool.into(), settings, Clock::System);
}

async fn one_sequence(direct: &mut Direct, seed: u64, coverage: &mut Coverage) {
    let repeatable = Repeatable(seed);
    let mut model = Model::new(activated(direct, seed).await);
    let mut random = Random::new(seed);
    let records = SHORTEST + random.below(LONGEST - SHORTEST + 1);
    let log = random_log(seed, usize::try_from(records).expect("few"));
    let items = json::decoded(direct, &log);
    let value = |item: &Item| serde_json::from_slice(item.raw.value.as_deref()?).ok();
    let inputs: Vec<serde_json::Value> = items.iter().filter_map(value).collect();
    let mut left = items.into_iter().peekable();
    let mut now = DateTime::from_timestamp(1_793_534_400, 0).expect("an instant");
    while left.peek().is_some() {
        let size = random.below(BATCH_MAX).saturating_add(1);
        let mut batch = Vec::new();
        let mut expected = Vec::new();
        let mut usage = false;
        // A batch's usage is told at its end, and no topic has both usage and returns.
        while let Some(item) = left.next_if(|next| !(usage && may_take_back(next))) {
            let message = item.decoded.as_ref().expect("decoded");
            usage |= matches!(message.input, Input::Usage(_));
            let (outcome, tried) = feed(&mut model, message, now);
            coverage.record(message, &outcome, &model.last_effects);
            expected.push(outcome.word());
            batch.push(item);
            // The model tries waiting commands again at once, the service after the batch.
            if tried || batch.len() as u64 >= size {
                break;
            }
        }
        let told = model.last_effects.len();
        model.end_batch();
        // Time has passed, as it has for the service's sweep.
        model.retry_returns(now);
        coverage.effects(&model.last_effects[told..]);
        assert_eq!(process(direct, &batch, now).await, expected, "seed {seed}");
        now += TimeDelta::minutes(240 * batch.len() as i64);
    }
    rematch::all(direct, &mut model, now).await;
    compare(direct, &model, seed).await;
    let found = auditor::log(&direct.database, &inputs).await;
    assert!(found.is_empty(), "seed {seed}: {found:#?}");
    if time::may_pass(&model) && random.chance(25) {
        time::pass(direct, &mut model, now, coverage).await;
        compare(direct, &model, seed).await;
    }
    let version = seed % 2;
    let other = format!("SELECT count(*) FROM decisions WHERE policy_version <> {version}");
    assert_eq!(direct.database.value(&other).await, "0", "seed {seed}");
    words::said(direct, &mut model, now, seed).await;
    compare(direct, &model, seed).await;
    let found = auditor::books(&direct.database).await;
    assert!(found.is_empty(), "seed {seed}: {found:#?}");
    coverage.sequence(&model);
    drop(repeatable);
}

/// Every row that both have.
async fn compare(direct: &Direct, model: &Model, seed: u64) {
    let (found, wanted) = (lines::of_database(&direct.database).await, lines::of_model(model));
    let only = |left: &[String], right: &[String]| -> Vec<String> {
        left.iter().filter(|line| !right.contains(line)).cloned().collect()
    };
    let (extra, missing) = (only(&found, &wanted), only(&wanted, &found));
    assert!(
        extra.is_empty() && missing.is_empty(),
        "seed {seed}: the database has {extra:#?}, the model {missing:#?}"
    );
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
    let file = topup::operator::rules::read(path.as_ref()).expect("rules");
    let rules = file.rules.clone().numbered(1, &[]);
    let request = Request::File(Box::new(file));
    let pool = direct.pipeline.pool();
    let done = activate(pool, &request, ("alice", None), Utc::now(), false).await;
    assert_eq!(done.expect("done"), Activated::Done { version: 1, new: true, before: 0 });
    rules
}

/// Whether it may take money back, by the bank's word or a person's on what the bank said.
pub fn may_take_back(item: &Item) -> bool {
    may_step_back(item.decoded.as_ref().expect("decoded"))
}

fn may_step_back(message: &Message) -> bool {
    match &message.input {
        Input::BankTransaction(bank) => bank.reversal,
        Input::Command(command) => matches!(command, Command::ResolveReturn(_)),
        Input::BankStatement(_)
        | Input::Advice(_)
        | Input::Usage(_)
        | Input::Rematch(_)
        | Input::RetryReturn(_) => false,
    }
}

/// Feeds the model; the flag says whether a waiting command was tried again after it.
fn feed(model: &mut Model, message: &Message, now: DateTime<Utc>) -> (Outcome, bool) {
    let needs = |model: &Model| -> Vec<(RecordId, Option<Outcome>)> {
        let waiting = model.waiting.values().flatten().map(|waiting| &waiting.record);
        waiting.map(|record| (record.clone(), model.outcome_of(record).cloned())).collect()
    };
    let before = needs(model);
    let parked = model.set.parked_here().len();
    let outcome = model.feed_in_batch(message, now);
    let after = needs(model);
    // A return of what came in the same batch is applied after it, by the sweep.
    let tried = may_step_back(message)
        || parked != model.set.parked_here().len()
        || before.iter().any(|waited| !after.contains(waited));
    (outcome, tried)
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
    // As the worker does: it goes round again and again.
    loop {
        let swept = pipeline.sweep().await.expect("swept");
        if swept.released + swept.expired + swept.returns_applied + swept.holds_expired == 0 {
            break;
        }
    }
    written.ended.iter().map(|ended| ended.outcome.word()).collect()
}

/// Empties every table that has rows. The ledger refuses that even to its owner, unless triggers
/// are off.
async fn clear(direct: &Direct) {
    direct.database.execute(include_str!("model/clear.sql")).await;
}

fn topic_of(input: &Input) -> Topic {
    match input {
        Input::Command(_) => Topic::Commands,
        Input::Usage(_) => Topic::Usage,
        Input::BankTransaction(_)
        | Input::BankStatement(_)
        | Input::Advice(_)
        | Input::Rematch(_)
        | Input::RetryReturn(_) => Topic::BankPayments,
    }
}

//! Dead letters that were given up are taken up again: by an operator, and by their record when it
//! comes again. Nothing vanishes as a duplicate of what nobody keeps.

use chrono::{DateTime, TimeDelta};
use serde_json::json;
use topup::clock::Clock;
use topup::config::Topics;
use topup::domain::rejection::DeadLetterReason;
use topup::operator::dead_letters::edit::{Edited, edit};
use topup::operator::dead_letters::{discard, reopen};
use topup::pipeline::batch::Item;
use topup::pipeline::{Pipeline, Settings, dead_letter_raw_in_tx};
use topup::store::dead_letters::Selection;
use topup::wire::{DecodeCode, Topic};

use crate::harness::Direct;
use crate::harness::records::{account, allocate, command, draft, invoice, payment, with};

const STATES: &str = "SELECT dead_letter_id, code, status FROM dead_letters ORDER BY 1";
const ACTS: &str =
    "SELECT dead_letter_id, act, operator, outcome FROM dead_letter_acts ORDER BY act_id";
const REPEATS: &str = "SELECT record_offset, outcome, code FROM inbox_repeats ORDER BY 1";
const COPIES: &str = "SELECT count(*) FROM letter_copies";

/// A command that cannot be decoded, but has an id.
fn hostile() -> String {
    let data = with(draft("INV-1", "ACC-1", "10.00"), &json!({ "amount": "1e9" }));
    command("c-1", "invoice.create", &data)
}

fn stamped(mut item: Item, seconds: i64) -> Item {
    item.raw.timestamp = DateTime::from_timestamp(1_795_000_000 + seconds, 0);
    item
}

async fn one(direct: &Direct, item: &Item) -> &'static str {
    direct.run(std::slice::from_ref(item)).await[0].outcome
}

async fn give_up(direct: &Direct) {
    let pool = direct.pipeline.pool();
    let all = Selection::default();
    discard(pool, &all, "ann", "not wanted", false).await.expect("discarded");
}

async fn take_up(direct: &Direct, id: i64, dry_run: bool) -> &'static str {
    let acted = reopen(direct.pipeline.pool(), &[id], "bob", "wanted", dry_run).await;
    acted.expect("acted")[0].1.word()
}

/// A command whose payment never comes: it waits, and is dead at its deadline.
async fn expired(test: &str) -> (Direct, Item) {
    let mut direct = Direct::new(test).await;
    let start = [
        direct.command("a-1", "account.upsert", &account("ACC-1")),
        direct.command("i-1", "invoice.create", &invoice("INV-1", "ACC-1", "100.00")),
    ];
    for item in start {
        direct.applied(item).await;
    }
    let data = allocate("PAY-1", "ACC-1", "INV-1");
    let item = direct.command("w-1", "payment.allocate", &data);
    assert_eq!(one(&direct, &item).await, "waiting");
    let late = direct.at(Clock::System.now() + TimeDelta::days(4_000));
    assert_eq!(late.sweep().await.expect("swept").expired, 1);
    (direct, item)
}

fn next(direct: &mut Direct, item: &Item) -> Item {
    let value = item.raw.value.clone().expect("a value");
    direct.item(Topic::Commands, None, &value)
}

/// Given up, taken up, mended and replayed: each an act, with who and why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_takes_up_what_was_given_up() {
    let mut direct = Direct::new("la_reopen").await;
    let item = direct.item(Topic::Commands, None, hostile().as_bytes());
    assert_eq!(one(&direct, &item).await, "dead_lettered");
    assert_eq!(take_up(&direct, 1, false).await, "already_open");
    assert_eq!(take_up(&direct, 9, false).await, "unknown");
    give_up(&direct).await;
    let before = direct.database.fingerprint(&[]).await;
    assert_eq!(take_up(&direct, 1, true).await, "would be reopened");
    assert_eq!(direct.database.fingerprint(&[]).await, before, "a dry run wrote");
    assert_eq!(take_up(&direct, 1, false).await, "reopened");
    assert_eq!(direct.database.value(COPIES).await, "1", "nobody is told anew");
    let mended = command("c-1", "invoice.create", &draft("INV-1", "ACC-1", "10.00"));
    let edited = edit(direct.pipeline.pool(), 1, mended.as_bytes(), "bob", "words", false).await;
    assert!(matches!(edited, Ok(Edited::Revision { .. })), "{edited:?}");
    let replayed = direct.pipeline.replay(1, "bob", None, false).await.expect("replayed");
    assert_eq!(replayed.word(), "applied");
    assert_eq!(take_up(&direct, 1, false).await, "already_replayed");
    let acts = [
        "1|discard|ann|discarded",
        "1|reopen|bob|reopened",
        "1|edit|bob|edited",
        "1|replay|bob|applied",
    ];
    assert_eq!(direct.database.lines(ACTS).await, acts);
    let moves = "SELECT before ->> 'status', after ->> 'status' FROM dead_letter_acts
                  WHERE act IN ('discard', 'reopen') ORDER BY act_id";
    assert_eq!(direct.database.lines(moves).await, ["open|discarded", "discarded|open"]);
    direct.finish().await;
}

/// A replay that fails otherwise than before: the letter says what is wrong with it now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_shows_the_code_of_its_last_failure() {
    let mut direct = Direct::new("la_code").await;
    let item = direct.item(Topic::Commands, None, hostile().as_bytes());
    assert_eq!(one(&direct, &item).await, "dead_lettered");
    let day = json!({ "due_date": "no day" });
    let other = command("c-1", "invoice.create", &with(draft("INV-1", "ACC-1", "10.00"), &day));
    let edited = edit(direct.pipeline.pool(), 1, other.as_bytes(), "bob", "words", false).await;
    assert!(matches!(edited, Ok(Edited::Revision { .. })), "{edited:?}");
    let told = "SELECT code, message FROM dead_letters";
    let first = direct.database.lines(told).await;
    assert!(first[0].starts_with("amount_invalid|"), "{first:?}");
    direct.pipeline.replay(1, "bob", None, true).await.expect("a dry run");
    assert_eq!(direct.database.lines(told).await, first, "a dry run wrote");
    let replayed = direct.pipeline.replay(1, "bob", None, false).await.expect("replayed");
    assert_eq!(replayed.code(), Some("date_invalid"));
    let now = direct.database.lines(told).await;
    assert_eq!(now, [format!("date_invalid|{}", DecodeCode::DateInvalid.message())]);
    let found = Selection { code: Some("date_invalid".to_owned()), ..Selection::default() };
    let found = discard(direct.pipeline.pool(), &found, "ann", "x", true).await.expect("acted");
    assert_eq!(found.len(), 1);
    direct.finish().await;
}

/// The worker was given another prefix: what it could not read before is still ours, of the kind
/// that its topic's name says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_of_another_prefix_is_replayed() {
    let mut direct = Direct::new("la_prefix").await;
    let item = direct.item(Topic::Commands, None, hostile().as_bytes());
    assert_eq!(one(&direct, &item).await, "dead_lettered");
    let mended = command("c-1", "invoice.create", &draft("INV-1", "ACC-1", "10.00"));
    let edited = edit(direct.pipeline.pool(), 1, mended.as_bytes(), "bob", "words", false).await;
    assert!(matches!(edited, Ok(Edited::Revision { .. })), "{edited:?}");
    let settings = Settings {
        topics: Topics::with_prefix("another.prefix"),
        ..direct.pipeline.settings().clone()
    };
    let other = Pipeline::new(direct.pipeline.pool().clone(), settings, Clock::System);
    let replayed = other.replay(1, "bob", None, false).await.expect("replayed");
    assert_eq!(replayed.word(), "applied", "{replayed:?}");
    assert_eq!(one(&direct, &item).await, "duplicate", "its id took effect");
    direct.finish().await;
}

/// The same record in another place, after an operator gave it up: the letter is open again, and
/// says where. Once more, and it is a duplicate of what is kept. Read again at its own place, it
/// says nothing new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_comes_again_after_a_discard_opens_its_letter() {
    let (mut direct, item) = expired("la_again").await;
    let again = next(&mut direct, &item);
    assert_eq!(one(&direct, &again).await, "duplicate", "the letter is open and kept");
    give_up(&direct).await;
    assert_eq!(one(&direct, &item).await, "duplicate", "only read again");
    assert_eq!(direct.database.lines(STATES).await, ["1|dependency_missing|discarded"]);
    let copies = direct.database.value(COPIES).await;
    let again = [next(&mut direct, &item), next(&mut direct, &item)];
    let ended = direct.run(&again).await;
    let words: Vec<_> = ended.iter().map(|e| (e.outcome, e.code.as_deref())).collect();
    assert_eq!(words, [("reopened", Some("dependency_missing")), ("duplicate", None)]);
    assert_eq!(direct.database.lines(STATES).await, ["1|dependency_missing|open"]);
    assert_ne!(direct.database.value(COPIES).await, copies, "its copy is told again");
    let reopened = format!("{}|reopened|dependency_missing", again[0].raw.offset);
    assert!(direct.database.lines(REPEATS).await.contains(&reopened));
    let reason = "SELECT reason FROM dead_letter_acts WHERE act = 'reopen'";
    let place = format!("{}:0:{}", item.raw.topic, again[0].raw.offset);
    let expected = format!("its record came again at {place}");
    assert_eq!(direct.database.value(reason).await, expected);
    let paid = direct.command("p-1", "payment.record", &payment("PAY-1", "ACC-1", "100.00"));
    direct.applied(paid).await;
    let replayed = direct.pipeline.replay(1, "bob", None, false).await.expect("replayed");
    assert_eq!(replayed.word(), "applied");
    let again = next(&mut direct, &item);
    assert_eq!(one(&direct, &again).await, "duplicate", "it had its effect");
    direct.finish().await;
}

/// What cannot be decoded has no id but its place: in another place it is another letter, and at
/// the same place it is the same delivery only if it was written at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_without_an_id_are_told_again() {
    let mut direct = Direct::new("la_bytes").await;
    let first = stamped(direct.item(Topic::BankPayments, None, b"no JSON"), 0);
    assert_eq!(one(&direct, &first).await, "dead_lettered");
    give_up(&direct).await;
    assert_eq!(one(&direct, &first).await, "duplicate");
    let elsewhere = stamped(direct.item(Topic::BankPayments, None, b"no JSON"), 1);
    assert_eq!(one(&direct, &elsewhere).await, "dead_lettered");
    let anew = stamped(first.clone(), 2);
    assert_eq!(one(&direct, &anew).await, "reopened");
    let states = direct.database.lines(STATES).await;
    assert_eq!(states.iter().filter(|state| state.ends_with("|open")).count(), 2, "{states:?}");
    direct.finish().await;
}

/// A conflict that was given up: elsewhere it is another letter, and in a log that was created
/// anew its own place opens it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_that_comes_again_is_told_again() {
    let mut direct = Direct::new("la_conflict").await;
    let first = direct.command("c-1", "account.upsert", &account("ACC-1"));
    direct.applied(first.clone()).await;
    let other = stamped(direct.command("c-1", "account.upsert", &account("ACC-2")), 0);
    assert_eq!(one(&direct, &other).await, "dead_lettered");
    give_up(&direct).await;
    assert_eq!(one(&direct, &other).await, "dead_lettered");
    assert_eq!(direct.database.lines(STATES).await, ["1|conflict|discarded"], "only read again");
    let elsewhere = next(&mut direct, &other);
    assert_eq!(one(&direct, &elsewhere).await, "dead_lettered");
    let anew = stamped(other, 9);
    assert_eq!(one(&direct, &anew).await, "dead_lettered");
    assert_eq!(direct.database.value("SELECT count(*) FROM dead_letters").await, "2");
    let open = "SELECT count(*) FROM dead_letters WHERE status = 'open'";
    assert_eq!(direct.database.value(open).await, "2");
    let again = next(&mut direct, &first);
    assert_eq!(one(&direct, &again).await, "duplicate", "the first one had its effect");
    direct.finish().await;
}

async fn divert(direct: &Direct, item: &Item, decoded: bool) {
    let mut tx = direct.pipeline.pool().begin().await.expect("begin");
    let (reason, now) = (DeadLetterReason::CrashLoop, Clock::System.now());
    let kept = (item.raw.clone(), reason.sentence().to_owned());
    let message = item.decoded.as_ref().ok().filter(|_| decoded);
    let written = dead_letter_raw_in_tx(&mut tx, &item.raw, kept, message, reason, now).await;
    written.expect("written");
    tx.commit().await.expect("commit");
}

/// What was put aside undecided: known by its place, it is processed when it comes again; known by
/// its id, its letter is open again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_diverted_record_that_comes_again_is_processed_or_told() {
    let mut direct = Direct::new("la_diverted").await;
    let blind = direct.command("c-1", "account.upsert", &account("ACC-1"));
    let read = direct.command("c-2", "account.upsert", &account("ACC-2"));
    divert(&direct, &blind, false).await;
    divert(&direct, &read, true).await;
    give_up(&direct).await;
    let anew = stamped(blind.clone(), 5);
    divert(&direct, &anew, false).await;
    let blind = next(&mut direct, &blind);
    assert_eq!(one(&direct, &blind).await, "applied");
    let read = next(&mut direct, &read);
    assert_eq!(one(&direct, &read).await, "reopened");
    let states = ["1|crash_loop|open", "2|crash_loop|open"];
    assert_eq!(direct.database.lines(STATES).await, states);
    for (id, word) in [(1, "already_applied"), (2, "applied")] {
        let replayed = direct.pipeline.replay(id, "bob", None, false).await.expect("replayed");
        assert_eq!(replayed.word(), word);
    }
    direct.finish().await;
}

/// A refusal was told to the requester when it was made; sent again it stays refused, and a
/// corrected command has another id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_command_that_comes_again_stays_refused() {
    let mut direct = Direct::new("la_refused").await;
    let start = [
        direct.command("a-1", "account.upsert", &account("ACC-1")),
        direct.command("i-1", "invoice.create", &invoice("INV-1", "ACC-1", "100.00")),
    ];
    for item in start {
        direct.applied(item).await;
    }
    let twice = direct.command("i-2", "invoice.create", &invoice("INV-1", "ACC-1", "50.00"));
    assert_eq!(one(&direct, &twice).await, "rejected");
    let again = next(&mut direct, &twice);
    assert_eq!(one(&direct, &again).await, "duplicate");
    let outcome = "SELECT outcome FROM inbox WHERE message_id = 'i-2'";
    assert_eq!(direct.database.value(outcome).await, "rejected");
    assert_eq!(direct.database.value("SELECT count(*) FROM inbox_repeats").await, "1");
    direct.finish().await;
}

/// The schema knows it too: what was replayed is final, and nothing is open again without an act.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_letter_is_open_again_without_an_act() {
    let mut direct = Direct::new("la_schema").await;
    let item = direct.item(Topic::Commands, None, hostile().as_bytes());
    assert_eq!(one(&direct, &item).await, "dead_lettered");
    give_up(&direct).await;
    let open = "UPDATE dead_letters SET status = 'open', resolved_at = NULL";
    assert_eq!(direct.database.refused(open).await, "dead_letter_status_moves");
    let replayed = "UPDATE dead_letters SET status = 'replayed'";
    assert_eq!(direct.database.refused(replayed).await, "dead_letter_status_moves");
    assert_eq!(take_up(&direct, 1, false).await, "reopened");
    give_up(&direct).await;
    assert_eq!(direct.database.refused(open).await, "dead_letter_status_moves");
    direct.finish().await;
}

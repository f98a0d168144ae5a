//! An item of a sweep or a job that truly kills its process is put aside, and no other one is, by
//! whomever the process is killed.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use topup::clock::Clock;
use topup::jobs::Job;
use topup::operator::dead_letters::edit::edit;
use topup::store::jobs::{self, Claim, Claimed};
use topup::wire::Topic;

use crate::crash::kill;
use crate::harness::records::{BANK, about_invoice, account, bank, command, credit, draft, with};
use crate::harness::{Direct, PATIENCE, by_length};
use crate::isolation::long_unpaid;
use crate::jobs::runner_at;
use crate::steps_back::taken_back;

/// A process that sweeps, and runs the jobs that it takes over; none begins by itself.
fn spawn(direct: &Direct) -> Child {
    let log = match std::env::var_os("RUST_LOG") {
        Some(_) => Stdio::inherit(),
        None => Stdio::null(),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command
        .args(["worker", "--only", "jobs"])
        .env("DATABASE_URL", &direct.database.url)
        .env("KAFKA_BROKERS", "127.0.0.1:9")
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &direct.database.name)
        .env("TOPUP__USAGE__HOLD_MAX_AGE_SECONDS", "1")
        .stdout(Stdio::null())
        .stderr(log);
    for job in Job::ALL {
        let key = job.word().replace('-', "_").to_uppercase();
        command.env(format!("TOPUP__JOBS__{key}"), "off");
    }
    command.spawn().expect("a process")
}

/// Whoever works on this row is killed, at once: the lock tells the test that it is in hand.
pub async fn deadly(direct: &Direct, table: &str, when: &str) {
    for statement in [
        "CREATE FUNCTION deadly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_advisory_xact_lock(26, 9); PERFORM pg_sleep(25); RETURN NEW; END $$",
        &format!(
            "CREATE TRIGGER deadly BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW
                 WHEN ({when}) EXECUTE FUNCTION deadly()"
        ),
    ] {
        direct.database.execute(statement).await;
    }
}

const IN_HAND: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND classid = 26 AND objid = 9";
const END_IT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks
     WHERE locktype = 'advisory' AND classid = 26 AND objid = 9
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
/// The half minute passes after which a note and a run are taken to be a dead process's.
const TIME_PASSES: [&str; 2] = [
    "UPDATE items_in_hand SET lease_until = now() - interval '1 s'",
    "UPDATE job_runs SET lease_until = now() - interval '1 s' WHERE state = 'running'",
];

async fn pass_time(direct: &Direct) {
    for statement in TIME_PASSES {
        direct.database.execute(statement).await;
    }
}

/// Lets processes work, each killed when it has the deadly row in hand, until `done` is what is
/// wanted. Returns how many were killed.
pub async fn deaths_until(direct: &Direct, done: &str, wanted: &str) -> usize {
    let mut deaths = 0;
    let mut process = spawn(direct);
    let started = std::time::Instant::now();
    while direct.database.value(done).await != wanted {
        assert!(started.elapsed() < 2 * PATIENCE, "{done} is not {wanted} after {deaths} deaths");
        if direct.database.value(IN_HAND).await == "1" {
            kill(process);
            direct.database.value(END_IT).await;
            while direct.database.value(IN_HAND).await != "0" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            deaths += 1;
            assert!(deaths < 12, "it goes on killing");
            pass_time(direct).await;
            process = spawn(direct);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kill(process);
    deaths
}

pub const PUT_ASIDE: &str = "SELECT kind, item, code, attempts FROM failing_items";

/// Invoices that are to be sent before they are known, and become known: due, one of each customer.
async fn sent_too_early(direct: &mut Direct, count: usize) {
    let mut items = Vec::new();
    for number in 0..count {
        let (id, of) = (format!("INV-{number}"), format!("ACC-{number}"));
        items.push(direct.command(
            &format!("s-{id}"),
            "invoice.mark-sent",
            &about_invoice(&id, &of),
        ));
    }
    direct.run(&items).await;
    let mut items = Vec::new();
    for number in 0..count {
        let (id, of) = (format!("INV-{number}"), format!("ACC-{number}"));
        items.push(direct.command(&format!("c-{id}"), "invoice.create", &draft(&id, &of, "5.00")));
    }
    direct.run(&items).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_command_that_kills_is_a_dead_letter_and_no_other() {
    let mut direct = Direct::new("ci_command").await;
    sent_too_early(&mut direct, 60).await;
    deadly(&direct, "invoices", "NEW.invoice_id = 'INV-33' AND NEW.sent_at IS NOT NULL").await;
    let deaths = deaths_until(&direct, "SELECT count(*) FROM waiting_commands", "0").await;
    let letters = "SELECT code, status, count(*) FROM dead_letters GROUP BY 1, 2";
    assert_eq!(direct.database.lines(letters).await, ["crash_loop|open|1"]);
    let outcome = "SELECT outcome, code FROM inbox WHERE message_id = 's-INV-33'";
    assert_eq!(direct.database.lines(outcome).await, ["dead_lettered|crash_loop"]);
    let sent = "SELECT count(*) FROM invoice_states WHERE status = 'awaiting_payment'";
    assert_eq!(direct.database.value(sent).await, "59");
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
    direct.database.execute("DROP TRIGGER deadly ON invoices").await;
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_return_that_kills_is_tried_seldom_and_the_others_at_once() {
    let mut direct = Direct::new("ci_return").await;
    for number in 0..20 {
        let (back, of) = (format!("R{number}"), format!("B{number}"));
        let item = taken_back(&mut direct, &back, &of, "40.00");
        direct.applied(item).await;
    }
    for number in 0..20 {
        let id = format!("B{number}");
        let value = bank(&format!("bank-{id}"), &credit(&id, "100.00"));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    deadly(&direct, "payment_returns", "NEW.bank_key = 'reversal:R7'").await;
    let done = "SELECT (SELECT count(*) FROM parked_returns) + 100 * count(*) FROM failing_items";
    let deaths = deaths_until(&direct, done, "101").await;
    let item = format!("return|{BANK}/reversal:R7|crash_loop|1");
    assert_eq!(direct.database.lines(PUT_ASIDE).await, [item]);
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
    let status = topup::store::views::status::read(direct.pipeline.pool()).await.expect("status");
    let failing: Vec<_> =
        status.failing.iter().map(|g| (g.kind.as_str(), g.code.as_str())).collect();
    assert_eq!(failing, [("return", "crash_loop")]);
    // Not soon again; and when the fault is gone, and its hour has come, it is done.
    direct.database.execute("DROP TRIGGER deadly ON payment_returns").await;
    let now = Clock::System.now();
    let soon = direct.at(now + TimeDelta::minutes(30)).sweep().await.expect("swept");
    assert_eq!(soon.returns_applied, 0);
    let later = direct.at(now + TimeDelta::minutes(61)).sweep().await.expect("swept");
    assert_eq!(later.returns_applied, 1);
    for table in ["failing_items", "items_in_hand", "parked_returns"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(direct.database.value(&count).await, "0", "{table}");
    }
    // Those that were done before the first death are never tried again: `prune` forgets them.
    let suspected = "SELECT count(*) FROM crash_suspects WHERE item LIKE '%R7'";
    assert_eq!(direct.database.value(suspected).await, "0");
    direct.finish().await;
}

/// Claims a tick for a runner that is dead: whoever comes takes it over.
pub async fn claimed_by_the_dead(direct: &Direct, job: Job) {
    let (pool, now) = (direct.pipeline.pool(), Clock::System.now());
    let words: Vec<&str> = Job::ALL.into_iter().map(Job::word).collect();
    jobs::ensure(pool, &words, now).await.expect("known");
    let claim = Claim {
        job: job.word(),
        scheduled_for: now,
        cause: "schedule",
        operator: None,
        as_of: now,
        owner: "dead",
        lease_until: now,
    };
    let claimed = jobs::claim(pool, claim, now).await.expect("claimed");
    assert!(matches!(claimed, Claimed::Mine(_)), "{claimed:?}");
    pass_time(direct).await;
}

/// Payments that a payer's account, known since, decides.
async fn undecided(direct: &mut Direct, count: usize) {
    let upsert = direct.command("c-1", "account.upsert", &account("ACC"));
    direct.applied(upsert).await;
    let payer = json!({ "debtor": { "account": "DE89370400440532013000" } });
    for number in 0..count {
        let id = format!("T{number:02}");
        let value = bank(&id, &with(credit(&id, "9.00"), &payer));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    let payers = json!({ "payer_accounts": ["DE89370400440532013000"] });
    let upsert = direct.command("c-2", "account.upsert", &with(account("ACC"), &payers));
    direct.applied(upsert).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_kills_rematch_is_left_out_and_no_other() {
    let mut direct = Direct::new("ci_rematch").await;
    undecided(&mut direct, 40).await;
    deadly(&direct, "money_records", "NEW.payment_id LIKE '%T17'").await;
    claimed_by_the_dead(&direct, Job::Rematch).await;
    let done = "SELECT state FROM job_runs WHERE job = 'rematch'";
    let deaths = deaths_until(&direct, done, "done").await;
    let aside = direct.database.lines("SELECT kind, code FROM failing_items").await;
    assert_eq!(aside, ["rematch|crash_loop"]);
    let decided = "SELECT count(*) FROM payments WHERE account_id = 'ACC'";
    assert_eq!(direct.database.value(decided).await, "39");
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
    direct.database.execute("DROP TRIGGER deadly ON money_records").await;
    let later = Clock::System.now() + TimeDelta::minutes(61);
    let (runner, _stop) = runner_at(&direct, later);
    let ended = runner.run_by(Job::Rematch, "alice", later).await.expect("ran");
    assert!(matches!(ended, topup::jobs::JobEnded::Done(_)), "{ended:?}");
    assert_eq!(direct.database.value(decided).await, "40");
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    direct.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_kills_the_flagging_is_left_out_and_no_other() {
    let mut direct = Direct::new("ci_candidate").await;
    long_unpaid(&mut direct, 40).await;
    deadly(&direct, "void_candidates", "NEW.invoice_id = 'INV-21'").await;
    claimed_by_the_dead(&direct, Job::FlagVoidCandidates).await;
    let done = "SELECT state FROM job_runs WHERE job = 'flag-void-candidates'";
    let deaths = deaths_until(&direct, done, "done").await;
    assert_eq!(direct.database.lines(PUT_ASIDE).await, ["candidate|INV-21|crash_loop|1"]);
    assert_eq!(direct.database.value("SELECT count(*) FROM void_candidates").await, "39");
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
    direct.finish().await;
}

/// SIGKILL at random moments of sweeps that have much in hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_from_outside_put_no_item_aside() {
    let mut direct = Direct::new("ci_outside").await;
    let count = by_length(400, 1_500);
    sent_too_early(&mut direct, count).await;
    direct
        .database
        .execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$",
        )
        .await;
    let slow = "CREATE TRIGGER slow AFTER UPDATE ON invoices EXECUTE FUNCTION slow()";
    direct.database.execute(slow).await;
    let mut state = 20_261_129_u64;
    for round in 0..by_length(8, 40) {
        let process = spawn(&direct);
        let started = std::time::Instant::now();
        // It has items in hand, or has ended them all.
        let noted = "SELECT (SELECT count(*) FROM items_in_hand WHERE lease_until > now())
            + (NOT EXISTS (SELECT FROM waiting_commands))::int";
        while direct.database.value(noted).await == "0" && started.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis((state >> 33) % 300)).await;
        kill(process);
        // Also where nobody waits half a minute, but one round.
        if round % 4 != 3 {
            pass_time(&direct).await;
        }
    }
    direct.database.execute("DROP TRIGGER slow ON invoices").await;
    pass_time(&direct).await;
    let done = "SELECT count(*) FROM waiting_commands";
    assert_eq!(deaths_until(&direct, done, "0").await, 0);
    let sent = "SELECT count(*) FROM invoice_states WHERE status = 'awaiting_payment'";
    assert_eq!(direct.database.value(sent).await, count.to_string());
    for table in ["failing_items", "dead_letters"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(direct.database.value(&count).await, "0", "{table}");
    }
    direct.finish().await;
}

/// A process that replays all letters, or goes on with a run.
fn replaying(direct: &Direct, run: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(["dead-letters", "replay", "--yes", "--rate", "0", "--operator", "ann"])
        .args(["--reason", "mended"])
        .args(run)
        .env("DATABASE_URL", &direct.database.url)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &direct.database.name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

/// A run of a replay that dies at a letter is resumed, and gets by it in the end; what stands
/// behind it in its key is left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_kills_the_replay_still_fails_and_the_others_are_applied() {
    let mut direct = Direct::new("ci_letter").await;
    for number in 0..40 {
        let of = format!("ACC-{}", number % 20);
        let data = draft(&format!("INV-{number}"), &of, "10.00");
        let broken = with(data.clone(), &json!({ "amount": "1e9" }));
        let value = command(&format!("c-{number}"), "invoice.create", &broken);
        let item = direct.item(Topic::Commands, Some(&of), value.as_bytes());
        assert_eq!(direct.run(&[item]).await[0].outcome, "dead_lettered");
        let value = command(&format!("c-{number}"), "invoice.create", &data);
        let (id, pool) = (i64::from(number) + 1, direct.pipeline.pool());
        edit(pool, id, value.as_bytes(), "ann", "amount", false).await.expect("edited");
    }
    deadly(&direct, "invoices", "NEW.invoice_id = 'INV-7'").await;
    let mut deaths = 0;
    let mut process = replaying(&direct, &["--all"]);
    let done = "SELECT count(*) FROM replay_runs WHERE state = 'done'";
    while direct.database.value(done).await != "1" {
        if direct.database.value(IN_HAND).await == "1" {
            kill(process);
            direct.database.value(END_IT).await;
            while direct.database.value(IN_HAND).await != "0" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            deaths += 1;
            assert!(deaths < 12, "it goes on killing");
            let silent = "UPDATE replay_runs SET updated_at = now() - interval '2 minutes'";
            direct.database.execute(silent).await;
            process = replaying(&direct, &["--resume", "1"]);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.wait().expect("gone");
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
    let open = "SELECT dead_letter_id FROM dead_letters WHERE status = 'open' ORDER BY 1";
    assert_eq!(direct.database.lines(open).await, ["8", "28"]);
    let acts =
        "SELECT outcome, code FROM dead_letter_acts WHERE dead_letter_id = 8 AND act = 'replay'";
    assert_eq!(direct.database.lines(acts).await, ["still_failing|crash_loop"]);
    assert_eq!(direct.database.lines(PUT_ASIDE).await, ["letter|8|crash_loop|1"]);
    direct.database.execute("DROP TRIGGER deadly ON invoices").await;
    // Who names it has it tried at once.
    let mut process = replaying(&direct, &["--id", "8"]);
    assert!(process.wait().expect("ended").success());
    assert_eq!(direct.database.lines(open).await, ["28"]);
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    direct.finish().await;
}

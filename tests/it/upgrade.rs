//! Versions are mixed while workers are updated: one meets rows that a later version wrote, and a
//! schema that is newer; a new one meets what was written before. Nothing is blamed for it, and
//! nobody is held but the customer whose row it is.

use chrono::TimeDelta;
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::domain::matching::{Policy, RuleSet};
use topup::jobs::{Job, JobEnded};
use topup::operator::simulate::{Difference, simulate};
use topup::store::load::Period;
use topup::store::views::status;
use topup::store::{StoreError, void_candidates};
use topup::wire::Topic;

use crate::crash::{kill, spawn_only};
use crate::harness::records::{
    BANK, about_invoice, about_payment, account, allocate, bank, credit, credit_saying, envelope,
    invoice, payment, with,
};
use crate::harness::{Database, Direct, World};
use crate::jobs::runner_at;
use crate::log_changes::topup;
use crate::usage::hold;

/// What a later version does to a table before it writes a word that this one does not know: the
/// table takes any word, and no trigger of this version looks at it.
async fn known_later(database: &Database, changes: &[(&str, &str)]) {
    for (table, change) in changes {
        let free = format!(
            "DO $$ DECLARE c record; BEGIN
               FOR c IN SELECT conname FROM pg_constraint
                         WHERE conrelid = '{table}'::regclass AND contype = 'c' LOOP
                 EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', c.conname);
               END LOOP; END $$"
        );
        database.execute(&free).await;
        write_as_later(database, table, change).await;
    }
}

/// A later version has another status of invoices: it replaces the view that says them. Returns the
/// view as it was.
async fn disputed(database: &Database, invoice: &str) -> String {
    let earlier = database.value("pg_get_viewdef('invoice_states'::regclass)").await;
    let columns = format!(
        "SELECT string_agg(CASE attname WHEN 'status' THEN $$CASE WHEN invoice_id = '{invoice}'
                THEN 'disputed' ELSE status END COLLATE \"C\" AS status$$
                ELSE attname::text END, ', ' ORDER BY attnum)
           FROM pg_attribute WHERE attrelid = 'invoice_states'::regclass AND attnum > 0"
    );
    let columns = database.value(&columns).await;
    let from = earlier.trim_end_matches(';');
    see(database, &format!("SELECT {columns} FROM ({from}) AS earlier")).await;
    earlier
}

async fn see(database: &Database, view: &str) {
    database.execute(&format!("CREATE OR REPLACE VIEW invoice_states AS {view}")).await;
}

async fn write_as_later(database: &Database, table: &str, change: &str) {
    for sql in [
        format!("ALTER TABLE {table} DISABLE TRIGGER USER"),
        format!("UPDATE {table} SET {change}"),
        format!("ALTER TABLE {table} ENABLE TRIGGER USER"),
    ] {
        database.execute(&sql).await;
    }
}

async fn usage(world: &World, id: &str, kind: &str, account: &str, data: &Value) {
    let value = envelope(id, "rating", &format!("topup.usage.{kind}.v1"), data);
    world.publish(&world.topics.usage, account, &value).await;
}

fn taken_back(id: &str, of: &str, amount: &str) -> Value {
    let fields = json!({
        "credit_debit": "DBIT", "reversal": true,
        "return_of": { "bank_transaction_id": of, "reason": "AC04" },
    });
    with(credit(id, amount), &fields)
}

async fn reference(world: &World, invoice: &str) -> String {
    let sql = format!("SELECT payment_reference FROM invoices WHERE invoice_id = '{invoice}'");
    world.value(&sql).await
}

/// Customers S, I, R, H and O, each with something of which a later version will write a word.
async fn customers(world: &World) {
    for name in ["S", "I", "R", "O", "F"] {
        let id = |kind: &str| format!("{kind}-{name}");
        let create = invoice(&id("INV"), name, "10.00");
        world.applied(&id("create"), "invoice.create", name, create).await;
        let record = payment(&id("PAY"), name, "10.00");
        world.applied(&id("record"), "payment.record", name, record).await;
    }
    let pair = allocate("PAY-R", "R", "INV-R");
    world.applied("allocate-R", "payment.allocate", "R", pair).await;
    usage(world, "hold-H", "hold", "H", &hold("H1", "H", "1.00")).await;
    world.outcome("hold-H").await;
    let pending = json!({ "status": "PDNG", "booking_date": "2026-11-20" });
    world.bank("known", with(credit("B-KNOWN", "4.00"), &pending)).await;
    let paid = credit_saying("B-PAID", "10.00", &reference(world, "INV-O").await);
    world.bank("paid", paid).await;
    world.outcome("paid").await;
}

const LATER: [(&str, &str); 5] = [
    ("money_records", "state = 'quarantined' WHERE payment_id = 'PAY-S'"),
    ("allocations", "rule = 'R99' WHERE payment_id = 'PAY-R'"),
    ("holds", "state = 'frozen' WHERE hold_id = 'H1'"),
    ("money_records", "disposition = 'screened' WHERE bank_key LIKE '%B-KNOWN'"),
    ("money_records", "origin = 'wallet' WHERE payment_id LIKE '%B-PAID'"),
];
const AS_BEFORE: [(&str, &str); 5] = [
    ("money_records", "state = 'on_account' WHERE payment_id = 'PAY-S'"),
    ("allocations", "rule = 'R1' WHERE payment_id = 'PAY-R'"),
    ("holds", "state = 'live' WHERE hold_id = 'H1'"),
    ("money_records", "disposition = 'not_booked' WHERE bank_key LIKE '%B-KNOWN'"),
    ("money_records", "origin = 'bank' WHERE payment_id LIKE '%B-PAID'"),
];

/// Records of each kind that meet those words, in one partition, with others behind them.
async fn meet_them(world: &World) {
    for (id, kind, name, data) in [
        ("c-S", "payment.allocate", "S", allocate("PAY-S", "S", "INV-S")),
        ("c-I", "invoice.void", "I", about_invoice("INV-I", "I")),
        ("c-I2", "payment.allocate", "I", allocate("PAY-I", "I", "INV-I")),
        (
            "c-R",
            "payment.deallocate",
            "R",
            with(about_payment("PAY-R", "R"), &json!({ "invoice_id": "INV-R" })),
        ),
        ("c-F", "payment.allocate", "F", allocate("PAY-F", "F", "INV-F")),
        ("c-G", "account.upsert", "G", account("G")),
    ] {
        world.command(id, kind, name, data).await;
    }
    let names_it = credit_saying("B-NAMES", "10.00", &reference(world, "INV-I").await);
    world.bank("b-names", names_it).await;
    world.bank("b-known", credit("B-KNOWN", "4.00")).await;
    world.bank("b-back", taken_back("B-BACK", "B-PAID", "10.00")).await;
    world.bank("b-plain", credit("B-PLAIN", "3.00")).await;
    usage(world, "u-H", "release", "H", &hold("H1", "H", "1.00")).await;
    usage(world, "u-G", "hold", "G", &hold("G1", "G", "1.00")).await;
}

/// An old worker, in a process of its own, meets the words of a later one in every way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_a_later_version_hold_nobody_and_blame_nothing() {
    let mut world = World::with_partitions("up_words", 1).await;
    world.set("USAGE__PROOF", "none");
    let process = spawn_only(&world, &[]);
    customers(&world).await;
    known_later(&world.database, &LATER).await;
    let earlier = disputed(&world.database, "INV-I").await;
    meet_them(&world).await;
    let later = || ("waiting".to_owned(), Some("needs_later_version".to_owned()));
    let applied = || ("applied".to_owned(), None);
    // Behind each of them, in the same partition, others go on.
    for id in ["c-F", "c-G", "b-plain", "u-G", "b-names", "b-back"] {
        assert_eq!(world.outcome(id).await, applied(), "{id}");
    }
    for id in ["c-S", "c-I", "c-I2", "c-R", "u-H", "b-known"] {
        assert_eq!(world.outcome(id).await, later(), "{id}");
    }
    let undecided = "SELECT state || ' ' || reason FROM payments WHERE payment_id LIKE '%B-NAMES'";
    assert_eq!(world.value(undecided).await, "parked undecided");
    let parked = "SELECT count(*) FROM parked_returns WHERE bank_key LIKE '%B-BACK'";
    assert_eq!(world.value(parked).await, "1");
    // The sweep tries them, each by itself, and blames none.
    let tried =
        "SELECT string_agg(DISTINCT code, ',') FROM failing_items HAVING sum(attempts) > 12";
    world.until(tried, "unreadable").await;
    assert_eq!(world.value("SELECT count(*) FROM dead_letters").await, "0");
    views_go_on(&world);
    for (table, change) in AS_BEFORE {
        write_as_later(&world.database, table, change).await;
    }
    see(&world.database, &earlier).await;
    let long_ago = "tried_at = now() - interval '1 hour', failed_at = now() - interval '1 hour'";
    write_as_later(&world.database, "failing_items", long_ago).await;
    write_as_later(&world.database, "parked_returns", "tried_at = parked_at").await;
    for id in ["c-S", "c-R", "u-H", "b-known"] {
        let done = format!("SELECT outcome FROM inbox WHERE message_id = '{id}'");
        world.until(&done, "applied").await;
    }
    world.until("SELECT count(*) FROM waiting_commands", "0").await;
    world.until("SELECT count(*) FROM parked_returns", "0").await;
    kill(process);
    world.finish().await;
}

/// What people look at names the word as it is stored.
fn views_go_on(world: &World) {
    for words in [
        &["payments", "list"][..],
        &["payments", "show", "PAY-S"],
        &["payments", "explain", "PAY-S"],
        &["invoices", "list"],
        &["invoices", "show", "INV-I"],
        &["balances", "show", "R"],
        &["records", "show", "c-S"],
    ] {
        topup(world, words, 0);
    }
    assert!(topup(world, &["payments", "list"], 0).contains("quarantined"));
    let status = topup(world, &["status"], 0);
    assert!(status.contains("unreadable"), "{status}");
    let keys = topup(world, &["keys", "parked"], 0);
    assert!(keys.contains("version") && keys.contains("unreadable"), "{keys}");
}

/// Jobs leave out what they cannot read, and say how much.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_leave_out_what_a_later_version_wrote() {
    let mut direct = Direct::new("up_jobs").await;
    let steps = [
        ("c-1", "invoice.create", invoice("INV-1", "A", "10.00")),
        ("c-2", "invoice.create", invoice("INV-2", "B", "20.00")),
    ];
    for (id, kind, data) in steps {
        let item = direct.command(id, kind, &data);
        direct.applied(item).await;
    }
    let reference = "SELECT payment_reference FROM invoices WHERE invoice_id = 'INV-1'";
    let reference = direct.database.value(reference).await;
    let pending = json!({ "status": "PDNG" });
    for (id, text) in [("P-1", reference.as_str()), ("P-2", "nothing")] {
        let value = bank(id, &with(credit_saying(id, "99.00", text), &pending));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    let statement = json!({
        "bank_account": BANK, "statement_id": "S-1", "currency": "SGD",
        "complete_through": Clock::System.now().to_rfc3339(),
    });
    let value = envelope("st-1", "bank-gateway", "topup.bank.statement.v1", &statement);
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.run(std::slice::from_ref(&item)).await;
    let later = [("money_records", "credit_debit = 'LOAN' WHERE bank_key LIKE '%P-1'")];
    known_later(&direct.database, &later).await;
    let first = (String::new(), String::new());
    let page = void_candidates::pending(direct.pipeline.pool(), &first, 10).await.expect("read");
    assert_eq!((page.records.len(), page.unreadable), (2, 1));
    let transactions: Vec<_> = page.records.into_iter().map(|(_, _, bank)| bank).collect();
    let named = void_candidates::named_by(direct.pipeline.pool(), &transactions).await;
    assert_eq!(named.expect("looked up"), ["INV-1"]);
    let now = Clock::System.now();
    // One of two booked payments names an invoice of a later state.
    let other = "SELECT payment_reference FROM invoices WHERE invoice_id = 'INV-2'";
    let other = direct.database.value(other).await;
    for (id, text) in [("B-1", other.as_str()), ("B-2", "nothing")] {
        let value = bank(id, &credit_saying(id, "20.00", text));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    let earlier = disputed(&direct.database, "INV-2").await;
    let period =
        Period { since: now - TimeDelta::days(1), until: Clock::System.now(), account: None };
    let rules = RuleSet::from(Policy::default());
    let tell = |_: &[Difference]| Ok::<(), StoreError>(());
    let totals = simulate(direct.pipeline.pool(), (&rules, &rules), &period, tell).await;
    let totals = totals.expect("simulated");
    assert_eq!((totals.payments, totals.unreadable), (1, 1));
    let now = Clock::System.now();
    let (runner, _stop) = runner_at(&direct, now);
    runner.prepare().await.expect("prepared");
    for job in Job::ALL {
        let ended = runner.run_by(job, "alice", now).await.expect("answered");
        assert!(matches!(ended, JobEnded::Done(_)), "{job:?}: {ended:?}");
    }
    let credit = "credit_debit = 'CRDT' WHERE bank_key LIKE '%P-1'";
    write_as_later(&direct.database, "money_records", credit).await;
    see(&direct.database, &earlier).await;
    direct.finish().await;
}

/// The schema becomes newer below a running worker: each table has one column more, and what it
/// wrote before has nothing in it. Traffic goes on, and the books are right in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_below_a_running_worker_changes_nothing() {
    let mut world = World::with_partitions("up_schema", 1).await;
    world.set("USAGE__PROOF", "none");
    let old = spawn_only(&world, &[]);
    round(&world, "one").await;
    let tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
                     AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT LIKE '\\_%'";
    for table in world.database.lines(tables).await {
        let add = format!("ALTER TABLE {table} ADD COLUMN known_later text DEFAULT 'later'");
        world.database.execute(&add).await;
    }
    round(&world, "two").await;
    // Another worker joins it, and takes over.
    let new = spawn_only(&world, &[]);
    round(&world, "three").await;
    kill(old);
    round(&world, "four").await;
    world.relayed().await;
    kill(new);
    assert_eq!(world.value("SELECT count(*) FROM dead_letters").await, "0");
    world.finish().await;
}

/// What earlier versions wrote lacks what was added since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_earlier_versions_are_read_on() {
    let mut world = World::with_partitions("up_rows", 1).await;
    world.set("USAGE__PROOF", "none");
    let old = spawn_only(&world, &[]);
    round(&world, "one").await;
    kill(old);
    for (table, change) in [
        (
            "checkpoints",
            "last_offset = NULL, last_hash = NULL, anchor_offset = NULL,
             anchor_hash = NULL",
        ),
        ("money_records", "first_policy_version = 0 WHERE first_decision_id IS NOT NULL"),
        ("further_decisions", "policy_version = 0"),
        (
            "money_records",
            "instructed_currency = NULL, instructed_amount = NULL,
             detail_index = NULL, entry_amount = NULL, entry_details = NULL",
        ),
    ] {
        write_as_later(&world.database, table, change).await;
    }
    let new = spawn_only(&world, &[]);
    round(&world, "two").await;
    // What was written before goes back.
    world.bank("back", taken_back("B-BACK", "B-one", "10.00")).await;
    assert_eq!(world.outcome("back").await, ("applied".to_owned(), None));
    world.until("SELECT count(*) FROM payment_returns", "1").await;
    kill(new);
    assert_eq!(world.value("SELECT count(*) FROM dead_letters").await, "0");
    world.finish().await;
}

/// Commands, money and usage of one customer.
async fn round(world: &World, name: &str) {
    let id = |kind: &str| format!("{kind}-{name}");
    let create = invoice(&id("INV"), name, "10.00");
    world.applied(&id("create"), "invoice.create", name, create).await;
    let said = reference(world, &id("INV")).await;
    world.bank(&id("bank"), credit_saying(&id("B"), "10.00", &said)).await;
    assert_eq!(world.outcome(&id("bank")).await, ("applied".to_owned(), None));
    let charge = crate::usage::charge(&id("U"), name, "2.50");
    usage(world, &id("usage"), "charge", name, &charge).await;
    assert_eq!(world.outcome(&id("usage")).await, ("applied".to_owned(), None));
    let paid = format!("SELECT status FROM invoice_states WHERE invoice_id = '{}'", id("INV"));
    world.until(&paid, "provisioned").await;
}

/// A letter that meets a row of a later version is not called the cause: it stays as it is, says
/// why, and is applied by who can read the row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_cannot_read_a_row_blames_no_letter() {
    let mut direct = Direct::new("up_replay").await;
    let steps = [
        ("c-1", "invoice.create", invoice("INV-1", "A", "10.00")),
        ("c-2", "payment.record", payment("PAY-1", "A", "4.00")),
    ];
    for (id, kind, data) in steps {
        let item = direct.command(id, kind, &data);
        direct.applied(item).await;
    }
    let wrong = with(allocate("PAY-1", "A", "INV-1"), &json!({ "amount": true }));
    let item = direct.command("c-3", "payment.allocate", &wrong);
    assert_eq!(direct.run(&[item]).await[0].outcome, "dead_lettered");
    let run = |words: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_topup"))
            .args(words)
            .env("DATABASE_URL", &direct.database.url)
            .env("TOPUP__KAFKA__TOPIC_PREFIX", &direct.database.name)
            .env("TOPUP_OPERATOR", "alice")
            .output()
            .expect("it starts");
        String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
    };
    let patch = r#"[{"op":"remove","path":"/data/amount"}]"#;
    let edit = ["dead-letters", "edit", "1", "--patch", patch, "--reason", "amount", "--yes"];
    let said = run(&edit);
    let state = direct.database.value("SELECT state FROM payments").await;
    let code = direct.database.value("SELECT code FROM dead_letters").await;
    known_later(&direct.database, &[("money_records", "state = 'escrowed'")]).await;
    let replay = ["dead-letters", "replay", "--id", "1", "--yes"];
    let met = run(&replay);
    assert!(met.contains("needs_later_version"), "{said} {met}");
    let letter = "SELECT status || ' ' || code FROM dead_letters";
    assert_eq!(direct.database.value(letter).await, format!("open {code}"));
    write_as_later(&direct.database, "money_records", &format!("state = '{state}'")).await;
    let met = run(&replay);
    assert!(met.contains("applied"), "{met}");
    assert_eq!(direct.database.value("SELECT count(*) FROM allocations").await, "1");
    direct.finish().await;
}

/// A suggestion, a rule set, a checkpoint and each column of words that `audit` reads have what a
/// later version wrote: jobs leave out what they cannot read and count it, views go on, and nothing
/// is called a fault of the payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_and_jobs_look_at_goes_on_beside_words_of_a_later_version() {
    let mut direct = Direct::new("up_views").await;
    for (number, of) in (1..).zip(["A", "B"]) {
        let amount = format!("{number}00.00");
        let data = invoice(&format!("INV-{number}"), of, &amount);
        let item = direct.command(&format!("c-{number}"), "invoice.create", &data);
        direct.applied(item).await;
        let id = format!("T{number}");
        let payer = json!({ "debtor": { "account": format!("PAYERX{number}") } });
        let value = bank(&id, &with(credit(&id, &amount), &payer));
        let item = direct.item(Topic::BankPayments, None, value.as_bytes());
        direct.applied(item).await;
    }
    let open = "SELECT count(*) FROM suggestions WHERE status = 'open'";
    assert_eq!(direct.database.value(open).await, "2");
    let snoozed = [("suggestions", "status = 'snoozed' WHERE payment_id LIKE '%T1'")];
    known_later(&direct.database, &snoozed).await;
    let summary = async |job: Job| {
        let now = Clock::System.now();
        let (runner, _stop) = runner_at(&direct, now);
        runner.prepare().await.expect("prepared");
        match runner.run_by(job, "alice", now).await.expect("answered") {
            JobEnded::Done(report) => report.summary,
            JobEnded::Failed(why) => format!("failed: {why}"),
            other => panic!("{job:?}: {other:?}"),
        }
    };
    let rematched = summary(Job::Rematch).await;
    assert_eq!(rematched, "1 looked at again, 0 changed, 1 failed and are left as they are");
    let failing = "SELECT kind, code FROM failing_items";
    assert_eq!(direct.database.lines(failing).await, ["rematch|unreadable"]);
    for words in [
        &["review", "list"][..],
        &["payments", "list"],
        &["payments", "show", "BANK:SG-DBS-001:T1"],
        &["payments", "explain", "BANK:SG-DBS-001:T1"],
        &["status"],
    ] {
        assert_eq!(run(&direct, words).0, Some(0), "{words:?}");
    }
    // Who confirms it is told why that cannot be, and nothing is changed.
    let id = "SELECT suggestion_id FROM suggestions WHERE payment_id LIKE '%T1'";
    let id = direct.database.value(id).await;
    let (code, said) = run(&direct, &["review", "confirm", &id, "--yes"]);
    assert!(code.is_some_and(|code| code != 0) && !said.contains("panicked"), "{code:?} {said}");
    assert_eq!(direct.database.value("SELECT count(*) FROM allocations").await, "0");
    write_as_later(&direct.database, "suggestions", "status = 'open'").await;
    // Rules that only a later version understands: nothing can be decided, and no payment, command
    // or hold is named for it.
    let later = r#"{"global":{"colour":"red"}}"#;
    for sql in [
        format!("INSERT INTO rule_sets VALUES (1, '{later}', sha256('{later}'), now(), 'a', NULL)"),
        "INSERT INTO rule_set_activations (version, activated_at, operator)
             VALUES (1, now(), 'alice')"
            .to_owned(),
        "DELETE FROM failing_items".to_owned(),
    ] {
        direct.database.execute(&sql).await;
    }
    let rematched = summary(Job::Rematch).await;
    assert_eq!(rematched, "failed: the active rule set is of a later version of this program");
    assert_eq!(direct.database.value("SELECT count(*) FROM failing_items").await, "0");
    assert_eq!(run(&direct, &["rules", "list"]).0, Some(0));
    assert_eq!(run(&direct, &["status"]).0, Some(0));
    direct.finish().await;
}

fn run(direct: &Direct, words: &[&str]) -> (Option<i32>, String) {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(words)
        .env("DATABASE_URL", &direct.database.url)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &direct.database.name)
        .env("TOPUP_OPERATOR", "alice")
        .output()
        .expect("it starts");
    (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

/// `audit` runs over words that it does not know: it may report them, and it comes to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_ends_whatever_words_are_stored() {
    let mut direct = Direct::new("up_audit").await;
    crate::usage::topped_up(&mut direct, 1, "10.00").await;
    let value = bank("b-1", &credit("T1", "10.00"));
    let item = direct.item(Topic::BankPayments, None, value.as_bytes());
    direct.applied(item).await;
    let words = "SELECT a.attrelid::regclass::text, a.attname
        FROM pg_constraint c JOIN pg_attribute a
          ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
        WHERE c.contype = 'c' AND c.coninhcount = 0 AND array_length(c.conkey, 1) = 1
          AND a.atttypid = 'text'::regtype
          AND pg_get_constraintdef(c.oid) LIKE '%= ANY (ARRAY[%'
        ORDER BY 1, 2";
    let words = direct.database.lines(words).await;
    assert!(words.len() > 20, "{words:?}");
    let backup = "SELECT count(*) FROM payments";
    assert_ne!(direct.database.value(backup).await, "0");
    for one in &words {
        let (table, column) = one.split_once('|').expect("two");
        let mut tx = direct.database.admin.begin().await.expect("begins");
        for sql in [
            format!(
                "DO $$ DECLARE c record; BEGIN
                   FOR c IN SELECT conname FROM pg_constraint
                             WHERE conrelid = '{table}'::regclass AND contype = 'c' LOOP
                     EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', c.conname);
                   END LOOP; END $$"
            ),
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            format!("UPDATE {table} SET {column} = 'known_later'"),
        ] {
            let done = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(&mut *tx).await;
            done.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        let found = topup::store::audit::run_in(&mut tx).await;
        assert!(found.is_ok(), "{one}: {found:?}");
        tx.rollback().await.expect("ends");
    }
    direct.finish().await;
}

/// Events of a type and of a kind of key that only a later version knows are published as they are.
/// A row that only a later version can unpack holds its key, and no other, until one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_goes_on_beside_rows_of_a_later_version() {
    let world = World::with_partitions("up_relay", 1).await;
    known_later(&world.database, &[("outbox", "events = events WHERE false")]).await;
    let event = r#"{"specversion":"1.0","id":"tenant:T-1:1","type":"topup.tenant.opened.v9"}"#;
    let insert = format!(
        "INSERT INTO outbox (key_kind, record_key, form, payload, events, first_sequence,
                             created_at)
         VALUES ('tenant', 'T-1', 0, '{event}', 1, 1, now()),
                ('tenant', 'T-2', 9, 'packed', 1, 1, now()),
                ('tenant', 'T-2', 0, '{event}', 1, 2, now())"
    );
    world.database.execute(&insert).await;
    let process = spawn_only(&world, &[]);
    world.applied("c-1", "account.upsert", "ACC", account("ACC")).await;
    world.until("SELECT string_agg(record_key, ' ') FROM relay_holds", "T-2").await;
    // What was written while the relay took these rows is published in its next round.
    world.until("SELECT count(*) FROM outbox_next(NULL)", "0").await;
    let hold = "SELECT code FROM relay_holds";
    assert_eq!(world.value(hold).await, "needs_later_version");
    let view = status::read(&world.database.admin).await.expect("a status").outbox;
    assert_eq!((view.unpublished, view.held), (2, 2), "{view:?}");
    let read = crate::harness::kafka::read_topic(&world.brokers, &world.topics.events).await;
    let told: Vec<String> = read
        .iter()
        .map(|one| String::from_utf8_lossy(one.value.as_deref().unwrap_or(b"")).into())
        .collect();
    assert!(told.iter().any(|one| one == event), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
    topup(&world, &["status"], 3);
    kill(process);
    world.database.execute("DELETE FROM outbox WHERE key_kind = 'tenant'").await;
    world.finish().await;
}

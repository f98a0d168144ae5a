//! Reconciliation: what statements and accounts say against what is recorded; told once, cleared
//! once, whatever order the statements come in.

use std::cell::Cell;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use topup::clock::Clock;
use topup::jobs::{Job, JobEnded};
use topup::pipeline::batch::Item;
use topup::store::reconcile::{self, Drift, Drifts};
use topup::wire::Topic;

use crate::harness::counted::{Statements, counted};
use crate::harness::records::{BANK, bank, credit, envelope, invoice, with};
use crate::harness::{Database, Direct};
use crate::jobs::runner_at;

/// A worker that is fed by hand, and what reconciliation finds.
pub struct Desk {
    pub direct: Direct,
    written: usize,
    runs: Cell<i64>,
}

impl Desk {
    pub async fn new(test: &str) -> Self {
        Self { direct: Direct::new(test).await, written: 0, runs: Cell::new(0) }
    }

    fn item(&mut self, kind: &str, data: &Value) -> Item {
        self.written += 1;
        let id = format!("b-{}", self.written);
        let value = if kind == "statement" {
            envelope(&id, "bank-gateway", "topup.bank.statement.v1", data)
        } else {
            bank(&id, data)
        };
        self.direct.item(Topic::BankPayments, None, value.as_bytes())
    }

    pub async fn feed(&mut self, kind: &str, data: &Value) {
        let item = self.item(kind, data);
        self.direct.applied(item).await;
    }

    /// Entries in one batch, some of which may be known.
    pub async fn feed_all(&mut self, entries: &[Value]) {
        let items: Vec<Item> = entries.iter().map(|data| self.item("entry", data)).collect();
        let ended = self.direct.run(&items).await;
        let taken = |outcome: &str| ["applied", "duplicate"].contains(&outcome);
        assert!(ended.iter().all(|ended| taken(ended.outcome)), "{ended:?}");
    }

    /// How a statement ends.
    pub async fn try_feed(&mut self, data: &Value) -> (String, Option<String>) {
        let item = self.item("statement", data);
        let ended = self.direct.run(std::slice::from_ref(&item)).await;
        (ended[0].outcome.to_owned(), ended[0].code.as_deref().map(str::to_owned))
    }

    /// An entry of `statement`, or of none, booked on a day of November.
    pub async fn entry(&mut self, id: &str, statement: Option<&str>, amount: &str, day: u32) {
        let date = format!("2026-11-{day:02}");
        let mut data = with(credit(id, amount), &json!({ "booking_date": date }));
        if let Some(statement) = statement {
            data = with(data, &json!({ "statement_id": statement }));
        }
        self.feed("entry", &data).await;
    }

    /// A statement of a day of November.
    pub async fn statement(&mut self, id: &str, balances: (&str, &str), entries: u32, day: u32) {
        let data = json!({
            "bank_account": BANK, "statement_id": id, "currency": "SGD", "entries": entries,
            "opening_balance": balances.0, "closing_balance": balances.1,
            "complete_through": format!("2026-11-{day:02}T23:59:59Z"),
        });
        self.feed("statement", &data).await;
    }

    pub async fn found(&self) -> Vec<Drift> {
        let now = Clock::System.now();
        let found = reconcile::find(self.direct.pipeline.pool(), now, "UTC").await.expect("found");
        assert!(!found.cut_off);
        found.drifts
    }

    pub async fn kinds(&self) -> Vec<String> {
        self.found().await.into_iter().map(|d| format!("{} {}", d.kind, d.subject)).collect()
    }

    pub async fn run(&self, as_of: DateTime<Utc>) -> String {
        // Each run is a tick of its own.
        self.runs.set(self.runs.get() + 1);
        let at = as_of + TimeDelta::milliseconds(self.runs.get());
        let (runner, _stop) = runner_at(&self.direct, at);
        runner.prepare().await.expect("prepared");
        match runner.run_by(Job::Reconcile, "alice", as_of).await.expect("ran") {
            JobEnded::Done(report) => format!("{}: {}", report.findings, report.summary),
            other => panic!("{other:?}"),
        }
    }

    /// As [`Self::run`], with sums that are made anew.
    pub async fn run_from_the_start(&self, as_of: DateTime<Utc>) -> String {
        self.runs.set(self.runs.get() + 1);
        let at = as_of + TimeDelta::milliseconds(self.runs.get());
        let (runner, _stop) = runner_at(&self.direct, at);
        match runner.reconcile_from_the_start("alice", as_of).await.expect("ran") {
            JobEnded::Done(report) => format!("{}: {}", report.findings, report.summary),
            other => panic!("{other:?}"),
        }
    }

    pub async fn told(&self, what: &str) -> String {
        let sql = format!(
            "SELECT count(*) FROM (SELECT regexp_matches(payload,
               'topup.reconciliation.drift-{what}.v1', 'g') FROM told.outbox) events"
        );
        self.direct.database.value(&sql).await
    }
}

#[tokio::test]
async fn statements_that_agree_are_no_drift_in_any_order() {
    let mut desk = Desk::new("rc_agree").await;
    desk.entry("T1", Some("S1"), "100.00", 20).await;
    desk.statement("S1", ("0.00", "100.00"), 1, 20).await;
    desk.entry("T2", Some("S2"), "50.00", 21).await;
    // The third day comes before the second.
    desk.statement("S3", ("150.00", "150.00"), 0, 22).await;
    assert_eq!(desk.kinds().await, ["statement_gap S3", "statement_missing S2"]);
    desk.statement("S2", ("100.00", "150.00"), 1, 21).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    // Our own money that goes out, and what is only announced.
    let out = json!({ "credit_debit": "DBIT", "statement_id": "S4", "booking_date": "2026-11-23" });
    desk.feed("entry", &with(credit("T3", "30.00"), &out)).await;
    let soon = json!({ "status": "PDNG", "statement_id": "S4" });
    desk.feed("entry", &with(credit("T4", "7.00"), &soon)).await;
    desk.statement("S4", ("150.00", "120.00"), 1, 23).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    desk.direct.finish().await;
}

#[tokio::test]
async fn entries_that_name_no_statement_belong_to_the_days_of_one() {
    let mut desk = Desk::new("rc_days").await;
    desk.entry("T1", None, "100.00", 19).await;
    desk.entry("T2", None, "20.00", 20).await;
    desk.statement("S1", ("0.00", "120.00"), 2, 20).await;
    desk.entry("T3", None, "5.00", 22).await;
    desk.statement("S2", ("120.00", "125.00"), 1, 22).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    desk.direct.finish().await;
}

/// Sums of very many, or very large, amounts are larger than one amount may be: what is told of
/// the one statement is cut, and the differences of all others are told.
#[tokio::test]
async fn a_sum_beyond_all_amounts_hides_no_other_difference() {
    let mut desk = Desk::new("rc_large").await;
    let most = "999999999999.99";
    for number in 0..12 {
        desk.entry(&format!("T{number}"), Some("S1"), most, 20).await;
    }
    desk.statement("S1", ("0.00", "100.00"), 12, 20).await;
    let elsewhere = json!({
        "bank_account": "OTHER", "statement_id": "S2", "currency": "SGD", "entries": 0,
        "opening_balance": "0.00", "closing_balance": "50.00",
        "complete_through": "2026-11-20T23:59:59Z",
    });
    desk.feed("statement", &elsewhere).await;
    let found = desk.found().await;
    let told: Vec<(&str, i64)> = found.iter().map(|d| (d.of.as_str(), d.difference)).collect();
    assert_eq!(told, [("OTHER", -50_000_000), (BANK, 9_000_000_000_000_000_000)]);
    assert!(found[1].detail.contains("sum to 11999999999999.88,"), "{}", found[1].detail);
    assert_eq!(desk.run(Clock::System.now()).await, "2: 2 drifts, 2 new, 0 gone");
    desk.direct.finish().await;
}

/// The list that explains a difference has what the difference counts, and says why.
#[tokio::test]
async fn the_entries_of_a_statement_are_those_that_it_counts() {
    let mut desk = Desk::new("rc_entries").await;
    desk.statement("S1", ("0.00", "100.00"), 1, 20).await;
    desk.entry("T1", Some("S1"), "100.00", 20).await;
    desk.statement("S2", ("100.00", "157.00"), 2, 21).await;
    desk.entry("T2", Some("S2"), "50.00", 21).await;
    desk.entry("T3", None, "7.00", 21).await;
    desk.entry("T4", None, "9.00", 22).await;
    let soon = json!({ "status": "PDNG", "statement_id": "S2", "booking_date": "2026-11-21" });
    desk.feed("entry", &with(credit("T5", "1.00"), &soon)).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    let pool = desk.direct.pipeline.pool();
    let listed = reconcile::entries(pool, BANK, "S2", "UTC").await.expect("listed");
    let listed: Vec<(&str, bool, bool)> =
        listed.iter().map(|e| (e.bank_key.as_str(), e.named, e.counted)).collect();
    let expected = [("id:T2", true, true), ("id:T3", false, true), ("id:T5", true, false)];
    assert_eq!(listed, expected);
    desk.direct.finish().await;
}

#[tokio::test]
async fn what_is_missing_double_or_issued_again_is_found_told_once_and_cleared_once() {
    let mut desk = Desk::new("rc_drift").await;
    desk.entry("T1", Some("S1"), "100.00", 20).await;
    desk.statement("S1", ("0.00", "160.00"), 2, 20).await;
    let found = desk.found().await;
    let rows: Vec<(&str, i64)> = found.iter().map(|d| (d.kind.as_str(), d.difference)).collect();
    assert_eq!(rows, [("statement_entries", -1), ("statement_sum", -60_000_000)]);
    assert!(found[1].detail.contains("1 recorded entries sum to 100.00,"), "{}", found[1].detail);
    let first = Clock::System.now();
    assert_eq!(desk.run(first).await, "2: 2 drifts, 2 new, 0 gone");
    let second = first + TimeDelta::seconds(1);
    assert_eq!(desk.run(second).await, "2: 2 drifts, 0 new, 0 gone");
    assert_eq!((desk.told("found").await, desk.told("cleared").await), ("2".into(), "0".into()));
    // The entry that was missing comes, and the same statement under another name.
    desk.entry("T2", Some("S1"), "60.00", 20).await;
    desk.statement("S1-COPY", ("0.00", "160.00"), 2, 20).await;
    assert_eq!(desk.kinds().await, ["statement_double S1-COPY"]);
    let third = Clock::System.now() + TimeDelta::seconds(2);
    assert_eq!(desk.run(third).await, "1: 1 drifts, 1 new, 2 gone");
    assert_eq!((desk.told("found").await, desk.told("cleared").await), ("3".into(), "2".into()));
    // Of an earlier instant it only reports.
    assert!(desk.run(first).await.ends_with("nothing told"));
    // Issued again for its day: what it said before is kept, the chain is that of the new one.
    desk.statement("S1-COPY", ("160.00", "160.00"), 0, 20).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    let issues = "SELECT statement_id, issue, closing_balance FROM bank_statement_issues";
    assert_eq!(desk.direct.database.lines(issues).await, ["S1-COPY|1|160000000"]);
    desk.direct.finish().await;
}

/// Of what was cut off nothing is known, so no episode ends by it.
#[tokio::test]
async fn what_was_cut_off_ends_no_episode() {
    let mut desk = Desk::new("rc_cut").await;
    desk.statement("S1", ("0.00", "1.00"), 0, 20).await;
    let first = Clock::System.now();
    assert_eq!(desk.run(first).await, "1: 1 drifts, 1 new, 0 gone");
    let at = first + TimeDelta::seconds(1);
    for (cut_off, cleared) in [(true, 0), (false, 1)] {
        let found = Drifts { drifts: Vec::new(), cut_off };
        let mut tx = desk.direct.pipeline.pool().begin().await.expect("begin");
        let changed = reconcile::change_in_tx(&mut tx, &found, at).await.expect("changed");
        assert_eq!((changed.cleared, changed.facts.len()), (cleared, cleared));
        tx.rollback().await.expect("rollback");
    }
    desk.direct.finish().await;
}

/// How `topup reconcile` ends.
fn exit_code(database: &Database) -> Option<i32> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_topup"));
    let output = command.arg("reconcile").env("DATABASE_URL", &database.url).output();
    output.expect("it starts").status.code()
}

/// What no worker does: rows are changed behind its back, and changed back.
#[tokio::test]
async fn each_table_of_an_account_is_held_against_the_others() {
    let mut desk = Desk::new("rc_books").await;
    let item = desk.direct.command("c-1", "invoice.create", &invoice("INV-1", "ACC", "100.00"));
    desk.direct.applied(item).await;
    let text = json!({ "remittance": { "unstructured": ["INV-1"] } });
    desk.feed("entry", &with(credit("T1", "100.00"), &text)).await;
    assert_eq!(desk.kinds().await, [""; 0]);
    let database = &desk.direct.database;
    assert_eq!(exit_code(database), Some(0));
    for (change, undo, kinds) in [
        (
            "UPDATE lots SET remaining = remaining - 5",
            "UPDATE lots SET remaining = remaining + 5",
            vec!["account_lots SGD"],
        ),
        (
            "UPDATE accounts SET balance = balance - 5",
            "UPDATE accounts SET balance = balance + 5",
            vec!["account_ledger SGD", "account_lots SGD"],
        ),
        (
            "SET session_replication_role = replica; UPDATE allocations SET reversed = amount,
               clawed_back = amount, reversed_at = now(); RESET session_replication_role",
            "SET session_replication_role = replica; UPDATE allocations SET reversed = 0,
               clawed_back = NULL, reversed_at = NULL; RESET session_replication_role",
            vec!["account_invoices SGD", "account_payments SGD"],
        ),
        (
            "UPDATE payments SET amount = amount + 5, state = 'partly_allocated'",
            "UPDATE payments SET amount = amount - 5, state = 'allocated'",
            vec!["bank_payments SGD"],
        ),
    ] {
        database.execute(change).await;
        assert_eq!(desk.kinds().await, kinds, "{change}");
        assert_eq!(exit_code(database), Some(3), "{change}");
        database.execute(undo).await;
    }
    assert_eq!(desk.kinds().await, [""; 0]);
    desk.direct.finish().await;
}

impl Desk {
    /// A statement in a currency, complete to the end of a day.
    pub async fn stated(
        &mut self,
        id: &str,
        currency: &str,
        sums: (&str, &str),
        entries: u32,
        day: &str,
    ) {
        let data = json!({
            "bank_account": "SG-DBS-001", "statement_id": id, "currency": currency,
            "opening_balance": sums.0, "closing_balance": sums.1, "entries": entries,
            "complete_through": format!("{day}T23:00:00Z"),
        });
        self.feed("statement", &data).await;
    }

    pub async fn booked(
        &mut self,
        id: &str,
        statement: Option<&str>,
        money: (&str, &str),
        day: &str,
    ) {
        let fields = json!({
            "statement_id": statement, "currency": money.1, "booking_date": day,
        });
        self.feed("entry", &with(credit(id, money.0), &fields)).await;
    }
}

#[tokio::test]
async fn a_statement_is_told_apart_by_its_currency() {
    let mut desk = Desk::new("rc_currency").await;
    desk.booked("A", Some("S-1"), ("40.03", "SGD"), "2026-11-20").await;
    desk.stated("S-1", "SGD", ("0.00", "40.03"), 1, "2026-11-20").await;
    desk.booked("B", Some("S-1"), ("25.00", "USD"), "2026-11-20").await;
    desk.stated("S-1", "USD", ("0.00", "25.00"), 1, "2026-11-20").await;
    desk.booked("C", Some("S-2"), ("1.00", "USD"), "2026-11-20").await;
    desk.stated("S-2", "SGD", ("40.03", "40.03"), 0, "2026-11-21").await;
    assert_eq!(desk.kinds().await, [""; 0]);
    let stored =
        "SELECT string_agg(currency || ' ' || (closing_balance / 10000)::bigint, ', ' ORDER BY
                      statement_id, currency) FROM bank_statements";
    assert_eq!(desk.direct.database.value(stored).await, "SGD 4003, USD 2500, SGD 4003");
    assert_eq!(desk.direct.database.value("SELECT count(*) FROM bank_statement_issues").await, "0");
    desk.direct.finish().await;
}

#[tokio::test]
async fn a_number_that_the_bank_uses_again_each_year_is_another_statement() {
    let mut desk = Desk::new("rc_year").await;
    desk.booked("A", Some("1"), ("50.02", "SGD"), "2025-01-02").await;
    desk.stated("1", "SGD", ("0.00", "50.02"), 1, "2025-01-02").await;
    desk.booked("B", Some("2"), ("70.00", "SGD"), "2025-01-03").await;
    desk.stated("2", "SGD", ("50.02", "120.02"), 1, "2025-01-03").await;
    desk.booked("C", Some("1"), ("30.00", "SGD"), "2026-01-02").await;
    desk.stated("1", "SGD", ("120.02", "150.02"), 1, "2026-01-02").await;
    assert_eq!(desk.kinds().await, [""; 0]);
    desk.booked("D", Some("1"), ("5.00", "SGD"), "2026-01-02").await;
    assert_eq!(desk.kinds().await, ["statement_entries 1@2026", "statement_sum 1@2026"]);
    // Issued again: of that year, and of no other.
    desk.stated("1", "SGD", ("120.02", "155.02"), 2, "2026-01-02").await;
    assert_eq!(desk.kinds().await, [""; 0]);
    assert_eq!(desk.direct.database.value("SELECT count(*) FROM bank_statements").await, "3");
    desk.direct.finish().await;
}

/// Some banks begin again each month, or use one number for all.
#[tokio::test]
async fn a_number_that_the_bank_uses_again_within_a_year_is_another_statement() {
    let mut desk = Desk::new("rc_within").await;
    for (month, id, sums) in
        [(1, "A", ("0.00", "50.02")), (2, "B", ("50.02", "120.02")), (3, "C", ("120.02", "150.02"))]
    {
        let amount = ["50.02", "70.00", "30.00"][month - 1];
        let day = format!("2026-{month:02}-05");
        desk.booked(id, Some("1"), (amount, "SGD"), &day).await;
        desk.stated("1", "SGD", sums, 1, &day).await;
    }
    assert_eq!(desk.kinds().await, [""; 0]);
    assert_eq!(desk.direct.database.value("SELECT count(*) FROM bank_statements").await, "3");
    // Only the one that is issued again for its day is replaced.
    desk.stated("1", "SGD", ("50.02", "125.02"), 2, "2026-02-05").await;
    let kinds = ["statement_entries 1@2026-02-05", "statement_gap 1@2026-03-05"];
    let found = desk.kinds().await;
    assert!(kinds.iter().all(|kind| found.iter().any(|one| one == kind)), "{found:?}");
    desk.stated("1", "SGD", ("50.02", "120.02"), 1, "2026-02-05").await;
    assert_eq!(desk.kinds().await, [""; 0]);
    assert_eq!(desk.direct.database.value("SELECT count(*) FROM bank_statements").await, "3");
    desk.direct.finish().await;
}

/// Daily statements, and one of the whole month over the same entries: nothing counts twice, named
/// or not; and a month that says something else than its days is a difference.
#[tokio::test]
async fn a_statement_over_the_same_entries_counts_nothing_twice() {
    for (test, named) in [("rc_month_named", true), ("rc_month_days", false)] {
        let mut desk = Desk::new(test).await;
        let mut open = 0;
        for day in 1..=4 {
            let (date, id) = (format!("2026-10-{day:02}"), format!("D{day}"));
            desk.booked(&format!("T{day}"), named.then_some(id.as_str()), ("10.00", "SGD"), &date)
                .await;
            let sums = (format!("{open}.00"), format!("{}.00", open + 10));
            desk.stated(&id, "SGD", (&sums.0, &sums.1), 1, &date).await;
            open += 10;
        }
        desk.stated("M10", "SGD", ("0.00", "40.00"), 4, "2026-10-04").await;
        desk.booked("T5", named.then_some("D5"), ("2.00", "SGD"), "2026-11-01").await;
        desk.stated("D5", "SGD", ("40.00", "42.00"), 1, "2026-11-01").await;
        assert_eq!(desk.kinds().await, [""; 0], "{test}");
        desk.stated("M10", "SGD", ("0.00", "39.00"), 4, "2026-10-04").await;
        assert!(!desk.kinds().await.is_empty(), "{test}");
        desk.direct.finish().await;
    }
}

/// A bank books an entry of 0.00 to say something, and its statement counts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_nothing_are_counted_and_move_nothing() {
    let mut desk = Desk::new("rc_nothing").await;
    desk.entry("T1", Some("S1"), "100.10", 20).await;
    desk.entry("T2", Some("S1"), "0.00", 20).await;
    let debit = json!({ "credit_debit": "DBIT", "booking_date": "2026-11-20" });
    desk.feed("entry", &with(credit("T3", "0"), &debit)).await;
    desk.feed("entry", &with(credit("T4", "0.000"), &json!({ "status": "PDNG" }))).await;
    desk.statement("S1", ("0.00", "100.10"), 3, 20).await;
    assert_eq!(desk.kinds().await, Vec::<String>::new());
    // An entry that was booked as one sum of nothing: what came and went.
    for (index, way, amount) in [(1, "CRDT", "5.00"), (2, "DBIT", "5.00"), (3, "CRDT", "0.00")] {
        let detail = json!({
            "detail_index": index, "entry_amount": "0.00", "entry_details": 3,
            "statement_id": "S2", "credit_debit": way, "booking_date": "2026-11-21",
        });
        desk.feed("entry", &with(credit("T5", amount), &detail)).await;
    }
    desk.statement("S2", ("100.10", "100.10"), 1, 21).await;
    assert_eq!(desk.kinds().await, Vec::<String>::new());
    let said = "SELECT disposition, count(*) FROM bank_transactions GROUP BY 1 ORDER BY 1";
    let expected = ["no_money|3", "not_booked|1", "outgoing|1", "payment|2"];
    assert_eq!(desk.direct.database.lines(said).await, expected);
    desk.direct.finish().await;
}

/// The days of all years and bank accounts are not in memory at a time: those of one account are.
#[tokio::test]
async fn what_one_statement_returns_is_of_one_bank_account() {
    const DAYS: u32 = 20;
    let mut desk = Desk::new("rc_pages").await;
    let accounts = [BANK, "SG-DBS-002", "SG-DBS-003", "SG-DBS-004"];
    for bank_account in accounts {
        let entries: Vec<Value> = (1..=DAYS)
            .map(|day| {
                let date = format!("2026-10-{day:02}");
                let of = json!({ "bank_account": bank_account, "booking_date": date });
                with(credit(&format!("T{day}"), "10.00"), &of)
            })
            .collect();
        desk.feed_all(&entries).await;
        // Of one account more than is recorded; of one that has nothing else, too.
        let said = if bank_account == "SG-DBS-003" { "250.00" } else { "200.00" };
        let data = json!({
            "bank_account": bank_account, "statement_id": "S1", "currency": "SGD",
            "entries": DAYS, "opening_balance": "0.00", "closing_balance": said,
            "complete_through": format!("2026-10-{DAYS}T23:59:59Z"),
        });
        desk.feed("statement", &data).await;
    }
    let data = json!({
        "bank_account": "SG-DBS-009", "statement_id": "S1", "currency": "SGD", "entries": 1,
        "opening_balance": "0.00", "closing_balance": "5.00",
        "complete_through": format!("2026-10-{DAYS}T23:59:59Z"),
    });
    desk.feed("statement", &data).await;
    let pool = counted(desk.direct.pipeline.pool()).await;
    let statements = Statements::new();
    let found = reconcile::find(&pool, Clock::System.now(), "UTC").await.expect("found");
    let of: Vec<String> = found.drifts.iter().map(|d| format!("{} {}", d.kind, d.of)).collect();
    let expected =
        ["statement_entries SG-DBS-009", "statement_sum SG-DBS-003", "statement_sum SG-DBS-009"];
    assert_eq!(of, expected);
    let widest = statements.take_widest();
    assert_eq!(widest, u64::from(DAYS), "rows of one statement");
    pool.close().await;
    desk.direct.finish().await;
}

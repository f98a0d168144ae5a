//! What a batch reads does not grow with what a customer or the book has. Rows are counted, not
//! seconds: the same batches are decided in a small world and in one of a hundred times its size.

use serde_json::json;
use sqlx::Row;
use topup::clock::Clock;
use topup::pipeline::Pipeline;
use topup::pipeline::batch::Item;
use topup::store::sql::STATEMENTS;
use topup::store::{ConnectOptions, Tx, connect};
use topup::wire::Topic;

use crate::harness::Direct;
use crate::harness::counted::{Statements, counted};
use crate::harness::records::{
    BANK, about_invoice, about_payment, account, allocate, bank, command, credit, credit_saying,
    envelope, invoice, payment, with,
};
use crate::plans;
use crate::usage::{charge, hold, refund};

const SMALL: usize = 10;
const LARGE: usize = 100 * SMALL;
/// Records of a measured batch.
const BATCH: usize = 10;
/// The customer who has most of the world.
const BIG: &str = "BIG";
const PAYER: &str = "DE89370400440532013000";

/// A record before it has a place: topic, id and text.
type Draft = (Topic, String);

fn cmd(id: &str, kind: &str, data: &serde_json::Value) -> Draft {
    (Topic::Commands, command(id, kind, data))
}

fn money(id: &str, data: &serde_json::Value) -> Draft {
    (Topic::BankPayments, bank(id, data))
}

fn used(id: &str, kind: &str, data: &serde_json::Value) -> Draft {
    (Topic::Usage, envelope(id, "rating", &format!("topup.usage.{kind}.v1"), data))
}

/// Cents that nothing else in the world has.
fn odd(number: usize) -> String {
    format!("{}.{:02}", 1_000 + number / 100, number % 100)
}

/// `size` of everything that one customer and the book may have.
fn world(size: usize) -> Vec<Draft> {
    let mut records = Vec::new();
    let payers = json!({ "payer_accounts": [PAYER] });
    records.push(cmd("w-big", "account.upsert", &with(account(BIG), &payers)));
    let by_payer = json!({ "debtor": { "account": PAYER, "name": "BIG LTD" } });
    for n in 0..size {
        let id = |kind: &str| format!("w-{kind}-{n}");
        // Open invoices of one customer, of the whole book, and of one amount.
        let own = invoice(&format!("INV-B-{n}"), BIG, &odd(n));
        records.push(cmd(&id("own"), "invoice.create", &own));
        let other = invoice(&format!("INV-O-{n}"), &format!("OTHER-{n}"), "100.00");
        let given = format!("7d9f0335a1f24c0c8f60{n:012x}");
        let other =
            with(other, &json!({ "references": [{ "reference": given, "scheme": "txid" }] }));
        records.push(cmd(&id("other"), "invoice.create", &other));
        // Money on account, parked, announced, taken back before it came.
        let held = with(credit(&format!("HELD-{n}"), &odd(500_000 + n)), &by_payer);
        records.push(money(&id("held"), &held));
        let parked = credit_saying(&format!("PARK-{n}"), &odd(600_000 + n), "thank you");
        records.push(money(&id("parked"), &parked));
        let pending = with(credit(&format!("PEND-{n}"), &odd(n)), &json!({ "status": "PDNG" }));
        records.push(money(&id("pending"), &pending));
        let orphan = taken_back(&format!("ORPHAN-{n}"), &format!("NEVER-{n}"), "5.00");
        records.push(money(&id("orphan"), &orphan));
        // What is told of money that does not come.
        records.push(told(&id("told"), n));
        // What was paid by hand, and what is used of it.
        let paid = invoice(&format!("INV-P-{n}"), BIG, "30.00");
        records.push(cmd(&id("paid"), "invoice.create", &paid));
        records.push(cmd(&id("pay"), "payment.record", &payment(&format!("P-{n}"), BIG, "30.00")));
        let link = allocate(&format!("P-{n}"), BIG, &format!("INV-P-{n}"));
        records.push(cmd(&id("link"), "payment.allocate", &link));
        records.push(used(&id("use"), "charge", &charge(&format!("U-{n}"), BIG, "0.10")));
        records.push(used(&id("hold"), "hold", &hold(&format!("H-{n}"), BIG, "0.01")));
        // Commands that wait for what never comes.
        let waits = about_invoice(&format!("NONE-{n}"), &format!("WAITS-{n}"));
        records.push(cmd(&id("waits"), "invoice.mark-sent", &waits));
    }
    if size == 0 {
        return records;
    }
    // A charge that burnt two lots, of a customer of its own.
    for n in 0..2 {
        let id = |kind: &str| format!("w-{kind}-wide-{n}");
        let (paid, billed) = (format!("P-W-{n}"), format!("INV-W-{n}"));
        records.push(cmd(&id("bill"), "invoice.create", &invoice(&billed, "WIDE", "17.00")));
        records.push(cmd(&id("pay"), "payment.record", &payment(&paid, "WIDE", "17.00")));
        records.push(cmd(&id("link"), "payment.allocate", &allocate(&paid, "WIDE", &billed)));
    }
    records.push(used("w-use-wide", "charge", &charge("U-WIDE", "WIDE", "25.00")));
    records
}

fn taken_back(id: &str, of: &str, amount: &str) -> serde_json::Value {
    let back = json!({
        "credit_debit": "DBIT", "reversal": true,
        "return_of": { "bank_transaction_id": of, "reason": "AC04" },
    });
    with(credit(id, amount), &back)
}

/// Advice of money of the big customer, by its payer's account and by a reference.
fn told(record: &str, n: usize) -> Draft {
    let mut data = json!({
        "advice_id": format!("ADV-{n}"), "bank_account": BANK, "payer_account": PAYER,
        "amount": odd(900_000 + n), "currency": "SGD",
        "invoices": [{ "invoice_id": format!("TOLD-{n}"), "amount": odd(900_000 + n) }],
    });
    if n % 2 == 1 {
        data = with(data, &json!({ "payment_reference": format!("OF-{n}") }));
    }
    let kind = "topup.remittance.advice.v1";
    (Topic::BankPayments, envelope(record, "lockbox", kind, &data))
}

type Probe = (&'static str, Vec<Draft>);

/// Each kind of batch with what it is called.
fn probes() -> Vec<Probe> {
    [of_invoices_and_names(), of_money(), of_the_rest()].concat()
}

fn each(make: impl Fn(usize) -> Draft) -> Vec<Draft> {
    (0..BATCH).map(make).collect()
}

fn rec(kind: &str, n: usize) -> String {
    format!("p-{kind}-{n}")
}

fn by_payer() -> serde_json::Value {
    json!({ "debtor": { "account": PAYER, "name": "BIG LTD" } })
}

fn of_invoices_and_names() -> Vec<Probe> {
    vec![
        (
            "invoices of new amounts, for the customer with money on account",
            each(|n| {
                let made = invoice(&format!("NEW-{n}"), BIG, &odd(700_000 + n));
                cmd(&rec("new", n), "invoice.create", &made)
            }),
        ),
        (
            "invoices of a common amount",
            each(|n| {
                let made = invoice(&format!("COM-{n}"), &format!("OTHER-{n}"), "100.00");
                cmd(&rec("com", n), "invoice.create", &made)
            }),
        ),
        (
            "money that names an invoice",
            each(|n| {
                let text = format!("invoice INV-B-{n} thank you");
                money(&rec("named", n), &credit_saying(&format!("NAMED-{n}"), &odd(n), &text))
            }),
        ),
        (
            "money of a known payer that fits",
            each(|n| {
                money(&rec("fits", n), &with(credit(&format!("FITS-{n}"), &odd(n)), &by_payer()))
            }),
        ),
        (
            "money of a known payer that fits nothing",
            each(|n| {
                let data = with(credit(&format!("ODD-{n}"), &odd(800_000 + n)), &by_payer());
                money(&rec("odd", n), &data)
            }),
        ),
        (
            "money of nobody, of a common amount",
            each(|n| money(&rec("nobody", n), &credit(&format!("NOBODY-{n}"), "100.00"))),
        ),
    ]
}

fn of_money() -> Vec<Probe> {
    vec![
        (
            "money with words that nobody knows",
            each(|n| {
                let text = format!("AB-{n}-1 CD-{n}-2 EF-{n}-3 GH-{n}-4");
                money(&rec("words", n), &credit_saying(&format!("WORDS-{n}"), "77.70", &text))
            }),
        ),
        (
            "money that was announced",
            each(|n| money(&rec("booked", n), &credit(&format!("PEND-{n}"), &odd(n)))),
        ),
        (
            "money that the bank gives no id",
            each(|n| {
                let none = json!({ "bank_transaction_id": null });
                money(&rec("nameless", n), &with(credit("-", &odd(n)), &none))
            }),
        ),
        (
            "money recorded by hand and allocated",
            (0..BATCH / 2)
                .flat_map(|n| {
                    let paid = payment(&format!("HAND-{n}"), BIG, &odd(n));
                    let link = allocate(&format!("HAND-{n}"), BIG, &format!("INV-B-{n}"));
                    [
                        cmd(&rec("hand", n), "payment.record", &paid),
                        cmd(&rec("handed", n), "payment.allocate", &link),
                    ]
                })
                .collect(),
        ),
        (
            "money that goes back by command",
            each(|n| {
                let data = about_payment(&format!("P-{n}"), BIG);
                cmd(&rec("remove", n), "payment.remove", &data)
            }),
        ),
        (
            "money that the bank takes back",
            each(|n| {
                let data = taken_back(&format!("BACK-{n}"), &format!("HELD-{n}"), "5.00");
                money(&rec("back", n), &data)
            }),
        ),
        (
            "money that the bank takes back and nobody knows",
            each(|n| {
                let data = taken_back(&format!("LOST-{n}"), &format!("LOST-OF-{n}"), "5.00");
                money(&rec("lost", n), &data)
            }),
        ),
    ]
}

fn of_the_rest() -> Vec<Probe> {
    vec![
        (
            "invoices that are voided",
            each(|n| {
                let data = about_invoice(&format!("INV-B-{n}"), BIG);
                cmd(&rec("void", n), "invoice.void", &data)
            }),
        ),
        (
            "a customer's payers, own accounts and limits, again",
            each(|n| {
                let lists = json!({
                    "payer_accounts": [PAYER, format!("SG00{n:04}77")],
                    "virtual_accounts": [format!("VA{n:04}77")],
                    "credit_limits": { "SGD": "5.00" },
                });
                cmd(&rec("upsert", n), "account.upsert", &with(account(BIG), &lists))
            }),
        ),
        (
            "charges",
            each(|n| used(&rec("c", n), "charge", &charge(&format!("NU-{n}"), BIG, "0.01"))),
        ),
        (
            "refunds of charges",
            each(|n| {
                let data = refund(&format!("R-{n}"), &format!("U-{n}"), BIG, "0.01");
                used(&rec("r", n), "refund", &data)
            }),
        ),
        (
            "a refund of what two lots gave",
            vec![used("r-wide", "refund", &refund("R-WIDE", "U-WIDE", "WIDE", "9.00"))],
        ),
        ("advices of money that has not come", each(|n| told(&rec("told", n), 50_000 + n))),
        ("holds", each(|n| used(&rec("h", n), "hold", &hold(&format!("NH-{n}"), BIG, "0.01")))),
        (
            "statements",
            each(|n| {
                let data = json!({
                    "bank_account": BANK, "statement_id": format!("ST-{n}"), "currency": "SGD",
                    "entries": 1, "opening_balance": "0.00", "closing_balance": "1.00",
                    "complete_through": "2026-11-21T00:00:00Z",
                });
                let kind = "topup.bank.statement.v1";
                (Topic::BankPayments, envelope(&rec("st", n), "bank-gateway", kind, &data))
            }),
        ),
    ]
}

/// A world with connections as the worker has them.
pub async fn build(name: &str, size: usize) -> Direct {
    let mut direct = Direct::new(name).await;
    let options = ConnectOptions { by_index: true, ..ConnectOptions::new(&direct.database.url) };
    let pool = connect(&options).await.expect("a pool");
    direct.pipeline.pool().close().await;
    let settings = direct.pipeline.settings().clone();
    direct.pipeline = Pipeline::new(pool, settings, Clock::System);
    let items = placed(&mut direct, world(size));
    for batch in items.chunks(1_000) {
        direct.run(batch).await;
    }
    direct.database.execute("VACUUM ANALYZE").await;
    direct
}

/// Each record at the next place of its log.
pub fn placed(direct: &mut Direct, records: Vec<Draft>) -> Vec<Item> {
    records.into_iter().map(|(topic, text)| direct.item(topic, None, text.as_bytes())).collect()
}

/// The rows that this transaction's statements and triggers have read, per table.
async fn read(tx: &mut Tx<'_>) -> Vec<(String, i64)> {
    let sql = "SELECT relname::text, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
        FROM pg_stat_xact_user_tables ORDER BY 1";
    let rows = sqlx::query(sql).fetch_all(&mut **tx).await.expect("statistics");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Decides a batch and takes all back. Returns what it read, per table, and how it ended.
async fn measure(direct: &mut Direct, records: &[Draft]) -> (Vec<(String, i64)>, String) {
    let items = placed(direct, records.to_vec());
    measure_items(direct, &items).await
}

/// The same for records that have a place already.
pub async fn measure_items(direct: &Direct, items: &[Item]) -> (Vec<(String, i64)>, String) {
    let mut tx = direct.pipeline.pool().begin().await.expect("begin");
    let before = read(&mut tx).await;
    let ended = direct.run_in(&mut tx, items).await.expect("processed");
    let after = read(&mut tx).await;
    tx.rollback().await.expect("rollback");
    let known: std::collections::BTreeMap<String, i64> = before.into_iter().collect();
    let read = after
        .into_iter()
        .map(|(table, rows)| {
            let earlier = known.get(&table).copied().unwrap_or(0);
            (table, rows - earlier)
        })
        .filter(|(_, rows)| *rows > 0)
        .collect();
    // Why a step back is refused depends on what else there is; that it is refused does not.
    let mut ends: Vec<String> = ended.iter().map(|end| end.outcome.to_owned()).collect();
    ends.sort();
    ends.dedup();
    (read, ends.join(", "))
}

/// Statements that are not measured here nor in `plans`, by how their names begin, and why.
const NOT_MEASURED: [(&str, &str); 46] = [
    ("audit_", "the audit proves the whole book"),
    ("authority_note", "one row"),
    ("bank_feeds_", "one row of each bank account"),
    ("candidates_flag", "the rows that it is given"),
    ("candidates_unflag", "the rows that it is given"),
    ("check_constraints_now", "reads nothing"),
    ("checkpoint_", "one row of each partition"),
    ("clear_candidates", "the rows that it is given"),
    ("clock_now", "reads nothing"),
    ("close_accounts", "the rows that it is given"),
    ("crash_guard_", "one row of each partition"),
    ("crash_suspects_", "what was in hand at a death"),
    ("dead_letter", "an operator's act on letters, in pages or by their numbers"),
    ("drifts_", "what the daily report found"),
    ("failing_", "the items that it is given, or that nobody tried for a day"),
    ("feed_partitions_tell", "one row of each partition"),
    ("forget_", "a person asks, or the daily job: in pages, from one end to the other"),
    ("in_hand_", "what a process has in hand"),
    ("inbox_update", "the rows that it is given"),
    ("insert_", "the rows that it is given"),
    ("job", "one row of each job and run"),
    ("letter_copies_", "the copies that it is given"),
    ("load_announced_late", "the bookings of a week, by a summary of each few pages"),
    ("lock_bank_facts", "reads nothing"),
    ("log_change_settle", "an operator's act on one row"),
    ("operator_command_note", "one row"),
    ("operator_command_unread", "the commands of a day about the same things"),
    ("compare_", "a job, in pages, once a day: what grows is asked for by its plan"),
    ("outbox_range", "the few ranges; one that goes is counted once"),
    ("outbox_", "the rows that it is given"),
    ("parked_return_tried", "one row"),
    ("partition_states_tell", "one row of each partition"),
    ("past_", "a simulation reads the period that it is asked for, in pages"),
    ("prune_mark", "one row of each table"),
    ("raise_books", "the rows that it is given"),
    ("reconcile_", "the report compares whole days and balances, in pages, once a day"),
    ("relay_holds_", "the keys that it is given"),
    ("replay_run_", "one row of a run"),
    ("rule_sets_", "a few rule sets"),
    ("server_", "reads nothing"),
    ("settings_in_force", "reads the settings of the server"),
    ("usage_close", "the months of charges"),
    ("usage_months_make", "the months of charges"),
    ("usage_prune", "a month that goes is read once, as a whole"),
    ("views_", "a person asks"),
    ("worker_clock_", "one row of each worker"),
];
/// The same, by their whole names: the rows that they are given, by number or key.
const BY_KEY: [&str; 15] = [
    "change_further_balances",
    "load_accounts",
    "resolve_suggestions",
    "statement_reset",
    "statements_of_the_future",
    "supersede_pending",
    "update_allocations",
    "upsert_aliases",
    "upsert_watermarks",
    "waiting_cancel",
    "waiting_end",
    "waiting_key_of",
    "waiting_lock_key",
    "waiting_set_needs",
    "watermark_reset",
];
/// Live holds are summed up, all of the account: for commands that take money off.
const SUMS_HOLDS: &str = "money that goes back by command";

/// A batch reads about the same in both worlds. What it may read more is bounded by what deciding
/// looks at for one record, and not by what there is. Every statement is measured here or there.
#[tokio::test]
async fn what_a_batch_reads_does_not_grow_with_the_world() {
    /// Rows that one record may make a batch read more in a larger world: less than there are
    /// lots, payments or invoices of the customer.
    const MORE_FOR_A_RECORD: i64 = 10;
    let mut small = build("size_small", SMALL).await;
    let mut large = build("size_large", LARGE).await;
    let pool = counted(large.pipeline.pool()).await;
    let settings = large.pipeline.settings().clone();
    large.pipeline = Pipeline::new(pool, settings, Clock::System);
    let statements = Statements::new();
    let mut grown = Vec::new();
    for (what, records) in probes() {
        let (few, end) = measure(&mut small, &records).await;
        let (many, end_large) = measure(&mut large, &records).await;
        assert_eq!(end, end_large, "{what}: it ends differently");
        let sum = |read: &[(String, i64)]| read.iter().map(|(_, rows)| rows).sum::<i64>();
        println!("{what} ({end}): {} and {} rows", sum(&few), sum(&many));
        let records = i64::try_from(records.len()).expect("few");
        let holds = if what == SUMS_HOLDS { i64::try_from(LARGE).expect("few") } else { 0 };
        if sum(&many) > 2 * sum(&few) + MORE_FOR_A_RECORD * records + holds {
            grown.push(format!("{what}: {} rows, then {}: {many:?}", sum(&few), sum(&many)));
        }
    }
    assert!(grown.is_empty(), "{grown:#?}");
    let is_listed = |name: &str| {
        BY_KEY.contains(&name) || NOT_MEASURED.iter().any(|(prefix, _)| name.starts_with(prefix))
    };
    let unmeasured: Vec<&str> = STATEMENTS
        .iter()
        .filter(|statement| !statements.has(statement.text))
        .map(|statement| statement.name)
        .filter(|name| !is_listed(name) && !plans::is_asked(name))
        .collect();
    assert!(unmeasured.is_empty(), "measured nowhere: {unmeasured:#?}");
    small.finish().await;
    large.finish().await;
}

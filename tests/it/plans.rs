//! How all statements read. With scans switched off, as in the worker's sessions, a table is read
//! from end to end only where no index serves; and what jobs, sweeps, the relay and batches read
//! for the same answer does not grow with what is stored.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use topup::store::sql::{Named, STATEMENTS, named};

use crate::harness::{Database, by_length};
use crate::size;

/// Of everything one customer has, before it is multiplied.
const WORLD: usize = 20;

/// What grows with what happens.
const GROWING: [&str; 43] = [
    "allocation_reversals",
    "allocations",
    "bank_statement_issues",
    "bank_statements",
    "dead_letter_acts",
    "dead_letter_revisions",
    "dead_letters",
    "failing_items",
    "further_decisions",
    "holds",
    "inbox_records",
    "inbox_repeats",
    "invoice_references",
    "invoices",
    "ledger_transfers",
    "lot_consumptions",
    "money_records",
    "open_payments",
    "outbox",
    "parked_returns",
    "payable_invoices",
    "payer_alias_uses",
    "payment_returns",
    "payment_splits",
    "payments_without_bank_id",
    "remittance_advice_lines",
    "remittance_advices",
    "split_undos",
    "suggestion_invoices",
    "suggestion_payments",
    "suggestions",
    "tombstones",
    "usage_charges",
    "usage_ids",
    "usage_refunds",
    "void_candidates",
    "waiting_commands",
    "watches",
    "accounts",
    "further_balances",
    "credit_limits",
    "payer_accounts",
    "virtual_accounts",
];
/// Of those, what is one for a customer: the copies are of the same customers.
const OF_CUSTOMERS: usize = 5;

/// What may read all there is, and why: a person or a daily report asks for it, and no customer
/// waits for the answer.
const MAY_SCAN: [(&str, &str); 4] = [
    ("audit_", "the audit proves the whole book"),
    ("forget_unsettled_", "a person asks; what is open is little"),
    ("reconcile_", "the report compares whole days and balances, in pages, once a day"),
    ("views_", "a person asks"),
];

/// Of what a person asks, what must come by index all the same: it is asked all day.
const BY_INDEX: [&str; 8] = [
    "views_find_",
    "views_walk_",
    "views_at_least_",
    "views_payments_fitting",
    "views_invoices_of",
    "views_invoices_referred",
    "views_open_invoices",
    "views_unallocated_of_account",
];

/// What walks an index from its start, and why that is not all there is.
const IN_ORDER: [(&str, &str); 10] = [
    ("candidates_feed", "one row for each bank account"),
    ("compare_details", "a partial index of details of entries, of which this world has none"),
    ("compare_found_bank", "the same"),
    ("letter_copies_next", "a partial index of what is to be published, up to a limit"),
    ("load_originals", "a summary of each 32 pages says where not to look, once there are more"),
    ("load_pending", "whether any is pending at all: one row"),
    ("views_find_bank_id", "one row for each bank account"),
    ("views_find_letters", "the newest of those that are open, up to a limit"),
    ("views_find_waiting", "the newest of those that wait, up to a limit"),
    ("wake_returns", "a partial index of the returns that wait for a person's answer"),
];
/// Tables with fewer rows in this world prove nothing: any index serves them.
const ENOUGH: i64 = 500;

/// Statements that cannot be prepared.
const CURSORS: [&str; 3] = ["past_payments", "past_payments_next", "check_constraints_now"];

/// The reads of a plan: node, table, whether it has a condition, and rows.
#[derive(Debug)]
struct Reading {
    node: String,
    table: String,
    by_condition: bool,
    rows: i64,
}

fn readings(plan: &Value, found: &mut Vec<Reading>) {
    let text = |key: &str| plan[key].as_str().unwrap_or_default().to_owned();
    // A later server writes averages with a fraction.
    let whole = |number: &Value| number.to_string().split('.').next().map(str::parse::<i64>);
    let number = |key: &str| whole(&plan[key]).and_then(Result::ok).unwrap_or(0);
    let node = text("Node Type");
    if node.contains("Scan") && plan["Relation Name"].is_string() {
        let removed = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
        let table =
            if node == "Bitmap Index Scan" { text("Index Name") } else { text("Relation Name") };
        let rows = (number("Actual Rows") + removed) * number("Actual Loops");
        let by_condition = plan["Index Cond"].is_string() || plan["Recheck Cond"].is_string();
        found.push(Reading { node, table, by_condition, rows });
    }
    for part in plan["Plans"].as_array().into_iter().flatten() {
        readings(part, found);
    }
}

async fn world(copies: usize) -> Database {
    let direct = size::build("plans", WORLD).await;
    let database = direct.database;
    direct.pipeline.pool().close().await;
    multiply(&database, copies).await;
    database
}

/// Gives every customer `copies` times more of all that grows.
pub async fn multiply(database: &Database, copies: usize) {
    let (tables, _) = GROWING.split_at(GROWING.len() - OF_CUSTOMERS);
    let tables: Vec<String> = tables.iter().map(|table| format!("'{table}'")).collect();
    let sql = include_str!("plans/multiply.sql");
    let sql = sql.replace("{tables}", &tables.join(", "));
    database.execute(&sql.replace("{copies}", &copies.to_string())).await;
    database.execute("VACUUM ANALYZE").await;
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The plan of a prepared statement for `arguments`.
async fn explain(connection: &mut PgConnection, how: &str, arguments: &str) -> Value {
    let call = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
    let sql = format!("EXPLAIN ({how}FORMAT JSON) EXECUTE asked{call}");
    let row = sqlx::raw_sql(AssertSqlSafe(sql.clone())).fetch_one(connection).await;
    let row = row.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let plan: Value = row.try_get(0).expect("a plan");
    plan[0]["Plan"].clone()
}

/// Whether the rows that a statement reads are counted here.
pub fn is_asked(name: &str) -> bool {
    ASKED.iter().any(|(asked, _)| *asked == name)
}

fn is_exempt(name: &str) -> bool {
    let asked = BY_INDEX.iter().any(|prefix| name.starts_with(prefix));
    MAY_SCAN.iter().any(|(prefix, _)| name.starts_with(prefix)) && !asked || CURSORS.contains(&name)
}

async fn session(database: &Database) -> sqlx::pool::PoolConnection<sqlx::Postgres> {
    let mut connection = database.admin.driver().acquire().await.expect("a connection");
    for setting in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"] {
        execute(&mut connection, &format!("SET {setting} = off")).await;
    }
    connection
}

/// Every statement, as it is planned once for all parameters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_scans_what_grows() {
    let database = world(by_length(30, 100)).await;
    let mut connection = session(&database).await;
    execute(&mut connection, "SET plan_cache_mode = force_generic_plan").await;
    let large: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND reltuples >= $1
            AND relnamespace = 'public'::regnamespace",
    )
    .bind(ENOUGH)
    .fetch_all(&mut *connection)
    .await
    .expect("tables");
    assert!(large.len() >= 18, "only these are large: {large:?}");
    let mut scans = Vec::new();
    for Named { name, text } in STATEMENTS.iter().filter(|statement| !is_exempt(statement.name)) {
        execute(&mut connection, &format!("PREPARE asked AS {text}")).await;
        let count = sqlx::query_scalar::<_, i32>(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'asked'",
        );
        let count = count.fetch_one(&mut *connection).await.expect("parameters");
        let nulls = vec!["NULL"; usize::try_from(count).expect("few")].join(", ");
        let plan = explain(&mut connection, "", &nulls).await;
        execute(&mut connection, "DEALLOCATE asked").await;
        let mut found = Vec::new();
        readings(&plan, &mut found);
        for read in found {
            let in_order = IN_ORDER.iter().any(|(listed, _)| listed == name);
            let scanned = read.node == "Seq Scan" || (!read.by_condition && !in_order);
            let table = read.table.as_str();
            if large.iter().any(|one| one == table) && scanned {
                scans.push(format!("{name}: {} of {table}", read.node));
            }
        }
    }
    drop(connection);
    assert!(scans.is_empty(), "{scans:#?}");
    database.abandon().await;
}

/// What is asked with which parameters: the answer stays what it is, whatever else there is.
const ASKED: &[(&str, &str)] = &[
    ("accounts_described", "ARRAY['BIG']"),
    ("advices_expire", "now() - interval '100 years', 5"),
    ("advices_expire", "now() + interval '100 years', 5"),
    ("candidates_facts", "ARRAY['INV-B-1']"),
    ("candidates_feed", "interval '1 day'"),
    ("candidates_owners", "ARRAY['INV-B-1']"),
    ("candidates_zones", ""),
    ("candidates_named", "ARRAY['RF'], ARRAY['INVB-1']"),
    ("candidates_open", "'g', 'topup.bank-payments'"),
    ("candidates_page", "now(), 30, 'INV-B-0~', 'INV-B-1'"),
    ("candidates_page_end", "'', 5"),
    ("candidates_pending", "'', '', 5"),
    ("compare_accounts_page", "'', 5"),
    ("compare_balances", "ARRAY['BIG'], 9000000000000000000"),
    ("compare_details", "ARRAY['SG-DBS-001'], ARRAY['SGD'], ARRAY['S-1/E-1']"),
    ("compare_details_page", "now(), 5"),
    ("compare_fold", "0, 1"),
    ("compare_fold_end", "0, 9000000000000000000, 5"),
    ("compare_found", "5"),
    ("compare_found_bank", "now(), 5"),
    ("compare_invoices", "ARRAY['INV-B-1']"),
    ("compare_invoices_page", "'', 5"),
    ("compare_last_block", ""),
    ("compare_listed", "ARRAY['account_payments'], '', 5"),
    ("compare_listed_details", "'', '', '', 5"),
    ("compare_lots", "'', '~', now(), 0, '~', 5"),
    ("compare_payments", "ARRAY['BANK:SG-DBS-001:HELD-1']"),
    ("compare_payments_page", "'', 5"),
    ("compare_postings", "ARRAY['1']"),
    ("compare_received", "ARRAY['BANK:SG-DBS-001:HELD-1']"),
    ("compare_state", ""),
    ("compare_taken_in", "0, 1"),
    ("compare_touched", "0, 1"),
    ("delete_parked_returns", "ARRAY['SG-DBS-001'], ARRAY['reversal:ORPHAN-1']"),
    ("delete_watches", "ARRAY['BANK:SG-DBS-001:PARK-1']"),
    ("holds_again", "now(), 5, now()"),
    ("holds_due", "now(), 5"),
    ("inbox_states", "ARRAY['crm'], ARRAY['w-own-1']"),
    ("load_advised", "ARRAY['SG-DBS-001'], ARRAY['SGD'], ARRAY[1000010000], 8"),
    (
        "load_advices",
        "ARRAY['SG-DBS-001'], ARRAY['ADV-1'], ARRAY['BANK:SG-DBS-001:HELD-1'],
         ARRAY['SG-DBS-001', 'SG-DBS-001'], ARRAY['SGD', 'SGD'], ARRAY[10000010000, 10000010000],
         ARRAY['DE89370400440532013000', 'OF1'], ARRAY[true, false], ARRAY['SG-DBS-001'],
         ARRAY['words']",
    ),
    (
        "load_advised_matched",
        "ARRAY['SG-DBS-001'], ARRAY['SGD'], ARRAY[1000010000], ARRAY[NULL], ARRAY[NULL],
         ARRAY['7D9F0335A1F24C0C8F60000000000001']",
    ),
    (
        "load_advised_matched",
        "ARRAY['SG-DBS-001'], ARRAY['SGD'], ARRAY[1000010000], ARRAY['INV-B-1'], ARRAY['INVB-1'],
         ARRAY['RF']",
    ),
    (
        "load_advised_placed",
        "ARRAY['SG-DBS-001'], ARRAY['SGD'], ARRAY[1000010000], DATE '2098-12-31', 8",
    ),
    ("load_allocations", "ARRAY['P-1', 'P-2']"),
    ("load_balances", "ARRAY['BIG']"),
    ("load_further_balances", "ARRAY['BIG']"),
    ("load_book", "ARRAY['SGD'], ARRAY[100000000], 11"),
    ("load_exact", "ARRAY['BIG'], ARRAY['SGD'], ARRAY[1000010000], ARRAY[8]"),
    ("load_last_equal", "ARRAY['SG-DBS-001'], ARRAY['print:x']"),
    ("load_live_pairs", "ARRAY['P-1']"),
    ("load_lots", "ARRAY['BIG'], ARRAY['SGD'], ARRAY[NULL]::timestamptz[], ARRAY[0], ARRAY[8]"),
    (
        "load_lots_cleared",
        "ARRAY['BIG'], ARRAY['SGD'], ARRAY[NULL]::timestamptz[], ARRAY[0], ARRAY[8]",
    ),
    (
        "load_lookalikes",
        "ARRAY['SG-DBS-001'], ARRAY[DATE '2099-01-05'], ARRAY['SGD'], ARRAY[100000000], ARRAY['X'],
         64, 64",
    ),
    (
        "load_lookalikes_with_id",
        "ARRAY['SG-DBS-001'], ARRAY[DATE '2099-01-05'], ARRAY['SGD'], ARRAY[1000010000], ARRAY['X'],
         64",
    ),
    ("load_told_twice", "ARRAY['BANK:SG-DBS-001:HELD-1'], 64"),
    ("holds_told", "ARRAY['BIG'], ARRAY['NH-1']"),
    (
        "load_told_steps",
        "ARRAY['SG-DBS-001'], ARRAY[DATE '2099-01-05'], ARRAY['SGD'], ARRAY[5000000], ARRAY[true],
         64",
    ),
    ("load_held", "ARRAY['BIG'], ARRAY['SGD'], 34"),
    ("load_namesakes", "ARRAY['NOBODY'], 8"),
    ("load_near", "ARRAY['RF'], ARRAY['INV-B-1'], ARRAY['1']"),
    ("load_oldest", "ARRAY['BIG'], ARRAY['SGD'], 64"),
    ("load_parked_returns", "ARRAY['SG-DBS-001'], ARRAY['reversal:ORPHAN-1']"),
    ("load_payment_owners", "ARRAY['P-1']"),
    (
        "load_pending",
        "ARRAY['SG-DBS-001'], ARRAY['SGD'], ARRAY[1000010000], ARRAY['X'], ARRAY['X'], 64",
    ),
    ("load_rematched", "ARRAY['BANK:SG-DBS-001:HELD-1']"),
    ("load_return_parts", "ARRAY[1]"),
    (
        "load_returns",
        "ARRAY['SG-DBS-001'], ARRAY['HELD-1'], ARRAY['BANK:SG-DBS-001:HELD-1']",
    ),
    ("rematch_suggested", "ARRAY['INV-B-1'], 5"),
    (
        "insert_entry_statements",
        "ARRAY['SG-DBS-001'], ARRAY['id:HELD-1'], ARRAY['S-2'], now()",
    ),
    ("load_suggested_payments", "ARRAY['1-1']"),
    ("load_waiting_named", "ARRAY['crm'], ARRAY['w-waits-1']"),
    (
        "load_watched",
        "ARRAY['ref:X'], ARRAY['account:BIG:SGD'], ARRAY['BIG'], ARRAY['SGD'], ARRAY[5], 64, 16,
         ARRAY[8]",
    ),
    ("outbox_events", "10, 1000000"),
    ("letter_copies_next", "10, 1000000, 0"),
    ("outbox_held_due", "10, 1000000"),
    ("returns_again", "now(), 5"),
    ("wake_returns", "ARRAY['BANK:SG-DBS-001:PARK-1'], ARRAY['original_in_doubt'], now(), 64"),
    ("returns_page", "now(), 5, 5, '', '', NULL, NULL"),
    ("waiting_page", "now(), 5, 0, 5, '', 0, NULL, NULL"),
    ("prune_inbox", "now() + interval '1 day', 5, NULL"),
    ("prune_inbox", "now() - interval '100 years', 5, NULL"),
    ("prune_job_runs", "now(), 5"),
    ("prune_letter_copies", "0, 5, now()"),
    ("prune_outbox", "0, 5, now()"),
    ("prune_repeats", "now(), 5"),
    ("rematch_page", "'', 5, now() + interval '1 day'"),
    ("reconcile_booked", "now(), 'NONE'"),
    ("reconcile_next_account", "'NONE'"),
    ("reconcile_statements", "now(), 'UTC', 'NONE'"),
    ("resolve_numbers", "ARRAY['INV-B-1']"),
    ("resolve_references", "ARRAY['RF']"),
    ("resolve_references", "ARRAY['7D9F0335A1F24C0C8F60000000000001']"),
    ("resolve_virtuals", "ARRAY['X']"),
    (
        "settle_advices",
        "ARRAY['SG-DBS-001'], ARRAY['A-1'], ARRAY['used'], ARRAY['P-1'], ARRAY[NULL], ARRAY[NULL]",
    ),
    ("supersede_suggestions", "ARRAY['P-1'], ARRAY['BIG'], ARRAY['x'], now(), ARRAY['P-1']"),
    (
        "update_payable",
        "ARRAY['INV-B-1'], ARRAY[1], ARRAY[1], ARRAY[now()], ARRAY[NULL]::timestamptz[]",
    ),
    ("usage_open_records", "'topup.usage', 11"),
    ("usage_proof", "'g', 'topup.usage', now()"),
    ("views_advices_list", "NULL, NULL, NULL, NULL, NULL, 5"),
    ("views_advices_of_payment", "'BANK:SG-DBS-001:HELD-1', ARRAY['ADV-1']"),
    ("views_at_least_payments", "'P'"),
    ("views_find_bank_id", "'B-1'"),
    ("views_find_by_account", "ARRAY['BIG'], ARRAY[5]"),
    ("views_find_names", "'nobody'"),
    (
        "views_walk_amount_newest",
        "'9999-12-31', '9999-12-31Z', '~', '0001-01-01', '9999-12-31', 9, 5",
    ),
    ("views_walk_id", "'', 9"),
    ("waiting_again", "now(), 5"),
    ("waiting_freed", "'WAITS-1', 0, NULL"),
    ("waiting_by_id", "1"),
];

/// Rows read by each, as it is planned once for all parameters; taken back at once.
async fn rows_read(database: &Database) -> BTreeMap<(String, String), i64> {
    let mut connection = session(database).await;
    let mut read = BTreeMap::new();
    for (name, arguments) in ASKED {
        // What a person asks is planned for what is asked.
        let mode = if name.starts_with("views_") { "auto" } else { "force_generic_plan" };
        execute(&mut connection, &format!("SET plan_cache_mode = {mode}")).await;
        let text = named(name);
        execute(&mut connection, &format!("BEGIN; PREPARE asked AS {text}")).await;
        let plan = explain(&mut connection, "ANALYZE, ", arguments).await;
        execute(&mut connection, "DEALLOCATE asked; ROLLBACK").await;
        let mut found = Vec::new();
        readings(&plan, &mut found);
        let rows = found.iter().map(|reading| reading.rows).sum();
        read.insert(((*name).to_owned(), (*arguments).to_owned()), rows);
    }
    read
}

/// Jobs, sweeps, the relay and look-ups of batches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_for_an_answer_does_not_grow() {
    /// Rows more than in the small world: what a limit of 64 may add.
    const MORE: i64 = 200;
    let database = world(0).await;
    let few = rows_read(&database).await;
    multiply(&database, by_length(15, 50)).await;
    let many = rows_read(&database).await;
    let mut grown = Vec::new();
    for (asked, rows) in &many {
        let before = few.get(asked).copied().unwrap_or(0);
        println!("{asked:?}: {before} and {rows} rows");
        if *rows > 3 * before + MORE {
            grown.push(format!("{asked:?}: {before} rows, then {rows}"));
        }
    }
    assert!(grown.is_empty(), "{grown:#?}");
    database.abandon().await;
}

//! What years of history do to us: the same payments against a small book, and against one with
//! many open invoices, many payments behind it, and one customer who has a fifth of them.
//!
//! A worker pays a sample. All rows that came of it are then written again, as often as asked,
//! under ids of their own and with earlier times: by `INSERT … SELECT` from the catalogue, so that
//! the schema may change. Triggers are off for that alone. What is measured after it is the worker,
//! with all fences, and the scheduled jobs.

use std::time::Instant;

use sqlx::Row;

use crate::World;
use crate::args::Args;
use crate::data::{Book, Record};
use crate::database::{Database, execute, number};
use crate::ours;
use crate::ours::{BANK, COMMITTED, committed, start};
use crate::program::{Program, Variables};

/// Payments of the sample, and how many of them are of the one large customer.
const SAMPLE: usize = 20_000;
const OF_ONE: usize = 4_000;
/// Open invoices that the large customer keeps.
const OPEN_OF_ONE: usize = 100_000;
/// Payments before the clock starts, and those that are measured.
const WARM: usize = 2_000;
const MEASURED: usize = 8_000;
const WINDOW: usize = WARM + MEASURED;
/// Open invoices that are left in the small book.
const FEW: usize = 10_000;
/// Bank records of the large customer are numbered from here.
const NUMBERED_FROM: usize = 50_000_000;
const JOBS: [&str; 5] = ["rematch", "reconcile", "flag-void-candidates", "expire-waiting", "prune"];

/// What is not copied: who there is, what is open, and what the worker knows of itself.
const KEPT: &str = "'accounts', 'payer_accounts', 'payable_invoices', 'checkpoints', \
    'relay_progress', 'rule_sets', 'rule_set_activations', 'jobs', 'job_runs', 'worker_clocks', \
    'partition_states', 'feed_partitions', 'log_changes', 'crash_guards', '_sqlx_migrations'";
/// Texts that name one thing each.
const NAMES: &str = "'payment_id', 'message_id', 'caused_by_id', 'bank_key', 'watch_key', \
    'bank_transaction_id', 'looks_like', 'subject'";
/// The same, without room for a mark between the name and the number.
const NUMBERS: &str = "'invoice_id', 'payment_reference', 'number_key'";

/// Cost against cost, and the longest statement of a job.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    /// A payment of some customer, in the large world against the small one.
    pub many: f64,
    /// A payment of the large customer, there against the small world.
    pub one: f64,
    pub job_ms: f64,
}

pub async fn part(world: &World, args: &Args) -> Growth {
    let copies = args.history / SAMPLE;
    println!(
        "\n== growth: {} payments of history, {} open invoices",
        copies * SAMPLE,
        args.invoices
    );
    let small = Book::new(args.accounts, WINDOW + FEW.max(args.accounts), WINDOW, WINDOW + FEW);
    let database = world.server.seeded("small", &small).await;
    world.server.warm(&database).await;
    let few = cost(world, &database, "few", small.records(WINDOW)).await;
    let one = cost(world, &database, "few_hot", of_one(&small, 0)).await;
    world.server.drop(database).await;

    let paid = SAMPLE - OF_ONE;
    let large = Book::new(
        args.accounts,
        args.invoices + paid + WINDOW,
        paid + WINDOW,
        OPEN_OF_ONE + OF_ONE + WINDOW,
    );
    let database = world.server.seeded("large", &large).await;
    let before = database_mb(&database).await;
    let sample = large.records(paid).chain(of_one(&large, 0).take(OF_ONE));
    let topics = world.cluster.publish("sample", sample).await;
    let worker = start(world, &database, "sample", BANK).await;
    committed(&database, SAMPLE).await;
    worker.shutdown().await;
    drop(topics);
    multiply(&database, copies).await;
    let each = (database_mb(&database).await - before) * 1e6 / ((copies + 1) * SAMPLE) as f64;
    println!("{each:.0} bytes on disk for each payment of history, events included");
    world.server.warm(&database).await;
    let many_now = cost(world, &database, "many", large.records(paid + WINDOW).skip(paid)).await;
    let one_now = cost(world, &database, "many_hot", of_one(&large, OF_ONE)).await;
    let job_ms = jobs(world, &database).await;
    world.server.drop(database).await;
    Growth { many: many_now / few, one: one_now / one, job_ms }
}

/// Payments of the large customer after the first `skipped`.
fn of_one(book: &Book, skipped: usize) -> impl Iterator<Item = Record> {
    book.hot_records_from(NUMBERED_FROM, skipped + WINDOW).skip(skipped)
}

/// Seconds for each of the payments that come after the first.
async fn cost(
    world: &World,
    database: &Database,
    part: &str,
    records: impl Iterator<Item = Record>,
) -> f64 {
    let topics = world.cluster.publish(part, records).await;
    let before = usize::try_from(number(&database.pool, COMMITTED).await).expect("a count");
    let _ = sqlx::query("SELECT pg_stat_statements_reset()").execute(&database.pool).await;
    let worker = start(world, database, part, BANK).await;
    committed(database, before + WARM).await;
    let started = Instant::now();
    let first = usize::try_from(number(&database.pool, COMMITTED).await).expect("a count");
    committed(database, before + WINDOW).await;
    let seconds = started.elapsed().as_secs_f64();
    worker.shutdown().await;
    drop(topics);
    let each = seconds / (before + WINDOW - first) as f64;
    println!("{part}: {:.0} payments/s", 1.0 / each);
    for line in ours::statements(database, WINDOW).await.iter().take(6) {
        println!("{line}");
    }
    each
}

async fn database_mb(database: &Database) -> f64 {
    let size = number(&database.pool, "SELECT pg_database_size(current_database()) / 1000").await;
    size as f64 / 1_000.0
}

/// Asks for each table's columns, and for what they are in the copy `k.n` of the row `s`.
fn columns(shift: i64) -> String {
    format!(
        "SELECT t.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
                string_agg(CASE
                    WHEN a.attname = 'first_sequence'
                        THEN 's.first_sequence + k.n * 100000000::bigint'
                    WHEN a.attname = 'record_key' AND t.relname = 'outbox'
                        THEN 's.record_key || CASE s.key_kind WHEN ''account'' THEN '''' '
                             || 'ELSE ''.'' || lpad(k.n::text, 5, ''0'') END'
                    WHEN a.attname IN ({NAMES}) AND a.atttypid = 'text'::regtype
                        THEN format('s.%I || ''.'' || lpad(k.n::text, 5, ''0'')', a.attname)
                    WHEN a.attname IN ({NUMBERS})
                        THEN format('s.%I || lpad(k.n::text, 5, ''0'')', a.attname)
                    WHEN a.atttypid = 'bigint'::regtype
                         AND (a.attname LIKE '%\\_id' OR a.attname IN ('place', 'restores'))
                        THEN format('s.%I + k.n * {shift}::bigint', a.attname)
                    WHEN a.atttypid = 'timestamptz'::regtype
                        THEN format('s.%I - k.n * interval ''1 hour''', a.attname)
                    WHEN a.atttypid = 'date'::regtype
                        THEN format('s.%I - (k.n / 24)::integer', a.attname)
                    ELSE format('s.%I', a.attname) END, ', ' ORDER BY a.attnum)
           FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid
          WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition
            AND t.relnamespace = 'public'::regnamespace
            AND t.relname NOT IN ({KEPT})
            AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
          GROUP BY t.relname ORDER BY t.relname"
    )
}

/// Writes what came of the sample again, `copies` times, the oldest first.
async fn multiply(database: &Database, copies: usize) {
    let pool = &database.pool;
    let started = Instant::now();
    let mut session = pool.acquire().await.expect("a connection");
    for setting in ["session_replication_role = replica", "synchronous_commit = off"] {
        let set = sqlx::AssertSqlSafe(format!("SET {setting}"));
        sqlx::query(set).execute(&mut *session).await.expect("a superuser");
    }
    // Ids are given out in blocks; above all of them the next copy begins.
    let found = sqlx::query(
        "SELECT greatest((SELECT max(ledger_transaction_id) FROM ledger_transfers), \
                         (SELECT max(allocation_id) FROM allocations)) + 100000000, last_value \
           FROM id_blocks",
    );
    let found = found.fetch_one(&mut *session).await.expect("the last ids");
    let (shift, blocks): (i64, i64) = (found.get(0), found.get(1));
    let tables = sqlx::query(sqlx::AssertSqlSafe(columns(shift))).fetch_all(&mut *session).await;
    for row in tables.expect("the catalogue") {
        let (table, columns, values): (String, String, String) =
            (row.get(0), row.get(1), row.get(2));
        // Of the invoices only those that the sample paid.
        let only = match table.as_str() {
            "invoices" => "WHERE i.invoice_id IN (SELECT invoice_id FROM allocations)",
            _ => "",
        };
        let sql = format!(
            "INSERT INTO {table} ({columns}) SELECT {values} \
             FROM generate_series({copies}, 1, -1) k(n) \
             CROSS JOIN LATERAL (SELECT * FROM {table} i {only}) s"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(&mut *session).await;
        let rows = done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected();
        if rows > 0 {
            println!("  {table}: {rows} rows, {:.0} s", started.elapsed().as_secs_f64());
        }
    }
    let after = [
        format!("UPDATE accounts SET balance = balance * {}", copies + 1),
        format!("SELECT setval('id_blocks', {blocks}::bigint * {})", copies + 2),
        format!("SELECT setval('decision_places', {shift}::bigint * {})", copies + 2),
        "UPDATE relay_progress SET passed = '{}', \
         horizon = (SELECT coalesce(max(outbox_id), 0) FROM outbox)"
            .to_owned(),
    ];
    for sql in after {
        let done = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(&mut *session).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    session.close().await.expect("closed");
    execute(pool, "CHECKPOINT").await;
}

/// Runs the jobs; returns the milliseconds of the longest of all their statements.
async fn jobs(world: &World, database: &Database) -> f64 {
    let variables: Variables =
        ours::variables(&world.cluster.brokers, &database.url, &world.cluster.prefix("many"));
    let mut longest: f64 = 0.0;
    for job in JOBS {
        let _ = sqlx::query("SELECT pg_stat_statements_reset()").execute(&database.pool).await;
        let started = Instant::now();
        let told = Program::ours().run(&["jobs", "run", job, "--operator", "bench"], &variables);
        let sql = "SELECT max_exec_time, left(regexp_replace(query, '\\s+', ' ', 'g'), 70) \
                   FROM pg_stat_statements WHERE query !~ 'pg_stat_statements' \
                   AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
                   ORDER BY max_exec_time DESC LIMIT 1";
        let found = sqlx::query(sql).fetch_one(&database.pool).await;
        let (ms, text) = found.map_or((f64::NAN, String::new()), |row| (row.get(0), row.get(1)));
        let all = started.elapsed().as_secs_f64();
        println!("job {job}: {told}, {all:.1} s in all; longest statement {ms:.0} ms: {text}");
        longest = longest.max(ms);
    }
    longest
}

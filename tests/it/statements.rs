//! Every SQL statement of the store, prepared against the migrated schema as the worker's role.

use std::fmt::Write;

use sqlx::{Column, Either, Executor, SqlSafeStr, Statement, TypeInfo};
use topup::store::sql::{Named, STATEMENTS, named};
use topup::store::{ConnectOptions, connect};

use crate::harness::Database;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sql/PREPARED.txt");

/// Parameters and columns of each statement are what the snapshot says: a change of the schema
/// that reaches a statement shows up here and not in production. `UPDATE_PREPARED=1` writes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_statements_are_prepared_by_the_worker_role_as_in_the_snapshot() {
    let database = Database::new("statements").await;
    let pool = connect(&ConnectOptions::new(&database.url)).await;
    let pool = pool.expect("a pool");
    let mut connection = pool.driver().acquire().await.expect("a connection");
    let mut statements = STATEMENTS.to_vec();
    statements.sort_by_key(|statement| statement.name);
    let mut prepared = String::new();
    for Named { name, text } in statements {
        let statement = connection.prepare(text.into_sql_str()).await;
        let statement = statement.unwrap_or_else(|error| panic!("{name}: {error}"));
        let parameters = match statement.parameters() {
            Some(Either::Left(types)) => types.iter().map(TypeInfo::name).collect::<Vec<_>>(),
            Some(Either::Right(_)) | None => panic!("{name}: parameters of unknown types"),
        };
        let _ = writeln!(prepared, "{name}({})", parameters.join(", "));
        for column in statement.columns() {
            let _ = writeln!(prepared, "    {} {}", column.name(), column.type_info().name());
        }
    }
    drop(connection);
    pool.close().await;
    database.finish().await;
    if std::env::var("UPDATE_PREPARED").is_ok_and(|value| value == "1") {
        std::fs::write(SNAPSHOT, &prepared).expect("the snapshot is written");
    }
    let expected = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
    let first = prepared.lines().zip(expected.lines()).find(|(now, then)| now != then);
    assert!(
        prepared == expected,
        "statements changed (UPDATE_PREPARED=1 accepts it); first difference: {first:?}"
    );
}

/// Two statements of one name are told apart by nothing.
#[test]
fn each_name_stands_for_one_statement() {
    for statement in STATEMENTS {
        assert_eq!(named(statement.name), statement.text);
        assert!(!statement.text.is_empty(), "{} is empty", statement.name);
    }
}

#[test]
#[should_panic(expected = "no statement has this name")]
fn a_name_that_no_statement_has_is_refused() {
    assert_eq!(named("load_nothing"), "");
}

/// With scans switched off PostgreSQL scans only what no index serves: one such look-up for each
/// batch reads every allocation that was ever made.
#[tokio::test]
async fn what_a_payment_pays_is_found_by_index() {
    let database = Database::new("by_index").await;
    for name in ["load_live_pairs", "load_allocations", "past_allocations"] {
        let sql = named(name).replace("$1", "ARRAY['P']");
        let mut connection = database.admin.driver().acquire().await.expect("a connection");
        sqlx::query("SET enable_seqscan = off").execute(&mut *connection).await.expect("set");
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {sql}"));
        let plan: Vec<String> =
            sqlx::query_scalar(explain).fetch_all(&mut *connection).await.expect("a plan");
        let scanned = plan.iter().any(|line| line.contains("Seq Scan on allocations"));
        assert!(!scanned, "{name}: {plan:#?}");
    }
    database.finish().await;
}

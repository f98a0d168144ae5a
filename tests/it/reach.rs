//! A database that is away, refuses or has no tables is told in a sentence, at once.

use std::net::TcpListener;
use std::process::{Command, Output};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use crate::harness::{Database, env};

fn topup(url: &str, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command.args(words).env("DATABASE_URL", url).env("KAFKA_BROKERS", env("KAFKA_BROKERS"));
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    (status.code(), String::from_utf8([stdout, stderr].concat()).expect("text"))
}

const COMMANDS: [&[&str]; 6] = [
    &["status"],
    &["payments", "list"],
    &["jobs", "list"],
    &["audit"],
    &["review", "list"],
    &["accounts", "show", "A"],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_migrate_every_command_says_so() {
    let base = env("DATABASE_URL");
    let name = format!("it_reach_{}", std::process::id());
    let options: sqlx::postgres::PgConnectOptions = base.parse().expect("a URL");
    let mut server = options.connect().await.expect("PostgreSQL");
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    server.execute(AssertSqlSafe(drop.clone())).await.expect("dropped");
    let create = format!("CREATE DATABASE {name}");
    server.execute(AssertSqlSafe(create)).await.expect("created");
    let cut = base.rfind('/').expect("a path");
    let url = format!("{}/{name}", &base[..cut]);
    for words in COMMANDS.iter().chain([&["worker"][..]].iter()) {
        let (exit, text) = topup(&url, words);
        assert_eq!(exit, Some(1), "{words:?}: {text}");
        assert!(text.contains("not_migrated") && text.contains("run `topup migrate`"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let (exit, text) = topup(&url, &["migrate"]);
    assert_eq!(exit, Some(0), "{text}");
    let (exit, text) = topup(&url, &["payments", "list"]);
    assert_eq!(exit, Some(0), "{text}");
    // A program that is newer than the tables says so too.
    let mut inside =
        url.parse::<sqlx::postgres::PgConnectOptions>().expect("a URL").connect().await;
    let inside = inside.as_mut().expect("connects");
    let last = "DELETE FROM _sqlx_migrations WHERE version =
                    (SELECT max(version) FROM _sqlx_migrations)";
    inside.execute(last).await.expect("deleted");
    let (exit, text) = topup(&url, &["payments", "list"]);
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains("lacks 1 migrations of this program"), "{text}");
    server.execute(AssertSqlSafe(drop)).await.expect("dropped");
    server.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_or_refuses_is_named_with_its_reason() {
    // A port that was just free and where nobody listens.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let away = format!("postgres://nobody@127.0.0.1:{port}/topup");
    let place = format!("127.0.0.1:{port}");
    for words in COMMANDS.iter().chain([&["migrate"][..], &["doctor"]].iter()) {
        let (exit, text) = topup(&away, words);
        assert_eq!(exit, Some(1), "{words:?}: {text}");
        assert!(text.contains("database_away") && text.contains(&place), "{text}");
        assert!(text.contains("refused") && !text.contains("pool timed out"), "{text}");
    }
    let database = Database::new("reach").await;
    let unknown = format!("{}_not", database.url);
    let (exit, text) = topup(&unknown, &["payments", "list"]);
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains("database_refused") && text.contains("does not exist"), "{text}");
    // A role that is not there once kept the pool busy until its patience ended.
    let (exit, text) =
        topup(&database.url, &["--set", "database.role=nobody_knows", "payments", "list"]);
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains("database_refused") && text.contains("nobody_knows"), "{text}");
    database.finish().await;
}

/// A worker waits for its database; what it says at the end is what every command says.
#[test]
fn a_worker_whose_database_stays_away_says_so() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let (exit, text) = topup(&format!("postgres://nobody@127.0.0.1:{port}/topup"), &["worker"]);
    assert_eq!(exit, Some(1), "{text}");
    let last = text.lines().rfind(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(last.contains("database_away") && !last.contains("pool timed out"), "{text}");
}

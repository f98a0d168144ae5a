//! What a worker writes into its log when things go badly: one line for each, and nothing of what
//! the statements say.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use crate::crash::kill;
use crate::harness::records::{account, command};
use crate::harness::{World, out_record};

/// A worker whose log is kept in a file. `RUST_LOG` is not asked: this is the log as it comes.
fn logging(world: &World, name: &str) -> (Child, std::path::PathBuf) {
    let path = std::env::temp_dir().join(format!("{}-{name}.log", world.name));
    let file = File::create(&path).expect("a file");
    let process = Command::new(env!("CARGO_BIN_EXE_topup"))
        .args(["worker", "--only", "commands"])
        .env_remove("RUST_LOG")
        .env("DATABASE_URL", &world.database.url)
        .env("KAFKA_BROKERS", &world.brokers)
        .env("TOPUP__KAFKA__TOPIC_PREFIX", &world.name)
        .env("TOPUP__KAFKA__GROUP_ID", &world.name)
        .envs(world.settings())
        .stdout(Stdio::null())
        .stderr(Stdio::from(file))
        .spawn()
        .expect("a process");
    (process, path)
}

fn lines(path: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("the log");
    text.lines().map(str::to_owned).collect()
}

/// A statement that takes more than a second is not written down with its text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_of_a_slow_statement_is_not_logged() {
    let world = World::with_partitions("log_slow", 1).await;
    for statement in [
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$",
        "CREATE TRIGGER slow AFTER INSERT ON inbox_records EXECUTE FUNCTION slow()",
    ] {
        world.database.execute(statement).await;
    }
    let (process, path) = logging(&world, "slow");
    world.applied("c-1", "account.upsert", "ACC", account("ACC")).await;
    kill(process);
    let log = lines(&path);
    assert!(!log.is_empty(), "the log says something");
    for word in ["INSERT", "SELECT", "UPDATE", "db.statement", "slow statement"] {
        let said: Vec<&String> = log.iter().filter(|line| line.contains(word)).collect();
        assert!(said.is_empty(), "{word}: {said:#?}");
    }
    std::fs::remove_file(path).expect("removed");
    world.finish().await;
}

/// Partitions that leave a worker while their batches are in flight are one line, however many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_are_left_with_batches_in_flight_are_one_line() {
    let mut world = World::with_partitions("log_left", 8).await;
    // Each partition writes at the same time, and no write is given up before they leave.
    world.set("DATABASE__POOL_SIZE", "20");
    world.set("DATABASE__WRITERS", "8");
    world.set("DATABASE__LOCK_TIMEOUT_MS", "25000");
    let records = (0..200).map(|number| {
        let key = format!("ACC-{number}");
        let value = command(&format!("c-{number}"), "account.upsert", &account(&key));
        out_record(&world.topics.commands, Some(&key), Some(value.as_bytes()))
    });
    world.publish_all(records.collect()).await;
    // Nobody writes while this is open, and each batch stays in flight.
    let mut held = world.database.admin.begin().await.expect("a transaction");
    let lock = "LOCK TABLE inbox_records IN EXCLUSIVE MODE";
    sqlx::query(lock).execute(&mut *held).await.expect("locked");
    let (first, path) = logging(&world, "first");
    let waits = "SELECT count(*) >= 8 FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                 AND datname = current_database()";
    world.until(waits, "true").await;
    let (second, other) = logging(&world, "second");
    world
        .eventually("the partitions to leave", || async {
            let left = lines(&path).iter().any(|line| line.contains("partitions revoked"));
            left.then_some(())
        })
        .await;
    held.rollback().await.expect("rolled back");
    let said: Vec<String> =
        lines(&path).into_iter().filter(|line| line.contains("in flight")).collect();
    assert_eq!(said.len(), 1, "{said:#?}");
    let topic = world.topics.commands.as_str();
    assert!(said[0].matches(topic).count() > 1, "it names all of them: {said:#?}");
    let applied = "SELECT count(*) FROM inbox WHERE outcome = 'applied'";
    world.until(applied, "200").await;
    kill(first);
    kill(second);
    for file in [path, other] {
        std::fs::remove_file(file).expect("removed");
    }
    world.finish().await;
}

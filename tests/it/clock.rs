//! A machine whose clock is wrong does no lasting harm: the database's clock decides.

use std::process::Command;
use std::time::Duration;

use chrono::TimeDelta;
use topup::app::Worker;
use topup::clock::Clock;
use topup::config::Only;

use crate::harness::World;
use crate::harness::records::{about_invoice, account};

/// Jobs that tick every second.
const EVERY_SECOND: &str = "* * * * * *";

async fn world(test: &str) -> World {
    let mut world = World::new(test).await;
    for job in ["PRUNE", "EXPIRE_WAITING", "FLAG_VOID_CANDIDATES"] {
        world.set(&format!("JOBS__{job}"), EVERY_SECOND);
    }
    for job in ["AUDIT", "RECONCILE", "REMATCH"] {
        world.set(&format!("JOBS__{job}"), "off");
    }
    world
}

const KEPT: [&str; 4] = [
    "SELECT count(*) FROM inbox",
    "SELECT count(*) FROM outbox",
    "SELECT count(*) FROM waiting_commands",
    "SELECT count(*) FROM dead_letters",
];

async fn kept(world: &World) -> Vec<String> {
    let mut values = Vec::new();
    for sql in KEPT {
        values.push(world.value(sql).await);
    }
    values
}

async fn skewed(test: &str, by: TimeDelta) {
    let world = world(test).await;
    let only = Only { jobs: false, ..Only::ALL };
    let sound = Worker::start(&world.config(), only, Clock::System).await.expect("starts");
    world.applied("c-1", "account.upsert", "ACC-1", account("ACC-1")).await;
    world.command("c-2", "invoice.mark-sent", "ACC-1", about_invoice("NONE", "ACC-1")).await;
    assert_eq!(world.outcome("c-2").await.0, "waiting");
    world.relayed().await;
    sound.shutdown().await;
    let before = kept(&world).await;
    let worker = Worker::start(&world.config(), Only::ALL, Clock::Shifted(by)).await;
    let worker = worker.expect("starts");
    let wrong = "SELECT count(*) FROM worker_clocks WHERE wrong_since IS NOT NULL";
    world.until(wrong, "1").await;
    // It is not ready, and says why.
    let status = Command::new(env!("CARGO_BIN_EXE_topup"))
        .arg("status")
        .env("DATABASE_URL", &world.database.url)
        .output()
        .expect("status");
    assert_eq!(status.status.code(), Some(3));
    let shown = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(shown.contains("it is not ready, and runs no job"), "{shown}");
    // Several ticks of every job, by any clock.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(kept(&world).await, before);
    assert_eq!(world.value("SELECT count(*) FROM job_runs").await, "0");
    // What it reads has the database's date.
    world.applied("c-3", "account.upsert", "ACC-3", account("ACC-3")).await;
    for (table, column) in [
        ("inbox", "processed_at"),
        ("accounts", "created_at"),
        ("checkpoints", "updated_at"),
        ("outbox", "created_at"),
        ("waiting_commands", "deadline - interval '10 minutes'"),
    ] {
        let off = format!(
            "SELECT coalesce(max(abs(extract(epoch FROM {column} - now()))), 0) < 120 FROM {table}"
        );
        assert_eq!(world.value(&off).await, "true", "{table}");
    }
    worker.shutdown().await;
    assert_eq!(world.value("SELECT count(*) FROM worker_clocks").await, "0");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_ten_years_ahead_changes_nothing_that_lasts() {
    skewed("k_ahead", TimeDelta::days(3_650)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_ten_years_behind_changes_nothing_that_lasts() {
    skewed("k_behind", TimeDelta::days(-3_650)).await;
}

/// Clocks differ by a little, always.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_ten_seconds_ahead_runs_its_jobs() {
    let world = world("k_near").await;
    let near = Clock::Shifted(TimeDelta::seconds(10));
    let worker = Worker::start(&world.config(), Only::ALL, near).await.expect("starts");
    let ran = "SELECT count(DISTINCT job) FROM job_runs WHERE state = 'done'";
    world.until(ran, "3").await;
    let sound = "SELECT count(*) FROM worker_clocks WHERE wrong_since IS NULL";
    assert_eq!(world.value(sound).await, "1");
    worker.shutdown().await;
    world.finish().await;
}

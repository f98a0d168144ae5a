//! Memory of a worker with a long backlog: a process of its own, watched from outside.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use topup::app::run_worker;

use crate::World;
use crate::database::number;
use crate::machine::kibibytes;
use crate::ours::{BANK, config, variables};

const LONGEST: Duration = Duration::from_secs(60);
const SAMPLE: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub max_mib: f64,
}

/// The watched process: a worker by the environment, until it is told to end.
pub async fn worker() {
    let environment: BTreeMap<String, String> =
        std::env::vars().filter(|(name, _)| name.starts_with("TOPUP__")).collect();
    run_worker(config(&environment), BANK).await.expect("a worker");
}

pub async fn part(world: &World, backlog: usize) -> Memory {
    println!("\n== memory: {backlog} records wait when the worker starts");
    world.cluster.publish("memory", world.book.records(backlog)).await;
    let database = world.server.clone_of("base", "memory").await;
    let prefix = world.cluster.prefix("memory");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .arg("--worker")
        .envs(variables(&world.cluster.brokers, &database.url, &prefix))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("a worker process");
    let status = format!("/proc/{}/status", child.id());
    let started = Instant::now();
    let sum = "SELECT coalesce(sum(next_offset), 0)::bigint FROM checkpoints";
    let mut samples = Vec::new();
    let mut done = 0;
    while done < backlog && started.elapsed() < LONGEST {
        tokio::time::sleep(SAMPLE).await;
        assert!(child.try_wait().expect("its state").is_none(), "the worker ended by itself");
        samples.extend(kibibytes(&status, "VmRSS"));
        done = usize::try_from(number(&database.pool, sum).await).expect("a count");
    }
    let peak = kibibytes(&status, "VmHWM").expect("VmHWM");
    // SIGTERM through the shell's own kill: unsafe code is forbidden here.
    let asked = Command::new("kill").arg(child.id().to_string()).status();
    if !asked.is_ok_and(|status| status.success()) {
        child.kill().expect("ended");
    }
    child.wait().expect("ended");
    let at = |part: usize| samples.get(samples.len() * part / 4).map_or(0.0, |kib| kib / 1024.0);
    println!(
        "memory: at most {:.0} MiB; {:.0}, {:.0}, {:.0} MiB after a quarter, half, three quarters \
         of {:.0} s; {done} records processed",
        peak / 1024.0,
        at(1),
        at(2),
        at(3),
        started.elapsed().as_secs_f64()
    );
    world.server.drop(database).await;
    Memory { max_mib: peak / 1024.0 }
}

//! The README's quick start, command by command, as a newcomer types it.

use std::process::{Child, Command};
use std::time::Instant;

use crate::harness::{PATIENCE, World};

/// The `topup …` commands of the first shell block that starts the services.
fn quick_start() -> Vec<String> {
    let readme = include_str!("../../README.md");
    let mut blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.find(|block| block.starts_with("make up")).expect("the block");
    let commands = block.lines().flat_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split(';').map(|command| command.trim().to_owned()).collect::<Vec<_>>()
    });
    commands.filter(|command| command.starts_with("topup ")).collect()
}

struct Newcomer<'a> {
    world: &'a World,
    folder: std::path::PathBuf,
}

impl Newcomer<'_> {
    /// The command with the records' topics in this test's own namespace.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
        for word in line.split_whitespace().skip(1).filter(|word| *word != "&") {
            if word.ends_with(".ndjson") {
                let text = std::fs::read_to_string(word).expect("the fixture");
                let own = format!("\"topic\":\"{}.", self.world.name);
                let copy = self.folder.join(word.replace('/', "_"));
                std::fs::write(&copy, text.replace("\"topic\":\"topup.", &own)).expect("a copy");
                command.arg(copy);
            } else {
                command.arg(word);
            }
        }
        command
            .env("DATABASE_URL", &self.world.database.url)
            .env("KAFKA_BROKERS", &self.world.brokers)
            .env("TOPUP__KAFKA__TOPIC_PREFIX", &self.world.name)
            .env("TOPUP__KAFKA__GROUP_ID", &self.world.name);
        command
    }

    fn run(&self, line: &str) -> String {
        let output = self.command(line).output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Instead of the README's `sleep`: until so many records were processed.
    async fn processed(&self, records: usize) {
        let started = Instant::now();
        let count = "SELECT count(*) FROM inbox";
        while self.world.database.value(count).await != records.to_string() {
            assert!(started.elapsed() < PATIENCE, "record {records} was not processed");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

fn stop(mut worker: Child) {
    // SIGTERM by the shell's own command: unsafe code is forbidden here.
    let asked = Command::new("kill").arg(worker.id().to_string()).status();
    assert!(asked.is_ok_and(|status| status.success()), "the worker could not be stopped");
    assert!(worker.wait().expect("it ends").success(), "the worker did not end in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quick_start_ends_with_a_provisioned_balance() {
    let world = World::new("readme").await;
    let folder = std::env::temp_dir().join(&world.name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let newcomer = Newcomer { world: &world, folder: folder.clone() };
    let mut worker = None;
    let mut published = 0;
    let mut shown = Vec::new();
    for line in quick_start() {
        if line.ends_with('&') {
            worker = Some(newcomer.command(&line).spawn().expect("it starts"));
            continue;
        }
        let output = newcomer.run(&line);
        if line.starts_with("topup publish") {
            published += 1;
            newcomer.processed(published).await;
        }
        shown.push((line, output));
    }
    let said = |command: &str| -> Vec<&str> {
        let of = shown.iter().filter(|(line, _)| line.starts_with(command));
        of.map(|(_, output)| output.as_str()).collect()
    };
    let invoices = said("topup invoices show INV-1001");
    assert!(invoices[0].contains("awaiting payment") && invoices[0].contains("RF"), "{shown:?}");
    assert!(invoices[1].contains("provisioned"), "{shown:?}");
    assert!(said("topup payments explain")[0].contains("R2"), "{shown:?}");
    assert!(said("topup balances show")[0].contains("100.00"), "{shown:?}");
    assert_eq!(said("topup audit").len(), 1, "{shown:?}");
    assert_eq!(said("topup doctor").len(), 1, "{shown:?}");
    stop(worker.expect("the README starts a worker"));
    std::fs::remove_dir_all(&folder).expect("the copies are removed");
    world.finish().await;
}

/// The first command of the page: the whole story, on parts of its own.
#[test]
fn the_demo_ends_without_findings() {
    let output = Command::new(env!("CARGO_BIN_EXE_topup")).arg("demo").output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{told}");
    assert!(said.contains("invariants checked, 0 findings."), "{said}");
}

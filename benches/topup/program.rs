//! A topup program as a process: this commit's, or another's that is built first. Nothing is used
//! of it but its command line, its settings and its topics, so that any commit will do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::machine::says;

const PATIENCE: Duration = Duration::from_secs(300);
/// Between two questions to a worker that has events left to publish.
const PAUSE: Duration = Duration::from_millis(100);
/// Names the commit to compare with in `docs/PERFORMANCE.md`.
const NAMED: &str = "Commit to compare with: `";

pub type Variables = BTreeMap<String, String>;

#[derive(Debug, Clone)]
pub struct Program {
    pub name: String,
    path: PathBuf,
}

/// A worker that runs.
pub struct Worker(Child);

/// The commit that the documents name.
pub fn named_commit() -> &'static str {
    let text = include_str!("../../docs/PERFORMANCE.md");
    let after = text.split_once(NAMED).expect("docs/PERFORMANCE.md names a commit").1;
    after.split_once('`').expect("a commit between two marks").0
}

impl Program {
    /// The one that cargo built for this benchmark.
    pub fn ours() -> Self {
        Self { name: "ours".to_owned(), path: PathBuf::from(env!("CARGO_BIN_EXE_topup")) }
    }

    /// The one of another commit, with the profile of this benchmark: built once, then kept in
    /// `target/previous`.
    pub fn of_commit(commit: &str) -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let wanted = format!("{commit}^{{commit}}");
        let full = says("git", &["-C", root, "rev-parse", "--verify", "--quiet", &wanted]);
        let full = full.unwrap_or_else(|| panic!("{commit} is no commit of this repository"));
        let builds = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
        let folder = builds.join("previous").join(&full);
        let path = folder.join("topup");
        if !path.exists() {
            build(root, &full, &folder, &path);
        }
        Self { name: format!("previous ({})", &full[..7]), path }
    }

    fn command(&self, arguments: &[&str], variables: &Variables) -> Command {
        let mut command = Command::new(&self.path);
        let kept = std::env::vars().filter(|(name, _)| !name.starts_with("TOPUP__"));
        command.args(arguments).env_clear().envs(kept).envs(variables);
        command.stdin(Stdio::null());
        command
    }

    pub fn migrate(&self, variables: &Variables) {
        let done = self.command(&["migrate"], variables).stdout(Stdio::null()).status();
        assert!(done.expect("a process").success(), "{}: migrate failed", self.name);
    }

    pub fn worker(&self, only: &str, variables: &Variables) -> Worker {
        let mut command = self.command(&["worker", "--only", only], variables);
        Worker(command.stdout(Stdio::null()).spawn().expect("a worker process"))
    }

    /// What `status` says, once all events are published.
    pub async fn when_published(&self, variables: &Variables) -> Value {
        let started = Instant::now();
        loop {
            let (program, variables) = (self.clone(), variables.clone());
            let asked = tokio::task::spawn_blocking(move || program.status(&variables));
            let status = asked.await.expect("no panic");
            let left = status.pointer("/outbox/unpublished").and_then(Value::as_i64);
            match left {
                Some(0) => return status,
                Some(_) => {}
                None => panic!("{}: status tells nothing of the outbox: {status}", self.name),
            }
            assert!(started.elapsed() < PATIENCE, "{}: events stay unpublished", self.name);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Its exit code is not asked: a partition that is not read is a finding, and meant.
    fn status(&self, variables: &Variables) -> Value {
        let output = self.command(&["status", "--output", "json"], variables).output();
        let output = output.expect("a process");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let told = String::from_utf8_lossy(&output.stderr);
            panic!("{}: status is no JSON ({error}): {told}", self.name)
        })
    }

    /// How a command ends.
    pub fn run(&self, arguments: &[&str], variables: &Variables) -> String {
        let output = self.command(arguments, variables).output().expect("a process");
        output.status.to_string()
    }

    /// The product's own invariants.
    pub fn audit(&self, variables: &Variables) {
        let output = self.command(&["audit"], variables).output().expect("a process");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: the audit found {told}", self.name);
    }
}

impl Worker {
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGTERM through the shell's own kill: unsafe code is forbidden here.
    pub fn stop(mut self) {
        let asked = Command::new("kill").arg(self.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            self.0.kill().expect("ended");
        }
        self.0.wait().expect("ended");
    }
}

/// A benchmark that fails leaves no worker behind.
impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn build(root: &str, commit: &str, folder: &Path, path: &Path) {
    println!("building {commit}; what it depends on is built once, which takes minutes");
    let source = folder.join("source");
    std::fs::create_dir_all(&source).expect("a folder");
    let done = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    let archive = folder.join("source.tar");
    let mut git = Command::new("git");
    let git = git.args(["-C", root, "archive", commit, "-o"]).arg(&archive);
    assert!(done(git), "{commit} was not archived");
    let mut tar = Command::new("tar");
    let tar = tar.arg("-xf").arg(&archive).arg("-C").arg(&source);
    assert!(done(tar), "{commit} was not unpacked");
    let builds = folder.parent().expect("a folder of builds").join("target");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(cargo);
    let build = build.args(["build", "--locked", "--profile", "bench", "--bin", "topup"]);
    let build = build.current_dir(&source).env("CARGO_TARGET_DIR", &builds);
    assert!(done(build.stdout(Stdio::null())), "{commit} was not built");
    std::fs::copy(builds.join("release").join("topup"), path).expect("the program");
}

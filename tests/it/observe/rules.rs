//! The rules, their tests and the dashboard of `dev/observe`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::program;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/observe")
}

fn promtool(words: &[&str]) -> Output {
    let mut command = Command::new(program("promtool"));
    command.current_dir(folder()).args(words).output().expect("it starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn the_rules_are_rules_and_their_tests_pass() {
    let checks: [&[&str]; 3] = [
        &["check", "rules", "alerts.yml"],
        &["check", "config", "prometheus.yml"],
        &["test", "rules", "alerts.test.yml"],
    ];
    for words in checks {
        let output = promtool(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
    }
}

/// The names of metrics that a text has.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    words.filter(|word| word.starts_with("topup_")).collect()
}

/// What a worker says is as Prometheus wants it, and has everything that is asked of it.
pub fn hold(metrics: &str) {
    let mut promtool = Command::new(program("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = promtool.stdin.take().expect("its input");
    input.write_all(metrics.as_bytes()).expect("written");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
    let mut exported = BTreeSet::new();
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix("# TYPE ") else { continue };
        let (name, kind) = rest.split_once(' ').expect("a kind");
        exported.insert(name.to_owned());
        if kind == "histogram" {
            exported.extend(["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
        }
    }
    assert!(exported.len() > 40, "{exported:?}");
    let mut asked = BTreeSet::new();
    for file in ["alerts.yml", "alerts.test.yml", "dashboard.json"] {
        let text = std::fs::read_to_string(folder().join(file)).expect("the file");
        let found = names(&text);
        assert!(found.len() > 15, "{file}: {found:?}");
        let missing: Vec<&str> =
            found.iter().copied().filter(|name| !exported.contains(*name)).collect();
        assert!(missing.is_empty(), "{file} asks for what no worker says: {missing:?}");
        asked.extend(found.into_iter().map(str::to_owned));
    }
    // What nobody looks at is not worth its cost.
    let parts = |name: &String| {
        ["_bucket", "_sum", "_count"].iter().any(|part| asked.contains(&format!("{name}{part}")))
    };
    let unused: Vec<&String> = exported
        .iter()
        .filter(|name| !asked.contains(*name) && !parts(name))
        .filter(|name| !["_bucket", "_sum", "_count"].iter().any(|part| name.ends_with(part)))
        .collect();
    assert!(unused.is_empty(), "on no graph and in no rule: {unused:?}");
}

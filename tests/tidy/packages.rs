//! Where other people's code comes from, and under which licences. Reads what cargo has already.

use std::process::Command;

use serde_json::Value;

use crate::{Finding, Source, none, root, sources};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn file<'a>(files: &'a [Source], path: &str) -> &'a Source {
    files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is missing"))
}

/// Each package of the lock file is one of ours, or comes from crates.io with its checksum.
#[test]
fn each_package_comes_from_the_public_registry() {
    let files = sources();
    let lock = file(&files, "Cargo.lock");
    let ours = ["topup", "topup-domain", "topup-kafka", "native-headers"];
    let mut findings = Vec::new();
    let mut packages = 0;
    let mut line = 1;
    for package in lock.text.split("[[package]]\n") {
        let field = |name: &str| {
            let start = format!("{name} = \"");
            let row = package.lines().find_map(|row| row.strip_prefix(&start));
            row.and_then(|rest| rest.strip_suffix('"'))
        };
        if let Some(name) = field("name") {
            packages += 1;
            let known = field("source") == Some(CRATES_IO) && field("checksum").is_some();
            let own = ours.contains(&name) && field("source").is_none();
            if !known && !own {
                let what = format!("{name} is not from crates.io; take it from there");
                findings.push(lock.finding(line, what));
            }
        }
        line += package.lines().count() + 1;
    }
    assert!(packages > 100, "only {packages} packages were found");
    none(findings);
}

/// What is compiled for this machine has a licence that `deny.toml` allows, as `cargo deny` says
/// too where it is there.
#[test]
fn each_licence_is_allowed() {
    let files = sources();
    let rules = file(&files, "deny.toml");
    let allowed = allowed(&rules.text);
    assert!(allowed.contains(&"MIT"), "the list of licences was not found");
    let mut findings: Vec<Finding> = Vec::new();
    let packages = packages();
    assert!(packages.len() > 100, "only {} packages were found", packages.len());
    for (name, licence) in &packages {
        if !is_allowed(licence, &allowed) {
            let what =
                format!("{name}: {licence:?} is not allowed; read it, then list or leave it");
            findings.push(rules.finding(1, what));
        }
    }
    none(findings);
}

fn allowed(rules: &str) -> Vec<&str> {
    let list = rules.split("\nallow = [").nth(1).and_then(|rest| rest.split(']').next());
    list.unwrap_or_default().split('"').skip(1).step_by(2).collect()
}

/// Names and licences of what this machine's build can contain.
fn packages() -> Vec<(String, String)> {
    let cargo = std::env::var("CARGO").expect("cargo runs the tests");
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", &host])
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |package: &Value, name: &str| package[name].as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("a list").iter();
    packages.map(|package| (text(package, "name"), text(package, "license"))).collect()
}

/// `OR` and `/` give a choice, `AND` asks for both, `WITH` belongs to the name.
fn is_allowed(licence: &str, allowed: &[&str]) -> bool {
    let spaced = licence.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let good = any(&mut words, allowed);
    good && words.next().is_none()
}

type Words<'a, 'b> = &'a mut std::iter::Peekable<std::str::SplitWhitespace<'b>>;

fn any(words: Words<'_, '_>, allowed: &[&str]) -> bool {
    let mut good = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        good |= all(words, allowed);
    }
    good
}

fn all(words: Words<'_, '_>, allowed: &[&str]) -> bool {
    let mut good = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        good &= one(words, allowed);
    }
    good
}

fn one(words: Words<'_, '_>, allowed: &[&str]) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let good = any(words, allowed);
        return words.next_if_eq(&")").is_some() && good;
    }
    let mut name = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        name = format!("{name} WITH {}", words.next().unwrap_or_default());
    }
    allowed.contains(&name.as_str())
}

#[test]
fn a_licence_is_read_as_it_is_meant() {
    let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"];
    let good = [
        "MIT",
        "GPL-3.0 OR MIT",
        "Unlicense/MIT",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0",
    ];
    let bad = [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "GPL-3.0 OR MIT AND GPL-2.0",
        "(MIT OR Apache-2.0) AND GPL-3.0",
        "Apache-2.0 WITH LLVM-exception",
        "MIT MIT",
        "(MIT",
    ];
    assert!(good.iter().all(|licence| is_allowed(licence, &allowed)));
    assert_eq!(bad.iter().find(|licence| is_allowed(licence, &allowed)), None);
}

/// `make test` leaves out, after `make test-fast`, what the library's tests of these modules are
/// called: no other test may be called so.
#[test]
fn no_test_of_another_binary_is_left_out() {
    let files = sources();
    let makefile = file(&files, "Makefile");
    let fast = makefile.text.lines().find_map(|line| line.strip_prefix("FAST := "));
    let names: Vec<&str> = fast.expect("the list").split_whitespace().collect();
    let mut findings = Vec::new();
    let others = |file: &&Source| file.under("tests") || file.under("crates");
    for file in files.iter().filter(|file| file.is("rs")).filter(others) {
        let path = file.path.trim_end_matches(".rs").replace('/', "::") + "::";
        let tests = file.text.contains("#[test]") || file.text.contains("#[tokio::test");
        let inside = |name: &str| file.text.contains(&format!("mod {} {{", name.trim_matches(':')));
        if tests && names.iter().any(|name| path.contains(name) || inside(name)) {
            findings.push(file.finding(1, "left out by AFTER_FAST of the Makefile; rename it"));
        }
    }
    none(findings);
}

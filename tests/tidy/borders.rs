//! Which module may use what. `docs/ARCHITECTURE.md` has the map. What `crates/` may use stands in
//! their manifests, and the compiler checks it.

use crate::tokens::{self, Seen};
use crate::{Finding, Source, none, sources};

/// A place, the other crates that it may use, and the modules of ours that it may use.
struct Area {
    place: &'static str,
    crates: &'static [&'static str],
    modules: &'static [&'static str],
}

const AREAS: [Area; 4] = [
    Area {
        place: "src/wire",
        crates: &[
            "base64",
            "chrono",
            "chrono_tz",
            "hex",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
        ],
        // What a header is.
        modules: &["domain", "kafka", "wire"],
    },
    Area {
        place: "src/store",
        crates: &[
            "chrono",
            "foldhash",
            "futures",
            "serde",
            "serde_json",
            "sqlx",
            "thiserror",
            "tracing",
            "zstd",
        ],
        modules: &["domain", "store"],
    },
    Area {
        place: "src/config",
        crates: &["config", "serde", "strsim", "thiserror"],
        // A key is checked when it is read.
        modules: &["config", "domain", "schedule", "signature"],
    },
    Area {
        place: "src/schedule.rs",
        crates: &["chrono", "chrono_tz", "cron", "thiserror"],
        modules: &[],
    },
];

/// Crates that one place owns.
const OWNED: [(&str, &str); 8] = [
    ("apalis", "src/jobs"),
    ("apalis_cron", "src/jobs"),
    ("axum", "src/observe"),
    ("prometheus_client", "src/observe"),
    ("ring", "src/signature.rs"),
    ("sd_notify", "src/observe"),
    ("sqlx", "src/store"),
    ("zstd", "src/store"),
];
/// By this pool a statement would go past what each connection must have in force.
const BARE_POOL: (&str, &str) = ("sqlx::PgPool", "src/store/pool.rs");
/// The demo asks the database what it shows; it is no part of a worker.
const MAY_ASK: &str = "src/demo";

const DOMAIN: &str = "crates/domain";
/// What deciding may not touch, beside other crates.
const IMPURE: [&str; 8] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];
const CLOCKS: [&str; 4] = ["Utc::now", "Local::now", "SystemTime::now", "Local::today"];
const CLOCK: &str = "src/clock.rs";

/// The dependencies of `Cargo.toml`, as they are written in code.
fn dependencies(files: &[Source]) -> Vec<String> {
    let manifest = files.iter().find(|file| file.path == "Cargo.toml");
    let text = &manifest.expect("Cargo.toml").text;
    let section = text.split("[dependencies]").nth(1).expect("dependencies");
    let section = section.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split_once('='));
    names.map(|(name, _)| name.trim().replace('-', "_")).collect()
}

fn shipped(files: &[Source]) -> impl Iterator<Item = (&Source, Seen)> {
    let code = files.iter().filter(|file| file.is_source());
    code.map(|file| (file, tokens::of(file, true)))
}

#[test]
fn each_module_uses_what_it_may() {
    let files = sources();
    let crates = dependencies(&files);
    assert!(crates.iter().any(|name| name == "sqlx"), "{crates:?}");
    let mut findings = Vec::new();
    for (file, seen) in shipped(&files) {
        let Some(area) = AREAS.iter().find(|area| file.under(area.place)) else {
            continue;
        };
        for (path, line) in &seen.paths {
            let first = path.first().map(String::as_str).unwrap_or_default();
            let second = path.get(1).map(String::as_str).unwrap_or_default();
            let foreign = path.len() > 1 && crates.iter().any(|name| name == first);
            if foreign && !area.crates.contains(&first) {
                findings.push(file.finding(
                    *line,
                    format!("{} may not use {first}; move this to its place", area.place),
                ));
            }
            let ours = first == "crate" && second.starts_with(char::is_lowercase);
            if ours && is_module(&files, second) && !area.modules.contains(&second) {
                findings.push(file.finding(
                    *line,
                    format!("{} may not use crate::{second}; hand in what is needed", area.place),
                ));
            }
        }
    }
    none(findings);
}

fn is_module(files: &[Source], name: &str) -> bool {
    let (file, folder) = (format!("src/{name}.rs"), format!("src/{name}/mod.rs"));
    let package = format!("crates/{name}/src/lib.rs");
    files.iter().any(|source| [&file, &folder, &package].contains(&&source.path))
}

#[test]
fn each_crate_has_one_place() {
    let files = sources();
    let mut findings = Vec::new();
    for (file, seen) in shipped(&files) {
        for (path, line) in &seen.paths {
            let owned = OWNED.iter().find(|(name, _)| path.first().is_some_and(|p| p == name));
            let Some((name, place)) = owned else { continue };
            let alone = path.len() < 2;
            if path.join("::") == BARE_POOL.0 && file.path != BARE_POOL.1 {
                findings.push(file.finding(*line, "the driver's own pool; use store::PgPool"));
                continue;
            }
            let may_ask = *name == "sqlx" && file.under(MAY_ASK);
            if alone || file.under(place) || may_ask {
                continue;
            }
            let what = format!("only {place} uses {name}; call a function there");
            findings.push(file.finding(*line, what));
        }
    }
    none(findings);
}

#[test]
fn deciding_is_pure() {
    let files = sources();
    let mut findings = Vec::new();
    for (file, seen) in shipped(&files).filter(|(file, _)| file.under(DOMAIN)) {
        for (path, line) in &seen.paths {
            let path = path.join("::");
            if let Some(impure) = IMPURE.iter().find(|impure| path.starts_with(*impure)) {
                let what = format!("{impure} in the domain; hand its result in as an argument");
                findings.push(file.finding(*line, what));
            }
        }
        for (word, line) in &seen.words {
            if word == "async" || word == "await" {
                findings.push(file.finding(*line, "async in the domain; load before deciding"));
            }
        }
    }
    none(findings);
}

#[test]
fn one_place_reads_the_clock() {
    let files = sources();
    let mut findings = Vec::new();
    for (file, seen) in shipped(&files).filter(|(file, _)| file.path != CLOCK) {
        for (path, line) in &seen.paths {
            let path = path.join("::");
            if CLOCKS.iter().any(|clock| path == *clock || path.ends_with(&format!("::{clock}"))) {
                let what = format!("{path} outside {CLOCK}; take a `Clock` or an instant");
                findings.push(file.finding(*line, what));
            }
        }
    }
    none(findings);
}

#[test]
fn floats_stay_away_from_money() {
    let files = sources();
    let mut findings: Vec<Finding> = Vec::new();
    let near =
        |file: &Source| [DOMAIN, "src/store", "src/wire"].iter().any(|place| file.under(place));
    for (file, seen) in shipped(&files).filter(|(file, _)| near(file)) {
        for (word, line) in &seen.words {
            if word == "f32" || word == "f64" {
                findings.push(file.finding(*line, "a float near money; use `Money` or integers"));
            }
        }
    }
    none(findings);
}

/// Whatever asks for it, an operator's act is the same: it reads no words and prints nothing.
#[test]
fn an_act_of_an_operator_knows_no_command_line() {
    let files = sources();
    let mut findings = Vec::new();
    for (file, seen) in shipped(&files).filter(|(file, _)| file.under("src/operator")) {
        for (path, line) in &seen.paths {
            let path = path.join("::");
            if ["clap", "crate::cli", "std::io"].iter().any(|place| path.starts_with(place)) {
                findings.push(file.finding(*line, format!("{path} in src/operator")));
            }
        }
        for (word, line) in &seen.macros {
            if ["println", "eprintln", "print", "eprint"].contains(&word.as_str()) {
                findings.push(file.finding(*line, format!("{word}! in src/operator")));
            }
        }
    }
    none(findings);
}

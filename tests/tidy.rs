//! Style as a test: borders between modules, sizes, banned items, documents that tell the truth.
//!
//! Needs no services. Each finding is a line `file:line: what is wrong; what to do`. A rule has no
//! switch: change the code, or change the rule and say why beside it.

#![allow(clippy::expect_used, reason = "a test may say: this cannot fail")]

#[path = "tidy/borders.rs"]
mod borders;
#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/contributing.rs"]
mod contributing;
#[path = "tidy/dead.rs"]
mod dead;
#[path = "tidy/delivery.rs"]
mod delivery;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/edge_cases.rs"]
mod edge_cases;
#[path = "tidy/observe.rs"]
mod observe;
#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/tokens.rs"]
mod tokens;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What is wrong, where, and what to do.
pub struct Finding {
    pub file: String,
    pub line: usize,
    pub what: String,
}

/// A text file of the repository; `path` is relative to its root, with `/`.
pub struct Source {
    pub path: String,
    pub text: String,
    /// Whether all of it is test code.
    pub test: bool,
}

impl Source {
    pub fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { file: self.path.clone(), line, what: what.into() }
    }

    pub fn is(&self, extension: &str) -> bool {
        self.path.ends_with(&format!(".{extension}"))
    }

    /// Rust that is no test, bench or script: the root package's and that of `crates/`.
    pub fn is_source(&self) -> bool {
        self.is("rs") && (self.under("src") || self.under("crates"))
    }

    pub fn under(&self, place: &str) -> bool {
        let rest = self.path.strip_prefix(place);
        rest.is_some_and(|rest| place.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
    }
}

/// Every text file, without what is built, fetched or running.
pub fn sources() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str());
            if matches!(name, None | Some("target" | ".git" | ".dev")) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let path = relative(&root, &path);
                let test = path.starts_with("tests/");
                found.push(Source { path, text, test });
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    assert!(found.len() > 50, "the repository was not found");
    let modules: Vec<String> = found.iter().flat_map(test_modules).collect();
    for source in &mut found {
        source.test |= modules.iter().any(|module| source.path.starts_with(module));
    }
    found
}

/// The files of the modules that `source` declares under `#[cfg(test)]`: `x.rs` and `x/`.
fn test_modules(source: &Source) -> Vec<String> {
    let (folder, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let root = matches!(name, "mod.rs" | "lib.rs" | "main.rs");
    let folder =
        if root { folder.to_owned() } else { format!("{folder}/{}", name.trim_end_matches(".rs")) };
    let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
    let mut modules = Vec::new();
    for (index, _) in lines.iter().enumerate().filter(|(_, line)| **line == "#[cfg(test)]") {
        let after: Vec<&str> = lines.iter().copied().skip(index + 1).take(2).collect();
        if let [path, ..] = after.as_slice()
            && let Some(path) = path.strip_prefix("#[path = \"")
        {
            let parent = source.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            modules.push(format!("{parent}/{}", path.trim_end_matches("\"]")));
        } else if let [line, ..] = after.as_slice()
            && let Some(name) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'))
        {
            modules.extend([format!("{folder}/{name}.rs"), format!("{folder}/{name}/")]);
        }
    }
    modules
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn relative(root: &Path, path: &Path) -> String {
    let rest = path.strip_prefix(root).expect("below the root");
    rest.to_str().expect("UTF-8 names").replace('\\', "/")
}

/// Fails with all findings at once.
pub fn none(findings: Vec<Finding>) {
    let mut list = String::new();
    for Finding { file, line, what } in &findings {
        writeln!(list, "{file}:{line}: {what}").expect("a String takes all");
    }
    assert!(findings.is_empty(), "{} findings\n{list}", findings.len());
}

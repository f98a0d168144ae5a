//! The alert rules of `dev/observe`: each says how long, how bad, and what to do, and is tested.

use crate::{Finding, Source, none, sources};

const RULES: &str = "dev/observe/alerts.yml";
const TESTS: &str = "dev/observe/alerts.test.yml";
const RUNBOOK: &str = "docs/RUNBOOK.md";

fn file<'a>(files: &'a [Source], path: &str) -> &'a Source {
    files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is missing"))
}

/// The places that headings of a page are linked by.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn each_alert_says_what_to_do_and_is_tested() {
    let files = sources();
    let (rules, tests) = (file(&files, RULES), file(&files, TESTS));
    let places = anchors(&file(&files, RUNBOOK).text);
    let mut findings: Vec<Finding> = Vec::new();
    let blocks: Vec<&str> = rules.text.split("      - alert: ").collect();
    assert!(blocks.len() > 20, "{}", blocks.len());
    let mut line = blocks.first().map_or(0, |head| head.lines().count());
    for block in blocks.iter().skip(1) {
        let name = block.lines().next().unwrap_or_default();
        let value = |key: &str| {
            let found = block.lines().find_map(|line| line.trim().strip_prefix(key));
            found.map(str::trim).filter(|value| !value.is_empty())
        };
        let mut find = |what: String| findings.push(rules.finding(line + 1, what));
        if value("for:").is_none() || value("summary:").is_none() {
            find(format!("{name} has no `for`, or no summary"));
        }
        if !matches!(value("severity:"), Some("page" | "warning" | "ticket")) {
            find(format!("{name} has no severity: page, warning or ticket"));
        }
        let anchor = value("runbook:").and_then(|place| place.strip_prefix("docs/RUNBOOK.md#"));
        match anchor {
            Some(anchor) if places.iter().any(|place| place == anchor) => {}
            other => find(format!("{name}: {other:?} is no heading of {RUNBOOK}")),
        }
        if !tests.text.contains(&format!("alertname: {name}\n")) {
            find(format!("{name} is in no test of {TESTS}"));
        }
        line += block.lines().count();
    }
    none(findings);
}

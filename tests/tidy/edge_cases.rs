//! The seventy cases: each has its row in `docs/EDGE_CASES.md`, and the row names its tests.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Finding, Source, none, sources, tokens};

const CASES: u8 = 70;
const TABLE: &str = "docs/EDGE_CASES.md";

/// Cases whose tests are not here yet. Their rows name only the beginning, as `edge_42_`.
const ELSEWHERE: [u8; 0] = [];

/// The number of `edge_07_what_it_says`; None for a word that is no test of a case.
fn number_of(word: &str) -> Option<u8> {
    let (digits, _) = word.strip_prefix("edge_")?.split_once('_')?;
    let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    two.then(|| digits.parse().ok()).flatten()
}

/// Test names, each with the files and lines where it is.
type Named<'a> = BTreeMap<String, Vec<(&'a Source, usize)>>;

/// The tests of each case.
fn tests(files: &[Source]) -> BTreeMap<u8, Named<'_>> {
    let mut found: BTreeMap<u8, Named<'_>> = BTreeMap::new();
    let code = files.iter().filter(|file| file.is("rs") && !file.under("tests/tidy"));
    for file in code.filter(|file| file.is_source() || file.under("tests")) {
        let words = tokens::of(file, false).words;
        for pair in words.windows(2) {
            let [(before, _), (name, line)] = pair else { continue };
            if let Some(number) = number_of(name).filter(|_| before == "fn") {
                let places = found.entry(number).or_default().entry(name.clone()).or_default();
                places.push((file, *line));
            }
        }
    }
    found
}

/// Each row of the table: its line, its number, the names in its last cell.
fn rows(table: &Source) -> Vec<(usize, u8, BTreeSet<String>)> {
    let mut rows = Vec::new();
    for (index, line) in table.text.lines().enumerate() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells.first().and_then(|cell| cell.parse().ok());
        let (Some(number), [_, .., last]) = (number, cells.as_slice()) else { continue };
        let names = last.split('`').filter(|name| name.starts_with("edge_"));
        rows.push((index + 1, number, names.map(str::to_owned).collect()));
    }
    rows
}

#[test]
fn each_case_has_its_test_and_each_row_is_true() {
    let files = sources();
    let table = files.iter().find(|file| file.path == TABLE).expect(TABLE);
    let (tests, rows) = (tests(&files), rows(table));
    let mut findings: Vec<Finding> = Vec::new();
    let numbers: Vec<u8> = rows.iter().map(|(_, number, _)| *number).collect();
    if !numbers.iter().copied().eq(1..=CASES) {
        let what = format!("the rows are {numbers:?}; each of 1 to {CASES} once, in order");
        findings.push(table.finding(1, what));
    }
    for (line, number, named) in &rows {
        let there: BTreeSet<String> =
            tests.get(number).into_iter().flat_map(BTreeMap::keys).cloned().collect();
        let prefix = BTreeSet::from([format!("edge_{number:02}_")]);
        let elsewhere = ELSEWHERE.contains(number);
        if elsewhere && !there.is_empty() {
            let what = format!("case {number} has tests now; take it out of ELSEWHERE");
            findings.push(table.finding(*line, what));
        }
        let expected = if elsewhere { &prefix } else { &there };
        if there.is_empty() && !elsewhere {
            findings.push(table.finding(*line, format!("case {number} has no test; write it")));
        } else if named != expected {
            let what = format!("case {number} names {named:?}; its tests are {expected:?}");
            findings.push(table.finding(*line, what));
        }
    }
    for (number, names) in &tests {
        for (name, places) in names {
            let (file, line) = places[0];
            if !(1..=CASES).contains(number) {
                findings.push(file.finding(line, format!("`{name}`: there is no such case")));
            }
            if places.len() > 1 {
                let what = format!("`{name}` is the name of {} tests; name each", places.len());
                findings.push(file.finding(line, what));
            }
        }
    }
    none(findings);
}

/// Guards the rule above: what it reads by is read as it should be.
#[test]
fn numbers_are_read_from_names() {
    assert_eq!(number_of("edge_07_a_name"), Some(7));
    assert_eq!(number_of("edge_70_x"), Some(70));
    for word in ["edge_7_x", "edge_cases", "edge_ab_x", "knowledge_07_x", "edge_007_x", "edge_07"] {
        assert_eq!(number_of(word), None, "{word}");
    }
}

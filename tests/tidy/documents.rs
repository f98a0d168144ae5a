//! Documents tell the truth: codes, names, settings, links, and the quick start of the README.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use topup::config::{Flags, Loaded, Needs};
use topup::domain::effect::Need;
use topup::domain::ids::{
    AccountId, HoldId, InvoiceId, MessageId, PaymentId, RecordId, Source as OfRecord, UsageId,
};
use topup::domain::matching::reference;
use topup::domain::payment::ParkReason;
use topup::domain::rejection::{DeadLetterReason, Rejection};
use topup::wire::{DecodeCode, RawRecord, Topic, decode};

use crate::{Finding, Source, none, root, sources, tokens};

fn document<'a>(files: &'a [Source], path: &str) -> &'a Source {
    let found = files.iter().find(|file| file.path == path);
    found.unwrap_or_else(|| panic!("{path} is missing"))
}

/// The sections of `docs/ERRORS.md` that list codes, each with what the code lists.
fn codes() -> [(&'static str, Vec<&'static str>); 7] {
    let needs = [
        Need::Invoice(InvoiceId::trusted("I")),
        Need::Payment(PaymentId::trusted("P")),
        Need::Charge(AccountId::trusted("A"), UsageId::trusted("U")),
        Need::Hold(AccountId::trusted("A"), HoldId::trusted("H")),
        Need::Proof(chrono::DateTime::UNIX_EPOCH),
        Need::Behind(RecordId { source: OfRecord::trusted("s"), id: MessageId::trusted("m") }),
        Need::Version,
    ];
    [
        ("Refusals of commands", Rejection::ALL.map(Rejection::code).to_vec()),
        ("Records that cannot be decoded", DecodeCode::ALL.map(DecodeCode::code).to_vec()),
        (
            "Records that cannot be processed",
            DeadLetterReason::ALL.map(DeadLetterReason::code).to_vec(),
        ),
        ("Parked payments", ParkReason::ALL.map(ParkReason::code).to_vec()),
        ("Commands that wait", needs.iter().map(Need::code).collect()),
        ("Refusals of the command line", topup::cli::CODES.to_vec()),
        ("Refusals of Kafka", topup::kafka::CODES.to_vec()),
    ]
}

/// The same codes in the same order: the order is the precedence.
#[test]
fn each_code_is_documented() {
    let files = sources();
    let errors = document(&files, "docs/ERRORS.md");
    let mut section = "";
    let mut documented: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for (index, line) in errors.text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        }
        let heading = line.strip_prefix("### `").and_then(|rest| rest.strip_suffix('`'));
        if let Some(code) = heading {
            documented.entry(section).or_default().push((code, index + 1));
        }
    }
    let mut findings = Vec::new();
    for (section, codes) in codes() {
        let listed = documented.remove(section).unwrap_or_default();
        let names: Vec<&str> = listed.iter().map(|(code, _)| *code).collect();
        for code in codes.iter().filter(|code| !names.contains(code)) {
            let what = format!("`{code}` has no heading under \"{section}\"; say what to do");
            findings.push(errors.finding(1, what));
        }
        for (code, line) in listed.iter().filter(|(code, _)| !codes.contains(code)) {
            let what = format!("`{code}` under \"{section}\" is no code; remove it");
            findings.push(errors.finding(*line, what));
        }
        if findings.is_empty() && names != codes {
            let what = format!("\"{section}\" has another order than the code; it is precedence");
            findings.push(errors.finding(1, what));
        }
    }
    for (section, listed) in documented {
        for (code, line) in listed {
            let what = format!("`{code}`: \"{section}\" is no section of codes");
            findings.push(errors.finding(line, what));
        }
    }
    none(findings);
}

/// Every code that becomes the code of a record or a dead letter passes the columns' CHECK.
#[test]
fn each_code_can_be_stored() {
    let files = sources();
    let schema = document(&files, "migrations/0001_schema.sql");
    let mut findings = Vec::new();
    let mut checked = 0;
    for (index, line) in schema.text.lines().enumerate() {
        let check = line.split_once("(code !~ '[^").or(line.split_once("(reason !~ '[^"));
        let Some((class, _)) = check.and_then(|(_, rest)| rest.split_once(']')) else {
            continue;
        };
        checked += 1;
        for (_, codes) in codes() {
            for code in codes.into_iter().filter(|code| !code.chars().all(|c| is_in(class, c))) {
                let what = format!("`{code}` does not pass [{class}]; widen the CHECK");
                findings.push(schema.finding(index + 1, what));
            }
        }
    }
    assert!(checked > 2, "the CHECKs of the code columns were not found");
    none(findings);
}

/// Whether a character is in a class such as `a-z_`.
fn is_in(class: &str, wanted: char) -> bool {
    let class: Vec<char> = class.chars().collect();
    let mut at = 0;
    while let Some(first) = class.get(at) {
        match (class.get(at + 1), class.get(at + 2)) {
            (Some('-'), Some(last)) => {
                if (*first..=*last).contains(&wanted) {
                    return true;
                }
                at += 3;
            }
            _ if *first == wanted => return true,
            _ => at += 1,
        }
    }
    false
}

/// Every public name in the code stands in the contract.
#[test]
fn each_record_type_is_documented() {
    let files = sources();
    let contract = document(&files, "docs/CONTRACTS.md");
    let mut findings = Vec::new();
    let places = ["crates/domain/src/event.rs", "crates/domain/src/input.rs", "src/wire/decode.rs"];
    for file in places.map(|place| document(&files, place)) {
        for (index, line) in file.text.lines().enumerate() {
            for name in line.split('"').filter(|text| is_type_name(text)) {
                if !contract.text.contains(&format!("`{name}`")) {
                    let what = format!("{name} is not in docs/CONTRACTS.md; describe it there");
                    findings.push(file.finding(index + 1, what));
                }
            }
        }
    }
    none(findings);
}

fn is_type_name(text: &str) -> bool {
    text.starts_with("topup.") && text.ends_with(".v1")
}

/// The table of settings says what the code says. `UPDATE_SETTINGS=1` writes it.
#[test]
fn the_table_of_settings_is_that_of_the_code() {
    let files = sources();
    let page = document(&files, "docs/SETTINGS.md");
    let (before, table) = page.text.split_once("-->\n\n").expect("a table behind its comment");
    let expected = topup::config::settings_table();
    let mut rows = expected.lines();
    let lost =
        rows.find(|row| row.split(" | ").any(|cell| cell.trim_matches(['|', ' ']).is_empty()));
    assert_eq!(lost, None, "say what it means, in src/config/keys.rs");
    if std::env::var("UPDATE_SETTINGS").is_ok_and(|value| value == "1") {
        let text = format!("{before}-->\n\n{expected}");
        std::fs::write(root().join(&page.path), text).expect("the page is written");
        return;
    }
    let differ = table.lines().zip(expected.lines()).find(|(there, wanted)| there != wanted);
    assert!(table == expected, "UPDATE_SETTINGS=1 accepts it; first difference: {differ:?}");
}

/// Each setting is in the table of `docs/SETTINGS.md`, with its default.
#[test]
fn each_setting_is_documented() {
    let files = sources();
    let settings = document(&files, "docs/SETTINGS.md");
    let loaded = Loaded::read(&Flags::default(), &BTreeMap::new(), Needs::NOTHING);
    let mut findings = Vec::new();
    for setting in loaded.expect("defaults are usable").shown {
        let start = format!("| `{}` |", setting.key);
        let rows = settings.text.lines().enumerate();
        let mut row = rows.filter(|(_, line)| line.starts_with(&start));
        let Some((index, line)) = row.next() else {
            let what = format!("`{}` is not in the table of settings; add it", setting.key);
            findings.push(settings.finding(1, what));
            continue;
        };
        let told = line.split('|').nth(2).unwrap_or_default().trim().trim_matches('`');
        let unset = ["—", "none", "host and process id"].contains(&told);
        let right = setting.value.as_deref().map_or(unset, |value| value == told);
        if !right {
            let what = format!("`{}`: the default is {:?}", setting.key, setting.value);
            findings.push(settings.finding(index + 1, what));
        }
    }
    none(findings);
}

/// From the runbook every code can be reached: its section is linked beside a command to look with,
/// and the code's own text says what it means and what to do.
#[test]
fn the_runbook_reaches_every_code_and_job() {
    let files = sources();
    let page = document(&files, "docs/RUNBOOK.md");
    let errors = document(&files, "docs/ERRORS.md");
    let mut findings = Vec::new();
    for (section, codes) in codes() {
        let link = format!("(ERRORS.md#{})", section.to_lowercase().replace(' ', "-"));
        let row = page.text.lines().find(|line| line.starts_with('|') && line.contains(&link));
        if !row.is_some_and(|row| row.contains("| `topup ")) {
            let what = format!("no row of the runbook says where to look for \"{section}\"");
            findings.push(page.finding(1, what));
        }
        for code in codes {
            let part = errors.text.split(&format!("\n## {section}\n")).nth(1).unwrap_or_default();
            let part = part.split("\n## ").next().unwrap_or_default();
            let text = part.split(&format!("\n### `{code}`\n")).nth(1).unwrap_or_default();
            let text = text.split("\n### ").next().unwrap_or_default();
            if text.split_whitespace().count() < 8 {
                let what = format!("`{code}`: say what it means and what to do");
                findings.push(errors.finding(1, what));
            }
        }
    }
    for job in topup::jobs::Job::WORDS {
        if !page.text.lines().any(|line| line.starts_with(&format!("| `{job}` |"))) {
            findings.push(page.finding(1, format!("the runbook has no row for {job}")));
        }
    }
    none(findings);
}

#[test]
fn links_lead_somewhere() {
    let files = sources();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is("md")) {
        let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
        for (index, line) in file.text.lines().enumerate() {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if link.contains("://") {
                    continue;
                }
                let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
                let target = if path.is_empty() {
                    root().join(&file.path)
                } else {
                    root().join(folder).join(path)
                };
                let text = std::fs::read_to_string(&target).unwrap_or_default();
                if !target.exists() || (!anchor.is_empty() && !anchors(&text).contains(anchor)) {
                    let what = format!("`{link}` leads nowhere; repair or remove it");
                    findings.push(file.finding(index + 1, what));
                }
            }
        }
    }
    none(findings);
}

/// The anchors that a heading gets: lower case, spaces as hyphens, no punctuation.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// Comments that send the reader to a document send him to one that is there.
#[test]
fn named_documents_exist() {
    let files = sources();
    let mut findings: Vec<Finding> = Vec::new();
    for file in files.iter().filter(|file| !file.is("lock")) {
        for (index, line) in file.text.lines().enumerate() {
            let starts = line.match_indices("docs/").map(|(at, _)| &line[at..]);
            for start in starts {
                let letter = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
                let end = start.find(|c: char| !letter(c)).unwrap_or(start.len());
                let path = start[..end].trim_end_matches('.');
                if path.ends_with(".md") && !root().join(path).exists() {
                    let what = format!("{path} does not exist; write it or drop the mention");
                    findings.push(file.finding(index + 1, what));
                }
            }
        }
    }
    none(findings);
}

/// A module says what it is for before it begins.
#[test]
fn each_module_has_a_head() {
    let files = sources();
    let code = files.iter().filter(|file| file.is("rs"));
    let headless = code.filter(|file| !file.text.starts_with("//!"));
    none(headless.map(|file| file.finding(1, "no `//!` head; say what it is for")).collect());
}

/// The payment of the README's quick start quotes the reference that its invoice gets.
#[test]
fn the_quick_start_is_true() {
    let invoice = include_str!("../../fixtures/quickstart/invoice.ndjson");
    let payment = include_str!("../../fixtures/quickstart/payment.ndjson");
    let read = |line: &str, topic| {
        let record: serde_json::Value = serde_json::from_str(line).expect("a record");
        let value = record["value"].to_string();
        let key = record["key"].as_str().expect("a key").to_owned();
        let raw = RawRecord {
            topic,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[],
        };
        decode(&raw).expect("it decodes")
    };
    let created = read(invoice, Topic::Commands);
    read(payment, Topic::BankPayments);
    let minted = reference::mint(&created.content_hash);
    assert!(payment.contains(&minted), "the payment must quote {minted}");
}

/// Guards the rules on tokens: a reader that sees nothing finds nothing.
#[test]
fn words_of_the_code_are_seen() {
    let files = sources();
    let decide = document(&files, "crates/domain/src/decide/mod.rs");
    let seen = tokens::of(decide, true);
    assert!(seen.words.len() > 100 && seen.paths.len() > 20);
}

/// The walks that ARCHITECTURE draws: each file has the functions that stand behind it, and stands
/// in a walk once.
#[test]
fn the_walks_name_functions_that_exist_and_each_file_once() {
    let files = sources();
    let drawn = document(&files, "docs/ARCHITECTURE.md");
    let (_, section) = drawn.text.split_once("\n## Three walks").expect("the walks");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut findings = Vec::new();
    let (mut walks, mut named) = (0, 0);
    for walk in section.split("```text\n").skip(1) {
        walks += 1;
        let mut seen = BTreeSet::new();
        for line in walk.lines().take_while(|line| *line != "```") {
            let (path, functions) = line.trim().split_once(' ').expect("a file and its functions");
            let mut finding = |what: String| {
                findings.push(Finding { file: path.to_owned(), line: 0, what });
            };
            if !seen.insert(path) {
                finding("a walk of ARCHITECTURE meets this file twice".to_owned());
            }
            for function in functions.split(':').next().unwrap_or_default().split(", ") {
                named += 1;
                let here = format!("fn {}", function.trim());
                if !document(&files, path).text.contains(&format!("{here}(")) {
                    finding(format!("ARCHITECTURE names `{here}`, which is not there"));
                }
            }
        }
    }
    assert!(walks == 3 && named > 60, "only {walks} walks, {named} functions");
    none(findings);
}

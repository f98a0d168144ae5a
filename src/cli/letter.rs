//! One dead letter as it is shown: the record may be anything, and may name a payer.

use serde::Serialize;
use serde_json::Value;

use super::output::Text;
use super::words::code_words;
use crate::masked::is_private;
use crate::store::dead_letters::LetterState;
use crate::store::views::Privacy;
use crate::store::views::dead_letters::{ActRow, Blocks, LetterRow, LetterView};
use crate::store::views::time::At;

/// What is printed of a record; one may be 64 KiB and more.
const SHOWN_BYTES_MAX: usize = 4_096;
/// What stands in place of a record that is no JSON.
pub(super) const HIDDEN: &str = "not readable, so it cannot be masked: --unmasked shows it";

#[derive(Debug, Clone, Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    row: LetterRow,
    record_timestamp: Option<At>,
    key: Option<String>,
    value_bytes: usize,
    /// Whether `value` and the revisions are masked: what is masked is not to be written back.
    masked: bool,
    /// JSON as it came, or with private fields masked; None where it is not shown.
    value: Option<String>,
    headers: Value,
    revisions: Vec<ShownRevision>,
    blocks: Blocks,
    acts: Vec<ActRow>,
}

#[derive(Debug, Clone, Serialize)]
struct ShownRevision {
    revision: i32,
    operator: String,
    reason: String,
    made_at: At,
    /// What differs from the one before; None where it is not shown.
    diff: Option<String>,
}

impl Shown {
    pub(super) fn of(view: LetterView, privacy: Privacy) -> Self {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let value = view.record_value.as_deref();
        let mut before = value.unwrap_or_default();
        let mut revisions = Vec::with_capacity(view.revisions.len());
        for revision in &view.revisions {
            let now = revision.record_value.as_deref().unwrap_or_default();
            revisions.push(ShownRevision {
                revision: revision.revision,
                operator: revision.operator.clone(),
                reason: revision.reason.clone(),
                made_at: revision.made_at,
                diff: diff(before, now, privacy),
            });
            before = now;
        }
        Self {
            row: view.row,
            record_timestamp: view.record_timestamp,
            key: view.record_key.as_deref().map(lossy),
            value_bytes: value.map_or(0, <[u8]>::len),
            masked: privacy.is_masked(),
            value: value.and_then(|bytes| match privacy {
                Privacy::Full => Some(lossy(bytes)),
                Privacy::Masked => masked(bytes),
            }),
            headers: serde_json::from_str(&view.record_headers).unwrap_or(Value::Null),
            revisions,
            blocks: view.blocks,
            acts: view.acts,
        }
    }
}

/// What differs between two values, line by line of their JSON. What cannot be read cannot be
/// masked, and is only shown in full.
pub(super) fn diff(before: &[u8], now: &[u8], privacy: Privacy) -> Option<String> {
    let lines = |bytes: &[u8]| {
        let document = serde_json::from_slice::<Value>(bytes).ok().map(|mut document| {
            if privacy == Privacy::Masked {
                mask(&mut document, false);
            }
            serde_json::to_string_pretty(&document).unwrap_or_default()
        });
        match (document, privacy) {
            (Some(text), _) => Some(text + "\n"),
            (None, Privacy::Full) => Some(String::from_utf8_lossy(bytes).into_owned() + "\n"),
            (None, Privacy::Masked) => None,
        }
    };
    let (before, now) = (lines(before)?, lines(now)?);
    let compared = similar::TextDiff::from_lines(&before, &now);
    let unified = compared.unified_diff().context_radius(2).header("before", "after").to_string();
    if unified.is_empty() {
        return Some("only what is masked or spacing differs: --unmasked shows it".to_owned());
    }
    Some(unified)
}

/// Only a record that can be read can be masked; another is not shown at all.
fn masked(bytes: &[u8]) -> Option<String> {
    let mut document: Value = serde_json::from_slice(bytes).ok()?;
    mask(&mut document, false);
    serde_json::to_string(&document).ok()
}

fn mask(value: &mut Value, private: bool) {
    match value {
        Value::String(text) if private => *text = Privacy::Masked.text(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, private)),
        Value::Object(fields) => {
            for (name, field) in fields {
                mask(field, private || is_private(name));
            }
        }
        Value::Number(_) if private => *value = Value::String("…".to_owned()),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

pub(super) fn human(shown: &Shown, text: &mut Text) {
    let row = &shown.row;
    text.heading(&format!("Dead letter {}: {}", row.dead_letter_id, row.status));
    let record = row.source.iter().zip(&row.message_id).next();
    text.fields(&[
        ("code", Some(code_words(&row.code))),
        ("message", Some(row.message.clone())),
        ("place", Some(format!("{}:{}:{}", row.topic, row.partition, row.offset))),
        ("record", record.map(|(source, id)| format!("{source}/{id}"))),
        ("attempts", Some(row.attempts.to_string())),
        ("first failed", Some(row.first_failed_at.to_string())),
        ("last failed", Some(row.last_failed_at.to_string())),
        ("resolved", row.resolved_at.map(|at| at.to_string())),
        ("resolution", row.resolution.clone()),
    ]);
    text.heading("The record as it came");
    text.fields(&[
        ("time", shown.record_timestamp.map(|at| at.to_string())),
        ("key", shown.key.clone()),
        ("size", Some(format!("{} bytes", shown.value_bytes))),
        ("headers", Some(shown.headers.to_string()).filter(|headers| headers != "[]")),
        ("value", Some(value_words(shown))),
    ]);
    for revision in &shown.revisions {
        let (number, by, at) = (revision.revision, &revision.operator, revision.made_at);
        text.heading(&format!("Revision {number} by {by} at {at}: {}", revision.reason));
        for line in revision.diff.as_deref().unwrap_or(HIDDEN).lines() {
            text.line(&format!("  {line}"));
        }
    }
    let Blocks { later_letters, waiting_commands } = shown.blocks;
    if row.status == LetterState::Open.word() && later_letters.max(waiting_commands) > 0 {
        text.heading("What stands behind it");
        text.fields(&[
            ("later dead letters of its key", Some(later_letters.to_string())),
            ("waiting commands of its key", Some(waiting_commands.to_string())),
        ]);
    }
    text.section_of_any("What operators did", &shown.acts);
}

fn value_words(shown: &Shown) -> String {
    match &shown.value {
        None if shown.value_bytes == 0 => "(empty)".to_owned(),
        None => HIDDEN.to_owned(),
        Some(value) if value.len() > SHOWN_BYTES_MAX => {
            let end = value.floor_char_boundary(SHOWN_BYTES_MAX);
            format!("{}… (--output json shows all)", value.get(..end).unwrap_or_default())
        }
        Some(value) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payers_are_masked_at_any_depth() {
        let record = br#"{"id":"B1","data":{"debtor":{"name":"Tan Ah Seng","account":"DBS001234"},
            "remittance":{"unstructured":["from Tan Ah Seng","1"]},"amount":"10.00"}}"#;
        let shown = masked(record).expect("JSON");
        assert!(!shown.contains("Tan") && !shown.contains("DBS0"), "{shown}");
        assert!(shown.contains("B1") && shown.contains("10.00"), "{shown}");
        assert_eq!(masked(b"name=Tan"), None);
    }

    #[test]
    fn a_diff_says_what_differs_and_names_no_payer() {
        let before = br#"{"data":{"amount":"1e9","debtor":{"name":"Tan Ah Seng"}}}"#;
        let now = br#"{"data":{"amount":"10.00","debtor":{"name":"Tan Ah Seng"}}}"#;
        let shown = diff(before, now, Privacy::Masked).expect("JSON");
        assert!(shown.contains("-    \"amount\": \"1e9\""), "{shown}");
        assert!(shown.contains("+    \"amount\": \"10.00\""), "{shown}");
        assert!(!shown.contains("Tan"), "{shown}");
        assert_eq!(diff(b"name=Tan", now, Privacy::Masked), None);
        assert!(diff(b"name=Tan", now, Privacy::Full).expect("text").contains("-name=Tan"));
    }
}

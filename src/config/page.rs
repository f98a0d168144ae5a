//! The table of `docs/SETTINGS.md`, written from the table of keys: a test compares the two.

use std::fmt::Write as _;

use config::ValueKind;

use super::keys::{KEYS, Key, Kind};

/// Each setting with its default, what it may be and what it is for, as a table of Markdown.
pub fn settings_table() -> String {
    let mut table = "| Key | Default | May be | Meaning |\n|---|---|---|---|\n".to_owned();
    for key in &KEYS {
        let (name, meaning) = (key.name, key.meaning);
        // Writing to a String cannot fail.
        let _ =
            writeln!(table, "| `{name}` | {} | {} | {meaning} |", default_of(key), key.expected());
    }
    table
}

fn default_of(key: &Key) -> String {
    match (key.default(), key.kind) {
        (Some(ValueKind::String(text)), _) => format!("`{text}`"),
        (Some(value), _) => value.to_string(),
        (None, _) if key.name == "kafka.client_id" => "host and process id".to_owned(),
        (None, Kind::Text | Kind::Secret | Kind::Url | Kind::OneOf(_)) => "—".to_owned(),
        (None, _) => "none".to_owned(),
    }
}

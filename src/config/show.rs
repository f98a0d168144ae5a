//! What `config show` prints: each key, its effective value with secrets masked, its layer.

use std::collections::BTreeMap;

use config::{Value, ValueKind};
use serde::Serialize;

use super::authority::names;
use super::keys::{KEYS, Key, Kind, PER_CURRENCY};

const MASK: &str = "***";

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    pub key: String,
    /// None where nothing is set.
    pub value: Option<String>,
    pub origin: String,
}

impl Shown {
    /// Every key in the order of the table; amounts follow their section's key.
    pub(super) fn all(values: &BTreeMap<String, Value>) -> Vec<Self> {
        let mut shown = Vec::new();
        for key in &KEYS {
            if PER_CURRENCY.contains(&key.name) {
                let of =
                    |name: &str| name.strip_prefix(key.name).is_some_and(|r| r.starts_with('.'));
                let amounts = values.iter().filter(|(name, _)| of(name));
                shown.extend(amounts.map(|(name, found)| Self::of(key, name, Some(found))));
            } else {
                shown.push(Self::of(key, key.name, values.get(key.name)));
            }
        }
        shown
    }

    fn of(key: &Key, name: &str, found: Option<&Value>) -> Self {
        let generated = name == "kafka.client_id";
        let origin = match found {
            Some(found) => origin_of(found),
            None if generated => "generated".to_owned(),
            None => "not set".to_owned(),
        };
        Self { key: name.to_owned(), value: found.map(|found| masked(key, found)), origin }
    }
}

pub(super) fn origin_of(found: &Value) -> String {
    found.origin().unwrap_or("an unnamed layer").to_owned()
}

fn masked(key: &Key, found: &Value) -> String {
    let text = match &found.kind {
        ValueKind::Array(values) if matches!(key.kind, Kind::Rules) => names(values, "name"),
        ValueKind::Array(values) if matches!(key.kind, Kind::Keys) => names(values, "id"),
        ValueKind::Array(values) => {
            let parts = values.iter().filter_map(|value| value.clone().into_string().ok());
            parts.collect::<Vec<_>>().join(",")
        }
        _ => found.clone().into_string().unwrap_or_default(),
    };
    if matches!(key.kind, Kind::Secret) {
        MASK.to_owned()
    } else if matches!(key.kind, Kind::Url) {
        mask_url(&text)
    } else {
        text
    }
}

/// A URL without its secrets: the password, and the value of every parameter named like one.
pub fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return MASK.to_owned();
    };
    // The last '@' ends the user's part: a password may hold one, and a '?' too.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => match user.split_once(':') {
            Some((user, _)) => (format!("{user}:{MASK}@"), rest),
            None if user.contains('?') => (format!("{MASK}@"), rest),
            None => (format!("{user}@"), rest),
        },
        None => (String::new(), rest),
    };
    match rest.split_once('?') {
        Some((host, query)) => format!("{scheme}://{user}{host}?{}", mask_query(query)),
        None => format!("{scheme}://{user}{rest}"),
    }
}

fn mask_query(query: &str) -> String {
    let masked = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.to_lowercase().contains("pass") => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    });
    masked.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_never_show() {
        let cases = [
            ("postgres://u:secret@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u:se@cret@h/d", "postgres://u:***@h/d"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres://h/d?user=u&password=secret", "postgres://h/d?user=u&password=***"),
            ("host=h password=secret", "***"),
        ];
        for (url, shown) in cases {
            assert_eq!(mask_url(url), shown);
        }
    }

    #[test]
    fn a_question_mark_in_a_password_leaks_nothing() {
        let shown = mask_url("postgres://u:sec?ret@h/d");
        assert!(!shown.contains("sec") && !shown.contains("ret"), "{shown}");
    }
}

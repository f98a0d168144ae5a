//! What serde leaves open and money cannot: duplicate keys, arrays in place of objects.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// No field's name is longer; what is longer is somebody's text.
const FIELD_NAME_MAX: usize = 40;

/// Reads `T` from a JSON object only. A derived struct would also take an array, by position.
pub(super) struct MapOnly<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for MapOnly<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = MapOnly<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(MapOnly)
            }
        }

        deserializer.deserialize_map(Object(PhantomData))
    }
}

/// A field as raw JSON.
pub(super) struct Pair<'a> {
    /// None: half a surrogate pair, which is no text.
    pub name: Option<Cow<'a, str>>,
    pub key: &'a str,
    pub value: &'a str,
}

/// The fields of an object in the order given; `None` for what is no object. It must be valid JSON:
/// whoever holds the record has read it once, and a second parser costs half as much again.
pub(super) fn pairs(json: &str) -> Option<Vec<Pair<'_>>> {
    let bytes = json.as_bytes();
    let behind = |mut at: usize, sign: u8| {
        let skipped = |byte: &u8| byte.is_ascii_whitespace() || *byte == sign;
        while bytes.get(at).is_some_and(skipped) {
            at += 1;
        }
        at
    };
    let mut at = json.find(|c: char| !c.is_ascii_whitespace())?;
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    at = behind(at + 1, b',');
    let mut pairs = Vec::with_capacity(16);
    while bytes.get(at) == Some(&b'"') {
        let end = string_end(bytes, at + 1);
        let key = json.get(at..end)?;
        at = behind(end, b':');
        let end = value_end(bytes, at);
        pairs.push(Pair { name: string_of(key), key, value: json.get(at..end)? });
        at = behind(end, b',');
    }
    Some(pairs)
}

/// The index after the value that begins at `at`.
fn value_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(&byte) = bytes.get(at) {
        let may_end = matches!(byte, b'"' | b'}' | b']');
        match byte {
            b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => break,
            b'"' => at = string_end(bytes, at + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += usize::from(byte != b'"');
        if may_end && depth == 0 {
            break;
        }
    }
    at
}

/// The text of a JSON string given as raw JSON; `None` for any other JSON value.
pub(super) fn string_of(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        // A lone surrogate escape is JSON but not text.
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// Where an object names a key twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeated {
    Nowhere,
    /// In the outermost object: its own values cannot be trusted.
    Outermost,
    Inside,
}

/// Looks for an object that names a key twice, anywhere in `json`, which must be valid JSON.
///
/// One pass with a stack on the heap, so that neither depth nor size can hurt: a record of
/// 64 KiB has at most 13,000 keys, sorted once per object.
pub(super) fn repeated_key(json: &str) -> Repeated {
    let bytes = json.as_bytes();
    let mut keys: Vec<Cow<'_, str>> = Vec::with_capacity(32);
    // Per open container: where its keys begin, or none for an array.
    let mut open: Vec<Option<usize>> = Vec::with_capacity(8);
    let mut key_next = false;
    let mut found = Repeated::Nowhere;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                if key_next {
                    let raw = json.get(at - 1..end).unwrap_or_default();
                    keys.push(string_of(raw).unwrap_or(Cow::Borrowed(raw)));
                    key_next = false;
                }
                at = end;
            }
            b'{' => {
                open.push(Some(keys.len()));
                key_next = true;
            }
            b'[' => open.push(None),
            b',' => key_next = matches!(open.last(), Some(Some(_))),
            b'}' | b']' => {
                key_next = false;
                if let Some(Some(first)) = open.pop() {
                    if has_repetition(keys.get_mut(first..).unwrap_or_default()) {
                        let outermost = open.is_empty();
                        found = if outermost { Repeated::Outermost } else { Repeated::Inside };
                    }
                    keys.truncate(first);
                }
            }
            _ => {}
        }
    }
    found
}

/// Where valid JSON holds a `null`, at any depth: `.name` of the key before it if that looks like a
/// field's, else nothing. Most records have none, and are only searched for the word.
pub(super) fn null_in(json: &str) -> Option<String> {
    if !json.contains("null") {
        return None;
    }
    let bytes = json.as_bytes();
    let mut last = "";
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                last = json.get(at..end.saturating_sub(1)).unwrap_or_default();
                at = end;
            }
            b'n' => {
                let plain = last.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                let named = plain && !last.is_empty() && last.len() <= FIELD_NAME_MAX;
                return Some(if named { format!(".{last}") } else { String::new() });
            }
            _ => {}
        }
    }
    None
}

/// The index after the closing quote of the string whose text begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at
}

fn has_repetition(keys: &mut [Cow<'_, str>]) -> bool {
    // Up to sixteen keys, which is every honest object but one, comparing pairs beats sorting.
    if keys.len() <= 16 {
        let pair = |(index, key)| keys.iter().skip(index + 1).any(|other| other == key);
        return keys.iter().enumerate().any(pair);
    }
    keys.sort_unstable();
    keys.windows(2).any(|pair| matches!(pair, [left, right] if left == right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_found_outside_of_strings() {
        for (json, found) in [
            (r#"{"a":"null","n":"x null"}"#, None),
            (r#"{"null":1,"a":"\"null"}"#, None),
            (r#"{"a":1,"amount":null}"#, Some(".amount")),
            (r#"{"list":[{"amount" : null}]}"#, Some(".amount")),
            (r#"{"list":["A B", null]}"#, Some("")),
        ] {
            assert_eq!(null_in(json).as_deref(), found, "{json}");
        }
    }

    #[test]
    fn repeated_keys_are_found_wherever_they_are() {
        let many: String = (0..5_000).map(|n| format!("\"k{n}\":0,")).collect();
        let cases = [
            (r#"{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}"#.to_owned(), Repeated::Nowhere),
            (r#"{"a":"a","b":"a,\"b\":1","c":{"x":"}"}}"#.to_owned(), Repeated::Nowhere),
            (r#"{"a":1,"a":1}"#.to_owned(), Repeated::Outermost),
            (r#"{"a":1,"\u0061":1}"#.to_owned(), Repeated::Outermost),
            (r#"{"a":[[{"b":1,"c":[],"b":2}]]}"#.to_owned(), Repeated::Inside),
            (r#"{"a":{"b":1,"b":2},"z":{"c":1}}"#.to_owned(), Repeated::Inside),
            (format!("{{{many}\"z\":0}}"), Repeated::Nowhere),
            (format!("{{{many}\"k77\":0}}"), Repeated::Outermost),
            ("[".repeat(60_000) + &"]".repeat(60_000), Repeated::Nowhere),
        ];
        for (json, expected) in cases {
            assert_eq!(repeated_key(&json), expected, "{:.60}", json);
        }
    }

    #[test]
    fn only_json_strings_have_a_text() {
        assert_eq!(string_of(r#""100.00""#).as_deref(), Some("100.00"));
        assert_eq!(string_of(r#""\u0031""#).as_deref(), Some("1"));
        for raw in ["1", "null", "{}", "[\"a\"]", "true", "\"", r#""\ud800""#] {
            assert_eq!(string_of(raw), None, "{raw}");
        }
    }
}

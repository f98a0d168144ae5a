//! An edit of a dead letter: a new revision beside the original, which stays as it came.

use json_patch::Patch;
use serde_json::Value;

use crate::clock::Clock;
use crate::masked;
use crate::pipeline::headers_from_json;
use crate::store::PgPool;
use crate::store::StoreError;
use crate::store::dead_letters::{self, Act, DeadLetter, LetterState, Selection, Who};
use crate::wire::{DecodeCode, RawRecord, Topic, decode};

/// What an edit makes of a letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub value: NewValue,
    pub key: NewKey,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NewValue {
    #[default]
    Same,
    Whole(Vec<u8>),
    /// RFC 6902, on what the latest revision holds.
    Patched(Patch),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NewKey {
    #[default]
    Same,
    None,
    Bytes(Vec<u8>),
}

/// What became of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// The revision it is, or would be, what it replaces, and what it holds.
    Revision {
        number: i32,
        before: Vec<u8>,
        after: Vec<u8>,
        /// The record's key, as it was.
        key_before: Option<Vec<u8>>,
    },
    /// The latest revision has these very bytes.
    Unchanged,
    /// Replayed or discarded before.
    AlreadyResolved,
    Unknown,
    /// It would write our mask over what the mask stands for, at this place.
    Masked(String),
    /// Why the patch does not fit this letter.
    Unfit(String),
    /// It would make less of a record of it than it is: why.
    NoRecord(String),
}

/// Makes `value` the latest revision of an open letter, or with `dry_run` only compares.
pub async fn edit(
    pool: &PgPool,
    id: i64,
    value: &[u8],
    operator: &str,
    reason: &str,
    dry_run: bool,
) -> Result<Edited, StoreError> {
    let change = Change { value: NewValue::Whole(value.to_vec()), key: NewKey::Same };
    revise(pool, id, &change, (operator, reason), dry_run).await
}

/// The same with any change.
pub async fn revise(
    pool: &PgPool,
    id: i64,
    change: &Change,
    (operator, reason): (&str, &str),
    dry_run: bool,
) -> Result<Edited, StoreError> {
    let at = Clock::System.now();
    let mut tx = pool.begin().await?;
    let locked = dead_letters::lock_in_tx(&mut tx, &[id]).await?;
    let Some(letter) = locked.into_iter().next() else {
        tx.rollback().await?;
        return Ok(Edited::Unknown);
    };
    let number = letter.revision.saturating_add(1);
    let before = letter.raw.value.clone().unwrap_or_default();
    let key_before = letter.raw.key.clone();
    let revision_before = letter.revision;
    let raw = match changed(letter, change) {
        Ok(letter) => letter.raw,
        Err(edited) => {
            tx.rollback().await?;
            return Ok(edited);
        }
    };
    let after = raw.value.clone().unwrap_or_default();
    if dry_run {
        tx.rollback().await?;
        return Ok(Edited::Revision { number, before, after, key_before });
    }
    let who = Who { operator, reason: Some(reason), run: None };
    let act = Act {
        dead_letter_id: id,
        outcome: "edited",
        code: None,
        state: LetterState::Open,
        revision_before,
        revision: number,
    };
    dead_letters::act_in_tx(&mut tx, "edit", who, &[act], at).await?;
    dead_letters::revise_in_tx(&mut tx, id, number, &raw, who, at).await?;
    tx.commit().await?;
    Ok(Edited::Revision { number, before, after, key_before })
}

/// The letter as the change makes it, or why not.
fn changed(mut letter: DeadLetter, change: &Change) -> Result<DeadLetter, Edited> {
    if letter.state != LetterState::Open {
        return Err(Edited::AlreadyResolved);
    }
    let was = (letter.raw.key.clone(), letter.raw.value.clone());
    match &change.value {
        NewValue::Same => {}
        NewValue::Whole(value) => letter.raw.value = Some(value.clone()),
        NewValue::Patched(patch) => {
            let value = patched(was.1.as_deref().unwrap_or_default(), patch);
            letter.raw.value = Some(value.map_err(Edited::Unfit)?);
        }
    }
    match &change.key {
        NewKey::Same => {}
        NewKey::None => letter.raw.key = None,
        NewKey::Bytes(key) => letter.raw.key = Some(key.clone()),
    }
    if (&letter.raw.key, &letter.raw.value) == (&was.0, &was.1) {
        return Err(Edited::Unchanged);
    }
    if letter.raw.value != was.1
        && let Some(why) = no_record(&letter, was.1.as_deref())
    {
        return Err(Edited::NoRecord(why));
    }
    let held = letter.raw.value.as_deref().and_then(|now| masked::held(now, was.1.as_deref()));
    match held {
        Some(place) => Err(Edited::Masked(place)),
        None => Ok(letter),
    }
}

/// Why the new value is no record at all, or less of one than `was`: it is empty, no JSON, another
/// document (our own answer to `show`).
fn no_record(letter: &DeadLetter, was: Option<&[u8]>) -> Option<String> {
    let headers = headers_from_json(&letter.raw.headers);
    // How far it is read; what a topic has to do with it comes later.
    let read = |value: Option<&[u8]>| {
        let raw = RawRecord { topic: Topic::Commands, key: None, value, headers: &headers };
        let failure = decode(&raw).err().filter(|failure| {
            matches!(
                failure.code,
                DecodeCode::EmptyValue
                    | DecodeCode::NotUtf8
                    | DecodeCode::NotJson
                    | DecodeCode::NotAnObject
                    | DecodeCode::EnvelopeInvalid
            )
        })?;
        Some((DecodeCode::ALL.iter().position(|code| *code == failure.code), failure))
    };
    let (place, failure) = read(letter.raw.value.as_deref())?;
    let envelope = failure.code == DecodeCode::EnvelopeInvalid;
    let better = envelope && read(was).is_some_and(|(before, _)| before <= place);
    (!better || is_an_answer(letter)).then(|| failure.detail.clone())
}

/// Whether the value is what `show --output json` prints.
fn is_an_answer(letter: &DeadLetter) -> bool {
    let value = letter.raw.value.as_deref().unwrap_or_default();
    let value: Option<Value> = serde_json::from_slice(value).ok();
    value.is_some_and(|value| {
        value.get("dead_letter_id").is_some() && value.get("specversion").is_none()
    })
}

/// A patch sees a document, so what a document cannot keep is not patched: a key that stands twice.
/// A number that is written otherwise than it would be read stays as it is, digit by digit, unless
/// the patch takes another thing in its place.
fn patched(value: &[u8], patch: &Patch) -> Result<Vec<u8>, String> {
    let record = RawRecord { topic: Topic::Commands, key: None, value: Some(value), headers: &[] };
    if decode(&record).is_err_and(|failure| failure.code == DecodeCode::DuplicateKey) {
        return Err("a key stands twice in it: edit the whole value".to_owned());
    }
    let no_json = |_| "its value is no JSON document".to_owned();
    serde_json::from_slice::<Value>(value).map_err(no_json)?;
    let text = std::str::from_utf8(value).map_err(|_| "its value is no text".to_owned())?;
    if text.contains(KEPT) || text.contains(KEPT_ESCAPED) {
        return Err("it holds a control character: edit the whole value".to_owned());
    }
    let mut document: Value = serde_json::from_str(&with_kept(text)).map_err(no_json)?;
    json_patch::patch(&mut document, patch)
        .map_err(|error| format!("operation {} of the patch: {}", error.operation, error.kind))?;
    let patched = serde_json::to_string(&document).map_err(|error| error.to_string())?;
    Ok(without_kept(&patched).into_bytes())
}

/// In front of the digits of a number that is kept as a text while the patch is applied.
const KEPT: char = '\u{1}';
const KEPT_ESCAPED: &str = "\\u0001";

/// Each number that would be written otherwise stands as a text, with its digits.
fn with_kept(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    let mut number = String::new();
    for c in json.chars().chain([' ']) {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(c);
            continue;
        }
        let begins = c.is_ascii_digit() || c == '-';
        if begins || (!number.is_empty() && matches!(c, '+' | '.' | 'e' | 'E')) {
            number.push(c);
            continue;
        }
        if !number.is_empty() {
            let read = serde_json::from_str::<Value>(&number).map(|read| read.to_string());
            if read.ok().as_deref() == Some(number.as_str()) {
                out.push_str(&number);
            } else {
                out.push_str(&format!("\"{KEPT_ESCAPED}{number}\""));
            }
            number.clear();
        }
        in_string = c == '"';
        out.push(c);
    }
    out
}

fn without_kept(json: &str) -> String {
    let mark = format!("\"{KEPT_ESCAPED}");
    let mut parts = json.split(mark.as_str());
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('"').unwrap_or((part, ""));
        out.push_str(number);
        out.push_str(rest);
    }
    out
}

/// The same change to each open letter of a selection, each in a transaction of its own.
///
/// # Errors
/// When the database fails; what was edited before stays edited.
pub async fn revise_all(
    pool: &PgPool,
    selection: &Selection,
    change: &Change,
    said: (&str, &str),
    dry_run: bool,
) -> Result<Vec<(i64, Edited)>, StoreError> {
    let each = async |id| revise(pool, id, change, said, dry_run).await;
    super::each_selected(pool, selection, each).await
}

/// The bytes that count of a letter, for an editor; none when there is no such letter.
pub async fn current(pool: &PgPool, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut tx = pool.begin().await?;
    let locked = dead_letters::lock_in_tx(&mut tx, &[id]).await?;
    tx.rollback().await?;
    Ok(locked.into_iter().next().map(|letter| letter.raw.value.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(text: &str) -> Patch {
        serde_json::from_str(text).expect("a patch")
    }

    #[test]
    fn a_patch_changes_what_it_names_and_keeps_the_rest() {
        let value = r#"{"data":{"amount":"1e9","name":"Tan Ah Seng","n":12,"m":-3}}"#;
        let ten = patch(r#"[{"op":"replace","path":"/data/amount","value":"10.00"}]"#);
        let now = patched(value.as_bytes(), &ten).expect("patched");
        let now: Value = serde_json::from_slice(&now).expect("JSON");
        let expected = r#"{"data":{"amount":"10.00","name":"Tan Ah Seng","n":12,"m":-3}}"#;
        assert_eq!(now, serde_json::from_str::<Value>(expected).expect("JSON"));
    }

    #[test]
    fn what_a_document_cannot_keep_is_not_patched() {
        let noop = patch("[]");
        for value in [r#"{"a":1,"a":2}"#, "{\"a\":\"\\u0001x\"}", "name=Tan", ""] {
            assert!(patched(value.as_bytes(), &noop).is_err(), "{value}");
        }
        assert!(patched(br#"{"a":"1.10","b":[-1,0,17]}"#, &noop).is_ok());
        // What is a number and is to be a text, and numbers beside it.
        let value = r#"{"amount":12.50,"big":12345678901234567890123,"e":[1e5, -0.10],"n":7}"#;
        let text = patch(r#"[{"op":"replace","path":"/amount","value":"12.50"}]"#);
        let now = String::from_utf8(patched(value.as_bytes(), &text).expect("fits"));
        let expected = r#"{"amount":"12.50","big":12345678901234567890123,"e":[1e5,-0.10],"n":7}"#;
        assert_eq!(now.as_deref(), Ok(expected));
        let missing = patch(r#"[{"op":"replace","path":"/b","value":1}]"#);
        assert!(patched(br#"{"a":1}"#, &missing).is_err());
    }
}

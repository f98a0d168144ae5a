//! The `CloudEvents` envelope, structured or binary, and all that is checked before the type.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::base64;
use super::code::DecodeCode;
use super::decode::{DecodeFailure, RawRecord};
use super::strict::{MapOnly, Repeated, repeated_key, string_of};
use super::values::instant_of;
use crate::domain::ids::{MessageId, RecordId, Source};

/// The largest value, in bytes (contract §2).
const VALUE_BYTES_MAX: usize = 65_536;

/// An envelope whose attributes have been checked.
pub(super) struct Envelope<'a> {
    pub record: RecordId,
    pub kind: Cow<'a, str>,
    /// None: a text that is no instant within the range, to be reported in its place.
    pub time: Option<DateTime<Utc>>,
    pub traceparent: Option<String>,
    /// Raw JSON.
    pub data: Option<Cow<'a, str>>,
}

/// The attributes of the body that mean something here, as raw JSON. Others are ignored.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    specversion: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    datacontenttype: Option<&'a RawValue>,
    #[serde(borrow)]
    traceparent: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    data_base64: Option<&'a RawValue>,
}

/// An attribute as found: absent, text, or something that is not text.
enum Attribute<'a> {
    Absent,
    Text(Cow<'a, str>),
    Malformed,
}

struct Attributes<'a> {
    specversion: Attribute<'a>,
    id: Attribute<'a>,
    source: Attribute<'a>,
    kind: Attribute<'a>,
    time: Attribute<'a>,
    datacontenttype: Attribute<'a>,
}

/// Everything up to and including the envelope, in the order of [`DecodeCode`].
pub(super) fn open<'a>(raw: &RawRecord<'a>) -> Result<Envelope<'a>, DecodeFailure> {
    let text = value_text(raw)?;
    let body = parse_body(raw, text)?;
    let binary = body.specversion.is_none() && binary_mode(raw);
    let attributes = if binary { header_attributes(raw) } else { body_attributes(&body) };
    let record = record_id(&attributes);
    match repeated_key(text) {
        Repeated::Nowhere => {}
        // Which of two ids is meant cannot be known.
        Repeated::Outermost if !binary => return Err(refuse(DecodeCode::DuplicateKey, None)),
        Repeated::Outermost | Repeated::Inside => {
            return Err(refuse(DecodeCode::DuplicateKey, record));
        }
    }
    let extension = if binary { None } else { body.traceparent };
    let traceparent = traceparent(raw, extension.map(RawValue::get));
    let data = if binary { Some(Cow::Borrowed(text)) } else { data_of(&body, record.as_ref())? };
    check(attributes, record, traceparent, data)
}

/// The data as it stands, or as base64 of the same.
fn data_of<'a>(
    body: &Body<'a>,
    record: Option<&RecordId>,
) -> Result<Option<Cow<'a, str>>, DecodeFailure> {
    let Some(encoded) = body.data_base64 else {
        return Ok(body.data.map(|data| Cow::Borrowed(data.get())));
    };
    let fail = |detail: &str| DecodeFailure {
        code: DecodeCode::EnvelopeInvalid,
        detail: detail.to_owned(),
        record: record.cloned(),
        unauthorised: None,
    };
    if body.data.is_some() {
        return Err(fail("data, data_base64: expected one of them"));
    }
    let bytes = string_of(encoded.get()).and_then(|text| base64::decode(&text));
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| fail("data_base64: expected base64 of UTF-8 text"))?;
    let text = without_mark(&text).to_owned();
    if serde_json::from_str::<IgnoredAny>(&text).is_err() {
        return Err(fail("data_base64: expected base64 of JSON"));
    }
    if repeated_key(&text) != Repeated::Nowhere {
        return Err(refuse(DecodeCode::DuplicateKey, record.cloned()));
    }
    Ok(Some(Cow::Owned(text)))
}

/// Without the byte-order mark that some editors and libraries write first.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn value_text<'a>(raw: &RawRecord<'a>) -> Result<&'a str, DecodeFailure> {
    let early = |code| refuse(code, early_record_id(raw));
    let value = raw.value.filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| early(DecodeCode::EmptyValue))?;
    if value.len() > VALUE_BYTES_MAX {
        return Err(early(DecodeCode::TooLarge));
    }
    let text = std::str::from_utf8(value).map_err(|_| early(DecodeCode::NotUtf8))?;
    let text = without_mark(text);
    if text.is_empty() { Err(early(DecodeCode::EmptyValue)) } else { Ok(text) }
}

fn parse_body<'a>(raw: &RawRecord<'a>, text: &'a str) -> Result<Body<'a>, DecodeFailure> {
    let error = match serde_json::from_str::<MapOnly<Body<'a>>>(text) {
        Ok(MapOnly(body)) => return Ok(body),
        Err(error) => error,
    };
    // The first error need not be the gravest: only a second look tells syntax from shape.
    let code = if serde_json::from_str::<IgnoredAny>(text).is_err() {
        DecodeCode::NotJson
    } else if !text.trim_ascii_start().starts_with('{') {
        DecodeCode::NotAnObject
    } else if error.is_data() {
        // Any JSON is taken for any attribute, so all that is left is one named twice.
        DecodeCode::DuplicateKey
    } else {
        // A key with half a surrogate pair.
        DecodeCode::NotJson
    };
    let mut failure = refuse(code, early_record_id(raw));
    if code == DecodeCode::NotJson {
        failure.detail =
            format!("value: expected JSON, at line {} column {}", error.line(), error.column());
    }
    Err(failure)
}

/// Binary mode by its headers; the body is asked first (see [`open`]).
fn binary_mode(raw: &RawRecord<'_>) -> bool {
    let structured = raw.header_text("content-type").is_some_and(|content_type| {
        media_type(content_type).eq_ignore_ascii_case("application/cloudevents+json")
    });
    !structured && raw.headers.iter().any(|header| header.name == "ce_specversion")
}

/// Whether the attributes stand in headers.
pub fn is_binary(raw: &RawRecord<'_>) -> bool {
    let in_body = || {
        let text =
            value_text(raw).and_then(|text| Ok(parse_body(raw, text)?.specversion.is_some()));
        text.unwrap_or(false)
    };
    binary_mode(raw) && !in_body()
}

fn body_attributes<'a>(body: &Body<'a>) -> Attributes<'a> {
    let text = |raw: Option<&'a RawValue>| match raw.map(|raw| string_of(raw.get())) {
        None => Attribute::Absent,
        Some(Some(text)) => Attribute::Text(text),
        Some(None) => Attribute::Malformed,
    };
    Attributes {
        specversion: text(body.specversion),
        id: text(body.id),
        source: text(body.source),
        kind: text(body.kind),
        time: text(body.time),
        datacontenttype: text(body.datacontenttype),
    }
}

fn header_attributes<'a>(raw: &RawRecord<'a>) -> Attributes<'a> {
    // Kafka allows a header twice, `CloudEvents` does not: which one is meant cannot be known.
    let text = |name: &str| {
        let mut found = raw.headers.iter().filter(|header| header.name == name);
        match (found.next(), found.next()) {
            (None, _) => Attribute::Absent,
            (Some(header), None) => match header.value.as_deref().map(std::str::from_utf8) {
                Some(Ok(text)) => Attribute::Text(Cow::Borrowed(text)),
                Some(Err(_)) | None => Attribute::Malformed,
            },
            (Some(_), Some(_)) => Attribute::Malformed,
        }
    };
    Attributes {
        specversion: text("ce_specversion"),
        id: text("ce_id"),
        source: text("ce_source"),
        kind: text("ce_type"),
        time: text("ce_time"),
        datacontenttype: match raw.header_text("content-type") {
            Some(content_type) => Attribute::Text(Cow::Borrowed(content_type)),
            None => Attribute::Absent,
        },
    }
}

/// What identifies a record whose value cannot be read: only headers can tell.
fn early_record_id(raw: &RawRecord<'_>) -> Option<RecordId> {
    if binary_mode(raw) { record_id(&header_attributes(raw)) } else { None }
}

/// The id of an envelope that is wrong elsewhere, if there is exactly one.
pub fn own_id(value: &[u8]) -> Option<MessageId> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: String,
    }
    let read: OnlyId = serde_json::from_slice(value).ok()?;
    MessageId::parse(&read.id).ok()
}

fn record_id(attributes: &Attributes<'_>) -> Option<RecordId> {
    let (Attribute::Text(source), Attribute::Text(id)) = (&attributes.source, &attributes.id)
    else {
        return None;
    };
    Some(RecordId { source: Source::parse(source).ok()?, id: MessageId::parse(id).ok()? })
}

fn check<'a>(
    attributes: Attributes<'a>,
    record: Option<RecordId>,
    traceparent: Option<String>,
    data: Option<Cow<'a, str>>,
) -> Result<Envelope<'a>, DecodeFailure> {
    let invalid = |record, detail: &str| DecodeFailure {
        code: DecodeCode::EnvelopeInvalid,
        detail: detail.to_owned(),
        record,
        unauthorised: None,
    };
    if !matches!(&attributes.specversion, Attribute::Text(version) if version == "1.0") {
        return Err(invalid(record, "specversion: expected \"1.0\""));
    }
    let Some(record) = record else {
        return Err(invalid(
            None,
            "id, source: expected 1 to 128 visible characters; a URI reference of at most 255",
        ));
    };
    let Attribute::Text(kind) = attributes.kind else {
        return Err(invalid(Some(record), "type: expected a string"));
    };
    let Attribute::Text(time) = attributes.time else {
        return Err(invalid(Some(record), "time: expected a string"));
    };
    let json = match &attributes.datacontenttype {
        Attribute::Absent => true,
        Attribute::Text(content_type) => is_json(content_type),
        Attribute::Malformed => false,
    };
    if !json {
        return Err(invalid(Some(record), "datacontenttype: expected a JSON media type"));
    }
    Ok(Envelope { record, kind, time: instant_of(&time), traceparent, data })
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn is_json(content_type: &str) -> bool {
    let media_type = media_type(content_type).to_ascii_lowercase();
    matches!(media_type.as_str(), "application/json" | "text/json") || media_type.ends_with("+json")
}

/// The W3C trace context: the extension attribute, else a header. A malformed one is ignored: a
/// trace must never stop money.
fn traceparent(raw: &RawRecord<'_>, extension: Option<&str>) -> Option<String> {
    let extension = extension.and_then(string_of);
    let candidate = match &extension {
        Some(text) => Some(text.as_ref()),
        None => raw.header_text("ce_traceparent").or_else(|| raw.header_text("traceparent")),
    };
    candidate.filter(|text| is_traceparent(text)).map(str::to_owned)
}

/// `version-trace_id-parent_id-flags` in lower-case hex, 55 characters.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        let digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        part.len() == length && part.bytes().all(digit)
    };
    let nonzero = |part: &str| part.bytes().any(|byte| byte != b'0');
    let mut parts = text.split('-');
    let (Some(version), Some(trace), Some(parent), Some(flags), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let shape = hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    shape && version != "ff" && nonzero(trace) && nonzero(parent)
}

fn refuse(code: DecodeCode, record: Option<RecordId>) -> DecodeFailure {
    let detail = match code {
        DecodeCode::EmptyValue => "value: expected a JSON object, not null and not empty",
        DecodeCode::TooLarge => "value: expected at most 65,536 bytes",
        DecodeCode::NotUtf8 => "value: expected UTF-8",
        DecodeCode::NotAnObject => "value: expected a JSON object",
        DecodeCode::DuplicateKey => "value: expected every key of an object once",
        other => other.message(),
    };
    DecodeFailure { code, detail: detail.to_owned(), record, unauthorised: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparents_follow_the_grammar() {
        assert!(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        let bad = [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        ];
        for bad in bad {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }

    #[test]
    fn json_media_types() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/x+json"] {
            assert!(is_json(good), "{good}");
        }
        for bad in ["", "text/plain", "application/xml", "application/jsonx"] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}

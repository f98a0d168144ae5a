//! Where a copy of a dead letter came from, in the headers of four dialects: ours, the two of
//! Spring (its dead letters and its retry topics) and Kafka Connect's.

use super::code::DecodeCode;
use super::dead_letter::mask;
use crate::domain::rejection::DeadLetterReason;
use crate::kafka::Header;

/// What begins so tells of a death, and is no header of the original.
const PREFIXES: [&str; 6] = [
    "dlq.",
    "kafka_dlt-",
    "kafka_original-",
    "kafka_exception-",
    "retry_topic-",
    "__connect.errors.",
];

/// The place and the death of the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// One of ours; `unprocessable` where another program gave up.
    pub code: &'static str,
    /// Masked, and at most 2 KiB.
    pub message: String,
}

/// Reads the dialect whose topic is there; none when the place is missing or garbled.
pub fn origin(headers: &[Header]) -> Option<Origin> {
    let found = if has(headers, "dlq.original.topic") {
        Place {
            topic: text(headers, "dlq.original.topic")?,
            partition: number(headers, "dlq.original.partition")?,
            offset: number(headers, "dlq.original.offset")?,
            timestamp: number(headers, "dlq.original.timestamp"),
            message: text(headers, "dlq.error.message"),
        }
    } else if has(headers, "__connect.errors.topic") {
        Place {
            topic: text(headers, "__connect.errors.topic")?,
            partition: number(headers, "__connect.errors.partition")?,
            offset: number(headers, "__connect.errors.offset")?,
            timestamp: None,
            message: text(headers, "__connect.errors.exception.message"),
        }
    } else if has(headers, "kafka_dlt-original-topic") {
        of_spring(headers, "kafka_dlt-original-", "kafka_dlt-exception-message")?
    } else {
        of_spring(headers, "kafka_original-", "kafka_exception-message")?
    };
    let partition = i32::try_from(found.partition).ok().filter(|partition| *partition >= 0)?;
    if found.topic.is_empty() || found.offset < 0 {
        return None;
    }
    // PostgreSQL keeps no NUL in a text.
    let message = mask(&found.message.unwrap_or_default().replace('\0', "\u{fffd}"));
    let code = text(headers, "dlq.error.code").and_then(known_code);
    Some(Origin {
        topic: found.topic.to_owned(),
        partition,
        offset: found.offset,
        timestamp: found.timestamp,
        code: code.unwrap_or(DeadLetterReason::Unprocessable.code()),
        message,
    })
}

/// Numbers are big-endian bytes; the headers of the two dialects differ in how they begin.
fn of_spring<'a>(headers: &'a [Header], prefix: &str, message: &str) -> Option<Place<'a>> {
    let named = |name: &str| bytes(headers, &format!("{prefix}{name}"));
    let long = |name: &str| Some(i64::from_be_bytes(named(name)?.try_into().ok()?));
    let partition = named("partition")?.try_into().ok()?;
    Some(Place {
        topic: std::str::from_utf8(named("topic")?).ok()?,
        partition: i64::from(i32::from_be_bytes(partition)),
        offset: long("offset")?,
        timestamp: long("timestamp"),
        message: text(headers, message),
    })
}

/// What a dialect says, unchecked.
struct Place<'a> {
    topic: &'a str,
    partition: i64,
    offset: i64,
    timestamp: Option<i64>,
    message: Option<&'a str>,
}

/// Whether the copy was made without the value of the original, as that was too large.
pub fn is_partial(headers: &[Header]) -> bool {
    has(headers, "dlq.copy")
}

/// The headers that the original had.
pub fn without_origin(headers: &[Header]) -> Vec<Header> {
    let original =
        |header: &&Header| !PREFIXES.iter().any(|prefix| header.name.starts_with(prefix));
    headers.iter().filter(original).cloned().collect()
}

fn has(headers: &[Header], name: &str) -> bool {
    headers.iter().any(|header| header.name == name)
}

/// The first of that name: a second death appends.
fn bytes<'a>(headers: &'a [Header], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|header| header.name == name)?.value.as_deref()
}

fn text<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    std::str::from_utf8(bytes(headers, name)?).ok()
}

fn number(headers: &[Header], name: &str) -> Option<i64> {
    text(headers, name)?.parse().ok()
}

fn known_code(word: &str) -> Option<&'static str> {
    let decoding = DecodeCode::ALL.into_iter().map(DecodeCode::code);
    let deciding = DeadLetterReason::ALL.into_iter().map(DeadLetterReason::code);
    decoding.chain(deciding).find(|code| *code == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &[u8]) -> Header {
        Header { name: name.to_owned(), value: Some(value.to_vec()) }
    }

    fn spring() -> Vec<Header> {
        vec![
            header("trace", b"t"),
            header("kafka_dlt-original-topic", b"t.usage.v1"),
            header("kafka_dlt-original-partition", &3_i32.to_be_bytes()),
            header("kafka_dlt-original-offset", &77_i64.to_be_bytes()),
            header("kafka_dlt-original-timestamp", &1_763_805_600_123_i64.to_be_bytes()),
            header("kafka_dlt-exception-message", b"account 0720001234 failed"),
        ]
    }

    fn expected(timestamp: Option<i64>, code: &'static str) -> Origin {
        Origin {
            topic: "t.usage.v1".to_owned(),
            partition: 3,
            offset: 77,
            timestamp,
            code,
            message: "account …1234 failed".to_owned(),
        }
    }

    #[test]
    fn the_four_dialects_are_read() {
        let at = Some(1_763_805_600_123);
        assert_eq!(origin(&spring()), Some(expected(at, "unprocessable")));
        // A retry topic says it under other names, and what it adds is no header of the original.
        let retried: Vec<Header> = spring()
            .into_iter()
            .map(|header| Header { name: header.name.replace("kafka_dlt-", "kafka_"), ..header })
            .chain([header("retry_topic-attempts", &3_i32.to_be_bytes())])
            .collect();
        assert_eq!(origin(&retried), Some(expected(at, "unprocessable")));
        assert_eq!(without_origin(&retried), [header("trace", b"t")]);
        let connect = [
            header("__connect.errors.topic", b"t.usage.v1"),
            header("__connect.errors.partition", b"3"),
            header("__connect.errors.offset", b"77"),
            header("__connect.errors.exception.message", b"account 0720001234 failed"),
        ];
        assert_eq!(origin(&connect), Some(expected(None, "unprocessable")));
        let mut ours = vec![
            header("dlq.original.topic", b"t.usage.v1"),
            header("dlq.original.partition", b"3"),
            header("dlq.original.offset", b"77"),
            header("dlq.original.timestamp", b"1763805600123"),
            header("dlq.error.code", b"amount_scale"),
            header("dlq.error.message", b"account 0720001234 failed"),
            header("kafka_dlt-original-topic", b"t.usage.v1"),
        ];
        assert_eq!(origin(&ours), Some(expected(at, "amount_scale")));
        ours[4] = header("dlq.error.code", b"of another program");
        assert_eq!(origin(&ours), Some(expected(at, "unprocessable")));
    }

    #[test]
    fn a_missing_or_garbled_place_is_none() {
        assert_eq!(origin(&[]), None);
        for missing in 1..4 {
            let mut headers = spring();
            headers.remove(missing);
            assert_eq!(origin(&headers), None, "{missing}");
            let mut headers = spring();
            headers[missing].value = Some(b"\xff\xff\xff\xff\xff\xff\xff\xff".to_vec());
            assert_eq!(origin(&headers), None, "{missing}");
        }
    }

    #[test]
    fn only_the_original_headers_stay() {
        assert_eq!(without_origin(&spring()), [header("trace", b"t")]);
    }
}

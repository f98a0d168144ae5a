//! The headers of a dead letter (contract §2.6), and the masking of what an error may say.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::kafka::Header;

/// The longest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 2_048;
/// All our headers but one begin so.
const PREFIX: &str = "dlq.";
/// Where common consoles look for the topic.
const ORIGINAL_TOPIC: &str = "kafka_dlt-original-topic";

/// A run of letters and digits this long …
const RUN_CHARACTERS_MIN: usize = 8;
/// … with this many digits may be an account number.
const RUN_DIGITS_MIN: usize = 6;
/// What stays readable of it, enough to find the account for who knows it.
const SHOWN_CHARACTERS: usize = 4;

/// What is said about a dead record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterHeaders<'a> {
    pub id: &'a str,
    pub original_topic: &'a str,
    pub original_partition: i32,
    pub original_offset: i64,
    /// Milliseconds since 1970, as Kafka has it.
    pub original_timestamp: Option<i64>,
    pub consumer_group: &'a str,
    pub error_code: &'a str,
    /// Masked and shortened here, whatever it is.
    pub error_message: &'a str,
    pub attempts: u32,
    pub first_failed_at: DateTime<Utc>,
    pub last_failed_at: DateTime<Utc>,
}

impl DeadLetterHeaders<'_> {
    /// The original headers, then ours. Ours of an earlier death are replaced, never appended:
    /// else a record that dies often grows until no broker takes it.
    pub fn merged(&self, original: &[Header]) -> Vec<Header> {
        let foreign = |header: &&Header| !is_ours(&header.name);
        let mut headers: Vec<Header> = original.iter().filter(foreign).cloned().collect();
        let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let ours = [
            ("dlq.id", Some(self.id.to_owned())),
            ("dlq.original.topic", Some(self.original_topic.to_owned())),
            ("dlq.original.partition", Some(self.original_partition.to_string())),
            ("dlq.original.offset", Some(self.original_offset.to_string())),
            ("dlq.original.timestamp", self.original_timestamp.map(|millis| millis.to_string())),
            ("dlq.consumer.group", Some(self.consumer_group.to_owned())),
            ("dlq.error.code", Some(self.error_code.to_owned())),
            ("dlq.error.message", Some(mask(self.error_message))),
            ("dlq.attempts", Some(self.attempts.to_string())),
            ("dlq.first_failed_at", Some(instant(self.first_failed_at))),
            ("dlq.last_failed_at", Some(instant(self.last_failed_at))),
            (ORIGINAL_TOPIC, Some(self.original_topic.to_owned())),
        ];
        let present = |(name, value): (&str, Option<String>)| {
            let value = Some(value?.into_bytes());
            Some(Header { name: name.to_owned(), value })
        };
        headers.extend(ours.into_iter().filter_map(present));
        headers
    }
}

fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) || name == ORIGINAL_TOPIC
}

/// Hides what may be an account number, and cuts at [`MESSAGE_BYTES_MAX`] bytes.
///
/// Hidden is each run of eight or more letters and digits with at least six digits, but for its
/// last four characters. Single spaces between groups with digits do not end a run, as IBANs are
/// often written in groups of four.
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len().min(MESSAGE_BYTES_MAX));
    let mut rest = text;
    while !rest.is_empty() && masked.len() <= MESSAGE_BYTES_MAX {
        let word = word_length(rest);
        if word == 0 {
            let other = rest.find(char::is_alphanumeric).unwrap_or(rest.len());
            let (between, after) = rest.split_at(other);
            masked.push_str(between);
            rest = after;
            continue;
        }
        let grouped = grouped_length(rest, word);
        let (run, after) = rest.split_at(grouped);
        if is_number(run) {
            push_masked(&mut masked, run);
            rest = after;
        } else {
            let (word, after) = rest.split_at(word);
            masked.push_str(word);
            rest = after;
        }
    }
    cut(&mut masked);
    masked
}

fn word_length(text: &str) -> usize {
    text.find(|character: char| !character.is_alphanumeric()).unwrap_or(text.len())
}

/// The length of the first word and of those that follow it, each after one space, as long as
/// all have digits.
fn grouped_length(text: &str, first: usize) -> usize {
    let has_digit = |word: &str| word.contains(char::is_numeric);
    let mut length = first;
    if !text.get(..first).is_some_and(has_digit) {
        return first;
    }
    while let Some(next) = text.get(length..).and_then(|rest| rest.strip_prefix(' ')) {
        let word = word_length(next);
        if !next.get(..word).is_some_and(has_digit) {
            break;
        }
        length += 1 + word;
    }
    length
}

fn is_number(run: &str) -> bool {
    let characters = run.chars().filter(|character| *character != ' ').count();
    let digits = run.chars().filter(|character| character.is_numeric()).count();
    characters >= RUN_CHARACTERS_MIN && digits >= RUN_DIGITS_MIN
}

fn push_masked(out: &mut String, run: &str) {
    let characters = run.chars().filter(|character| *character != ' ');
    let hidden = characters.clone().count().saturating_sub(SHOWN_CHARACTERS);
    out.push('…');
    out.extend(characters.skip(hidden));
}

/// Cuts on a character boundary.
fn cut(text: &mut String) {
    if text.len() > MESSAGE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers() -> DeadLetterHeaders<'static> {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("instant");
        DeadLetterHeaders {
            id: "42",
            original_topic: "topup.bank-payments.v1",
            original_partition: 3,
            original_offset: 1_001,
            original_timestamp: Some(1_763_805_600_123),
            consumer_group: "topup-worker",
            error_code: "amount_scale",
            error_message: "account 0720001234 has no such lot",
            attempts: 2,
            first_failed_at: at(1_763_805_600),
            last_failed_at: at(1_763_805_660),
        }
    }

    fn own(name: &str, value: &str) -> Header {
        Header { name: name.to_owned(), value: Some(value.as_bytes().to_vec()) }
    }

    #[test]
    fn ours_follow_the_original_headers() {
        let original = [own("ce_id", "r-1"), Header { name: "empty".to_owned(), value: None }];
        let expected = [
            own("ce_id", "r-1"),
            Header { name: "empty".to_owned(), value: None },
            own("dlq.id", "42"),
            own("dlq.original.topic", "topup.bank-payments.v1"),
            own("dlq.original.partition", "3"),
            own("dlq.original.offset", "1001"),
            own("dlq.original.timestamp", "1763805600123"),
            own("dlq.consumer.group", "topup-worker"),
            own("dlq.error.code", "amount_scale"),
            own("dlq.error.message", "account …1234 has no such lot"),
            own("dlq.attempts", "2"),
            own("dlq.first_failed_at", "2025-11-22T10:00:00.000Z"),
            own("dlq.last_failed_at", "2025-11-22T10:01:00.000Z"),
            own("kafka_dlt-original-topic", "topup.bank-payments.v1"),
        ];
        assert_eq!(headers().merged(&original), expected);
    }

    #[test]
    fn dying_again_replaces_and_never_grows() {
        let once = headers().merged(&[own("a", "1"), own("a", "2")]);
        let mut again = headers();
        again.original_timestamp = None;
        let twice = again.merged(&once);
        assert_eq!(twice.len(), once.len() - 1);
        assert_eq!(again.merged(&twice), twice);
    }

    #[test]
    fn account_numbers_are_masked() {
        let cases = [
            ("account 0720001234 unknown", "account …1234 unknown"),
            ("DE89370400440532013000.", "…3000."),
            ("DE89 3704 0044 0532 0130 00", "…3000"),
            ("GB29NWBK60161331926819", "…6819"),
            ("(٠١٢٣٤٥٦٧٨٩)", "(…٦٧٨٩)"),
            ("INV-1001 of ACC-1", "INV-1001 of ACC-1"),
            ("on 2026-11-22", "on 2026-11-22"),
            ("1234567", "1234567"),
            ("ABCDEFGH12345", "ABCDEFGH12345"),
            ("12345678", "…5678"),
            ("", ""),
            ("data.amount: expected no more decimals", "data.amount: expected no more decimals"),
        ];
        for (text, expected) in cases {
            assert_eq!(mask(text), expected);
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let long = format!("a{}", "é".repeat(3_000));
        let masked = mask(&long);
        assert_eq!(masked.len(), MESSAGE_BYTES_MAX - 1);
        assert!(long.starts_with(&masked));
        let numbers = "0720001234,".repeat(10_000);
        assert!(mask(&numbers).len() <= MESSAGE_BYTES_MAX);
        assert!(!mask(&numbers).contains("0720"));
    }

    proptest! {
        #[test]
        fn no_long_number_survives(text in any::<String>(), number in "[0-9]{8,30}") {
            let masked = mask(&format!("{text} {number} {text}"));
            prop_assert!(masked.len() <= MESSAGE_BYTES_MAX);
            prop_assert!(!masked.contains(&number));
        }
    }
}

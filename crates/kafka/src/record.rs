//! An owned copy of a Kafka record.
//!
//! Records are copied out of librdkafka at once: a borrowed message pins the consumer and its fetch
//! buffers, and a lane may hold a record for as long as the database is away.

use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Message};

/// What a record costs besides its bytes (the structs themselves, allocator slack); it keeps a
/// flood of empty records within the lane's byte limit.
const RECORD_OVERHEAD: usize = 160;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// A name that is not UTF-8 is here as `hex:` and its bytes: see `name_of`.
    pub name: String,
    pub value: Option<Vec<u8>>,
}

impl Record {
    pub(super) fn copy_of(topic: Arc<str>, message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            let named = |header: native_headers::Header| Header {
                name: name_of(header.name),
                value: header.value,
            };
            native_headers::all(headers).into_iter().map(named).collect()
        });
        Self {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
        }
    }

    /// Memory that the record holds, about.
    pub(super) fn weight(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|header| header.name.len() + header.value.as_ref().map_or(0, Vec::len) + 48)
            .sum();
        RECORD_OVERHEAD
            + headers
            + self.key.as_ref().map_or(0, Vec::len)
            + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// Nobody has to send names in UTF-8. One that is not stays recognisable, and says what it was.
fn name_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| format!("hex:{}", hex::encode(error.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_no_known_letters_is_kept_as_its_bytes() {
        assert_eq!(name_of(b"trace".to_vec()), "trace");
        assert_eq!(name_of("größe".into()), "größe");
        assert_eq!(name_of(vec![0xff, 0x00, 0x41]), "hex:ff0041");
    }
}

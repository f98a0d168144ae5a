//! Names of Kafka headers as bytes.
//!
//! A header's name is whatever its sender wrote. `rdkafka` gives it as text and panics when it is
//! not UTF-8, in whichever thread polls: one such record would stop each worker in turn. The native
//! client gives the bytes; asking it is the only `unsafe` code of this project, so it has a crate
//! of its own and the rest forbids it.

use std::ffi::CStr;

use rdkafka::bindings::rd_kafka_header_get_all;
use rdkafka::message::{BorrowedHeaders, Headers};
use rdkafka::types::{RDKafkaHeaders, RDKafkaRespErr};

/// A header as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub name: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

/// All headers of a record, in order.
pub fn all(headers: &BorrowedHeaders) -> Vec<Header> {
    (0..headers.count()).filter_map(|index| header(headers, index)).collect()
}

fn header(headers: &BorrowedHeaders, index: usize) -> Option<Header> {
    let native = std::ptr::from_ref(headers).cast::<RDKafkaHeaders>();
    let (mut name, mut value, mut length) = (std::ptr::null(), std::ptr::null(), 0);
    // SAFETY: a `BorrowedHeaders` is the native list itself, behind a reference that keeps the
    // message alive; `rdkafka` makes the same cast. The call writes the three places when it
    // succeeds, and reads nothing else.
    let code =
        unsafe { rd_kafka_header_get_all(native, index, &mut name, &mut value, &mut length) };
    if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
        return None;
    }
    // SAFETY: on success the name ends with a NUL and lives as long as the list; it is copied here.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes().to_vec();
    // SAFETY: a value that is there has `length` bytes and lives as long as the list.
    let value = (!value.is_null())
        .then(|| unsafe { std::slice::from_raw_parts(value.cast::<u8>(), length) }.to_vec());
    Some(Header { name, value })
}

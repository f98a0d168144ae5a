//! The canonical form of a record's content, and its hash.

use sha2::{Digest, Sha256};

use crate::domain::ids::ContentHash;

/// Content as name and value pairs in a fixed order. Absent fields are skipped, so that a new
/// optional field changes no stored hash. Each value carries its length: two contents can only
/// have the same form if they are the same.
pub(super) struct Canonical(Vec<u8>);

impl Canonical {
    pub(super) fn new(kind: &'static str) -> Self {
        let mut form = Vec::with_capacity(768);
        form.extend_from_slice(kind.as_bytes());
        form.push(0);
        Self(form)
    }

    pub(super) fn put(&mut self, name: &'static str, value: &[u8]) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
        // Values are parts of a record of at most 64 KiB.
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(value);
    }

    pub(super) fn put_text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(name, value.as_bytes());
        }
    }

    pub(super) fn hash(&self) -> ContentHash {
        Sha256::digest(&self.0).into()
    }
}

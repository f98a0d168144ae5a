//! Signatures of records: what is signed, how a header says it, and whether it fits.
//!
//! Signed are the bytes of topic, key and value as they are in Kafka, with a NUL between them. What
//! is let through is JSON, which holds no NUL, so no two records have the same bytes.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use ring::{digest, hmac};

use crate::domain::authority::Why;
use crate::kafka::Header;

/// The name of the header.
pub const HEADER: &str = "topup-signature";
const VERSION: &str = "v1";
/// A secret has as many bytes as its hash, or more.
const SECRET_BYTES_MIN: usize = 32;
/// How a public key of Ed25519 begins in the form that openssl writes (RFC 8410).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
const PRIVATE_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PRIVATE_END: &str = "-----END PRIVATE KEY-----";

/// What a signature is verified with.
#[derive(Debug, Clone)]
pub enum Key {
    /// HMAC-SHA256: both sides have the secret.
    Hmac(hmac::Key),
    /// Ed25519: who signs has more than this.
    Ed25519([u8; 32]),
}

/// Keys by their ids.
pub type Keys = BTreeMap<String, Key>;

impl Key {
    /// The bytes of the text are the secret. None if there are too few.
    pub fn from_secret(text: &str) -> Option<Self> {
        let long = text.len() >= SECRET_BYTES_MIN;
        long.then(|| Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())))
    }

    /// The one line of base64 that `openssl pkey -pubout` writes. None for anything else.
    pub fn from_public(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let key = bytes.strip_prefix(PUBLIC_PREFIX.as_slice())?;
        key.try_into().ok().map(Self::Ed25519)
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Why> {
        let (length, fits) = match self {
            Self::Hmac(key) => (32, hmac::verify(key, message, signature)),
            Self::Ed25519(key) => {
                (64, UnparsedPublicKey::new(&ED25519, key).verify(message, signature))
            }
        };
        if signature.len() != length {
            return Err(Why::OtherAlgorithm);
        }
        fits.map_err(|_| Why::Tampered)
    }
}

/// What a signature is over.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub topic: &'a str,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

impl Signed<'_> {
    fn message(&self) -> Vec<u8> {
        let (key, value) = (self.key.unwrap_or_default(), self.value.unwrap_or_default());
        [self.topic.as_bytes(), key, value].join(&0)
    }

    /// The id of the key whose signature is in the headers.
    ///
    /// # Errors
    /// What is wrong with the signature.
    pub fn verify<'k>(&self, headers: &[Header], keys: &'k Keys) -> Result<&'k str, Why> {
        let mut ours = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(HEADER));
        let header = ours.next().ok_or(Why::Unsigned)?;
        if ours.next().is_some() {
            return Err(Why::SignedTwice);
        }
        let text = header.value.as_deref().and_then(|value| std::str::from_utf8(value).ok());
        let parts: Vec<&str> = text.unwrap_or_default().split(',').collect();
        let [VERSION, id, signature] = parts.as_slice() else {
            return Err(Why::Malformed);
        };
        let signature = STANDARD.decode(signature).map_err(|_| Why::NotBase64)?;
        let (id, key) = keys.get_key_value(*id).ok_or(Why::UnknownKey)?;
        key.verify(&self.message(), &signature)?;
        Ok(id)
    }
}

/// What signs.
pub enum Signer {
    Hmac(hmac::Key),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Signer {
    /// The text of a file: a private key as openssl writes it, else the bytes of a secret.
    pub fn from_file(text: &str) -> Option<Self> {
        let text = text.trim_end_matches(['\n', '\r']);
        let Some((_, rest)) = text.split_once(PRIVATE_BEGIN) else {
            return Key::from_secret(text).and_then(Self::of);
        };
        let lines = rest.split_once(PRIVATE_END)?.0.split_ascii_whitespace();
        let bytes = STANDARD.decode(lines.collect::<String>()).ok()?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).ok()?;
        Some(Self::Ed25519(pair))
    }

    /// None for a key that only verifies.
    pub fn of(key: Key) -> Option<Self> {
        match key {
            Key::Hmac(key) => Some(Self::Hmac(key)),
            Key::Ed25519(_) => None,
        }
    }

    /// The header with its signature.
    pub fn header(&self, id: &str, signed: &Signed<'_>) -> Header {
        let message = signed.message();
        let signature = match self {
            Self::Hmac(key) => STANDARD.encode(hmac::sign(key, &message)),
            Self::Ed25519(pair) => STANDARD.encode(pair.sign(&message)),
        };
        let value = format!("{VERSION},{id},{signature}");
        Header { name: HEADER.to_owned(), value: Some(value.into_bytes()) }
    }
}

/// A short name of a text: another text has another one. Seven digits, which are not masked.
pub fn name_of(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut name = hex::encode(digest);
    name.truncate(7);
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "a secret of more than thirty-two bytes";
    /// RFC 8410, section 10.3.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    const RECORD: Signed<'static> = Signed {
        topic: "topup.invoice-commands.v1",
        key: Some(b"ACC-1"),
        value: Some(br#"{"id":"c-1"}"#),
    };

    fn keys() -> Keys {
        let secret = Key::from_secret(SECRET).expect("a secret");
        let public = Key::from_public(PUBLIC).expect("a key");
        [("feed".to_owned(), secret), ("maria".to_owned(), public)].into()
    }

    fn signers() -> [(&'static str, Signer); 2] {
        let of = |text| Signer::from_file(text).expect("a key");
        [("feed", of(SECRET)), ("maria", of(PRIVATE))]
    }

    fn text(value: &str) -> Vec<Header> {
        vec![Header { name: HEADER.to_owned(), value: Some(value.as_bytes().to_vec()) }]
    }

    #[test]
    fn what_was_signed_is_verified() {
        for (id, signer) in signers() {
            let header = signer.header(id, &RECORD);
            assert_eq!(RECORD.verify(&[header], &keys()), Ok(id));
        }
    }

    /// The vectors of `docs/CONTRACTS.md`, which openssl made.
    #[test]
    fn the_vectors_of_the_contract_hold() {
        let vectors = [
            "v1,feed,8EwbSXKYgD1I78R96KzZzhkvgkCQwR1L/eZlOp53jt4=",
            "v1,maria,/EQ3AsQuTHQqOUF8hNlLHZRu6Av4aSw5y6SCKMTbno/P4wNsT5ZwtGWBJ3H0Vg9V1BWTbyM9\
             A1pEbJfKWyrMAQ==",
        ];
        for ((id, signer), vector) in signers().into_iter().zip(vectors) {
            assert_eq!(vec![signer.header(id, &RECORD)], text(vector));
            assert_eq!(RECORD.verify(&text(vector), &keys()), Ok(id));
        }
    }

    #[test]
    fn each_fault_has_its_reason() {
        let [(_, feed), (_, maria)] = signers();
        let good = feed.header("feed", &RECORD);
        let value = |header: &Header| {
            String::from_utf8(header.value.clone().expect("a value")).expect("text")
        };
        let (hmac, ed) = (value(&good), value(&maria.header("maria", &RECORD)));
        let mut upper = good.clone();
        upper.name = "Topup-Signature".to_owned();
        let cases = [
            (vec![], Why::Unsigned),
            (vec![good.clone(), good.clone()], Why::SignedTwice),
            (vec![good.clone(), upper], Why::SignedTwice),
            (vec![Header { value: None, ..good }], Why::Malformed),
            (text(""), Why::Malformed),
            (text("v1,feed"), Why::Malformed),
            (text(&hmac.replacen("v1", "v2", 1)), Why::Malformed),
            (text(&format!("{hmac},")), Why::Malformed),
            (text("v1,feed,not base64"), Why::NotBase64),
            (text(hmac.trim_end_matches('=')), Why::NotBase64),
            (text(&hmac.replacen("feed", "gone", 1)), Why::UnknownKey),
            (text(&hmac.replacen("feed", "maria", 1)), Why::OtherAlgorithm),
            (text(&ed.replacen("maria", "feed", 1)), Why::OtherAlgorithm),
            (text("v1,feed,"), Why::OtherAlgorithm),
        ];
        for (headers, why) in cases {
            assert_eq!(RECORD.verify(&headers, &keys()), Err(why), "{headers:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        assert!(Key::from_secret("too short").is_none());
        assert!(Key::from_public(SECRET).is_none() && Key::from_public("").is_none());
        assert!(Key::from_public(&PUBLIC.replacen('M', "N", 1)).is_none());
        assert!(Signer::from_file(&PRIVATE.replacen("MC4", "MC5", 1)).is_none());
        assert!(Signer::from_file("-----BEGIN PRIVATE KEY-----").is_none());
        assert!(!format!("{:?}", signers()).contains("secret"));
    }

    proptest! {
        #[test]
        fn a_single_changed_byte_is_refused(
            place in any::<prop::sample::Index>(),
            part in 0..4_usize,
            other in 1..=255_u8,
            id in 0..2_usize,
        ) {
            let (id, signer) = signers().into_iter().nth(id).expect("two");
            let header = signer.header(id, &RECORD);
            let key = RECORD.key.unwrap_or_default();
            let value = RECORD.value.unwrap_or_default();
            let coded = header.value.as_deref().unwrap_or_default();
            let coded = coded.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            let signature = STANDARD.decode(coded).expect("base64");
            let topic = RECORD.topic.as_bytes().to_vec();
            let mut parts = [topic, key.to_vec(), value.to_vec(), signature];
            let changed = &mut parts[part];
            let at = place.index(changed.len());
            changed[at] ^= other;
            // The message as it is signed: a topic need not be text for that.
            let message = parts[..3].join(&0);
            let found = keys()[id].verify(&message, &parts[3]);
            prop_assert_eq!(found, Err(Why::Tampered));
        }

        #[test]
        fn any_bytes_of_a_header_are_judged(bytes in any::<Vec<u8>>()) {
            let header = Header { name: HEADER.to_owned(), value: Some(bytes) };
            prop_assert!(RECORD.verify(&[header], &keys()).is_err());
        }
    }
}

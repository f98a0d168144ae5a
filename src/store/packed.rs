//! Texts as they are stored: the events of the outbox and the explanations of decisions, packed
//! with dictionaries of our own.
//!
//! Texts of one kind are alike, and one row alone is too short to show it. The dictionary holds
//! what they have in common. It is frozen with the first release, as rows are packed with it; a
//! better one would be another form beside this one. `examples/dictionaries.rs` trains both.

use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::get_frame_content_size;

/// The text as it is.
pub const PLAIN: i16 = 0;
/// zstd with the dictionary.
pub const PACKED: i16 = 1;

const LEVEL: i32 = 3;
/// Each frame begins with it, so it is not stored.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// No value of a row can be longer. What claims to be is broken, and asks for memory in vain.
const TEXT_MAX: u64 = 1 << 30;

/// What texts of one kind have in common.
pub struct Dictionary {
    pub bytes: &'static [u8],
    encoder: LazyLock<EncoderDictionary<'static>>,
    decoder: LazyLock<DecoderDictionary<'static>>,
}

/// Of the rows of the outbox.
pub static EVENTS: Dictionary = Dictionary {
    bytes: include_bytes!("packed.dict"),
    encoder: LazyLock::new(|| EncoderDictionary::copy(EVENTS.bytes, LEVEL)),
    decoder: LazyLock::new(|| DecoderDictionary::copy(EVENTS.bytes)),
};
/// Of what decisions say about themselves.
pub static EXPLANATIONS: Dictionary = Dictionary {
    bytes: include_bytes!("explanations.dict"),
    encoder: LazyLock::new(|| EncoderDictionary::copy(EXPLANATIONS.bytes, LEVEL)),
    decoder: LazyLock::new(|| DecoderDictionary::copy(EXPLANATIONS.bytes)),
};

/// Packs texts; what it needs for that is made once for all texts of a batch.
pub struct Packer(Option<Compressor<'static>>);

impl Packer {
    /// Without memory for it texts stay as they are: nothing fails for that.
    pub fn new(dictionary: &'static Dictionary) -> Self {
        Self(Compressor::with_prepared_dictionary(&dictionary.encoder).ok())
    }

    /// The form and the bytes. What would not become shorter stays as it is.
    pub fn pack(&mut self, text: &str) -> (i16, Vec<u8>) {
        let frame = self.0.as_mut().and_then(|packer| packer.compress(text.as_bytes()).ok());
        match frame.as_ref().and_then(|frame| frame.strip_prefix(&MAGIC)) {
            Some(packed) if packed.len() < text.len() => (PACKED, packed.to_vec()),
            _ => (PLAIN, text.as_bytes().to_vec()),
        }
    }
}

/// Why a text cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// A later version packed it.
    LaterForm,
    Broken,
}

impl Unreadable {
    pub fn word(self) -> &'static str {
        match self {
            Self::LaterForm => "needs_later_version",
            Self::Broken => "payload_broken",
        }
    }
}

/// Unpacks texts; what it needs for that is made once for all texts of a round.
pub struct Unpacker(Option<Decompressor<'static>>);

impl Unpacker {
    pub fn new(dictionary: &'static Dictionary) -> Self {
        Self(Decompressor::with_prepared_dictionary(&dictionary.decoder).ok())
    }

    /// The text that was packed, byte for byte.
    ///
    /// # Errors
    /// When the form is not known here, or the bytes are not what was written.
    pub fn unpack(&mut self, form: i16, bytes: Vec<u8>) -> Result<String, Unreadable> {
        let text = match form {
            PLAIN => bytes,
            PACKED => self.unpacked(&bytes).ok_or(Unreadable::Broken)?,
            _ => return Err(Unreadable::LaterForm),
        };
        String::from_utf8(text).map_err(|_| Unreadable::Broken)
    }

    fn unpacked(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let bytes = &[&MAGIC, bytes].concat();
        let length = get_frame_content_size(bytes).ok()??;
        let length = usize::try_from(Some(length).filter(|length| *length <= TEXT_MAX)?).ok()?;
        let text = self.0.as_mut()?.decompress(bytes, length).ok()?;
        (text.len() == length).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that were written are packed with exactly these bytes: another dictionary is another
    /// form.
    #[test]
    fn the_dictionaries_are_frozen() {
        use sha2::Digest;
        let frozen = [
            (&EVENTS, "bf735d9359d2ce0bb6814cdb13f55cdff71230c3b1e122a6aa2ab2b3909f69b1"),
            (&EXPLANATIONS, "ed6e920fee20bae0895a266c77c5e885910acc595ae6a0e1b52f21f69535d206"),
        ];
        for (dictionary, hash) in frozen {
            assert_eq!(hex::encode(sha2::Sha256::digest(dictionary.bytes)), hash);
            let length = dictionary.bytes.len();
            assert!((4_096..=8_192).contains(&length), "{length}");
        }
    }

    /// What was stored once is read by every later version: a row of each form, as it was written.
    #[test]
    fn a_row_that_was_written_is_read_for_ever() {
        let written = [(&EVENTS, TEXT, GOLDEN), (&EXPLANATIONS, WHY, GOLDEN_WHY)];
        for (dictionary, text, golden) in written {
            let mut unpacker = Unpacker::new(dictionary);
            let packed = hex::decode(golden).expect("hex");
            assert_eq!(unpacker.unpack(PACKED, packed).as_deref(), Ok(text));
            assert_eq!(unpacker.unpack(PLAIN, b"{}".to_vec()).as_deref(), Ok("{}"));
        }
    }

    /// What is packed with one dictionary is never read by the other as something else.
    #[test]
    fn each_kind_of_text_has_its_own_dictionary() {
        for (with, other) in [(&EVENTS, &EXPLANATIONS), (&EXPLANATIONS, &EVENTS)] {
            let (form, packed) = Packer::new(with).pack(TEXT);
            assert_eq!(form, PACKED);
            assert_eq!(Unpacker::new(other).unpack(form, packed), Err(Unreadable::Broken));
        }
    }

    const TEXT: &str = concat!(
        r#"{"specversion":"1.0","id":"account/ACC-1/7","source":"topup","#,
        r#""type":"topup.balance.changed.v1","subject":"ACC-1","time":"2026-11-02T12:00:00.000Z","#,
        r#""datacontenttype":"application/json","sequence":"7","causationid":"b-1","#,
        r#""causationsource":"bank-gateway","data":{"sequence":7,"account_id":"ACC-1"}}"#,
    );
    const GOLDEN: &str = concat!(
        "61012700c50100b0312f303a622d62616e6b2d6761746577617931227d7d0bfcf3",
        "0a0110ebec89d130efd56e35314b41f303c42e73f740ba4932d3b734f073",
    );

    const WHY: &str = concat!(
        r#"{"free":"60.00","currency":"SGD","identity":{"account_id":"ACC-1","#,
        r#""strength":"certain"},"candidates":[{"invoice_id":"INV-7","account_id":"ACC-1","#,
        r#""amount_due":"60.00","named_by":"reference","verdict":"exact"}],"#,
        r#""same_amount_account":null,"same_amount_book":null,"notes":[],"suggestions":[],"#,
        r#""allocations":[{"invoice_id":"INV-7","amount":"60.00"}]}"#,
    );
    const GOLDEN_WHY: &str = concat!(
        "610258006d01004036316578617d5d7d0dfcb39a629b24161fd0eef1d00d454b06",
        "c6d92b7bfa122343259b42f41ecc385328ff18",
    );

    #[test]
    fn texts_come_back_as_they_were() {
        let (mut packer, mut unpacker) = (Packer::new(&EVENTS), Unpacker::new(&EVENTS));
        let large = "é{\"n\":1}\n".repeat(100_000);
        let mut state = 7_u64;
        let noise: String = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from_u32(u32::try_from(state >> 44).unwrap_or(0)).unwrap_or('x')
        })
        .take(20_000)
        .collect();
        for text in ["", "{}", TEXT, &large, &noise, &"x".repeat(65_536)] {
            let (form, bytes) = packer.pack(text);
            assert!(bytes.len() <= text.len());
            assert_eq!(unpacker.unpack(form, bytes).as_deref(), Ok(text));
        }
        assert_eq!(packer.pack("{}").0, PLAIN, "too short to become shorter");
        assert!(packer.pack(TEXT).1.len() < TEXT.len() / 3);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_harms_nobody() {
        let mut unpacker = Unpacker::new(&EVENTS);
        assert_eq!(unpacker.unpack(2, Vec::new()), Err(Unreadable::LaterForm));
        let (form, packed) = Packer::new(&EVENTS).pack(TEXT);
        for cut in 0..packed.len() {
            let short = packed.get(..cut).expect("a part").to_vec();
            assert_eq!(unpacker.unpack(form, short), Err(Unreadable::Broken), "{cut}");
        }
        // A frame that claims to hold an exbibyte.
        let boast = hex::decode("e00000000000000010010000").expect("hex");
        assert_eq!(unpacker.unpack(PACKED, boast), Err(Unreadable::Broken));
        assert_eq!(unpacker.unpack(PLAIN, vec![0xff]), Err(Unreadable::Broken));
        assert_eq!(unpacker.unpack(form, packed).as_deref(), Ok(TEXT), "it goes on");
    }
}

//! Payment references that the upstream system gives an invoice by itself: QR references, OGM, KID,
//! OCR numbers, viitenumero, ISO 11649, ids of instant payments. And where a text may quote one.

use chrono::NaiveDate;

use crate::bank::BankTransaction;
use crate::matching::fold;
use crate::matching::fold::normalise;
use crate::matching::reference::ReferencePlace;
use crate::matching::words::behind::Behind;
use crate::matching::words::{self, Said, behind};
use crate::money::Currency;

/// References that one invoice may have beside ours.
pub const REFERENCES_MAX: usize = 10;
/// Letters and digits of a reference.
pub const LENGTH: std::ops::RangeInclusive<usize> = 4..=35;
/// Characters of a plain number as it is compared, without its zeros: `S00042` is `S42`.
const PLAIN_MIN: usize = 2;
/// Words of one payment that may be such references: each is looked up.
const CANDIDATES_MAX: usize = 8;
/// Digits in a free text that are fewer are a number as any other, which needs a witness.
const TELLING_MIN: usize = 7;
/// So many digits are no house and no customer, unless a word says so.
const CERTAIN_MIN: usize = 10;
/// Words that say that a reference follows.
const REFERENCE_WORDS: &str = "KID KIDNR KIDNUMMER OCR OCRNR OCRNUMMER OGM VCS VIITE VIITENRO \
    VIITENR VIITENUMERO VIITENUMBER VIITENUMBRI MAKSUVIITE VIITTEENNE LASKUVIITE QRR QR ESR BVR \
    PVR REF REFNR REFNO REFERENCE REFERENS REFERENSNR REFERENSNUMMER REFERANSE REFERANSENUMMER \
    REFERENZ REFERENZNR REFERENZNUMMER KOMMUNIKATIE COMMUNICATION COMMUNICATIE MEDEDELING \
    BETALINGSID BETALNINGSREFERENS BETALINGSREFERANSE FIK GIK";
/// Groups in which a reference is printed.
const GROUPS_MAX: usize = 12;

/// How a reference is made, which says how its check digits are reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// ISO 11649: `RF`, mod 97.
    Rf,
    /// Switzerland: 27 digits, mod 10 recursive.
    Qrr,
    /// Belgium: 12 digits, mod 97.
    Ogm,
    /// Norway: mod 10 or mod 11.
    Kid,
    /// Sweden: mod 10.
    Ocr,
    /// Finland: weights 7, 3, 1.
    Viite,
    /// An id of 26 to 35 letters and digits at random, as Pix has them. Nobody hits one by chance.
    Txid,
}

impl Scheme {
    pub const ALL: [Self; 7] =
        [Self::Rf, Self::Qrr, Self::Ogm, Self::Kid, Self::Ocr, Self::Viite, Self::Txid];

    pub fn word(self) -> &'static str {
        match self {
            Self::Rf => "rf",
            Self::Qrr => "qrr",
            Self::Ogm => "ogm",
            Self::Kid => "kid",
            Self::Ocr => "ocr",
            Self::Viite => "viite",
            Self::Txid => "txid",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.word() == word)
    }

    /// Whether `key` (letters and digits, upper case) is a reference of this scheme.
    pub fn verifies(self, key: &str) -> bool {
        let digits = |range: std::ops::RangeInclusive<usize>| {
            range.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_digit())
        };
        // All zeros verify everywhere and are nobody's reference.
        if !key.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
            return false;
        }
        match self {
            Self::Rf => super::reference::verifies(key),
            Self::Qrr => digits(27..=27) && mod10_recursive(key),
            Self::Ogm => digits(12..=12) && mod97_of_ten(key),
            Self::Kid => digits(4..=25) && (luhn(key) || mod11(key)),
            Self::Ocr => digits(4..=25) && luhn(key),
            Self::Viite => digits(4..=20) && weights_731(key),
            Self::Txid => {
                let letter = key.bytes().any(|byte| byte.is_ascii_uppercase());
                let digit = key.bytes().any(|byte| byte.is_ascii_digit());
                (26..=35).contains(&key.len()) && letter && digit && is_key(key)
            }
        }
    }
}

/// A reference that upstream gave, as it gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GivenReference {
    pub text: String,
    /// None: its form has to tell.
    pub scheme: Option<Scheme>,
}

/// A reference of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamReference {
    /// What texts are compared with: letters and digits, or for a plain number its folded form.
    pub key: String,
    /// None: a plain number, as ERP systems count, without check digits.
    pub scheme: Option<Scheme>,
    pub text: String,
}

/// Why a reference was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is too short or too long, or has no digit.
    Malformed,
    /// Its check digits are wrong.
    CheckDigits,
}

/// Letters and digits of what is written in groups; none if there is anything else in it.
pub fn fold(text: &str) -> Option<String> {
    let separator = |c: char| matches!(c, ' ' | '-' | '/' | '.' | '+' | '*' | '_' | ':' | '\u{a0}');
    let mut key = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            key.push(character.to_ascii_uppercase());
        } else if !separator(character) {
            return None;
        }
    }
    Some(key)
}

fn is_key(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Reads a reference as upstream gives it. Without a scheme its form tells of one, or it is a plain
/// number.
///
/// # Errors
/// [`Refused`].
pub fn parse(given: &GivenReference, currency: Currency) -> Result<UpstreamReference, Refused> {
    let text = given.text.trim();
    let key = fold(text).unwrap_or_default();
    let scheme = given.scheme.or_else(|| of_form(text, &key, currency));
    let Some(scheme) = scheme else {
        let key = super::fold::fold(text);
        let digit = key.bytes().any(|byte| byte.is_ascii_digit());
        // `S00042` is long enough, though its zeros do not count where it is compared.
        let written = super::fold::with_zeros(text);
        if !LENGTH.contains(&written.len()) || key.len() < PLAIN_MIN || !digit {
            return Err(Refused::Malformed);
        }
        return Ok(UpstreamReference { key, scheme: None, text: text.to_owned() });
    };
    // Banks carry these with zeros before them, or without.
    let has_zeros = matches!(scheme, Scheme::Kid | Scheme::Ocr | Scheme::Viite);
    let key = match unpadded(&key).filter(|_| has_zeros) {
        Some(short) => short.to_owned(),
        None if scheme == Scheme::Qrr => padded(&key).unwrap_or(key),
        None => key,
    };
    if scheme.verifies(&key) {
        Ok(UpstreamReference { key, scheme: Some(scheme), text: text.to_owned() })
    } else {
        Err(Refused::CheckDigits)
    }
}

/// The scheme that a reference's form tells of. One made of digits alone, of no telling length, is
/// taken for what verifies it.
fn of_form(text: &str, key: &str, currency: Currency) -> Option<Scheme> {
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    let checked = key.starts_with("RF") && key.bytes().skip(2).take(2).all(|b| b.is_ascii_digit());
    match key.len() {
        _ if checked => Some(Scheme::Rf),
        27 if digits => Some(Scheme::Qrr),
        12 if digits && (text.contains("+++") || text.contains("***")) => Some(Scheme::Ogm),
        26..=35 if !digits => Some(Scheme::Txid),
        _ if digits && tells_by_itself(key) => {
            let mut usual = usual(currency).iter().copied();
            usual.find(|scheme| scheme.verifies(key))
        }
        _ => None,
    }
}

/// Schemes of digits that payers of a currency quote. Elsewhere every third number would verify by
/// one of them, and be looked up and awaited for nothing.
fn usual(currency: Currency) -> &'static [Scheme] {
    match currency.code() {
        "EUR" => &[Scheme::Ogm, Scheme::Viite],
        "NOK" => &[Scheme::Kid],
        "SEK" | "DKK" => &[Scheme::Ocr],
        _ => &[],
    }
}

/// Whether digits in a free text may be a reference and nothing else. Years, postal codes, amounts
/// and dates verify by chance as often as any number, and are written by strangers.
fn tells_by_itself(digits: &str) -> bool {
    let day = |form: &str| NaiveDate::parse_from_str(digits, form).is_ok();
    let date = digits.len() == 8 && ["%Y%m%d", "%d%m%Y", "%m%d%Y"].into_iter().any(day);
    digits.len() >= TELLING_MIN && !date
}

/// Whether it verifies by a scheme that a text may quote. ISO 11649 is read elsewhere.
fn verifies(key: &str, place: Place, currency: Currency) -> bool {
    let by = |scheme: &Scheme| scheme.verifies(key);
    match place {
        Place::Structured => Scheme::ALL.iter().filter(|scheme| **scheme != Scheme::Rf).any(by),
        Place::Text => {
            let telling = [Scheme::Qrr, Scheme::Txid];
            let usual = usual(currency).iter().filter(|_| tells_by_itself(key));
            telling.iter().chain(usual).any(by)
        }
        Place::Slashed => Scheme::Ogm.verifies(key),
        Place::EndToEnd => {
            Scheme::Qrr.verifies(key) || currency.code() == "BRL" && Scheme::Txid.verifies(key)
        }
    }
}

/// Where a reference stands.
#[derive(Clone, Copy)]
enum Place {
    /// In the field for it.
    Structured,
    Text,
    /// In the form of an OGM: `090/9337/55493`.
    Slashed,
    /// Banks and payers write ids of their own there.
    EndToEnd,
}

/// What a payment may quote of such references, each once: only these are looked up.
pub fn candidates(bank: &BankTransaction) -> Vec<(String, ReferencePlace)> {
    let mut found: Vec<(String, ReferencePlace)> = Vec::new();
    let currency = bank.amount.currency();
    let mut push_one = |key: String, place: Place| {
        let known = found.iter().any(|(other, _)| *other == key);
        if !known && found.len() < CANDIDATES_MAX && verifies(&key, place, currency) {
            let end_to_end = matches!(place, Place::EndToEnd);
            found.push((
                key,
                if end_to_end { ReferencePlace::EndToEnd } else { ReferencePlace::Reference },
            ));
        }
    };
    let mut push = |key: String, place: Place| {
        let without_zeros = qrr_without_zeros(&key, place, currency);
        push_one(key, place);
        without_zeros.into_iter().for_each(|padded| push_one(padded, place));
    };
    if let Some(key) = bank.creditor_reference.as_deref().and_then(whole) {
        push(key, Place::Structured);
    }
    for line in &bank.unstructured {
        let line = normalise(line);
        let keys = whole(&line).into_iter().chain(joined(&line));
        keys.filter(|key| is_free(&line, key)).for_each(|key| push(key, Place::Text));
        slashed(&line).into_iter().for_each(|key| push(key, Place::Slashed));
    }
    if bank.unstructured.len() > 1 {
        // Cut at 35 characters: what only the joined lines show.
        let lines: Vec<String> = bank.unstructured.iter().map(|line| normalise(line)).collect();
        for key in joined(&lines.concat()).into_iter().chain(joined(&lines.join(" "))) {
            if key.len() >= 12 {
                push(key, Place::Text);
            }
        }
    }
    if let Some(key) = bank.end_to_end_id.as_deref().and_then(whole) {
        push(key, Place::EndToEnd);
    }
    found
}

/// The QR reference that these digits are without its zeros; some banks leave them out.
fn qrr_without_zeros(key: &str, place: Place, currency: Currency) -> Option<String> {
    let least = match place {
        Place::Structured => TELLING_MIN,
        Place::Text | Place::EndToEnd => CERTAIN_MIN,
        Place::Slashed => return None,
    };
    let swiss = matches!(currency.code(), "CHF" | "EUR");
    let padded = padded(key).filter(|_| swiss && key.len() >= least)?;
    Scheme::Qrr.verifies(&padded).then_some(padded)
}

/// Whether digits of the line are not said to be something else: a telephone, an account, a house.
/// Few digits count only where a word says what they are, or nothing stands beside them.
fn is_free(line: &str, key: &str) -> bool {
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    let Some((from, to)) = place_of(line, key).filter(|_| digits) else { return true };
    let said = words::said_before(line, from);
    let behind = behind::behind(line, to);
    if said == Said::Other || words::is_other_after(line, to) || behind == Behind::Other {
        return false;
    }
    let head = line.get(..from).unwrap_or_default();
    let named = is_named(head);
    let alone = fold(line).is_some_and(|line| line == key);
    let introduced = said == Said::Invoice && behind == Behind::Harmless;
    key.len() >= CERTAIN_MIN || alone || named || introduced
}

fn is_reference_word(word: &str) -> bool {
    REFERENCE_WORDS.split_whitespace().any(|known| known == word)
}

/// Whether a word right before says that a reference follows: `VIITE`, `OCR-NR:`.
fn is_named(head: &str) -> bool {
    let (before, word) = fold::last_letters(head, 3);
    let numbered = words::is_number_word(word);
    is_reference_word(word) || numbered && is_reference_word(fold::last_letters(before, 3).1)
}

/// `VIITE497345925`: the digits behind such a word without a space.
fn behind_its_word(part: &str) -> &str {
    let letters = part.bytes().take_while(u8::is_ascii_alphabetic).count();
    match part.split_at_checked(letters) {
        Some((word, digits)) if !digits.is_empty() && is_reference_word(word) => digits,
        _ => part,
    }
}

/// Where the digits stand, grouped or not.
fn place_of(line: &str, digits: &str) -> Option<(usize, usize)> {
    let begins = |(from, _): &(usize, char)| {
        let mut left = digits.bytes();
        let mut awaited = left.next();
        for (at, byte) in line.bytes().enumerate().skip(*from) {
            match awaited {
                Some(digit) if digit == byte => awaited = left.next(),
                Some(_) if byte.is_ascii_alphanumeric() || !byte.is_ascii() => return None,
                Some(_) => {}
                None => return Some((*from, at)),
            }
        }
        awaited.is_none().then_some((*from, line.len()))
    };
    line.char_indices().filter(|(_, c)| c.is_ascii_digit()).find_map(|start| begins(&start))
}

/// A line that is nothing but a reference, if it is long enough to be told from other numbers.
pub(super) fn alone(line: &str) -> Option<String> {
    let digits = |key: &String| key.bytes().filter(u8::is_ascii_digit).count();
    fold(line).filter(|key| LENGTH.contains(&key.len()) && digits(key) >= TELLING_MIN)
}

/// Three, four and five digits with slashes between them.
fn slashed(line: &str) -> Vec<String> {
    let outside = |c: char| !(c.is_ascii_digit() || c == '/');
    let of_ogm = |word: &&str| {
        let lengths: Vec<usize> = word.split('/').map(str::len).collect();
        lengths == [3, 4, 5]
    };
    line.split(outside).filter(of_ogm).map(|word| word.replace('/', "")).collect()
}

fn whole(text: &str) -> Option<String> {
    fold(&normalise(text)).filter(|key| LENGTH.contains(&key.len()))
}

/// Words by themselves, and groups of digits that were printed apart: those of 12 and 27 digits
/// wherever they begin, others if all groups but the first and the last are of one length.
fn joined(line: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let outside = |c: char| !c.is_ascii_alphanumeric() && !" -/.+*_:".contains(c);
    for run in line.split(outside) {
        let parts: Vec<&str> = run
            .split(|c: char| !c.is_ascii_alphanumeric())
            .map(behind_its_word)
            .filter(|part| !part.is_empty())
            .collect();
        for (start, first) in parts.iter().enumerate() {
            if LENGTH.contains(&first.len()) {
                keys.push((*first).to_owned());
            }
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(first) {
                continue;
            }
            let mut key = (*first).to_owned();
            let mut inner: Vec<usize> = Vec::new();
            for part in parts.iter().skip(start.saturating_add(1)).take(GROUPS_MAX) {
                if !digits(part) || key.len().saturating_add(part.len()) > 27 {
                    break;
                }
                key.push_str(part);
                let even = inner.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
                let grouped = even && inner.iter().chain([&first.len()]).all(|len| *len >= 3);
                if matches!(key.len(), 12 | 27) || grouped && key.len() >= 8 {
                    keys.push(key.clone());
                }
                inner.push(part.len());
            }
        }
    }
    keys
}

fn digits_of(key: &str) -> impl DoubleEndedIterator<Item = u32> + '_ {
    key.bytes().map(|byte| u32::from(byte.wrapping_sub(b'0')))
}

fn luhn(key: &str) -> bool {
    let sum: u32 = digits_of(key)
        .rev()
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    sum.is_multiple_of(10)
}

/// Weights 2 to 7 from the right, the check digit apart.
fn mod11(key: &str) -> bool {
    let sum: u32 =
        digits_of(key).rev().zip([1].into_iter().chain((2..=7).cycle())).map(|(d, w)| d * w).sum();
    sum.is_multiple_of(11)
}

fn mod10_recursive(key: &str) -> bool {
    const TABLE: [u32; 10] = [0, 9, 4, 6, 8, 2, 7, 1, 3, 5];
    let carry = digits_of(key).fold(0_u32, |carry, digit| {
        let at = usize::try_from((carry + digit) % 10).unwrap_or(0);
        TABLE.get(at).copied().unwrap_or(0)
    });
    carry == 0
}

fn mod97_of_ten(key: &str) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let rest = number(key.get(..10)) % 97;
    number(key.get(10..)) == if rest == 0 { 97 } else { rest }
}

fn weights_731(key: &str) -> bool {
    let sum: u32 = digits_of(key)
        .rev()
        .zip([1].into_iter().chain([7, 3, 1].into_iter().cycle()))
        .map(|(d, w)| d * w)
        .sum();
    sum.is_multiple_of(10)
}

/// Digits without the zeros before them, if enough are left for a reference.
pub(super) fn unpadded(key: &str) -> Option<&str> {
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    let short = key.trim_start_matches('0');
    (digits && short.len() < key.len() && LENGTH.contains(&short.len())).then_some(short)
}

/// Digits with the zeros before them that make a QR reference of 27.
pub(super) fn padded(key: &str) -> Option<String> {
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !key.is_empty() && key.len() < 27).then(|| format!("{key:0>27}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;
    use crate::testkit::{credit, credit_saying, currency};

    /// Published examples of each scheme.
    const EXAMPLES: [(Scheme, &str); 9] = [
        (Scheme::Qrr, "21 00000 00003 13947 14300 09017"),
        (Scheme::Qrr, "000000000000000000000000026"),
        (Scheme::Ogm, "+++090/9337/55493+++"),
        (Scheme::Ogm, "***090/9337/55493***"),
        (Scheme::Kid, "1234567897"),
        (Scheme::Ocr, "1234567897"),
        (Scheme::Viite, "1234561"),
        (Scheme::Rf, "RF18 5390 0754 7034"),
        (Scheme::Txid, "7d9f0335a1f24c0c8f60f6c2a1b2c3d4"),
    ];

    fn read(text: &str, scheme: Option<Scheme>) -> Result<UpstreamReference, Refused> {
        parse(&GivenReference { text: text.to_owned(), scheme }, currency("SEK"))
    }

    #[test]
    fn each_scheme_takes_its_own_and_finds_a_wrong_digit() {
        for (scheme, text) in EXAMPLES {
            let known = read(text, Some(scheme)).expect(text);
            assert_eq!(known.key, fold(text).expect("a key"), "{text}");
            // A KID may be of either kind, so one wrong digit in eleven is right by the other.
            if matches!(scheme, Scheme::Txid | Scheme::Kid) {
                continue;
            }
            for (at, byte) in known.key.bytes().enumerate().filter(|(at, _)| *at >= 2) {
                let mut bytes = known.key.clone().into_bytes();
                bytes[at] = match byte {
                    b'9' => b'8',
                    b'0'..=b'8' => byte + 1,
                    _ => continue,
                };
                let wrong = String::from_utf8(bytes).expect("text");
                let refused = read(&wrong, Some(scheme));
                assert_eq!(refused, Err(Refused::CheckDigits), "{scheme:?} {wrong}");
            }
        }
        assert!(Scheme::Kid.verifies("12345678911") || Scheme::Kid.verifies("12345678903"));
        assert!(!Scheme::Qrr.verifies(&"0".repeat(27)));
    }

    #[test]
    fn a_form_tells_of_its_scheme() {
        for (text, scheme) in [
            ("210000000003139471430009017", Some(Scheme::Qrr)),
            ("+++090/9337/55493+++", Some(Scheme::Ogm)),
            ("RF18539007547034", Some(Scheme::Rf)),
            ("7d9f0335a1f24c0c8f60f6c2a1b2c3d4", Some(Scheme::Txid)),
            ("1234567897", Some(Scheme::Ocr)),
            ("1234561", None),
            ("INV/2026/00013", None),
            ("SO-10045", None),
        ] {
            assert_eq!(read(text, None).map(|read| read.scheme), Ok(scheme), "{text}");
        }
        assert_eq!(read("INV/2026/00013", None).expect("plain").key, "INV2026-13");
        for text in ["210000000003139471430009018", "+++090/9337/55494+++", "RF19539007547034"] {
            assert_eq!(read(text, None), Err(Refused::CheckDigits), "{text}");
        }
        for text in ["", "abcdef", "12", "#", &"1a-".repeat(20)] {
            assert_eq!(read(text, None), Err(Refused::Malformed), "{text}");
        }
    }

    #[test]
    fn texts_quote_them_grouped_or_not() {
        let qrr = "210000000003139471430009017";
        let ogm = "090933755493";
        let paid_in = |code: &str, bank: BankTransaction| BankTransaction {
            amount: Money::from_micros(1_000_000, currency(code)),
            ..bank
        };
        for (line, code, key) in [
            ("21 00000 00003 13947 14300 09017", "CHF", qrr),
            ("QRR 21 00000 00003 13947 14300 09017 merci", "CHF", qrr),
            ("210000000003139471430009017", "EUR", qrr),
            ("Facture +++090/9337/55493+++", "EUR", ogm),
            ("090/9337/55493", "SGD", ogm),
            ("communication 090933755493, juin", "EUR", ogm),
            ("KID 1234567897", "NOK", "1234567897"),
            ("viite 1234561", "EUR", "1234561"),
            ("1234567897", "SEK", "1234567897"),
            ("/ROC/7d9f0335a1f24c0c8f60f6c2a1b2c3d4/", "BRL", "7D9F0335A1F24C0C8F60F6C2A1B2C3D4"),
        ] {
            let found = candidates(&paid_in(code, credit_saying("T1", "1.00", &[line])));
            assert!(
                found.contains(&(key.to_owned(), ReferencePlace::Reference)),
                "{line}: {found:?}"
            );
        }
        let mut bank = credit("T1", "1.00");
        bank.creditor_reference = Some("21 00000 00003 13947 14300 09017".to_owned());
        bank.end_to_end_id = Some("7d9f0335a1f24c0c8f60f6c2a1b2c3d4".to_owned());
        // Ids that banks make look the same: only where the id is the payer's reference.
        assert_eq!(candidates(&bank), [(qrr.to_owned(), ReferencePlace::Reference)]);
        assert_eq!(candidates(&paid_in("BRL", bank))[1].1, ReferencePlace::EndToEnd);
        let cut = ["pay 2100000000031394", "71430009017"];
        let found = candidates(&credit_saying("T1", "1.00", &cut));
        assert!(found.contains(&(qrr.to_owned(), ReferencePlace::Reference)), "{found:?}");
        for line in ["INV-1001 thanks", "1234567897", "1234561", "call 555 0000"] {
            assert!(candidates(&credit_saying("T1", "1.00", &[line])).is_empty(), "{line}");
        }
    }
}

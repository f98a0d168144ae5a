//! The forms of the numbers that a code names.

use crate::matching::reference;

/// The length of an account number in each country of the euro payment area.
const IBAN_LENGTHS: [(&[u8; 2], usize); 41] = [
    (b"AD", 24),
    (b"AL", 28),
    (b"AT", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"CH", 21),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"EE", 20),
    (b"ES", 24),
    (b"FI", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GI", 23),
    (b"GR", 27),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IS", 26),
    (b"IT", 27),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MT", 31),
    (b"NL", 18),
    (b"NO", 15),
    (b"PL", 28),
    (b"PT", 25),
    (b"RO", 24),
    (b"RS", 22),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
];

/// An account number of the euro payment area without spaces, upper case; none if its check digits
/// or its length are wrong.
pub fn iban(text: &str) -> Option<String> {
    let iban = glued(text);
    let length = IBAN_LENGTHS.iter().find(|(country, _)| iban.as_bytes().starts_with(*country))?.1;
    // 00, 01 and 99 give the right rest too, and are no check digits.
    let check: u32 = iban.get(2..4)?.parse().ok()?;
    let right = iban.len() == length && (2..=98).contains(&check);
    (right && reference::is_iban(&iban)).then_some(iban)
}

/// A bank's code of 8 or 11 characters, upper case.
pub fn bic(text: &str) -> Option<String> {
    let bic = glued(text);
    let bytes = bic.as_bytes();
    let country = bytes.get(4..6)?.iter().all(u8::is_ascii_uppercase);
    let right = matches!(bytes.len(), 8 | 11) && country;
    (right && bytes.iter().all(u8::is_ascii_alphanumeric)).then_some(bic)
}

/// The number of an entity in Singapore, with or without the three characters that banks add.
pub fn uen(text: &str) -> Option<String> {
    let uen = glued(text);
    let bytes = uen.as_bytes();
    let base = bytes.get(..bytes.len().checked_sub(if bytes.len() > 10 { 3 } else { 0 })?)?;
    let added = bytes.get(base.len()..)?;
    let shape: Vec<u8> = base.iter().map(|byte| class(*byte)).collect();
    let right = match shape.as_slice() {
        b"99999999A" | b"999999999A" => true,
        b"A99AA9999A" | b"A99A99999A" => matches!(base.first(), Some(b'R' | b'S' | b'T')),
        _ => false,
    };
    (right && added.iter().all(u8::is_ascii_alphanumeric)).then_some(uen)
}

fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => b'9',
        b'A'..=b'Z' => b'A',
        other => other,
    }
}

/// Without spaces, upper case.
fn glued(text: &str) -> String {
    text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_numbers_are_checked() {
        for good in ["DE89370400440532013000", "nl91 abna 0417 1643 00", "NO9386011117947"] {
            assert!(iban(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "DE",
            "DE88370400440532013000",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "US64SVBKUS6S3300958879",
            "NL91ABNA041716430O",
            "DÉ89370400440532013000",
            "SG",
        ] {
            assert_eq!(iban(bad), None, "{bad}");
        }
        for good in ["COBADEFF", "cobadeffxxx", "DBSSSGSG"] {
            assert!(bic(good).is_some(), "{good}");
        }
        for bad in ["", "COBADEF", "COBA1EFF", "COBADEFFXX", "COBADÉFF", "COBA-DEF"] {
            assert_eq!(bic(bad), None, "{bad}");
        }
        for good in
            ["12345678A", "201403121W", "201403121wSGX", "T08GB0001A", "S99LL1234K", "12345678AABC"]
        {
            assert!(uen(good).is_some(), "{good}");
        }
        for bad in
            ["", "1234567A", "123456789", "20140312W1", "Z08GB0001A", "T08G10001", "201403121W+X1"]
        {
            assert_eq!(uen(bad), None, "{bad}");
        }
    }
}

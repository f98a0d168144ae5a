//! One form for each invoice id, however people and software write it: `INV/2026/00013`,
//! `INV 2026-13` and `INV–2026–00013` are `INV2026-13`. And one form for the characters of texts.

use unicode_normalization::UnicodeNormalization as _;

/// The zero of each row of ten decimal digits in Unicode, beside those that NFKC makes ASCII.
const ZEROS: [u32; 42] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
    0x104a0, 0x11066, 0x110f0, 0x11136, 0x11450, 0x16a60, 0x1e950,
];

/// The form by which invoice ids are looked up: upper case; marks and spaces between digits are
/// one hyphen, all others are nothing; a group of digits has no zeros before it.
///
/// The column `invoices.folded_key` holds the same (SQL function `folded_number`).
pub fn fold(text: &str) -> String {
    runs(text, true)
}

/// The same with the zeros as they are written.
pub fn with_zeros(text: &str) -> String {
    runs(text, false)
}

/// A folded number without the letters before its digits: what people quote of it.
pub fn digits(folded: &str) -> &str {
    folded.trim_start_matches(|c: char| c.is_ascii_uppercase())
}

/// Whether a folded number is digits alone, and enough of them to tell anything.
pub fn is_digits(folded: &str) -> bool {
    folded.len() >= 4 && folded.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Digits without a mark.
pub fn is_plain_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn runs(text: &str, strip: bool) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut apart = false;
    let mut characters = text.bytes().peekable();
    while let Some(byte) = characters.next() {
        if !byte.is_ascii_alphanumeric() {
            apart = true;
            continue;
        }
        let after_digit = folded.as_bytes().last().is_some_and(u8::is_ascii_digit);
        let begins = !after_digit || apart;
        if byte.is_ascii_digit() && after_digit && apart {
            folded.push('-');
        }
        let goes_on = characters.peek().is_some_and(u8::is_ascii_digit);
        if strip && byte == b'0' && begins && goes_on {
            // The next digit begins the group in its place.
            while characters.next_if(|next| *next == b'0').is_some() {}
            if !characters.peek().is_some_and(u8::is_ascii_digit) {
                folded.push('0');
            }
            apart = false;
            continue;
        }
        folded.push(char::from(byte.to_ascii_uppercase()));
        apart = false;
    }
    folded
}

/// A character of a text as it is read: decimal digits of any script are ASCII, hyphens, dashes and
/// minus signs one hyphen, slashes one slash.
pub(crate) fn plain(character: char) -> char {
    match character {
        '\0'..='\u{ac}' => character,
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{2043}'
        | '\u{2e3a}'
        | '\u{2e3b}'
        | '\u{2500}'
        | '\u{2501}'
        | '\u{5be}'
        | '\u{1806}' => '-',
        '\u{2044}' | '\u{2215}' | '\u{29f8}' => '/',
        other => digit(other),
    }
}

fn digit(character: char) -> char {
    let code = u32::from(character);
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code));
    let value = zero.and_then(|zero| char::from_digit(code - zero, 10));
    value.unwrap_or(character)
}

/// Whether a letter belongs to a script that is written without spaces between words, or that
/// nobody takes for Latin: a number may stand right beside it.
pub(super) fn is_beside_numbers(character: char) -> bool {
    matches!(u32::from(character),
        // Hebrew to Arabic, the scripts of India, Thai, Lao, Tibetan, Burmese, Georgian, Hangul.
        0x0590..=0x08ff | 0x0900..=0x10ff | 0x1100..=0x11ff | 0x1780..=0x18af | 0x1950..=0x1c7f
        // Kana, Chinese characters, Hangul, presentation forms of Arabic.
        | 0x2e80..=0x9fff | 0xa960..=0xa97f | 0xac00..=0xd7ff | 0xf900..=0xfaff
        | 0xfb1d..=0xfdff | 0xfe70..=0xfefe | 0x20000..=0x3ffff)
}

/// NFKC, upper case, digits of any script and dashes as ASCII, no zero-width characters or soft
/// hyphens, white space as single spaces.
pub fn normalise(text: &str) -> String {
    if text.is_ascii() {
        return collapse(text.bytes().map(|byte| char::from(byte.to_ascii_uppercase())));
    }
    // `№INV-1` is a number behind a word, not the word NOINV.
    let text = text.replace('№', " NO. ");
    let visible = text.nfkc().filter(|c| !is_invisible(*c)).flat_map(char::to_uppercase);
    collapse(visible.map(plain))
}

fn collapse(characters: impl Iterator<Item = char>) -> String {
    let mut result = String::new();
    for character in characters {
        if character.is_whitespace() || character.is_control() {
            if !result.is_empty() && !result.ends_with(' ') {
                result.push(' ');
            }
        } else {
            result.push(character);
        }
    }
    while result.ends_with(' ') {
        result.pop();
    }
    result
}

/// Zero-width characters, joiners, soft hyphen, byte-order mark, bidirectional controls.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

pub(super) fn is_separator(character: char) -> bool {
    matches!(character, '.' | '_' | ':' | '-')
}

/// The last letters of `head` with at most `gap` other characters behind them, and what is before.
pub(super) fn last_letters(head: &str, gap: usize) -> (&str, &str) {
    let trimmed = head.trim_end_matches(|c: char| !c.is_alphanumeric());
    if head.len().saturating_sub(trimmed.len()) > gap {
        return ("", "");
    }
    let before = trimmed.trim_end_matches(char::is_alphabetic);
    (before, trimmed.get(before.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_have_one_form_however_they_are_written() {
        for (text, folded) in [
            ("INV-2026-00013", "INV2026-13"),
            ("INV/2026/00013", "INV2026-13"),
            ("inv.2026.13", "INV2026-13"),
            ("INV 2026 00013", "INV2026-13"),
            ("INV202600013", "INV202600013"),
            ("INV-71014", "INV71014"),
            ("INV 71014", "INV71014"),
            ("INV-1001-2", "INV1001-2"),
            ("INV-10012", "INV10012"),
            ("A-00", "A0"),
            ("A-00-B", "A0B"),
            ("A0B", "A0B"),
            ("007", "7"),
            ("1--02", "1-2"),
            ("-1-", "1"),
            ("A1-0", "A1-0"),
            ("AC-ME-1", "ACME1"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
        assert_eq!(with_zeros("INV/2026/00013"), "INV2026-00013");
    }

    #[test]
    fn digits_and_marks_of_any_script_are_read() {
        let read: String = "٧١٠٤٢ ۷۱ ७१ ๗๑ – ‐ − ⁄".chars().map(plain).collect();
        assert_eq!(read, "71042 71 71 71 - - - /");
        for beside in "払ありーがとうのใบ필فש".chars() {
            assert!(is_beside_numbers(beside), "{beside}");
        }
        for other in "AzüßИІΩ5".chars() {
            assert!(!is_beside_numbers(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "[A-Ca-c0-2._:/ -]{0,24}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once.clone());
            prop_assert_eq!(fold(&with_zeros(&text)), once);
        }

        #[test]
        fn marks_between_letters_and_digits_do_not_count(
            letters in "[A-Z]{1,4}", digits in "[0-9]{1,6}", mark in "[ ./_:–-]{0,2}",
        ) {
            prop_assert_eq!(fold(&format!("{letters}{mark}{digits}")), fold(&(letters + &digits)));
        }
    }
}

//! Words one typing mistake away: what a person may have meant. Only ever suggested.

use std::collections::BTreeSet;

use super::{fold, reference};

/// References that we mint have this many characters.
const MINTED: usize = 17;
/// Characters of a reference: `0-9A-Z` without those that are read as digits.
const ALPHABET: &[u8; 31] = b"0123456789ACDEFGHJKMNPQRTUVWXYZ";
/// Numbers longer than this have too many neighbours to be worth a look.
const NUMBER_MAX: usize = 24;
/// Digits, without the year, of a number that is looked for with one of them mistyped.
const SLIPPED_MIN: usize = 3;
/// Letters before a number that may be mistyped, and what may be typed for them.
const PREFIX_MAX: usize = 8;

/// A word whose neighbours are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    /// What a payer may have mistyped: a reference, or a number with its zeros.
    Mistyped(String),
    /// The number of an invoice of ours: those that a payer may have meant as well.
    Neighbour(String),
    /// Digits without the letters of our numbers, folded.
    Digits(String),
    /// The same, of which a word says that they are an invoice's: one of them may be mistyped.
    Slipped(String),
    /// A field or a line that is nothing but a reference, which upstream may have given an invoice.
    Quoted(String),
}

impl Word {
    /// Whether it is like a reference of ours.
    pub fn is_reference(&self) -> bool {
        match self {
            Self::Mistyped(word) => like_reference(word),
            Self::Quoted(_) => true,
            Self::Neighbour(_) | Self::Digits(_) | Self::Slipped(_) => false,
        }
    }

    /// Whether it is a payer's word, and like a number.
    pub fn is_mistyped_number(&self) -> bool {
        matches!(self, Self::Mistyped(_) | Self::Digits(_)) && !self.is_reference()
    }

    /// Whether its neighbours are the digits of numbers, which nothing is looked up by.
    pub fn is_slip(&self) -> bool {
        matches!(self, Self::Slipped(_))
    }

    /// Whether a neighbour of it may be as long as a reference of ours: one letter more or less is
    /// one mistake, and folding only takes away.
    pub fn is_long(&self) -> bool {
        match self {
            Self::Mistyped(word)
            | Self::Neighbour(word)
            | Self::Digits(word)
            | Self::Slipped(word)
            | Self::Quoted(word) => word.len() + 2 >= MINTED - 1,
        }
    }

    /// What is looked for: references, and folded numbers.
    pub fn variants(&self) -> BTreeSet<String> {
        match self {
            Self::Mistyped(word) if like_reference(word) => references(word.as_bytes()),
            Self::Mistyped(word) => numbers(&fold::with_zeros(word), true),
            Self::Neighbour(word) => numbers(&fold::with_zeros(word), false),
            Self::Digits(word) => BTreeSet::from([word.clone()]),
            Self::Slipped(word) => slipped(word),
            Self::Quoted(word) => quoted(word.as_bytes()),
        }
    }
}

/// Whether `word` may be a reference of ours with one mistake in it.
pub fn like_reference(word: &str) -> bool {
    let bytes = word.as_bytes();
    let plain = bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    plain && (MINTED - 1..=MINTED + 1).contains(&bytes.len()) && word.starts_with("RF")
}

/// One other digit, two characters swapped, one digit missing or too many; also what was typed as a
/// letter. Whether check digits verify says nothing here: only references that were given are
/// known, plain numbers without the zeros before their digits.
fn quoted(word: &[u8]) -> BTreeSet<String> {
    let read = |byte: &u8| match byte {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        b'S' => b'5',
        b'B' => b'8',
        other => *other,
    };
    let mut found = BTreeSet::new();
    let mut keep = |parts: [&[u8]; 3]| {
        if let Ok(text) = String::from_utf8(parts.concat()) {
            found.insert(fold::fold(&text));
            found.insert(text);
        }
    };
    keep([&word.iter().map(read).collect::<Vec<u8>>(), b"", b""]);
    for at in 0..=word.len() {
        let (head, tail) = word.split_at(at);
        for other in b"0123456789" {
            keep([head, &[*other], tail]);
        }
        let Some((this, rest)) = tail.split_first() else { continue };
        if this.is_ascii_digit() {
            keep([head, b"", rest]);
            for other in b"0123456789" {
                keep([head, &[*other], rest]);
            }
        }
        if let [left, right, beyond @ ..] = tail {
            keep([head, &[*right, *left], beyond]);
        }
    }
    found
}

/// Only those whose check digits verify: one in 97.
fn references(word: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut keep = |bytes: Vec<u8>| {
        if let Ok(text) = String::from_utf8(bytes)
            && text.len() == MINTED
            && reference::verifies(&text)
        {
            found.insert(text);
        }
    };
    for at in 2..=word.len() {
        let (head, tail) = word.split_at(at);
        let rest = tail.get(1..).unwrap_or_default();
        match word.len() {
            MINTED => {
                for other in ALPHABET.iter().filter(|_| !tail.is_empty()) {
                    keep([head, &[*other], rest].concat());
                }
                if let [left, right, beyond @ ..] = tail {
                    keep([head, &[*right, *left], beyond].concat());
                }
            }
            length if length < MINTED => {
                for missed in ALPHABET {
                    keep([head, &[*missed], tail].concat());
                }
            }
            _ => keep([head, rest].concat()),
        }
    }
    found
}

/// The number itself; one other digit, two swapped. `mistyped`: also one digit missing or too many,
/// one other letter before it, two of them swapped, a hyphen left out or put in.
fn numbers(word: &str, mistyped: bool) -> BTreeSet<String> {
    let bytes = word.as_bytes();
    let mut found = BTreeSet::from([fold::fold(word)]);
    if bytes.len() > NUMBER_MAX {
        return found;
    }
    let mut keep = |parts: [&[u8]; 3]| {
        let text = String::from_utf8(parts.concat()).unwrap_or_default();
        found.insert(fold::fold(&text));
    };
    let first = bytes.iter().position(u8::is_ascii_digit).unwrap_or(bytes.len());
    for at in 0..bytes.len() {
        let (head, tail) = bytes.split_at(at);
        let (Some((this, rest)), next) = (tail.split_first(), tail.get(1)) else { continue };
        if *this == b'-' {
            keep([head, b"", rest]);
        }
        if this.is_ascii_digit() {
            for other in b"0123456789" {
                keep([head, &[*other], rest]);
                if mistyped {
                    keep([head, &[*this, *other], rest]);
                }
            }
            if mistyped {
                keep([head, b"", rest]);
                keep([head, b"-", tail]);
            }
        }
        let Some(next) = next else { continue };
        if this.is_ascii_digit() && next.is_ascii_digit() {
            keep([head, &[*next, *this], rest.get(1..).unwrap_or_default()]);
        }
    }
    if mistyped && first <= PREFIX_MAX {
        prefixes(bytes, first, &mut keep);
    }
    found
}

/// One other digit, two swapped, one missing or too many; the year is as it is written.
fn slipped(word: &str) -> BTreeSet<String> {
    let (year, digits) = word.split_once('-').unwrap_or(("", word));
    let mark = if year.is_empty() { "" } else { "-" };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let found = if plain { numbers(digits, true) } else { BTreeSet::new() };
    // What has as few digits as a day is in every text.
    let telling = |other: &String| other.len() >= SLIPPED_MIN && fold::is_plain_digits(other);
    let found = found.into_iter().filter(telling).filter(|other| other != digits);
    found.map(|other| format!("{year}{mark}{other}")).collect()
}

/// Another letter in place of one before the first digit, or of that digit; two swapped; one too
/// many; digits that were typed as letters.
fn prefixes(bytes: &[u8], first: usize, keep: &mut impl FnMut([&[u8]; 3])) {
    for at in 0..first {
        let (head, tail) = bytes.split_at(at);
        let rest = tail.get(1..).unwrap_or_default();
        for other in b'A'..=b'Z' {
            keep([head, &[other], rest]);
        }
        keep([head, b"", rest]);
        if let [left, right, beyond @ ..] = tail
            && at + 1 < first
        {
            keep([head, &[*right, *left], beyond]);
        }
    }
    // `1NV-71014`: the first character was meant to be a letter.
    if let (0, Some((_, rest))) = (first, bytes.split_first())
        && rest.first().is_some_and(u8::is_ascii_alphabetic)
    {
        for other in b'A'..=b'Z' {
            keep([b"", &[other], rest]);
        }
    }
    let read = |byte: &u8| match byte {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        b'S' => b'5',
        b'B' => b'8',
        other => *other,
    };
    let tail: Vec<u8> = bytes.iter().skip(first).map(read).collect();
    keep([bytes.get(..first).unwrap_or_default(), &tail, b""]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_mistake_of_a_reference_is_undone() {
        let minted = reference::mint(&[41; 32]);
        let bytes = minted.as_bytes();
        for at in 2..bytes.len() {
            let mut typo = bytes.to_vec();
            typo[at] = if typo[at] == b'7' { b'3' } else { b'7' };
            let mut cases = vec![typo, [&bytes[..at], &bytes[at + 1..]].concat()];
            cases.push([&bytes[..at], b"4", &bytes[at..]].concat());
            if at + 1 < bytes.len() {
                let mut swapped = bytes.to_vec();
                swapped.swap(at, at + 1);
                cases.push(swapped);
            }
            for case in cases {
                let case = String::from_utf8(case).expect("ASCII");
                let found = Word::Mistyped(case.clone()).variants();
                assert!(found.contains(&minted), "{case}");
                assert!(found.len() < 40, "{case}: {}", found.len());
            }
        }
    }

    #[test]
    fn neighbours_of_a_number_are_few_and_the_word_is_one() {
        let found = Word::Neighbour("INV-1024".to_owned()).variants();
        for near in ["INV1024", "INV1025", "INV124", "INV1042", "INV1204"] {
            assert!(found.contains(near), "{near}");
        }
        assert!(!found.contains("INV2025") && found.len() < 50, "{}", found.len());
    }

    #[test]
    fn a_mistyped_number_has_the_one_that_was_meant_among_its_neighbours() {
        for typed in [
            "INV-7214",
            "INV-702014",
            "INV-720144",
            "INV-72041",
            "INV-72015",
            "IMV-72014",
            "IVN-72014",
            "1NV-72014",
            "INNV-72014",
            "INV-720I4",
            "INV-7-2014",
            "INV72014",
            "inv/072014",
        ] {
            let found = Word::Mistyped(typed.to_uppercase()).variants();
            assert!(found.contains("INV72014"), "{typed}");
            assert!(found.len() < 400, "{typed}: {}", found.len());
        }
        let glued = Word::Mistyped("INV202600013".to_owned()).variants();
        assert!(glued.contains("INV2026-13"), "{glued:?}");
        assert!(Word::Mistyped("9".repeat(64)).variants().len() == 1);
    }
}

//! Words one typing mistake away: what a person may have meant. Only ever suggested.

use std::collections::BTreeSet;

use super::reference;

/// References that we mint have this many characters.
const MINTED: usize = 17;
/// Characters of a reference: `0-9A-Z` without those that are read as digits.
const ALPHABET: &[u8; 31] = b"0123456789ACDEFGHJKMNPQRTUVWXYZ";
/// Numbers longer than this have too many neighbours to be worth a look.
const NUMBER_MAX: usize = 24;
/// Zeros that a person may leave out after the letters of a number.
const ZEROS_MAX: usize = 4;

/// Whether `word` may be a reference of ours with one mistake in it.
#[must_use]
pub fn like_reference(word: &str) -> bool {
    let bytes = word.as_bytes();
    let plain = bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    plain && (MINTED - 1..=MINTED + 1).contains(&bytes.len()) && word.starts_with("RF")
}

/// What `word` may have been before one mistake: of references only those whose check digits
/// verify (one in 97), of numbers the word itself, one other digit, two swapped, zeros dropped.
#[must_use]
pub fn variants(word: &str) -> BTreeSet<String> {
    if like_reference(word) { references(word.as_bytes()) } else { numbers(word.as_bytes()) }
}

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

fn numbers(word: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut keep = |bytes: Vec<u8>| {
        found.extend(String::from_utf8(bytes).ok());
    };
    keep(word.to_vec());
    if word.len() > NUMBER_MAX {
        return found;
    }
    for at in 0..word.len() {
        let (head, tail) = word.split_at(at);
        if let [digit, rest @ ..] = tail
            && digit.is_ascii_digit()
        {
            for other in b"0123456789" {
                keep([head, &[*other], rest].concat());
            }
        }
        if let [left, right, beyond @ ..] = tail
            && left.is_ascii_digit()
            && right.is_ascii_digit()
        {
            keep([head, &[*right, *left], beyond].concat());
        }
    }
    let first = word.iter().position(u8::is_ascii_digit).unwrap_or(0);
    let (head, tail) = word.split_at(first);
    for zeros in 1..=ZEROS_MAX {
        keep([head, &b"0000"[..zeros], tail].concat());
    }
    found
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
                let found = variants(&case);
                assert!(found.contains(&minted), "{case}");
                assert!(found.len() < 40, "{case}: {}", found.len());
            }
        }
    }

    #[test]
    fn neighbours_of_a_number_are_few_and_the_word_is_one() {
        let found = variants("INV-1024");
        for near in ["INV-1024", "INV-1025", "INV-0124", "INV-1042", "INV-00001024"] {
            assert!(found.contains(near), "{near}");
        }
        assert!(!found.contains("INV-2025") && found.len() < 60);
    }
}

//! What a payer's text says: normalising, and the tokens that may name invoices.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

use super::numbers::{self, Number, Place};
use super::{near, reference, spans, weak};
use crate::domain::bank::BankTransaction;

/// Letters and digits of an account number.
const PAYER_ACCOUNT_MAX: usize = 64;
/// A text names at most this many invoices; R5 stops at twenty, one more shows "too many".
const TOKENS_MAX: usize = 48;
/// Characters of a minted reference: looked for inside a word that was glued to another.
const GLUED: usize = 17;
/// Words that may be mistyped references.
const NEAR_MAX: usize = 4;
/// `RF18 5390 0754 7034 …`: at most 25 characters in groups of four, or in one part more.
const REFERENCE_PARTS_MAX: usize = 8;

/// Where a checked reference was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Found {
    /// In the structured reference or the payer's text (R2).
    Reference,
    /// In the end-to-end id: we had issued it (R3).
    EndToEnd,
}

/// The names of invoices that a payment may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// References whose check digits verify, each once.
    pub references: Vec<(String, Found)>,
    /// Whole words that may be invoice numbers, longest first within one run of text.
    pub numbers: Vec<Vec<Number>>,
    /// Words like references of ours, as they are with typed letters read as digits.
    pub near: Vec<String>,
    /// Nothing of the payment is to be looked at: it is recorded and decided later.
    pub unread: bool,
}

impl Tokens {
    /// For a payment that is only recorded.
    #[must_use]
    pub fn unread() -> Self {
        Self { unread: true, ..Self::default() }
    }

    pub fn all_numbers(&self) -> impl Iterator<Item = &String> {
        self.numbers.iter().flatten().map(|number| &number.word)
    }

    /// Each number once. Where the text says it twice, the better place counts.
    fn push_numbers(&mut self, found: Vec<Number>, seen: &mut BTreeSet<String>) {
        let mut new = Vec::new();
        for number in found {
            if seen.insert(number.word.clone()) {
                new.push(number);
            } else if !number.doubtful {
                let known = self.numbers.iter_mut().flatten().find(|n| n.word == number.word);
                known.into_iter().for_each(|known| known.doubtful = false);
            }
        }
        if !new.is_empty() {
            self.numbers.push(new);
        }
    }
}

/// NFKC, upper case, no zero-width characters or soft hyphens, white space as single spaces.
#[must_use]
pub fn normalise(text: &str) -> String {
    if text.is_ascii() {
        return collapse(text.bytes().map(|byte| char::from(byte.to_ascii_uppercase())));
    }
    let visible = text.nfkc().filter(|c| !is_invisible(*c)).flat_map(char::to_uppercase);
    collapse(visible)
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

/// Letters and digits of an account number, upper case; none if it is nobody's
/// ([`weak::is_placeholder_payer`]).
#[must_use]
pub fn payer_account(text: &str) -> Option<String> {
    let key = weak::fold(text);
    let usable = key.len() <= PAYER_ACCOUNT_MAX && !weak::is_placeholder_payer(text);
    usable.then_some(key)
}

/// The tokens of a bank transaction.
#[must_use]
pub fn tokens(bank: &BankTransaction) -> Tokens {
    let mut tokens = Tokens::default();
    let mut seen = BTreeSet::new();
    let amounts = spans::amounts(bank);
    if let Some(structured) = &bank.creditor_reference {
        scan_line(&normalise(structured), Place::Reference, &amounts, &mut tokens, &mut seen);
    }
    for line in &bank.unstructured {
        let line = normalise(line);
        let place = numbers::place(&line, bank.amount.currency());
        scan_line(&line, place, &amounts, &mut tokens, &mut seen);
    }
    if bank.unstructured.len() > 1 {
        // Banks cut at 35 characters, mid-word: what only the joined forms show must verify.
        let lines: Vec<String> = bank.unstructured.iter().map(|line| normalise(line)).collect();
        for joined in [lines.concat(), lines.join(" ")] {
            scan_grouped_reference(&joined, Found::Reference, &mut tokens, &mut seen);
            for word in words(&joined) {
                scan_word_for_references(word, Found::Reference, &mut tokens, &mut seen);
            }
        }
    }
    if let Some(end_to_end_id) = &bank.end_to_end_id {
        let key = normalise(end_to_end_id).replace(|c: char| !c.is_ascii_alphanumeric(), "");
        push_reference(&key, Found::EndToEnd, &mut tokens, &mut seen);
    }
    tokens
}

pub(super) fn is_separator(character: char) -> bool {
    matches!(character, '.' | '_' | ':' | '-')
}

/// Runs of characters that an identifier may have; neighbours are then no letters or digits.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || is_separator(c)))
        .map(|word| word.trim_matches(is_separator))
        .filter(|word| !word.is_empty())
}

fn scan_line(
    line: &str,
    place: Place,
    amounts: &[i64],
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) {
    scan_grouped_reference(line, Found::Reference, tokens, seen);
    let mut reader = numbers::Reader::new(line, place, amounts);
    for word in words(line) {
        if tokens.numbers.len() >= TOKENS_MAX {
            return;
        }
        if !scan_word_for_references(word, Found::Reference, tokens, seen) {
            tokens.push_numbers(reader.read(word), seen);
        }
    }
}

/// A word, or what it holds between separators: `RF18…`, `RF18-5390-…`, `REF:RF18…-NOV`.
fn scan_word_for_references(
    word: &str,
    found: Found,
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) -> bool {
    if push_reference(&word.replace(is_separator, ""), found, tokens, seen) {
        return true;
    }
    let glued = word.match_indices("RF").skip_while(|(at, _)| *at == 0 && word.len() <= GLUED);
    let mut any = false;
    for (at, _) in glued {
        if let Some(key) = word.get(at..at.saturating_add(GLUED)) {
            let digits = key.bytes().skip(2).take(2).all(|byte| byte.is_ascii_digit());
            any |= digits && reference::verifies(key) && push_reference(key, found, tokens, seen);
        }
    }
    let parts: Vec<&str> = word.split(is_separator).filter(|part| !part.is_empty()).collect();
    any || parts.len() > 1 && push_joined_parts(&parts, found, tokens, seen)
}

/// People write `RF18 5390 0754 7034`: groups of two to four after a word that starts with RF.
fn scan_grouped_reference(
    line: &str,
    found: Found,
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) {
    let parts: Vec<&str> =
        line.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    push_joined_parts(&parts, found, tokens, seen);
}

/// Joins each part that starts with RF with those that follow it. One in 97 beginnings of a
/// reference verifies by chance, so the search goes on after a hit: only ours are ever known.
fn push_joined_parts(
    parts: &[&str],
    found: Found,
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) -> bool {
    let mut any = false;
    for (start, part) in parts.iter().enumerate() {
        if !part.starts_with("RF") {
            continue;
        }
        let mut joined = String::new();
        for part in parts.iter().skip(start).take(REFERENCE_PARTS_MAX) {
            joined.push_str(part);
            if joined.len() > *reference::LENGTH.end() {
                break;
            }
            any |= push_reference(&joined, found, tokens, seen);
        }
    }
    any
}

/// Adds `key`, and what it is with typed letters read as digits, where the check digits verify.
fn push_reference(
    key: &str,
    found: Found,
    tokens: &mut Tokens,
    seen: &mut BTreeSet<String>,
) -> bool {
    if !reference::LENGTH.contains(&key.len()) || !key.starts_with("RF") {
        return false;
    }
    let read = key.chars().skip(2).map(|character| match character {
        'O' => '0',
        'I' | 'L' => '1',
        'S' => '5',
        'B' => '8',
        other => other,
    });
    let read: String = "RF".chars().chain(read).collect();
    let mut any = false;
    let new = !tokens.near.contains(&read) && tokens.near.len() < NEAR_MAX;
    if new && near::like_reference(&read) {
        tokens.near.push(read.clone());
    }
    for reference in [key.to_owned(), read] {
        if tokens.references.len() >= TOKENS_MAX || !reference::verifies(&reference) {
            continue;
        }
        any = true;
        if seen.insert(reference.clone()) {
            tokens.references.push((reference, found));
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(lines: &[&str]) -> Tokens {
        let mut tokens = Tokens::default();
        let mut seen = BTreeSet::new();
        for line in lines {
            scan_line(&normalise(line), Place::Text, &[], &mut tokens, &mut seen);
        }
        tokens
    }

    #[test]
    fn numbers_are_whole_words() {
        let cases: [(&str, &[&str]); 12] = [
            ("INV-1001", &["INV-1001"]),
            ("pay inv-1001 now", &["INV-1001"]),
            ("INV-1001, thanks", &["INV-1001"]),
            ("REF:INV-1001", &["REF:INV-1001", "INV-1001"]),
            ("INV-10011", &["INV-10011"]),
            ("XINV-1001", &["XINV-1001"]),
            ("ІNV-1001", &[]),
            ("INV\u{200b}-1001", &["INV-1001"]),
            ("ＩＮＶ－１００１", &["INV-1001"]),
            ("inv 1001", &["1001"]),
            ("2026-11-22 22.11.2026 20261122", &[]),
            ("topup NOTPROVIDED 000000 abc", &[]),
        ];
        for (text, expected) in cases {
            let found: Vec<String> = scan(&[text]).all_numbers().cloned().collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn references_are_found_however_they_are_written() {
        let expected = vec![("RF18539007547034".to_owned(), Found::Reference)];
        for text in [
            "RF18539007547034",
            "payment rf18539007547034 thank you",
            "RF18 5390 0754 7034",
            "RF18-5390-0754-7034",
            "RFL8S39OO754703A RF18539007547034",
            "RF1853900754703\u{200b}4",
            "RFI8539OO7547O34",
        ] {
            assert_eq!(scan(&[text]).references, expected, "{text}");
        }
        assert!(scan(&["RF18539007547043 RF19539007547034"]).references.is_empty());
    }

    #[test]
    fn a_reference_glued_to_other_words_is_found() {
        let minted = reference::mint(&[7; 32]);
        for text in [format!("{minted}THANKS"), format!("TOPUP{minted}"), format!("A{minted}B")] {
            let wanted = (minted.clone(), Found::Reference);
            assert!(scan(&[&text]).references.contains(&wanted), "{text}");
        }
    }

    #[test]
    fn no_reference_is_missed_because_its_beginning_verifies_by_chance() {
        for seed in 0..500_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let minted = reference::mint(&[0_u8; 32].map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17);
                state.to_be_bytes()[0]
            }));
            let characters: Vec<char> = minted.chars().collect();
            let groups: Vec<String> = characters.chunks(4).map(String::from_iter).collect();
            let texts = [
                groups.join(" "),
                groups.join("-"),
                format!("top up {} 11 2026", groups.join(" ")),
                format!("Ref:{minted}-2026"),
            ];
            for text in texts {
                let found = scan(&[&text]).references;
                let wanted = (minted.clone(), Found::Reference);
                assert!(found.contains(&wanted), "{text}: {found:?}");
            }
        }
    }

    #[test]
    fn the_same_reference_twice_is_one_token() {
        assert_eq!(scan(&["RF18539007547034", "RF18539007547034"]).references.len(), 1);
        assert_eq!(scan(&["INV-1001 INV-1001"]).numbers.len(), 1);
    }

    #[test]
    fn payer_accounts_lose_their_separators() {
        assert_eq!(payer_account("072-000 1234").as_deref(), Some("0720001234"));
        for useless in ["", "NOTPROVIDED", "000000", "ノ"] {
            assert_eq!(payer_account(useless), None, "{useless}");
        }
    }
}

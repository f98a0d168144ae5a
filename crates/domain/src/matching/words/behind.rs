//! What stands right behind a number: how much of something it is, a street, a town, or a word that
//! says nothing of it. A stranger's number with a word behind it that nobody knows proves nothing.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::super::fold::is_beside_numbers;
use super::super::weak;
use super::tables::{OTHER_BESIDE_AFTER, STREETS, UNITS};
use crate::matching::words::{INVOICES, NUMBERS, OTHERS, is_money, plain, set};

mod tables;

use tables::{
    HARMLESS, HARMLESS_BESIDE, MEASURES_BESIDE, MONEY, MONTHS, STREETS_BEHIND, UNITS_BEHIND,
};

type Set = LazyLock<HashSet<&'static str>>;

/// Characters between the number and a word that says how much of something it is.
const GAP_MAX: usize = 3;
/// Words in which a street may follow.
const STREET_MAX: usize = 3;

static MEASURES: Set = LazyLock::new(|| set(&[MONEY, UNITS, UNITS_BEHIND]));
static ROADS: Set = LazyLock::new(|| set(&[STREETS, STREETS_BEHIND]));
static HARMLESS_WORDS: Set = LazyLock::new(|| set(&[HARMLESS, MONTHS]));

/// What the word right behind a number says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::matching) enum Behind {
    /// Nothing is there, or a word that people write behind a number of anything.
    Harmless,
    /// Nobody knows: a town, a unit, a name.
    Unknown,
    /// It is money, how much of something, or a street.
    Other,
}

/// What stands right behind `to`.
pub(in crate::matching) fn behind(line: &str, to: usize) -> Behind {
    let tail = line.get(to..).unwrap_or_default();
    // `71014,-`, `71014/=`: a price without its cents.
    let price = tail.trim_start_matches(' ').starts_with([',', '.', ':', '/']);
    let mark = tail.trim_start_matches(' ').get(1..).and_then(|rest| rest.chars().next());
    if price && matches!(mark, Some('-' | '=')) {
        return Behind::Other;
    }
    let start = tail.find(is_telling).unwrap_or(tail.len());
    let (gap, rest) = tail.split_at(start);
    let Some(first) = rest.chars().next() else { return Behind::Harmless };
    let near = gap.chars().count() <= GAP_MAX && !gap.contains([',', ';', ':', '!', '?', '|']);
    if first.is_ascii_digit() || !near {
        return Behind::Harmless;
    }
    if !first.is_alphabetic() {
        return Behind::Other;
    }
    let beside = gap.chars().all(|c| c == ' ');
    let said = if is_beside_numbers(first) { of_beside(rest) } else { of_word(rest) };
    // Behind another mark than a space, only a word that is known says something.
    if said == Behind::Unknown && !beside { Behind::Harmless } else { said }
}

/// Letters, digits, and signs that say how much of what it is.
fn is_telling(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '@' | '%' | '°' | '×' | '¢' | '‰' | '¤')
        || is_currency_sign(character)
}

/// The signs of currencies in Unicode.
pub(in crate::matching) fn is_currency_sign(character: char) -> bool {
    matches!(character,
        '$' | '\u{a2}'..='\u{a5}' | '\u{58f}' | '\u{60b}' | '\u{9f2}' | '\u{9f3}' | '\u{9fb}'
        | '\u{af1}' | '\u{bf9}' | '\u{e3f}' | '\u{17db}' | '\u{20a0}'..='\u{20cf}' | '\u{a838}'
        | '\u{fdfc}')
}

/// In scripts that have no spaces between words, or that nobody takes for Latin.
fn of_beside(rest: &str) -> Behind {
    let longest = |table: &str| {
        let known = table.split_whitespace().filter(|word| rest.starts_with(word));
        known.map(str::len).max().unwrap_or(0)
    };
    let harmless = longest(HARMLESS_BESIDE);
    let other = longest(MEASURES_BESIDE).max(longest(OTHER_BESIDE_AFTER));
    match (harmless, other) {
        (0, 0) => Behind::Unknown,
        (harmless, other) if harmless > other => Behind::Harmless,
        _ => Behind::Other,
    }
}

fn of_word(rest: &str) -> Behind {
    let (word, after) = split_word(rest);
    let word = plain(word);
    let word = word.as_ref();
    // `71014 S$100.00`
    let signed = after.starts_with(is_currency_sign) && begins_number(after);
    if signed || is_top_up(rest) {
        return Behind::Harmless;
    }
    if MEASURES.contains(word) || is_money(word) {
        // `71014 SGD 100.00`: it is the currency of what follows.
        let follows = is_money(word) && begins_number(after);
        return if follows { Behind::Harmless } else { Behind::Other };
    }
    if ROADS.contains(word) {
        return Behind::Other;
    }
    // `71014 KD-NR. 4711`: it speaks of the next number.
    let of_next = OTHERS.contains(word) && begins_number(after);
    let said = weak::is_weak_word(word) || INVOICES.contains(word) || NUMBERS.contains(word);
    let known = HARMLESS_WORDS.contains(word) || said && !OTHERS.contains(word);
    if of_next {
        Behind::Harmless
    } else if !known {
        Behind::Unknown
    } else if leads_to_a_street(after) {
        Behind::Other
    } else {
        Behind::Harmless
    }
}

/// `TOP` is the money of Tonga as well.
pub(in crate::matching) fn is_top_up(text: &str) -> bool {
    text.starts_with("TOP UP") || text.starts_with("TOP-UP")
}

/// The letters that a text begins with, and what is behind them.
fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len()))
}

/// A number follows, behind marks and words that say so.
fn begins_number(text: &str) -> bool {
    let mark = |c: char| matches!(c, ' ' | '.' | ':' | '#' | '-' | '/' | '$');
    let mut rest = text.trim_start_matches(mark);
    let (word, after) = split_word(rest);
    if NUMBERS.contains(plain(word).as_ref()) {
        rest = after.trim_start_matches(mark);
    }
    rest.starts_with(|c: char| c.is_ascii_digit())
}

/// `71014 THE LINK`, `71014 MAY WAY`.
fn leads_to_a_street(after: &str) -> bool {
    let mut rest = after;
    for _ in 1..STREET_MAX {
        let skipped = rest.trim_start_matches([' ', '.']);
        let (word, after) = split_word(skipped);
        if word.is_empty() {
            return false;
        }
        if ROADS.contains(plain(word).as_ref()) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_as_they_are_plain() {
        for table in [MONEY, UNITS_BEHIND, STREETS_BEHIND, HARMLESS, MONTHS] {
            for word in table.split_whitespace() {
                assert_eq!(plain(word), word);
            }
        }
        let both: Vec<_> = HARMLESS_WORDS
            .iter()
            .filter(|word| MEASURES.contains(*word) || ROADS.contains(*word))
            .collect();
        assert!(both.is_empty(), "{both:?}");
    }

    #[test]
    fn what_stands_behind_a_number_is_known_or_not() {
        for (tail, said) in [
            ("", Behind::Harmless),
            (" THANKS", Behind::Harmless),
            (", BERLIN", Behind::Harmless),
            (" 71015", Behind::Harmless),
            (" SGD 77.77", Behind::Harmless),
            (" KD-NR. 4711", Behind::Harmless),
            ("、71015", Behind::Harmless),
            ("已付", Behind::Harmless),
            (" 日期", Behind::Harmless),
            (" BERLIN", Behind::Unknown),
            (" ACME TRADING", Behind::Unknown),
            ("個体", Behind::Other),
            ("日", Behind::Other),
            ("元", Behind::Other),
            (" (元)", Behind::Other),
            (" РУБ.", Behind::Other),
            (" BUCKS", Behind::Other),
            ("₸", Behind::Other),
            (" @ 0.05", Behind::Other),
            (",-", Behind::Other),
            ("/=", Behind::Other),
            (" MAY WAY", Behind::Other),
            (" SGD", Behind::Other),
        ] {
            assert_eq!(behind(&format!("71014{tail}"), 5), said, "{tail}");
        }
    }
}

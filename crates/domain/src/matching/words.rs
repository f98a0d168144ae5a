//! What the words around a number say that it is: an invoice's, or a house, an account, a contract,
//! a telephone. Words are compared in upper case and without accents.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;

use super::fold::{is_beside_numbers, last_letters};

pub(super) mod behind;
mod tables;

use tables::{
    ACCOUNT_SENSE, AMBIGUOUS, FILLERS, INVOICE, INVOICE_BESIDE, NUMBER, NUMBER_BESIDE, OTHER,
    OTHER_BESIDE, OTHER_BESIDE_AFTER, PAPER, SHORT, SHORT_NUMBER, SLAVIC_INVOICE, STREET_ENDS,
    STREETS, SYMBOLS, TAXES, UNITS,
};

/// Words between a number and the one that says what it is.
const WORDS_MAX: usize = 6;
/// Bytes between two of them.
const GAP_MAX: usize = 3;
/// Words of a street's name, and letters of a short one.
const STREET_MAX: usize = 4;
/// Letters that a token may begin with, and still be a number of something else.
const LETTERS_MAX: usize = 1;

type Set = LazyLock<HashSet<&'static str>>;

fn set(tables: &[&'static str]) -> HashSet<&'static str> {
    tables.iter().flat_map(|table| table.split_whitespace()).collect()
}

static INVOICES: Set = LazyLock::new(|| set(&[INVOICE, AMBIGUOUS]));
static AMBIGUOUS_WORDS: Set = LazyLock::new(|| set(&[AMBIGUOUS]));
static NUMBERS: Set = LazyLock::new(|| set(&[NUMBER]));
static PASSED: Set = LazyLock::new(|| set(&[NUMBER, FILLERS]));
static OTHERS: Set = LazyLock::new(|| set(OTHER));
static PAPERS: Set = LazyLock::new(|| set(&[PAPER]));
static ACCOUNTS: Set = LazyLock::new(|| set(&[ACCOUNT_SENSE]));
static ROADS: Set = LazyLock::new(|| set(&[STREETS]));
static AMOUNTS_OF: Set = LazyLock::new(|| set(&[UNITS]));

/// What the words before a number say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// An invoice's.
    Invoice,
    /// Something else's.
    Other,
}

/// A word without the accents of Latin, Greek and Cyrillic letters.
fn plain(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let mark = |c: char| matches!(u32::from(c), 0x300..=0x36f);
    Cow::Owned(word.nfd().filter(|c| !mark(*c)).nfc().collect())
}

/// `INVOICE`, `请求书`; also right behind other letters where words have no spaces.
pub(super) fn is_invoice_word(word: &str) -> bool {
    INVOICES.contains(plain(word).as_ref()) || beside(word, INVOICE_BESIDE)
}

/// `NO`, `NR`: what follows is a number.
pub(super) fn is_number_word(word: &str) -> bool {
    NUMBERS.contains(plain(word).as_ref())
}

/// Whether it ends with one of the words, in a script that has no spaces between words.
fn beside(head: &str, table: &str) -> bool {
    let last = head.chars().next_back();
    last.is_some_and(is_beside_numbers) && table.split_whitespace().any(|w| head.ends_with(w))
}

/// What the words right before `from` say of the number there.
pub(super) fn said_before(line: &str, from: usize) -> Said {
    let head = line.get(..from).unwrap_or_default();
    if let Some(said) = said_beside(head) {
        return said;
    }
    let mut head = head;
    // The word behind the one that is looked at.
    let mut behind = String::new();
    for _ in 0..WORDS_MAX {
        let (before, word) = last_letters(head, GAP_MAX);
        let word = plain(word);
        let word = word.as_ref();
        if word.is_empty() {
            break;
        }
        // `INV#S`
        if word == "S" && before.ends_with('#') {
            head = before;
            continue;
        }
        // `A/C`, `Л/С`: one letter behind a slash.
        if matches!(word, "C" | "С") && before.ends_with('/') {
            return Said::Other;
        }
        // `VS 2026001 KS 0308 SS 1`: the other symbols of one payment.
        if SYMBOLS.contains(&word) && has_variable_symbol(line) {
            return Said::Other;
        }
        // `FAKTURA VAT NR`, `F-VAT`, `RACUN ST.`: the kind of the invoice, or a word for a number.
        if TAXES.contains(&word) && is_slavic_invoice(before) {
            return Said::Invoice;
        }
        if PAPERS.contains(word) {
            return Said::Nothing;
        }
        if OTHERS.contains(word) || STREET_ENDS.split_whitespace().any(|end| word.ends_with(end)) {
            return Said::Other;
        }
        if SHORT.split_whitespace().any(|short| short == word) {
            let numbered = SHORT_NUMBER.contains(&behind.as_str());
            return if numbered { Said::Invoice } else { Said::Nothing };
        }
        if INVOICES.contains(word) {
            return invoice_or_account(before, word);
        }
        if !PASSED.contains(word) {
            break;
        }
        if let Some(said) = said_beside(before) {
            return said;
        }
        word.clone_into(&mut behind);
        head = before;
    }
    Said::Nothing
}

/// Whether a line has a variable symbol in it, as Czech and Slovak banks write it: `VS2026001`.
fn has_variable_symbol(line: &str) -> bool {
    line.match_indices("VS").any(|(at, name)| {
        let (head, tail) = (line.get(..at), line.get(at.saturating_add(name.len())..));
        let begins = head.is_some_and(|head| !head.ends_with(|c: char| c.is_alphanumeric()));
        let tail = tail.unwrap_or_default().trim_start_matches([' ', ':', '.', '-', '/']);
        begins && tail.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// `VS 2026001 KS 0308`: what is behind is another symbol, with its own number.
pub(super) fn is_symbol_behind(line: &str, at: (usize, usize)) -> bool {
    let tail = line.get(at.1..).unwrap_or_default().trim_start_matches([' ', '/', ',', ';']);
    let numbered = |rest: &str| {
        let rest = rest.trim_start_matches([' ', ':', '.', '-']);
        rest.starts_with(|c: char| c.is_ascii_digit())
    };
    has_variable_symbol(line)
        && SYMBOLS.iter().any(|name| tail.strip_prefix(name).is_some_and(numbered))
}

/// `FAKTURA` and its like stand right before.
fn is_slavic_invoice(before: &str) -> bool {
    let (earlier, word) = last_letters(before, GAP_MAX);
    // `RACUN DDV ST.`
    let word = plain(if TAXES.contains(&word) { last_letters(earlier, GAP_MAX).1 } else { word });
    SLAVIC_INVOICE.split_whitespace().any(|known| known == word.as_ref())
}

/// The words for an invoice that mean an account as well do so behind some others.
fn invoice_or_account(before: &str, word: &str) -> Said {
    if !AMBIGUOUS_WORDS.contains(word) {
        return Said::Invoice;
    }
    let earlier = plain(last_letters(before, GAP_MAX).1).into_owned();
    if ACCOUNTS.contains(earlier.as_str()) { Said::Other } else { Said::Invoice }
}

/// The same in scripts that have no spaces between words: `请求书第4711号`, `お客様番号 4711`.
fn said_beside(head: &str) -> Option<Said> {
    let mark = |c: char| matches!(c, ' ' | ':' | '.' | '#' | '(' | '-' | '、' | '・' | '「' | '第');
    let mut head = head.trim_end_matches(mark);
    if !head.chars().next_back().is_some_and(is_beside_numbers) {
        return None;
    }
    for number in NUMBER_BESIDE.split_whitespace().chain(NUMBER_BESIDE.split_whitespace()) {
        if let Some(shorter) = head.strip_suffix(number) {
            let shorter = shorter.trim_end_matches(mark);
            if !shorter.is_empty() && !beside(head, OTHER_BESIDE) && !beside(head, INVOICE_BESIDE) {
                head = shorter;
            }
        }
    }
    let ends = |table: &str| table.split_whitespace().any(|word| head.ends_with(word));
    if ends(INVOICE_BESIDE) {
        Some(Said::Invoice)
    } else {
        ends(OTHER_BESIDE).then_some(Said::Other)
    }
}

/// Whether what stands behind `to` says that the number is a house, or how much of something.
pub(super) fn is_other_after(line: &str, to: usize) -> bool {
    let tail = line.get(to..).unwrap_or_default();
    let beside = OTHER_BESIDE_AFTER.split_whitespace();
    if beside.into_iter().any(|word| tail.trim_start_matches(' ').starts_with(word)) {
        return true;
    }
    let mut rest = tail;
    for place in 0..STREET_MAX {
        let skipped = rest.trim_start_matches([' ', ',', '.']);
        let end = skipped.find(|c: char| !c.is_alphabetic()).unwrap_or(skipped.len());
        let (word, after) = skipped.split_at(end);
        if word.is_empty() || rest.len() == skipped.len() {
            return false;
        }
        let word = plain(word);
        let street = |end: &str| word.len() > end.len() && word.ends_with(end);
        let road = ROADS.contains(word.as_ref()) || STREET_ENDS.split_whitespace().any(street);
        if road || place == 0 && AMOUNTS_OF.contains(word.as_ref()) {
            return true;
        }
        if INVOICES.contains(word.as_ref()) || PASSED.contains(word.as_ref()) && word != "DE" {
            return false;
        }
        rest = after;
    }
    false
}

/// The letters, digits and marks without spaces that the run is part of, if they may be a number
/// of something else as a whole: `12A-34`, `A-123`; not `INV-71014`.
pub(super) fn token(line: &str, from: usize, to: usize) -> (usize, usize) {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_' | '#');
    let head = line.get(..from).unwrap_or_default();
    let begins = head.trim_end_matches(part).len();
    let tail = line.get(to..).unwrap_or_default();
    let ends = to + (tail.len() - tail.trim_start_matches(part).len());
    let text = line.get(begins..from).unwrap_or_default();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    if letters > LETTERS_MAX { (from, to) } else { (begins, ends) }
}

/// `1234A`, `1012AB`, `S1234567D`, `SGX1234A`: houses, postal codes, people and cars.
pub(super) fn is_like_a_house(text: &str) -> bool {
    let plain: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let letter = u8::is_ascii_alphabetic;
    let head = plain.iter().take_while(|byte| letter(byte)).count();
    let tail = plain.iter().rev().take_while(|byte| letter(byte)).count();
    let inner = plain.get(head..plain.len().saturating_sub(tail)).unwrap_or_default();
    let digits = !inner.is_empty() && inner.iter().all(u8::is_ascii_digit);
    digits && (1..=2).contains(&tail) && head <= 3
}

/// What stands for an amount before or after digits, beside the codes of currencies.
const MONEY_WORDS: [&str; 12] =
    ["RM", "RP", "RS", "KR", "FR", "EURO", "EUROS", "DOLLAR", "DOLLARS", "AMT", "AMOUNT", "SUM"];

/// What stands for money beside digits, wherever it stands: codes of currencies, and a few words.
pub(super) fn is_money(word: &str) -> bool {
    MONEY_WORDS.contains(&word) || crate::money::Currency::parse(word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_as_they_are_plain() {
        for table in [INVOICE, AMBIGUOUS, NUMBER, FILLERS, ACCOUNT_SENSE, STREETS, UNITS] {
            for word in table.split_whitespace().chain(OTHER.iter().flat_map(|t| t.split(' '))) {
                assert_eq!(plain(word), word);
            }
        }
        let both = INVOICES.iter().filter(|word| OTHERS.contains(*word));
        assert_eq!(both.count(), 0);
    }

    #[test]
    fn the_nearest_word_that_says_something_counts() {
        for (head, said) in [
            ("INVOICE ", Said::Invoice),
            ("INVOICE NO. ", Said::Invoice),
            ("N° DE FACTURE : ", Said::Invoice),
            ("INVOICE CUSTOMER NO. ", Said::Other),
            ("CUSTOMER INVOICE NO. ", Said::Invoice),
            ("MY CUSTOMER NUMBER IS ", Said::Other),
            ("NO. ", Said::Nothing),
            ("TOPUP NO. ", Said::Nothing),
            ("RG ", Said::Nothing),
            ("RG-NR. ", Said::Invoice),
            ("RE-NR. ", Said::Invoice),
            ("RE: NO. ", Said::Nothing),
            ("ЛИЦЕВОЙ СЧЁТ NO. ", Said::Other),
            ("СЧЁТ NO. ", Said::Invoice),
            ("A/C NO ", Said::Other),
            ("请求书第", Said::Invoice),
            ("お客様番号:", Said::Other),
            ("12 NO. ", Said::Nothing),
        ] {
            assert_eq!(said_before(&format!("{head}4711"), head.len()), said, "{head}");
        }
    }

    #[test]
    fn what_stands_behind_a_house_tells_of_it() {
        for (tail, house) in [
            (" ORCHARD ROAD", true),
            (", UPPER BUKIT TIMAH ROAD", true),
            (" RUE DE LA PAIX", true),
            ("号", true),
            (" KM", true),
            (" THANKS", false),
            (" INVOICE FOR ROAD WORK", false),
            ("", false),
        ] {
            assert_eq!(is_other_after(&format!("4711{tail}"), 4), house, "{tail}");
        }
    }

    #[test]
    fn houses_and_cars_have_letters_behind_their_digits() {
        for (text, like) in [
            ("1234A", true),
            ("1012AB", true),
            ("S1234567D", true),
            ("SGX1234A", true),
            ("201912345K", true),
            ("12-34A", true),
            ("INV-1001", false),
            ("A1B2C3", false),
            ("P18-1", false),
            ("ABCD1234A", false),
        ] {
            assert_eq!(is_like_a_house(text), like, "{text}");
        }
    }
}

//! Words of a text that may be invoice numbers, and which of them prove nothing by themselves.
//!
//! A bare number (digits only) is a year, a price or a house number as easily as an invoice. It is
//! **doubtful**: it needs a witness that is not the amount. A word such as `INVOICE` right before
//! it is one; the known payer and the customer's name are the others (`tiers.rs`).

use super::fold::{fold, is_separator, last_letters};
use super::spans::{self, Span};
use super::weak;
use crate::matching::words::behind::Behind;
use crate::matching::words::{self, Said, behind, is_invoice_word, is_number_word};
use crate::money::Currency;

/// A number of fewer characters is too common to be a hit.
const NUMBER_CHARACTERS_MIN: usize = 4;
/// A word is split at separators into at most this many parts, in every way.
const PARTS_MAX: usize = 6;
/// A longer word may be invoice numbers glued together; each is at most this many parts.
const GLUED_PARTS_MAX: usize = 48;
const GLUED_LENGTH_MAX: usize = 3;
/// Digits that stand alone on a line, where payments are booked by such numbers (Norway's KID).
const GIRO_DIGITS_MIN: usize = 10;
const GIRO_CURRENCIES: [&str; 1] = ["NOK"];
/// Singapore's postal codes: `S` and six digits.
const POSTAL_LETTER: &str = "S";
const POSTAL_DIGITS: usize = 6;

/// Letters and digits that stand in one word without marks: a number of ours has so many at least.
const GLUED_DIGITS_MIN: usize = 3;
const GLUED_LETTERS_MIN: usize = 2;
/// Numbers of a word that letters and digits make without marks between them.
const GLUED_NUMBERS_MAX: usize = 12;

/// A word that may be an invoice number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// As it is written, upper case.
    pub word: String,
    /// The same folded: what is looked up.
    pub key: String,
    /// It needs a witness that is not the amount.
    pub doubtful: bool,
    /// A word of the text by itself: what it is one mistake away from may be meant.
    pub whole: bool,
    /// Whether the payment waits under a lock for an invoice with this number.
    pub awaited: bool,
    /// Where it stands, to tell what overlaps.
    pub(super) at: Span,
}

impl Number {
    pub(super) fn new(word: &str, doubtful: bool, at: Span) -> Self {
        let (word, key) = (word.to_owned(), fold(word));
        Self { word, key, doubtful, whole: false, awaited: true, at }
    }

    /// Its bytes in the line.
    pub(super) fn length(&self) -> usize {
        self.at.1.saturating_sub(self.at.0)
    }

    pub(super) fn ends_at(&self, end: usize) -> bool {
        self.at.1 == end
    }

    /// Digits and marks, without a letter.
    pub(super) fn is_bare(&self) -> bool {
        !self.word.bytes().any(|byte| byte.is_ascii_alphabetic())
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.at.0 < other.at.1 && other.at.0 < self.at.1
    }
}

/// What kind of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// What people write.
    Text,
    /// A field, or a line, that holds nothing but the reference of what is paid.
    Reference,
}

/// A line of digits alone is a reference where payments are booked by such numbers.
pub(super) fn place(line: &str, currency: Currency) -> Place {
    let digits = line.len() >= GIRO_DIGITS_MIN && line.bytes().all(|byte| byte.is_ascii_digit());
    let giro = digits && GIRO_CURRENCIES.contains(&currency.code());
    if giro { Place::Reference } else { Place::Text }
}

/// Reads the words of one line.
pub(super) struct Reader<'a> {
    line: &'a str,
    place: Place,
    amounts: &'a [i64],
    /// Found when the first word with digits asks for it.
    barred: Option<Vec<Span>>,
    reach: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(line: &'a str, place: Place, amounts: &'a [i64]) -> Self {
        Self { line, place, amounts, barred: None, reach: spans::reach(line) }
    }

    /// The ways in which a word of the line may be, or hold between separators, numbers.
    pub(super) fn read(&mut self, word: &str) -> Vec<Number> {
        if !word.is_ascii() || !word.bytes().any(|byte| byte.is_ascii_digit()) {
            return Vec::new();
        }
        // A word is a slice of the line.
        let start = (word.as_ptr() as usize).saturating_sub(self.line.as_ptr() as usize);
        let mut found: Vec<Number> = Vec::new();
        if !self.reaches(start.saturating_add(word.len())) {
            return found;
        }
        for (from, to) in candidates(word) {
            let text = word.get(from..to).unwrap_or_default();
            let at = (start.saturating_add(from), start.saturating_add(to));
            let beside = is_beside_digits(word, from, to);
            if let Some(doubtful) = self.doubtful(text, at, beside) {
                let whole = found.is_empty();
                found.push(Number { whole, ..Number::new(text, doubtful, at) });
            }
        }
        for (from, to) in glued(word).into_iter().chain(in_a_row(word)) {
            let text = word.get(from..to).unwrap_or_default();
            let at = (start.saturating_add(from), start.saturating_add(to));
            let beside = is_beside_digits(word, from, to) || is_short_suffix(word, to);
            if let Some(doubtful) = self.doubtful(text, at, beside) {
                found.push(Number { awaited: false, ..Number::new(text, doubtful, at) });
            }
        }
        found
    }

    /// Whether what ends there is read: a line with very many numbers is only read in part.
    pub(super) fn reaches(&self, end: usize) -> bool {
        end <= self.reach
    }

    pub(super) fn line(&self) -> &'a str {
        self.line
    }

    /// Whether something in the line is there that is no number: a date, an amount, a phone.
    pub(super) fn is_barred(&mut self, at: Span) -> bool {
        let (line, amounts) = (self.line, self.amounts);
        let barred = self.barred.get_or_insert_with(|| spans::barred(line, amounts));
        self.place == Place::Text && barred.iter().any(|(from, to)| *from < at.1 && at.0 < *to)
    }

    pub(super) fn is_reference(&self) -> bool {
        self.place == Place::Reference
    }

    /// Whether the number needs a witness; none if it is no number of ours.
    fn doubtful(&mut self, text: &str, at: Span, beside: bool) -> Option<bool> {
        let letters = text.bytes().any(|byte| byte.is_ascii_alphabetic());
        if self.place == Place::Reference {
            return Some(self.is_common(text));
        }
        let (line, amounts) = (self.line, self.amounts);
        let barred = self.barred.get_or_insert_with(|| spans::barred(line, amounts));
        let touched = barred.iter().any(|(from, to)| *from < at.1 && at.0 < *to);
        let covered = barred.iter().any(|(from, to)| *from <= at.0 && at.1 <= *to);
        if letters {
            let house = || words::is_like_a_house(text) && !is_an_invoices(self.line, at);
            return Some(covered || beside || self.is_common(text) || house());
        }
        if touched {
            return None;
        }
        let of_year = is_of_a_year(self.line, at);
        Some(of_year || self.is_common(text) || !is_an_invoices(self.line, at))
    }

    /// A year, a part of one, a date, an amount, a postal code: too common even where a word says
    /// that it is an invoice.
    pub(super) fn is_common(&self, text: &str) -> bool {
        if weak::is_period(text) {
            return true;
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let mut parts = text.split(|c: char| !c.is_ascii_digit()).filter(|p| !p.is_empty());
        let dated = weak::is_date_digits(&digits) || parts.all(weak::is_date_part);
        let telling = dated || spans::is_amount(&digits, self.amounts);
        let mut words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| !w.is_empty());
        let money = |word: &str| Currency::parse(word).is_ok();
        match (words.next(), words.next()) {
            (None, _) => telling,
            (Some(POSTAL_LETTER), None) => digits.len() == POSTAL_DIGITS,
            (Some(word), None) if money(word) => true,
            (Some(first), second) => {
                let general =
                    |word: &str| !words::is_invoice_word(word) && weak::is_weak_word(word);
                telling && std::iter::once(first).chain(second).chain(words).all(general)
            }
        }
    }
}

/// Whether the words right before say that a number of an invoice follows, and what stands right
/// behind says nothing of it: `INVOICE 71014 thanks`, `INV NO. 71014`; not `NO.` alone, nor `#`,
/// nor `INVOICE 71014 Berlin`.
pub(super) fn is_an_invoices(line: &str, at: Span) -> bool {
    // `请求书第71014号`: what is behind belongs to the word before.
    let counted = line.get(..at.0).is_some_and(|head| head.ends_with('第'));
    words::said_before(line, at.0) == Said::Invoice
        && (counted || !words::is_other_after(line, at.1))
        && (counted
            || behind::behind(line, at.1) == Behind::Harmless
            || words::is_symbol_behind(line, at))
}

/// Whether the letters of the number stand apart from it, and what is behind says that it is money
/// or how much of something: `INV 48272 bucks`.
pub(super) fn is_measured(line: &str, at: Span) -> bool {
    behind::behind(line, at.1) == Behind::Other
}

/// Whether a word says that a number follows, of an invoice or of nobody knows what: it is looked
/// for, and proves nothing.
pub(super) fn is_introduced(line: &str, from: usize) -> bool {
    let head = line.get(..from).unwrap_or_default();
    let numbered = words::is_number_word(last_letters(head, 3).1);
    let tail = line.get(from..).unwrap_or_default();
    let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
    let house = || words::is_other_after(line, from.saturating_add(digits));
    match words::said_before(line, from) {
        Said::Invoice => true,
        Said::Nothing => (numbered || head.ends_with('#')) && !house(),
        Said::Other => false,
    }
}

/// `43689/2026`, `2026 / 43689`: the number of a year, which may be another's than 43689.
fn is_of_a_year(line: &str, at: Span) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    let slash = |text: &str| text.trim_matches(' ').strip_prefix('/').map(str::to_owned);
    let tail = slash(line.get(at.1..).unwrap_or_default()).unwrap_or_default();
    let tail = tail.trim_start();
    let behind = tail.get(..tail.find(|c| !digit(c)).unwrap_or(tail.len())).unwrap_or_default();
    let head = line.get(..at.0).unwrap_or_default().trim_end().strip_suffix('/');
    let head = head.unwrap_or_default().trim_end();
    let before = head.get(head.trim_end_matches(digit).len()..).unwrap_or_default();
    let year = |digits: &str| digits.len() == 2 || weak::is_year(digits);
    year(behind) || weak::is_year(before)
}

/// One or two letters right behind: `INV71014A` may be another invoice than `INV71014`.
fn is_short_suffix(word: &str, to: usize) -> bool {
    let tail = word.get(to..).unwrap_or_default();
    let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
    (1..=2).contains(&letters)
}

/// Letters and digits in one part of a word, where that part has more than them: `INV1001INV1002`,
/// `TOPUPINV1001`, `INV1001THANKS`.
fn glued(word: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (start, end) in parts_of(word) {
        let part = word.get(start..end).unwrap_or_default();
        let mut at = 0;
        while found.len() < GLUED_NUMBERS_MAX {
            let rest = part.get(at..).unwrap_or_default();
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let tail = rest.get(letters..).unwrap_or_default();
            let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
            if letters == 0 && digits == 0 {
                break;
            }
            let to = at.saturating_add(letters).saturating_add(digits);
            if letters >= GLUED_LETTERS_MIN && digits >= GLUED_DIGITS_MIN {
                let head = rest.get(..letters).unwrap_or_default();
                // The longest word that ends there.
                let inner = (1..letters)
                    .find(|skip| words::is_invoice_word(head.get(*skip..).unwrap_or_default()))
                    .map(|skip| letters - skip);
                let begins = [Some(at), inner.map(|length| at + letters - length)];
                let spans = begins.into_iter().flatten().map(|from| (start + from, start + to));
                if begins_number(head) {
                    found.extend(spans.filter(|span| *span != (start, end)));
                }
            }
            at = to;
        }
    }
    found
}

/// Numbers with marks in them, and nothing between: `XE-0002YT-0001`. All of the word, or nothing.
fn in_a_row(word: &str) -> Vec<Span> {
    let bytes = word.as_bytes();
    let mut begins = vec![0];
    for (at, pair) in bytes.windows(2).enumerate() {
        if let [left, right] = pair
            && left.is_ascii_digit()
            && right.is_ascii_alphabetic()
        {
            begins.push(at.saturating_add(1));
        }
    }
    let ends = begins.iter().skip(1).copied().chain([word.len()]);
    let spans: Vec<Span> = begins.iter().copied().zip(ends).collect();
    let is_number = |span: &Span| {
        let text = word.get(span.0..span.1).unwrap_or_default();
        let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        let tail = text.get(letters..).unwrap_or_default();
        let plain = tail.bytes().all(|b| b.is_ascii_digit() || is_separator(char::from(b)));
        let digits = tail.bytes().filter(u8::is_ascii_digit).count();
        letters >= GLUED_LETTERS_MIN
            && digits >= GLUED_DIGITS_MIN
            && plain
            && tail.ends_with(|c: char| c.is_ascii_digit())
            && begins_number(text.get(..letters).unwrap_or_default())
    };
    let many = (2..=GLUED_NUMBERS_MAX).contains(&spans.len());
    if many && spans.iter().all(is_number) { spans } else { Vec::new() }
}

/// Whether the word goes on with digits: `INV-1001-2` is not `INV-1001`, nor is `7-INV-1001`.
fn is_beside_digits(word: &str, from: usize, to: usize) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let after = word.get(to..).unwrap_or_default().trim_start_matches(is_separator);
    let before = word.get(..from).unwrap_or_default();
    let only_digits = !before.bytes().any(|byte| byte.is_ascii_alphabetic());
    digit(after.chars().next()) || only_digits && before.bytes().any(|byte| byte.is_ascii_digit())
}

pub(super) fn significant(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let characters = text.bytes().filter(u8::is_ascii_alphanumeric).count();
    text.len() <= crate::ids::ID_BYTES_MAX
        && digits > 0
        && characters >= NUMBER_CHARACTERS_MIN
        && text.bytes().any(|byte| byte != b'0' && !is_separator(char::from(byte)))
}

/// The word itself, then what it holds, the longest first.
fn candidates(word: &str) -> Vec<Span> {
    let mut found = Vec::new();
    if significant(word) {
        found.push((0, word.len()));
    }
    let parts = parts_of(word);
    let glued = parts.len() > PARTS_MAX;
    if parts.len() < 2 || parts.len() > GLUED_PARTS_MAX {
        return found;
    }
    let longest = if glued { GLUED_LENGTH_MAX } else { parts.len().saturating_sub(1) };
    for length in (1..=longest).rev() {
        for window in parts.windows(length) {
            let (Some((from, _)), Some((_, to))) = (window.first(), window.last()) else {
                continue;
            };
            let part = word.get(*from..*to).unwrap_or_default();
            // Inside a longer word only something that looks like a number of ours is a hit.
            let letters = |text: &str| text.bytes().any(|byte| byte.is_ascii_alphabetic());
            let ends = part.bytes().last().is_some_and(|byte| byte.is_ascii_digit());
            let begins = part.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
            if letters(part) && significant(part) && (!glued || begins && ends) {
                found.push((*from, *to));
            }
        }
    }
    found
}

/// Byte ranges of the letters-and-digits parts of a word.
fn parts_of(word: &str) -> Vec<Span> {
    let mut parts = Vec::new();
    let mut start = None;
    for (index, character) in word.char_indices() {
        match (is_separator(character), start) {
            (false, None) => start = Some(index),
            (true, Some(from)) => {
                parts.push((from, index));
                start = None;
            }
            (false, Some(_)) | (true, None) => {}
        }
    }
    parts.extend(start.map(|from| (from, word.len())));
    parts
}

/// Letters that begin a number.
const LETTERS_MAX: usize = 12;

/// Words between numbers of one list.
pub(super) const AND: [&str; 8] = ["AND", "UND", "ET", "Y", "E", "EN", "OCH", "OG"];

/// Whether letters may begin a number: not `TOPUP`, `SGD`, `TEL`, `JAN`.
pub(super) fn begins_number(letters: &str) -> bool {
    let general = weak::is_weak_word(letters)
        || is_number_word(letters)
        || spans::is_other_number(letters)
        || AND.contains(&letters)
        || letters == "RF"
        || Currency::parse(letters).is_ok();
    letters.len() <= LETTERS_MAX && (is_invoice_word(letters) || !general)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a line, each with a question mark if it is doubtful.
    fn read(line: &str, place: Place, micros: &[i64]) -> Vec<String> {
        let mut reader = Reader::new(line, place, micros);
        let words = line.split(|c: char| !(c.is_alphanumeric() || is_separator(c)));
        let found = words.map(|word| word.trim_matches(is_separator)).flat_map(|w| reader.read(w));
        let told = |n: Number| format!("{}{}", n.word, if n.doubtful { "?" } else { "" });
        found.map(told).collect()
    }

    #[test]
    fn a_bare_number_is_doubtful_unless_a_word_says_what_it_is() {
        for (line, expected) in [
            ("TOPUP 4711", "4711?"),
            ("4711", "4711?"),
            ("INVOICE 4711", "4711"),
            ("INV: 4711", "4711"),
            ("INV NO. 4711", "4711"),
            ("NO. 4711", "4711?"),
            ("TOPUP NO 4711", "4711?"),
            ("TOPUP #4711", "4711?"),
            ("#4711", "4711?"),
            ("INVOICE #4711", "4711"),
            ("RECHNUNG NR. 4711", "4711"),
            ("HOUSE NO. 4711", ""),
            ("INVOICE 4711 ORCHARD ROAD", "4711?"),
            ("MAIN ST 12 NO. 4711", "4711?"),
            ("CLUB #4711", "4711?"),
            ("REF 4711", "4711?"),
            ("SINGAPORE 049213", "049213?"),
            ("91234567", "91234567?"),
            ("9123 4567", "9123? 4567?"),
            ("INVOICE 2027", "2027?"),
            ("INVOICE 281126", "281126?"),
            ("S049213", "S049213?"),
            ("TOPUP2027", "TOPUP2027?"),
            ("JAN-2027", "JAN-2027?"),
            ("28NOV2028", "28NOV2028?"),
            ("FEES Q4-2026", "Q4-2026?"),
            ("2026W48", "2026W48?"),
            ("KW48", "KW48?"),
            ("FY26", "FY26?"),
            ("SGD1500", "SGD1500?"),
            ("INV-2027", "INV-2027"),
            ("TOPUP-4711", "TOPUP-4711"),
            ("A1B2C3", "A1B2C3"),
            ("PO-4711", "PO-4711"),
            ("P18-1", "P18-1"),
        ] {
            assert_eq!(read(line, Place::Text, &[]).join(" "), expected, "{line}");
        }
    }

    #[test]
    fn patterns_and_amounts_are_no_numbers() {
        for line in [
            "TOPUP 28/11/2028",
            "INVOICE 28/11/2028",
            "TOPUP JAN 2027",
            "20281128",
            "TOPUP 1500",
            "INVOICE 1500",
            "1,500.00",
            "TEL 91234567",
            "+65 91234567",
            "4111 1111 1111 1111",
        ] {
            assert_eq!(read(line, Place::Text, &[1_500_000_000]), Vec::<String>::new(), "{line}");
        }
        assert_eq!(read("TOPUP-1500", Place::Text, &[1_500_000_000]), ["TOPUP-1500?"]);
    }

    #[test]
    fn a_field_for_references_says_what_its_number_is() {
        assert_eq!(read("8827355555", Place::Reference, &[]), ["8827355555"]);
        assert_eq!(read("2027", Place::Reference, &[]), ["2027?"]);
        let nok = Currency::parse("NOK").expect("known");
        let sgd = Currency::parse("SGD").expect("known");
        assert_eq!(place("8827355555", nok), Place::Reference);
        assert_eq!(place("8827355555", sgd), Place::Text);
        assert_eq!(place("topup 8827355555", nok), Place::Text);
    }

    #[test]
    fn numbers_glued_together_are_all_there() {
        for line in [
            "INV-1-INV-2",
            "INV-71523-INV-71524",
            "INV-71523.INV-71524",
            "INV-71523:INV-71524",
            "INV-71523,INV-71524",
            "INV-71523/INV-71524",
            "INV-71523+INV-71524",
            "INV-11111-INV-22222-INV-71523-INV-71524-INV-33333-INV-44444",
        ] {
            let found = read(line, Place::Text, &[]);
            let last =
                if line.len() < 12 { ["INV-1", "INV-2"] } else { ["INV-71523", "INV-71524"] };
            for number in last {
                assert!(found.iter().any(|word| word == number), "{line}: {found:?}");
            }
        }
    }

    #[test]
    fn a_number_that_goes_on_is_another() {
        assert_eq!(read("INV-1001-2", Place::Text, &[]), ["INV-1001-2", "INV-1001?"]);
        assert_eq!(read("7-INV-1001", Place::Text, &[]), ["7-INV-1001", "7-INV?", "INV-1001?"]);
        let found = read("INV-1001-NOV", Place::Text, &[]);
        assert!(found.contains(&"INV-1001".to_owned()), "{found:?}");
    }
}

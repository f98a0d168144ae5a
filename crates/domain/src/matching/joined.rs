//! Numbers that people write in several words: `INV 71014`, `INV/2026/00013`, `INV #71014`, digits
//! in groups, and numbers that leave out what the one before has: `INV-71523, 71524`.

use super::fold;
use super::spans::Span;
use super::words::{is_invoice_word, is_number_word};
use crate::matching::numbers::{
    AND, Number, Reader, begins_number, is_an_invoices, is_measured, significant,
};

/// Words of one number.
const WORDS_MAX: usize = 4;
/// Characters between two words of one number.
const GAP_MAX: usize = 3;
/// Digits in groups are one number from so many groups and digits on.
const GROUPS_MIN: usize = 3;
const GROUPED_DIGITS_MIN: usize = 12;
/// Digits of a number that is written without its letters.
const SHORT_MIN: usize = 2;
/// What most numbers of invoices begin with; people write the word in full.
const USUAL: &str = "INV";
/// Models of references: two letters and two digits, then up to so many groups.
const MODEL: usize = 4;
const COUNTRY: usize = 2;
const MODEL_COUNTRIES: [&str; 2] = ["HR", "SI"];
const MODEL_GROUPS_MAX: usize = 6;
/// What a variable symbol stands behind.
const SYMBOL: &str = "VS";

/// Letters and digits without anything between them.
#[derive(Clone, Copy)]
struct Part<'a> {
    at: Span,
    text: &'a str,
}

impl Part<'_> {
    fn has_digit(&self) -> bool {
        self.text.bytes().any(|byte| byte.is_ascii_digit())
    }

    fn is_digits(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_digit())
    }

    fn is_letters(&self) -> bool {
        !self.has_digit()
    }
}

/// What stands between two words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Marks that a word of a text may have itself: read there.
    Inner,
    /// Other marks, nothing of it a space: `/`, `#`, `*`.
    Tight,
    /// With spaces.
    Spaced,
    /// Something else.
    Break,
}

/// The numbers of the line that no single word of it shows, some `most` at the most.
pub(super) fn numbers(reader: &mut Reader<'_>, most: usize) -> Vec<Number> {
    let line = reader.line();
    if !line.bytes().any(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let parts = parts(line);
    let mut found = Vec::new();
    if reader.is_reference() {
        found.extend(whole_field(reader, &parts));
    }
    for start in 0..parts.len() {
        if found.len() >= most || !reader.reaches(parts.get(start).map_or(0, |part| part.at.1)) {
            break;
        }
        windows(reader, &parts, start, &mut found);
        models(reader, &parts, start, &mut found);
        symbols(reader, &parts, start, &mut found);
        found.extend(groups(reader, &parts, start));
    }
    lists(reader, &parts, &mut found);
    found.truncate(most);
    found
}

/// Words of ASCII letters and digits; beside letters of other alphabets they are no words.
fn parts(line: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut start: Option<usize> = None;
    let mut foreign = false;
    let letter = |c: char| c.is_alphanumeric() && !c.is_ascii() && !fold::is_beside_numbers(c);
    for (at, character) in line.char_indices().chain([(line.len(), ' ')]) {
        let ascii = character.is_ascii_alphanumeric();
        match (start, ascii) {
            (None, true) => start = (!foreign).then_some(at),
            (Some(from), false) => {
                if !letter(character) {
                    parts.push(Part { at: (from, at), text: line.get(from..at).unwrap_or("") });
                }
                start = None;
            }
            (None, false) | (Some(_), true) => {}
        }
        foreign = letter(character) || ascii && foreign;
    }
    parts
}

fn between<'a>(line: &'a str, left: &Part<'_>, right: &Part<'_>) -> &'a str {
    line.get(left.at.1..right.at.0).unwrap_or_default()
}

fn gap(line: &str, left: &Part<'_>, right: &Part<'_>) -> Gap {
    let gap = between(line, left, right);
    let mark = |c: char| c.is_ascii_punctuation() && !matches!(c, '@' | '$' | '%' | '&' | ';');
    if gap.chars().count() > GAP_MAX || !gap.chars().all(|c| c == ' ' || mark(c)) {
        Gap::Break
    } else if gap.contains(' ') {
        Gap::Spaced
    } else if gap.chars().all(fold::is_separator) {
        Gap::Inner
    } else {
        Gap::Tight
    }
}

/// A field that holds nothing but the reference, in groups or with marks.
fn whole_field(reader: &Reader<'_>, parts: &[Part<'_>]) -> Option<Number> {
    let joined: String = parts.iter().map(|part| part.text).collect();
    let many = parts.len() > 1 && significant(&joined);
    many.then(|| Number::new(&joined, reader.is_common(&joined), (0, reader.line().len())))
}

/// `INV 71014`, `INV/2026/00013`, `INV-2026/13`.
fn windows(reader: &mut Reader<'_>, parts: &[Part<'_>], start: usize, found: &mut Vec<Number>) {
    let line = reader.line();
    let Some(first) = parts.get(start) else { return };
    let letters = first.is_letters();
    if first.is_digits() || letters && !begins_number(first.text) {
        return;
    }
    let (mut spaced, mut inner, mut last) = (false, true, first);
    let (mut marks, mut mixed) = (false, false);
    for (place, part) in parts.iter().enumerate().skip(start.saturating_add(1)).take(WORDS_MAX - 1)
    {
        let gap = gap(line, last, part);
        spaced |= gap == Gap::Spaced;
        inner &= gap == Gap::Inner;
        // `INV 2026 13` is one number, `INV-71014 100` hardly.
        mixed |= gap == Gap::Spaced && last.has_digit() && marks;
        marks |= gap != Gap::Spaced;
        // `INV,71014` is one number, `INV-71014,71015` are two.
        let listed = !last.is_letters() && between(line, last, part).contains(',');
        let fits = match gap {
            Gap::Break => false,
            Gap::Spaced => letters && part.is_digits() && !listed,
            Gap::Tight => !listed,
            Gap::Inner => true,
        };
        if !fits {
            return;
        }
        last = part;
        let at = (first.at.0, part.at.1);
        let text = line.get(at.0..at.1).unwrap_or_default();
        if inner || !part.has_digit() || !significant(text) {
            continue;
        }
        // `INV 2027` is an invoice of that year, `INV-2027` may be a number.
        let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        if spaced && reader.is_common(digits) {
            continue;
        }
        let named = is_invoice_word(first.text);
        let doubtful = reader.is_barred(at)
            || spaced && (!named || is_measured(line, at))
            || mixed
            || reader.is_common(text)
            || goes_on(line, parts, place);
        let whole = !mixed || !spaced;
        found.push(Number { awaited: named && !mixed, whole, ..Number::new(text, doubtful, at) });
    }
}

/// `HR01 7336-68947`, `SI12 1234567890120`: references of Croatia and Slovenia, with a space or a
/// mark behind the model, inside it, or none; upstream gives them as plain numbers.
fn models(reader: &mut Reader<'_>, parts: &[Part<'_>], start: usize, found: &mut Vec<Number>) {
    let line = reader.line();
    let Some(first) = parts.get(start) else { return };
    let Some((country, mut rest)) = first.text.split_at_checked(COUNTRY) else { return };
    if !MODEL_COUNTRIES.contains(&country) {
        return;
    }
    let (mut last, mut next) = (first, start.saturating_add(1));
    if rest.is_empty()
        && let Some(kind) = parts.get(next).filter(|kind| is_grouped(line, first, kind))
    {
        (rest, last, next) = (kind.text, kind, next.saturating_add(1));
    }
    let Some((kind, digits)) = rest.split_at_checked(MODEL - COUNTRY) else { return };
    if !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return;
    }
    let model = format!("{country}{kind}");
    // With the groups as they are written, and with the marks alone between them.
    let (mut written, mut marked) = (digits.to_owned(), digits.to_owned());
    let mut ends = vec![(last.at.1, written.clone(), marked.clone())];
    for part in parts.iter().skip(next).take(MODEL_GROUPS_MAX) {
        if !part.is_digits() || !is_grouped(line, last, part) {
            break;
        }
        let spaced = between(line, last, part) == " ";
        written.push_str(if written.is_empty() { "" } else { "-" });
        written.push_str(part.text);
        marked.push_str(if spaced || marked.is_empty() { "" } else { "-" });
        marked.push_str(part.text);
        last = part;
        ends.push((part.at.1, written.clone(), marked.clone()));
    }
    for (end, written, marked) in
        ends.into_iter().rev().filter(|(_, written, _)| !written.is_empty())
    {
        let at = (first.at.0, end);
        let doubtful = reader.is_barred(at);
        let apart = [format!("{model} {written}"), format!("{model} {marked}")];
        for word in apart.into_iter().chain([format!("{model}{marked}")]) {
            let new = Number { awaited: false, ..Number::new(&word, doubtful, at) };
            if significant(&word) && !found.iter().any(|other| other.key == new.key) {
                found.push(new);
            }
        }
    }
}

/// Whether a space or a mark is all that stands between groups of one number.
fn is_grouped(line: &str, left: &Part<'_>, right: &Part<'_>) -> bool {
    matches!(between(line, left, right), " " | "-" | " - " | "- " | " -" | "." | "/")
}

/// `VS:2026001`, `/VS2026001`: the variable symbol of Czech and Slovak payments, without a space
/// behind its name.
fn symbols(reader: &mut Reader<'_>, parts: &[Part<'_>], start: usize, found: &mut Vec<Number>) {
    let line = reader.line();
    let Some(first) = parts.get(start) else { return };
    let Some(digits) = first.text.strip_prefix(SYMBOL) else { return };
    let next = parts.get(start.saturating_add(1));
    let next = next.filter(|part| part.is_digits() && gap(line, first, part) == Gap::Inner);
    let (text, at) = match (digits.is_empty(), next) {
        (true, Some(part)) => (part.text, part.at),
        (true, None) => return,
        (false, _) => (digits, (first.at.0.saturating_add(SYMBOL.len()), first.at.1)),
    };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && significant(text);
    if plain && !reader.is_barred(at) {
        let doubtful = reader.is_common(text) || !is_an_invoices(line, at);
        found.push(Number::new(text, doubtful, at));
    }
}

/// Digits right behind, with a mark between: what ends here is not the whole number.
fn goes_on(line: &str, parts: &[Part<'_>], place: usize) -> bool {
    let both = parts.get(place).zip(parts.get(place.saturating_add(1)));
    both.is_some_and(|(left, right)| {
        right.text.starts_with(|c: char| c.is_ascii_digit())
            && matches!(gap(line, left, right), Gap::Inner | Gap::Tight)
    })
}

/// `21 00000 00003 13947 14300 09017`: one number in groups.
fn groups(reader: &mut Reader<'_>, parts: &[Part<'_>], start: usize) -> Option<Number> {
    let line = reader.line();
    let spaced = |left: &Part<'_>, right: &Part<'_>| between(line, left, right) == " ";
    let first = parts.get(start).filter(|part| part.is_digits())?;
    let before = start.checked_sub(1).and_then(|before| parts.get(before));
    if before.is_some_and(|before| before.is_digits() && spaced(before, first)) {
        return None;
    }
    let mut joined = first.text.to_owned();
    let (mut last, mut count) = (first, 1_usize);
    for part in parts.iter().skip(start.saturating_add(1)) {
        if !part.is_digits() || !spaced(last, part) {
            break;
        }
        joined.push_str(part.text);
        (last, count) = (part, count.saturating_add(1));
    }
    let at = (first.at.0, last.at.1);
    let long = count >= GROUPS_MIN && joined.len() >= GROUPED_DIGITS_MIN && significant(&joined);
    if !long || reader.is_barred(at) {
        return None;
    }
    let doubtful = !is_an_invoices(line, at);
    Some(Number { awaited: false, ..Number::new(&joined, doubtful, at) })
}

/// `INVOICE 71014` for INV-71014, and lists that say the letters once: `INV-71523/71524/25`. Each
/// needs a witness: that another of the list is named beyond doubt is one.
fn lists(reader: &mut Reader<'_>, parts: &[Part<'_>], found: &mut Vec<Number>) {
    let line = reader.line();
    let mut letters: Option<&str> = None;
    let mut number: Option<&str> = None;
    let mut last: Option<&Part<'_>> = None;
    // `INV NO. 71014`
    let mut numbered = false;
    for part in parts {
        let near = last.is_some_and(|last| {
            let gap = between(line, last, part);
            gap.len() <= GAP_MAX && !gap.contains(['@', '$', '%', ';'])
        });
        last = Some(part);
        if !near {
            (letters, number) = (None, None);
        }
        let split = part.text.find(|c: char| c.is_ascii_digit()).unwrap_or(part.text.len());
        let (head, digits) = part.text.split_at(split);
        if digits.is_empty() {
            numbered = letters.is_some() && is_number_word(head);
            if !numbered && (letters.is_none() || !AND.contains(&head)) {
                (letters, number) = (begins_number(head).then_some(head), None);
            }
            continue;
        }
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            (letters, number) = (None, None);
            continue;
        }
        if !head.is_empty() {
            (letters, number) = (Some(head), Some(digits));
            continue;
        }
        if let Some(letters) = letters {
            let words = match number {
                None => usual(letters, digits, numbered),
                // `Invoices 71014, 71015`: the word is in full, and the numbers have its letters.
                Some(before) if is_invoice_word(letters) => shortened(USUAL, before, digits),
                Some(before) => shortened(letters, before, digits),
            };
            let sure = numbered && number.is_none() && letters == USUAL;
            let doubtful = !sure || reader.is_common(digits) || is_measured(line, part.at);
            let free = !words.is_empty() && !reader.is_barred(part.at);
            let words = words.into_iter().filter(|word| free && significant(word));
            let plain = |word: &String| Number::new(word, doubtful, part.at);
            found.extend(words.map(|word| Number { awaited: false, ..plain(&word) }));
        }
        if number.is_none_or(|number| number.len() <= digits.len()) {
            number = Some(digits);
        }
    }
}

/// The usual number behind a word that says in full that it is an invoice's.
fn usual(letters: &str, digits: &str, numbered: bool) -> Vec<String> {
    let apart = letters != USUAL || numbered;
    let word = is_invoice_word(letters) && apart && digits.len() > 3;
    if word { vec![format!("{USUAL}{digits}")] } else { Vec::new() }
}

/// A further number of a list, with the letters, and the first digits, of the one before.
fn shortened(letters: &str, before: &str, digits: &str) -> Vec<String> {
    let mut words = Vec::new();
    if digits.len() == before.len() {
        words.push(format!("{letters}{digits}"));
    }
    if (SHORT_MIN..before.len()).contains(&digits.len()) {
        let kept = before.get(..before.len() - digits.len()).unwrap_or_default();
        words.push(format!("{letters}{kept}{digits}"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::numbers::Place;
    use super::*;
    use crate::matching::fold::normalise;

    /// The numbers of a line, folded, each with a question mark if it is doubtful.
    fn read(line: &str, place: Place) -> Vec<String> {
        let line = normalise(line);
        let mut reader = Reader::new(&line, place, &[100_000_000]);
        let told = |n: Number| format!("{}{}", n.key, if n.doubtful { "?" } else { "" });
        numbers(&mut reader, 99).into_iter().map(told).collect()
    }

    #[test]
    fn words_that_are_one_number_are_read_as_one() {
        let cases: [(&str, &[&str]); 26] = [
            ("INV 71014", &["INV71014"]),
            ("Invoice INV 71014 thanks", &["INV71014"]),
            ("INV #71014", &["INV71014"]),
            ("INV/71014", &["INV71014"]),
            ("INV,71014", &["INV71014"]),
            ("INV/2026/00013", &["INV2026?", "INV2026-13"]),
            ("INV 2026 00013", &["INV2026-13"]),
            ("INV 2026", &[]),
            ("INV no. 71014", &["INV71014"]),
            ("INV-2026/00013", &["INV2026-13"]),
            ("FT 71014", &["FT71014?"]),
            ("FT/71014", &["FT71014"]),
            ("支払INV 71014ありがとう", &["INV71014"]),
            ("Invoice 71014", &["INVOICE71014", "INV71014?"]),
            ("Rechnung Nr. 71014", &["INV71014?"]),
            ("topup 71014", &[]),
            ("TEL 91234567", &[]),
            ("SGD 1500", &[]),
            ("Jan 2027", &[]),
            ("INV 28/11/2028", &[]),
            ("INV-71523, 71524 and 71525", &["INV71524?", "INV71525?"]),
            ("INV-71523/24", &["INV71523-24", "INV71524?"]),
            ("INV-71523 100", &["INV71523-100?"]),
            ("INV-1001", &[]),
            ("ИНВ 71014", &[]),
            ("21 00000 00003 13947 14300 09017", &["210000000003139471430009017?"]),
        ];
        for (line, expected) in cases {
            assert_eq!(read(line, Place::Text), expected, "{line}");
        }
    }

    #[test]
    fn a_field_for_references_is_one_number() {
        let grouped = read("21 00000 00003 13947 14300 09017", Place::Reference);
        assert_eq!(grouped.first().map(String::as_str), Some("210000000003139471430009017"));
        assert_eq!(read("71014", Place::Reference), Vec::<String>::new());
    }
}

//! Digits of a text without the letters of our numbers: `Rechnung 71014`, `71014/15`, `2026/00013`,
//! `INV-71` and `014` on the next line. Alone they prove nothing, and are only ever suggested.

use std::collections::BTreeSet;

use super::numbers::Place;
use super::{fold, numbers, weak};

/// Digits that are looked for; fewer are in every text.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=24;
/// Digits of a number whose year is left out.
const QUOTED: std::ops::RangeInclusive<usize> = 1..=6;
/// Runs of digits of one text that are looked for.
const WORDS_MAX: usize = 24;
/// Groups of digits that are one number at the most.
const GROUPS_MAX: usize = 4;
/// Digits that are written apart: `71 014`, `7 1 0 1 4`.
const APART_MAX: usize = 3;
/// Numbers of one range, and characters between its ends.
const RANGE_MAX: u64 = 20;
const GAP_MAX: usize = 14;
/// Words between the ends of a range.
const TO: [&str; 22] = [
    "TO",
    "TILL",
    "UNTIL",
    "THRU",
    "THROUGH",
    "BIS",
    "AU",
    "À",
    "AL",
    "A",
    "ATÉ",
    "HASTA",
    "TOT",
    "TM",
    "DO",
    "TIL",
    "ДО",
    "ПО",
    "至",
    "到",
    "から",
    "ถึง",
];
/// Words between a number and the year that it is of, and between numbers of one list.
const OF: [&str; 14] =
    ["OF", "AUS", "VON", "VOM", "DE", "DEL", "DI", "VAN", "UIT", "AV", "FRA", "ЗА", "Z", "DU"];
const AND: [&str; 14] =
    ["AND", "UND", "U", "ET", "Y", "E", "EN", "OCH", "OG", "I", "И", "JA", "VE", "DAN"];
/// Digits of a year and of a number without anything between them.
const GLUED: std::ops::RangeInclusive<usize> = 7..=12;
/// Digits of a year that leave out the century.
const SHORT_YEAR: std::ops::RangeInclusive<u32> = 20..=39;

/// Digits between other characters.
struct Group<'a> {
    from: usize,
    to: usize,
    text: &'a str,
}

/// Digits that invoices' numbers may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bare {
    /// As [`fold::fold`] has it.
    pub key: String,
    /// A word says that they are an invoice's, and nothing behind them that they are not.
    pub said: bool,
    /// The text says no year.
    guessed: bool,
}

impl Bare {
    /// A number and its year: `2026-13`.
    pub(super) fn is_of_a_year(&self) -> bool {
        !self.guessed && self.key.split_once('-').is_some_and(|(year, _)| weak::is_year(year))
    }
}

/// What invoices' numbers may be without their letters. `year` is that of the money: numbers are
/// quoted without it.
pub(super) fn words(lines: &[String], amounts: &[i64], year: i32) -> Vec<Bare> {
    let (said, guessed) = (false, false);
    let (words, short) = (Vec::new(), Vec::new());
    let mut found = BareWords { words, short, seen: BTreeSet::new(), said, guessed };
    for line in lines {
        of_line(line, amounts, &mut found);
    }
    found.said = false;
    // A number that was cut at the end of a line goes on in the next.
    for pair in lines.windows(2) {
        if let [left, right] = pair {
            across(left, right, &mut found);
        }
    }
    found.add_years(year);
    found.words
}

struct BareWords {
    words: Vec<Bare>,
    /// Digits that are too few to be looked for by themselves.
    short: Vec<String>,
    seen: BTreeSet<String>,
    /// Of what is read.
    said: bool,
    guessed: bool,
}

impl BareWords {
    fn push(&mut self, text: &str) {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let key = fold::fold(text);
        let telling = key.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        let common = weak::is_year(text);
        if !DIGITS.contains(&digits) || !telling || common || self.words.len() >= WORDS_MAX {
            return;
        }
        if self.seen.insert(key.clone()) {
            self.words.push(Bare { key, said: self.said, guessed: self.guessed });
        }
    }

    /// `97137` for 2026-97137, and `INV 13` for 2026-13: of this year or of the one before.
    fn add_years(&mut self, year: i32) {
        let known: Vec<Bare> = self.words.clone();
        let plain = |bare: &&Bare| QUOTED.contains(&bare.key.len()) && !bare.key.contains('-');
        let short = self.short.drain(..).map(|key| Bare { key, said: true, guessed: true });
        let all: Vec<Bare> = known.iter().filter(plain).cloned().chain(short).collect();
        self.guessed = true;
        for year in [Some(year), year.checked_sub(1)].into_iter().flatten() {
            for bare in &all {
                self.said = bare.said;
                self.push(&format!("{year}-{}", bare.key));
            }
        }
    }
}

fn groups(line: &str) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let mut start = None;
    for (at, character) in line.char_indices().chain([(line.len(), ' ')]) {
        match (start, character.is_ascii_digit()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                let text = line.get(from..at).unwrap_or_default();
                groups.push(Group { from, to: at, text });
                start = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    groups
}

fn of_line(line: &str, amounts: &[i64], found: &mut BareWords) {
    let mut reader = numbers::Reader::new(line, Place::Text, amounts);
    // A long line is not read to its end: else each of its digits would be held against each.
    let mut groups = groups(line);
    groups.retain(|group| reader.reaches(group.to));
    let free = |reader: &mut numbers::Reader<'_>, from: usize, to: usize| {
        let introduced = numbers::is_introduced(line, from);
        introduced || !reader.is_barred((from, to))
    };
    for (start, first) in groups.iter().enumerate() {
        found.said = numbers::is_an_invoices(line, (first.from, first.to));
        if found.said && first.text.len() < *DIGITS.start() {
            found.push_short(first.text);
        }
        let (mut last, mut apart) = (first, first.text.len() <= APART_MAX);
        let mut digits = first.text.to_owned();
        for (count, group) in (2..).zip(groups.iter().skip(start.saturating_add(1)).take(8)) {
            let gap = line.get(last.to..group.from).unwrap_or_default();
            let marks = matches!(gap, "-" | "/" | "." | "_" | ":");
            // `4996 / 2026`
            if matches!(gap, " / " | " /" | "/ ") && count == 2 {
                found.push_of_year(first.text, group.text);
            }
            if marks && count <= GROUPS_MAX && free(&mut reader, first.from, group.to) {
                let text = line.get(first.from..group.to).unwrap_or_default();
                found.push(text);
                found.push_with_century(text);
                if count == 2 {
                    found.push_of_year(first.text, group.text);
                }
            }
            if gap == " " && last.from == first.from && weak::is_year(first.text) {
                // `INV 2026 1` and `SO 2026 1101`.
                found.push(&format!("{}-{}", first.text, group.text));
                found.push(&format!("{}{}", first.text, group.text));
                break;
            }
            apart &= matches!(gap, " " | "," | "." | "'") && group.text.len() <= APART_MAX;
            if apart {
                digits.push_str(group.text);
                let goes_on = line.get(group.to..).unwrap_or_default();
                let next = goes_on.trim_start_matches([' ', ',', '.', '\'']);
                if !next.starts_with(|c: char| c.is_ascii_digit()) {
                    found.push(&digits);
                }
            } else if !marks {
                break;
            }
            last = group;
        }
        if !free(&mut reader, first.from, first.to) {
            continue;
        }
        found.push(first.text);
        found.push_with_year(first.text);
        found.push_without_day(first.text, line.get(first.to..).unwrap_or_default());
        of_year(line, &groups, start, found);
        of_month(line, &groups, start, found);
        shortened(line, &groups, start, found);
        range(line, &groups, start, found);
    }
}

/// `71014 to 71016`, `71014-16`: what lies between is meant as well.
fn range(line: &str, groups: &[Group<'_>], start: usize, found: &mut BareWords) {
    let next = groups.get(start).zip(groups.get(start.saturating_add(1)));
    let Some((low, high)) = next.filter(|(low, _)| DIGITS.contains(&low.text.len())) else {
        return;
    };
    let gap = line.get(low.to..high.from).unwrap_or_default();
    let marked = gap.contains(['-', '~', '〜']) || gap.contains("..") || gap.contains("T/M");
    if !marked && !words_of(gap).any(|word| TO.contains(&word)) || gap.chars().count() > GAP_MAX {
        return;
    }
    let kept = low.text.len().checked_sub(high.text.len());
    let kept = kept.and_then(|kept| low.text.get(..kept)).unwrap_or_default();
    let last = format!("{kept}{}", high.text);
    let (Ok(from), Ok(to)) = (low.text.parse::<u64>(), last.parse::<u64>()) else { return };
    if last.len() == low.text.len() && to > from && to - from <= RANGE_MAX {
        let width = low.text.len();
        (from..=to).for_each(|number| found.push(&format!("{number:0width$}")));
    }
}

fn words_of(gap: &str) -> impl Iterator<Item = &str> {
    gap.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty())
}

/// `13 of 2026`, `0001 and 0002 of 2026`: the year of all of them.
fn of_year(line: &str, groups: &[Group<'_>], start: usize, found: &mut BareWords) {
    let mut last: Option<&Group<'_>> = None;
    for group in groups.iter().skip(start).take(GROUPS_MAX) {
        let gap = last.and_then(|last| line.get(last.to..group.from));
        if let (Some(gap), Some(first)) = (gap, groups.get(start)) {
            let words = || words_of(gap);
            let near = gap.chars().count() <= GAP_MAX;
            if weak::is_year(group.text) && near && words().any(|word| OF.contains(&word)) {
                found.push(&format!("{}-{}", group.text, first.text));
                return;
            }
            let listed = gap.chars().all(|c| c.is_alphabetic() || " ,&+;/".contains(c));
            if !near || !listed || !words().all(|word| AND.contains(&word)) {
                return;
            }
        }
        last = Some(group);
    }
}

/// `9007/11/2026`: a number of a month of a year.
fn of_month(line: &str, groups: &[Group<'_>], start: usize, found: &mut BareWords) {
    let Some([number, month, year]) = groups.get(start..).and_then(|rest| rest.first_chunk())
    else {
        return;
    };
    let marks = [(number.to, month.from), (month.to, year.from)];
    let marked = |(from, to): (usize, usize)| matches!(line.get(from..to), Some("/" | "-" | "."));
    let telling = number.text.len() > 2 && !weak::is_year(number.text);
    let of_year = month.text.parse().is_ok_and(|month: u32| (1..=12).contains(&month));
    if marks.into_iter().all(marked) && telling && of_year && weak::is_year(year.text) {
        found.push_of_year(number.text, year.text);
    }
}

/// `71014,15` and `71014/15/16`: what follows has the first digits of the one before.
fn shortened(line: &str, groups: &[Group<'_>], start: usize, found: &mut BareWords) {
    let Some(whole) = groups.get(start).filter(|group| DIGITS.contains(&group.text.len())) else {
        return;
    };
    let mut last = whole;
    for group in groups.iter().skip(start.saturating_add(1)).take(GROUPS_MAX) {
        let gap = line.get(last.to..group.from).unwrap_or_default();
        let listed = gap.len() <= 5 && !gap.contains(['.', ':', '$', '%']);
        // `71014/5/6`; a single digit behind a space is how many of something.
        let least = if matches!(gap, "/" | "," | "+") { 1 } else { 2 };
        if !listed || !(least..whole.text.len()).contains(&group.text.len()) {
            return;
        }
        let kept = whole.text.get(..whole.text.len() - group.text.len()).unwrap_or_default();
        found.push(&format!("{kept}{}", group.text));
        last = group;
    }
}

/// The last word of a line and the first of the next, with nothing between.
fn across(left: &str, right: &str, found: &mut BareWords) {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '.' | '_');
    let head = left.rsplit(|c| !part(c)).next().unwrap_or_default();
    let tail = right.split(|c| !part(c)).next().unwrap_or_default();
    // What does not go on stands on its own line, and was read there.
    let goes_on = |c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | '.' | '_');
    if !head.contains(|c: char| c.is_ascii_digit()) || !tail.starts_with(goes_on) {
        return;
    }
    let joined = format!("{head}{tail}");
    let digits = joined.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(digits.len());
    found.push(digits.get(..end).unwrap_or_default());
}

impl BareWords {
    fn push_short(&mut self, text: &str) {
        let key = fold::fold(text);
        if key != "0" && self.short.len() < WORDS_MAX && !self.short.contains(&key) {
            self.short.push(key);
        }
    }

    /// `17/2026` and `17/26` for 2026-17.
    fn push_of_year(&mut self, number: &str, year: &str) {
        if weak::is_year(year) {
            self.push(&format!("{year}-{number}"));
        } else if year.len() == 2 && year.parse().is_ok_and(|year| SHORT_YEAR.contains(&year)) {
            self.push(&format!("20{year}-{number}"));
        }
    }

    /// `202600013` for 2026-13.
    fn push_with_year(&mut self, text: &str) {
        if let Some((year, number)) = text.split_at_checked(4)
            && weak::is_year(year)
            && GLUED.contains(&text.len())
        {
            self.push(&format!("{year}-{number}"));
        }
        // `2607330` for 2026-7330; a day of six digits is none.
        if let Some((year, number)) = text.split_at_checked(2)
            && year.parse().is_ok_and(|year: u32| SHORT_YEAR.contains(&year))
            && GLUED.contains(&text.len())
        {
            self.push(&format!("20{year}-{number}"));
        }
    }

    /// `7101428NOV`: a number and a day, with nothing between.
    fn push_without_day(&mut self, text: &str, tail: &str) {
        let month = tail.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if !weak::is_month(month) {
            return;
        }
        for digits in 1..=2 {
            let at = text.len().checked_sub(digits);
            let (number, day) = at.and_then(|at| text.split_at_checked(at)).unwrap_or_default();
            if day.parse().is_ok_and(|day: u32| (1..=31).contains(&day)) {
                self.push(number);
            }
        }
    }

    /// `26/00013` for 2026-13.
    fn push_with_century(&mut self, text: &str) {
        let (year, _) = text.split_at(text.len().min(2));
        let short = text.as_bytes().get(2).is_some_and(|byte| !byte.is_ascii_digit());
        if short && year.parse().is_ok_and(|year: u32| SHORT_YEAR.contains(&year)) {
            self.push(&format!("20{text}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::fold::normalise;

    fn read(lines: &[&str]) -> Vec<String> {
        let lines: Vec<String> = lines.iter().map(|line| normalise(line)).collect();
        let bare = words(&lines, &[100_000_000], 2026);
        // What has its year by guess comes last, and is another test's.
        bare.into_iter().map(|bare| bare.key).collect()
    }

    #[test]
    fn digits_are_read_without_their_letters() {
        let cases: [(&[&str], &[&str]); 20] = [
            (&["Rechnung 71014"], &["71014"]),
            (&["счёт №71014 от 28.11.2026"], &["71014"]),
            (&["RMR*IV*71014**77.77"], &["71014"]),
            (&["71014/15"], &["71014-15", "71014", "71015"]),
            (&["INV-71014-16"], &["71014", "71015", "71016"]),
            (&["71014, 71015"], &["71014", "71015"]),
            (&["INV NOS 71014,15 & 16"], &["71014", "71015", "71016"]),
            (&["Rechnung 2026/00013"], &["2026-13"]),
            (&["INV/26/00013"], &["26-13", "2026-13"]),
            (&["INV-71 014"], &["71014"]),
            (&["INV 7 1 0 1 4"], &["71014"]),
            (&["PAY INV-71", "014 THANKS"], &["71014"]),
            (&["PAY INV-2026-000", "13 THANKS"], &["2026-13"]),
            (&["Tel 91234567"], &[]),
            (&["SGD 1500.00"], &[]),
            (&["28.11.2026"], &[]),
            (&["INV 2026 1"], &["2026-1"]),
            (&["SO 2026 1101"], &["20261101"]),
            (&["No. 17/2026"], &["2026-17"]),
            (&["topup 2026"], &[]),
        ];
        for (lines, expected) in cases {
            let found = read(lines);
            for word in expected {
                assert!(found.contains(&(*word).to_owned()), "{lines:?}: {found:?}");
            }
            assert!(!expected.is_empty() || found.is_empty(), "{lines:?}: {found:?}");
        }
        assert!(read(&["4711 ".repeat(99).as_str(), "INV-71014 to INV-71020"]).len() <= WORDS_MAX);
        let years = read(&["invoices 0001 and 0002 of 2026"]);
        assert!(years.contains(&"2026-1".to_owned()) && years.contains(&"2026-2".to_owned()));
        assert_eq!(read(&["71014 bis 71016"])[..3], ["71014", "71015", "71016"]);
    }

    #[test]
    fn a_number_is_looked_for_with_the_year_that_it_leaves_out() {
        let cases: [(&str, &[&str]); 7] = [
            ("INV 97137", &["97137", "2026-97137", "2025-97137"]),
            ("97137", &["97137", "2026-97137", "2025-97137"]),
            ("INV 13", &["2026-13", "2025-13"]),
            ("Rechnung 00013", &["13", "2026-13", "2025-13"]),
            ("topup 13", &[]),
            ("tel 91234567", &[]),
            ("invoice 2026/97137", &["2026-97137", "97137", "2025-97137"]),
        ];
        for (line, expected) in cases {
            assert_eq!(read(&[line]), expected, "{line}");
        }
    }

    /// Read group by group, a line of a million numbers would take hours.
    #[test]
    fn a_long_line_is_not_held_against_itself() {
        for each in ["1 ", "1-", "1.", "1:", "71 "] {
            read(&[each.repeat(1_000_000).as_str()]);
        }
    }
}

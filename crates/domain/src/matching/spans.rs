//! What in a line of text is no invoice number, however much it looks like one: dates, times,
//! amounts, phone, card and account numbers, references of banks.

use super::{reference, weak};
use crate::bank::BankTransaction;
use crate::matching::fold::last_letters;
use crate::matching::words::{self, Said, behind, is_money};

/// Bytes from, and up to.
pub(super) type Span = (usize, usize);

/// Runs of digits of one line that are looked at.
const RUNS_MAX: usize = 200;
/// Digits of a phone number, and of a card number.
const PHONE_MAX: usize = 15;
const CARD: std::ops::RangeInclusive<usize> = 13..=19;
const IBAN: std::ops::RangeInclusive<usize> = 15..=34;
/// Groups of one account number as people write it: `DE89 3704 0044 0532 0130 00`.
const IBAN_GROUPS_MAX: usize = 10;

/// Words of which no number of an invoice begins.
const OTHER_NUMBERS: [&str; 66] = [
    "TEL",
    "TELEPHONE",
    "PHONE",
    "MOBILE",
    "MOB",
    "HP",
    "HANDPHONE",
    "CELL",
    "FAX",
    "WHATSAPP",
    "CALL",
    "CONTACT",
    "MSISDN",
    "CARD",
    "PAN",
    "VISA",
    "MASTERCARD",
    "AMEX",
    "ACC",
    "ACCT",
    "ACCOUNT",
    "KONTO",
    "KTO",
    "IBAN",
    "BLZ",
    "BSB",
    "SORT",
    "UTR",
    "RRN",
    "ARN",
    "UETR",
    "STAN",
    "TRACE",
    "TXN",
    "TXNID",
    "TRN",
    "TRX",
    "TRANSACTION",
    "AUTH",
    "APPROVAL",
    "RECEIPT",
    "CHEQUE",
    "CHQ",
    "IMPS",
    "NEFT",
    "RTGS",
    "UPI",
    "EREF",
    "KREF",
    "MREF",
    "MANDATE",
    "TERMINAL",
    "TID",
    "MID",
    "POSTAL",
    "POSTCODE",
    "ZIP",
    "PIN",
    "PLZ",
    "BLK",
    "BLOCK",
    "UNIT",
    "NRIC",
    "PASSPORT",
    "UEN",
    "VAT",
];
const HOURS: [&str; 6] = ["H", "HR", "HRS", "UHR", "AM", "PM"];

/// The amounts that a text may repeat, in millionths.
pub(super) fn amounts(bank: &BankTransaction) -> Vec<i64> {
    let with_charges = bank.charges.and_then(|charges| bank.amount.add(charges).ok());
    let entry = bank.detail.and_then(|detail| detail.entry_amount);
    let all = [Some(bank.amount), with_charges, bank.instructed, bank.charges, entry];
    all.into_iter().flatten().filter_map(|amount| amount.to_micros().ok()).collect()
}

/// Whether plain digits are one of the amounts, in whole units or in hundredths.
pub(super) fn is_amount(digits: &str, amounts: &[i64]) -> bool {
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let value: Option<i64> = digits.parse().ok();
    let of = |unit: i64| value.and_then(|value| value.checked_mul(unit));
    [1_000_000, 10_000].into_iter().filter_map(of).any(|micros| amounts.contains(&micros))
}

/// A run of digits in a line.
#[derive(Clone, Copy)]
struct DigitRun<'a> {
    from: usize,
    to: usize,
    text: &'a str,
}

struct Line<'a> {
    text: &'a str,
    runs: Vec<DigitRun<'a>>,
    amounts: &'a [i64],
    found: Vec<Span>,
}

/// The spans of a normalised line that are no invoice numbers.
pub(super) fn barred(text: &str, amounts: &[i64]) -> Vec<Span> {
    let mut line = Line { text, runs: runs(text), amounts, found: Vec::new() };
    for at in 0..line.runs.len() {
        line.dates(at);
        line.times(at);
        line.phones_and_cards(at);
        line.other_numbers(at);
        line.money(at);
    }
    line.ibans();
    line.found
}

/// Up to where a line is looked at: what stands behind so many runs of digits is not read.
pub(super) fn reach(text: &str) -> usize {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes
        .iter()
        .enumerate()
        .filter(|(at, byte)| digit(byte) && !bytes.get(at.saturating_add(1)).is_some_and(digit));
    ends.map(|(at, _)| at.saturating_add(1)).nth(RUNS_MAX).map_or(text.len(), |end| end - 1)
}

/// Whether a word says of the number behind it that it is something else than an invoice's.
pub(super) fn is_other_number(word: &str) -> bool {
    OTHER_NUMBERS.contains(&word)
}

fn runs(text: &str) -> Vec<DigitRun<'_>> {
    let mut runs = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|_| runs.len() < RUNS_MAX) {
        let Some(start) = rest.find(|c: char| c.is_ascii_digit()) else { break };
        let tail = rest.get(start..).unwrap_or_default();
        let length = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let from = at + start;
        runs.push(DigitRun {
            from,
            to: from + length,
            text: tail.get(..length).unwrap_or_default(),
        });
        at = from + length;
    }
    runs
}

impl<'a> Line<'a> {
    fn run(&self, at: usize) -> Option<DigitRun<'a>> {
        self.runs.get(at).copied()
    }

    /// What stands between a run and the next one.
    fn gap(&self, at: usize) -> Option<&'a str> {
        let (left, right) = (self.run(at)?, self.run(at + 1)?);
        self.text.get(left.to..right.from)
    }

    fn bar(&mut self, from: usize, to: usize) {
        self.found.push((from, to));
    }

    /// The letters before a run, at most two other characters away.
    fn letters_before(&self, at: usize) -> &'a str {
        let head = self.run(at).and_then(|run| self.text.get(..run.from)).unwrap_or_default();
        last_letters(head, 2).1
    }

    fn letters_after(&self, at: usize) -> &'a str {
        let tail = self.run(at).and_then(|run| self.text.get(run.to..)).unwrap_or_default();
        let skipped: usize =
            tail.chars().take_while(|c| !c.is_alphanumeric()).map(char::len_utf8).sum();
        let tail = tail.get(skipped..).filter(|_| skipped <= 2).unwrap_or_default();
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        tail.get(..end).unwrap_or_default()
    }

    fn dates(&mut self, at: usize) {
        let Some(first) = self.run(at) else { return };
        let (second, third) = (self.run(at + 1), self.run(at + 2));
        let near = |gap: Option<&str>| gap.is_some_and(is_date_gap);
        if is_compact_date(first.text) {
            self.bar(first.from, first.to);
        }
        if let (Some(second), true) = (second, near(self.gap(at))) {
            if let (Some(third), true) = (third, near(self.gap(at + 1)))
                && is_day_month_year(first.text, second.text, third.text)
            {
                self.bar(first.from, third.to);
            }
            let week = || weak::is_period(&format!("{}{}", self.letters_before(at), first.text));
            if is_month_and_year(first.text, second.text) || weak::is_year(second.text) && week() {
                self.bar(first.from, second.to);
            }
        }
        let month =
            weak::is_month(self.letters_before(at)) || weak::is_month(self.letters_after(at));
        let day_or_year = first.text.len() <= 2 || weak::is_year(first.text);
        if month && day_or_year {
            // `NOV 28, 2028`: the year comes after the day.
            let year = second.filter(|s| weak::is_year(s.text) && near(self.gap(at)));
            self.bar(first.from, year.map_or(first.to, |year| year.to));
        }
    }

    fn times(&mut self, at: usize) {
        let Some(run) = self.run(at) else { return };
        let below = |text: &str, limit: u32| text.parse::<u32>().is_ok_and(|value| value < limit);
        if let (Some(next), Some(":")) = (self.run(at + 1), self.gap(at)) {
            let short = run.text.len() <= 2 && next.text.len() == 2;
            if short && below(run.text, 60) && below(next.text, 60) {
                self.bar(run.from, next.to);
            }
        }
        if run.text.len() == 4 && HOURS.contains(&self.letters_after(at)) {
            self.bar(run.from, run.to);
        }
    }

    /// A plus sign or two zeros, or a word before them; digits whose check digit is that of a card.
    fn phones_and_cards(&mut self, at: usize) {
        let Some(first) = self.run(at) else { return };
        let head = self.text.get(..first.from).unwrap_or_default();
        let abroad = first.text.starts_with("00") && first.text.len() >= 10;
        // In `4711+4712` the sign stands between two numbers.
        let sign = head.strip_suffix('+');
        let alone = |head: &str| !head.ends_with(|c: char| c.is_ascii_alphanumeric());
        if sign.is_some_and(alone) || abroad {
            let to = self.groups_to(at, PHONE_MAX);
            self.bar(first.from, to);
        }
        let mut digits = String::new();
        for next in at..self.runs.len() {
            let Some(run) = self.run(next) else { break };
            digits.push_str(run.text);
            if CARD.contains(&digits.len()) && is_card(&digits) {
                self.bar(first.from, run.to);
            }
            let joined = self.gap(next).is_some_and(|gap| matches!(gap, " " | "-"));
            if digits.len() > *CARD.end() || !joined {
                break;
            }
        }
    }

    /// The end of the groups of digits that belong together, as people write long numbers.
    fn groups_to(&self, at: usize, digits_max: usize) -> usize {
        let mut digits = 0_usize;
        let mut end = 0;
        for next in at..self.runs.len() {
            let Some(run) = self.run(next) else { break };
            digits = digits.saturating_add(run.text.len());
            if digits > digits_max && next > at {
                break;
            }
            end = run.to;
            let joined = |gap: &str| {
                gap.len() <= 2 && gap.chars().all(|c| matches!(c, ' ' | '-' | '.' | '(' | ')'))
            };
            if !self.gap(next).is_some_and(joined) {
                break;
            }
        }
        end
    }

    fn other_numbers(&mut self, at: usize) {
        let Some(run) = self.run(at) else { return };
        let (from, to) = words::token(self.text, run.from, run.to);
        let said = words::said_before(self.text, run.from);
        let said = if said == Said::Nothing { words::said_before(self.text, from) } else { said };
        let unit = from.checked_sub(1).and_then(|mark| self.text.get(mark..from)) == Some("#");
        match said {
            Said::Other => {
                let groups = self.groups_to(at, *CARD.end());
                self.bar(from, to.max(groups));
            }
            Said::Nothing if unit && self.gap(at) == Some("-") && run.text.len() <= 3 => {
                self.bar(from, to);
            }
            Said::Nothing if words::is_other_after(self.text, run.to) => self.bar(from, to),
            Said::Nothing | Said::Invoice => {}
        }
    }

    /// `1,500.00`, `1.500,00`, `SGD 1500`, `1500 SGD`, `$1500`, and what repeats the amount.
    fn money(&mut self, at: usize) {
        let Some(first) = self.run(at) else { return };
        let inside = at.checked_sub(1).and_then(|before| self.gap(before)).is_some_and(is_mark);
        if inside {
            return;
        }
        let (mut end, mut last) = (first.to, at);
        let mut digits = first.text.to_owned();
        let mut cents = false;
        while self.gap(last).is_some_and(is_mark) {
            let Some(next) = self.run(last + 1) else { break };
            digits.push_str(next.text);
            cents = next.text.len() == 2 && self.gap(last).is_some_and(|gap| gap != " ");
            (end, last) = (next.to, last + 1);
        }
        let head = self.text.get(..first.from).unwrap_or_default().trim_end();
        let tail = self.text.get(end..).unwrap_or_default().trim_start();
        let sign = |c: Option<char>| c.is_some_and(|c| c == '%' || behind::is_currency_sign(c));
        let signed = sign(head.chars().last()) || sign(tail.chars().next());
        // `4711 SGD 100.00` says nothing about 4711.
        let follows = self.gap(last).is_some_and(|gap| is_money(gap.trim_matches(not_letter)));
        let after = !follows && is_money(self.letters_after(last)) && !behind::is_top_up(tail);
        let worded = is_money(self.letters_before(at)) || after;
        let repeats = is_amount(&digits, self.amounts)
            || cents && is_amount(digits.get(..digits.len() - 2).unwrap_or_default(), self.amounts)
            || self.runs.get(at..=last).is_some_and(|runs| {
                runs.iter().any(|run| run.text.len() > 2 && is_amount(run.text, self.amounts))
            });
        if cents && last > at || signed || worded || repeats {
            self.bar(first.from, end);
        }
    }

    fn ibans(&mut self) {
        let groups: Vec<Span> = groups(self.text);
        for start in 0..groups.len() {
            let mut joined = String::new();
            for (from, to) in groups.iter().skip(start).take(IBAN_GROUPS_MAX) {
                joined.push_str(self.text.get(*from..*to).unwrap_or_default());
                let begins = groups.get(start).map_or(0, |group| group.0);
                if IBAN.contains(&joined.len()) && reference::is_iban(&joined) {
                    self.bar(begins, *to);
                }
                if joined.len() > *IBAN.end() || !reference::may_begin_iban(&joined) {
                    break;
                }
            }
        }
    }
}

/// Spans of letters and digits.
fn groups(text: &str) -> Vec<Span> {
    let mut groups = Vec::new();
    let mut from = None;
    for (at, character) in text.char_indices() {
        match (character.is_ascii_alphanumeric(), from) {
            (true, None) => from = Some(at),
            (false, Some(start)) => {
                groups.push((start, at));
                from = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    groups.extend(from.map(|start| (start, text.len())));
    groups
}

fn is_date_gap(gap: &str) -> bool {
    let mark = |c: char| matches!(c, '/' | '-' | '.' | ' ' | ',' | '\'' | '_' | '年' | '月' | '\\');
    !gap.is_empty() && gap.chars().count() <= 2 && gap.chars().all(mark)
}

fn is_day_month_year(first: &str, second: &str, third: &str) -> bool {
    let two = |text: &str| format!("{text:0>2}");
    let (a, b, c) = (two(first), two(second), two(third));
    [first, second, third].iter().all(|part| part.len() <= 4)
        && [a.len(), b.len(), c.len()] != [4, 4, 4]
        && b.len() == 2
        && (a.len(), c.len()) != (4, 4)
        && weak::is_date_digits(&format!("{a}{b}{c}"))
}

/// `11/2028`, `2028-11`, `2027/28`, `2027-2028`; `2026/13` is none.
fn is_month_and_year(first: &str, second: &str) -> bool {
    let month = |text: &str| {
        text.len() <= 2 && text.parse().is_ok_and(|month: u32| (1..=12).contains(&month))
    };
    let next = || {
        let (year, after) = (first.parse::<u32>(), second.parse::<u32>());
        let both = year.ok().zip(after.ok());
        second.len() == 2 && both.is_some_and(|(year, after)| (year + 1) % 100 == after)
    };
    weak::is_year(first) && (month(second) || next() || weak::is_year(second))
        || weak::is_year(second) && month(first)
}

/// `20281128`, and the same with a time behind it.
fn is_compact_date(digits: &str) -> bool {
    let day = digits.get(..8).unwrap_or_default();
    matches!(digits.len(), 8 | 12 | 14 | 17) && weak::is_date_digits(day)
}

fn is_mark(gap: &str) -> bool {
    matches!(gap, "," | "." | "'" | "’")
}

fn not_letter(character: char) -> bool {
    !character.is_alphabetic()
}

/// Luhn's check digit, and a first digit that cards have.
fn is_card(digits: &str) -> bool {
    let first = digits.bytes().next().is_some_and(|byte| (b'2'..=b'6').contains(&byte));
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte.saturating_sub(b'0'));
            match (place % 2, digit * 2) {
                (0, _) => digit,
                (_, doubled) => doubled / 10 + doubled % 10,
            }
        })
        .sum();
    first && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::fold::normalise;

    /// What of the text stays when the barred spans are cut out; digits only, by run.
    fn left(text: &str, micros: &[i64]) -> Vec<String> {
        let text = normalise(text);
        let spans = barred(&text, micros);
        let free =
            |run: &DigitRun<'_>| !spans.iter().any(|(from, to)| *from < run.to && run.from < *to);
        runs(&text).into_iter().filter(free).map(|run| run.text.to_owned()).collect()
    }

    #[test]
    fn dates_times_and_numbers_of_other_things_are_barred() {
        for text in [
            "topup 28/11/2028",
            "2028-11-28",
            "28.11.28",
            "20281128",
            "Nov 28 2028",
            "28 Nov 2028",
            "28Nov2028",
            "NOV2028",
            "Nov 28, 2028",
            "28-11-2028",
            "28 11 2028",
            "11/28/2028",
            "2028/11/28",
            "2028.11.28",
            "28112028",
            "11/2028",
            "2028-11",
            "2027/28",
            "2027-2028",
            "Jan 2027",
            "topup january 2027",
            "at 12:30:45",
            "1230hrs",
            "20281128123045",
            "+65 9123 4567",
            "+6591234567",
            "(+65) 9123-4567",
            "006591234567",
            "tel 9123 4567",
            "HP: 91234567",
            "card 4111 1111 1111 1111",
            "4111111111111111",
            "4111-1111-1111-1111",
            "DE89 3704 0044 0532 0130 00",
            "DE89370400440532013000",
            "UTR 412345678901",
            "RRN: 412345678901",
            "acc no 12345678",
            "A/C Account No. 4711",
            "postal code 049213",
            "SGD1500",
            "SGD 1500",
            "1500 SGD",
            "$1500",
            "S$ 1,500",
            "1,500.00",
            "1.500,00",
            "1500.00",
            "RM1500",
            "2028年11月28日",
        ] {
            assert_eq!(left(text, &[]), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_repeats_the_amount_is_barred() {
        for text in ["TOPUP 1500", "1,500", "1500.00", "1.500,00", "150000", "topup 1500,00 thx"] {
            assert_eq!(left(text, &[1_500_000_000]), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn plain_numbers_stay() {
        for (text, expected) in [
            ("invoice 4711", vec!["4711"]),
            ("4711", vec!["4711"]),
            ("INV-1001", vec!["1001"]),
            ("no. 10027", vec!["10027"]),
            ("8827355555", vec!["8827355555"]),
            ("4711 28/11/2028", vec!["4711"]),
            ("INV-71949 SGD 110.49", vec!["71949"]),
            ("INV 4711 Nov 2028", vec!["4711"]),
            ("topup 4711, 4712", vec!["4711", "4712"]),
        ] {
            assert_eq!(left(text, &[100_000_000]), expected, "{text}");
        }
    }
}

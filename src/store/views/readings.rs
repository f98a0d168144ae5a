//! What a word of a search may be: an amount, a currency, a day, a number, an id, or a text. One
//! word may be several of them; none is decided before something fits.

use chrono::{Days, NaiveDate};

use super::search::Word;
use crate::domain::money::Currency;

/// Micros of one whole unit, in the digits after the point.
const DECIMALS: usize = 6;
/// Digits of a whole amount at most.
const WHOLE_MAX: usize = 12;

/// One word, and how it may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub word: String,
    /// In micros; `1.000` may be one or a thousand.
    pub amounts: Vec<i64>,
    pub currency: Option<String>,
    pub days: Vec<NaiveDate>,
    /// The number of a dead letter.
    pub number: Option<i64>,
    pub text: Word,
}

impl Reading {
    pub fn of(word: &str, today: NaiveDate) -> Self {
        Self {
            word: word.to_owned(),
            amounts: amounts(word),
            currency: currency(word),
            days: days(word, today),
            number: word.trim_start_matches('#').parse().ok().filter(|number| *number > 0),
            text: Word::new(word),
        }
    }

    /// What it was read as, for the person who wrote it.
    pub fn told(&self) -> Vec<String> {
        let mut told: Vec<String> =
            self.amounts.iter().map(|micros| format!("amount {}", written(*micros))).collect();
        told.extend(self.currency.iter().map(|code| format!("currency {code}")));
        told.extend(self.days.iter().map(|day| format!("day {day}")));
        if self.days.is_empty() && self.currency.is_none() {
            told.push("id or reference".to_owned());
        }
        if self.word.chars().any(char::is_alphabetic) {
            told.push("name or text".to_owned());
        }
        told
    }

    /// How a record may have the amounts, as a regular expression. Neither a part of another number
    /// nor of a time or a day is one; plain digits may be a part of an id as well.
    pub fn as_amount(&self) -> Option<String> {
        let amounts: Vec<String> = self.amounts.iter().map(|micros| as_written(*micros)).collect();
        if amounts.is_empty() {
            return None;
        }
        let before = r#"^|[^0-9.,:-]|":"#;
        let after = r"$|[^0-9.,:a-z-]|[.,]($|[^0-9])";
        let amount = format!("({before})({})({after})", amounts.join("|"));
        if !self.word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(amount);
        }
        let after = r"(?!-[0-9][0-9]-[0-9][0-9])($|[^0-9.,]|[.,]($|[^0-9]))";
        Some(format!("{amount}|(^|[^0-9.,]){}{after}", self.word))
    }
}

/// The words of a line, in its order.
pub fn of(line: &str, today: NaiveDate) -> Vec<Reading> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut found = Vec::new();
    let mut at = 0_usize;
    while let Some(rest) = words.get(at..).filter(|rest| !rest.is_empty()) {
        let long = grouped(rest).max(1);
        let joined: String = rest.iter().take(long).copied().collect();
        found.push(Reading::of(&joined, today));
        at = at.saturating_add(long);
    }
    found
}

/// Groups that are one number here as people write it, none if it is no such number: of an account
/// or an RF reference, four signs each (`DE89 3704 0044 …`, `RF18 5390 0754 7034`); of a Swiss
/// reference, two digits and five times five.
fn grouped(words: &[&str]) -> usize {
    let Some((first, rest)) = words.split_first() else { return 0 };
    let digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let five = |word: &&&str| word.len() == 5 && digits(word);
    if first.len() == 2 && digits(first) && rest.iter().take(5).filter(five).count() == 5 {
        return 6;
    }
    let head = first.len() == 4
        && first.bytes().take(2).all(|byte| byte.is_ascii_alphabetic())
        && first.bytes().skip(2).all(|byte| byte.is_ascii_digit());
    if !head {
        return 0;
    }
    let group = |word: &str| {
        (1..=4).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && (word.bytes().any(|byte| byte.is_ascii_digit()) || word.len() == 4)
    };
    let checked = checked_groups(first, rest);
    if checked > 0 {
        return checked;
    }
    let mut count = 0_usize;
    for word in rest {
        if !group(word) {
            break;
        }
        count = count.saturating_add(1);
        // Only the last one is shorter.
        if word.len() < 4 {
            break;
        }
    }
    // Two groups behind it at least, one of them of digits: else they are words of their own.
    let numbers = rest.iter().take(count).filter(|word| digits(word)).count();
    if count >= 2 && numbers >= 1 { count.saturating_add(1) } else { 0 }
}

/// Groups that are one number by its check digits, whatever letters they are of: the longest such.
fn checked_groups(first: &str, rest: &[&str]) -> usize {
    let fits = |word: &&&str| {
        (1..=4).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let mut groups = rest.iter().take_while(fits).count();
    // Only the last one is shorter.
    if let Some(short) = rest.iter().position(|word| word.len() < 4) {
        groups = groups.min(short.saturating_add(1));
    }
    let one = |count: &usize| {
        let words: String = rest.iter().take(*count).copied().collect();
        check_digits_are_right(&format!("{words}{first}"))
    };
    (2..=groups).rev().find(one).map_or(0, |count| count.saturating_add(1))
}

/// ISO 7064, mod 97-10, of what has its first four signs behind the others.
fn check_digits_are_right(turned: &str) -> bool {
    let mut rest = 0_u32;
    for sign in turned.chars() {
        let Some(value) = sign.to_digit(36) else { return false };
        let shift = if value < 10 { 10 } else { 100 };
        rest = rest.saturating_mul(shift).saturating_add(value) % 97;
    }
    rest == 1
}

fn written(micros: i64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    let fraction = format!("{rest:06}");
    match fraction.trim_end_matches('0') {
        "" => whole.to_string(),
        digits => format!("{whole}.{digits:0<2}"),
    }
}

/// The same with or without points between thousands and zeros at its end.
fn as_written(micros: i64) -> String {
    let text = written(micros);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut pattern = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len().saturating_sub(index);
        if index > 0 && left % 3 == 0 {
            pattern.push_str("[.,']?");
        }
        pattern.push(digit);
    }
    match fraction.trim_end_matches('0') {
        "" => format!("{pattern}([.,]0+)?"),
        digits => format!("{pattern}[.,]{digits}0*"),
    }
}

/// Amounts that a word may be: `1000`, `1,000.00`, `1.000,50`, `S$1000`, `SGD1000`, `1000EUR`.
pub fn amounts(word: &str) -> Vec<i64> {
    let is_mark = |c: char| !c.is_ascii_digit();
    let start = word.trim_start_matches(is_mark);
    let number = start.trim_end_matches(is_mark);
    let before = word.len().saturating_sub(start.len());
    let after = number.len();
    let (front, back) = (word.get(..before), start.get(after..));
    if !(front.is_some_and(is_money_mark) && back.is_some_and(is_money_mark)) {
        return Vec::new();
    }
    let mut found: Vec<i64> =
        readings_of(number).into_iter().filter(|micros| *micros > 0).collect();
    found.dedup();
    found
}

/// Nothing, a sign of money or the code of a currency.
fn is_money_mark(mark: &str) -> bool {
    let mark = mark.trim_matches(|c: char| "$€£¥₹+".contains(c));
    mark.is_empty()
        || matches!(mark, "S" | "US" | "A" | "HK" | "RM" | "Rp")
        || currency(mark).is_some()
}

fn readings_of(number: &str) -> Vec<i64> {
    let marks: Vec<char> = number.chars().filter(|c| !c.is_ascii_digit()).collect();
    if marks.iter().any(|mark| !matches!(mark, '.' | ',' | '\'' | '’')) {
        return Vec::new();
    }
    let Some(last) = marks.last().copied() else {
        return micros(number, "").into_iter().collect();
    };
    let alone = marks.len() == 1;
    let alike = marks.iter().all(|mark| *mark == last);
    let point = matches!(last, '.' | ',');
    let grouped = || whole_of_groups(number).and_then(|whole| micros(&whole, ""));
    if !point || (alike && !alone) {
        return grouped().into_iter().collect();
    }
    let Some((whole, fraction)) = number.rsplit_once(last) else { return Vec::new() };
    // Before a point only the other mark may group.
    let whole = if whole.contains(last) { None } else { whole_of_groups(whole) };
    let exact = whole.and_then(|whole| micros(&whole, fraction));
    let thousands = (alone && fraction.len() == 3).then(grouped).flatten();
    thousands.into_iter().chain(exact).collect()
}

/// The digits of a number whose thousands are apart.
fn whole_of_groups(number: &str) -> Option<String> {
    let mut groups = number.split(|c: char| !c.is_ascii_digit());
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let fits = rest.iter().all(|group| group.len() == 3)
        && (rest.is_empty() || ((1..=3).contains(&first.len()) && !first.starts_with('0')));
    fits.then(|| format!("{first}{}", rest.concat()))
}

fn micros(whole: &str, fraction: &str) -> Option<i64> {
    let fits = !whole.is_empty() && whole.len() <= WHOLE_MAX && fraction.len() <= DECIMALS;
    fits.then(|| format!("{whole}{fraction:0<6}").parse().ok()).flatten()
}

fn currency(word: &str) -> Option<String> {
    let code = word.to_ascii_uppercase();
    (code.len() == 3 && Currency::parse(&code).is_ok()).then_some(code)
}

/// Days that a word may be: `2026-11-22`, `22.11.2026`, `22/11/26`, `20261122`, `yesterday`.
fn days(word: &str, today: NaiveDate) -> Vec<NaiveDate> {
    match word.to_ascii_lowercase().as_str() {
        "today" => return vec![today],
        "yesterday" => return today.checked_sub_days(Days::new(1)).into_iter().collect(),
        _ => {}
    }
    if word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return NaiveDate::parse_from_str(word, "%Y%m%d")
            .ok()
            .filter(is_near)
            .into_iter()
            .collect();
    }
    let parts: Vec<&str> = word.split(['-', '.', '/']).collect();
    let [first, second, third] = parts.as_slice() else { return Vec::new() };
    let number = |part: &str| (part.len() <= 4).then(|| part.parse::<u32>().ok()).flatten();
    let (Some(first_number), Some(second), Some(third_number)) =
        (number(first), number(second), number(third))
    else {
        return Vec::new();
    };
    let day = |year: u32, month: u32, day: u32| {
        let year = if year < 100 { year.saturating_add(2000) } else { year };
        i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, day))
    };
    let mut found: Vec<NaiveDate> = if first.len() == 4 {
        day(first_number, second, third_number).into_iter().collect()
    } else if third.len() == 4 || third.len() == 2 {
        // Most write the day first; some the month.
        let europe = day(third_number, second, first_number);
        let america = day(third_number, first_number, second);
        europe.into_iter().chain(america).collect()
    } else {
        Vec::new()
    };
    found.retain(is_near);
    found.dedup();
    found
}

/// A day of the years in which such payments are.
fn is_near(day: &NaiveDate) -> bool {
    use chrono::Datelike;
    (1990..2200).contains(&day.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn units(word: &str) -> Vec<String> {
        amounts(word).into_iter().map(written).collect()
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (word, read) in [
            ("1000", vec!["1000"]),
            ("1000.00", vec!["1000"]),
            ("1,000.00", vec!["1000"]),
            ("1.000,50", vec!["1000.50"]),
            ("1'000.5", vec!["1000.50"]),
            ("1,000", vec!["1000", "1"]),
            ("1,000,000", vec!["1000000"]),
            ("S$77.00", vec!["77"]),
            ("SGD1000", vec!["1000"]),
            ("1000eur", vec!["1000"]),
            ("€50", vec!["50"]),
            ("0.005", vec!["0.005"]),
        ] {
            assert_eq!(units(word), read, "{word}");
        }
        for word in ["INV-1001", "1e9", "0", "1,00,0", "acme", "", "1.2.3.4", "2026-11-22", "-"] {
            assert!(units(word).is_empty(), "{word}: {:?}", units(word));
        }
    }

    #[test]
    fn days_are_read_as_people_write_them() {
        let today = day("2026-11-22");
        for word in ["2026-11-22", "22.11.2026", "22/11/26", "11/22/2026", "20261122", "today"] {
            assert_eq!(days(word, today), [day("2026-11-22")], "{word}");
        }
        assert_eq!(days("yesterday", today), [day("2026-11-21")]);
        assert_eq!(days("03/04/2026", today), [day("2026-04-03"), day("2026-03-04")]);
        for word in ["2026-13-01", "1.2", "71014", "INV-2026-1", "1-2-3"] {
            assert!(days(word, today).is_empty(), "{word}");
        }
    }

    #[test]
    fn a_number_in_groups_is_one_word() {
        let today = day("2026-11-22");
        let words = |line: &str| of(line, today).into_iter().map(|r| r.word).collect::<Vec<_>>();
        for (line, read) in [
            ("SG12 3456 7890", vec!["SG1234567890"]),
            ("RF18 5390 0754 7034", vec!["RF18539007547034"]),
            ("1000 NL91 ABNA 0417 1643 00 acme", vec!["1000", "NL91ABNA0417164300", "acme"]),
            ("21 00000 00003 13947 14300 09017", vec!["210000000003139471430009017"]),
            ("RF31 D3WV UHWN 69MQ E", vec!["RF31D3WVUHWN69MQE"]),
            ("50 RF31 D3WV UHWN 69MQ E acme", vec!["50", "RF31D3WVUHWN69MQE", "acme"]),
            ("RF32 D3WV UHWN E", vec!["RF32", "D3WV", "UHWN", "E"]),
            ("AB12 1000", vec!["AB12", "1000"]),
            ("1000 initech 2026-11-22", vec!["1000", "initech", "2026-11-22"]),
            ("SG12 acme Pte Ltd", vec!["SG12", "acme", "Pte", "Ltd"]),
        ] {
            assert_eq!(words(line), read, "{line}");
        }
    }

    #[test]
    fn a_word_says_what_it_was_read_as() {
        let today = day("2026-11-22");
        let told = |word: &str| Reading::of(word, today).told().join(", ");
        assert_eq!(told("1000"), "amount 1000, id or reference");
        assert_eq!(told("initech"), "id or reference, name or text");
        assert_eq!(told("sgd"), "currency SGD, name or text");
        assert_eq!(told("2026-11-22"), "day 2026-11-22");
    }
}

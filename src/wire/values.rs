//! The grammars of single values that serde and the domain types leave open.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::domain::matching::weak::is_placeholder_payer;

/// Names, reasons, remarks (contract §2), in characters.
const LABEL_CHARACTERS_MAX: usize = 200;
/// A bank account after normalising; an IBAN has at most 34.
const ACCOUNT_NUMBER_BYTES_MAX: usize = 64;
/// Nanoseconds and a numeric zone take 35 bytes.
const INSTANT_BYTES_MAX: usize = 40;

/// At most 200 characters, none of which could hide or reorder text on an operator's screen.
pub(super) fn is_label(text: &str) -> bool {
    let hides = |character: char| {
        character.is_control()
            || matches!(
                character,
                '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
                    | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            )
    };
    text.chars().count() <= LABEL_CHARACTERS_MAX && !text.chars().any(hides)
}

/// `12-3456 7890` → `1234567890`; `None` for other punctuation, other scripts, a bad length.
pub(super) fn account_number(text: &str) -> Option<String> {
    let known = |byte| matches!(byte, b' ' | b'-' | b'.' | b'/') || byte.is_ascii_alphanumeric();
    if !text.bytes().all(known) {
        return None;
    }
    let mut number = text.replace([' ', '-', '.', '/'], "");
    number.make_ascii_uppercase();
    (1..=ACCOUNT_NUMBER_BYTES_MAX).contains(&number.len()).then_some(number)
}

/// An account number in which a bank left out characters, as `####1234`, with `X` for what is left
/// out: nobody's, which is told where the number is registered.
pub(super) fn masked_number(text: &str) -> Option<String> {
    let sign = |c: char| c == '*' || !c.is_ascii() && !c.is_alphanumeric();
    let run = |c: char| text.contains(&String::from_iter([c; 3]));
    let left_out =
        text.chars().any(|c| sign(c) || matches!(c, '?' | '#' | '_' | '=' | '~') && run(c));
    let masked = left_out && is_placeholder_payer(text);
    let shown = || text.chars().filter(char::is_ascii_alphanumeric).take(4);
    masked.then(|| "XXXX".chars().chain(shown()).collect::<String>().to_ascii_uppercase())
}

/// `100.50` → `100.5`, `100.00` → `100`: one text for one amount. The grammar has already
/// refused signs and leading zeros.
pub(super) fn shortest(amount: &str) -> &str {
    if amount.contains('.') { amount.trim_end_matches('0').trim_end_matches('.') } else { amount }
}

/// Reads `YYYY-MM-DD`, year 0001 to 9999.
pub(super) fn calendar_date(text: &str) -> Option<NaiveDate> {
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 10 || !text.bytes().enumerate().all(shape) {
        return None;
    }
    let year = text.get(..4)?.parse().ok().filter(|year| *year > 0)?;
    let month = text.get(5..7)?.parse().ok()?;
    let day = text.get(8..)?.parse().ok()?;
    NaiveDate::from_ymd_opt(year, month, day)
}

/// Reads RFC 3339 with a zone, year 2000 to 2100 in UTC.
pub(super) fn instant_of(text: &str) -> Option<DateTime<Utc>> {
    if text.len() > INSTANT_BYTES_MAX {
        return None;
    }
    let instant = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    (2000..=2100).contains(&instant.year()).then_some(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hide_nothing() {
        for good in ["", "Topup", "充值 — تعبئة", "emoji 💸", &"ü".repeat(200)] {
            assert!(is_label(good), "{good}");
        }
        let hidden = "\0\n\t\u{7f}\u{85}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\
                      \u{202a}\u{202e}\u{2066}\u{2069}";
        for character in hidden.chars() {
            assert!(!is_label(&format!("a{character}b")), "{character:?}");
        }
        assert!(!is_label(&"ü".repeat(201)));
    }

    #[test]
    fn account_numbers_lose_their_separators_only() {
        assert_eq!(account_number("sg12 3456-78.9/0").as_deref(), Some("SG1234567890"));
        for bad in ["", " - ", "12_3", "１２３", "12\n3", "12#3", &"1".repeat(65)] {
            assert_eq!(account_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_a_bank_left_out_is_nobodys_number() {
        for masked in ["#####1234", "****", "••••1234", "____5678"] {
            let number = masked_number(masked);
            assert!(number.as_deref().is_some_and(is_placeholder_payer), "{masked}: {number:?}");
        }
        for other in ["", " ", "SG12_3456789012", "DE62#00012345678"] {
            assert_eq!(masked_number(other), None, "{other}");
        }
    }

    #[test]
    fn dates_are_days_that_exist() {
        for good in ["2026-11-22", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(calendar_date(good).map(|date| date.to_string()).as_deref(), Some(good));
        }
        let bad = [
            "2026-02-30",
            "2025-02-29",
            "0000-01-01",
            "2026-1-22",
            "26-11-22",
            "2026/11/22",
            "",
            "2026-11-22T00:00:00Z",
            " 2026-11-22",
            "+026-11-22",
            "٢٠٢٦-11-22",
            "2026-00-10",
        ];
        for bad in bad {
            assert_eq!(calendar_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn instants_have_a_zone_and_a_sane_year() {
        let noon = instant_of("2026-11-22T12:00:00Z");
        assert!(noon.is_some());
        assert_eq!(instant_of("2026-11-22T20:00:00.000+08:00"), noon);
        let bad = [
            "2026-11-22T10:00:00",
            "2026-11-22",
            "2026-13-45T99:99:99Z",
            "1999-12-31T23:59:59Z",
            "2101-01-01T00:00:00Z",
            "-262144-01-01T00:00:00Z",
            "",
            "now",
            "1763805600",
        ];
        for bad in bad {
            assert_eq!(instant_of(bad), None, "{bad}");
        }
        assert_eq!(instant_of(&format!("2026-11-22T10:00:00.{}Z", "0".repeat(60_000))), None);
    }

    #[test]
    fn one_amount_has_one_text() {
        for (text, expected) in
            [("100", "100"), ("100.00", "100"), ("100.50", "100.5"), ("0.0", "0"), ("10", "10")]
        {
            assert_eq!(shortest(text), expected);
        }
    }
}

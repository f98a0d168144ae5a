//! Our mask: what stands for a payer's name or number where it is not shown.

use unicode_normalization::UnicodeNormalization as _;

use crate::matching::fold::plain;

/// What our mask begins with.
pub const MARK: char = '…';
/// An IBAN has no more characters.
const IBAN_MAX: usize = 34;
/// So many blanks and the like may hold two groups of a number apart.
const SEPARATORS_MAX: usize = 3;
/// Characters of a masked text that stay.
const SHOWN_MAX: usize = 4;
/// What stands for a word of the payer's name within a text. One mark alone people write too.
const WORD: &str = "……";
/// A shorter word of a name says nothing of its own.
const WORD_MIN: usize = 2;

/// Hides all but the last characters, and never shows more than a third of the text.
pub fn hide(text: &str) -> String {
    let length = text.chars().count();
    let kept = SHOWN_MAX.min(length / 3);
    let shown: String = text.chars().skip(length.saturating_sub(kept)).collect();
    format!("{MARK}{shown}")
}

/// Hides the payer's own name and account number where they stand in the payer's text.
pub fn hide_payer(text: &str, name: Option<&str>, account: Option<&str>) -> String {
    let name = name.unwrap_or_default().trim().to_lowercase();
    let names =
        |word: &&str| word.chars().count() >= WORD_MIN && word.contains(char::is_alphabetic);
    let own: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).filter(names).collect();
    let number: String =
        account.unwrap_or_default().chars().filter(|c| c.is_alphanumeric()).collect();
    let number = number.to_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let within = first.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != within).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        let folded = piece.to_lowercase();
        // Scripts without blanks have the name within a longer word.
        let held = own.iter().any(|word| !word.is_ascii() && folded.contains(*word));
        if held || own.contains(&folded.as_str()) {
            out.push_str(WORD);
        } else if folded.chars().count() > SHOWN_MAX && folded == number {
            out.push_str(&hide(piece));
        } else {
            out.push_str(piece);
        }
        rest = behind;
    }
    out
}

/// Hides what may be an account or card number within a text, and leaves the rest.
pub fn hide_numbers(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let folded: Vec<char> = characters.iter().map(|c| folded(*c)).collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(character) = characters.get(at) {
        let before = at.checked_sub(1).and_then(|before| folded.get(before)).copied();
        let rest = folded.get(at..).unwrap_or_default();
        let Some(length) = number_length(before, rest) else {
            out.push(*character);
            at = at.saturating_add(1);
            continue;
        };
        let end = at.saturating_add(length);
        let number = folded.get(at..end).unwrap_or_default();
        let solid: Vec<char> = number.iter().copied().filter(char::is_ascii_alphanumeric).collect();
        out.push(MARK);
        // A number that the bank wrapped: there are as many lines as before.
        out.extend(number.iter().filter(|c| **c == '\n'));
        out.extend(solid.iter().skip(solid.len().saturating_sub(SHOWN_MAX)));
        at = end;
    }
    out
}

/// The same for the lines of one text: a number may go on in the next line.
pub fn hide_numbers_in_lines(lines: &[String]) -> Vec<String> {
    // A line that has a line's end in it stays one line.
    if lines.iter().any(|line| line.contains('\n')) {
        return lines.iter().map(|line| hide_numbers(line)).collect();
    }
    if lines.is_empty() {
        return Vec::new();
    }
    hide_numbers(&lines.join("\n")).split('\n').map(str::to_owned).collect()
}

/// One character as it counts in a number: digits of any script, full-width letters.
fn folded(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_uppercase();
    }
    let mut parts = character.nfkc().map(plain);
    match (parts.next(), parts.next()) {
        (Some(one), None) => one.to_ascii_uppercase(),
        _ => character,
    }
}

/// The length of the card number (13 to 19 digits that pass its check digit) or IBAN that the text
/// begins with, behind the character `before`. Blanks, hyphens and the like may stand within it;
/// the digits of a card may stand within a word.
fn number_length(before: Option<char>, text: &[char]) -> Option<usize> {
    let first = *text.first()?;
    let within_a_word = before.is_some_and(char::is_alphanumeric);
    let may_begin = if first.is_ascii_digit() {
        !before.is_some_and(|c| c.is_ascii_digit())
    } else {
        first.is_ascii_uppercase() && !within_a_word
    };
    if !may_begin {
        return None;
    }
    let mut solid = String::new();
    let mut found = None;
    let (mut group, mut apart) = (0_usize, 0_usize);
    for (at, c) in text.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            apart = apart.saturating_add(1);
            if apart > SEPARATORS_MAX || !holds_apart(*c, group, within_a_word) {
                break;
            }
            continue;
        }
        group = if apart > 0 { 1 } else { group.saturating_add(1) };
        apart = 0;
        solid.push(*c);
        if solid.len() > IBAN_MAX {
            break;
        }
        let end = at.saturating_add(1);
        let next = text.get(end).copied();
        let word_ends = !next.is_some_and(char::is_alphanumeric);
        let digits_end = !next.is_some_and(|c| c.is_ascii_digit());
        let card = digits_end && is_card(&solid) && (!within_a_word || is_issued(&solid));
        if card || word_ends && !within_a_word && is_iban(&solid) {
            found = Some(end);
        }
    }
    found
}

/// Whether a character may stand behind a group of so many characters of a number. Dates have
/// short groups, and so has `RF18 5390…`.
fn holds_apart(character: char, group: usize, within_a_word: bool) -> bool {
    let plain = character.is_whitespace() || matches!(character, '-' | '_' | '·');
    (plain || matches!(character, '.' | '/')) && (group >= 3 || plain && !within_a_word)
}

/// Whether cards begin so: in a word there are numbers of other kinds, which may verify by chance.
fn is_issued(digits: &str) -> bool {
    let head = digits.get(..4).and_then(|head| head.parse::<u32>().ok());
    let begins = head.is_some_and(|head| matches!(head, 2221..=2720 | 3000..=6999));
    begins && matches!(digits.len(), 14..=16 | 19)
}

fn is_card(text: &str) -> bool {
    if !(13..=19).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = text
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match (place % 2, digit) {
                (0, _) => digit,
                (_, 0..=4) => digit * 2,
                _ => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_iban(text: &str) -> bool {
    let shape = text.get(..2).is_some_and(|c| c.bytes().all(|b| b.is_ascii_uppercase()))
        && text.get(2..4).is_some_and(|c| c.bytes().all(|b| b.is_ascii_digit()));
    if !shape || text.starts_with("RF") || !(15..=34).contains(&text.len()) {
        return false;
    }
    let (head, tail) = text.split_at(4);
    let rest = tail.chars().chain(head.chars()).try_fold(0_u32, |rest, c| {
        let digit = c.to_digit(36)?;
        Some(if digit < 10 { (rest * 10 + digit) % 97 } else { (rest * 100 + digit) % 97 })
    });
    rest == Some(1)
}

/// Whether a text is our mask, or holds one.
pub fn is_mask(text: &str) -> bool {
    let mut before = None;
    for (at, c) in text.char_indices() {
        if c == MARK && !before.is_some_and(char::is_alphanumeric) {
            let rest = text.get(at.saturating_add(MARK.len_utf8())..).unwrap_or_default();
            let whole = at == 0 && rest.chars().count() <= SHOWN_MAX;
            let shown = rest.chars().take_while(|c| c.is_alphanumeric()).count();
            let behind = rest.strip_prefix(MARK).map(|behind| behind.chars().next());
            let word = behind.is_some_and(|c| !c.is_some_and(|c| c == MARK || c.is_alphanumeric()));
            if whole || shown == SHOWN_MAX || word {
                return true;
            }
        }
        before = Some(c);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_masked_is_known_as_a_mask() {
        for text in ["Tan Ah Seng", "DBS0012345678", "Al", "", "漢字漢字漢字"] {
            assert!(is_mask(&hide(text)), "{text}");
        }
        assert!(is_mask(&hide_numbers("card 4111 1111 1111 1111 exp")));
        for text in ["Tan Ah Seng", "and so on…", "etc… paid", "… rest of November", "INV-1"]
        {
            assert!(!is_mask(text), "{text}");
        }
    }

    #[test]
    fn a_payers_name_and_number_are_hidden_in_the_text_and_invoices_are_not() {
        let cases = [
            ("INV-77 from Tan Ah Seng", "INV-77 from …… …… ……"),
            ("TAN/AH-SENG dbs0012345678, TANG", "……/……-…… …5678, TANG"),
            ("INV-2020 thank you", "INV-2020 thank you"),
        ];
        for (text, shown) in cases {
            let hidden = hide_payer(text, Some("Tan Ah Seng 2020"), Some("DBS-001 2345678"));
            assert_eq!(hidden, shown);
            assert_eq!(is_mask(&hidden), hidden != text, "{hidden}");
        }
        assert_eq!(hide_payer("发票12 陈大文付", Some("陈大文"), None), "发票12 ……");
        assert_eq!(hide_payer("Tan 1", None, None), "Tan 1");
    }

    #[test]
    fn numbers_of_cards_and_accounts_are_hidden_and_invoices_are_not() {
        let cases = [
            ("card 4111 1111 1111 1111 exp 12/29", "card …1111 exp 12/29"),
            ("4111-1111-1111-1111", "…1111"),
            ("from DE89 3704 0044 0532 0130 00 thanks", "from …3000 thanks"),
            ("DE89370400440532013000", "…3000"),
            ("CARD4111111111111111EXP1229", "CARD…1111EXP1229"),
            ("card:4111.1111.1111.1111/12", "card:…1111/12"),
            ("4111  1111 -\u{a0}1111–1111 x", "…1111 x"),
            ("４１１１ １１１１ １１１１ １１１１", "…1111"),
            ("بطاقة ٤١١١ ١١١١ ١١١١ ١١١١", "بطاقة …1111"),
            ("卡号4111111111111111谢谢", "卡号…1111谢谢"),
            ("3782 822463 10005", "…0005"),
            ("iban:nl91 abna 0417 1643 00", "iban:…4300"),
            ("28.11.2026 or 28/11/2026", "28.11.2026 or 28/11/2026"),
            ("INV-2026-00013 and 71014", "INV-2026-00013 and 71014"),
            ("RF18 5390 0754 7034", "RF18 5390 0754 7034"),
            ("4111 1111 1111 1112", "4111 1111 1111 1112"),
            ("INV20261128000009 RF18539007547034", "INV20261128000009 RF18539007547034"),
        ];
        for (text, shown) in cases {
            assert_eq!(hide_numbers(text), shown, "{text}");
        }
    }

    #[test]
    fn a_number_that_goes_on_in_the_next_line_is_hidden() {
        let lines = ["card 4111 1111 11".to_owned(), "11 1111 thanks".to_owned()];
        assert_eq!(hide_numbers_in_lines(&lines), ["card …", "1111 thanks"]);
        assert_eq!(hide_numbers_in_lines(&[]), Vec::<String>::new());
    }
}

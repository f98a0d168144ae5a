//! Our mask: what stands for a payer's name or number where it is not shown.

/// What our mask begins with.
pub const MARK: char = '…';
/// Characters of a masked text that stay.
const SHOWN_MAX: usize = 4;

/// Hides all but the last characters, and never shows more than a third of the text.
#[must_use]
pub fn hide(text: &str) -> String {
    let length = text.chars().count();
    let kept = SHOWN_MAX.min(length / 3);
    let shown: String = text.chars().skip(length.saturating_sub(kept)).collect();
    format!("{MARK}{shown}")
}

/// Hides what may be an account or card number within a text, and leaves the rest.
#[must_use]
pub fn hide_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_alphanumeric()) {
        let (between, from) = rest.split_at(start);
        out.push_str(between);
        let run = number_length(from);
        let (word, after) = from.split_at(run.unwrap_or_else(|| word_length(from)));
        if run.is_some() {
            let solid: Vec<char> = word.chars().filter(|c| c.is_alphanumeric()).collect();
            out.push(MARK);
            out.extend(solid.iter().skip(solid.len().saturating_sub(SHOWN_MAX)));
        } else {
            out.push_str(word);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len())
}

/// The length of the card number (13 to 19 digits that pass its check digit) or IBAN that the text
/// begins with; single blanks and hyphens may stand within it.
fn number_length(text: &str) -> Option<usize> {
    let mut solid = String::new();
    let mut ends = Vec::new();
    let mut apart = true;
    for (at, c) in text.char_indices() {
        if c.is_ascii_alphanumeric() {
            solid.push(c.to_ascii_uppercase());
            apart = false;
            let end = at.saturating_add(1);
            let goes_on = text.get(end..).and_then(|rest| rest.chars().next());
            if !goes_on.is_some_and(char::is_alphanumeric) {
                ends.push((end, solid.len()));
            }
        } else if apart || !matches!(c, ' ' | '-') {
            break;
        } else {
            apart = true;
        }
        if solid.len() > 34 {
            break;
        }
    }
    let fits = |(_, length): &&(usize, usize)| {
        solid.get(..*length).is_some_and(|solid| is_card(solid) || is_iban(solid))
    };
    ends.iter().rev().find(fits).map(|(end, _)| *end)
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
#[must_use]
pub fn is_mask(text: &str) -> bool {
    let mut before = None;
    for (at, c) in text.char_indices() {
        if c == MARK && !before.is_some_and(char::is_alphanumeric) {
            let rest = text.get(at.saturating_add(MARK.len_utf8())..).unwrap_or_default();
            let whole = at == 0 && rest.chars().count() <= SHOWN_MAX;
            let shown = rest.chars().take_while(|c| c.is_alphanumeric()).count();
            if whole || shown == SHOWN_MAX {
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
    fn numbers_of_cards_and_accounts_are_hidden_and_invoices_are_not() {
        let cases = [
            ("card 4111 1111 1111 1111 exp 12/29", "card …1111 exp 12/29"),
            ("4111-1111-1111-1111", "…1111"),
            ("from DE89 3704 0044 0532 0130 00 thanks", "from …3000 thanks"),
            ("DE89370400440532013000", "…3000"),
            ("INV-2026-00013 and 71014", "INV-2026-00013 and 71014"),
            ("RF18 5390 0754 7034", "RF18 5390 0754 7034"),
            ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        ];
        for (text, shown) in cases {
            assert_eq!(hide_numbers(text), shown, "{text}");
        }
    }
}

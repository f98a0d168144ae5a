//! Mistakes in texts.

use super::Dice;

/// Another digit in place of one; the text as it is if it has none after `from`.
pub(super) fn wrong_digit(text: &str, from: usize, dice: &mut Dice) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let digits: Vec<usize> =
        (from..bytes.len()).filter(|at| bytes.get(*at).is_some_and(u8::is_ascii_digit)).collect();
    let at = dice.pick(&digits, usize::MAX);
    let step = u8::try_from(dice.below(9)).unwrap_or(0).saturating_add(1);
    if let Some(byte) = bytes.get_mut(at) {
        *byte = b'0' + (*byte - b'0' + step) % 10;
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Two neighbours that differ, swapped; digits only if `digits`.
pub(super) fn swapped(text: &str, from: usize, digits: bool, dice: &mut Dice) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let differ = |at: &usize| match (bytes.get(*at), bytes.get(at.saturating_add(1))) {
        (Some(left), Some(right)) => {
            left != right && (!digits || left.is_ascii_digit() && right.is_ascii_digit())
        }
        _ => false,
    };
    let places: Vec<usize> = (from..bytes.len()).filter(differ).collect();
    let at = dice.pick(&places, usize::MAX);
    if at < bytes.len() {
        bytes.swap(at, at.saturating_add(1));
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Lines of at most 35 characters, cut wherever that falls.
pub(super) fn cut(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(35).map(String::from_iter).collect()
}

pub(super) fn full_width(text: &str) -> String {
    let wide = |c: char| char::from_u32(u32::from(c).saturating_add(0xfee0)).unwrap_or(c);
    text.chars().map(wide).collect()
}

/// One digit left out after `from`.
pub(super) fn digit_missing(text: &str, from: usize, dice: &mut Dice) -> String {
    let digits = text.len().saturating_sub(from).max(1);
    let at = from.saturating_add(dice.below(digits));
    let kept = text.chars().enumerate().filter(|(place, _)| *place != at);
    kept.map(|(_, character)| character).collect()
}

/// One digit too many after `from`.
pub(super) fn digit_added(text: &str, from: usize, dice: &mut Dice) -> String {
    let digits = text.len().saturating_sub(from).max(1);
    let (head, tail) = text.split_at(from.saturating_add(dice.below(digits)).min(text.len()));
    format!("{head}{}{tail}", dice.below(10))
}

/// Another letter in place of the one at `at`.
pub(super) fn wrong_letter(text: &str, at: usize, dice: &mut Dice) -> String {
    let letter = b'A' + u8::try_from(dice.below(26)).unwrap_or(0);
    let other = |(place, c): (usize, char)| if place == at { char::from(letter) } else { c };
    text.chars().enumerate().map(other).collect()
}

/// Digits as Arabic writes them.
pub(super) fn arabic(text: &str) -> String {
    let digit = |c: char| c.to_digit(10).and_then(|value| char::from_u32(0x660 + value));
    text.chars().map(|c| digit(c).unwrap_or(c)).collect()
}

/// A company's name as a bank may write it.
pub(super) fn other_name(name: &str, dice: &mut Dice) -> String {
    let mut words = name.split(' ');
    let plain: Vec<&str> = words.by_ref().take(2).collect();
    let plain = plain.join(" ");
    let form = dice.pick(&["PRIVATE LIMITED", "GmbH", "S.A.", "PTE. LTD.", "B.V.", "A/S"], "");
    match dice.below(3) {
        0 => format!("\"{}\" {form}", plain.to_uppercase()),
        1 => format!("{}, {form}", plain.to_uppercase().replace('O', "Ö")),
        _ => format!("{form} {}", plain.replace('e', "é")),
    }
}

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

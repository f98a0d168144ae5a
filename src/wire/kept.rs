//! Texts of facts that are longer than what is kept. The money is recorded whatever their length:
//! what is beyond is cut off, and a mark in its place says how much that was and has its hash, so
//! that the same content stays the same and other content does not.

use std::borrow::Cow;

use super::canonical::Canonical;
use crate::domain::bank::CUT_MARK;

/// `[cut: 12345 bytes, sha256 …]` for what was cut off.
fn mark<'a>(beyond: impl Iterator<Item = &'a str>) -> String {
    let mut form = Canonical::new("text beyond what is kept");
    let mut bytes = 0_usize;
    for line in beyond {
        bytes = bytes.saturating_add(line.len());
        form.put("line", line.as_bytes());
    }
    format!("{CUT_MARK}{bytes} bytes, sha256 {}]", hex::encode(form.hash()))
}

/// The beginning of a text, at most `max` bytes, whole words only: half a number is another one.
fn beginning(text: &str, max: usize) -> &str {
    let head = text.get(..text.floor_char_boundary(max)).unwrap_or_default();
    let next = text.get(head.len()..).and_then(|rest| rest.chars().next());
    if next.is_none_or(char::is_whitespace) {
        return head;
    }
    let end = head.rfind(char::is_whitespace).unwrap_or(0);
    head.get(..end).unwrap_or_default()
}

/// A text as it is kept: at most `max` bytes and, if it was longer, the mark behind a space.
pub(super) fn text(text: Cow<'_, str>, max: usize) -> String {
    if text.len() <= max {
        return text.into_owned();
    }
    let head = beginning(&text, max);
    let rest = text.get(head.len()..).unwrap_or_default();
    let space = if head.is_empty() { "" } else { " " };
    format!("{head}{space}{}", mark(std::iter::once(rest)))
}

/// Lines as they are kept: at most `lines_max` of `bytes_max` in all and, if there was more, a line
/// that is the mark.
pub(super) fn lines(lines: Vec<Cow<'_, str>>, lines_max: usize, bytes_max: usize) -> Vec<String> {
    let mut left = bytes_max;
    let whole = lines.iter().take(lines_max).take_while(|line| {
        let fits = line.len() <= left;
        left = left.saturating_sub(if fits { line.len() } else { 0 });
        fits
    });
    let whole = whole.count();
    if whole == lines.len() {
        return lines.into_iter().map(Cow::into_owned).collect();
    }
    let (kept, beyond) = lines.split_at(whole);
    let mut all: Vec<String> = kept.iter().map(|line| line.to_string()).collect();
    let first = beyond.first().map(AsRef::as_ref).unwrap_or_default();
    let head = if whole < lines_max { beginning(first, left) } else { "" };
    if !head.is_empty() {
        all.push(head.to_owned());
    }
    let rest = first.get(head.len()..).unwrap_or_default();
    let others = beyond.iter().skip(1).map(AsRef::as_ref);
    all.push(mark(std::iter::once(rest).chain(others)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_number_is_not_kept() {
        let cut = text("INV-1001 INV-1002".into(), 12);
        assert!(cut.starts_with("INV-1001 [cut: 9 bytes, sha256 "), "{cut}");
        assert_eq!(text("INV-1001".into(), 8), "INV-1001");
        let cut = lines(vec!["INV-1001".into(), "INV-1002 INV-1003".into()], 9, 18);
        assert_eq!(cut.get(..2), Some(&["INV-1001".to_owned(), "INV-1002".to_owned()][..]));
        assert!(cut.get(2).is_some_and(|mark| mark.starts_with("[cut: 9 bytes, sha256 ")));
        let cut = lines(vec!["a".into(), "b".into(), "c".into()], 2, 18);
        assert!(cut.len() == 3 && cut.get(2).is_some_and(|mark| mark.starts_with(CUT_MARK)));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_short_and_tells_contents_apart(
            left in prop::collection::vec("[a-c é]{0,9}", 0..9),
            right in prop::collection::vec("[a-c é]{0,9}", 0..9),
        ) {
            let cut = |from: &[String]| {
                lines(from.iter().map(|line| Cow::Borrowed(line.as_str())).collect(), 3, 12)
            };
            prop_assert_eq!(cut(&left) == cut(&right), left == right);
            prop_assert!(cut(&left).len() <= 4);
        }
    }
}

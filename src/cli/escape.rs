//! Text of strangers is data: nothing of it may steer a terminal or turn a line around.

use std::fmt::Write;

/// Whether a character can act on a terminal or hide something from the reader.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // Zero width, direction marks, line and paragraph separators, embeddings, overrides.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            // Joiners, invisible operators, isolates, deprecated controls.
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Tags: a whole invisible alphabet.
            | '\u{e0000}'..='\u{e007f}')
}

/// For people: each hostile character as `\n`, `\t` or `\u{202e}`.
pub(super) fn text(input: &str) -> String {
    if !input.chars().any(is_hostile) {
        return input.to_owned();
    }
    let mut out = String::with_capacity(input.len());
    for c in input.chars() {
        if is_hostile(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// For JSON that is finished: hostile characters can only be inside strings there, where
/// `\uXXXX` means the same. Line breaks between values stay.
pub(super) fn json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        if !is_hostile(c) || c == '\n' {
            out.push(c);
            continue;
        }
        let mut units = [0_u16; 2];
        for unit in c.encode_utf16(&mut units) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_is_left() {
        let hostile = [
            "\u{1b}]0;owned\u{7}",
            "\u{1b}[2J",
            "a\rb",
            "\u{9b}31m",
            "INV\u{202e}1-",
            "a\u{2066}b\u{2069}",
            "zero\u{200b}width",
            "tag\u{e0041}",
            "line\u{2028}",
            "\0",
        ];
        for input in hostile {
            for shown in [text(input), json(&format!("\"{input}\""))] {
                assert!(!shown.chars().any(is_hostile), "{input:?}");
            }
        }
        assert_eq!(text("a\nb\u{202e}"), "a\\nb\\u{202e}");
        assert_eq!(text("Ünïcode 漢字 ok"), "Ünïcode 漢字 ok");
    }

    #[test]
    fn escaped_json_says_the_same() {
        let said = "tag\u{e0041} and \u{202e} and \u{9b}";
        let document = serde_json::to_string(said).expect("JSON");
        let read: String = serde_json::from_str(&json(&document)).expect("JSON still");
        assert_eq!(read, said);
    }
}

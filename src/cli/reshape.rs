//! JSON with other white space: keys, digits and repeats stay byte for byte, as a parser would not
//! leave them.

/// Without the white space between tokens.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    walk(json, |c, in_string| {
        if in_string || !c.is_ascii_whitespace() {
            out.push(c);
        }
    });
    out
}

/// A line for each member, for a person.
pub(super) fn spread(json: &str) -> String {
    let mut out = String::with_capacity(json.len().saturating_mul(2));
    let mut depth = 0_usize;
    let mut opened = false;
    walk(json, |c, in_string| match c {
        '}' | ']' if !in_string => {
            depth = depth.saturating_sub(1);
            if !std::mem::take(&mut opened) {
                line(&mut out, depth);
            }
            out.push(c);
        }
        ',' if !in_string => {
            out.push(c);
            opened = true;
        }
        ':' if !in_string => out.push_str(": "),
        c if !in_string && c.is_ascii_whitespace() => {}
        c => {
            if std::mem::take(&mut opened) {
                line(&mut out, depth);
            }
            out.push(c);
            if !in_string && matches!(c, '{' | '[') {
                depth = depth.saturating_add(1);
                opened = true;
            }
        }
    });
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Each character, and whether it is part of a string.
fn walk(json: &str, mut see: impl FnMut(char, bool)) {
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            see(c, true);
        } else {
            in_string = c == '"';
            see(c, in_string);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spread_and_compact_again_is_the_same() {
        let json = r#"{"b":1.50,"a":[" \" x",{},[]],"b":{"c":null}}"#;
        let wide = spread(json);
        assert!(wide.contains("\n  \"b\": 1.50,\n  \"a\": [\n"), "{wide}");
        assert_eq!(compact(&wide), json);
    }
}

//! A payer's lines as one text column, so that they come back exactly as they were.

/// One text of all lines; none when there are none.
pub fn join(lines: &[String]) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let mut text =
        String::with_capacity(lines.iter().map(|line| line.len().saturating_add(1)).sum());
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        for character in line.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\0' => text.push_str("\\0"),
                other => text.push(other),
            }
        }
    }
    Some(text)
}

/// The lines of [`join`].
pub fn split(text: Option<&str>) -> Vec<String> {
    text.map(|text| text.split('\n').map(unescape).collect()).unwrap_or_default()
}

fn unescape(line: &str) -> String {
    let mut characters = line.chars();
    let mut plain = String::with_capacity(line.len());
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('0') => plain.push('\0'),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_were() {
        let cases: [&[&str]; 6] =
            [&[], &[""], &["a"], &["", ""], &["a\\n\nb", "\0INV-1001"], &["\\0", "\\\\"]];
        for lines in cases {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            let text = join(&lines);
            assert!(!text.as_deref().unwrap_or_default().contains('\0'));
            assert_eq!(split(text.as_deref()), lines);
        }
    }
}

//! Whether a payer's name is a customer's name, as a ratio of whole numbers.

use super::text::normalise;

/// Words of a name that say what kind of company it is, not which.
const LEGAL_FORMS: [&str; 16] = [
    "PTE", "LTD", "LIMITED", "SDN", "BHD", "INC", "LLC", "LLP", "GMBH", "AG", "CO", "CORP", "PLC",
    "PT", "TBK", "COMPANY",
];
/// Names alike by at least this many hundredths are the same.
pub const SAME: usize = 90;
/// A word in brackets of no more characters says where a company is.
const PLACE_CHARACTERS_MAX: usize = 3;
/// Longer names are compared by their beginning.
const CHARACTERS_MAX: usize = 70;

/// How alike two names are, in hundredths: words in any order, without legal forms.
#[must_use]
pub fn likeness(left: &str, right: &str) -> usize {
    let (left, right) = (plain(left), plain(right));
    let longest = left.len().max(right.len());
    if left.is_empty() || right.is_empty() {
        return 0;
    }
    let kept = longest.saturating_sub(distance(&left, &right));
    kept.saturating_mul(100).checked_div(longest).unwrap_or(0)
}

fn plain(name: &str) -> Vec<char> {
    let name = without_places(&normalise(name)).replace(|c: char| !c.is_alphanumeric(), " ");
    let mut words: Vec<&str> =
        name.split(' ').filter(|w| !w.is_empty() && !LEGAL_FORMS.contains(w)).collect();
    words.sort_unstable();
    words.dedup();
    words.join(" ").chars().take(CHARACTERS_MAX).collect()
}

/// Without the country or state in brackets: `(SG)`, `(M)`.
fn without_places(name: &str) -> String {
    let mut parts = name.split('(');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inside, after) = part.split_once(')').unwrap_or((part, ""));
        let place = part.contains(')') && inside.chars().count() <= PLACE_CHARACTERS_MAX;
        plain.push(' ');
        plain.push_str(if place { after } else { part });
    }
    plain
}

/// Levenshtein distance.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.iter().enumerate() {
        let mut before = line;
        let mut last = line.saturating_add(1);
        let mut next = vec![last];
        for (above, to) in row.iter().skip(1).zip(right) {
            let replaced = before.saturating_add(usize::from(from != to));
            last = replaced.min(above.saturating_add(1)).min(last.saturating_add(1));
            before = *above;
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_without_legal_forms_and_in_any_order() {
        for same in ["Acme Trading Pte. Ltd.", "TRADING, ACME", "acme  trading", "Acme Tradin"] {
            assert!(likeness("ACME TRADING LIMITED", same) >= SAME, "{same}");
        }
        for other in ["", "Pte Ltd", "Acme Foods", "Globex", "Acme"] {
            assert!(likeness("ACME TRADING LIMITED", other) < SAME, "{other}");
        }
        assert_eq!(likeness("abc", "abc"), 100);
    }
}

//! Whether a text has the words that a person looks for, however either is written.

use crate::domain::matching::{fold, names, weak};

/// Characters at the end of an account's number that are enough: no more of it is shown masked.
const TAIL: usize = 4;

/// Words that must all be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(Vec<Word>);

/// One word, folded as texts are; with a digit, also as numbers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    text: String,
    number: Option<String>,
}

impl Word {
    pub fn new(word: &str) -> Self {
        let number = word.chars().any(|c| c.is_ascii_digit()).then(|| fold::fold(word));
        Self { text: names::folded(word), number: number.filter(|number| number.len() > 2) }
    }

    pub fn is_in(&self, text: &Said) -> bool {
        let number = |number: &String| has(&text.number, number);
        has(&text.text, &self.text) || self.number.as_ref().is_some_and(number)
    }
}

/// Whether a text has a word; where the word begins or ends with a digit, its number does so too:
/// INV-10 is not in INV-1001.
fn has(text: &str, word: &str) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let starts = digit(word.chars().next());
    let ends = digit(word.chars().next_back());
    let alone = |(at, found): (usize, &str)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at.saturating_add(found.len())..).and_then(|t| t.chars().next());
        !(starts && digit(before) || ends && digit(after))
    };
    word.is_empty() || text.match_indices(word).any(alone)
}

/// A text in the forms in which it is searched.
#[derive(Debug, Clone, Default)]
pub struct Said {
    text: String,
    number: String,
}

impl Said {
    pub fn new(text: &str) -> Self {
        let text = names::folded(text);
        Self { number: fold::fold(&text), text }
    }
}

impl Words {
    pub fn new(text: &str) -> Self {
        Self(text.split_whitespace().map(Word::new).collect())
    }

    pub fn are_in(&self, text: &str) -> bool {
        let said = Said::new(text);
        self.0.iter().all(|word| word.is_in(&said))
    }
}

/// How much of somebody's account number is the one that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alike {
    Whole,
    /// As much as is shown where it is masked.
    End,
}

pub fn is_account(number: &str, wanted: &str) -> Option<Alike> {
    let (number, wanted) = (weak::fold(number), weak::fold(wanted));
    if wanted.is_empty() {
        return None;
    }
    let end = wanted.len() == TAIL && number.ends_with(&wanted);
    (number == wanted).then_some(Alike::Whole).or(end.then_some(Alike::End))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_they_are_written() {
        let has = |text: &str, words: &str| Words::new(words).are_in(text);
        assert!(has("Payment for INV/2026/00013, thanks", "inv-2026-13"));
        assert!(has("Müller & Söhne GmbH", "mueller sohne"));
        assert!(has("MUELLER", "müller"));
        assert!(has("株式会社ヤマト運輸", "ヤマト"));
        assert!(!has("Payment for INV-1", "inv-2"));
        assert!(!has("Acme", "acme initech"), "all of the words");
        assert!(has("anything", ""));
        assert!(has("rent 77", "77") && !has("rent 1777", "77") && !has("INV-1001", "INV-10"));
    }

    #[test]
    fn an_account_is_found_by_all_of_it_or_by_what_is_shown_of_it() {
        let number = "DE89370400440532013000";
        assert_eq!(is_account(number, "de89 3704 0044 0532 0130 00"), Some(Alike::Whole));
        assert_eq!(is_account(number, "3000"), Some(Alike::End));
        assert_eq!(is_account(number, "013000"), None, "no guessing digit by digit");
        assert_eq!(is_account(number, "0"), None);
        assert_eq!(is_account("", ""), None);
    }
}

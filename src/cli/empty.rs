//! A list without rows says by what nothing was found, and which value is near.

use super::{escape, near};

/// The filters of a list, as they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Filters(Vec<Filter>);

#[derive(Debug, Clone)]
struct Filter {
    option: &'static str,
    value: String,
    /// Values that would find something, as far as they are known.
    known: Vec<String>,
}

impl Filters {
    /// One that may have been given.
    pub(super) fn with(mut self, option: &'static str, value: Option<impl ToString>) -> Self {
        let filter = |value: String| Filter { option, value, known: Vec::new() };
        self.0.extend(value.map(|value| filter(value.to_string())));
        self
    }

    /// The values that an option may have, for "did you mean".
    pub(super) fn known(mut self, option: &str, values: &[String]) -> Self {
        for filter in self.0.iter_mut().filter(|filter| filter.option == option) {
            filter.known.extend_from_slice(values);
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That nothing of the kind fits, with the values that may be meant.
    pub(super) fn sentence(&self, kind: &str) -> String {
        let written = |option: &str, value: &str| {
            let plain = |c: char| c.is_alphanumeric() || "-_.:,/@".contains(c);
            if !value.is_empty() && value.chars().all(plain) {
                format!("{option} {value}")
            } else {
                format!("{option} '{value}'")
            }
        };
        let all: Vec<String> = self.0.iter().map(|one| written(one.option, &one.value)).collect();
        let mut sentence = format!("No {kind} fits {}.", all.join(" "));
        for one in &self.0 {
            if one.known.contains(&one.value) {
                continue;
            }
            if let Some(near) = near::nearest(&one.value, one.known.clone()).first() {
                sentence.push_str(&format!(" Did you mean {}?", written(one.option, near)));
            }
        }
        sentence
    }

    /// Tells it where nothing was found; without a filter an empty list says enough.
    pub(super) fn tell(&self, nothing: bool, kind: &str) {
        if nothing && !self.is_empty() {
            eprintln!("{}", escape::text(&self.sentence(kind)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_by_what_nothing_was_found_and_what_is_near() {
        let filters = Filters::default()
            .with("--code", Some("confict"))
            .with("--topic", None::<&str>)
            .with("--text", Some("two words"))
            .known("--code", &["conflict".to_owned(), "crash_loop".to_owned()]);
        let expected = "No open dead letter fits --code confict --text 'two words'. \
                        Did you mean --code conflict?";
        assert_eq!(filters.sentence("open dead letter"), expected);
        let right = Filters::default().with("--code", Some("conflict"));
        let right = right.known("--code", &["conflict".to_owned(), "conflicts".to_owned()]);
        assert_eq!(right.sentence("dead letter"), "No dead letter fits --code conflict.");
    }
}

//! The lists of CONTRIBUTING.md: each follows one example, and names every file that the example
//! touches.

use crate::{Finding, Source, none, sources};

const PAGE: &str = "CONTRIBUTING.md";
/// Sections with an example.
const EXAMPLES: usize = 5;

/// What to add, the words of its example, and the files of the list with their lines.
struct List<'a> {
    line: usize,
    words: Vec<&'a str>,
    files: Vec<(usize, &'a str)>,
}

fn lists(page: &str) -> Vec<List<'_>> {
    let mut lists: Vec<List<'_>> = Vec::new();
    for (index, line) in page.lines().enumerate() {
        if let Some(example) = line.strip_prefix("Example: ") {
            let words = example.split('`').skip(1).step_by(2).collect();
            lists.push(List { line: index + 1, words, files: Vec::new() });
        } else if let Some(rest) = line.strip_prefix("- `")
            && let (Some((file, _)), Some(list)) = (rest.split_once('`'), lists.last_mut())
        {
            list.files.push((index + 1, file));
        }
    }
    lists
}

/// Whether the text has the word with no letter, digit or underscore beside it.
fn has(text: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !inside(before.chars().next_back()) && !inside(after.chars().next())
    })
}

fn is_a_place(file: &Source) -> bool {
    !file.test && (file.is_source() || file.under("docs"))
}

#[test]
fn each_list_names_every_place() {
    let files = sources();
    let page = files.iter().find(|file| file.path == PAGE).expect("the page");
    let lists = lists(&page.text);
    assert_eq!(lists.len(), EXAMPLES);
    let mut findings: Vec<Finding> = Vec::new();
    for list in &lists {
        let of_example = |text: &str| list.words.iter().any(|word| has(text, word));
        for (line, name) in &list.files {
            let there = files.iter().any(|file| file.path == *name && of_example(&file.text));
            if !there {
                let what = format!("{name} has none of {:?}", list.words);
                findings.push(page.finding(*line, what));
            }
        }
        let named = |path: &str| list.files.iter().any(|(_, name)| *name == path);
        for file in files.iter().filter(|file| is_a_place(file) && !named(&file.path)) {
            if of_example(&file.text) {
                let what = format!("{:?}: {} is missing", list.words, file.path);
                findings.push(page.finding(list.line, what));
            }
        }
    }
    none(findings);
}

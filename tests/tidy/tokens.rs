//! A Rust file as tokens: paths, words and macros with their lines, test code left out if wanted.
//! Tokens and not text, so that comments and strings are never taken for code.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::Source;

/// What the rules look at.
#[derive(Default)]
pub struct Seen {
    /// `std::fs::read` and each leaf of a `use` tree, with its line.
    pub paths: Vec<(Vec<String>, usize)>,
    pub words: Vec<(String, usize)>,
    /// Names in front of a `!`.
    pub macros: Vec<(String, usize)>,
    /// Names between a `.` and a `(`.
    pub calls: Vec<(String, usize)>,
    /// First word of each attribute.
    pub attributes: Vec<(String, usize)>,
}

/// The tokens of `source`; without test code when `shipped`.
pub fn of(source: &Source, shipped: bool) -> Seen {
    let mut seen = Seen::default();
    if shipped && source.test {
        return seen;
    }
    let stream: TokenStream = source.text.parse().expect("a Rust file");
    walk(stream, shipped, &mut seen);
    seen
}

fn walk(stream: TokenStream, shipped: bool, seen: &mut Seen) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if shipped && is_test_attribute(&tokens, at) {
            at = after_item(&tokens, at);
            continue;
        }
        match token {
            TokenTree::Group(group) => walk(group.stream(), shipped, seen),
            TokenTree::Ident(ident) => {
                let line = ident.span().start().line;
                word(&tokens, at, &ident.to_string(), line, seen);
                if !is_continued(&tokens, at) {
                    path(&tokens, at, &mut Vec::new(), seen);
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '#' => attribute(&tokens, at, seen),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}

fn word(tokens: &[TokenTree], at: usize, name: &str, line: usize, seen: &mut Seen) {
    seen.words.push((name.to_owned(), line));
    let bang = is_punct(tokens.get(at + 1), '!') && !is_punct(tokens.get(at + 2), '=');
    if bang {
        seen.macros.push((name.to_owned(), line));
    }
    let called = matches!(tokens.get(at + 1), Some(TokenTree::Group(group))
        if group.delimiter() == Delimiter::Parenthesis);
    let dotted = at > 0 && is_punct(tokens.get(at - 1), '.');
    if called && dotted {
        seen.calls.push((name.to_owned(), line));
    }
}

fn attribute(tokens: &[TokenTree], at: usize, seen: &mut Seen) {
    let behind = if is_punct(tokens.get(at + 1), '!') { 2 } else { 1 };
    if let Some(TokenTree::Group(group)) = tokens.get(at + behind)
        && let Some(TokenTree::Ident(name)) = group.stream().into_iter().next()
    {
        let line = name.span().start().line;
        seen.attributes.push((name.to_string(), line));
    }
}

/// Whether an identifier goes on what stands before it: `a::b`, `a.b`.
fn is_continued(tokens: &[TokenTree], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|index| tokens.get(index));
    let colons = is_punct(before(1), ':') && is_punct(before(2), ':');
    let rooted = matches!(before(3), Some(TokenTree::Ident(_))) || is_punct(before(3), '>');
    is_punct(before(1), '.') || (colons && rooted)
}

/// Reads a path from `at`, through the groups of a `use` tree.
fn path(tokens: &[TokenTree], mut at: usize, prefix: &mut Vec<String>, seen: &mut Seen) {
    let depth = prefix.len();
    let mut line = 0;
    while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
        line = ident.span().start().line;
        prefix.push(ident.to_string());
        let colons = is_punct(tokens.get(at + 1), ':') && is_punct(tokens.get(at + 2), ':');
        if !colons {
            break;
        }
        at += 3;
    }
    match tokens.get(at) {
        Some(TokenTree::Group(group))
            if group.delimiter() == Delimiter::Brace && depth < prefix.len() =>
        {
            tree(group.stream(), prefix, seen);
        }
        _ => seen.paths.push((prefix.clone(), line)),
    }
    prefix.truncate(depth);
}

fn tree(stream: TokenStream, prefix: &mut Vec<String>, seen: &mut Seen) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut start = 0;
    while start < tokens.len() {
        path(&tokens, start, prefix, seen);
        let comma = (start..tokens.len()).find(|index| is_punct(tokens.get(*index), ','));
        start = comma.map_or(tokens.len(), |comma| comma + 1);
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// `#[cfg(test)]`, also `#[cfg(all(test, …))]`, and `#[test]` functions.
fn is_test_attribute(tokens: &[TokenTree], at: usize) -> bool {
    let Some(TokenTree::Group(group)) = tokens.get(at + 1) else {
        return false;
    };
    if !is_punct(tokens.get(at), '#') || group.delimiter() != Delimiter::Bracket {
        return false;
    }
    let text = group.stream().to_string().replace(' ', "");
    text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Behind the item whose attribute is at `at`: its block, or its semicolon.
fn after_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    };
    let end = tokens.iter().skip(at).position(ends);
    end.map_or(tokens.len(), |end| at + end + 1)
}

#[test]
fn tokens_are_read_as_meant() {
    let text = r#"
        use std::{fs, time::{Instant, SystemTime}};
        fn f() { a.unwrap(); tokio::spawn(x); "sqlx::query"; /* dbg!() */ todo!(); b != c; }
        #[cfg(test)] mod tests { fn g() { h.expect(""); } }
    "#;
    let source = Source { path: "src/x.rs".to_owned(), text: text.to_owned(), test: false };
    let names = |list: &[(String, usize)]| -> Vec<String> {
        list.iter().map(|(name, _)| name.clone()).collect()
    };
    let seen = of(&source, true);
    let paths: Vec<String> = seen.paths.iter().map(|(path, _)| path.join("::")).collect();
    for wanted in ["std::fs", "std::time::Instant", "std::time::SystemTime", "tokio::spawn"] {
        assert!(paths.contains(&wanted.to_owned()), "{wanted} in {paths:?}");
    }
    assert!(!paths.iter().any(|path| path.starts_with("sqlx")));
    assert_eq!(names(&seen.macros), ["todo"]);
    assert_eq!(names(&seen.calls), ["unwrap"]);
    assert_eq!(names(&of(&source, false).calls), ["unwrap", "expect"]);
}

//! Sizes, banned items, exhaustive matches, unused files.

use std::collections::HashMap;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::{Finding, Source, none, sources, tokens};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARACTERS_MAX: usize = 100;

/// Code that stands for code that was not written, or for a test that is not run.
const BANNED_MACROS: [(&str, &str); 3] = [
    ("todo", "write it, or refuse with a code"),
    ("unimplemented", "write it, or refuse with a code"),
    ("dbg", "use tracing, or remove it"),
];

fn rust(files: &[Source]) -> impl Iterator<Item = &Source> {
    files.iter().filter(|file| file.is("rs"))
}

#[test]
fn files_are_short() {
    let files = sources();
    let long = rust(&files).filter(|file| file.text.lines().count() > FILE_LINES_MAX);
    none(
        long.map(|file| {
            let lines = file.text.lines().count();
            file.finding(
                lines,
                format!("{lines} lines, at most {FILE_LINES_MAX}; split it by what it is about"),
            )
        })
        .collect(),
    );
}

#[test]
fn lines_are_short() {
    let files = sources();
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| f.is("rs") || f.is("sql") || f.is("md")) {
        let mut fenced = false;
        for (index, line) in file.text.lines().enumerate() {
            if file.is("md") && line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            // Tables, links and JSON cannot be broken without harm.
            let table = file.is("md") && (line.starts_with('|') || line.contains("]("));
            let json = file.is("rs") && line.contains("r#\"");
            let long = line.chars().count() > LINE_CHARACTERS_MAX;
            if long && !fenced && !table && !json {
                let what =
                    format!("a line of more than {LINE_CHARACTERS_MAX} characters; break it");
                findings.push(file.finding(index + 1, what));
            }
        }
    }
    none(findings);
}

#[test]
fn functions_are_short() {
    struct Long<'a>(&'a Source, Vec<Finding>);
    impl Long<'_> {
        fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
            let first = signature.fn_token.span().start().line;
            let last = block.brace_token.span.close().end().line;
            let lines = last - first + 1;
            if lines > FUNCTION_LINES_MAX {
                let name = &signature.ident;
                let what = format!(
                    "`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}; name its parts"
                );
                self.1.push(self.0.finding(first, what));
            }
        }
    }
    impl<'ast> Visit<'ast> for Long<'_> {
        fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
            self.measure(&item.sig, &item.block);
            visit::visit_item_fn(self, item);
        }
        fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
            self.measure(&item.sig, &item.block);
            visit::visit_impl_item_fn(self, item);
        }
        fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
            if let Some(block) = &item.default {
                self.measure(&item.sig, block);
            }
            visit::visit_trait_item_fn(self, item);
        }
    }
    let files = sources();
    let mut findings = Vec::new();
    for file in rust(&files) {
        let mut long = Long(file, Vec::new());
        long.visit_file(&parsed(file));
        findings.extend(long.1);
    }
    none(findings);
}

fn parsed(file: &Source) -> syn::File {
    syn::parse_file(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

#[test]
fn nothing_banned_is_used() {
    let files = sources();
    let mut findings = Vec::new();
    for file in rust(&files) {
        let seen = tokens::of(file, false);
        for (name, line) in &seen.macros {
            if let Some((_, instead)) = BANNED_MACROS.iter().find(|(banned, _)| banned == name) {
                findings.push(file.finding(*line, format!("{name}! is banned; {instead}")));
            }
        }
        for (name, line) in &seen.attributes {
            if name == "ignore" {
                let what = "a test that is not run proves nothing; repair it or remove it";
                findings.push(file.finding(*line, what));
            }
        }
    }
    for file in files.iter().filter(|file| file.is_source()) {
        for (name, line) in &tokens::of(file, true).calls {
            if name == "unwrap" || name == "expect" {
                let what =
                    format!(".{name}() outside tests; return an error that says what failed");
                findings.push(file.finding(*line, what));
            }
        }
    }
    none(findings);
}

/// An enum of ours is matched in full, so that a new variant cannot be forgotten. `_` is for what
/// has no list of variants that is ours: numbers, texts, options, enums of other crates. In the
/// domain those of other crates are matched in full too.
#[test]
fn enums_of_ours_are_matched_in_full() {
    struct Wild<'a> {
        file: &'a Source,
        /// Names of enums; of all there are without a list.
        enums: Option<&'a [String]>,
        findings: Vec<Finding>,
    }
    impl<'ast> Visit<'ast> for Wild<'_> {
        fn visit_expr_match(&mut self, found: &'ast syn::ExprMatch) {
            let ours = found.arms.iter().any(|arm| names_a_variant(&arm.pat, self.enums));
            let wild = found.arms.iter().find(|arm| is_wild(&arm.pat));
            if let (true, Some(arm)) = (ours, wild) {
                let what = "`_` in a match on an enum of ours; name the other variants";
                self.findings.push(self.file.finding(arm.span().start().line, what));
            }
            visit::visit_expr_match(self, found);
        }
    }
    let files = sources();
    let shipped: Vec<&Source> =
        files.iter().filter(|file| file.is_source() && !file.test).collect();
    let mut enums = Enums(vec!["Self".to_owned()]);
    shipped.iter().for_each(|file| enums.visit_file(&parsed(file)));
    assert!(enums.0.len() > 100, "{:?}", enums.0);
    let mut findings = Vec::new();
    for file in shipped.into_iter().filter(|file| !file.under(GENERATED)) {
        let enums = (!file.under("crates/domain")).then_some(enums.0.as_slice());
        let mut wild = Wild { file, enums, findings: Vec::new() };
        wild.visit_file(&parsed(file));
        findings.extend(wild.findings);
    }
    none(findings);
}

/// What is made up has dozens of kinds, and each function there is about a few of them.
const GENERATED: &str = "src/generate";

/// The names of the enums that are declared.
struct Enums(Vec<String>);

impl<'ast> Visit<'ast> for Enums {
    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.0.push(item.ident.to_string());
    }
}

fn is_wild(pattern: &syn::Pat) -> bool {
    matches!(pattern, syn::Pat::Wild(_))
}

/// Whether the pattern has a variant of one of these enums; without a list, of one other than
/// `Option` and `Result`.
fn names_a_variant(pattern: &syn::Pat, enums: Option<&[String]>) -> bool {
    struct Variant<'a>(Option<&'a [String]>, bool);
    impl<'ast> Visit<'ast> for Variant<'_> {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            let mut segments = path.segments.iter().rev();
            let last = segments.next().map(|segment| segment.ident.to_string());
            let owner = segments.next().map(|segment| segment.ident.to_string());
            let own = owner.is_some_and(|owner| match self.0 {
                Some(enums) => enums.contains(&owner),
                None => owner.starts_with(char::is_uppercase),
            });
            let shared = matches!(last.as_deref(), Some("Some" | "None" | "Ok" | "Err"));
            // `Up` is a variant, `MAX_UTC` a constant.
            let constant = last.is_some_and(|last| last.len() > 3 && last == last.to_uppercase());
            self.1 |= own && !shared && !constant;
        }
    }
    let mut variant = Variant(enums, false);
    variant.visit_pat(pattern);
    variant.1
}

/// Words that fit everything: the second type that takes one has a better name.
const PALE: [&str; 7] = ["Act", "Ended", "Found", "Outcome", "Report", "Run", "Step"];

#[test]
fn a_pale_word_names_one_type() {
    let files = sources();
    let mut first: HashMap<String, String> = HashMap::new();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_source()) {
        let words = tokens::of(file, false).words;
        for pair in words.windows(2) {
            let [(keyword, _), (name, line)] = pair else { continue };
            let declares = matches!(keyword.as_str(), "struct" | "enum" | "type" | "trait");
            if !declares || !PALE.contains(&name.as_str()) {
                continue;
            }
            let here = format!("{}:{line}", file.path);
            if let Some(place) = first.get(name) {
                let what = format!("`{name}` is a type of {place} too; say what this one is");
                findings.push(file.finding(*line, what));
            } else {
                first.insert(name.clone(), here);
            }
        }
    }
    none(findings);
}

#[test]
fn each_statement_is_used() {
    let files = sources();
    let code: Vec<&Source> = rust(&files).filter(|file| file.under("src")).collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is("sql") && file.under("src/store/sql")) {
        for (index, line) in file.text.lines().enumerate() {
            let Some(name) = line.strip_prefix("-- name: ") else { continue };
            // Of the audit's, what is behind `audit_` names the invariant.
            let quoted = format!("\"{}\"", name.strip_prefix("audit_").unwrap_or(name));
            if !code.iter().any(|file| file.text.contains(&quoted)) {
                findings.push(file.finding(index + 1, "no code uses this statement; remove it"));
            }
        }
    }
    none(findings);
}

#[test]
fn each_fixture_is_used() {
    let files = sources();
    let code: Vec<&Source> = rust(&files).collect();
    let fixtures = files.iter().filter(|file| file.under("fixtures"));
    let unused = fixtures.filter(|fixture| {
        let name = fixture.path.rsplit('/').next().unwrap_or_default();
        let folder = fixture.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let quoted = format!("\"{}\"", stem(&fixture.path));
        let used = |text: &str| {
            let walked = text.contains("read_dir") && text.contains(&format!("{folder}\""));
            text.contains(name) || walked || (text.contains(folder) && text.contains(&quoted))
        };
        !code.iter().any(|file| used(&file.text))
    });
    none(unused.map(|file| file.finding(1, "no code uses this fixture; remove it")).collect());
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

#[test]
fn no_machine_is_named() {
    // In halves, so that this file does not find itself.
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let files = sources();
    let mut findings = Vec::new();
    for file in &files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(place) = places.iter().find(|place| line.contains(*place)) {
                let what = format!("`{place}` is a place of one machine; use a relative path");
                findings.push(file.finding(index + 1, what));
            }
        }
    }
    none(findings);
}

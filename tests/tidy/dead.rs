//! What is declared is used by what is shipped, and what is depended on is named.
//!
//! The compiler finds no dead code in a library: whatever is `pub` may be called from outside. So
//! words are counted: a name that stands nowhere but where it is declared is used by nothing. Names
//! that several things have are told apart by no count.

use std::collections::HashMap;

use syn::visit::{self, Visit};

use crate::{Source, none, sources, tokens};

/// What tests alone use and cannot have to themselves, because a library has no tests outside of
/// it: a file, and a name; all of the file where there is none.
const FOR_TESTS: [(&str, &str); 7] = [
    // What is made up, with all that it is: the service plays the same records.
    ("src/generate/hostile.rs", "sample"),
    ("src/generate/quality.rs", "sample"),
    // Logs at random, that the model and the service play.
    ("crates/domain/src/model_gen.rs", ""),
    // A log without a broker, and a broker that goes away.
    ("crates/kafka/src/log.rs", "in_memory"),
    ("crates/kafka/src/mock.rs", "down"),
    ("crates/kafka/src/mock.rs", "up"),
    // What the database's reading of names is compared by.
    ("crates/domain/src/matching/names.rs", "company_words"),
];
/// Rust calls what is in it.
const BINARY: &str = "src/main.rs";

/// Declarations of one file: the name and its line. What fulfils a trait is called by its name
/// there, or by another crate.
#[derive(Default)]
struct Declared(Vec<(String, usize)>);

impl Declared {
    fn add(&mut self, name: &syn::Ident) {
        self.0.push((name.to_string(), name.span().start().line));
    }
}

impl<'ast> Visit<'ast> for Declared {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            syn::Item::Const(item) => self.add(&item.ident),
            syn::Item::Enum(item) => self.add(&item.ident),
            syn::Item::Fn(item) => self.add(&item.sig.ident),
            syn::Item::Static(item) => self.add(&item.ident),
            syn::Item::Struct(item) => self.add(&item.ident),
            syn::Item::Trait(item) => self.add(&item.ident),
            syn::Item::Type(item) => self.add(&item.ident),
            _ => {}
        }
        if !matches!(item, syn::Item::Mod(module) if module.attrs.iter().any(is_for_tests)) {
            visit::visit_item(self, item);
        }
    }
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if item.trait_.is_none() {
            visit::visit_item_impl(self, item);
        }
    }
    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.add(&item.ident);
    }
    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !item.attrs.iter().any(is_for_tests) {
            self.add(&item.sig.ident);
        }
    }
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if !item.attrs.iter().any(is_for_rows) {
            visit::visit_item_struct(self, item);
        }
    }
    fn visit_field(&mut self, item: &'ast syn::Field) {
        if let Some(name) = &item.ident {
            self.add(name);
        }
    }
    fn visit_variant(&mut self, item: &'ast syn::Variant) {
        // An error that `?` makes of another is not named where that is done.
        let made = |field: &syn::Field| field.attrs.iter().any(|one| one.path().is_ident("from"));
        if !item.fields.iter().any(made) {
            self.add(&item.ident);
        }
        visit::visit_variant(self, item);
    }
}

/// A row that is read and shown as it is: both derives name its fields.
fn is_for_rows(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let derived = list.tokens.to_string();
    list.path.is_ident("derive") && derived.contains("Serialize") && derived.contains("FromRow")
}

/// `#[cfg(test)]`
fn is_for_tests(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}

#[test]
fn what_is_declared_is_used() {
    let files = sources();
    let code: Vec<&Source> = files.iter().filter(|file| file.is_source() && !file.test).collect();
    let mut times: HashMap<String, usize> = HashMap::new();
    for file in &code {
        for (word, _) in tokens::of(file, true).words {
            *times.entry(word).or_default() += 1;
        }
    }
    let mut declared: HashMap<String, Vec<(&Source, usize)>> = HashMap::new();
    for file in code.iter().filter(|file| file.path != BINARY) {
        let mut found = Declared::default();
        found.visit_file(&syn::parse_file(&file.text).expect("a Rust file"));
        for (name, line) in found.0 {
            declared.entry(name).or_default().push((file, line));
        }
    }
    assert!(declared.len() > 1_000, "{}", declared.len());
    // `format!("{NAME}")`
    let printed = |name: &str| {
        let (plain, formatted) = (format!("{{{name}}}"), format!("{{{name}:"));
        code.iter().any(|file| file.text.contains(&plain) || file.text.contains(&formatted))
    };
    let mut findings = Vec::new();
    for (name, places) in &declared {
        if times.get(name).is_some_and(|times| *times > places.len()) || printed(name) {
            continue;
        }
        for (file, line) in places {
            let kept = |(path, kept): &(&str, &str)| {
                *path == file.path && (kept.is_empty() || kept == name)
            };
            if !FOR_TESTS.iter().any(kept) {
                let what = format!("nothing that is shipped uses `{name}`; remove it");
                findings.push(file.finding(*line, what));
            }
        }
    }
    none(findings);
}

#[test]
fn what_is_depended_on_is_named() {
    let files = sources();
    let mut findings = Vec::new();
    let manifests: Vec<&Source> =
        files.iter().filter(|file| file.path.ends_with("Cargo.toml")).collect();
    assert!(manifests.len() > 3, "the packages of crates/ were not found");
    for manifest in manifests {
        let folder = manifest.path.trim_end_matches("Cargo.toml");
        let mut section = "";
        for (index, line) in manifest.text.lines().enumerate() {
            if line.starts_with('[') {
                section = line;
            }
            let places: &[&str] = match section {
                "[dependencies]" => &["src"],
                "[dev-dependencies]" => &["src", "tests", "benches"],
                _ => continue,
            };
            let Some((name, _)) = line.split_once(" =") else { continue };
            let named = name.replace('-', "_");
            let under =
                |file: &Source| places.iter().any(|place| file.under(&format!("{folder}{place}")));
            let mut code = files.iter().filter(|file| file.is("rs") && under(file));
            if !code.any(|file| names(file, &named)) {
                let what = format!("nothing uses {name}; remove it");
                findings.push(manifest.finding(index + 1, what));
            }
        }
    }
    none(findings);
}

/// Whether a path of the file begins with the crate.
fn names(file: &Source, named: &str) -> bool {
    let first = |(path, _): &(Vec<String>, usize)| path.first().is_some_and(|one| one == named);
    file.text.contains(named) && tokens::of(file, false).paths.iter().any(first)
}

//! The statements of `sql/`: one file for each noun, in it each statement behind its name.
//!
//! ```sql
//! -- name: load_balances
//! SELECT account_id, currency, balance FROM balances WHERE account_id = ANY($1::text[])
//! ```
//!
//! `sql!("load_balances")` is the text. It is looked up by the compiler: a name that no statement
//! has, or that two have, does not compile.

/// A statement with its name; its text is sent to the database as it stands in the file, comments
/// and all.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! files {
    ($($noun:literal)*) => { &[$(include_str!(concat!("sql/", $noun, ".sql"))),*] };
}

const FILES: &[&str] = files![
    "accounts" "advices" "audit_money" "audit_records" "bank" "candidates" "checkpoint" "compare"
    "dead_letters" "forget" "holds" "inbox" "invoices" "jobs" "ledger" "outbox" "payments" "prune"
    "reconcile" "returns" "review" "rules" "usage" "views_accounts" "views_book" "views_find"
    "views_invoices" "views_ledger" "views_payments" "views_records" "views_review" "views_status"
    "waiting" "worker"
];

/// Room for more than there are; beyond it nothing compiles.
const ROOM: usize = 512;

/// All statements, file by file, and how many there are.
static FOUND: ([Named; ROOM], usize) = {
    let mut found = [Named { name: "", text: "" }; ROOM];
    let (mut file, mut count) = (0, 0);
    while file < FILES.len() {
        let mut rest = FILES[file];
        while !rest.is_empty() {
            (found[count], rest) = first(rest);
            count += 1;
        }
        file += 1;
    }
    (found, count)
};

/// All statements, file by file.
pub static STATEMENTS: &[Named] = FOUND.0.split_at(FOUND.1).0;

/// The statement that a text begins with, and what follows it.
const fn first(text: &'static str) -> (Named, &'static str) {
    const MARK: &str = "-- name: ";
    assert!(stands(MARK, text, 0), "a file begins with `-- name: `");
    let (_, text) = text.split_at(MARK.len());
    let (name, text) = text.split_at(find("\n", text));
    let (text, rest) = text.split_at(find("\n-- name: ", text));
    (Named { name, text: text.trim_ascii() }, rest.trim_ascii_start())
}

/// Where `what`, which begins with a line break, stands in `text`; else its end.
const fn find(what: &str, text: &str) -> usize {
    let (bytes, mut at) = (text.as_bytes(), 0);
    while at < bytes.len() && !(bytes[at] == b'\n' && stands(what, text, at)) {
        at += 1;
    }
    at
}

const fn stands(what: &str, text: &str, at: usize) -> bool {
    let (what, text, mut n) = (what.as_bytes(), text.as_bytes(), 0);
    while n < what.len() && at + n < text.len() && text[at + n] == what[n] {
        n += 1;
    }
    n == what.len()
}

/// The text of the one statement of this name.
pub const fn named(name: &str) -> &'static str {
    let (mut at, mut text, mut times) = (0, "", 0);
    while at < STATEMENTS.len() {
        let one = STATEMENTS[at];
        if one.name.len() == name.len() && stands(name, one.name, 0) {
            (text, times) = (one.text, times + 1);
        }
        at += 1;
    }
    assert!(times != 0, "no statement has this name");
    assert!(times == 1, "two statements have this name");
    text
}

/// The text of the statement of this name.
macro_rules! sql {
    ($name:expr) => {{
        const TEXT: &str = $crate::store::sql::named($name);
        TEXT
    }};
}
pub(crate) use sql;

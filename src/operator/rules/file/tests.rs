//! What a rule file may say, and how each mistake is refused.

use super::*;
use crate::domain::ids::AccountId;
use crate::domain::matching::PartialPolicy;
use crate::domain::matching::policy::{EqualAmountPolicy, ResidualPolicy};
use crate::rules::{from_content, hash, to_content};

const WHOLE: &str = r#"
comment = "as agreed with finance"

[global]
partial = "suggest"
fee = "apply"
equal_amount = "oldest"
residual = "match"
max_auto_amount = { SGD = "1000.00", JPY = "100000" }

[accounts.ACME]
partial = "apply"
max_auto_amount = { SGD = "none", KWD = "5.125" }

[accounts."B:2.x"]
equal_amount = "suggest"
residual = "hold"
"#;

fn rules(text: &str) -> RuleSet {
    match parse(text) {
        Ok(file) => file.rules,
        Err(error) => panic!("{error}"),
    }
}

fn refused(text: &str) -> Vec<String> {
    match parse(text) {
        Err(FileError::Invalid(problems)) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_file_is_read() {
    let file = parse(WHOLE).expect("usable");
    assert_eq!(file.comment.as_deref(), Some("as agreed with finance"));
    let of = |id: &str| file.rules.for_account(Some(&AccountId::trusted(id))).clone();
    assert_eq!(of("ACME").partial, PartialPolicy::Apply);
    assert_eq!(of("ACME").fee, PartialPolicy::Apply);
    let limits: Vec<String> = of("ACME").max_auto_amounts.iter().map(|l| l.to_string()).collect();
    assert_eq!(limits, ["100000 JPY", "5.125 KWD"]);
    assert_eq!(of("B:2.x").equal_amount, EqualAmountPolicy::Suggest);
    assert_eq!(of("B:2.x").residual, ResidualPolicy::Hold);
    assert_eq!(rules(""), RuleSet::default(), "an empty file says what was always so");
}

#[test]
fn what_is_stored_is_read_as_the_same() {
    let rules = rules(WHOLE);
    let content = to_content(&rules);
    assert_eq!(
        content,
        concat!(
            r#"{"accounts":{"ACME":{"max_auto_amount":{"KWD":"5.125","SGD":"none"},"#,
            r#""partial":"apply"},"B:2.x":{"equal_amount":"suggest","residual":"hold"}},"#,
            r#""global":{"equal_amount":"oldest","fee":"apply","max_auto_amount":"#,
            r#"{"JPY":"100000","SGD":"1000.00"},"partial":"suggest","residual":"match"}}"#
        )
    );
    assert_eq!(from_content(&content).as_ref(), Ok(&rules));
    // The order of keys and the form of an amount change nothing.
    let other = WHOLE.replace("\"1000.00\"", "\"1000\"");
    assert_eq!(hash(&to_content(&self::rules(&other))), hash(&content));
}

#[test]
fn each_mistake_is_refused_with_its_place() {
    let of = |text: &str| refused(text).join("; ");
    assert_eq!(
        of("[global]\npartail = \"apply\""),
        "unknown_key: `global.partail` is not a key here; expected partial, fee, equal_amount, \
         residual, max_auto_amount, max_return_fee"
    );
    assert_eq!(
        of("[globl]\nfee = \"apply\""),
        "unknown_key: `globl` is not a key here; expected global, accounts"
    );
    assert_eq!(
        of("[accounts.A]\npartial = \"maybe\""),
        "not_a_choice: `accounts.A.partial` is \"maybe\"; expected suggest or apply"
    );
    assert_eq!(
        of("[global]\nresidual = true"),
        "not_text: `global.residual` is the flag true; expected match or hold"
    );
    let amount = |value: &str| of(&format!("[global.max_auto_amount]\nSGD = {value}"));
    let text = "an amount is text in quotes, such as \"100.00\"";
    let at = "`global.max_auto_amount.SGD`";
    assert_eq!(amount("100.5"), format!("not_text: {at} is the number 100.5; {text}"));
    assert_eq!(amount("100"), format!("not_text: {at} is the number 100; {text}"));
    for bad in ["-1", "1e3", "1.001", "01", "1,000.00", "", "none"] {
        let said = amount(&format!("\"{bad}\""));
        assert!(said.starts_with(&format!("bad_amount: {at} is \"{bad}\": ")), "{said}");
    }
    let fee = |text: &str| of(&format!("[global.max_return_fee]\n{text}"));
    for bad in ["SGD = \"-1\"", "SGD = \"none\"", "JPY = \"0.5\""] {
        assert!(fee(bad).starts_with("bad_amount: `global.max_return_fee."), "{bad}");
    }
    assert!(fee("SGD = 3").starts_with("not_text: `global.max_return_fee.SGD`"));
    assert!(of("[accounts.A.max_return_fee]\nSGD = \"3\"").starts_with("unknown_key: "));
    let some = rules("[global.max_return_fee]\nSGD = \"3.00\"\nJPY = \"0\"");
    let content = to_content(&some);
    assert!(content.contains(r#""max_return_fee":{"JPY":"0","SGD":"3.00"}"#), "{content}");
    assert!(!to_content(&rules("[global]")).contains("max_return_fee"), "old contents stay");
    let said = some.lines().into_iter().filter(|line| line.1 == "max_return_fee");
    assert_eq!(said.map(|line| line.2).collect::<Vec<_>>(), ["0 JPY", "3.00 SGD"]);
    assert!(of("[global.max_auto_amount]\nsgd = \"1\"").starts_with("unknown_currency: "));
    assert!(of("[global.max_auto_amount]\nXXQ = \"1\"").starts_with("unknown_currency: "));
    assert!(of("[accounts.\"A B\"]\nfee = \"apply\"").starts_with("bad_account_id: "));
    assert!(of("accounts = 5").starts_with("not_a_table: `accounts` is the number 5"));
    assert!(of("comment = 5").starts_with("not_text: `comment`"));
    let both = refused("[global]\nfee = 1\n[accounts.A]\nx = 1");
    assert_eq!(both.len(), 2, "all are told at once: {both:?}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    for bad in ["[global\n", "[global]\nfee = \"a\"\nfee = \"b\"\n"] {
        match parse(bad) {
            Err(FileError::Unreadable(why)) => assert!(why.contains("line"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    let missing = read(Path::new("/nonexistent/rules.toml"));
    assert!(matches!(missing, Err(FileError::Unreadable(_))));
}

#[test]
fn content_of_a_later_version_is_not_guessed_at() {
    let later = from_content(r#"{"accounts":{},"global":{"colour":"red"}}"#);
    assert_eq!(later.expect_err("unknown").len(), 1);
    assert!(from_content("[]").is_err());
    assert!(from_content("{").is_err());
}

//! The names that accounts have in a journal, and those that tie postings together. They say which
//! id they stand for, and no two ids have one name.

use std::fmt::Write;

use super::{CliError, Result};
use crate::domain::ledger::LedgerAccount;

/// In front of an id that could not begin a name: names begin with a capital letter or a digit.
const ID: &str = "Id-";

/// The name of a ledger account, in the chart that beancount and hledger share.
pub(crate) fn account(word: &str, account_id: Option<&str>) -> Result<String> {
    let Some(account) = LedgerAccount::of(word, account_id) else {
        let what = "that this version does not know: export with the version of the workers";
        return Err(CliError::Failed(format!("the ledger has an account `{word}` {what}")));
    };
    let name = match account {
        LedgerAccount::BankClearing => "Assets:BankClearing",
        LedgerAccount::ClawBackReceivable => "Assets:ClawBackReceivable",
        LedgerAccount::UnallocatedCash => "Liabilities:Unallocated",
        LedgerAccount::SplitClearing => "Liabilities:SplitClearing",
        LedgerAccount::CustomerBalance(id) => return Ok(customer(id.as_str())),
        LedgerAccount::UsageRevenue => "Income:Usage",
        LedgerAccount::Fees => "Expenses:BankFees",
    };
    Ok(name.to_owned())
}

/// The account of a customer's balance: `ACC-1001` as it is, `cus_7` as `Id-cus--5F-7`.
pub(crate) fn customer(id: &str) -> String {
    let name = escaped(id, |c| c.is_ascii_alphanumeric(), '-', '-');
    let begins = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let id = if name.starts_with(begins) && !name.starts_with(ID) { "" } else { ID };
    format!("Liabilities:Customers:{id}{name}")
}

/// What ties the postings of one thing together: `payment/BANK/DBS-1/TX-7`.
pub(crate) fn link(kind: &str, id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    format!("{kind}/{}", escaped(id, plain, ':', '/'))
}

/// Plain characters stay; `from` between two of them becomes `to`. Any other character is its
/// number in sixteens, behind `to` twice and before `to`: nothing else has `to` twice.
fn escaped(text: &str, plain: impl Fn(char) -> bool, from: char, to: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut before = false;
    while let Some(letter) = letters.next() {
        let now = plain(letter);
        if now {
            out.push(letter);
        } else if letter == from && before && letters.peek().is_some_and(|next| plain(*next)) {
            out.push(to);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "{to}{to}{:X}{to}", u32::from(letter));
        }
        before = now;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text that `escaped` was given.
    fn read(name: &str, from: char, to: char) -> String {
        let mark = format!("{to}{to}");
        let mut out = String::new();
        let mut rest = name;
        while let Some(letter) = rest.chars().next() {
            if let Some(number) = rest.strip_prefix(&mark) {
                let (digits, behind) = number.split_once(to).expect("it ends");
                let number = u32::from_str_radix(digits, 16).expect("a number");
                out.push(char::from_u32(number).expect("a character"));
                rest = behind;
            } else {
                out.push(if letter == to { from } else { letter });
                rest = &rest[letter.len_utf8()..];
            }
        }
        out
    }

    fn id_of(customer: &str) -> String {
        let name = customer.strip_prefix("Liabilities:Customers:").expect("a customer");
        read(name.strip_prefix(ID).unwrap_or(name), '-', '-')
    }

    /// What both programs take for a part of a name: capital or digit, then letters, digits, `-`.
    fn is_part(part: &str) -> bool {
        let begins = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        part.starts_with(begins) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    }

    #[test]
    fn an_id_is_read_from_its_name() {
        for (id, name) in [
            ("ACC-1001", "ACC-1001"),
            ("7eleven", "7eleven"),
            ("cus_7", "Id-cus--5F-7"),
            ("Id-7", "Id-Id-7"),
            ("eu:ACME.1", "Id-eu--3A-ACME--2E-1"),
            ("A--B-", "A--2D---2D-B--2D-"),
            ("Tan Ah Seng", "Tan--20-Ah--20-Seng"),
            ("漢", "Id---6F22-"),
        ] {
            assert_eq!(customer(id), format!("Liabilities:Customers:{name}"));
            assert_eq!(id_of(&customer(id)), id);
        }
        assert_eq!(link("payment", "BANK:DBS-1:TX_7"), "payment/BANK/DBS-1/TX_7");
        assert_eq!(link("invoice", ":a::b/"), "invoice///3A/a//3A///3A/b//2F/");
    }

    #[test]
    fn an_account_of_a_later_version_is_refused() {
        let refused = account("goodwill", None).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|why| why.contains("`goodwill`")));
    }

    proptest! {
        /// What can be read back is another name for each id.
        #[test]
        fn no_two_ids_have_one_name(id in "(Id-)?[-a-zA-Z0-9._: é漢]{1,12}|.{1,12}") {
            let name = customer(&id);
            prop_assert_eq!(id_of(&name), id.clone());
            prop_assert!(name.split(':').all(is_part), "{}", name);
            let link = link("payment", &id);
            prop_assert_eq!(read(link.strip_prefix("payment/").expect("of it"), ':', '/'), id);
            let valid = |c: char| c.is_ascii_alphanumeric() || "-_/.".contains(c);
            prop_assert!(link.chars().all(valid), "{}", link);
        }
    }
}

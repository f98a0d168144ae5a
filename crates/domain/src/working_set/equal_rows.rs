//! How many equal records without any id there are: each is a payment, however many come.

use std::collections::HashMap;

use crate::ids::BankKey;

/// The last ordinal of each print, by bank account and what the keys begin with.
#[derive(Debug, Clone, Default)]
pub struct EqualRows(HashMap<(String, String), u32>);

impl EqualRows {
    /// Takes note of a key; one that has no ordinal is another kind.
    pub fn note(&mut self, key: &BankKey) {
        let Some((print, ordinal)) = split(&key.key) else { return };
        let last = self.0.entry((key.bank_account.clone(), print.to_owned())).or_default();
        *last = ordinal.max(*last);
    }

    /// 0 if there is none.
    pub fn last(&self, bank_account: &str, print: &str) -> u32 {
        let key = (bank_account.to_owned(), print.to_owned());
        self.0.get(&key).copied().unwrap_or_default()
    }
}

/// The print with its separator, and the ordinal.
fn split(key: &str) -> Option<(&str, u32)> {
    let at = key.starts_with("print:").then(|| key.rfind(':')).flatten()?;
    let (print, ordinal) = key.split_at_checked(at.checked_add(1)?)?;
    Some((print, ordinal.parse().ok()?))
}

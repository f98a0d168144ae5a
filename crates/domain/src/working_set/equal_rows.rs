//! How many equal records without any id there are: each is a payment, however many come.

use std::collections::HashMap;

use crate::effect::{BankDisposition, BankKey};
use crate::ids::PaymentId;
use crate::input::ContentHash;
use crate::working_set::terms::Terms;
use crate::working_set::{StoredBankTransaction, WorkingSet};

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
    #[must_use]
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

impl WorkingSet {
    /// Takes note of a record of the bank that was recorded before.
    pub fn know_bank(
        &mut self,
        key: BankKey,
        content_hash: ContentHash,
        disposition: BankDisposition,
        payment_id: Option<PaymentId>,
        terms: Terms,
    ) {
        self.equal_rows.note(&key);
        let stored = StoredBankTransaction { content_hash, disposition, payment_id, terms };
        self.bank.insert(key, stored);
    }
}

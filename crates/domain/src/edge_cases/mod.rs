//! The catalogue of cases that a naive service gets wrong, as far as they need no database.
//! `docs/EDGE_CASES.md` lists all seventy with what we do; the number is in the test's name.

mod amount;
mod balance;
mod duplicates;
mod identity;
mod reference;
mod time_and_order;

use super::bank::BankTransaction;

/// The same money from a payer's account.
fn from(payer: &str, bank: BankTransaction) -> BankTransaction {
    BankTransaction { debtor_account: Some(payer.to_owned()), ..bank }
}

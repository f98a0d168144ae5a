//! The command that ends a parked return, or says which payments it takes.

use std::collections::BTreeSet;

use super::code::DecodeCode;
use super::fields::{Fields, Zero, maybe, need};
use crate::domain::ids::{AccountId, BankAccountId, BankKey, PaymentId};
use crate::domain::input::{Command, ResolveReturn, ReturnWord};
use crate::domain::money::Amount;

/// Payments of one command: all of them are locked and written in one transaction.
const PAYMENTS_MAX: usize = 50;
const BANK_KEY_BYTES_MAX: usize = 800;

const ACTIONS: [(&str, bool); 2] = [("take", true), ("end", false)];

pub(super) fn resolve_return(fields: &mut Fields<'_>) -> Option<Command> {
    let account_id = fields.id(need("account_id"), AccountId::parse);
    let bank_account = fields.id(need("bank_account"), BankAccountId::parse);
    let bank_key = fields.free_text(need("bank_key"), BANK_KEY_BYTES_MAX);
    let takes = fields.choice(need("action"), &ACTIONS);
    let payments = payments(fields, takes == Some(true));
    let fee = fields.amount(maybe("fee"), Zero::Refused);
    if fee.is_some() && takes == Some(false) {
        fields.refuse(DecodeCode::DataInvalid, maybe("fee"), "none where nothing is taken");
    }
    let reason = fields.label(maybe("reason"));
    // No key of ours has a NUL, and no text of the database can have one.
    let key = bank_key?.replace('\0', "\\0");
    let key = BankKey { bank_account: bank_account?.as_str().to_owned(), key };
    let word = if takes? { ReturnWord::Take { payments, fee } } else { ReturnWord::End };
    Some(Command::ResolveReturn(ResolveReturn { account_id: account_id?, key, word, reason }))
}

fn payments(fields: &mut Fields<'_>, takes: bool) -> Vec<(PaymentId, Option<Amount>)> {
    let named = fields.list(maybe("payments")).unwrap_or_default();
    if takes != (1..=PAYMENTS_MAX).contains(&named.len()) {
        let expected = "a list of 1 to 50 payments if action is take, else none";
        fields.refuse(DecodeCode::DataInvalid, need("payments"), expected);
    }
    let alone = named.len() == 1;
    let mut seen = BTreeSet::new();
    fields.each(named, |fields| {
        let at = need("payments[].payment_id");
        let payment_id = fields.id(at, PaymentId::parse);
        if payment_id.as_ref().is_some_and(|id| !seen.insert(id.clone())) {
            fields.refuse(DecodeCode::DataInvalid, at, "each payment once");
        }
        let amount = if alone { maybe("payments[].amount") } else { need("payments[].amount") };
        let amount = fields.amount(amount, Zero::Refused);
        Some((payment_id?, amount))
    })
}

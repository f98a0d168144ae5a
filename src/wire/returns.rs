//! The command that ends a parked return, or says which payments it takes.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::code::DecodeCode;
use super::fields::{Fields, Zero, maybe, need};
use super::strict::{MapOnly, Text};
use crate::domain::effect::BankKey;
use crate::domain::ids::{AccountId, BankAccountId, PaymentId};
use crate::domain::input::{Command, Input, ResolveReturn, ReturnWord};

/// Payments of one command: all of them are locked and written in one transaction.
const PAYMENTS_MAX: usize = 50;
const BANK_KEY_BYTES_MAX: usize = 800;

const ACTIONS: [(&str, bool); 2] = [("take", true), ("end", false)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolveReturnData<'a> {
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    bank_account: Option<Text<'a>>,
    #[serde(borrow)]
    bank_key: Option<Text<'a>>,
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    payments: Option<Vec<MapOnly<TakenData<'a>>>>,
    #[serde(borrow)]
    fee: Option<&'a RawValue>,
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TakenData<'a> {
    #[serde(borrow)]
    payment_id: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
}

pub(super) fn resolve_return(data: &str, fields: &mut Fields) -> Option<Input> {
    let data: ResolveReturnData<'_> = fields.object(data)?;
    let account_id = fields.id(need("account_id"), data.account_id, AccountId::parse);
    let bank_account = fields.id(need("bank_account"), data.bank_account, BankAccountId::parse);
    let bank_key = fields.free_text(need("bank_key"), data.bank_key, BANK_KEY_BYTES_MAX);
    let takes = fields.choice(need("action"), data.action, &ACTIONS)?;
    let named = data.payments.unwrap_or_default();
    let payments = payments(named, takes, fields)?;
    let fee = fields.amount(maybe("fee"), data.fee, Zero::Refused);
    if fee.is_some() && !takes {
        fields.refuse(DecodeCode::DataInvalid, maybe("fee"), "none where nothing is taken");
    }
    let reason = fields.label(maybe("reason"), data.reason);
    // No key of ours has a NUL, and no text of the database can have one.
    let key = bank_key?.replace('\0', "\\0");
    let key = BankKey { bank_account: bank_account?.as_str().to_owned(), key };
    let word = if takes { ReturnWord::Take { payments, fee } } else { ReturnWord::End };
    let account_id = account_id?;
    Some(Input::Command(Command::ResolveReturn(ResolveReturn { account_id, key, word, reason })))
}

type Taken = Vec<(PaymentId, Option<crate::domain::money::Amount>)>;

fn payments(named: Vec<MapOnly<TakenData<'_>>>, takes: bool, fields: &mut Fields) -> Option<Taken> {
    let at = need("payments");
    if takes != (1..=PAYMENTS_MAX).contains(&named.len()) {
        let expected = "a list of 1 to 50 payments if action is take, else none";
        fields.refuse(DecodeCode::DataInvalid, at, expected);
        return None;
    }
    let alone = named.len() == 1;
    let (mut payments, mut seen) = (Vec::with_capacity(named.len()), BTreeSet::new());
    for (index, MapOnly(data)) in named.into_iter().enumerate() {
        let at = need("payments[].payment_id").item(index);
        let payment_id = fields.id(at, data.payment_id, PaymentId::parse)?;
        if !seen.insert(payment_id.clone()) {
            fields.refuse(DecodeCode::DataInvalid, at, "each payment once");
        }
        let at = if alone { maybe("payments[].amount") } else { need("payments[].amount") };
        let amount = fields.amount(at.item(index), data.amount, Zero::Refused);
        payments.push((payment_id, amount));
    }
    Some(payments)
}

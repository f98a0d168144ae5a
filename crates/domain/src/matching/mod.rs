//! Which invoice a payment pays: the first tier that yields a decision wins, and a tier decides
//! automatically only without a rival. `docs/MATCHING.md` has the table.
//!
//! Ambiguity inside one account is settled by the declared order of invoices: the wallet is the
//! same and only the document differs. Ambiguity across accounts is never settled here.

pub(crate) mod advised;
mod bare;
mod by_policy;
mod currency;
pub mod decision;
pub mod fold;
mod forms;
mod hints;
mod joined;
mod learned;
mod named;
mod named_payer;
pub mod names;
pub mod near;
pub mod numbers;
pub mod payer;
pub mod policy;
pub mod reference;
mod several;
mod spans;
mod step;
pub mod subset;
#[cfg(test)]
mod tests;
pub mod text;
mod tiers;
pub mod together;
pub mod upstream;
pub mod verdict;
pub mod weak;
mod words;

use std::collections::BTreeSet;

use super::account::{Identity, Strength};
use super::bank::BankTransaction;
use super::ids::AccountId;
use super::working_set::WorkingSet;
use crate::want::Want;
use crate::working_set::miss::Stop;
use near::Word;
use numbers::Number;
use text::Tokens;

pub use decision::{
    AdviceFound, Candidate, Explanation, MatchDecision, MatchOutcome, Matched, NamedBy,
    SUGGESTIONS_MAX, Subject,
};
pub use policy::{Override, PartialPolicy, Policy, PolicyNote, RuleSet};
pub use tiers::decide_match;

/// Raised whenever a rule changes what it decides.
pub const RULE_SET_VERSION: i32 = 11;

/// What deciding this payment will probably look for beyond what its text names: loaded before,
/// it spares a second pass. A wrong guess costs a look-up and changes nothing.
///
/// # Errors
/// [`Stop::Corrupt`] when the amount is beyond what is kept.
pub fn foresee(
    set: &WorkingSet,
    bank: &BankTransaction,
    tokens: &Tokens,
) -> Result<BTreeSet<Want>, Stop> {
    let foreseen = probably(set, bank, tokens).map(|wants| wants.into_iter().collect());
    match set.unless_missed(foreseen) {
        Err(Stop::Miss(missing)) => Ok(missing),
        Err(Stop::Corrupt(what)) => Err(Stop::Corrupt(what)),
        Ok(foreseen) => Ok(foreseen),
    }
}

fn probably(set: &WorkingSet, bank: &BankTransaction, tokens: &Tokens) -> Result<Vec<Want>, Stop> {
    if tokens.unread || !bank.amount.is_positive() {
        return Ok(Vec::new());
    }
    let known = |reference: &String| set.referenced(reference).is_some();
    if tokens.references.iter().any(|(reference, _)| known(reference)) {
        return Ok(Vec::new());
    }
    let numbers = || tokens.numbers.iter().flatten();
    let found = numbers().find_map(|number: &Number| set.numbered(&number.key));
    if let Some(id) = found.and_then(|ids| ids.first()) {
        // A number without a known payer is compared with its neighbours (R4).
        if identity(set, bank)?.is_some() {
            return Ok(Vec::new());
        }
        let owner = set.invoice(id).map(|invoice| &invoice.account_id);
        let rivals = text::rivals(bank, id).map(Want::Near);
        return Ok(rivals.chain(namesakes(set, bank, owner)).collect());
    }
    let (currency, micros) = (bank.amount.currency(), bank.amount.to_micros()?);
    let payer = payer::payer(set, bank);
    // Numbers with a mistake are compared with few invoices first: those of the amount, or of the
    // customer.
    let words = text::sought(bank, tokens, payer.known.is_some()).into_iter();
    let words = words.filter(|word| word.is_reference() || matches!(word, Word::Digits(_)));
    let near = words.map(Want::Near);
    Ok(match payer.known {
        Some(Identity { account_id, strength }) => {
            let sure = strength == Strength::Certain;
            let named = if sure { None } else { namesakes(set, bank, Some(&account_id)) };
            let exact = Want::Exact(account_id.clone(), currency, micros);
            near.chain(named).chain([exact, Want::Oldest(account_id, currency)]).collect()
        }
        None => {
            let weak = payer.weak.map(|weak| Want::Exact(weak.account_id, currency, micros));
            near.chain(weak).chain([Want::Book(currency, micros)]).collect()
        }
    })
}

/// One sign alone speaks for `owner`: the payer's name may be that of another customer.
fn namesakes(set: &WorkingSet, bank: &BankTransaction, owner: Option<&AccountId>) -> Option<Want> {
    let key = bank.debtor_name.as_deref().and_then(named_payer::payers_key)?;
    let own = owner.and_then(|owner| set.name_of(owner)).map(names::key);
    (own.as_ref() != Some(&key)).then_some(Want::Namesakes(key))
}

/// Who the payment comes from, without its references: the virtual account, then the payer.
///
/// # Errors
/// None at present; the signature leaves room for a look-up that misses.
pub fn identity(set: &WorkingSet, bank: &BankTransaction) -> Result<Option<Identity>, Stop> {
    Ok(payer::payer(set, bank).known)
}

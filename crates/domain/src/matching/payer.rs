//! Who a payment comes from, without its references: the virtual account, a verified payer account,
//! then what persons taught us.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::account::{Alias, AliasUse, Identity, PayerLink, Strength};
use crate::bank::BankTransaction;
use crate::ids::AccountId;
use crate::matching::weak;
use crate::working_set::WorkingSet;
use crate::working_set::owners::{Customers, Holder};

/// Notes of an explanation; `payments explain` prints them as they are.
pub const LEARNED: &str = "the payer's account is known from payments that a person confirmed";
pub const LEARNED_ONCE: &str = "a person confirmed this payer's account once, which only suggests";
pub const SHARED: &str = "the payer's account was confirmed for several customers (shared), so it \
                          identifies none of them";

pub const MOVED: &str = "the account number that the money came by was another customer's when it \
                         came: a person says whose it is";

/// What is known about the payer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payer {
    /// Strong or certain: it may decide.
    pub known: Option<Identity>,
    /// Weak: it only suggests.
    pub weak: Option<Identity>,
    /// `known` rests on this link.
    pub alias: Option<AliasUse>,
    /// The payer's account was confirmed for several customers.
    pub shared: bool,
}

impl Payer {
    fn known(account_id: &AccountId, strength: Strength) -> Self {
        let known = Some(Identity { account_id: account_id.clone(), strength });
        Self { known, ..Self::default() }
    }

    /// What the explanation says about it.
    pub fn note(&self) -> Option<&'static str> {
        if self.shared {
            Some(SHARED)
        } else if self.alias.is_some() {
            Some(LEARNED)
        } else {
            self.weak.as_ref().map(|_| LEARNED_ONCE)
        }
    }
}

/// Who `bank` comes from.
pub fn payer(set: &WorkingSet, bank: &BankTransaction) -> Payer {
    let virtual_owner = bank
        .virtual_account
        .as_deref()
        .and_then(weak::payer_account)
        .and_then(|key| set.holder(&key)?.now.as_ref());
    if let Some(account_id) = virtual_owner {
        return Payer::known(account_id, Strength::Certain);
    }
    let Some(payer_account) = bank.debtor_account.as_deref().and_then(weak::payer_account) else {
        return Payer::default();
    };
    let verified = set.customers(&payer_account).map(|known| &known.verified);
    match verified.map(|owners| (owners.len(), owners.first())) {
        Some((1, Some(account_id))) => Payer::known(account_id, Strength::Strong),
        // An account that pays for several customers identifies none of them.
        Some((2.., _)) => Payer::default(),
        _ => learned(set, bank, payer_account),
    }
}

/// Whether a number that `bank` came by was another customer's when the payment was recorded: whose
/// the money is, is not said by whose the number is now.
pub fn has_moved(set: &WorkingSet, bank: &BankTransaction, recorded_at: DateTime<Utc>) -> bool {
    let key = |number: Option<&String>| number.map(String::as_str).and_then(weak::payer_account);
    let before = |until: &DateTime<Utc>| recorded_at <= *until;
    let virtually = key(bank.virtual_account.as_ref()).is_some_and(|key| {
        set.holder(&key).is_some_and(|Holder { now, former }| {
            let mut former = former.iter().filter(|(_, until)| before(until));
            former.any(|(owner, _)| now.as_ref() != Some(owner))
        })
    });
    let payer = || {
        key(bank.debtor_account.as_ref()).is_some_and(|key| {
            // Taken off a customer and given to nobody: it was a mistake.
            let given = set.customers(&key).filter(|known| !known.verified.is_empty());
            given.is_some_and(|known| {
                let mut former = known.former.iter().filter(|(_, until)| before(until));
                former.any(|(owner, _)| !known.verified.contains(owner))
            })
        })
    };
    virtually || payer()
}

fn learned(set: &WorkingSet, bank: &BankTransaction, payer_account: String) -> Payer {
    let on = bank.effective_date();
    let all = set.customers(&payer_account).into_iter().flat_map(|known| &known.learnt);
    let mut live = all.filter(|(_, alias)| alias.counts_on(on));
    let (first, second) = (live.next(), live.next());
    match (first, second) {
        (Some((account_id, alias)), None) => one(account_id, alias, payer_account, on),
        (Some(_), Some(_)) => Payer { shared: true, ..Payer::default() },
        (None, _) => Payer::default(),
    }
}

fn one(
    account_id: &AccountId,
    alias: &Alias,
    payer_account: String,
    on: chrono::NaiveDate,
) -> Payer {
    if alias.is_strong() {
        let link = PayerLink { payer_account, account_id: account_id.clone() };
        let alias = Some(AliasUse { link, on });
        return Payer { alias, ..Payer::known(account_id, Strength::Strong) };
    }
    let weak = Identity { account_id: account_id.clone(), strength: Strength::Weak };
    Payer { weak: Some(weak), ..Payer::default() }
}

/// Every customer whom a payer's account is known to pay for: verified, or confirmed by a person.
pub fn customers_of(set: &WorkingSet, payer_account: &str) -> BTreeSet<AccountId> {
    let known = set.customers(payer_account);
    known.into_iter().flat_map(Customers::all).cloned().collect()
}

//! What is known of customers: whose account numbers are, and were.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use foldhash::HashMap;

use super::WorkingSet;
use crate::account::{self, Account, Alias};
use crate::ids::AccountId;
use crate::input::UpsertAccount;
use crate::want::Want;

/// Whose it was, and until when.
pub type Former = Vec<(AccountId, DateTime<Utc>)>;

/// The customers of a payer's account.
#[derive(Debug, Clone, Default)]
pub struct Customers {
    pub verified: BTreeSet<AccountId>,
    /// What persons taught. What counts for nothing (demoted) may be missing: it decides nothing.
    pub learnt: BTreeMap<AccountId, Alias>,
    pub former: Former,
}

impl Customers {
    /// Whom the account pays for, by whatever is known.
    pub fn all(&self) -> impl Iterator<Item = &AccountId> {
        self.verified.iter().chain(self.learnt.keys())
    }
}

/// Whose a virtual account is, and was.
#[derive(Debug, Clone, Default)]
pub struct Holder {
    pub now: Option<AccountId>,
    pub former: Former,
}

impl WorkingSet {
    pub fn customers(&self, payer: &str) -> Option<&Customers> {
        self.all(&self.payers, payer, Want::Payer).found()
    }

    pub fn holder(&self, virtual_account: &str) -> Option<&Holder> {
        self.all(&self.virtuals, virtual_account, Want::Virtual).found()
    }

    /// The payers' accounts that are here.
    pub fn payers_here(&self) -> &HashMap<String, Customers> {
        self.payers.here()
    }

    /// Their customers, and whose the virtual accounts are that are here.
    pub fn owners_here(&self) -> impl Iterator<Item = &AccountId> {
        let holders = self.virtuals.here().values().filter_map(|known| known.now.as_ref());
        self.payers_here().values().flat_map(Customers::all).chain(holders)
    }

    /// For whoever loads it: the customers of a payer's account.
    pub fn payer_mut(&mut self, payer: String) -> &mut Customers {
        self.payers.here_mut().entry(payer).or_default()
    }

    /// As [`Self::payer_mut`]: whose a virtual account is.
    pub fn holder_mut(&mut self, virtual_account: String) -> &mut Holder {
        self.virtuals.here_mut().entry(virtual_account).or_default()
    }

    pub(super) fn apply_upsert(&mut self, upsert: &UpsertAccount, at: DateTime<Utc>) {
        let account_id = &upsert.account_id;
        self.account(account_id);
        let account = self
            .accounts
            .here_mut()
            .entry(account_id.clone())
            .or_insert_with(|| Account::named_by_a_record(account_id.clone()));
        let was = account.name.replace(upsert.name.clone());
        if let Some(name) = &upsert.time_zone {
            account.time_zone = account::zone(name);
        }
        self.note_name(account_id, was.as_deref(), &upsert.name);
        if let Some(levels) = &upsert.balance_levels {
            self.set_levels(account_id, levels);
        }
        if let Some(payers) = &upsert.payer_accounts {
            for (payer, known) in self.payers.here_mut() {
                if known.verified.remove(account_id) && !payers.contains(payer) {
                    known.former.push((account_id.clone(), at));
                }
            }
            for payer in payers {
                self.payer_mut(payer.clone()).verified.insert(account_id.clone());
            }
        }
        if let Some(limits) = &upsert.credit_limits {
            self.usage.limits.here_mut().insert(account_id.clone(), limits.clone());
        }
        if let Some(virtuals) = &upsert.virtual_accounts {
            for (number, known) in self.virtuals.here_mut() {
                if known.now.take_if(|owner| owner == account_id).is_some()
                    && !virtuals.contains(number)
                {
                    known.former.push((account_id.clone(), at));
                }
            }
            for number in virtuals {
                self.holder_mut(number.clone()).now = Some(account_id.clone());
            }
        }
    }
}

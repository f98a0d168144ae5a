//! What is known of customers: whose account numbers are, and were.

use chrono::{DateTime, Utc};

use super::WorkingSet;
use crate::account::{self, Account};
use crate::input::UpsertAccount;

impl WorkingSet {
    pub(super) fn apply_upsert(&mut self, upsert: &UpsertAccount, at: DateTime<Utc>) {
        let account_id = &upsert.account_id;
        let account = self
            .accounts
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
            for (payer, owners) in self.payer_owners.iter_mut() {
                if owners.remove(account_id) && !payers.contains(payer) {
                    let former = self.former_payers.entry(payer.clone()).or_default();
                    former.push((account_id.clone(), at));
                }
            }
            for payer in payers {
                self.payer_owners.entry(payer.clone()).or_default().insert(account_id.clone());
            }
        }
        if let Some(limits) = &upsert.credit_limits {
            self.usage.limits.retain(|(owner, _), _| owner != account_id);
            for limit in limits {
                self.usage.limits.insert((account_id.clone(), limit.currency()), *limit);
            }
        }
        if let Some(virtuals) = &upsert.virtual_accounts {
            let theirs = |number: &String| self.virtual_owners.get(number) == Some(account_id);
            for number in self.virtual_owners.keys().filter(|n| theirs(n) && !virtuals.contains(n))
            {
                let former = self.former_virtuals.entry(number.clone()).or_default();
                former.push((account_id.clone(), at));
            }
            self.virtual_owners.retain(|_, owner| owner != account_id);
            for virtual_account in virtuals {
                self.virtual_owners.insert(virtual_account.clone(), account_id.clone());
            }
        }
    }
}

//! Customers by their names: one that several share names none of them.

use std::collections::BTreeSet;

use crate::ids::AccountId;
use crate::matching::names;
use crate::want::Want;
use crate::working_set::known::Answer;
use crate::working_set::{NAMESAKES_MAX, WorkingSet};

impl WorkingSet {
    /// Customers whose name is `key`, as [`names::key`] has it; up to [`NAMESAKES_MAX`].
    ///
    /// Nothing is found, and a miss is noted, when they were not loaded.
    pub fn named(&self, key: &str) -> BTreeSet<AccountId> {
        self.known_by(key).unwrap_or_default()
    }

    /// Whether another customer has the name of this one.
    ///
    /// True, and a miss is noted, when that was not loaded.
    pub fn shares_name(&self, account: &AccountId) -> bool {
        let key = self.name_of(account).map(names::key).unwrap_or_default();
        if key.is_empty() {
            return false;
        }
        self.known_by(&key).is_none_or(|named| named.iter().any(|id| id != account))
    }

    fn known_by(&self, key: &str) -> Option<BTreeSet<AccountId>> {
        let mut found: BTreeSet<AccountId> = match self.all(&self.namesakes, key, Want::Namesakes) {
            Answer::There(listed) => listed.iter().cloned().collect(),
            Answer::NotThere => BTreeSet::new(),
            Answer::NotLoaded => return None,
        };
        // What was loaded may be called otherwise by now.
        let name =
            |id: &AccountId| self.accounts.here().get(id).and_then(|known| known.name.as_deref());
        found.retain(|id| name(id).is_none_or(|name| names::key(name) == key));
        found.extend(self.called.get(key).into_iter().flatten().cloned());
        Some(found.into_iter().take(NAMESAKES_MAX).collect())
    }

    pub(super) fn note_name(&mut self, account_id: &AccountId, was: Option<&str>, name: &str) {
        if was == Some(name) && !self.complete {
            return;
        }
        let before = was.map(names::key);
        if let Some(called) = before.and_then(|key| self.called.get_mut(&key)) {
            called.remove(account_id);
        }
        let key = names::key(name);
        if !key.is_empty() {
            self.called.entry(key).or_default().insert(account_id.clone());
        }
    }
}

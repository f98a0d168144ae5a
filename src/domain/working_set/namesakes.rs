//! Customers that share a name: it names none of them.

use super::{Miss, WorkingSet};
use crate::domain::ids::AccountId;
use crate::domain::matching::names;

/// So many customers of one name are read: one beside its own is all that is asked for.
pub const NAMESAKES_MAX: usize = 8;

impl WorkingSet {
    /// Whether another customer has the name of this one.
    ///
    /// True, and a miss is noted, when that was not loaded.
    #[must_use]
    pub fn shares_name(&self, account: &AccountId) -> bool {
        let key = self.name_of(account).map(names::key).unwrap_or_default();
        if key.is_empty() {
            return false;
        }
        let loaded = match (self.namesakes.get(&key), self.complete) {
            (Some(listed), _) => listed.as_slice(),
            (None, true) => Default::default(),
            (None, false) => {
                self.misses(Miss::Namesakes(key));
                return true;
            }
        };
        // What is loaded may be called otherwise by now, or be new.
        let known = self.accounts.iter().filter(|(id, _)| *id != account);
        let mut known = known.filter_map(|(_, known)| known.name.as_deref());
        let unknown = |id: &AccountId| id != account && !self.accounts.contains_key(id);
        loaded.iter().any(unknown) || known.any(|name| names::key(name) == key)
    }
}

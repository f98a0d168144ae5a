//! Commands that wait, in order: later ones that depend on one wait behind it.

use super::WorkingSet;
use crate::ids::{AccountId, RecordId};
use crate::input::Queued;
use crate::want::Want;

impl WorkingSet {
    /// What of the customer's waits.
    pub fn queue(&self, account_id: &AccountId) -> &[Queued] {
        let queue = self.all(&self.queues, account_id, Want::Queue).found();
        queue.map_or(&[], Vec::as_slice)
    }

    /// As [`Self::queue`]: of all customers.
    #[cfg(test)]
    pub(crate) fn queues_here(&self) -> impl Iterator<Item = &Vec<Queued>> {
        self.queues.here().values()
    }

    /// For whoever loads it, or whose turn it is: what of the customer's waits.
    pub fn queue_mut(&mut self, account_id: AccountId) -> &mut Vec<Queued> {
        self.queues.here_mut().entry(account_id).or_default()
    }

    /// Nothing that waits holds anything up: what has its turn goes first.
    pub fn pass_queues(&mut self) {
        self.queues.here_mut().clear();
    }

    /// Whose the command is that waits; none if it waits no more, or never did.
    pub fn waits(&self, record: &RecordId) -> Option<&AccountId> {
        self.one(&self.waiting, record, Want::Waits)
    }

    /// The command waits.
    pub fn know_waits(&mut self, record: RecordId, account_id: AccountId) {
        self.waiting.here_mut().insert(record, account_id);
    }

    pub(super) fn cancel_waiting(&mut self, record: &RecordId) {
        let owner = self.waiting.here_mut().remove(record);
        if let Some(queue) = owner.and_then(|owner| self.queues.here_mut().get_mut(&owner)) {
            queue.retain(|queued| queued.record != *record);
        }
    }
}

//! What a database would answer of payments that are decided again, and of commands that wait.

use super::*;
use crate::keys::WatchKey;

pub(super) fn record(world: &WorkingSet, set: &mut WorkingSet, payment_id: PaymentId) {
    if let Some(record) = world.bank_record(&payment_id).cloned() {
        set.know_watched(payment_id, record);
    }
}

pub(super) fn watchers(world: &WorkingSet, set: &mut WorkingSet, key: &WatchKey) {
    for payment_id in world.watching(key) {
        set.watch(key.clone(), payment_id);
        record(world, set, payment_id.clone());
    }
}

pub(super) fn holders(
    world: &WorkingSet,
    set: &mut WorkingSet,
    account_id: &AccountId,
    currency: Currency,
) {
    watchers(world, set, &WatchKey::account(account_id, currency));
}

pub(super) fn waits(world: &WorkingSet, set: &mut WorkingSet, record: RecordId) {
    if let Some(account_id) = world.waits(&record).cloned() {
        set.know_waits(record, account_id);
    }
}

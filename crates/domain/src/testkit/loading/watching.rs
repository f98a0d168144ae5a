//! What a database would answer of payments that are decided again, and of commands that wait.

use super::*;
use crate::advice::{AdvisedMoney, Marks};
use crate::keys::WatchKey;

pub(super) fn load(world: &WorkingSet, set: &mut WorkingSet, want: Want) {
    match want {
        Want::Advised(money) => advised(world, set, &money),
        Want::BankRecord(payment_id) => record(world, set, payment_id),
        Want::Watchers(key) => watchers(world, set, &key),
        Want::Holders(owner, currency, _) => holders(world, set, &owner, currency),
        Want::Queue(owner) => set.queue_mut(owner.clone()).extend_from_slice(world.queue(&owner)),
        Want::Waits(record) => waits(world, set, record),
        _ => {}
    }
}

fn advised(world: &WorkingSet, set: &mut WorkingSet, money: &AdvisedMoney) {
    let amount = Money::from_micros(money.micros, money.currency);
    for (payment_id, known) in world.watched_here() {
        let bank = &known.transaction;
        let same = bank.bank_account == money.bank_account && bank.amount == amount;
        if same && money.has(&Marks::of(bank)) {
            record(world, set, payment_id.clone());
            set.ask([Want::BankRecord(payment_id.clone())]);
        }
    }
}

fn record(world: &WorkingSet, set: &mut WorkingSet, payment_id: PaymentId) {
    if let Some(record) = world.bank_record(&payment_id).cloned() {
        set.know_watched(payment_id, record);
    }
}

fn watchers(world: &WorkingSet, set: &mut WorkingSet, key: &WatchKey) {
    for payment_id in world.watching(key) {
        set.watch(key.clone(), payment_id);
        record(world, set, payment_id.clone());
    }
}

fn holders(world: &WorkingSet, set: &mut WorkingSet, account_id: &AccountId, currency: Currency) {
    watchers(world, set, &WatchKey::account(account_id, currency));
}

fn waits(world: &WorkingSet, set: &mut WorkingSet, record: RecordId) {
    if let Some(account_id) = world.waits(&record).cloned() {
        set.know_waits(record, account_id);
    }
}

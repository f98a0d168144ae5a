//! What a database would answer of balances and usage.

use std::collections::BTreeSet;

use super::*;
use crate::ids::{AllocationId, RefundId};

pub(super) fn load(world: &WorkingSet, set: &mut WorkingSet, want: Want) {
    match want {
        Want::Balances(account_id) => balances(world, set, &account_id),
        Want::Limits(account_id) => limits(world, set, account_id),
        Want::SetAside(account_id) => set_aside(world, set, &account_id),
        Want::Charge(account_id, id) => charge(world, set, (account_id, id)),
        Want::Refund(account_id, id) => refund(world, set, (account_id, id)),
        Want::Hold(account_id, id) => hold(world, set, (account_id, id)),
        _ => {}
    }
}

fn balances(world: &WorkingSet, set: &mut WorkingSet, account_id: &AccountId) {
    let own = world.balances_here().filter(|(owner, _)| *owner == account_id);
    own.for_each(|(_, balance)| set.know_balance(account_id, balance));
}

fn limits(world: &WorkingSet, set: &mut WorkingSet, account_id: AccountId) {
    let limits = world.usage.limits_here().get(&account_id).cloned();
    set.usage.know_limits(account_id, limits.unwrap_or_default());
}

fn set_aside(world: &WorkingSet, set: &mut WorkingSet, account_id: &AccountId) {
    let own = world.usage.holds_here().values().filter(|hold| hold.account_id == *account_id);
    let currencies: BTreeSet<Currency> = own.map(|hold| hold.amount.currency()).collect();
    for currency in currencies {
        let held = world.held(account_id, currency).expect("amounts");
        set.usage.know_set_aside(account_id.clone(), held).expect("amounts");
    }
}

/// The charge, with the lots that it burnt.
fn charge(world: &WorkingSet, set: &mut WorkingSet, key: (AccountId, UsageId)) {
    let Some(charged) = world.charge(&key).cloned() else { return };
    let currency = charged.charge.amount.currency();
    let burnt: Vec<AllocationId> = charged.burnt.iter().map(|moved| moved.lot_id).collect();
    set.usage.know_charge(charged);
    let of = world.usage.lots.get(&(key.0.clone(), currency)).into_iter().flatten();
    let lots = of.filter(|lot| burnt.contains(&lot.id)).cloned().collect();
    set.usage.keep(&key.0, currency, lots);
}

fn refund(world: &WorkingSet, set: &mut WorkingSet, key: (AccountId, RefundId)) {
    world.refund(&key).cloned().into_iter().for_each(|refund| set.usage.know_refund(refund));
}

fn hold(world: &WorkingSet, set: &mut WorkingSet, key: (AccountId, HoldId)) {
    if let Some(hold) = world.hold(&key).cloned() {
        set.usage.know_hold(hold).expect("amounts");
    }
}

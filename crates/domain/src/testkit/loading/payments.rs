//! Payments, and what may be taken back of them.

use super::*;

pub(super) fn load(world: &WorkingSet, set: &mut WorkingSet, want: Want) {
    match want {
        Want::Payment(id) => know_payment(world, set, &id),
        Want::Taken(id) if world.is_taken(&id) => set.know_taken(id),
        Want::Whole(id) => know_whole(world, set, &id),
        _ => {}
    }
}

fn know_payment(world: &WorkingSet, set: &mut WorkingSet, id: &PaymentId) {
    set.ask([Want::Payment(id.clone())]);
    let Some(payment) = world.payment(id) else { return };
    payment.account_id.iter().for_each(|owner| know_account(world, set, owner));
    set.know_payment(payment.clone());
    for invoice_id in world.pairs_here().get(id).into_iter().flatten() {
        set.know_pays(id.clone(), invoice_id.clone());
    }
    for invoice_id in world.taken_off(id).into_iter().flatten() {
        set.know_taken_off(id.clone(), invoice_id.clone());
    }
}

/// The payment with its parts, and the allocations of all of them with their lots.
pub(super) fn know_whole(world: &WorkingSet, set: &mut WorkingSet, id: &PaymentId) {
    // Found in several ways, it is here once.
    if set.parts_here(id) > 0 {
        return;
    }
    let parts = world.parts_ever(id);
    set.ask([Want::Whole(id.clone())]);
    for part in parts {
        set.know_part(id.clone(), part.clone());
        set.ask([Want::Whole(part.clone())]);
    }
    for id in parts.iter().chain([id]) {
        know_payment(world, set, id);
        set.reversible.insert(id.clone());
        for link in world.allocations.values().filter(|link| link.payment_id == *id) {
            let (owner, currency) = (&link.account_id, link.amount.currency());
            let lot = world.usage.lot(owner, currency, link.id);
            set.usage.keep(owner, currency, lot.cloned().into_iter().collect());
            set.allocations.insert(link.id, link.clone());
        }
    }
}

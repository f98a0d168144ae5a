//! What returns mean, and what was returned before.

use super::payments::know_whole;
use super::*;
use crate::reversal::{AppliedReturn, OriginalKey};

pub(super) fn load(world: &WorkingSet, set: &mut WorkingSet, want: Want) {
    match want {
        Want::Original(key) => {
            for id in world.originals(&key).into_iter().flatten() {
                set.know_original(key.clone(), id);
                set.know_payer(id, world.original_payer(id).map(String::as_str));
                know_whole(world, set, id);
            }
        }
        Want::ToldTwice(id) => {
            for other in world.told_twice(&id) {
                set.know_told_twice(&id, other);
                know_whole(world, set, other);
            }
        }
        Want::Returned(bank_account, id) => {
            let of = world.originals(&OriginalKey::bank_id(&bank_account, &id));
            let of: Vec<&PaymentId> = of.into_iter().flatten().collect();
            let twins = of.iter().flat_map(|id| world.told_twice(id));
            let of: Vec<&PaymentId> = twins.chain(of.iter().copied()).collect();
            let named = |known: &AppliedReturn| known.bank_transaction_id.as_ref() == Some(&id);
            know_returns(world, set, |known| named(known) || is_of(world, known, &of));
        }
        Want::ReturnsOf(id) => know_returns(world, set, |known| is_of(world, known, &[&id])),
        Want::Parked(key) => {
            world
                .parked_return(&key)
                .into_iter()
                .for_each(|record| set.know_parked(record.clone()));
            if world.told_steps.in_doubt.contains(&key) {
                set.told_steps.in_doubt.insert(key);
            }
        }
        _ => {}
    }
}

fn is_of(world: &WorkingSet, known: &AppliedReturn, payments: &[&PaymentId]) -> bool {
    let id = &known.payment_id;
    payments.iter().any(|of| *of == id || world.parts_ever(of).contains(id))
}

fn know_returns(world: &WorkingSet, set: &mut WorkingSet, fits: impl Fn(&AppliedReturn) -> bool) {
    for known in world.returns_here().filter(|known| fits(known)) {
        set.know_return(known.clone());
        know_whole(world, set, &known.payment_id);
    }
}

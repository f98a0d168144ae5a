//! What a database would answer of what persons said, and of advices.

use super::*;
use crate::advice::{Advice, AdviceKey, AdviceState, Marks};

pub(super) fn load(world: &WorkingSet, set: &mut WorkingSet, want: Want) {
    match want {
        Want::Suggested(payment_id) => suggested(world, set, &payment_id),
        Want::Taught(payment_id) => taught(world, set, payment_id),
        Want::Advice(key) => advice(world, set, &key),
        Want::AdviceOf(payment_id) => advice_of(world, set, &payment_id),
        Want::Twins(place, words) => twins(world, set, (place, words)),
        Want::Fitting(place, currency, micros, marks) => {
            fitting(world, set, &place, Money::from_micros(micros, currency), &marks);
        }
        _ => {}
    }
}

fn suggested(world: &WorkingSet, set: &mut WorkingSet, payment_id: &PaymentId) {
    for known in world.suggestions_here().values().flatten() {
        if known.payments().contains(payment_id) {
            set.review.know_suggestion(known.clone());
        }
    }
}

fn taught(world: &WorkingSet, set: &mut WorkingSet, payment_id: PaymentId) {
    let (payer, links) = (world.payer_of(&payment_id), world.links_of(&payment_id).cloned());
    let taught = set.review.taught_mut(payment_id);
    taught.payer = payer;
    taught.links = links.unwrap_or_default();
}

fn advice(world: &WorkingSet, set: &mut WorkingSet, key: &AdviceKey) {
    world.advice(key).cloned().into_iter().for_each(|advice| set.advices.insert(advice));
}

fn advice_of(world: &WorkingSet, set: &mut WorkingSet, payment_id: &PaymentId) {
    world.advice_of(payment_id).cloned().into_iter().for_each(|advice| set.advices.insert(advice));
}

fn advices(world: &WorkingSet, set: &mut WorkingSet, fits: impl Fn(&Advice) -> bool) {
    let found = world.advices.here().values().filter(|advice| fits(advice)).cloned();
    found.for_each(|advice| set.advices.insert(advice));
}

fn twins(world: &WorkingSet, set: &mut WorkingSet, (place, words): (BankAccountId, String)) {
    advices(world, set, |known| {
        known.told.key.bank_account == place && known.told.words() == words
    });
}

fn fitting(
    world: &WorkingSet,
    set: &mut WorkingSet,
    place: &BankAccountId,
    amount: Money,
    marks: &Marks,
) {
    advices(world, set, |known| {
        let waits = matches!(known.state, AdviceState::Open | AdviceState::Ambiguous);
        let same = known.told.key.bank_account == *place && known.told.amount == amount;
        waits && same && known.is_about(marks)
    });
}

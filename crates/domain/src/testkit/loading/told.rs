//! What may be told again, or was announced.

use super::*;
use crate::working_set::pending::Transfer;

pub(super) fn load(world: &WorkingSet, set: &mut WorkingSet, want: Want) {
    let amount = |of: &Transfer| Money::from_micros(of.micros, of.currency);
    match want {
        Want::Announced(_, of) => set.pending.know_amount(&world.pending, amount(&of), false),
        Want::BookedAlready(_, of, _) => {
            set.pending.know_amount(&world.pending, amount(&of), true);
        }
        Want::WithoutId(same, _) => set.lookalikes.know_day(&world.lookalikes, &same, false),
        Want::WithId(same, _) => set.lookalikes.know_day(&world.lookalikes, &same, true),
        Want::ToldSteps(same, _) => set.told_steps.know_day(&world.told_steps, &same),
        _ => {}
    }
}

//! Which advice a decision rests on, kept beside it.

use super::recording::Recording;
use crate::advice::{AdviceEnd, AdviceState};
use crate::effect::Effect;
use crate::matching::decision::{AdviceFound, MatchDecision};
use crate::working_set::miss::Stop;

/// Whether the decision says something of an advice that is not kept yet.
pub(super) fn is_new(recording: &Recording<'_>, decision: &MatchDecision) -> bool {
    let set = &recording.set;
    let open = |key| set.advice(key).is_some_and(|advice| advice.state == AdviceState::Open);
    match &decision.advice {
        None => false,
        Some(AdviceFound::One(key) | AdviceFound::Over(key)) => open(key),
        Some(AdviceFound::Ambiguous(keys)) => keys.iter().any(open),
    }
}

/// Keeps which advice belongs to the payment, or that a person has to say it.
pub(super) fn settle(recording: &mut Recording<'_>, decision: &MatchDecision) -> Result<(), Stop> {
    let keys = match &decision.advice {
        None => return Ok(()),
        Some(AdviceFound::One(key)) => std::slice::from_ref(key),
        Some(AdviceFound::Ambiguous(keys)) => keys.as_slice(),
        Some(AdviceFound::Over(key)) => {
            let open = recording.set.advice(key);
            if open.is_some_and(|advice| advice.state == AdviceState::Open) {
                let end = AdviceEnd::MoneyElsewhere(decision.payment_id.clone());
                recording.add(Effect::EndAdvice { key: key.clone(), end })?;
            }
            return Ok(());
        }
    };
    let one = matches!(decision.advice, Some(AdviceFound::One(_)));
    let used_by = one.then(|| decision.payment_id.clone());
    for key in keys {
        let advice = recording.set.advice(key);
        if advice.is_some_and(|advice| advice.state == AdviceState::Open) {
            recording.add(Effect::SettleAdvice { key: key.clone(), used_by: used_by.clone() })?;
        }
    }
    Ok(())
}

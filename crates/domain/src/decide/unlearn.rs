//! What a reversal takes back of what was learnt.

use crate::account::AliasUse;
use crate::decide::recording::{Halt, Recording};
use crate::effect::Effect;
use crate::ids::PaymentId;
use crate::review::ReviewEffect;

/// A person took `payment_id` back, or an allocation of it, or shared it out: the aliases that its
/// decisions rested on, and those that its confirmation made, are demoted and must be earned again.
/// A return by the bank says nothing about whose money it was and does not come here.
pub(super) fn unlearn(recording: &mut Recording<'_>, payment_id: &PaymentId) -> Result<(), Halt> {
    let links = recording.set.review.uses.get(payment_id).cloned().unwrap_or_default();
    for link in links {
        let alias = recording.set.alias(&link).filter(|alias| alias.confirmations > 0);
        let Some(on) = alias.map(|alias| alias.last_used_on) else {
            continue;
        };
        let effect = ReviewEffect::Unlink {
            used: AliasUse { link, on },
            payment_id: payment_id.clone(),
            at: recording.context.as_of,
            cause: recording.cause.record.clone(),
        };
        recording.add(Effect::Review(Box::new(effect)))?;
    }
    Ok(())
}

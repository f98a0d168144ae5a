//! Usage: facts, so nothing is refused. A charge beyond the credit limit is recorded, and
//! an event reports it.
//!
//! Charges and refunds of one account are posted together, once for each batch ([`conclude`]): one
//! ledger transaction of each kind, one event with the new balance.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::decide::recording::{Halt, Recording};
use crate::effect::{Effect, Need, Outcome};
use crate::event::{BalanceCause, Cause, EventKey, Fact};
use crate::ids::{AccountId, AllocationId, HoldId, UsageId};
use crate::ledger::{LedgerKind, LedgerTransaction};
use crate::money::{Currency, Money};
use crate::rejection::DeadLetterReason;
use crate::usage::{
    Charge, Charged, Hold, HoldAmount, HoldState, Lot, LotMove, MoveKind, Refund, Refunded, Usage,
};
use crate::working_set::WorkingSet;
use crate::working_set::lots::Walk;
use crate::working_set::miss::Stop;
use crate::working_set::usage::Tally;

type Result<T = Outcome> = std::result::Result<T, Halt>;

pub(super) fn decide(recording: &mut Recording<'_>, usage: &Usage) -> Result {
    if let Some(account_id) = usage.account_id() {
        super::settle::ensure_account(recording, account_id);
    }
    match usage {
        Usage::Charge(charge) => self::charge(recording, charge),
        Usage::Refund(refund) => self::refund(recording, refund),
        Usage::Hold(hold) => place(recording, hold),
        Usage::Release(hold) => release(recording, hold),
        Usage::ExpireHold(hold) => expire(recording, hold),
        Usage::Watermark(complete_through) => {
            if *complete_through > recording.context.claims_until {
                // Nobody knows what is to come.
                let reason = DeadLetterReason::ClaimInFuture;
                return Err(Halt::Outcome(Outcome::DeadLettered(reason)));
            }
            recording.add(Effect::Watermark(*complete_through))?;
            Ok(Outcome::Applied { subject: Some("watermark".to_owned()) })
        }
    }
}

fn conflict() -> Halt {
    Halt::Outcome(Outcome::DeadLettered(DeadLetterReason::UsageConflict))
}

/// What was charged so long ago that nothing but its name is kept is neither charged again nor
/// given back.
fn kept(set: &WorkingSet, key: &(AccountId, UsageId)) -> Result<()> {
    if set.usage.pruned.contains(key) {
        return Err(Halt::Outcome(Outcome::DeadLettered(DeadLetterReason::UsagePruned)));
    }
    Ok(())
}

fn charge(recording: &mut Recording<'_>, charge: &Charge) -> Result {
    let key = (charge.account_id.clone(), charge.usage_id.clone());
    if let Some(known) = recording.set.charge(&key) {
        return if known.charge == *charge { Ok(Outcome::Duplicate) } else { Err(conflict()) };
    }
    kept(recording.set, &key)?;
    let currency = charge.amount.currency();
    let (burnt, uncovered) = recording.set.burn(&charge.account_id, charge.amount)?;
    let ledger_transaction_id = if charge.amount.is_zero() {
        None
    } else {
        let tally = recording.set.usage.tally(&charge.account_id, currency, &recording.cause);
        let new = || recording.ids.ledger_transaction();
        Some(tally.charge_posting.unwrap_or_else(new))
    };
    let charged = Charged {
        id: recording.ids.charge(),
        charge: charge.clone(),
        burnt,
        uncovered,
        refunded: Money::zero(currency),
        ledger_transaction_id,
    };
    recording.add(Effect::Charge(Box::new(charged)))?;
    if let Some(hold_id) = &charge.hold_id {
        capture(recording, &charge.account_id, hold_id, currency)?;
    }
    Ok(Outcome::Applied { subject: Some(format!("usage:{}", charge.usage_id)) })
}

/// The hold of a charge ends with it. One that comes later finds that it has ended.
fn capture(
    recording: &mut Recording<'_>,
    account_id: &AccountId,
    hold_id: &HoldId,
    currency: Currency,
) -> Result<()> {
    let at = recording.context.as_of;
    let zero = Money::zero(currency);
    let known = recording.set.hold(&(account_id.clone(), hold_id.clone()));
    let hold = match known {
        Some(hold) if hold.state != HoldState::Live => return Ok(()),
        Some(hold) => hold.clone(),
        None => Hold {
            hold_id: hold_id.clone(),
            account_id: account_id.clone(),
            amount: zero,
            released: zero,
            state: HoldState::Live,
            placed_at: at,
            told_at: None,
            ended_at: None,
        },
    };
    let hold = Hold { state: HoldState::Captured, ended_at: Some(at), ..hold };
    Ok(recording.add(Effect::SetHold(hold))?)
}

/// A refund of a charge that has not come yet waits for it.
fn refund(recording: &mut Recording<'_>, refund: &Refund) -> Result {
    let key = (refund.account_id.clone(), refund.refund_id.clone());
    if let Some(known) = recording.set.refund(&key) {
        return if known == refund { Ok(Outcome::Duplicate) } else { Err(conflict()) };
    }
    let key = (refund.account_id.clone(), refund.usage_id.clone());
    let Some(charged) = recording.set.charge(&key).cloned() else {
        if refund.amount.is_zero() {
            // Nothing comes back, whatever was charged: there is nothing to wait for.
            return Ok(Outcome::Applied { subject: Some(format!("usage:{}", refund.usage_id)) });
        }
        kept(recording.set, &key)?;
        return Err(Need::Charge(key.0, key.1).into());
    };
    let currency = refund.amount.currency();
    if charged.charge.amount.currency() != currency {
        return Err(conflict());
    }
    let left = charged.charge.amount.sub(charged.refunded)?;
    if refund.amount.compare(left)?.is_gt() {
        let reason = DeadLetterReason::RefundExceedsCharge;
        return Err(Halt::Outcome(Outcome::DeadLettered(reason)));
    }
    let moves = give_back(recording.set, &charged, refund)?;
    let ledger_transaction_id = if refund.amount.is_zero() {
        None
    } else {
        let tally = recording.set.usage.tally(&refund.account_id, currency, &recording.cause);
        let new = || recording.ids.ledger_transaction();
        Some(tally.refund_posting.unwrap_or_else(new))
    };
    let refunded = Refunded {
        id: recording.ids.charge(),
        refund: refund.clone(),
        charge_id: charged.id,
        moves,
        ledger_transaction_id,
    };
    recording.add(Effect::Refund(Box::new(refunded)))?;
    Ok(Outcome::Applied { subject: Some(format!("usage:{}", refund.usage_id)) })
}

/// What a refund gives back to which lots: in the reverse of the order in which the charge took
/// it, what was debt first. Debt that is still there becomes less by it.
fn give_back(set: &WorkingSet, charged: &Charged, refund: &Refund) -> Result<Vec<LotMove>> {
    let currency = refund.amount.currency();
    let zero = Money::zero(currency);
    let balance = set.balance(&refund.account_id, currency);
    let debt = if balance.is_negative() { balance.negated() } else { zero };
    let (mut skip, mut left) = (charged.refunded, refund.amount);
    // The part of `whole` that is given back now, after what was given back before.
    let mut share = |whole: Money| -> Result<Money> {
        let before = skip.min(whole)?;
        skip = skip.sub(before)?;
        let part = whole.sub(before)?.min(left)?;
        left = left.sub(part)?;
        Ok(part)
    };
    let uncovered = share(charged.uncovered)?;
    let lots = set.usage.lots.get(&(refund.account_id.clone(), currency));
    let lots = lots.cloned().unwrap_or_default();
    let of = (&refund.account_id, currency);
    let mut gift = Gift { set, of, lots, debt, moves: Vec::new() };
    gift.owed_by_nobody(uncovered)?;
    for burnt in charged.burnt.iter().rev() {
        let amount = share(burnt.amount)?;
        if amount.is_positive() {
            gift.give(burnt.lot_id, MoveKind::Refund, amount)?;
        }
    }
    Ok(gift.moves)
}

/// Money that comes back, on its way to the lots.
struct Gift<'a> {
    set: &'a WorkingSet,
    of: (&'a AccountId, Currency),
    /// As they are after `moves`.
    lots: Vec<Lot>,
    debt: Money,
    moves: Vec<LotMove>,
}

impl Gift<'_> {
    /// To the lot that it came from. What was clawed back for this lot is owed no more: that part
    /// belongs to whoever stood in for it. Debt that is there takes the rest first.
    fn give(&mut self, id: AllocationId, kind: MoveKind, amount: Money) -> Result<()> {
        let lot = self.lots.iter_mut().find(|lot| lot.id == id);
        let lot = lot.ok_or(Stop::Corrupt("a lot that is not loaded"))?;
        let relieved = lot.clawed_back.min(amount)?;
        lot.clawed_back = lot.clawed_back.sub(relieved)?;
        let kept = amount.sub(relieved)?;
        let burnt = if kind == MoveKind::Refund { kept.min(self.debt)? } else { kept.sub(kept)? };
        lot.debt_cleared = lot.debt_cleared.add(burnt)?;
        self.debt = self.debt.sub(burnt)?;
        self.push(id, kind, amount)?;
        self.push(id, MoveKind::Debt, burnt)?;
        self.push(id, MoveKind::Reversal, relieved)?;
        self.owed_by_nobody(relieved)
    }

    /// What was no lot's makes the debt less; what of the debt was cleared since goes back to the
    /// lots that cleared it, the newest first.
    fn owed_by_nobody(&mut self, amount: Money) -> Result<()> {
        let relieved = amount.min(self.debt)?;
        self.debt = self.debt.sub(relieved)?;
        let mut left = amount.sub(relieved)?;
        while left.is_positive() {
            let newest = self.lots.iter().rposition(|lot| lot.debt_cleared.is_positive());
            let there = newest.and_then(|at| self.lots.get(at));
            let (account_id, currency) = self.of;
            if self.set.walked(Walk::Cleared, account_id, currency, there).is_none() {
                // A newer one may not be loaded, which is noted; or there is none at all.
                return Err(Stop::Corrupt("a debt that nothing cleared").into());
            }
            let lot = newest.and_then(|at| self.lots.get_mut(at));
            let lot = lot.ok_or(Stop::Corrupt("a debt that nothing cleared"))?;
            let part = lot.debt_cleared.min(left)?;
            lot.debt_cleared = lot.debt_cleared.sub(part)?;
            left = left.sub(part)?;
            let id = lot.id;
            self.give(id, MoveKind::DebtRefund, part)?;
        }
        Ok(())
    }

    /// One move for each lot and kind: they are kept so.
    fn push(&mut self, lot_id: AllocationId, kind: MoveKind, amount: Money) -> Result<()> {
        if !amount.is_positive() {
            return Ok(());
        }
        let same = |moved: &&mut LotMove| moved.lot_id == lot_id && moved.kind == kind;
        match self.moves.iter_mut().find(same) {
            Some(moved) => moved.amount = moved.amount.add(amount)?,
            None => self.moves.push(LotMove { lot_id, kind, amount }),
        }
        Ok(())
    }
}

/// Sets what is held from now on: a call that goes on has its hold made larger, or smaller, under
/// the same id. The age of the hold begins anew with it.
fn place(recording: &mut Recording<'_>, hold: &HoldAmount) -> Result {
    let applied = Outcome::Applied { subject: Some(format!("hold:{}", hold.hold_id)) };
    let key = (hold.account_id.clone(), hold.hold_id.clone());
    match recording.set.hold(&key).cloned() {
        Some(known) if known.amount.currency() != hold.amount.currency() => {
            return Err(conflict());
        }
        // The same again is the same; after a part was given back, it sets the whole anew.
        Some(known)
            if known.amount == hold.amount
                && (known.state != HoldState::Live || known.released.is_zero()) =>
        {
            return told_again(recording, known);
        }
        // It has ended, perhaps by a charge that came first.
        Some(known) if known.state != HoldState::Live => return Ok(applied),
        Some(_) if hold.amount.is_zero() => return end_of_hold(recording, &key, applied),
        None if hold.amount.is_zero() => return Ok(applied),
        Some(_) | None => {}
    }
    // The clocks of two workers differ a little: its age never grows.
    let known = recording.set.hold(&key).map(|known| known.placed_at);
    let placed_at = recording.context.as_of.max(known.unwrap_or(recording.context.as_of));
    let told_at = told_last(recording, &key);
    recording.add(Effect::SetHold(Hold {
        hold_id: hold.hold_id.clone(),
        account_id: hold.account_id.clone(),
        amount: hold.amount,
        released: Money::zero(hold.amount.currency()),
        state: HoldState::Live,
        placed_at,
        told_at,
        ended_at: None,
    }))?;
    Ok(applied)
}

/// When the hold was told last, with this record.
fn told_last(recording: &Recording<'_>, key: &(AccountId, HoldId)) -> Option<DateTime<Utc>> {
    let known = recording.set.hold(key).and_then(|known| known.told_at);
    known.max(Some(recording.written_at))
}

/// The same is held as before; that it was said later is kept, for what is older and comes again.
fn told_again(recording: &mut Recording<'_>, known: Hold) -> Result {
    let told_at = known.told_at.max(Some(recording.written_at));
    if known.state == HoldState::Live && told_at != known.told_at {
        recording.add(Effect::SetHold(Hold { told_at, ..known }))?;
    }
    Ok(Outcome::Duplicate)
}

/// Nothing is held any more.
fn end_of_hold(
    recording: &mut Recording<'_>,
    key: &(AccountId, HoldId),
    applied: Outcome,
) -> Result {
    let known = recording.set.hold(key).cloned();
    let hold = known.ok_or(Stop::Corrupt("a hold that is not loaded"))?;
    let ended_at = Some(recording.context.as_of);
    let (released, state) = (hold.amount, HoldState::Released);
    recording.add(Effect::SetHold(Hold { released, state, ended_at, ..hold }))?;
    Ok(applied)
}

/// Releases part of a hold, or all of it. One that has ended stays as it ended.
fn release(recording: &mut Recording<'_>, release: &HoldAmount) -> Result {
    let key = (release.account_id.clone(), release.hold_id.clone());
    let applied = Outcome::Applied { subject: Some(format!("hold:{}", release.hold_id)) };
    let Some(hold) = recording.set.hold(&key).cloned() else {
        if release.amount.is_zero() {
            return Ok(applied);
        }
        return Err(Need::Hold(key.0, key.1).into());
    };
    if hold.amount.currency() != release.amount.currency() {
        return Err(conflict());
    }
    if hold.state != HoldState::Live {
        return Ok(applied);
    }
    let open = hold.amount.sub(hold.released)?;
    let released = hold.released.add(release.amount.min(open)?)?;
    let all = released == hold.amount;
    if released == hold.released {
        return Ok(applied);
    }
    let hold = Hold {
        released,
        state: if all { HoldState::Released } else { HoldState::Live },
        ended_at: all.then_some(recording.context.as_of),
        ..hold
    };
    recording.add(Effect::SetHold(hold))?;
    Ok(applied)
}

/// A hold that has come to the configured age: whoever placed it has forgotten it.
fn expire(recording: &mut Recording<'_>, named: &HoldAmount) -> Result {
    let key = (named.account_id.clone(), named.hold_id.clone());
    let known = recording.set.hold(&key).cloned();
    let Some(hold) = known.filter(|hold| hold.state == HoldState::Live) else {
        return Ok(Outcome::Duplicate);
    };
    let fact = Fact::HoldExpired {
        account_id: hold.account_id.clone(),
        hold_id: hold.hold_id.clone(),
        amount: hold.amount.sub(hold.released)?,
    };
    let ended_at = Some(recording.context.as_of);
    recording.add(Effect::SetHold(Hold { state: HoldState::Expired, ended_at, ..hold }))?;
    recording.publish(EventKey::Account(named.account_id.clone()), fact)?;
    Ok(Outcome::Applied { subject: Some(format!("hold:{}", named.hold_id)) })
}

/// Ends a batch: posts what its charges and refunds come to, and tells the new balances.
///
/// # Errors
/// [`Stop::Corrupt`] when the sums contradict each other.
pub fn conclude(set: &mut WorkingSet) -> std::result::Result<Vec<Effect>, Stop> {
    let mut effects = Vec::new();
    for ((account_id, currency), tally) in std::mem::take(&mut set.usage.tallies) {
        let charged = tally.charged.negated();
        let postings = [
            (tally.charge_posting, LedgerKind::UsageCharged, charged),
            (tally.refund_posting, LedgerKind::UsageRefunded, tally.refunded),
        ];
        for (id, kind, amount) in postings {
            if let Some(id) = id {
                let posted = LedgerTransaction::usage(id, kind, account_id.clone(), amount)?;
                effects.push(Effect::Post(posted));
            }
        }
        tell(set, &account_id, currency, &tally, &mut effects)?;
    }
    Ok(effects)
}

fn tell(
    set: &mut WorkingSet,
    account_id: &AccountId,
    currency: Currency,
    tally: &Tally,
    effects: &mut Vec<Effect>,
) -> std::result::Result<(), Stop> {
    let balance = set.balance(account_id, currency);
    let delta = tally.refunded.sub(tally.charged)?;
    if tally.charges > 0 || tally.refunds > 0 {
        let (charges, refunds) = (tally.charges, tally.refunds);
        let fact = Fact::BalanceChanged {
            account_id: account_id.clone(),
            delta,
            balance,
            cause: BalanceCause::Usage { charges, refunds },
        };
        publish(set, account_id, fact, &tally.cause, effects)?;
    }
    let Some(cause) = &tally.overdrawn_by else {
        return Ok(());
    };
    let credit_limit = set.limit(account_id, currency);
    let exceeded_by = balance.add(credit_limit)?.negated();
    if !exceeded_by.is_positive() {
        // A refund of the same batch has made it good.
        return Ok(());
    }
    let fact = Fact::BalanceOverdrawn {
        account_id: account_id.clone(),
        balance,
        credit_limit,
        exceeded_by,
    };
    publish(set, account_id, fact, cause, effects)
}

fn publish(
    set: &mut WorkingSet,
    account_id: &AccountId,
    fact: Fact,
    cause: &Arc<Cause>,
    effects: &mut Vec<Effect>,
) -> std::result::Result<(), Stop> {
    let key = EventKey::Account(account_id.clone());
    let effect = Effect::Publish { key, fact: Box::new(fact) };
    set.apply(&effect, cause)?;
    effects.push(effect);
    Ok(())
}

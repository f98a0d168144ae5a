//! Charges and refunds, and the lots that they burn.

use std::sync::Arc;

use crate::event::Cause;
use crate::ids::AccountId;
use crate::money::{Currency, Money};
use crate::usage::{Charged, Lot, LotMove, MoveKind, Refunded};
use crate::want::Want;
use crate::working_set::WorkingSet;
use crate::working_set::lots::{Reach, Walk};
use crate::working_set::miss::Stop;

impl WorkingSet {
    /// The lots of an account that may have money, in the order in which they burn. Whoever has
    /// enough asks for no more: that more was not loaded is noted only when it is asked for.
    pub fn burning<'a>(
        &'a self,
        account_id: &'a AccountId,
        currency: Currency,
    ) -> impl Iterator<Item = &'a Lot> {
        let lots = self.usage.lots.get(&(account_id.clone(), currency));
        let mut lots = lots.into_iter().flatten();
        std::iter::from_fn(move || {
            let lot = lots.next();
            self.walked(Walk::Open, account_id, currency, lot)
        })
    }

    /// `lot`, which is the next of a walk as far as it is loaded. None, and a miss is noted, when
    /// there may be one before it that is not here.
    pub fn walked<'a>(
        &self,
        walk: Walk,
        account_id: &AccountId,
        currency: Currency,
        lot: Option<&'a Lot>,
    ) -> Option<&'a Lot> {
        let known = self.usage.reached(walk, account_id, currency);
        let passes = lot.map_or(known.reach == Reach::All, |lot| known.passes(walk, lot));
        if passes || self.complete {
            return lot;
        }
        self.misses(Want::Lots(walk, account_id.clone(), currency, known.read));
        None
    }
}

impl WorkingSet {
    /// Which lots `amount` burns, and what no lot has.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] only if a lot contradicts its own constraints.
    pub fn burn(
        &self,
        account_id: &AccountId,
        amount: Money,
    ) -> Result<(Vec<LotMove>, Money), Stop> {
        let mut left = amount;
        let mut moves = Vec::new();
        let mut lots = self.burning(account_id, amount.currency());
        while left.is_positive() {
            let Some(lot) = lots.next() else { break };
            let part = lot.remaining.min(left)?;
            if part.is_positive() {
                left = left.sub(part)?;
                moves.push(LotMove { lot_id: lot.id, kind: MoveKind::Charge, amount: part });
            }
        }
        Ok((moves, left))
    }

    pub(super) fn apply_charge(
        &mut self,
        charged: &Charged,
        cause: &Arc<Cause>,
    ) -> Result<(), Stop> {
        let (account_id, amount) = (&charged.charge.account_id, charged.charge.amount);
        let name = (account_id.clone(), charged.charge.usage_id.clone());
        self.usage.charges.here_mut().insert(name, charged.clone());
        let Some(posting) = charged.ledger_transaction_id else {
            return Ok(());
        };
        self.usage.apply_moves(account_id, &charged.burnt)?;
        let balance = self.move_balance(account_id, amount.negated())?;
        let beyond = balance.add(self.limit(account_id, amount.currency()))?.is_negative();
        self.note_step(account_id, amount.negated(), cause);
        let tally = self.usage.tally(account_id, amount.currency(), cause);
        tally.charged = tally.charged.add(amount)?;
        tally.charges = tally.charges.saturating_add(1);
        tally.charge_posting = Some(posting);
        tally.cause = Arc::clone(cause);
        if beyond {
            tally.overdrawn_by = Some(Arc::clone(cause));
        }
        Ok(())
    }

    pub(super) fn apply_refund(
        &mut self,
        refunded: &Refunded,
        cause: &Arc<Cause>,
    ) -> Result<(), Stop> {
        let refund = &refunded.refund;
        let (account_id, amount) = (&refund.account_id, refund.amount);
        let name = (account_id.clone(), refund.refund_id.clone());
        self.usage.refunds.here_mut().insert(name, refund.clone());
        let Some(posting) = refunded.ledger_transaction_id else {
            return Ok(());
        };
        self.usage.apply_moves(account_id, &refunded.moves)?;
        self.usage.relieve(account_id, &refunded.moves)?;
        self.move_balance(account_id, amount)?;
        self.note_step(account_id, amount, cause);
        let tally = self.usage.tally(account_id, amount.currency(), cause);
        tally.refunded = tally.refunded.add(amount)?;
        tally.refunds = tally.refunds.saturating_add(1);
        tally.refund_posting = Some(posting);
        tally.cause = Arc::clone(cause);
        let missing = Stop::Corrupt("a refund of a charge that is not loaded");
        let key = (account_id.clone(), refund.usage_id.clone());
        let charged = self.usage.charges.here_mut().get_mut(&key).ok_or(missing)?;
        charged.refunded = charged.refunded.add(amount)?;
        Ok(())
    }
}

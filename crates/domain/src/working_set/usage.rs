//! The usage part of the working set: lots in the order in which they burn, charges, holds, and
//! what a batch has charged each account so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use foldhash::{HashMap, HashSet};

use crate::event::Cause;
use crate::ids::{AccountId, AllocationId, HoldId, LedgerTransactionId, RefundId, UsageId};
use crate::money::{Currency, Money};
use crate::reversal::Reversal;
use crate::usage::{Charged, Hold, Lot, LotMove, MoveKind, Refund};
use crate::working_set::known::Known;
use crate::working_set::lots::{Reach, Reached, Walk, order};
use crate::working_set::miss::Stop;

/// What one batch charged and gave back to one account in one currency.
#[derive(Debug, Clone)]
pub struct Tally {
    pub charged: Money,
    pub refunded: Money,
    pub charges: u32,
    pub refunds: u32,
    pub charge_posting: Option<LedgerTransactionId>,
    pub refund_posting: Option<LedgerTransactionId>,
    /// The last record that changed the balance.
    pub cause: Arc<Cause>,
    /// The last charge that went beyond the credit limit.
    pub overdrawn_by: Option<Arc<Cause>>,
}

impl Tally {
    fn new(currency: Currency, cause: &Arc<Cause>) -> Self {
        let zero = Money::zero(currency);
        Self {
            charged: zero,
            refunded: zero,
            charges: 0,
            refunds: 0,
            charge_posting: None,
            refund_posting: None,
            cause: Arc::clone(cause),
            overdrawn_by: None,
        }
    }
}

/// What deciding usage reads.
#[derive(Debug, Clone, Default)]
pub struct UsageSet {
    /// In the order in which they burn: the oldest first. Those that were needed so far.
    pub lots: HashMap<(AccountId, Currency), Vec<Lot>>,
    /// How far `lots` has all of them.
    pub reached: HashMap<(Walk, AccountId, Currency), Reached>,
    /// Whether `lots` is kept: payments alone need none.
    pub keeps_lots: bool,
    pub(super) limits: Known<AccountId, Vec<Money>>,
    /// Every usage record before that instant is known.
    pub complete_through: Option<DateTime<Utc>>,
    /// Accounts that an open dead letter or a waiting record of the feed names.
    pub unproven: HashSet<AccountId>,
    pub(super) charges: Known<(AccountId, UsageId), Charged>,
    /// Names of charges that were recorded and are not kept any more.
    pub pruned: HashSet<(AccountId, UsageId)>,
    pub(super) refunds: Known<(AccountId, RefundId), Refund>,
    pub(super) holds: Known<(AccountId, HoldId), Hold>,
    /// What live holds that are not among those set aside.
    pub(super) others_held: Known<AccountId, Vec<Money>>,
    /// Sorted, so that the events of a batch have one order.
    pub tallies: BTreeMap<(AccountId, Currency), Tally>,
}

impl UsageSet {
    /// All is known up to that instant, or later.
    pub(super) fn known_through(&mut self, through: DateTime<Utc>) {
        self.complete_through = self.complete_through.max(Some(through));
    }

    /// Holds begin, grow and end under their ids.
    pub(super) fn set_hold(&mut self, hold: &Hold) {
        let key = (hold.account_id.clone(), hold.hold_id.clone());
        self.holds.here_mut().insert(key, hold.clone());
    }

    /// The charges that are here: for whoever writes or compares them.
    pub fn charges_here(&self) -> &HashMap<(AccountId, UsageId), Charged> {
        self.charges.here()
    }

    /// As [`Self::charges_here`]: the credit limits of accounts.
    #[cfg(test)]
    pub(crate) fn limits_here(&self) -> &HashMap<AccountId, Vec<Money>> {
        self.limits.here()
    }

    /// As [`Self::charges_here`]: the holds.
    pub fn holds_here(&self) -> &HashMap<(AccountId, HoldId), Hold> {
        self.holds.here()
    }

    /// A charge that was read, in full, unless it is here: that stays.
    pub fn know_charge(&mut self, charged: Charged) {
        let charge = &charged.charge;
        let key = (charge.account_id.clone(), charge.usage_id.clone());
        self.charges.here_mut().entry(key).or_insert(charged);
    }

    /// As [`Self::know_charge`]: a refund.
    pub fn know_refund(&mut self, refund: Refund) {
        let key = (refund.account_id.clone(), refund.refund_id.clone());
        self.refunds.here_mut().entry(key).or_insert(refund);
    }

    /// All credit limits of an account.
    pub fn know_limits(&mut self, account_id: AccountId, limits: Vec<Money>) {
        self.limits.here_mut().insert(account_id, limits);
    }

    pub fn lot(
        &self,
        account_id: &AccountId,
        currency: Currency,
        id: AllocationId,
    ) -> Option<&Lot> {
        let lots = self.lots.get(&(account_id.clone(), currency))?;
        lots.iter().find(|lot| lot.id == id)
    }

    /// Opens a lot behind those that are there.
    pub fn open(&mut self, account_id: &AccountId, lot: Lot) {
        let key = (account_id.clone(), lot.amount.currency());
        let lots = self.lots.entry(key).or_default();
        lots.push(lot);
        lots.sort_by_key(order);
    }

    pub(super) fn apply_moves(
        &mut self,
        account_id: &AccountId,
        moves: &[LotMove],
    ) -> Result<(), Stop> {
        for moved in moves {
            let missing = Stop::Corrupt("a lot that is not loaded");
            let key = (account_id.clone(), moved.amount.currency());
            let lots = self.lots.get_mut(&key).ok_or(missing.clone())?;
            let lot = lots.iter_mut().find(|lot| lot.id == moved.lot_id).ok_or(missing)?;
            lot.remaining = if moved.kind.burns() {
                lot.remaining.sub(moved.amount)?
            } else {
                lot.remaining.add(moved.amount)?
            };
            lot.debt_cleared = match moved.kind {
                MoveKind::Charge | MoveKind::Refund | MoveKind::Reversal => lot.debt_cleared,
                MoveKind::Debt => lot.debt_cleared.add(moved.amount)?,
                MoveKind::DebtRefund => lot.debt_cleared.sub(moved.amount)?,
            };
            let over = lot.remaining.compare(lot.amount)?.is_gt();
            if over || lot.remaining.is_negative() || lot.debt_cleared.is_negative() {
                return Err(Stop::Corrupt("a lot that holds more or less than it can"));
            }
        }
        Ok(())
    }

    /// The lot gives what is left of it; what was spent is owed.
    pub(super) fn apply_reversal(&mut self, reversal: &Reversal) -> Result<(), Stop> {
        self.apply_moves(&reversal.account_id, &reversal.moves)?;
        let missing = Stop::Corrupt("a lot that is not loaded");
        let lot = self.lot_mut(&reversal.account_id, reversal.amount, reversal.allocation_id);
        let lot = lot.ok_or(missing)?;
        lot.reversed = lot.reversed.add(reversal.amount)?;
        lot.clawed_back = lot.clawed_back.add(reversal.clawed_back)?;
        Ok(())
    }

    /// Of what came back to a lot after its money was clawed back, so much is owed no more.
    pub(super) fn relieve(
        &mut self,
        account_id: &AccountId,
        moves: &[LotMove],
    ) -> Result<(), Stop> {
        for moved in moves.iter().filter(|moved| moved.kind == MoveKind::Reversal) {
            let lot = self.lot_mut(account_id, moved.amount, moved.lot_id);
            let lot = lot.ok_or(Stop::Corrupt("a lot that is not loaded"))?;
            lot.clawed_back = lot.clawed_back.sub(moved.amount)?;
            if lot.clawed_back.is_negative() {
                return Err(Stop::Corrupt("more was relieved than was clawed back"));
            }
        }
        Ok(())
    }

    fn lot_mut(
        &mut self,
        account_id: &AccountId,
        amount: Money,
        id: AllocationId,
    ) -> Option<&mut Lot> {
        let lots = self.lots.get_mut(&(account_id.clone(), amount.currency()))?;
        lots.iter_mut().find(|lot| lot.id == id)
    }

    /// What this batch did to the account so far.
    pub fn tally(
        &mut self,
        account_id: &AccountId,
        currency: Currency,
        cause: &Arc<Cause>,
    ) -> &mut Tally {
        let key = (account_id.clone(), currency);
        self.tallies.entry(key).or_insert_with(|| Tally::new(currency, cause))
    }
}

impl UsageSet {
    pub fn reached(&self, walk: Walk, account_id: &AccountId, currency: Currency) -> Reached {
        let key = (walk, account_id.clone(), currency);
        self.reached.get(&key).copied().unwrap_or_default()
    }

    /// Keeps the next lots of a walk, in its order; `all` when there are no more behind them.
    pub fn load(
        &mut self,
        walk: Walk,
        account_id: &AccountId,
        currency: Currency,
        page: Vec<Lot>,
        all: bool,
    ) {
        let known = self.reached.entry((walk, account_id.clone(), currency)).or_default();
        known.read = known.read.saturating_add(page.len());
        known.reach = match page.last() {
            _ if all => Reach::All,
            Some(last) => Reach::To(order(last)),
            None => known.reach,
        };
        self.keep(account_id, currency, page);
    }

    /// Keeps lots that were read by their numbers. One that is here already stays as it is.
    pub fn keep(&mut self, account_id: &AccountId, currency: Currency, found: Vec<Lot>) {
        let lots = self.lots.entry((account_id.clone(), currency)).or_default();
        let here: HashSet<AllocationId> = lots.iter().map(|lot| lot.id).collect();
        lots.extend(found.into_iter().filter(|lot| !here.contains(&lot.id)));
        lots.sort_by_key(order);
    }
}

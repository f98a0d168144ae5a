//! What reversals and returns change, and what they are found by.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{Stop, WorkingSet};
use crate::effect::{BankDisposition, BankKey, BankRecord, Before, WithoutBankId};
use crate::event::Cause;
use crate::ids::{AccountId, PaymentId};
use crate::matching::text::payer_account;
use crate::money::{Currency, Money};
use crate::reversal::{AppliedReturn, OriginalKey, PaymentReturn, Reversal};
use crate::usage::HoldState;

/// Of payments that have one thing in common, which a return says, so many are read. Where there
/// are more, that alone tells none of them from the others.
pub const ORIGINALS_MAX: usize = 64;

/// The payments that returns may mean, by what returns say of them.
#[derive(Debug, Clone, Default)]
pub struct Originals {
    by_key: HashMap<OriginalKey, BTreeSet<PaymentId>>,
    /// Their payers, as keys, where the bank says who paid.
    payers: HashMap<PaymentId, String>,
    /// What more payments have in common than were read.
    common: HashSet<OriginalKey>,
    /// Payments that may be one transfer, told twice.
    told_twice: HashMap<PaymentId, BTreeSet<PaymentId>>,
}

impl Originals {
    /// A return that says this may mean the payment.
    pub fn add(&mut self, key: OriginalKey, payment_id: &PaymentId) {
        self.by_key.entry(key).or_default().insert(payment_id.clone());
    }

    /// Who paid, as the bank wrote it.
    pub fn add_payer(&mut self, payment_id: &PaymentId, written: Option<&str>) {
        let payer = written.and_then(payer_account);
        self.payers.extend(payer.map(|payer| (payment_id.clone(), payer)));
    }

    /// More payments have this in common than were read.
    pub fn note_common(&mut self, key: OriginalKey) {
        self.common.insert(key);
    }

    #[must_use]
    pub fn get(&self, key: &OriginalKey) -> Option<&BTreeSet<PaymentId>> {
        self.by_key.get(key)
    }

    /// Whether all payments that have this in common were read.
    #[must_use]
    pub fn has_all(&self, key: &OriginalKey) -> bool {
        !self.common.contains(key)
    }

    /// Both may be one transfer.
    pub fn add_told_twice(&mut self, one: &PaymentId, other: &PaymentId) {
        for (one, other) in [(one, other), (other, one)] {
            self.told_twice.entry(one.clone()).or_default().insert(other.clone());
        }
    }

    /// The payments that may be the same transfer.
    pub fn told_twice(&self, payment_id: &PaymentId) -> impl Iterator<Item = &PaymentId> {
        self.told_twice.get(payment_id).into_iter().flatten()
    }

    /// What no row of a payment says, as the other has it.
    #[cfg(test)]
    pub fn told_as(&mut self, other: &Self) {
        self.told_twice.clone_from(&other.told_twice);
        let undone =
            other.by_key.iter().filter(|(key, _)| matches!(key, OriginalKey::Undone { .. }));
        self.by_key.extend(undone.map(|(key, payments)| (key.clone(), payments.clone())));
    }

    #[must_use]
    pub fn payer_of(&self, payment_id: &PaymentId) -> Option<&String> {
        self.payers.get(payment_id)
    }
}

impl WorkingSet {
    pub(super) fn apply_reversal(
        &mut self,
        reversal: &Reversal,
        cause: &Arc<Cause>,
    ) -> Result<(), Stop> {
        let missing = Stop::Corrupt("an allocation that is not loaded");
        let allocation = self.allocations.get_mut(&reversal.allocation_id).ok_or(missing)?;
        allocation.reversed = allocation.reversed.add(reversal.amount)?;
        if allocation.live()?.is_negative() {
            return Err(Stop::Corrupt("more was reversed than was allocated"));
        }
        self.invoice_mut(&reversal.invoice_id)?.reopen(reversal.amount, cause.as_of)?;
        let fresh = self.fresh.entry(reversal.account_id.clone()).or_default();
        fresh.insert(reversal.invoice_id.clone());
        let payment = self.payment_mut(&reversal.payment_id)?;
        payment.allocated = payment.allocated.sub(reversal.amount)?;
        let key = (reversal.account_id.clone(), reversal.amount.currency());
        let balance = self.balance(&key.0, key.1).sub(reversal.amount)?;
        self.note_step(&key.0, reversal.amount.negated(), cause);
        self.balances.insert(key, balance);
        self.usage.apply_reversal(reversal)?;
        let taken_by = reversal.return_id.and_then(|id| self.returns.get_mut(&id));
        if let Some(taken_by) = taken_by {
            taken_by.parts.push((reversal.invoice_id.clone(), reversal.amount));
        }
        let pair = (reversal.payment_id.clone(), reversal.invoice_id.clone());
        let live = self.allocations.values().any(|other| {
            (&other.payment_id, &other.invoice_id) == (&pair.0, &pair.1)
                && other.live().is_ok_and(Money::is_positive)
        });
        if !live {
            self.live_pairs.remove(&pair);
        }
        Ok(())
    }

    pub(super) fn apply_return(&mut self, returned: &PaymentReturn) -> Result<(), Stop> {
        let amount = returned.amount;
        if let Some(undone) = &returned.undoes {
            let missing = Stop::Corrupt("a return that is not loaded");
            let known = self.returns.get_mut(undone).ok_or(missing)?;
            known.undone = known.undone.add(amount)?;
            known.removed = known.removed.sub(returned.removed)?;
            known.fee = known.fee.sub(returned.fee)?;
            let payment = self.payment_mut(&returned.payment_id)?;
            payment.returned = payment.returned.sub(amount)?;
            payment.refunded = payment.refunded.add(returned.now_refunded)?;
            if let Some(id) = &returned.bank_transaction_id {
                let key = OriginalKey::undone(&returned.key.bank_account, id, amount);
                self.originals.add(key, &returned.payment_id);
            }
            return Ok(());
        }
        let payment = self.payment_mut(&returned.payment_id)?;
        payment.returned = payment.returned.add(amount)?;
        // Until the reversals that follow, part of it is still allocated.
        if payment.returned.add(payment.refunded)?.compare(payment.amount)?.is_gt() {
            return Err(Stop::Corrupt("more was returned than the payment has"));
        }
        let applied = AppliedReturn {
            id: returned.id,
            bank_account: returned.key.bank_account.clone(),
            bank_transaction_id: returned.bank_transaction_id.clone(),
            payment_id: returned.payment_id.clone(),
            amount,
            undone: Money::zero(amount.currency()),
            removed: returned.removed,
            fee: returned.fee,
            // The reversals that follow say where it was taken from.
            parts: Vec::new(),
        };
        self.returns.insert(returned.id, applied);
        Ok(())
    }

    /// A payment without an id came, which may be an earlier one.
    pub(super) fn apply_without_id(&mut self, came: &WithoutBankId) {
        let like = came.looks_like.as_ref();
        if let Some((like, own)) = like.zip(came.record.payment_id.as_ref()) {
            self.originals.add_told_twice(like, own);
        }
        self.lookalikes.came(&came.record, came.delivery.clone(), like);
    }

    /// A record may be an earlier one.
    pub(super) fn apply_told_again(&mut self, key: &BankKey, earlier: &Before) {
        match earlier {
            Before::Record(_) => {
                self.told_steps.in_doubt.insert(key.clone());
            }
            Before::Payment(earlier) => {
                let own = self.bank.get(key).and_then(|stored| stored.payment_id.as_ref());
                if let Some(own) = own {
                    self.originals.add_told_twice(earlier, own);
                }
            }
        }
    }

    /// A payment is found by what a return may say of it; a parked return is tried again.
    pub(super) fn index_return(&mut self, record: &BankRecord) {
        if let (true, Some(payment_id)) = (self.complete, &record.payment_id) {
            for key in record.transaction.own_keys() {
                self.originals.add(key, payment_id);
            }
            self.originals.add_payer(payment_id, record.transaction.debtor_account.as_deref());
        }
        if record.disposition == BankDisposition::ReturnParked {
            self.parked_returns.insert(record.key.clone(), record.clone());
        } else {
            self.parked_returns.remove(&record.key);
        }
    }

    /// What live holds set aside of the account's money.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] only if a hold contradicts its own constraints.
    pub fn held(&self, account_id: &AccountId, currency: Currency) -> Result<Money, Stop> {
        let others = self.usage.held.get(&(account_id.clone(), currency));
        let mut held = others.copied().unwrap_or_else(|| Money::zero(currency));
        for hold in self.usage.holds.values() {
            let live = hold.state == HoldState::Live && hold.account_id == *account_id;
            if live && hold.amount.currency() == currency {
                held = held.add(hold.amount.sub(hold.released)?)?;
            }
        }
        Ok(held)
    }

    /// Whether all that is live of the payment is here, so that it may go back.
    #[must_use]
    pub fn may_reverse(&self, payment_id: &PaymentId) -> bool {
        self.complete || self.reversible.contains(payment_id)
    }
}

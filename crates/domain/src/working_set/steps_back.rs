//! What reversals and returns change, and what they are found by.

use std::sync::Arc;

use super::WorkingSet;
use crate::effect::{BankDisposition, BankRecord, Before, WithoutBankId};
use crate::event::Cause;
use crate::ids::{BankKey, PaymentId};
use crate::money::Money;
use crate::reversal::{AppliedReturn, OriginalKey, PaymentReturn, Reversal};
use crate::working_set::miss::Stop;

pub use super::originals::ORIGINALS_MAX;

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
        self.move_balance(&reversal.account_id, reversal.amount.negated())?;
        self.note_step(&reversal.account_id, reversal.amount.negated(), cause);
        self.usage.apply_reversal(reversal)?;
        let taken_by = reversal.return_id.and_then(|id| self.return_mut(id));
        if let Some(taken_by) = taken_by {
            taken_by.parts.push((reversal.invoice_id.clone(), reversal.amount));
        }
        let pair = (reversal.payment_id.clone(), reversal.invoice_id.clone());
        let live = self.allocations.values().any(|other| {
            (&other.payment_id, &other.invoice_id) == (&pair.0, &pair.1)
                && other.live().is_ok_and(Money::is_positive)
        });
        if !live {
            self.pays_no_more(&pair.0, &pair.1);
        }
        Ok(())
    }

    pub(super) fn apply_return(&mut self, returned: &PaymentReturn) -> Result<(), Stop> {
        let amount = returned.amount;
        if let Some(undone) = &returned.undoes {
            let missing = Stop::Corrupt("a return that is not loaded");
            let known = self.return_mut(*undone).ok_or(missing)?;
            known.undone = known.undone.add(amount)?;
            known.removed = known.removed.sub(returned.removed)?;
            known.fee = known.fee.sub(returned.fee)?;
            let payment = self.payment_mut(&returned.payment_id)?;
            payment.returned = payment.returned.sub(amount)?;
            payment.refunded = payment.refunded.add(returned.now_refunded)?;
            if let Some(id) = &returned.bank_transaction_id {
                let key = OriginalKey::undone(&returned.key.bank_account, id, amount);
                self.know_original(key, &returned.payment_id);
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
        self.know_return(applied);
        Ok(())
    }

    /// A payment without an id came, which may be an earlier one.
    pub(super) fn apply_without_id(&mut self, came: &WithoutBankId) {
        let like = came.looks_like.as_ref();
        if let Some((like, own)) = like.zip(came.record.payment_id.as_ref()) {
            self.know_told_twice(like, own);
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
                let own = self.bank.here().get(key).and_then(|stored| stored.payment_id.clone());
                if let Some(own) = own {
                    self.know_told_twice(earlier, &own);
                }
            }
        }
    }

    /// A payment is found by what a return may say of it; a parked return is tried again.
    pub(super) fn index_return(&mut self, record: &BankRecord) {
        if let (true, Some(payment_id)) = (self.complete, &record.payment_id) {
            for key in record.transaction.own_keys() {
                self.know_original(key, payment_id);
            }
            self.know_payer(payment_id, record.transaction.debtor_account.as_deref());
        }
        if record.disposition == BankDisposition::ReturnParked {
            self.know_parked(record.clone());
        } else {
            self.parked_returns.here_mut().remove(&record.key);
        }
    }

    /// Whether something may be taken back of the payment in this batch: its account is locked. Of
    /// what is not here that is no look-up, but a permission.
    pub fn may_reverse(&self, payment_id: &PaymentId) -> bool {
        self.complete || self.reversible.contains(payment_id)
    }
}

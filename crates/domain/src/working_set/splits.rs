//! Payments that are split, and their parts.

use super::WorkingSet;
use crate::ids::PaymentId;
use crate::payment::Payment;
use crate::split::{SplitPart, TakenBack};
use crate::working_set::miss::Stop;

impl WorkingSet {
    pub(super) fn apply_split(&mut self, part: &SplitPart) -> Result<(), Stop> {
        let payment = self.payment_mut(&part.payment_id)?;
        payment.split = payment.split.add(part.amount)?;
        if payment.unallocated()?.is_negative() {
            return Err(Stop::Corrupt("more was split off than the payment has"));
        }
        let parts = self.parts.entry(part.payment_id.clone()).or_default();
        parts.push(part.part_id.clone());
        // All that will be live of it is made in this very batch.
        if self.reversible.contains(&part.payment_id) {
            self.reversible.insert(part.part_id.clone());
        }
        Ok(())
    }

    pub(super) fn apply_taken_back(&mut self, taken: &TakenBack) -> Result<(), Stop> {
        let part = self.payment_mut(&taken.part_id)?;
        part.split = part.split.add(taken.amount)?;
        if part.unallocated()?.is_negative() {
            return Err(Stop::Corrupt("more was taken back than the part has"));
        }
        let payment = self.payment_mut(&taken.payment_id)?;
        payment.split = payment.split.sub(taken.amount)?;
        if payment.split.is_negative() {
            return Err(Stop::Corrupt("more was taken back than was split off"));
        }
        Ok(())
    }

    /// How many parts the payment ever had.
    pub fn parts_ever(&self, payment_id: &PaymentId) -> usize {
        self.parts.get(payment_id).map_or(0, Vec::len)
    }

    /// The parts that were not taken back, the last one first.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when one of them is not loaded.
    pub fn parts_of(&self, payment_id: &PaymentId) -> Result<Vec<Payment>, Stop> {
        let mut parts = Vec::new();
        for id in self.parts.get(payment_id).into_iter().flatten().rev() {
            let part = self.payments.get(id).ok_or(Stop::Corrupt("a part that is not loaded"))?;
            if part.split.is_zero() {
                parts.push(part.clone());
            }
        }
        Ok(parts)
    }

    /// Whether the payment has a part that can be taken back.
    ///
    /// # Errors
    /// As [`Self::parts_of`].
    pub fn holds_parts(&self, payment_id: &PaymentId) -> Result<bool, Stop> {
        Ok(!self.parts_of(payment_id)?.is_empty())
    }

    /// The parts that went back with the payment and have money again, as a return of their own was
    /// undone: the last one first. They are the payment's no more, and the bank knows but one.
    ///
    /// # Errors
    /// As [`Self::parts_of`].
    pub fn parts_again(&self, payment_id: &PaymentId) -> Result<Vec<Payment>, Stop> {
        let mut parts = Vec::new();
        for id in self.parts.get(payment_id).into_iter().flatten().rev() {
            let part = self.payments.get(id).ok_or(Stop::Corrupt("a part that is not loaded"))?;
            if part.split.is_positive() && part.left()?.is_positive() {
                parts.push(part.clone());
            }
        }
        Ok(parts)
    }

    /// Those that were not taken back, and those that have money again.
    ///
    /// # Errors
    /// As [`Self::parts_of`].
    pub fn parts_with_money(&self, payment_id: &PaymentId) -> Result<Vec<Payment>, Stop> {
        let mut parts = self.parts_of(payment_id)?;
        parts.extend(self.parts_again(payment_id)?);
        Ok(parts)
    }
}

//! Payments that are split, and their parts.

use super::WorkingSet;
use crate::ids::PaymentId;
use crate::payment::Payment;
use crate::split::{SplitPart, TakenBack};
use crate::want::Want;
use crate::working_set::known::Answer;
use crate::working_set::miss::Stop;

impl WorkingSet {
    pub(super) fn apply_split(&mut self, part: &SplitPart) -> Result<(), Stop> {
        let payment = self.payment_mut(&part.payment_id)?;
        payment.split = payment.split.add(part.amount)?;
        if payment.unallocated()?.is_negative() {
            return Err(Stop::Corrupt("more was split off than the payment has"));
        }
        let parts = self.parts.here_mut().entry(part.payment_id.clone()).or_default();
        parts.push(part.part_id.clone());
        // All that will be live of it is made in this very batch.
        self.parts.ask(part.part_id.clone());
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

    /// The parts that the payment ever had, in the order of their numbers.
    pub fn parts_ever(&self, payment_id: &PaymentId) -> &[PaymentId] {
        self.all(&self.parts, payment_id, Want::Whole).found().map_or(&[], Vec::as_slice)
    }

    /// Whether the parts of the payment are here, and all that is live of its allocations.
    pub fn has_whole(&self, payment_id: &PaymentId) -> bool {
        !matches!(self.all(&self.parts, payment_id, Want::Whole), Answer::NotLoaded)
    }

    /// How many parts of the payment are here: for whoever loads them.
    pub fn parts_here(&self, payment_id: &PaymentId) -> usize {
        self.parts.here().get(payment_id).map_or(0, Vec::len)
    }

    /// The next part that the payment ever had.
    pub fn know_part(&mut self, payment_id: PaymentId, part_id: PaymentId) {
        self.parts.here_mut().entry(payment_id).or_default().push(part_id);
    }

    /// The parts that were not taken back, the last one first.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when one of them is not loaded.
    pub fn parts_of(&self, payment_id: &PaymentId) -> Result<Vec<Payment>, Stop> {
        let mut parts = Vec::new();
        for id in self.parts_ever(payment_id).iter().rev() {
            let part = self.payment(id).ok_or(Stop::Corrupt("a part that is not loaded"))?;
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
        for id in self.parts_ever(payment_id).iter().rev() {
            let part = self.payment(id).ok_or(Stop::Corrupt("a part that is not loaded"))?;
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

#[cfg(test)]
mod for_tests {
    use foldhash::HashMap;

    use super::*;

    impl WorkingSet {
        pub(crate) fn all_parts_here(&self) -> &HashMap<PaymentId, Vec<PaymentId>> {
            self.parts.here()
        }

        pub(crate) fn parts_mut(&mut self) -> &mut HashMap<PaymentId, Vec<PaymentId>> {
            self.parts.here_mut()
        }
    }
}

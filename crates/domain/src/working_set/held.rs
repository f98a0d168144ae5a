//! Payments of a customer that wait with money left: one of them may be a part of an invoice.

use crate::ids::{AccountId, PaymentId};
use crate::money::{Currency, Money};
use crate::payment::{ParkReason, Payment, PaymentState};
use crate::want::Want;
use crate::working_set::miss::Stop;
use crate::working_set::{HELD_MAX, WorkingSet};

impl WorkingSet {
    /// Payments that wait for a customer, with what each has left, the least first: at most
    /// [`HELD_MAX`] and two more.
    ///
    /// Nothing is found, and a miss is noted, when they were not loaded.
    ///
    /// # Errors
    /// [`Stop::Corrupt`] when an amount contradicts its row.
    pub fn held_payments(
        &self,
        account_id: &AccountId,
        currency: Currency,
    ) -> Result<Vec<(PaymentId, Money)>, Stop> {
        let key = (account_id.clone(), currency);
        let want = |(account_id, currency)| Want::Held(account_id, currency);
        let listed = self.all(&self.held_payments, &key, want).found();
        let mut found = listed.cloned().unwrap_or_default();
        // What is loaded may have changed in this batch, or be new.
        found.retain(|(payment_id, _)| !self.payments_here().contains_key(payment_id));
        let own =
            self.payments_here().values().filter(|p| p.account_id.as_ref() == Some(account_id));
        for payment in own.filter(|payment| payment.currency() == currency && waits(payment)) {
            let left = payment.unallocated()?;
            if left.is_positive() {
                found.push((payment.payment_id.clone(), left));
            }
        }
        found.retain(|(id, _)| !self.tombstones.contains_key(id));
        let micros = |held: &(PaymentId, Money)| held.1.to_micros().unwrap_or(i64::MAX);
        found.sort_by_cached_key(|held| (micros(held), held.0.clone()));
        found.truncate(HELD_MAX.saturating_add(2));
        Ok(found)
    }
}

/// Money that may be another customer's, or no money at all, or that a person has to speak for, is
/// added to nothing.
fn waits(payment: &Payment) -> bool {
    if payment.question.is_some() {
        return false;
    }
    match payment.state {
        PaymentState::OnAccount | PaymentState::PartlyAllocated => true,
        PaymentState::Parked(reason) => !matches!(
            reason,
            ParkReason::IdentityConflict
                | ParkReason::SeveralAccounts
                | ParkReason::InternalTransfer
                | ParkReason::AccountClosed
                | ParkReason::Undecided
        ),
        PaymentState::Allocated
        | PaymentState::Returned
        | PaymentState::Removed
        | PaymentState::Split => false,
    }
}

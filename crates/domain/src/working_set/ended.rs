//! What a person ended.

use super::WorkingSet;
use crate::account::Account;
use crate::effect::Effect;
use crate::working_set::miss::Stop;

impl WorkingSet {
    pub(super) fn apply_ended(&mut self, effect: &Effect) -> Result<(), Stop> {
        if let Effect::PayOut { payment_id, amount } = effect {
            let payment = self.payment_mut(payment_id)?;
            payment.refunded = payment.refunded.add(*amount)?;
            if payment.unallocated()?.is_negative() {
                return Err(Stop::Corrupt("more was paid out than the payment has"));
            }
        }
        if let Effect::CloseAccount { account_id, closed } = effect {
            let unknown = || Account::named_by_a_record(account_id.clone());
            let account =
                self.accounts.here_mut().entry(account_id.clone()).or_insert_with(unknown);
            account.closed = *closed;
        }
        if let Effect::CancelWaiting(record) = effect {
            self.cancel_waiting(record);
        }
        Ok(())
    }
}

//! What a person ends: money that pays no invoice leaves the books, a customer is closed, a command
//! waits no more. Nothing of it says whose a payer's account is.

use super::settle::{self, event_key};
use crate::decide::asked::{Result, applied_payment, asked, check_usable, known_payment};
use crate::decide::recording::Recording;
use crate::effect::{Effect, Outcome, is_of_nobody};
use crate::event::{ByHand, EventKey, Fact};
use crate::ids::AccountId;
use crate::input::{CancelCommand, ReleasePayment, ReleaseWord};
use crate::ledger::{LedgerAccount, LedgerKind, LedgerTransaction};
use crate::money::Money;
use crate::payment::{Payment, PaymentOrigin, PaymentState};
use crate::rejection::Rejection;
use crate::working_set::miss::Stop;

/// Pays unallocated money back, or says that it is no customer's. A closed customer's money may be
/// paid back: that is what is left to do with it.
pub(super) fn payment(recording: &mut Recording<'_>, command: &ReleasePayment) -> Result {
    let payment = known_payment(recording, &command.payment_id)?;
    match (&payment.account_id, &command.account_id) {
        (Some(_), _) if command.word == ReleaseWord::Dismiss => {
            return Err(Rejection::PaymentAlreadyAssigned.into());
        }
        (Some(owner), Some(named)) if owner == named => {}
        (None, None) => {}
        (None, Some(_)) => return Err(Rejection::PaymentNotAssigned.into()),
        (Some(_), _) => return Err(Rejection::AccountMismatch.into()),
    }
    let holds = recording.set.holds_parts(&payment.payment_id)?;
    // Where no part can be taken back the split is no reason: there is nothing to undo.
    if holds || payment.state != PaymentState::Split {
        check_usable(&payment)?;
    }
    // What the bank takes back of a split payment must find all of it. A part that went back and
    // has money again is a payment like any other.
    if payment.origin == PaymentOrigin::Split && payment.split.is_zero() {
        return Err(Rejection::PaymentIsPart.into());
    }
    if holds {
        return Err(Rejection::PaymentSplit.into());
    }
    let free = payment.unallocated()?;
    if !free.is_positive() {
        return Err(Rejection::NothingUnallocated.into());
    }
    match command.word {
        ReleaseWord::Dismiss => dismiss(recording, &payment, free, &command.reason),
        ReleaseWord::Refund(amount) => {
            let amount = amount.map(|amount| asked(&payment, amount)).transpose()?;
            let amount = amount.unwrap_or(free);
            if amount.compare(free)?.is_gt() {
                return Err(Rejection::AmountExceedsUnallocated.into());
            }
            refund(recording, &payment, amount, &command.reason)
        }
    }
}

fn post(
    recording: &mut Recording<'_>,
    payment: &Payment,
    amount: Money,
    (kind, why): (LedgerKind, &str),
) -> Result<()> {
    let (into, from) =
        (LedgerAccount::BankClearing, vec![(LedgerAccount::UnallocatedCash, amount)]);
    let posted = recording.ids.ledger_transaction();
    let payment_id = payment.payment_id.clone();
    let posting = LedgerTransaction::collect(posted, kind, payment_id, into, from)?;
    Ok(recording.add(Effect::Post(posting.saying(Some(why.to_owned()))))?)
}

fn refund(recording: &mut Recording<'_>, payment: &Payment, amount: Money, why: &str) -> Result {
    post(recording, payment, amount, (LedgerKind::PaymentRefunded, why))?;
    let payment_id = payment.payment_id.clone();
    recording.add(Effect::PayOut { payment_id: payment_id.clone(), amount })?;
    let unallocated = payment.unallocated()?.sub(amount)?;
    let told = ByHand::PaymentRefunded {
        payment_id: payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount,
        unallocated,
        reason: why.to_owned(),
    };
    recording.publish(event_key(payment), Fact::ByHand(told))?;
    let now = recording.set.payment(&payment_id);
    let now = now.ok_or(Stop::Corrupt("a payment that is not loaded"))?;
    // What is left waits as it did; it may still be matched.
    if unallocated.is_zero() {
        let state = if now.allocated.is_positive() {
            now.settled_state()?
        } else if now.has_parts() {
            PaymentState::Split
        } else {
            PaymentState::Returned
        };
        recording.add(Effect::SettlePayment {
            payment_id: payment_id.clone(),
            state,
            watches: Vec::new(),
        })?;
    }
    Ok(applied_payment(&payment_id))
}

fn dismiss(recording: &mut Recording<'_>, payment: &Payment, free: Money, why: &str) -> Result {
    post(recording, payment, free, (LedgerKind::PaymentDismissed, why))?;
    let payment_id = payment.payment_id.clone();
    let told = ByHand::PaymentDismissed {
        payment_id: payment_id.clone(),
        amount: free,
        reason: why.to_owned(),
    };
    recording.publish(event_key(payment), Fact::ByHand(told))?;
    recording.add(Effect::SettlePayment {
        payment_id: payment_id.clone(),
        state: PaymentState::Removed,
        watches: Vec::new(),
    })?;
    Ok(applied_payment(&payment_id))
}

/// A closed customer gets no invoice and no money until somebody opens it again. What came
/// meanwhile is decided then.
pub(super) fn close(
    recording: &mut Recording<'_>,
    account_id: &AccountId,
    closed: bool,
    reason: Option<&String>,
) -> Result {
    let was = recording.set.account(account_id).is_some_and(|account| account.closed);
    let (account, reason) = (account_id.clone(), reason.cloned());
    let told = match (was, closed) {
        (true, true) => return Err(Rejection::AccountClosed.into()),
        (false, false) => return Err(Rejection::AccountNotClosed.into()),
        (false, true) => ByHand::AccountClosed { account_id: account, reason },
        (true, false) => ByHand::AccountReopened { account_id: account, reason },
    };
    recording.add(Effect::CloseAccount { account_id: account_id.clone(), closed })?;
    recording.publish(EventKey::Account(account_id.clone()), Fact::ByHand(told))?;
    if !closed {
        let waiting = recording.set.watchers_of_reopened(account_id);
        settle::watchers(recording, &waiting)?;
    }
    Ok(Outcome::Applied { subject: Some(format!("account:{account_id}")) })
}

/// The command that waits is refused, and those behind it have their turn. Of one that names no
/// customer nothing is told: its payment is nobody's, or is not known, and its outcome says it.
pub(super) fn cancel(recording: &mut Recording<'_>, command: &CancelCommand) -> Result {
    let waits = recording.set.waits(&command.record);
    let own = waits.is_some_and(|waits| match &command.account_id {
        Some(account_id) => waits.as_str() == account_id.as_str(),
        None => is_of_nobody(waits.as_str()),
    });
    if !own {
        return Err(Rejection::CommandNotWaiting.into());
    }
    recording.add(Effect::CancelWaiting(command.record.clone()))?;
    let Some(account_id) = &command.account_id else {
        return Ok(Outcome::Applied { subject: Some(format!("command:{}", command.record)) });
    };
    let told = ByHand::CommandCancelled {
        account_id: account_id.clone(),
        record: command.record.clone(),
        reason: command.reason.clone(),
    };
    recording.publish(EventKey::Account(account_id.clone()), Fact::ByHand(told))?;
    Ok(Outcome::Applied { subject: Some(format!("account:{account_id}")) })
}

//! A person's word on a parked return: which payments it takes, or that it takes nothing.

use std::collections::BTreeSet;

use super::returns::{Taken, apply};
use crate::bank::Direction;
use crate::decide::asked::{applied_payment, asked, check_owner, known_payment};
use crate::decide::recording::{Halt, Recording};
use crate::decide::{given_back, returns, split_returns, undo};
use crate::effect::{BankDisposition, BankRecord, Effect, Outcome};
use crate::event::{EventKey, Fact};
use crate::ids::PaymentId;
use crate::input::{ResolveReturn, ReturnWord};
use crate::money::{Amount, Money};
use crate::payment::Payment;
use crate::rejection::Rejection;
use crate::working_set::WorkingSet;

type Result<T = Outcome> = std::result::Result<T, Halt>;

pub(super) fn resolve(recording: &mut Recording<'_>, command: &ResolveReturn) -> Result {
    match &command.word {
        ReturnWord::End => end(recording, command),
        ReturnWord::Take { payments, fee } => take(recording, command, payments, *fee),
    }
}

fn parked(recording: &Recording<'_>, command: &ResolveReturn) -> Result<BankRecord> {
    let record = recording.set.parked_return(&command.key).cloned();
    record.ok_or_else(|| Rejection::ReturnNotParked.into())
}

/// It takes nothing: what a reversed debit undoes is money of ours that came back.
fn end(recording: &mut Recording<'_>, command: &ResolveReturn) -> Result {
    let record = parked(recording, command)?;
    let disposition = match record.transaction.direction() {
        Direction::BouncedRefund => BankDisposition::RefundBounced,
        Direction::Return | Direction::Payment | Direction::Outgoing => {
            BankDisposition::ReturnEnded
        }
    };
    let fact = Fact::ReturnEnded {
        account_id: command.account_id.clone(),
        bank_account: record.transaction.bank_account.clone(),
        bank_key: record.key.key.clone(),
        amount: record.transaction.amount,
        reason: command.reason.clone(),
    };
    let record = BankRecord { disposition, ..record };
    recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
    recording.publish(EventKey::Account(command.account_id.clone()), fact)?;
    Ok(Outcome::Applied { subject: Some(format!("bank:{}", disposition.word())) })
}

/// Each payment gives what it is told, from where any return is taken; or gets it back, if the
/// record undoes a return. All of it, or nothing.
fn take(
    recording: &mut Recording<'_>,
    command: &ResolveReturn,
    payments: &[(PaymentId, Option<Amount>)],
    fee: Option<Amount>,
) -> Result {
    let mut known = Vec::with_capacity(payments.len());
    for (payment_id, amount) in payments {
        known.push((known_payment(recording, payment_id)?, *amount));
    }
    let Some((first, _)) = known.first() else {
        return Err(Rejection::ReturnMismatch.into());
    };
    let applied = applied_payment(&first.payment_id);
    check_first(recording.set, first, command)?;
    let record = parked(recording, command)?;
    let bank = &record.transaction;
    if known.iter().any(|(payment, _)| payment.currency() != bank.amount.currency()) {
        return Err(Rejection::CurrencyMismatch.into());
    }
    let zero = Money::zero(bank.amount.currency());
    let said = command.reason.as_ref();
    let mut fee = fee.map_or(Ok(zero), |fee| asked(first, fee))?;
    if bank.direction() == Direction::BouncedRefund {
        let given = given_back::by_person(recording.set, bank, &known, fee)?;
        undo::give(recording, &record, &given, said)?;
        return Ok(applied);
    }
    for (payment, amount, with_parts) in shares(recording.set, &known, bank.amount.sub(fee)?)? {
        let taken = Taken { amount, fee, with_parts, said };
        if with_parts {
            returns::apply_whole(recording, &record, &payment, taken)?;
        } else {
            apply(recording, &record, &payment, taken)?;
        }
        // It goes with the first.
        fee = zero;
    }
    Ok(applied)
}

/// The command is about the customer of its first payment. One that is split may have none: then
/// it is about one of those who have its parts, or had one before it went back.
fn check_first(set: &WorkingSet, first: &Payment, command: &ResolveReturn) -> Result<()> {
    check_owner(first.account_id.as_ref(), &command.account_id)?;
    let parts = set.parts_with_money(&first.payment_id)?;
    let ever = set.parts_ever(&first.payment_id);
    let owner = |id: &PaymentId| set.payment(id).and_then(|part| part.account_id.as_ref());
    let mut owners = ever.iter().filter_map(owner);
    let nobodys = first.account_id.is_none() && !parts.is_empty();
    if nobodys && !owners.any(|owner| *owner == command.account_id) {
        return Err(Rejection::AccountMismatch.into());
    }
    Ok(())
}

/// What each gives, and whether all of its parts go back with it.
fn shares(
    set: &WorkingSet,
    known: &[(Payment, Option<Amount>)],
    all: Money,
) -> Result<Vec<(Payment, Money, bool)>> {
    // A part that is named gives what is named for it, and no more by its whole.
    let named: BTreeSet<&PaymentId> =
        known.iter().map(|(payment, _)| &payment.payment_id).collect();
    let mut left = all;
    let mut shares = Vec::with_capacity(known.len());
    for (payment, amount) in known {
        let amount = amount.map_or(Ok(left), |amount| asked(payment, amount))?;
        left = left.sub(amount)?;
        if !amount.is_positive() {
            return Err(Rejection::ReturnMismatch.into());
        }
        let whole = split_returns::left_of_parts(set, &payment.payment_id)?.add(payment.left()?)?;
        let parts = set.parts_with_money(&payment.payment_id)?;
        let alone = !parts.iter().any(|part| named.contains(&part.payment_id));
        if alone && split_returns::is_decided(set, &payment.payment_id, amount == whole)? {
            if amount.compare(whole)?.is_gt() {
                return Err(Rejection::ReturnMismatch.into());
            }
            shares.push((payment.clone(), amount, true));
            continue;
        }
        let given = split_returns::share_out(set, payment, &named, amount)?;
        let given = given.ok_or(Rejection::ReturnMismatch)?;
        shares.extend(given.into_iter().map(|(payment, amount)| (payment, amount, false)));
    }
    if left.is_zero() { Ok(shares) } else { Err(Rejection::ReturnMismatch.into()) }
}

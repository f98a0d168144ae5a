//! A person's word on a parked return: which payments it takes, or that it takes nothing.

use super::command::{applied_payment, asked, check_owner, known_payment};
use super::returns::apply;
use super::{Halt, Recording};
use crate::domain::bank::Direction;
use crate::domain::effect::{BankDisposition, BankRecord, Effect, Outcome};
use crate::domain::event::{EventKey, Fact};
use crate::domain::ids::PaymentId;
use crate::domain::input::{ResolveReturn, ReturnWord};
use crate::domain::money::{Amount, Money};
use crate::domain::payment::Payment;
use crate::domain::rejection::Rejection;

type Result<T = Outcome> = std::result::Result<T, Halt>;

pub(super) fn resolve(recording: &mut Recording<'_>, command: &ResolveReturn) -> Result {
    match &command.word {
        ReturnWord::End => end(recording, command),
        ReturnWord::Take { payments, fee } => take(recording, command, payments, *fee),
    }
}

fn parked(recording: &Recording<'_>, command: &ResolveReturn) -> Result<BankRecord> {
    let record = recording.set.parked_returns.get(&command.key).cloned();
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

/// Each payment gives what it is told, from where any return is taken. All of it, or nothing.
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
    check_owner(first.account_id.as_ref(), &command.account_id)?;
    for (payment, _) in &known {
        if !recording.set.parts_of(&payment.payment_id)?.is_empty() {
            return Err(Rejection::PaymentSplit.into());
        }
    }
    let record = parked(recording, command)?;
    let bank = &record.transaction;
    if bank.direction() != Direction::Return {
        return Err(Rejection::ReturnMismatch.into());
    }
    if known.iter().any(|(payment, _)| payment.currency() != bank.amount.currency()) {
        return Err(Rejection::CurrencyMismatch.into());
    }
    let zero = Money::zero(bank.amount.currency());
    let fee = fee.map_or(Ok(zero), |fee| asked(first, fee))?;
    for (payment, amount, fee) in shares(&known, bank.amount, fee)? {
        apply(recording, &record, &payment, (amount, fee))?;
    }
    Ok(applied)
}

/// What each gives; the fee goes with the first.
fn shares(
    known: &[(Payment, Option<Amount>)],
    all: Money,
    fee: Money,
) -> Result<Vec<(Payment, Money, Money)>> {
    let zero = Money::zero(all.currency());
    let mut left = all.sub(fee)?;
    let mut shares = Vec::with_capacity(known.len());
    for (payment, amount) in known {
        let amount = amount.map_or(Ok(left), |amount| asked(payment, amount))?;
        let there = payment.left()?;
        if !amount.is_positive() || amount.compare(there)?.is_gt() {
            return Err(Rejection::ReturnMismatch.into());
        }
        left = left.sub(amount)?;
        let fee = if shares.is_empty() { fee } else { zero };
        shares.push((payment.clone(), amount, fee));
    }
    if left.is_zero() { Ok(shares) } else { Err(Rejection::ReturnMismatch.into()) }
}

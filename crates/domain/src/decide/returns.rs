//! Payments that the bank takes back, and returns that it undoes. Facts: applied to what is there,
//! never to more than the original, and never silently. What cannot be applied yet is parked.

use super::originals::{self, Original};
use super::reverse::live_links;
use super::settle::event_key;
use super::{split_returns, undo};
use crate::bank::{BankTransaction, Direction};
use crate::decide::recording::{Halt, Recording};
use crate::decide::taking::{Taking, Tried, payment_of, plan, post, restate, reverse_planned};
use crate::effect::{BankDisposition, BankRecord, Before, Effect, Outcome, ReturnWaits};
use crate::event::Fact;
use crate::ids::{BankKey, ContentHash};
use crate::ledger::LedgerAccount;
use crate::money::Money;
use crate::payment::{Payment, PaymentState};
use crate::reversal::PaymentReturn;

type Result<T = ()> = std::result::Result<T, Halt>;

/// A booked return, or what undoes one.
pub(super) fn receive(
    recording: &mut Recording<'_>,
    bank: &BankTransaction,
    key: BankKey,
    content_hash: ContentHash,
) -> Result<Outcome> {
    let record = BankRecord {
        key,
        content_hash,
        disposition: BankDisposition::ReturnParked,
        payment_id: None,
        transaction: bank.clone(),
    };
    // Two would take the money twice: nothing is looked for before a person has said what it is.
    if let Some(earlier) = recording.set.told_before(bank).cloned() {
        let key = record.key.clone();
        recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
        let why = ReturnWaits::PossibleDuplicate;
        recording.add(Effect::ParkReturn { key: key.clone(), why })?;
        recording.add(Effect::ToldAgain { key, earlier: Before::Record(earlier) })?;
        return Ok(Outcome::Applied { subject: Some("bank:return_parked".to_owned()) });
    }
    let unread = recording.tokens.as_ref().is_some_and(|tokens| tokens.unread);
    let waits = match bank.direction() {
        // Recorded and no more: the sweep tries it again.
        Direction::BouncedRefund | Direction::Return | Direction::Payment | Direction::Outgoing
            if unread =>
        {
            Tried::Waits(ReturnWaits::Undecided)
        }
        Direction::BouncedRefund => undo::undo(recording, &record)?,
        Direction::Return | Direction::Payment | Direction::Outgoing => take(recording, &record)?,
    };
    match waits {
        Tried::Done(subject) => Ok(Outcome::Applied { subject: Some(subject) }),
        Tried::Waits(why) => {
            let key = record.key.clone();
            recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
            recording.add(Effect::ParkReturn { key, why })?;
            Ok(Outcome::Applied { subject: Some("bank:return_parked".to_owned()) })
        }
    }
}

/// Tries a parked return again. One that still waits leaves no trace.
pub(super) fn retry(recording: &mut Recording<'_>, key: &BankKey) -> Result<Outcome> {
    let Some(record) = recording.set.parked_return(key).cloned() else {
        return Ok(Outcome::Duplicate);
    };
    if recording.set.told_steps.in_doubt.contains(key) {
        let waits = ReturnWaits::PossibleDuplicate.word();
        return Ok(Outcome::Applied { subject: Some(format!("waits:{waits}")) });
    }
    let tried = match record.transaction.direction() {
        Direction::BouncedRefund => undo::undo(recording, &record)?,
        Direction::Return | Direction::Payment | Direction::Outgoing => take(recording, &record)?,
    };
    Ok(match tried {
        Tried::Done(subject) => Outcome::Applied { subject: Some(subject) },
        Tried::Waits(why) => Outcome::Applied { subject: Some(format!("waits:{}", why.word())) },
    })
}

fn take(recording: &mut Recording<'_>, record: &BankRecord) -> Result<Tried> {
    let payment_id = match originals::find(recording, &record.transaction) {
        Original::Payment(payment_id) => payment_id,
        Original::Contradicted => return Ok(Tried::Waits(ReturnWaits::Contradicted)),
        Original::Nothing => return Ok(Tried::Waits(ReturnWaits::NoOriginal)),
    };
    let payment = payment_of(recording.set, &payment_id)?.clone();
    if payment.is_in_doubt() {
        return Ok(Tried::Waits(ReturnWaits::OriginalInDoubt));
    }
    let left = payment.left()?.add(split_returns::left_of_parts(recording.set, &payment_id)?)?;
    let limit = recording.context.rules.global().return_fee_limit(payment.amount);
    let (amount, fee) = match share(&record.transaction, (payment.amount, left), limit)? {
        Share::Taken { amount, fee } => (amount, fee),
        Share::Waits(why) => return Ok(Tried::Waits(why)),
    };
    if !split_returns::is_decided(recording.set, &payment_id, amount == left)? {
        return Ok(Tried::Waits(ReturnWaits::SplitPayment));
    }
    let taken = Taken { amount, fee, with_parts: true, said: None };
    apply_whole(recording, record, &payment, taken)?;
    Ok(Tried::Done(format!("payment:{payment_id}")))
}

/// How much of a return is the payment's, and how much the bank's fee.
enum Share {
    Taken { amount: Money, fee: Money },
    Waits(ReturnWaits),
}

/// Some banks take a payment back with their fee in one booking. The fee is the house's. It is
/// believed if the bank states it (the original's amount, or the charges) and if it is no more than
/// the limit.
fn share(
    bank: &BankTransaction,
    (whole_payment, left): (Money, Money),
    limit: Money,
) -> Result<Share> {
    let amount = bank.amount;
    let whole = Share::Taken { amount, fee: Money::zero(amount.currency()) };
    let both = bank.instructed.is_some() && bank.charges.is_some();
    let exceeds = amount.compare(left)?.is_gt();
    let Some(original) = bank.stated_original().filter(|_| exceeds || both) else {
        return Ok(if exceeds { Share::Waits(ReturnWaits::ExceedsPayment) } else { whole });
    };
    if amount == whole_payment {
        return Ok(if exceeds { Share::Waits(ReturnWaits::ExceedsPayment) } else { whole });
    }
    let fee = amount.sub(original)?;
    Ok(if original.compare(left)?.is_gt() {
        Share::Waits(ReturnWaits::ExceedsPayment)
    } else if fee.compare(limit)?.is_gt() {
        Share::Waits(ReturnWaits::FeeAboveLimit)
    } else {
        Share::Taken { amount: original, fee }
    })
}

/// What a return takes of one payment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub amount: Money,
    /// What the bank takes besides.
    pub fee: Money,
    /// All that is left of its parts goes back too, and is in the amount.
    pub with_parts: bool,
    /// What the person said who pointed the return at it.
    pub said: Option<&'a String>,
}

/// The free money first, then what is unspent of the newest lots, then what was spent, of the
/// newest as well. Never in proportion: that would leave dust. Of a payment whose parts go back too
/// all is taken, its parts first, the last of them before the others.
pub(super) fn apply(
    recording: &mut Recording<'_>,
    record: &BankRecord,
    payment: &Payment,
    Taken { amount, fee, with_parts, said }: Taken<'_>,
) -> Result {
    let zero = Money::zero(amount.currency());
    let all = with_parts.then(|| split_returns::plan_parts(recording.set, &payment.payment_id));
    let parts = all.transpose()?.unwrap_or_default();
    let given = split_returns::left_with(&parts, zero)?;
    let own = amount.sub(given)?;
    let free = payment.unallocated()?.min(own)?;
    // What was removed is not in the books any more: nothing is left to take there.
    let removed = if payment.state == PaymentState::Removed { free } else { zero };
    let links = live_links(recording.set, &payment.payment_id, None)?;
    let plan = plan(recording.set, &links, own.sub(free)?)?;
    let taking = Taking {
        to: (LedgerAccount::BankClearing, amount.sub(removed)?.add(fee)?),
        parts: given,
        free: free.sub(removed)?,
        unspent: plan.unspent,
        spent: plan.spent,
        fee,
    };
    let all = split_returns::sum_with_parts(&taking, &parts)?;
    let posts = taking.to.1.is_positive();
    let postings = if posts { Some(post(recording, payment, &taking)?) } else { None };
    let returned = PaymentReturn {
        id: recording.ids.payment_return(),
        key: record.key.clone(),
        payment_id: payment.payment_id.clone(),
        amount,
        unallocated: all.free.add(removed)?,
        removed,
        fee,
        now_refunded: zero,
        unspent: all.unspent,
        clawed_back: all.spent,
        undoes: None,
        reason: record.transaction.return_of.as_ref().and_then(|of| of.reason.clone()),
        said: said.cloned(),
        bank_transaction_id: record.transaction.bank_transaction_id.clone(),
        ledger_transaction_id: postings.map(|posted| posted.0),
    };
    let fact = Fact::PaymentReturned {
        payment_id: payment.payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount,
        from_unallocated: all.free,
        from_unspent: all.unspent,
        clawed_back: all.spent,
        removed,
        returned_total: payment.returned.add(amount)?,
        reason: returned.reason.clone(),
    };
    let return_id = returned.id;
    let disposition = BankDisposition::Returned;
    let record = BankRecord { disposition, ..record.clone() };
    recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
    recording.add(Effect::Return(Box::new(returned)))?;
    recording.publish(event_key(payment), fact)?;
    if let Some(posted) = postings {
        let given_back = split_returns::post_parts(recording, &parts)?;
        let of_parts = parts.iter().zip(&given_back).map(|(taken, posted)| (&taken.plan, *posted));
        let planned: Vec<_> = of_parts.chain([(&plan, posted)]).collect();
        reverse_planned(recording, &planned, return_id)?;
        split_returns::close_parts(recording, payment, (&parts, &given_back), return_id)?;
    }
    restate(recording, payment, false)
}

/// All that is left of the payment and its parts goes back. A part that went back with it before
/// and has money again is a payment like any other: what it has is returned of it itself.
pub(super) fn apply_whole(
    recording: &mut Recording<'_>,
    record: &BankRecord,
    payment: &Payment,
    taken: Taken<'_>,
) -> Result {
    let zero = Money::zero(taken.amount.currency());
    let again = recording.set.parts_again(&payment.payment_id)?;
    let mut own = taken.amount;
    for part in &again {
        own = own.sub(part.left()?)?;
    }
    let mut fee = taken.fee;
    if own.is_positive() {
        apply(recording, record, payment, Taken { amount: own, fee, ..taken })?;
        // It goes with the first.
        fee = zero;
    }
    for part in &again {
        let (amount, with_parts) = (part.left()?, false);
        apply(recording, record, part, Taken { amount, fee, with_parts, ..taken })?;
        fee = zero;
    }
    Ok(())
}

//! Returns that the bank undoes, and money of ours that comes back. Facts: what is not known to be
//! one or the other is parked.

use super::given_back::{self, Given, Meant};
use super::settle::{self, Part, event_key};
use crate::allocation::Rule;
use crate::decide::recording::{Halt, Recording};
use crate::decide::taking::{Tried, payment_of, restate};
use crate::effect::{BankDisposition, BankRecord, Effect, ReturnWaits};
use crate::event::Fact;
use crate::ids::{AccountId, LedgerTransactionId};
use crate::ledger::{LedgerAccount, LedgerKind, LedgerTransaction};
use crate::money::Money;
use crate::payment::{ParkReason, Payment, PaymentState};
use crate::reversal::{AppliedReturn, PaymentReturn};
use crate::working_set::WorkingSet;
use crate::working_set::miss::Stop;

type Result<T = ()> = std::result::Result<T, Halt>;

/// What comes back by a reversed debit: a return that was undone, or a refund of ours that
/// bounced. Never a customer's payment.
pub(super) fn undo(recording: &mut Recording<'_>, record: &BankRecord) -> Result<Tried> {
    match given_back::meant(recording.set, &record.transaction)? {
        Meant::Returns(all) if all.iter().all(|of| may_reverse(recording.set, of)) => {
            give(recording, record, &all, None)?;
            let first = all.first().map(|of| of.known.payment_id.as_str());
            Ok(Tried::Done(format!("payment:{}", first.unwrap_or_default())))
        }
        Meant::Returns(_) => Ok(Tried::Waits(ReturnWaits::NoReturn)),
        Meant::Unknown(why) => Ok(Tried::Waits(why)),
        Meant::Ours => {
            let disposition = BankDisposition::RefundBounced;
            let record = BankRecord { disposition, ..record.clone() };
            recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
            Ok(Tried::Done(format!("bank:{}", disposition.word())))
        }
    }
}

fn may_reverse(set: &WorkingSet, given: &Given) -> bool {
    set.may_reverse(&given.known.payment_id)
}

/// Each return gives back what is said of it.
pub(super) fn give(
    recording: &mut Recording<'_>,
    record: &BankRecord,
    all: &[Given],
    said: Option<&String>,
) -> Result {
    for given in all {
        // A payment may be meant by several of them: it is as the one before left it.
        let payment = payment_of(recording.set, &given.known.payment_id)?.clone();
        restore(recording, record, &payment, given, said)?;
    }
    Ok(())
}

/// How what comes back is shared out: to the payment, to what was removed of it, to the house.
struct Back {
    payment: Money,
    removed: Money,
    fee: Money,
}

/// What was taken from the books comes first, then what was removed.
fn back(given: &Given) -> Result<Back> {
    let in_books = given.known.left()?.sub(given.known.removed)?;
    let removed = given.amount.sub(given.amount.min(in_books)?)?;
    Ok(Back { payment: given.amount, removed, fee: given.fee })
}

/// The money is here after all: what the return had taken from invoices is allocated again, as
/// far as they are still due, by new allocations with new lots; the rest is unallocated. A payment
/// that was removed meanwhile has money again, and a person says what it is for; what had been
/// removed before the return stays removed.
fn restore(
    recording: &mut Recording<'_>,
    record: &BankRecord,
    payment: &Payment,
    given: &Given,
    said: Option<&String>,
) -> Result {
    let (back, known) = (back(given)?, &given.known);
    let amount = back.payment;
    let in_books = amount.sub(back.removed)?;
    let removed = payment.state == PaymentState::Removed;
    let asks = payment.question.is_some();
    let by_hand = removed || asks || payment.refunded.is_positive();
    let parts = if by_hand { Vec::new() } else { parts_of(recording, payment, known, in_books)? };
    let zero = Money::zero(amount.currency());
    let mut again = zero;
    for part in &parts {
        again = again.add(part.amount)?;
    }
    let posted = recording.ids.ledger_transaction();
    let posts = in_books.add(back.fee)?.is_positive();
    if posts {
        post(recording, payment, &back, (again, &parts), posted)?;
    }
    let now_refunded = match (removed, in_books.is_positive()) {
        (true, true) => payment.unallocated()?.add(back.removed)?,
        (true, false) => zero,
        (false, _) => back.removed,
    };
    let undone = PaymentReturn {
        id: recording.ids.payment_return(),
        key: record.key.clone(),
        payment_id: payment.payment_id.clone(),
        amount,
        unallocated: amount.sub(again)?,
        removed: back.removed,
        fee: back.fee,
        now_refunded,
        unspent: again,
        clawed_back: zero,
        undoes: Some(known.id),
        reason: record.transaction.return_of.as_ref().and_then(|of| of.reason.clone()),
        said: said.cloned(),
        bank_transaction_id: record.transaction.bank_transaction_id.clone(),
        ledger_transaction_id: posts.then_some(posted),
    };
    let restores = Some(undone.id);
    let disposition = BankDisposition::ReturnUndone;
    let record = BankRecord { disposition, ..record.clone() };
    recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
    recording.add(Effect::Return(Box::new(undone)))?;
    // The fee is the house's: that alone is no news of the payment.
    if amount.is_positive() {
        tell(recording, payment, &back, again)?;
    }
    settle::allocate_all(
        recording,
        &payment.payment_id,
        (Rule::ReturnUndone, restores),
        posted,
        &parts,
    )?;
    if removed && in_books.is_positive() && !asks {
        let payment_id = payment.payment_id.clone();
        recording.add(Effect::Ask { payment_id, question: Some(ParkReason::TakenOut) })?;
    }
    restate(recording, payment, in_books.is_positive())
}

fn tell(recording: &mut Recording<'_>, payment: &Payment, back: &Back, again: Money) -> Result {
    let amount = back.payment;
    let fact = Fact::PaymentReturnUndone {
        payment_id: payment.payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount,
        allocated_again: again,
        removed: back.removed,
        returned_total: payment.returned.sub(amount)?,
    };
    Ok(recording.publish(event_key(payment), fact)?)
}

fn post(
    recording: &mut Recording<'_>,
    payment: &Payment,
    back: &Back,
    (again, parts): (Money, &[Part]),
    posted: LedgerTransactionId,
) -> Result {
    let in_books = back.payment.sub(back.removed)?;
    let mut into = vec![
        (LedgerAccount::UnallocatedCash, in_books.sub(again)?),
        (LedgerAccount::Fees, back.fee),
    ];
    // Each allocation has a transfer of its own.
    for part in parts {
        let owner = payment.account_id.clone();
        let owner = owner.ok_or(Stop::Corrupt("parts of a payment without an account"))?;
        into.push((LedgerAccount::CustomerBalance(owner), part.amount));
    }
    let (kind, payment_id) = (LedgerKind::ReturnUndone, payment.payment_id.clone());
    let from = LedgerAccount::BankClearing;
    let posting = LedgerTransaction::spread(posted, kind, payment_id, from, into)?;
    Ok(recording.add(Effect::Post(posting))?)
}

/// The invoices that get their money back, each once, in the order in which it was taken.
fn parts_of(
    recording: &Recording<'_>,
    payment: &Payment,
    known: &AppliedReturn,
    amount: Money,
) -> Result<Vec<Part>> {
    let Some(account_id) = &payment.account_id else {
        return Ok(Vec::new());
    };
    let mut left = amount;
    let mut parts: Vec<Part> = Vec::new();
    for (invoice_id, taken) in &known.parts {
        let Some(invoice) = recording.set.invoice(invoice_id) else { continue };
        if !invoice.is_payable() || invoice.account_id != *account_id {
            continue;
        }
        let before = parts.iter_mut().find(|part| part.invoice_id == *invoice_id);
        let zero = Money::zero(amount.currency());
        let due = invoice.due()?.sub(before.as_ref().map_or(zero, |part| part.amount))?;
        let part = taken.min(left)?.min(due)?;
        left = left.sub(part)?;
        match before {
            Some(before) => before.amount = before.amount.add(part)?,
            None if part.is_positive() => {
                parts.push(Part { invoice_id: invoice_id.clone(), amount: part });
            }
            None => {}
        }
    }
    if is_open(recording.set, account_id) && fits_balance(recording, account_id, &parts) {
        Ok(parts)
    } else {
        Ok(Vec::new())
    }
}

fn is_open(set: &WorkingSet, account_id: &AccountId) -> bool {
    set.account(account_id).is_some_and(|account| !account.closed)
}

fn fits_balance(recording: &Recording<'_>, account_id: &AccountId, parts: &[Part]) -> bool {
    settle::check_balance_limit(recording, account_id, parts).is_ok()
}

//! Returns that the bank undoes, and money of ours that comes back. Facts: what is not known to be
//! one or the other is parked.

use super::returns::{Tried, payment_of, restate};
use super::settle::{self, Part, event_key};
use super::{Halt, Recording};
use crate::domain::allocation::Rule;
use crate::domain::bank::BankTransaction;
use crate::domain::effect::{BankDisposition, BankKey, BankRecord, Effect, ReturnWaits};
use crate::domain::event::Fact;
use crate::domain::ids::{AccountId, LedgerTransactionId, PaymentId};
use crate::domain::ledger::{LedgerAccount, LedgerKind, LedgerTransaction};
use crate::domain::money::Money;
use crate::domain::payment::{Payment, PaymentState};
use crate::domain::reversal::{AppliedReturn, OriginalKey, PaymentReturn};
use crate::domain::working_set::{Stop, WorkingSet};

type Result<T = ()> = std::result::Result<T, Halt>;

/// What a reversed debit is.
enum Meant {
    /// One, or all that a person made of one booking.
    Returns(Vec<AppliedReturn>),
    /// Money of ours that came back.
    Ours,
    /// What it names is not known, or fits several.
    Unknown,
}

/// What comes back by a reversed debit: a return that was undone, or a refund of ours that
/// bounced. Never a customer's payment.
pub(super) fn undo(recording: &mut Recording<'_>, record: &BankRecord) -> Result<Tried> {
    match meant(recording.set, &record.transaction)? {
        Meant::Returns(all) if all.iter().all(|r| recording.set.may_reverse(&r.payment_id)) => {
            let mut left = record.transaction.amount;
            for known in &all {
                let payment = payment_of(recording.set, &known.payment_id)?.clone();
                let amount = left.min(known.left_with_fee()?)?;
                left = left.sub(amount)?;
                restore(recording, record, &payment, (known, amount))?;
            }
            let first = all.first().map(|known| known.payment_id.as_str());
            Ok(Tried::Done(format!("payment:{}", first.unwrap_or_default())))
        }
        Meant::Returns(_) | Meant::Unknown => Ok(Tried::Waits(ReturnWaits::NoReturn)),
        Meant::Ours => {
            let disposition = BankDisposition::RefundBounced;
            let record = BankRecord { disposition, ..record.clone() };
            recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
            Ok(Tried::Done(format!("bank:{}", disposition.word())))
        }
    }
}

/// By the bank's ids: of the return, of the entry that the return is a detail of, or of what was
/// returned. Of several returns the one of that amount is meant, if there is only one.
fn meant(set: &WorkingSet, bank: &BankTransaction) -> Result<Meant> {
    let named = bank.return_of.as_ref().and_then(|of| of.bank_transaction_id.as_deref());
    for id in named.into_iter().chain(bank.bank_transaction_id.as_deref()) {
        let known = known_by(set, bank, id);
        let mut open = Vec::new();
        for known in &known {
            if known.left_with_fee()?.is_positive() {
                open.push(*known);
            }
        }
        let fits = |known: &&AppliedReturn| known.left_with_fee() == Ok(bank.amount);
        let exact: Vec<&AppliedReturn> = open.iter().copied().filter(fits).collect();
        let told = exact.iter().copied().filter(|known| is_told(set, bank, known));
        let told: Vec<&AppliedReturn> = told.collect();
        match (open.as_slice(), exact.as_slice(), told.as_slice()) {
            ([], ..) => {}
            ([only], ..) if !bank.amount.compare(only.left_with_fee()?)?.is_gt() => {
                return Ok(Meant::Returns(vec![(*only).clone()]));
            }
            // More than was returned cannot come back by it: whose that is, a person says.
            ([_], ..) => return Ok(Meant::Unknown),
            (_, [only], _) | (_, _, [only]) => return Ok(Meant::Returns(vec![(*only).clone()])),
            (all, ..) if sum_of(all)? == bank.amount => {
                return Ok(Meant::Returns(all.iter().copied().cloned().collect()));
            }
            _ => return Ok(Meant::Unknown),
        }
        if !known.is_empty() {
            return Ok(Meant::Unknown);
        }
    }
    let stored = |key: &BankKey| set.bank.get(key).map(|stored| stored.disposition);
    let returns = named_records(bank);
    if returns.iter().any(|key| stored(key) == Some(BankDisposition::ReturnParked)) {
        return Ok(Meant::Unknown);
    }
    let ours = returns.iter().any(|key| stored(key) == Some(BankDisposition::Outgoing));
    Ok(if named.is_none() || ours { Meant::Ours } else { Meant::Unknown })
}

fn sum_of(returns: &[&AppliedReturn]) -> Result<Money> {
    let mut all = returns.iter();
    let first = all.next().ok_or(Stop::Corrupt("a sum of no returns"))?.left_with_fee()?;
    all.try_fold(first, |sum, known| Ok(sum.add(known.left_with_fee()?)?))
}

/// The returns that the bank's id may name.
fn known_by<'a>(set: &'a WorkingSet, bank: &BankTransaction, id: &str) -> Vec<&'a AppliedReturn> {
    let own = bank.bank_account.as_str();
    let original = set.originals.get(&OriginalKey::bank_id(own, id));
    let all =
        set.returns.values().filter(|known| known.amount.currency() == bank.amount.currency());
    let all = all.filter(|known| known.bank_account == own);
    let by_id = |known: &&AppliedReturn| known.bank_transaction_id.as_deref() == Some(id);
    // What a person took from the parts of a payment was returned of it.
    let is_part =
        |of: &PaymentId, id: &PaymentId| set.parts.get(of).is_some_and(|parts| parts.contains(id));
    let of_it = |known: &&AppliedReturn| {
        let id = &known.payment_id;
        let mut payments = original.into_iter().flatten();
        payments.any(|of| of == id || is_part(of, id))
    };
    let found: Vec<&AppliedReturn> = all.clone().filter(by_id).collect();
    if found.is_empty() { all.filter(of_it).collect() } else { found }
}

/// Whether the end-to-end id, or the payer with the amount, tells the return from the others.
fn is_told(set: &WorkingSet, bank: &BankTransaction, known: &AppliedReturn) -> bool {
    let own = bank.bank_account.as_str();
    let end_to_end = bank.original_end_to_end().map(|id| OriginalKey::end_to_end(own, id));
    let payer = bank.debtor_account.as_deref().map(|id| OriginalKey::payer(own, id, bank.amount));
    let mut named = end_to_end.into_iter().chain(payer).filter_map(|key| set.originals.get(&key));
    named.any(|payments| payments.contains(&known.payment_id))
}

/// The records that a reversed debit may mean, by the bank's ids: a return, or our own debit.
#[must_use]
pub fn named_records(bank: &BankTransaction) -> Vec<BankKey> {
    let named = bank.return_of.as_ref().and_then(|of| of.bank_transaction_id.as_deref());
    let ids = named.into_iter().chain(bank.bank_transaction_id.as_deref());
    let key = |key: String| BankKey { bank_account: bank.bank_account.as_str().to_owned(), key };
    let both = |id: &str| [key(format!("reversal:{id}")), key(format!("id:{id}"))];
    ids.flat_map(both).collect()
}

/// How what comes back is shared out: to the payment, to what was removed of it, to the house.
struct Back {
    payment: Money,
    removed: Money,
    fee: Money,
}

/// What was taken from the books comes first, then what was removed, then the fee.
fn back(amount: Money, known: &AppliedReturn) -> Result<Back> {
    let payment = amount.min(known.left()?)?;
    let in_books = known.left()?.sub(known.removed)?;
    let removed = payment.sub(payment.min(in_books)?)?;
    Ok(Back { payment, removed, fee: amount.sub(payment)? })
}

/// The money is here after all: what the return had taken from invoices is allocated again, as
/// far as they are still due, by new allocations with new lots; the rest is unallocated. A payment
/// that was removed meanwhile has money again, and a person says what it is for; what had been
/// removed before the return stays removed.
fn restore(
    recording: &mut Recording<'_>,
    record: &BankRecord,
    payment: &Payment,
    (known, amount): (&AppliedReturn, Money),
) -> Result {
    let back = back(amount, known)?;
    let amount = back.payment;
    let in_books = amount.sub(back.removed)?;
    let removed = payment.state == PaymentState::Removed;
    let by_hand = removed || payment.refunded.is_positive();
    let parts = if by_hand { Vec::new() } else { parts_of(recording, payment, known, in_books)? };
    let zero = Money::zero(amount.currency());
    let mut again = zero;
    for part in &parts {
        again = again.add(part.amount)?;
    }
    let posted = recording.ids.ledger_transaction();
    let posts = in_books.add(back.fee)?.is_positive();
    if posts {
        post(recording, payment, &back, again, posted)?;
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
        said: None,
        bank_transaction_id: record.transaction.bank_transaction_id.clone(),
        ledger_transaction_id: posts.then_some(posted),
    };
    let restores = Some(undone.id);
    let disposition = BankDisposition::ReturnUndone;
    let record = BankRecord { disposition, ..record.clone() };
    recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
    recording.add(Effect::Return(Box::new(undone)))?;
    let fact = Fact::PaymentReturnUndone {
        payment_id: payment.payment_id.clone(),
        account_id: payment.account_id.clone(),
        amount,
        allocated_again: again,
        returned_total: payment.returned.sub(amount)?,
    };
    recording.publish(event_key(payment), fact)?;
    settle::allocate_all(recording, &payment.payment_id, (Rule::R1r, restores), posted, &parts)?;
    restate(recording, payment, in_books.is_positive())
}

fn post(
    recording: &mut Recording<'_>,
    payment: &Payment,
    back: &Back,
    again: Money,
    posted: LedgerTransactionId,
) -> Result {
    let in_books = back.payment.sub(back.removed)?;
    let balance = payment.account_id.clone().map(LedgerAccount::CustomerBalance);
    let mut entries = vec![
        (LedgerAccount::BankClearing, in_books.add(back.fee)?.negated()),
        (LedgerAccount::UnallocatedCash, in_books.sub(again)?),
        (LedgerAccount::Fees, back.fee),
    ];
    entries.extend(balance.map(|balance| (balance, again)));
    let (kind, payment_id) = (LedgerKind::ReturnUndone, payment.payment_id.clone());
    let posting = LedgerTransaction::step_back(posted, kind, payment_id, entries);
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
        let Some(invoice) = recording.set.invoices.get(invoice_id) else { continue };
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
    set.accounts.get(account_id).is_some_and(|account| !account.closed)
}

fn fits_balance(recording: &Recording<'_>, account_id: &AccountId, parts: &[Part]) -> bool {
    settle::check_balance_limit(recording, account_id, parts).is_ok()
}

//! Which returns a reversed debit undoes, and how much of each: of the payment, and of what the
//! bank took besides as its fee. What may be several customers' a person says.

use std::collections::BTreeSet;

use crate::bank::{BankTransaction, identity_of};
use crate::decide::asked::asked;
use crate::decide::recording::Halt;
use crate::effect::{BankDisposition, ReturnWaits};
use crate::ids::{BankKey, PaymentId, ReturnId};
use crate::matching::weak::payer_account;
use crate::money::{Amount, Money};
use crate::payment::{Payment, PaymentState};
use crate::rejection::Rejection;
use crate::reversal::{AppliedReturn, OriginalKey};
use crate::working_set::WorkingSet;

type Result<T = ()> = std::result::Result<T, Halt>;

/// What one return gives back.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub known: AppliedReturn,
    /// To the payment.
    pub amount: Money,
    /// Of the bank's fee, to the house.
    pub fee: Money,
}

/// What a reversed debit is.
pub(super) enum Meant {
    Returns(Vec<Given>),
    /// Money of ours that came back.
    Ours,
    Unknown(ReturnWaits),
}

/// By the bank's ids: of the return, of the entry that the return is a detail of, or of what was
/// returned.
pub(super) fn meant(set: &WorkingSet, bank: &BankTransaction) -> Result<Meant> {
    for id in ids_of(bank) {
        let known = known_by(set, bank, id);
        if known.is_empty() {
            continue;
        }
        let mut open = Vec::new();
        for known in known {
            if known.left_with_fee()?.is_positive() {
                open.push(known);
            }
        }
        return match open.as_slice() {
            // More than was returned cannot come back by it: whose that is, a person says.
            [] => Ok(Meant::Unknown(ReturnWaits::ExceedsReturn)),
            [only] if bank.amount.compare(only.left_with_fee()?)?.is_gt() => {
                Ok(Meant::Unknown(ReturnWaits::ExceedsReturn))
            }
            [only] => Ok(Meant::Returns(vec![of_one(only, bank.amount)?])),
            several => of_several(set, bank, several),
        };
    }
    let stored = |key: &BankKey| set.bank(key).map(|stored| stored.disposition);
    let returns = named_records(bank);
    if returns.iter().any(|key| stored(key) == Some(BankDisposition::ReturnParked)) {
        return Ok(Meant::Unknown(ReturnWaits::NoReturn));
    }
    if returns.iter().any(|key| stored(key) == Some(BankDisposition::Outgoing)) {
        return Ok(Meant::Ours);
    }
    let named = bank.return_of.as_ref().is_some_and(|of| of.bank_transaction_id.is_some());
    if named { Ok(Meant::Unknown(ReturnWaits::NoReturn)) } else { by_end_to_end(set, bank) }
}

/// What names no id of the bank may name a return by the end-to-end id of what was returned. Then
/// it is all of that return, or the payer is known to be the same; nothing else may speak against
/// it.
fn by_end_to_end(set: &WorkingSet, bank: &BankTransaction) -> Result<Meant> {
    let Some(id) = bank.original_end_to_end() else { return Ok(Meant::Ours) };
    let key = OriginalKey::end_to_end(bank.bank_account.as_str(), id);
    let payments = set.originals(&key);
    let payer = bank.debtor_account.as_deref().and_then(payer_account);
    let own = payer_account(bank.bank_account.as_str());
    let payer = payer.filter(|payer| Some(payer) != own.as_ref());
    let (mut open, mut fit) = (Vec::new(), Vec::new());
    for known in set.returns_of(payments.into_iter().flatten()).filter(|known| is_of(known, bank)) {
        let id = &known.payment_id;
        let mut payments = payments.into_iter().flatten();
        let rest = known.left_with_fee()?;
        if !payments.any(|of| of == id || is_part(set, of, id)) || !rest.is_positive() {
            continue;
        }
        open.push(known);
        let theirs = set.original_payer(&known.payment_id);
        let agrees = match (&payer, theirs) {
            (Some(payer), Some(theirs)) => payer == theirs && !bank.amount.compare(rest)?.is_gt(),
            (None, _) | (_, None) => rest == bank.amount || known.left()? == bank.amount,
        };
        if agrees {
            fit.push(known);
        }
    }
    let explicit = bank.return_of.as_ref().is_some_and(|of| of.end_to_end_id.is_some());
    let may_come = explicit && payments.into_iter().flatten().any(|id| is_here(set, id));
    Ok(match (fit.as_slice(), open.as_slice()) {
        (_, []) if !may_come => Meant::Ours,
        ([only], _) if set.has_all_originals(&key) => {
            Meant::Returns(vec![of_one(only, bank.amount)?])
        }
        _ => Meant::Unknown(ReturnWaits::NoReturn),
    })
}

/// Whether the bank may take the payment back yet, and we have paid nothing of it back ourselves.
fn is_here(set: &WorkingSet, payment_id: &PaymentId) -> bool {
    let here = |known: &Payment| {
        known.state != PaymentState::Removed && known.refunded.is_zero() && known.returned.is_zero()
    };
    set.payment(payment_id).is_some_and(here)
}

/// The records that a reversed debit may mean, by the bank's ids: a return, or our own debit.
pub fn named_records(bank: &BankTransaction) -> Vec<BankKey> {
    let key = |key: String| BankKey { bank_account: bank.bank_account.as_str().to_owned(), key };
    let both = |id: &str| [key(format!("reversal:{id}")), key(format!("id:{id}"))];
    ids_of(bank).flat_map(both).collect()
}

/// The id that it names, and its own.
fn ids_of(bank: &BankTransaction) -> impl Iterator<Item = &str> {
    let named = bank.return_of.as_ref().and_then(|of| of.bank_transaction_id.as_deref());
    named.into_iter().chain(bank.bank_transaction_id.as_deref())
}

/// The returns that the bank's id may name.
fn known_by<'a>(set: &'a WorkingSet, bank: &BankTransaction, id: &str) -> Vec<&'a AppliedReturn> {
    let own = bank.bank_account.as_str();
    let original = set.originals(&OriginalKey::bank_id(own, id));
    let all = set.returns_named(own, id).filter(|known| is_of(known, bank));
    let by_id = |known: &&AppliedReturn| known.bank_transaction_id.as_deref() == Some(id);
    // What a person took from the parts of a payment was returned of it, and so was what was taken
    // of the payment that it was told again of.
    let of_it = |known: &&AppliedReturn| {
        let id = &known.payment_id;
        let mut payments = original.into_iter().flatten();
        payments.any(|of| of == id || is_part(set, of, id) || is_told_twice(set, of, id))
    };
    let found: Vec<&AppliedReturn> = all.clone().filter(by_id).collect();
    if found.is_empty() { all.filter(of_it).collect() } else { found }
}

fn is_of(known: &AppliedReturn, bank: &BankTransaction) -> bool {
    known.amount.currency() == bank.amount.currency()
        && known.bank_account == bank.bank_account.as_str()
}

fn is_part(set: &WorkingSet, of: &PaymentId, id: &PaymentId) -> bool {
    set.parts_ever(of).contains(id)
}

/// Whether `of` was removed as told twice, and `id` is the payment that it was.
fn is_told_twice(set: &WorkingSet, of: &PaymentId, id: &PaymentId) -> bool {
    let removed = set.payment(of).is_some_and(|of| of.state == PaymentState::Removed);
    removed && set.told_twice(of).any(|twin| twin == id)
}

/// Of one return: all of the payment, or all of the fee, if it is just that; so little that it may
/// be of the fee is the fee; of anything else the payment comes first.
fn of_one(known: &AppliedReturn, amount: Money) -> Result<Given> {
    let (left, fee) = (known.left()?, known.fee);
    let of_fee = amount != left && !amount.compare(fee)?.is_gt();
    let paid = if of_fee { Money::zero(amount.currency()) } else { amount.min(left)? };
    Ok(Given { known: known.clone(), amount: paid, fee: amount.sub(paid)? })
}

/// Of several the one of that amount is meant, if there is only one or if something tells it from
/// the others; or all of them, with their fees or without; or of the fees, which are the house's
/// whichever is meant. Several returns of one payment are one customer's: the last comes first.
fn of_several(set: &WorkingSet, bank: &BankTransaction, open: &[&AppliedReturn]) -> Result<Meant> {
    let amount = bank.amount;
    let zero = Money::zero(amount.currency());
    let (mut left, mut fees) = (zero, zero);
    let (mut exact, mut without_fee) = (Vec::new(), Vec::new());
    for known in open.iter().copied() {
        left = left.add(known.left()?)?;
        fees = fees.add(known.fee)?;
        if known.left_with_fee()? == amount {
            exact.push(known);
        } else if known.left()? == amount {
            without_fee.push(known);
        }
    }
    let exact = if exact.is_empty() { without_fee } else { exact };
    if amount.compare(left.add(fees)?)?.is_gt() {
        return Ok(Meant::Unknown(ReturnWaits::ExceedsReturn));
    }
    let told = exact.iter().copied().filter(|known| is_told(set, bank, known));
    let told: Vec<&AppliedReturn> = told.collect();
    if let ([only], _) | (_, [only]) = (exact.as_slice(), told.as_slice()) {
        return Ok(Meant::Returns(vec![of_one(only, amount)?]));
    }
    let mut shares = Shares::of(open);
    if amount == left || amount == left.add(fees)? {
        let rest = shares.take(amount, |_| true)?;
        shares.take_fee(rest)?;
        return Ok(Meant::Returns(shares.given()));
    }
    if exact.is_empty() && !amount.compare(fees)?.is_gt() {
        shares.take_fee(amount)?;
        return Ok(Meant::Returns(shares.given()));
    }
    let first = open.first().map(|known| &known.payment_id);
    if open.iter().any(|known| Some(&known.payment_id) != first) {
        return Ok(Meant::Unknown(ReturnWaits::SeveralPayments));
    }
    shares.newest_first();
    let rest = shares.take(amount, |_| true)?;
    shares.take_fee(rest)?;
    Ok(Meant::Returns(shares.given()))
}

/// Whether the end-to-end id, or the payer with the amount, tells the return from the others.
fn is_told(set: &WorkingSet, bank: &BankTransaction, known: &AppliedReturn) -> bool {
    let own = bank.bank_account.as_str();
    let end_to_end = bank.original_end_to_end().map(|id| OriginalKey::end_to_end(own, id));
    let payer = bank.debtor_account.as_deref().and_then(identity_of);
    let payer = payer.map(|id| OriginalKey::payer(own, id, bank.amount));
    let mut named = end_to_end.into_iter().chain(payer).filter_map(|key| set.originals(&key));
    named.any(|payments| payments.contains(&known.payment_id))
}

/// What several returns give back, until all of an amount is shared out.
struct Shares(Vec<Given>);

impl Shares {
    fn of(open: &[&AppliedReturn]) -> Self {
        let one = |known: &&AppliedReturn| {
            let zero = Money::zero(known.amount.currency());
            Given { known: (*known).clone(), amount: zero, fee: zero }
        };
        Self(open.iter().map(one).collect())
    }

    fn newest_first(&mut self) {
        self.0.sort_by_key(|given| std::cmp::Reverse(given.known.id));
    }

    /// To the payments of those returns, in order. What they did not give is left over.
    fn take(&mut self, amount: Money, of: impl Fn(&PaymentId) -> bool) -> Result<Money> {
        let mut left = amount;
        for given in self.0.iter_mut().filter(|given| of(&given.known.payment_id)) {
            let part = given.known.left()?.sub(given.amount)?.min(left)?;
            given.amount = given.amount.add(part)?;
            left = left.sub(part)?;
        }
        Ok(left)
    }

    /// Of the fees, in order.
    fn take_fee(&mut self, amount: Money) -> Result<Money> {
        let mut left = amount;
        for given in &mut self.0 {
            let part = given.known.fee.sub(given.fee)?.min(left)?;
            given.fee = given.fee.add(part)?;
            left = left.sub(part)?;
        }
        Ok(left)
    }

    /// What those payments gave that is not shared out yet.
    fn there(&self, of: impl Fn(&PaymentId) -> bool, zero: Money) -> Result<Money> {
        let those = self.0.iter().filter(|given| of(&given.known.payment_id));
        let mut there = zero;
        for given in those {
            there = there.add(given.known.left()?)?.sub(given.amount)?;
        }
        Ok(there)
    }

    fn given(self) -> Vec<Given> {
        let some = |given: &Given| given.amount.is_positive() || given.fee.is_positive();
        self.0.into_iter().filter(some).collect()
    }
}

/// A person says which payments get the money back, and how much of the bank's fee the house gets:
/// no more than each gave, and all of it or nothing. The returns that the bank names come first,
/// then the newest. A payment that is split gets what it gave itself; or all that it and its parts
/// gave, if it is just that: of less the part is named.
pub(super) fn by_person(
    set: &WorkingSet,
    bank: &BankTransaction,
    payments: &[(Payment, Option<Amount>)],
    fee: Money,
) -> Result<Vec<Given>> {
    let named: BTreeSet<&PaymentId> = payments.iter().map(|(known, _)| &known.payment_id).collect();
    let mut shares = Shares::of(&may_give(set, bank, &named)?);
    let mut left = bank.amount.sub(fee)?;
    for (payment, amount) in payments {
        let amount = amount.map_or(Ok(left), |amount| asked(payment, amount))?;
        left = left.sub(amount)?;
        let id = &payment.payment_id;
        let own = |of: &PaymentId| of == id;
        let all = |of: &PaymentId| of == id || (is_part(set, id, of) && !named.contains(of));
        let zero = Money::zero(amount.currency());
        let enough = !amount.compare(shares.there(own, zero)?)?.is_gt();
        let rest = if enough {
            shares.take(amount, own)?
        } else if amount == shares.there(all, zero)? {
            shares.take(amount, all)?
        } else {
            amount
        };
        if !amount.is_positive() || rest.is_positive() {
            return Err(Rejection::ReturnMismatch.into());
        }
    }
    let rest = shares.take_fee(fee)?;
    if left.is_zero() && rest.is_zero() {
        Ok(shares.given())
    } else {
        Err(Rejection::ReturnMismatch.into())
    }
}

/// The returns that the record may undo by a person's word: what the bank names, and what was
/// returned of the payments that the person names and of their parts, by whichever bank account.
fn may_give<'a>(
    set: &'a WorkingSet,
    bank: &BankTransaction,
    payments: &BTreeSet<&PaymentId>,
) -> Result<Vec<&'a AppliedReturn>> {
    let by_bank = ids_of(bank).flat_map(|id| known_by(set, bank, id));
    let by_bank: BTreeSet<ReturnId> = by_bank.map(|known| known.id).collect();
    let mut found = Vec::new();
    let currency = bank.amount.currency();
    let theirs = set.returns_of(payments.iter().copied());
    for known in theirs.filter(|known| known.amount.currency() == currency) {
        let of = |id: &&PaymentId| **id == known.payment_id || is_part(set, id, &known.payment_id);
        let meant = by_bank.contains(&known.id) || payments.iter().any(of);
        if meant && set.may_reverse(&known.payment_id) && known.left_with_fee()?.is_positive() {
            found.push(known);
        }
    }
    found.sort_by_key(|known| (!by_bank.contains(&known.id), std::cmp::Reverse(known.id)));
    Ok(found)
}

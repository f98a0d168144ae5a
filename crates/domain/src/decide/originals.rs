//! Which payment a return returns. Money goes out of a customer's payment only on what names that
//! payment: a word that anybody may write is nobody's, and payer or amount must not say otherwise.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::split_returns::left_of_parts;
use crate::bank::BankTransaction;
use crate::decide::recording::Recording;
use crate::ids::PaymentId;
use crate::matching::weak::payer_account;
use crate::money::Money;
use crate::payment::{Payment, PaymentState};
use crate::reversal::OriginalKey;

/// After so long a return that names an original which never came is looked for by its payer.
const IN_FLIGHT: TimeDelta = TimeDelta::days(1);

/// The payment that a return takes back.
pub(super) enum Original {
    Payment(PaymentId),
    /// What it names is a payment of another payer or amount.
    Contradicted,
    Nothing,
}

/// By the bank's id, then the end-to-end id; by payer and amount only if it names neither, or if
/// what it names has not come for a day. An original that came in this very batch is found when
/// the return is tried again.
pub(super) fn find(recording: &Recording<'_>, bank: &BankTransaction) -> Original {
    let set = &recording.set;
    let named = bank
        .return_of
        .as_ref()
        .is_some_and(|of| of.bank_transaction_id.is_some() || of.end_to_end_id.is_some());
    let since = recording.waited.map_or(recording.context.as_of, |waited| waited.since);
    let by_payer = !named || recording.context.as_of.signed_duration_since(since) >= IN_FLIGHT;
    let keys = bank.original_keys();
    // What is not here of them is loaded at once, before anything is told by what is.
    if keys.iter().filter(|key| set.lacks_originals(key)).count() > 0 {
        return Original::Nothing;
    }
    // What came in this very batch may be meant too, and cannot be taken from yet.
    let unready = set.watched_here().iter().any(|(payment_id, record)| {
        !set.may_reverse(payment_id)
            && record.transaction.own_keys().iter().any(|own| keys.contains(own))
    });
    if unready {
        return Original::Nothing;
    }
    let mut contradicted = false;
    for key in &keys {
        if matches!(key, OriginalKey::Payer { .. }) && !by_payer {
            continue;
        }
        let mut fit = Vec::new();
        for payment_id in set.originals(key).into_iter().flatten() {
            let Some(payment) = set.payment(payment_id) else { continue };
            if payment.currency() == bank.amount.currency() && set.may_reverse(payment_id) {
                fit.push(payment);
            }
        }
        let named_any = !fit.is_empty();
        if !matches!(key, OriginalKey::BankId { .. } | OriginalKey::Payer { .. }) {
            // What was undone before is of its amount.
            let undone = matches!(key, OriginalKey::Undone { .. });
            fit.retain(|payment| agrees(recording, bank, payment, undone));
            contradicted |= named_any && fit.is_empty() && set.has_all_originals(key);
        }
        if !matches!(key, OriginalKey::BankId { .. }) {
            narrow(recording, bank, (key, &keys), &mut fit);
        }
        if let [only] = fit.as_slice() {
            return it_or_its_twin(recording, bank, only);
        }
    }
    if contradicted { Original::Contradicted } else { Original::Nothing }
}

/// What was removed as told twice is the transfer that it was told again of, if that is the same
/// customer's and has so much. Several of those cannot be told apart.
fn it_or_its_twin(recording: &Recording<'_>, bank: &BankTransaction, found: &Payment) -> Original {
    let itself = Original::Payment(found.payment_id.clone());
    if found.state != PaymentState::Removed {
        return itself;
    }
    let set = &recording.set;
    let twins = set.told_twice(&found.payment_id);
    let known = twins.filter(|id| set.may_reverse(id)).filter_map(|id| set.payment(id));
    let same = |twin: &&Payment| twin.account_id == found.account_id;
    let living = known.filter(same).filter(|twin| has_so_much(recording, bank, twin));
    match living.collect::<Vec<_>>().as_slice() {
        [] => itself,
        [twin] => Original::Payment(twin.payment_id.clone()),
        _ => Original::Nothing,
    }
}

/// Whether payer and amount let it be this payment: no other payer, and the whole amount (or
/// `exact`ly what it names) unless the payer is known to be the same. The payers of both must be
/// somebody for that.
fn agrees(
    recording: &Recording<'_>,
    bank: &BankTransaction,
    payment: &Payment,
    exact: bool,
) -> bool {
    let whole = exact || is_whole(bank, payment);
    let theirs = recording.set.original_payer(&payment.payment_id);
    match (payer_of(recording, bank), theirs) {
        (Some(payer), Some(theirs)) => payer == *theirs,
        (None, _) | (_, None) => whole,
    }
}

fn is_whole(bank: &BankTransaction, payment: &Payment) -> bool {
    payment.amount == bank.amount || bank.stated_original() == Some(payment.amount)
}

/// Whom the bank names as the payer of what it takes back, unless it names ourselves.
fn payer_of(recording: &Recording<'_>, bank: &BankTransaction) -> Option<String> {
    let payer = bank.debtor_account.as_deref().and_then(payer_account)?;
    let own = payer_account(bank.bank_account.as_str());
    let ours = own.as_ref() == Some(&payer)
        || recording.context.rules.global().own_accounts.contains(&payer);
    (!ours).then_some(payer)
}

/// Of several with the same words those that more of what the return says fits, then those that
/// still have money, then those of that amount of which nothing has gone back yet. Of what so many
/// have in common that not all were read, only those remain that something else tells from the
/// rest.
fn narrow(
    recording: &Recording<'_>,
    bank: &BankTransaction,
    (by, keys): (&OriginalKey, &[OriginalKey]),
    fit: &mut Vec<&Payment>,
) {
    let set = &recording.set;
    let mut all = set.has_all_originals(by);
    for key in keys {
        let other: Option<&BTreeSet<PaymentId>> = set.originals(key);
        let Some(other) = other.filter(|_| fit.len() > 1 || !all) else { continue };
        if fit.iter().any(|payment| other.contains(&payment.payment_id)) {
            fit.retain(|payment| other.contains(&payment.payment_id));
            all |= set.has_all_originals(key);
        }
    }
    if !all {
        fit.clear();
    }
    leave_ended(recording, bank, fit);
    if fit.len() > 1 {
        fit.retain(|payment| is_whole(bank, payment) && payment.returned.is_zero());
    }
}

/// What has nothing left of its money, as it was removed, paid out or returned, leaves no doubt
/// where other money of the same customer is there that has so much. Where all have ended, or
/// whose they are differs, nothing is left out.
fn leave_ended(recording: &Recording<'_>, bank: &BankTransaction, fit: &mut Vec<&Payment>) {
    let (living, ended): (Vec<&Payment>, Vec<&Payment>) =
        fit.iter().copied().partition(|payment| left(recording, payment).is_some());
    let of_one = |one: &Payment| living.iter().all(|other| are_of_one(recording, one, other));
    let enough = living.iter().any(|one| has_so_much(recording, bank, one));
    if enough && ended.iter().all(|one| of_one(one)) {
        *fit = living;
    }
}

/// Whether the payment and its parts have what the return takes, without the bank's fee.
fn has_so_much(recording: &Recording<'_>, bank: &BankTransaction, payment: &Payment) -> bool {
    let takes = bank.stated_original().unwrap_or(bank.amount);
    let left = left(recording, payment);
    left.is_some_and(|left| takes.compare(left).is_ok_and(|order| !order.is_gt()))
}

/// What a return may still take of the payment and its parts; none if that is nothing.
fn left(recording: &Recording<'_>, payment: &Payment) -> Option<Money> {
    if payment.state == PaymentState::Removed {
        return None;
    }
    let parts = left_of_parts(recording.set, &payment.payment_id).ok()?;
    payment.left().and_then(|left| left.add(parts)).ok().filter(|left| left.is_positive())
}

/// Whether both are one customer's; of money of nobody, whether they are one payer's.
fn are_of_one(recording: &Recording<'_>, left: &Payment, right: &Payment) -> bool {
    let payer = |payment: &Payment| recording.set.original_payer(&payment.payment_id);
    match (&left.account_id, &right.account_id) {
        (Some(left), Some(right)) => left == right,
        (None, _) | (_, None) => payer(left).is_some() && payer(left) == payer(right),
    }
}

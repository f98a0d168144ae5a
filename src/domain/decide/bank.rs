//! Bank transactions: facts. The gates of domain §4 in their order, then matching.

use super::{Halt, Recording, returns, settle};
use crate::domain::bank::{BankTransaction, Direction, EntryStatus};
use crate::domain::effect::{BankDisposition, BankKey, BankRecord, Effect, Outcome, WithoutBankId};
use crate::domain::ids::PaymentId;
use crate::domain::input::ContentHash;
use crate::domain::keys;
use crate::domain::matching::MatchDecision;
use crate::domain::money::Money;
use crate::domain::payment::{ParkReason, Payment, PaymentOrigin, PaymentState};
use crate::domain::rejection::DeadLetterReason;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::lookalikes::Delivery;

/// Ordinals tried for equal records without any bank id on one day; more than this many equal
/// payments of one payer on one day are not a payment pattern but a broken feed.
pub const ORDINAL_MAX: u32 = 32;

/// What a key begins with that is not simply the bank's id of a payment.
const OTHER_KINDS: [&str; 5] = ["detail:", "entry:", "print:", "reversal:", "undone:"];

/// The identity of a transaction: the bank's id; else statement and entry; else the content with
/// an ordinal, because two equal payments on one day are two payments. Of an entry that was booked
/// as one sum the id may be that of the entry: its details are told apart by their place in it.
/// What comes last stands as it is; what stands before a separator is escaped.
#[must_use]
pub fn bank_key(bank: &BankTransaction, content_hash: &ContentHash, ordinal: u32) -> BankKey {
    let key = match (&bank.bank_transaction_id, &bank.statement_id, &bank.entry_reference) {
        // A reversal may bear the id of what it reverses, and so may what undoes it.
        (Some(id), _, _) => match bank.direction() {
            Direction::Return => format!("reversal:{id}"),
            Direction::BouncedRefund => format!("undone:{id}"),
            Direction::Payment | Direction::Outgoing => format!("id:{id}"),
        },
        (None, Some(statement), Some(entry)) => format!("entry:{}", keys::joined(statement, entry)),
        (None, _, _) => format!("print:{}:{ordinal}", hex(content_hash)),
    };
    let key = match &bank.detail {
        // In front, because the bank's own id may end in anything.
        Some(detail) if !needs_ordinal(bank) => format!("detail:{}:{key}", detail.index),
        Some(_) | None => key,
    };
    BankKey { bank_account: bank.bank_account.as_str().to_owned(), key }
}

fn is_step_back(bank: &BankTransaction) -> bool {
    match bank.direction() {
        Direction::Return | Direction::BouncedRefund => true,
        Direction::Payment | Direction::Outgoing => false,
    }
}

/// Whether the key needs an ordinal. The same step back without any name, told again, is one: two
/// would take the money twice.
#[must_use]
pub fn needs_ordinal(bank: &BankTransaction) -> bool {
    let by_entry = bank.statement_id.is_some() && bank.entry_reference.is_some();
    bank.bank_transaction_id.is_none() && !by_entry && !is_step_back(bank)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The payment that a bank transaction becomes: its id is a function of the bank key, so that
/// everybody who knows the bank's record can name it. It can be read where no other key reads the
/// same and it is an id by our grammar; else it is a digest, which has no second colon.
#[must_use]
pub fn payment_id(key: &BankKey) -> PaymentId {
    match readable(key) {
        Some(readable) => {
            let id = PaymentId::parse(&format!("BANK:{readable}"));
            id.unwrap_or_else(|_| digest(&readable))
        }
        None => digest(&format!("%{}", exact(key))),
    }
}

/// Its id if somebody has recorded a payment by hand under the one that it has by right: what the
/// bank booked is recorded all the same.
#[must_use]
pub fn payment_id_instead(key: &BankKey) -> PaymentId {
    digest(&format!("%%{}", exact(key)))
}

/// None where another account or another kind of key could read the same.
fn readable(key: &BankKey) -> Option<String> {
    let bare = match key.key.strip_prefix("id:") {
        Some(id) if OTHER_KINDS.iter().any(|kind| id.starts_with(kind)) => return None,
        Some(id) => id,
        None => &key.key,
    };
    (!key.bank_account.contains(':')).then(|| format!("{}:{bare}", key.bank_account))
}

fn exact(key: &BankKey) -> String {
    format!("{}:{}", keys::part(&key.bank_account, ':'), key.key)
}

fn digest(text: &str) -> PaymentId {
    PaymentId::trusted(&format!("BANK:{:032x}", fnv128(text.as_bytes())))
}

/// FNV-1a, 128 bits: enough to tell apart the keys of one bank; the primary key guards the rest.
fn fnv128(bytes: &[u8]) -> u128 {
    let prime = 0x0000_0000_0100_0000_0000_0000_0000_013B_u128;
    let basis = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    bytes.iter().fold(basis, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(prime))
}

pub(super) fn decide(
    recording: &mut Recording<'_>,
    bank: &BankTransaction,
) -> Result<Outcome, Halt> {
    let key = next_key(recording, bank)?;
    // The hash of the message covers delivery details; this one is what the bank says happened.
    let content_hash = recording.bank_hash;
    if let Some(stored) = recording.set.bank.get(&key) {
        let upgrade = is_open(stored.disposition) && bank.status == EntryStatus::Booked;
        let late = bank.status != EntryStatus::Booked;
        if stored.content_hash != content_hash && !upgrade && !late {
            let conflict = Outcome::DeadLettered(DeadLetterReason::BankConflict);
            return Err(Halt::Outcome(conflict));
        }
        if !upgrade {
            return Ok(Outcome::Duplicate);
        }
    }
    // What takes the place of its own pending record takes that of no other.
    let fresh = !recording.set.bank.contains_key(&key);
    let announced = fresh.then(|| announced(recording, bank, &key)).flatten();
    if bank.status == EntryStatus::Booked && is_step_back(bank) {
        let outcome = returns::receive(recording, bank, key, content_hash)?;
        supersede(recording, announced)?;
        return Ok(outcome);
    }
    let disposition = disposition(bank);
    let payment = disposition == BankDisposition::Payment;
    let payment_id = payment.then(|| free_id(recording.set, &key)).transpose()?;
    let record = BankRecord {
        key: key.clone(),
        content_hash,
        disposition,
        payment_id: payment_id.clone(),
        transaction: bank.clone(),
    };
    let Some(payment_id) = payment_id else {
        recording.add(Effect::RecordBankTransaction(Box::new(record)))?;
        supersede(recording, announced)?;
        let subject = Some(format!("bank:{}", disposition.word()));
        return Ok(Outcome::Applied { subject });
    };
    receive(recording, bank, record, payment_id.clone())?;
    supersede(recording, announced)?;
    Ok(Outcome::Applied { subject: Some(format!("payment:{payment_id}")) })
}

/// The id of the payment, whatever ids people have given to theirs.
fn free_id(set: &WorkingSet, key: &BankKey) -> Result<PaymentId, Halt> {
    let taken = |id: &PaymentId| set.payments.contains_key(id) || set.taken.contains(id);
    let mut ids = [payment_id(key), payment_id_instead(key)].into_iter();
    let conflict = Outcome::DeadLettered(DeadLetterReason::BankConflict);
    ids.find(|id| !taken(id)).ok_or(Halt::Outcome(conflict))
}

/// Whether a booking may take the place of what is stored: it is no payment yet.
fn is_open(disposition: BankDisposition) -> bool {
    matches!(disposition, BankDisposition::NotBooked | BankDisposition::Superseded)
}

/// The pending record under another key that announced what is now booked, and that key's end.
fn announced(recording: &Recording<'_>, bank: &BankTransaction, by: &BankKey) -> Option<Effect> {
    if bank.status != EntryStatus::Booked {
        return None;
    }
    let pending = recording.set.pending.announced(bank).filter(|pending| *pending != by)?;
    Some(Effect::SupersedePending { pending: pending.clone(), by: by.clone() })
}

fn supersede(recording: &mut Recording<'_>, announced: Option<Effect>) -> Result<(), Halt> {
    announced.map_or(Ok(()), |effect| recording.add(effect)).map_err(Halt::from)
}

/// Records the payment, matches it, and posts once what came of it.
fn receive(
    recording: &mut Recording<'_>,
    bank: &BankTransaction,
    record: BankRecord,
    payment_id: PaymentId,
) -> Result<(), Halt> {
    let zero = Money::zero(bank.amount.currency());
    let payment = Payment {
        payment_id: payment_id.clone(),
        account_id: None,
        amount: bank.amount,
        allocated: zero,
        returned: zero,
        refunded: zero,
        split: zero,
        state: PaymentState::Parked(ParkReason::NoCandidate),
        origin: PaymentOrigin::Bank,
        received_on: bank.effective_date(),
        method: None,
        reference: None,
        remark: None,
        event_sequence: 0,
        recorded_at: recording.context.as_of,
    };
    if bank.bank_transaction_id.is_some() {
        let decision = match_new(recording, bank, &payment_id)?;
        return settle::receive_matched(recording, payment, record, decision);
    }
    let source = recording.cause.record.source.clone();
    let delivery = Delivery { source, at: recording.written_at };
    let earlier = recording.set.lookalikes.earlier(bank, &recording.bank_hash, &delivery).cloned();
    let decision = match &earlier {
        Some(earlier) => settle::possible_duplicate(recording, &payment_id, bank, earlier),
        None => match_new(recording, bank, &payment_id)?,
    };
    settle::receive_matched(recording, payment, record.clone(), decision)?;
    let came = WithoutBankId { record, delivery, looks_like: earlier };
    Ok(recording.add(Effect::DeliveredWithoutId(Box::new(came)))?)
}

fn match_new(
    recording: &mut Recording<'_>,
    bank: &BankTransaction,
    payment_id: &PaymentId,
) -> Result<MatchDecision, Halt> {
    let tokens = recording.tokens.clone();
    settle::matching(recording, payment_id, bank, tokens, bank.amount)
}

/// The first key that no other payment has; with an id there is only one. A record that was only
/// pending is not yet a payment: what is booked takes its place.
fn next_key(recording: &Recording<'_>, bank: &BankTransaction) -> Result<BankKey, Halt> {
    let hash = &recording.bank_hash;
    if !needs_ordinal(bank) {
        return Ok(bank_key(bank, hash, 1));
    }
    let mut keys = (1..=ORDINAL_MAX).map(|ordinal| bank_key(bank, hash, ordinal));
    let usable = keys.find(|key| {
        let stored = recording.set.bank.get(key);
        stored.is_none_or(|stored| is_open(stored.disposition))
    });
    // Money beyond the last ordinal must be looked at; as a duplicate it would be lost.
    let conflict = Outcome::DeadLettered(DeadLetterReason::BankConflict);
    usable.ok_or(Halt::Outcome(conflict))
}

fn disposition(bank: &BankTransaction) -> BankDisposition {
    match (bank.status, bank.direction()) {
        (EntryStatus::Pending | EntryStatus::Information, _) => BankDisposition::NotBooked,
        (EntryStatus::Booked, Direction::Payment) => BankDisposition::Payment,
        (EntryStatus::Booked, Direction::Return) => BankDisposition::ReturnParked,
        (EntryStatus::Booked, Direction::BouncedRefund) => BankDisposition::RefundBounced,
        (EntryStatus::Booked, Direction::Outgoing) => BankDisposition::Outgoing,
    }
}

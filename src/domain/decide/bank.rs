//! Bank transactions: facts. The gates of domain §4 in their order, then matching.

use super::{Halt, Recording, returns, settle};
use crate::domain::bank::{BankTransaction, Direction, EntryStatus};
use crate::domain::effect::{BankDisposition, BankKey, BankRecord, Effect, Outcome};
use crate::domain::ids::PaymentId;
use crate::domain::input::ContentHash;
use crate::domain::money::Money;
use crate::domain::payment::{ParkReason, Payment, PaymentOrigin, PaymentState};
use crate::domain::rejection::DeadLetterReason;

/// Ordinals tried for equal records without any bank id on one day; more than this many equal
/// payments of one payer on one day are not a payment pattern but a broken feed.
pub const ORDINAL_MAX: u32 = 32;

/// The identity of a transaction: the bank's id; else statement and entry; else the content with
/// an ordinal, because two equal payments on one day are two payments. Of an entry that was booked
/// as one sum the id may be that of the entry: its details are told apart by their place in it.
#[must_use]
pub fn bank_key(bank: &BankTransaction, content_hash: &ContentHash, ordinal: u32) -> BankKey {
    let key = match (&bank.bank_transaction_id, &bank.statement_id, &bank.entry_reference) {
        // A reversal may bear the id of what it reverses.
        (Some(id), _, _) if is_step_back(bank) => format!("reversal:{id}"),
        (Some(id), _, _) => format!("id:{id}"),
        (None, Some(statement), Some(entry)) => format!("entry:{statement}/{entry}"),
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

/// Whether the key needs an ordinal.
#[must_use]
pub fn needs_ordinal(bank: &BankTransaction) -> bool {
    let by_entry = bank.statement_id.is_some() && bank.entry_reference.is_some();
    bank.bank_transaction_id.is_none() && !by_entry
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
/// everybody who knows the bank's record can name it.
#[must_use]
pub fn payment_id(key: &BankKey) -> PaymentId {
    let bare = key.key.strip_prefix("id:").unwrap_or(&key.key);
    let readable = format!("{}:{bare}", key.bank_account);
    PaymentId::parse(&format!("BANK:{readable}")).unwrap_or_else(|_| {
        // Too long, or with characters that an id may not have: a digest of it instead.
        PaymentId::trusted(&format!("BANK:{:032x}", fnv128(readable.as_bytes())))
    })
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
    let payment_id = (disposition == BankDisposition::Payment).then(|| payment_id(&key));
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
    if recording.set.payments.contains_key(&payment_id) {
        // Somebody recorded a payment by hand under the id that this one has by right.
        return Err(Halt::Outcome(Outcome::DeadLettered(DeadLetterReason::BankConflict)));
    }
    receive(recording, bank, record, payment_id.clone())?;
    supersede(recording, announced)?;
    Ok(Outcome::Applied { subject: Some(format!("payment:{payment_id}")) })
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
        state: PaymentState::Parked(ParkReason::NoCandidate),
        origin: PaymentOrigin::Bank,
        received_on: bank.effective_date(),
        method: None,
        reference: None,
        remark: None,
        event_sequence: 0,
        recorded_at: recording.context.as_of,
    };
    let tokens = recording.tokens.clone();
    let decision = settle::matching(recording, &payment_id, bank, tokens, bank.amount)?;
    settle::receive_matched(recording, payment, record, decision)
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

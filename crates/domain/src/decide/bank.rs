//! Bank transactions: facts. The gates of domain §4 in their order, then matching.

use chrono::{DateTime, Utc};

use super::{returns, settle};
use crate::bank::{BankTransaction, Direction, EntryStatus, entry_of};
use crate::decide::recording::{Halt, Recording};
use crate::effect::{
    BankDisposition, BankRecord, Before, Delivery, Effect, Outcome, WithoutBankId,
};
use crate::ids::{BankKey, ContentHash, PaymentId};
use crate::keys;
use crate::matching::decision::MatchDecision;
use crate::money::Money;
use crate::payment::{ParkReason, Payment, PaymentOrigin, PaymentState};
use crate::rejection::DeadLetterReason;
use crate::working_set::lookalikes::Doubt;

/// What a key begins with that is not simply the bank's id of a payment.
const OTHER_KINDS: [&str; 6] = ["detail:", "entry:", "other:", "print:", "reversal:", "undone:"];

/// The identity of a transaction: the bank's id; else statement and entry; else the content with
/// an ordinal, because two equal payments on one day are two payments. Of an entry that was booked
/// as one sum the id may be that of the entry: its details are told apart by their place in it.
/// What comes last stands as it is; what stands before a separator is escaped.
pub fn bank_key(bank: &BankTransaction, content_hash: &ContentHash, ordinal: u32) -> BankKey {
    let key = match (&bank.bank_transaction_id, entry_of(bank)) {
        // A reversal may bear the id of what it reverses, and so may what undoes it.
        (Some(id), _) => match bank.direction() {
            Direction::Return => format!("reversal:{id}"),
            Direction::BouncedRefund => format!("undone:{id}"),
            Direction::Payment | Direction::Outgoing => format!("id:{id}"),
        },
        (None, Some((statement, entry))) => format!("entry:{}", keys::joined(statement, entry)),
        (None, None) => format!("{}{ordinal}", print_of(content_hash)),
    };
    let key = match &bank.detail {
        // In front, because the bank's own id may end in anything.
        Some(detail) if !needs_ordinal(bank) => format!("detail:{}:{key}", detail.index),
        Some(_) | None => key,
    };
    BankKey { bank_account: bank.bank_account.as_str().to_owned(), key }
}

/// The key of a record that has no name but that of its entry, where another currency or year has
/// that name already: statements are numbered by both.
pub fn key_in_book(bank: &BankTransaction) -> Option<BankKey> {
    if bank.bank_transaction_id.is_some() {
        return None;
    }
    let (statement, entry) = entry_of(bank)?;
    let book = (bank.amount.code(), bank.booking_date.format("%Y"));
    let key = format!("entry:{}/{}/{}", book.0, book.1, keys::joined(statement, entry));
    let key = match &bank.detail {
        Some(detail) => format!("detail:{}:{key}", detail.index),
        None => key,
    };
    Some(BankKey { bank_account: bank.bank_account.as_str().to_owned(), key })
}

/// Money that has no name but that of its entry: gateways use those again. What has an id of the
/// bank is what the bank says that it is.
pub fn may_be_used_again(bank: &BankTransaction) -> bool {
    bank.status == EntryStatus::Booked
        && bank.direction() == Direction::Payment
        && bank.bank_transaction_id.is_none()
        && bank.amount.is_positive()
        && entry_of(bank).is_some()
}

/// The key of money that came under the name of an entry which is other money already: one for each
/// content.
pub fn key_of_other(entry: &BankKey, content_hash: &ContentHash) -> BankKey {
    let key = format!("other:{}:{:032x}", hex::encode(content_hash), fnv128(entry.key.as_bytes()));
    BankKey { bank_account: entry.bank_account.clone(), key }
}

/// Whether the key needs an ordinal. The same step back without any name, told again, is one: two
/// would take the money twice.
pub fn needs_ordinal(bank: &BankTransaction) -> bool {
    let named = bank.bank_transaction_id.is_some() || entry_of(bank).is_some();
    !named && !bank.is_step_back_booked_or_not()
}

/// What the keys of equal records without any id begin with; their ordinal follows.
pub fn print_of(content_hash: &ContentHash) -> String {
    format!("print:{}:", hex::encode(content_hash))
}

/// The payment that a bank transaction becomes: its id is a function of the bank key, so that
/// everybody who knows the bank's record can name it. It can be read where no other key reads the
/// same and it is an id by our grammar; else it is a digest, which has no second colon.
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
pub fn payment_id_instead(key: &BankKey) -> PaymentId {
    digest(&format!("%%{}", exact(key)))
}

/// Its id if people have taken both of those: nobody can know it before, and a record of the bank
/// is never refused for the want of one.
fn payment_id_at_last(key: &BankKey, as_of: DateTime<Utc>) -> PaymentId {
    digest(&format!("%%%{}:{}", as_of.timestamp_micros(), exact(key)))
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
    let (key, used_by) = free_key(recording, bank);
    // The hash of the message covers delivery details; this one is what the bank says happened.
    let content_hash = recording.bank_hash;
    if let Some(stored) = recording.set.bank(&key) {
        // A booking of nothing stands in no money's way, and another one says nothing new.
        let nothing = stored.disposition == BankDisposition::NoMoney;
        let open = is_open(stored.disposition) || nothing && bank.amount.is_positive();
        let upgrade = open && bank.status == EntryStatus::Booked;
        let late = bank.status != EntryStatus::Booked;
        let told_again = stored.terms.are_told_again(bank);
        // An entry of nothing is counted and moves nothing.
        let two = bank.bank_transaction_id.is_some() && stored.terms.are_another_entry(bank);
        let other = two || stored.content_hash != content_hash && !told_again;
        if other && !upgrade && !late && !nothing {
            let conflict = Outcome::DeadLettered(DeadLetterReason::BankConflict);
            return Err(Halt::Outcome(conflict));
        }
        if !upgrade {
            let booked = !is_open(stored.disposition) && bank.status == EntryStatus::Booked;
            let elsewhere = bank.statement_id.clone().filter(|_| booked);
            let elsewhere =
                elsewhere.filter(|named| stored.terms.statement.as_ref() != Some(named));
            if let Some(statement) = elsewhere {
                recording.add(Effect::AlsoIn { key, statement })?;
            }
            return Ok(Outcome::Duplicate);
        }
    }
    // What takes the place of its own pending record takes that of no other.
    let fresh = recording.set.bank(&key).is_none();
    let announced = fresh.then(|| announced(recording, bank, &key)).flatten();
    if bank.is_booked_step_back() {
        let outcome = returns::receive(recording, bank, key, content_hash)?;
        supersede(recording, announced)?;
        return Ok(outcome);
    }
    let disposition = disposition(bank);
    let payment = disposition == BankDisposition::Payment;
    let payment_id = payment.then(|| free_id(recording, &key));
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
    receive(recording, bank, record, (payment_id.clone(), used_by))?;
    supersede(recording, announced)?;
    Ok(Outcome::Applied { subject: Some(format!("payment:{payment_id}")) })
}

/// The id of the payment, whatever ids people have given to theirs.
fn free_id(recording: &Recording<'_>, key: &BankKey) -> PaymentId {
    let set = &recording.set;
    let ids = [payment_id, payment_id_instead];
    let free = ids.into_iter().map(|id_of| id_of(key)).find(|id| !set.is_taken(id));
    free.unwrap_or_else(|| payment_id_at_last(key, recording.context.as_of))
}

/// Whether a booking may take the place of what is stored: it is no payment yet.
fn is_open(disposition: BankDisposition) -> bool {
    matches!(disposition, BankDisposition::NotBooked | BankDisposition::Superseded)
}

/// That a pending record under another key announced what is now booked, or that what is announced
/// now is booked already under another key.
fn announced(recording: &Recording<'_>, bank: &BankTransaction, key: &BankKey) -> Option<Effect> {
    let set = &recording.set;
    let (pending, by) = match bank.status {
        EntryStatus::Booked => (set.announced(bank, key)?, key),
        EntryStatus::Pending => (key, set.announced_late(bank, key)?),
        EntryStatus::Information => return None,
    };
    let (pending, by) = (pending.clone(), by.clone());
    (pending != by).then_some(Effect::SupersedePending { pending, by })
}

fn supersede(recording: &mut Recording<'_>, announced: Option<Effect>) -> Result<(), Halt> {
    announced.map_or(Ok(()), |effect| recording.add(effect)).map_err(Halt::from)
}

/// Records the payment, matches it, and posts once what came of it.
fn receive(
    recording: &mut Recording<'_>,
    bank: &BankTransaction,
    record: BankRecord,
    (payment_id, used_by): (PaymentId, Option<PaymentId>),
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
        question: None,
        origin: PaymentOrigin::Bank,
        received_on: bank.effective_date(),
        method: None,
        reference: None,
        remark: None,
        event_sequence: 0,
        recorded_at: recording.context.as_of,
    };
    let source = recording.cause.record.source.clone();
    let delivery = Delivery { source, at: recording.written_at };
    let doubt = match used_by {
        Some(other) => Some(Doubt { why: ParkReason::PossibleDuplicate, earlier: other }),
        None => looks_like(recording, bank, &delivery),
    };
    let decision = match &doubt {
        Some(doubt) => settle::in_doubt(recording, &payment_id, bank, doubt),
        None => match_new(recording, bank, &payment_id)?,
    };
    let earlier = doubt.map(|doubt| doubt.earlier);
    if bank.bank_transaction_id.is_some() {
        let key = record.key.clone();
        settle::receive_matched(recording, payment, record, decision)?;
        let again =
            earlier.map(|earlier| Effect::ToldAgain { key, earlier: Before::Payment(earlier) });
        return again.map_or(Ok(()), |again| recording.add(again)).map_err(Halt::from);
    }
    settle::receive_matched(recording, payment, record.clone(), decision)?;
    let came = WithoutBankId { record, delivery, looks_like: earlier };
    Ok(recording.add(Effect::DeliveredWithoutId(Box::new(came)))?)
}

fn looks_like(
    recording: &Recording<'_>,
    bank: &BankTransaction,
    delivery: &Delivery,
) -> Option<Doubt> {
    let set = &recording.set;
    // Whose doubt was there before is loaded with it: only what the batch changed counts beside it.
    let state = |id: &PaymentId| set.payments_here().get(id).map(|payment| payment.state);
    set.looks_like(bank, &recording.bank_hash, delivery, state)
}

fn match_new(
    recording: &mut Recording<'_>,
    bank: &BankTransaction,
    payment_id: &PaymentId,
) -> Result<MatchDecision, Halt> {
    let tokens = recording.tokens.clone();
    recording.set.begin(payment_id.clone());
    settle::matching(recording, payment_id, bank, tokens, bank.amount)
}

/// The key of the record. Where the name of its entry is that of other money, a key of its own with
/// that money: the bank did not book it once, and a person says what it is.
fn free_key(recording: &Recording<'_>, bank: &BankTransaction) -> (BankKey, Option<PaymentId>) {
    let key = next_key(recording, bank);
    let hash = &recording.bank_hash;
    let stored = recording.set.bank(&key);
    let elsewhere = stored.is_some_and(|stored| stored.terms.are_of_another_book(bank));
    let key = key_in_book(bank).filter(|_| elsewhere).unwrap_or(key);
    let stored = recording.set.bank(&key).filter(|_| may_be_used_again(bank));
    let other = stored.filter(|stored| stored.content_hash != *hash);
    match other.and_then(|stored| stored.payment_id.clone()) {
        Some(other) => (key_of_other(&key, hash), Some(other)),
        None => (key, None),
    }
}

/// The first key that no other payment has; with an id there is only one. A record that was only
/// pending is not yet a payment: what is booked takes its place. It is the last of its equals,
/// because each new one would have taken its place.
fn next_key(recording: &Recording<'_>, bank: &BankTransaction) -> BankKey {
    let hash = &recording.bank_hash;
    if !needs_ordinal(bank) {
        return bank_key(bank, hash, 1);
    }
    let last = recording.set.last_equal(bank.bank_account.as_str(), &print_of(hash));
    let stored = |key: &BankKey| recording.set.bank(key).map(|stored| stored.disposition);
    let key = bank_key(bank, hash, last.max(1));
    let free = stored(&key).is_none_or(is_open);
    if free { key } else { bank_key(bank, hash, last.saturating_add(1)) }
}

fn disposition(bank: &BankTransaction) -> BankDisposition {
    match (bank.status, bank.direction()) {
        (EntryStatus::Pending | EntryStatus::Information, _) => BankDisposition::NotBooked,
        (EntryStatus::Booked, _) if !bank.amount.is_positive() => BankDisposition::NoMoney,
        (EntryStatus::Booked, Direction::Payment) => BankDisposition::Payment,
        (EntryStatus::Booked, Direction::Return) => BankDisposition::ReturnParked,
        (EntryStatus::Booked, Direction::BouncedRefund) => BankDisposition::RefundBounced,
        (EntryStatus::Booked, Direction::Outgoing) => BankDisposition::Outgoing,
    }
}

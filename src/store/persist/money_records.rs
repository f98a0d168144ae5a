//! Payments and what the bank told: one row where the one is of the other.

use chrono::{DateTime, Utc};
use foldhash::HashMap;

use super::decisions::{Decisions, Stored};
use super::micros;
use super::rows::Rows;
use crate::domain::bank::{BankTransaction, CreditDebit, EntryDetail, EntryStatus};
use crate::domain::effect::BankRecord;
use crate::domain::ids::PaymentId;
use crate::domain::matching::RULE_SET_VERSION;
use crate::domain::money::Money;
use crate::domain::payment::{ParkReason, Payment};
use crate::domain::working_set::WorkingSet;
use crate::store::{StoreError, Tx, lines};

/// What cannot be kept in a text column is kept in a form that can be read.
pub(super) fn keepable(text: &str) -> String {
    text.replace('\0', "\\0")
}

fn optional(text: Option<&String>) -> Option<String> {
    text.map(|text| keepable(text))
}

/// A row: a payment with what was decided first, what the bank told, or both.
struct Record<'a> {
    amount: Money,
    payment: Option<&'a Payment>,
    first: Option<&'a Stored<'a>>,
    told: Option<&'a BankRecord>,
}

impl<'a> Record<'a> {
    fn of(
        payments: &'a HashMap<PaymentId, Payment>,
        decisions: &'a Decisions<'a>,
        (payment_id, told): (Option<&PaymentId>, Option<&'a BankRecord>),
    ) -> Result<Self, StoreError> {
        let payment = payment_id
            .map(|id| payments.get(id).ok_or(StoreError::Corrupt("a payment that is gone")))
            .transpose()?;
        let amount = payment.map(|p| p.amount).or(told.map(|told| told.transaction.amount));
        Ok(Self {
            amount: amount.ok_or(StoreError::Corrupt("a record of nothing"))?,
            payment,
            first: payment_id.and_then(|id| decisions.first(id)),
            told,
        })
    }

    fn money(&self, of: impl Fn(&Payment) -> Money) -> Result<Option<i64>, StoreError> {
        self.payment.map(|payment| micros(of(payment))).transpose()
    }

    fn bank(&self) -> Option<&'a BankTransaction> {
        self.told.map(|told| &told.transaction)
    }

    fn detail(&self) -> Option<&'a EntryDetail> {
        self.bank()?.detail.as_ref()
    }

    fn text(&self, of: impl Fn(&'a BankTransaction) -> &'a Option<String>) -> Option<String> {
        optional(of(self.bank()?).as_ref())
    }
}

/// Zero is kept as NULL, which takes no room.
fn unless_zero(number: i64) -> Option<i64> {
    (number != 0).then_some(number)
}

/// Writes records by one of the two statements that have the same columns.
macro_rules! records {
    ($tx:ident, $name:literal, $records:ident, $at:expr) => {
        store!($tx, $name, for r in $records {
            payment_id: r.payment.map(|p| p.payment_id.as_str()),
            account_id: r.payment.and_then(|p| p.account_id.as_ref()).map(|id| id.as_str()),
            currency: r.amount.code(),
            amount: micros(r.amount)?,
            allocated: r.money(|p| p.allocated)?,
            // Also what went out again in the batch that recorded it.
            returned: r.money(|p| p.returned)?.and_then(unless_zero),
            refunded: r.money(|p| p.refunded)?.and_then(unless_zero),
            split: r.money(|p| p.split)?.and_then(unless_zero),
            state: r.payment.map(|p| p.state.word()),
            reason: r.payment.and_then(|p| p.state.reason()).map(ParkReason::code),
            origin: r.payment.map(|p| p.origin.word()),
            received_on: r.payment.map(|p| p.received_on),
            method: r.payment.and_then(|p| p.method.as_deref()),
            reference: r.payment.and_then(|p| p.reference.as_deref()),
            remark: r.payment.and_then(|p| p.remark.as_deref()),
            event_sequence: r.payment.map(|p| p.event_sequence).and_then(unless_zero),
            question: r.payment.and_then(|p| p.question).map(ParkReason::code),
            first_decision_id: r.first.map(Stored::id),
            first_rule_set_version: r.first.map(|_| RULE_SET_VERSION),
            first_policy_version: r.first.map(Stored::policy_version),
            first_form: r.first.map(|stored| stored.form),
            first_rule: r.first.map(Stored::rule),
            first_outcome: r.first.map(Stored::outcome),
            first_reason: r.first.and_then(Stored::reason),
            first_explanation: r.first.map(|stored| stored.explanation.as_slice()),
            first_caused_by_source: r.first.map(Stored::source),
            first_caused_by_id: r.first.map(Stored::cause),
            bank_account: r.told.map(|told| told.key.bank_account.as_str()),
            bank_key: r.told.map(|told| told.key.key.as_str()),
            content_hash: r.told.map(|told| told.content_hash.as_slice()),
            status: r.bank().map(status_word),
            disposition: r.told.map(|told| told.disposition.word()),
            credit_debit: r.bank().map(direction_word),
            reversal: r.bank().map(|bank| bank.reversal),
            announced: r.bank().map(|_| false),
            charges: r.bank().and_then(|bank| bank.charges).map(micros).transpose()?,
            booking_date: r.bank().map(|bank| bank.booking_date),
            value_date: r.bank().and_then(|bank| bank.value_date),
            bank_transaction_id: r.bank().and_then(|bank| bank.bank_transaction_id.as_deref()),
            statement_id: r.text(|bank| &bank.statement_id),
            entry_reference: r.text(|bank| &bank.entry_reference),
            end_to_end_id: r.text(|bank| &bank.end_to_end_id),
            debtor_name: r.text(|bank| &bank.debtor_name),
            debtor_account: r.text(|bank| &bank.debtor_account),
            virtual_account: r.text(|bank| &bank.virtual_account),
            creditor_reference: r.text(|bank| &bank.creditor_reference),
            unstructured: r.bank().and_then(|bank| lines::join(&bank.unstructured)),
            instructed_currency: r.bank().and_then(|b| b.instructed.as_ref()).map(|sum| sum.code()),
            instructed_amount: r.bank().and_then(|b| b.instructed).map(micros).transpose()?,
            detail_index: r.detail().map(|detail| number(detail.index)).transpose()?,
            entry_amount: r.detail().and_then(|d| d.entry_amount).map(micros).transpose()?,
            entry_details: r.detail().and_then(|d| d.entry_details).map(number).transpose()?,
            return_of: r.bank().and_then(return_json),
            recorded_at => $at,
        })
    };
}

/// What the bank told before is written in its row; everything else is new. A new record that
/// another lane has written meanwhile is a unique violation, and a duplicate at the next attempt.
pub(super) async fn all(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    after: &WorkingSet,
    (rows, decisions): (&Rows<'_>, &Decisions<'_>),
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (mut known, mut new) = (Vec::new(), Vec::new());
    for parts in rows.money_records() {
        let record = Record::of(after.payments_here(), decisions, parts)?;
        let was_told = record.told.is_some_and(|told| before.bank_here().contains_key(&told.key));
        if was_told { known.push(record) } else { new.push(record) }
    }
    let done = records!(tx, "update_money_records", known, at);
    super::expect_rows(done, known.len(), "a bank record")?;
    records!(tx, "insert_money_records", new, at);
    Ok(())
}

fn number(number: u32) -> Result<i32, StoreError> {
    i32::try_from(number).map_err(|_| StoreError::Corrupt("a number of details"))
}

fn status_word(bank: &BankTransaction) -> &'static str {
    match bank.status {
        EntryStatus::Booked => "BOOK",
        EntryStatus::Pending => "PDNG",
        EntryStatus::Information => "INFO",
    }
}

fn direction_word(bank: &BankTransaction) -> &'static str {
    match bank.credit_debit {
        CreditDebit::Credit => "CRDT",
        CreditDebit::Debit => "DBIT",
    }
}

fn return_json(bank: &BankTransaction) -> Option<String> {
    let original = bank.return_of.as_ref()?;
    let parts = [
        optional(original.bank_transaction_id.as_ref()),
        optional(original.end_to_end_id.as_ref()),
        optional(original.reason.as_ref()),
    ];
    serde_json::to_string(&parts).ok()
}

//! The data of bank records (contract §2.2): facts.
//!
//! Refusing a fact hides money, so text that people or other banks wrote (remittance, names,
//! reasons) may be anything; what is longer than what is kept is cut and marked. Identity, amounts
//! and dates are strict.

use super::canonical::Canonical;
use super::code::DecodeCode;
use super::fields::{Fields, Zero, maybe, need};
use crate::domain::bank::{BankTransaction, CreditDebit, EntryDetail, EntryStatus, ReturnOf};
use crate::domain::ids::{BankAccountId, ContentHash};
use crate::domain::input::{BankStatement, Input};
use crate::domain::money::{Currency, Money};

const DEBTOR_NAME_BYTES_MAX: usize = 512;
const DEBTOR_ACCOUNT_BYTES_MAX: usize = 128;
const CREDITOR_REFERENCE_BYTES_MAX: usize = 140;
const RETURN_REASON_BYTES_MAX: usize = 512;
/// What is kept of all remittance lines together (contract §2).
const UNSTRUCTURED_BYTES_MAX: usize = 16_384;
const UNSTRUCTURED_LINES_MAX: usize = 250;
/// Transactions of one entry.
const ENTRY_DETAILS_MAX: u32 = 100_000;
const STATEMENT_ENTRIES_MAX: u32 = 1_000_000;

const DIRECTIONS: [(&str, CreditDebit); 2] =
    [("CRDT", CreditDebit::Credit), ("DBIT", CreditDebit::Debit)];
const STATUSES: [(&str, EntryStatus); 3] = [
    ("BOOK", EntryStatus::Booked),
    ("PDNG", EntryStatus::Pending),
    ("INFO", EntryStatus::Information),
];

pub(super) fn transaction(fields: &mut Fields<'_>) -> Option<Input> {
    let bank_account = fields.id(need("bank_account"), BankAccountId::parse);
    let named_by_id = fields.has("bank_transaction_id");
    let bank_transaction_id = fields.bank_id(maybe("bank_transaction_id"));
    let statement_id = fields.bank_identifier(maybe("statement_id"));
    let entry_reference = fields.bank_identifier(maybe("entry_reference"));
    let end_to_end_id = fields.fact_name(maybe("end_to_end_id"));
    let credit_debit = fields.choice(need("credit_debit"), &DIRECTIONS);
    let status = fields.choice(need("status"), &STATUSES);
    let reversal = fields.flag(maybe("reversal"));
    let currency = fields.currency(need("currency"));
    let amount = fields.money(need("amount"), currency, Zero::Allowed);
    let charges = fields.money(maybe("charges"), currency, Zero::Allowed);
    let instructed = fields.object("instructed", instructed).flatten();
    let entry = named_by_id || statement_id.is_some() && entry_reference.is_some();
    let detail = detail(fields, currency, entry);
    let booking_date = fields.date(need("booking_date"));
    let value_date = fields.date(maybe("value_date"));
    let debtor = fields.object("debtor", |debtor| {
        let name = debtor.fact_text(maybe("debtor.name"), DEBTOR_NAME_BYTES_MAX);
        (name, debtor.fact_text(maybe("debtor.account"), DEBTOR_ACCOUNT_BYTES_MAX))
    });
    let (debtor_name, debtor_account) = debtor.unwrap_or_default();
    let virtual_account = fields.fact_name(maybe("virtual_account"));
    let remittance = fields.object("remittance", |remittance| {
        let reference = maybe("remittance.creditor_reference");
        let reference = remittance.fact_text(reference, CREDITOR_REFERENCE_BYTES_MAX);
        let max = (UNSTRUCTURED_LINES_MAX, UNSTRUCTURED_BYTES_MAX);
        (reference, remittance.fact_lines(maybe("remittance.unstructured"), max))
    });
    let (creditor_reference, unstructured) = remittance.unwrap_or_default();
    let return_of = fields.object("return_of", return_of);
    Some(Input::BankTransaction(Box::new(BankTransaction {
        bank_account: bank_account?,
        bank_transaction_id,
        statement_id,
        entry_reference,
        end_to_end_id,
        credit_debit: credit_debit?,
        status: status?,
        reversal,
        amount: amount?,
        charges,
        instructed,
        detail,
        booking_date: booking_date?,
        value_date,
        debtor_name,
        debtor_account,
        virtual_account,
        creditor_reference,
        unstructured,
        return_of,
    })))
}

fn instructed(fields: &mut Fields<'_>) -> Option<Money> {
    let currency = fields.currency(need("instructed.currency"));
    let stated = fields.money(need("instructed.amount"), currency, Zero::Allowed);
    // Where nothing was ordered, nothing is said.
    stated.filter(|sum| sum.is_positive())
}

/// The place in an entry that was booked as one sum. `named`: whether the record says which entry.
fn detail(fields: &mut Fields<'_>, currency: Option<Currency>, named: bool) -> Option<EntryDetail> {
    let at = maybe("detail_index");
    let about_entry = fields.has("entry_amount") || fields.has("entry_details");
    let index = fields.integer(at, 1..=ENTRY_DETAILS_MAX);
    let entry_amount = fields.money(maybe("entry_amount"), currency, Zero::Allowed);
    let entry_details = fields.integer(maybe("entry_details"), 1..=ENTRY_DETAILS_MAX);
    let Some(index) = index else {
        if about_entry {
            let expected = "a value, beside entry_amount and entry_details";
            fields.refuse(DecodeCode::DataInvalid, at, expected);
        }
        return None;
    };
    if !named {
        let expected = "it beside bank_transaction_id, or statement_id and entry_reference";
        fields.refuse(DecodeCode::DataInvalid, at, expected);
    }
    if entry_details.is_some_and(|details| index > details) {
        fields.refuse(DecodeCode::DataInvalid, at, "at most entry_details");
    }
    Some(EntryDetail { index, entry_amount, entry_details })
}

fn return_of(fields: &mut Fields<'_>) -> ReturnOf {
    // An empty object still says that this is a return.
    fields.put(maybe("return_of"), "true");
    ReturnOf {
        bank_transaction_id: fields.bank_id(maybe("return_of.bank_transaction_id")),
        end_to_end_id: fields.fact_name(maybe("return_of.end_to_end_id")),
        reason: fields.fact_text(maybe("return_of.reason"), RETURN_REASON_BYTES_MAX),
    }
}

pub(super) fn statement(fields: &mut Fields<'_>) -> Option<Input> {
    let bank_account = fields.id(need("bank_account"), BankAccountId::parse);
    let statement_id = fields.bank_identifier(need("statement_id"));
    let currency = fields.currency(need("currency"));
    let opening = fields.bank_balance(need("opening_balance"), currency);
    let closing = fields.bank_balance(need("closing_balance"), currency);
    let entries = fields.integer(need("entries"), 0..=STATEMENT_ENTRIES_MAX);
    let complete_through = fields.instant(need("complete_through"));
    Some(Input::BankStatement(BankStatement {
        bank_account: bank_account?,
        statement_id: statement_id?,
        currency: currency?,
        opening_balance: opening?,
        closing_balance: closing?,
        entries: entries?,
        complete_through: complete_through?,
    }))
}

/// The content of a bank transaction however it was delivered: everything but its status, its
/// statement, its entry and its place in that. The same booking, reported again in the end-of-day
/// statement, is equal by it.
pub fn bank_content_hash(transaction: &BankTransaction) -> ContentHash {
    // Destructured, so that a new field cannot be forgotten.
    let BankTransaction {
        bank_account,
        bank_transaction_id,
        statement_id: _,
        entry_reference: _,
        end_to_end_id,
        credit_debit,
        status: _,
        reversal,
        amount,
        charges,
        instructed,
        detail: _,
        booking_date,
        value_date,
        debtor_name,
        debtor_account,
        virtual_account,
        creditor_reference,
        unstructured,
        return_of,
    } = transaction;
    let mut form = Canonical::new("bank transaction");
    form.put("bank_account", bank_account.as_str().as_bytes());
    form.put_text("bank_transaction_id", bank_transaction_id.as_deref());
    form.put_text("end_to_end_id", end_to_end_id.as_deref());
    let direction = match credit_debit {
        CreditDebit::Credit => "CRDT",
        CreditDebit::Debit => "DBIT",
    };
    form.put("credit_debit", direction.as_bytes());
    form.put_text("reversal", reversal.then_some("true"));
    form.put("currency", amount.currency().code().as_bytes());
    form.put("amount", amount.number().as_bytes());
    form.put_text("charges", charges.map(|charges| charges.number()).as_deref());
    if let Some(stated) = instructed {
        form.put("instructed.currency", stated.currency().code().as_bytes());
        form.put("instructed.amount", stated.number().as_bytes());
    }
    form.put("booking_date", booking_date.to_string().as_bytes());
    form.put_text("value_date", value_date.map(|date| date.to_string()).as_deref());
    form.put_text("debtor.name", debtor_name.as_deref());
    form.put_text("debtor.account", debtor_account.as_deref());
    form.put_text("virtual_account", virtual_account.as_deref());
    form.put_text("remittance.creditor_reference", creditor_reference.as_deref());
    for line in unstructured {
        form.put("remittance.unstructured", line.as_bytes());
    }
    if let Some(ReturnOf { bank_transaction_id, end_to_end_id, reason }) = return_of {
        form.put("return_of", b"true");
        form.put_text("return_of.bank_transaction_id", bank_transaction_id.as_deref());
        form.put_text("return_of.end_to_end_id", end_to_end_id.as_deref());
        form.put_text("return_of.reason", reason.as_deref());
    }
    form.hash()
}

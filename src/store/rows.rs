//! Rows as domain values.

use std::sync::Arc;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::{StoreError, lines};
use crate::domain::account::{self, Account};
use crate::domain::bank::{BankTransaction, CreditDebit, EntryDetail, EntryStatus, ReturnOf};
use crate::domain::effect::{BankDisposition, BankRecord};
use crate::domain::ids::{AccountId, BankAccountId, BankKey, InvoiceId, PaymentId};
use crate::domain::invoice::{Invoice, InvoiceStatus};
use crate::domain::money::{Currency, Money};
use crate::domain::payment::{ParkReason, Payment, PaymentOrigin, PaymentState};
use crate::domain::threshold::Levels;

pub(super) fn currency(code: &str) -> Result<Currency, StoreError> {
    Currency::parse(code).map_err(|_| StoreError::Unreadable("a currency"))
}

/// Columns as `load_invoices` lists them.
pub(super) fn invoice(row: &PgRow) -> Result<Invoice, StoreError> {
    let currency = currency(row.try_get("currency")?)?;
    let status: &str = row.try_get("status")?;
    Ok(Invoice {
        invoice_id: InvoiceId::trusted(row.try_get("invoice_id")?),
        account_id: AccountId::trusted(row.try_get("account_id")?),
        name: row.try_get("name")?,
        amount: Money::from_micros(row.try_get("amount")?, currency),
        allocated: Money::from_micros(row.try_get("allocated")?, currency),
        status: InvoiceStatus::from_word(status).ok_or(StoreError::Unreadable("a status"))?,
        payment_reference: row.try_get("payment_reference")?,
        due_date: row.try_get("due_date")?,
        created_at: row.try_get("created_at")?,
        sent_at: row.try_get("sent_at")?,
        voided_at: row.try_get("voided_at")?,
        void_reason: row.try_get("void_reason")?,
        keep_until: row.try_get("keep_until")?,
        stale_since: row.try_get("stale_since")?,
        candidate_since: row.try_get("candidate_since")?,
    })
}

/// Columns as `load_accounts` lists them.
pub(super) fn account(row: &PgRow) -> Result<Account, StoreError> {
    Ok(Account {
        account_id: AccountId::trusted(row.try_get("account_id")?),
        event_sequence: row.try_get("event_sequence")?,
        book_version: row.try_get("book_version")?,
        balance_currency: row
            .try_get::<Option<&str>, _>("balance_currency")?
            .map(currency)
            .transpose()?,
        closed: row.try_get("closed")?,
        name: row.try_get("account_name")?,
        time_zone: row.try_get::<Option<&str>, _>("time_zone")?.and_then(account::zone),
        levels: levels(row)?.map(Arc::new),
    })
}

/// A currency without an amount has no levels.
fn levels(row: &PgRow) -> Result<Option<Levels>, StoreError> {
    let Some(codes) = row.try_get::<Option<Vec<String>>, _>("level_currencies")? else {
        return Ok(None);
    };
    let amounts: Vec<Option<i64>> = row.try_get("level_amounts")?;
    let mut given = Vec::with_capacity(codes.len());
    for (code, amount) in codes.into_iter().zip(amounts) {
        let currency = currency(&code)?;
        let level = amount.map(|micros| Money::from_micros(micros, currency));
        given.push((currency, level.into_iter().collect()));
    }
    Ok(Some(Levels::new(given)))
}

/// Columns as `lock_payments` lists them.
pub(super) fn payment(row: &PgRow) -> Result<Payment, StoreError> {
    let currency = currency(row.try_get("currency")?)?;
    let state = PaymentState::from_words(row.try_get("state")?, row.try_get("reason")?);
    let origin: &str = row.try_get("origin")?;
    let money = |micros: i64| Money::from_micros(micros, currency);
    Ok(Payment {
        payment_id: PaymentId::trusted(row.try_get("payment_id")?),
        account_id: row.try_get::<Option<&str>, _>("account_id")?.map(AccountId::trusted),
        amount: money(row.try_get("amount")?),
        allocated: money(row.try_get("allocated")?),
        returned: money(row.try_get("returned")?),
        refunded: money(row.try_get("refunded")?),
        split: money(row.try_get("split")?),
        state: state.ok_or(StoreError::Unreadable("a payment state"))?,
        question: question(row.try_get("question")?)?,
        origin: PaymentOrigin::from_word(origin).ok_or(StoreError::Unreadable("an origin"))?,
        received_on: row.try_get("received_on")?,
        method: row.try_get("method")?,
        reference: row.try_get("reference")?,
        remark: row.try_get("remark")?,
        event_sequence: row.try_get("event_sequence")?,
        recorded_at: row.try_get("recorded_at")?,
    })
}

fn question(code: Option<&str>) -> Result<Option<ParkReason>, StoreError> {
    let known = |code| ParkReason::from_code(code).ok_or(StoreError::Unreadable("a question"));
    code.map(known).transpose()
}

/// Which way the money of a bank's record goes.
pub(super) fn credit_debit(row: &PgRow) -> Result<CreditDebit, StoreError> {
    match row.try_get("credit_debit")? {
        "CRDT" => Ok(CreditDebit::Credit),
        "DBIT" => Ok(CreditDebit::Debit),
        _ => Err(StoreError::Unreadable("a direction")),
    }
}

/// Columns as `load_watched` lists them.
pub(super) fn bank_record(row: &PgRow) -> Result<BankRecord, StoreError> {
    let currency = currency(row.try_get("currency")?)?;
    let hash: &[u8] = row.try_get("content_hash")?;
    let disposition: &str = row.try_get("disposition")?;
    let disposition = BankDisposition::ALL.into_iter().find(|known| known.word() == disposition);
    let bank_account: &str = row.try_get("bank_account")?;
    let return_of: Option<sqlx::types::Json<[Option<String>; 3]>> = row.try_get("return_of")?;
    let charges: Option<i64> = row.try_get("charges")?;
    Ok(BankRecord {
        key: BankKey { bank_account: bank_account.to_owned(), key: row.try_get("bank_key")? },
        content_hash: hash.try_into().map_err(|_| StoreError::Corrupt("a bank hash"))?,
        disposition: disposition.ok_or(StoreError::Unreadable("a disposition"))?,
        payment_id: row.try_get::<Option<&str>, _>("payment_id")?.map(PaymentId::trusted),
        transaction: BankTransaction {
            bank_account: BankAccountId::trusted(bank_account),
            bank_transaction_id: row.try_get("bank_transaction_id")?,
            statement_id: row.try_get("statement_id")?,
            entry_reference: row.try_get("entry_reference")?,
            end_to_end_id: row.try_get("end_to_end_id")?,
            credit_debit: credit_debit(row)?,
            status: match row.try_get("status")? {
                "BOOK" => EntryStatus::Booked,
                "PDNG" => EntryStatus::Pending,
                "INFO" => EntryStatus::Information,
                _ => return Err(StoreError::Unreadable("the status of an entry")),
            },
            reversal: row.try_get("reversal")?,
            amount: Money::from_micros(row.try_get("amount")?, currency),
            charges: charges.map(|micros| Money::from_micros(micros, currency)),
            instructed: instructed(row)?,
            detail: detail(row, currency)?,
            booking_date: row.try_get("booking_date")?,
            value_date: row.try_get("value_date")?,
            debtor_name: row.try_get("debtor_name")?,
            debtor_account: row.try_get("debtor_account")?,
            virtual_account: row.try_get("virtual_account")?,
            creditor_reference: row.try_get("creditor_reference")?,
            unstructured: lines::split(row.try_get("unstructured")?),
            return_of: return_of.map(|json| {
                let [bank_transaction_id, end_to_end_id, reason] = json.0;
                ReturnOf { bank_transaction_id, end_to_end_id, reason }
            }),
        },
    })
}

/// None for what only a later version can read: it stays as it is, and hinders nothing here.
pub(super) fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error) if error.is_unreadable() => Ok(None),
        read => read.map(Some),
    }
}

/// What the words of a record are read from that only a later version can read as a whole. All
/// else of it says nothing.
pub(super) fn only_texts(row: &PgRow) -> Result<BankTransaction, StoreError> {
    let currency = currency(row.try_get("currency")?).or_else(|_| currency("SGD"))?;
    let booking_date = row.try_get("booking_date")?;
    Ok(BankTransaction {
        bank_account: BankAccountId::trusted(row.try_get("bank_account")?),
        bank_transaction_id: None,
        statement_id: None,
        entry_reference: None,
        end_to_end_id: row.try_get("end_to_end_id")?,
        credit_debit: CreditDebit::Credit,
        status: EntryStatus::Pending,
        reversal: false,
        amount: Money::zero(currency),
        charges: None,
        instructed: None,
        detail: None,
        booking_date,
        value_date: None,
        debtor_name: None,
        debtor_account: None,
        virtual_account: None,
        creditor_reference: row.try_get("creditor_reference")?,
        unstructured: lines::split(row.try_get("unstructured")?),
        return_of: None,
    })
}

fn instructed(row: &PgRow) -> Result<Option<Money>, StoreError> {
    let Some(code) = row.try_get::<Option<&str>, _>("instructed_currency")? else {
        return Ok(None);
    };
    let amount = row.try_get("instructed_amount")?;
    Ok(Some(Money::from_micros(amount, currency(code)?)))
}

fn detail(row: &PgRow, currency: Currency) -> Result<Option<EntryDetail>, StoreError> {
    let number =
        |number: i32| u32::try_from(number).map_err(|_| StoreError::Corrupt("a number of details"));
    let Some(index) = row.try_get::<Option<i32>, _>("detail_index")? else {
        return Ok(None);
    };
    let amount: Option<i64> = row.try_get("entry_amount")?;
    Ok(Some(EntryDetail {
        index: number(index)?,
        entry_amount: amount.map(|micros| Money::from_micros(micros, currency)),
        entry_details: row.try_get::<Option<i32>, _>("entry_details")?.map(number).transpose()?,
    }))
}

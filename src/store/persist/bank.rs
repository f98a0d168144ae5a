//! Bank transactions and statements.

use chrono::{DateTime, Utc};

use super::micros;
use super::rows::Rows;
use crate::domain::bank::{BankTransaction, CreditDebit, EntryDetail, EntryStatus};
use crate::domain::effect::{BankRecord, Before};
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::pending::payer;
use crate::store::{StoreError, Tx, lines};

/// What cannot be kept in a text column is kept in a form that can be read.
fn keepable(text: &str) -> String {
    text.replace('\0', "\\0")
}

fn optional(text: Option<&String>) -> Option<String> {
    text.map(|text| keepable(text))
}

pub(super) async fn all(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    transactions(tx, before, rows, at).await?;
    supersede(tx, rows).await?;
    without_id(tx, rows).await?;
    told_again(tx, rows).await?;
    also_in(tx, rows, at).await?;
    statements(tx, rows, at).await
}

/// Writes bank records by one of the two statements that have the same columns.
macro_rules! transactions {
    ($tx:ident, $name:literal, $records:ident, $at:expr) => {
        store!($tx, $name, for r in $records {
            bank_account: r.key.bank_account.as_str(),
            bank_key: r.key.key.as_str(),
            content_hash: r.content_hash.as_slice(),
            status: status_word(&r.transaction),
            disposition: r.disposition.word(),
            payment_id: r.payment_id.as_ref().map(|id| id.as_str()),
            credit_debit: direction_word(&r.transaction),
            reversal: r.transaction.reversal,
            currency: r.transaction.amount.code(),
            amount: micros(r.transaction.amount)?,
            charges: r.transaction.charges.map(micros).transpose()?,
            booking_date: r.transaction.booking_date,
            value_date: r.transaction.value_date,
            bank_transaction_id: r.transaction.bank_transaction_id.as_deref(),
            statement_id: optional(r.transaction.statement_id.as_ref()),
            entry_reference: optional(r.transaction.entry_reference.as_ref()),
            end_to_end_id: optional(r.transaction.end_to_end_id.as_ref()),
            debtor_name: optional(r.transaction.debtor_name.as_ref()),
            debtor_account: optional(r.transaction.debtor_account.as_ref()),
            virtual_account: optional(r.transaction.virtual_account.as_ref()),
            creditor_reference: optional(r.transaction.creditor_reference.as_ref()),
            lines: lines::join(&r.transaction.unstructured),
            return_of: return_json(&r.transaction),
            recorded_at => $at,
            instructed_currency: r.transaction.instructed.as_ref().map(|sum| sum.code()),
            instructed_amount: r.transaction.instructed.map(micros).transpose()?,
            detail_index: detail(r).map(|detail| number(detail.index)).transpose()?,
            entry_amount: detail(r).and_then(|d| d.entry_amount).map(micros).transpose()?,
            entry_details: detail(r).and_then(|d| d.entry_details).map(number).transpose()?,
        })
    };
}

/// `PDNG` → `BOOK` upgrades the row that is there; everything else is new. A new one that another
/// lane has written meanwhile is a unique violation, and a duplicate at the next attempt.
async fn transactions(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (known, new): (Vec<&BankRecord>, Vec<&BankRecord>) = rows
        .bank
        .values()
        .copied()
        .partition(|record| before.bank_here().contains_key(&record.key));
    transactions!(tx, "upsert_bank_transactions", known, at);
    transactions!(tx, "insert_bank_transactions", new, at);
    Ok(())
}

/// Marks pending records whose money was booked under another key. One that another batch has
/// marked meanwhile is a race: decided again, this booking may be what another one announced.
async fn supersede(tx: &mut Tx<'_>, rows: &Rows<'_>) -> Result<(), StoreError> {
    let superseded: Vec<_> = rows.superseded.iter().collect();
    let done = store!(tx, "supersede_pending", for (pending, by) in superseded {
        bank_account: pending.bank_account.as_str(),
        bank_key: pending.key.as_str(),
        by_key: by.key.as_str(),
    });
    super::expect_rows(done, superseded.len(), "a pending bank record")
}

/// How payments came that the bank gave no id.
async fn without_id(tx: &mut Tx<'_>, rows: &Rows<'_>) -> Result<(), StoreError> {
    let came = &rows.without_id;
    store!(tx, "insert_without_bank_id", for came in came {
        payment_id: came.record.payment_id.as_ref().map(|id| id.as_str()),
        bank_account: came.record.transaction.bank_account.as_str(),
        booking_date: came.record.transaction.booking_date,
        currency: came.record.transaction.amount.code(),
        amount: micros(came.record.transaction.amount)?,
        source: came.delivery.source.as_str(),
        delivered_at: came.delivery.at,
        looks_like: came.looks_like.as_ref().map(|id| id.as_str()),
        payer: payer(&came.record.transaction),
    });
    Ok(())
}

/// What may be an earlier record, beside the payments without an id.
async fn told_again(tx: &mut Tx<'_>, rows: &Rows<'_>) -> Result<(), StoreError> {
    let again = &rows.told_again;
    store!(tx, "insert_told_again", for (key, earlier) in again {
        bank_account: key.bank_account.as_str(),
        bank_key: key.key.as_str(),
        earlier_key: match earlier {
            Before::Record(key) => Some(key.key.as_str()),
            Before::Payment(_) => None,
        },
        earlier_payment: match earlier {
            Before::Payment(id) => Some(id.as_str()),
            Before::Record(_) => None,
        },
    });
    Ok(())
}

/// The statements beside its own that a booked entry is in.
async fn also_in(tx: &mut Tx<'_>, rows: &Rows<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let named: Vec<_> = rows.also_in.iter().collect();
    store!(tx, "insert_entry_statements", for (key, statement) in named {
        bank_account: key.bank_account.as_str(),
        bank_key: key.key.as_str(),
        statement_id: keepable(statement),
        recorded_at => at,
    });
    Ok(())
}

fn detail(record: &BankRecord) -> Option<&EntryDetail> {
    record.transaction.detail.as_ref()
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

async fn statements(tx: &mut Tx<'_>, rows: &Rows<'_>, at: DateTime<Utc>) -> Result<(), StoreError> {
    for statement in &rows.statements {
        let entries = i32::try_from(statement.entries)
            .map_err(|_| StoreError::Corrupt("a number of entries"))?;
        let query = bound!("upsert_statement", {
            bank_account => statement.bank_account.as_str(),
            statement_id => keepable(&statement.statement_id),
            currency => statement.currency.code(),
            opening_balance => statement.opening_balance.micros().to_string(),
            closing_balance => statement.closing_balance.micros().to_string(),
            entries => entries,
            complete_through => statement.complete_through,
            recorded_at => at,
        });
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

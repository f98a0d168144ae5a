//! What is told beside the bank's records, and statements.

use chrono::{DateTime, Utc};

use super::micros;
use super::money_records::keepable;
use super::rows::Rows;
use crate::domain::effect::Before;
use crate::domain::working_set::pending::payer;
use crate::store::{StoreError, Tx};

pub(super) async fn all(
    tx: &mut Tx<'_>,
    rows: &Rows<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    supersede(tx, rows).await?;
    without_id(tx, rows).await?;
    told_again(tx, rows).await?;
    also_in(tx, rows, at).await?;
    statements(tx, rows, at).await
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

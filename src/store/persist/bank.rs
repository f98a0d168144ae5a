//! Bank transactions and statements.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::micros;
use crate::domain::bank::{BankTransaction, CreditDebit, EntryDetail, EntryStatus};
use crate::domain::effect::{BankKey, BankRecord, Before, Effect};
use crate::domain::ids::PaymentId;
use crate::domain::working_set::WorkingSet;
use crate::domain::working_set::pending::payer;
use crate::store::{StoreError, Tx, lines, sql};

/// What cannot be kept in a text column is kept in a form that can be read.
fn keepable(text: &str) -> String {
    text.replace('\0', "\\0")
}

fn optional(text: Option<&String>) -> Option<String> {
    text.map(|text| keepable(text))
}

/// `PDNG` → `BOOK` upgrades the row that is there; everything else is new. A new one that another
/// lane has written meanwhile is a unique violation, and a duplicate at the next attempt.
pub(super) async fn transactions(
    tx: &mut Tx<'_>,
    before: &WorkingSet,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    // A pending record and its booking may be in one batch: the last of a key is what counts.
    let mut last: BTreeMap<&BankKey, &BankRecord> = BTreeMap::new();
    let mut superseded: BTreeMap<&BankKey, &BankKey> = BTreeMap::new();
    for effect in effects {
        if let Effect::RecordBankTransaction(record) = effect {
            last.insert(&record.key, record.as_ref());
            superseded.remove(&record.key);
        }
        if let Effect::SupersedePending { pending, by } = effect {
            superseded.insert(pending, by);
        }
    }
    let (known, new): (Vec<&BankRecord>, Vec<&BankRecord>) =
        last.into_values().partition(|record| before.bank.contains_key(&record.key));
    write(tx, sql!("upsert_bank_transactions"), &known, at).await?;
    write(tx, sql!("insert_bank_transactions"), &new, at).await?;
    supersede(tx, &superseded).await
}

/// Marks pending records whose money was booked under another key. One that another batch has
/// marked meanwhile is a race: decided again, this booking may be what another one announced.
async fn supersede(
    tx: &mut Tx<'_>,
    superseded: &BTreeMap<&BankKey, &BankKey>,
) -> Result<(), StoreError> {
    if superseded.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(sql!("supersede_pending"))
        .bind(superseded.keys().map(|key| key.bank_account.as_str()).collect::<Vec<_>>())
        .bind(superseded.keys().map(|key| key.key.as_str()).collect::<Vec<_>>())
        .bind(superseded.values().map(|by| by.key.as_str()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    super::expect_rows(done.rows_affected(), superseded.len(), "a pending bank record")
}

/// How payments came that the bank gave no id.
pub(super) async fn without_id(tx: &mut Tx<'_>, effects: &[Effect]) -> Result<(), StoreError> {
    let came = || {
        effects.iter().filter_map(|effect| {
            let Effect::DeliveredWithoutId(came) = effect else { return None };
            Some(came.as_ref())
        })
    };
    if came().next().is_none() {
        return Ok(());
    }
    let bank = || came().map(|came| &came.record.transaction);
    let id = |id: &Option<PaymentId>| id.as_ref().map(|id| id.as_str().to_owned());
    sqlx::query(sql!("insert_without_bank_id"))
        .bind(came().map(|came| id(&came.record.payment_id)).collect::<Vec<_>>())
        .bind(bank().map(|b| b.bank_account.as_str()).collect::<Vec<_>>())
        .bind(bank().map(|b| b.booking_date).collect::<Vec<_>>())
        .bind(bank().map(|b| b.amount.code()).collect::<Vec<_>>())
        .bind(bank().map(|b| micros(b.amount)).collect::<Result<Vec<_>, _>>()?)
        .bind(came().map(|came| came.delivery.source.as_str()).collect::<Vec<_>>())
        .bind(came().map(|came| came.delivery.at).collect::<Vec<_>>())
        .bind(came().map(|came| id(&came.looks_like)).collect::<Vec<_>>())
        .bind(bank().map(payer).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What may be an earlier record, beside the payments without an id.
pub(super) async fn told_again(tx: &mut Tx<'_>, effects: &[Effect]) -> Result<(), StoreError> {
    let again = || {
        effects.iter().filter_map(|effect| {
            let Effect::ToldAgain { key, earlier } = effect else { return None };
            Some((key, earlier))
        })
    };
    if again().next().is_none() {
        return Ok(());
    }
    let record = |earlier: &Before| match earlier {
        Before::Record(key) => Some(key.key.clone()),
        Before::Payment(_) => None,
    };
    let payment = |earlier: &Before| match earlier {
        Before::Payment(id) => Some(id.as_str().to_owned()),
        Before::Record(_) => None,
    };
    sqlx::query(sql!("insert_told_again"))
        .bind(again().map(|(key, _)| key.bank_account.as_str()).collect::<Vec<_>>())
        .bind(again().map(|(key, _)| key.key.as_str()).collect::<Vec<_>>())
        .bind(again().map(|(_, earlier)| record(earlier)).collect::<Vec<_>>())
        .bind(again().map(|(_, earlier)| payment(earlier)).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The statements beside its own that a booked entry is in. Sorted, so that two lanes that tell of
/// the same entries wait for each other in one order.
pub(super) async fn also_in(
    tx: &mut Tx<'_>,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let named: BTreeSet<(&BankKey, &String)> = effects
        .iter()
        .filter_map(|effect| {
            let Effect::AlsoIn { key, statement } = effect else { return None };
            Some((key, statement))
        })
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_entry_statements"))
        .bind(named.iter().map(|(key, _)| key.bank_account.as_str()).collect::<Vec<_>>())
        .bind(named.iter().map(|(key, _)| key.key.as_str()).collect::<Vec<_>>())
        .bind(named.iter().map(|(_, statement)| keepable(statement)).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn write(
    tx: &mut Tx<'_>,
    statement: &'static str,
    records: &[&BankRecord],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let all = || records.iter().copied();
    let bank = || records.iter().map(|record| &record.transaction);
    let amounts = bank().map(|b| micros(b.amount)).collect::<Result<Vec<_>, _>>()?;
    let charges = bank().map(|b| b.charges.map(micros).transpose());
    let charges = charges.collect::<Result<Vec<_>, _>>()?;
    let details = bank().map(|b| Detail::of(b.detail.as_ref()));
    let details = details.collect::<Result<Vec<_>, _>>()?;
    let instructed = bank().map(|b| b.instructed.map(micros).transpose());
    let instructed = instructed.collect::<Result<Vec<_>, _>>()?;
    let lines: Vec<Option<String>> = bank().map(|b| lines::join(&b.unstructured)).collect();
    sqlx::query(statement)
        .bind(all().map(|r| r.key.bank_account.as_str()).collect::<Vec<_>>())
        .bind(all().map(|r| r.key.key.as_str()).collect::<Vec<_>>())
        .bind(all().map(|r| r.content_hash.as_slice()).collect::<Vec<_>>())
        .bind(bank().map(status_word).collect::<Vec<_>>())
        .bind(all().map(|r| r.disposition.word()).collect::<Vec<_>>())
        .bind(all().map(|r| r.payment_id.as_ref().map(|id| id.as_str())).collect::<Vec<_>>())
        .bind(bank().map(direction_word).collect::<Vec<_>>())
        .bind(bank().map(|b| b.reversal).collect::<Vec<_>>())
        .bind(bank().map(|b| b.amount.code()).collect::<Vec<_>>())
        .bind(amounts)
        .bind(charges)
        .bind(bank().map(|b| b.booking_date).collect::<Vec<_>>())
        .bind(bank().map(|b| b.value_date).collect::<Vec<_>>())
        .bind(bank().map(|b| b.bank_transaction_id.as_deref()).collect::<Vec<_>>())
        .bind(bank().map(|b| optional(b.statement_id.as_ref())).collect::<Vec<_>>())
        .bind(bank().map(|b| optional(b.entry_reference.as_ref())).collect::<Vec<_>>())
        .bind(bank().map(|b| optional(b.end_to_end_id.as_ref())).collect::<Vec<_>>())
        .bind(bank().map(|b| optional(b.debtor_name.as_ref())).collect::<Vec<_>>())
        .bind(bank().map(|b| optional(b.debtor_account.as_ref())).collect::<Vec<_>>())
        .bind(bank().map(|b| optional(b.virtual_account.as_ref())).collect::<Vec<_>>())
        .bind(bank().map(|b| optional(b.creditor_reference.as_ref())).collect::<Vec<_>>())
        .bind(lines)
        .bind(bank().map(return_json).collect::<Vec<_>>())
        .bind(at)
        .bind(bank().map(|b| b.instructed.as_ref().map(|sum| sum.code())).collect::<Vec<_>>())
        .bind(instructed)
        .bind(details.iter().map(|detail| detail.index).collect::<Vec<_>>())
        .bind(details.iter().map(|detail| detail.entry_amount).collect::<Vec<_>>())
        .bind(details.iter().map(|detail| detail.entry_details).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The place in an entry as columns.
#[derive(Default)]
struct Detail {
    index: Option<i32>,
    entry_amount: Option<i64>,
    entry_details: Option<i32>,
}

impl Detail {
    fn of(detail: Option<&EntryDetail>) -> Result<Self, StoreError> {
        let Some(detail) = detail else { return Ok(Self::default()) };
        let number = |number: u32| {
            i32::try_from(number).map_err(|_| StoreError::Corrupt("a number of details"))
        };
        Ok(Self {
            index: Some(number(detail.index)?),
            entry_amount: detail.entry_amount.map(micros).transpose()?,
            entry_details: detail.entry_details.map(number).transpose()?,
        })
    }
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

pub(super) async fn statements(
    tx: &mut Tx<'_>,
    effects: &[Effect],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    for effect in effects {
        let Effect::RecordStatement(statement) = effect else {
            continue;
        };
        let entries = i32::try_from(statement.entries)
            .map_err(|_| StoreError::Corrupt("a number of entries"))?;
        sqlx::query(sql!("upsert_statement"))
            .bind(statement.bank_account.as_str())
            .bind(keepable(&statement.statement_id))
            .bind(statement.currency.code())
            .bind(statement.opening_balance.micros().to_string())
            .bind(statement.closing_balance.micros().to_string())
            .bind(entries)
            .bind(statement.complete_through)
            .bind(at)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
